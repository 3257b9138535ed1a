//! [`Sweeper`]: windows of many rows at once.

use std::ops::Range;
use std::sync::Arc;

use super::groups::Groups;
use super::parts::Rows;
use super::span::Span;
use super::trails::Trails;
use crate::aggregate::{Piece, Recipe, Sweeps, Swept, Table};
use crate::error::Result;
use crate::pool::Pool;

/// How many rows are swept at once where there are no keys: few enough that their cells stay near.
const UNKEYED: usize = 2048;

/// How many where there are keys: so many that there are some of each.
const KEYED: usize = 16_384;

/// What it takes to sweep rows.
pub(crate) struct Sweeper {
    span: Span,
    keyed: bool,
    groups: Groups,
    sweeps: Sweeps,
}

impl Sweeper {
    /// Of rows that have keys, or have none, into the cells of such a table, on the threads of a pool. Results need so
    /// many values.
    pub(crate) fn new(
        span: Span,
        keyed: bool,
        table: &Table,
        recipe: &Recipe,
        min_periods: u64,
        pool: &Pool,
    ) -> Self {
        let sweeps = Sweeps::new(table, recipe.outputs(), min_periods, pool);
        Self { span, keyed, groups: Groups::default(), sweeps }
    }

    /// How many of the next rows are swept at once, if no more are to be than these.
    pub(crate) fn next(&self, ticks: &[i64], most: usize) -> usize {
        if ticks.len() <= most || !self.span.is_shared() {
            return ticks.len().min(most);
        }
        // Rows of one time are swept together.
        match ticks[..most].partition_point(|&tick| tick < ticks[most]) {
            0 => ticks.partition_point(|&tick| tick == ticks[0]),
            rows => rows,
        }
    }

    /// How many rows are swept at once at most, but for those of one time.
    pub(crate) fn most(&self) -> usize {
        if self.keyed { KEYED } else { UNKEYED }
    }

    /// Takes in rows; gives the results of their windows. Windows that share a time must not be cut.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::Error::Internal) if a thread panicked.
    pub(crate) fn sweep(
        &mut self,
        rows: &Rows,
        mut range: Range<usize>,
        trails: &mut Trails,
        table: &mut Table,
    ) -> Result<Vec<Piece>> {
        let mut made = Vec::new();
        while !range.is_empty() {
            let end = range.start + self.next(&rows.time.ticks[range.clone()], self.most());
            let swept = self.note(rows, range.start..end, trails);
            made.extend(self.sweeps.begin(swept, table)?);
            range.start = end;
        }
        made.extend(self.sweeps.end(table)?);
        Ok(made)
    }

    /// Writes down what is to be done for some rows.
    fn note(&mut self, rows: &Rows, piece: Range<usize>, trails: &mut Trails) -> Swept {
        let (numbers, mut times) = (&rows.numbers[piece.clone()], rows.time.ticks.slice(piece.start, piece.len()));
        let (order, places) = match self.keyed {
            true => {
                let (order, places) = self.groups.sort(piece.start, numbers, trails.keys());
                times = order.iter().map(|&row| rows.time.ticks[row as usize]).collect();
                (Some(order), places)
            }
            false => (None, (0..piece.len() as u32).collect()),
        };
        let mut sweep = |key: u32, rows: Range<usize>| match self.span {
            Span::Rows { .. } => trails.sweep_rows(key, rows),
            Span::Time { from, .. } => trails.sweep_times(key, rows, &times, from),
        };
        match self.keyed {
            true => self.groups.each().for_each(|(key, rows)| sweep(key, rows)),
            false => sweep(numbers[0], 0..piece.len()),
        }
        let (steps, windows) = trails.take_sweep();
        Swept {
            inputs: Arc::clone(&rows.inputs),
            rows: piece,
            order,
            times,
            places,
            steps,
            windows: self.span.is_shared().then_some(windows),
            cells: trails.slots(),
        }
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.groups.memory() + self.sweeps.bytes()
    }
}
