//! [`CountWindow`]: the operator of windows of rows.
//!
//! Rows of a key are counted in the order of their times and, at one time, of their arrival: a row has its
//! number once the watermark has passed it. Nearly always that is when it comes, so that a batch is worked
//! off as it is; rows that have to wait do so in the [`Backlog`], and come out as batches in their order.
//! Those go through *rounds*, as in [`super::operator`]: rows get the slots of their panes one by one, then
//! all rows of the round are folded column by column, then panes that are full are combined and go out.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::ScalarBuffer;

use super::backlog::Backlog;
use super::emission::Emission;
use super::grid::Grid;
use super::lanes::Lanes;
use super::mark::Mark;
use super::parts::{Parts, Rows};
use super::strands::Strands;
use crate::aggregate::{Fold, Inputs, NO_SLOT, Table};
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Result};
use crate::memory;
use crate::stage::{Ledger, Stage};
use crate::types::{DataType, Field, Schema};

/// How many rows a round has.
const ROUND: usize = 8192;

/// Rows in their order, which are being worked off.
struct Passed {
    inputs: Arc<Inputs>,
    numbers: Vec<u32>,
    times: ScalarBuffer<i64>,
    /// Where the watermark stood before it passed each of them.
    before: Vec<i64>,
    /// The next row to work off.
    row: usize,
}

/// A pane that is full.
struct Full {
    key: u32,
    pane: i64,
    slot: u32,
    /// The row that filled it.
    row: usize,
}

/// What a result has beside what [`Emission`] knows.
#[derive(Clone, Copy)]
struct Extra {
    time: i64,
    complete: bool,
}

/// The operator of windows of rows.
pub(crate) struct CountWindow {
    parts: Parts,
    grid: Grid,
    /// The schema of the output.
    schema: Arc<Schema>,
    /// Whether rows have event time; if not, their order is that of arrival.
    timed: bool,
    mark: Mark,
    /// The watermarks that the current batch came by, from the one before it on.
    steps: Vec<i64>,
    backlog: Backlog,
    lanes: Lanes,
    table: Table,
    /// The combined panes, if a window has several.
    strands: Option<Strands>,
    current: Option<Rows>,
    passed: Option<Passed>,
    /// The watermark up to which rows are let out of the backlog.
    passing: Option<i64>,
    /// The latest time of a row that has its number.
    latest: i64,
    /// The keys whose windows remain to be given out unfinished, at the end.
    rest: std::vec::IntoIter<u32>,
    slots: Vec<u32>,
    full: Vec<Full>,
    emission: Emission,
    extras: Vec<Extra>,
    failure: Option<Error>,
    ended: bool,
    /// The watermark that was last passed on.
    sent_watermark: Option<i64>,
    ledger: Ledger,
}

impl CountWindow {
    /// An operator that has seen nothing, of windows on this grid of row numbers.
    ///
    /// # Errors
    /// If there is an output that is named `complete`.
    pub(crate) fn new(grid: Grid, timed: bool, parts: Parts) -> Result<Self> {
        let table = Table::new(&parts.recipe);
        let complete = Field::new("complete", DataType::Bool);
        let schema = Schema::new(parts.shape.schema.fields().iter().cloned().chain([complete]).collect())?;
        Ok(Self {
            schema: Arc::new(schema),
            mark: Mark::new(parts.lateness),
            ledger: Ledger::new(parts.name.clone()),
            steps: Vec::new(),
            backlog: Backlog::default(),
            lanes: Lanes::new(grid),
            strands: (grid.panes() > 1).then(|| Strands::new(grid, &table)),
            table,
            current: None,
            passed: None,
            passing: None,
            latest: i64::MIN,
            rest: Vec::new().into_iter(),
            slots: Vec::new(),
            full: Vec::new(),
            emission: Emission::default(),
            extras: Vec::new(),
            failure: None,
            ended: false,
            sent_watermark: None,
            grid,
            timed,
            parts,
        })
    }

    /// The schema of the output.
    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Takes in the rows of a batch: those that are on time, up to the first in error.
    fn accept(&mut self, mut current: Rows) {
        let (mut rows, mut before) = (Vec::new(), Vec::new());
        self.steps.clear();
        self.steps.push(self.mark.watermark().unwrap_or(i64::MIN));
        if let Err(error) = self.walk(&mut current, &mut rows, &mut before) {
            self.failure = Some(error);
        }
        self.finish(&current);
        let times = &current.time.ticks;
        let at_once = before.iter().copied().collect::<Option<Vec<i64>>>().filter(|_| {
            let is_whole = rows.len() == current.batch.rows() && self.backlog.is_empty();
            is_whole && current.time.is_sorted()
        });
        if let Some(before) = at_once {
            let (inputs, numbers, times) = (current.inputs, current.numbers, current.time.ticks);
            return self.let_pass(Passed { inputs, numbers, times, before, row: 0 });
        }
        let times: Vec<i64> = rows.iter().map(|&row| times[row as usize]).collect();
        if !rows.is_empty() {
            self.backlog.add(current.batch.pick(&rows), &times, &before);
        }
        self.passing = self.mark.watermark();
    }

    /// Goes through the rows of a batch: gives those that are on time, and for each where the watermark
    /// stood before it passed the row, if it has by the next one.
    fn walk(&mut self, current: &mut Rows, rows: &mut Vec<u32>, before: &mut Vec<Option<i64>>) -> Result<()> {
        let ticks = current.time.ticks.clone();
        for (row, &tick) in ticks[..current.end].iter().enumerate() {
            current.row = row;
            if let Some(before) = &current.time.before {
                self.reach(before[row]);
            }
            let watermark = self.mark.watermark().unwrap_or(i64::MIN);
            if tick < watermark {
                self.miss(current, row)?;
                continue;
            }
            if !current.time.passive {
                self.reach(tick);
            }
            let has_passed = self.mark.watermark().is_some_and(|now| tick <= now);
            rows.push(row as u32);
            before.push(has_passed.then_some(watermark));
        }
        current.row = current.end;
        Ok(())
    }

    fn reach(&mut self, time: i64) {
        if self.mark.reach(time) {
            self.steps.extend(self.mark.watermark());
        }
    }

    /// Deals with a row that is late.
    fn miss(&mut self, current: &Rows, row: usize) -> Result<()> {
        let enough = self.mark.time() - current.time.ticks[row];
        self.parts.miss(current, row, (1, 0), enough, &self.mark)?;
        self.ledger.late += 1;
        self.ledger.held -= 1;
        Ok(())
    }

    /// Ends a batch that has been taken in: its late rows, and what it did to event time.
    fn finish(&mut self, current: &Rows) {
        self.parts.aside.leave(&current.batch);
        self.mark.note_highest(current);
        if let Some(high) = current.time.high.as_ref().filter(|_| self.failure.is_none()) {
            self.reach(high.time);
            self.mark.note(&current.batch, high);
        }
    }

    /// Begins to work off rows that have their numbers.
    fn let_pass(&mut self, passed: Passed) {
        let keys = self.parts.keys.len();
        self.lanes.prepare(keys);
        if let Some(strands) = &mut self.strands {
            strands.prepare(keys);
        }
        self.latest = passed.times.last().copied().unwrap_or(self.latest);
        self.passed = Some(passed);
    }

    /// Lets the next rows out of the backlog; tells whether there were any.
    fn pass(&mut self, watermark: i64) -> bool {
        let Some(passed) = self.backlog.pass(watermark, &self.steps) else { return false };
        let (inputs, numbers, _) = self.parts.values(&passed.rows);
        self.let_pass(Passed { inputs, numbers, times: passed.times.into(), before: passed.before, row: 0 });
        true
    }

    /// Works off the next rows that have their numbers, and sends out what they fill.
    fn round(&mut self, mut passed: Passed) {
        let (start, end) = (passed.row, passed.numbers.len().min(passed.row + ROUND));
        self.slots.clear();
        for row in start..end {
            let key = passed.numbers[row];
            let (slot, full) = self.lanes.accept(key);
            self.slots.push(slot);
            self.full.extend(full.map(|pane| Full { key, pane, slot, row }));
        }
        self.table.grow(self.lanes.slots());
        let times = Some(&passed.times[..]);
        self.table.fold(Fold { inputs: &passed.inputs, start, slots: &self.slots, times });
        let windowless = self.slots.iter().filter(|&&slot| slot == NO_SLOT).count() as u64;
        self.ledger.windowless += windowless;
        self.ledger.aggregated += (end - start) as u64 - windowless;
        self.ledger.held -= (end - start) as u64;
        passed.row = end;
        self.complete(&passed);
        self.passed = Some(passed).filter(|passed| passed.row < passed.numbers.len());
        self.lower();
    }

    /// Makes results of the windows that the full panes complete.
    fn complete(&mut self, passed: &Passed) {
        let mut gone = Vec::new();
        for Full { key, pane, slot, row } in self.full.drain(..) {
            let result = match &mut self.strands {
                None => Some((slot, self.grid.window(pane))),
                Some(strands) => {
                    let at = strands.results.len() as u32;
                    strands.take(key, (pane, slot), &self.table, &mut gone).map(|window| (at, window))
                }
            };
            if let Some((slot, window)) = result {
                self.emission.push(key, slot, window, passed.before[row]);
                self.extras.push(Extra { time: passed.times[row], complete: true });
            }
        }
        self.table.clear(&gone);
        self.lanes.give_back(&gone);
    }

    /// Makes results of the windows of a key that are not complete at the end.
    fn give_up(&mut self, key: u32) {
        let (slot, (size, step)) = (self.lanes.slot(key), self.grid.shape());
        let starts = self.lanes.windows(key).map(|window| window * step);
        let first = match &mut self.strands {
            None => slot.unwrap_or(NO_SLOT),
            Some(strands) => {
                let at = strands.results.len() as u32;
                strands.finish(key, slot, starts.clone(), &self.table);
                at
            }
        };
        let before = self.mark.watermark().unwrap_or(i64::MIN);
        let extra = Extra { time: self.latest.max(self.mark.time()), complete: false };
        for (slot, start) in (first..).zip(starts) {
            self.emission.push(key, slot, (start, start + size), before);
            self.extras.push(extra);
        }
        if self.emission.slots.len() >= ROUND {
            self.lower();
        }
    }

    /// Makes columns of the results that are none yet, and lets go of their slots.
    fn lower(&mut self) {
        let (parts, is_combined) = (&mut self.parts, self.strands.is_some());
        let table = self.strands.as_mut().map_or(&mut self.table, |strands| &mut strands.results);
        match self.emission.lower(table, &parts.recipe, &mut parts.keys, &parts.shape) {
            Ok(_) if is_combined => table.keep(&[]),
            Ok(slots) => {
                table.clear(&slots);
                self.lanes.give_back(&slots);
            }
            Err(error) => self.fail(error),
        }
    }

    /// Drops what is under way: after the results that are ready comes an error.
    fn fail(&mut self, error: Error) {
        self.failure = Some(error);
        self.extras.truncate(self.emission.len());
        (self.passed, self.passing, self.current) = (None, None, None);
        self.rest = Vec::new().into_iter();
    }

    fn send(&mut self, rows: usize) -> Batch {
        self.ledger.rows_out += rows as u64;
        let sent = self.emission.send(rows, &mut self.parts.keys, &self.parts.shape);
        let extras: Vec<Extra> = self.extras.drain(..rows).collect();
        let complete: BooleanArray = extras.iter().map(|extra| Some(extra.complete)).collect();
        let columns = sent.columns().iter().cloned().chain([Arc::new(complete) as ArrayRef]).collect();
        let ticks = extras.iter().map(|extra| extra.time).collect();
        let time = sent.time().filter(|_| self.timed).cloned().map(|time| EventTime { ticks, ..time });
        Batch::new(Arc::clone(&self.schema), columns, rows).with_time(time)
    }

    /// The last batch that the current input gives: the results that are left, or none but the watermark.
    fn flush(&mut self) -> Result<Option<Batch>> {
        let (watermark, limit) = (self.watermark().map(|(ticks, _)| ticks), self.parts.max_state);
        if self.emission.len() == 0 && watermark == self.sent_watermark {
            return memory::check(self.state_bytes(), limit).map(|()| None);
        }
        self.lower();
        let batch = self.send(self.emission.len());
        if self.failure.is_none()
            && let Err(error) = memory::check(self.state_bytes(), limit)
        {
            self.fail(error);
        }
        self.sent_watermark = watermark;
        Ok(Some(batch.with_high(watermark.filter(|_| !self.ended))))
    }

    fn state_bytes(&self) -> u64 {
        let strands = self.strands.as_ref().map_or(0, Strands::memory);
        (self.table.bytes() + self.lanes.memory() + self.backlog.memory() + self.parts.keys.memory() + strands)
            as u64
            + (self.emission.memory() + self.extras.capacity() * size_of::<Extra>()) as u64
    }
}

impl Stage for CountWindow {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held += batch.rows() as u64;
        match self.parts.read(batch, &self.mark) {
            Ok((rows, failure)) => (self.current, self.failure) = (Some(rows), failure),
            Err(error) => self.failure = Some(error),
        }
    }

    fn end(&mut self, _: usize) {
        self.ended = true;
        self.steps.clear();
        self.steps.push(self.mark.watermark().unwrap_or(i64::MIN));
        self.passing = Some(i64::MAX);
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        loop {
            let is_full = self.emission.len() >= self.parts.batch_rows;
            if is_full && !self.emission.slots.is_empty() {
                self.lower();
                continue;
            }
            if is_full {
                let batch = self.send(self.parts.batch_rows);
                if let Err(error) = memory::check(self.state_bytes(), self.parts.max_state) {
                    self.fail(error);
                }
                return Ok(Some(batch));
            }
            if let Some(passed) = self.passed.take() {
                self.round(passed);
                continue;
            }
            if let Some(watermark) = self.passing {
                if !self.pass(watermark) {
                    self.passing = None;
                    self.rest = if self.ended { self.lanes.live() } else { Vec::new() }.into_iter();
                }
                continue;
            }
            if let Some(key) = self.rest.next() {
                self.give_up(key);
                continue;
            }
            if let Some(current) = self.current.take() {
                self.accept(current);
                continue;
            }
            return match self.flush()? {
                Some(batch) => Ok(Some(batch)),
                None => self.failure.take().map_or(Ok(None), Err),
            };
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            open_windows: self.lanes.open(),
            live_keys: self.lanes.live().len() as u64,
            state_bytes: self.state_bytes(),
            ..self.ledger.clone()
        }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        let ticks = self.mark.watermark().filter(|_| self.timed)?;
        Some((ticks, self.parts.shape.time.clone()))
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.parts.aside.take()
    }
}
