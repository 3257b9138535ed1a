//! [`HostBatches`]: batches that the host language supplies.

use std::sync::Arc;

use super::categories::Categories;
use super::{Fetch, Source, Supply, rows_at_a_time};
use crate::batch::{Batch, EventTime, High, Origin};
use crate::error::{Error, Place, Result};
use crate::plan::Host;
use crate::stage::Ledger;
use crate::time;
use crate::types::Schema;

/// Batches that the host language supplies, cut to the size asked for.
pub(crate) struct HostBatches {
    schema: Arc<Schema>,
    time: Option<usize>,
    categories: Categories,
    name: Arc<str>,
    batch_rows: usize,
    exact: bool,
    waiting: Option<Batch>,
    held: Vec<Batch>,
    ended: bool,
    batches: u64,
    row: u64,
    failure: Option<Error>,
    ledger: Ledger,
}

impl HostBatches {
    /// Batches of this schema. `seen` says that somebody sees them.
    ///
    /// # Errors
    /// If the event time is not a column that can be one.
    pub(crate) fn start(host: &Host, schema: Arc<Schema>, seen: bool) -> Result<Self> {
        let time = host.time.as_deref().map(|name| schema.index(name)).transpose()?;
        Ok(Self {
            time,
            categories: Categories::new(&schema),
            schema,
            name: host.name.as_str().into(),
            batch_rows: rows_at_a_time(host.batch_rows.unwrap_or(usize::MAX), seen),
            exact: seen && host.batch_rows.is_some(),
            waiting: None,
            held: Vec::new(),
            ended: false,
            batches: 0,
            row: 0,
            failure: None,
            ledger: Ledger::new(host.name.clone()),
        })
    }

    /// Gives the batch its event time and origin, up to the first row that has no event time; gives the error of that
    /// one too.
    fn adopt(&mut self, batch: Batch) -> (Batch, Option<Error>) {
        let origin = Origin { source: Some(Arc::clone(&self.name)), row: self.row, ..Origin::default() };
        let batch = batch.with_origin(origin);
        let (batch, failure) = match self.time {
            Some(at) => time::timed(&batch, at),
            None => (batch.with_time(None), None),
        };
        self.row += batch.rows() as u64;
        (batch, failure)
    }

    /// Takes a batch of this schema, up to the first row in error.
    fn take(&mut self, batch: Batch) {
        self.batches += 1;
        self.ledger.rows_in += batch.rows() as u64;
        let (batch, full) = self.categories.adopt(batch, &self.schema);
        let (batch, untimed) = self.adopt(batch.slice(0, full.map_or(batch.rows(), |full| full.row)));
        let place = Place { source: Some(self.name.to_string()), row: Some(self.row), ..Place::default() };
        let failure = untimed.or(full.map(|full| self.categories.too_many(full, place)));
        if failure.is_some() {
            self.ledger.rejected += 1;
            self.end(failure);
        }
        self.waiting = Some(batch).filter(|batch| batch.rows() > 0);
    }

    /// Has the rows so far be the last, because of an error or because there are no more.
    fn end(&mut self, failure: Option<Error>) {
        (self.ended, self.failure) = (true, failure);
    }

    /// A batch without rows, after which event time has come so far; `None` if there is no event time.
    fn mark(&self, time: i64) -> Option<Batch> {
        let dtype = self.schema.fields()[self.time?].dtype.clone();
        let place = Place { source: Some("advance()".into()), ..Place::default() };
        let high = Some(High { time, place });
        let time = EventTime { high, ..EventTime::new(dtype, Vec::new().into()) };
        Some(Batch::empty(&self.schema).with_time(Some(time)))
    }
}

impl Source for HostBatches {
    fn fetch(&mut self, _: bool) -> Result<Fetch> {
        let missing = self.batch_rows - self.held.iter().map(Batch::rows).sum::<usize>();
        if let Some(batch) = self.waiting.take() {
            let rows = batch.rows().min(missing);
            if rows < batch.rows() {
                self.waiting = Some(batch.slice(rows, batch.rows() - rows));
            }
            let piece = if rows < batch.rows() { batch.slice(0, rows) } else { batch };
            self.held.push(piece);
            if rows < missing && self.exact {
                return Ok(Fetch::NotYet);
            }
        } else if !self.ended {
            return Ok(Fetch::Ask);
        }
        if self.held.is_empty() {
            return self.failure.take().map_or(Ok(Fetch::End), Err);
        }
        let batch = crate::stage::concat(&std::mem::take(&mut self.held));
        self.ledger.passed += batch.rows() as u64;
        self.ledger.rows_out = self.ledger.passed;
        Ok(Fetch::Batch(batch))
    }

    fn supply(&mut self, supply: Supply) -> Result<()> {
        match supply {
            Supply::Batch(batch) => match self.schema.check(batch.schema()) {
                Ok(()) => self.take(batch),
                Err(error) => {
                    self.end(Some(error.within(format_args!("batch {} of {}", self.batches, self.name))));
                }
            },
            Supply::End => self.end(None),
            Supply::Error(error) => self.end(Some(error)),
            Supply::Mark(time) => self.waiting = self.mark(time),
            Supply::Bytes(_) => return Err(Error::Internal("a source of batches was supplied bytes".into())),
        }
        Ok(())
    }

    fn time(&self) -> Option<usize> {
        self.time
    }

    fn next_row(&self) -> Option<(&Arc<str>, u64)> {
        Some((&self.name, self.row))
    }

    fn pass_row(&mut self) {
        self.row += 1;
        self.ledger.rows_in += 1;
        self.ledger.passed += 1;
        self.ledger.rows_out = self.ledger.passed;
    }

    fn ledger(&self) -> Ledger {
        let held = self.waiting.iter().chain(&self.held).map(Batch::rows).sum::<usize>() as u64;
        Ledger { held, ..self.ledger.clone() }
    }
}
