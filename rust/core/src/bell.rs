//! [`Bell`]: what a thread waits for that others ring.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long to look out for a ring before falling asleep: about as long as it takes to be woken. So nobody loses
/// more than twice what is best, whenever the ring comes (Karlin et al., *Competitive randomized algorithms for
/// nonuniform problems*, 1990), and those who work hand in hand never sleep.
const AWAKE: Duration = Duration::from_micros(50);

/// How often to look before others are let run.
const LOOKS: usize = 32;

/// Is rung when something behind a mutex has changed.
#[derive(Default)]
pub(crate) struct Bell {
    /// How often it has been; changed only by who holds the mutex.
    rings: AtomicU32,
    /// How many sleep until it is; the same.
    asleep: AtomicU32,
    condvar: Condvar,
}

impl Bell {
    /// Tells all who wait that what is held has changed.
    pub(crate) fn ring<T>(&self, _held: &MutexGuard<'_, T>) {
        self.rings.fetch_add(1, Ordering::Release);
        if self.asleep.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_all();
        }
    }

    /// Lets go of what is held until the bell rings, or now and then for no reason.
    pub(crate) fn wait<'a, T>(&self, mutex: &'a Mutex<T>, held: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait_at_most(Duration::MAX, mutex, held).0
    }

    /// The same, but no longer than this; tells whether it was that long.
    pub(crate) fn wait_at_most<'a, T>(
        &self,
        patience: Duration,
        mutex: &'a Mutex<T>,
        held: MutexGuard<'a, T>,
    ) -> (MutexGuard<'a, T>, bool) {
        let before = self.rings.load(Ordering::Relaxed);
        drop(held);
        self.look_out(before);
        let held = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        if self.rings.load(Ordering::Relaxed) != before {
            return (held, false);
        }
        self.asleep.fetch_add(1, Ordering::Relaxed);
        let (held, waited) = self.condvar.wait_timeout(held, patience).unwrap_or_else(PoisonError::into_inner);
        self.asleep.fetch_sub(1, Ordering::Relaxed);
        (held, waited.timed_out())
    }

    fn look_out(&self, before: u32) {
        let start = Instant::now();
        while start.elapsed() < AWAKE {
            for _ in 0..LOOKS {
                if self.rings.load(Ordering::Acquire) != before {
                    return;
                }
                std::hint::spin_loop();
            }
            // Whoever else is ready to run comes first.
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;

    /// A number that two threads count up in turns, and the bell that tells of it.
    #[derive(Default)]
    struct Turns {
        number: Mutex<u32>,
        changed: Bell,
    }

    impl Turns {
        /// Counts up each time that it is the turn of `own`, up to `end`; now and then after longer than anybody
        /// looks out.
        fn take(&self, own: u32, end: u32) {
            let mut number = self.number.lock().expect("nobody panicked");
            while *number < end {
                if *number % 2 != own {
                    number = self.changed.wait(&self.number, number);
                    continue;
                }
                if number.is_multiple_of(50) {
                    thread::sleep(2 * AWAKE);
                }
                *number += 1;
                self.changed.ring(&number);
            }
        }
    }

    #[test]
    fn who_waits_hears_whether_the_bell_rang_or_the_time_was_over() {
        let (held, bell, done) = (Mutex::new(()), Bell::default(), AtomicBool::new(false));
        let wait = |patience| bell.wait_at_most(patience, &held, held.lock().expect("nobody panicked")).1;
        assert!(wait(Duration::from_millis(1)));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    bell.ring(&held.lock().expect("nobody panicked"));
                    thread::sleep(3 * AWAKE);
                }
            });
            let heard = (0..50).filter(|_| !wait(Duration::from_secs(60))).count();
            done.store(true, Ordering::Relaxed);
            assert_eq!(heard, 50);
        });
    }

    #[test]
    fn no_ring_is_lost_whether_those_who_wait_sleep_or_not() {
        let (turns, (done, over)) = (Arc::new(Turns::default()), mpsc::channel());
        for own in [0, 1] {
            let (turns, done) = (Arc::clone(&turns), done.clone());
            thread::spawn(move || {
                turns.take(own, 10_000);
                done.send(()).expect("the test waits");
            });
        }
        for _ in [0, 1] {
            over.recv_timeout(Duration::from_secs(60)).expect("a ring was lost");
        }
        assert_eq!(turns.changed.asleep.load(Ordering::Relaxed), 0);
    }
}
