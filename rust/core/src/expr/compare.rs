//! Comparisons, which are exact whatever the types of the two sides.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::bind::Term;
use super::eval::{Outcome, Value, Work, flags};
use super::lane::{Lane, Operand, test};
use super::literal::Literal;
use super::numbers::{self, Integers};
use super::operator::Comparison;
use super::{temporal, text};
use crate::error::{Error, Result};
use crate::types::DataType;

/// A comparison as it is done for the types of its operands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compare {
    op: Comparison,
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Signed,
    Unsigned,
    Single,
    Double,
    /// In 128 bits, each side times a factor, at most one of which is not 1.
    Scaled(i128, i128),
    /// Signed integers with floats.
    SignedFloat,
    /// Unsigned integers with floats.
    UnsignedFloat,
    Bool,
    /// Text; a literal is on the right.
    Text,
}

/// Two operands and how they compare; the flag says that they have been exchanged.
type Plan<'a> = (How, Term<'a>, Term<'a>, bool);

/// Binds a comparison.
pub(super) fn bind<'a>(op: Comparison, left: Term<'a>, right: Term<'a>, whole: Term<'a>) -> Result<Term<'a>> {
    if left.dtype == DataType::Null || right.dtype == DataType::Null {
        return Ok(whole.of([left, right], Work::Nulls(2, DataType::Bool), DataType::Bool));
    }
    let (how, left, right, exchanged) = plan(left, right)?;
    let op = if exchanged { op.mirrored() } else { op };
    Ok(whole.of([left, right], Work::Compare(Compare { op, how }), DataType::Bool))
}

fn plan<'a>(left: Term<'a>, right: Term<'a>) -> Result<Plan<'a>> {
    use DataType::{Bool, Date, Duration, Time, Timestamp};
    Ok(match (&left.dtype, &right.dtype) {
        (Bool, Bool) => (How::Bool, left, right, false),
        (Date, Date) => (How::Signed, left, right, false),
        (a, b) if a.is_text() && b.is_text() => {
            if left.literal().is_some() {
                (How::Text, right, left, true)
            } else {
                (How::Text, left, right, false)
            }
        }
        (a, b) if a.is_number() && b.is_number() => plan_numbers(left, right),
        (Timestamp(_, a), Timestamp(_, b)) if a.is_some() == b.is_some() => plan_ticks(left, right),
        (Duration(_), Duration(_)) | (Time(_), Time(_)) => plan_ticks(left, right),
        (a, b) => match scale(a).zip(scale(b)) {
            Some((a, b)) => (How::Scaled(power(a.max(b) - a), power(a.max(b) - b)), left, right, false),
            None => return Err(mismatch(&left, &right)),
        },
    })
}

fn plan_numbers<'a>(left: Term<'a>, right: Term<'a>) -> Plan<'a> {
    let left = exact(left, &right.dtype);
    let right = exact(right, &left.dtype);
    match (left.dtype.is_float(), right.dtype.is_float()) {
        (false, false) => (of_integers(numbers::integers(&left, &right)), left, right, false),
        (true, true) if numbers::single(&left, &right) => (How::Single, left, right, false),
        (true, true) => (How::Double, left, right, false),
        (false, true) => (with_float(&left), left, right, false),
        (true, false) => (with_float(&right), right, left, true),
    }
}

const fn of_integers(common: Integers) -> How {
    match common {
        Integers::Signed => How::Signed,
        Integers::Unsigned => How::Unsigned,
        Integers::Wide => How::Scaled(1, 1),
    }
}

fn with_float(integer: &Term<'_>) -> How {
    if integer.dtype == DataType::UInt64 { How::UnsignedFloat } else { How::SignedFloat }
}

/// Makes a literal of the other side's kind if that does not change it, which spares the mixed comparison.
fn exact<'a>(term: Term<'a>, other: &DataType) -> Term<'a> {
    let same = match term.literal() {
        Some(&Literal::Int(value)) if other.is_float() => {
            (value as f64 as i128 == value).then(|| Literal::from(value as f64))
        }
        Some(Literal::Float(value)) if other.is_integer() => whole(value.get()).map(Literal::Int),
        _ => None,
    };
    match same {
        Some(literal) => term.with_literal(literal),
        None => term,
    }
}

fn whole(value: f64) -> Option<i128> {
    let fits = (-(2_f64.powi(63))..2_f64.powi(64)).contains(&value) && value.trunc() == value;
    fits.then_some(value as i128)
}

fn plan_ticks<'a>(left: Term<'a>, right: Term<'a>) -> Plan<'a> {
    let (left, right) = temporal::adapt(left, right);
    let per_second = |term: &Term<'_>| temporal::unit(&term.dtype).map_or(1, |unit| i128::from(unit.per_second()));
    let (a, b) = (per_second(&left), per_second(&right));
    let how = if a == b { How::Signed } else { How::Scaled(a.max(b) / a, a.max(b) / b) };
    (how, left, right, false)
}

/// The digits after the point of an exact number.
fn scale(dtype: &DataType) -> Option<i16> {
    match dtype {
        DataType::Decimal(_, scale) => Some(i16::from(*scale)),
        dtype => dtype.is_integer().then_some(0),
    }
}

/// A power of ten, or what is as good as one that does not fit: any value but 0 times it is out of range.
fn power(exponent: i16) -> i128 {
    10_i128.saturating_pow(exponent.unsigned_abs().into())
}

fn mismatch(left: &Term<'_>, right: &Term<'_>) -> Error {
    let (culprit, other) = if left.literal().is_some() { (right, left) } else { (left, right) };
    let (a, b) = (&left.dtype, &right.dtype);
    let either = |of: fn(&DataType) -> bool| of(a) || of(b);
    let is_time = |dtype: &DataType| matches!(dtype, DataType::Timestamp(..) | DataType::Date | DataType::Time(_));
    let advice = if let (DataType::Timestamp(..), DataType::Timestamp(..)) = (a, b) {
        "one of them has a zone and the other has none"
    } else if either(DataType::is_text) && (is_time(a) || is_time(b)) {
        "write the time as a datetime or date, or declare the column with schema= of the reader"
    } else if either(DataType::is_text) {
        "declare the type of the column with schema= of the reader"
    } else if either(|dtype| *dtype == DataType::Date) && (is_time(a) && is_time(b)) {
        "compare a date with a date, or cast(\"timestamp[us]\") it"
    } else if either(|dtype| matches!(dtype, DataType::Decimal(..))) && either(DataType::is_float) {
        "cast(\"float64\") the decimal, or write the number as a Decimal"
    } else {
        "cast one to the type of the other, or compare them in map_batches"
    };
    culprit.misfit(format!("it cannot be compared with {}, which is {}; {advice}", other.text(), other.dtype))
}

impl Compare {
    pub(super) fn run(&self, left: &Value<'_>, right: &Value<'_>, rows: usize) -> Outcome {
        let nulls = NullBuffer::union(left.nulls().as_ref(), right.nulls().as_ref());
        let op = self.op;
        let values = match self.how {
            How::Signed => same::<i64>(op, left, right, rows),
            How::Unsigned => same::<u64>(op, left, right, rows),
            How::Single => same::<f32>(op, left, right, rows),
            How::Double => same::<f64>(op, left, right, rows),
            How::Scaled(a, b) => {
                // Only one side has a factor that is not 1, and no value reaches the bounds by itself: so
                // one that is out of range is still on the right side of the other.
                let order = |x: i128, y: i128| x.saturating_mul(a).cmp(&y.saturating_mul(b));
                test(&Operand::of(left), &Operand::of(right), rows, |x, y| op.holds(Some(order(x, y))))
            }
            How::SignedFloat => mixed(op, left, right, rows, |value: i64| value as f64),
            How::UnsignedFloat => mixed(op, left, right, rows, |value: u64| value as f64),
            How::Bool => bools(op, left, right, rows),
            How::Text => text::compare(op, &left.clone().into_column(rows), right, nulls.as_ref()),
        };
        (Arc::new(BooleanArray::new(values, nulls)), None)
    }
}

fn same<T: Lane + PartialOrd>(op: Comparison, left: &Value<'_>, right: &Value<'_>, rows: usize) -> BooleanBuffer {
    let (left, right) = (Operand::<T>::of(left), Operand::<T>::of(right));
    match op {
        Comparison::Equal => test(&left, &right, rows, |a, b| a == b),
        Comparison::NotEqual => test(&left, &right, rows, |a, b| a != b),
        Comparison::Less => test(&left, &right, rows, |a, b| a < b),
        Comparison::LessEqual => test(&left, &right, rows, |a, b| a <= b),
        Comparison::Greater => test(&left, &right, rows, |a, b| a > b),
        Comparison::GreaterEqual => test(&left, &right, rows, |a, b| a >= b),
    }
}

fn mixed<T: Lane + Into<i128>>(
    op: Comparison,
    left: &Value<'_>,
    right: &Value<'_>,
    rows: usize,
    rounded: impl Fn(T) -> f64,
) -> BooleanBuffer {
    // Rounding is monotonic, so where the rounded integer differs from the float it differs as the exact one
    // does. Where it is equal, the float is whole.
    let order = |integer: T, float: f64| match rounded(integer).partial_cmp(&float) {
        Some(Ordering::Equal) => Some(integer.into().cmp(&(float as i128))),
        other => other,
    };
    test(&Operand::<T>::of(left), &Operand::<f64>::of(right), rows, |a, b| op.holds(order(a, b)))
}

fn bools(op: Comparison, left: &Value<'_>, right: &Value<'_>, rows: usize) -> BooleanBuffer {
    let bits = |value: &Value<'_>| flags(&value.clone().into_column(rows)).0;
    let (a, b) = (bits(left), bits(right));
    match op {
        Comparison::Equal => !&(&a ^ &b),
        Comparison::NotEqual => &a ^ &b,
        Comparison::Less => &!&a & &b,
        Comparison::LessEqual => &!&a | &b,
        Comparison::Greater => &a & &!&b,
        Comparison::GreaterEqual => &a | &!&b,
    }
}
