//! [`Helpers`]: jobs that threads of a pool carry out beside the one that has them to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bell::Bell;
use crate::error::{Error, Result, panic_message};
use crate::pool::{Place, Pool, Work};

/// Something to do, with all that it takes. What comes of it stays in it.
pub(crate) trait Job: Send + 'static {
    /// Does it.
    fn carry_out(&mut self);

    /// How long it may take, by any measure that others like it have too: the longest is begun first.
    fn length(&self) -> u64 {
        0
    }
}

/// The jobs of one owner, and those who help with them.
pub(crate) struct Helpers<J: Job> {
    pool: Pool,
    place: Option<Place>,
    shared: Arc<Shared<J>>,
}

struct Shared<J> {
    state: Mutex<State<J>>,
    /// The last job is over.
    over: Bell,
}

struct State<J> {
    /// Jobs that nobody has begun, with their places in the order; the one that is begun next is the last.
    waiting: Vec<(usize, J)>,
    /// Jobs that are over, in their places.
    done: Vec<Option<J>>,
    /// How many are not over.
    left: usize,
    /// What a panic said.
    panic: Option<String>,
}

impl<J: Job> Helpers<J> {
    /// None yet: they come from this pool once there are jobs.
    pub(crate) fn new(pool: &Pool) -> Self {
        let state = State { waiting: Vec::new(), done: Vec::new(), left: 0, panic: None };
        let shared = Shared { state: Mutex::new(state), over: Bell::default() };
        Self { pool: pool.clone(), place: None, shared: Arc::new(shared) }
    }

    /// Whether there is anybody to help.
    pub(crate) fn are_there(&self) -> bool {
        self.pool.has_helpers()
    }

    /// Has jobs carried out as [`begin`](Self::begin) does, and gives them back in their order.
    ///
    /// # Errors
    /// [`Error::Internal`] if one panicked, which would be a bug.
    pub(crate) fn carry_out(&mut self, jobs: Vec<J>, are_worth: bool) -> Result<Vec<J>> {
        self.begin(jobs, are_worth);
        self.finish()
    }

    /// Begins with jobs, which [`finish`](Self::finish) gives back: on helping threads if they are worth it, else
    /// here, and to their end.
    pub(crate) fn begin(&mut self, mut jobs: Vec<J>, are_worth: bool) {
        let shared = &self.shared;
        if !are_worth {
            jobs.iter_mut().for_each(J::carry_out);
            shared.lock().done = jobs.into_iter().map(Some).collect();
            return;
        }
        shared.give(jobs);
        if self.place.is_none() {
            self.place = self.pool.place(Arc::clone(shared) as Arc<dyn Work>);
        }
        self.place.iter().for_each(Place::call);
    }

    /// Has the rest of the jobs carried out, and gives all back in their order.
    ///
    /// # Errors
    /// [`Error::Internal`] if one panicked, which would be a bug.
    pub(crate) fn finish(&mut self) -> Result<Vec<J>> {
        let shared = &self.shared;
        let mut state = shared.lock();
        while state.left > 0 {
            state = match state.waiting.pop() {
                Some(job) => shared.work(state, job),
                None => shared.over.wait(&shared.state, state),
            };
        }
        let done = state.done.drain(..).flatten().collect();
        state.panic.take().map_or(Ok(done), |panic| Err(Error::Internal(panic)))
    }
}

impl<J: Job> Drop for Helpers<J> {
    fn drop(&mut self) {
        if self.pool.is_here() {
            let given_up = self.shared.lock().give_up();
            // Those that have been begun end; what they take with them is let go of here.
            drop((self.finish(), given_up));
        }
    }
}

impl<J> State<J> {
    /// Takes out the jobs that nobody has begun.
    fn give_up(&mut self) -> Vec<(usize, J)> {
        self.left -= self.waiting.len();
        std::mem::take(&mut self.waiting)
    }
}

impl<J: Job> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, jobs: Vec<J>) {
        let mut state = self.lock();
        state.left = jobs.len();
        state.done.resize_with(jobs.len(), || None);
        state.waiting.extend(jobs.into_iter().enumerate().rev());
        state.waiting.sort_by_key(|(_, job)| job.length());
    }

    /// Carries out a job. A panic becomes an error instead of a thread that is gone.
    fn work<'a>(&'a self, state: MutexGuard<'a, State<J>>, (at, mut job): (usize, J)) -> MutexGuard<'a, State<J>> {
        drop(state);
        let panic = catch_unwind(AssertUnwindSafe(|| job.carry_out())).err();
        let mut state = self.lock();
        match panic {
            None => state.done[at] = Some(job),
            Some(panic) => state.panic = Some(panic_message(&*panic)),
        }
        state.left -= 1;
        if state.left == 0 {
            self.over.ring(&state);
        }
        state
    }
}

impl<J: Job> Work for Shared<J> {
    fn is_ready(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    fn help(&self) {
        let mut state = self.lock();
        while let Some(job) = state.waiting.pop() {
            state = self.work(state, job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that is to be squared, if it is not negative.
    struct Square(i64);

    impl Job for Square {
        fn carry_out(&mut self) {
            assert!(self.0 >= 0, "{} is negative", self.0);
            self.0 *= self.0;
        }
    }

    #[test]
    fn jobs_come_back_in_their_order() {
        for (threads, are_worth) in [(1, true), (2, true), (5, true), (5, false)] {
            let mut helpers = Helpers::new(&Pool::new(threads));
            for jobs in [0, 1, 100] {
                let squares = (0..jobs).map(Square).collect();
                let done = helpers.carry_out(squares, are_worth).expect("none is negative");
                assert!(done.iter().map(|job| job.0).eq((0..jobs).map(|n| n * n)), "{threads} threads");
            }
            helpers.begin([3, 4].map(Square).into(), are_worth);
            let done = helpers.finish().expect("none is negative");
            assert_eq!(done.iter().map(|job| job.0).collect::<Vec<_>>(), [9, 16]);
            assert!(helpers.finish().expect("there are none").is_empty());
        }
    }

    /// Notes when it is begun.
    struct Turn(u64, Arc<Mutex<Vec<u64>>>);

    impl Job for Turn {
        fn carry_out(&mut self) {
            self.1.lock().expect("nobody panicked").push(self.0);
        }

        fn length(&self) -> u64 {
            self.0 / 10
        }
    }

    #[test]
    fn the_longest_job_is_begun_first_and_the_first_of_alike() {
        let (begun, given) = (Arc::new(Mutex::new(Vec::new())), [10, 31, 20, 32, 11]);
        let jobs = given.map(|n| Turn(n, Arc::clone(&begun)));
        let done = Helpers::new(&Pool::new(1)).carry_out(jobs.into(), true).expect("none panics");
        assert_eq!(*begun.lock().expect("nobody panicked"), [31, 32, 20, 10, 11]);
        assert!(done.iter().map(|job| job.0).eq(given));
    }

    #[test]
    fn a_panic_is_an_error_and_no_other_jobs() {
        let mut helpers = Helpers::new(&Pool::new(3));
        let failed = helpers.carry_out([1, -2, 3].map(Square).into(), true).err().expect("one is negative");
        assert!(failed.to_string().contains("-2 is negative"), "{failed}");
        assert_eq!(helpers.carry_out([4].map(Square).into(), true).expect("none is negative")[0].0, 16);
    }
}
