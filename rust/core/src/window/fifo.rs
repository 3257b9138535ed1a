//! [`Fifo`]: the panes of overlapping windows, combined without doing the same work for each window.
//!
//! A window is cut in two, before the first pane in it of those that stand at multiples of a distance which is a little
//! less than the length of a window. In front of the cut each pane keeps the combination of itself and all newer panes
//! up to the cut (`suffixes`); of the panes behind it the combination of all so far is kept (`back`). A result is one
//! combination of the two, so that it costs the same however many windows overlap; and the tree in which panes are
//! combined depends on pane numbers alone, never on what has been before. (This is van Herk's and Gil and Werman's
//! method, with keys for lanes.)
//!
//! When the oldest pane that a cut has behind it leaves the window, the next cut takes its place. By then the suffixes
//! up to that one are there: they are made pane by pane while windows still have the old cut and the next one is in
//! them too, and so is the combination of the panes behind it. No step does much more than others. Windows that
//! expand are cut where they start, and are the back alone.

use std::ops::Range;

use super::grid::Grid;
use super::panes::{Pane, Panes};
use super::places::{NO_KEY, Places};
use crate::aggregate::{NO_SLOT, Tables};

/// The table of panes, by slot.
pub(crate) const PANES: usize = 0;
/// The table of results.
pub(crate) const RESULTS: usize = 1;
/// How many tables each takes besides.
const OWN: usize = 5;

/// Panes before a cut, combined from the newest on, as far as they have been.
struct Front {
    table: usize,
    /// Per place: the slot of the key in the first of them that has it.
    heads: Vec<u32>,
}

/// The combined panes of the windows that are open.
pub(crate) struct Fifo {
    grid: Grid,
    /// The table, by slot, in which a pane becomes the combination of itself and all newer ones up to the cut: that of
    /// the panes, unless they may be asked for again.
    suffixes: usize,
    /// By place, of the cut of the latest window and of the next one: the panes before it, from the first one of the
    /// window on.
    fronts: [Front; 2],
    /// The tables, by place, of the panes behind it, up to the last one of the window.
    backs: [usize; 2],
    /// Per slot: the slot of the same key in the next pane before the cut that has it.
    next: Vec<u32>,
    /// The last pane of the latest window, if there was one.
    last: Option<i64>,
    /// Its cut.
    cut: i64,
    /// The first pane of those that are ready for the next cut.
    ready: i64,
    /// Keys that got rows in panes that are combined already.
    changed: Vec<u32>,
}

impl Fifo {
    /// Nothing combined yet, of several with the same panes the one of this number. Panes that may be asked for again,
    /// by others or when they have got more rows, are kept as they are, too.
    pub(crate) fn new(grid: Grid, number: usize, keeps_panes: bool) -> Self {
        let first = Self::tables(number);
        Self {
            grid,
            suffixes: if keeps_panes { first + 4 } else { PANES },
            fronts: [first, first + 1].map(|table| Front { table, heads: Vec::new() }),
            backs: [first + 2, first + 3],
            next: Vec::new(),
            last: None,
            cut: 0,
            ready: 0,
            changed: Vec::new(),
        }
    }

    /// How many tables so many take, with those of panes and of results.
    pub(crate) fn tables(number: usize) -> usize {
        2 + OWN * number
    }

    /// The last pane of the next window, where this is the oldest pane that has rows, of those that end after the number
    /// `closed`: a row may come late to windows that were closed without any.
    pub(crate) fn next_window(&self, oldest: i64, closed: i64) -> i64 {
        let oldest = self.grid.last_pane(oldest);
        let open = self.grid.last_pane_after(closed);
        self.last.map_or(oldest, |last| (last + self.grid.stride()).max(oldest)).max(open)
    }

    /// Notes that a key got a row in this pane, which may be combined already.
    pub(crate) fn touch(&mut self, pane: i64, key: u32) {
        if self.last.is_some_and(|last| pane <= last) {
            assert_ne!(self.suffixes, PANES, "a row that missed a window is an error");
            self.changed.push(key);
        }
    }

    /// Moves on to the window that ends with the pane `last`: takes its panes in.
    pub(crate) fn advance(&mut self, last: i64, panes: &Panes, tables: &mut Tables, places: &Places) {
        self.make_room(panes, tables, places);
        self.repair(panes, tables, places);
        let from = self.last.map_or(i64::MIN, |last| last + 1);
        if self.cut_on(last, panes, tables, places) {
            take_back(self.backs[0], self.cut.max(from)..last + 1, panes, tables, places);
            take_back(self.backs[1], self.next_cut().max(from)..last + 1, panes, tables, places);
        }
        self.last = Some(last);
        let before = last.saturating_add(2).saturating_sub(self.next_cut());
        if before > 0 {
            let ready = self.next_cut() - before.saturating_mul(self.grid.pace()).min(self.grid.cuts());
            self.get_ready(ready, panes, tables, places);
        }
    }

    /// Appends the window's results, and its keys to `keys`, in the order of their places.
    pub(crate) fn results(&mut self, places: &Places, tables: &mut Tables, keys: &mut Vec<u32>) {
        let (front, back, order) = (&self.fronts[0], self.backs[0], places.order());
        let (rows, from, mut found) = (tables.rows(back), keys.len(), 0);
        let mut at = vec![0; order.len()];
        keys.resize(from + order.len(), NO_KEY);
        let found_keys = &mut keys[from..];
        // Nobody could predict which keys have a result: each is written down, and stays there if it has.
        for (place, ((&key, &head), &rows)) in (0..).zip(order.iter().zip(&front.heads).zip(rows)) {
            (at[found], found_keys[found]) = (place, key);
            found += usize::from((key != NO_KEY) & ((head != NO_SLOT) | (rows > 0)));
        }
        at.truncate(found);
        keys.truncate(from + found);
        tables.append(RESULTS, front.table, back, at);
    }

    /// Follows a renumbering of places.
    pub(crate) fn follow_places(&mut self, old: Vec<u32>, tables: &mut Tables) {
        for front in &mut self.fronts {
            front.heads = old.iter().map(|&place| front.heads[place as usize]).collect();
            tables.keep(front.table, old.clone());
        }
        self.backs.into_iter().for_each(|back| tables.keep(back, old.clone()));
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let heads: usize = self.fronts.iter().map(|front| size_of_val(&front.heads[..])).sum();
        heads + size_of_val(&self.next[..])
    }

    fn next_cut(&self) -> i64 {
        self.cut.saturating_add(self.grid.cuts())
    }

    fn make_room(&mut self, panes: &Panes, tables: &mut Tables, places: &Places) {
        for front in &mut self.fronts {
            front.heads.resize(places.len().max(front.heads.len()), NO_SLOT);
            tables.grow(front.table, places.len());
        }
        self.backs.into_iter().for_each(|back| tables.grow(back, places.len()));
        tables.grow(self.suffixes, panes.slots());
        if self.next.len() < panes.slots() {
            self.next.resize(panes.slots(), NO_SLOT);
        }
    }

    /// Moves on to the cut of the window that ends with the pane `last`. Tells whether the window's panes have yet to
    /// be taken in; all have been where the cut is none that anything was got ready for.
    fn cut_on(&mut self, last: i64, panes: &Panes, tables: &mut Tables, places: &Places) -> bool {
        let (cut, begun) = (self.grid.cut(last), self.last.is_some());
        if begun && cut == self.cut {
            return true;
        }
        let is_next = begun && cut == self.next_cut();
        if is_next {
            self.get_ready(self.cut, panes, tables, places);
        }
        self.fronts.swap(0, 1);
        self.backs.swap(0, 1);
        self.forget(1, places, tables);
        (self.cut, self.ready) = (cut, cut.saturating_add(self.grid.cuts()));
        if !is_next {
            self.forget(0, places, tables);
            let older = self.grid.first_pane(last)..cut;
            panes
                .range(older)
                .rev()
                .for_each(|pane| self.chain(0, pane.slots.clone(), places_of(pane, places), tables));
            take_back(self.backs[0], cut..last + 1, panes, tables, places);
            take_back(self.backs[1], self.next_cut()..last + 1, panes, tables, places);
        }
        is_next
    }

    /// Empties what is kept of the cut, or of the next one.
    fn forget(&mut self, which: usize, places: &Places, tables: &mut Tables) {
        let all: Vec<u32> = (0..places.len() as u32).collect();
        tables.clear(self.fronts[which].table, all.clone());
        tables.clear(self.backs[which], all);
        self.fronts[which].heads.fill(NO_SLOT);
    }

    /// Gets panes before the next cut ready for it, down to this one.
    fn get_ready(&mut self, from: i64, panes: &Panes, tables: &mut Tables, places: &Places) {
        for pane in panes.range(from..self.ready).rev() {
            self.chain(1, pane.slots.clone(), places_of(pane, places), tables);
        }
        self.ready = from.min(self.ready);
    }

    /// Puts the slots of a pane, which comes before those taken in so far, in front of them.
    fn chain(&mut self, which: usize, slots: Vec<u32>, places: Vec<u32>, tables: &mut Tables) {
        let Front { table, heads } = &mut self.fronts[which];
        for (&slot, &place) in slots.iter().zip(&places) {
            self.next[slot as usize] = std::mem::replace(&mut heads[place as usize], slot);
        }
        if self.suffixes != PANES {
            tables.copy(self.suffixes, slots.clone(), PANES, slots.clone());
        }
        tables.join(self.suffixes, slots, *table, places);
    }

    /// Leaves the window that ends with the pane `last`, and its panes from this one on that no later window has; gives
    /// the first that one has.
    pub(crate) fn leave(
        &mut self,
        last: i64,
        from: i64,
        panes: &Panes,
        tables: &mut Tables,
        places: &mut Places,
    ) -> i64 {
        let next = last + self.grid.stride();
        if self.grid.cut(next) == self.next_cut() {
            self.cut_on(next, panes, tables, places);
        }
        let first = self.grid.first_pane(next);
        for pane in panes.range(from..first) {
            self.lead_on(pane, places, tables);
            places.release(&pane.keys);
        }
        first
    }

    /// Lets the keys that start with a slot of this pane start with their next one.
    fn lead_on(&mut self, pane: &Pane, places: &Places, tables: &mut Tables) {
        let Front { table, heads } = &mut self.fronts[0];
        let (mut to, mut from, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (&key, &slot) in pane.keys.iter().zip(&pane.slots) {
            let (place, next) = (places.of(key), self.next[slot as usize]);
            if heads[place as usize] == slot {
                heads[place as usize] = next;
                match next {
                    NO_SLOT => ends.push(place),
                    _ => {
                        to.push(place);
                        from.push(next);
                    }
                }
            }
        }
        tables.clear(*table, ends);
        tables.copy(*table, to, self.suffixes, from);
    }

    /// Combines anew what has changed since it was combined.
    fn repair(&mut self, panes: &Panes, tables: &mut Tables, places: &Places) {
        let Some(last) = self.last else { return };
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let next_cut = self.next_cut();
        let fronts = [self.grid.first_pane(last)..self.cut, self.ready..next_cut];
        let backs = [self.cut..last + 1, next_cut..last + 1];
        for key in changed {
            let place = places.of(key);
            for (which, (front, back)) in fronts.iter().zip(&backs).enumerate() {
                tables.clear(self.fronts[which].table, vec![place]);
                tables.clear(self.backs[which], vec![place]);
                self.fronts[which].heads[place as usize] = NO_SLOT;
                for slot in panes.range(front.clone()).rev().filter_map(|pane| slot_of(pane, key)) {
                    self.chain(which, vec![slot], vec![place], tables);
                }
                for slot in panes.range(back.clone()).filter_map(|pane| slot_of(pane, key)) {
                    tables.combine(self.backs[which], vec![place], PANES, vec![slot]);
                }
            }
        }
    }
}

/// Takes panes into a table of those behind a cut.
fn take_back(table: usize, ids: Range<i64>, panes: &Panes, tables: &mut Tables, places: &Places) {
    for pane in panes.range(ids) {
        tables.combine(table, places_of(pane, places), PANES, pane.slots.clone());
    }
}

fn places_of(pane: &Pane, places: &Places) -> Vec<u32> {
    pane.keys.iter().map(|&key| places.of(key)).collect()
}

fn slot_of(pane: &Pane, key: u32) -> Option<u32> {
    pane.keys.iter().position(|&known| known == key).map(|at| pane.slots[at])
}

#[cfg(test)]
pub(super) mod tests {
    use std::any::Any;
    use std::cell::Cell;

    use super::*;
    use crate::aggregate::testing::{Cells, Rows, Sweep, Values, mixed, tables};
    use crate::aggregate::{Merge, NOTHING, Step};

    /// Cells of the free monoid: all that was combined into them, in order.
    #[derive(Default)]
    pub(crate) struct Words(Vec<Vec<i64>>);

    /// What has been combined into each.
    pub(crate) fn words(cells: &dyn Cells) -> &[Vec<i64>] {
        &cells.any().downcast_ref::<Words>().expect("cells of words").0
    }

    thread_local! {
        /// How many combinations this test has made so far.
        static COMBINED: Cell<usize> = const { Cell::new(0) };
    }

    /// How many combinations of words have been made since it was last asked.
    pub(crate) fn combined() -> usize {
        COMBINED.take()
    }

    fn count(combinations: usize) {
        COMBINED.set(COMBINED.get() + combinations);
    }

    impl Cells for Words {
        fn grow(&mut self, len: usize) {
            self.0.resize(len.max(self.0.len()), Vec::new());
        }

        fn fold(&mut self, rows: Rows<'_>, _: &Values<'_>) {
            rows.slots.iter().zip(rows.times).for_each(|(&slot, &time)| self.0[slot as usize].push(time));
        }

        fn combine(&mut self, to: &[u32], newer: &dyn Cells, from: &[u32]) {
            count(to.len());
            for (&to, &from) in to.iter().zip(from) {
                self.0[to as usize].extend(&words(newer)[from as usize]);
            }
        }

        fn append(&mut self, older: &dyn Cells, newer: &dyn Cells, at: &[u32]) {
            count(at.len());
            for &at in at {
                self.0.push([&words(older)[at as usize][..], &words(newer)[at as usize]].concat());
            }
        }

        fn join(&mut self, slots: &[u32], newer: &mut dyn Cells, at: &[u32]) {
            count(slots.len());
            for (&slot, &at) in slots.iter().zip(at) {
                self.0[slot as usize].extend(&words(newer)[at as usize]);
            }
            newer.copy(at, self, slots);
        }

        fn merge(&mut self, steps: &[Step]) {
            for step in steps {
                step.merges(|Merge { to, older, newer }| {
                    count(usize::from(newer != NOTHING));
                    self.0[to as usize] = [&self.0[older as usize][..], &self.0[newer as usize]].concat();
                });
            }
        }

        fn can_sweep(&self) -> bool {
            true
        }

        fn sweep(&mut self, steps: &[Step], sweep: &Sweep<'_>, _: &Values<'_>, results: &mut dyn Cells) {
            let results: &mut Self = results.any_mut().downcast_mut().expect("cells of words");
            for step in steps {
                let Step::Run(run) = step else {
                    self.merge(&[*step]);
                    continue;
                };
                let mut total = if run.fresh { Vec::new() } else { self.0[run.total as usize].clone() };
                for i in 0..run.len {
                    let row = (run.row + i) as usize;
                    self.0[(run.to + i) as usize] = vec![sweep.times[row]];
                    total.push(sweep.times[row]);
                    results.0[row] = total.clone();
                }
                self.0[run.total as usize] = total;
                for i in 0..run.len {
                    let row = (run.row + i) as usize;
                    let (older, newer) = match sweep.windows {
                        Some(windows) => (windows.older[row], windows.newer[row]),
                        None => (if i < run.reach { run.older + i } else { 0 }, row as u32),
                    };
                    results.0[row] = [&self.0[older as usize][..], &results.0[newer as usize]].concat();
                }
            }
        }

        fn copy(&mut self, to: &[u32], other: &dyn Cells, from: &[u32]) {
            for (&to, &from) in to.iter().zip(from) {
                self.0[to as usize] = words(other)[from as usize].clone();
            }
        }

        fn clear(&mut self, slots: &[u32]) {
            slots.iter().for_each(|&slot| self.0[slot as usize].clear());
        }

        fn keep(&mut self, slots: &[u32]) {
            self.0 = slots.iter().map(|&slot| self.0[slot as usize].clone()).collect();
        }

        fn fresh(&self) -> Box<dyn Cells> {
            Box::new(Self::default())
        }

        fn bytes(&self, _: usize) -> usize {
            0
        }

        fn any(&self) -> &dyn Any {
            self
        }

        fn any_mut(&mut self) -> &mut dyn Any {
            self
        }
    }

    fn next_window(fifo: &Fifo, panes: &Panes, closed: i64) -> Option<i64> {
        panes.front().map(|oldest| fifo.next_window(oldest.id, closed))
    }

    /// Leaves a window, and lets go of panes that no later one has.
    fn leave(fifo: &mut Fifo, last: i64, panes: &mut Panes, tables: &mut Tables, places: &mut Places) {
        let first = fifo.leave(last, i64::MIN, panes, tables, places);
        while let Some(pane) = panes.pop_before(first) {
            tables.clear(PANES, pane.slots.clone());
            panes.give_back(&pane.slots);
            panes.reuse(pane);
        }
    }

    /// Sends rows of a few keys through windows, and holds each window to the rows that lie in it, in their
    /// order.
    fn check(grid: Grid, gap: i64, rows_may_miss_windows: bool) {
        let mut tables = tables(&Words::default(), Fifo::tables(1));
        let (mut fifo, mut panes, mut places) =
            (Fifo::new(grid, 0, rows_may_miss_windows), Panes::new(), Places::default());
        let (mut time, mut state, mut rows, mut closed) =
            (0, grid.panes() as u64 * 31 + gap as u64, Vec::new(), i64::MIN);
        panes.prepare(5, 1);
        for _ in 0..300 {
            time += mixed(&mut state) % gap;
            let key = (mixed(&mut state) % 5) as u32;
            while let Some(last) = next_window(&fifo, &panes, closed).filter(|&last| grid.window(last).1 <= time) {
                let (start, end) = grid.window(last);
                let mut keys = Vec::new();
                fifo.advance(last, &panes, &mut tables, &places);
                fifo.results(&places, &mut tables, &mut keys);
                leave(&mut fifo, last, &mut panes, &mut tables, &mut places);
                tables.finish().expect("no panic");
                let of = |key: u32| rows.iter().filter(move |&&(k, t)| k == key && (start..end).contains(&t));
                let found = tables.look(RESULTS, |cells| words(cells).to_vec());
                for (&key, found) in keys.iter().zip(found) {
                    assert_eq!(
                        found,
                        of(key).map(|&(_, time)| time).collect::<Vec<_>>(),
                        "{grid:?} {start} {key}"
                    );
                }
                assert_eq!(keys.len(), (0..5).filter(|&key| of(key).count() > 0).count());
                tables.keep(RESULTS, Vec::new());
                closed = end;
            }
            let Some(pane) = grid.pane(time) else { continue };
            let (at, mut fresh) = (panes.open(pane), Vec::new());
            let slot = panes.slot(at, key, grid.active(grid.next_end(time)), &mut fresh);
            places.hold(&fresh);
            tables.grow(PANES, panes.slots());
            tables.put(PANES, slot, time);
            rows.push((key, time));
        }
    }

    /// Sends a row of each of a few keys into every pane; tells how many combinations that takes per key, on average
    /// a step and at most.
    fn cost(grid: Grid, steps: i64, keys: u32) -> (f64, f64) {
        let mut tables = tables(&Words::default(), Fifo::tables(1));
        let (mut fifo, mut panes, mut places) = (Fifo::new(grid, 0, false), Panes::new(), Places::default());
        panes.prepare(keys as usize, 1);
        combined();
        let (mut all, mut most) = (0, 0);
        for time in 0..steps {
            while let Some(last) = next_window(&fifo, &panes, i64::MIN).filter(|&last| grid.window(last).1 <= time)
            {
                fifo.advance(last, &panes, &mut tables, &places);
                fifo.results(&places, &mut tables, &mut Vec::new());
                leave(&mut fifo, last, &mut panes, &mut tables, &mut places);
                tables.keep(RESULTS, Vec::new());
            }
            tables.finish().expect("no panic");
            let step = combined();
            (all, most) = (all + step, most.max(step));
            let (at, mut fresh) = (panes.open(grid.pane(time).expect("no gaps")), Vec::new());
            for key in 0..keys {
                let slot = panes.slot(at, key, grid.active(time), &mut fresh);
                tables.grow(PANES, panes.slots());
                tables.put(PANES, slot, time);
            }
            places.hold(&fresh);
            tables.finish().expect("no panic");
            assert_eq!(combined(), 0, "a row costs nothing, in however many windows it is");
            // P17: no more panes than the open windows have, and the one that begins.
            assert!(panes.iter().count() as i64 <= grid.panes() + 1);
        }
        (all as f64 / (steps as f64 * f64::from(keys)), most as f64 / f64::from(keys))
    }

    #[test]
    fn p16_no_step_costs_the_more_the_more_windows_overlap() {
        for overlap in [2, 3, 7, 8, 9, 15, 16, 63, 64, 100, 1000, 2000] {
            let (mean, most) = cost(Grid::new(overlap, 1, 0), 10_000, 3);
            assert!((1.5..=3.2).contains(&mean), "{overlap}-fold: {mean} combinations a step");
            assert!(most <= 11.0, "{overlap}-fold: {most} combinations in a step");
        }
    }

    #[test]
    fn windows_hold_their_rows_in_order() {
        for (size, step) in [(2, 1), (10, 1), (10, 3), (7, 2), (60, 7), (12, 4)] {
            for gap in [2, 5, 40] {
                [false, true].into_iter().for_each(|missed| check(Grid::new(size, step, 0), gap, missed));
            }
        }
        for (size, step, offset) in [(2, 1, 0), (10, 1, 3), (10, 5, 7), (60, 10, 25)] {
            for gap in [2, 5, 40] {
                [false, true]
                    .into_iter()
                    .for_each(|missed| check(Grid::expanding(size, step, offset), gap, missed));
            }
        }
    }
}
