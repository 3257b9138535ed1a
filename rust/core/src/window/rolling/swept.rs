//! How [`Rolling`] makes the results of many rows at once.

use std::ops::Range;
use std::sync::Arc;

use super::super::parts::Rows;
use super::super::stretches::Stretch;
use super::{Current, Rolling};
use crate::aggregate::LastRows;
use crate::batch::{Batch, EventTime};
use crate::error::Result;
use crate::types::DataType;

impl Rolling {
    /// The rows of a batch of which none needs care, so that all can roll by: nobody asks for their numbers, or for those
    /// of their keys, of which there is one.
    pub(super) fn rolling_by(&mut self, batch: &Batch) -> Option<Rows> {
        let belts = self.belts.as_ref().filter(|belts| belts.leads() && batch.rows() > 0)?;
        let (inputs, fault) = self.parts.recipe.read(batch);
        if fault.is_some() || !belts.takes(&inputs, 0..batch.rows()) {
            return None;
        }
        self.arrived += batch.rows() as i64;
        Some(Rows {
            time: EventTime::new(DataType::Int64, Vec::new().into()),
            in_order: true,
            numbers: Arc::default(),
            keys: 1,
            inputs: Arc::new(inputs),
            row: 0,
            end: batch.rows(),
            mark: self.mark.time(),
            batch: batch.clone(),
        })
    }

    /// Whether none of the rows of a batch needs care, so that they can roll by.
    pub(super) fn rolls(&mut self, rows: &mut Rows) -> bool {
        let Some(belts) = &mut self.belts else { return false };
        if !belts.leads() {
            belts.watch(&rows.inputs, 0..rows.end);
            return false;
        }
        if belts.takes(&rows.inputs, 0..rows.end) {
            return true;
        }
        let last = belts.stop();
        belts.watch(&rows.inputs, 0..rows.end);
        if let Some(last) = last
            && let Err(error) = self.replay(rows, last)
        {
            self.fail(error);
            rows.end = rows.row;
        }
        false
    }

    /// Takes rows in again, with the results of which nothing is done.
    fn replay(&mut self, rows: &Rows, LastRows { first, len, inputs }: LastRows) -> Result<()> {
        let Some(sweeper) = &mut self.sweeper else { return Ok(()) };
        let time = EventTime::new(DataType::Int64, (first..first + len as i64).collect());
        let rows = Rows { time, numbers: Arc::new(vec![0; len]), inputs, ..rows.clone() };
        self.trails.start_at(0, first);
        sweeper.sweep(&rows, 0..len, &mut self.trails, &mut self.table).map(drop)
    }

    /// Makes the results of the next rows, none of which needs care.
    pub(super) fn roll(&mut self, Current { rows, number, .. }: &mut Current) {
        let piece = rows.row..rows.end.min(rows.row + self.parts.batch_rows);
        let Some(belts) = self.belts.as_mut().filter(|_| !piece.is_empty()) else { return };
        self.trails.forget(i64::MAX);
        match belts.roll(&rows.inputs, piece.clone()) {
            Ok(columns) => {
                self.results.push(piece.len(), columns);
                self.take_out(*number, rows, piece);
            }
            Err(error) => {
                self.fail(error);
                rows.end = rows.row;
            }
        }
    }

    /// Notes the rows whose results are made.
    fn take_out(&mut self, number: u32, rows: &mut Rows, piece: Range<usize>) {
        self.out.push(Stretch { batch: number, row: piece.start as u32, rows: piece.len() as u32 });
        self.passage.hold(number, piece.len());
        rows.row = piece.end;
        // Rows that roll by have no times.
        if !self.by_arrival {
            self.ticks.push(rows.time.ticks.slice(piece.start, piece.len()));
        }
        if let Some(&last) = rows.time.ticks.get(piece).and_then(<[i64]>::last) {
            self.mark.reach(last);
        }
    }

    /// How many rows, from the next one on, can be swept: all those that need not wait for others.
    pub(super) fn ready(&self, Current { rows, calm, .. }: &Current) -> usize {
        let Some(sweeper) = self.sweeper.as_ref().filter(|_| *calm && self.queue.is_empty()) else { return 0 };
        let ticks = &rows.time.ticks[rows.row..rows.end];
        let ready = match (self.span.is_shared(), ticks.last()) {
            (true, Some(last)) => ticks.partition_point(|tick| tick < last),
            _ => ticks.len(),
        };
        sweeper.next(&ticks[..ready], self.parts.batch_rows.max(sweeper.most()))
    }

    /// Makes the results of the next rows.
    pub(super) fn sweep(&mut self, Current { rows, number, .. }: &mut Current, len: usize) {
        let Some(sweeper) = &mut self.sweeper else { return };
        let swept = rows.row..rows.row + len;
        let made = sweeper.sweep(rows, swept.clone(), &mut self.trails, &mut self.table);
        let taken = made.and_then(|pieces| {
            self.take_out(*number, rows, swept);
            pieces.into_iter().try_for_each(|piece| self.take_in(piece))
        });
        if let Err(error) = taken {
            self.fail(error);
            rows.end = rows.row;
        }
    }
}
