//! The short way of rows in order: each extends the session in the lane of its key, or begins one there. Which sessions
//! they leave behind is found by going over them once more, which gives these in the order of their ends without sorting
//! them. Rows whose sessions are not due by then wait, to be gone over again.

use super::{Birth, Lane, NO_ROW, Sessions};
use crate::aggregate::NO_SLOT;
use crate::prefetch;

/// Rows in order, before which no row had a later time.
#[derive(Clone, Copy)]
pub(crate) struct Ordered<'a> {
    /// The number of the first among all that have come.
    pub(crate) first: u64,
    pub(crate) keys: &'a [u32],
    pub(crate) times: &'a [i64],
}

/// A row of a batch in order, which was the latest of its session that was not due.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    row: u64,
    due: i64,
    slot: u32,
    key: u32,
}

/// So many rows may wait without a look at whether they are still the latest.
const FEW: usize = 4096;

impl Sessions {
    /// Asks for what is known of keys. It comes from afar for all of them at once; one row after the other would have
    /// to wait for its own.
    pub(crate) fn ask(&self, keys: &[u32]) {
        prefetch::ask(&self.lanes, keys);
    }

    /// Gives slots to rows in order, up to the first of which [`accept`](Self::accept) has to be asked, when the
    /// watermark stands here and follows the rows so far behind.
    pub(crate) fn accept_latest(&mut self, rows: Ordered<'_>, at: (i64, i64), slots: &mut Vec<u32>) {
        self.make_slots(rows.keys.len());
        let (mut watermark, lateness) = at;
        let Self { span, until, lanes, births, latest, free, closed, places, live, .. } = self;
        let (lanes, births, latest) = (&mut lanes[..], &mut births[..], &mut latest[..]);
        for (row, (&key, &time)) in (rows.first..).zip(rows.keys.iter().zip(rows.times)) {
            let lane = &mut lanes[key as usize];
            if lane.has_more || time >= lane.due && lane.due > watermark {
                return;
            }
            if time >= lane.due {
                let Lane { due, slot, .. } = *lane;
                if due > *until && slot != NO_SLOT && latest[slot as usize] == NO_ROW {
                    closed.push(births[slot as usize].closed(key, due, slot));
                    *live -= 1;
                }
                lane.slot = free.pop().expect("so many were made");
                births[lane.slot as usize] = Birth { time, place: *places, gone: due };
                (*places, *live) = (*places + 1, *live + 1);
            }
            lane.due = time + *span;
            latest[lane.slot as usize] = row;
            slots.push(lane.slot);
            watermark = time.saturating_sub(lateness);
        }
    }

    /// Closes the sessions that are due at this watermark and whose latest rows are among these, which have these
    /// slots. Must follow [`close`](Self::close).
    pub(crate) fn close_rows(&mut self, rows: Ordered<'_>, slots: &[u32], watermark: i64) {
        let Self { span, births, latest, waiting, waited, closed, live, .. } = self;
        let before = (waiting.capacity(), waiting.len());
        let (births, latest, open) = (&births[..], &mut latest[..], *live + closed.len());
        closed.reserve(slots.len());
        for (row, ((&key, &time), &slot)) in (rows.first..).zip(rows.keys.iter().zip(rows.times).zip(slots)) {
            if latest[slot as usize] != row {
                continue;
            }
            let due = time + *span;
            if due <= watermark {
                latest[slot as usize] = NO_ROW;
                closed.push(births[slot as usize].closed(key, due, slot));
            } else {
                waiting.push_back(Waiting { row, due, slot, key });
            }
        }
        *live = open - closed.len();
        // It goes round in its places, and into new ones when it grows.
        let grew = waiting.capacity() > before.0;
        *waited = if grew { waiting.len() } else { *waited + waiting.len() - before.1 };
        if waiting.len() > FEW + 2 * *live {
            waiting.retain(|row| latest[row.slot as usize] == row.row);
        }
    }

    /// Closes the sessions that are due at this watermark and whose latest rows wait.
    pub(super) fn close_waiting(&mut self, watermark: i64) {
        while let Some(&Waiting { row, due, slot, key }) = self.waiting.front().filter(|row| row.due <= watermark)
        {
            self.waiting.pop_front();
            if self.latest[slot as usize] == row {
                self.latest[slot as usize] = NO_ROW;
                self.closed.push(self.births[slot as usize].closed(key, due, slot));
                self.live -= 1;
            }
        }
    }

    /// Leaves what going over rows in order would find to the calendar, since rows in any order come.
    pub(crate) fn prepare_for_disorder(&mut self) {
        for Waiting { row, due, slot, key } in std::mem::take(&mut self.waiting) {
            if self.latest[slot as usize] == row {
                self.latest[slot as usize] = NO_ROW;
                self.calendar.arm(key, due);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Closed, Fate};
    use super::*;
    use crate::aggregate::testing::mixed;

    const SPAN: i64 = 10;
    const KEYS: i64 = 6;

    /// Sessions of rows that come round by round, of which those in order take the short way if they may.
    struct Run {
        sessions: Sessions,
        lateness: i64,
        high: i64,
        rows: u64,
        may: bool,
    }

    /// Which rows missed sessions, the sessions that are closed, and how many are open.
    type Round = (Vec<Option<i64>>, Vec<Closed>, usize);

    impl Run {
        fn new(lateness: i64, may: bool) -> Self {
            let mut sessions = Sessions::new(SPAN);
            sessions.prepare(KEYS as usize);
            Self { sessions, lateness, high: i64::MIN + lateness, rows: 0, may }
        }

        fn round(&mut self, (keys, times): &(Vec<u32>, Vec<i64>)) -> Round {
            let in_order = self.may && times.is_sorted() && times[0] >= self.high;
            if !in_order {
                self.sessions.prepare_for_disorder();
            }
            let (mut slots, mut missed) = (Vec::new(), vec![None; keys.len()]);
            while slots.len() < keys.len() {
                let from = slots.len();
                if in_order {
                    let rows =
                        Ordered { first: self.rows + from as u64, keys: &keys[from..], times: &times[from..] };
                    let at = (self.high - self.lateness, self.lateness);
                    self.sessions.accept_latest(rows, at, &mut slots);
                    self.high = times[..slots.len()].last().map_or(self.high, |&time| time.max(self.high));
                }
                if let Some(&key) = keys.get(slots.len()) {
                    let at = slots.len();
                    let (slot, due) = self.accept(key, times[at]);
                    slots.push(slot);
                    missed[at] = due;
                }
            }
            let rows = Ordered { first: self.rows, keys, times };
            self.rows += keys.len() as u64;
            let closed = self.close(self.high - self.lateness, in_order.then_some((rows, &slots[..])));
            (missed, closed, self.sessions.open())
        }

        fn accept(&mut self, key: u32, time: i64) -> (u32, Option<i64>) {
            let fate = self.sessions.accept(key, time, self.high - self.lateness);
            if let Fate::Joins(older, newer) = fate {
                self.sessions.join(key, older, newer);
                return self.accept(key, time);
            }
            self.high = self.high.max(time);
            match fate {
                Fate::In(slot) => (slot, None),
                Fate::Partly(slot, due) => (slot, Some(due)),
                Fate::Missed(due) => (NO_SLOT, Some(due)),
                Fate::Joins(..) => unreachable!("they are joined"),
            }
        }

        fn close(&mut self, watermark: i64, rows: Option<(Ordered<'_>, &[u32])>) -> Vec<Closed> {
            self.sessions.close(watermark);
            if let Some((rows, slots)) = rows {
                self.sessions.close_rows(rows, slots, watermark);
            }
            let mut closed = self.sessions.take_closed(watermark);
            self.sessions.give_back(&closed.iter().map(|closed| closed.slot).collect::<Vec<_>>());
            // They say nothing about a session.
            closed.iter_mut().for_each(|closed| closed.slot = NO_SLOT);
            closed
        }
    }

    /// Rounds of rows, of which some are in order and some are not.
    fn rounds(state: &mut u64) -> Vec<(Vec<u32>, Vec<i64>)> {
        let mut next = |below: i64| mixed(state).rem_euclid(below);
        let (pace, mut time) = (1 + next(6), 0);
        let mut round = |_| {
            let lag = if next(3) > 0 { 1 } else { 1 + next(30) };
            let mut row = |_| {
                time += next(pace);
                (next(KEYS) as u32, time - next(lag))
            };
            (0..1 + row(0).1.rem_euclid(40)).map(&mut row).unzip()
        };
        (0..12).map(&mut round).collect()
    }

    #[test]
    fn the_short_way_leads_where_the_other_does() {
        let mut state = 3;
        for lateness in (0..40).cycle().take(800) {
            let (rounds, lateness) = (rounds(&mut state), if lateness < 30 { lateness % 20 } else { 0 });
            let (mut short, mut long) = (Run::new(lateness, true), Run::new(lateness, false));
            for rows in &rounds {
                assert_eq!(short.round(rows), long.round(rows), "{rows:?} of {rounds:?}, {lateness} late");
            }
            assert_eq!(short.close(i64::MAX, None), long.close(i64::MAX, None), "{rounds:?}, {lateness} late");
            assert_eq!((short.sessions.open(), short.sessions.live_keys()), (0, 0));
        }
    }

    #[test]
    fn a_key_remembers_what_has_closed_when_others_are_joined() {
        let mut run = Run::new(30, true);
        let mut missed = |times: &[i64]| run.round(&(vec![0; times.len()], times.to_vec())).0;
        assert_eq!(missed(&[0, 20, 38, 41]), [None; 4]);
        assert_eq!(missed(&[29]), [None], "it joins all but the first");
        assert_eq!(missed(&[5]), [Some(10)]);
    }

    #[test]
    fn rows_that_wait_are_not_many_more_than_sessions() {
        let (mut run, mut most) = (Run::new(0, true), 0);
        run.sessions = Sessions::new(1 << 40);
        run.sessions.prepare(1);
        for time in 0..100_000 {
            run.round(&(vec![0; 2], vec![time / 1000; 2]));
            most = most.max(run.sessions.waiting.len());
        }
        assert!(most <= FEW + 2, "{most} wait");
    }
}
