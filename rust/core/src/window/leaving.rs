//! [`Leaving`]: closed sessions on their way to become results.

use super::emission::Emission;
use super::sessions::Closed;

/// How many results are made columns at a time.
const PIECE: usize = 2048;

/// Closed sessions that are not results yet, in the order of their ends.
#[derive(Default)]
pub(crate) struct Leaving {
    closed: std::vec::IntoIter<Closed>,
    /// The last watermark at which the session that left last was open.
    step: usize,
}

impl Leaving {
    /// These sessions.
    pub(crate) fn new(closed: Vec<Closed>) -> Self {
        Self { closed: closed.into_iter(), step: 0 }
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.closed.as_slice().is_empty()
    }

    /// Makes results of the next ones. `steps` are the watermarks that the current batch came by, from the one
    /// before it on, and `closed` says whether windows have the time at their end.
    pub(crate) fn leave(&mut self, emission: &mut Emission, steps: &[i64], closed: bool) {
        for Closed { session, key, .. } in self.closed.by_ref().take(PIECE) {
            while steps.get(self.step + 1).is_some_and(|&step| step < session.due) {
                self.step += 1;
            }
            let edges = (session.start, session.due - i64::from(closed));
            emission.push(key, session.slot, edges, steps[self.step]);
        }
    }
}
