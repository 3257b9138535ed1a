//! [`Batch`]: an immutable bundle of equal-length named columns, as Python sees it.

use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCapsule, PyDict, PyIterator, PyList, PySlice, PyString, PyTuple};
use rillet_core::Error;
use rillet_core::error::Place;
use rillet_core::types::{DataType, Field};

use crate::coded::Coded;
use crate::errors::{exception, to_py, type_error, value_error};
use crate::flat::Flat;
use crate::numpy::{self, numpy};
use crate::schema::{Schema, names};
use crate::{capsule, equal, fill, floats, table, value};

/// An immutable bundle of equal-length named columns.
///
/// ``batch["x"]`` is a numpy array, read-only and without a copy where numpy has the type; iteration gives
/// names, ``len`` is rows, ``batch[i:j]`` and ``batch[["a", "b"]]`` are batches, ``rows()`` gives tuples.
///
/// Examples
/// --------
/// >>> import rillet as rl
/// >>> batch = next(iter(rl.from_rows([{"x": 1, "y": 0.5}, {"x": 2, "y": None}])))
/// >>> batch["x"]
/// array([1, 2])
/// >>> list(batch), len(batch)
/// (['x', 'y'], 2)
#[pyclass(frozen, mapping, module = "rillet")]
pub struct Batch {
    inner: rillet_core::Batch,
    arrays: Box<[PyOnceLock<Py<PyAny>>]>,
    coded: Box<[OnceLock<Coded>]>,
}

impl From<rillet_core::Batch> for Batch {
    fn from(inner: rillet_core::Batch) -> Self {
        let columns = inner.schema().len();
        let arrays = (0..columns).map(|_| PyOnceLock::new()).collect();
        Self { inner, arrays, coded: (0..columns).map(|_| OnceLock::new()).collect() }
    }
}

impl Batch {
    /// The core's batch.
    pub fn inner(&self) -> &rillet_core::Batch {
        &self.inner
    }

    fn find(&self, py: Python<'_>, name: &str) -> PyResult<(usize, &Field, &ArrayRef)> {
        let index = self.inner.schema().index(name).map_err(|error| to_py(py, &error))?;
        Ok((index, &self.inner.schema().fields()[index], &self.inner.columns()[index]))
    }

    /// The codes of a text column; no Python runs here, so that waiting for another thread is safe.
    fn coded(&self, index: usize) -> &Coded {
        let column = &self.inner.columns()[index];
        self.coded[index].get_or_init(|| match self.inner.schema().fields()[index].dtype {
            DataType::Categorical(_) => Coded::stable(column),
            _ => Coded::of(column),
        })
    }

    fn text(&self, py: Python<'_>, name: &str) -> PyResult<&Coded> {
        let (index, field, _) = self.find(py, name)?;
        match field.dtype.is_text() {
            true => Ok(self.coded(index)),
            false => Err(to_py(py, &Error::schema(name, &field.dtype, "only text has codes and categories"))),
        }
    }

    fn array<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (index, _, column) = self.find(py, name)?;
        if let Some(array) = self.arrays[index].get(py) {
            return Ok(array.bind(py).clone());
        }
        if let Some(row) = column.nulls().and_then(|_| Flat::of(column)?.unshowable()) {
            return Err(self.null_value(py, name, row));
        }
        let array = numpy::array(py, column)?;
        // Another thread may have been faster; then all get its array.
        let _ = self.arrays[index].set(py, array.clone().unbind());
        Ok(self.arrays[index].get(py).map_or(array, |array| array.bind(py).clone()))
    }

    fn null_value(&self, py: Python<'_>, name: &str, row: usize) -> PyErr {
        let message = format!(
            "column {name:?} has a null (first in row {row} of the batch), and its numpy type has none: use \
             batch.fill({name:?}, value), batch.masked({name:?}) or batch.floats({name:?})"
        );
        let data = PyDict::new(py);
        let filled = set_place(&data, &self.inner.origin().place(row))
            .and_then(|()| data.set_item("column", name))
            .and_then(|()| data.set_item("value", py.None()))
            .and_then(|()| data.set_item("reason", "null"))
            .and_then(|()| exception(py, "NullValueError", &message, &data));
        filled.unwrap_or_else(|failed| failed)
    }

    fn slice(&self, slice: &Bound<'_, PySlice>) -> PyResult<rillet_core::Batch> {
        let py = slice.py();
        let at = slice.indices(isize::try_from(self.inner.rows())?)?;
        if at.step != 1 {
            let message =
                format!("batch[i:j:{}]: a batch slices with step 1 only; slice the arrays instead", at.step);
            return Err(value_error(py, &message));
        }
        let start = at.start.max(0) as usize;
        Ok(self.inner.slice(start.min(self.inner.rows()), at.slicelength))
    }

    fn select(&self, names: &Bound<'_, PyAny>) -> PyResult<rillet_core::Batch> {
        let py = names.py();
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for name in names.try_iter()? {
            let name = name?;
            let text =
                name.cast::<PyString>().map_err(|_| type_error(py, "batch[[…]] takes a list of column names"))?;
            let (_, field, column) = self.find(py, &text.to_cow()?)?;
            fields.push(field.clone());
            columns.push(Arc::clone(column));
        }
        let schema = rillet_core::Schema::new(fields).map_err(|error| to_py(py, &error))?;
        Ok(self.inner.clone().with_columns(Arc::new(schema), columns))
    }
}

fn set_place(data: &Bound<'_, PyDict>, place: &Place) -> PyResult<()> {
    data.set_item("source", &place.source)?;
    data.set_item("row", place.row)?;
    data.set_item("line", place.line)?;
    data.set_item("byte", place.byte)
}

#[pymethods]
impl Batch {
    fn _ipython_key_completions_(&self) -> Vec<String> {
        self.inner().schema().fields().iter().map(|field| field.name.to_string()).collect()
    }

    fn __len__(&self) -> usize {
        self.inner.rows()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        names(py, self.inner.schema())?.try_iter()
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        match name.cast::<PyString>() {
            Ok(name) => Ok(self.inner.schema().find(&name.to_cow()?).is_some()),
            Err(_) => Ok(false),
        }
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        if let Ok(name) = key.cast::<PyString>() {
            return self.array(py, &name.to_cow()?);
        }
        let part = if let Ok(slice) = key.cast::<PySlice>() {
            self.slice(slice)?
        } else if key.is_instance_of::<PyList>() || key.is_instance_of::<PyTuple>() {
            self.select(key)?
        } else if key.hasattr(intern!(py, "__index__"))? {
            let message =
                "a batch is indexed by column; batch.rows() gives rows, and batch[i:j] is a batch of some";
            return Err(type_error(py, message));
        } else {
            return Err(type_error(py, "a batch is indexed by a column name, a list of them, or a slice of rows"));
        };
        Ok(Bound::new(py, Self::from(part))?.into_any())
    }

    /// The names of the columns, in order.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        names(py, self.inner.schema())
    }

    /// The rows as tuples of Python values: ``datetime``, ``date``, ``timedelta``, ``Decimal``, ``str``…
    /// and ``None`` for null. Times of nanoseconds, which Python does not have, are numpy scalars.
    ///
    /// Examples
    /// --------
    /// >>> import rillet as rl
    /// >>> batch = next(iter(rl.from_rows([{"x": 1, "y": 0.5}, {"x": 2, "y": None}])))
    /// >>> list(batch.rows())
    /// [(1, 0.5), (2, None)]
    pub fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        if self.inner.columns().is_empty() {
            return PyList::new(py, vec![PyTuple::empty(py); self.inner.rows()])?.try_iter();
        }
        let columns =
            self.inner.columns().iter().map(|column| value::list(py, column)).collect::<PyResult<Vec<_>>>()?;
        let zip = py.import("builtins")?.getattr(intern!(py, "zip"))?;
        zip.call1(PyTuple::new(py, columns)?)?.try_iter()
    }

    /// The column as an array, with ``value`` in place of null.
    ///
    /// Raises
    /// ------
    /// ArgumentTypeError, ArgumentError
    ///     If the column's type cannot hold ``value``.
    ///
    /// Examples
    /// --------
    /// >>> import rillet as rl
    /// >>> batch = next(iter(rl.from_rows([{"x": 1}, {"x": None}])))
    /// >>> batch.fill("x", -1)
    /// array([ 1, -1])
    fn fill<'py>(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (_, field, column) = self.find(value.py(), name)?;
        fill::filled(column, field, value)
    }

    /// The column as a ``numpy.ma.MaskedArray`` over the same memory, masked where it is null.
    ///
    /// Examples
    /// --------
    /// >>> import rillet as rl
    /// >>> batch = next(iter(rl.from_rows([{"x": 1}, {"x": None}])))
    /// >>> int(batch.masked("x").sum())
    /// 1
    fn masked<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (.., column) = self.find(py, name)?;
        let (data, mask) = match Flat::of(column) {
            Some(flat) => (flat.data(py)?, flat.mask(py)?),
            None => {
                let invalid = numpy!(py, "logical_not")?.call1((self.validity(py, name)?,))?;
                (numpy::objects(&value::list(py, column)?)?, Some(invalid))
            }
        };
        let options = PyDict::new(py);
        options.set_item(intern!(py, "copy"), false)?;
        if let Some(mask) = mask {
            options.set_item(intern!(py, "mask"), mask)?;
        }
        numpy!(py, "ma")?.call_method(intern!(py, "array"), (data,), Some(&options))
    }

    /// The column's numbers as float64, with NaN for null.
    ///
    /// Raises
    /// ------
    /// ResultOverflowError
    ///     If an integer is beyond 2**53, where floats no longer hold every integer.
    /// SchemaError
    ///     If the column holds no numbers.
    ///
    /// Examples
    /// --------
    /// >>> import rillet as rl
    /// >>> batch = next(iter(rl.from_rows([{"x": 1}, {"x": None}])))
    /// >>> batch.floats("x")
    /// array([ 1., nan])
    fn floats<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (_, field, column) = self.find(py, name)?;
        let floats = floats::of(column, field, self.inner.origin()).map_err(|error| to_py(py, &error))?;
        numpy::view(py, floats.into_inner(), "f8")
    }

    /// A bool array that is true where the column has a value, false where it is null.
    fn validity<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (.., column) = self.find(py, name)?;
        let bytes = match column.logical_nulls() {
            Some(nulls) => nulls.iter().map(u8::from).collect(),
            None => vec![1_u8; column.len()].into(),
        };
        numpy::view(py, bytes, "?")
    }

    /// The codes of a text column: an int32 array of places in ``categories(name)``, -1 for null.
    ///
    /// They number the texts in order of first appearance in this batch; those of a categorical column are
    /// the same over the whole stream.
    fn codes<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.text(py, name)?.numbers(py)
    }

    /// The texts that the ``codes(name)`` of a text column stand for.
    fn categories<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let coded = self.text(py, name)?;
        numpy::strings(&PyList::new(py, &coded.categories)?, false)
    }

    /// The names and types of the columns.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(Arc::clone(self.inner.schema()))
    }

    /// Where the first row came from: a dict of ``source``, ``row`` (from 0), ``line`` (from 1) and ``byte``
    /// (from 0), each ``None`` where it is not known.
    #[getter]
    fn origin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let origin = self.inner.origin();
        let place = if self.inner.rows() > 0 { origin.place(0) } else { Place::default() };
        let dict = PyDict::new(py);
        set_place(&dict, &place)?;
        Ok(dict)
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        let Ok(other) = other.cast::<Self>() else { return Ok(py.NotImplemented().into_bound(py)) };
        let (a, b) = (&self.inner, &other.get().inner);
        let same = crate::errors::enter(py, || Ok(equal::batches(a, b)))?;
        Ok(same.into_pyobject(py)?.to_owned().into_any())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        table::text(py, &self.inner)
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        table::html(py, &self.inner)
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        let message = "a batch does not pickle; hand it over as Arrow data (pyarrow.record_batch(batch)) or as a dict \
                       of arrays (dict(batch))";
        Err(type_error(py, message))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::export_schema(py, self.inner.schema())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // The protocol lets a producer keep its own types whatever is requested.
        let _ = requested_schema;
        capsule::export_array(py, &self.inner)
    }
}
