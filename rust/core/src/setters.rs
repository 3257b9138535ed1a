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
    /// For each row, in which of the sources the one that set event time is, and its place there.
    of: ScalarBuffer<u32>,
    rows: ScalarBuffer<u32>,
}

/// Where rows that set event time are.
#[derive(Clone, Debug)]
enum Source {
    /// In a batch of this origin.
    Batch(Origin),
    /// There is only one, here.
    Place(Place),
}

impl Setters {
    /// Rows at these places of a batch of this origin.
    pub(crate) fn of(origin: &Origin, rows: Vec<u32>) -> Self {
        let of = vec![0; rows.len()].into();
        Self { sources: [Source::Batch(origin.clone())].into(), of, rows: rows.into() }
    }

    /// The one of row `i`.
    pub(crate) fn place(&self, i: usize) -> Place {
        match &self.sources[self.of[i] as usize] {
            Source::Batch(origin) => origin.place(self.rows[i] as usize),
            Source::Place(place) => place.clone(),
        }
    }

    /// Those of neighbouring rows.
    pub(crate) fn slice(&self, start: usize, len: usize) -> Self {
        let slice = |buffer: &ScalarBuffer<u32>| buffer.slice(start, len);
        Self { sources: Arc::clone(&self.sources), of: slice(&self.of), rows: slice(&self.rows) }
    }

    /// Those of the rows for which `keep` is set.
    pub(crate) fn filter(&self, keep: &BooleanBuffer) -> Self {
        let pick = |buffer: &ScalarBuffer<u32>| keep.set_indices().map(|row| buffer[row]).collect();
        Self { sources: Arc::clone(&self.sources), of: pick(&self.of), rows: pick(&self.rows) }
    }
}

/// Follows event time through batches that are put together.
pub(crate) struct Course {
    sources: Vec<Source>,
    /// How far it has come, and who brought it there.
    time: i64,
    setter: (u32, u32),
    /// The same before each row so far.
    before: Vec<i64>,
    setters: Vec<(u32, u32)>,
}

impl Course {
    /// Nothing has come.
    pub(crate) fn new() -> Self {
        Self { sources: Vec::new(), time: i64::MIN, setter: (0, 0), before: Vec::new(), setters: Vec::new() }
    }

    /// Passes the rows of a batch, which has this event time.
    pub(crate) fn pass(&mut self, batch: &Batch, time: &EventTime) {
        let own = self.add(Source::Batch(batch.origin().clone()));
        let known = time.setters.as_ref();
        self.sources.extend(known.into_iter().flat_map(|setters| setters.sources.iter().cloned()));
        for (row, &tick) in time.ticks.iter().enumerate() {
            if let Some(before) = &time.before {
                let setter = known.map_or((own, 0), |setters| (own + 1 + setters.of[row], setters.rows[row]));
                self.reach(before[row], setter);
            }
            self.before.push(self.time);
            self.setters.push(self.setter);
            if !time.passive {
                self.reach(tick, (own, row as u32));
            }
        }
        // What was seen at the end of one batch came before the rows of the next.
        if let Some(high) = &time.high {
            let place = self.add(Source::Place(high.place.clone()));
            self.reach(high.time, (place, 0));
        }
    }

    fn add(&mut self, source: Source) -> u32 {
        self.sources.push(source);
        self.sources.len() as u32 - 1
    }

    fn reach(&mut self, time: i64, setter: (u32, u32)) {
        if time > self.time {
            (self.time, self.setter) = (time, setter);
        }
    }

    /// How far event time had come before each row, and who had brought it there; and the same at the end.
    pub(crate) fn end(mut self) -> (ScalarBuffer<i64>, Setters, High) {
        let rows = self.setters.len();
        self.setters.push(self.setter);
        let (of, places): (Vec<u32>, Vec<u32>) = self.setters.into_iter().unzip();
        let setters = Setters { sources: self.sources.into(), of: of.into(), rows: places.into() };
        let high = High { time: self.time, place: setters.place(rows) };
        (self.before.into(), setters.slice(0, rows), high)
    }
}
