//! [`Clock`]: how far event time has come for one operator, and which windows that closes.

use super::calm::Calm;
use super::grid::Grid;
use crate::batch::{Batch, High};
use crate::error::Place;

/// The mark and the watermark of an operator.
pub(crate) struct Clock {
    grid: Grid,
    lateness: i64,
    mark: Option<i64>,
    /// The row that set the mark, if it came with an earlier batch.
    set_by: Place,
    /// The first window end that the watermark has not reached.
    next_end: i64,
    /// The mark at which it does.
    threshold: i64,
    /// The times of rows that change nothing but the mark, once they were asked for.
    calm: Option<Calm>,
}

impl Clock {
    /// A clock that has not started.
    pub(crate) fn new(grid: Grid, lateness: i64) -> Self {
        let (set_by, calm) = (Place::default(), Some(Calm::default()));
        Self { grid, lateness, mark: None, set_by, next_end: i64::MIN, threshold: i64::MIN, calm }
    }

    /// How far event time has come; `i64::MIN` if it has not started.
    pub(crate) fn mark(&self) -> i64 {
        self.mark.unwrap_or(i64::MIN)
    }

    /// The mark less the lateness.
    pub(crate) fn watermark(&self) -> Option<i64> {
        self.mark.map(|mark| mark.saturating_sub(self.lateness))
    }

    /// The mark from which on a window closes.
    pub(crate) fn threshold(&self) -> i64 {
        self.threshold
    }

    /// The first pane that may still get rows which miss no window.
    pub(crate) fn active(&self) -> i64 {
        if self.mark.is_some() { self.grid.active(self.next_end) } else { i64::MIN }
    }

    /// The times of rows that change nothing but the mark.
    pub(crate) fn calm(&mut self) -> &Calm {
        self.calm.get_or_insert_with(|| Calm::new(self.grid, self.next_end, self.threshold))
    }

    /// Moves on to a mark; tells whether a window may have closed.
    pub(crate) fn reach(&mut self, mark: i64) -> bool {
        if self.mark.is_some_and(|old| mark <= old) {
            return false;
        }
        self.mark = Some(mark);
        if mark < self.threshold {
            return false;
        }
        let watermark = mark.saturating_sub(self.lateness).max(self.grid.first_time());
        self.next_end = self.grid.next_end(watermark);
        self.threshold = self.next_end.saturating_add(self.lateness);
        self.calm = None;
        true
    }

    /// Remembers, at the end of a batch, which row set the mark.
    pub(crate) fn note(&mut self, batch: &Batch, high: &High) {
        if self.mark == Some(high.time) {
            self.set_by = if high.place == Place::default() { batch_place(batch) } else { high.place.clone() };
        }
    }

    /// The row that set the mark when the row `row` of the batch came, before which the mark was `before`.
    pub(crate) fn set_by(&self, batch: &Batch, row: usize, before: i64) -> Place {
        let Some(time) = batch.time().filter(|_| self.mark() > before) else { return self.set_by.clone() };
        match time.ticks[..row].iter().position(|&tick| Some(tick) == self.mark) {
            Some(row) => batch.origin().place(row),
            None if time.before.as_ref().is_some_and(|before| Some(before[row]) == self.mark) => {
                batch_place(batch)
            }
            None => self.set_by.clone(),
        }
    }
}

/// Somewhere in the source of the batch.
fn batch_place(batch: &Batch) -> Place {
    Place { source: batch.origin().source.as_deref().map(str::to_owned), ..Place::default() }
}
