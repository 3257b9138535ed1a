//! [`Queue`]: rows that wait for their turn, in the order of their times and then of their arrival.

use std::collections::VecDeque;

/// How many rows are put in their places one by one, rather than sorted with all that wait.
const FEW: usize = 8;

/// A row that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// Its time.
    pub(crate) tick: i64,
    /// The number of its key.
    pub(crate) key: u32,
    /// The slot of its partials.
    pub(crate) slot: u32,
    /// The number of its batch.
    pub(crate) batch: u32,
    /// Its place there.
    pub(crate) row: u32,
}

/// Rows that wait for their turn.
#[derive(Default)]
pub(crate) struct Queue {
    rows: VecDeque<Waiting>,
    /// How many there have been at a time, at most.
    most: usize,
    /// How many, from the front on, have their turn.
    ready: usize,
    /// How many have had it.
    told: usize,
    /// How many have been taken into windows.
    taken: usize,
}

impl Queue {
    /// The time of the last row that is kept.
    pub(crate) fn last(&self) -> Option<i64> {
        self.rows.back().map(|row| row.tick)
    }

    /// Whether no row that waits is later than this time.
    pub(crate) fn ends_before(&self, time: Option<&i64>) -> bool {
        time.zip(self.rows.back()).is_none_or(|(&time, last)| last.tick <= time)
    }

    /// The latest time of a row that waits.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.rows.back().filter(|_| self.rows.len() > self.ready).map(|row| row.tick)
    }

    /// Adds rows, which arrived after all others; tells how many they are.
    pub(crate) fn add(&mut self, rows: impl Iterator<Item = Waiting>) -> usize {
        let old = self.rows.len();
        self.rows.extend(rows);
        self.most = self.most.max(self.rows.len());
        let added = self.rows.len() - old;
        if !self.rows.range(old.saturating_sub(1)..).is_sorted_by_key(|row| row.tick) {
            self.sort(old);
        }
        added
    }

    /// Sorts rows, which are sorted up to this one. Rows of one time stay in the order of their arrival.
    fn sort(&mut self, old: usize) {
        if self.rows.len() - old > FEW {
            self.rows.make_contiguous().sort_by_key(|row| row.tick);
            return;
        }
        for row in self.rows.drain(old..).collect::<Vec<_>>() {
            let place = self.rows.partition_point(|other| other.tick <= row.tick);
            self.rows.insert(place, row);
        }
    }

    /// Gives all rows before this time their turn.
    pub(crate) fn release(&mut self, before: i64) {
        self.ready = self.ready.max(self.rows.partition_point(|row| row.tick < before));
    }

    /// Gives all rows their turn.
    pub(crate) fn release_all(&mut self) {
        self.ready = self.rows.len();
    }

    /// Whether no row is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows have their turn, and have not had it.
    pub(crate) fn ready(&self) -> usize {
        self.ready - self.told
    }

    /// The next row that has its turn.
    pub(crate) fn tell(&mut self) -> Waiting {
        self.told += 1;
        self.rows[self.told - 1]
    }

    /// The next row that is to be taken into windows, if it has its turn and is not later than this.
    pub(crate) fn take(&mut self, latest: i64) -> Option<Waiting> {
        let row = self.rows.get(self.taken).filter(|row| self.taken < self.ready && row.tick <= latest)?;
        self.taken += 1;
        Some(*row)
    }

    /// Lets go of the rows that are done with.
    pub(crate) fn trim(&mut self) {
        let done = self.told.min(self.taken);
        self.rows.drain(..done);
        (self.ready, self.told, self.taken) = (self.ready - done, self.told - done, self.taken - done);
    }

    /// The rows that have not had their turn.
    pub(crate) fn waiting(&mut self) -> impl Iterator<Item = &mut Waiting> {
        self.rows.range_mut(self.told..)
    }

    /// The keys of all rows that are kept.
    pub(crate) fn keys(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().map(|row| row.key)
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.most * size_of::<Waiting>()
    }
}
