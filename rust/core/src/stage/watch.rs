//! [`Watch`]: the clock on the wall, for the few stages that are asked to look at it.

use std::time::Duration;

/// A clock that never goes back.
pub(crate) trait Watch: Send {
    /// How long it has been running.
    fn now(&self) -> Duration;
}

#[cfg(not(test))]
impl Watch for std::time::Instant {
    fn now(&self) -> Duration {
        self.elapsed()
    }
}

/// The clock on the wall; in tests, one that is set by hand.
fn wall() -> Box<dyn Watch> {
    #[cfg(test)]
    return Box::new(hand::Hand::of_this_thread());
    #[cfg(not(test))]
    Box::new(std::time::Instant::now())
}

/// Tells when nothing has come for too long.
pub(crate) struct Patience {
    timeout: Duration,
    watch: Box<dyn Watch>,
}

impl Patience {
    /// Runs out after so long.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, watch: wall() }
    }

    /// Whether it has run out for one who was asked and had nothing, now and ever since `quiet`, which is set
    /// the first time.
    pub(crate) fn is_over(&self, quiet: &mut Option<Duration>) -> bool {
        let now = self.watch.now();
        now - *quiet.get_or_insert(now) >= self.timeout
    }
}

/// A clock that is set by hand.
#[cfg(test)]
pub(crate) mod hand {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Duration, Watch};

    /// A clock that is set by hand, in seconds. Each thread, and so each test, has one.
    #[derive(Clone, Default)]
    pub(crate) struct Hand(Arc<AtomicU64>);

    thread_local! {
        static HAND: Hand = Hand::default();
    }

    impl Hand {
        /// The clock of this thread.
        pub(crate) fn of_this_thread() -> Self {
            HAND.with(Self::clone)
        }

        /// Sets it.
        pub(crate) fn set(&self, seconds: u64) {
            self.0.store(seconds, Ordering::Relaxed);
        }
    }

    impl Watch for Hand {
        fn now(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }
}
