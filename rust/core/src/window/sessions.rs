//! [`Sessions`]: the open sessions of every key.
//!
//! A row at `t` reaches over `[t, t + span)`, and the rows of a key whose reaches overlap are one session.
//! It is due, which is to say that no row on time can belong to it any more, when the watermark is at the
//! end of its last reach. Nearly always a key has one session at most, which is held in its lane; others,
//! which only disorder can bring, are held aside.

use std::collections::HashMap;

use super::calendar::Calendar;
use crate::aggregate::NO_SLOT;

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
    /// The session.
    pub(crate) session: Session,
    /// Its key.
    pub(crate) key: u32,
    /// The place of the key among the others, by which results are ordered.
    pub(crate) place: u64,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It is in the session that has this slot.
    In(u32),
    /// It is in the session that has this slot, and missed the one before it, which was due at this time.
    Partly(u32, i64),
    /// It missed its session, which was due at this time.
    Missed(i64),
    /// It joins two sessions into one: the second's slot must be combined into the first's, and then asked
    /// again.
    Joins(u32, u32),
}

/// What is known of a key.
#[derive(Clone, Copy)]
struct Lane {
    /// Its session; the slot is [`NO_SLOT`] if it has none.
    open: Session,
    place: u64,
    /// When its latest closed session was due.
    gone: i64,
    /// Whether others are held aside.
    has_more: bool,
}

const EMPTY: Lane =
    Lane { open: Session { start: 0, due: i64::MIN, slot: NO_SLOT }, place: 0, gone: i64::MIN, has_more: false };

/// The open sessions of every key.
pub(crate) struct Sessions {
    span: i64,
    lanes: Vec<Lane>,
    /// The sessions of a key beside the one in its lane.
    more: HashMap<u32, Vec<Session>>,
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

    /// What becomes of a row of this key and time when the watermark stands here.
    #[inline]
    pub(crate) fn accept(&mut self, key: u32, time: i64, watermark: i64) -> Fate {
        let span = self.span;
        let lane = &mut self.lanes[key as usize];
        // A row in order, which is not behind the watermark, misses nothing.
        let open = &mut lane.open;
        if !lane.has_more && open.start <= time && time < open.due && watermark <= time {
            open.due = open.due.max(time + span);
            return Fate::In(open.slot);
        }
        self.accept_any(key, time, watermark)
    }

    fn accept_any(&mut self, key: u32, time: i64, watermark: i64) -> Fate {
        self.settle(key, watermark);
        let (span, lane) = (self.span, &self.lanes[key as usize]);
        let missed = time < lane.gone;
        let touches = |session: &&Session| time < session.due && session.start < time + span;
        let mut touched: Vec<Session> = self.all(key).filter(touches).copied().collect();
        touched.sort_unstable_by_key(|session| session.start);
        match touched[..] {
            [] if missed => Fate::Missed(self.lanes[key as usize].gone),
            [] if time + span <= watermark => Fate::Missed(time + span),
            [] => Fate::In(self.begin(key, time)),
            [session] => {
                self.change(key, session.slot, |session| {
                    session.start = session.start.min(time);
                    session.due = session.due.max(time + span);
                });
                if missed {
                    Fate::Partly(session.slot, self.lanes[key as usize].gone)
                } else {
                    Fate::In(session.slot)
                }
            }
            [older, newer, ..] => Fate::Joins(older.slot, newer.slot),
        }
    }

    /// Makes one session of two of a key; the second one's slot is free again, and must be empty.
    pub(crate) fn join(&mut self, key: u32, older: u32, newer: u32) {
        let gone = self.remove(key, newer);
        self.change(key, older, |session| session.due = session.due.max(gone.due));
        self.free.push(newer);
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
    }

    /// Takes out the sessions that are closed, in the order of their results.
    pub(crate) fn take_closed(&mut self) -> Vec<Closed> {
        let mut closed = std::mem::take(&mut self.closed);
        // Most are in order already, which this way of sorting makes use of.
        closed.sort_by_key(|closed| (closed.session.due, closed.session.start, closed.place));
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
        let is_dead = |lane: &Lane| lane.open.slot == NO_SLOT && lane.gone <= old;
        let numbers = 0..self.lanes.len() as u32;
        let dead: Vec<u32> = numbers.filter(|&key| is_dead(&self.lanes[key as usize])).collect();
        dead.iter().for_each(|&key| self.lanes[key as usize] = EMPTY);
        dead
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.lanes.capacity() * size_of::<Lane>()
            + self.more.capacity() * 48
            + self.more.values().map(|more| more.capacity() * size_of::<Session>()).sum::<usize>()
            + self.calendar.memory()
            + self.free.capacity() * 4
            + self.closed.capacity() * size_of::<Closed>()
    }

    fn all(&self, key: u32) -> impl Iterator<Item = &Session> {
        let lane = &self.lanes[key as usize];
        let first = (lane.open.slot != NO_SLOT).then_some(&lane.open);
        let more = if lane.has_more { self.more.get(&key).map_or(&[][..], Vec::as_slice) } else { &[] };
        first.into_iter().chain(more)
    }

    /// Opens a session. A key that had none takes its place, at the end.
    fn begin(&mut self, key: u32, time: i64) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let session = Session { start: time, due: time + self.span, slot };
        let lane = &mut self.lanes[key as usize];
        if lane.open.slot == NO_SLOT {
            (lane.open, lane.place) = (session, self.places);
            self.places += 1;
            self.live += 1;
        } else {
            lane.has_more = true;
            self.more.entry(key).or_default().push(session);
        }
        self.calendar.arm(key, session.due);
        slot
    }

    /// Closes the sessions of a key that are due.
    fn settle(&mut self, key: u32, watermark: i64) {
        loop {
            let due = self.all(key).filter(|session| session.due <= watermark).min_by_key(|session| session.due);
            let Some(&session) = due else { return };
            let place = self.lanes[key as usize].place;
            self.remove(key, session.slot);
            self.closed.push(Closed { session, key, place });
            let gone = &mut self.lanes[key as usize].gone;
            *gone = session.due.max(*gone);
        }
    }

    fn change(&mut self, key: u32, slot: u32, change: impl FnOnce(&mut Session)) {
        let lane = &mut self.lanes[key as usize];
        if lane.open.slot == slot {
            return change(&mut lane.open);
        }
        let more = self.more.get_mut(&key).and_then(|more| more.iter_mut().find(|other| other.slot == slot));
        change(more.expect("the slot is that of a session of the key"));
    }

    /// Takes a session of a key out.
    fn remove(&mut self, key: u32, slot: u32) -> Session {
        let lane = &mut self.lanes[key as usize];
        let mut more = if lane.has_more { self.more.remove(&key).unwrap_or_default() } else { Vec::new() };
        let removed = if lane.open.slot == slot {
            let next = more.pop().unwrap_or(EMPTY.open);
            self.live -= usize::from(next.slot == NO_SLOT);
            std::mem::replace(&mut lane.open, next)
        } else {
            let at = more.iter().position(|other| other.slot == slot);
            more.swap_remove(at.expect("the slot is that of a session of the key"))
        };
        lane.has_more = !more.is_empty();
        if lane.has_more {
            self.more.insert(key, more);
        }
        removed
    }
}
