//! [`Table`]: the partials of one plan for any number of slots.

use arrow_buffer::BooleanBuffer;

use super::NO_SLOT;
use super::cells::{Cells, Rows};
use super::input::{Chosen, Inputs, Scratch};
use super::recipe::Recipe;

/// How many rows are folded at a time: few enough that their slots stay in the first-level cache.
const STEP: usize = 2048;

/// The partials of one plan, side by side under slot numbers.
///
/// `rows` counts the rows of each slot. Of every selection but the first, which is of all rows, `misses`
/// counts the rows left out: they are fewer than those taken.
pub(crate) struct Table {
    /// The rows of each slot.
    pub(crate) rows: Vec<u64>,
    misses: Vec<Vec<u64>>,
    /// The cells of each of the recipe's parts.
    pub(crate) parts: Vec<Box<dyn Cells>>,
    part_selections: Vec<usize>,
    scratch: Scratch,
    picks: Vec<Pick>,
    /// The time of each row of a step, where there is no event time.
    timeless: Vec<i64>,
}

/// The rows of one step that one selection takes, where it does not take all.
#[derive(Default)]
struct Pick {
    /// Whether it takes all; the rest then means nothing.
    all: bool,
    rows: Vec<u32>,
    slots: Vec<u32>,
    times: Vec<i64>,
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

impl Table {
    /// A table without slots.
    pub(crate) fn new(recipe: &Recipe) -> Self {
        Self {
            rows: Vec::new(),
            misses: vec![Vec::new(); recipe.selections()],
            parts: recipe.cells(),
            part_selections: recipe.part_selections().collect(),
            scratch: Scratch::default(),
            picks: Vec::new(),
            timeless: vec![0; STEP],
        }
    }

    /// A table without slots for the same plan.
    pub(crate) fn fresh(&self) -> Self {
        Self {
            rows: Vec::new(),
            misses: vec![Vec::new(); self.misses.len()],
            parts: self.parts.iter().map(|cells| cells.fresh()).collect(),
            part_selections: self.part_selections.clone(),
            scratch: Scratch::default(),
            picks: Vec::new(),
            timeless: vec![0; STEP],
        }
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Makes sure that there are so many slots; new ones are empty.
    pub(crate) fn grow(&mut self, len: usize) {
        if len > self.rows.len() {
            self.rows.resize(len, 0);
            self.misses.iter_mut().skip(1).for_each(|misses| misses.resize(len, 0));
            self.parts.iter_mut().for_each(|cells| cells.grow(len));
        }
    }

    /// How many selections there are.
    pub(crate) fn selections(&self) -> usize {
        self.misses.len()
    }

    /// How many values the selection has in a slot.
    pub(crate) fn count(&self, selection: usize, slot: usize) -> u64 {
        self.rows[slot] - self.misses[selection].get(slot).copied().unwrap_or(0)
    }

    /// Folds rows of a batch: row `start + i` goes to `slots[i]`, or nowhere if that is [`NO_SLOT`].
    ///
    /// `times` are those of the whole batch; without event time, arrival decides.
    pub(crate) fn fold(&mut self, inputs: &Inputs, start: usize, slots: &[u32], times: Option<&[i64]>) {
        for (i, slots) in slots.chunks(STEP).enumerate() {
            self.fold_step(inputs, start + i * STEP, slots, times);
        }
    }

    fn fold_step(&mut self, inputs: &Inputs, start: usize, slots: &[u32], times: Option<&[i64]>) {
        let (mut picks, timeless) = (std::mem::take(&mut self.picks), std::mem::take(&mut self.timeless));
        let times = times.map_or(&timeless[..slots.len()], |times| &times[start..start + slots.len()]);
        // Slots are given out from 0, so that only a row without one has the highest.
        let step = Step { start, slots, times, whole: !slots.contains(&NO_SLOT) };
        picks.resize_with(self.misses.len(), Pick::default);
        for (selection, pick) in picks.iter_mut().enumerate() {
            let misses = &mut self.misses[selection];
            pick.take(step, inputs.selected[selection].as_ref(), |slot| misses[slot as usize] += 1);
        }
        picks[0].of(step).slots.iter().for_each(|&slot| self.rows[slot as usize] += 1);
        for ((cells, &selection), typed) in self.parts.iter_mut().zip(&self.part_selections).zip(&inputs.values) {
            let pick = &picks[selection];
            let chosen = if pick.all { Chosen::Run(start, slots.len()) } else { Chosen::List(&pick.rows) };
            cells.fold(pick.of(step), &self.scratch.pick(typed, chosen));
        }
        (self.picks, self.timeless) = (picks, timeless);
    }

    /// Combines slots of another table, as the newer, into slots of this one.
    pub(crate) fn combine(&mut self, to: &[u32], newer: &Self, from: &[u32]) {
        let ours = std::iter::once(&mut self.rows).chain(self.misses.iter_mut().skip(1));
        for (ours, newer) in ours.zip(newer.all_counts()) {
            to.iter().zip(from).for_each(|(&to, &from)| ours[to as usize] += newer[from as usize]);
        }
        for (cells, newer) in self.parts.iter_mut().zip(&newer.parts) {
            cells.combine(to, &**newer, from);
        }
    }

    /// Appends the combinations of slots of two tables, of which the second is the newer.
    pub(crate) fn append(&mut self, older: &Self, newer: &Self, at: &[u32]) {
        let ours = std::iter::once(&mut self.rows).chain(self.misses.iter_mut().skip(1));
        for ((ours, older), newer) in ours.zip(older.all_counts()).zip(newer.all_counts()) {
            ours.extend(at.iter().map(|&at| older[at as usize] + newer[at as usize]));
        }
        for ((cells, older), newer) in self.parts.iter_mut().zip(&older.parts).zip(&newer.parts) {
            cells.append(&**older, &**newer, at);
        }
    }

    /// Puts into slots the combinations of the same slots of a second table and of slots of a third, which
    /// is the newer.
    pub(crate) fn join(&mut self, slots: &[u32], older: &Self, newer: &Self, at: &[u32]) {
        let ours = std::iter::once(&mut self.rows).chain(self.misses.iter_mut().skip(1));
        for ((ours, older), newer) in ours.zip(older.all_counts()).zip(newer.all_counts()) {
            for (&slot, &at) in slots.iter().zip(at) {
                ours[slot as usize] = older[slot as usize] + newer[at as usize];
            }
        }
        for ((cells, older), newer) in self.parts.iter_mut().zip(&older.parts).zip(&newer.parts) {
            cells.join(slots, &**older, &**newer, at);
        }
    }

    /// Copies slots of another table into slots of this one.
    pub(crate) fn copy(&mut self, to: &[u32], other: &Self, from: &[u32]) {
        let ours = std::iter::once(&mut self.rows).chain(self.misses.iter_mut().skip(1));
        for (ours, other) in ours.zip(other.all_counts()) {
            to.iter().zip(from).for_each(|(&to, &from)| ours[to as usize] = other[from as usize]);
        }
        for (cells, other) in self.parts.iter_mut().zip(&other.parts) {
            cells.copy(to, &**other, from);
        }
    }

    /// The rows, and the misses of each selection but the first.
    fn all_counts(&self) -> impl Iterator<Item = &Vec<u64>> {
        std::iter::once(&self.rows).chain(self.misses.iter().skip(1))
    }

    /// Empties slots.
    pub(crate) fn clear(&mut self, slots: &[u32]) {
        for counts in std::iter::once(&mut self.rows).chain(self.misses.iter_mut().skip(1)) {
            slots.iter().for_each(|&slot| counts[slot as usize] = 0);
        }
        self.parts.iter_mut().for_each(|cells| cells.clear(slots));
    }

    /// Keeps these slots, in this order, as the first ones.
    pub(crate) fn keep(&mut self, slots: &[u32]) {
        for counts in std::iter::once(&mut self.rows).chain(self.misses.iter_mut().skip(1)) {
            let kept: Vec<u64> = slots.iter().map(|&slot| counts[slot as usize]).collect();
            counts.clear();
            counts.extend(kept);
        }
        self.parts.iter_mut().for_each(|cells| cells.keep(slots));
    }

    /// Roughly how much memory the table takes.
    pub(crate) fn bytes(&self) -> usize {
        let counts: usize = self.misses.iter().map(Vec::capacity).sum();
        let parts: usize = self.parts.iter().map(|cells| cells.bytes()).sum();
        (self.rows.capacity() + counts) * size_of::<u64>() + parts
    }
}

impl Pick {
    /// Takes the rows that have a slot and that the mask selects; `missed` hears of those it does not.
    fn take(&mut self, step: Step<'_>, mask: Option<&BooleanBuffer>, mut missed: impl FnMut(u32)) {
        self.all = mask.is_none() && step.whole;
        if self.all {
            return;
        }
        self.rows.clear();
        self.slots.clear();
        self.times.clear();
        let with_slot = step.slots.iter().zip(step.times).enumerate().filter(|(_, (slot, _))| **slot != NO_SLOT);
        for (i, (&slot, &time)) in with_slot {
            if mask.is_none_or(|mask| mask.value(step.start + i)) {
                self.rows.push((step.start + i) as u32);
                self.slots.push(slot);
                self.times.push(time);
            } else {
                missed(slot);
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
