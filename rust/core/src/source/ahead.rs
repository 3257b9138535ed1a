//! [`Ahead`]: decodes texts on several threads and hands the results out in order.
//!
//! Whoever works takes the feeder, cuts one text, puts the feeder back and decodes the text. So reading is
//! done by one thread at a time and in order, and decoding by all. The consumer works too whenever what it
//! waits for is not there, so that `threads` threads in all are busy, and one thread needs no other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Supply;
use super::feeder::{Fed, Feeder};
use crate::bell::Bell;
use crate::csv::{self, Decoded, Layout, Scratch, Start};
use crate::error::{Error, Result, panic_message};
use crate::threads::Threads;

/// A decoded text.
pub(crate) struct Made {
    /// What it says.
    pub(crate) decoded: Decoded,
    /// The source that it is of.
    pub(crate) source: Arc<str>,
    /// Where it starts.
    pub(crate) first: Start,
}

/// What is to be had next.
pub(crate) enum Next {
    /// The next text, decoded.
    Made(Box<Made>),
    /// Nothing yet.
    NotYet,
    /// There is no more.
    End,
}

/// What the threads share.
struct Shared {
    state: Mutex<State>,
    changed: Bell,
    layout: Layout,
    window: u64,
}

struct State {
    /// Taken out by the one who is cutting.
    feeder: Option<Feeder>,
    /// How many texts have been cut, and how many handed out.
    cut: u64,
    taken: u64,
    made: BTreeMap<u64, Result<Made>>,
    ended: bool,
    closed: bool,
    bytes_read: u64,
    skipped: u64,
    spare: Vec<Vec<u8>>,
}

/// What came of trying to work.
enum Worked {
    /// A text was cut and decoded, or the end was found.
    Done,
    /// There is nothing to do now.
    Nothing,
    /// The input had nothing.
    Waited,
}

/// Decodes ahead of the consumer.
pub(crate) struct Ahead {
    shared: Arc<Shared>,
    threads: Threads,
    scratch: Scratch,
}

/// How long to wait for other threads before answering that there is nothing yet.
const PATIENCE: Duration = Duration::from_millis(50);

impl Ahead {
    /// Over what the feeder reads, on so many threads, the consumer's among them.
    pub(crate) fn new(feeder: Feeder, layout: Layout, threads: usize, prefetch: usize) -> Self {
        let state = State {
            bytes_read: feeder.bytes_read(),
            feeder: Some(feeder),
            cut: 0,
            taken: 0,
            made: BTreeMap::new(),
            ended: false,
            closed: false,
            skipped: 0,
            spare: Vec::new(),
        };
        // One text at least must be under way for the consumer to have something to take.
        let window = if threads == 1 { 1 } else { (threads * prefetch).max(1) as u64 };
        let shared = Shared { state: Mutex::new(state), changed: Bell::default(), layout, window };
        Self { shared: Arc::new(shared), threads: Threads::new(threads - 1), scratch: Scratch::default() }
    }

    /// The next text. Waits a little if another thread is at it, or a pipe is empty, if it is told to.
    ///
    /// # Errors
    /// What reading and cutting found wrong, after all texts before it; [`Error::Forked`] in a child.
    pub(crate) fn next(&mut self, wait: bool) -> Result<Next> {
        if !self.threads.are_here() {
            return Err(Error::Forked);
        }
        let shared = &self.shared;
        self.threads.start("rillet", || {
            let shared = Arc::clone(shared);
            move || shared.run()
        });
        loop {
            let mut state = self.shared.lock();
            let seq = state.taken;
            if let Some(made) = state.made.remove(&seq) {
                state.taken += 1;
                self.shared.changed.ring(&state);
                return made.map(|made| Next::Made(Box::new(made)));
            }
            if state.ended && state.taken == state.cut {
                return Ok(Next::End);
            }
            drop(state);
            match self.shared.work(&mut self.scratch, wait) {
                Worked::Done => {}
                Worked::Waited => return Ok(Next::NotYet),
                Worked::Nothing if !wait => return Ok(Next::NotYet),
                Worked::Nothing => {
                    let state = self.shared.lock();
                    let is_over = state.ended && state.cut == seq;
                    if !state.made.contains_key(&seq)
                        && !is_over
                        && !self.shared.has_work(&state)
                        && self.shared.changed.wait_at_most(PATIENCE, &self.shared.state, state).1
                    {
                        return Ok(Next::NotYet);
                    }
                }
            }
        }
    }

    /// Gives what the host supplied to the feeder.
    pub(crate) fn supply(&mut self, supply: Supply) {
        if let Some(feeder) = &mut self.shared.lock().feeder {
            feeder.supply(supply);
        }
    }

    /// How many bytes have been read, and how many lines before headers were skipped since last asked.
    pub(crate) fn progress(&self) -> (u64, u64) {
        if !self.threads.are_here() {
            return (0, 0);
        }
        let mut state = self.shared.lock();
        (state.bytes_read, std::mem::take(&mut state.skipped))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let shared = &self.shared;
        self.threads.end(|| {
            let mut state = shared.lock();
            state.closed = true;
            shared.changed.ring(&state);
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a helping thread does until there is nothing left to do.
    fn run(&self) {
        let mut scratch = Scratch::default();
        loop {
            match self.work(&mut scratch, true) {
                Worked::Done | Worked::Waited => {}
                Worked::Nothing => {
                    let state = self.lock();
                    if !state.closed && !state.ended && !self.has_work(&state) {
                        drop(self.changed.wait(&self.state, state));
                    }
                }
            }
            let state = self.lock();
            if state.closed || state.ended {
                return;
            }
        }
    }

    fn has_work(&self, state: &State) -> bool {
        state.feeder.is_some() && !state.ended && !state.closed && state.cut < state.taken + self.window
    }

    /// Cuts a text and decodes it, if there is room for one and nobody else is cutting.
    fn work(&self, scratch: &mut Scratch, wait: bool) -> Worked {
        let Some(feeder) = self.take_feeder() else { return Worked::Nothing };
        let (seq, fed) = self.cut(feeder, wait);
        let (made, spare) = match fed {
            Ok(Fed::NotYet) => return Worked::Waited,
            Ok(Fed::End) => return Worked::Done,
            Ok(Fed::Piece(piece)) => {
                (self.decode(&piece.text, piece.source, scratch), Some(piece.text.into_buffer()))
            }
            Err(error) => (Err(error), None),
        };
        let mut state = self.lock();
        state.made.insert(seq, made);
        state.spare.extend(spare);
        self.changed.ring(&state);
        Worked::Done
    }

    /// Takes the feeder, if it is there and there is room for a text.
    fn take_feeder(&self) -> Option<Feeder> {
        let mut state = self.lock();
        if !self.has_work(&state) {
            return None;
        }
        let mut feeder = state.feeder.take()?;
        state.spare.drain(..).for_each(|buffer| feeder.recycle(buffer));
        Some(feeder)
    }

    /// Cuts a text, which gets a number, and puts the feeder back. An error has its place among the texts.
    fn cut(&self, mut feeder: Feeder, wait: bool) -> (u64, Result<Fed>) {
        let fed = feeder.next(wait);
        let mut state = self.lock();
        state.bytes_read = feeder.bytes_read();
        state.skipped += feeder.take_skipped();
        state.feeder = Some(feeder);
        let seq = state.cut;
        state.cut += u64::from(matches!(fed, Ok(Fed::Piece(_)) | Err(_)));
        state.ended |= matches!(fed, Ok(Fed::End) | Err(_));
        if !matches!(fed, Ok(Fed::NotYet)) {
            self.changed.ring(&state);
        }
        drop(state);
        (seq, fed)
    }

    /// Decodes a text. A panic, which would be a bug, becomes an error instead of a thread that is gone.
    fn decode(&self, text: &csv::Text, source: Arc<str>, scratch: &mut Scratch) -> Result<Made> {
        let run = std::panic::AssertUnwindSafe(|| csv::decode(text, &self.layout, scratch));
        let decoded = std::panic::catch_unwind(run).map_err(|panic| Error::Internal(panic_message(&*panic)))?;
        Ok(Made { decoded, source, first: text.first() })
    }
}
