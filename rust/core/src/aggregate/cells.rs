//! Cells: one partial of every pane and key, side by side under a slot number.

use std::any::Any;
use std::marker::PhantomData;

use arrow_array::ArrayRef;

use super::fused;
use super::partial::Lift;
use super::slots::{Streak, each};
use super::sweep::{Step, Sweep};
use crate::prefetch::{ahead, ask};

/// The rows that are folded in one go, and where each of them goes.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// The slot of each row.
    pub(crate) slots: &'a [u32],
    /// The event time of each row.
    pub(crate) times: &'a [i64],
}

/// The values of those rows.
pub(crate) enum Values<'a> {
    /// Integers, dates, times and booleans, and the bits of anything of 64 bits.
    Int(&'a [i64]),
    /// Unsigned 64-bit integers.
    UInt(&'a [u64]),
    /// Doubles.
    Float(&'a [f64]),
    /// Decimals.
    Decimal(&'a [i128]),
    /// The bits of values, null or not.
    Nullable(&'a [Option<i64>]),
    /// Values and their weights.
    Weighted(&'a [(f64, f64)]),
    /// Rows of a column of any type.
    Any(&'a ArrayRef, &'a [u32]),
}

/// A type of value that can be taken out of [`Values`].
pub(crate) trait Value: Copy + Send + 'static {
    /// The values, if they are of this type.
    fn of<'a>(values: &Values<'a>) -> Option<&'a [Self]>;
}

macro_rules! value {
    ($($kind:ty => $variant:ident),*) => {$(
        impl Value for $kind {
            fn of<'a>(values: &Values<'a>) -> Option<&'a [Self]> {
                match values {
                    Values::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }
    )*};
}

value!(i64 => Int, u64 => UInt, f64 => Float, i128 => Decimal, Option<i64> => Nullable, (f64, f64) => Weighted);

/// The cells of one partial, whatever its type.
pub(crate) trait Cells: Send {
    /// Makes sure that there are so many cells; new ones are empty.
    fn grow(&mut self, len: usize);
    /// Lifts the values into the cells of their rows.
    fn fold(&mut self, rows: Rows<'_>, values: &Values<'_>);
    /// The same for streaks of rows, which all have a slot, in the order of their times.
    fn fold_streaks(&mut self, streaks: &[Streak], times: &[i64], values: &Values<'_>) {
        self.fold(Rows { slots: &each(streaks), times }, values);
    }
    /// Combines cells of another table, as the newer, into cells of this one, each only once.
    fn combine(&mut self, to: &[u32], newer: &dyn Cells, from: &[u32]);
    /// Appends the combinations of cells of two tables, of which the second is the newer.
    fn append(&mut self, older: &dyn Cells, newer: &dyn Cells, at: &[u32]);
    /// Puts into cells, and into newer ones of another table, what they come to together.
    fn join(&mut self, slots: &[u32], newer: &mut dyn Cells, at: &[u32]);
    /// Carries out steps, of which none is a run, one after the other.
    fn merge(&mut self, steps: &[Step]);
    /// Whether [`sweep`](Self::sweep) is known.
    fn can_sweep(&self) -> bool {
        false
    }
    /// Carries out steps, and puts what the windows of rows come to into other cells.
    fn sweep(&mut self, _: &[Step], _: &Sweep<'_>, _: &Values<'_>, _: &mut dyn Cells) {
        unreachable!("it was asked for")
    }
    /// Copies cells of another table into this one.
    fn copy(&mut self, to: &[u32], other: &dyn Cells, from: &[u32]);
    /// Empties cells.
    fn clear(&mut self, slots: &[u32]);
    /// Keeps these cells, in this order, as the first ones.
    fn keep(&mut self, slots: &[u32]);
    /// No cells, of the same kind.
    fn fresh(&self) -> Box<dyn Cells>;
    /// Roughly how much memory they take if there are, or have been, so many.
    fn bytes(&self, len: usize) -> usize;
    /// For taking a typed look.
    fn any(&self) -> &dyn Any;
    /// The same, to change them.
    fn any_mut(&mut self) -> &mut dyn Any;
}

/// Cells of a typed partial.
pub(crate) struct Store<P, V> {
    /// The partial of each slot.
    pub(crate) cells: Vec<P>,
    lifts: PhantomData<fn(V)>,
}

impl<P: Lift<V>, V: Value> Store<P, V> {
    /// No cells.
    pub(crate) fn new() -> Self {
        Self { cells: Vec::new(), lifts: PhantomData }
    }

    /// No cells, of unknown type.
    pub(crate) fn boxed() -> Box<dyn Cells> {
        Box::new(Self::new())
    }

    /// These cells.
    pub(crate) fn of_cells(cells: Vec<P>) -> Self {
        Self { cells, lifts: PhantomData }
    }

    fn of(cells: &dyn Cells) -> &Self {
        cells.any().downcast_ref().expect("cells of one plan are of one type")
    }
}

/// The typed cells behind a table's entry.
///
/// # Panics
/// If they are of another type, which would be a bug.
pub(crate) fn cells<P: Lift<V>, V: Value>(cells: &dyn Cells) -> &[P] {
    &Store::<P, V>::of(cells).cells
}

impl<P: Lift<V>, V: Value> Cells for Store<P, V> {
    fn grow(&mut self, len: usize) {
        if len > self.cells.len() {
            self.cells.resize(len, P::EMPTY);
        }
    }

    fn fold(&mut self, rows: Rows<'_>, values: &Values<'_>) {
        let values = V::of(values).expect("values of one plan are of one type");
        fused::fold(&mut self.cells, rows, values);
    }

    fn fold_streaks(&mut self, streaks: &[Streak], times: &[i64], values: &Values<'_>) {
        let values = V::of(values).expect("values of one plan are of one type");
        P::lift_streaks(&mut self.cells, streaks, times, values);
    }

    fn combine(&mut self, to: &[u32], newer: &dyn Cells, from: &[u32]) {
        fused::combine(&mut self.cells, to, &Self::of(newer).cells, from);
    }

    fn append(&mut self, older: &dyn Cells, newer: &dyn Cells, at: &[u32]) {
        fused::append(&mut self.cells, &Self::of(older).cells, &Self::of(newer).cells, at);
    }

    fn join(&mut self, slots: &[u32], newer: &mut dyn Cells, at: &[u32]) {
        let newer: &mut Self = newer.any_mut().downcast_mut().expect("cells of one plan are of one type");
        fused::join(&mut self.cells, slots, &mut newer.cells, at);
    }

    fn merge(&mut self, steps: &[Step]) {
        fused::merge(&mut self.cells, steps);
    }

    fn can_sweep(&self) -> bool {
        true
    }

    fn sweep(&mut self, steps: &[Step], sweep: &Sweep<'_>, values: &Values<'_>, results: &mut dyn Cells) {
        let results: &mut Self = results.any_mut().downcast_mut().expect("cells of one plan are of one type");
        let values = V::of(values).expect("values of one plan are of one type");
        fused::sweep(&mut self.cells, steps, sweep, values, &mut results.cells);
    }

    fn copy(&mut self, to: &[u32], other: &dyn Cells, from: &[u32]) {
        let (cells, other) = (&mut self.cells[..], &Self::of(other).cells[..]);
        let ahead = ahead(other, from);
        for (row, (&to, &from)) in to.iter().zip(from).enumerate() {
            ask(other, ahead.get(row));
            cells[to as usize] = other[from as usize];
        }
    }

    fn clear(&mut self, slots: &[u32]) {
        let cells = &mut self.cells[..];
        let ahead = ahead(cells, slots);
        for (row, &slot) in slots.iter().enumerate() {
            ask(cells, ahead.get(row));
            cells[slot as usize] = P::EMPTY;
        }
    }

    fn keep(&mut self, slots: &[u32]) {
        // The room is kept: it will be needed again.
        let kept: Vec<P> = slots.iter().map(|&slot| self.cells[slot as usize]).collect();
        self.cells.clear();
        self.cells.extend(kept);
    }

    fn fresh(&self) -> Box<dyn Cells> {
        Self::boxed()
    }

    fn bytes(&self, len: usize) -> usize {
        len * size_of::<P>()
    }

    fn any(&self) -> &dyn Any {
        self
    }

    fn any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
