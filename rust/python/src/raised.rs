//! [`Raised`]: exceptions that wait until what comes before them in the stream has gone out.

use std::sync::Mutex;

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyException, PyRuntimeError, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use rillet_core::Error;

use crate::errors::to_py;
use crate::iterator::lock;

/// Exceptions, each with the number of the object that raised it.
#[derive(Default)]
pub struct Raised(Mutex<Vec<(usize, Py<PyBaseException>)>>);

impl Raised {
    /// Keeps the exception of an object; gives the error that takes its place in the stream.
    ///
    /// # Errors
    /// One that is not of the stream, such as Ctrl-C, which waits for nothing.
    pub fn keep(&self, py: Python<'_>, id: usize, raised: PyErr) -> PyResult<Error> {
        if !raised.is_instance_of::<PyException>(py) {
            return Err(raised);
        }
        lock(&self.0).push((id, stopped(py, raised).into_value(py)));
        Ok(Error::Raised(id))
    }

    /// The exception for an error: the one that it stands for, if it does.
    pub fn exception(&self, py: Python<'_>, error: &Error) -> PyErr {
        let Error::Raised(id) = error else { return to_py(py, error) };
        let mut kept = lock(&self.0);
        let at = kept.iter().position(|(of, _)| of == id);
        let raised = at.map(|at| kept.swap_remove(at).1);
        drop(kept);
        raised.map_or_else(|| to_py(py, error), |raised| PyErr::from_value(raised.into_bound(py).into_any()))
    }

    /// Forgets them all. Dropping them may run Python code, which does not find the lock taken.
    pub fn clear(&self) {
        let kept = self.0.try_lock().map(|mut kept| std::mem::take(&mut *kept));
        drop(kept);
    }

    /// Shows them to the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Not locked by anybody else for longer than a few instructions.
        self.0.try_lock().map_or(Ok(()), |kept| kept.iter().try_for_each(|(_, raised)| visit.call(raised)))
    }
}

/// A `StopIteration` that leaves a callback must not look like the end of the stream, just as in a
/// generator (PEP 479).
fn stopped(py: Python<'_>, raised: PyErr) -> PyErr {
    if !raised.is_instance_of::<PyStopIteration>(py) {
        return raised;
    }
    let wrapped = PyRuntimeError::new_err("a source or function of the stream raised StopIteration");
    wrapped.set_cause(py, Some(raised));
    wrapped
}
