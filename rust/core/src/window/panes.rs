//! [`Panes`]: the panes that hold rows, and the slot of every key in each.
//!
//! Slots are numbers into the operator's table. Those that are given back are given out again. Where a key's slot is, is remembered per key for its
//! latest panes (`latest`), which answers nearly all questions; what is pushed out of there while its pane
//! may still get rows goes into the pane's own map.

use std::collections::{HashMap, VecDeque};

use crate::aggregate::NO_SLOT;

/// A pane: its keys and their slots, in the order in which the keys came.
pub(crate) struct Pane {
    /// The pane's number.
    pub(crate) id: i64,
    /// Its keys.
    pub(crate) keys: Vec<u32>,
    /// Their slots.
    pub(crate) slots: Vec<u32>,
    /// The slots of keys that are not among the latest.
    pushed_out: HashMap<u32, u32>,
}

#[derive(Clone, Copy)]
struct Latest {
    pane: i64,
    slot: u32,
}

const NOWHERE: Latest = Latest { pane: i64::MIN, slot: NO_SLOT };

/// How many latest panes are remembered per key, at most.
const MAX_WAYS: usize = 8;

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
}

impl Panes {
    /// No panes.
    pub(crate) fn new() -> Self {
        Self { panes: VecDeque::new(), latest: Vec::new(), ways: 1, slots: 0, free: Vec::new(), spare: Vec::new() }
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

    /// The panes whose numbers lie in a range, oldest first.
    pub(crate) fn range(&self, ids: std::ops::Range<i64>) -> impl DoubleEndedIterator<Item = &Pane> {
        let at = |id| self.panes.partition_point(|pane| pane.id < id);
        let (from, to) = (at(ids.start), at(ids.end));
        self.panes.range(from..to.max(from))
    }

    /// Where the pane of this number stands, which it will if it does not yet.
    pub(crate) fn open(&mut self, id: i64) -> usize {
        if self.panes.back().is_some_and(|last| last.id == id) {
            return self.panes.len() - 1;
        }
        self.panes.binary_search_by_key(&id, |pane| pane.id).unwrap_or_else(|at| {
            let mut pane = self.spare.pop().unwrap_or_else(|| Pane {
                id,
                keys: Vec::new(),
                slots: Vec::new(),
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
        for (slot, &key) in slots[from..].iter_mut().zip(keys) {
            let latest = &mut latest[key as usize * ways + way];
            let is_new = latest.pane != id;
            *slot = if is_new { new_slots[count] } else { latest.slot };
            *latest = Latest { pane: id, slot: *slot };
            new_keys[count] = key;
            count += usize::from(is_new);
        }
        pane.keys.truncate(known + count);
        pane.slots.pop();
        self.free.extend(pane.slots.drain(known + count..).rev());
        fresh.extend_from_slice(&pane.keys[known..]);
    }

    /// Takes the oldest pane out.
    pub(crate) fn pop(&mut self) -> Option<Pane> {
        self.panes.pop_front()
    }

    /// Gives back the memory of a pane that was taken out.
    pub(crate) fn reuse(&mut self, mut pane: Pane) {
        pane.keys.clear();
        pane.slots.clear();
        pane.pushed_out = HashMap::new();
        if self.spare.len() < 16 {
            self.spare.push(pane);
        }
    }

    /// Forgets where the slots of a key were, before its number is given to another.
    pub(crate) fn forget(&mut self, key: u32) {
        let from = key as usize * self.ways;
        if let Some(latest) = self.latest.get_mut(from..from + self.ways) {
            latest.fill(NOWHERE);
        }
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        let of = |pane: &Pane| (pane.keys.capacity() + pane.slots.capacity()) * 4 + pane.pushed_out.capacity() * 9;
        self.panes.iter().map(of).sum::<usize>()
            + self.latest.capacity() * size_of::<Latest>()
            + self.free.capacity() * 4
    }
}
