//! [`Table`]: the partials of one plan for any number of slots.

use super::cells::Cells;
use super::counts::Counts;
use super::input::{Inputs, Scratch};
use super::lower::Counted;
use super::pick::{Pick, STEP, Step};
use super::recipe::Recipe;

/// The partials of one plan, side by side under slot numbers.
pub(crate) struct Table {
    pub(super) counts: Counts,
    /// The cells of each of the recipe's parts.
    pub(crate) parts: Vec<Box<dyn Cells>>,
    pub(super) part_selections: Vec<usize>,
    pub(super) scratch: Scratch,
    picks: Vec<Pick>,
    /// The time of each row of a step, where there is no event time.
    timeless: Vec<i64>,
}

/// Rows of a batch on their way into cells: row `start + i` goes to `slots[i]`, or nowhere if that is
/// [`NO_SLOT`](super::NO_SLOT).
#[derive(Clone, Copy)]
pub(crate) struct Fold<'a> {
    /// What the aggregates read of the batch.
    pub(crate) inputs: &'a Inputs,
    /// The first row.
    pub(crate) start: usize,
    /// Where the rows go.
    pub(crate) slots: &'a [u32],
    /// The times of all rows of the batch; without event time, arrival decides.
    pub(crate) times: Option<&'a [i64]>,
}

impl Table {
    /// A table without slots.
    pub(crate) fn new(recipe: &Recipe) -> Self {
        Self::of(recipe.selections(), recipe.cells(), recipe.part_selections().collect())
    }

    /// A table without slots for the same plan.
    pub(crate) fn fresh(&self) -> Self {
        let parts = self.parts.iter().map(|cells| cells.fresh()).collect();
        Self::of(self.selections(), parts, self.part_selections.clone())
    }

    /// A table of these cells, which count these selections.
    pub(crate) fn of(selections: usize, parts: Vec<Box<dyn Cells>>, part_selections: Vec<usize>) -> Self {
        Self {
            counts: Counts::new(selections),
            parts,
            part_selections,
            scratch: Scratch::default(),
            picks: Vec::new(),
            timeless: vec![0; STEP],
        }
    }

    /// Puts one row into a slot, whatever its values are.
    #[cfg(test)]
    pub(crate) fn put(&mut self, slot: u32, time: i64) {
        self.counts.put(slot);
        let rows = super::cells::Rows { slots: &[slot], times: &[time] };
        self.parts.iter_mut().for_each(|cells| cells.fold(rows, &super::cells::Values::Int(&[time])));
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Makes sure that there are so many slots; new ones are empty.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.counts.grow(len) {
            self.parts.iter_mut().for_each(|cells| cells.grow(len));
        }
    }

    /// How many selections there are.
    pub(crate) fn selections(&self) -> usize {
        self.counts.selections()
    }

    /// Counts a row of a slot, and of the selections that take it.
    pub(super) fn count(&mut self, slot: u32, takes: impl Fn(usize) -> bool) {
        self.counts.add_one(slot, takes);
    }

    /// How many values each selection has in each of some slots.
    pub(super) fn each_counted(&self, slots: &[u32]) -> Vec<Counted> {
        self.counts.of_each(slots)
    }

    /// Folds rows of a batch into their slots.
    pub(crate) fn fold(&mut self, rows: Fold<'_>) {
        let timeless = std::mem::take(&mut self.timeless);
        for (i, slots) in rows.slots.chunks(STEP).enumerate() {
            let start = rows.start + i * STEP;
            let times = rows.times.map_or(&timeless[..slots.len()], |times| &times[start..start + slots.len()]);
            self.fold_step(Step::new(start, slots, times), rows.inputs);
        }
        self.timeless = timeless;
    }

    fn fold_step(&mut self, step: Step<'_>, inputs: &Inputs) {
        step.pick(inputs, &mut self.picks);
        self.counts.add(step, &self.picks);
        for ((cells, &selection), typed) in self.parts.iter_mut().zip(&self.part_selections).zip(&inputs.values) {
            let pick = &self.picks[selection];
            cells.fold(pick.of(step), &self.scratch.pick(typed, pick.chosen(step)));
        }
    }

    /// Combines slots of another table, as the newer, into slots of this one.
    pub(crate) fn combine(&mut self, to: &[u32], newer: &Self, from: &[u32]) {
        self.counts.combine(to, &newer.counts, from);
        for (cells, newer) in self.parts.iter_mut().zip(&newer.parts) {
            cells.combine(to, &**newer, from);
        }
    }

    /// Appends the combinations of slots of two tables, of which the second is the newer.
    pub(crate) fn append(&mut self, older: &Self, newer: &Self, at: &[u32]) {
        self.counts.append(&older.counts, &newer.counts, at);
        for ((cells, older), newer) in self.parts.iter_mut().zip(&older.parts).zip(&newer.parts) {
            cells.append(&**older, &**newer, at);
        }
    }

    /// Puts into slots, and into newer ones of another table, what they come to together.
    pub(crate) fn join(&mut self, slots: &[u32], newer: &mut Self, at: &[u32]) {
        self.counts.join(slots, &mut newer.counts, at);
        for (cells, newer) in self.parts.iter_mut().zip(&mut newer.parts) {
            cells.join(slots, &mut **newer, at);
        }
    }

    /// Copies slots of another table into slots of this one.
    pub(crate) fn copy(&mut self, to: &[u32], other: &Self, from: &[u32]) {
        self.counts.copy(to, &other.counts, from);
        for (cells, other) in self.parts.iter_mut().zip(&other.parts) {
            cells.copy(to, &**other, from);
        }
    }

    /// Empties slots.
    pub(crate) fn clear(&mut self, slots: &[u32]) {
        self.counts.clear(slots);
        self.parts.iter_mut().for_each(|cells| cells.clear(slots));
    }

    /// Keeps these slots, in this order, as the first ones.
    pub(crate) fn keep(&mut self, slots: &[u32]) {
        self.counts.keep(slots);
        self.parts.iter_mut().for_each(|cells| cells.keep(slots));
    }

    /// Roughly how much memory the table takes.
    pub(crate) fn bytes(&self) -> usize {
        let (counts, slots) = (self.counts.bytes(), self.counts.most());
        counts + self.parts.iter().map(|cells| cells.bytes(slots)).sum::<usize>()
    }
}
