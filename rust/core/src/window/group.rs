//! [`Group`]: the operator of `group_by`, which gives its results once, at the end.

use std::sync::Arc;

use super::keys::Keys;
use crate::aggregate::{Fold, Recipe, Table};
use crate::batch::Batch;
use crate::error::{Error, Overflow, Place, Result};
use crate::expr::{Bound, evaluate_all};
use crate::memory;
use crate::stage::{Ledger, Stage};
use crate::types::Schema;

/// The operator of `group_by`. Keys are numbered as they first appear, and the number is the slot.
pub(crate) struct Group {
    by: Vec<Bound>,
    keys: Keys,
    recipe: Recipe,
    table: Table,
    schema: Arc<Schema>,
    batch_rows: usize,
    max_state: u64,
    ended: bool,
    sent: usize,
    failure: Option<Error>,
    ledger: Ledger,
}

impl Group {
    /// Groups by these expressions.
    pub(crate) fn new(
        by: Vec<Bound>,
        keys: Keys,
        recipe: Recipe,
        schema: Arc<Schema>,
        batch_rows: usize,
        max_state: u64,
        name: String,
    ) -> Self {
        let table = Table::new(&recipe);
        let ledger = Ledger::new(name);
        Self {
            by,
            keys,
            recipe,
            table,
            schema,
            batch_rows,
            max_state,
            ended: false,
            sent: 0,
            failure: None,
            ledger,
        }
    }

    fn fold(&mut self, batch: &Batch) -> Result<()> {
        let (inputs, mut fault) = self.recipe.read(batch);
        let columns = evaluate_all(&self.by, batch, &mut fault);
        let mut numbers = self.keys.number(&columns, batch.rows());
        numbers.truncate(fault.as_ref().map_or(batch.rows(), |fault| fault.row));
        self.table.grow(self.keys.len());
        let times = batch.time().map(|time| &time.ticks[..]);
        self.table.fold(Fold { inputs: &inputs, start: 0, slots: &numbers, times });
        self.ledger.aggregated += numbers.len() as u64;
        match fault {
            Some(fault) => Err(fault.into_error(batch)),
            None => memory::check((self.table.bytes() + self.keys.memory()) as u64, self.max_state),
        }
    }

    fn results(&mut self, rows: usize) -> Result<Batch> {
        let slots: Vec<u32> = (self.sent as u32..(self.sent + rows) as u32).collect();
        let mut columns = self.keys.columns(&slots);
        let results = self.table.lower(self.recipe.outputs(), &slots).map_err(|unfit| {
            let key: Vec<String> = columns.iter().map(|column| crate::show::value(column, unfit.at)).collect();
            let what = match key.is_empty() {
                true => format!("{} of all rows", unfit.output),
                false => format!("{} of the group ({})", unfit.output, key.join(", ")),
            };
            (
                unfit.at,
                Error::Overflow(Box::new(Overflow {
                    place: Place::default(),
                    column: Some(unfit.output.to_string()),
                    what,
                    reason: unfit.reason,
                })),
            )
        });
        match results {
            Ok(results) => columns.extend(results),
            Err((0, error)) => return Err(error),
            Err((at, error)) => {
                // The results before the one that does not fit still go out.
                self.failure = Some(error);
                return self.results(at);
            }
        }
        self.sent += rows;
        self.ledger.rows_out += rows as u64;
        Ok(Batch::new(Arc::clone(&self.schema), columns, rows))
    }
}

impl Stage for Group {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.failure = self.fold(&batch).err();
    }

    fn end(&mut self, _: usize) {
        self.ended = true;
        if self.by.is_empty() {
            self.keys.number(&[], 1);
            self.table.grow(1);
        }
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let rows = (self.table.len() - self.sent).min(self.batch_rows);
        if !self.ended || rows == 0 {
            return Ok(None);
        }
        self.results(rows).map(Some)
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            live_keys: self.keys.held() as u64,
            state_bytes: (self.table.bytes() + self.keys.memory()) as u64,
            ..self.ledger.clone()
        }
    }
}
