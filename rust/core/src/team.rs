//! [`Team`]: the threads that a stage may use for work on one batch.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The threads that a stage may use for work on one batch.
///
/// They are started for each piece of work: that costs some 20 µs, which a batch repays, and leaves nothing
/// behind that a fork, an error or the end of the process would have to deal with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Team {
    threads: usize,
}

impl Team {
    /// This thread alone.
    pub(crate) const ONE: Self = Self { threads: 1 };

    /// So many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads }
    }

    /// As many threads as this process may run at a time.
    pub(crate) fn of_cores() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }

    /// The team for so many rows: few are not worth another thread.
    pub(crate) fn for_rows(self, rows: usize) -> Self {
        if rows < 1 << 14 { Self::ONE } else { self }
    }

    /// How many they are.
    pub(crate) fn threads(self) -> usize {
        self.threads
    }

    /// Whether it is more than this thread.
    pub(crate) fn is_many(self) -> bool {
        self.threads > 1
    }

    /// Does both, at the same time if it can.
    pub(crate) fn both<A: Send, B>(self, first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
        if !self.is_many() {
            return (first(), second());
        }
        // Where no thread can be started, the work is still here to be done.
        let work = Mutex::new(Some(first));
        let take = || work.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread::scope(|scope| {
            let helper = thread::Builder::new().name("rillet-team".into());
            let helper = helper.spawn_scoped(scope, || take().map(|first| first()));
            let second = second();
            let first = match helper.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(first)) => first,
                Ok(Err(panic)) => resume_unwind(panic),
                Err(_) => take().map(|first| first()),
            };
            (first.expect("it is taken once"), second)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done_alone_and_together() {
        for team in [Team::ONE, Team::new(2)] {
            let (mut left, mut right) = (vec![1, 2], vec![3]);
            let sums = team.both(|| left.drain(..).sum::<i32>(), || right.drain(..).sum::<i32>());
            assert_eq!(sums, (3, 3));
        }
    }

    #[test]
    #[should_panic(expected = "here")]
    fn a_panic_comes_through() {
        Team::new(2).both(|| panic!("here"), || ());
    }
}
