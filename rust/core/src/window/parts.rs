//! [`Parts`]: what every operator of windows is made of, and [`Rows`]: a batch as it reads it.

use std::sync::Arc;
use std::time::Duration;

use super::emission::Shape;
use super::keys::Keys;
use super::late::{Aside, Late};
use super::mark::Mark;
use crate::aggregate::{Inputs, Recipe};
use crate::batch::{Batch, EventTime, High};
use crate::error::{Error, LateRow, Overflow, Result};
use crate::expr::{Bound, Fault, evaluate_all};
use crate::show;
use crate::stage::{Ledger, Patience};
use crate::time;
use crate::types::DataType;

/// What an operator of windows is made of, whatever its windows are.
pub(crate) struct Parts {
    /// The columns of the keys.
    pub(crate) by: Vec<Bound>,
    /// No keys.
    pub(crate) keys: Keys,
    /// The aggregates.
    pub(crate) recipe: Recipe,
    /// Event time, where it is not what the batches carry.
    pub(crate) time: Option<Bound>,
    /// How far a row may lag behind, in ticks.
    pub(crate) lateness: i64,
    /// What becomes of rows that lag further.
    pub(crate) late: Late,
    /// Nothing set aside.
    pub(crate) aside: Aside,
    /// What results look like.
    pub(crate) shape: Shape,
    /// How long nothing may come before all that has rows is closed.
    pub(crate) patience: Option<Patience>,
    /// Since when nothing has come.
    pub(crate) quiet: Option<Duration>,
    /// How many results a batch may have.
    pub(crate) batch_rows: usize,
    /// How many bytes the state may take.
    pub(crate) max_state: u64,
    /// The stage, as in the plan.
    pub(crate) name: String,
}

/// The rows of a batch, read.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) batch: Batch,
    pub(crate) time: EventTime,
    /// Whether the times never fall.
    pub(crate) in_order: bool,
    /// The number of each row's key, and how many numbers keys have.
    pub(crate) numbers: Arc<Vec<u32>>,
    pub(crate) keys: usize,
    pub(crate) inputs: Arc<Inputs>,
    /// The next row to work off.
    pub(crate) row: usize,
    /// The rows before this one are good.
    pub(crate) end: usize,
    /// How far event time had come before the batch.
    pub(crate) mark: i64,
}

impl Rows {
    /// How far event time comes behind the last good row, where the rows do not tell.
    pub(crate) fn high(&self) -> Option<High> {
        if self.end == self.batch.rows() {
            return self.time.high.clone();
        }
        // Other rows may have come before the one that is in error.
        let before = self.time.before.as_ref()?;
        Some(High { time: before[self.end], place: self.time.setter(self.end) })
    }
}

impl Parts {
    /// Reads a batch, up to its first row that is in error; gives that error too.
    pub(crate) fn read(&mut self, batch: Batch, mark: &Mark) -> (Rows, Option<Error>) {
        self.quiet = None;
        let (inputs, numbers, mut fault) = self.values(&batch);
        let own = self.time.as_ref().map(|bound| evaluate_all([bound], &batch, &mut fault).remove(0));
        let mut end = fault.as_ref().map_or(batch.rows(), |fault| fault.row);
        let mut failure = fault.map(|fault| fault.into_error(&batch));
        let time = match (own, &self.time) {
            (Some(column), Some(bound)) => {
                let (ticks, untimed) = time::ticks(&column.slice(0, end), bound.name(), &batch);
                (end, failure) = (ticks.len(), untimed.or(failure));
                EventTime::new(bound.dtype().clone(), ticks)
            }
            _ => batch.time().cloned().unwrap_or_else(|| by_arrival(batch.rows())),
        };
        let in_order = time.is_sorted();
        let (numbers, keys) = (Arc::new(numbers), self.keys.len());
        (Rows { batch, time, in_order, numbers, keys, inputs, row: 0, end, mark: mark.time() }, failure)
    }

    /// Whether, as of now, nothing has come for too long.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.patience.as_ref().is_some_and(|patience| patience.is_over(&mut self.quiet))
    }

    /// What aggregates read of a batch, the numbers of its keys, and what is wrong with its first row in error.
    pub(crate) fn values(&mut self, batch: &Batch) -> (Arc<Inputs>, Vec<u32>, Option<Fault>) {
        let (inputs, mut fault) = self.recipe.read(batch);
        let columns = evaluate_all(&self.by, batch, &mut fault);
        (Arc::new(inputs), self.keys.number(&columns, batch.rows()), fault)
    }

    /// Whether it reads columns as they are, and the time of the source, so that no row can be in error.
    pub(crate) fn is_plain(&self) -> bool {
        self.time.is_none() && self.by.iter().all(|by| by.as_column().is_some()) && self.recipe.is_plain()
    }

    /// Ends a batch: what it did to event time, and its late rows.
    pub(crate) fn finish(&mut self, rows: &Rows, mark: &mut Mark, ledger: &mut Ledger) {
        self.aside.leave(&rows.batch);
        // After an error the rest of the batch stays where it is: it is nobody's, but accounted for.
        ledger.held = (rows.batch.rows() - rows.row) as u64;
        mark.note_highest(rows);
    }

    /// Deals with a row that missed windows, and would have missed none with a lateness of `enough`; so many
    /// more that have it are open.
    ///
    /// # Errors
    /// [`Error::LateRow`] if late rows are errors, [`Error::Limit`] if too many wait to be read.
    pub(crate) fn miss(
        &mut self,
        rows: &Rows,
        row: usize,
        (missed, open): (u64, u64),
        enough: i64,
        mark: &Mark,
    ) -> Result<()> {
        match self.late {
            Late::Drop => Ok(()),
            Late::Keep => {
                let reason = if open == 0 { "late" } else { "partly late" };
                self.aside.keep(row, missed, reason, || rows.batch.origin().place(row))
            }
            Late::Error => Err(self.late_row(rows, row, missed, enough, mark)),
        }
    }

    /// The error of a row that missed windows, and would have missed none with a lateness of `enough`.
    fn late_row(&self, rows: &Rows, row: usize, missed: u64, enough: i64, mark: &Mark) -> Error {
        Error::LateRow(Box::new(LateRow {
            place: rows.batch.origin().place(row),
            dtype: self.shape.time.clone(),
            time: rows.time.ticks[row],
            watermark: mark.watermark().unwrap_or(i64::MIN),
            enough,
            set_by: mark.set_by(&rows.batch, &rows.time, row, rows.mark),
            missed,
        }))
    }

    /// The error of a row whose windows have edges beyond the range of event time.
    pub(crate) fn out_of_range(&self, rows: &Rows, row: usize) -> Error {
        let time = show::time(rows.time.ticks[row], &self.shape.time);
        Error::Overflow(Box::new(Overflow {
            place: rows.batch.origin().place(row),
            column: None,
            what: format!("event time {time}"),
            value: Some(time),
            reason:
                "it is so near the end of its range that its window has no start or no end; leave such rows out \
                     with filter() or, where they are far ahead, with max_ahead="
                    .into(),
        }))
    }
}

/// Works off a part of the batch that an operator has, in rounds, or finishes it; tells whether there was one.
pub(crate) fn work_off<O>(
    operator: &mut O,
    own: fn(&mut O) -> (&mut Option<Rows>, &mut Ledger),
    round: fn(&mut O, &mut Rows),
    finish: fn(&mut O, &Rows),
) -> bool {
    let Some(mut rows) = own(operator).0.take() else { return false };
    if rows.row == rows.end {
        finish(operator, &rows);
        return true;
    }
    round(operator, &mut rows);
    let (current, ledger) = own(operator);
    ledger.held = (rows.batch.rows() - rows.row) as u64;
    *current = Some(rows);
    true
}

/// The times of rows that have none, so that their order is that of arrival.
fn by_arrival(rows: usize) -> EventTime {
    EventTime::new(DataType::Int64, vec![0; rows].into())
}
