//! How rows and their results go out of [`Rolling`].

use std::sync::Arc;

use super::Rolling;
use crate::aggregate::{Piece, Unfit};
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Overflow, Place, Result};

impl Rolling {
    /// Takes in the results of the next rows that go out.
    ///
    /// # Errors
    /// If a result does not fit its type. Then the rows before it are left, and no others.
    pub(super) fn take_in(&mut self, Piece { rows, columns }: Piece) -> Result<()> {
        match columns {
            Ok(columns) => {
                self.results.push(rows, columns);
                Ok(())
            }
            Err(unfit) => {
                let at = self.results.rows() + unfit.at;
                self.halted = self.ticks.get(at);
                let (number, row) = self.out.at(at);
                let error = self.unfit(&unfit, self.passage.place(number, row));
                self.results.push(unfit.at, unfit.before);
                self.out.truncate(at);
                Err(error)
            }
        }
    }

    /// The error of a row at this place, of whose window a result does not fit.
    pub(super) fn unfit(&self, unfit: &Unfit, place: Place) -> Error {
        Error::Overflow(Box::new(Overflow {
            place,
            column: Some(unfit.output.to_string()),
            what: format!("{} in the window of a row", unfit.output),
            value: unfit.value.clone(),
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
        let ticks = self.ticks.take(rows);
        // A row has its turn because event time has come to it.
        let before = Some(ticks.clone());
        EventTime { before, ..EventTime::new(self.parts.shape.time.clone(), ticks) }
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
