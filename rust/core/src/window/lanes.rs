//! [`Lanes`]: how many rows every key has had, and the slot of its latest pane.
//!
//! Windows of rows lie on a grid of row numbers, which every key counts for itself.

use std::ops::Range;

use super::grid::Grid;
use crate::aggregate::NO_SLOT;

/// What is known of a key.
#[derive(Clone, Copy)]
struct Lane {
    /// How many rows it has had.
    rows: i64,
    /// The row number that its latest pane, or the gap between windows, ends before.
    until: i64,
    /// The slot of that pane; [`NO_SLOT`] in a gap, and where none has begun.
    slot: u32,
    /// Its place among the keys that have an open window.
    place: u64,
}

const EMPTY: Lane = Lane { rows: 0, until: 0, slot: NO_SLOT, place: 0 };

/// How many rows every key has had.
pub(crate) struct Lanes {
    grid: Grid,
    lanes: Vec<Lane>,
    /// How many places have been given out.
    places: u64,
    slots: u32,
    free: Vec<u32>,
}

impl Lanes {
    /// No rows, for windows on this grid.
    pub(crate) fn new(grid: Grid) -> Self {
        Self { grid, lanes: Vec::new(), places: 0, slots: 0, free: Vec::new() }
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        self.lanes.resize(keys.max(self.lanes.len()), EMPTY);
    }

    /// Counts a row of a key. Gives the slot of its pane, or [`NO_SLOT`] if it is in no window, and the pane
    /// if that is full now.
    #[inline]
    pub(crate) fn accept(&mut self, key: u32) -> (u32, Option<i64>) {
        if self.lanes[key as usize].rows == self.lanes[key as usize].until {
            self.begin(key);
        }
        let lane = &mut self.lanes[key as usize];
        lane.rows += 1;
        let slot = lane.slot;
        if lane.rows < lane.until || slot == NO_SLOT {
            return (slot, None);
        }
        lane.slot = NO_SLOT;
        (slot, self.grid.pane(lane.rows - 1))
    }

    /// Begins the pane, or the gap, of a key's next row.
    fn begin(&mut self, key: u32) {
        let rows = self.lanes[key as usize].rows;
        let Some(pane) = self.grid.pane(rows) else {
            self.lanes[key as usize].until = self.grid.next_start(rows);
            return;
        };
        let had_none = self.windows(key).is_empty();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let lane = &mut self.lanes[key as usize];
        (lane.until, lane.slot) = (self.grid.bounds(pane).1, slot);
        if had_none {
            lane.place = self.places;
            self.places += 1;
        }
    }

    /// The open windows of a key that have rows, counted from its first.
    pub(crate) fn windows(&self, key: u32) -> Range<i64> {
        let (rows, (size, step)) = (self.lanes[key as usize].rows, self.grid.shape());
        let first = if rows < size { 0 } else { (rows - size) / step + 1 };
        first..(rows + step - 1) / step
    }

    /// How many windows are open.
    pub(crate) fn open(&self) -> u64 {
        let windows = (0..self.lanes.len() as u32).map(|key| self.windows(key));
        windows.map(|windows| (windows.end - windows.start).max(0) as u64).sum()
    }

    /// The keys that have open windows.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> {
        (0..self.lanes.len() as u32).filter(|&key| !self.windows(key).is_empty())
    }

    /// The same, in the order of their places.
    pub(crate) fn by_place(&self) -> Vec<u32> {
        let mut live: Vec<u32> = self.live().collect();
        live.sort_unstable_by_key(|&key| self.lanes[key as usize].place);
        live
    }

    /// The slot of a key's latest pane, if that is not full.
    pub(crate) fn slot(&self, key: u32) -> Option<u32> {
        Some(self.lanes[key as usize].slot).filter(|&slot| slot != NO_SLOT)
    }

    /// Takes slots back, which are empty again.
    pub(crate) fn give_back(&mut self, slots: &[u32]) {
        self.free.extend(slots.iter().rev());
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&self.lanes[..]) + self.free.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The windows of a lane's first `rows` rows that are open, by trying.
    fn open(size: i64, step: i64, rows: i64) -> Vec<(i64, i64)> {
        (0..=rows)
            .map(|k| (k * step, k * step + size))
            .filter(|&(start, end)| start < rows && rows < end)
            .collect()
    }

    #[test]
    fn rows_are_counted_into_panes_of_the_grid() {
        for (size, step) in (1..9).flat_map(|size| (1..9).map(move |step| (size, step))) {
            let grid = Grid::new(size, step, 0);
            let mut lanes = Lanes::new(grid);
            lanes.prepare(2);
            for row in 0..40 {
                lanes.accept(1);
                let (slot, full) = lanes.accept(0);
                assert_eq!(slot == NO_SLOT, grid.pane(row).is_none());
                let pane = grid.pane(row).filter(|&pane| grid.bounds(pane).1 == row + 1);
                assert_eq!(full, pane, "{grid:?} {row}");
                let windows = lanes.windows(0).map(|window| (window * step, window * step + size));
                assert_eq!(windows.collect::<Vec<_>>(), open(size, step, row + 1), "{grid:?} {row}");
                assert!(matches!(lanes.by_place()[..], [1, 0] | []));
            }
        }
    }
}
