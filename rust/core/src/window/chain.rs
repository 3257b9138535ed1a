//! [`ChainWindow`]: the operator of sessions that end by more than one gap: at their greatest length, with a row
//! for which a condition holds, or after a gap that is each row's own.
//!
//! Where such a session ends depends on the order of its rows, so that they are put in order first
//! ([`Sequence`]). Then they go through *rounds*, as in [`super::operator`]: rows get the slots of their sessions
//! one by one, then all rows of the round are folded column by column. When the rows that a batch lets go by are
//! through, the sessions that are due go out, in the order of their ends.

use super::chains::{Chains, Link};
use super::leaving::Leaving;
use super::outlet::{self, Operator, Outlet};
use super::parts::Parts;
use super::reach::{Reach, Reaches};
use super::sequence::{InOrder, Sequence};
use super::session::ROUND;
use crate::aggregate::{Fold, Table};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::memory;
use crate::stage::{Ledger, Stage};
use crate::types::DataType;

/// The operator of sessions that end by more than one gap.
pub(crate) struct ChainWindow {
    reach: Reach,
    outlet: Outlet,
    sequence: Sequence,
    chains: Chains,
    table: Table,
    current: Option<Batch>,
    passed: Option<(InOrder, Reaches)>,
    /// The watermark up to which rows go by, and sessions are closed.
    passing: Option<i64>,
    leaving: Leaving,
    slots: Vec<u32>,
    /// How many keys without a session may be known at least, since they may come back: twice as many as the
    /// longest batch has rows.
    idle: usize,
    ledger: Ledger,
}

impl ChainWindow {
    /// An operator that has seen nothing.
    pub(crate) fn new(reach: Reach, parts: Parts) -> Self {
        Self {
            sequence: Sequence::new(parts.lateness),
            chains: Chains::new(reach.longest()),
            table: Table::new(&parts.recipe),
            ledger: Ledger::new(parts.name.clone()),
            current: None,
            passed: None,
            passing: None,
            leaving: Leaving::default(),
            slots: Vec::new(),
            idle: 1024,
            reach,
            outlet: Outlet::new(parts),
        }
    }

    /// Takes in the rows of a batch, up to the first in error.
    fn accept(&mut self, batch: Batch) {
        let Self { sequence, outlet: Outlet { parts, failure, .. }, ledger, .. } = self;
        let (mut rows, found) = parts.read(batch, &sequence.mark);
        *failure = found;
        let reaches = self.reach.read_checked(&mut rows, parts, failure);
        self.passed = sequence.take(rows, parts, ledger, failure).map(|passed| (passed, reaches));
        self.passing = Some(self.sequence.watermark());
    }

    /// Lets the next rows that have waited go by; tells whether there were any.
    fn pass(&mut self, watermark: i64) -> bool {
        let Some(passed) = self.sequence.pass(watermark, &mut self.outlet.parts) else { return false };
        let (reaches, _) = self.reach.read(&passed.batch);
        self.passed = Some((passed, reaches));
        true
    }

    /// Works off the next rows that go by.
    fn round(&mut self, mut passed: InOrder, reaches: Reaches) {
        self.chains.prepare(self.outlet.parts.keys.len());
        let (start, end) = (passed.row, passed.numbers.len().min(passed.row + ROUND));
        self.slots.clear();
        for row in start..end {
            self.slots.push(self.chains.accept(Link {
                key: passed.numbers[row],
                time: passed.times[row],
                reach: reaches.of(row),
                ends: reaches.ends(row),
                before: passed.before[row],
            }));
        }
        self.table.grow(self.chains.slots());
        let times = Some(&passed.times[..]);
        self.table.fold(Fold { inputs: &passed.inputs, start, slots: &self.slots, times });
        self.ledger.aggregated += (end - start) as u64;
        self.ledger.held -= (end - start) as u64;
        passed.row = end;
        self.passed = Some((passed, reaches)).filter(|(passed, _)| passed.row < passed.numbers.len());
    }

    /// Makes results of closed sessions, a few at a time.
    fn emit(&mut self) {
        self.leaving.leave(&mut self.outlet.emission, self.outlet.parts.shape.closed);
        self.lower();
    }
}

impl Operator for ChainWindow {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }

    fn work(&mut self) -> bool {
        if !self.leaving.is_empty() {
            self.emit();
            return true;
        }
        if let Some((passed, reaches)) = self.passed.take() {
            self.round(passed, reaches);
            return true;
        }
        if let Some(watermark) = self.passing {
            if !self.pass(watermark) {
                self.passing = None;
                self.leaving = Leaving::new(self.chains.close(watermark));
            }
            return true;
        }
        let Some(batch) = self.current.take() else { return false };
        self.accept(batch);
        true
    }

    fn lower(&mut self) {
        match self.outlet.lower(&self.table) {
            Ok(slots) => {
                self.table.clear(&slots);
                self.chains.give_back(&slots);
            }
            Err(error) => self.fail(error),
        }
    }

    fn send(&mut self, rows: usize) -> Batch {
        self.ledger.rows_out += rows as u64;
        self.outlet.send(rows)
    }

    fn fail(&mut self, error: Error) {
        self.outlet.failure = Some(error);
        self.leaving = Leaving::default();
        (self.passed, self.passing, self.current) = (None, None, None);
    }

    fn tidy(&mut self) -> Result<()> {
        let (keys, live) = (&mut self.outlet.parts.keys, self.chains.live_keys());
        let idle = keys.held() - live;
        if idle >= self.idle && idle >= live {
            self.chains.prepare(keys.len());
            keys.forget(self.chains.forget().into_iter());
        }
        memory::check(self.state_bytes(), self.outlet.parts.max_state)
    }

    fn state_bytes(&self) -> u64 {
        let rows = self.chains.memory() + self.sequence.memory() + self.outlet.emission.memory();
        (self.table.bytes() + self.outlet.parts.keys.memory() + rows) as u64
    }

    fn passes_on(&self) -> Option<i64> {
        self.sequence.mark.watermark()
    }
}

impl Stage for ChainWindow {
    fn push(&mut self, _: usize, batch: Batch) {
        self.idle = self.idle.max(2 * batch.rows());
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held += batch.rows() as u64;
        self.current = Some(batch);
    }

    fn end(&mut self, _: usize) {
        self.outlet.ended = true;
        self.passing = Some(i64::MAX);
    }

    fn idle(&mut self, _: usize) {
        // Sessions of rows that wait close the next time, when their ends are known.
        if self.outlet.parts.is_quiet()
            && let Some(until) = self.sequence.latest().or(self.chains.all_due(self.sequence.watermark()))
        {
            self.sequence.rest(until);
            self.passing = Some(until);
        }
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        outlet::pull(self)
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            open_windows: self.chains.open() as u64,
            live_keys: self.chains.live_keys() as u64,
            state_bytes: self.state_bytes(),
            ..self.ledger.clone()
        }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        self.sequence.mark.watermark().map(|ticks| (ticks, self.outlet.parts.shape.time.clone()))
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.outlet.parts.aside.take()
    }
}
