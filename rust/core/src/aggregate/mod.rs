//! Aggregates: what is computed of the rows of a window or group.
//!
//! An [`Aggregate`] is plain data. Bound to a schema, the aggregates of one plan become a [`Recipe`]: the
//! columns they read, the rows they select and the partials they share. A [`Table`] holds those partials
//! for any number of slots; [`Tables`] are several, worked on by several threads. Windows know no more than that: they give each row a slot, combine slots and
//! ask for the results. A new aggregate is a [`Function`], a partial and a way to lower it.

mod bank;
mod belt;
mod belts;
mod cells;
mod counts;
mod crew;
mod decimal;
mod double;
mod extent;
mod extreme;
mod far;
mod flat;
mod function;
mod fused;
mod input;
mod lower;
mod moments;
mod owned;
mod partial;
mod pick;
mod piece;
mod recipe;
mod side_by_side;
mod single;
mod slots;
mod sweep;
mod sweeps;
mod table;
mod tables;
mod weighted;
mod widening;

pub(crate) use belts::{Belts, LastRows};
pub use function::{Aggregate, Function};
pub(crate) use input::Inputs;
pub(crate) use lower::Unfit;
pub(crate) use piece::Piece;
pub(crate) use recipe::Recipe;
pub(crate) use single::Single;
pub(crate) use slots::Slots;
pub(crate) use sweep::{Merge, NOTHING, Reaches, Run, Step};
pub(crate) use sweeps::{Sweeps, Swept};
pub(crate) use table::{Fold, Table};
pub(crate) use tables::Tables;

/// The slot of a row that belongs nowhere.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// What tests of windows make cells of their own of.
#[cfg(test)]
pub(crate) mod testing {
    use super::bank::Bank;
    pub(crate) use super::cells::{Cells, Rows, Values};
    use super::partial::Lift;
    pub(crate) use super::sweep::Sweep;
    use super::tables::Tables;
    use super::{Inputs, input::Typed};
    use crate::pool::Pool;

    /// So many tables of such cells.
    pub(crate) fn tables(cells: &dyn Cells, tables: usize) -> Tables {
        Tables::of(vec![Bank::of(0, 0, cells, tables, Vec::new())], 1, Vec::new(), tables, &Pool::new(1))
    }

    /// What one aggregate of integers reads of a batch.
    pub(crate) fn ints(values: Vec<i64>) -> Inputs {
        Inputs { values: vec![Typed::Int(values.into())], selected: vec![None] }
    }

    /// What values come to, one lifted after the other.
    pub(crate) fn lifted<P: Lift<V>, V: Copy>(values: &[V]) -> P {
        let mut partial = P::EMPTY;
        values.iter().for_each(|&value| partial.lift(value, 0));
        partial
    }

    /// Numbers that look random.
    pub(crate) fn mixed(state: &mut u64) -> i64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as i64
    }
}
