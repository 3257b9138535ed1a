//! [`Filter`]: keeps the rows for which a condition holds.

use super::{Ledger, Pass};
use crate::batch::Batch;
use crate::error::Error;
use crate::expr::Bound;

/// Keeps the rows for which a condition holds, which is bound to the schema.
pub(crate) struct Filter(pub(crate) Bound);

impl Pass for Filter {
    fn pass(&mut self, mut batch: Batch, ledger: &mut Ledger) -> (Batch, Option<Error>) {
        let (mut keep, fault) = self.0.mask(&batch);
        let failure = fault.map(|fault| {
            let error = fault.clone().into_error(&batch);
            keep = keep.slice(0, fault.row);
            batch = batch.slice(0, fault.row);
            error
        });
        let kept = if keep.count_set_bits() == keep.len() { batch } else { batch.filter(&keep) };
        ledger.filtered += (keep.len() - kept.rows()) as u64;
        (kept, failure)
    }
}
