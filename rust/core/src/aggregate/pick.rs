//! [`Pick`]: the rows that one selection takes.

use arrow_buffer::BooleanBuffer;

use super::NO_SLOT;
use super::cells::Rows;
use super::input::{Chosen, Inputs};

/// How many rows are folded at a time: few enough that their slots stay in the first-level cache.
pub(super) const STEP: usize = 2048;

/// The rows of one step.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    start: usize,
    slots: &'a [u32],
    times: &'a [i64],
}

/// The rows of one step that one selection takes, where it does not take all.
#[derive(Default)]
pub(super) struct Pick {
    /// Whether it takes all; the rest then means nothing.
    all: bool,
    rows: Vec<u32>,
    slots: Vec<u32>,
    times: Vec<i64>,
    /// The slots of the rows that it leaves out.
    missed: Vec<u32>,
}

impl<'a> Step<'a> {
    /// The rows from `start` on, which have these slots and times.
    pub(super) fn new(start: usize, slots: &'a [u32], times: &'a [i64]) -> Self {
        Self { start, slots, times }
    }

    /// What each selection takes.
    pub(super) fn pick(self, inputs: &Inputs, picks: &mut Vec<Pick>) {
        let whole = !self.slots.contains(&NO_SLOT);
        picks.resize_with(inputs.selected.len(), Pick::default);
        for (pick, mask) in picks.iter_mut().zip(&inputs.selected) {
            pick.all = mask.is_none() && whole;
            if !pick.all {
                pick.take(self, mask.as_ref());
            }
        }
    }
}

impl Pick {
    /// Takes the rows that have a slot and that the mask selects.
    fn take(&mut self, step: Step<'_>, mask: Option<&BooleanBuffer>) {
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
    pub(super) fn of<'a>(&'a self, step: Step<'a>) -> Rows<'a> {
        match self.all {
            true => Rows { slots: step.slots, times: step.times },
            false => Rows { slots: &self.slots, times: &self.times },
        }
    }

    /// The slots of the rows that are left out.
    pub(super) fn missed(&self) -> &[u32] {
        if self.all { &[] } else { &self.missed }
    }

    /// Which rows of the batch they are.
    pub(super) fn chosen(&self, step: Step<'_>) -> Chosen<'_> {
        match self.all {
            true => Chosen::Run(step.start, step.slots.len()),
            false => Chosen::List(&self.rows),
        }
    }
}
