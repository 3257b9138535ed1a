//! [`Leaving`]: closed sessions on their way to become results.

use super::emission::Emission;
use super::sessions::Closed;

/// How many results are made columns at a time.
const PIECE: usize = 2048;

/// Closed sessions that are not results yet, in the order of their ends.
#[derive(Default)]
pub(crate) struct Leaving(std::vec::IntoIter<Closed>);

impl Leaving {
    /// These sessions.
    pub(crate) fn new(closed: Vec<Closed>) -> Self {
        Self(closed.into_iter())
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    /// Makes results of the next ones; `closed` says whether windows have the time at their end.
    pub(crate) fn leave(&mut self, emission: &mut Emission, closed: bool) {
        for Closed { session, key, .. } in self.0.by_ref().take(PIECE) {
            let edges = (session.start, session.due - i64::from(closed));
            emission.push(key, session.slot, edges, session.due - 1);
        }
    }
}
