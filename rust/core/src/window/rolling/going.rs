//! How rows and their results go out of [`Rolling`].

use std::sync::Arc;

use super::Rolling;
use crate::aggregate::{Table, Unfit};
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Overflow, Place, Result};

impl Rolling {
    /// Makes columns of the results of the rows from this one on, which lie in these slots, of another table
    /// or of the operator's.
    pub(super) fn lower(&mut self, from: usize, slots: &[u32], results: Option<&Table>) -> Result<()> {
        if slots.is_empty() {
            return Ok(());
        }
        let table = results.unwrap_or(&self.table);
        match table.lower_of_least(self.parts.recipe.outputs(), slots, self.min_periods) {
            Ok(columns) => {
                self.results.push(slots.len(), columns);
                Ok(())
            }
            Err(unfit) => {
                self.halted = self.ticks.get(from + unfit.at).copied();
                let (number, row) = self.out.at(from + unfit.at);
                let error = self.unfit(&unfit, self.passage.place(number, row));
                self.out.truncate(from + unfit.at);
                self.ticks.truncate(from + unfit.at);
                self.lower(from, &slots[..unfit.at], results).and(Err(error))
            }
        }
    }

    /// The error of a row at this place, of whose window a result does not fit.
    pub(super) fn unfit(&self, unfit: &Unfit, place: Place) -> Error {
        Error::Overflow(Box::new(Overflow {
            place,
            column: Some(unfit.output.to_string()),
            what: format!("{} in the window of a row", unfit.output),
            reason: unfit.reason.clone(),
        }))
    }

    /// Sends rows that have their results, as many as lie together.
    pub(super) fn send(&mut self) -> Batch {
        let most = self.out.len().min(self.parts.batch_rows);
        let rows = self.out.together(most);
        let batch = self.passage.leave(&self.out.take(rows));
        let time = match (self.by_arrival, self.ahead()) {
            (false, _) => Some(self.time(rows)),
            (true, 0) => batch.time().cloned(),
            (true, _) => None,
        };
        self.ledger.passed += rows as u64;
        let columns = batch.columns().iter().cloned().chain(self.results.take(rows)).collect();
        batch.with_columns(Arc::clone(&self.parts.shape.schema), columns).with_time(time)
    }

    /// The event time of the next rows that go out.
    fn time(&mut self, rows: usize) -> EventTime {
        let ticks: Vec<i64> = self.ticks.drain(..rows).collect();
        // A row has its turn because event time has come to it.
        let before = Some(ticks.clone().into());
        EventTime { before, ..EventTime::new(self.parts.shape.time.clone(), ticks.into()) }
    }

    /// Rows that are left, or none but how far event time has come.
    pub(super) fn flush(&mut self) -> Option<Batch> {
        let rows = self.out.len();
        if rows == 0 && !self.by_arrival && self.halted.or(self.mark.watermark()) != self.sent_watermark {
            let time = self.time(0);
            return Some(self.high(self.blank(Some(time))));
        }
        if rows == 0 {
            let time = self.blank.take().filter(|_| self.ahead() == 0)?;
            return Some(self.blank(Some(time)));
        }
        let batch = self.send();
        Some(if self.out.is_empty() && !self.by_arrival { self.high(batch) } else { batch })
    }

    /// A batch after which event time has come as far as it has here.
    fn high(&mut self, batch: Batch) -> Batch {
        self.sent_watermark = self.halted.or(self.mark.watermark());
        batch.with_high(self.sent_watermark.filter(|_| !self.ended))
    }

    /// A batch without rows.
    fn blank(&self, time: Option<EventTime>) -> Batch {
        Batch::empty(&self.parts.shape.schema).with_time(time)
    }
}
