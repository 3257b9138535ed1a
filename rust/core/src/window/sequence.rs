//! [`Sequence`]: rows put into the order of their times and, at one time, of their arrival.
//!
//! A row has its turn once the watermark has reached it. Nearly always that is when it comes, so that a batch
//! goes on as it is; rows that have to wait do so in the [`Backlog`], and come out as batches in their order.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use super::backlog::Backlog;
use super::mark::Mark;
use super::parts::{Parts, Rows};
use crate::aggregate::Inputs;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::stage::Ledger;

/// Rows in their order, which are being worked off.
pub(crate) struct InOrder {
    /// The rows.
    pub(crate) batch: Batch,
    pub(crate) inputs: Arc<Inputs>,
    /// The number of each row's key.
    pub(crate) numbers: Vec<u32>,
    pub(crate) times: ScalarBuffer<i64>,
    /// How far event time had come before each of them had its turn.
    pub(crate) before: Vec<i64>,
    /// The next row to work off.
    pub(crate) row: usize,
}

/// Rows put into the order of their times and, at one time, of their arrival.
pub(crate) struct Sequence {
    /// How far event time has come.
    pub(crate) mark: Mark,
    backlog: Backlog,
}

/// The rows of a batch that are on time, and for each how far event time has come before its turn.
#[derive(Default)]
struct OnTime {
    rows: Vec<u32>,
    before: Vec<i64>,
}

impl Sequence {
    /// No rows, of which each may lag behind so far.
    pub(crate) fn new(lateness: i64) -> Self {
        Self { mark: Mark::new(lateness), backlog: Backlog::default() }
    }

    /// Where the watermark stands; `i64::MIN` if event time has not started.
    pub(crate) fn watermark(&self) -> i64 {
        self.mark.watermark().unwrap_or(i64::MIN)
    }

    /// Takes in the rows of a batch: those that are on time, up to the first in error, which it puts into
    /// `failure`. Gives them if all have their turn in the order in which they came; else they wait.
    pub(crate) fn take(
        &mut self,
        mut rows: Rows,
        parts: &mut Parts,
        ledger: &mut Ledger,
        failure: &mut Option<Error>,
    ) -> Option<InOrder> {
        let mut on_time = OnTime::default();
        if let Err(error) = self.walk(&mut rows, parts, ledger, &mut on_time) {
            (rows.end, *failure) = (rows.row, Some(error));
        }
        self.finish(&rows, parts);
        let is_whole = on_time.rows.len() == rows.batch.rows() && self.backlog.is_empty();
        let OnTime { rows: kept, before } = on_time;
        let has_passed = rows.time.ticks.last().is_none_or(|&last| last <= self.watermark());
        if is_whole && has_passed && rows.in_order {
            let Rows { batch, inputs, numbers, time, .. } = rows;
            return Some(InOrder {
                batch,
                inputs,
                numbers: Arc::unwrap_or_clone(numbers),
                times: time.ticks,
                before,
                row: 0,
            });
        }
        let times: Vec<i64> = kept.iter().map(|&row| rows.time.ticks[row as usize]).collect();
        if !kept.is_empty() {
            self.backlog.add(rows.batch.pick(&kept), &times, &before);
        }
        None
    }

    fn walk(
        &mut self,
        rows: &mut Rows,
        parts: &mut Parts,
        ledger: &mut Ledger,
        on_time: &mut OnTime,
    ) -> Result<()> {
        let ticks = rows.time.ticks.clone();
        for (row, &tick) in ticks[..rows.end].iter().enumerate() {
            rows.row = row;
            if let Some(before) = &rows.time.before {
                self.mark.reach(before[row]);
            }
            let watermark = self.watermark();
            if tick < watermark {
                parts.miss(rows, row, (1, 0), self.mark.time().saturating_sub(tick), &self.mark)?;
                ledger.late += 1;
                ledger.held -= 1;
                continue;
            }
            if !rows.time.passive {
                self.mark.reach(tick);
            }
            on_time.rows.push(row as u32);
            // By its turn event time comes to all instants before it, whichever the rows show.
            on_time.before.push(watermark.max(tick.saturating_sub(1)));
        }
        rows.row = rows.end;
        Ok(())
    }

    /// Ends a batch that has been taken in: its late rows, and what it did to event time.
    fn finish(&mut self, rows: &Rows, parts: &mut Parts) {
        parts.aside.leave(&rows.batch);
        self.mark.note_highest(rows);
        if let Some(high) = rows.high() {
            self.mark.reach(high.time);
            self.mark.note(&rows.batch, &high);
        }
    }

    /// Lets out the next rows that have waited and that the watermark has passed, if there are any.
    pub(crate) fn pass(&mut self, watermark: i64, parts: &mut Parts) -> Option<InOrder> {
        let passed = self.backlog.pass(watermark)?;
        let (inputs, numbers, _) = parts.values(&passed.rows);
        let (times, before) = (passed.times.into(), passed.before);
        Some(InOrder { batch: passed.rows, inputs, numbers, times, before, row: 0 })
    }

    /// The latest time of a row that waits.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.backlog.latest()
    }

    /// Moves the watermark on to here, since no row has come.
    pub(crate) fn rest(&mut self, watermark: i64) {
        self.mark.reach(watermark.saturating_add(self.mark.lateness()));
        self.mark.note_quiet();
    }

    /// Roughly how much memory the rows that wait take.
    pub(crate) fn memory(&self) -> usize {
        self.backlog.memory()
    }
}
