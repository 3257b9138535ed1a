//! [`Leaving`]: closed sessions on their way to become results.

use super::emission::Emission;
use super::sessions::Closed;

/// How many results are made columns at a time.
const PIECE: usize = 2048;

/// How many of them stay in the first-level cache.
const NEAR: usize = 256;

/// Closed sessions that are not results yet, in the order of their ends.
#[derive(Default)]
pub(crate) struct Leaving {
    closed: Vec<Closed>,
    /// How many of them are results.
    gone: usize,
}

impl Leaving {
    /// These sessions.
    pub(crate) fn new(closed: Vec<Closed>) -> Self {
        Self { closed, gone: 0 }
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.gone == self.closed.len()
    }

    /// Makes results of the next ones; `closed` says whether windows have the time at their end.
    pub(crate) fn leave(&mut self, emission: &mut Emission, closed: bool) {
        let until = self.closed.len().min(self.gone + PIECE);
        // A few at a time, since they are gone through column by column.
        for closed_ones in self.closed[self.gone..until].chunks(NEAR) {
            emission.extend(closed_ones.iter().map(|&Closed { start, due, slot, key, .. }| {
                (key, slot, (start, due - i64::from(closed)), due - 1)
            }));
        }
        self.gone = until;
    }
}
