//! Lanes: the values of an operand as one plain machine type, and loops over one or two of them.
//!
//! A literal stays a scalar, so that `x > 5` reads one column and not two. The loops have neither branches on
//! validity nor on the operator inside, so that they compile to vector code; validity is combined beside them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType as Arrow;

use super::eval::{Flaw, Value, Wrong};
use super::literal::Literal;
use crate::column::{as_f64, as_i64};
use crate::types::DataType;

/// A machine type in which columns are computed.
pub(super) trait Lane: ArrowNativeType {
    /// The values of a column whose type binding found to fit.
    fn column(array: &dyn Array) -> ScalarBuffer<Self>;
    /// The value of a literal which binding found to fit.
    fn literal(literal: &Literal) -> Self;
}

/// For all integers but uint64, and everything counted in ticks.
impl Lane for i64 {
    fn column(array: &dyn Array) -> ScalarBuffer<Self> {
        as_i64(array).expect("bound to integers or ticks")
    }

    fn literal(literal: &Literal) -> Self {
        literal.whole().unwrap_or_default() as Self
    }
}

/// For integers without a sign.
impl Lane for u64 {
    fn column(array: &dyn Array) -> ScalarBuffer<Self> {
        // The narrower ones become non-negative int64, which have the same bits.
        ScalarBuffer::from(i64::column(array).into_inner())
    }

    fn literal(literal: &Literal) -> Self {
        literal.whole().unwrap_or_default() as Self
    }
}

/// For what needs more than 64 bits: decimals, and uint64 together with signed integers.
impl Lane for i128 {
    fn column(array: &dyn Array) -> ScalarBuffer<Self> {
        match array.data_type() {
            Arrow::Decimal128(..) => array.as_primitive::<Decimal128Type>().values().clone(),
            Arrow::UInt64 => array.as_primitive::<UInt64Type>().values().iter().map(|&v| Self::from(v)).collect(),
            _ => i64::column(array).iter().map(|&v| Self::from(v)).collect(),
        }
    }

    fn literal(literal: &Literal) -> Self {
        literal.whole().unwrap_or_default()
    }
}

impl Lane for f32 {
    fn column(array: &dyn Array) -> ScalarBuffer<Self> {
        array.as_primitive::<Float32Type>().values().clone()
    }

    fn literal(literal: &Literal) -> Self {
        match literal {
            Literal::Float(value) => value.get() as Self,
            other => other.whole().unwrap_or_default() as Self,
        }
    }
}

/// For all numbers but decimals.
impl Lane for f64 {
    fn column(array: &dyn Array) -> ScalarBuffer<Self> {
        as_f64(array).expect("bound to numbers")
    }

    fn literal(literal: &Literal) -> Self {
        match literal {
            Literal::Float(value) => value.get(),
            other => other.whole().unwrap_or_default() as Self,
        }
    }
}

/// The values of an operand.
pub(super) enum Operand<T: ArrowNativeType> {
    /// One for each row.
    Column(ScalarBuffer<T>),
    /// The same for every row.
    Scalar(T),
}

impl<T: Lane> Operand<T> {
    pub(super) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Column(array) => Self::Column(T::column(array)),
            Value::Literal(literal) => Self::Scalar(T::literal(literal)),
        }
    }

    pub(super) fn get(&self, row: usize) -> T {
        match self {
            Self::Column(values) => values[row],
            Self::Scalar(value) => *value,
        }
    }
}

/// Computes a value from the two of each row.
pub(super) fn zip<A: Lane, B: Lane, R: Clone>(
    left: &Operand<A>,
    right: &Operand<B>,
    rows: usize,
    mut f: impl FnMut(A, B) -> R,
) -> Vec<R> {
    use Operand::{Column, Scalar};
    match (left, right) {
        (Column(a), Column(b)) => a.iter().zip(b.iter()).map(|(&a, &b)| f(a, b)).collect(),
        (Column(a), &Scalar(b)) => a.iter().map(|&a| f(a, b)).collect(),
        (&Scalar(a), Column(b)) => b.iter().map(|&b| f(a, b)).collect(),
        (&Scalar(a), &Scalar(b)) => vec![f(a, b); rows],
    }
}

/// Tests the two values of each row.
pub(super) fn test<A: Lane, B: Lane>(
    left: &Operand<A>,
    right: &Operand<B>,
    rows: usize,
    f: impl Fn(A, B) -> bool,
) -> BooleanBuffer {
    use Operand::{Column, Scalar};
    match (left, right) {
        (Column(a), Column(b)) => pack(rows, |at, out| {
            let (a, b) = (&a[at..at + out.len()], &b[at..at + out.len()]);
            out.iter_mut().zip(a).zip(b).for_each(|((out, &a), &b)| *out = u8::from(f(a, b)));
        }),
        (Column(a), &Scalar(b)) => pack(rows, |at, out| {
            let a = &a[at..at + out.len()];
            out.iter_mut().zip(a).for_each(|(out, &a)| *out = u8::from(f(a, b)));
        }),
        (&Scalar(a), Column(b)) => pack(rows, |at, out| {
            let b = &b[at..at + out.len()];
            out.iter_mut().zip(b).for_each(|(out, &b)| *out = u8::from(f(a, b)));
        }),
        (&Scalar(a), &Scalar(b)) => super::literal::bits(f(a, b), rows),
    }
}

/// Bits from bytes of 0 or 1, which `fill` writes for the rows from a place on.
///
/// Comparing into bytes first lets the comparison compile to vector code; a loop that sets bits does not.
fn pack(rows: usize, fill: impl Fn(usize, &mut [u8])) -> BooleanBuffer {
    let mut words = Vec::with_capacity(rows.div_ceil(64));
    for at in (0..rows).step_by(64) {
        let mut bytes = [0; 64];
        fill(at, &mut bytes[..(rows - at).min(64)]);
        words.push(word(&bytes));
    }
    BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
}

/// The bits of 64 bytes of 0 or 1.
fn word(bytes: &[u8; 64]) -> u64 {
    let (eights, _) = bytes.as_chunks::<8>();
    let packed = eights.iter().enumerate().fold(0, |word, (i, eight)| {
        // The product has the sum of all bytes times powers of two that puts byte k at bit 56 + k; no two
        // terms fall on one bit, so nothing carries.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word | bits << (8 * i)
    });
    packed.to_le()
}

/// A computation that can fail for some values: what it gives, and whether it failed.
pub(super) type Checked<R> = (R, bool);

/// What [`map`] gives: the values, their validity, and the first failure.
pub(super) type Mapped<R> = (Vec<R>, Option<NullBuffer>, Option<Flaw>);

/// Computes a value from each, and finds the first row where that fails.
pub(super) fn map<A: Lane, R>(
    array: &dyn Array,
    f: impl Fn(A) -> Checked<R>,
    wrong: impl Fn(A) -> Wrong,
) -> Mapped<R> {
    let (values, nulls) = (A::column(array), array.logical_nulls());
    let mut any = false;
    let results = values.iter().map(|&value| {
        let (result, failed) = f(value);
        any |= failed;
        result
    });
    let results = results.collect();
    let flaw = any.then(|| first(values.len(), nulls.as_ref(), |row| f(values[row]).1, |row| wrong(values[row])));
    (results, nulls, flaw.flatten())
}

/// Computes a value from the two of each row, and finds the first row where that fails.
pub(super) fn zip_checked<T: Lane, R: Clone>(
    (left, right): (&Operand<T>, &Operand<T>),
    rows: usize,
    nulls: Option<&NullBuffer>,
    f: impl Fn(T, T) -> Checked<R>,
    wrong: impl Fn(T, T) -> Wrong,
) -> (Vec<R>, Option<Flaw>) {
    let mut any = false;
    let results = zip(left, right, rows, |a, b| {
        let (result, failed) = f(a, b);
        any |= failed;
        result
    });
    let failed = |row| f(left.get(row), right.get(row)).1;
    let flaw = any.then(|| first(rows, nulls, failed, |row| wrong(left.get(row), right.get(row))));
    (results, flaw.flatten())
}

/// The first row that is not null and fails. The value under a null may be anything, so it may fail in vain.
fn first(
    rows: usize,
    nulls: Option<&NullBuffer>,
    failed: impl Fn(usize) -> bool,
    wrong: impl Fn(usize) -> Wrong,
) -> Option<Flaw> {
    let row = (0..rows).find(|&row| nulls.is_none_or(|nulls| nulls.is_valid(row)) && failed(row))?;
    let (value, what) = wrong(row);
    Some(Flaw { row, reason: format!("{value} {what}"), value })
}

/// A column of `dtype` that has these machine values, without a copy.
pub(super) fn primitive<T: ArrowNativeType>(
    dtype: &DataType,
    values: Vec<T>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let data =
        ArrayData::builder(dtype.to_arrow()).len(values.len()).nulls(nulls).add_buffer(Buffer::from_vec(values));
    make_array(data.build().expect("the values have the width of the type"))
}
