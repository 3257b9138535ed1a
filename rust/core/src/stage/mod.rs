//! Stages: what a plan does to the batches that pass.
//!
//! A [`Stage`] is pushed batches and pulled results, and keeps a [`Ledger`] of its rows. It holds plain
//! data only, and knows neither where its input comes from nor where its output goes.

mod branch;
mod filter;
mod ledger;
mod limit;
mod merge;
mod passing;
mod project;
mod rebatch;
mod watch;

use std::ops::Range;

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::row::{Lone, Told};
use crate::types::DataType;

pub(crate) use filter::Filter;
pub use ledger::Ledger;
pub(crate) use limit::Limit;
pub(crate) use merge::Merge;
pub(crate) use passing::{Pass, Passing};
pub(crate) use project::Project;
pub(crate) use rebatch::{Rebatch, concat, concat_columns};
pub(crate) use watch::Patience;
#[cfg(test)]
pub(crate) use watch::hand;

/// One operator of a running plan.
pub(crate) trait Stage: Send {
    /// Takes a batch of one of its inputs. Called only when [`pull`](Self::pull) has said that there is
    /// nothing more.
    fn push(&mut self, input: usize, batch: Batch);

    /// Hears that one of its inputs has ended.
    fn end(&mut self, input: usize);

    /// Hears that one of its inputs has ended in an error, which comes after what is held of the rows before it.
    ///
    /// # Errors
    /// The error itself, if nothing is held.
    fn end_in(&mut self, error: Error) -> Result<()> {
        Err(error)
    }

    /// Hears that one of its inputs was asked and has nothing for now.
    fn idle(&mut self, _input: usize) {}

    /// The next result of what it has been pushed; `None` when it needs more. A batch without rows may
    /// come too: it carries event time on.
    ///
    /// # Errors
    /// The earliest error of the rows pushed, after all results of the rows before it.
    fn pull(&mut self) -> Result<Option<Batch>>;

    /// Hears, before its first batch, that rows are pushed as they come: no step may then take the longer the
    /// more rows a window has.
    fn be_steady(&mut self) {}

    /// Takes a row that comes by itself, and gives what comes of it; `None` if it takes no such rows, and has not
    /// taken this one.
    fn push_row(&mut self, _: Lone<'_>) -> Option<Told> {
        None
    }

    /// The times of rows of which nothing can come now, neither results nor errors; `None` if there are none.
    fn quiet(&self) -> Option<Range<i64>> {
        None
    }

    /// Whether all it does is to pass rows on.
    fn is_stateless(&self) -> bool {
        false
    }

    /// Which input it wants next.
    fn wants(&self) -> usize {
        0
    }

    /// Whether it has nothing to do until that input has something.
    fn waits(&self) -> bool {
        true
    }

    /// Whether it will give nothing more, whatever its inputs bring.
    fn is_done(&self) -> bool {
        false
    }

    /// Its rows so far.
    fn ledger(&self) -> Ledger;

    /// How far event time has come, less the lateness, for stages that have windows: ticks and type.
    fn watermark(&self) -> Option<(i64, DataType)> {
        None
    }

    /// Takes out the late rows that were set aside.
    fn take_late(&mut self) -> Vec<Batch> {
        Vec::new()
    }
}
