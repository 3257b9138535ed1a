//! [`Emission`]: results that are ready to go out.

use std::sync::Arc;

use arrow_array::ArrayRef;

use super::keys::Keys;
use crate::aggregate::{Recipe, Table};
use crate::batch::{Batch, EventTime};
use crate::column::from_i64;
use crate::error::{Error, Overflow, Place};
use crate::types::{DataType, Schema};

/// Results that are ready: for each its slot, its key, the end of its window, and how far event time had
/// come before the row that closed it.
#[derive(Default)]
pub(crate) struct Emission {
    pub(crate) slots: Vec<u32>,
    pub(crate) keys: Vec<u32>,
    pub(crate) ends: Vec<i64>,
    pub(crate) before: Vec<i64>,
    /// How many of them have gone out.
    sent: usize,
}

/// What results look like.
pub(crate) struct Shape {
    /// The schema of the output.
    pub(crate) schema: Arc<Schema>,
    /// The size of a window.
    pub(crate) size: i64,
    /// The type of event time.
    pub(crate) time: DataType,
    /// The names of the keys, for errors.
    pub(crate) by: Vec<String>,
}

/// A result that does not fit its type.
pub(crate) struct Unsendable {
    /// How many results come before it.
    pub(crate) at: usize,
    /// What is wrong with it.
    pub(crate) error: Box<Error>,
}

impl Emission {
    /// How many results wait to go out.
    pub(crate) fn len(&self) -> usize {
        self.keys.len() - self.sent
    }

    /// Gives the new keys of a window that has this end.
    pub(crate) fn close(&mut self, end: i64, before: i64) {
        self.ends.resize(self.keys.len(), end);
        self.before.resize(self.keys.len(), before);
    }

    /// Forgets the results that have gone out. Where results have a table of their own, it keeps the rest.
    pub(crate) fn settle(&mut self, results: Option<&mut Table>) {
        self.keys.drain(..self.sent);
        self.ends.drain(..self.sent);
        self.before.drain(..self.sent);
        self.slots.drain(..self.sent);
        if let Some(results) = results {
            results.keep(&self.slots);
            self.slots = (0..self.keys.len() as u32).collect();
        }
        self.sent = 0;
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        (self.slots.capacity() + self.keys.capacity()) * 4 + (self.ends.capacity() + self.before.capacity()) * 8
    }

    /// Forgets all results.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.keys.clear();
        self.ends.clear();
        self.before.clear();
        self.sent = 0;
    }

    /// The next `rows` results, read from the table that their slots are of.
    ///
    /// # Errors
    /// [`Unsendable`] if a result does not fit its type.
    pub(crate) fn send(
        &mut self,
        rows: usize,
        table: &Table,
        recipe: &Recipe,
        keys: &Keys,
        shape: &Shape,
    ) -> Result<Batch, Unsendable> {
        let range = self.sent..self.sent + rows;
        let ends = &self.ends[range.clone()];
        let results = table.lower(recipe.outputs(), &self.slots[range.clone()]).map_err(|unfit| {
            let what = self.describe(range.start + unfit.at, &unfit.output, keys, shape);
            let error = Error::Overflow(Box::new(Overflow {
                place: Place::default(),
                column: Some(unfit.output.to_string()),
                what,
                reason: unfit.reason,
            }));
            Unsendable { at: unfit.at, error: Box::new(error) }
        })?;
        let arrow = shape.time.to_arrow();
        let mut columns: Vec<ArrayRef> = vec![
            from_i64(&arrow, ends.iter().map(|end| end - shape.size), None),
            from_i64(&arrow, ends.iter().copied(), None),
        ];
        columns.extend(keys.columns(&self.keys[range.clone()]));
        columns.extend(results);
        let time = EventTime {
            dtype: shape.time.clone(),
            ticks: ends.iter().map(|end| end - 1).collect(),
            before: Some(self.before[range.clone()].iter().copied().collect()),
            high: None,
            passive: true,
        };
        self.sent = range.end;
        Ok(Batch::new(Arc::clone(&shape.schema), columns, rows).with_time(Some(time)))
    }

    fn describe(&self, at: usize, output: &str, keys: &Keys, shape: &Shape) -> String {
        let end = crate::show::time(self.ends[at], &shape.time);
        let key = keys.columns(&self.keys[at..=at]);
        let key: Vec<String> = shape
            .by
            .iter()
            .zip(&key)
            .map(|(name, column)| format!("{name}={}", crate::show::value(column, 0)))
            .collect();
        let of = if key.is_empty() { String::new() } else { format!(" of {}", key.join(", ")) };
        format!("{output}{of} in the window that ends at {end}")
    }
}
