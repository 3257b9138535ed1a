//! [`Sweeper`]: windows of many rows at once.

use std::ops::Range;

use super::groups::Groups;
use super::parts::Rows;
use super::span::Span;
use super::trails::Trails;
use crate::aggregate::{Chosen, Swept, Table};

/// How many rows are swept at once where there are no keys: few enough that their cells stay near.
const UNKEYED: usize = 2048;

/// How many where there are keys: so many that there are some of each.
const KEYED: usize = 16_384;

/// What it takes to sweep rows, and the results.
pub(crate) struct Sweeper {
    keyed: bool,
    groups: Groups,
    /// The times of the rows, in the order of the sweep.
    times: Vec<i64>,
    /// What the windows of the rows come to, in that order.
    results: Table,
    /// Where the result of each row is, if there are no keys.
    slots: Vec<u32>,
}

impl Sweeper {
    /// Of rows that have keys, or have none, into the cells of such a table.
    pub(crate) fn new(keyed: bool, table: &Table) -> Self {
        Self { keyed, groups: Groups::default(), times: Vec::new(), results: table.fresh(), slots: Vec::new() }
    }

    /// How many rows can be swept at once.
    pub(crate) fn most(&self) -> usize {
        if self.keyed { KEYED } else { UNKEYED }
    }

    /// Takes in rows, and combines the window of each. Windows that share a time must not be cut.
    pub(crate) fn sweep(
        &mut self,
        rows: &Rows,
        piece: Range<usize>,
        span: Span,
        trails: &mut Trails,
        table: &mut Table,
    ) {
        let (start, len) = (piece.start, piece.len());
        let (numbers, ticks) = (&rows.numbers[piece.clone()], &rows.time.ticks[piece]);
        if self.keyed {
            self.groups.sort(start, numbers, trails.keys());
            self.times.clear();
            self.times.extend(self.groups.order.iter().map(|&row| rows.time.ticks[row as usize]));
        } else {
            // Rows of one time are swept together, however many they are.
            self.slots.extend(self.slots.len() as u32..len as u32);
        }
        let times = if self.keyed { &self.times } else { ticks };
        let mut sweep = |key: u32, rows: Range<usize>| match span {
            Span::Rows { .. } => trails.sweep_rows(key, rows),
            Span::Time { from, .. } => trails.sweep_times(key, rows, times, from),
        };
        match self.keyed {
            true => self.groups.each().for_each(|(key, rows)| sweep(key, rows)),
            false => sweep(numbers[0], 0..len),
        }
        table.grow(trails.slots());
        let swept = Swept {
            inputs: &rows.inputs,
            rows: if self.keyed { Chosen::List(&self.groups.order) } else { Chosen::Run(start, len) },
            times,
            windows: span.is_shared().then(|| trails.windows()),
        };
        table.sweep(trails.steps(), swept, &mut self.results);
        trails.settle();
    }

    /// What the windows of the rows that were swept last came to.
    pub(crate) fn results(&self) -> &Table {
        &self.results
    }

    /// Where the result of each of so many rows is.
    pub(crate) fn slots(&self, rows: usize) -> &[u32] {
        if self.keyed { &self.groups.places[..rows] } else { &self.slots[..rows] }
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.groups.memory() + self.results.bytes() + self.times.capacity() * 8 + self.slots.capacity() * 4
    }
}
