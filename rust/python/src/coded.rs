//! [`Coded`]: a text column as codes and categories.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType as Arrow;
use foldhash::{HashMap, HashSet, HashSetExt};
use pyo3::prelude::*;

use crate::numpy;

/// A text column as codes and categories.
#[derive(Clone)]
pub struct Coded {
    /// The code of each row; -1 where it is null.
    pub codes: ScalarBuffer<i32>,
    /// The texts that the codes stand for.
    pub categories: StringArray,
}

impl Coded {
    /// Codes in order of first appearance in this column, whatever its representation.
    ///
    /// Without a copy if the column has them already.
    pub fn of(column: &ArrayRef) -> Self {
        match column.data_type() {
            Arrow::Dictionary(..) => {
                let dictionary = column.as_dictionary::<Int32Type>();
                Self::in_order(dictionary).unwrap_or_else(|| Self::renumbered(dictionary))
            }
            Arrow::LargeUtf8 => Self::numbered(column.as_string::<i64>().iter()),
            Arrow::Utf8View => Self::numbered(column.as_string_view().iter()),
            _ => Self::numbered(column.as_string::<i32>().iter()),
        }
    }

    /// The codes and categories that the column has.
    pub fn stable(column: &ArrayRef) -> Self {
        let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() else { return Self::of(column) };
        let codes = dictionary.keys();
        let codes = match codes.nulls() {
            None => codes.values().clone(),
            Some(_) => codes.iter().map(|code| code.unwrap_or(-1)).collect(),
        };
        Self { codes, categories: dictionary.values().as_string().clone() }
    }

    fn in_order(column: &DictionaryArray<Int32Type>) -> Option<Self> {
        let (codes, values) = (column.keys(), column.values().as_string::<i32>());
        if codes.null_count() > 0 {
            return None;
        }
        let mut seen = 0;
        let grows_by_one = codes.values().chunks(64).all(|codes| {
            // Mostly none of them is new, which their highest tells.
            codes.iter().fold(0, |highest, &code| highest.max(code)) < seen
                || codes.iter().all(|&code| {
                    let known = code <= seen;
                    seen += i32::from(code == seen);
                    known
                })
        });
        let categories = grows_by_one.then(|| values.slice(0, seen as usize))?;
        let mut distinct = HashSet::with_capacity(categories.len());
        let distinct = categories.iter().all(|text| distinct.insert(text));
        distinct.then(|| Self { codes: codes.values().clone(), categories: categories.clone() })
    }

    fn renumbered(column: &DictionaryArray<Int32Type>) -> Self {
        let (codes, values) = (column.keys(), column.values().as_string::<i32>());
        let mut numbers = Numbers::default();
        let mut renumbered = vec![-1; values.len()];
        let mut code = |old: i32| {
            let new = &mut renumbered[old as usize];
            if *new < 0 {
                *new = numbers.of(values.value(old as usize));
            }
            *new
        };
        let codes = match codes.nulls() {
            None => codes.values().iter().map(|&old| code(old)).collect(),
            Some(_) => codes.iter().map(|old| old.map_or(-1, &mut code)).collect(),
        };
        Self { codes, categories: numbers.texts.into() }
    }

    fn numbered<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut numbers = Numbers::default();
        let codes = texts.map(|text| text.map_or(-1, |text| numbers.of(text))).collect();
        Self { codes, categories: numbers.texts.into() }
    }

    /// The codes as an array.
    pub fn numbers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        numpy::view(py, self.codes.inner().clone(), "i4")
    }
}

/// Numbers for texts, in order of first appearance.
#[derive(Default)]
struct Numbers<'a> {
    known: HashMap<&'a str, i32>,
    texts: Vec<&'a str>,
}

impl<'a> Numbers<'a> {
    fn of(&mut self, text: &'a str) -> i32 {
        let (next, texts) = (self.texts.len() as i32, &mut self.texts);
        *self.known.entry(text).or_insert_with(|| {
            texts.push(text);
            next
        })
    }
}
