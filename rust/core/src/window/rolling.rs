//! [`Rolling`]: the operator of windows of which each row has its own.
//!
//! The rows of a batch get slots of their own one by one and are folded into them column by column; then
//! they wait until the watermark is past their time. Those that have their turn go by in order, a few
//! thousand at a time: [`Trails`] writes down what is to be combined for the window of each, the table does
//! that column by column, and the results are made columns. They go out beside the rows' own columns, which
//! are slices of the input where its order is that of the output.
//!
//! Where rows come in order and none has to wait for others, as most do, all that is done for many of them
//! at once: a [`Sweeper`] does it. Rows without keys, in the order of their arrival, roll by on [`Belts`], as long
//! as none needs care. All come to the same.

use std::collections::{HashMap, VecDeque};

use super::mark::Mark;
use super::parts::{Parts, Rows};
use super::passage::Passage;
use super::pieces::Pieces;
use super::queue::{Queue, Waiting};
use super::room::Room;
use super::span::Span;
use super::stretches::{Stretch, Stretches};
use super::sweeper::Sweeper;
use super::ticks::Ticks;
use super::trails::Trails;
use crate::aggregate::{Belts, Fold, NO_SLOT, Piece, Single, Table};
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Result};
use crate::memory;
use crate::pool::Pool;
use crate::row::{Lone, Told};
use crate::stage::{Ledger, Stage};
use crate::types::DataType;

mod going;
mod straight;
mod swept;

/// How many results are made columns at a time.
const PIECE: usize = 2048;

/// The batch that is being worked off.
struct Current {
    rows: Rows,
    /// Its number among those with rows that have yet to go out.
    number: u32,
    /// How many rows are worked off at a time.
    round: usize,
    /// Whether the rows can be swept, but for those that wait for others of their time.
    calm: bool,
    /// Whether none needs care.
    rolls: bool,
}

/// The operator of windows of which each row has its own.
pub(crate) struct Rolling {
    span: Span,
    /// Whether rows come in the order of their arrival, whatever their times are.
    by_arrival: bool,
    /// How many values a result needs.
    min_periods: u64,
    parts: Parts,
    /// How aggregates read rows that come by themselves, if such are taken.
    single: Option<Single>,
    /// Where such rows wait.
    room: Option<Room>,
    /// The number of the one that set the mark, if one did.
    highest: Option<u64>,
    current: Option<Current>,
    mark: Mark,
    trails: Trails,
    table: Table,
    /// What sweeps rows, if that is possible at all.
    sweeper: Option<Sweeper>,
    /// What makes results of rows that need no care, if it knows how to.
    belts: Option<Belts>,
    queue: Queue,
    /// By key: the rows that wait for those that come after them in their windows.
    lines: Vec<VecDeque<Waiting>>,
    passage: Passage,
    /// The rows that last had their turn.
    told: Vec<Waiting>,
    /// Rows that have their results: where they are, and their times.
    out: Stretches,
    ticks: Ticks,
    results: Pieces,
    /// The event time of a batch without rows.
    blank: Option<EventTime>,
    /// How many rows came by arrival.
    arrived: i64,
    /// How many slots and keys were in use when rows were last forgotten.
    kept: usize,
    failure: Option<Error>,
    /// The time of the row whose result did not fit its type.
    halted: Option<i64>,
    ended: bool,
    tidy: bool,
    /// The watermark that was last passed on.
    sent_watermark: Option<i64>,
    ledger: Ledger,
}

impl Rolling {
    /// An operator that has seen nothing, and works on the threads of a pool.
    pub(crate) fn new(span: Span, by_arrival: bool, min_periods: u64, parts: Parts, pool: &Pool) -> Self {
        let table = Table::new(&parts.recipe);
        let in_order = by_arrival || parts.lateness == 0;
        let can_sweep = in_order && span.ends_with_row() && table.can_sweep();
        let belts = match span {
            Span::Rows { rows, .. } if can_sweep && by_arrival && parts.by.is_empty() => {
                Belts::new(&parts.recipe, rows, min_periods, pool)
            }
            _ => None,
        };
        Self {
            single: None,
            room: None,
            highest: None,
            current: None,
            belts,
            sweeper: can_sweep
                .then(|| Sweeper::new(span, !parts.by.is_empty(), &table, &parts.recipe, min_periods, pool)),
            mark: Mark::new(parts.lateness),
            ledger: Ledger::new(parts.name.clone()),
            trails: Trails::new(span.length(), PIECE),
            table,
            queue: Queue::default(),
            lines: Vec::new(),
            passage: Passage::default(),
            told: Vec::new(),
            out: Stretches::default(),
            ticks: Ticks::default(),
            results: Pieces::default(),
            blank: None,
            arrived: 0,
            kept: 0,
            failure: None,
            halted: None,
            ended: false,
            tidy: true,
            sent_watermark: None,
            span,
            by_arrival,
            min_periods,
            parts,
        }
    }

    /// Reads a batch.
    fn open(&mut self, batch: Batch) {
        let rolling = self.rolling_by(&batch);
        let is_plain = rolling.is_some();
        let mut rows = rolling.unwrap_or_else(|| self.read(&batch));
        self.trails.prepare(self.parts.keys.len());
        self.make_lines();
        // Rows in order go by a few at a time, while their cells are near; others are sorted together.
        let sorted = self.by_arrival || rows.in_order;
        let in_order = self.by_arrival || sorted && self.queue.ends_before(rows.time.ticks.first());
        let round = if in_order { PIECE } else { rows.end };
        let calm = self.sweeper.is_some() && sorted && (self.by_arrival || self.is_calm(&rows.time));
        let rolls = is_plain || self.rolls(&mut rows);
        let number = self.passage.enter(batch);
        self.current = Some(Current { rows, number, round, calm, rolls });
    }

    /// Reads a batch as all operators of windows do, where rows are in the order of their arrival with numbers for times.
    fn read(&mut self, batch: &Batch) -> Rows {
        let timed = if self.by_arrival { self.numbered(batch) } else { batch.clone() };
        let (rows, failure) = self.parts.read(timed, &self.mark);
        self.failure = failure;
        rows
    }

    /// Whether no row in such an order is late or out of range, and event time moves with the rows alone.
    fn is_calm(&self, time: &EventTime) -> bool {
        let ends = time.ticks.first().zip(time.ticks.last());
        !time.passive
            && time.before.is_none()
            && ends.is_some_and(|(&first, &last)| {
                first >= self.watermark_or_least() && self.holds(first) && self.holds(last)
            })
    }

    /// Works off rows of the current batch, up to its end or to an error.
    fn round(&mut self, current: &mut Current) {
        match current.rolls {
            true => self.roll(current),
            false => match self.ready(current) {
                0 => self.walk_on(current),
                rows => self.sweep(current, rows),
            },
        }
        let Current { rows, number, .. } = current;
        if rows.row == rows.end {
            self.finish(rows);
            self.passage.release(*number, 1);
        }
        self.release();
    }

    /// Gives the rows their turn that the watermark has passed or, if none of their time is missed, reached.
    fn release(&mut self) {
        // Rows of one time wait for all of them.
        let shared = i64::from(self.span.is_shared());
        self.queue.release(self.watermark_or_least().saturating_add(1 - shared));
    }

    /// Lets rows of the current batch wait.
    fn walk_on(&mut self, current: &mut Current) {
        let Current { rows, number, round, calm, .. } = current;
        let start = rows.row;
        let mut end = rows.end.min(start + *round);
        if let Some(last) = self.queue.last().filter(|_| *calm && start < end) {
            // Only those of a time that rows are waiting for: once they have gone, the others can be swept.
            end = start + rows.time.ticks[start..rows.end].partition_point(|&tick| tick <= last);
            if end == start {
                self.mark.reach(rows.time.ticks[start]);
                return;
            }
        }
        let slots = self.walk(rows, end);
        self.table.grow(self.trails.slots());
        let times = Some(&rows.time.ticks[..]);
        self.table.fold(Fold { inputs: &rows.inputs, start, slots: &slots, times });
        self.wait(*number, rows, start, &slots);
    }

    /// The same rows with the number of each for event time.
    fn numbered(&mut self, batch: &Batch) -> Batch {
        let first = self.arrived;
        self.arrived += batch.rows() as i64;
        self.blank = batch.time().filter(|_| batch.rows() == 0).cloned();
        let time = EventTime::new(DataType::Int64, (first..self.arrived).collect());
        batch.clone().with_time(Some(time))
    }

    /// Gives each row a slot, but for those that are late.
    fn walk(&mut self, rows: &mut Rows, end: usize) -> Vec<u32> {
        let mut slots = Vec::with_capacity(end - rows.row);
        while rows.row < end {
            match self.accept(rows) {
                Ok(slot) => slots.push(slot),
                Err(error) => {
                    self.failure = Some(error);
                    rows.end = rows.row;
                    break;
                }
            }
            rows.row += 1;
        }
        slots
    }

    /// The slot of the next row. The row moves the watermark.
    fn accept(&mut self, rows: &Rows) -> Result<u32> {
        if let Some(before) = &rows.time.before {
            self.mark.reach(before[rows.row]);
        }
        let tick = rows.time.ticks[rows.row];
        if !self.holds(tick) {
            return Err(self.parts.out_of_range(rows, rows.row));
        }
        if self.mark.watermark().is_some_and(|watermark| tick < watermark) {
            self.parts.miss(rows, rows.row, (1, 0), self.mark.time().saturating_sub(tick), &self.mark)?;
            self.ledger.late += 1;
            return Ok(NO_SLOT);
        }
        if !rows.time.passive {
            self.mark.reach(tick);
        }
        Ok(self.trails.slot())
    }

    /// Whether the edges of a row's window, and of its blocks, are in the range of event time.
    fn holds(&self, tick: i64) -> bool {
        let Span::Time { from, .. } = self.span else { return true };
        let room = 2 * (from + 1);
        (i64::MIN + room..=i64::MAX - room).contains(&tick)
    }

    fn watermark_or_least(&self) -> i64 {
        self.mark.watermark().unwrap_or(i64::MIN)
    }

    /// Lets the rows that have a slot wait.
    fn wait(&mut self, number: u32, rows: &Rows, start: usize, slots: &[u32]) {
        let with_slot = (start..).zip(slots).filter(|(_, slot)| **slot != NO_SLOT);
        let added = self.queue.add(with_slot.map(|(row, &slot)| Waiting {
            tick: rows.time.ticks[row],
            key: rows.numbers[row],
            slot,
            batch: number,
            row: row as u32,
        }));
        self.passage.hold(number, added);
    }

    /// Ends a batch: what it did to event time.
    fn finish(&mut self, rows: &Rows) {
        self.parts.aside.leave(&rows.batch);
        if !self.by_arrival {
            self.mark.note_highest(rows);
        }
        if let Some(high) = rows.high() {
            self.mark.reach(high.time);
            self.mark.note(&rows.batch, &high);
        }
    }

    /// How many rows of its window come after a row.
    fn ahead(&self) -> usize {
        match self.span {
            Span::Rows { ahead, .. } => ahead,
            Span::Time { .. } => 0,
        }
    }

    /// Makes lines for all keys, where rows stand in such.
    fn make_lines(&mut self) {
        if self.ahead() > 0 {
            self.lines.resize_with(self.parts.keys.len(), VecDeque::new);
        }
    }

    /// Makes the results of rows that have their turn, a few at a time.
    fn tell(&mut self) {
        self.tell_some();
        let told = std::mem::take(&mut self.told);
        for row in &told {
            self.out.push(Stretch { batch: row.batch, row: row.row, rows: 1 });
        }
        if !self.by_arrival {
            self.ticks.push(told.iter().map(|row| row.tick).collect());
        }
        let slots: Vec<u32> = (1..=told.len() as u32).collect();
        self.told = told;
        if !slots.is_empty() {
            let columns = self.table.lower_of_least(self.parts.recipe.outputs(), &slots, self.min_periods);
            if let Err(error) = self.take_in(Piece { rows: slots.len(), columns }) {
                self.fail(error);
            }
        }
        self.clear();
    }

    /// Gives rows their turn, a few at a time; has their windows combined into the first slots.
    fn tell_some(&mut self) {
        let mut told = std::mem::take(&mut self.told);
        told.clear();
        for _ in 0..self.queue.ready().min(PIECE) {
            let (row, to) = (self.queue.tell(), told.len() as u32 + 1);
            told.extend(match self.span {
                Span::Time { from, to: until } => Some(self.tell_time(row, (from, until), to)),
                Span::Rows { rows, ahead } => self.tell_rows(row, rows, ahead, to),
            });
        }
        self.told = told;
        self.queue.trim();
        self.combine();
    }

    /// Has the window of a row combined: of those up to its time, in which no row is missing any more.
    fn tell_time(&mut self, row: Waiting, (from, until): (i64, i64), to: u32) -> Waiting {
        while let Some(taken) = self.queue.take(row.tick - until) {
            self.trails.push(taken.key, taken.slot, taken.tick);
        }
        self.trails.result(row.key, (row.tick - from, row.tick - until), to);
        row
    }

    /// Has the window combined that ends with this row: of this row, or of one before it. At the end of the
    /// input the rows that are left have windows that end with rows that never came.
    fn tell_rows(&mut self, row: Waiting, rows: i64, ahead: usize, to: u32) -> Option<Waiting> {
        self.queue.take(i64::MAX);
        let told = if ahead > 0 && self.ended {
            self.trails.skip(row.key);
            row
        } else {
            self.trails.push(row.key, row.slot, self.trails.next(row.key));
            self.line_up(row, ahead)?
        };
        let last = self.trails.next(row.key) - 1;
        self.trails.result(row.key, (last - rows + 1, last), to);
        Some(told)
    }

    /// Lets a row wait for those that come after it; gives the one that has waited long enough.
    fn line_up(&mut self, row: Waiting, ahead: usize) -> Option<Waiting> {
        if ahead == 0 {
            return Some(row);
        }
        let line = &mut self.lines[row.key as usize];
        line.push_back(row);
        if line.len() > ahead { line.pop_front() } else { None }
    }

    /// Combines what is to be combined.
    fn combine(&mut self) {
        self.table.grow(self.trails.slots());
        self.table.carry_out(self.trails.steps());
    }

    /// Lets all be combined, and empties the slots that are not needed any more.
    fn clear(&mut self) {
        self.table.clear(self.trails.left());
        self.trails.settle();
    }

    /// Drops what is under way: after the results that are ready comes an error.
    fn fail(&mut self, error: Error) {
        self.failure = Some(error);
        self.queue = Queue::default();
        self.current = None;
    }

    /// Lets go of memory that is not needed, when no result is left.
    fn tidy(&mut self) -> Result<()> {
        self.tidy = true;
        if self.trails.used() + self.parts.keys.held() > 2 * self.kept + PIECE {
            self.forget();
            self.kept = self.trails.used() + self.parts.keys.held();
        }
        let sparse = self.passage.sparse();
        if !sparse.is_empty() {
            self.compact(&sparse);
        }
        self.passage.weigh();
        memory::check(self.state_bytes(), self.parts.max_state)
    }

    /// Lets go of rows that are in no window to come, and of keys that have no others.
    fn forget(&mut self) {
        let Span::Time { from, .. } = self.span else { return };
        let mut gone = self.trails.forget(self.watermark_or_least().saturating_sub(from));
        self.combine();
        self.clear();
        let mut waits = vec![false; self.parts.keys.len()];
        self.queue.keys().for_each(|key| waits[key as usize] = true);
        gone.retain(|&key| !waits[key as usize]);
        self.parts.keys.forget(gone.into_iter());
    }

    /// Copies the rows that are left of these batches, so that the rest can go.
    fn compact(&mut self, sparse: &[u32]) {
        let mut rows: HashMap<u32, Vec<u32>> = sparse.iter().map(|&number| (number, Vec::new())).collect();
        for row in self.queue.waiting().chain(self.lines.iter_mut().flatten()) {
            if let Some(rows) = rows.get_mut(&row.batch) {
                rows.push(std::mem::replace(&mut row.row, rows.len() as u32));
            }
        }
        rows.into_iter().for_each(|(number, rows)| self.passage.replace(number, &rows));
    }

    fn state_bytes(&self) -> u64 {
        let lines: usize = self.lines.iter().map(|line| line.capacity() * size_of::<Waiting>()).sum();
        let sweeper =
            self.sweeper.as_ref().map_or(0, Sweeper::memory) + self.belts.as_ref().map_or(0, Belts::bytes);
        let rows = self.trails.memory() + self.queue.memory() + self.passage.memory() + self.out.memory() + lines;
        let room = self.room.as_ref().map_or(0, Room::memory);
        (self.table.bytes() + room + sweeper + self.parts.keys.memory() + rows + self.results.memory()) as u64
    }
}

impl Stage for Rolling {
    fn be_steady(&mut self) {
        self.trails.be_steady();
        (self.sweeper, self.belts) = (None, None);
        self.be_straight();
    }

    fn push_row(&mut self, row: Lone<'_>) -> Option<Told> {
        self.straight(row)
    }

    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.tidy = false;
        self.move_out();
        self.open(batch);
    }

    fn end(&mut self, _: usize) {
        self.ended = true;
        self.move_out();
        let mut rest: Vec<Waiting> = self.lines.iter_mut().flat_map(|line| line.drain(..)).collect();
        rest.sort_by_key(|row| row.tick);
        self.queue.add(rest.into_iter());
        self.queue.release_all();
    }

    fn idle(&mut self, _: usize) {
        if self.parts.is_quiet()
            && let Some(latest) = self.queue.latest()
        {
            self.move_out();
            let watermark = latest.saturating_add(i64::from(self.span.is_shared()));
            self.mark.reach(watermark.saturating_add(self.parts.lateness));
            self.mark.note_quiet();
            self.tidy = false;
            self.release();
        }
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        loop {
            if self.out.len() >= self.parts.batch_rows {
                return Ok(Some(self.send()));
            }
            if self.queue.ready() > 0 {
                self.tell();
                continue;
            }
            if let Some(mut current) = self.current.take() {
                self.round(&mut current);
                self.current = Some(current).filter(|current| current.rows.row < current.rows.end);
                continue;
            }
            if let Some(batch) = self.flush() {
                return Ok(Some(batch));
            }
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            return if self.tidy { Ok(None) } else { self.tidy().map(|()| None) };
        }
    }

    fn ledger(&self) -> Ledger {
        let Ledger { rows_in, passed, late, .. } = self.ledger;
        Ledger {
            rows_out: passed,
            held: rows_in - passed - late,
            live_keys: (self.trails.live_keys() as u64).max(self.belts.as_ref().map_or(0, Belts::live_keys)),
            state_bytes: self.state_bytes(),
            ..self.ledger.clone()
        }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        let watermark = self.mark.watermark().filter(|_| !self.by_arrival);
        watermark.map(|ticks| (ticks, self.parts.shape.time.clone()))
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.parts.aside.take()
    }
}
