//! Casts between types, checked row by row: a value that does not fit is a fault, never another value.

use std::fmt::Display;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType as Arrow;

use super::bind::Term;
use super::decimal;
use super::eval::{Outcome, Work, Wrong, flags};
use super::lane::{Lane, map, primitive};
use crate::column::{as_i64, from_i64};
use crate::error::Result;
use crate::show;
use crate::types::DataType;

/// A cast as it is done for its two types.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    how: How,
    to: DataType,
}

#[derive(Clone, Copy, Debug)]
enum How {
    /// Bools to numbers.
    Flags,
    /// Integers and ticks to each other, value by value.
    Whole,
    /// Ticks times one factor, divided by the other and rounded down.
    Scale(i64, i64),
    /// Numbers to floats.
    Float,
    /// Floats to integers.
    Integral,
    /// To or from a decimal.
    Decimal,
    /// Integers and bools to text, in decimal digits and as `true` and `false`.
    Text,
}

/// Binds a cast.
pub(super) fn bind<'a>(operand: Term<'a>, to: &DataType, whole: Term<'a>) -> Result<Term<'a>> {
    match (&operand.dtype, to) {
        (DataType::Null, _) => Ok(whole.of([operand], Work::Nulls(1, to.clone()), to.clone())),
        // Text has one type whatever its representation, so it only takes another name here.
        (from, to) if from == to || (from.is_text() && *to == DataType::Text) => Ok(whole.of_same(operand, to)),
        (from, to) => match plan(from, to) {
            Some(how) => Ok(whole.of([operand], Work::Cast(Cast { how, to: to.clone() }), to.clone())),
            None => Err(operand.misfit(format!("it cannot be cast to {to}; {}", advice(from, to)))),
        },
    }
}

/// Binds a cast that the user did not write.
pub(super) fn in_place<'a>(term: Term<'a>, to: &DataType) -> Result<Term<'a>> {
    let whole = term.bare();
    bind(term, to, whole)
}

fn plan(from: &DataType, to: &DataType) -> Option<How> {
    use DataType::{Bool, Date, Decimal, Duration, Time, Timestamp};
    Some(match (from, to) {
        (Bool, to) if to.is_number() => How::Flags,
        (from, DataType::Text) if from.is_integer() || *from == Bool => How::Text,
        (Timestamp(_, a), Timestamp(_, b)) if !same_clock(a.as_deref(), b.as_deref()) => return None,
        (Timestamp(a, _), Timestamp(b, _)) | (Duration(a), Duration(b)) | (Time(a), Time(b)) => {
            scale(a.per_second(), b.per_second())
        }
        (Date, Timestamp(unit, None)) => How::Scale(86_400 * unit.per_second(), 1),
        (Timestamp(unit, None), Date) => How::Scale(1, 86_400 * unit.per_second()),
        (Decimal(..), to) if to.is_number() => How::Decimal,
        (from, Decimal(_, scale)) if from.is_float() && *scale < 0 => return None,
        (from, Decimal(..)) if from.is_number() || matches!(from, Decimal(..)) => How::Decimal,
        (from, to) if from.is_integer() && (to.is_integer() || is_ticks(to)) => How::Whole,
        (from, to) if is_ticks(from) && to.is_integer() => How::Whole,
        (from, to) if from.is_number() && to.is_float() => How::Float,
        (from, to) if from.is_float() && to.is_integer() => How::Integral,
        _ => return None,
    })
}

fn scale(from: i64, to: i64) -> How {
    How::Scale((to / from).max(1), (from / to).max(1))
}

fn is_ticks(dtype: &DataType) -> bool {
    matches!(dtype, DataType::Date | DataType::Time(_) | DataType::Timestamp(..) | DataType::Duration(_))
}

/// Whether the ticks of one timestamp mean the same in the other: among zones, and between UTC and none.
fn same_clock(a: Option<&str>, b: Option<&str>) -> bool {
    let is_utc = |zone: Option<&str>| zone.is_none_or(|zone| zone == "UTC");
    a.is_some() == b.is_some() || (is_utc(a) && is_utc(b))
}

fn advice(from: &DataType, to: &DataType) -> &'static str {
    match (from, to) {
        (from, _) if from.is_text() => {
            "declare its type with schema= of the reader, which says where a text is bad"
        }
        (DataType::Timestamp(..), DataType::Timestamp(..)) => {
            "a wall time names no instant without the rules of its zone"
        }
        (from, to) if from.is_float() && is_ticks(to) => "floats are not exact times; cast(\"int64\") ticks first",
        (from, to) if is_ticks(from) && to.is_float() => "cast(\"int64\") it first, which gives its ticks",
        (_, DataType::Bool) => "compare it with something, as in … != 0",
        _ => "convert it in map_batches",
    }
}

fn written(array: &ArrayRef) -> ArrayRef {
    let nulls = array.logical_nulls();
    let text = |row: usize| match array.data_type() {
        Arrow::Boolean => array.as_boolean().value(row).to_string(),
        Arrow::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        _ => as_i64(&array.slice(row, 1)).map_or_else(String::new, |value| value[0].to_string()),
    };
    let valid = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
    Arc::new((0..array.len()).map(|row| Some(row).filter(valid).map(text)).collect::<StringArray>())
}

impl Cast {
    pub(super) fn run(&self, array: &ArrayRef) -> Outcome {
        match self.how {
            How::Flags => (self.flags(array), None),
            How::Whole if *array.data_type() == Arrow::UInt64 => self.unsigned(array),
            How::Whole => self.scaled(array, 1, 1),
            How::Scale(multiply, divide) => self.scaled(array, multiply, divide),
            How::Float if self.to == DataType::Float32 => self.single(array),
            How::Float => (primitive(&self.to, f64::column(array).to_vec(), array.logical_nulls()), None),
            How::Integral => self.integral(array),
            How::Decimal => decimal::cast(array, &self.to),
            How::Text => (written(array), None),
        }
    }

    fn flags(&self, array: &ArrayRef) -> ArrayRef {
        let (values, nulls) = flags(array);
        let ones = (0..values.len()).map(|row| i64::from(values.value(row)));
        match &self.to {
            DataType::Float32 => primitive(&self.to, ones.map(|one| one as f32).collect(), nulls),
            DataType::Float64 => primitive(&self.to, ones.map(|one| one as f64).collect(), nulls),
            to => from_i64(&to.to_arrow(), ones, nulls),
        }
    }

    fn scaled(&self, array: &ArrayRef, multiply: i64, divide: i64) -> Outcome {
        let (low, high) = bounds(&self.to);
        let convert = |value: i64| {
            let (product, overflow) = value.overflowing_mul(multiply);
            // The divisor is a constant of the loop: a test that is always the same costs nothing.
            let value = if divide == 1 { product } else { product.div_euclid(divide) };
            (value, overflow || value < low || value > high)
        };
        let from = DataType::from_arrow(array.data_type()).unwrap_or(DataType::Int64);
        self.narrowed(map(array, convert, |value| self.does_not_fit(show::time(value, &from))))
    }

    fn unsigned(&self, array: &ArrayRef) -> Outcome {
        let high = bounds(&self.to).1 as u64;
        self.narrowed(map(array, |value: u64| (value as i64, value > high), |value| self.does_not_fit(value)))
    }

    fn integral(&self, array: &ArrayRef) -> Outcome {
        let (low, end) = match self.to {
            DataType::UInt64 => (0.0, 2_f64.powi(64)),
            // Both are powers of two or 0, and so exact.
            _ => (bounds(&self.to).0 as f64, (i128::from(bounds(&self.to).1) + 1) as f64),
        };
        let is_unsigned = self.to == DataType::UInt64;
        let convert = |value: f64| {
            let whole = if is_unsigned { value as u64 as i64 } else { value as i64 };
            (whole, !(value >= low && value < end && value.trunc() == value))
        };
        let wrong = |value: f64| match value >= low && value < end {
            true => (format!("{value:?}"), "is not a whole number".into()),
            false => self.does_not_fit(format!("{value:?}")),
        };
        self.narrowed(map(array, convert, wrong))
    }

    fn single(&self, array: &ArrayRef) -> Outcome {
        let (values, nulls, flaw) = match array.data_type() {
            Arrow::Float64 => {
                let convert = |value: f64| (value as f32, value.is_finite() && (value as f32).is_infinite());
                map(array, convert, |value| self.does_not_fit(format!("{value:?}")))
            }
            // From the integers themselves, so that they are rounded once.
            Arrow::UInt64 => map(array, |value: u64| (value as f32, false), |_| Wrong::default()),
            _ => map(array, |value: i64| (value as f32, false), |_| Wrong::default()),
        };
        (primitive(&self.to, values, nulls), flaw)
    }

    fn narrowed(&self, (values, nulls, flaw): super::lane::Mapped<i64>) -> Outcome {
        (from_i64(&self.to.to_arrow(), values.into_iter(), nulls), flaw)
    }

    fn does_not_fit(&self, value: impl Display) -> Wrong {
        (value.to_string(), format!("does not fit {}", self.to))
    }
}

/// The least and the greatest value of an integer or time type, as far as they fit int64.
pub(super) fn bounds(dtype: &DataType) -> (i64, i64) {
    match dtype {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 | DataType::Date => (i32::MIN.into(), i32::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, i64::MAX),
        DataType::Time(unit) => (0, 86_400 * unit.per_second() - 1),
        _ => (i64::MIN, i64::MAX),
    }
}
