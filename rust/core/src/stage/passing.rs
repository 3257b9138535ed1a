//! [`Passing`]: the stage of all that gives a batch for each batch, and an error where rows do not pass.

use super::{Ledger, Stage};
use crate::batch::Batch;
use crate::error::{Error, Result};

/// What becomes of the rows of a batch.
pub(crate) trait Pass: Send {
    /// What passes of a batch, up to the first row in error, and that error. Counts in the ledger the rows that are
    /// left out.
    fn pass(&mut self, batch: Batch, ledger: &mut Ledger) -> (Batch, Option<Error>);

    /// Whether all it does is to pass rows on.
    fn is_stateless(&self) -> bool {
        true
    }

    /// Takes out the rows that were set aside.
    fn take_aside(&mut self) -> Vec<Batch> {
        Vec::new()
    }
}

/// The stage of a [`Pass`].
pub(crate) struct Passing<P> {
    pass: P,
    input: Option<Batch>,
    failure: Option<Error>,
    ledger: Ledger,
}

impl<P: Pass> Passing<P> {
    /// A stage that has seen nothing.
    pub(crate) fn new(pass: P, name: String) -> Self {
        Self { pass, input: None, failure: None, ledger: Ledger::new(name) }
    }
}

impl<P: Pass> Stage for Passing<P> {
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
        let Some(batch) = self.input.take() else { return Ok(None) };
        let left_out = |ledger: &Ledger| ledger.filtered + ledger.ahead;
        let before = left_out(&self.ledger);
        let (passed, failure) = self.pass.pass(batch, &mut self.ledger);
        self.failure = failure;
        // After an error the rest of the batch stays where it is: it is nobody's, but accounted for.
        self.ledger.held -= passed.rows() as u64 + left_out(&self.ledger) - before;
        self.ledger.passed += passed.rows() as u64;
        self.ledger.rows_out = self.ledger.passed;
        Ok(Some(passed))
    }

    fn is_stateless(&self) -> bool {
        self.pass.is_stateless()
    }

    fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.pass.take_aside()
    }
}
