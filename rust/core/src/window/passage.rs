//! [`Passage`]: rows of the input on their way through.

use std::sync::Arc;

use arrow_array::ArrayRef;

use super::stretches::Stretch;
use crate::batch::{Batch, Origin};
use crate::error::Place;
use crate::stage::concat;

/// A batch with rows that have yet to go out.
struct Held {
    batch: Batch,
    /// How many.
    rows: usize,
    /// Roughly how much memory it takes, once it has been weighed.
    bytes: usize,
    /// Whether it is listed as one with few rows left.
    is_thin: bool,
}

impl Held {
    /// Whether it is kept for the sake of few of its rows.
    fn is_sparse(&self) -> bool {
        self.rows < self.batch.rows() / 2
    }
}

/// Batches with rows that have yet to go out, by number.
#[derive(Default)]
pub(crate) struct Passage {
    held: Vec<Option<Held>>,
    free: Vec<u32>,
    /// Those that have come or changed since they were last weighed, and those that have become thin: there may be
    /// as many batches as rows, so that nobody should look at all of them.
    fresh: Vec<u32>,
    thin: Vec<u32>,
    /// How much memory they take.
    bytes: usize,
}

impl Passage {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.len() == self.free.len()
    }

    /// The columns of a batch.
    pub(crate) fn columns(&self, number: u32) -> &[ArrayRef] {
        self.of(number).batch.columns()
    }

    /// Takes in a batch, which is kept until it is released. Gives its number.
    pub(crate) fn enter(&mut self, batch: Batch) -> u32 {
        let held = Some(Held { batch, rows: 1, bytes: 0, is_thin: false });
        let number = match self.free.pop() {
            Some(number) => {
                self.held[number as usize] = held;
                number
            }
            None => {
                self.held.push(held);
                self.held.len() as u32 - 1
            }
        };
        self.fresh.push(number);
        number
    }

    /// Keeps a batch for the sake of so many more rows.
    pub(crate) fn hold(&mut self, number: u32, rows: usize) {
        self.held[number as usize].as_mut().expect("it is not released").rows += rows;
    }

    /// Lets rows out: their columns, their origin and, of neighbours, their event time.
    pub(crate) fn leave(&mut self, stretches: &[Stretch]) -> Batch {
        let batch = match stretches {
            [one] => self.of(one.batch).batch.slice(one.row as usize, one.rows as usize),
            several => self.gather(several),
        };
        stretches.iter().for_each(|stretch| self.release(stretch.batch, stretch.rows as usize));
        batch
    }

    /// Replaces what is kept of a batch for the sake of few rows by those rows, which must be all that are
    /// left of it.
    pub(crate) fn replace(&mut self, number: u32, rows: &[u32]) {
        let held = self.held[number as usize].as_mut().expect("it has rows left");
        held.batch = held.batch.pick(rows);
        self.bytes -= std::mem::take(&mut held.bytes);
        self.fresh.push(number);
    }

    /// The batches that are kept for the sake of few of their rows.
    pub(crate) fn sparse(&mut self) -> Vec<u32> {
        let mut numbers = std::mem::take(&mut self.thin);
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|&number| {
            self.held[number as usize].as_mut().is_some_and(|held| {
                held.is_thin = false;
                held.is_sparse()
            })
        });
        numbers
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.bytes + self.held.capacity() * size_of::<Held>() + (self.fresh.capacity() + self.thin.capacity()) * 4
    }

    /// Finds out how much memory each takes.
    pub(crate) fn weigh(&mut self) {
        for number in self.fresh.drain(..) {
            if let Some(held) = self.held[number as usize].as_mut().filter(|held| held.bytes == 0) {
                held.bytes = held.batch.bytes();
                self.bytes += held.bytes;
            }
        }
    }

    /// Where a row came from.
    pub(crate) fn place(&self, number: u32, row: u32) -> Place {
        self.of(number).batch.origin().place(row as usize)
    }

    /// The source of a batch.
    pub(crate) fn source(&self, number: u32) -> Option<&Arc<str>> {
        self.of(number).batch.origin().source.as_ref()
    }

    fn of(&self, number: u32) -> &Held {
        self.held[number as usize].as_ref().expect("it has rows left")
    }

    /// Keeps a batch for the sake of so many rows less; for its own sake it is kept as for one.
    pub(crate) fn release(&mut self, number: u32, rows: usize) {
        let entry = &mut self.held[number as usize];
        let held = entry.as_mut().expect("it has rows left");
        held.rows -= rows;
        if held.rows == 0 {
            self.bytes -= held.bytes;
            *entry = None;
            self.free.push(number);
        } else if !held.is_thin && held.is_sparse() {
            held.is_thin = true;
            self.thin.push(number);
        }
    }

    /// Copies rows together: those of each batch first, which then come into their order.
    fn gather(&self, stretches: &[Stretch]) -> Batch {
        let each = |one: &Stretch| (one.row..one.row + one.rows).map(|row| (one.batch, row)).collect::<Vec<_>>();
        let rows: Vec<(u32, u32)> = stretches.iter().flat_map(each).collect();
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by_key(|&at| rows[at as usize].0);
        let mut pieces = Vec::new();
        for same in order.chunk_by(|&one, &other| rows[one as usize].0 == rows[other as usize].0) {
            let picked: Vec<u32> = same.iter().map(|&at| rows[at as usize].1).collect();
            pieces.push(self.of(rows[same[0] as usize].0).batch.pick(&picked));
        }
        if let [one] = &pieces[..] {
            return one.clone();
        }
        // Rows of several batches have no common origin.
        let together = concat(&pieces).with_origin(Origin::default());
        if order.is_sorted() {
            return together;
        }
        let mut places = vec![0; rows.len()];
        order.iter().enumerate().for_each(|(place, &at)| places[at as usize] = place as u32);
        together.pick(&places).with_origin(Origin::default())
    }
}
