//! [`Widening`]: cells of a partial that is exact in range, which are those of one that is exact beyond it too from the
//! first value on that needs it.
//!
//! Few data need it, and all others are faster without. Both come to the same bits where it is not needed, so
//! that what one key has changes nothing for the others.

use std::any::Any;

use super::cells::{Cells, Rows, Store, Value, Values};
use super::fused;
use super::partial::Lift;
use super::slots::Streak;
use super::sweep::{Step, Sweep};

/// A partial that is exact for values that are not out of the ordinary.
pub(crate) trait Widens<V>: Lift<V> {
    /// The one that is for all of them. Where both are, it comes to the same bits.
    type Far: Lift<V> + From<Self>;
    /// Whether a value is not out of the ordinary, or not finite: that needs no care.
    fn is_plain(value: V) -> bool;
}

/// The cells.
pub(crate) enum Widening<P: Widens<V>, V> {
    Near(Store<P, V>),
    Far(Store<P::Far, V>),
}

impl<P: Widens<V>, V: Value> Widening<P, V> {
    /// No cells, of unknown type.
    pub(super) fn boxed() -> Box<dyn Cells> {
        Box::new(Self::Near(Store::new()))
    }

    /// The cells behind a table's entry.
    ///
    /// # Panics
    /// If they are of another type, which would be a bug.
    pub(super) fn of(cells: &dyn Cells) -> &Self {
        cells.any().downcast_ref().expect("cells of one plan are of one type")
    }

    fn of_mut(cells: &mut dyn Cells) -> &mut Self {
        cells.any_mut().downcast_mut().expect("cells of one plan are of one type")
    }

    fn is_far(&self) -> bool {
        matches!(self, Self::Far(_))
    }

    fn cells(&self) -> &dyn Cells {
        match self {
            Self::Near(store) => store,
            Self::Far(store) => store,
        }
    }

    fn cells_mut(&mut self) -> &mut dyn Cells {
        match self {
            Self::Near(store) => store,
            Self::Far(store) => store,
        }
    }

    /// Some of them, one after the other, wide.
    fn picked(&self, at: &[u32]) -> Store<P::Far, V> {
        let cells = at.iter().map(|&at| at as usize);
        Store::of_cells(match self {
            Self::Near(store) => cells.map(|at| store.cells[at].into()).collect(),
            Self::Far(store) => cells.map(|at| store.cells[at]).collect(),
        })
    }

    #[cold]
    fn widen(&mut self) -> &mut dyn Cells {
        if let Self::Near(store) = self {
            *self = Self::Far(Store::of_cells(store.cells.iter().copied().map(P::Far::from).collect()));
        }
        self.cells_mut()
    }

    /// The cells, which can take in these values.
    fn ready(&mut self, values: &Values<'_>) -> &mut dyn Cells {
        let values = V::of(values).expect("values of one plan are of one type");
        if fused::are_plain::<P, V>(values) { self.cells_mut() } else { self.widen() }
    }

    /// Has cells of two tables widened, if those of one are.
    fn meet<'a>(&'a mut self, other: &'a mut Self) -> (&'a mut dyn Cells, &'a mut dyn Cells) {
        if self.is_far() || other.is_far() {
            return (self.widen(), other.widen());
        }
        (self.cells_mut(), other.cells_mut())
    }
}

/// The places of cells that were [`picked`](Widening::picked).
fn places(at: &[u32]) -> Vec<u32> {
    (0..at.len() as u32).collect()
}

impl<P: Widens<V>, V: Value> Cells for Widening<P, V> {
    fn grow(&mut self, len: usize) {
        self.cells_mut().grow(len);
    }

    fn fold(&mut self, rows: Rows<'_>, values: &Values<'_>) {
        self.ready(values).fold(rows, values);
    }

    fn fold_streaks(&mut self, streaks: &[Streak], times: &[i64], values: &Values<'_>) {
        self.ready(values).fold_streaks(streaks, times, values);
    }

    fn combine(&mut self, to: &[u32], newer: &dyn Cells, from: &[u32]) {
        let newer = Self::of(newer);
        match self.is_far() || newer.is_far() {
            false => self.cells_mut().combine(to, newer.cells(), from),
            true => self.widen().combine(to, &newer.picked(from), &places(from)),
        }
    }

    fn append(&mut self, older: &dyn Cells, newer: &dyn Cells, at: &[u32]) {
        let (older, newer) = (Self::of(older), Self::of(newer));
        match self.is_far() || older.is_far() || newer.is_far() {
            false => self.cells_mut().append(older.cells(), newer.cells(), at),
            true => self.widen().append(&older.picked(at), &newer.picked(at), &places(at)),
        }
    }

    fn join(&mut self, slots: &[u32], newer: &mut dyn Cells, at: &[u32]) {
        let (older, newer) = self.meet(Self::of_mut(newer));
        older.join(slots, newer, at);
    }

    fn merge(&mut self, steps: &[Step]) {
        self.cells_mut().merge(steps);
    }

    fn can_sweep(&self) -> bool {
        true
    }

    fn sweep(&mut self, steps: &[Step], sweep: &Sweep<'_>, values: &Values<'_>, results: &mut dyn Cells) {
        self.ready(values);
        let (cells, results) = self.meet(Self::of_mut(results));
        cells.sweep(steps, sweep, values, results);
    }

    fn copy(&mut self, to: &[u32], other: &dyn Cells, from: &[u32]) {
        let other = Self::of(other);
        match self.is_far() || other.is_far() {
            false => self.cells_mut().copy(to, other.cells(), from),
            true => self.widen().copy(to, &other.picked(from), &places(from)),
        }
    }

    fn clear(&mut self, slots: &[u32]) {
        self.cells_mut().clear(slots);
    }

    fn keep(&mut self, slots: &[u32]) {
        self.cells_mut().keep(slots);
    }

    fn fresh(&self) -> Box<dyn Cells> {
        Self::boxed()
    }

    fn bytes(&self, len: usize) -> usize {
        self.cells().bytes(len)
    }

    fn any(&self) -> &dyn Any {
        self
    }

    fn any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
