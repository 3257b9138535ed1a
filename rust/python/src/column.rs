//! [`Column`]: a column of Python values up to the first that is bad.

use arrow_array::{Array, ArrayRef};
use pyo3::prelude::*;
use rillet_core::DataType;
use rillet_core::error::Place;

use crate::reason::Bad;
use crate::{build, infer};

/// A column of Python values up to the first that is bad.
pub struct Column {
    values: ArrayRef,
    pub dtype: DataType,
    /// How many values there are, good or bad.
    pub rows: usize,
    /// The first bad one: its row, and its error.
    bad: Option<(usize, PyErr)>,
}

impl Column {
    /// A column of which all values are good.
    pub fn whole(values: ArrayRef, dtype: DataType) -> Self {
        Self { rows: values.len(), values, dtype, bad: None }
    }

    /// A column of the type `wanted`, if one is, whose first value is of the row at this place.
    ///
    /// # Errors
    /// What is about no single value, or was raised by one and says nothing of it.
    pub fn of(
        py: Python<'_>,
        values: &[Bound<'_, PyAny>],
        name: &str,
        wanted: Option<&DataType>,
        first: &Place,
    ) -> PyResult<Self> {
        let made = |values| -> Result<_, Bad> {
            let dtype = wanted.cloned().map_or_else(|| infer::dtype(py, values), Ok)?;
            Ok((build::array(py, values, &dtype)?, dtype))
        };
        let (rows, mut good, mut bad) = (values.len(), values.len(), None);
        let (array, dtype) = loop {
            match made(&values[..good]) {
                Ok(made) => break made,
                Err(found) => match found.row().filter(|&row| row < good) {
                    Some(row) => (good, bad) = (row, Some(found)),
                    None => return Err(found.raise(py, Some(name), first)),
                },
            }
        };
        // Told as in a later batch, where the type is known.
        let told = values.get(good).filter(|_| dtype != DataType::Null);
        let told = told.and_then(|value| build::array(py, std::slice::from_ref(value), &dtype).err());
        let bad = told.map(|told| told.of(&[good])).or(bad);
        let bad = bad.map(|bad| (good, bad.raise(py, Some(name), first)));
        Ok(Self { values: array, dtype, rows, bad })
    }

    /// Its first values, so many.
    pub fn first(self, rows: usize) -> ArrayRef {
        if rows < self.values.len() { self.values.slice(0, rows) } else { self.values }
    }
}

/// How many rows are good in all columns, from the first on, and the error of the next.
pub fn good_rows(columns: &mut [Column]) -> (usize, Option<PyErr>) {
    let rows = columns.first().map_or(0, |column| column.rows);
    let bad = columns.iter_mut().filter_map(|column| column.bad.take()).min_by_key(|(row, _)| *row);
    bad.map_or((rows, None), |(row, error)| (row, Some(error)))
}
