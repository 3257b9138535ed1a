//! Numbers of any type as doubles.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType as Arrow;
use rillet_core::error::Overflow;
use rillet_core::types::Field;
use rillet_core::{Error, Origin, Result};

/// The last integer up to which doubles hold every integer.
const EXACT: i128 = 1 << 53;

/// The column's numbers as doubles, with NaN for null.
///
/// # Errors
/// If it holds none, or an integer beyond 2**53.
pub fn of(column: &ArrayRef, field: &Field, origin: &Origin) -> Result<ScalarBuffer<f64>> {
    macro_rules! exact {
        ($kind:ty) => {
            column.as_primitive::<$kind>().iter().map(|x| x.map_or(f64::NAN, |x| x as f64)).collect()
        };
    }
    Ok(match column.data_type() {
        Arrow::Boolean => column.as_boolean().iter().map(|x| x.map_or(f64::NAN, |x| u8::from(x).into())).collect(),
        Arrow::Int8 => exact!(Int8Type),
        Arrow::Int16 => exact!(Int16Type),
        Arrow::Int32 => exact!(Int32Type),
        Arrow::UInt8 => exact!(UInt8Type),
        Arrow::UInt16 => exact!(UInt16Type),
        Arrow::UInt32 => exact!(UInt32Type),
        Arrow::Float32 => exact!(Float32Type),
        Arrow::Float64 if column.null_count() == 0 => column.as_primitive::<Float64Type>().values().clone(),
        Arrow::Float64 => exact!(Float64Type),
        Arrow::Int64 => checked(column.as_primitive::<Int64Type>().iter(), field, origin)?,
        Arrow::UInt64 => checked(column.as_primitive::<UInt64Type>().iter(), field, origin)?,
        Arrow::Decimal128(..) => decimals(column),
        _ => return Err(Error::schema(&*field.name, &field.dtype, "it holds no numbers")),
    })
}

fn checked<T: Into<i128> + Copy>(
    values: impl Iterator<Item = Option<T>>,
    field: &Field,
    origin: &Origin,
) -> Result<ScalarBuffer<f64>> {
    let float = |(row, value): (usize, Option<T>)| match value.map(Into::into) {
        None => Ok(f64::NAN),
        Some(value) if value.abs() <= EXACT => Ok(value as f64),
        Some(value) => Err(Error::Overflow(Box::new(Overflow {
            place: origin.place(row),
            column: Some(field.name.to_string()),
            value: Some(value.to_string()),
            what: format!("{value} in column {:?}", field.name),
            reason: "beyond 2**53 a float64 does not hold every integer".into(),
        }))),
    };
    values.enumerate().map(float).collect::<Result<Vec<_>>>().map(Into::into)
}

fn decimals(column: &ArrayRef) -> ScalarBuffer<f64> {
    let decimals = column.as_primitive::<Decimal128Type>();
    // By way of the text, so that the result is the double nearest to the decimal.
    let float = |row| if decimals.is_null(row) { Ok(f64::NAN) } else { decimals.value_as_string(row).parse() };
    (0..decimals.len()).map(|row| float(row).unwrap_or(f64::NAN)).collect()
}
