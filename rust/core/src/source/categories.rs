//! [`Categories`]: text columns whose codes are stable over the whole stream.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::NullBuffer;

use crate::batch::Batch;
use crate::column::Texts;
use crate::error::{Error, Place};
use crate::types::{DataType, Field, Schema};

/// The categories of the categorical columns of a stream.
pub(crate) struct Categories(Vec<(usize, Column)>);

/// A category that is one too many.
#[derive(Clone, Copy)]
pub(crate) struct Full {
    /// The first row that has one.
    pub(crate) row: usize,
    /// Which of the columns it is in.
    of: usize,
}

impl Categories {
    /// No categories yet.
    pub(crate) fn new(schema: &Schema) -> Self {
        let column = |(at, field): (usize, &Field)| match field.dtype {
            DataType::Categorical(max) => Some((at, Column::new(&field.name, max))),
            _ => None,
        };
        Self(schema.fields().iter().enumerate().filter_map(column).collect())
    }

    /// Codes the categorical columns; tells where that ends.
    pub(crate) fn code(&mut self, columns: &mut [ArrayRef]) -> Option<Full> {
        let mut first: Option<Full> = None;
        for (of, (at, column)) in self.0.iter_mut().enumerate() {
            let (coded, full) = column.code(&columns[*at]);
            columns[*at] = coded;
            let full = full.map(|row| Full { row, of });
            first = first.into_iter().chain(full).min_by_key(|full| full.row);
        }
        first
    }

    /// A batch, whose categorical columns may be any text, as one of this schema; tells where that ends.
    pub(crate) fn adopt(&mut self, batch: Batch, schema: &Arc<Schema>) -> (Batch, Option<Full>) {
        if self.0.is_empty() && batch.schema() == schema {
            return (batch, None);
        }
        let mut columns = batch.columns().to_vec();
        let full = self.code(&mut columns);
        (batch.with_columns(Arc::clone(schema), columns), full)
    }

    /// The error of a category too many.
    pub(crate) fn too_many(&self, full: Full, place: Place) -> Error {
        let Column { name, max, .. } = &self.0[full.of].1;
        let message = format!("column {name:?} has more than the {max} categories declared; raise max=");
        Error::Limit { argument: "max", limit: u64::from(*max), message, place }
    }
}

/// The categories of one column, numbered in the order in which they first appeared.
struct Column {
    name: String,
    max: u32,
    codes: HashMap<String, i32>,
    values: Vec<String>,
    shared: Arc<StringArray>,
}

impl Column {
    fn new(name: &str, max: u32) -> Self {
        let shared = Arc::new(StringArray::new_null(0));
        Self { name: name.to_owned(), max, codes: HashMap::new(), values: Vec::new(), shared }
    }

    /// Codes the column; gives the row of the first category that is one too many, from which on all is null.
    fn code(&mut self, column: &ArrayRef) -> (ArrayRef, Option<usize>) {
        let (texts, mut nulls) = (Texts::of(column), column.logical_nulls());
        let mut codes = Vec::with_capacity(column.len());
        for row in 0..column.len() {
            let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            match if null { Some(0) } else { self.code_of(texts.get(row)) } {
                Some(code) => codes.push(code),
                None => break,
            }
        }
        let full = Some(codes.len()).filter(|&row| row < column.len());
        if let Some(full) = full {
            let good: NullBuffer = (0..column.len()).map(|row| row < full).collect::<Vec<_>>().into();
            nulls = NullBuffer::union(nulls.as_ref(), Some(&good));
            codes.resize(column.len(), 0);
        }
        if self.shared.len() != self.values.len() {
            self.shared = Arc::new(StringArray::from(self.values.clone()));
        }
        let keys = Int32Array::new(codes.into(), nulls);
        (Arc::new(DictionaryArray::new(keys, Arc::clone(&self.shared) as ArrayRef)), full)
    }

    fn code_of(&mut self, text: &str) -> Option<i32> {
        if let Some(&code) = self.codes.get(text) {
            return Some(code);
        }
        if self.values.len() == self.max as usize {
            return None;
        }
        let code = self.values.len() as i32;
        self.codes.insert(text.to_owned(), code);
        self.values.push(text.to_owned());
        Some(code)
    }
}
