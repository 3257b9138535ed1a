//! [`Table`]: the partials of one plan for any number of slots.

use arrow_buffer::BooleanBuffer;

use super::NO_SLOT;
use super::cells::{Cells, Merge, Rows};
use super::input::{Chosen, Inputs, Scratch};
use super::recipe::Recipe;

/// How many rows are folded at a time: few enough that their slots stay in the first-level cache.
const STEP: usize = 2048;

/// The partials of one plan, side by side under slot numbers.
pub(crate) struct Table {
    counts: Counts,
    /// How many slots there were before all but some were dropped, at most: their room is kept.
    most: usize,
    /// The cells of each of the recipe's parts.
    pub(crate) parts: Vec<Box<dyn Cells>>,
    part_selections: Vec<usize>,
    scratch: Scratch,
    picks: Vec<Pick>,
    /// The time of each row of a step, where there is no event time.
    timeless: Vec<i64>,
}

/// How many rows each slot has, and how many of them each selection leaves out.
///
/// The first selection is of all rows. Of the others the rows left out are counted, since they are fewer
/// than those taken.
struct Counts {
    rows: Vec<u64>,
    misses: Vec<Vec<u64>>,
}

/// The rows of one step that one selection takes, where it does not take all.
#[derive(Default)]
struct Pick {
    /// Whether it takes all; the rest then means nothing.
    all: bool,
    rows: Vec<u32>,
    slots: Vec<u32>,
    times: Vec<i64>,
    /// The slots of the rows that it leaves out.
    missed: Vec<u32>,
}

/// Rows of a batch on their way into cells: row `start + i` goes to `slots[i]`, or nowhere if that is
/// [`NO_SLOT`].
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

/// The rows of one step.
#[derive(Clone, Copy)]
struct Step<'a> {
    start: usize,
    slots: &'a [u32],
    times: &'a [i64],
    /// Whether each has a slot.
    whole: bool,
}

impl Counts {
    fn new(selections: usize) -> Self {
        Self { rows: Vec::new(), misses: vec![Vec::new(); selections] }
    }

    fn add(&mut self, step: Step<'_>, picks: &[Pick]) {
        picks[0].of(step).slots.iter().for_each(|&slot| self.rows[slot as usize] += 1);
        for (misses, pick) in self.misses.iter_mut().zip(picks).filter(|(_, pick)| !pick.all) {
            pick.missed.iter().for_each(|&slot| misses[slot as usize] += 1);
        }
    }

    /// The rows, and the misses of each selection but the first.
    fn all(&self) -> impl Iterator<Item = &Vec<u64>> {
        std::iter::once(&self.rows).chain(self.misses.iter().skip(1))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Vec<u64>> {
        std::iter::once(&mut self.rows).chain(self.misses.iter_mut().skip(1))
    }
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
            most: 0,
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
        self.counts.rows[slot as usize] += 1;
        let rows = Rows { slots: &[slot], times: &[time] };
        self.parts.iter_mut().for_each(|cells| cells.fold(rows, &super::cells::Values::Int(&[time])));
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.rows.len()
    }

    /// Makes sure that there are so many slots; new ones are empty.
    pub(crate) fn grow(&mut self, len: usize) {
        if len > self.len() {
            self.counts.all_mut().for_each(|counts| counts.resize(len, 0));
            self.parts.iter_mut().for_each(|cells| cells.grow(len));
        }
    }

    /// How many selections there are.
    pub(crate) fn selections(&self) -> usize {
        self.counts.misses.len()
    }

    /// How many rows a slot has.
    pub(crate) fn rows(&self, slot: usize) -> u64 {
        self.counts.rows[slot]
    }

    /// How many values the selection has in each of some slots.
    pub(crate) fn counts_of(&self, selection: usize, slots: &[u32]) -> Vec<u64> {
        let (rows, misses) = (&self.counts.rows, &self.counts.misses[selection]);
        if misses.is_empty() {
            return slots.iter().map(|&slot| rows[slot as usize]).collect();
        }
        slots.iter().map(|&slot| rows[slot as usize] - misses[slot as usize]).collect()
    }

    /// Folds rows of a batch into their slots.
    pub(crate) fn fold(&mut self, rows: Fold<'_>) {
        let timeless = std::mem::take(&mut self.timeless);
        for (i, slots) in rows.slots.chunks(STEP).enumerate() {
            let start = rows.start + i * STEP;
            let times = rows.times.map_or(&timeless[..slots.len()], |times| &times[start..start + slots.len()]);
            self.fold_step(Step { start, slots, times, whole: !slots.contains(&NO_SLOT) }, rows.inputs);
        }
        self.timeless = timeless;
    }

    fn fold_step(&mut self, step: Step<'_>, inputs: &Inputs) {
        self.picks.resize_with(inputs.selected.len(), Pick::default);
        for (pick, mask) in self.picks.iter_mut().zip(&inputs.selected) {
            pick.take(step, mask.as_ref());
        }
        self.counts.add(step, &self.picks);
        for ((cells, &selection), typed) in self.parts.iter_mut().zip(&self.part_selections).zip(&inputs.values) {
            let pick = &self.picks[selection];
            let chosen =
                if pick.all { Chosen::Run(step.start, step.slots.len()) } else { Chosen::List(&pick.rows) };
            cells.fold(pick.of(step), &self.scratch.pick(typed, chosen));
        }
    }

    /// Combines slots of another table, as the newer, into slots of this one.
    pub(crate) fn combine(&mut self, to: &[u32], newer: &Self, from: &[u32]) {
        let ours = self.counts.all_mut();
        for (ours, newer) in ours.zip(newer.counts.all()) {
            to.iter().zip(from).for_each(|(&to, &from)| ours[to as usize] += newer[from as usize]);
        }
        for (cells, newer) in self.parts.iter_mut().zip(&newer.parts) {
            cells.combine(to, &**newer, from);
        }
    }

    /// Appends the combinations of slots of two tables, of which the second is the newer.
    pub(crate) fn append(&mut self, older: &Self, newer: &Self, at: &[u32]) {
        let ours = self.counts.all_mut();
        for ((ours, older), newer) in ours.zip(older.counts.all()).zip(newer.counts.all()) {
            ours.extend(at.iter().map(|&at| older[at as usize] + newer[at as usize]));
        }
        for ((cells, older), newer) in self.parts.iter_mut().zip(&older.parts).zip(&newer.parts) {
            cells.append(&**older, &**newer, at);
        }
    }

    /// Puts into slots, and into those of the newer that they are made of, the combinations of the same
    /// slots of the older and of these.
    pub(crate) fn join(&mut self, slots: &[u32], older: &Self, newer: &mut Self, at: &[u32]) {
        let ours = self.counts.all_mut();
        for ((ours, older), newer) in ours.zip(older.counts.all()).zip(newer.counts.all_mut()) {
            for (&slot, &at) in slots.iter().zip(at) {
                newer[at as usize] += older[slot as usize];
                ours[slot as usize] = newer[at as usize];
            }
        }
        for ((cells, older), newer) in self.parts.iter_mut().zip(&older.parts).zip(&mut newer.parts) {
            cells.join(slots, &**older, &mut **newer, at);
        }
    }

    /// Combines slots of this table, one after the other: each finds what those before it have made.
    pub(crate) fn merge(&mut self, merges: &[Merge]) {
        for counts in self.counts.all_mut() {
            for &Merge { to, older, newer } in merges {
                counts[to as usize] = counts[older as usize] + counts[newer as usize];
            }
        }
        self.parts.iter_mut().for_each(|cells| cells.merge(merges));
    }

    /// Copies slots of another table into slots of this one.
    pub(crate) fn copy(&mut self, to: &[u32], other: &Self, from: &[u32]) {
        let ours = self.counts.all_mut();
        for (ours, other) in ours.zip(other.counts.all()) {
            to.iter().zip(from).for_each(|(&to, &from)| ours[to as usize] = other[from as usize]);
        }
        for (cells, other) in self.parts.iter_mut().zip(&other.parts) {
            cells.copy(to, &**other, from);
        }
    }

    /// Empties slots.
    pub(crate) fn clear(&mut self, slots: &[u32]) {
        for counts in self.counts.all_mut() {
            slots.iter().for_each(|&slot| counts[slot as usize] = 0);
        }
        self.parts.iter_mut().for_each(|cells| cells.clear(slots));
    }

    /// Keeps these slots, in this order, as the first ones.
    pub(crate) fn keep(&mut self, slots: &[u32]) {
        self.most = self.most.max(self.len());
        for counts in self.counts.all_mut() {
            let kept: Vec<u64> = slots.iter().map(|&slot| counts[slot as usize]).collect();
            counts.clear();
            counts.extend(kept);
        }
        self.parts.iter_mut().for_each(|cells| cells.keep(slots));
    }

    /// Roughly how much memory the table takes.
    pub(crate) fn bytes(&self) -> usize {
        let slots = self.most.max(self.len());
        let parts: usize = self.parts.iter().map(|cells| cells.bytes(slots)).sum();
        self.counts.all().count() * slots * size_of::<u64>() + parts
    }
}

impl Pick {
    /// Takes the rows that have a slot and that the mask selects.
    fn take(&mut self, step: Step<'_>, mask: Option<&BooleanBuffer>) {
        self.all = mask.is_none() && step.whole;
        if self.all {
            return;
        }
        self.rows.clear();
        self.slots.clear();
        self.times.clear();
        self.missed.clear();
        let with_slot = step.slots.iter().zip(step.times).enumerate().filter(|(_, (slot, _))| **slot != NO_SLOT);
        for (i, (&slot, &time)) in with_slot {
            if mask.is_none_or(|mask| mask.value(step.start + i)) {
                self.rows.push((step.start + i) as u32);
                self.slots.push(slot);
                self.times.push(time);
            } else {
                self.missed.push(slot);
            }
        }
    }

    /// Where the rows go.
    fn of<'a>(&'a self, step: Step<'a>) -> Rows<'a> {
        match self.all {
            true => Rows { slots: step.slots, times: step.times },
            false => Rows { slots: &self.slots, times: &self.times },
        }
    }
}
