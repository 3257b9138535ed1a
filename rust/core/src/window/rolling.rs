//! [`Rolling`]: the operator of windows of which each row has its own.
//!
//! The rows of a batch get slots of their own one by one and are folded into them column by column; then
//! they wait until the watermark is past their time. Those that have their turn go by in order, a few
//! thousand at a time: [`Trails`] writes down what is to be combined for the window of each, the table does
//! that column by column, and the results are made columns. They go out beside the rows' own columns, which
//! are slices of the input where its order is that of the output.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow_array::{ArrayRef, new_empty_array};

use super::mark::Mark;
use super::parts::{Parts, Rows};
use super::passage::Passage;
use super::pieces::Pieces;
use super::queue::{Queue, Waiting};
use super::span::Span;
use super::trails::Trails;
use crate::aggregate::{Fold, NO_SLOT, Table};
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Overflow, Result};
use crate::memory;
use crate::stage::{Ledger, Stage};
use crate::types::DataType;

/// How many results are made columns at a time.
const PIECE: usize = 2048;

/// The batch that is being worked off.
struct Current {
    rows: Rows,
    /// Its number among those with rows that have yet to go out.
    number: u32,
    /// How many rows are worked off at a time.
    round: usize,
}

/// The operator of windows of which each row has its own.
pub(crate) struct Rolling {
    span: Span,
    /// Whether rows come in the order of their arrival, whatever their times are.
    by_arrival: bool,
    /// How many values a result needs.
    min_periods: u64,
    parts: Parts,
    current: Option<Current>,
    mark: Mark,
    trails: Trails,
    table: Table,
    queue: Queue,
    /// By key: the rows that wait for those that come after them in their windows.
    lines: Vec<VecDeque<Waiting>>,
    passage: Passage,
    /// Rows that have their results: where they are, their times, and the watermarks before they came.
    out: Vec<(u32, u32)>,
    ticks: Vec<i64>,
    before: Vec<i64>,
    results: Pieces,
    /// The event time of a batch without rows.
    blank: Option<EventTime>,
    /// How many rows came by arrival.
    arrived: i64,
    /// How many slots and keys were in use when rows were last forgotten.
    kept: usize,
    failure: Option<Error>,
    ended: bool,
    tidy: bool,
    /// The watermark that was last passed on.
    sent_watermark: Option<i64>,
    ledger: Ledger,
}

impl Rolling {
    /// An operator that has seen nothing.
    pub(crate) fn new(span: Span, by_arrival: bool, min_periods: u64, parts: Parts) -> Self {
        Self {
            current: None,
            mark: Mark::new(parts.lateness),
            ledger: Ledger::new(parts.name.clone()),
            trails: Trails::new(span.length(), PIECE),
            table: Table::new(&parts.recipe),
            queue: Queue::default(),
            lines: Vec::new(),
            passage: Passage::default(),
            out: Vec::new(),
            ticks: Vec::new(),
            before: Vec::new(),
            results: Pieces::default(),
            blank: None,
            arrived: 0,
            kept: 0,
            failure: None,
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
    fn open(&mut self, batch: Batch) -> Result<()> {
        let timed = if self.by_arrival { self.numbered(&batch) } else { batch.clone() };
        let (rows, failure) = self.parts.read(timed, &self.mark)?;
        self.failure = failure;
        self.trails.prepare(self.parts.keys.len());
        self.lines.resize_with(if self.ahead() > 0 { self.parts.keys.len() } else { 0 }, VecDeque::new);
        // Rows in order go by a few at a time, while their cells are near; others are sorted together.
        let in_order = self.by_arrival || rows.time.is_sorted() && self.queue.ends_before(rows.time.ticks.first());
        let round = if in_order { PIECE } else { rows.end };
        let number = self.passage.enter(batch);
        self.current = Some(Current { rows, number, round });
        Ok(())
    }

    /// Lets rows of the current batch wait, up to its end or to an error.
    fn round(&mut self, current: &mut Current) {
        let Current { rows, number, round } = current;
        self.queue.begin(self.watermark_or_least());
        let start = rows.row;
        let slots = self.walk(rows, rows.end.min(start + *round));
        self.table.grow(self.trails.slots());
        let times = Some(&rows.time.ticks[..]);
        self.table.fold(Fold { inputs: &rows.inputs, start, slots: &slots, times });
        self.wait(*number, rows, start, &slots);
        if rows.row == rows.end {
            self.finish(rows);
            self.passage.release(*number);
        }
        self.release();
    }

    /// Gives the rows their turn that the watermark has passed or, if none of their time is missed, reached.
    fn release(&mut self) {
        // Rows of one time wait for all of them.
        let shared = i64::from(self.span.is_shared());
        self.queue.release(self.watermark_or_least().saturating_add(1 - shared));
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
        let tick = rows.time.ticks[rows.row];
        if !self.holds(tick) {
            return Err(self.parts.out_of_range(rows, rows.row));
        }
        if let Some(before) = &rows.time.before {
            self.reach(before[rows.row]);
        }
        if self.mark.watermark().is_some_and(|watermark| tick < watermark) {
            self.parts.miss(rows, rows.row, (1, 0), self.mark.time() - tick, &self.mark)?;
            self.ledger.late += 1;
            return Ok(NO_SLOT);
        }
        if !rows.time.passive {
            self.reach(tick);
        }
        Ok(self.trails.slot())
    }

    /// Whether the edges of a row's window, and of its blocks, are in the range of event time.
    fn holds(&self, tick: i64) -> bool {
        let Span::Time { from, .. } = self.span else { return true };
        let room = 2 * (from + 1);
        (i64::MIN + room..=i64::MAX - room).contains(&tick)
    }

    fn reach(&mut self, time: i64) {
        if self.mark.reach(time) {
            self.queue.reach(self.watermark_or_least());
        }
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
        self.mark.note_highest(rows);
        if let Some(high) = rows.time.high.as_ref().filter(|_| self.failure.is_none()) {
            self.reach(high.time);
            self.mark.note(&rows.batch, high);
        }
    }

    /// How many rows of its window come after a row.
    fn ahead(&self) -> usize {
        match self.span {
            Span::Rows { ahead, .. } => ahead,
            Span::Time { .. } => 0,
        }
    }

    /// Makes the results of rows that have their turn, a few at a time.
    fn tell(&mut self) {
        let from = self.out.len();
        for _ in 0..self.queue.ready().min(PIECE) {
            let row = self.queue.tell();
            let to = (self.out.len() - from + 1) as u32;
            let told = match self.span {
                Span::Time { from, to: until } => Some(self.tell_time(row, (from, until), to)),
                Span::Rows { rows, ahead } => self.tell_rows(row, rows, ahead, to),
            };
            self.out.extend(told.map(|row| (row.batch, row.row)));
        }
        self.queue.trim();
        self.table.grow(self.trails.slots());
        self.table.merge(self.trails.merges());
        if let Err(error) = self.lower(from) {
            self.fail(error);
        }
        self.clear();
    }

    /// Has the window of a row combined: of those up to its time, in which no row is missing any more.
    fn tell_time(&mut self, row: Waiting, (from, until): (i64, i64), to: u32) -> Waiting {
        while let Some(taken) = self.queue.take(row.tick - until) {
            self.trails.push(taken.key, taken.slot, taken.tick);
        }
        self.trails.result(row.key, (row.tick - from, row.tick - until), to);
        self.pass(row.tick, row.tick + 1);
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
        if !self.by_arrival {
            self.pass(row.tick, row.tick);
        }
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

    /// Notes the time of a row that goes out, whose turn came when the watermark reached `due`.
    fn pass(&mut self, tick: i64, due: i64) {
        let before = self.queue.before(due);
        self.ticks.push(tick);
        self.before.push(before);
    }

    /// Makes columns of the results of the rows from this one on.
    fn lower(&mut self, from: usize) -> Result<()> {
        let slots: Vec<u32> = (1..=(self.out.len() - from) as u32).collect();
        if slots.is_empty() {
            return Ok(());
        }
        match self.table.lower_of_least(self.parts.recipe.outputs(), &slots, self.min_periods) {
            Ok(columns) => {
                self.results.push(slots.len(), columns);
                Ok(())
            }
            Err(unfit) => {
                let (number, row) = self.out[from + unfit.at];
                let error = Error::Overflow(Box::new(Overflow {
                    place: self.passage.place(number, row),
                    column: Some(unfit.output.to_string()),
                    what: format!("{} in the window of a row", unfit.output),
                    reason: unfit.reason,
                }));
                self.out.truncate(from + unfit.at);
                self.ticks.truncate(from + unfit.at);
                self.before.truncate(from + unfit.at);
                self.lower(from).and(Err(error))
            }
        }
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

    /// Sends rows that have their results, as many as lie together.
    fn send(&mut self) -> Batch {
        let most = self.out.len().min(self.parts.batch_rows);
        let rows = Passage::together(&self.out[..most]);
        let batch = self.passage.leave(&self.out[..rows]);
        self.out.drain(..rows);
        let time = match (self.by_arrival, self.ahead()) {
            (false, _) => Some(self.time(rows)),
            (true, 0) => batch.time().cloned(),
            (true, _) => None,
        };
        self.ledger.passed += rows as u64;
        let columns = batch.columns().iter().cloned().chain(self.results.take(rows)).collect();
        batch.with_columns(Arc::clone(&self.parts.shape.schema), columns).with_time(time)
    }

    /// The event time of the next rows that go out.
    fn time(&mut self, rows: usize) -> EventTime {
        EventTime {
            dtype: self.parts.shape.time.clone(),
            ticks: self.ticks.drain(..rows).collect(),
            before: Some(self.before.drain(..rows).collect()),
            high: None,
            passive: false,
        }
    }

    /// Rows that are left, or none but how far event time has come.
    fn flush(&mut self) -> Option<Batch> {
        let rows = self.out.len();
        if rows == 0 && !self.by_arrival && self.mark.watermark() != self.sent_watermark {
            let time = self.time(0);
            return Some(self.high(self.blank(Some(time))));
        }
        if rows == 0 {
            let time = self.blank.take().filter(|_| self.ahead() == 0)?;
            return Some(self.blank(Some(time)));
        }
        let batch = self.send();
        Some(if self.out.is_empty() && !self.by_arrival { self.high(batch) } else { batch })
    }

    /// A batch after which event time has come as far as it has here.
    fn high(&mut self, batch: Batch) -> Batch {
        self.sent_watermark = self.mark.watermark();
        batch.with_high(self.sent_watermark.filter(|_| !self.ended))
    }

    /// A batch without rows.
    fn blank(&self, time: Option<EventTime>) -> Batch {
        let schema = &self.parts.shape.schema;
        let columns: Vec<ArrayRef> =
            schema.fields().iter().map(|field| new_empty_array(&field.dtype.to_arrow())).collect();
        Batch::new(Arc::clone(schema), columns, 0).with_time(time)
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
        let rows = self.trails.memory() + self.queue.memory() + self.passage.memory() + lines;
        (self.table.bytes() + self.parts.keys.memory() + rows + self.results.memory()) as u64
    }
}

impl Stage for Rolling {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.tidy = false;
        if let Err(error) = self.open(batch) {
            self.failure = Some(error);
        }
    }

    fn end(&mut self, _: usize) {
        self.ended = true;
        self.queue.begin(self.watermark_or_least());
        let mut rest: Vec<Waiting> = self.lines.iter_mut().flat_map(|line| line.drain(..)).collect();
        rest.sort_by_key(|row| row.tick);
        self.queue.add(rest.into_iter());
        self.queue.release_all();
    }

    fn idle(&mut self, _: usize) {
        if self.parts.is_quiet()
            && let Some(latest) = self.queue.latest()
        {
            let watermark = latest.saturating_add(i64::from(self.span.is_shared()));
            self.queue.begin(self.watermark_or_least());
            self.reach(watermark.saturating_add(self.parts.lateness));
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
            live_keys: self.trails.live_keys() as u64,
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
