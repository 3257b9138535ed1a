//! Cells of values that own memory: texts, and rows of any type.

use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array};

use super::cells::{Cells, Rows, Values};
use super::sweep::{Merge, Step};
use crate::column::Texts;
use crate::memory;

/// Which of several values a cell keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Choice {
    /// The one of the earliest row.
    First,
    /// The one of the latest row.
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// A value that is kept by copying it out of its batch.
pub(crate) trait Kept: Clone + Send + 'static {
    /// How it compares with another, for [`Choice::Min`] and [`Choice::Max`].
    fn order(&self, other: &Self) -> Ordering;
    /// Roughly how much memory it takes.
    fn bytes(&self) -> usize;
}

impl Kept for Box<str> {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn bytes(&self) -> usize {
        memory::block(self.len())
    }
}

/// A column of one row.
#[derive(Clone)]
pub(crate) struct OneRow(pub(crate) ArrayRef);

impl Kept for OneRow {
    fn order(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }

    fn bytes(&self) -> usize {
        self.0.get_array_memory_size()
    }
}

/// Cells that each keep one chosen value and the time of its row.
pub(crate) struct Chosen<T> {
    choice: Choice,
    /// The value of each slot.
    pub(crate) cells: Vec<Option<(i64, T)>>,
    held: usize,
}

impl<T: Kept> Chosen<T>
where
    Self: Cells,
{
    /// No cells.
    pub(crate) fn boxed(choice: Choice) -> Box<dyn Cells> {
        Box::new(Self { choice, cells: Vec::new(), held: 0 })
    }

    /// The cells behind a table's entry.
    ///
    /// # Panics
    /// If they are of another type, which would be a bug.
    pub(crate) fn of(cells: &dyn Cells) -> &Self {
        cells.any().downcast_ref().expect("cells of one plan are of one type")
    }

    /// Whether a value of this time takes the place of the one in the cell.
    fn wins(&self, slot: usize, time: i64, order: impl FnOnce(&T) -> Ordering) -> bool {
        match (&self.cells[slot], self.choice) {
            (None, _) => true,
            (Some((old, _)), Choice::First) => time < *old,
            (Some((old, _)), Choice::Last) => time >= *old,
            (Some((_, value)), Choice::Min) => order(value) == Ordering::Less,
            (Some((_, value)), Choice::Max) => order(value) == Ordering::Greater,
        }
    }

    fn put(&mut self, slot: usize, cell: Option<(i64, T)>) {
        let size = |cell: &Option<(i64, T)>| cell.as_ref().map_or(0, |(_, value)| value.bytes());
        self.held = self.held + size(&cell) - size(&self.cells[slot]);
        self.cells[slot] = cell;
    }
}

impl Chosen<Box<str>> {
    fn lift(&mut self, rows: Rows<'_>, column: &ArrayRef, at: &[u32]) {
        let texts = Texts::of(column);
        for ((&slot, &time), &row) in rows.slots.iter().zip(rows.times).zip(at) {
            let text = texts.get(row as usize);
            if self.wins(slot as usize, time, |old| text.cmp(old)) {
                self.put(slot as usize, Some((time, text.into())));
            }
        }
    }
}

impl Chosen<OneRow> {
    fn lift(&mut self, rows: Rows<'_>, column: &ArrayRef, at: &[u32]) {
        for ((&slot, &time), &row) in rows.slots.iter().zip(rows.times).zip(at) {
            if self.wins(slot as usize, time, |_| Ordering::Equal) {
                // A slice would keep the whole batch alive.
                let copy = arrow_select::take::take(column, &UInt32Array::from(vec![row]), None);
                self.put(slot as usize, Some((time, OneRow(copy.expect("the row is in the column")))));
            }
        }
    }
}

macro_rules! chosen_cells {
    ($($kind:ty),*) => {$(
        impl Cells for Chosen<$kind> {
            fn grow(&mut self, len: usize) {
                if len > self.cells.len() {
                    self.cells.resize(len, None);
                }
            }

            fn fold(&mut self, rows: Rows<'_>, values: &Values<'_>) {
                let Values::Any(column, at) = values else { unreachable!("such cells are fed whole columns") };
                self.lift(rows, column, at);
            }

            fn combine(&mut self, to: &[u32], newer: &dyn Cells, from: &[u32]) {
                for (&to, &from) in to.iter().zip(from) {
                    if let Some((time, value)) = &Self::of(newer).cells[from as usize]
                        && self.wins(to as usize, *time, |old| value.order(old))
                    {
                        self.put(to as usize, Some((*time, value.clone())));
                    }
                }
            }

            fn append(&mut self, older: &dyn Cells, newer: &dyn Cells, at: &[u32]) {
                let to: Vec<u32> = (self.cells.len() as u32..(self.cells.len() + at.len()) as u32).collect();
                self.grow(self.cells.len() + at.len());
                self.copy(&to, older, at);
                self.combine(&to, newer, at);
            }

            fn join(&mut self, slots: &[u32], newer: &mut dyn Cells, at: &[u32]) {
                self.combine(slots, newer, at);
                newer.copy(at, self, slots);
            }

            fn merge(&mut self, steps: &[Step]) {
                for step in steps {
                    step.merges(|Merge { to, older, newer }| {
                        let (before, after) = (&self.cells[older as usize], &self.cells[newer as usize]);
                        let wins = after
                            .as_ref()
                            .is_some_and(|(time, value)| self.wins(older as usize, *time, |old| value.order(old)));
                        let cell = if wins { after.clone() } else { before.clone() };
                        self.put(to as usize, cell);
                    });
                }
            }

            fn copy(&mut self, to: &[u32], other: &dyn Cells, from: &[u32]) {
                for (&to, &from) in to.iter().zip(from) {
                    self.put(to as usize, Self::of(other).cells[from as usize].clone());
                }
            }

            fn clear(&mut self, slots: &[u32]) {
                slots.iter().for_each(|&slot| self.put(slot as usize, None));
            }

            fn keep(&mut self, slots: &[u32]) {
                self.cells = slots.iter().map(|&slot| self.cells[slot as usize].take()).collect();
                self.held = self.cells.iter().flatten().map(|(_, value)| value.bytes()).sum();
            }

            fn fresh(&self) -> Box<dyn Cells> {
                Self::boxed(self.choice)
            }

            fn bytes(&self, len: usize) -> usize {
                len * size_of::<Option<(i64, $kind)>>() + self.held
            }

            fn any(&self) -> &dyn Any {
                self
            }

            fn any_mut(&mut self) -> &mut dyn Any {
                self
            }
        }
    )*};
}

chosen_cells!(Box<str>, OneRow);

/// Puts rows kept one by one together into a column; missing ones are null.
pub(crate) fn gather(cells: &[&Option<(i64, OneRow)>], dtype: &arrow_schema::DataType) -> ArrayRef {
    let null = arrow_array::new_null_array(dtype, 1);
    let arrays: Vec<ArrayRef> = cells
        .iter()
        .map(|cell| cell.as_ref().map_or_else(|| Arc::clone(&null), |(_, row)| Arc::clone(&row.0)))
        .collect();
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    match arrays.is_empty() {
        true => arrow_array::new_empty_array(dtype),
        false => arrow_select::concat::concat(&arrays).expect("rows of one column are of one type"),
    }
}
