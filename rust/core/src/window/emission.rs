//! [`Emission`]: results that are ready to go out.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, UInt32Array};

use super::edges::Label;
use super::keys::Keys;
use super::pieces::Pieces;
use crate::aggregate::{Piece, Recipe, Table};
use crate::batch::{Batch, EventTime};
use crate::column::from_i64;
use crate::error::{Error, Overflow, Place, Result};
use crate::time;
use crate::types::{DataType, Schema};

/// Results that wait to go out: for each its key, the edges of its window, and how far event time had come before
/// it. That is to the last instant at which the result was not due, however far a mark jumped past it: rows that are
/// filtered out leave their marks only here and there, depending on where batches are cut.
///
/// They are made columns a few at a time, while what they are read from is still near.
#[derive(Default)]
pub(crate) struct Emission {
    /// The slots of the last ones, which are not columns yet.
    pub(crate) slots: Vec<u32>,
    pub(crate) keys: Vec<u32>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    before: Vec<i64>,
    /// Where results of another kind of windows begin, and which one that is.
    turns: Vec<(usize, i32)>,
    /// The columns of the aggregates.
    pieces: Pieces,
    /// The result that did not fit its type.
    pub(crate) failed: Option<Failed>,
}

/// A result that did not fit its type.
#[derive(Clone, Copy)]
pub(crate) struct Failed {
    /// The kind of its windows.
    pub(crate) kind: i32,
    /// Its key.
    pub(crate) key: u32,
    /// The edges of its window.
    pub(crate) edges: (i64, i64),
    /// How far event time had come before it.
    pub(crate) before: i64,
}

/// Takes out the first values. Mostly that is all, or all but a few, so that they stay where they are.
fn take_first<T>(values: &mut Vec<T>, count: usize) -> Vec<T> {
    let mut rest = Vec::with_capacity(values.len());
    rest.extend(values.drain(count..));
    std::mem::replace(values, rest)
}

/// What results look like.
pub(crate) struct Shape {
    /// The schema of the output.
    pub(crate) schema: Arc<Schema>,
    /// Whether a window has the time at its end.
    pub(crate) closed: bool,
    /// Which of its edges are columns.
    pub(crate) label: Label,
    /// The type of event time.
    pub(crate) time: DataType,
    /// The names of the keys, for errors.
    pub(crate) by: Vec<String>,
    /// Whether somebody else holds the keys and knows the kinds of windows, so that they go out as numbers, in a column
    /// each.
    pub(crate) numbered: bool,
}

impl Shape {
    /// The type of the edges of windows.
    fn edges(&self) -> &DataType {
        &self.schema.fields()[0].dtype
    }

    /// A result of a key, in the window that ends then, for people.
    pub(crate) fn describe(&self, output: &str, key: u32, end: i64, keys: &mut Keys) -> String {
        let of = if self.by.is_empty() { String::new() } else { format!(" of {}", self.key(key, keys)) };
        format!("{output}{of} in the window that ends at {}", crate::show::time(end, self.edges()))
    }

    fn key(&self, key: u32, keys: &mut Keys) -> String {
        let columns = keys.columns(&[key]);
        let value = |(name, column)| format!("{name}={}", crate::show::value(column, 0));
        self.by.iter().zip(&columns).map(value).collect::<Vec<_>>().join(", ")
    }
}

impl Emission {
    /// How many results wait to go out.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Lets the results that follow be of this kind of windows.
    pub(crate) fn turn_to(&mut self, kind: i32) {
        if self.turns.last().is_none_or(|&(_, latest)| latest != kind) {
            self.turns.push((self.keys.len(), kind));
        }
    }

    /// The kind of windows that a result is of.
    fn kind_of(&self, at: usize) -> i32 {
        self.turns.iter().rev().find(|&&(from, _)| from <= at).map_or(0, |&(_, kind)| kind)
    }

    /// Takes out the kinds of the first `rows` results.
    fn take_kinds(&mut self, rows: usize) -> Vec<i32> {
        let mut kinds = Vec::with_capacity(rows);
        let ends = self.turns.iter().skip(1).map(|&(from, _)| from.min(rows)).chain([rows]);
        self.turns.iter().zip(ends).for_each(|(&(_, kind), end)| kinds.resize(end, kind));
        let latest = self.turns.partition_point(|&(from, _)| from <= rows).saturating_sub(1);
        self.turns.drain(..latest);
        self.turns.iter_mut().for_each(|(from, _)| *from = from.saturating_sub(rows));
        kinds
    }

    /// Gives the new keys of a window its start and its end.
    pub(crate) fn close(&mut self, (start, end): (i64, i64), before: i64) {
        self.starts.resize(self.keys.len(), start);
        self.ends.resize(self.keys.len(), end);
        self.before.resize(self.keys.len(), before);
    }

    /// Adds one result.
    pub(crate) fn push(&mut self, key: u32, slot: u32, edges: (i64, i64), before: i64) {
        self.keys.push(key);
        self.slots.push(slot);
        self.starts.push(edges.0);
        self.ends.push(edges.1);
        self.before.push(before);
    }

    /// Adds results: of each its key, its slot, the edges of its window, and how far event time had come before it.
    pub(crate) fn extend(&mut self, results: impl ExactSizeIterator<Item = (u32, u32, (i64, i64), i64)> + Clone) {
        self.keys.extend(results.clone().map(|(key, ..)| key));
        self.slots.extend(results.clone().map(|(_, slot, ..)| slot));
        self.starts.extend(results.clone().map(|(_, _, (start, _), _)| start));
        self.ends.extend(results.clone().map(|(_, _, (_, end), _)| end));
        self.before.extend(results.map(|(.., before)| before));
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        (self.slots.capacity() + self.keys.capacity()) * 4
            + (self.starts.capacity() + self.ends.capacity() + self.before.capacity()) * 8
            + self.turns.capacity() * 16
            + self.pieces.memory()
    }

    /// Makes columns of the results that are none yet, read from the table that their slots are of. Gives
    /// the slots, which are not needed any more.
    ///
    /// # Errors
    /// If a result does not fit its type. Then the results before it are left, and no others.
    pub(crate) fn lower(
        &mut self,
        table: &Table,
        recipe: &Recipe,
        keys: &mut Keys,
        shape: &Shape,
    ) -> Result<Vec<u32>> {
        let slots = std::mem::take(&mut self.slots);
        // One piece without rows shows what the columns look like; more would pile up.
        if !slots.is_empty() || self.pieces.is_empty() {
            let columns = table.lower(recipe.outputs(), &slots);
            self.take_in(Piece { rows: slots.len(), columns }, keys, shape)?;
        }
        Ok(slots)
    }

    /// Takes in the columns of the next results.
    ///
    /// # Errors
    /// If a result does not fit its type. Then the results before it are left, and no others.
    pub(crate) fn take_in(&mut self, piece: Piece, keys: &mut Keys, shape: &Shape) -> Result<()> {
        match piece.columns {
            Ok(columns) => {
                self.pieces.push(piece.rows, columns);
                Ok(())
            }
            Err(unfit) => {
                let at = self.pieces.rows() + unfit.at;
                let (key, edges) = (self.keys[at], (self.starts[at], self.ends[at]));
                let error = Overflow {
                    place: Place::default(),
                    column: Some(unfit.output.to_string()),
                    what: shape.describe(&unfit.output, key, edges.1, keys),
                    value: unfit.value,
                    reason: unfit.reason,
                };
                self.failed = Some(Failed { kind: self.kind_of(at), key, edges, before: self.before[at] });
                self.pieces.push(unfit.at, unfit.before);
                self.truncate(at);
                Err(Error::Overflow(Box::new(error)))
            }
        }
    }

    /// Whether it knows what columns look like.
    pub(crate) fn has_columns(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Keeps the first `rows` results, which are columns.
    fn truncate(&mut self, rows: usize) {
        self.keys.truncate(rows);
        self.starts.truncate(rows);
        self.ends.truncate(rows);
        self.before.truncate(rows);
    }

    /// The next `rows` results, which are columns all.
    pub(crate) fn send(&mut self, rows: usize, keys: &mut Keys, shape: &Shape) -> Batch {
        let arrow = shape.edges().to_arrow();
        let ends = take_first(&mut self.ends, rows);
        let numbers = take_first(&mut self.keys, rows);
        let first = from_i64(&arrow, take_first(&mut self.starts, rows).into_iter(), None);
        let last = from_i64(&arrow, ends.iter().copied(), None);
        let mut columns: Vec<ArrayRef> = match shape.label {
            Label::Both => vec![first, last],
            Label::Left => vec![first],
            Label::Right => vec![last],
        };
        match shape.numbered {
            true => {
                columns.push(Arc::new(UInt32Array::from(numbers)));
                columns.push(Arc::new(Int32Array::from(self.take_kinds(rows))));
            }
            false => columns.extend(keys.columns(&numbers)),
        }
        columns.extend(self.pieces.take(rows));
        let time = EventTime {
            dtype: time::computed(&shape.time),
            ticks: ends.iter().map(|end| end - i64::from(!shape.closed)).collect(),
            before: Some(take_first(&mut self.before, rows).into()),
            setters: None,
            high: None,
            passive: true,
        };
        Batch::new(Arc::clone(&shape.schema), columns, rows).with_time(Some(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [i32; 11] = [0, 0, 1, 1, 1, 0, 2, 2, 0, 0, 1];

    #[test]
    fn each_result_is_of_its_kind_however_many_go_out_at_a_time() {
        for (come, go) in [(1, 1), (3, 2), (4, 3), (5, 5), (11, 4)] {
            let (mut emission, mut told) = (Emission::default(), Vec::new());
            for kinds in KINDS.chunks(come) {
                for &kind in kinds {
                    emission.turn_to(kind);
                    emission.keys.push(7);
                }
                let rows = emission.len().min(go);
                told.extend(emission.take_kinds(rows));
                take_first(&mut emission.keys, rows);
                let left = (0..emission.len()).map(|at| emission.kind_of(at));
                assert!(left.eq(KINDS[told.len()..][..emission.len()].iter().copied()));
            }
            told.extend(emission.take_kinds(emission.len()));
            assert_eq!(told, KINDS);
        }
    }
}
