//! Casts to and from decimals.

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as Arrow;

use super::cast::bounds;
use super::eval::{Outcome, Wrong};
use super::lane::{Checked, map, primitive};
use crate::column::from_i64;
use crate::types::DataType;

/// Casts a decimal to any number, or any number to a decimal.
pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Outcome {
    match (array.data_type(), to) {
        (Arrow::Decimal128(_, scale), DataType::Float32) => to_float(array, *scale, to, |value| value as f32),
        (Arrow::Decimal128(_, scale), DataType::Float64) => to_float(array, *scale, to, |value| value),
        (Arrow::Decimal128(_, scale), DataType::Decimal(precision, new)) => {
            rescale(array, *scale, *precision, *new)
        }
        (Arrow::Decimal128(_, scale), to) => to_integer(array, *scale, to),
        (from, DataType::Decimal(precision, scale)) if from.is_floating() => from_float(array, *precision, *scale),
        (_, DataType::Decimal(precision, scale)) => rescale(array, 0, *precision, *scale),
        (from, to) => unreachable!("{from} to {to} is not a cast of decimals"),
    }
}

fn to_float<T: arrow_buffer::ArrowNativeType>(
    array: &ArrayRef,
    scale: i8,
    to: &DataType,
    f: fn(f64) -> T,
) -> Outcome {
    let (values, nulls, flaw) = map(array, |digits: i128| (f(float(digits, scale)), false), |_| Wrong::default());
    (primitive(to, values, nulls), flaw)
}

/// The float nearest to a decimal.
fn float(digits: i128, scale: i8) -> f64 {
    if digits.unsigned_abs() <= 1 << 53 && (0..=22).contains(&scale) {
        // Both are exact, so the one division rounds correctly.
        return digits as f64 / 10_f64.powi(i32::from(scale));
    }
    format!("{digits}e{}", -i16::from(scale)).parse().unwrap_or(f64::NAN)
}

fn to_integer(array: &ArrayRef, scale: i8, to: &DataType) -> Outcome {
    let (low, high) = match to {
        DataType::UInt64 => (0, i128::from(u64::MAX)),
        to => (bounds(to).0.into(), bounds(to).1.into()),
    };
    let convert = |digits: i128| {
        let (value, inexact) = shifted(digits, -i16::from(scale));
        (value as i64, inexact || value < low || value > high)
    };
    let (values, nulls, flaw) = map(array, convert, |digits| inexact(digits, scale, to));
    (from_i64(&to.to_arrow(), values.into_iter(), nulls), flaw)
}

fn rescale(array: &ArrayRef, from: i8, precision: u8, to: i8) -> Outcome {
    let dtype = DataType::Decimal(precision, to);
    let shift = i16::from(to) - i16::from(from);
    let convert = |digits: i128| {
        let (value, inexact) = shifted(digits, shift);
        (value, inexact || too_long(value, precision))
    };
    let (values, nulls, flaw) = map(array, convert, |digits| inexact(digits, from, &dtype));
    (primitive(&dtype, values, nulls), flaw)
}

fn inexact(digits: i128, scale: i8, to: &DataType) -> Wrong {
    (format!("{digits}e{}", -i16::from(scale)), format!("does not fit {to} exactly"))
}

/// A number times a power of ten, and whether that is not a whole number or does not fit.
pub(super) fn shifted(digits: i128, exponent: i16) -> Checked<i128> {
    let power = 10_i128.saturating_pow(exponent.unsigned_abs().into());
    if exponent < 0 {
        return (digits / power, digits % power != 0);
    }
    digits.overflowing_mul(power)
}

pub(super) fn too_long(digits: i128, precision: u8) -> bool {
    digits.unsigned_abs() >= 10_u128.saturating_pow(precision.into())
}

/// The decimal nearest to each float; of two, the even one.
fn from_float(array: &ArrayRef, precision: u8, scale: i8) -> Outcome {
    let dtype = DataType::Decimal(precision, scale);
    let convert = |value: f64| match nearest(value, scale).filter(|&digits| !too_long(digits, precision)) {
        Some(digits) => (digits, false),
        None => (0, true),
    };
    let (values, nulls, flaw) =
        map(array, convert, |value| (format!("{value:?}"), format!("does not fit {dtype}")));
    (primitive(&dtype, values, nulls), flaw)
}

fn nearest(value: f64, scale: i8) -> Option<i128> {
    // Formatting rounds the exact value of the float; multiplying it first would round twice.
    let digits = usize::try_from(scale).ok()?;
    format!("{value:.digits$}").replace('.', "").parse().ok()
}
