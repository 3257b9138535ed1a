//! [`Intake`]: what a window operator reads of a batch.

use super::keys::Keys;
use crate::aggregate::{Inputs, Recipe};
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Result};
use crate::expr::{Bound, evaluate_all};
use crate::time;

/// How a window operator reads its batches.
pub(crate) struct Intake {
    /// The columns of the keys.
    pub(crate) by: Vec<Bound>,
    /// The keys so far.
    pub(crate) keys: Keys,
    /// The aggregates.
    pub(crate) recipe: Recipe,
    /// Event time, where it is not what the batches carry.
    pub(crate) time: Option<Bound>,
}

/// The rows of a batch, read.
pub(crate) struct Rows {
    pub(crate) batch: Batch,
    pub(crate) time: EventTime,
    /// The number of each row's key.
    pub(crate) numbers: Vec<u32>,
    pub(crate) inputs: Inputs,
    /// The next row to work off.
    pub(crate) row: usize,
    /// The rows before this one are good.
    pub(crate) end: usize,
}

impl Intake {
    /// Reads a batch, up to its first row that is in error; gives that error too.
    ///
    /// # Errors
    /// If a row has no event time.
    pub(crate) fn read(&mut self, batch: Batch) -> Result<(Rows, Option<Error>)> {
        let (inputs, mut fault) = self.recipe.read(&batch);
        let columns = evaluate_all(&self.by, &batch, &mut fault);
        let time = match &self.time {
            None => batch.time().cloned().expect("the plan has an event time"),
            Some(bound) => {
                let columns = evaluate_all([bound], &batch, &mut fault);
                EventTime::new(bound.dtype().clone(), time::ticks(&columns[0], &batch)?)
            }
        };
        let end = fault.as_ref().map_or(batch.rows(), |fault| fault.row);
        let failure = fault.map(|fault| fault.into_error(&batch));
        let numbers = self.keys.number(&columns, batch.rows());
        Ok((Rows { batch, time, numbers, inputs, row: 0, end }, failure))
    }
}
