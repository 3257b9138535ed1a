//! The one door into the core, and the one map from its errors to Python's exceptions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rillet_core::error::{AheadRow, BadRow, LateRow, Place};
use rillet_core::{DataType, Error, Result};

/// Runs `work` detached from the interpreter and raises its error in Python. A panic, which would be a
/// bug, becomes an `InternalError`.
///
/// Locks are taken inside only: nobody waits for one, or holds one, while attached.
pub fn enter<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let caught = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    caught.unwrap_or_else(|panic| Err(Error::Internal(message(&*panic)))).map_err(|error| to_py(py, &error))
}

/// Runs `work` that takes less time than to detach and to attach again. It must not wait, nor run Python code.
pub fn briefly<T>(py: Python<'_>, work: impl FnOnce() -> Result<T>) -> PyResult<T> {
    let caught = catch_unwind(AssertUnwindSafe(work));
    caught.unwrap_or_else(|panic| Err(Error::Internal(message(&*panic)))).map_err(|error| to_py(py, &error))
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

/// The exception for an error of the core, with its data as attributes.
pub fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    raise(py, error).unwrap_or_else(|failed| failed)
}

/// An exception of this class of `rillet._errors`, made of a message and attributes.
pub fn exception(py: Python<'_>, class: &str, message: &str, attributes: &Bound<'_, PyDict>) -> PyResult<PyErr> {
    let class = py.import("rillet._errors")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((message,), Some(attributes))?))
}

/// A `TypeError` of rillet.
pub fn type_error(py: Python<'_>, message: &str) -> PyErr {
    exception(py, "ArgumentTypeError", message, &PyDict::new(py)).unwrap_or_else(|failed| failed)
}

/// A `ValueError` of rillet.
pub fn value_error(py: Python<'_>, message: &str) -> PyErr {
    exception(py, "ArgumentError", message, &PyDict::new(py)).unwrap_or_else(|failed| failed)
}

/// The error with a word on where it happened before its message, if it is one of rillet.
pub fn within(py: Python<'_>, error: PyErr, place: &str) -> PyErr {
    let named = || -> PyResult<()> {
        let value = error.value(py);
        if value.is_instance(&py.import("rillet._errors")?.getattr("Error")?)? {
            value.setattr("args", (format!("{place}: {value}"),))?;
        }
        Ok(())
    };
    named().err().unwrap_or(error)
}

fn raise(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let data = PyDict::new(py);
    let class = match error {
        Error::Argument(_) => "ArgumentError",
        Error::ColumnNotFound { column, known } => {
            data.set_item("column", column)?;
            data.set_item("known", known)?;
            "ColumnNotFoundError"
        }
        Error::Schema { column, dtype, .. } => {
            data.set_item("column", column)?;
            data.set_item("dtype", dtype)?;
            "SchemaError"
        }
        Error::BadRow(bad) => bad_row(&data, bad)?,
        Error::LateRow(late) => late_row(py, &data, late)?,
        Error::AheadRow(ahead) => ahead_row(py, &data, ahead)?,
        Error::Overflow(overflow) => {
            set_place(&data, &overflow.place)?;
            data.set_item("column", &overflow.column)?;
            data.set_item("value", &overflow.value)?;
            data.set_item("reason", &overflow.reason)?;
            "ResultOverflowError"
        }
        Error::Limit { argument, limit, place, .. } => {
            set_place(&data, place)?;
            data.set_item("argument", argument)?;
            data.set_item("limit", limit)?;
            match *argument {
                "max_state_bytes" => "StateLimitError",
                "max_kept" => "KeptRowsError",
                _ => "LimitError",
            }
        }
        Error::Io { errno, message, path } => return io_error(py, *errno, message, path),
        Error::Consumed(_) => "StreamConsumedError",
        Error::Forked | Error::ForkedWhileOpening => "ForkError",
        _ => "InternalError",
    };
    exception(py, class, &error.to_string(), &data)
}

fn bad_row(data: &Bound<'_, PyDict>, bad: &BadRow) -> PyResult<&'static str> {
    set_place(data, &bad.place)?;
    data.set_item("column", &bad.column)?;
    data.set_item("value", &bad.value)?;
    data.set_item("reason", &bad.reason)?;
    Ok("BadRowError")
}

fn late_row(py: Python<'_>, data: &Bound<'_, PyDict>, late: &LateRow) -> PyResult<&'static str> {
    set_place(data, &late.place)?;
    data.set_item("time", moment(py, late.time, &late.dtype)?)?;
    data.set_item("watermark", moment(py, late.watermark, &late.dtype)?)?;
    data.set_item("missed", late.missed)?;
    data.set_item("set_by_line", late.set_by.line)?;
    data.set_item("set_by_row", late.set_by.row)?;
    data.set_item("reason", "late")?;
    data.set_item("lateness", late.enough)?;
    Ok("LateRowError")
}

fn ahead_row(py: Python<'_>, data: &Bound<'_, PyDict>, ahead: &AheadRow) -> PyResult<&'static str> {
    set_place(data, &ahead.place)?;
    data.set_item("time", moment(py, ahead.time, &ahead.dtype)?)?;
    data.set_item("mark", moment(py, ahead.mark, &ahead.dtype)?)?;
    data.set_item("set_by_line", ahead.set_by.line)?;
    data.set_item("set_by_row", ahead.set_by.row)?;
    data.set_item("reason", "ahead")?;
    data.set_item("max_ahead", ahead.enough)?;
    Ok("AheadRowError")
}

/// An event time as Python sees it: a numpy `datetime64`, or an integer where the time column is one.
pub fn moment<'py>(py: Python<'py>, ticks: i64, dtype: &DataType) -> PyResult<Bound<'py, PyAny>> {
    let unit = match dtype {
        DataType::Timestamp(unit, _) => unit.name(),
        DataType::Date => "D",
        _ => return Ok(ticks.into_pyobject(py)?.into_any()),
    };
    py.import("numpy")?.getattr("datetime64")?.call1((ticks, unit))
}

fn set_place(data: &Bound<'_, PyDict>, place: &Place) -> PyResult<()> {
    data.set_item("source", &place.source)?;
    data.set_item("line", place.line)?;
    data.set_item("byte", place.byte)?;
    data.set_item("row", place.row)
}

/// An `OSError` as Python itself would raise it: with number, text and file name.
fn io_error(py: Python<'_>, errno: Option<i32>, message: &str, path: &str) -> PyResult<PyErr> {
    let kind = std::io::Error::from_raw_os_error(errno.unwrap_or_default()).kind();
    let class = match kind {
        std::io::ErrorKind::NotFound => "SourceNotFoundError",
        std::io::ErrorKind::IsADirectory => "SourceIsDirectoryError",
        std::io::ErrorKind::PermissionDenied => "SourcePermissionError",
        _ => "SourceError",
    };
    let class = py.import("rillet._errors")?.getattr(class)?;
    let arguments = PyTuple::new(
        py,
        [errno.into_pyobject(py)?, message.into_pyobject(py)?.into_any(), path.into_pyobject(py)?.into_any()],
    )?;
    Ok(PyErr::from_value(class.call1(arguments)?))
}
