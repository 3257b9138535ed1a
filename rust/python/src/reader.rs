//! [`FileReader`]: a file object that is being read.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView};

use crate::errors::type_error;
use crate::infer::type_name;

/// How many bytes are asked for at a time.
const BLOCK: usize = 1 << 18;

/// A file object that is being read. No code of Python stands between its `read` and whoever takes the bytes, so that
/// Ctrl-C does not come there.
#[pyclass(frozen, module = "rillet._core")]
pub struct FileReader(Py<PyAny>);

#[pymethods]
impl FileReader {
    /// Over `read` of a file.
    #[new]
    fn new(read: Py<PyAny>) -> Self {
        Self(read)
    }

    /// The next bytes; none at the end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        read_some(self.0.bind(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

/// The next bytes of a file object, of which this is `read` or `read1`; none at the end.
///
/// # Errors
/// What the file raises; `ArgumentTypeError` if it gives something else.
pub fn read_some<'py>(read: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let (py, data) = (read.py(), read.call1((BLOCK,))?);
    if data.is_none() {
        let message = "read() of the file gives None: it does not block and has nothing yet; let it block, \
                       os.set_blocking(file.fileno(), True)";
        return Err(type_error(py, message));
    }
    if !(data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>()
        || data.is_instance_of::<PyMemoryView>())
    {
        let message = format!(
            "read() of the file gives {}, not bytes; open it in binary mode, open(path, 'rb'), or pass the path itself",
            type_name(&data)
        );
        return Err(type_error(py, &message));
    }
    Ok(py.get_type::<PyBytes>().call1((data,))?.cast_into()?)
}
