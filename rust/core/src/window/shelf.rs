//! [`Shelf`]: the panes of windows whose answers are asked for more than once.
//!
//! A window's answer is combined from its panes anew each time, in the very tree in which
//! [`super::fifo::Fifo`] combines them: the panes before the cut from the newest on, those behind it from the oldest
//! on, and then the two.

use std::collections::BTreeMap;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::grid::Grid;
use crate::aggregate::{Fold, Table};

/// The partials of every pane and key, and answers made of them.
pub(crate) struct Shelf {
    grid: Grid,
    table: Table,
    /// The slot of a key in a pane.
    slots: HashMap<(i64, u32), u32, RandomState>,
    /// The keys of each pane, in the order in which they came.
    panes: BTreeMap<i64, Vec<u32>>,
    free: Vec<u32>,
    len: u32,
    /// Answers that nobody has taken yet.
    pub(crate) answers: Table,
    /// Of the window that is being combined: what lies behind its cut, and one pane of what lies before it.
    newer: Table,
    pane: Table,
}

impl Shelf {
    /// No panes; partials are those of the table.
    pub(crate) fn new(grid: Grid, table: Table) -> Self {
        Self {
            grid,
            slots: HashMap::default(),
            panes: BTreeMap::new(),
            free: Vec::new(),
            len: 0,
            answers: table.fresh(),
            newer: table.fresh(),
            pane: table.fresh(),
            table,
        }
    }

    /// The slot of a key in a pane, and whether the pane has not had it before.
    pub(crate) fn slot(&mut self, pane: i64, key: u32) -> (u32, bool) {
        if let Some(&slot) = self.slots.get(&(pane, key)) {
            return (slot, false);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.len += 1;
            self.len - 1
        });
        self.slots.insert((pane, key), slot);
        self.panes.entry(pane).or_default().push(key);
        (slot, true)
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Folds rows into their slots.
    pub(crate) fn fold(&mut self, rows: Fold<'_>) {
        self.table.grow(self.len());
        self.table.fold(rows);
    }

    /// Makes the answers of some keys of the window that ends with the pane `last`; gives their slots in `answers`.
    pub(crate) fn answer(&mut self, last: i64, keys: &[u32]) -> Range<u32> {
        let (from, len) = (self.answers.len() as u32, keys.len() as u32);
        let slots = from..from + len;
        self.answers.grow(slots.end as usize);
        if self.grid.panes() == 1 {
            let (at, of) = self.find(last, keys);
            self.answers.copy(&shifted(&at, from), &self.table, &of);
            return slots;
        }
        let cut = self.grid.cut(last);
        self.combine_older(self.grid.first_pane(last)..cut, keys, from);
        self.combine_newer(cut..last + 1, keys);
        self.answers.combine(&slots.clone().collect::<Vec<_>>(), &self.newer, &(0..len).collect::<Vec<_>>());
        slots
    }

    /// Combines panes before the cut into the answers, from the newest on.
    fn combine_older(&mut self, panes: Range<i64>, keys: &[u32], from: u32) {
        self.pane.grow(keys.len());
        for (&pane, _) in self.panes.range(panes).rev() {
            let (at, of) = self.find(pane, keys);
            let to = shifted(&at, from);
            self.pane.copy(&at, &self.table, &of);
            self.pane.combine(&at, &self.answers, &to);
            self.answers.copy(&to, &self.pane, &at);
        }
    }

    /// Combines the panes behind the cut, from the oldest on.
    fn combine_newer(&mut self, panes: Range<i64>, keys: &[u32]) {
        self.newer.keep(&[]);
        self.newer.grow(keys.len());
        for (&pane, _) in self.panes.range(panes) {
            let (at, of) = self.find(pane, keys);
            self.newer.combine(&at, &self.table, &of);
        }
    }

    /// Which of the keys are in a pane, and their slots there.
    fn find(&self, pane: i64, keys: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let slot = |(at, &key): (usize, &u32)| Some((at as u32, *self.slots.get(&(pane, key))?));
        keys.iter().enumerate().filter_map(slot).unzip()
    }

    /// Lets go of the oldest pane if no window after that which ends with the pane `last` has it; gives its keys.
    pub(crate) fn pop(&mut self, last: i64) -> Option<Vec<u32>> {
        let first = self.grid.first_pane(last + self.grid.stride());
        let (pane, keys) = self.panes.first_entry().filter(|pane| *pane.key() < first)?.remove_entry();
        let slots: Vec<u32> = keys.iter().filter_map(|&key| self.slots.remove(&(pane, key))).collect();
        self.table.clear(&slots);
        self.free.extend(slots);
        Some(keys)
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let tables = [&self.table, &self.answers, &self.newer, &self.pane];
        tables.iter().map(|table| table.bytes()).sum::<usize>()
            + self.slots.capacity() * (size_of::<((i64, u32), u32)>() + 1)
            + self.panes.values().map(|keys| keys.capacity() * 4).sum::<usize>()
            + self.free.capacity() * 4
    }
}

fn shifted(at: &[u32], from: u32) -> Vec<u32> {
    at.iter().map(|at| at + from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::testing::mixed;
    use crate::window::fifo::tests::{Words, words};

    /// The last panes of the windows that have a pane.
    fn windows(grid: Grid, pane: i64) -> impl Iterator<Item = i64> {
        let lasts = (0..).map(move |n| grid.last_pane(pane) + n * grid.stride());
        lasts.take_while(move |&last| grid.first_pane(last) <= pane)
    }

    /// Puts rows of a few keys on a shelf, and holds the answers of their windows, each time, to the rows so far.
    fn check(grid: Grid) {
        let table = Table::of(1, vec![Box::new(Words::default())], vec![0]);
        let (mut shelf, mut state, mut rows) = (Shelf::new(grid, table), grid.panes() as u64, Vec::new());
        for row in 0..200 {
            let (time, key) = (row / 2 + mixed(&mut state) % 20, (mixed(&mut state) % 3) as u32);
            let Some(pane) = grid.pane(time) else { continue };
            let (slot, is_fresh) = shelf.slot(pane, key);
            assert_eq!(is_fresh, !rows.iter().any(|&(k, p, _)| (k, p) == (key, pane)));
            shelf.table.grow(shelf.len());
            shelf.table.put(slot, row);
            rows.push((key, pane, row));
            for last in windows(grid, pane) {
                let mut want: Vec<_> = rows.iter().filter(|&&(k, p, _)| k == key && p <= last).collect();
                want.retain(|&&(_, pane, _)| pane >= grid.first_pane(last));
                want.sort_by_key(|&&(_, pane, row)| (pane, row));
                let at = shelf.answer(last, &[9, key]).end - 1;
                let found = &words(&*shelf.answers.parts[0])[at as usize];
                assert!(found.iter().eq(want.iter().map(|(_, _, row)| row)), "{grid:?} {last} {key}");
            }
            shelf.answers.keep(&[]);
        }
    }

    #[test]
    fn answers_hold_the_rows_so_far_in_the_order_of_panes() {
        for (size, step) in [(1, 1), (5, 5), (3, 5), (2, 1), (10, 1), (10, 3), (12, 4)] {
            check(Grid::new(size, step, 0));
            check(Grid::expanding(size * step, step, 7));
        }
    }

    #[test]
    fn panes_go_when_no_later_window_has_them() {
        let grid = Grid::new(3, 1, 0);
        let mut shelf = Shelf::new(grid, Table::of(1, vec![Box::new(Words::default())], vec![0]));
        let slots = [0, 1, 2, 3].map(|pane| shelf.slot(pane, 7).0);
        assert_eq!((slots, shelf.len()), ([0, 1, 2, 3], 4));
        shelf.table.grow(4);
        assert_eq!(shelf.pop(3), Some(vec![7]));
        assert_eq!(shelf.pop(3), Some(vec![7]));
        assert_eq!(shelf.pop(3), None);
        assert_eq!(shelf.slot(0, 7), (1, true));
    }
}
