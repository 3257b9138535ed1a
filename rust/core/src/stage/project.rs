//! [`Project`]: makes columns out of columns.

use std::sync::Arc;

use super::{Ledger, Stage};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::expr::{Bound, evaluate_all};
use crate::types::Schema;

/// Makes columns out of columns, row by row.
pub(crate) struct Project {
    columns: Vec<Bound>,
    schema: Arc<Schema>,
    input: Option<Batch>,
    failure: Option<Error>,
    ledger: Ledger,
}

impl Project {
    /// These expressions become the columns of `schema`.
    pub(crate) fn new(columns: Vec<Bound>, schema: Arc<Schema>, name: String) -> Self {
        Self { columns, schema, input: None, failure: None, ledger: Ledger::new(name) }
    }
}

impl Stage for Project {
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
        let mut fault = None;
        let columns = evaluate_all(&self.columns, &batch, &mut fault);
        let (rows, failure) = match fault {
            Some(fault) => (fault.row, Some(fault.into_error(&batch))),
            None => (batch.rows(), None),
        };
        self.failure = failure;
        self.ledger.held -= rows as u64;
        self.ledger.passed += rows as u64;
        self.ledger.rows_out = self.ledger.passed;
        let made = batch.with_columns(Arc::clone(&self.schema), columns);
        Ok(Some(if rows < made.rows() { made.slice(0, rows) } else { made }))
    }

    fn is_stateless(&self) -> bool {
        true
    }

    fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }
}
