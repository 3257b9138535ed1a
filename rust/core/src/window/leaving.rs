//! [`Leaving`]: closed sessions on their way to become results.

use super::emission::Emission;
use super::sessions::{Closed, Session};

/// How many results are made columns at a time.
const PIECE: usize = 2048;

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
        let end = |session: Session| session.due - i64::from(closed);
        emission.extend(self.closed[self.gone..until].iter().map(|&Closed { session, key, .. }| {
            (key, session.slot, (session.start, end(session)), session.due - 1)
        }));
        self.gone = until;
    }
}
