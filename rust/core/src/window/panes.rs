//! [`Panes`]: the panes that hold rows, and the slot of every key in each.
//!
//! Slots are numbers into the operator's table. They are given out one after the other; when most of them
//! have been given back, the rest are renumbered. Where a key's slot is, is remembered per key for its
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
    given_out: u32,
    given_back: u32,
    spare: Vec<Pane>,
}

impl Panes {
    /// No panes.
    pub(crate) fn new() -> Self {
        Self {
            panes: VecDeque::new(),
            latest: Vec::new(),
            ways: 1,
            given_out: 0,
            given_back: 0,
            spare: Vec::new(),
        }
    }

    /// How many slots have been given out; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.given_out as usize
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
        let slot = self.given_out;
        self.given_out += 1;
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
        let (way, ways) = (pane.id as usize & (self.ways - 1), self.ways);
        let (known, id, latest) = (pane.keys.len(), pane.id, &mut self.latest[..]);
        let (mut next, mut count, from) = (self.given_out, known, slots.len());
        pane.keys.resize(known + keys.len(), 0);
        slots.resize(from + keys.len(), 0);
        let room = &mut pane.keys[..];
        for (slot, &key) in slots[from..].iter_mut().zip(keys) {
            let latest = &mut latest[key as usize * ways + way];
            let is_new = latest.pane != id;
            let found = if is_new { next } else { latest.slot };
            *latest = Latest { pane: id, slot: found };
            *slot = found;
            room[count] = key;
            count += usize::from(is_new);
            next += u32::from(is_new);
        }
        pane.keys.truncate(count);
        pane.slots.extend(self.given_out..next);
        fresh.extend_from_slice(&pane.keys[known..]);
        self.given_out = next;
    }

    /// Takes the oldest pane out. Its slots stay readable until the next [`renumber`](Self::renumber).
    pub(crate) fn pop(&mut self) -> Option<Pane> {
        let pane = self.panes.pop_front()?;
        self.given_back += pane.slots.len() as u32;
        Some(pane)
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

    /// Whether most slots, and many, have been given back.
    pub(crate) fn is_wasteful(&self) -> bool {
        self.given_back >= 1024 && self.given_back * 2 > self.given_out
    }

    /// Numbers the slots anew; gives the old numbers in their new order.
    pub(crate) fn renumber(&mut self) -> Vec<u32> {
        let mut old = Vec::with_capacity((self.given_out - self.given_back) as usize);
        for pane in &mut self.panes {
            for (&key, slot) in pane.keys.iter().zip(&mut pane.slots) {
                let new = old.len() as u32;
                old.push(*slot);
                *slot = new;
                let latest = &mut self.latest[key as usize * self.ways + (pane.id as usize & (self.ways - 1))];
                if latest.pane == pane.id && latest.slot != NO_SLOT {
                    latest.slot = new;
                }
                if let Some(pushed) = pane.pushed_out.get_mut(&key) {
                    *pushed = new;
                }
            }
        }
        (self.given_out, self.given_back) = (old.len() as u32, 0);
        old
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
        self.panes.iter().map(of).sum::<usize>() + self.latest.capacity() * size_of::<Latest>()
    }
}
