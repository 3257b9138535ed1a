//! [`Strands`]: the panes of every key's overlapping windows of rows, combined without doing the same work
//! for each window.
//!
//! It is the method of [`super::fifo`], whose panes have the same numbers for all keys, for panes that each
//! key counts for itself: a window is the end of one block of panes and the beginning of the next, and the
//! tree in which panes are combined depends on row numbers alone.

use std::collections::VecDeque;

use super::grid::Grid;
use crate::aggregate::Table;

/// The panes of a key, from the first one of its next window on.
#[derive(Default)]
struct Strand {
    /// Their slots, of the operator's table.
    slots: VecDeque<u32>,
    /// The number of the first.
    first: i64,
}

/// The combined panes of the windows that are open.
pub(crate) struct Strands {
    grid: Grid,
    strands: Vec<Strand>,
    /// Per key: the older block, from the first pane of the next window on.
    front: Table,
    /// Per key: the newer block so far.
    back: Table,
    /// Per slot: the pane and all newer ones of its block.
    suffixes: Table,
    /// The results that are no columns yet.
    pub(crate) results: Table,
    /// For how many slots the strands have room.
    room: usize,
}

impl Strands {
    /// No panes of keys whose windows lie on this grid, which are made of such a table's slots.
    pub(crate) fn new(grid: Grid, table: &Table) -> Self {
        Self {
            grid,
            strands: Vec::new(),
            front: table.fresh(),
            back: table.fresh(),
            suffixes: table.fresh(),
            results: table.fresh(),
            room: 0,
        }
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        self.strands.resize_with(keys.max(self.strands.len()), Strand::default);
        self.front.grow(keys);
        self.back.grow(keys);
    }

    /// Takes in a key's next pane, which is full. If a window ends with it, appends its result, and gives
    /// its start and end; lets go of slots, which are put into `gone`.
    pub(crate) fn take(
        &mut self,
        key: u32,
        (pane, slot): (i64, u32),
        table: &Table,
        gone: &mut Vec<u32>,
    ) -> Option<(i64, i64)> {
        if self.grid.block(pane) == pane {
            self.turn(key, table);
        }
        let slots = &mut self.strands[key as usize].slots;
        self.room -= slots.capacity();
        slots.push_back(slot);
        self.room += slots.capacity();
        self.back.combine(&[key], table, &[slot]);
        let window = self.grid.window(pane);
        if self.grid.last_pane(pane) != pane || window.0 < 0 {
            return None;
        }
        self.results.append(&self.front, &self.back, &[key]);
        self.leave(key, pane, gone);
        Some(window)
    }

    /// Makes all panes of a key its older block, and the newer one empty.
    fn turn(&mut self, key: u32, table: &Table) {
        self.suffixes.grow(table.len());
        self.front.clear(&[key]);
        self.back.clear(&[key]);
        for &slot in self.strands[key as usize].slots.iter().rev() {
            self.suffixes.join(&[slot], table, &mut self.front, &[key]);
        }
    }

    /// Leaves the window that ends with a pane: lets go of the panes that no later one has.
    fn leave(&mut self, key: u32, last: i64, gone: &mut Vec<u32>) {
        let strand = &mut self.strands[key as usize];
        let (old, first) = (strand.first, self.grid.first_pane(last + self.grid.stride()));
        gone.extend(strand.slots.drain(..(first - old) as usize));
        strand.first = first;
        self.front.clear(&[key]);
        if first < self.grid.block(last) {
            self.front.copy(&[key], &self.suffixes, &[strand.slots[0]]);
        }
    }

    /// Appends results of windows that are not full, which are a key's panes from their starts on; the last
    /// pane may not be full either.
    pub(crate) fn finish(
        &mut self,
        key: u32,
        last: Option<u32>,
        starts: impl Iterator<Item = i64>,
        table: &Table,
    ) {
        self.strands[key as usize].slots.extend(last);
        self.turn(key, table);
        let strand = &self.strands[key as usize];
        for start in starts {
            let pane = self.grid.pane(start).expect("a window's first row is in a pane");
            let slot = strand.slots[(pane - strand.first) as usize];
            self.front.copy(&[key], &self.suffixes, &[slot]);
            self.results.append(&self.front, &self.back, &[key]);
        }
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        let tables = self.front.bytes() + self.back.bytes() + self.suffixes.bytes() + self.results.bytes();
        tables + size_of_val(&self.strands[..]) + self.room * 4
    }
}

#[cfg(test)]
mod tests {
    use super::super::fifo::tests::{Words, combined, words};
    use super::super::lanes::Lanes;
    use super::*;

    /// Sends numbered rows of two keys through windows, whole ones and those that the end cuts short, and holds each
    /// to its rows, in their order. Tells how many combinations a pane has cost.
    fn check(size: i64, step: i64, rows: i64) -> f64 {
        let grid = Grid::new(size, step, 0);
        let mut table = Table::of(1, vec![Box::new(Words::default())], vec![0]);
        let (mut lanes, mut strands) = (Lanes::new(grid), Strands::new(grid, &table));
        let (mut gone, mut starts, mut panes) = (Vec::new(), [0, 0], 0);
        lanes.prepare(2);
        strands.prepare(2);
        combined();
        // Key 0 has three rows while key 1 has one.
        for (key, row) in (0..rows).flat_map(|row| [(0, row * 3), (0, row * 3 + 1), (0, row * 3 + 2), (1, row)]) {
            let (slot, full) = lanes.accept(key);
            table.grow(lanes.slots());
            if slot != crate::aggregate::NO_SLOT {
                table.put(slot, row);
            }
            let Some(pane) = full else { continue };
            panes += 1;
            if let Some(window) = strands.take(key, (pane, slot), &table, &mut gone) {
                assert_eq!(window, (starts[key as usize], starts[key as usize] + size), "{grid:?}");
                starts[key as usize] += step;
                assert_eq!(
                    words(&*strands.results.parts[0]),
                    [(window.0..window.1).collect::<Vec<_>>()],
                    "{grid:?}"
                );
                strands.results.keep(&[]);
            }
            table.clear(&gone);
            lanes.give_back(&gone);
            gone.clear();
        }
        let cost = combined() as f64 / f64::from(panes.max(1));
        for (key, rows) in [(0, rows * 3), (1, rows)] {
            let unfinished: Vec<i64> = lanes.windows(key).map(|window| window * step).collect();
            strands.finish(key, lanes.slot(key), unfinished.iter().copied(), &table);
            let want: Vec<Vec<i64>> = unfinished.iter().map(|&start| (start..rows).collect()).collect();
            assert_eq!(words(&*strands.results.parts[0]), want, "{grid:?}");
            strands.results.keep(&[]);
        }
        cost
    }

    #[test]
    fn windows_hold_their_rows_in_order() {
        for (size, step) in (2..12).flat_map(|size| (1..size).map(move |step| (size, step))) {
            for rows in [1, 5, 40] {
                check(size, step, rows);
            }
        }
    }

    #[test]
    fn p16_a_pane_costs_three_combinations_however_many_windows_overlap() {
        for overlap in [2, 10, 100] {
            let cost = check(overlap, 1, 1000);
            assert!((1.5..=3.0).contains(&cost), "{overlap}-fold: {cost} combinations");
        }
    }
}
