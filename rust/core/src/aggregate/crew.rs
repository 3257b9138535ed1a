//! [`Crew`]: carries tasks out on several threads, bank by bank.
//!
//! A bank carries out all tasks in their order, one thread at a time; banks know nothing of each other. So
//! results do not depend on how many threads there are. Whoever asks for all to be finished works too.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bank::{Bank, Task};
use crate::bell::Bell;
use crate::error::{Error, Result, panic_message};
use crate::pool::{Place, Pool, Work};

/// So many rows in all are worth a thread, and so many at a time are worth calling it.
const WORTH_STARTING: usize = 1 << 16;
const WORTH_CALLING: usize = 1 << 10;

/// Banks, and the threads that work on them.
pub(super) struct Crew {
    shared: Arc<Shared>,
    pool: Pool,
    /// Where those of the pool find it, once they are worth it.
    place: Option<Place>,
    /// How many rows there have been.
    rows: usize,
}

struct Shared {
    banks: Vec<Mutex<Bank>>,
    state: Mutex<State>,
    changed: Bell,
}

#[derive(Default)]
struct State {
    /// The lists of tasks that some bank has not carried out yet.
    lists: VecDeque<Arc<Vec<Task>>>,
    /// The number of the oldest of them.
    first: usize,
    /// For each bank the number of its next list, and whether somebody is working on it.
    next: Vec<usize>,
    busy: Vec<bool>,
    /// What a panic said.
    panic: Option<String>,
}

impl State {
    /// The number of the list that comes after the last.
    fn end(&self) -> usize {
        self.first + self.lists.len()
    }

    fn is_ready(&self, bank: usize) -> bool {
        !self.busy[bank] && self.next[bank] < self.end()
    }

    /// The first bank that is ready.
    fn ready(&self) -> Option<usize> {
        (0..self.next.len()).find(|&bank| self.is_ready(bank))
    }
}

/// A bank and its next list of tasks.
struct Job {
    bank: usize,
    tasks: Arc<Vec<Task>>,
}

impl Crew {
    /// Works on these banks with those of a pool.
    pub(super) fn new(banks: Vec<Bank>, pool: &Pool) -> Self {
        let state = State { next: vec![0; banks.len()], busy: vec![false; banks.len()], ..State::default() };
        Self {
            shared: Arc::new(Shared {
                banks: banks.into_iter().map(Mutex::new).collect(),
                state: Mutex::new(state),
                changed: Bell::default(),
            }),
            pool: pool.clone(),
            place: None,
            rows: 0,
        }
    }

    /// Takes on tasks, which concern about so many rows. They are carried out some time before
    /// [`finish`](Self::finish) returns.
    pub(super) fn take_on(&mut self, tasks: Vec<Task>, rows: usize) {
        self.rows = self.rows.saturating_add(rows);
        if self.rows >= WORTH_STARTING && self.place.is_none() && !self.shared.banks.is_empty() {
            self.place = self.pool.place(Arc::clone(&self.shared) as Arc<dyn Work>);
        }
        match &self.place {
            Some(place) if rows >= WORTH_CALLING || !self.shared.lock().lists.is_empty() => {
                self.shared.lock().lists.push_back(Arc::new(tasks));
                place.call();
            }
            _ => self.shared.banks.iter().for_each(|bank| carry_out(bank, &tasks)),
        }
    }

    /// Carries out all that has been taken on.
    ///
    /// # Errors
    /// [`Error::Internal`] if a thread panicked.
    pub(super) fn finish(&mut self) -> Result<()> {
        loop {
            let mut state = self.shared.lock();
            if let Some(panic) = &state.panic {
                return Err(Error::Internal(panic.clone()));
            }
            // Helpers begin with the first banks: each thread stays with cells that are near to it.
            let job = (0..state.next.len()).rev().find(|&bank| state.is_ready(bank));
            match job.map(|bank| state.begin(bank)) {
                Some(job) => {
                    drop(state);
                    self.shared.work(job);
                }
                None if state.lists.is_empty() => return Ok(()),
                None => drop(self.shared.changed.wait(&self.shared.state, state)),
            }
        }
    }

    /// Each of the banks, of which nobody is working on any.
    pub(super) fn banks(&self) -> impl Iterator<Item = MutexGuard<'_, Bank>> {
        let banks = if self.pool.is_here() { &self.shared.banks[..] } else { &[] };
        banks.iter().map(lock)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if !self.pool.is_here() {
            return;
        }
        // Nothing more is begun, and what has been ends.
        let _given_up = std::mem::take(&mut self.shared.lock().lists);
        let mut state = self.shared.lock();
        while state.busy.contains(&true) {
            state = self.shared.changed.wait(&self.shared.state, state);
        }
    }
}

impl State {
    /// Takes a bank that is ready.
    fn begin(&mut self, bank: usize) -> Job {
        self.busy[bank] = true;
        Job { bank, tasks: Arc::clone(&self.lists[self.next[bank] - self.first]) }
    }

    /// Notes that a bank has carried out its list.
    fn end_of(&mut self, bank: usize) {
        self.busy[bank] = false;
        self.next[bank] += 1;
        while self.next.iter().all(|&next| next > self.first) && self.lists.pop_front().is_some() {
            self.first += 1;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Carries out a list. A panic, which would be a bug, becomes an error instead of a thread that is gone.
    fn work(&self, Job { bank, tasks }: Job) {
        let done = catch_unwind(AssertUnwindSafe(|| carry_out(&self.banks[bank], &tasks)));
        // Before the end is told: to let go of rows of the host may take what the one who waits for it holds then.
        drop(tasks);
        let mut state = self.lock();
        if let Err(panic) = done {
            state.panic = Some(panic_message(&*panic));
        }
        state.end_of(bank);
        self.changed.ring(&state);
    }
}

impl Work for Shared {
    fn is_ready(&self) -> bool {
        self.lock().ready().is_some()
    }

    fn help(&self) {
        let mut state = self.lock();
        while let Some(bank) = state.ready() {
            let job = state.begin(bank);
            drop(state);
            self.work(job);
            state = self.lock();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry_out(bank: &Mutex<Bank>, tasks: &[Task]) {
    let mut bank = lock(bank);
    tasks.iter().for_each(|task| bank.carry_out(task));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two banks, for which there are two lists.
    fn state() -> State {
        let lists = [1, 2].map(|table| Arc::new(vec![Task::Grow { table, len: 0 }]));
        State { lists: lists.into(), next: vec![0; 2], busy: vec![false; 2], ..State::default() }
    }

    fn table(job: &Job) -> usize {
        match job.tasks[..] {
            [Task::Grow { table, .. }] => table,
            _ => unreachable!("there are no other tasks"),
        }
    }

    #[test]
    fn one_thread_works_on_a_bank_at_a_time_and_list_after_list() {
        let mut state = state();
        for list in [1, 2] {
            assert!(state.is_ready(0));
            assert_eq!(table(&state.begin(0)), list);
            assert!(!state.is_ready(0), "somebody is working on it");
            assert!(state.is_ready(1));
            state.end_of(0);
        }
        assert!(!state.is_ready(0), "it has carried out all lists");
    }

    #[test]
    fn a_list_stays_until_all_banks_have_carried_it_out() {
        let mut state = state();
        for (bank, left) in [(0, 2), (0, 2), (1, 1), (1, 0)] {
            state.begin(bank);
            state.end_of(bank);
            assert_eq!((state.lists.len(), state.end()), (left, 2));
        }
    }
}
