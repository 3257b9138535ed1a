//! [`Mark`]: how far event time has come for one operator, and which row brought it there.

use super::parts::Rows;
use crate::batch::{Batch, High};
use crate::error::Place;

/// The mark and the watermark of an operator.
pub(crate) struct Mark {
    lateness: i64,
    time: Option<i64>,
    /// The row that set it, if it came with an earlier batch.
    set_by: Place,
}

impl Mark {
    /// Event time that has not started, for rows that may lag behind so far.
    pub(crate) fn new(lateness: i64) -> Self {
        Self { lateness, time: None, set_by: Place::default() }
    }

    /// How far event time has come; `i64::MIN` if it has not started.
    pub(crate) fn time(&self) -> i64 {
        self.time.unwrap_or(i64::MIN)
    }

    /// How far rows may lag behind.
    pub(crate) fn lateness(&self) -> i64 {
        self.lateness
    }

    /// The mark less the lateness.
    pub(crate) fn watermark(&self) -> Option<i64> {
        self.time.map(|time| time.saturating_sub(self.lateness))
    }

    /// Moves on to a time; tells whether it did, which it does not if it has come further.
    pub(crate) fn reach(&mut self, time: i64) -> bool {
        if self.time.is_some_and(|old| time <= old) {
            return false;
        }
        self.time = Some(time);
        true
    }

    /// Notes that it was no row that set the mark, but that none had come.
    pub(crate) fn note_quiet(&mut self) {
        self.set_by = Place { source: Some("idle_timeout".into()), ..Place::default() };
    }

    /// Remembers, at the end of a batch, which of its rows set the mark, if one did.
    pub(crate) fn note_highest(&mut self, rows: &Rows) {
        let own = if rows.time.passive { &[] } else { &rows.time.ticks[..] };
        if self.time() > rows.mark
            && let Some(row) = first(own, self.time(), rows.in_order)
        {
            self.note(&rows.batch, &High { time: self.time(), place: rows.batch.origin().place(row) });
        }
    }

    /// Remembers which row set the mark, where it came by itself.
    pub(crate) fn note_row(&mut self, place: Place) {
        self.set_by = place;
    }

    /// Remembers, at the end of a batch, which row set the mark.
    pub(crate) fn note(&mut self, batch: &Batch, high: &High) {
        if self.time == Some(high.time) {
            self.set_by = if high.place == Place::default() { batch_place(batch) } else { high.place.clone() };
        }
    }

    /// The row that set the mark when the row `row` of the batch came, before which the mark was `before`.
    pub(crate) fn set_by(&self, batch: &Batch, row: usize, before: i64) -> Place {
        let Some(time) = batch.time().filter(|_| self.time() > before) else { return self.set_by.clone() };
        match time.ticks[..row].iter().position(|&tick| Some(tick) == self.time) {
            Some(row) => batch.origin().place(row),
            None if time.before.as_ref().is_some_and(|before| Some(before[row]) == self.time) => {
                batch_place(batch)
            }
            None => self.set_by.clone(),
        }
    }
}

/// The first of the times that is this one. In order they never fall.
fn first(times: &[i64], time: i64, in_order: bool) -> Option<usize> {
    if in_order {
        return Some(times.partition_point(|&other| other < time)).filter(|&at| times.get(at) == Some(&time));
    }
    const STEP: usize = 1024;
    // Without a branch per row, so that it compiles to a vector loop.
    let has = |step: &&[i64]| step.iter().fold(false, |any, &other| any | (other == time));
    let (at, step) = times.chunks(STEP).enumerate().find(|(_, step)| has(step))?;
    Some(at * STEP + step.iter().position(|&other| other == time)?)
}

/// Somewhere in the source of the batch.
fn batch_place(batch: &Batch) -> Place {
    Place { source: batch.origin().source.as_deref().map(str::to_owned), ..Place::default() }
}
