//! [`Mark`]: how far event time has come for one operator, and which row brought it there.

use super::parts::Rows;
use crate::batch::{Batch, EventTime, High};
use crate::error::Place;

/// The mark and the watermark of an operator.
pub(crate) struct Mark {
    lateness: i64,
    time: Option<i64>,
    /// The row that set it, if it came with an earlier batch, and what it set it to.
    set_by: Place,
    noted: Option<i64>,
}

impl Mark {
    /// Event time that has not started, for rows that may lag behind so far.
    pub(crate) fn new(lateness: i64) -> Self {
        Self { lateness, time: None, set_by: Place::default(), noted: None }
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
        self.note_row(Place { source: Some("idle_timeout".into()), ..Place::default() });
    }

    /// Remembers, at the end of a batch, which of its rows set the mark, if one did.
    pub(crate) fn note_highest(&mut self, rows: &Rows) {
        // Where rows were left out, it may have been one of those, as the batch tells.
        let own = if rows.time.passive || rows.time.setters.is_some() { &[] } else { &rows.time.ticks[..] };
        if self.time() > rows.mark
            && let Some(row) = first(own, self.time(), rows.in_order)
        {
            self.note_row(rows.batch.origin().place(row));
        }
    }

    /// Remembers which row set the mark.
    pub(crate) fn note_row(&mut self, place: Place) {
        (self.set_by, self.noted) = (place, self.time);
    }

    /// Remembers, at the end of a batch, which row set the mark, if it was not set by an earlier one.
    pub(crate) fn note(&mut self, batch: &Batch, high: &High) {
        if self.time == Some(high.time) && self.noted < self.time {
            self.note_row(known(&high.place, batch));
        }
    }

    /// The row that set the mark when the row `row` of a batch of these times came, before which the mark was `before`.
    pub(crate) fn set_by(&self, batch: &Batch, time: &EventTime, row: usize, before: i64) -> Place {
        if self.time() <= before {
            return self.set_by.clone();
        }
        let in_batch = time.before.as_ref().is_some_and(|before| Some(before[row]) == self.time);
        if in_batch && time.setters.is_some() {
            return known(&time.setter(row), batch);
        }
        let own = if time.passive { &[] } else { &time.ticks[..row] };
        match own.iter().position(|&tick| Some(tick) == self.time) {
            Some(row) => batch.origin().place(row),
            None if in_batch => batch_place(batch),
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

/// A place, if it is known; else somewhere in the source of the batch.
fn known(place: &Place, batch: &Batch) -> Place {
    if *place == Place::default() { batch_place(batch) } else { place.clone() }
}

/// Somewhere in the source of the batch.
fn batch_place(batch: &Batch) -> Place {
    Place { source: batch.origin().source.as_deref().map(str::to_owned), ..Place::default() }
}
