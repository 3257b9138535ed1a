//! [`Categories`]: text columns whose codes are stable over the whole stream.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};

use crate::column::Texts;
use crate::error::{Error, Place, Result};

/// The categories of one column, numbered in the order in which they first appeared.
pub(crate) struct Categories {
    column: String,
    max: u32,
    codes: HashMap<String, i32>,
    values: Vec<String>,
    shared: Arc<StringArray>,
}

impl Categories {
    /// No categories yet, of at most so many.
    pub(crate) fn new(column: &str, max: u32) -> Self {
        let shared = Arc::new(StringArray::from(Vec::<String>::new()));
        Self { column: column.to_owned(), max, codes: HashMap::new(), values: Vec::new(), shared }
    }

    /// Codes a column; gives the row of the first category that is one too many.
    pub(crate) fn code(&mut self, column: &ArrayRef) -> (ArrayRef, Option<usize>) {
        let (texts, nulls) = (Texts::of(column), column.logical_nulls());
        let mut codes = Vec::with_capacity(column.len());
        let mut full = None;
        for row in 0..column.len() {
            let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            let code = if null { Some(0) } else { self.code_of(texts.get(row)) };
            if code.is_none() && full.is_none() {
                full = Some(row);
            }
            codes.push(code.unwrap_or(0));
        }
        if self.shared.len() != self.values.len() || self.values.is_empty() {
            let values = if self.values.is_empty() { vec![String::new()] } else { self.values.clone() };
            self.shared = Arc::new(StringArray::from(values));
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

    /// The error of a category too many.
    pub(crate) fn too_many(&self, place: Place) -> Error {
        let message =
            format!("column {:?} has more than the {} categories declared; raise max=", self.column, self.max);
        Error::Limit { argument: "max", limit: u64::from(self.max), message, place }
    }
}

/// Codes the categorical columns of a batch.
///
/// # Errors
/// With the number of good rows, if one has a category too many.
pub(crate) fn code_columns(
    categories: &mut [(usize, Categories)],
    columns: &mut [ArrayRef],
) -> Result<(), (usize, usize)> {
    let mut first: Option<(usize, usize)> = None;
    for (of, (at, categories)) in categories.iter_mut().enumerate() {
        let (coded, full) = categories.code(&columns[*at]);
        columns[*at] = coded;
        if let Some(row) = full
            && first.is_none_or(|(known, _)| row < known)
        {
            first = Some((row, of));
        }
    }
    first.map_or(Ok(()), Err)
}
