//! [`Good`]: rows of Python up to the first that is bad.

use pyo3::prelude::*;
use rillet_core::Batch;

/// The rows before the first bad one, and the error of that, if there is one.
pub struct Good {
    pub batch: Batch,
    pub bad: Option<PyErr>,
}

impl Good {
    /// The batch, if all its rows are good.
    ///
    /// # Errors
    /// That of the first bad one.
    pub fn all(self) -> PyResult<Batch> {
        self.bad.map_or(Ok(self.batch), Err)
    }
}

impl From<Batch> for Good {
    fn from(batch: Batch) -> Self {
        Self { batch, bad: None }
    }
}
