//! [`Late`]: what becomes of rows that miss a window, and the rows that are set aside.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray, UInt32Array};
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::error::{Error, Place, Result};
use crate::types::{DataType, Field, Schema};

/// What becomes of rows that miss a window, or are too far ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Late {
    /// The first one is an error.
    #[default]
    Error,
    /// They are counted.
    Drop,
    /// They are counted and set aside.
    Keep,
}

/// The rows of one batch that are set aside, then all that have not been read.
pub(crate) struct Aside {
    /// What the rows are, and the argument that says what becomes of them.
    what: &'static str,
    schema: Arc<Schema>,
    rows: Vec<u32>,
    missed: Vec<i64>,
    reasons: Vec<&'static str>,
    waiting: Vec<Batch>,
    held: usize,
    max_kept: usize,
}

impl Aside {
    /// Nothing set aside, of rows of this schema that are `late` or `ahead`.
    pub(crate) fn new(what: &'static str, input: &Schema, max_kept: usize) -> Result<Self> {
        let extra = [Field::new("_reason", DataType::Text), Field::new("_missed", DataType::Int64)];
        let schema = Schema::new(input.fields().iter().cloned().chain(extra).collect())?;
        Ok(Self {
            what,
            schema: Arc::new(schema),
            rows: Vec::new(),
            missed: Vec::new(),
            reasons: Vec::new(),
            waiting: Vec::new(),
            held: 0,
            max_kept,
        })
    }

    /// Sets a row of the current batch aside, for this reason.
    ///
    /// # Errors
    /// [`Error::Limit`] if too many wait to be read.
    pub(crate) fn keep(
        &mut self,
        row: usize,
        missed: u64,
        reason: &'static str,
        place: impl FnOnce() -> Place,
    ) -> Result<()> {
        if self.held == self.max_kept {
            let message = format!(
                "{} rows that are {what} are waiting to be read; read them with `for batch in it.late`, \
                 raise max_kept=, or set {what}=\"drop\"",
                self.max_kept,
                what = self.what
            );
            return Err(Error::Limit {
                argument: "max_kept",
                limit: self.max_kept as u64,
                message,
                place: place(),
            });
        }
        self.held += 1;
        self.rows.push(row as u32);
        self.missed.push(missed as i64);
        self.reasons.push(reason);
        Ok(())
    }

    /// Copies the rows set aside out of the batch.
    pub(crate) fn leave(&mut self, batch: &Batch) {
        if self.rows.is_empty() {
            return;
        }
        let rows = UInt32Array::from(std::mem::take(&mut self.rows));
        let take = |column: &ArrayRef| arrow_select::take::take(column, &rows, None).expect("rows of the batch");
        let mut columns: Vec<ArrayRef> = batch.columns().iter().map(take).collect();
        columns.push(Arc::new(StringArray::from(std::mem::take(&mut self.reasons))));
        columns.push(Arc::new(Int64Array::from(std::mem::take(&mut self.missed))));
        let len = columns.last().map_or(0, |column| column.len());
        self.waiting.push(Batch::new(Arc::clone(&self.schema), columns, len));
    }

    /// Takes out all rows set aside.
    pub(crate) fn take(&mut self) -> Vec<Batch> {
        self.held = self.rows.len();
        std::mem::take(&mut self.waiting)
    }
}
