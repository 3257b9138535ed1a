//! [`Agenda`]: which windows give results, and when, where they may give more than one.
//!
//! A window gives results of all its keys at its close, and again when no row can refine it any more, which are
//! final. In between, and before, those of its keys give results that have got rows: at a pace or, without one,
//! at once if the window has closed. Whatever the watermark passes on its way is done one instant after the
//! other, in their order, so that it does not matter in how many steps it came.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::pace::{Pace, next_multiple};
use super::places::Places;
use super::ruler::Ruler;
use crate::error::Result;
use crate::memory;

/// So many windows hear of rows at a time.
const PIECE: usize = 1 << 14;

/// A window that has rows and is not final.
struct Open {
    closes_at: i64,
    keys: HashMap<u32, Told, RandomState>,
    /// The keys that are to give results.
    changed: Vec<u32>,
}

impl Open {
    /// Roughly how much memory it takes, with its entries in the trees of the agenda, which are two thirds full.
    fn memory(&self) -> usize {
        let buckets = (self.keys.capacity() + 1).next_power_of_two();
        let entries = size_of::<(i64, Self)>() + 3 * size_of::<(i64, Extent)>();
        memory::block(buckets * (size_of::<(u32, Told)>() + 1))
            + memory::block(self.changed.capacity() * 4)
            + entries * 3 / 2
    }
}

/// What has been told of a key in a window.
#[derive(Clone, Copy, Default)]
struct Told {
    /// How many results it has given.
    results: i64,
    /// Whether it is to give another.
    changed: bool,
}

/// Which keys of a window give results.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    All,
    Changed,
}

/// The results of one window.
pub(crate) struct Results {
    /// The window: its last pane.
    pub(crate) last: i64,
    /// The keys, in the order of their places, and which results of theirs in this window these are, from 0.
    pub(crate) keys: Vec<u32>,
    pub(crate) revisions: Vec<i64>,
    /// Whether they are its last ones.
    pub(crate) is_final: bool,
    /// How far event time had come before, for windows of final results.
    pub(crate) before: i64,
}

/// The windows that have rows and are not final, and when they give results.
pub(crate) struct Agenda {
    ruler: Ruler,
    pace: Option<Pace>,
    refine_for: i64,
    /// The panes and keys that have got rows of which their windows have not heard, and the next of those of the last.
    touched: Vec<(i64, u32)>,
    next: Option<i64>,
    /// By their last panes, and how much memory they take.
    windows: BTreeMap<i64, Open>,
    bytes: usize,
    /// Those of them that have not closed, and those that have changed keys.
    unclosed: BTreeSet<i64>,
    changed: BTreeSet<i64>,
    /// Those that give results now.
    queue: BTreeMap<i64, Extent>,
    before: i64,
    /// How many rows there have been.
    rows: i64,
    /// Whether what has changed is to be told now.
    pressed: bool,
    /// The watermark up to which results have been given, and the next at which there may be some.
    given: i64,
    due: i64,
    ended: bool,
}

impl Agenda {
    /// No windows.
    pub(crate) fn new(ruler: Ruler, pace: Option<Pace>, refine_for: i64) -> Self {
        Self {
            ruler,
            pace,
            refine_for,
            touched: Vec::new(),
            next: None,
            windows: BTreeMap::new(),
            bytes: 0,
            unclosed: BTreeSet::new(),
            changed: BTreeSet::new(),
            queue: BTreeMap::new(),
            before: i64::MIN,
            rows: 0,
            pressed: false,
            given: i64::MIN,
            due: i64::MIN,
            ended: false,
        }
    }

    /// The watermark that must be reached for the next results.
    pub(crate) fn due(&self) -> i64 {
        self.due
    }

    /// The watermark of final results.
    pub(crate) fn settled(&self, watermark: i64) -> i64 {
        watermark.saturating_sub(self.refine_for)
    }

    /// Whether windows that have closed give results at each row.
    pub(crate) fn is_immediate(&self) -> bool {
        self.pace.is_none()
    }

    /// How many windows there are.
    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes + self.touched.capacity() * size_of::<(i64, u32)>()
    }

    /// How many rows may come before results are due because of their number.
    pub(crate) fn rows_left(&self) -> usize {
        match self.pace {
            Some(Pace::Rows(every)) => (every - self.rows % every) as usize,
            _ => usize::MAX,
        }
    }

    /// Counts rows.
    pub(crate) fn count(&mut self, rows: usize) {
        self.rows += rows as i64;
        self.pressed |= matches!(self.pace, Some(Pace::Rows(every)) if self.rows % every == 0);
    }

    /// Has what changed told now, before more rows come.
    pub(crate) fn press(&mut self) {
        self.pressed = true;
    }

    /// Whether what changed is to be told now.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// Notes that a key got rows in a pane, which its windows have yet to hear.
    pub(crate) fn touch(&mut self, pane: i64, key: u32) {
        self.touched.push((pane, key));
    }

    /// Whether there are windows that have not heard of all rows.
    pub(crate) fn is_behind(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Lets windows hear of rows, but no more than so many at a time: a row may be in any number of them.
    ///
    /// # Errors
    /// If they take more memory than they may.
    pub(crate) fn catch_up(&mut self, max_state: u64) -> Result<()> {
        let grid = self.ruler.grid();
        for _ in 0..PIECE {
            let Some(&(pane, key)) = self.touched.last() else { break };
            let last = self.next.unwrap_or_else(|| grid.last_pane(pane));
            if grid.first_pane(last) > pane {
                (self.next, _) = (None, self.touched.pop());
                continue;
            }
            self.note(last, key);
            self.next = Some(last + grid.stride());
            memory::check(self.memory() as u64, max_state)?;
        }
        Ok(())
    }

    /// Lets no more windows hear of rows.
    pub(crate) fn stop(&mut self) {
        self.touched.clear();
    }

    /// Notes that a key got rows in a window.
    fn note(&mut self, last: i64, key: u32) {
        if !self.windows.contains_key(&last) {
            let closes_at = self.ruler.closes_at(last);
            if closes_at <= self.settled(self.given) {
                return;
            }
            if closes_at > self.given {
                self.unclosed.insert(last);
            }
            let open = Open { closes_at, keys: HashMap::default(), changed: Vec::new() };
            self.bytes += open.memory();
            self.windows.insert(last, open);
        }
        let Some(window) = self.windows.get_mut(&last) else { return };
        let before = window.memory();
        let told = window.keys.entry(key).or_default();
        if !told.changed && (self.pace.is_some() || window.closes_at <= self.given) {
            told.changed = true;
            window.changed.push(key);
            self.changed.insert(last);
        }
        self.bytes += window.memory() - before;
    }

    /// Lets all windows give their final results: there are no more rows.
    pub(crate) fn end(&mut self, watermark: i64) {
        self.ended = true;
        self.before = self.settled(watermark);
        self.queue = self.windows.keys().map(|&last| (last, Extent::All)).collect();
    }

    /// The next results that are due at the watermark. A window whose results are final is gone.
    pub(crate) fn next(&mut self, watermark: i64, places: &Places) -> Option<Results> {
        loop {
            if let Some((last, extent)) = self.queue.pop_first() {
                return Some(self.results(last, extent, places));
            }
            if !(self.call(watermark) || self.call_pressed(watermark)) {
                return None;
            }
        }
    }

    /// Goes on to the next instant at which windows give results, if there is one up to the watermark.
    fn call(&mut self, watermark: i64) -> bool {
        if watermark < self.due {
            return false;
        }
        let instant = self.next_instant().filter(|&instant| instant <= watermark);
        self.given = instant.unwrap_or(watermark);
        self.due = self.next_due();
        self.before = self.settled(self.given.saturating_sub(1));
        instant.is_some_and(|instant| {
            self.call_at(instant);
            true
        })
    }

    fn call_at(&mut self, instant: i64) {
        if self.early_after(instant - 1) == Some(instant) {
            self.queue.extend(std::mem::take(&mut self.changed).into_iter().map(|last| (last, Extent::Changed)));
        }
        while let Some(&last) = self.unclosed.first()
            && self.windows[&last].closes_at <= instant
        {
            self.unclosed.pop_first();
            self.queue.insert(last, Extent::All);
        }
        let settled = self.settled(instant);
        let over = self.windows.iter().take_while(|(_, open)| open.closes_at <= settled);
        self.queue.extend(over.map(|(&last, _)| (last, Extent::All)));
    }

    /// Lets the windows give results that have changed keys, if that is wanted before more rows come.
    fn call_pressed(&mut self, watermark: i64) -> bool {
        if !std::mem::take(&mut self.pressed) {
            return false;
        }
        self.before = self.settled(watermark);
        self.queue = std::mem::take(&mut self.changed).into_iter().map(|last| (last, Extent::Changed)).collect();
        true
    }

    /// When windows that are there will next give results without more rows.
    fn next_instant(&self) -> Option<i64> {
        let close = self.unclosed.first().map(|last| self.windows[last].closes_at);
        let over = self.windows.values().next().map(|open| open.closes_at.saturating_add(self.refine_for));
        let early = self.early_after(self.given).filter(|_| !self.changed.is_empty());
        [close, over, early].into_iter().flatten().min()
    }

    /// When any window might, with more rows.
    fn next_due(&self) -> i64 {
        let end = |time: i64| match time {
            time if time > self.ruler.last_time() => i64::MAX,
            time => self.ruler.next_end(time.max(self.ruler.first_time())),
        };
        let over = end(self.settled(self.given)).saturating_add(self.refine_for);
        end(self.given).min(over).min(self.early_after(self.given).unwrap_or(i64::MAX))
    }

    /// The next early results after a watermark, if they come by time. What it starts with is not passed.
    fn early_after(&self, watermark: i64) -> Option<i64> {
        match self.pace {
            Some(Pace::Time { every, origin }) if watermark > i64::MIN => {
                Some(next_multiple(watermark, every, origin))
            }
            _ => None,
        }
    }

    fn results(&mut self, last: i64, extent: Extent, places: &Places) -> Results {
        let mut window = self.windows.remove(&last).expect("it is in the queue because it is there");
        self.bytes -= window.memory();
        let is_final = self.ended || window.closes_at <= self.settled(self.given);
        let changed = std::mem::take(&mut window.changed);
        let mut keys = if extent == Extent::All { window.keys.keys().copied().collect() } else { changed };
        keys.sort_unstable_by_key(|&key| places.of(key));
        let revisions = keys.iter().map(|key| {
            let told = window.keys.get_mut(key).expect("it has rows in the window");
            *told = Told { results: told.results + 1, changed: false };
            told.results - 1
        });
        let revisions = revisions.collect();
        self.changed.remove(&last);
        if !is_final {
            self.bytes += window.memory();
            self.windows.insert(last, window);
        }
        Results { last, keys, revisions, is_final, before: self.before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Closed;

    /// What windows of 10 ticks say as the watermark moves on in these steps: window, revision, is it final.
    fn told(pace: Option<Pace>, refine_for: i64, rows: &[i64], steps: &[i64]) -> Vec<(i64, i64, bool)> {
        let mut agenda = Agenda::new(Ruler::fixed(10, 10, 0, Closed::Left), pace, refine_for);
        let (mut places, mut told) = (Places::default(), Vec::new());
        assert!(agenda.next(0, &places).is_none());
        for &pane in rows {
            agenda.touch(pane, 0);
            assert!(agenda.catch_up(u64::MAX).is_ok());
            places.hold(&[0]);
        }
        for &step in steps {
            told.extend(std::iter::from_fn(|| agenda.next(step, &places)).map(|results| {
                assert_eq!((results.keys.len(), results.before + refine_for < step), (1, true));
                (results.last, results.revisions[0], results.is_final)
            }));
        }
        told
    }

    #[test]
    fn instants_are_gone_through_in_their_order() {
        let every = |every| Some(Pace::Time { every, origin: 0 });
        assert_eq!(told(None, 0, &[0, 1], &[40]), [(0, 0, true), (1, 0, true)]);
        assert_eq!(told(None, 15, &[0, 1], &[40]), [(0, 0, false), (1, 0, false), (0, 1, true), (1, 1, true)]);
        assert_eq!(told(every(4), 0, &[0, 1], &[11]), [(0, 0, false), (1, 0, false), (0, 1, true)]);
        assert_eq!(told(every(10), 0, &[0, 1], &[11]), [(0, 0, true), (1, 0, false)]);
        assert_eq!(told(every(15), 0, &[0, 1, 2], &[14, 15]), [(0, 0, true), (1, 0, false), (2, 0, false)]);
    }

    #[test]
    fn it_does_not_matter_in_how_many_steps_the_watermark_comes() {
        for (every, refine_for) in (1..12).flat_map(|every| [0, 3, 10, 25].map(|refine_for| (every, refine_for))) {
            let pace = Some(Pace::Time { every, origin: 1 });
            let once = told(pace, refine_for, &[0, 2, 3], &[60]);
            for step in 1..30 {
                let steps: Vec<i64> = (step..60).step_by(step as usize).chain([60]).collect();
                assert_eq!(told(pace, refine_for, &[0, 2, 3], &steps), once, "{every} {refine_for} {step}");
            }
        }
    }
}
