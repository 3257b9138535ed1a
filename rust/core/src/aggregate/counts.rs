//! [`Counts`]: how many rows and values each slot has.

use super::fused;
use super::lower::Counted;
use super::pick::{self, Pick};
use super::slots::Streak;
use super::sweep::{Step, Sweep};
use crate::prefetch::{ahead, ask};

/// How many rows each slot has, and how many of them each selection leaves out.
///
/// The first selection is of all rows. Of the others the rows left out are counted, since they are fewer
/// than those taken, and mostly none.
pub(super) struct Counts {
    rows: Vec<u64>,
    /// How many slots there were before all but some were dropped, at most: their room is kept.
    most: usize,
    /// Per selection and slot; of a selection that has left out nothing yet there are none.
    misses: Vec<Vec<u64>>,
}

impl Counts {
    /// No slots, for so many selections.
    pub(super) fn new(selections: usize) -> Self {
        Self { rows: Vec::new(), most: 0, misses: vec![Vec::new(); selections] }
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many there are, or have been.
    pub(super) fn most(&self) -> usize {
        self.most.max(self.len())
    }

    /// How many selections there are.
    pub(super) fn selections(&self) -> usize {
        self.misses.len()
    }

    /// How many rows each slot has.
    pub(super) fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// How many values the selection has in a slot.
    pub(super) fn value(&self, selection: usize, slot: usize) -> u64 {
        self.rows[slot] - self.misses[selection].get(slot).copied().unwrap_or(0)
    }

    /// How many values the selection has in each of some slots.
    pub(super) fn of(&self, selection: usize, slots: &[u32]) -> Vec<u64> {
        let (rows, misses) = (&self.rows, &self.misses[selection]);
        if misses.is_empty() {
            return slots.iter().map(|&slot| rows[slot as usize]).collect();
        }
        slots.iter().map(|&slot| rows[slot as usize] - misses[slot as usize]).collect()
    }

    /// The same of each selection.
    pub(super) fn of_each(&self, slots: &[u32]) -> Vec<Counted> {
        let all = Counted::of(self.of(0, slots));
        let of = |at: usize| match self.misses[at].is_empty() {
            true => all.clone(),
            false => Counted::of(self.of(at, slots)),
        };
        (0..self.selections()).map(of).collect()
    }

    /// Makes sure that there are so many slots; tells whether there were fewer.
    pub(super) fn grow(&mut self, len: usize) -> bool {
        let grows = len > self.len();
        if grows {
            self.all_mut().for_each(|counts| counts.resize(len, 0));
        }
        grows
    }

    /// Counts the rows of a step, of which each selection picks some.
    pub(super) fn add(&mut self, step: pick::Step<'_>, picks: &[Pick]) {
        let (rows, slots) = (&mut self.rows[..], picks[0].of(step).slots);
        let ahead = ahead(rows, slots);
        for (row, &slot) in slots.iter().enumerate() {
            ask(rows, ahead.get(row));
            rows[slot as usize] += 1;
        }
        let len = self.len();
        for (misses, pick) in self.misses.iter_mut().zip(picks).filter(|(_, pick)| !pick.missed().is_empty()) {
            misses.resize(len, 0);
            pick.missed().iter().for_each(|&slot| misses[slot as usize] += 1);
        }
    }

    /// Counts rows that every selection takes.
    pub(super) fn add_streaks(&mut self, streaks: &[Streak]) {
        streaks.iter().for_each(|streak| self.rows[streak.slot as usize] += u64::from(streak.rows));
    }

    /// Counts one row, and the selections that do not take it.
    pub(super) fn add_one(&mut self, slot: u32, takes: impl Fn(usize) -> bool) {
        self.rows[slot as usize] += 1;
        let len = self.len();
        for (_, misses) in self.misses.iter_mut().enumerate().skip(1).filter(|(selection, _)| !takes(*selection)) {
            misses.resize(len, 0);
            misses[slot as usize] += 1;
        }
    }

    /// Adds one row to a slot, which no selection misses.
    #[cfg(test)]
    pub(super) fn put(&mut self, slot: u32) {
        self.rows[slot as usize] += 1;
    }

    /// Adds slots of others to slots.
    pub(super) fn combine(&mut self, to: &[u32], newer: &Self, from: &[u32]) {
        to.iter().zip(from).for_each(|(&to, &from)| self.rows[to as usize] += newer.rows[from as usize]);
        for (ours, newer) in self.missing_in(newer) {
            to.iter().zip(from).for_each(|(&to, &from)| ours[to as usize] += at(newer, from));
        }
    }

    /// Appends the sums of slots of two others.
    pub(super) fn append(&mut self, older: &Self, newer: &Self, slots: &[u32]) {
        let len = self.len();
        self.rows.extend(slots.iter().map(|&slot| older.rows[slot as usize] + newer.rows[slot as usize]));
        for ((ours, older), newer) in self.misses.iter_mut().zip(&older.misses).zip(&newer.misses) {
            if ours.is_empty() && older.is_empty() && newer.is_empty() {
                continue;
            }
            ours.resize(len, 0);
            ours.extend(slots.iter().map(|&slot| at(older, slot) + at(newer, slot)));
        }
    }

    /// Puts into slots, and into those of others, their sums.
    pub(super) fn join(&mut self, slots: &[u32], newer: &mut Self, at: &[u32]) {
        newer.combine(at, self, slots);
        self.copy(slots, newer, at);
    }

    /// Carries out steps, of which none is a run.
    pub(super) fn merge(&mut self, steps: &[Step]) {
        self.all_mut().for_each(|counts| fused::merge(counts, steps));
    }

    /// Carries out steps, and puts what the windows of rows come to into others. Of each selection that does
    /// not take all rows it is given which it takes.
    pub(super) fn sweep(
        &mut self,
        steps: &[Step],
        sweep: &Sweep<'_>,
        chosen: &[Option<Vec<bool>>],
        results: &mut Self,
    ) {
        let (rows, len) = (sweep.times.len(), self.len());
        fused::sweep(&mut self.rows, steps, sweep, &vec![1; rows], &mut results.rows);
        for ((ours, theirs), chosen) in self.misses.iter_mut().zip(&mut results.misses).zip(chosen) {
            if ours.is_empty() && chosen.is_none() {
                continue;
            }
            ours.resize(len, 0);
            theirs.resize(results.rows.len(), 0);
            let missed = chosen.as_ref().map(|chosen| chosen.iter().map(|&is| u64::from(!is)).collect());
            fused::sweep(ours, steps, sweep, &missed.unwrap_or_else(|| vec![0; rows]), theirs);
        }
    }

    /// Copies slots of others into slots.
    pub(super) fn copy(&mut self, to: &[u32], other: &Self, from: &[u32]) {
        let (rows, others, ahead) = (&mut self.rows[..], &other.rows[..], ahead(&other.rows, from));
        for (row, (&to, &from)) in to.iter().zip(from).enumerate() {
            ask(others, ahead.get(row));
            rows[to as usize] = others[from as usize];
        }
        for (ours, other) in self.missing_in(other) {
            to.iter().zip(from).for_each(|(&to, &from)| ours[to as usize] = at(other, from));
        }
    }

    /// Empties slots.
    pub(super) fn clear(&mut self, slots: &[u32]) {
        for counts in self.all_mut() {
            slots.iter().for_each(|&slot| counts[slot as usize] = 0);
        }
    }

    /// Keeps these slots, in this order, as the first ones.
    pub(super) fn keep(&mut self, slots: &[u32]) {
        self.most = self.most();
        for counts in self.all_mut() {
            let kept: Vec<u64> = slots.iter().map(|&slot| counts[slot as usize]).collect();
            counts.clear();
            counts.extend(kept);
        }
    }

    /// How much memory they take.
    pub(super) fn bytes(&self) -> usize {
        let missing = self.misses.iter().filter(|misses| !misses.is_empty()).count();
        (1 + missing) * self.most() * size_of::<u64>()
    }

    /// The rows, and the misses where there are any.
    fn all_mut(&mut self) -> impl Iterator<Item = &mut Vec<u64>> {
        std::iter::once(&mut self.rows).chain(self.misses.iter_mut().filter(|misses| !misses.is_empty()))
    }

    /// The misses, and those of others, of the selections where one of the two has any.
    fn missing_in<'a>(&'a mut self, others: &'a Self) -> impl Iterator<Item = (&'a mut Vec<u64>, &'a [u64])> {
        let len = self.len();
        let some = self
            .misses
            .iter_mut()
            .zip(&others.misses)
            .filter(|(ours, other)| !ours.is_empty() || !other.is_empty());
        some.map(move |(ours, other)| {
            ours.resize(len, 0);
            (ours, &other[..])
        })
    }
}

/// The misses of a slot.
fn at(misses: &[u64], slot: u32) -> u64 {
    misses.get(slot as usize).copied().unwrap_or(0)
}
