//! Plain values as text and back, for `pickle` and `copy`.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use rillet_core::{Aggregate, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors::to_py;
use crate::expr::{PyAggregate, PyExpr, PyWindows};

/// What makes a value anew: a function and its arguments.
pub type Reduced<'py> = (Bound<'py, PyAny>, (String, String));

/// What makes this value, of the class of this name, anew.
pub fn reduce<'py>(py: Python<'py>, class: &str, value: &impl Serialize) -> PyResult<Reduced<'py>> {
    let text = serde_json::to_string(value).map_err(|error| to_py(py, &Error::Internal(error.to_string())))?;
    Ok((py.import("rillet._core")?.getattr("restore")?, (class.to_owned(), text)))
}

/// The value of the class of this name that was written as text.
#[pyfunction]
#[pyo3(signature = (class, text, /))]
pub fn restore(py: Python<'_>, class: &str, text: &str) -> PyResult<Py<PyAny>> {
    match class {
        "Expr" => PyExpr(read(py, text)?).into_py_any(py),
        "Aggregate" => PyAggregate(read::<Aggregate>(py, text)?).into_py_any(py),
        _ => PyWindows(read(py, text)?).into_py_any(py),
    }
}

fn read<T: DeserializeOwned>(py: Python<'_>, text: &str) -> PyResult<T> {
    serde_json::from_str(text)
        .map_err(|error| to_py(py, &Error::argument(format!("not a pickled value: {error}"))))
}
