//! [`Trails`]: the rows of every key that are still in a window, and how their partials are combined.
//!
//! Rows come in order, each with a position: its time, or its number among the rows of its key. Positions
//! are cut into blocks that are as long as a window, from position 0 on, so that a window covers the end of
//! one block and the beginning of the next. When a key comes into a new block, each row of the older one is
//! combined with all newer rows of that block, from the last to the first; and of the new block the
//! combination of all rows so far is kept. A result is one combination of the two. (This is van Herk's and
//! Gil and Werman's method, as in [`super::fifo`], with a key for a lane.)
//!
//! The tree in which rows are combined is thus a function of the positions of the rows of the window alone:
//! nothing is ever subtracted, and neither rows that have left nor the cuts of batches can show. Each row
//! costs three combinations, however long the window is. They are only written down here, and carried out
//! column by column ([`crate::aggregate::Table::merge`]).

use super::steady::Steps;
use crate::aggregate::Merge;

/// The slot of no row, whose cells stay empty.
pub(crate) const NOTHING: u32 = 0;

/// The rows of a key, in two chains: of the older block from its first row on, of the newer one from its
/// last row back.
#[derive(Clone, Copy)]
struct Lane {
    /// The first row of the older block that is still in the window.
    front: u32,
    /// The last row of the newer block.
    back: u32,
    /// Where the rows of the newer block are combined.
    total: u32,
    /// Where the newer block ends.
    end: i64,
    /// The position of the last row.
    latest: i64,
}

const EMPTY: Lane = Lane { front: NOTHING, back: NOTHING, total: NOTHING, end: i64::MIN, latest: i64::MIN };

/// The rows of every key that are still in a window.
pub(crate) struct Trails {
    length: i64,
    lanes: Vec<Lane>,
    /// What stands in the place of the lanes where no row may wait for many others.
    steady: Option<Vec<Steps>>,
    /// The next slot of the same chain.
    links: Vec<u32>,
    /// The position of the row of each slot.
    positions: Vec<i64>,
    free: Vec<u32>,
    /// Slots that are not needed any more, and not empty yet.
    left: Vec<u32>,
    /// What is to be combined, in order.
    merges: Vec<Merge>,
    live: usize,
}

impl Trails {
    /// No rows, of windows of this length. So many slots are for results, from 1 on.
    pub(crate) fn new(length: i64, results: usize) -> Self {
        Self {
            length,
            lanes: Vec::new(),
            steady: None,
            links: vec![NOTHING; results + 1],
            positions: vec![0; results + 1],
            free: Vec::new(),
            left: Vec::new(),
            merges: Vec::new(),
            live: 0,
        }
    }

    /// From the first row on, lets none wait for the longer the more rows a window has.
    pub(crate) fn be_steady(&mut self) {
        self.steady = Some(Vec::new());
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.links.len()
    }

    /// How many slots are in use.
    pub(crate) fn used(&self) -> usize {
        self.slots() - self.free.len()
    }

    /// How many keys have rows.
    pub(crate) fn live_keys(&self) -> usize {
        self.live
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        match &mut self.steady {
            Some(steady) => steady.resize_with(keys.max(steady.len()), Steps::default),
            None => self.lanes.resize(keys.max(self.lanes.len()), EMPTY),
        }
    }

    /// An empty slot.
    pub(crate) fn slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.links.push(NOTHING);
            self.positions.push(0);
            self.links.len() as u32 - 1
        })
    }

    /// The position after that of the last row of a key, where rows are numbered.
    pub(crate) fn next(&self, key: u32) -> i64 {
        match &self.steady {
            Some(steady) => steady[key as usize].next,
            None => self.lanes[key as usize].latest.wrapping_add(1).max(0),
        }
    }

    /// Takes in a row of a key, which lies in a slot. No row of the key has a higher position.
    pub(crate) fn push(&mut self, key: u32, slot: u32, position: i64) {
        if self.steady.is_some() {
            let first = self.with_steps(key, |steps, trails| steps.push(slot, position, trails));
            self.live += usize::from(first);
            return;
        }
        self.turn(key, position);
        let lane = &mut self.lanes[key as usize];
        let (before, total) = (lane.back, lane.total);
        (lane.back, lane.latest) = (slot, position);
        (self.links[slot as usize], self.positions[slot as usize]) = (before, position);
        let total = if total == NOTHING { self.begin(key) } else { total };
        let older = if before == NOTHING { NOTHING } else { total };
        self.merges.push(Merge { to: total, older, newer: slot });
    }

    /// Puts the combination of the rows of a key from one position to another into a slot. Neither position
    /// is before that of an earlier call, and no row has come that lies behind the second.
    pub(crate) fn result(&mut self, key: u32, (first, last): (i64, i64), to: u32) {
        if self.steady.is_some() {
            self.evict_steadily(key, first);
            self.with_steps(key, |steps, trails| steps.result(to, trails));
            return;
        }
        self.turn(key, last);
        self.evict(key, first);
        let Lane { front, back, total, .. } = self.lanes[key as usize];
        let newer = if back == NOTHING { NOTHING } else { total };
        self.merges.push(Merge { to, older: front, newer });
    }

    /// Numbers a row that never came, behind the last one of a key.
    pub(crate) fn skip(&mut self, key: u32) {
        match &mut self.steady {
            Some(steady) => steady[key as usize].next += 1,
            None => self.lanes[key as usize].latest += 1,
        }
    }

    /// Writes down what is to be combined.
    pub(super) fn note(&mut self, merge: Merge) {
        self.merges.push(merge);
    }

    /// Lets go of a slot.
    pub(super) fn drop_slot(&mut self, slot: u32) {
        self.left.push(slot);
    }

    /// What is to be combined, in order.
    pub(crate) fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// The slots that are not needed any more once all is combined.
    pub(crate) fn left(&self) -> &[u32] {
        &self.left
    }

    /// Hears that all has been combined, and that the slots that are not needed any more are empty.
    pub(crate) fn settle(&mut self) {
        self.merges.clear();
        self.free.extend(self.left.drain(..).rev());
    }

    /// Lets go of rows before a position, where all windows still to come start later. Gives the keys that
    /// have none left.
    pub(crate) fn forget(&mut self, first: i64) -> Vec<u32> {
        let mut gone = Vec::new();
        for key in 0..self.steady.as_ref().map_or(0, Vec::len) as u32 {
            if self.evict_steadily(key, first) {
                gone.push(key);
            }
        }
        for key in 0..self.lanes.len() as u32 {
            if self.lanes[key as usize].latest >= first {
                self.evict(key, first);
                continue;
            }
            gone.push(key);
            let lane = std::mem::replace(&mut self.lanes[key as usize], EMPTY);
            self.leave(lane.front);
            self.leave(lane.back);
            if lane.total != NOTHING {
                self.left.push(lane.total);
                self.live -= 1;
            }
        }
        gone
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        let steady = self.steady.as_ref().map_or(0, |steady| size_of_val(&steady[..]));
        let rows = if self.steady.is_some() { self.used() * Steps::ROW } else { 0 };
        size_of_val(&self.lanes[..])
            + steady
            + rows
            + size_of_val(&self.links[..])
            + size_of_val(&self.positions[..])
            + (self.free.capacity() + self.left.capacity()) * 4
            + self.merges.capacity() * size_of::<Merge>()
    }

    /// Lets go of the rows of a key before a position, where rows are steady; tells whether none is left.
    fn evict_steadily(&mut self, key: u32, first: i64) -> bool {
        let (last_gone, is_empty) =
            self.with_steps(key, |steps, trails| (steps.evict(first, trails), steps.is_empty()));
        self.live -= usize::from(last_gone);
        is_empty
    }

    /// Does something to the rows of a key, where rows are steady.
    fn with_steps<T>(&mut self, key: u32, work: impl FnOnce(&mut Steps, &mut Self) -> T) -> T {
        let swap = |trails: &mut Self, steps: &mut Steps| {
            std::mem::swap(steps, &mut trails.steady.as_mut().expect("they are steady")[key as usize]);
        };
        let mut steps = Steps::default();
        swap(self, &mut steps);
        let done = work(&mut steps, self);
        swap(self, &mut steps);
        done
    }

    /// Gives a key a place for its totals.
    fn begin(&mut self, key: u32) -> u32 {
        let slot = self.slot();
        self.lanes[key as usize].total = slot;
        self.live += 1;
        slot
    }

    /// Moves a key on to the block that a position lies in.
    fn turn(&mut self, key: u32, position: i64) {
        let lane = self.lanes[key as usize];
        if position < lane.end {
            return;
        }
        let start = position - position.rem_euclid(self.length);
        self.leave(lane.front);
        let front = if lane.end == start {
            self.chain(lane.back)
        } else {
            self.leave(lane.back);
            NOTHING
        };
        self.lanes[key as usize] = Lane { front, back: NOTHING, end: start + self.length, ..lane };
    }

    /// Turns a chain from the last row back around, and combines each row with all newer ones. Gives the
    /// first row.
    fn chain(&mut self, last: u32) -> u32 {
        let (mut newer, mut slot) = (NOTHING, last);
        while slot != NOTHING {
            if newer != NOTHING {
                self.merges.push(Merge { to: slot, older: slot, newer });
            }
            let before = std::mem::replace(&mut self.links[slot as usize], newer);
            (newer, slot) = (slot, before);
        }
        newer
    }

    /// Lets go of the rows of the older block that lie before a position.
    fn evict(&mut self, key: u32, first: i64) {
        let mut front = self.lanes[key as usize].front;
        while front != NOTHING && self.positions[front as usize] < first {
            self.left.push(front);
            front = self.links[front as usize];
        }
        self.lanes[key as usize].front = front;
    }

    /// Lets go of a chain.
    fn leave(&mut self, mut slot: u32) {
        while slot != NOTHING {
            self.left.push(slot);
            slot = self.links[slot as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fifo::tests::{Words, combined, words};
    use super::*;
    use crate::aggregate::Table;

    /// Numbers that look random.
    fn mixed(state: &mut u64) -> i64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as i64
    }

    /// Sends rows of a few keys through windows of this length, and holds each window to the rows that lie
    /// in it, in their order.
    fn check(length: i64, gap: i64, forget: bool, steady: bool) {
        let (mut trails, mut table) =
            (Trails::new(length, 1), Table::of(1, vec![Box::new(Words::default())], vec![0]));
        let (mut state, mut time, mut rows) = (length as u64 * 7 + gap as u64, -500, Vec::new());
        combined();
        if steady {
            trails.be_steady();
        }
        trails.prepare(3);
        for _ in 0..400 {
            time += mixed(&mut state) % gap;
            let (key, slot) = ((mixed(&mut state) % 3) as u32, trails.slot());
            table.grow(trails.slots());
            table.put(slot, time);
            rows.push((key, time));
            trails.push(key, slot, time);
            trails.result(key, (time - length + 1, time), 1);
            table.grow(trails.slots());
            table.merge(trails.merges());
            let done = trails.merges().len();
            let in_window = |&&(other, at): &&(u32, i64)| other == key && time - length < at;
            let want: Vec<i64> = rows.iter().filter(in_window).map(|&(_, at)| at).collect();
            assert_eq!(words(&*table.parts[0])[1], want, "{length} {gap} {time}");
            if forget && mixed(&mut state) % 5 == 0 {
                trails.forget(time - length + 1);
                table.merge(&trails.merges()[done..]);
                // P17: rows in windows, those of the older block, and for each key its total.
                let near = rows.iter().filter(|&&(_, at)| time - 2 * length < at).count();
                assert!(steady || trails.used() - trails.left().len() <= near + 3 + 2, "{length} {gap} {time}");
            }
            table.clear(trails.left());
            trails.settle();
        }
        // Those of a row that comes, of one that goes, and of a result; a steady trail copies one, too.
        let (combined, most) = (combined(), if steady { 3 + 1 + 2 + 1 } else { 3 });
        assert!(combined <= most * rows.len(), "{combined} combinations of {} rows", rows.len());
    }

    #[test]
    fn p16_windows_hold_their_rows_in_order_for_three_combinations_a_row() {
        for length in [1, 2, 3, 7, 40, 1000] {
            for gap in [1, 2, 5, 60] {
                for (forget, steady) in [(false, false), (true, false), (false, true), (true, true)] {
                    check(length, gap, forget, steady);
                }
            }
        }
    }
}
