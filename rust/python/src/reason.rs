//! [`Reason`]: why a Python value does not become one of a column.

use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;
use rillet_core::Error;
use rillet_core::error::{BadRow, Place};

use crate::errors::to_py;
use crate::infer::type_name;

/// Why a value does not convert.
pub enum Reason {
    /// What is wrong with it, such as `not an int64`.
    Wrong(String),
    /// What running its own code raised that says nothing of the value: Ctrl-C, `SystemExit`, the end of memory.
    Raised(PyErr),
}

impl Reason {
    /// The reason that an exception of the value's own code is.
    pub fn of(py: Python<'_>, error: PyErr) -> Self {
        match is_of_value(py, &error) {
            true => Self::Wrong(error.to_string()),
            false => Self::Raised(error),
        }
    }
}

impl From<String> for Reason {
    fn from(wrong: String) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<&str> for Reason {
    fn from(wrong: &str) -> Self {
        Self::Wrong(wrong.to_owned())
    }
}

/// Only for what [`tried`] has let through.
impl From<PyErr> for Reason {
    fn from(raised: PyErr) -> Self {
        Self::Raised(raised)
    }
}

/// Whether an exception says that the value is no good.
pub fn is_of_value(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyException>(py) && !error.is_instance_of::<PyMemoryError>(py)
}

/// What came of running a value's own code; `None` if it raised what only says that the value is no good.
///
/// # Errors
/// What it raised that says nothing of the value.
pub fn tried<T>(py: Python<'_>, result: PyResult<T>) -> PyResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_of_value(py, &error) => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<PyErr> for Bad {
    fn from(raised: PyErr) -> Self {
        Self { row: 0, value: String::new(), reason: Reason::Raised(raised) }
    }
}

/// A value that does not convert.
pub struct Bad {
    /// Its place among the values.
    row: usize,
    /// The value, as Python shows it, cut to a readable length.
    value: String,
    /// What is wrong with it.
    pub reason: Reason,
}

impl Bad {
    /// This value, for this reason.
    pub fn new(row: usize, value: &Bound<'_, PyAny>, reason: Reason) -> Self {
        let (shown, reason) = match tried(value.py(), value.repr()) {
            Ok(shown) => (shown.map_or_else(|| type_name(value), |text| text.to_string()), reason),
            Err(raised) => (String::new(), Reason::Raised(raised)),
        };
        Self { row, value: shown.chars().take(100).collect(), reason }
    }

    /// No single value.
    pub fn array(row: usize, reason: impl ToString) -> Self {
        Self { row, value: String::new(), reason: Reason::Wrong(reason.to_string()) }
    }

    /// The same value, which is inside that of these rows.
    pub fn of(self, rows: &[usize]) -> Self {
        Self { row: rows.get(self.row).copied().unwrap_or(0), ..self }
    }

    /// The row that it is bad in; `None` if what was raised says nothing of it.
    pub fn row(&self) -> Option<usize> {
        matches!(self.reason, Reason::Wrong(_)).then_some(self.row)
    }

    /// The exception for it, in a column, if it is one's, of rows of which the first is at this place.
    pub fn raise(self, py: Python<'_>, column: Option<&str>, first: &Place) -> PyErr {
        let reason = match self.reason {
            Reason::Wrong(reason) => reason,
            Reason::Raised(error) => return error,
        };
        let place = Place { row: first.row.map(|row| row + self.row as u64), ..first.clone() };
        let bad = BadRow { place, column: column.map(str::to_owned), value: self.value, reason };
        to_py(py, &Error::BadRow(Box::new(bad)))
    }
}
