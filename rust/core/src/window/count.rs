//! [`CountWindow`]: the operator of windows of rows.
//!
//! Rows of a key are counted in the order of their times and, at one time, of their arrival: a row has its
//! number once the watermark has reached it ([`Sequence`]). They go through *rounds*, as in [`super::operator`]: rows get the slots of their panes one by one, then
//! all rows of the round are folded column by column, then panes that are full are combined and go out.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};

use super::grid::Grid;
use super::lanes::Lanes;
use super::outlet::{self, Operator, Outlet};
use super::parts::{Parts, Rows};
use super::sequence::{InOrder, Sequence};
use super::strands::Strands;
use crate::aggregate::{Fold, NO_SLOT, Table};
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Result};
use crate::memory;
use crate::stage::{Ledger, Stage};
use crate::types::{DataType, Field, Schema};

/// How many rows a round has.
const ROUND: usize = 8192;

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
    outlet: Outlet,
    grid: Grid,
    /// The schema of the output.
    schema: Arc<Schema>,
    /// Whether rows have event time; if not, their order is that of arrival.
    timed: bool,
    sequence: Sequence,
    lanes: Lanes,
    table: Table,
    /// The combined panes, if a window has several.
    strands: Option<Strands>,
    current: Option<Rows>,
    passed: Option<InOrder>,
    /// The watermark up to which rows are let out of the backlog.
    passing: Option<i64>,
    /// The latest time of a row that has its number.
    latest: i64,
    /// The keys whose windows remain to be given out unfinished, at the end.
    rest: std::vec::IntoIter<u32>,
    slots: Vec<u32>,
    full: Vec<Full>,
    extras: Vec<Extra>,
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
            sequence: Sequence::new(parts.lateness),
            ledger: Ledger::new(parts.name.clone()),
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
            extras: Vec::new(),
            grid,
            timed,
            outlet: Outlet::new(parts),
        })
    }

    /// The schema of the output.
    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Takes in the rows of a batch.
    fn accept(&mut self, current: Rows) {
        let Self { sequence, outlet: Outlet { parts, failure, .. }, ledger, .. } = self;
        match sequence.take(current, parts, ledger, failure) {
            Some(passed) => self.let_pass(passed),
            None => self.passing = self.sequence.mark.watermark(),
        }
    }

    /// Begins to work off rows that have their numbers.
    fn let_pass(&mut self, passed: InOrder) {
        let keys = self.outlet.parts.keys.len();
        self.lanes.prepare(keys);
        if let Some(strands) = &mut self.strands {
            strands.prepare(keys);
        }
        self.latest = passed.times.last().copied().unwrap_or(self.latest);
        self.passed = Some(passed);
    }

    /// Lets the next rows that have waited go by; tells whether there were any.
    fn pass(&mut self, watermark: i64) -> bool {
        let Some(passed) = self.sequence.pass(watermark, &mut self.outlet.parts) else { return false };
        self.let_pass(passed);
        true
    }

    /// Works off the next rows that have their numbers, and sends out what they fill.
    fn round(&mut self, mut passed: InOrder) {
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
    fn complete(&mut self, passed: &InOrder) {
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
                self.outlet.emission.push(key, slot, window, passed.before[row]);
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
        let before = self.sequence.watermark();
        let extra = Extra { time: self.latest.max(self.sequence.mark.time()), complete: false };
        for (slot, start) in (first..).zip(starts) {
            self.outlet.emission.push(key, slot, (start, start + size), before);
            self.extras.push(extra);
        }
        if self.outlet.emission.slots.len() >= ROUND {
            self.lower();
        }
    }
}

impl Operator for CountWindow {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }

    fn work(&mut self) -> bool {
        if let Some(passed) = self.passed.take() {
            self.round(passed);
            return true;
        }
        if let Some(watermark) = self.passing {
            if !self.pass(watermark) {
                self.passing = None;
                self.rest = if self.outlet.ended { self.lanes.by_place() } else { Vec::new() }.into_iter();
            }
            return true;
        }
        if let Some(key) = self.rest.next() {
            self.give_up(key);
            return true;
        }
        let Some(current) = self.current.take() else { return false };
        self.accept(current);
        true
    }

    fn lower(&mut self) {
        let is_combined = self.strands.is_some();
        let table = self.strands.as_mut().map_or(&mut self.table, |strands| &mut strands.results);
        match self.outlet.lower(table) {
            Ok(_) if is_combined => table.keep(&[]),
            Ok(slots) => {
                table.clear(&slots);
                self.lanes.give_back(&slots);
            }
            Err(error) => self.fail(error),
        }
    }

    fn send(&mut self, rows: usize) -> Batch {
        self.ledger.rows_out += rows as u64;
        let sent = self.outlet.send(rows);
        let extras: Vec<Extra> = self.extras.drain(..rows).collect();
        let complete: BooleanArray = extras.iter().map(|extra| Some(extra.complete)).collect();
        let columns = sent.columns().iter().cloned().chain([Arc::new(complete) as ArrayRef]).collect();
        let ticks = extras.iter().map(|extra| extra.time).collect();
        let time = sent.time().filter(|_| self.timed).cloned().map(|time| EventTime { ticks, ..time });
        Batch::new(Arc::clone(&self.schema), columns, rows).with_time(time)
    }

    fn fail(&mut self, error: Error) {
        self.outlet.failure = Some(error);
        self.extras.truncate(self.outlet.emission.len());
        (self.passed, self.passing, self.current) = (None, None, None);
        self.rest = Vec::new().into_iter();
    }

    fn tidy(&mut self) -> Result<()> {
        memory::check(self.state_bytes(), self.outlet.parts.max_state)
    }

    fn state_bytes(&self) -> u64 {
        let strands = self.strands.as_ref().map_or(0, Strands::memory);
        (self.table.bytes()
            + self.lanes.memory()
            + self.sequence.memory()
            + self.outlet.parts.keys.memory()
            + strands) as u64
            + (self.outlet.emission.memory() + self.extras.capacity() * size_of::<Extra>()) as u64
    }

    fn passes_on(&self) -> Option<i64> {
        self.watermark().map(|(ticks, _)| ticks)
    }
}

impl Stage for CountWindow {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held += batch.rows() as u64;
        let (rows, failure) = self.outlet.parts.read(batch, &self.sequence.mark);
        (self.current, self.outlet.failure) = (Some(rows), failure);
    }

    fn end(&mut self, _: usize) {
        self.outlet.ended = true;
        self.passing = Some(i64::MAX);
    }

    fn idle(&mut self, _: usize) {
        if self.outlet.parts.is_quiet()
            && let Some(latest) = self.sequence.latest()
        {
            self.sequence.rest(latest);
            self.passing = Some(latest);
        }
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        outlet::pull(self)
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            open_windows: self.lanes.open(),
            live_keys: self.lanes.live().count() as u64,
            state_bytes: self.state_bytes(),
            ..self.ledger.clone()
        }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        let ticks = self.sequence.mark.watermark().filter(|_| self.timed)?;
        Some((ticks, self.outlet.parts.shape.time.clone()))
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.outlet.parts.aside.take()
    }
}
