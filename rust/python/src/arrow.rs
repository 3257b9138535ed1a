//! `ArrowStream` and the functions that turn Python objects into batches: how other libraries' data comes in,
//! and how a stream goes out.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rillet_core::error::Place;

use crate::batch::Batch;
use crate::capsule::{self, Arrays};
use crate::convert;
use crate::errors::{enter, type_error, within};
use crate::infer::type_name;
use crate::mapping;
use crate::rows;
use crate::schema::Schema;

/// Arrow data that is being read: a source for a `BatchIterator`.
#[pyclass(frozen, module = "rillet._core")]
pub struct ArrowStream {
    arrays: Mutex<Option<Arrays>>,
    schema: Arc<rillet_core::Schema>,
    wanted: OnceLock<Wanted>,
}

/// The columns that are wanted of what is read.
struct Wanted {
    schema: Arc<rillet_core::Schema>,
    places: Vec<usize>,
}

impl ArrowStream {
    /// All columns that it has.
    pub fn columns(&self) -> &rillet_core::Schema {
        &self.schema
    }

    /// Gives only these of the columns from now on: no others are looked at.
    pub fn narrow(&self, schema: &Arc<rillet_core::Schema>) {
        let places = schema.fields().iter().filter_map(|field| self.schema.find(&field.name)).collect();
        // If it has been told before, it was told the same, by the same plan.
        let _ = self.wanted.set(Wanted { schema: Arc::clone(schema), places });
    }
}

#[pymethods]
impl ArrowStream {
    /// Takes the data of an object with `__arrow_c_stream__` or `__arrow_c_array__`.
    #[new]
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let Some(arrays) = Arrays::import(object)? else {
            return Err(type_error(py, &format!("an object of type {} holds no Arrow data", type_name(object))));
        };
        let dtype = arrays.dtype().clone();
        let schema = enter(py, || convert::schema(&dtype))?;
        Ok(Self { arrays: Mutex::new(Some(arrays)), schema, wanted: OnceLock::new() })
    }

    /// The next batch, or `None` at the end. Columns are not copied where that can be.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        let batch = enter(py, || {
            let mut arrays = self.arrays.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(stream) = &mut *arrays else { return Ok(None) };
            let wanted = self.wanted.get();
            let schema = wanted.map_or(&self.schema, |wanted| &wanted.schema);
            let array = stream.next(wanted.map(|wanted| &wanted.places[..]))?;
            array.map(|array| convert::batch(&array, schema)).transpose()
        })?;
        Ok(batch.map(Batch::from))
    }

    /// Lets go of the data.
    fn close_host(&self, py: Python<'_>) {
        py.detach(|| drop(self.arrays.lock().unwrap_or_else(PoisonError::into_inner).take()));
    }
}

/// The batch of a mapping of arrays, of Arrow data, or of a batch, up to the first bad row, and the error of that one;
/// `name` is what errors call it.
#[pyfunction]
#[pyo3(signature = (object, name, schema=None))]
pub fn batch_from_any(
    object: &Bound<'_, PyAny>,
    name: &str,
    schema: Option<&Bound<'_, Schema>>,
) -> PyResult<Told> {
    let py = object.py();
    let named = |error| within(py, error, name);
    let good = mapping::batch_from_any(object, schema.map(|schema| &schema.get().0)).map_err(named)?;
    Ok((Batch::from(good.batch), good.bad.map(|bad| named(bad).into_value(py))))
}

/// A batch, and the error of the row behind it, if that is bad.
type Told = (Batch, Option<Py<PyBaseException>>);

/// The batch of a list of rows, of which the first has this number, up to the first bad one, and the error of that. They
/// are of the kind of the row that they must be like.
#[pyfunction]
#[pyo3(signature = (rows, like, schema=None, first=0))]
pub fn batch_from_rows(
    py: Python<'_>,
    rows: Vec<Bound<'_, PyAny>>,
    like: Option<Bound<'_, PyAny>>,
    schema: Option<&Bound<'_, Schema>>,
    first: u64,
) -> PyResult<Told> {
    let place = Place { source: Some("from_rows".into()), row: Some(first), ..Place::default() };
    let good = rows::batch_from_rows(py, &rows, &place, schema.map(|schema| &schema.get().0), like.as_ref())?;
    Ok((Batch::from(good.batch), good.bad.map(|bad| bad.into_value(py))))
}

/// An iterator of batches as an `arrow_array_stream` capsule.
#[pyfunction]
pub fn export_stream<'py>(
    py: Python<'py>,
    schema: &Bound<'py, Schema>,
    batches: Py<PyAny>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let next = move || {
        Python::attach(|py| {
            let next = batches.bind(py).call_method0("__next__");
            match next {
                Ok(batch) => Ok(Some(batch.cast::<Batch>()?.get().inner().clone())),
                Err(error) if error.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => Ok(None),
                Err(error) => Err(error),
            }
        })
    };
    capsule::export_stream(py, &schema.get().0, Box::new(next))
}
