//! [`Pool`]: the helping threads of one run, which help whoever has work that can be shared.
//!
//! All that works for a run shares them, so that there are never more threads than were asked for, and none waits while
//! another has more to do than it can.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bell::Bell;
use crate::threads::{Home, Threads};

/// Work that several threads may share.
pub(crate) trait Work: Send + Sync {
    /// Whether there is something that could be begun now.
    fn is_ready(&self) -> bool;

    /// Does what can be begun now, if there still is something. It does not panic.
    fn help(&self);
}

/// Threads that help, of the process that they were made in. Clones are the same threads.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Crowd>);

struct Crowd {
    /// Told without a lock, which may be held for ever in a child.
    home: Home,
    threads: Mutex<Threads>,
    helpers: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There may be something to do, or there never will be again.
    called: Bell,
}

#[derive(Default)]
struct State {
    /// What may have to be done, by the number of its place.
    works: Vec<(u64, Arc<dyn Work>)>,
    /// The number of the next place.
    next: u64,
    closed: bool,
}

impl Pool {
    /// No helping threads yet. So many threads work once there is something to do, the caller's among them.
    pub(crate) fn new(threads: usize) -> Self {
        let helpers = threads.saturating_sub(1);
        let threads = Mutex::new(Threads::new(helpers));
        Self(Arc::new(Crowd { home: Home::new(), threads, helpers, shared: Arc::default() }))
    }

    /// Whether there is anybody to help.
    pub(crate) fn has_helpers(&self) -> bool {
        self.0.helpers > 0
    }

    /// Whether this is the process of its threads.
    pub(crate) fn is_here(&self) -> bool {
        self.0.home.is_here()
    }

    /// Has threads help with work, until its place is let go of; `None` if there is nobody to help.
    pub(crate) fn place(&self, work: Arc<dyn Work>) -> Option<Place> {
        self.0.has_started().then(|| {
            let mut state = self.0.shared.lock();
            state.next += 1;
            let number = state.next;
            state.works.push((number, work));
            Place { pool: self.clone(), number }
        })
    }
}

impl Crowd {
    fn lock(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the threads that do not run yet; tells whether there are any.
    fn has_started(&self) -> bool {
        let mut threads = self.lock();
        threads.start("rillet-helper", || {
            let shared = Arc::clone(&self.shared);
            move || shared.run()
        });
        !threads.is_empty()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let shared = &self.shared;
        self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).end(|| {
            let mut state = shared.lock();
            state.closed = true;
            shared.called.ring(&state);
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a helping thread does until the pool is let go of.
    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let ready = state.works.iter().find(|(_, work)| work.is_ready()).map(|(_, work)| Arc::clone(work));
            state = match ready {
                None => self.called.wait(&self.state, state),
                Some(work) => {
                    drop(state);
                    work.help();
                    drop(work);
                    self.lock()
                }
            };
        }
    }
}

/// The place of work that threads help with.
pub(crate) struct Place {
    pool: Pool,
    number: u64,
}

impl Place {
    /// Tells the threads that there is something to do. Whoever holds a lock that [`Work::is_ready`] takes must let go of
    /// it first.
    pub(crate) fn call(&self) {
        let shared = &self.pool.0.shared;
        shared.called.ring(&shared.lock());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.pool.is_here() {
            self.pool.0.shared.lock().works.retain(|&(number, _)| number != self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    use super::*;

    /// So many pieces of work, each of which tells who has done it.
    struct Pieces {
        left: AtomicUsize,
        done: Mutex<Sender<ThreadId>>,
    }

    impl Pieces {
        fn new(pieces: usize) -> (Arc<Self>, Receiver<ThreadId>) {
            let (done, all) = channel();
            (Arc::new(Self { left: AtomicUsize::new(pieces), done: Mutex::new(done) }), all)
        }
    }

    impl Work for Pieces {
        fn is_ready(&self) -> bool {
            self.left.load(Ordering::Relaxed) > 0
        }

        fn help(&self) {
            let took = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if took.is_ok() {
                self.done.lock().expect("nobody panics").send(thread::current().id()).expect("the test waits");
            }
        }
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn all_who_have_work_are_helped_by_the_same_threads() {
        let pool = Pool::new(3);
        let mut helpers = std::collections::HashSet::new();
        for _ in 0..100 {
            let works = [Pieces::new(3), Pieces::new(40), Pieces::new(1)];
            let places: Vec<_> = works.iter().map(|(work, _)| pool.place(Arc::clone(work) as _)).collect();
            places.iter().flatten().for_each(Place::call);
            for (pieces, (_, done)) in [3, 40, 1].into_iter().zip(&works) {
                helpers.extend((0..pieces).map(|_| done.recv_timeout(PATIENCE).expect("somebody helps")));
            }
        }
        assert!(helpers.len() <= 2 && !helpers.contains(&thread::current().id()), "{} helpers", helpers.len());
    }

    #[test]
    fn nobody_helps_where_there_is_one_thread() {
        assert!(!Pool::new(1).has_helpers() && Pool::new(1).place(Pieces::new(1).0).is_none());
    }

    #[test]
    fn work_is_let_go_of_with_its_place_and_threads_with_the_pool() {
        let pool = Pool::new(2);
        let (work, done) = Pieces::new(1);
        let place = pool.place(Arc::clone(&work) as _);
        place.iter().for_each(Place::call);
        done.recv_timeout(PATIENCE).expect("somebody helps");
        drop(pool);
        // The place is one of those who have the pool.
        work.left.store(1, Ordering::Relaxed);
        place.iter().for_each(Place::call);
        done.recv_timeout(PATIENCE).expect("somebody still helps");
        drop(place);
        assert_eq!(Arc::strong_count(&work), 1);
    }
}
