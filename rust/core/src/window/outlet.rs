//! [`Outlet`]: how results of windows go out, whatever the windows are.
//!
//! An operator works until a batch of results is full or nothing is left to do; then what it has goes out, and the
//! watermark with the last batch.

use super::emission::Emission;
use super::parts::Parts;
use crate::aggregate::{Table, Tables};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::memory;

/// What an operator is made of, and what it keeps for its results.
pub(super) struct Outlet {
    pub(super) parts: Parts,
    pub(super) emission: Emission,
    /// The error that comes after the results.
    pub(super) failure: Option<Error>,
    /// Whether the input has ended.
    pub(super) ended: bool,
    /// The watermark that was last passed on.
    sent_watermark: Option<i64>,
}

impl Outlet {
    /// That of an operator that has seen nothing.
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, emission: Emission::default(), failure: None, ended: false, sent_watermark: None }
    }

    /// Makes columns of the results that are slots of this table; gives these, which are to be let go of.
    ///
    /// # Errors
    /// If a result does not fit its type. Then those before it are left, and no others.
    pub(super) fn lower(&mut self, table: &Table) -> Result<Vec<u32>> {
        let Self { emission, parts: Parts { recipe, keys, shape, .. }, .. } = self;
        emission.lower(table, recipe, keys, shape)
    }

    /// The next `rows` results, which are columns all.
    pub(super) fn send(&mut self, rows: usize) -> Batch {
        self.emission.send(rows, &mut self.parts.keys, &self.parts.shape)
    }

    /// Takes in the results that tables have been asked for, when these have carried out all.
    ///
    /// # Errors
    /// If a result does not fit its type. Then those before it are left, and no others.
    pub(super) fn take_in(&mut self, tables: &mut Tables) -> Result<()> {
        let Self { emission, parts: Parts { keys, shape, .. }, .. } = self;
        tables.finish()?.into_iter().try_for_each(|piece| emission.take_in(piece, keys, shape))
    }
}

/// An operator that gives results of windows.
pub(super) trait Operator {
    /// What it keeps for its results.
    fn outlet(&mut self) -> &mut Outlet;

    /// Does a piece of work; tells whether there was one.
    fn work(&mut self) -> bool;

    /// Whether a piece of work is so long that others come in between, such as a signal.
    fn is_amid(&self) -> bool {
        false
    }

    /// Makes columns of the results that are none yet, or lets them be made, and lets go of their slots.
    fn lower(&mut self);

    /// Takes in the results that other threads have been asked for, if there are such.
    ///
    /// # Errors
    /// If a result does not fit its type. Then those before it are left, and no others.
    fn take_in(&mut self) -> Result<()> {
        Ok(())
    }

    /// Has all results as columns. After one that does not fit its type nothing more happens but that those before
    /// it go out.
    fn settle(&mut self) {
        if !self.outlet().emission.slots.is_empty() {
            self.lower();
        }
        if let Err(error) = self.take_in() {
            self.fail(error);
        }
    }

    /// The next `rows` results, which are columns all.
    fn send(&mut self, rows: usize) -> Batch;

    /// Drops what is under way: after the results that are ready comes an error.
    fn fail(&mut self, error: Error);

    /// Lets go of memory that is not needed, when no result is left.
    ///
    /// # Errors
    /// If the state takes more than it may.
    fn tidy(&mut self) -> Result<()>;

    /// How much memory the state takes.
    fn state_bytes(&self) -> u64;

    /// The watermark to pass on.
    fn passes_on(&self) -> Option<i64>;
}

/// The next batch of results.
///
/// # Errors
/// What the operator has failed with, after all results before.
pub(super) fn pull(operator: &mut impl Operator) -> Result<Option<Batch>> {
    loop {
        let full = operator.outlet().parts.batch_rows;
        if operator.outlet().emission.len() >= full {
            operator.settle();
            let (rows, is_cut) = (operator.outlet().emission.len(), !operator.outlet().parts.shape.numbered);
            if rows < full {
                continue; // one did not fit
            }
            // Where somebody else makes batches of them, nothing is gained by cutting what there is.
            let batch = operator.send(if is_cut { full } else { rows });
            if let Err(error) = memory::check(operator.state_bytes(), operator.outlet().parts.max_state) {
                operator.fail(error);
            }
            return Ok(Some(batch));
        }
        if operator.work() {
            if operator.is_amid() {
                return Ok(Some(nothing(operator)));
            }
            continue;
        }
        return match flush(operator)? {
            Some(batch) => Ok(Some(batch)),
            None => operator.outlet().failure.take().map_or(Ok(None), Err),
        };
    }
}

/// The last batch that the current input gives: the results that are left, or none but the watermark.
fn flush(operator: &mut impl Operator) -> Result<Option<Batch>> {
    operator.settle();
    let (rows, failed) = (operator.outlet().emission.len(), operator.outlet().emission.failed);
    let watermark = failed.map(|failed| failed.before).or(operator.passes_on());
    if rows == 0 && watermark == operator.outlet().sent_watermark {
        return operator.tidy().map(|()| None);
    }
    let batch = sent(operator, rows);
    if operator.outlet().failure.is_none()
        && let Err(error) = operator.tidy()
    {
        operator.fail(error);
    }
    let outlet = operator.outlet();
    outlet.sent_watermark = watermark;
    Ok(Some(batch.with_high(watermark.filter(|_| !outlet.ended))))
}

/// A batch without rows, which says nothing.
fn nothing(operator: &mut impl Operator) -> Batch {
    operator.settle();
    sent(operator, 0)
}

/// The next `rows` results, which are columns all, if there are any.
fn sent(operator: &mut impl Operator, rows: usize) -> Batch {
    if !operator.outlet().emission.has_columns() {
        // A piece without rows shows what columns look like.
        operator.lower();
        operator.settle();
    }
    operator.send(rows)
}
