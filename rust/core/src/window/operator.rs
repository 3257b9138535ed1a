//! [`Window`]: the operator of tumbling, hopping and expanding windows.
//!
//! A batch is worked off in *rounds*. A round first goes through rows one by one as far as order matters:
//! it gives each accepted row a slot and notes, as [`Event`]s, where the watermark closed windows. Then all
//! its rows are folded at once, column by column. Then the events are replayed: keys take their places,
//! windows close, results go out. Slots of different panes are different, so that rows after a close
//! cannot reach what it closes; a row that is partly late could, and so it starts a new round.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::clock::Clock;
use super::edges::Label;
use super::emission::Failed;
use super::fifo::{Fifo, PANES, RESULTS};
use super::gallop::before;
use super::late::Late;
use super::outlet::{self, Operator, Outlet};
use super::panes::Panes;
use super::parts::{Parts, Rows, work_off};
use super::places::Places;
use super::ruler::{Near, Ruler};
use crate::aggregate::{NO_SLOT, Recipe, Slots, Tables};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::memory;
use crate::pool::Pool;
use crate::stage::{Ledger, Stage};
use crate::types::{DataType, Field, Schema};

mod alone;
mod leaving;
mod view;

use leaving::Leaving;
use view::View;

/// How many results are made columns at a time, and how many rows a round has where nothing ends it
/// before: few enough that what they touch stays in the second-level cache.
pub(super) const PIECE: usize = 2048;
const ROUND: usize = 8192;

/// So many keys, of which none has rows, are let go of together.
const MANY: usize = 1024;

/// What happened in the course of a round.
struct Event {
    /// How many of the round's new slots had been given out.
    fresh: usize,
    /// The watermark that closed windows.
    watermark: i64,
}

/// What becomes of a row behind the watermark.
enum Admission {
    /// It goes to its pane.
    Open,
    /// It missed all its windows, and has been dealt with.
    Closed,
    /// It missed some, which must be gone before it goes to its pane.
    Later,
}

/// The operator of tumbling, hopping and expanding windows: of one kind, or of several that have the same panes.
pub(crate) struct Window {
    /// That of the longest windows. Of panes, and of when they may get rows that miss no window, all know the same.
    ruler: Ruler,
    outlet: Outlet,
    clock: Clock,
    panes: Panes,
    tables: Tables,
    views: Vec<View>,
    current: Option<Rows>,
    /// Whether the times of its rows never fall.
    sorted: bool,
    slots: Slots,
    /// The keys that were new to their panes in this round, and how many of them have their places.
    fresh: Vec<u32>,
    held: usize,
    events: VecDeque<Event>,
    /// The watermark up to which windows are being closed.
    closing: Option<i64>,
    /// The watermark up to which they have been.
    closed: i64,
    /// A large pane that goes out piece by piece.
    leaving: Option<Leaving>,
    near: Near,
    ledger: Ledger,
}

impl Window {
    /// An operator that has seen nothing, and works on the threads of a pool.
    pub(crate) fn new(ruler: Ruler, parts: Parts, pool: &Pool) -> Self {
        Self::of_kinds(vec![(0, ruler)], parts, pool)
    }

    /// The same of kinds that have the same panes, and go by these numbers. Several have no rows that miss windows.
    pub(crate) fn of_kinds(kinds: Vec<(i32, Ruler)>, parts: Parts, pool: &Pool) -> Self {
        let rulers = kinds.iter().map(|(_, ruler)| ruler);
        let ruler = rulers.max_by_key(|ruler| ruler.grid().shape()).expect("there is a kind").clone();
        let keeps_panes = kinds.len() > 1 || parts.late != Late::Error;
        let views = kinds.into_iter().enumerate().map(|(at, kind)| View::new(at, kind, keeps_panes));
        let views: Vec<View> = views.collect();
        let tables = if shows_panes(&views) { 1 } else { Fifo::tables(views.len()) };
        let mut outlet = Outlet::new(parts);
        outlet.emission.turn_to(views[0].kind);
        let parts = &outlet.parts;
        Self {
            clock: Clock::new(ruler.clone(), parts.lateness),
            ledger: Ledger::new(parts.name.clone()),
            panes: Panes::new(),
            tables: Tables::new(&parts.recipe, tables, pool),
            views,
            current: None,
            sorted: false,
            slots: Slots::Streaks(Vec::new()),
            fresh: Vec::new(),
            held: 0,
            events: VecDeque::new(),
            closing: None,
            closed: i64::MIN,
            leaving: None,
            near: Near::default(),
            ruler,
            outlet,
        }
    }

    /// Begins to work off rows that have been read.
    pub(crate) fn start(&mut self, rows: Rows) {
        self.panes.prepare(rows.keys, self.ruler.active_panes(self.outlet.parts.lateness));
        let (time, ruler) = (&rows.time, &self.ruler);
        self.sorted = !time.passive
            && rows.in_order
            && time.ticks.first().is_none_or(|&first| first >= rows.mark && ruler.holds(first))
            && time.ticks.last().is_none_or(|&last| ruler.holds(last))
            && time.before.as_ref().is_none_or(|before| before.iter().zip(&time.ticks[..]).all(|(b, t)| b <= t));
        self.current = Some(rows);
    }

    /// Whether a window that is open has the key.
    pub(crate) fn holds(&self, key: u32) -> bool {
        self.views.iter().any(|view| view.places.is_held(key))
    }

    /// The result that did not fit its type, if that is why it failed.
    pub(crate) fn failed(&self) -> Option<Failed> {
        self.outlet.emission.failed
    }

    /// Works off rows of the current batch until it ends, or until a row needs what came before replayed.
    fn round(&mut self, current: &mut Rows) {
        // Where there is one key, all rows of a pane go to one slot.
        self.slots = match self.sorted && current.keys == 1 {
            true => Slots::Streaks(Vec::new()),
            false => Slots::Each(Vec::with_capacity(ROUND)),
        };
        self.fresh.clear();
        self.held = 0;
        let start = current.row;
        if self.is_alone(current) {
            self.walk_alone(current);
        } else if self.sorted {
            self.walk_sorted(current);
        } else if let Err(error) = self.walk(current) {
            self.outlet.failure = Some(error);
            current.end = current.row;
        }
        let slots = std::mem::replace(&mut self.slots, Slots::Streaks(Vec::new()));
        self.ledger.aggregated += slots.taken() as u64;
        self.tables.grow(PANES, self.panes.slots());
        self.tables.fold(PANES, &current.inputs, start, slots, &current.time.ticks);
        self.events.push_back(Event { fresh: self.fresh.len(), watermark: i64::MIN });
    }

    /// Goes through rows that are in the order of their times.
    fn walk_sorted(&mut self, current: &mut Rows) {
        let ticks = current.time.ticks.clone();
        let end = current.end.min(current.row + ROUND);
        while current.row < end {
            let (row, tick) = (current.row, ticks[current.row]);
            if tick >= self.clock.threshold() {
                self.close_with(current, row);
                current.row += 1;
                continue;
            }
            let (limit, pane) = match self.ruler.pane(tick) {
                Some(pane) => (self.ruler.bounds(pane).1, Some(pane)),
                None => (self.ruler.next_start(tick), None),
            };
            let limit = limit.min(self.clock.threshold());
            let until = row + before(&ticks[row..end], limit);
            match pane {
                Some(pane) => {
                    let at = self.panes.open(pane);
                    let (keys, active) = (&current.numbers[row..until], self.clock.active());
                    match &mut self.slots {
                        Slots::Each(slots) => self.panes.slots_of(at, keys, active, slots, &mut self.fresh),
                        slots => slots.put(self.panes.slot(at, keys[0], active, &mut self.fresh), keys.len()),
                    }
                }
                None => self.skip(until - row),
            }
            self.clock.reach(ticks[until - 1]);
            current.row = until;
        }
    }

    /// Accepts a row, of rows in the order of their times, that moves the watermark to where windows close.
    fn close_with(&mut self, current: &Rows, row: usize) {
        if let Some(before) = &current.time.before {
            self.reach(before[row]);
        }
        // Its key takes its place before windows close, but panes that they leave get no more rows.
        let closes = self.clock.reach(current.time.ticks[row]);
        self.take(current, row);
        if closes {
            self.note();
        }
    }

    /// Goes through rows in any order.
    fn walk(&mut self, current: &mut Rows) -> Result<()> {
        let end = current.end.min(current.row + ROUND);
        loop {
            current.row += self.take_calm(current, current.row..end);
            if current.row == end || !self.step(current, current.row)? {
                return Ok(());
            }
            current.row += 1;
        }
    }

    /// Accepts the calm rows that come before the first which is not; tells how many.
    fn take_calm(&mut self, current: &Rows, rows: Range<usize>) -> usize {
        let (time, calm) = (&current.time, self.clock.calm());
        let before = time.before.as_ref().map_or(&[][..], |before| &before[rows.clone()]);
        let (ticks, keys) = (&time.ticks[rows.clone()], &current.numbers[rows]);
        let count = calm.rows(ticks, before);
        if count == 0 {
            return 0;
        }
        let (ticks, keys, before) = (&ticks[..count], &keys[..count], &before[..count.min(before.len())]);
        let Slots::Each(slots) = &mut self.slots else { unreachable!("streaks are in order") };
        self.panes.slots_among(calm, ticks, keys, slots, &mut self.fresh);
        let own = if time.passive { &[] } else { ticks };
        if let Some(mark) = own.iter().chain(before).copied().max() {
            self.clock.reach(mark);
        }
        count
    }

    /// Accepts one row, which then moves the watermark. Tells whether it could: a row that missed some
    /// windows must wait until those are gone.
    fn step(&mut self, current: &Rows, row: usize) -> Result<bool> {
        if let Some(before) = &current.time.before {
            self.reach(before[row]);
        }
        let tick = current.time.ticks[row];
        if !self.ruler.holds(tick) {
            return Err(self.outlet.parts.out_of_range(current, row));
        }
        let watermark = self.clock.mark.watermark().unwrap_or(i64::MIN);
        if tick < watermark {
            match self.admit(current, row, watermark)? {
                Admission::Open => {}
                Admission::Closed => return Ok(true),
                Admission::Later => return Ok(false),
            }
        }
        self.take(current, row);
        if !current.time.passive {
            self.reach(tick);
        }
        Ok(true)
    }

    /// Finds the slot of a row.
    fn take(&mut self, current: &Rows, row: usize) {
        let Some(pane) = self.near.pane(current.time.ticks[row], &self.ruler) else { return self.skip(1) };
        let key = current.numbers[row];
        let at = self.panes.open(pane);
        let slot = self.panes.slot(at, key, self.clock.active(), &mut self.fresh);
        self.slots.put(slot, 1);
        for fifo in self.views.iter_mut().filter_map(|view| view.fifo.as_mut()) {
            fifo.touch(pane, key);
        }
    }

    fn skip(&mut self, rows: usize) {
        self.slots.put(NO_SLOT, rows);
        self.ledger.windowless += rows as u64;
    }

    fn reach(&mut self, mark: i64) {
        if self.clock.reach(mark) {
            self.note();
        }
    }

    /// Notes that windows close.
    fn note(&mut self) {
        let watermark = self.clock.mark.watermark().unwrap_or(i64::MIN);
        self.events.push_back(Event { fresh: self.fresh.len(), watermark });
    }

    /// What becomes of a row behind the watermark.
    fn admit(&mut self, current: &Rows, row: usize, watermark: i64) -> Result<Admission> {
        let (missed, open) = self.ruler.missed(current.time.ticks[row], watermark);
        if missed == 0 {
            return Ok(Admission::Open);
        }
        if open > 0 && !self.events.is_empty() && self.outlet.parts.late != Late::Error {
            return Ok(Admission::Later);
        }
        // Then the first of its windows would still have been open.
        let enough = self.clock.mark.time().saturating_sub(self.ruler.next_end(current.time.ticks[row]) - 1);
        self.outlet.parts.miss(current, row, (missed, open), enough, &self.clock.mark)?;
        if open > 0 {
            self.ledger.partly_late += 1;
            return Ok(Admission::Open);
        }
        self.ledger.late += 1;
        self.slots.put(NO_SLOT, 1);
        Ok(Admission::Closed)
    }

    /// Replays an event: keys take their places, and windows are ready to close.
    fn replay(&mut self, event: &Event) {
        let new = &self.fresh[self.held..event.fresh];
        self.views.iter_mut().for_each(|view| view.places.hold(new));
        self.held = event.fresh;
        if event.watermark > i64::MIN {
            self.closing = Some(event.watermark);
        }
    }

    /// Closes the next window that ends at or before the watermark; tells whether there was one.
    fn close_next(&mut self, watermark: i64) -> bool {
        let Some((at, last)) = self.next_window() else { return false };
        let due = self.views[at].ruler.closes_at(last);
        if due > watermark {
            return false;
        }
        if shows_panes(&self.views) {
            self.close_pane(self.ruler.edges(last), due - 1);
        } else {
            self.views[at].close(last, &mut self.panes, &mut self.tables, &mut self.outlet.emission);
            self.let_go();
        }
        self.views[at].close_gaps(&mut self.tables);
        true
    }

    /// The next window: its kind's place among all, and its last pane.
    fn next_window(&self) -> Option<(usize, i64)> {
        let next = |view: &View| view.next_window(&self.panes, self.closed);
        match &self.views[..] {
            [only] => Some((0, next(only)?)),
            views => {
                let windows = views.iter().enumerate().filter_map(|(at, view)| Some((at, next(view)?)));
                windows.min_by_key(|&(at, last)| views[at].order(last))
            }
        }
    }

    /// Lets go of the panes that no window has any more.
    fn let_go(&mut self) {
        let first = self.views.iter().map(|view| view.first).min().unwrap_or(i64::MIN);
        while let Some(pane) = self.panes.pop_before(first) {
            self.tables.clear(PANES, pane.slots.clone());
            self.panes.give_back(&pane.slots);
            self.panes.reuse(pane);
        }
    }

    fn forget_keys(&mut self) {
        if self.outlet.parts.shape.numbered {
            return;
        }
        // Who knows keys by their values has one kind of windows.
        let View { places, fifo, .. } = &mut self.views[0];
        if fifo.is_none() && places.live() == 0 && self.outlet.parts.keys.held() >= MANY {
            self.outlet.parts.keys.clear();
            self.panes.forget_all();
            *places = Places::default();
            return;
        }
        let gone = places.given_up(&self.outlet.parts.keys);
        if !gone.is_empty() {
            self.outlet.parts.keys.forget(gone.into_iter());
        }
    }

    /// Ends the current batch: what it did to event time, and its late rows.
    fn finish(&mut self, current: &Rows) {
        self.outlet.parts.finish(current, &mut self.clock.mark, &mut self.ledger);
        if let Some(high) = current.high() {
            self.reach(high.time);
            self.clock.mark.note(&current.batch, &high);
        }
    }
}

impl Operator for Window {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }

    fn work(&mut self) -> bool {
        if self.outlet.emission.slots.len() >= PIECE {
            self.lower();
            return true;
        }
        if self.leaving.is_some() {
            self.leave();
            return true;
        }
        if let Some(watermark) = self.closing {
            if !self.close_next(watermark) {
                (self.closing, self.closed) = (None, watermark);
            }
            return true;
        }
        if let Some(event) = self.events.pop_front() {
            self.replay(&event);
            return true;
        }
        work_off(self, |own| (&mut own.current, &mut own.ledger), Self::round, Self::finish)
    }

    fn lower(&mut self) {
        let slots = std::mem::take(&mut self.outlet.emission.slots);
        if shows_panes(&self.views) {
            self.tables.lower(PANES, slots.clone());
            self.panes.give_back(&slots);
            self.tables.clear(PANES, slots);
        } else {
            self.tables.lower(RESULTS, slots);
            self.tables.keep(RESULTS, Vec::new());
        }
    }

    fn take_in(&mut self) -> Result<()> {
        self.outlet.take_in(&mut self.tables)
    }

    fn send(&mut self, rows: usize) -> Batch {
        self.ledger.rows_out += rows as u64;
        self.outlet.send(rows)
    }

    fn fail(&mut self, error: Error) {
        self.outlet.failure = Some(error);
        self.events.clear();
        (self.closing, self.leaving, self.current) = (None, None, None);
    }

    fn tidy(&mut self) -> Result<()> {
        self.forget_keys();
        memory::check(self.state_bytes(), self.outlet.parts.max_state)
    }

    fn state_bytes(&self) -> u64 {
        let views: usize = self.views.iter().map(View::memory).sum();
        let leaving = self.leaving.as_ref().map_or(0, Leaving::memory);
        let (keys, results) = (self.outlet.parts.keys.memory(), self.outlet.emission.memory());
        (self.tables.bytes() + self.panes.memory() + views + leaving + keys + results) as u64
    }

    fn passes_on(&self) -> Option<i64> {
        self.clock.mark.watermark()
    }
}

impl Stage for Window {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held = batch.rows() as u64;
        let (rows, failure) = self.outlet.parts.read(batch, &self.clock.mark);
        self.outlet.failure = failure;
        self.start(rows);
    }

    fn end(&mut self, _: usize) {
        self.outlet.ended = true;
        self.closing = Some(i64::MAX);
    }

    fn idle(&mut self, _: usize) {
        let last = self.panes.iter().next_back().map(|pane| pane.id);
        if self.outlet.parts.is_quiet()
            && let Some(last) = last
        {
            let ends = self.views.iter().map(|view| view.ruler.all_closed_at(last));
            let end = ends.max().unwrap_or(last);
            self.reach(end.saturating_add(self.outlet.parts.lateness));
            self.clock.mark.note_quiet();
        }
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        outlet::pull(self)
    }

    fn quiet(&self) -> Option<Range<i64>> {
        let (from, to) = (self.clock.mark.watermark()?, self.clock.threshold());
        let holds = self.ruler.holds(from) && self.ruler.holds(to.saturating_sub(1));
        (holds && self.outlet.parts.is_plain() && self.outlet.failure.is_none()).then_some(from..to)
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            open_windows: self.views.iter().map(|view| view.open(&self.panes) as u64).sum(),
            live_keys: self.views.iter().map(|view| view.places.live() as u64).max().unwrap_or(0),
            state_bytes: self.state_bytes(),
            ..self.ledger.clone()
        }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        self.clock.mark.watermark().map(|ticks| (ticks, self.outlet.parts.shape.time.clone()))
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.outlet.parts.aside.take()
    }
}

/// Whether panes go out as they are: each is a window, and no others have them.
fn shows_panes(views: &[View]) -> bool {
    matches!(views, [View { fifo: None, .. }])
}

/// The schema of the results: the window's edges that are shown, the keys, the aggregates.
///
/// # Errors
/// If a name is given twice.
pub(crate) fn results_schema(time: &DataType, label: Label, by: &[Field], recipe: &Recipe) -> Result<Arc<Schema>> {
    let edges = label.columns().iter().map(|&name| Field::new(name, time.clone()));
    Schema::new(edges.chain(by.iter().cloned()).chain(recipe.fields()).collect()).map(Arc::new)
}
