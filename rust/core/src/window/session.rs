//! [`SessionWindow`]: the operator of session windows.
//!
//! A batch is worked off in *rounds*, as in [`super::operator`]: rows get the slots of their sessions one by
//! one, then all rows of the round are folded column by column. A row that joins two sessions starts a new
//! round, so that the partials of both are complete when they are combined. At the end of the batch the
//! sessions that are due go out, in the order of their ends; where rows are in order, at the end of each round,
//! while what they left is near.

use std::ops::{Range, RangeInclusive};

use super::leaving::Leaving;
use super::mark::Mark;
use super::outlet::{self, Operator, Outlet};
use super::parts::{Parts, Rows, work_off};
use super::sessions::{Fate, Ordered, Sessions};
use crate::aggregate::{NO_SLOT, Slots, Tables};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::memory;
use crate::pool::Pool;
use crate::stage::{Ledger, Stage};
use crate::time;
use crate::types::DataType;

/// How many rows a round has where nothing ends it before.
pub(super) const ROUND: usize = 8192;

/// For how many rows in order what is known of their keys is asked for together.
const ASKED: usize = 64;

/// The tables: of the sessions, and of one slot, for what is combined into another slot.
const SESSIONS: usize = 0;
const SPARE: usize = 1;

/// The operator of session windows.
pub(crate) struct SessionWindow {
    /// The times of rows whose sessions have edges that event time can have.
    times: RangeInclusive<i64>,
    outlet: Outlet,
    mark: Mark,
    sessions: Sessions,
    tables: Tables,
    current: Option<Rows>,
    /// Whether the rows of the current batch are in order, and none of an earlier batch is behind them.
    in_order: bool,
    /// The slots of the rows of the current round.
    slots: Vec<u32>,
    leaving: Leaving,
    /// How many keys without a session may be known at least, since they may come back: twice as many as the
    /// longest batch has rows.
    idle: usize,
    ledger: Ledger,
}

impl SessionWindow {
    /// An operator that has seen nothing, and works on the threads of a pool. Sessions are rows whose reaches overlap,
    /// which are so long.
    pub(crate) fn new(span: i64, parts: Parts, pool: &Pool) -> Self {
        let mut tables = Tables::new(&parts.recipe, 2, pool);
        tables.grow(SPARE, 1);
        let (times, room) = (time::range(&parts.shape.time), span + 1);
        Self {
            times: times.start() + room..=times.end() - room,
            mark: Mark::new(parts.lateness),
            ledger: Ledger::new(parts.name.clone()),
            sessions: Sessions::new(span),
            tables,
            current: None,
            in_order: false,
            slots: Vec::new(),
            leaving: Leaving::default(),
            idle: 1024,
            outlet: Outlet::new(parts),
        }
    }

    fn open(&mut self, batch: Batch) {
        let (rows, failure) = self.outlet.parts.read(batch, &self.mark);
        self.outlet.failure = failure;
        self.sessions.prepare(self.outlet.parts.keys.len());
        self.in_order = self.is_next(&rows);
        if !self.in_order {
            self.sessions.prepare_for_disorder();
        }
        self.current = Some(rows);
    }

    /// Whether the rows of a batch are in order, each makes the mark, and none of an earlier batch is behind them.
    fn is_next(&self, rows: &Rows) -> bool {
        let (time, ticks) = (&rows.time, &rows.time.ticks);
        let moves =
            time.before.is_none() && !time.passive && ticks.first().is_some_and(|&first| first >= rows.mark);
        moves && rows.in_order && self.holds(ticks[0]) && self.holds(ticks[ticks.len() - 1])
    }

    /// Works off rows of the current batch until it ends, or until a row needs what came before combined.
    fn round(&mut self, current: &mut Rows) {
        let start = current.row;
        self.slots.reserve(ROUND.min(current.end - start));
        let walked = if self.in_order { self.walk_next(current) } else { self.walk(current) };
        if let Err(error) = walked {
            self.outlet.failure = Some(error);
            current.end = current.row;
        }
        if self.in_order {
            self.close_round(current, start);
        }
        let slots = Slots::Each(std::mem::take(&mut self.slots));
        self.ledger.aggregated += slots.taken() as u64;
        self.tables.grow(SESSIONS, self.sessions.slots());
        self.tables.fold(SESSIONS, &current.inputs, start, slots, &current.time.ticks);
    }

    /// Closes the sessions that are due after a round of rows in order, which began with this row.
    fn close_round(&mut self, current: &Rows, start: usize) {
        let watermark = self.mark.watermark().unwrap_or(i64::MIN);
        self.sessions.close(watermark);
        self.sessions.close_rows(self.ordered(current, start..current.row), &self.slots, watermark);
        self.leaving = Leaving::new(self.sessions.take_closed(watermark));
    }

    /// Rows of a batch that is in order.
    fn ordered<'a>(&self, current: &'a Rows, rows: Range<usize>) -> Ordered<'a> {
        let first = self.ledger.rows_in - (current.batch.rows() - rows.start) as u64;
        Ordered { first, keys: &current.numbers[rows.clone()], times: &current.time.ticks[rows] }
    }

    /// Gives slots to the next rows of a batch that is in order.
    fn walk_next(&mut self, current: &mut Rows) -> Result<()> {
        let end = current.end.min(current.row + ROUND);
        self.sessions.ask(&current.numbers[current.row..end.min(current.row + ASKED)]);
        while current.row < end {
            let until = end.min(current.row + ASKED);
            self.sessions.ask(&current.numbers[until..end.min(until + ASKED)]);
            self.walk_until(current, until)?;
        }
        Ok(())
    }

    /// Gives slots to rows for whose keys has been asked.
    fn walk_until(&mut self, current: &mut Rows, end: usize) -> Result<()> {
        while current.row < end {
            let (start, slots) = (current.row, self.slots.len());
            let at = (self.mark.watermark().unwrap_or(i64::MIN), self.mark.lateness());
            self.sessions.accept_latest(self.ordered(current, start..end), at, &mut self.slots);
            current.row += self.slots.len() - slots;
            if current.row > start {
                self.mark.reach(current.time.ticks[current.row - 1]);
            }
            if current.row < end {
                // Nothing is joined by rows in order.
                self.accept(current, false)?;
            }
        }
        Ok(())
    }

    /// Gives slots to the next rows of a batch, up to one that joins sessions after others that have to be folded.
    fn walk(&mut self, current: &mut Rows) -> Result<()> {
        let (start, end) = (current.row, current.end.min(current.row + ROUND));
        while current.row < end {
            if let Some(before) = &current.time.before {
                self.mark.reach(before[current.row]);
            }
            if !self.holds(current.time.ticks[current.row]) {
                return Err(self.outlet.parts.out_of_range(current, current.row));
            }
            if !self.accept(current, current.row > start)? {
                break;
            }
        }
        Ok(())
    }

    /// Gives a slot to the next row; tells whether it could. It cannot where the row joins two sessions, and there
    /// are rows that have not been folded yet.
    fn accept(&mut self, current: &mut Rows, is_open: bool) -> Result<bool> {
        let (row, key) = (current.row, current.numbers[current.row]);
        let (tick, watermark) = (current.time.ticks[row], self.mark.watermark().unwrap_or(i64::MIN));
        match self.sessions.accept(key, tick, watermark) {
            Fate::In(slot) => self.slots.push(slot),
            Fate::Joins(..) if is_open => return Ok(false),
            Fate::Joins(older, newer) => {
                self.join(key, older, newer);
                return Ok(true);
            }
            Fate::Partly(slot, due) => {
                self.miss(current, row, due, 1)?;
                self.ledger.partly_late += 1;
                self.slots.push(slot);
            }
            Fate::Missed(due) => {
                self.miss(current, row, due, 0)?;
                self.ledger.late += 1;
                self.slots.push(NO_SLOT);
            }
        }
        if !current.time.passive {
            self.mark.reach(tick);
        }
        current.row += 1;
        Ok(true)
    }

    fn holds(&self, tick: i64) -> bool {
        self.times.contains(&tick)
    }

    /// Makes one session of two, whose rows are all folded.
    fn join(&mut self, key: u32, older: u32, newer: u32) {
        self.tables.grow(SESSIONS, self.sessions.slots());
        self.tables.copy(SPARE, vec![0], SESSIONS, vec![newer]);
        self.tables.combine(SESSIONS, vec![older], SPARE, vec![0]);
        self.tables.clear(SESSIONS, vec![newer]);
        self.sessions.join(key, older, newer);
    }

    /// Deals with a row that missed a session, which was due at this time.
    fn miss(&mut self, current: &Rows, row: usize, due: i64, open: u64) -> Result<()> {
        let enough = self.mark.time().saturating_sub(due - 1);
        self.outlet.parts.miss(current, row, (1, open), enough, &self.mark)
    }

    /// Closes the sessions that are due at a watermark.
    fn close(&mut self, watermark: i64) {
        self.sessions.close(watermark);
        self.leaving = Leaving::new(self.sessions.take_closed(watermark));
    }

    /// Makes results of closed sessions, a few at a time.
    fn emit(&mut self) {
        self.leaving.leave(&mut self.outlet.emission, self.outlet.parts.shape.closed);
        self.lower();
    }

    /// Ends the current batch: what it did to event time, and what that closes.
    fn finish(&mut self, current: &Rows) {
        self.outlet.parts.finish(current, &mut self.mark, &mut self.ledger);
        if let Some(high) = current.high() {
            self.mark.reach(high.time);
            self.mark.note(&current.batch, &high);
        }
        let watermark = self.mark.watermark().unwrap_or(i64::MIN);
        self.close(watermark);
    }
}

impl Operator for SessionWindow {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }

    fn work(&mut self) -> bool {
        if !self.leaving.is_empty() {
            self.emit();
            return true;
        }
        work_off(self, |own| (&mut own.current, &mut own.ledger), Self::round, Self::finish)
    }

    fn lower(&mut self) {
        let slots = std::mem::take(&mut self.outlet.emission.slots);
        self.tables.lower(SESSIONS, slots.clone());
        self.sessions.give_back(&slots);
        self.tables.clear(SESSIONS, slots);
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
        self.leaving = Leaving::default();
        self.current = None;
    }

    fn tidy(&mut self) -> Result<()> {
        let keys = &mut self.outlet.parts.keys;
        let idle = keys.held() - self.sessions.live_keys();
        if idle >= self.idle && idle >= self.sessions.live_keys() {
            let dead = self.sessions.forget(self.mark.watermark().unwrap_or(i64::MIN));
            keys.forget(dead.into_iter());
        }
        memory::check(self.state_bytes(), self.outlet.parts.max_state)
    }

    fn state_bytes(&self) -> u64 {
        (self.tables.bytes() + self.sessions.memory() + self.outlet.parts.keys.memory()) as u64
            + self.outlet.emission.memory() as u64
    }

    fn passes_on(&self) -> Option<i64> {
        self.mark.watermark()
    }
}

impl Stage for SessionWindow {
    fn push(&mut self, _: usize, batch: Batch) {
        self.idle = self.idle.max(2 * batch.rows());
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held = batch.rows() as u64;
        self.open(batch);
    }

    fn end(&mut self, _: usize) {
        self.outlet.ended = true;
        self.close(i64::MAX);
    }

    fn idle(&mut self, _: usize) {
        let watermark = self.mark.watermark().unwrap_or(i64::MIN);
        if self.outlet.parts.is_quiet()
            && let Some(due) = self.sessions.all_due(watermark)
        {
            self.mark.reach(due.saturating_add(self.outlet.parts.lateness));
            self.mark.note_quiet();
            self.close(due);
        }
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        outlet::pull(self)
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            open_windows: self.sessions.open() as u64,
            live_keys: self.sessions.live_keys() as u64,
            state_bytes: self.state_bytes(),
            ..self.ledger.clone()
        }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        self.mark.watermark().map(|ticks| (ticks, self.outlet.parts.shape.time.clone()))
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.outlet.parts.aside.take()
    }
}
