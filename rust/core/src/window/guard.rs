//! [`Guard`]: keeps rows out whose time is too far ahead, and so event time from jumping.

use arrow_buffer::{BooleanBuffer, ScalarBuffer};

use super::late::{Aside, Late};
use super::mark::Mark;
use crate::batch::{Batch, EventTime};
use crate::error::{AheadRow, Error};
use crate::expr::{Bound, evaluate_all};
use crate::stage::{Ledger, Pass};
use crate::time;
use crate::types::DataType;

/// How many rows are looked at together.
const TOGETHER: usize = 1024;

/// Passes the rows on that are no more than so far ahead of the latest before them.
pub(crate) struct Guard {
    /// Event time, where it is not what the batches carry.
    time: Option<Bound>,
    dtype: DataType,
    /// How far a row may be ahead, in ticks.
    most: i64,
    further: Late,
    aside: Aside,
    mark: Mark,
}

impl Guard {
    /// A guard that has seen nothing.
    pub(crate) fn new(
        (time, dtype): (Option<Bound>, DataType),
        (most, further): (i64, Late),
        aside: Aside,
    ) -> Self {
        Self { time, dtype, most, further, aside, mark: Mark::new(0) }
    }

    /// The times of the rows, up to the first that has none.
    fn ticks(&self, batch: &Batch) -> ScalarBuffer<i64> {
        let Some(bound) = &self.time else {
            return batch.time().map_or_else(ScalarBuffer::default, |time| time.ticks.clone());
        };
        let mut fault = None;
        let columns = evaluate_all([bound], batch, &mut fault);
        let good = columns[0].slice(0, fault.map_or(batch.rows(), |fault| fault.row));
        time::ticks(&good, None, batch).0
    }

    /// The rows that are too far ahead: if that is an error, the first. The others move the mark.
    fn judge(&mut self, ticks: &[i64]) -> Vec<usize> {
        let mut gone = Vec::new();
        for (chunk, ticks) in ticks.chunks(TOGETHER).enumerate() {
            let highest = ticks.iter().copied().max().unwrap_or(i64::MIN);
            if !self.is_ahead(highest) && self.mark.watermark().is_some() {
                self.mark.reach(highest);
                continue;
            }
            for (row, &tick) in ticks.iter().enumerate() {
                if !self.is_ahead(tick) {
                    self.mark.reach(tick);
                    continue;
                }
                gone.push(chunk * TOGETHER + row);
                if self.further == Late::Error {
                    return gone;
                }
            }
        }
        gone
    }

    fn is_ahead(&self, tick: i64) -> bool {
        self.mark.watermark().is_some_and(|mark| tick > mark.saturating_add(self.most))
    }

    fn ahead_row(&self, timed: &Batch, row: usize, before: i64) -> Error {
        let times = timed.time();
        let (time, mark) = (times.map_or(0, |time| time.ticks[row]), self.mark.time());
        let set_by = times.map(|times| self.mark.set_by(timed, times, row, before));
        Error::AheadRow(Box::new(AheadRow {
            place: timed.origin().place(row),
            dtype: self.dtype.clone(),
            time,
            mark,
            enough: time.saturating_sub(mark),
            set_by: set_by.unwrap_or_default(),
        }))
    }

    /// Goes as far as event time was moved on by hand, which is never too far. Nothing else is told beside the rows.
    fn follow(&mut self, batch: &Batch) {
        let time = batch.time().filter(|_| self.time.is_none());
        if let Some(high) = time.and_then(|time| time.high.as_ref()).filter(|high| self.mark.reach(high.time)) {
            self.mark.note(batch, high);
        }
    }

    /// The rows of a batch but for those that are gone, which are counted and, if they are kept, set aside.
    fn leave_out(&mut self, batch: Batch, gone: &[usize], ledger: &mut Ledger) -> (Batch, Option<Error>) {
        let (mut rows, mut counted, mut failure) = (batch.rows(), gone.len(), None);
        if self.further == Late::Keep {
            for (at, &row) in gone.iter().enumerate() {
                if let Err(error) = self.aside.keep(row, 0, "ahead", || batch.origin().place(row)) {
                    (rows, counted, failure) = (row, at, Some(error));
                    break;
                }
            }
            self.aside.leave(&batch);
        }
        ledger.ahead += counted as u64;
        let mut keep = vec![true; rows];
        gone[..counted].iter().for_each(|&row| keep[row] = false);
        let keep = BooleanBuffer::from(keep);
        let passed = batch.slice(0, rows).filter(&keep);
        // Of those that are gone event time knows nothing.
        let raw = batch.time().map(|time| {
            EventTime::new(time.dtype.clone(), keep.set_indices().map(|row| time.ticks[row]).collect())
        });
        (passed.with_time(raw), failure)
    }
}

impl Pass for Guard {
    fn pass(&mut self, batch: Batch, ledger: &mut Ledger) -> (Batch, Option<Error>) {
        self.follow(&batch);
        let (ticks, before) = (self.ticks(&batch), self.mark.time());
        let gone = self.judge(&ticks);
        if !gone.is_empty() && self.further != Late::Error {
            return self.leave_out(batch, &gone, ledger);
        }
        let timed = batch.clone().with_time(Some(EventTime::new(self.dtype.clone(), ticks)));
        if let Some(&row) = gone.first() {
            let error = self.ahead_row(&timed, row, before);
            return (batch.slice(0, row), Some(error));
        }
        if let Some(high) = timed.highest().filter(|high| high.time > before) {
            self.mark.note(&batch, &high);
        }
        (batch, None)
    }

    fn is_stateless(&self) -> bool {
        false
    }

    fn take_aside(&mut self) -> Vec<Batch> {
        self.aside.take()
    }
}
