//! [`read_some`]: the next bytes of a file object.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView};

use crate::errors::type_error;
use crate::infer::type_name;

/// How many bytes are asked for at a time.
const BLOCK: usize = 1 << 18;

/// The next bytes of a file object, of which this is `read` or `read1`; none at the end.
#[pyfunction]
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
