//! [`RevisedWindow`]: the operator of windows that give more results than those at their close.
//!
//! A batch is worked off in *rounds*, as in [`super::operator`]; here a round ends wherever the [`Agenda`] may have
//! windows give results, since more rows may go to the same panes. Then its rows are folded column by column, and
//! the answers of those windows are made anew from the panes on the [`Shelf`].

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array};

use super::agenda::Agenda;
use super::mark::Mark;
use super::outlet::{self, Operator, Outlet};
use super::pace::Pace;
use super::parts::{Parts, Rows, work_off};
use super::places::Places;
use super::ruler::{Near, Ruler};
use super::shelf::Shelf;
use crate::aggregate::{Fold, NO_SLOT, Table};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::memory;
use crate::plan::Revisions;
use crate::stage::{Ledger, Stage};
use crate::types::{DataType, Field, Schema};

/// How many results are made columns at a time, and how many rows a round has where nothing ends it before.
const PIECE: usize = 2048;
const ROUND: usize = 8192;

/// The operator of windows that give more results than those at their close.
pub(crate) struct RevisedWindow {
    outlet: Outlet,
    ruler: Ruler,
    /// The schema of the output.
    schema: Arc<Schema>,
    mark: Mark,
    agenda: Agenda,
    shelf: Shelf,
    places: Places,
    current: Option<Rows>,
    slots: Vec<u32>,
    /// Per slot, the latest round in which it got rows.
    rounds: Vec<u64>,
    round: u64,
    /// The keys that were new to their panes.
    fresh: Vec<u32>,
    /// The key of the next row, if results are due because of its time.
    expected: Option<u32>,
    near: Near,
    /// Of each result in the emission, which one of its window it is, and whether that is the last.
    revisions: Vec<(i64, bool)>,
    /// Whether nothing more happens but that results go out.
    halted: bool,
    ledger: Ledger,
}

impl RevisedWindow {
    /// An operator that has seen nothing.
    ///
    /// # Errors
    /// If there is an output that is named like one of [`Revisions::COLUMNS`].
    pub(crate) fn new(ruler: Ruler, pace: Option<Pace>, refine_for: i64, parts: Parts) -> Result<Self> {
        let table = Table::new(&parts.recipe);
        let [revision, is_final] = Revisions::COLUMNS;
        let extra = [Field::new(revision, DataType::Int64), Field::new(is_final, DataType::Bool)];
        let schema = Schema::new(parts.shape.schema.fields().iter().cloned().chain(extra).collect())?;
        Ok(Self {
            schema: Arc::new(schema),
            mark: Mark::new(parts.lateness),
            agenda: Agenda::new(ruler.clone(), pace, refine_for),
            shelf: Shelf::new(ruler.grid(), table),
            places: Places::default(),
            current: None,
            slots: Vec::new(),
            rounds: Vec::new(),
            round: 0,
            fresh: Vec::new(),
            expected: None,
            near: Near::default(),
            revisions: Vec::new(),
            halted: false,
            ledger: Ledger::new(parts.name.clone()),
            ruler,
            outlet: Outlet::new(parts),
        })
    }

    /// The schema of the output.
    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn watermark(&self) -> i64 {
        self.mark.watermark().unwrap_or(i64::MIN)
    }

    /// The watermark of final results, once event time has started.
    fn settled(&self) -> Option<i64> {
        self.mark.watermark().map(|watermark| self.agenda.settled(watermark))
    }

    /// Works off rows of the current batch until it ends, or until results may be due.
    fn round(&mut self, current: &mut Rows) {
        self.round += 1;
        self.slots.clear();
        let (start, expected) = (current.row, self.expected.take());
        if let Err(error) = self.walk(current) {
            self.outlet.failure = Some(error);
            current.end = current.row;
        }
        self.agenda.count(current.row - start);
        let times = Some(&current.time.ticks[..]);
        self.shelf.fold(Fold { inputs: &current.inputs, start, slots: &self.slots, times });
        let accepted = self.slots.iter().filter(|&&slot| slot != NO_SLOT).count();
        self.ledger.aggregated += accepted as u64;
        self.places.hold(&self.fresh);
        self.fresh.clear();
        self.places.hold(self.expected.as_slice());
        self.places.release(expected.as_slice());
    }

    fn walk(&mut self, current: &mut Rows) -> Result<()> {
        let end = current.end.min(current.row + ROUND.min(self.agenda.rows_left()));
        while current.row < end {
            let row = current.row;
            if current.time.before.as_ref().is_some_and(|before| self.reach(before[row])) {
                return Ok(());
            }
            let tick = current.time.ticks[row];
            if !self.ruler.holds(tick) {
                return Err(self.outlet.parts.out_of_range(current, row));
            }
            if !current.time.passive && self.reach(tick) {
                // It is in no result that is due because of its time, but its key takes its place before.
                self.expected = self.near.pane(tick, &self.ruler).map(|_| current.numbers[row]);
                return Ok(());
            }
            self.accept(current, row)?;
            current.row += 1;
            if self.agenda.is_pressed() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Moves event time on; tells whether results may be due then.
    fn reach(&mut self, time: i64) -> bool {
        self.mark.reach(time) && self.watermark() >= self.agenda.due()
    }

    /// Gives a row its slot, unless it missed all its windows or has none.
    fn accept(&mut self, current: &Rows, row: usize) -> Result<()> {
        let tick = current.time.ticks[row];
        if tick < self.watermark() && !self.admit(current, row)? {
            self.slots.push(NO_SLOT);
            return Ok(());
        }
        let Some(pane) = self.near.pane(tick, &self.ruler) else {
            self.ledger.windowless += 1;
            self.slots.push(NO_SLOT);
            return Ok(());
        };
        let key = current.numbers[row];
        let (slot, is_fresh) = self.shelf.slot(pane, key);
        self.slots.push(slot);
        if is_fresh {
            self.fresh.push(key);
            self.rounds.resize(self.shelf.len(), 0);
        }
        if self.rounds[slot as usize] != self.round {
            self.rounds[slot as usize] = self.round;
            self.agenda.touch(pane, key);
        }
        Ok(())
    }

    /// Deals with a row behind the watermark; tells whether a window has it that is not final yet.
    fn admit(&mut self, current: &Rows, row: usize) -> Result<bool> {
        let (tick, watermark) = (current.time.ticks[row], self.watermark());
        let settled = self.agenda.settled(watermark);
        let (missed, open) = if tick < settled { self.ruler.missed(tick, settled) } else { (0, 1) };
        if missed > 0 {
            // Then the first of its windows would not have been final.
            let enough =
                settled.saturating_add(self.outlet.parts.lateness).saturating_sub(self.ruler.next_end(tick) - 1);
            self.outlet.parts.miss(current, row, (missed, open), enough, &self.mark)?;
            if open == 0 {
                self.ledger.late += 1;
                return Ok(false);
            }
            self.ledger.partly_late += 1;
        }
        if self.agenda.is_immediate() && self.ruler.missed(tick, watermark).0 > missed {
            self.agenda.press();
        }
        Ok(true)
    }

    /// Has the next window give results that are due; tells whether there was one.
    fn answer(&mut self) -> bool {
        if self.halted {
            return false;
        }
        let Some(results) = self.agenda.next(self.watermark(), &self.places) else { return false };
        let edges = self.ruler.edges(results.last);
        // A day that the zone skipped has no window, even if its edges are closed.
        if edges.0 < edges.1 {
            self.outlet.emission.slots.extend(self.shelf.answer(results.last, &results.keys));
            self.outlet.emission.keys.extend(results.keys);
            self.outlet.emission.close(edges, results.before);
            self.revisions.extend(results.revisions.into_iter().map(|revision| (revision, results.is_final)));
        }
        if results.is_final {
            self.leave(results.last);
        }
        true
    }

    /// Lets windows hear of the rows of a round.
    fn catch_up(&mut self) {
        if let Err(error) = self.agenda.catch_up(self.outlet.parts.max_state) {
            self.fail(error);
        }
    }

    /// Lets go of the panes that no window after this one has.
    fn leave(&mut self, last: i64) {
        while let Some(keys) = self.shelf.pop(last) {
            self.places.release(&keys);
        }
        self.places.close_gaps();
    }

    /// Ends the current batch: what it did to event time, and its late rows.
    fn finish(&mut self, current: &Rows) {
        self.outlet.parts.finish(current, &mut self.mark, &mut self.ledger);
        if let Some(high) = current.high() {
            self.reach(high.time);
            self.mark.note(&current.batch, &high);
        }
    }
}

impl Operator for RevisedWindow {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }

    fn work(&mut self) -> bool {
        if self.outlet.emission.slots.len() >= PIECE {
            self.lower();
            return true;
        }
        if self.agenda.is_behind() {
            self.catch_up();
            return true;
        }
        if self.answer() {
            return true;
        }
        let worked = work_off(self, |own| (&mut own.current, &mut own.ledger), Self::round, Self::finish);
        self.catch_up();
        worked
    }

    fn is_amid(&self) -> bool {
        self.agenda.is_behind()
    }

    fn lower(&mut self) {
        match self.outlet.lower(&self.shelf.answers) {
            Ok(_) => self.shelf.answers.keep(&[]),
            Err(error) => self.fail(error),
        }
    }

    fn send(&mut self, rows: usize) -> Batch {
        self.ledger.rows_out += rows as u64;
        let sent = self.outlet.send(rows);
        let (revision, is_final): (Vec<i64>, Vec<bool>) = self.revisions.drain(..rows).unzip();
        let extra: [ArrayRef; 2] = [Arc::new(Int64Array::from(revision)), Arc::new(BooleanArray::from(is_final))];
        let columns = sent.columns().iter().cloned().chain(extra).collect();
        Batch::new(Arc::clone(&self.schema), columns, rows).with_time(sent.time().cloned())
    }

    fn fail(&mut self, error: Error) {
        self.revisions.truncate(self.outlet.emission.len());
        self.agenda.stop();
        (self.outlet.failure, self.current, self.halted) = (Some(error), None, true);
    }

    fn tidy(&mut self) -> Result<()> {
        let gone = self.places.given_up(&self.outlet.parts.keys);
        if !gone.is_empty() {
            self.outlet.parts.keys.forget(gone.into_iter());
        }
        memory::check(self.state_bytes(), self.outlet.parts.max_state)
    }

    fn state_bytes(&self) -> u64 {
        let windows = self.agenda.memory() + self.shelf.memory() + self.rounds.capacity() * 8;
        let results = self.outlet.emission.memory() + self.revisions.capacity() * size_of::<(i64, bool)>();
        (windows + self.places.memory() + self.outlet.parts.keys.memory() + results) as u64
    }

    fn passes_on(&self) -> Option<i64> {
        self.settled()
    }
}

impl Stage for RevisedWindow {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held = batch.rows() as u64;
        let (rows, failure) = self.outlet.parts.read(batch, &self.mark);
        (self.current, self.outlet.failure) = (Some(rows), failure);
    }

    fn end(&mut self, _: usize) {
        self.outlet.ended = true;
        self.agenda.end(self.watermark());
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        outlet::pull(self)
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            open_windows: self.agenda.len() as u64,
            live_keys: self.places.live() as u64,
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
