//! Batches of rows that are Python objects.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use rillet_core::error::Place;
use rillet_core::types::Field;
use rillet_core::{Batch, Schema};

use crate::column::{Column, good_rows};
use crate::errors::to_py;
use crate::good::Good;
use crate::infer::type_name;
use crate::reason::{Bad, is_of_value};

/// What a row is.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Dict,
    /// A namedtuple or an instance of a dataclass.
    Fields,
    Tuple,
}

/// The batch of rows that are tuples (or lists), dicts, namedtuples or dataclasses, the first of which has
/// this place. Without a schema, types are those of the values, and names those of the fields or
/// keys; the columns of tuples are `column_1`, `column_2`… All are of the kind that `like` is, if it is given. It ends
/// before the first row that is none of these, unlike the others, or has a value that does not fit.
///
/// # Errors
/// What a row raised that says nothing of it.
pub fn batch_from_rows(
    py: Python<'_>,
    rows: &[Bound<'_, PyAny>],
    first: &Place,
    schema: Option<&Arc<Schema>>,
    like: Option<&Bound<'_, PyAny>>,
) -> PyResult<Good> {
    let mut table = Table::new(py, first, schema);
    table.shape = like.map(shape).transpose()?.flatten();
    match rows.iter().try_for_each(|row| table.push(row)) {
        Err(error) if !is_of_value(py, &error) => Err(error),
        pushed => table.finish(schema, pushed.err()),
    }
}

/// Rows turned into columns.
struct Table<'a, 'py> {
    py: Python<'py>,
    names: Vec<String>,
    places: HashMap<String, usize>,
    columns: Vec<Vec<Bound<'py, PyAny>>>,
    rows: usize,
    shape: Option<Shape>,
    /// Whether a new name is a new column.
    open: bool,
    first: &'a Place,
}

impl<'a, 'py> Table<'a, 'py> {
    fn new(py: Python<'py>, first: &'a Place, schema: Option<&Arc<Schema>>) -> Self {
        let mut table = Self {
            py,
            names: Vec::new(),
            places: HashMap::new(),
            columns: Vec::new(),
            rows: 0,
            shape: None,
            open: schema.is_none(),
            first,
        };
        let fields = schema.into_iter().flat_map(|schema| schema.fields());
        fields.for_each(|field| table.add(field.name.to_string()));
        table
    }

    fn add(&mut self, name: String) {
        self.places.insert(name.clone(), self.names.len());
        self.names.push(name);
        self.columns.push(vec![self.py.None().into_bound(self.py); self.rows]);
    }

    fn bad(&self, row: &Bound<'py, PyAny>, reason: String) -> PyErr {
        Bad::new(self.rows, row, reason.into()).raise(self.py, None, self.first)
    }

    fn push(&mut self, row: &Bound<'py, PyAny>) -> PyResult<()> {
        let Some(shape) = shape(row)? else {
            let reason =
                format!("of type {}; a row is a tuple, a dict, a namedtuple or a dataclass", type_name(row));
            return Err(self.bad(row, reason));
        };
        if *self.shape.get_or_insert(shape) != shape {
            return Err(self.bad(row, "not of the kind of the rows before it".into()));
        }
        match shape {
            Shape::Dict => self.push_dict(row)?,
            Shape::Fields => self.push_fields(row)?,
            Shape::Tuple => self.push_tuple(row)?,
        }
        self.rows += 1;
        // The first row names the columns: what comes out must not depend on where the rows are cut.
        self.open = false;
        // A key that a dict lacks is null.
        let missing = self.columns.iter_mut().filter(|column| column.len() < self.rows);
        missing.for_each(|column| column.push(self.py.None().into_bound(self.py)));
        Ok(())
    }

    fn push_dict(&mut self, row: &Bound<'py, PyAny>) -> PyResult<()> {
        for (name, value) in row.cast::<PyDict>()?.iter() {
            let name =
                name.cast::<PyString>().map_err(|_| self.bad(row, "a dict whose keys are not all text".into()))?;
            self.set(row, &name.to_cow()?, value)?;
        }
        Ok(())
    }

    fn push_fields(&mut self, row: &Bound<'py, PyAny>) -> PyResult<()> {
        let names: Vec<String> = match row.getattr_opt(intern!(self.py, "__dataclass_fields__"))? {
            Some(fields) => fields.cast::<PyDict>()?.keys().extract()?,
            None => row.getattr(intern!(self.py, "_fields"))?.extract()?,
        };
        for name in names {
            self.set(row, &name, row.getattr(&*name)?)?;
        }
        Ok(())
    }

    fn set(&mut self, row: &Bound<'py, PyAny>, name: &str, value: Bound<'py, PyAny>) -> PyResult<()> {
        if !self.places.contains_key(name) {
            if !self.open {
                return Err(self.bad(row, format!("a row with the field {name:?}, which is no column")));
            }
            self.add(name.to_owned());
        }
        let column = &mut self.columns[self.places[name]];
        if column.len() > self.rows {
            return Err(self.bad(row, format!("a row with the field {name:?} twice")));
        }
        column.push(value);
        Ok(())
    }

    fn push_tuple(&mut self, row: &Bound<'py, PyAny>) -> PyResult<()> {
        let values = crate::infer::sequence(row).unwrap_or_default();
        if self.rows == 0 && self.open {
            (1..=values.len()).for_each(|place| self.add(format!("column_{place}")));
        }
        if values.len() != self.columns.len() {
            return Err(self.bad(row, format!("of {} values instead of {}", values.len(), self.columns.len())));
        }
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        Ok(())
    }

    /// The batch of the rows before the first bad one, which is the next, if there is an error already. It comes of them
    /// alone: the rows behind have no say in the types.
    fn finish(mut self, schema: Option<&Arc<Schema>>, mut bad: Option<PyErr>) -> PyResult<Good> {
        loop {
            self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
            let mut columns = self.columns(schema)?;
            match good_rows(&mut columns) {
                (rows, Some(error)) => (self.rows, bad) = (rows, Some(error)),
                (_, None) => return Ok(Good { batch: self.batch(columns, schema)?, bad }),
            }
        }
    }

    fn columns(&self, schema: Option<&Arc<Schema>>) -> PyResult<Vec<Column>> {
        let column = |(at, (name, values)): (usize, (&String, &Vec<_>))| {
            let wanted = schema.map(|schema| &schema.fields()[at].dtype);
            Column::of(self.py, values, name, wanted, self.first)
        };
        self.names.iter().zip(&self.columns).enumerate().map(column).collect()
    }

    fn batch(&self, columns: Vec<Column>, schema: Option<&Arc<Schema>>) -> PyResult<Batch> {
        let found = || {
            let field = |(name, column): (&String, &Column)| Field::new(name.as_str(), column.dtype.clone());
            let fields = self.names.iter().zip(&columns).map(field).collect();
            Schema::new(fields).map(Arc::new).map_err(|error| to_py(self.py, &error))
        };
        let schema = schema.map_or_else(found, |schema| Ok(Arc::clone(schema)))?;
        let columns = columns.into_iter().map(|column| column.first(self.rows)).collect();
        Ok(Batch::new(schema, columns, self.rows))
    }
}

/// Whether this is what a row can be.
pub fn is_row(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    shape(value).map(|shape| shape.is_some())
}

/// What the row is; `None` if it is no row.
fn shape(row: &Bound<'_, PyAny>) -> PyResult<Option<Shape>> {
    if row.is_instance_of::<PyDict>() {
        return Ok(Some(Shape::Dict));
    }
    if row.is_exact_instance_of::<PyTuple>() || row.is_instance_of::<PyList>() {
        return Ok(Some(Shape::Tuple));
    }
    let class = row.get_type();
    if class.hasattr(intern!(row.py(), "__dataclass_fields__"))? {
        return Ok(Some(Shape::Fields));
    }
    if row.is_instance_of::<PyTuple>() {
        let named = class.hasattr(intern!(row.py(), "_fields"))?;
        return Ok(Some(if named { Shape::Fields } else { Shape::Tuple }));
    }
    Ok(None)
}
