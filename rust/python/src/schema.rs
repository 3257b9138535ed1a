//! [`Schema`]: the names and types of columns, as Python sees them.

use std::sync::Arc;

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyIterator, PyList, PyString, PyTuple, PyType};
use rillet_core::types::{DataType, Field};

use crate::capsule;
use crate::errors::{to_py, type_error};
use crate::infer::type_name;

/// The names and types of columns, in order: a mapping from names to type strings.
///
/// Examples
/// --------
/// >>> import rillet as rl
/// >>> schema = rl.Schema({"ts": "timestamp[us, UTC]", "price": "float64"})
/// >>> schema["price"]
/// 'float64'
/// >>> list(schema)
/// ['ts', 'price']
#[pyclass(frozen, mapping, module = "rillet")]
pub struct Schema(pub Arc<rillet_core::Schema>);

impl Schema {
    /// The schema that a mapping of names to type strings, or another schema, describes.
    ///
    /// # Errors
    /// If it is no such mapping, or a type is unknown.
    pub fn extract(obj: &Bound<'_, PyAny>) -> PyResult<Arc<rillet_core::Schema>> {
        let py = obj.py();
        if let Ok(schema) = obj.cast::<Self>() {
            return Ok(Arc::clone(&schema.get().0));
        }
        let what = "a schema is a mapping of column names to type strings such as \"float64\"";
        let items = obj.call_method0("items");
        let items = items.map_err(|_| type_error(py, &format!("{what}, not {}", type_name(obj))))?;
        let mut fields = Vec::new();
        for item in items.try_iter()? {
            let (name, dtype): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
            let (Ok(name), Ok(dtype)) = (name.extract::<String>(), dtype.extract::<String>()) else {
                let wrong = format!("{what}; this one maps {} to {}", name.repr()?, dtype.repr()?);
                return Err(type_error(py, &wrong));
            };
            fields.push(Field::new(name, dtype.parse::<DataType>().map_err(|error| to_py(py, &error))?));
        }
        Ok(Arc::new(rillet_core::Schema::new(fields).map_err(|error| to_py(py, &error))?))
    }

    fn dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.0.fields().iter().try_for_each(|field| dict.set_item(&*field.name, field.dtype.to_string()))?;
        Ok(dict)
    }
}

#[pymethods]
impl Schema {
    #[new]
    fn new(columns: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::extract(columns).map(Self)
    }

    fn __getitem__(&self, name: &Bound<'_, PyAny>) -> PyResult<String> {
        let py = name.py();
        let Ok(text) = name.cast::<PyString>() else { return Err(PyKeyError::new_err(name.clone().unbind())) };
        let index = self.0.index(&text.to_cow()?).map_err(|error| to_py(py, &error))?;
        Ok(self.0.fields()[index].dtype.to_string())
    }

    /// The type of a column, or the default.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        &self,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.dict(name.py())?.get_item(name)?.or(default))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        match name.cast::<PyString>() {
            Ok(name) => Ok(self.0.find(&name.to_cow()?).is_some()),
            Err(_) => Ok(false),
        }
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.dict(py)?.try_iter()
    }

    fn _ipython_key_completions_(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| field.name.to_string()).collect()
    }

    /// The names of the columns.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.dict(py)?.call_method0("keys")
    }

    /// The types of the columns.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.dict(py)?.call_method0("values")
    }

    /// Pairs of name and type.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.dict(py)?.call_method0("items")
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        match other.cast::<Self>() {
            Ok(other) => Ok((self.0 == other.get().0).into_pyobject(py)?.to_owned().into_any()),
            // A mapping has no order: the dict decides, and knows what to do with what is none.
            Err(_) => self.dict(py)?.call_method1("__eq__", (other,)),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Schema({})", self.dict(py)?.repr()?))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        Ok((py.get_type::<Self>(), PyTuple::new(py, [self.dict(py)?])?))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::export_schema(py, &self.0)
    }
}

/// The names of a schema's columns.
pub fn names<'py>(py: Python<'py>, schema: &rillet_core::Schema) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, schema.fields().iter().map(|field| &*field.name))
}
