//! [`Sessions`]: the open sessions of every key.
//!
//! A row at `t` reaches over `[t, t + span)`, and the rows of a key whose reaches overlap are one session.
//! It is due, which is to say that no row on time can belong to it any more, when the watermark is at the
//! end of its last reach. Nearly always a key has one session at most, which is held in its lane; others,
//! which only disorder can bring, are held aside.
//!
//! Rows of a batch that is in order take a short way ([`ordered`]). All other sessions are found by the [`Calendar`]
//! when they are due.

use std::collections::{HashMap, VecDeque};

use super::calendar::Calendar;
use crate::aggregate::NO_SLOT;
use crate::memory;

mod ordered;

pub(crate) use ordered::Ordered;
use ordered::Waiting;

/// A session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Session {
    /// The time of its first row.
    pub(crate) start: i64,
    /// Where the reach of its last row ends.
    pub(crate) due: i64,
    /// The slot of its partials.
    pub(crate) slot: u32,
}

/// A session that no row can come to any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Closed {
    /// The time of its first row.
    pub(crate) start: i64,
    /// Where the reach of its last row ends.
    pub(crate) due: i64,
    /// The place of the key among the others, by which results are ordered.
    pub(crate) place: u64,
    /// The slot of its partials.
    pub(crate) slot: u32,
    /// Its key.
    pub(crate) key: u32,
}

impl Session {
    /// It as a closed one.
    pub(crate) fn closed(self, key: u32, place: u64) -> Closed {
        Closed { start: self.start, due: self.due, place, slot: self.slot, key }
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It is in the session that has this slot.
    In(u32),
    /// It is in the session that has this slot, and missed those before it, the first of which was due at this time or
    /// later.
    Partly(u32, i64),
    /// It missed its session, which was due at this time or later.
    Missed(i64),
    /// It joins two sessions into one: the second's slot must be combined into the first's, and then asked
    /// again.
    Joins(u32, u32),
}

/// What is known of a key. It is small: with many keys, nearly every row waits for one to come from afar.
#[derive(Clone, Copy)]
struct Lane {
    /// When its session is due; if it has none, when its latest closed session was.
    due: i64,
    /// The slot of its session; [`NO_SLOT`] if it has none. One that was due when sessions were last closed may
    /// still be here, though it is closed.
    slot: u32,
    /// Whether others are held aside.
    has_more: bool,
}

const EMPTY: Lane = Lane { due: i64::MIN, slot: NO_SLOT, has_more: false };

/// No row.
const NO_ROW: u64 = u64::MAX;

/// How a session began.
#[derive(Clone, Copy)]
struct Birth {
    time: i64,
    /// The place of its key.
    place: u64,
    /// When the latest session of the key was due that is closed, of the session in its lane.
    gone: i64,
}

impl Birth {
    /// The session of this key and slot, which is closed.
    #[inline]
    fn closed(&self, key: u32, due: i64, slot: u32) -> Closed {
        Closed { start: self.time, due, place: self.place, slot, key }
    }
}

/// The open sessions of every key.
pub(crate) struct Sessions {
    span: i64,
    lanes: Vec<Lane>,
    /// Per slot: how its session began.
    births: Vec<Birth>,
    /// Per slot: the latest row, where going over the rows is to find the session.
    latest: Vec<u64>,
    /// Rows that are to be gone over again, in the order of their times.
    waiting: VecDeque<Waiting>,
    /// How many of its places have been used: what of its capacity has not is not there yet.
    waited: usize,
    /// Sessions that were due at this watermark are closed.
    until: i64,
    /// The sessions of a key beside the one in its lane: when they are due, and their slots.
    more: HashMap<u32, Vec<(i64, u32)>>,
    calendar: Calendar,
    /// How many places have been given out.
    places: u64,
    live: usize,
    slots: u32,
    free: Vec<u32>,
    /// Those that are due, and have not been taken out.
    closed: Vec<Closed>,
}

/// How many buckets of the calendar a session lasts at least.
pub(super) const BUCKETS: i64 = 64;

impl Sessions {
    /// No sessions, of rows that reach so far.
    pub(crate) fn new(span: i64) -> Self {
        Self {
            span,
            lanes: Vec::new(),
            births: Vec::new(),
            latest: Vec::new(),
            waiting: VecDeque::new(),
            waited: 0,
            until: i64::MIN,
            more: HashMap::new(),
            calendar: Calendar::new(span / BUCKETS),
            places: 0,
            live: 0,
            slots: 0,
            free: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// How many sessions are open.
    pub(crate) fn open(&self) -> usize {
        self.live + self.more.values().map(Vec::len).sum::<usize>()
    }

    /// How many keys have an open session.
    pub(crate) fn live_keys(&self) -> usize {
        self.live
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        self.lanes.resize(keys.max(self.lanes.len()), EMPTY);
        self.calendar.prepare(keys);
    }

    /// Makes sure that so many slots are free.
    fn make_slots(&mut self, count: usize) {
        let lacking = count.saturating_sub(self.free.len()) as u32;
        self.free.extend((self.slots..self.slots + lacking).rev());
        self.slots += lacking;
        self.births.resize(self.slots as usize, Birth { time: 0, place: 0, gone: i64::MIN });
        self.latest.resize(self.slots as usize, NO_ROW);
    }

    /// An empty slot.
    fn slot(&mut self) -> u32 {
        self.make_slots(1);
        self.free.pop().expect("one was made")
    }

    /// What becomes of a row of this key and time when the watermark stands here.
    #[inline]
    pub(crate) fn accept(&mut self, key: u32, time: i64, watermark: i64) -> Fate {
        let lane = &mut self.lanes[key as usize];
        // A row in order, which is not behind the watermark, misses nothing.
        let is_next = !lane.has_more && time < lane.due && watermark <= time;
        if is_next && self.births[lane.slot as usize].time <= time {
            lane.due = lane.due.max(time + self.span);
            return Fate::In(lane.slot);
        }
        self.accept_any(key, time, watermark)
    }

    fn accept_any(&mut self, key: u32, time: i64, watermark: i64) -> Fate {
        self.settle(key, watermark);
        self.detach(key);
        let (span, gone) = (self.span, self.gone(key));
        let missed = time < gone;
        // The latest that was closed is the first that it missed, unless others may have been closed between the two.
        let missed_due = if gone.saturating_sub(span) <= time { gone } else { time + 1 };
        let touches = |session: &Session| time < session.due && session.start < time + span;
        let mut touched: Vec<Session> = self.all(key).filter(touches).collect();
        touched.sort_unstable_by_key(|session| session.start);
        match touched[..] {
            [] if missed => Fate::Missed(missed_due),
            [] if time + span <= watermark => Fate::Missed(time + span),
            [] => Fate::In(self.begin(key, time)),
            [session] => {
                self.extend(key, session.slot, time + span);
                let birth = &mut self.births[session.slot as usize];
                birth.time = birth.time.min(time);
                if missed { Fate::Partly(session.slot, missed_due) } else { Fate::In(session.slot) }
            }
            [older, newer, ..] => Fate::Joins(older.slot, newer.slot),
        }
    }

    /// Makes one session of two of a key; the second one's slot is free again, and must be empty.
    pub(crate) fn join(&mut self, key: u32, older: u32, newer: u32) {
        let due = self.remove(key, newer);
        self.extend(key, older, due);
        self.free.push(newer);
    }

    /// The watermark at which all sessions are due that are not due yet, if there are any.
    pub(crate) fn all_due(&self, watermark: i64) -> Option<i64> {
        let sessions = (0..self.lanes.len() as u32).flat_map(|key| self.all(key));
        sessions.map(|session| session.due).filter(|&due| due > watermark).max()
    }

    /// Leaves the session in the lane of a key to the calendar.
    fn detach(&mut self, key: u32) {
        let Lane { due, slot, .. } = self.lanes[key as usize];
        if slot != NO_SLOT && self.latest[slot as usize] != NO_ROW {
            self.latest[slot as usize] = NO_ROW;
            self.calendar.arm(key, due);
        }
    }

    /// Closes the sessions that are due at this watermark.
    pub(crate) fn close(&mut self, watermark: i64) {
        let mut kept = Vec::new();
        while let Some(keys) = self.calendar.begun(watermark) {
            for key in keys {
                self.settle(key, watermark);
                kept.extend(self.all(key).map(|session| session.due).min().map(|due| (key, due)));
            }
        }
        kept.into_iter().for_each(|(key, due)| self.calendar.arm(key, due));
        self.close_waiting(watermark);
    }

    /// Takes out the sessions that are closed, in the order of their results: all that were due at this watermark.
    pub(crate) fn take_closed(&mut self, watermark: i64) -> Vec<Closed> {
        self.until = self.until.max(watermark);
        let mut closed = std::mem::take(&mut self.closed);
        let order = |closed: &Closed| (closed.due, closed.start, closed.place);
        if !closed.is_sorted_by_key(order) {
            closed.sort_by_key(order);
        }
        closed
    }

    /// Takes slots back, which are empty again.
    pub(crate) fn give_back(&mut self, slots: &[u32]) {
        self.free.extend(slots.iter().rev());
    }

    /// Forgets, of keys without an open session, those that no row which is not late can miss a session of.
    /// Gives their numbers.
    pub(crate) fn forget(&mut self, watermark: i64) -> Vec<u32> {
        let old = watermark.saturating_sub(self.span);
        let is_dead = |lane: &Lane| lane.due <= self.until.min(old);
        let numbers = 0..self.lanes.len() as u32;
        let dead: Vec<u32> = numbers.filter(|&key| is_dead(&self.lanes[key as usize])).collect();
        dead.iter().for_each(|&key| self.lanes[key as usize] = EMPTY);
        dead
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&self.lanes[..])
            + size_of_val(&self.births[..])
            + size_of_val(&self.latest[..])
            + self.waited.min(self.waiting.capacity()) * size_of::<Waiting>()
            + memory::of_map(&self.more)
            + self.more.values().map(|more| more.capacity() * size_of::<(i64, u32)>()).sum::<usize>()
            + self.calendar.memory()
            + self.free.capacity() * 4
            + self.closed.capacity() * size_of::<Closed>()
    }

    fn all(&self, key: u32) -> impl Iterator<Item = Session> {
        let lane = self.lanes[key as usize];
        let first = (lane.slot != NO_SLOT).then_some((lane.due, lane.slot));
        let more = if lane.has_more { self.more.get(&key).map_or(&[][..], Vec::as_slice) } else { &[] };
        let all = first.into_iter().chain(more.iter().copied());
        all.map(|(due, slot)| Session { start: self.births[slot as usize].time, due, slot })
    }

    /// When the latest closed session of a key was due.
    fn gone(&self, key: u32) -> i64 {
        let lane = self.lanes[key as usize];
        if lane.slot == NO_SLOT { lane.due } else { self.births[lane.slot as usize].gone }
    }

    /// Notes when the latest closed session of a key was due.
    fn note_gone(&mut self, key: u32, due: i64) {
        let lane = &mut self.lanes[key as usize];
        if lane.slot == NO_SLOT {
            lane.due = due;
        } else {
            self.births[lane.slot as usize].gone = due;
        }
    }

    /// Opens a session. A key that had none takes its place, at the end.
    fn begin(&mut self, key: u32, time: i64) -> u32 {
        let (slot, due, gone) = (self.slot(), time + self.span, self.gone(key));
        let lane = &mut self.lanes[key as usize];
        let place = if lane.slot == NO_SLOT {
            (lane.due, lane.slot) = (due, slot);
            self.places += 1;
            self.live += 1;
            self.places - 1
        } else {
            lane.has_more = true;
            self.more.entry(key).or_default().push((due, slot));
            self.births[lane.slot as usize].place
        };
        self.births[slot as usize] = Birth { time, place, gone };
        self.calendar.arm(key, due);
        slot
    }

    /// Closes the sessions of a key that are due.
    fn settle(&mut self, key: u32, watermark: i64) {
        let lane = &mut self.lanes[key as usize];
        if lane.due <= self.until {
            // It is closed, and with others beside it would have been taken out.
            lane.slot = NO_SLOT;
        }
        loop {
            let due = self.all(key).filter(|session| session.due <= watermark).min_by_key(|session| session.due);
            let Some(Session { due, slot, .. }) = due else { return };
            self.closed.push(self.births[slot as usize].closed(key, due, slot));
            self.latest[slot as usize] = NO_ROW;
            self.remove(key, slot);
            self.note_gone(key, due);
        }
    }

    /// Notes that a session of a key is due so late, at least.
    fn extend(&mut self, key: u32, slot: u32, until: i64) {
        let lane = &mut self.lanes[key as usize];
        let due = if lane.slot == slot {
            &mut lane.due
        } else {
            let more = self.more.get_mut(&key).and_then(|more| more.iter_mut().find(|other| other.1 == slot));
            &mut more.expect("the slot is that of a session of the key").0
        };
        *due = until.max(*due);
    }

    /// Takes a session of a key out; gives when it was due.
    fn remove(&mut self, key: u32, slot: u32) -> i64 {
        let gone = self.gone(key);
        let lane = &mut self.lanes[key as usize];
        let mut more = if lane.has_more { self.more.remove(&key).unwrap_or_default() } else { Vec::new() };
        let due = if lane.slot == slot {
            let next = more.pop().unwrap_or((gone, NO_SLOT));
            self.live -= usize::from(next.1 == NO_SLOT);
            let due = std::mem::replace(&mut lane.due, next.0);
            lane.slot = next.1;
            due
        } else {
            let at = more.iter().position(|other| other.1 == slot);
            more.swap_remove(at.expect("the slot is that of a session of the key")).0
        };
        lane.has_more = !more.is_empty();
        if lane.has_more {
            self.more.insert(key, more);
        }
        self.note_gone(key, gone);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::super::fifo::tests::{Words, combined, words};
    use super::*;
    use crate::aggregate::Table;

    const SPAN: i64 = 10;

    /// Sends rows of a key into sessions, as the operator does, and gives the times in each that closes; the last ones
    /// are closed too.
    fn run(times: &[i64], lateness: i64) -> Vec<Vec<i64>> {
        let mut table = Table::of(1, vec![Box::new(Words::default())], vec![0]);
        let (mut sessions, mut spare, mut found) = (Sessions::new(SPAN), table.fresh(), Vec::new());
        sessions.prepare(1);
        spare.grow(1);
        let mut high = i64::MIN + lateness;
        for &time in times {
            let slot = loop {
                match sessions.accept(0, time, high - lateness) {
                    Fate::In(slot) | Fate::Partly(slot, _) => break slot,
                    Fate::Missed(due) => panic!("{time} missed a session that was due at {due}"),
                    Fate::Joins(older, newer) => {
                        spare.copy(&[0], &table, &[newer]);
                        table.combine(&[older], &spare, &[0]);
                        table.clear(&[newer]);
                        sessions.join(0, older, newer);
                    }
                }
            };
            table.grow(sessions.slots());
            table.put(slot, time);
            high = high.max(time);
            sessions.close(high - lateness);
            take(&mut sessions, high - lateness, &mut table, &mut found);
        }
        sessions.close(i64::MAX);
        take(&mut sessions, i64::MAX, &mut table, &mut found);
        assert_eq!((sessions.open(), sessions.live_keys()), (0, 0));
        found
    }

    fn take(sessions: &mut Sessions, watermark: i64, table: &mut Table, found: &mut Vec<Vec<i64>>) {
        for Closed { slot, .. } in sessions.take_closed(watermark) {
            found.push(words(&*table.parts[0])[slot as usize].clone());
            table.clear(&[slot]);
            sessions.give_back(&[slot]);
        }
    }

    /// The times cut where they are too far apart.
    fn cut(times: &[i64]) -> Vec<Vec<i64>> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        sorted.chunk_by(|one, next| next - one < SPAN).map(<[i64]>::to_vec).collect()
    }

    #[test]
    fn sessions_hold_their_rows_in_order_for_no_combination() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i64 % 14
        };
        let times: Vec<i64> =
            (0..500).scan(0, |time, _| Some(*time + next()).inspect(|&now| *time = now)).collect();
        combined();
        assert_eq!(run(&times, 0), cut(&times));
        assert_eq!(combined(), 0);
    }

    #[test]
    fn rows_in_any_order_make_the_same_sessions() {
        for seed in 1..200 {
            let mut state = seed;
            let mut next = |below: i64| {
                state = u64::wrapping_mul(state, 6_364_136_223_846_793_005).wrapping_add(seed);
                (state >> 33) as i64 % below
            };
            let times: Vec<i64> = (0..30).map(|_| next(200) - 100).collect();
            combined();
            let mut found = run(&times, 200);
            assert!(combined() < times.len(), "each makes one session less");
            found.iter_mut().for_each(|times| times.sort_unstable());
            assert_eq!(found, cut(&times));
        }
    }

    #[test]
    fn the_older_of_two_sessions_comes_first() {
        assert_eq!(run(&[0, 3, 15, 17, 9], 30), [[0, 3, 15, 17, 9]]);
        assert_eq!(run(&[15, 17, 0, 3, 9], 30), [[0, 3, 15, 17, 9]]);
    }
}
