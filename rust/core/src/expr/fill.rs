//! `fill_null`: a value in the place of the nulls.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_buffer::NullBuffer;

use super::bind::Term;
use super::cast::bounds;
use super::eval::{Work, flags};
use super::lane::{Lane, primitive};
use super::literal::{Literal, bits};
use super::temporal;
use crate::column::{Texts, from_i64};
use crate::error::Result;
use crate::types::DataType;

/// Binds `fill_null`. The type stays, so the value has to fit it.
pub(super) fn bind<'a>(operand: Term<'a>, value: &Literal, whole: Term<'a>) -> Result<Term<'a>> {
    value.check()?;
    let dtype = match &operand.dtype {
        DataType::Null => value.dtype(),
        // A value beyond the categories that were declared would not be one of them.
        DataType::Categorical(_) => DataType::Text,
        known => known.clone(),
    };
    if *value == Literal::Null {
        let same = operand.dtype.clone();
        return Ok(whole.of_same(operand, &same));
    }
    match fitting(value, &dtype) {
        Some(value) => Ok(whole.of([operand], Work::Fill(value), dtype)),
        None => Err(operand.misfit(format!(
            "fill_null({value}) does not fit it; give a value of its type, or cast the column first"
        ))),
    }
}

/// The literal in the type of the column, if it is exact there (but for floats, which are rounded).
fn fitting(value: &Literal, dtype: &DataType) -> Option<Literal> {
    let fits = match (value, dtype) {
        (Literal::Int(value), DataType::UInt64) => *value >= 0,
        (Literal::Int(value), dtype) if dtype.is_integer() => {
            (bounds(dtype).0.into()..=bounds(dtype).1.into()).contains(value)
        }
        (Literal::Int(_) | Literal::Float(_), dtype) if dtype.is_float() => true,
        (Literal::Bool(_), DataType::Bool) | (Literal::Date(_), DataType::Date) => true,
        (Literal::Text(_), dtype) => dtype.is_text(),
        (Literal::Timestamp { zone, .. }, DataType::Timestamp(unit, other))
            if zone.is_some() == other.is_some() =>
        {
            return temporal::exact(value, *unit);
        }
        (Literal::Time { .. }, DataType::Time(unit)) | (Literal::Duration { .. }, DataType::Duration(unit)) => {
            return temporal::exact(value, *unit);
        }
        (_, DataType::Decimal(precision, scale)) => return decimal(value, *precision, *scale),
        _ => false,
    };
    fits.then(|| value.clone())
}

fn decimal(value: &Literal, precision: u8, scale: i8) -> Option<Literal> {
    let (digits, from) = match value {
        Literal::Int(value) => (*value, 0),
        Literal::Decimal { digits, scale } => (*digits, *scale),
        _ => return None,
    };
    let digits = super::decimal::shifted(digits, i16::from(scale) - i16::from(from));
    let digits = Some(digits).filter(|(digits, bad)| !bad && !super::decimal::too_long(*digits, precision))?.0;
    Some(Literal::Decimal { digits, scale })
}

/// The column with `value` for its nulls.
pub(super) fn fill(array: &ArrayRef, value: &Literal) -> ArrayRef {
    let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Arc::clone(array);
    };
    if nulls.null_count() == array.len() && *array.data_type() == arrow_schema::DataType::Null {
        return value.column(array.len());
    }
    match (value, DataType::from_arrow(array.data_type())) {
        (Literal::Text(text), _) => fill_text(array, text, &nulls),
        (Literal::Bool(value), _) => {
            let known = &flags(array).0 & nulls.inner();
            let filled = &bits(*value, array.len()) & &!nulls.inner();
            Arc::new(BooleanArray::new(&known | &filled, None))
        }
        (value, Some(dtype @ DataType::Float32)) => primitive(&dtype, filled::<f32>(array, value, &nulls), None),
        (value, Some(dtype @ DataType::Float64)) => primitive(&dtype, filled::<f64>(array, value, &nulls), None),
        (value, Some(dtype @ DataType::Decimal(..))) => {
            primitive(&dtype, filled::<i128>(array, value, &nulls), None)
        }
        (value, _) => from_i64(array.data_type(), filled::<i64>(array, value, &nulls).into_iter(), None),
    }
}

fn filled<T: Lane>(array: &ArrayRef, value: &Literal, nulls: &NullBuffer) -> Vec<T> {
    let (values, value) = (T::column(array), T::literal(value));
    values.iter().zip(nulls).map(|(&known, valid)| if valid { known } else { value }).collect()
}

fn fill_text(array: &ArrayRef, value: &str, nulls: &NullBuffer) -> ArrayRef {
    let texts = Texts::of(array);
    let text = |row| if nulls.is_valid(row) { texts.get(row) } else { value };
    Arc::new(StringArray::from_iter_values((0..array.len()).map(text)))
}
