//! [`Filter`]: keeps the rows for which a condition holds.

use super::{Ledger, Stage};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::expr::Bound;

/// Keeps the rows for which a condition holds.
pub(crate) struct Filter {
    condition: Bound,
    input: Option<Batch>,
    failure: Option<Error>,
    ledger: Ledger,
}

impl Filter {
    /// A filter by a condition that is bound to the schema.
    pub(crate) fn new(condition: Bound, name: String) -> Self {
        Self { condition, input: None, failure: None, ledger: Ledger::new(name) }
    }
}

impl Stage for Filter {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held = batch.rows() as u64;
        self.input = Some(batch);
    }

    fn end(&mut self, _: usize) {}

    fn pull(&mut self) -> Result<Option<Batch>> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let Some(mut batch) = self.input.take() else { return Ok(None) };
        let (mut keep, fault) = self.condition.mask(&batch);
        if let Some(fault) = fault {
            self.failure = Some(fault.clone().into_error(&batch));
            keep = keep.slice(0, fault.row);
            batch = batch.slice(0, fault.row);
        }
        let kept = if keep.count_set_bits() == keep.len() { batch } else { batch.filter(&keep) };
        self.ledger.held -= keep.len() as u64;
        self.ledger.passed += kept.rows() as u64;
        self.ledger.rows_out = self.ledger.passed;
        self.ledger.filtered += (keep.len() - kept.rows()) as u64;
        Ok(Some(kept))
    }

    fn is_stateless(&self) -> bool {
        true
    }

    fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }
}
