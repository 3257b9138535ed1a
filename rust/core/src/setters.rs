//! [`Setters`]: which rows brought event time to where it was before the rows of a batch.

use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, ScalarBuffer};

use crate::batch::{Batch, EventTime, High, Origin};
use crate::error::Place;

/// For each row of a batch, the row that had brought event time to where it was before it, which a filter may have left
/// out; of those only before which event time had come further within the batch.
#[derive(Clone, Debug)]
pub(crate) struct Setters {
    sources: Arc<[Source]>,
    rows: ScalarBuffer<u64>,
}

/// Where rows that set event time are.
#[derive(Clone, Debug)]
enum Source {
    /// In a batch of this origin.
    Batch(Origin),
    /// There is only one, here.
    Place(Place),
}

/// The place of the first row of a source among all rows, of which none has 2³².
fn first_of(source: usize) -> u64 {
    (source as u64) << 32
}

impl Setters {
    /// Rows at these places of a batch of this origin.
    pub(crate) fn of(origin: &Origin, rows: Vec<u64>) -> Self {
        Self { sources: [Source::Batch(origin.clone())].into(), rows: rows.into() }
    }

    /// The one of row `i`.
    pub(crate) fn place(&self, i: usize) -> Place {
        match &self.sources[(self.rows[i] >> 32) as usize] {
            Source::Batch(origin) => origin.place(self.rows[i] as u32 as usize),
            Source::Place(place) => place.clone(),
        }
    }

    /// Those of neighbouring rows.
    pub(crate) fn slice(&self, start: usize, len: usize) -> Self {
        Self { sources: Arc::clone(&self.sources), rows: self.rows.slice(start, len) }
    }

    /// Those of the rows for which `keep` is set.
    pub(crate) fn filter(&self, keep: &BooleanBuffer) -> Self {
        let rows = keep.set_indices().map(|row| self.rows[row]).collect();
        Self { sources: Arc::clone(&self.sources), rows }
    }
}

/// Follows event time through batches that are put together.
pub(crate) struct Course {
    sources: Vec<Source>,
    /// How far it has come, and who brought it there.
    time: i64,
    setter: u64,
    /// The same before each row so far.
    before: Vec<i64>,
    setters: Vec<u64>,
}

impl Course {
    /// Nothing has come; so many rows will.
    pub(crate) fn new(rows: usize) -> Self {
        let (before, setters) = (Vec::with_capacity(rows), Vec::with_capacity(rows + 1));
        Self { sources: Vec::new(), time: i64::MIN, setter: 0, before, setters }
    }

    /// Passes the rows of a batch, which has this event time.
    pub(crate) fn pass(&mut self, batch: &Batch, time: &EventTime) {
        let own = first_of(self.sources.len());
        self.sources.push(Source::Batch(batch.origin().clone()));
        let others = first_of(self.sources.len());
        let known = time.setters.as_ref();
        self.sources.extend(known.into_iter().flat_map(|setters| setters.sources.iter().cloned()));
        for (row, &tick) in time.ticks.iter().enumerate() {
            if let Some(before) = &time.before {
                self.reach(before[row], || known.map_or(own, |setters| others + setters.rows[row]));
            }
            self.before.push(self.time);
            self.setters.push(self.setter);
            if !time.passive {
                self.reach(tick, || own + row as u64);
            }
        }
        // What was seen at the end of one batch came before the rows of the next.
        if let Some(high) = &time.high {
            let place = first_of(self.sources.len());
            self.sources.push(Source::Place(high.place.clone()));
            self.reach(high.time, || place);
        }
    }

    fn reach(&mut self, time: i64, setter: impl FnOnce() -> u64) {
        if time > self.time {
            (self.time, self.setter) = (time, setter());
        }
    }

    /// How far event time had come before each row, and who had brought it there; and the same at the end.
    pub(crate) fn end(mut self) -> (ScalarBuffer<i64>, Setters, High) {
        let rows = self.setters.len();
        self.setters.push(self.setter);
        let setters = Setters { sources: self.sources.into(), rows: self.setters.into() };
        let high = High { time: self.time, place: setters.place(rows) };
        (self.before.into(), setters.slice(0, rows), high)
    }
}
