//! `Beginning`: what has been read of a file object to know its columns.

use std::sync::Mutex;

use pyo3::prelude::*;
use rillet_core::plan::Node;
use rillet_core::{Beginning, Error};

use crate::errors::{enter, to_py};
use crate::iterator::lock;
use crate::plan::PyPlan;
use crate::reader::read_some;

/// What has been read of a file object to know its columns.
#[pyclass(frozen, module = "rillet._core", name = "Beginning")]
pub struct PyBeginning(Mutex<Beginning>);

#[pymethods]
impl PyBeginning {
    #[new]
    fn new(py: Python<'_>, plan: &Bound<'_, PyPlan>) -> PyResult<Self> {
        let Node::ReadCsv(read) = &plan.get().0.node else {
            return Err(to_py(py, &Error::Internal("only CSV is sampled".into())));
        };
        enter(py, || Beginning::new(read)).map(|beginning| Self(Mutex::new(beginning)))
    }

    /// Takes what `read` of the file gives next; nothing means the end. No Ctrl-C comes between the two.
    fn go_on(&self, read: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, data) = (read.py(), read_some(read)?);
        let data = data.as_bytes();
        enter(py, || {
            lock(&self.0).take(data);
            Ok(())
        })
    }

    /// Hears that reading on failed: what is here must do.
    fn break_off(&self, py: Python<'_>) -> PyResult<()> {
        enter(py, || {
            lock(&self.0).break_off();
            Ok(())
        })
    }

    /// Whether it tells the columns, or more is needed.
    fn is_enough(&self, py: Python<'_>) -> PyResult<bool> {
        enter(py, || lock(&self.0).is_enough())
    }

    /// Whether it is the whole file.
    fn is_all(&self, py: Python<'_>) -> PyResult<bool> {
        enter(py, || Ok(lock(&self.0).is_all()))
    }
}

impl PyBeginning {
    /// What has been read.
    ///
    /// # Errors
    /// Only for a bug.
    pub fn read(&self, py: Python<'_>) -> PyResult<Beginning> {
        enter(py, || Ok(lock(&self.0).clone()))
    }
}
