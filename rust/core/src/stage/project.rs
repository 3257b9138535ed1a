//! [`Project`]: makes columns out of columns.

use std::sync::Arc;

use super::{Ledger, Pass};
use crate::batch::Batch;
use crate::error::Error;
use crate::expr::{Bound, evaluate_all};
use crate::types::Schema;

/// Makes columns out of columns, row by row.
pub(crate) struct Project {
    columns: Vec<Bound>,
    schema: Arc<Schema>,
}

impl Project {
    /// These expressions become the columns of `schema`.
    pub(crate) fn new(columns: Vec<Bound>, schema: Arc<Schema>) -> Self {
        Self { columns, schema }
    }
}

impl Pass for Project {
    fn pass(&mut self, batch: Batch, _: &mut Ledger) -> (Batch, Option<Error>) {
        let mut fault = None;
        let columns = evaluate_all(&self.columns, &batch, &mut fault);
        let (rows, failure) = match fault {
            Some(fault) => (fault.row, Some(fault.into_error(&batch))),
            None => (batch.rows(), None),
        };
        let made = batch.with_columns(Arc::clone(&self.schema), columns);
        (if rows < made.rows() { made.slice(0, rows) } else { made }, failure)
    }
}
