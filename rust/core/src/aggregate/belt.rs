//! [`Belt`]: one result of windows of the last so many rows, which move on row by row.
//!
//! It does what [`super::sweep`] does, for values that need no care and in the same tree: blocks of rows are as
//! long as windows, and a window is the end of one and the beginning of the next. A row costs three
//! combinations. Where whole blocks lie before it, several of them go by side by side: they know nothing of
//! each other.

use super::flat::{ABREAST, Abreast, Finish, Flat};

/// How many rows are in a block at most where blocks go by side by side: few enough that their states stay near.
const SHORT: usize = 4096;

/// How many blocks are worth being put side by side.
pub(super) const FEW: usize = 4;

/// How many rows of one block go by at a time.
const STRETCH: usize = 512;

/// Rows that go by.
pub(super) struct Passing<'a, V> {
    /// The place of the first in its block.
    pub(super) at: usize,
    /// Their values.
    pub(super) values: &'a [V],
    /// For how many results there is to be room.
    pub(super) room: usize,
}

/// The values of the last rows and what they come to.
pub(super) struct Belt<F: Flat, R: Finish<F>> {
    /// How many rows are in a window.
    rows: usize,
    finish: R,
    /// The values of the older block, and those of the newer one so far.
    older: Vec<F::Value>,
    newer: Vec<F::Value>,
    /// What the older block comes to from each of its rows on, and nothing behind the last; none if there is no
    /// older block.
    suffixes: Vec<F::State>,
    /// What the newer block comes to so far.
    total: F::State,
    /// Of some rows: what the newer block comes to up to each.
    prefixes: Vec<F::State>,
    side: Side<F, R>,
}

/// Blocks side by side: of each of their rows one after the other.
struct Side<F: Flat, R: Finish<F>> {
    /// The values, of the block before the first as well.
    values: Vec<[F::Value; ABREAST + 1]>,
    /// What the older blocks come to from that row on; nothing behind the last.
    suffixes: Vec<F::Abreast>,
    results: Vec<[R::Result; ABREAST]>,
}

impl<F: Flat, R: Finish<F>> Belt<F, R> {
    /// No rows.
    pub(super) fn new(rows: usize, finish: R) -> Self {
        Self {
            rows,
            finish,
            older: Vec::new(),
            newer: Vec::new(),
            suffixes: Vec::new(),
            total: F::EMPTY,
            prefixes: Vec::new(),
            side: Side { values: Vec::new(), suffixes: Vec::new(), results: Vec::new() },
        }
    }

    /// Takes in rows; gives the results of their windows.
    #[inline(always)]
    pub(super) fn roll(&mut self, Passing { mut at, values, room }: Passing<'_, F::Value>) -> Vec<R::Result> {
        let mut results = Vec::with_capacity(room);
        let mut row = 0;
        while row < values.len() {
            let left = values.len() - row;
            let blocks = (left / self.rows).min(ABREAST);
            let abreast = at == 0 && row >= self.rows && blocks >= FEW && self.rows <= SHORT;
            let len = if abreast { blocks * self.rows } else { left.min(self.rows - at).min(STRETCH) };
            if abreast {
                self.side.roll(self.finish, self.rows, &values[row - self.rows..row + len], &mut results);
                self.follow(&values[row + len - self.rows..row + len]);
            } else {
                self.roll_stretch(at, &values[row..row + len], &mut results);
            }
            (row, at) = (row + len, (at + len) % self.rows);
        }
        results
    }

    /// Takes in rows of one block.
    #[inline(always)]
    fn roll_stretch(&mut self, at: usize, values: &[F::Value], results: &mut Vec<R::Result>) {
        if at == 0 {
            self.turn();
            self.scan(values[0]);
        }
        self.newer.extend_from_slice(values);
        self.prefixes.resize(values.len(), F::EMPTY);
        self.total = F::scan::<false>(self.total, self.newer[0], values, &mut self.prefixes);
        if self.suffixes.is_empty() {
            for (i, &newer) in self.prefixes.iter().enumerate() {
                results.push(self.finish.of(newer, (at + i + 1) as f64));
            }
            return;
        }
        let (from, count) = (results.len(), self.rows as f64);
        results.resize(from + values.len(), R::Result::default());
        let suffixes = &self.suffixes[at + 1..];
        for ((&older, &newer), result) in suffixes.iter().zip(&self.prefixes).zip(&mut results[from..]) {
            *result = self.finish.of(F::joined(older, newer), count);
        }
    }

    /// Forgets all rows but those of a block; the next row begins another one.
    pub(super) fn follow(&mut self, block: &[F::Value]) {
        self.older.clear();
        self.newer.clear();
        self.newer.extend_from_slice(block);
    }

    /// Goes on to the next block.
    fn turn(&mut self) {
        std::mem::swap(&mut self.older, &mut self.newer);
        self.newer.clear();
        self.total = F::EMPTY;
    }

    /// Finds what the older block comes to from each row on, about the first value of the newer one.
    #[inline(always)]
    fn scan(&mut self, pivot: F::Value) {
        self.suffixes.resize(if self.older.is_empty() { 0 } else { self.rows + 1 }, F::EMPTY);
        // No window has the whole block and some of the next.
        if let Some(older) = self.older.get(1..) {
            F::scan::<true>(F::EMPTY, pivot, older, &mut self.suffixes[1..]);
        }
    }

    /// Keeps the values of rows, the first of which has this place in its block, and no more.
    pub(super) fn watch(&mut self, mut at: usize, mut values: &[F::Value]) {
        while !values.is_empty() {
            if at == 0 {
                self.turn();
            }
            let (stretch, rest) = values.split_at(values.len().min(self.rows - at));
            self.newer.extend_from_slice(stretch);
            (values, at) = (rest, 0);
        }
    }

    /// Finds out what the values come to that have been kept, of which there are those of two blocks.
    pub(super) fn catch_up(&mut self) {
        let pivot = self.newer[0];
        self.scan(pivot);
        self.total = self.newer.iter().fold(F::EMPTY, |total, &value| F::taken(total, pivot, value));
    }

    /// The values that it has kept, up to the last row.
    pub(super) fn values(&self) -> Vec<F::Value> {
        [&self.older[..], &self.newer[..]].concat()
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.rows, self.finish);
    }

    /// Whether no value needs more care.
    pub(super) fn takes(values: &[F::Value]) -> bool {
        values.iter().fold(true, |all, &value| all & F::is_plain(value))
    }

    /// Roughly how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let values = self.older.capacity() + self.newer.capacity();
        let states = self.suffixes.capacity() + self.prefixes.capacity();
        values * size_of::<F::Value>() + states * size_of::<F::State>() + self.side.bytes()
    }
}

impl<F: Flat, R: Finish<F>> Side<F, R> {
    /// Takes in blocks of so many rows, of which the first is only what the next ones look back at.
    #[inline(always)]
    fn roll(&mut self, finish: R, rows: usize, values: &[F::Value], results: &mut Vec<R::Result>) {
        let blocks = (values.len() / rows - 1).min(ABREAST);
        self.values.resize(rows, [F::Value::default(); ABREAST + 1]);
        self.suffixes.resize(rows + 1, F::Abreast::all(F::EMPTY));
        self.results.resize(rows, [R::Result::default(); ABREAST]);
        for (i, block) in values.chunks_exact(rows).take(ABREAST + 1).enumerate() {
            for (value, row) in block.iter().zip(&mut self.values) {
                row[i] = *value;
            }
        }
        let mut pivots = [F::Value::default(); ABREAST];
        pivots.copy_from_slice(&self.values[0][1..]);
        self.scan(blocks, &pivots);
        self.join(finish, blocks, &pivots);
        for i in 0..blocks {
            results.extend(self.results.iter().map(|row| row[i]));
        }
    }

    /// Finds what the older blocks come to from each of their rows on.
    #[inline(always)]
    fn scan(&mut self, blocks: usize, pivots: &[F::Value; ABREAST]) {
        for row in (1..self.values.len()).rev() {
            let (values, [older, newer]) = (&self.values[row], &mut self.suffixes[row..row + 2]) else { return };
            for i in 0..blocks {
                older.set(i, F::taken(newer.get(i), pivots[i], values[i]));
            }
        }
    }

    /// Joins them with what the newer blocks come to up to each of their rows.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "loops over numbers side by side become vector instructions")]
    fn join(&mut self, finish: R, blocks: usize, pivots: &[F::Value; ABREAST]) {
        let (mut newer, count) = (F::Abreast::all(F::EMPTY), self.values.len() as f64);
        for ((values, older), results) in self.values.iter().zip(&self.suffixes[1..]).zip(&mut self.results) {
            for i in 0..blocks {
                newer.set(i, F::taken(newer.get(i), pivots[i], values[i + 1]));
            }
            for i in 0..blocks {
                results[i] = finish.of(F::joined(older.get(i), newer.get(i)), count);
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + size_of_val(&self.suffixes[..]) + size_of_val(&self.results[..])
    }
}
