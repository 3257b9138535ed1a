//! [`Strands`]: the panes of every key's overlapping windows of rows, combined without doing the same work
//! for each window.
//!
//! It is the method of [`super::fifo`], whose panes have the same numbers for all keys, for panes that each
//! key counts for itself: a window is cut in two, the next cut is got ready pane by pane, and the tree in which
//! panes are combined depends on row numbers alone.

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
    /// The cut of the next window.
    cut: i64,
    /// How many panes are ready for the cut after that.
    ready: i64,
    /// Which of the tables are for that cut; the others are for the cut after that.
    turn: usize,
}

/// The combined panes of the windows that are open.
pub(crate) struct Strands {
    grid: Grid,
    strands: Vec<Strand>,
    /// Per key, in turns: the panes before a cut, from the first one of the next window on, and those before the cut
    /// after that.
    fronts: [Table; 2],
    /// Per key, in turns: the panes behind a cut so far, and those behind the cut after that.
    backs: [Table; 2],
    /// Per slot: the pane and all newer ones up to the cut.
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
            fronts: [table.fresh(), table.fresh()],
            backs: [table.fresh(), table.fresh()],
            suffixes: table.fresh(),
            results: table.fresh(),
            room: 0,
        }
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        self.strands.resize_with(keys.max(self.strands.len()), Strand::default);
        self.fronts.iter_mut().chain(&mut self.backs).for_each(|table| table.grow(keys));
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
        let strand = &mut self.strands[key as usize];
        self.room -= strand.slots.capacity();
        strand.slots.push_back(slot);
        self.room += strand.slots.capacity();
        let (turn, next_cut) = (strand.turn, strand.cut + self.grid.cuts());
        self.backs[turn].combine(&[key], table, &[slot]);
        if pane >= next_cut {
            self.backs[1 - turn].combine(&[key], table, &[slot]);
        }
        self.get_ready(key, (pane + 2 - next_cut) * self.grid.pace(), table);
        let window = self.grid.window(pane);
        if self.grid.last_pane(pane) != pane || window.0 < 0 {
            return None;
        }
        self.results.append(&self.fronts[turn], &self.backs[turn], &[key]);
        self.leave(key, pane, table, gone);
        Some(window)
    }

    /// Gets a key's panes before the next cut ready for it, from the last one on, until they are so many or all.
    fn get_ready(&mut self, key: u32, panes: i64, table: &Table) {
        let strand = &mut self.strands[key as usize];
        let (front, end) = (&mut self.fronts[1 - strand.turn], strand.cut + self.grid.cuts() - strand.first);
        self.suffixes.grow(table.len());
        while strand.ready < panes.min(self.grid.cuts()) {
            strand.ready += 1;
            let slot = strand.slots[(end - strand.ready) as usize];
            chain(&mut self.suffixes, slot, table, front, key);
        }
    }

    /// Leaves the window that ends with a pane: lets go of the panes that no later one has.
    fn leave(&mut self, key: u32, last: i64, table: &Table, gone: &mut Vec<u32>) {
        let next = last + self.grid.stride();
        let cut = self.grid.cut(next);
        if cut != self.strands[key as usize].cut {
            self.get_ready(key, self.grid.cuts(), table);
            let strand = &mut self.strands[key as usize];
            self.fronts[strand.turn].clear(&[key]);
            self.backs[strand.turn].clear(&[key]);
            (strand.cut, strand.ready, strand.turn) = (cut, 0, 1 - strand.turn);
        }
        let strand = &mut self.strands[key as usize];
        let (old, first) = (strand.first, self.grid.first_pane(next));
        gone.extend(strand.slots.drain(..(first - old) as usize));
        strand.first = first;
        let front = &mut self.fronts[strand.turn];
        front.clear(&[key]);
        if first < cut {
            front.copy(&[key], &self.suffixes, &[strand.slots[0]]);
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
        let strand = &mut self.strands[key as usize];
        strand.slots.extend(last);
        let (front, back) = (&mut self.fronts[strand.turn], &mut self.backs[strand.turn]);
        front.clear(&[key]);
        back.clear(&[key]);
        self.suffixes.grow(table.len());
        for &slot in strand.slots.iter().rev() {
            chain(&mut self.suffixes, slot, table, front, key);
        }
        for start in starts {
            let pane = self.grid.pane(start).expect("a window's first row is in a pane");
            front.copy(&[key], &self.suffixes, &[strand.slots[(pane - strand.first) as usize]]);
            self.results.append(front, back, &[key]);
        }
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        let tables = self.fronts.iter().chain(&self.backs).chain([&self.suffixes, &self.results]);
        tables.map(Table::bytes).sum::<usize>() + size_of_val(&self.strands[..]) + self.room * 4
    }
}

/// Puts a pane in front of those before a cut that have been combined so far.
fn chain(suffixes: &mut Table, slot: u32, table: &Table, front: &mut Table, key: u32) {
    suffixes.copy(&[slot], table, &[slot]);
    suffixes.join(&[slot], front, &[key]);
}

#[cfg(test)]
mod tests {
    use super::super::fifo::tests::{Words, combined, words};
    use super::super::lanes::Lanes;
    use super::*;

    /// Sends numbered rows of two keys through windows, whole ones and those that the end cuts short, and holds each
    /// to its rows, in their order. Tells how many combinations a pane has cost, on average and at most.
    fn check(size: i64, step: i64, rows: i64) -> (f64, usize) {
        let grid = Grid::new(size, step, 0);
        let mut table = Table::of(1, vec![Box::new(Words::default())], vec![0]);
        let (mut lanes, mut strands) = (Lanes::new(grid), Strands::new(grid, &table));
        let (mut gone, mut starts, mut panes) = (Vec::new(), [0, 0], 0);
        let (mut all, mut most) = (0, 0);
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
            let cost = combined();
            (all, most) = (all + cost, most.max(cost));
            table.clear(&gone);
            lanes.give_back(&gone);
            gone.clear();
        }
        for (key, rows) in [(0, rows * 3), (1, rows)] {
            let unfinished: Vec<i64> = lanes.windows(key).map(|window| window * step).collect();
            strands.finish(key, lanes.slot(key), unfinished.iter().copied(), &table);
            let want: Vec<Vec<i64>> = unfinished.iter().map(|&start| (start..rows).collect()).collect();
            assert_eq!(words(&*strands.results.parts[0]), want, "{grid:?}");
            strands.results.keep(&[]);
        }
        (all as f64 / f64::from(panes.max(1)), most)
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
    fn p16_no_pane_costs_the_more_the_more_windows_overlap() {
        for overlap in [2, 7, 8, 15, 16, 100, 500] {
            let (mean, most) = check(overlap, 1, 1500);
            assert!((1.5..=3.2).contains(&mean), "{overlap}-fold: {mean} combinations a pane");
            assert!(most <= 11, "{overlap}-fold: {most} combinations for a pane");
        }
    }
}
