//! [`Panes`]: the panes that hold rows, and the slot of every key in each.
//!
//! Slots are numbers into the operator's table. Those that are given back are given out again. Where a key's slot is,
//! is remembered per key for its latest panes (`latest`), which answers nearly all questions; what is pushed out of
//! there while its pane may still get rows goes into the pane's own map. What is remembered of panes that have gone,
//! or of a key whose number is another's now, stays: no row comes to those panes again.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::hint::select_unpredictable;

use super::calm::Calm;
use super::places::Places;
use crate::aggregate::NO_SLOT;
use crate::memory;
use crate::prefetch::{ahead, prefetch};

/// A pane: its keys and their slots, in the order in which the keys came.
pub(crate) struct Pane {
    /// The pane's number.
    pub(crate) id: i64,
    /// Its keys.
    pub(crate) keys: Vec<u32>,
    /// Their slots.
    pub(crate) slots: Vec<u32>,
    /// How many keys it has had, at most, when its memory was another pane's.
    most: usize,
    /// The slots of keys that are not among the latest.
    pushed_out: HashMap<u32, u32>,
}

impl Pane {
    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        // What of the capacity has never been used is not there yet.
        self.most.max(self.keys.len()) * 8 + memory::of_map(&self.pushed_out)
    }

    /// Puts the keys, and their slots, into the order of their places.
    pub(crate) fn sort(&mut self, places: &Places) {
        if !self.keys.is_sorted_by_key(|&key| places.of(key)) {
            let mut pairs: Vec<(u32, u32)> = self.keys.iter().copied().zip(self.slots.iter().copied()).collect();
            pairs.sort_unstable_by_key(|&(key, _)| places.of(key));
            (self.keys, self.slots) = pairs.into_iter().unzip();
        }
    }
}

#[derive(Clone, Copy)]
struct Latest {
    pane: i64,
    slot: u32,
}

const NOWHERE: Latest = Latest { pane: i64::MIN, slot: NO_SLOT };

/// How many latest panes are remembered per key, at most.
pub(crate) const MAX_WAYS: usize = 8;

/// So many keys are few.
const FEW: usize = 64;

/// The panes that hold rows, oldest first.
pub(crate) struct Panes {
    panes: VecDeque<Pane>,
    latest: Vec<Latest>,
    /// How many latest panes are remembered per key: a power of two.
    ways: usize,
    /// How many slots there are.
    slots: u32,
    /// Slots that no pane has; the last one is given out first.
    free: Vec<u32>,
    spare: Vec<Pane>,
    /// Room for the numbers of rows whose keys are new to their panes.
    new: Vec<u32>,
}

impl Panes {
    /// No panes.
    pub(crate) fn new() -> Self {
        Self {
            panes: VecDeque::new(),
            latest: Vec::new(),
            ways: 1,
            slots: 0,
            free: Vec::new(),
            spare: Vec::new(),
            new: Vec::new(),
        }
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// Makes sure that so many slots are free.
    fn make_free(&mut self, slots: usize) {
        let new = slots.saturating_sub(self.free.len()) as u32;
        self.free.extend((self.slots..self.slots + new).rev());
        self.slots += new;
    }

    /// Takes slots back, which are empty again.
    pub(crate) fn give_back(&mut self, slots: &[u32]) {
        self.free.extend(slots.iter().rev());
    }

    /// The panes, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Pane> {
        self.panes.iter()
    }

    /// The oldest pane.
    pub(crate) fn front(&self) -> Option<&Pane> {
        self.panes.front()
    }

    /// The oldest pane from a number on.
    pub(crate) fn oldest_from(&self, id: i64) -> Option<&Pane> {
        match self.front() {
            Some(oldest) if oldest.id < id => self.range(id..i64::MAX).next(),
            oldest => oldest,
        }
    }

    /// The panes whose numbers lie in a range, oldest first.
    pub(crate) fn range(&self, ids: std::ops::Range<i64>) -> impl DoubleEndedIterator<Item = &Pane> {
        let at = |id| self.panes.partition_point(|pane| pane.id < id);
        let (from, to) = (at(ids.start), at(ids.end));
        self.panes.range(from..to.max(from))
    }

    /// The pane of this number, if it stands.
    pub(crate) fn find(&mut self, id: i64) -> Option<&mut Pane> {
        let at = self.panes.binary_search_by_key(&id, |pane| pane.id).ok()?;
        self.panes.get_mut(at)
    }

    /// Where the pane of this number stands, which it will if it does not yet.
    pub(crate) fn open(&mut self, id: i64) -> usize {
        let found = match self.panes.back().map(|last| last.id.cmp(&id)) {
            Some(Ordering::Equal) => Ok(self.panes.len() - 1),
            Some(Ordering::Greater) => self.panes.binary_search_by_key(&id, |pane| pane.id),
            _ => Err(self.panes.len()),
        };
        found.unwrap_or_else(|at| {
            let mut pane = self.spare.pop().unwrap_or_else(|| Pane {
                id,
                keys: Vec::new(),
                slots: Vec::new(),
                most: 0,
                pushed_out: HashMap::new(),
            });
            pane.id = id;
            self.panes.insert(at, pane);
            at
        })
    }

    /// Makes room for keys of these numbers, and for so many panes that may get rows at a time.
    pub(crate) fn prepare(&mut self, keys: usize, active: i64) {
        let ways = (active.clamp(1, MAX_WAYS as i64) as usize).next_power_of_two();
        if ways > self.ways {
            let mut latest = vec![NOWHERE; self.latest.len() / self.ways * ways];
            for (at, entry) in self.latest.iter().enumerate().filter(|(_, entry)| entry.slot != NO_SLOT) {
                latest[at / self.ways * ways + (entry.pane as usize & (ways - 1))] = *entry;
            }
            (self.latest, self.ways) = (latest, ways);
        }
        if keys * self.ways > self.latest.len() {
            self.latest.resize(keys * self.ways, NOWHERE);
        }
    }

    /// The slot of one key in the pane that stands at `at`. Panes from `active` on may get more rows.
    pub(crate) fn slot(&mut self, at: usize, key: u32, active: i64, fresh: &mut Vec<u32>) -> u32 {
        self.make_free(1);
        let pane = &mut self.panes[at];
        let way = key as usize * self.ways + (pane.id as usize & (self.ways - 1));
        let old = self.latest[way];
        if old.pane == pane.id && old.slot != NO_SLOT {
            return old.slot;
        }
        if let Some(&slot) = pane.pushed_out.get(&key) {
            return slot;
        }
        if pane.id < active
            && let Some(known) = pane.keys.iter().position(|&known| known == key)
        {
            return pane.slots[known];
        }
        let slot = self.free.pop().expect("one was made free");
        pane.keys.push(key);
        pane.slots.push(slot);
        fresh.push(key);
        let id = pane.id;
        self.remember(way, key, Latest { pane: id, slot }, active);
        slot
    }

    fn remember(&mut self, way: usize, key: u32, new: Latest, active: i64) {
        let old = self.latest[way];
        if new.pane < active || old.slot != NO_SLOT && old.pane > new.pane {
            // The latest pane stays; the older one is asked for less.
            if new.pane >= active {
                self.push_out(key, new);
            }
            return;
        }
        self.latest[way] = new;
        if old.slot != NO_SLOT && old.pane >= active {
            self.push_out(key, old);
        }
    }

    fn push_out(&mut self, key: u32, entry: Latest) {
        if let Ok(at) = self.panes.binary_search_by_key(&entry.pane, |pane| pane.id) {
            self.panes[at].pushed_out.insert(key, entry.slot);
        }
    }

    /// The slots of many rows' keys in the pane that stands at `at`, appended to `slots`.
    ///
    /// It is what [`slot`](Self::slot) gives for each, without a branch where it can be.
    pub(crate) fn slots_of(
        &mut self,
        at: usize,
        keys: &[u32],
        active: i64,
        slots: &mut Vec<u32>,
        fresh: &mut Vec<u32>,
    ) {
        let is_newest = at + 1 == self.panes.len();
        let pane = &mut self.panes[at];
        let is_near = pane.id >= active && pane.id.saturating_sub(active) < self.ways as i64;
        if !is_newest || !is_near || !pane.pushed_out.is_empty() {
            slots.extend(keys.iter().map(|&key| self.slot(at, key, active, fresh)));
            return;
        }
        let (way, ways, id) = (pane.id as usize & (self.ways - 1), self.ways, pane.id);
        let room = keys.len().min(self.latest.len() / ways);
        self.make_free(room);
        let (pane, latest) = (&mut self.panes[at], &mut self.latest[..]);
        let (known, from, mut count) = (pane.keys.len(), slots.len(), 0);
        slots.resize(from + keys.len(), 0);
        pane.keys.resize(known + keys.len(), 0);
        pane.slots.extend(self.free.drain(self.free.len() - room..).rev());
        pane.slots.push(NO_SLOT); // Looked at, but not taken, when all others have been.
        let (new_keys, new_slots) = (&mut pane.keys[known..], &pane.slots[known..]);
        let ahead = ahead(latest, keys);
        for (row, (slot, &key)) in slots[from..].iter_mut().zip(keys).enumerate() {
            if let Some(&next) = ahead.get(row) {
                prefetch(latest, next as usize * ways + way);
            }
            let latest = &mut latest[key as usize * ways + way];
            let (is_new, new_slot) = (latest.pane != id, new_slots[count]);
            *slot = select_unpredictable(is_new, new_slot, latest.slot);
            *latest = Latest { pane: id, slot: *slot };
            new_keys[count] = key;
            count += usize::from(is_new);
        }
        pane.keys.truncate(known + count);
        pane.slots.pop();
        self.free.extend(pane.slots.drain(known + count..).rev());
        fresh.extend_from_slice(&pane.keys[known..]);
    }

    /// The slots of many calm rows' keys, appended to `slots`.
    ///
    /// It is what [`slot`](Self::slot) gives for each, without a branch where it can be.
    pub(crate) fn slots_among(
        &mut self,
        calm: &Calm,
        ticks: &[i64],
        keys: &[u32],
        slots: &mut Vec<u32>,
        fresh: &mut Vec<u32>,
    ) {
        if !self.remembers(calm) {
            return slots.extend(ticks.iter().zip(keys).map(|(&tick, &key)| {
                let at = self.open(calm.pane::<{ MAX_WAYS - 1 }>(tick));
                self.slot(at, key, calm.active, fresh)
            }));
        }
        match calm.panes {
            0..3 => self.find_slots::<1>(calm, ticks, keys, slots, fresh),
            3..5 => self.find_slots::<3>(calm, ticks, keys, slots, fresh),
            _ => self.find_slots::<{ MAX_WAYS - 1 }>(calm, ticks, keys, slots, fresh),
        }
    }

    /// Whether all slots of calm panes are among the latest, and new ones will push none out.
    fn remembers(&self, calm: &Calm) -> bool {
        let end = calm.first + calm.panes as i64;
        calm.first == calm.active
            && calm.panes <= self.ways
            && self.panes.back().is_none_or(|last| last.id < end)
            && self.range(calm.first..end).all(|pane| pane.pushed_out.is_empty())
    }

    /// The slots of many rows' keys in calm panes that are remembered, of which up to `STARTS` are not the
    /// first.
    fn find_slots<const STARTS: usize>(
        &mut self,
        calm: &Calm,
        ticks: &[i64],
        keys: &[u32],
        slots: &mut Vec<u32>,
        fresh: &mut Vec<u32>,
    ) {
        let room = keys.len().min(self.latest.len() / self.ways * calm.panes);
        self.make_free(room + 1); // One is looked at, but not taken, when all others have been.
        let (from, ways, mut count) = (slots.len(), self.ways, 0);
        slots.resize(from + keys.len(), 0);
        self.new.resize(keys.len(), 0);
        let (latest, new) = (&mut self.latest[..], &mut self.new[..]);
        let (new_slots, ahead) = (&self.free[self.free.len() - room - 1..], ahead(latest, keys));
        for (row, ((slot, &key), &tick)) in slots[from..].iter_mut().zip(keys).zip(ticks).enumerate() {
            if let Some(&next) = ahead.get(row) {
                prefetch(latest, next as usize * ways);
            }
            let (pane, new_slot) = (calm.pane::<STARTS>(tick), new_slots[room - count]);
            let latest = &mut latest[key as usize * ways + (pane as usize & (ways - 1))];
            let is_new = latest.pane != pane;
            *slot = select_unpredictable(is_new, new_slot, latest.slot);
            *latest = Latest { pane, slot: *slot };
            new[count] = row as u32;
            count += usize::from(is_new);
        }
        self.new.truncate(count);
        fresh.extend(self.new.iter().map(|&row| keys[row as usize]));
        self.settle(|row| calm.pane::<STARTS>(ticks[row]), keys);
    }

    /// Lets panes know the keys that are new to them, which have got the next free slots.
    fn settle(&mut self, panes: impl Fn(usize) -> i64, keys: &[u32]) {
        let (new, mut last, mut at) = (std::mem::take(&mut self.new), i64::MIN, 0);
        for row in new.iter().map(|&row| row as usize) {
            let id = panes(row);
            if id != last {
                (last, at) = (id, self.open(id));
            }
            let (pane, slot) = (&mut self.panes[at], self.free.pop().expect("it was free"));
            pane.keys.push(keys[row]);
            pane.slots.push(slot);
        }
        self.new = new;
    }

    /// Takes the oldest pane out.
    pub(crate) fn pop(&mut self) -> Option<Pane> {
        self.panes.pop_front()
    }

    /// Takes the oldest pane out if it comes before `first`.
    pub(crate) fn pop_before(&mut self, first: i64) -> Option<Pane> {
        self.front().filter(|pane| pane.id < first)?;
        self.pop()
    }

    /// Takes out the pane of the only key, if there is one, and its slot.
    pub(crate) fn take_only(&mut self) -> Option<(i64, u32)> {
        let pane = self.panes.pop_front()?;
        let found = (pane.id, pane.slots[0]);
        self.reuse(pane);
        Some(found)
    }

    /// A slot that no pane has.
    pub(crate) fn free_slot(&mut self) -> u32 {
        self.make_free(1);
        self.free.pop().expect("one was made free")
    }

    /// Puts in a pane of the only key, which has this slot.
    pub(crate) fn put_only(&mut self, id: i64, slot: u32) {
        let at = self.open(id);
        self.panes[at].keys.push(0);
        self.panes[at].slots.push(slot);
        self.latest[id as usize & (self.ways - 1)] = Latest { pane: id, slot };
    }

    /// Gives back the memory of a pane that was taken out. Of those with few keys, many may be open at a time.
    pub(crate) fn reuse(&mut self, mut pane: Pane) {
        pane.most = pane.most.max(pane.keys.len());
        pane.keys.clear();
        pane.slots.clear();
        pane.pushed_out = HashMap::new();
        if self.spare.len() < if pane.keys.capacity() <= FEW { 1024 } else { 16 } {
            self.spare.push(pane);
        }
    }

    /// Forgets where the slots of all keys were.
    pub(crate) fn forget_all(&mut self) {
        self.latest = Vec::new();
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.panes.iter().chain(&self.spare).map(Pane::memory).sum::<usize>()
            + size_of_val(&self.latest[..])
            + self.free.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::testing::mixed;
    use crate::window::{Closed, Ruler};

    /// Holds the slots of rows to those that the panes know, which hold these keys.
    fn check_slots(panes: &Panes, rows: impl Iterator<Item = (i64, u32, u32)>, keys: &HashMap<i64, Vec<u32>>) {
        for (id, key, slot) in rows {
            let pane = panes.iter().find(|pane| pane.id == id).expect("it has rows");
            assert_eq!(pane.keys, keys[&id]);
            assert_eq!(pane.keys.iter().position(|&k| k == key), pane.slots.iter().position(|&s| s == slot));
        }
        let mut all: Vec<u32> = panes.iter().flat_map(|pane| &pane.slots).chain(&panes.free).copied().collect();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..panes.slots), "each slot is free or in one pane");
    }

    /// Sends rows into panes, the calm ones together, which are let go of as windows close.
    fn check(grid: &Ruler, lateness: i64) {
        let (mut panes, mut state, mut known) = (Panes::new(), lateness as u64, HashMap::<_, Vec<u32>>::new());
        panes.prepare(6, grid.active_panes(lateness));
        for end in (1..40).map(|time| grid.next_end(time)) {
            let calm = Calm::new(grid, end, end + lateness);
            let from = grid.bounds(calm.active).0;
            let width = calm.times.end - from;
            let mut row = |_| (from + mixed(&mut state) % width, (mixed(&mut state) % 6) as u32);
            let (ticks, keys): (Vec<i64>, Vec<u32>) = (0..end % 20).map(&mut row).unzip();
            let ids: Vec<i64> = ticks.iter().map(|&tick| grid.pane(tick).expect("no gaps")).collect();
            let (mut slots, mut fresh, mut new) = (Vec::new(), Vec::new(), Vec::new());
            while slots.len() < keys.len() {
                let row = slots.len();
                let until = row + calm.rows(&ticks[row..], &[]);
                panes.slots_among(&calm, &ticks[row..until], &keys[row..until], &mut slots, &mut fresh);
                if until < keys.len() {
                    let at = panes.open(ids[until]);
                    slots.push(panes.slot(at, keys[until], calm.active, &mut fresh));
                }
            }
            for (&id, &key) in ids.iter().zip(&keys) {
                let known = known.entry(id).or_default();
                if !known.contains(&key) {
                    known.push(key);
                    new.push(key);
                }
            }
            assert_eq!(fresh, new, "{grid:?} {lateness}");
            let rows = ids.into_iter().zip(keys).zip(slots);
            check_slots(&panes, rows.map(|((id, key), slot)| (id, key, slot)), &known);
            while panes.front().is_some_and(|pane| pane.id < calm.active) {
                let pane = panes.pop().expect("it was just seen");
                panes.give_back(&pane.slots);
                panes.reuse(pane);
            }
        }
    }

    #[test]
    fn calm_rows_get_the_slots_of_their_panes_and_keys() {
        for (size, step) in [(3, 3), (4, 2), (5, 2), (9, 4)] {
            (0..12).chain([30]).for_each(|lateness| check(&Ruler::fixed(size, step, 1, Closed::Left), lateness));
        }
    }
}
