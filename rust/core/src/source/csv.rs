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
    /// Starts over what `head` has found and taken. `seen` says that somebody sees the batches, and `live` that somebody
    /// looks at the clock meanwhile.
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

    /// Turns a decoded text into a batch, up to the first row in error.
    fn take(&mut self, made: Made) -> Option<Batch> {
        let Made { mut decoded, source, first } = made;
        self.ledger.skipped_lines += decoded.skipped;
        let rejects = std::mem::take(&mut decoded.rejects);
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
        let unread = decoded.error.take().map(|error| (decoded.rows, locate(error, &source)));
        let full = self.categories.code(&mut decoded.columns);
        let full = full.map(|full| (full.row, self.categories.too_many(full, origin.place(full.row))));
        let failures = [self.unkept(&rejects, &origin), full, unread].into_iter().flatten();
        let (good, failure) = failures.min_by_key(|(row, _)| *row).unzip();
        let good = good.unwrap_or(decoded.rows);
        self.count(good, rejects, failure, &source);
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

    /// How many good rows come before the first bad row that is one too many to wait to be read, and its error.
    fn unkept(&self, rejects: &[BadRow], origin: &Origin) -> Option<(usize, Error)> {
        let room = self.max_kept - self.rejects.len();
        let place = &rejects.get(room).filter(|_| self.on_error == OnError::Keep)?.place;
        let message = format!(
            "{} bad rows are waiting to be read; read them with `for batch in it.rejects`, raise max_kept=, \
             or set on_error=\"skip\"",
            self.max_kept
        );
        let good = (place.row? - origin.row) as usize - room;
        let place = Place { source: origin.source.as_deref().map(str::to_owned), ..place.clone() };
        Some((good, Error::Limit { argument: "max_kept", limit: self.max_kept as u64, message, place }))
    }

    /// Counts the rows of a text, of which so many are good, up to the first in error, and sets bad ones aside. What
    /// comes after that one was read, but is nobody's.
    fn count(&mut self, good: usize, mut rejects: Vec<BadRow>, failure: Option<Error>, source: &str) {
        if let Some(error) = &failure {
            let end = error.place().and_then(|place| place.row);
            rejects.truncate(rejects.partition_point(|bad| bad.place.row < end));
        }
        let rejected = rejects.len() as u64 + u64::from(failure.is_some());
        self.ledger.rows_in += good as u64 + rejected;
        self.ledger.rejected += rejected;
        self.failure = failure;
        if self.on_error == OnError::Keep {
            rejects.iter_mut().for_each(|bad| bad.place.source = Some(source.to_owned()));
            self.rejects.extend(rejects);
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
