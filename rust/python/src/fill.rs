//! Columns as arrays with a value in place of null.

use arrow_array::{Array, ArrayRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rillet_core::types::{DataType, Field};

use crate::errors::{type_error, value_error};
use crate::flat::Flat;
use crate::numpy::{self, numpy};
use crate::reason::{Reason, tried};
use crate::value;

/// A column as an array, with `value` in place of null.
pub fn filled<'py>(column: &ArrayRef, field: &Field, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if field.dtype.is_text() && !value.is_instance_of::<PyString>() {
        return Err(unfit(field, value));
    }
    let Some(flat) = Flat::of(column) else { return objects(column, field, value) };
    let filler = filler(flat.dtype(), field, value)?;
    let Some(mask) = flat.mask(value.py())? else { return flat.data(value.py()) };
    let array = flat.data(value.py())?.call_method0(intern!(value.py(), "copy"))?;
    array.set_item(mask, filler)?;
    numpy::frozen(array)
}

/// The value as an array of one, if its type is the column's.
fn filler<'py>(dtype: &str, field: &Field, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let inner = match &field.dtype {
        DataType::FixedList(inner, _) => inner,
        other => other,
    };
    // numpy would cut a float to an integer, and take anything for a bool.
    let fits = match inner {
        DataType::Bool => tried(py, value.extract::<bool>())?.is_some(),
        inner if inner.is_integer() => value.hasattr(intern!(py, "__index__"))?,
        inner if inner.is_float() => tried(py, value.extract::<f64>())?.is_some(),
        _ => true,
    };
    if !fits {
        return Err(unfit(field, value));
    }
    let made = numpy!(py, "full")?.call1((1, value, dtype));
    made.map_err(|error| match (Reason::of(py, error), shown(value)) {
        (Reason::Raised(error), _) | (_, Err(error)) => error,
        (Reason::Wrong(why), Ok(value)) => {
            let message = format!("column {:?} is {} and cannot hold {value}: {why}", field.name, field.dtype);
            value_error(py, &message)
        }
    })
}

/// The values as Python objects, with `value` in place of null.
fn objects<'py>(column: &ArrayRef, field: &Field, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let list = value::list(value.py(), column)?;
    let nulls = column.logical_nulls();
    for row in 0..list.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            list.set_item(row, value)?;
        }
    }
    if field.dtype.is_text() { numpy::strings(&list, false) } else { numpy::objects(&list) }
}

fn unfit(field: &Field, value: &Bound<'_, PyAny>) -> PyErr {
    let message = |value: String| format!("column {:?} is {} and cannot hold {value}", field.name, field.dtype);
    shown(value).map_or_else(|error| error, |shown| type_error(value.py(), &message(shown)))
}

fn shown(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let shown = tried(value.py(), value.repr())?;
    Ok(shown.map_or_else(|| "this value".into(), |text| text.to_string()))
}
