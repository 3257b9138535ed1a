//! [`Pace`]: when running results of groups, and early ones of windows, are handed out.

use crate::batch::{Batch, EventTime};

/// When running results of groups, and early ones of windows, are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// After so many rows.
    Rows(i64),
    /// When event time passes a multiple of so many ticks, counted from an origin.
    Time {
        /// How many ticks.
        every: i64,
        /// Where they are counted from.
        origin: i64,
    },
}

/// How far the rows have come, at a pace.
pub(crate) struct Progress {
    pace: Pace,
    /// How many rows there have been.
    rows: i64,
    /// How far event time has come, once it has started.
    mark: Option<i64>,
    /// The first edge after the latest row, until event time has passed it.
    due: Option<i64>,
}

impl Progress {
    /// No rows yet.
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, rows: 0, mark: None, due: None }
    }

    /// Where the first rows of a batch, so many, are cut: how many rows come before, and
    /// the count or time that is reached.
    pub(crate) fn cuts(&mut self, batch: &Batch, rows: usize) -> Vec<(usize, i64)> {
        let cuts = match (self.pace, batch.time()) {
            (Pace::Time { every, origin }, Some(time)) => self.edges(time, rows, (every, origin)),
            (Pace::Rows(every), _) => {
                let first = every - self.rows % every;
                let counts = (first..=rows as i64).step_by(usize::try_from(every).unwrap_or(usize::MAX));
                counts.map(|count| (count as usize, self.rows + count)).collect()
            }
            (Pace::Time { .. }, None) => Vec::new(),
        };
        self.rows += rows as i64;
        cuts
    }

    /// The rows before which event time passes an edge. Edges are those that come next after some row, so that
    /// where a batch ends, and which marks lie between rows, changes nothing.
    fn edges(&mut self, time: &EventTime, rows: usize, (every, origin): (i64, i64)) -> Vec<(usize, i64)> {
        let mut cuts = Vec::new();
        for row in 0..rows {
            let before = time.before.as_ref().map(|before| before[row]).filter(|&before| before > i64::MIN);
            let own = Some(time.ticks[row]).filter(|_| !time.passive);
            self.reach(row, before.max(own), &mut cuts);
            self.due = Some(next_multiple(self.mark.unwrap_or(time.ticks[row]), every, origin));
        }
        if rows == time.ticks.len() {
            self.reach(rows, time.high.as_ref().map(|high| high.time), &mut cuts);
        }
        cuts
    }

    /// Moves event time on, before a row.
    fn reach(&mut self, row: usize, time: Option<i64>, cuts: &mut Vec<(usize, i64)>) {
        self.mark = self.mark.max(time);
        cuts.extend(self.due.take_if(|due| self.mark.is_some_and(|mark| *due <= mark)).map(|due| (row, due)));
    }
}

/// The first multiple of `every`, counted from an origin, that comes after a time.
pub(super) fn next_multiple(time: i64, every: i64, origin: i64) -> i64 {
    let steps = (i128::from(time) - i128::from(origin)).div_euclid(every.into());
    let next = (steps + 1) * i128::from(every) + i128::from(origin);
    i64::try_from(next).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::{DataType, Schema};

    fn batch(ticks: &[i64]) -> Batch {
        let time = EventTime::new(DataType::Int64, ticks.to_vec().into());
        let schema = Schema::new(Vec::new()).expect("no columns");
        Batch::new(Arc::new(schema), Vec::new(), ticks.len()).with_time(Some(time))
    }

    #[test]
    fn rows_are_counted_over_batches() {
        let mut progress = Progress::new(Pace::Rows(3));
        assert_eq!(progress.cuts(&batch(&[0; 2]), 2), []);
        assert_eq!(progress.cuts(&batch(&[0; 8]), 8), [(1, 3), (4, 6), (7, 9)]);
        assert_eq!(progress.cuts(&batch(&[0; 2]), 2), [(2, 12)]);
    }

    #[test]
    fn event_time_passes_edges_before_and_after_1970() {
        let mut progress = Progress::new(Pace::Time { every: 10, origin: 1 });
        assert_eq!(progress.cuts(&batch(&[-25, -10, -9, -12, 0]), 5), [(1, -19), (2, -9)]);
        assert_eq!(progress.cuts(&batch(&[1, 50, 8]), 3), [(0, 1), (1, 11)]);
    }
}
