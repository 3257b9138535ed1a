//! numpy arrays of columns.

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as Arrow;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};

use crate::buffer::Buffer;
use crate::flat::Flat;
use crate::value;

/// An attribute of numpy, looked up once.
macro_rules! numpy {
    ($py:expr, $name:literal) => {{
        static FOUND: pyo3::sync::PyOnceLock<Py<PyAny>> = pyo3::sync::PyOnceLock::new();
        FOUND
            .get_or_try_init($py, || PyResult::Ok($py.import("numpy")?.getattr($name)?.unbind()))
            .map(|found| found.bind($py))
    }};
}
pub(crate) use numpy;

/// A read-only array over memory, without a copy.
pub fn view<'py>(py: Python<'py>, bytes: arrow_buffer::Buffer, dtype: &str) -> PyResult<Bound<'py, PyAny>> {
    numpy!(py, "frombuffer")?.call1((Bound::new(py, Buffer(bytes))?, dtype))
}

/// The column as an array. Null is NaN, NaT or None; the nulls of a type that has none of them are anything.
pub fn array<'py>(py: Python<'py>, column: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
    match (Flat::of(column), column.data_type()) {
        (Some(flat), _) => flat.array(py),
        // By way of a list even if it is coded: numpy takes longer to look texts up by their codes.
        (None, Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View | Arrow::Dictionary(..)) => {
            strings(&value::list(py, column)?, column.null_count() > 0)
        }
        _ => objects(&value::list(py, column)?),
    }
}

/// A read-only array of Python objects.
pub fn objects<'py>(values: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
    let py = values.py();
    let object = py.get_type::<PyAny>();
    // Unlike `array`, `fromiter` never takes lists for rows of a matrix.
    frozen(numpy!(py, "fromiter")?.call1((values, object, values.len()))?)
}

/// A read-only array of texts, with None among them if they are `nullable`.
pub fn strings<'py>(values: &Bound<'py, PyList>, nullable: bool) -> PyResult<Bound<'py, PyAny>> {
    let py = values.py();
    frozen(numpy!(py, "array")?.call1((values, string_dtype(py, nullable)?))?)
}

/// Makes an array read-only.
pub fn frozen(array: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let options = PyDict::new(array.py());
    options.set_item(intern!(array.py(), "write"), false)?;
    array.call_method(intern!(array.py(), "setflags"), (), Some(&options))?;
    Ok(array)
}

fn string_dtype<'py>(py: Python<'py>, nullable: bool) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class =
        CLASS.get_or_try_init(py, || PyResult::Ok(py.import("numpy.dtypes")?.getattr("StringDType")?.unbind()))?;
    let options = PyDict::new(py);
    if nullable {
        options.set_item("na_object", py.None())?;
    }
    class.bind(py).call((), Some(&options))
}
