//! [`Trails`]: the rows of every key that are still in a window, and how their partials are combined.
//!
//! Rows come in order, each with a position: its time, or its number among the rows of its key. Positions
//! are cut into blocks that are as long as a window, from position 0 on, so that a window covers the end of
//! one block and the beginning of the next. When a key comes into a new block, each row of the older one is
//! combined with all newer rows of that block, from the last to the first; and of the new block the
//! combination of all rows so far is kept. A result is one combination of the two. (This is van Herk's and
//! Gil and Werman's method, as in [`super::fifo`], with a key for a lane.)
//!
//! The rows of a key lie side by side. So many rows can be taken in at once, in a sweep, as long as each has
//! its window combined as soon as it has come: what is done to their cells is then one step for all rows of
//! a block. Taking them in one by one comes to the same bits.
//!
//! The tree in which rows are combined is thus a function of the positions of the rows of the window alone:
//! nothing is ever subtracted, and neither rows that have left nor the cuts of batches can show. Each row
//! costs three combinations, however long the window is. They are only written down here, and carried out
//! column by column ([`crate::aggregate::Table::carry_out`]).

use std::ops::Range;

use super::plots::Plots;
use super::steady::Steps;
use crate::aggregate::{Merge, NOTHING, Reaches, Run, Step};

/// The slots of a key with one row: for their total, and for a few more.
const LEAST: u32 = 4;

/// The rows of a key, in a run of slots: the first is for what those of the newer block come to, then come,
/// somewhere, the rows of the older block that are still in the window, and those of the newer one.
#[derive(Clone, Copy)]
struct Lane {
    /// The first slot.
    total: u32,
    /// How many slots there are; 0 if the key has no rows.
    room: u32,
    /// The first row of the older block.
    front: u32,
    /// The first row of the newer block.
    middle: u32,
    /// Behind the last row.
    back: u32,
    /// Where the newer block ends.
    end: i64,
    /// The position of the last row.
    latest: i64,
}

const EMPTY: Lane = Lane { total: 0, room: 0, front: 1, middle: 1, back: 1, end: i64::MIN, latest: i64::MIN };

/// The rows of every key that are still in a window.
pub(crate) struct Trails {
    length: i64,
    lanes: Vec<Lane>,
    /// What stands in the place of the lanes where no row may wait for many others.
    steady: Option<Vec<Steps>>,
    /// The position of the row of each slot.
    positions: Vec<i64>,
    plots: Plots,
    /// Slots that are not needed any more, and not empty yet.
    left: Vec<u32>,
    /// What is to be done to the cells, in order.
    steps: Vec<Step>,
    /// The windows of the rows of a sweep, where they are of times.
    windows: Reaches,
    live: usize,
}

impl Trails {
    /// No rows, of windows of this length. So many slots are for results, from 1 on.
    pub(crate) fn new(length: i64, results: usize) -> Self {
        Self {
            length,
            lanes: Vec::new(),
            steady: None,
            positions: Vec::new(),
            plots: Plots::new(results + 1),
            left: Vec::new(),
            steps: Vec::new(),
            windows: Reaches::default(),
            live: 0,
        }
    }

    /// From the first row on, lets none wait for the longer the more rows a window has.
    pub(crate) fn be_steady(&mut self) {
        self.steady = Some(Vec::new());
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.plots.slots()
    }

    /// How many slots are in use.
    pub(crate) fn used(&self) -> usize {
        self.plots.used()
    }

    /// How many keys have rows.
    pub(crate) fn live_keys(&self) -> usize {
        self.live
    }

    /// How many keys there is room for.
    pub(crate) fn keys(&self) -> usize {
        self.lanes.len()
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        match &mut self.steady {
            Some(steady) => steady.resize_with(keys.max(steady.len()), Steps::default),
            None => self.lanes.resize(keys.max(self.lanes.len()), EMPTY),
        }
    }

    /// An empty slot, for a row that waits.
    pub(crate) fn slot(&mut self) -> u32 {
        self.plots.take(1)
    }

    /// The position after that of the last row of a key, where rows are numbered.
    pub(crate) fn next(&self, key: u32) -> i64 {
        match &self.steady {
            Some(steady) => steady[key as usize].next,
            None => self.lanes[key as usize].latest.wrapping_add(1).max(0),
        }
    }

    /// Takes in a row of a key, which has waited in a slot. No row of the key has a higher position.
    pub(crate) fn push(&mut self, key: u32, waited: u32, position: i64) {
        if self.steady.is_some() {
            let first = self.with_steps(key, |steps, trails| steps.push(waited, position, trails));
            self.live += usize::from(first);
            return;
        }
        self.turn(key, position, waited);
        let slot = self.place(key, 1);
        self.positions[slot as usize] = position;
        let Lane { total, middle, .. } = self.lanes[key as usize];
        self.lanes[key as usize].latest = position;
        let older = if middle == slot { NOTHING } else { total };
        self.steps.push(Step::Merge(Merge { to: slot, older: waited, newer: NOTHING }));
        self.steps.push(Step::Merge(Merge { to: total, older, newer: slot }));
        self.left.push(waited);
    }

    /// Puts the combination of the rows of a key from one position to another into a slot. Neither position
    /// is before that of an earlier call, and no row has come that lies behind the second.
    pub(crate) fn result(&mut self, key: u32, (first, last): (i64, i64), to: u32) {
        if self.steady.is_some() {
            let last_gone = self.with_steps(key, |steps, trails| {
                let last_gone = steps.evict(first, trails);
                steps.result(to, trails);
                last_gone
            });
            self.live -= usize::from(last_gone);
            return;
        }
        self.turn(key, last, NOTHING);
        self.evict(key, first);
        let Lane { total, front, middle, back, .. } = self.lanes[key as usize];
        let older = if front == middle { NOTHING } else { front };
        let newer = if middle == back { NOTHING } else { total };
        self.steps.push(Step::Merge(Merge { to, older, newer }));
    }

    /// Takes in rows of a key, by their places in a sweep, and has the windows combined that end with them,
    /// where windows are of rows.
    pub(crate) fn sweep_rows(&mut self, key: u32, rows: Range<usize>) {
        let (mut row, mut next) = (rows.start, self.next(key));
        while row < rows.end {
            self.turn(key, next, row as u32);
            let len = (self.lanes[key as usize].end - next).min((rows.end - row) as i64) as u32;
            let to = self.place(key, len);
            let positions = &mut self.positions[to as usize..(to + len) as usize];
            positions.iter_mut().zip(next..).for_each(|(slot, position)| *slot = position);
            self.evict(key, next + 1 - self.length);
            let lane = &mut self.lanes[key as usize];
            let (total, fresh, older) = (lane.total, lane.middle == to, lane.front);
            let reach = (lane.middle - older).min(len);
            (lane.front, lane.latest) = (older + reach, next + i64::from(len) - 1);
            self.steps.push(Step::Run(Run { row: row as u32, len, to, total, fresh, older, reach }));
            (row, next) = (row + len as usize, next + i64::from(len));
        }
    }

    /// The same where windows are of times, which are those of all rows of the sweep, and start so much before
    /// them.
    pub(crate) fn sweep_times(&mut self, key: u32, rows: Range<usize>, times: &[i64], from: i64) {
        self.windows.older.resize(times.len(), NOTHING);
        self.windows.newer.resize(times.len(), 0);
        let mut row = rows.start;
        while row < rows.end {
            self.turn(key, times[row], row as u32);
            let end = self.lanes[key as usize].end;
            let len = times[row..rows.end].partition_point(|&time| time < end);
            let to = self.place(key, len as u32);
            let run = row..row + len;
            self.positions[to as usize..to as usize + len].copy_from_slice(&times[run.clone()]);
            self.reach_back(key, run.clone(), times, from);
            self.reach_on(run.clone(), times);
            let lane = &mut self.lanes[key as usize];
            lane.latest = times[run.end - 1];
            let (total, fresh) = (lane.total, lane.middle == to);
            self.steps.push(Step::Run(Run {
                row: row as u32,
                len: len as u32,
                to,
                total,
                fresh,
                older: 0,
                reach: 0,
            }));
            row = run.end;
        }
    }

    /// Finds, for each row of a run, the first one of the older block that is in its window.
    fn reach_back(&mut self, key: u32, run: Range<usize>, times: &[i64], from: i64) {
        let Lane { mut front, middle, .. } = self.lanes[key as usize];
        let mut row = run.start;
        // One step forward, in one of the two, without a branch to be guessed wrong.
        while front < middle && row < run.end {
            let gone = self.positions[front as usize] < times[row] - from;
            self.windows.older[row] = front;
            front += u32::from(gone);
            row += usize::from(!gone);
        }
        self.windows.older[row..run.end].fill(NOTHING);
        self.lanes[key as usize].front = front;
    }

    /// Finds, for each row of a run, the last one of its time.
    fn reach_on(&mut self, run: Range<usize>, times: &[i64]) {
        let mut last = run.end - 1;
        for row in run.rev() {
            last = if times[row] == times[last] { last } else { row };
            self.windows.newer[row] = last as u32;
        }
    }

    /// Hands over what a sweep does to the cells, and the windows of its rows, where they are of times.
    pub(crate) fn take_sweep(&mut self) -> (Vec<Step>, Reaches) {
        (std::mem::take(&mut self.steps), std::mem::take(&mut self.windows))
    }

    /// Has the next row of a key, which has none, come to this position.
    pub(crate) fn start_at(&mut self, key: u32, next: i64) {
        self.lanes[key as usize].latest = next - 1;
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
        self.steps.push(Step::Merge(merge));
    }

    /// Lets go of a slot.
    pub(super) fn drop_slot(&mut self, slot: u32) {
        self.left.push(slot);
    }

    /// What is to be done to the cells, in order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The slots that are not needed any more once all is combined.
    pub(crate) fn left(&self) -> &[u32] {
        &self.left
    }

    /// Hears that all has been combined, and that the slots that are not needed any more are empty.
    pub(crate) fn settle(&mut self) {
        self.steps.clear();
        self.left.drain(..).rev().for_each(|slot| self.plots.give_back(slot, 1));
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
            if lane.room > 0 {
                self.plots.give_back(lane.total, lane.room);
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
            + size_of_val(&self.positions[..])
            + self.left.capacity() * 4
            + self.steps.capacity() * size_of::<Step>()
            + self.plots.memory()
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
        let mut steady = self.steady.take().expect("they are steady");
        let done = work(&mut steady[key as usize], self);
        self.steady = Some(steady);
        done
    }

    /// The first slot of so many for the next rows of a key.
    fn place(&mut self, key: u32, len: u32) -> u32 {
        if self.lanes[key as usize].back + len > self.lanes[key as usize].total + self.lanes[key as usize].room {
            self.make_room(key, len);
        }
        let slot = self.lanes[key as usize].back;
        self.lanes[key as usize].back += len;
        slot
    }

    /// Makes room for so many more rows of a key: moves its rows to the beginning of its slots, where at
    /// least half of them are then free, or to more of them.
    fn make_room(&mut self, key: u32, len: u32) {
        let lane = self.lanes[key as usize];
        let (rows, mut to) = (lane.back - lane.front, lane.total);
        let room = (2 * (rows + len)).next_power_of_two().max(LEAST);
        if room > lane.room || room <= lane.room / 8 {
            to = self.plots.take(room);
            self.positions.resize(self.plots.slots().max(self.positions.len()), 0);
            if lane.room > 0 {
                self.steps.push(Step::Move { from: lane.total, to, len: 1 });
                self.plots.give_back(lane.total, lane.room);
            } else {
                self.live += 1;
            }
            self.lanes[key as usize].room = room;
        }
        if rows > 0 {
            self.steps.push(Step::Move { from: lane.front, to: to + 1, len: rows });
            self.positions.copy_within(lane.front as usize..lane.back as usize, to as usize + 1);
        }
        let older = lane.middle - lane.front;
        let lane = &mut self.lanes[key as usize];
        (lane.total, lane.front, lane.middle, lane.back) = (to, to + 1, to + 1 + older, to + 1 + rows);
    }

    /// Moves a key on to the block that a position lies in, with this row if it is one's.
    fn turn(&mut self, key: u32, position: i64, next: u32) {
        let lane = &mut self.lanes[key as usize];
        if position < lane.end {
            return;
        }
        let start = position - position.rem_euclid(self.length);
        lane.front = if lane.end == start { lane.middle } else { lane.back };
        lane.middle = lane.back;
        lane.end = start + self.length;
        let len = lane.middle - lane.front;
        if len > 0 {
            self.steps.push(Step::Chain { first: lane.front, len, next });
        }
    }

    /// Lets go of the rows of the older block that lie before a position.
    fn evict(&mut self, key: u32, first: i64) {
        let lane = &mut self.lanes[key as usize];
        while lane.front < lane.middle && self.positions[lane.front as usize] < first {
            lane.front += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fifo::tests::{Words, combined, words};
    use super::super::groups::Groups;
    use super::super::span::Span;
    use super::*;
    use crate::aggregate::testing::{ints, mixed};
    use crate::aggregate::{Sweeps, Swept, Table};

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
            table.carry_out(trails.steps());
            let done = trails.steps().len();
            let in_window = |&&(other, at): &&(u32, i64)| other == key && time - length < at;
            let want: Vec<i64> = rows.iter().filter(in_window).map(|&(_, at)| at).collect();
            assert_eq!(words(&*table.parts[0])[1], want, "{length} {gap} {time}");
            if forget && mixed(&mut state) % 5 == 0 {
                trails.forget(time - length + 1);
                table.carry_out(&trails.steps()[done..]);
            }
            table.clear(trails.left());
            trails.settle();
        }
        // Those of a row that comes, of one that goes, and of a result; a steady trail copies one, too.
        let (combined, most) = (combined(), if steady { 3 + 1 + 2 + 1 } else { 3 });
        assert!(combined <= most * rows.len(), "{combined} combinations of {} rows", rows.len());
    }

    /// Sweeps rows of a few keys, a few at a time, and takes some in one by one, through windows of times or
    /// of rows; holds each window to the rows that lie in it, in their order.
    fn check_sweeps(length: i64, gap: i64, by_time: bool) {
        let (mut trails, mut table) =
            (Trails::new(length, 1), Table::of(1, vec![Box::new(Words::default())], vec![0]));
        let mut sweeps = Sweeps::new(&table, &[], 1, &crate::pool::Pool::new(1));
        let (mut state, mut time, mut lists) = (length as u64 * 7 + gap as u64, -500, vec![Vec::new(); 3]);
        let span =
            if by_time { Span::Time { from: length - 1, to: 0 } } else { Span::Rows { rows: length, ahead: 0 } };
        let mut groups = Groups::default();
        trails.prepare(3);
        for _ in 0..150 {
            // Rows of one time are not cut.
            time += 1;
            let count = mixed(&mut state) % 20 + 1;
            let next = |_| {
                time += mixed(&mut state) % gap;
                (time, (mixed(&mut state) % 3) as u32)
            };
            let mut rows: Vec<(i64, u32)> = (0..count).map(next).collect();
            let few = rows.len() < 3;
            let (order, places) = groups.sort(0, &rows.iter().map(|&(_, key)| key).collect::<Vec<_>>(), 3);
            rows = order.iter().map(|&row| rows[row as usize]).collect();
            let times: Vec<i64> = rows.iter().map(|&(time, _)| time).collect();
            rows.iter().for_each(|&(time, key)| lists[key as usize].push(time));
            if few {
                for &(time, key) in &rows {
                    let (slot, position) = (trails.slot(), if by_time { time } else { trails.next(key) });
                    table.grow(trails.slots());
                    table.put(slot, time);
                    trails.push(key, slot, position);
                    trails.result(key, (position - length + 1, position), 1);
                    table.grow(trails.slots());
                    table.carry_out(trails.steps());
                    table.clear(trails.left());
                    trails.settle();
                }
                continue;
            }
            for (key, rows) in groups.each() {
                match span {
                    Span::Time { from, .. } => trails.sweep_times(key, rows, &times, from),
                    Span::Rows { .. } => trails.sweep_rows(key, rows),
                }
            }
            let (steps, windows) = trails.take_sweep();
            let swept = Swept {
                inputs: Arc::new(ints(times.clone())),
                rows: 0..rows.len(),
                order: None,
                times: times.clone().into(),
                places,
                steps,
                windows: by_time.then_some(windows),
                cells: trails.slots(),
            };
            sweeps.begin(swept, &mut table).expect("no panic");
            sweeps.end(&mut table).expect("no panic");
            for (key, rows) in groups.each() {
                let list = &lists[key as usize];
                for row in rows.clone() {
                    let end = list.len() - (rows.end - row) + 1;
                    let want: Vec<i64> = match by_time {
                        true => list
                            .iter()
                            .copied()
                            .filter(|&at| times[row] - length < at && at <= times[row])
                            .collect(),
                        false => list[end.saturating_sub(length as usize)..end].to_vec(),
                    };
                    assert_eq!(words(sweeps.results())[row], want, "{length} {gap} {by_time} {row}");
                }
            }
        }
    }

    #[test]
    fn sweeps_come_to_the_same() {
        for length in [1, 2, 3, 7, 40, 1000] {
            for gap in [1, 2, 5, 60] {
                check_sweeps(length, gap, true);
                check_sweeps(length, gap, false);
            }
        }
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
