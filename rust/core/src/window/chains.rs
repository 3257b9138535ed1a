//! [`Chains`]: the latest session of every key, of rows that come in order.
//!
//! A row is in the session of the one before it if that reaches so far, and begins another one if not. A session is
//! due when the watermark is where no row can be in it any more; one that its last row ended, or that was as long
//! as it may be, waits until then beside the one after it.

use super::calendar::Calendar;
use super::sessions::{BUCKETS, Closed, Session};
use crate::aggregate::NO_SLOT;

/// What is known of a key.
#[derive(Clone, Copy)]
struct Lane {
    /// Its latest session; the slot is [`NO_SLOT`] once that is closed.
    latest: Session,
    /// Whether its last row ended it.
    ended: bool,
    place: u64,
}

const EMPTY: Lane = Lane { latest: Session { start: 0, due: i64::MIN, slot: NO_SLOT }, ended: true, place: 0 };

/// A row as sessions see it.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    pub(crate) key: u32,
    pub(crate) time: i64,
    /// How far it reaches.
    pub(crate) reach: i64,
    /// Whether it ends its session.
    pub(crate) ends: bool,
    /// How far event time had come before its turn.
    pub(crate) before: i64,
}

/// The latest session of every key.
pub(crate) struct Chains {
    /// How far a session reaches from its first row on, at most.
    longest: i64,
    lanes: Vec<Lane>,
    /// Made when it is known how far rows reach.
    calendar: Option<Calendar>,
    /// How many places have been given out.
    places: u64,
    live: usize,
    slots: u32,
    free: Vec<u32>,
    /// Sessions that have no row to come, in the order in which they ended.
    over: Vec<Closed>,
}

impl Chains {
    /// No sessions, which reach so far from their first rows on.
    pub(crate) fn new(longest: i64) -> Self {
        let (lanes, free, over) = (Vec::new(), Vec::new(), Vec::new());
        Self { longest, lanes, calendar: None, places: 0, live: 0, slots: 0, free, over }
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// How many sessions are open.
    pub(crate) fn open(&self) -> usize {
        self.live + self.over.len()
    }

    /// How many keys have an open session.
    pub(crate) fn live_keys(&self) -> usize {
        self.live
    }

    /// The watermark at which all sessions are due that are not due yet, if there are any.
    pub(crate) fn all_due(&self, watermark: i64) -> Option<i64> {
        let latest = self.lanes.iter().map(|lane| lane.latest).filter(|latest| latest.slot != NO_SLOT);
        latest
            .map(|session| session.due)
            .chain(self.over.iter().map(|closed| closed.due))
            .max()
            .filter(|&due| due > watermark)
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        self.lanes.resize(keys.max(self.lanes.len()), EMPTY);
    }

    /// The slot of the session that a row is in. No row has come that is behind it.
    #[inline]
    pub(crate) fn accept(&mut self, row: Link) -> u32 {
        let lane = &mut self.lanes[row.key as usize];
        if lane.ended || row.time >= lane.latest.due {
            self.begin(row);
        }
        let lane = &mut self.lanes[row.key as usize];
        let latest = &mut lane.latest;
        let most = latest.start.saturating_add(self.longest);
        latest.due = latest.due.max((row.time + row.reach).min(most));
        let slot = latest.slot;
        if row.ends {
            (lane.ended, latest.due) = (true, row.time + 1);
            self.arm(row);
        }
        slot
    }

    /// Begins a session of a key, whose latest has no row to come. A key without an open one takes its place, at
    /// the end.
    fn begin(&mut self, row: Link) {
        self.leave(row.key);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let lane = &mut self.lanes[row.key as usize];
        let is_open = lane.latest.due > row.before;
        let place = if is_open { lane.place } else { self.places };
        self.places += u64::from(!is_open);
        let due = row.time.saturating_add(row.reach.min(self.longest));
        *lane = Lane { latest: Session { start: row.time, due, slot }, ended: false, place };
        self.live += 1;
        self.arm(row);
    }

    /// Has the latest session of the row's key looked at once it is due.
    fn arm(&mut self, row: Link) {
        let calendar = self.calendar.get_or_insert_with(|| Calendar::new(row.reach / BUCKETS));
        calendar.prepare(self.lanes.len());
        calendar.arm(row.key, self.lanes[row.key as usize].latest.due);
    }

    /// Lets a key's latest session wait to be closed, if there is one.
    fn leave(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        if lane.latest.slot != NO_SLOT {
            self.over.push(lane.latest.closed(key, lane.place));
            (lane.latest.slot, lane.ended) = (NO_SLOT, true);
            self.live -= 1;
        }
    }

    /// Takes out the sessions that are due at this watermark, in the order of their results.
    pub(crate) fn close(&mut self, watermark: i64) -> Vec<Closed> {
        let mut kept = Vec::new();
        while let Some(keys) = self.calendar.as_mut().and_then(|calendar| calendar.begun(watermark)) {
            for key in keys {
                let Session { due, slot, .. } = self.lanes[key as usize].latest;
                match due <= watermark {
                    true => self.leave(key),
                    false if slot != NO_SLOT => kept.push((key, due)),
                    false => {}
                }
            }
        }
        if let Some(calendar) = &mut self.calendar {
            kept.into_iter().for_each(|(key, due)| calendar.arm(key, due));
        }
        let is_due = |closed: &Closed| closed.due <= watermark;
        let (mut closed, over) = std::mem::take(&mut self.over).into_iter().partition::<Vec<_>, _>(is_due);
        self.over = over;
        // A stable sort: of one key, sessions at one time stay in the order of their rows.
        closed.sort_by_key(|closed| (closed.due, closed.start, closed.place));
        closed
    }

    /// Takes slots back, which are empty again.
    pub(crate) fn give_back(&mut self, slots: &[u32]) {
        self.free.extend(slots.iter().rev());
    }

    /// Forgets the keys without an open session. Gives their numbers.
    pub(crate) fn forget(&mut self) -> Vec<u32> {
        let keys = 0..self.lanes.len() as u32;
        let dead: Vec<u32> = keys.filter(|&key| self.lanes[key as usize].latest.slot == NO_SLOT).collect();
        dead.iter().for_each(|&key| self.lanes[key as usize] = EMPTY);
        dead
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.lanes.capacity() * size_of::<Lane>()
            + self.calendar.as_ref().map_or(0, Calendar::memory)
            + self.free.capacity() * 4
            + self.over.capacity() * size_of::<Closed>()
    }
}
