//! [`Search`]: the keys of many rows looked up on several threads.
//!
//! Nothing is added while they are looked up, so that what is found does not depend on how many threads there are: new
//! keys get their numbers afterwards, in the order of the rows.

use std::ops::Range;
use std::sync::Arc;

use super::numbers::{NONE, Step};
use crate::helpers::{Helpers, Job};
use crate::pool::Pool;

/// How many rows a thread looks up at a time.
const PIECE: usize = 8192;

/// From how many rows on, and keys, several threads are worth it. What fewer keys need is in the cache, so that one
/// thread is done before another is awake.
const ROWS: usize = 2 * PIECE;
const KEYS: usize = 1 << 15;

/// Keys that have numbers.
pub(super) trait Known: Default + Send + Sync + 'static {
    /// What the keys of rows are.
    type Rows: Clone + Send + 'static;

    /// How many numbers have been given out.
    fn len(&self) -> usize;

    /// Looks the keys of some rows up.
    fn find(&self, rows: &Self::Rows, piece: Range<usize>) -> Found;
}

/// What is known of some rows.
#[derive(Default)]
pub(super) struct Found {
    /// The number of each row's key; [`NONE`] if it has none yet.
    pub(super) numbers: Vec<u32>,
    /// The rows that are not done with.
    pub(super) left: Vec<Left>,
}

/// A row whose key is still to be found, or to be added.
pub(super) struct Left {
    /// Where it is among the rows of its piece.
    pub(super) row: usize,
    /// The hash of its key, and how far the search for it has come.
    pub(super) hash: u64,
    pub(super) step: Step,
}

impl Found {
    /// Nothing yet, and room for so many rows.
    pub(super) fn with_room(rows: usize) -> Self {
        Self { numbers: Vec::with_capacity(rows), left: Vec::new() }
    }

    /// Leaves the next row, whose key has no hash.
    pub(super) fn leave(&mut self) {
        self.left.push(Left { row: self.numbers.len(), hash: 0, step: Step::default() });
        self.numbers.push(NONE);
    }
}

/// A piece of the rows to look up.
struct Look<K: Known> {
    known: Arc<K>,
    rows: K::Rows,
    piece: Range<usize>,
    found: Found,
}

impl<K: Known> Job for Look<K> {
    fn carry_out(&mut self) {
        self.found = self.known.find(&self.rows, self.piece.clone());
    }
}

/// Looks keys up.
pub(super) struct Search<K: Known>(Helpers<Look<K>>);

impl<K: Known> Search<K> {
    /// On the threads of a pool.
    pub(super) fn new(pool: &Pool) -> Self {
        Self(Helpers::new(pool))
    }

    /// What is known of the first of these rows, piece by piece: of all of them if it is worth it that several threads
    /// look, else of a piece, so that the next one finds what is new in this.
    ///
    /// # Panics
    /// If a helping thread has, which would be a bug.
    pub(super) fn find(&mut self, known: &mut K, rows: &K::Rows, these: Range<usize>) -> Vec<Found> {
        let end = these.end;
        let piece = |from: usize| from..end.min(from + PIECE);
        if these.len() < ROWS || known.len() < KEYS {
            return vec![known.find(rows, piece(these.start))];
        }
        let shared = Arc::new(std::mem::take(known));
        let look = |from| Look {
            known: Arc::clone(&shared),
            rows: rows.clone(),
            piece: piece(from),
            found: Found::default(),
        };
        let jobs = these.step_by(PIECE).map(look).collect();
        let done = self.0.carry_out(jobs, true).unwrap_or_else(|error| panic!("{error}"));
        let found = done.into_iter().map(|look| look.found).collect();
        *known = Arc::into_inner(shared).expect("all have looked");
        found
    }
}
