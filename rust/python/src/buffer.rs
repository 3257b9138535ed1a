//! [`Buffer`]: memory of a column, lent to Python.
// The buffer protocol is made of raw pointers.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Memory of a column, which Python reads through the buffer protocol and never writes.
///
/// A numpy array over it keeps it alive, and so the memory, after the batch and its iterator are gone.
#[pyclass(frozen, module = "rillet._core")]
pub struct Buffer(pub arrow_buffer::Buffer);

#[pymethods]
impl Buffer {
    /// Fills a view of the memory.
    ///
    /// # Safety
    /// Only the interpreter calls this, with a `view` that is valid for writing.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let bytes = &slf.get().0;
        let length = isize::try_from(bytes.len())?;
        // SAFETY: `view` is valid for writing (see above). The memory is `length` bytes long, immutable and
        // alive as long as `slf`, to which the view gets a reference of its own; the 1 makes it read-only.
        let status = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                bytes.as_ptr().cast_mut().cast::<c_void>(),
                length,
                1,
                flags,
            )
        };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
