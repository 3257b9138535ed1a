//! [`Trails`] that are steady: no row waits for the longer the more rows a window has.
//!
//! The rows of a key lie in a [`Daba`] instead of in blocks, so that the rows of a block need not be combined all
//! at once where it ends. The tree in which they are combined depends on all rows of the key so far: floats come
//! to the same up to the bound of error of the rows in the window, everything else to the same.

use super::daba::{Combiner, Daba};
use super::trails::Trails;
use crate::aggregate::{Merge, NOTHING};

/// A row, and those that have been combined with it.
pub(super) struct Step {
    slot: u32,
    /// The position of the row.
    position: i64,
}

/// The rows of a key that are still in a window.
#[derive(Default)]
pub(super) struct Steps {
    rows: Daba<Step>,
    /// The position after that of the last row.
    pub(super) next: i64,
}

/// Combinations are written down.
impl Combiner<Step> for Trails {
    fn combine(&mut self, older: &mut Step, newer: &Step) {
        self.note(Merge { to: older.slot, older: older.slot, newer: newer.slot });
    }

    fn copy(&mut self, step: &Step) -> Step {
        let slot = self.slot();
        self.note(Merge { to: slot, older: NOTHING, newer: step.slot });
        Step { slot, position: step.position }
    }

    fn leave(&mut self, step: &Step) {
        self.drop_slot(step.slot);
    }
}

impl Steps {
    /// Takes in a row. Tells whether it is the only one.
    pub(super) fn push(&mut self, slot: u32, position: i64, trails: &mut Trails) -> bool {
        let first = self.rows.is_empty();
        self.rows.push(Step { slot, position }, trails);
        self.next = position.saturating_add(1);
        first
    }

    /// Lets go of the rows before a position; tells whether the last of them has gone.
    pub(super) fn evict(&mut self, first: i64, trails: &mut Trails) -> bool {
        if self.rows.is_empty() {
            return false;
        }
        if self.next <= first {
            self.rows.clear(trails);
        }
        while self.rows.front().is_some_and(|step| step.position < first) {
            self.rows.pop(trails);
        }
        self.rows.is_empty()
    }

    /// Puts the combination of all rows into a slot.
    pub(super) fn result(&self, to: u32, trails: &mut Trails) {
        let (older, newer) = self.rows.parts();
        let slot = |step: Option<&Step>| step.map_or(NOTHING, |step| step.slot);
        trails.note(Merge { to, older: slot(older), newer: slot(newer) });
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How much memory a row takes.
    pub(super) const ROW: usize = size_of::<Step>();
}
