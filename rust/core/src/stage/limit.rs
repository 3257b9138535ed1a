//! [`Limit`]: ends after so many rows.

use super::{Ledger, Stage};
use crate::batch::Batch;
use crate::error::Result;

/// Passes the first rows on, and ends.
pub(crate) struct Limit {
    left: u64,
    input: Option<Batch>,
    ledger: Ledger,
}

impl Limit {
    /// Ends after this many rows.
    pub(crate) fn new(rows: u64, name: String) -> Self {
        Self { left: rows, input: None, ledger: Ledger::new(name) }
    }
}

impl Stage for Limit {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.input = Some(batch);
    }

    fn end(&mut self, _: usize) {}

    fn pull(&mut self) -> Result<Option<Batch>> {
        let Some(batch) = self.input.take() else { return Ok(None) };
        let rows = self.left.min(batch.rows() as u64);
        self.left -= rows;
        self.ledger.passed += rows;
        self.ledger.rows_out = self.ledger.passed;
        self.ledger.cut += batch.rows() as u64 - rows;
        // What came behind the last row is as if it had not been read, wherever a batch ends.
        let batch = if self.left == 0 { batch.slice(0, rows as usize).with_high(None) } else { batch };
        Ok(Some(batch))
    }

    fn is_done(&self) -> bool {
        self.left == 0 && self.input.is_none()
    }

    fn is_stateless(&self) -> bool {
        true
    }

    fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }
}
