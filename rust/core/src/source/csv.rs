//! [`Csv`]: the CSV source.

use std::sync::Arc;

use super::ahead::{Ahead, Made, Next};
use super::categories::Categories;
use super::feeder::Feeder;
use super::head::{CsvHead, locate};
use super::{Fetch, Source, Supply, rows_at_a_time};
use crate::batch::{Batch, EventTime, Origin};
use crate::column::as_i64;
use crate::error::{BadRow, Error, Place, Result};
use crate::plan::{CsvInput, OnError, ReadCsv};
use crate::stage::{Ledger, Rebatch, Stage};
use crate::threads::cores;
use crate::types::Schema;

/// The CSV source.
pub(crate) struct Csv {
    ahead: Ahead,
    schema: Arc<Schema>,
    time: Option<usize>,
    categories: Categories,
    on_error: OnError,
    rejects: Vec<BadRow>,
    max_kept: usize,
    from_host: bool,
    /// Cuts batches anew where files end, or rows are left out, within them.
    rebatch: Option<Rebatch>,
    failure: Option<Error>,
    ended: bool,
    ledger: Ledger,
}

impl Csv {
    /// Starts over what `head` has found and taken. `seen` says that somebody sees the batches, and `live` that somebody looks at the
    /// clock meanwhile.
    ///
    /// # Errors
    /// If the arguments do not fit.
    pub(crate) fn start(read: &ReadCsv, mut head: CsvHead, seen: bool, live: bool) -> Result<Self> {
        let from_host = matches!(read.input, CsvInput::Host { .. });
        // A file of the host does not say whether it would have to wait.
        let prompt = (live || !seen) && !from_host;
        let threads = if from_host { 1 } else { read.threads.unwrap_or_else(cores) };
        let layout = head.layout.clone();
        let uneven = head.files.len() > 1 || read.on_error != OnError::Error;
        let feeder = Feeder::new(read, &mut head, rows_at_a_time(read.batch_rows, seen), prompt)?;
        let total = feeder.bytes_waiting();
        let rebatch = (seen && uneven && !prompt).then(|| Rebatch::new(read.batch_rows, String::new()));
        let ledger = Ledger { bytes_total: total, ..Ledger::new("read_csv") };
        Ok(Self {
            categories: Categories::new(&head.schema),
            ahead: Ahead::new(feeder, layout, threads, read.prefetch),
            schema: head.schema,
            time: head.time,
            on_error: read.on_error,
            rejects: Vec::new(),
            max_kept: read.max_kept,
            from_host,
            rebatch,
            failure: None,
            ended: false,
            ledger,
        })
    }

    /// Turns a decoded text into a batch.
    fn take(&mut self, made: Made) -> Option<Batch> {
        let Made { mut decoded, source, first, rows } = made;
        self.ledger.rows_in += rows;
        self.ledger.skipped_lines += decoded.skipped;
        self.failure = decoded.error.take().map(|error| locate(error, &source));
        let origin = Origin {
            source: Some(Arc::clone(&source)),
            row: first.row,
            line: Some(first.line),
            byte: Some(first.byte),
            starts: Some(Arc::new(std::mem::take(&mut decoded.starts))),
            picked: None,
            skipped: 0,
            mixed: None,
        };
        self.reject(std::mem::take(&mut decoded.rejects), &source);
        let full = self.categories.code(&mut decoded.columns);
        if let Some(full) = full {
            self.failure = Some(self.categories.too_many(full, origin.place(full.row)));
        }
        let good = full.map_or(decoded.rows, |full| full.row);
        if self.failure.is_some() {
            // What comes after the error was read, but is nobody's.
            self.ledger.rows_in -= rows - good as u64 - u64::from(self.on_error == OnError::Error);
            self.ledger.rejected += u64::from(self.on_error == OnError::Error);
        }
        let time = self.time.map(|at| {
            let ticks = as_i64(&decoded.columns[at]).expect("the plan checked the type");
            EventTime::new(self.schema.fields()[at].dtype.clone(), ticks)
        });
        let batch = Batch::new(Arc::clone(&self.schema), decoded.columns, decoded.rows)
            .with_time(time)
            .with_origin(origin);
        let batch = if good < batch.rows() { batch.slice(0, good) } else { batch };
        (batch.rows() > 0).then_some(batch)
    }

    fn reject(&mut self, rejects: Vec<BadRow>, source: &str) {
        self.ledger.rejected += rejects.len() as u64;
        if self.on_error != OnError::Keep {
            return;
        }
        for mut bad in rejects {
            if self.rejects.len() == self.max_kept {
                let message = format!(
                    "{} bad rows are waiting to be read; read them with `for batch in it.rejects`, raise max_kept=, \
                     or set on_error=\"skip\"",
                    self.max_kept
                );
                let place = Place { source: Some(source.to_owned()), ..bad.place };
                self.failure =
                    Some(Error::Limit { argument: "max_kept", limit: self.max_kept as u64, message, place });
                return;
            }
            bad.place.source = Some(source.to_owned());
            self.rejects.push(bad);
        }
    }

    fn pass(&mut self, batch: Batch) -> Fetch {
        self.ledger.passed += batch.rows() as u64;
        self.ledger.rows_out = self.ledger.passed;
        Fetch::Batch(batch)
    }

    /// What the rebatching has to give, if it does its work.
    fn pull(&mut self) -> Result<Option<Fetch>> {
        let Some(rebatch) = &mut self.rebatch else { return Ok(None) };
        let ready = rebatch.pull()?;
        self.ledger.held = rebatch.ledger().held;
        Ok(ready.map(|batch| self.pass(batch)))
    }
}

impl Source for Csv {
    fn fetch(&mut self, wait: bool) -> Result<Fetch> {
        if let Some(ready) = self.pull()? {
            return Ok(ready);
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.ended {
            return Ok(Fetch::End);
        }
        let next = self.ahead.next(wait);
        let (bytes, skipped) = self.ahead.progress();
        self.ledger.bytes_read = bytes;
        self.ledger.skipped_lines += skipped;
        let made = match next {
            Ok(Next::Made(made)) => made,
            Ok(Next::NotYet) => return Ok(if self.from_host { Fetch::Ask } else { Fetch::NotYet }),
            Ok(Next::End) => {
                self.ended = true;
                return self.flush();
            }
            Err(error) => {
                self.failure = Some(error);
                return self.flush();
            }
        };
        let batch = self.take(*made);
        match (&mut self.rebatch, batch) {
            (None, Some(batch)) => Ok(self.pass(batch)),
            (Some(rebatch), Some(batch)) => {
                rebatch.push(0, batch);
                self.ledger.held = rebatch.ledger().held;
                if self.failure.is_some() { self.flush() } else { Ok(Fetch::NotYet) }
            }
            (_, None) if self.failure.is_some() => self.flush(),
            (_, None) => Ok(Fetch::NotYet),
        }
    }

    fn supply(&mut self, supply: Supply) -> Result<()> {
        if let Supply::Batch(_) | Supply::Mark(_) = supply {
            return Err(Error::Internal("a CSV source was supplied a batch".into()));
        }
        self.ahead.supply(supply);
        Ok(())
    }

    fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    fn take_rejects(&mut self) -> Vec<BadRow> {
        std::mem::take(&mut self.rejects)
    }
}

impl Csv {
    /// Gives what is held back; then the error, or the end.
    fn flush(&mut self) -> Result<Fetch> {
        if let Some(rebatch) = &mut self.rebatch {
            rebatch.end(0);
        }
        Ok(Fetch::NotYet)
    }
}
