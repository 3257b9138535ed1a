//! [`Group`]: the operator of `group_by`, which gives its results at the end, and running ones on the way.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;

use super::keys::Keys;
use super::pace::Progress;
use crate::aggregate::{Fold, Inputs, Recipe, Table};
use crate::batch::Batch;
use crate::column::from_i64;
use crate::error::{Error, Overflow, Place, Result};
use crate::expr::{Bound, evaluate_all};
use crate::memory;
use crate::stage::{Ledger, Stage};
use crate::types::Schema;

/// A batch that is being folded.
struct Current {
    batch: Batch,
    inputs: Inputs,
    /// The groups of its rows, up to the first in error.
    numbers: Vec<u32>,
    /// Where running results are due, and what is reached there.
    cuts: std::vec::IntoIter<(usize, i64)>,
    /// The next row to fold.
    row: usize,
    error: Option<Error>,
}

/// Results that are being handed out.
struct Showing {
    /// What has been reached; `None` at the end.
    until: Option<i64>,
    groups: usize,
    sent: usize,
}

/// The operator of `group_by`. Keys are numbered as they first appear, and the number is the slot.
pub(crate) struct Group {
    by: Vec<Bound>,
    keys: Keys,
    recipe: Recipe,
    table: Table,
    schema: Arc<Schema>,
    batch_rows: usize,
    max_state: u64,
    /// When running results are due, if they are.
    progress: Option<Progress>,
    current: Option<Current>,
    showing: Option<Showing>,
    /// How many groups have rows.
    groups: usize,
    failure: Option<Error>,
    ledger: Ledger,
}

impl Group {
    /// Groups by these expressions.
    pub(crate) fn new(
        by: Vec<Bound>,
        keys: Keys,
        recipe: Recipe,
        schema: Arc<Schema>,
        batch_rows: usize,
        max_state: u64,
        name: String,
    ) -> Self {
        let table = Table::new(&recipe);
        let ledger = Ledger::new(name);
        Self {
            by,
            keys,
            recipe,
            table,
            schema,
            batch_rows,
            max_state,
            progress: None,
            current: None,
            showing: None,
            groups: 0,
            failure: None,
            ledger,
        }
    }

    /// The same with running results, which its schema has a column for, if there is to be any.
    pub(crate) fn paced(self, progress: Option<Progress>) -> Self {
        Self { progress, ..self }
    }

    fn open(&mut self, batch: Batch) -> Current {
        let (inputs, mut fault) = self.recipe.read(&batch);
        let columns = evaluate_all(&self.by, &batch, &mut fault);
        let mut numbers = self.keys.number(&columns, batch.rows());
        numbers.truncate(fault.as_ref().map_or(batch.rows(), |fault| fault.row));
        self.table.grow(self.keys.len());
        let cuts = self.progress.as_mut().map_or(Vec::new(), |progress| progress.cuts(&batch, numbers.len()));
        let error = fault.map(|fault| fault.into_error(&batch));
        Current { batch, inputs, numbers, cuts: cuts.into_iter(), row: 0, error }
    }

    /// Folds the rows up to the next running results, or to the end of the batch.
    fn fold(&mut self, mut current: Current) {
        let cut = current.cuts.next();
        let (start, end) = (current.row, cut.map_or(current.numbers.len(), |(row, _)| row));
        let slots = &current.numbers[start..end];
        let times = current.batch.time().map(|time| &time.ticks[..]);
        self.table.fold(Fold { inputs: &current.inputs, start, slots, times });
        self.ledger.aggregated += slots.len() as u64;
        self.ledger.held -= slots.len() as u64;
        // A key is numbered when it first appears.
        self.groups = slots.iter().max().map_or(0, |&last| last as usize + 1).max(self.groups);
        current.row = end;
        if let Some((_, until)) = cut {
            self.showing = Some(Showing { until: Some(until), groups: self.groups, sent: 0 });
            self.current = Some(current);
        } else {
            let state = (self.table.bytes() + self.keys.memory()) as u64;
            self.failure = current.error.or_else(|| memory::check(state, self.max_state).err());
        }
    }

    /// The column that says what has been reached, if there are running results.
    fn until(&self, until: Option<i64>, rows: usize) -> Option<ArrayRef> {
        let dtype = self.progress.as_ref().map(|_| self.schema.fields()[0].dtype.to_arrow())?;
        let values = std::iter::repeat_n(until.unwrap_or(0), rows);
        Some(from_i64(&dtype, values, until.is_none().then(|| NullBuffer::new_null(rows))))
    }

    /// The next results that are being handed out; of one that does not fit, those before it.
    fn results(&mut self, showing: &mut Showing, rows: usize) -> Result<Batch> {
        let slots: Vec<u32> = (showing.sent as u32..(showing.sent + rows) as u32).collect();
        let keys = self.keys.columns(&slots);
        let mut columns: Vec<ArrayRef> = self.until(showing.until, rows).into_iter().chain(keys.clone()).collect();
        let results = self.table.lower(self.recipe.outputs(), &slots).map_err(|unfit| {
            let key: Vec<String> = keys.iter().map(|column| crate::show::value(column, unfit.at)).collect();
            let what = match key.is_empty() {
                true => format!("{} of all rows", unfit.output),
                false => format!("{} of the group ({})", unfit.output, key.join(", ")),
            };
            (
                unfit.at,
                Error::Overflow(Box::new(Overflow {
                    place: Place::default(),
                    column: Some(unfit.output.to_string()),
                    what,
                    value: unfit.value,
                    reason: unfit.reason,
                })),
            )
        });
        match results {
            Ok(results) => columns.extend(results),
            Err((0, error)) => return Err(error),
            Err((at, error)) => {
                // The results before the one that does not fit still go out.
                (self.failure, self.current) = (Some(error), None);
                return self.results(showing, at);
            }
        }
        showing.sent += rows;
        self.ledger.rows_out += rows as u64;
        Ok(Batch::new(Arc::clone(&self.schema), columns, rows))
    }
}

impl Stage for Group {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held = batch.rows() as u64;
        let current = self.open(batch);
        self.current = Some(current);
    }

    fn end(&mut self, _: usize) {
        if self.by.is_empty() {
            self.keys.number(&[], 1);
            self.table.grow(1);
        }
        self.showing = Some(Showing { until: None, groups: self.table.len(), sent: 0 });
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        loop {
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            if let Some(mut showing) = self.showing.take() {
                let rows = (showing.groups - showing.sent).min(self.batch_rows);
                if rows > 0 {
                    let batch = self.results(&mut showing, rows)?;
                    self.showing = Some(showing);
                    return Ok(Some(batch));
                }
            } else if let Some(current) = self.current.take() {
                self.fold(current);
            } else {
                return Ok(None);
            }
        }
    }

    fn quiet(&self) -> Option<Range<i64>> {
        let is_plain = self.recipe.is_plain() && self.by.iter().all(|by| by.as_column().is_some());
        (self.progress.is_none() && is_plain && self.failure.is_none()).then_some(i64::MIN..i64::MAX)
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            live_keys: self.keys.held() as u64,
            state_bytes: (self.table.bytes() + self.keys.memory()) as u64,
            ..self.ledger.clone()
        }
    }
}
