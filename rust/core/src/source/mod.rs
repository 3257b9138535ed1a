//! Sources: where batches come from.
//!
//! A CSV source is a [`Feeder`](feeder::Feeder), which reads bytes and cuts them into texts of whole rows, in
//! order, and any number of threads that decode those texts, each on its own. [`Ahead`](ahead::Ahead) lets
//! them run ahead of the consumer, as far as the prefetch allows, and hands the batches out in order.

mod ahead;
mod beginning;
mod categories;
mod csv;
mod feeder;
mod head;
mod host;
mod input;
mod look;
mod opened;
mod paths;
mod unread;

use std::sync::Arc;

use crate::batch::Batch;
use crate::error::{BadRow, Error, Result};
use crate::plan::BATCH_ROWS;
use crate::stage::Ledger;

pub use beginning::Beginning;
pub(crate) use categories::Categories;
pub(crate) use csv::Csv;
pub(crate) use head::CsvHead;
pub(crate) use host::HostBatches;
pub use opened::Opened;

/// How many rows a batch has at most where so many were asked for: if nobody sees the batches no more than is usual, so
/// that no step takes long.
pub(crate) fn rows_at_a_time(asked: usize, seen: bool) -> usize {
    if seen { asked } else { asked.min(BATCH_ROWS) }
}

/// What a source has to say when asked for a batch.
pub(crate) enum Fetch {
    /// A batch.
    Batch(Batch),
    /// Nothing yet: ask again.
    NotYet,
    /// The host must supply something first.
    Ask,
    /// There is no more.
    End,
}

/// What the host supplies when asked.
pub enum Supply {
    /// Bytes of a file.
    Bytes(Vec<u8>),
    /// A batch.
    Batch(Batch),
    /// Event time has come so far, in ticks, without a row.
    Mark(i64),
    /// There is no more.
    End,
    /// There is no more because of this, which the source gives after all rows before it.
    Error(Error),
}

/// Where batches come from.
pub(crate) trait Source: Send {
    /// The next batch. Does a bounded amount of work, and waits a little for others if it is told to.
    ///
    /// # Errors
    /// The earliest error, after all batches of the rows before it.
    fn fetch(&mut self, wait: bool) -> Result<Fetch>;

    /// Takes what it has asked the host for.
    ///
    /// # Errors
    /// If the host supplied what cannot be used.
    fn supply(&mut self, _: Supply) -> Result<()> {
        Ok(())
    }

    /// The column that is the event time, of sources of batches that the host supplies.
    fn time(&self) -> Option<usize> {
        None
    }

    /// The name of a source that is supplied, and the number of its next row.
    fn next_row(&self) -> Option<(&Arc<str>, u64)> {
        None
    }

    /// Counts a row that has passed by itself.
    fn pass_row(&mut self) {}

    /// Its rows so far.
    fn ledger(&self) -> Ledger;

    /// Takes out the bad rows that were set aside.
    fn take_rejects(&mut self) -> Vec<BadRow> {
        Vec::new()
    }
}
