//! [`Backlog`]: rows that wait until the watermark has passed them.

use std::collections::{BTreeMap, VecDeque};

use crate::batch::{Batch, Origin};
use crate::stage::concat;

/// How many rows are let out at a time, at most.
const PIECE: usize = 32_768;

/// A row that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    time: i64,
    /// How far event time has come before its turn.
    before: i64,
    /// The number of its batch.
    batch: u64,
    row: u32,
}

/// The rows of a batch that wait.
struct Held {
    rows: Batch,
    left: usize,
    bytes: usize,
}

/// Rows that have been let out.
pub(crate) struct Passed {
    /// The rows, in the order of their times and, at one time, of their arrival; where they came from is not
    /// kept.
    pub(crate) rows: Batch,
    /// Their times.
    pub(crate) times: Vec<i64>,
    /// How far event time had come before each of them had its turn.
    pub(crate) before: Vec<i64>,
}

/// Rows that wait until the watermark has passed them.
#[derive(Default)]
pub(crate) struct Backlog {
    /// In the order in which they will be let out.
    rows: VecDeque<Waiting>,
    held: BTreeMap<u64, Held>,
    /// How many batches there have been.
    batches: u64,
    bytes: usize,
}

impl Backlog {
    /// Whether no row waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The latest time of a row that waits.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.rows.back().map(|row| row.time)
    }

    /// Takes in rows, which arrived after all others, with their times; and how far event time has come before
    /// each of them has its turn.
    pub(crate) fn add(&mut self, rows: Batch, times: &[i64], before: &[i64]) {
        let (batch, first) = (self.batches, times.iter().min().copied().unwrap_or(i64::MAX));
        self.batches += 1;
        let from = self.rows.partition_point(|row| row.time <= first);
        let waiting = |(row, (&time, &before))| Waiting { time, before, batch, row: row as u32 };
        self.rows.extend(times.iter().zip(before).enumerate().map(waiting));
        // A stable sort: rows of one time stay in the order of their arrival.
        self.rows.make_contiguous()[from..].sort_by_key(|row| row.time);
        let (left, bytes) = (rows.rows(), rows.bytes());
        self.bytes += bytes;
        self.held.insert(batch, Held { rows, left, bytes });
    }

    /// Lets out rows that the watermark has passed, some at a time; none are left when it gives `None`.
    pub(crate) fn pass(&mut self, watermark: i64) -> Option<Passed> {
        let count = self.rows.partition_point(|row| row.time <= watermark).min(PIECE);
        if count == 0 {
            return None;
        }
        let passed: Vec<Waiting> = self.rows.drain(..count).collect();
        let (times, before) = passed.iter().map(|row| (row.time, row.before)).unzip();
        Some(Passed { rows: self.gather(&passed), times, before })
    }

    /// The rows, as one batch; lets go of batches that have no others.
    fn gather(&mut self, rows: &[Waiting]) -> Batch {
        let mut numbers: Vec<u64> = rows.iter().map(|row| row.batch).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (mut pieces, mut starts, mut start) = (Vec::new(), Vec::new(), 0);
        for number in &numbers {
            let rows = self.held[number].rows.clone();
            starts.push(start);
            start += rows.rows() as u32;
            pieces.push(rows);
        }
        let at = |number| numbers.binary_search(&number).expect("it is among them");
        let picked: Vec<u32> = rows.iter().map(|row| starts[at(row.batch)] + row.row).collect();
        for row in rows {
            self.let_go(row.batch);
        }
        concat(&pieces).with_origin(Origin::default()).pick(&picked)
    }

    /// Lets go of one row of a batch.
    fn let_go(&mut self, batch: u64) {
        let Some(held) = self.held.get_mut(&batch) else { return };
        held.left -= 1;
        if held.left == 0 {
            self.bytes -= held.bytes;
            self.held.remove(&batch);
        }
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.rows.capacity() * size_of::<Waiting>() + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;
    use crate::types::{DataType, Field, Schema};

    fn batch(values: &[i64]) -> Batch {
        let schema = Schema::new(vec![Field::new("x", DataType::Int64)]).expect("one column");
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        Batch::new(Arc::new(schema), vec![column], values.len())
    }

    #[test]
    fn rows_come_in_the_order_of_time_then_arrival() {
        let mut backlog = Backlog::default();
        backlog.add(batch(&[0, 1, 2]), &[5, 9, 7], &[4, 8, 6]);
        backlog.add(batch(&[3, 4]), &[7, 6], &[6, 6]);
        assert!(backlog.pass(4).is_none());
        let passed = backlog.pass(8).expect("four have passed");
        assert_eq!(passed.rows.columns()[0].as_primitive::<Int64Type>().values()[..], [0, 4, 2, 3]);
        assert_eq!((passed.times, passed.before), (vec![5, 6, 7, 7], vec![4, 6, 6, 6]));
        assert!(backlog.pass(8).is_none() && !backlog.is_empty());
        assert_eq!(backlog.pass(i64::MAX).map(|passed| passed.before), Some(vec![8]));
        assert!(backlog.is_empty() && backlog.bytes == 0);
    }
}
