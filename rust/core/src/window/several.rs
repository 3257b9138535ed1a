//! [`SeveralWindows`]: windows of several kinds over the same rows, in one pass.
//!
//! Rows are read once: their keys get numbers, the inputs of aggregates are evaluated, and what becomes of
//! each row is decided before any operator sees it. Then kinds of windows that have the same panes share an operator,
//! the others have one each, which knows keys by their numbers and gives results as if it were alone: several work at
//! a time, side by side. A [`Braid`] puts what they give in one order.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt32Type};
use arrow_array::{ArrayRef, DictionaryArray, StringArray, new_empty_array};

use super::braid::{Braid, Splice};
use super::edges::{Closed, Label};
use super::emission::{Failed, Shape};
use super::keys::Keys;
use super::late::{Aside, Late};
use super::mark::Mark;
use super::operator::{PIECE, Window};
use super::parts::{Parts, Rows};
use super::ruler::Ruler;
use crate::batch::{Batch, EventTime};
use crate::error::{Error, Result};
use crate::helpers::{Helpers, Job};
use crate::memory;
use crate::pool::Pool;
use crate::stage::{Ledger, Stage};
use crate::time;
use crate::types::{DataType, Field, Schema};

/// So many rows are worth waking threads.
const WORTH_WAKING: usize = 1 << 12;

/// The columns of what operators give that hold the numbers of keys, and those of kinds of windows.
const KEY: usize = 2;
pub(super) const KIND: usize = 3;

/// The operator of several kinds of windows.
pub(crate) struct SeveralWindows {
    parts: Parts,
    schema: Arc<Schema>,
    names: Arc<StringArray>,
    /// Of each kind of windows, as many as there are names.
    rulers: Vec<Ruler>,
    lanes: Vec<Lane>,
    helpers: Helpers<Work>,
    /// Whether all have work that is worth waking threads.
    is_worth: bool,
    braid: Braid,
    mark: Mark,
    /// No results, as operators give them.
    none: Batch,
    failure: Option<Error>,
    ended: bool,
    /// The watermark to pass on after the results, and the one that was last passed on.
    watermark: Option<i64>,
    sent_watermark: Option<i64>,
    ledger: Ledger,
}

/// Kinds of windows that have the same panes.
struct Lane {
    operator: Window,
    /// Rows that it has yet to begin with.
    rows: Option<Rows>,
    /// How many results it may give at a time.
    most: usize,
    /// What it has given, until somebody asks.
    given: VecDeque<Result<Option<Batch>>>,
}

impl Lane {
    /// Works until there are as many results as it may give, or until nothing is left to do.
    fn work(&mut self) {
        if let Some(rows) = self.rows.take() {
            self.operator.start(rows);
        }
        let (mut given, mut is_over) = (0, false);
        while given < self.most && !is_over {
            let results = self.operator.pull();
            match &results {
                Ok(Some(batch)) => given += batch.rows().max(1),
                _ => is_over = true,
            }
            self.given.push_back(results);
        }
    }
}

/// What threads do side by side.
enum Work {
    Lane(Lane),
    Splice(Splice),
}

impl Work {
    fn lane(self) -> Option<Lane> {
        if let Self::Lane(lane) = self { Some(lane) } else { None }
    }

    fn splice(self) -> Option<Splice> {
        if let Self::Splice(splice) = self { Some(splice) } else { None }
    }
}

impl Job for Work {
    fn carry_out(&mut self) {
        match self {
            Self::Lane(lane) => lane.work(),
            Self::Splice(splice) => splice.make(),
        }
    }

    /// The more results there have been of a kind of windows, the more there is to do for it.
    fn length(&self) -> u64 {
        match self {
            Self::Lane(lane) => lane.operator.ledger().rows_out,
            Self::Splice(_) => 0,
        }
    }
}

impl SeveralWindows {
    /// An operator that has seen nothing, of windows and the names that results know them by. The threads
    /// of a pool work for it.
    ///
    /// # Errors
    /// If there is an output that is named `window`.
    pub(crate) fn new(windows: Vec<(String, Ruler)>, parts: Parts, pool: &Pool) -> Result<Self> {
        let fields = [Field::new("window", DataType::Text)];
        let schema = Schema::new(fields.into_iter().chain(parts.shape.schema.fields().iter().cloned()).collect())?;
        let (names, rulers): (Vec<String>, Vec<Ruler>) = windows.into_iter().unzip();
        let numbered = numbered(&parts)?;
        let lane = |kinds: Vec<(i32, Ruler)>| {
            let own = of_numbers(&parts, &numbered, kinds[0].1.closed())?;
            let operator = Window::of_kinds(kinds, own, pool);
            Ok(Lane { operator, rows: None, most: parts.batch_rows, given: VecDeque::new() })
        };
        let lanes: Vec<Lane> = families(&rulers, parts.late).into_iter().map(lane).collect::<Result<_>>()?;
        Ok(Self {
            schema: Arc::new(schema),
            braid: Braid::new(lanes.len()),
            helpers: Helpers::new(pool),
            is_worth: false,
            names: Arc::new(StringArray::from(names)),
            rulers,
            lanes,
            mark: Mark::new(parts.lateness),
            none: none(numbered, &time::computed(&parts.shape.time)),
            failure: None,
            ended: false,
            watermark: None,
            sent_watermark: None,
            ledger: Ledger::new(parts.name.clone()),
            parts,
        })
    }

    /// The schema of the output.
    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Reads a batch, decides what becomes of its rows, and gives those before the first in error to all.
    fn read(&mut self, batch: Batch) {
        let (mut rows, failure) = self.parts.read(batch, &self.mark);
        self.failure = failure;
        if let Err(error) = self.survey(&mut rows) {
            self.failure = Some(error);
        }
        self.parts.aside.leave(&rows.batch);
        self.ledger.held = (rows.batch.rows() - rows.end) as u64;
        self.mark.note_highest(&rows);
        if let Some(high) = rows.high() {
            self.mark.reach(high.time);
            self.mark.note(&rows.batch, &high);
        }
        self.watermark = self.mark.watermark();
        for lane in &mut self.lanes {
            lane.rows = Some(rows.clone());
        }
        self.is_worth = rows.end >= WORTH_WAKING;
        self.braid.open();
    }

    /// Accounts for each row, as far as there is no error, and moves the mark.
    fn survey(&mut self, rows: &mut Rows) -> Result<()> {
        if self.is_plain(rows) {
            rows.time.ticks[..rows.end].last().map(|&tick| self.mark.reach(tick));
            self.ledger.aggregated += rows.end as u64;
            return Ok(());
        }
        for row in 0..rows.end {
            if let Err(error) = self.admit(rows, row) {
                rows.end = row;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether no row misses a window: they are in the order of their times, which windows have all of.
    fn is_plain(&self, rows: &Rows) -> bool {
        let time = &rows.time;
        let holds =
            |tick: Option<&i64>| tick.is_none_or(|&tick| self.rulers.iter().all(|ruler| ruler.holds(tick)));
        !time.passive
            && time.before.is_none()
            && !self.rulers.iter().all(|ruler| ruler.grid().has_gaps())
            && rows.in_order
            && time.ticks.first().is_none_or(|&first| first >= rows.mark)
            && holds(time.ticks.first())
            && holds(time.ticks.last())
    }

    fn admit(&mut self, rows: &Rows, row: usize) -> Result<()> {
        let tick = rows.time.ticks[row];
        if let Some(before) = &rows.time.before {
            self.mark.reach(before[row]);
        }
        if !self.rulers.iter().all(|ruler| ruler.holds(tick)) {
            return Err(self.parts.out_of_range(rows, row));
        }
        let (missed, open) = self.windows_of(tick);
        if missed > 0 {
            let enough = self.enough(tick);
            self.parts.miss(rows, row, (missed, open), enough, &self.mark)?;
        }
        match (missed, open) {
            (0, 0) => self.ledger.windowless += 1,
            (_, 0) => self.ledger.late += 1,
            _ => self.ledger.aggregated += 1,
        }
        self.ledger.partly_late += u64::from(missed > 0 && open > 0);
        if !rows.time.passive {
            self.mark.reach(tick);
        }
        Ok(())
    }

    /// How many windows a row of this time misses, and in how many it counts; of a row that misses none, the
    /// latter is only told from 0.
    fn windows_of(&self, tick: i64) -> (u64, u64) {
        match self.mark.watermark() {
            Some(watermark) if tick < watermark => {
                let each = self.rulers.iter().map(|ruler| ruler.missed(tick, watermark));
                each.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
            }
            _ => (0, u64::from(self.rulers.iter().any(|ruler| ruler.pane(tick).is_some()))),
        }
    }

    /// The lateness with which a row of this time, which misses some, would have missed no window.
    fn enough(&self, tick: i64) -> i64 {
        let watermark = self.mark.watermark().unwrap_or(i64::MIN);
        let missing = self.rulers.iter().filter(|ruler| ruler.missed(tick, watermark).0 > 0);
        let first_end = missing.map(|ruler| ruler.next_end(tick)).min().unwrap_or(tick);
        self.mark.time().saturating_sub(first_end - 1)
    }

    /// Lets all operators work side by side, if they have enough to do.
    fn work(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_worth) {
            let lanes = self.lanes.drain(..).map(Work::Lane).collect();
            self.lanes = self.helpers.carry_out(lanes, true)?.into_iter().filter_map(Work::lane).collect();
        }
        Ok(())
    }

    /// Asks an operator for results.
    fn fetch(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        if lane.given.is_empty() {
            lane.work();
        }
        match lane.given.pop_front() {
            Some(Err(error)) => self.fail(at, error),
            results => self.braid.take(at, results.and_then(Result::ok).flatten()),
        }
    }

    /// Lets an error of an operator come in the place of the result that it is of, and say which one that is.
    fn fail(&mut self, at: usize, mut error: Error) {
        let nothing = Failed { kind: 0, key: 0, edges: (i64::MAX, i64::MAX), before: i64::MAX };
        let Failed { kind, key, edges: (start, end), .. } = self.lanes[at].operator.failed().unwrap_or(nothing);
        if let Error::Overflow(overflow) = &mut error
            && let Some(output) = &overflow.column
        {
            let result = self.parts.shape.describe(output, key, end, &mut self.parts.keys);
            overflow.what = format!("{result} of {:?}", self.names.value(kind as usize));
        }
        let has_end = self.rulers[kind as usize].closed().has_end();
        self.braid.fail(at, (end - i64::from(!has_end), start, kind), error);
    }

    /// The results that are in order, as a batch.
    fn send(&mut self) -> Result<Batch> {
        let splices = self.braid.splices().into_iter().map(Work::Splice).collect();
        self.helpers.begin(splices, self.braid.rows() >= WORTH_WAKING);
        let times = self.braid.times();
        let columns = self.helpers.finish()?.into_iter().filter_map(Work::splice).map(Splice::made).collect();
        let batch = self.braid.send((columns, times), &self.none);
        let edges = match self.parts.shape.label {
            Label::Both => &batch.columns()[..2],
            Label::Left => &batch.columns()[..1],
            Label::Right => &batch.columns()[1..2],
        };
        let keys = self.parts.keys.columns(batch.columns()[KEY].as_primitive::<UInt32Type>().values());
        let kinds = batch.columns()[KIND].as_primitive::<Int32Type>().clone();
        let window: ArrayRef = Arc::new(DictionaryArray::new(kinds, Arc::clone(&self.names) as ArrayRef));
        let aggregates = batch.columns()[KIND + 1..].to_vec();
        let columns: Vec<ArrayRef> =
            [window].into_iter().chain(edges.to_vec()).chain(keys).chain(aggregates).collect();
        self.ledger.rows_out += batch.rows() as u64;
        Ok(batch.with_columns(Arc::clone(&self.schema), columns))
    }

    /// The last batch that the current input gives: the results that are left, or none but the watermark.
    fn flush(&mut self) -> Result<Option<Batch>> {
        if self.braid.rows() == 0 && self.watermark == self.sent_watermark {
            self.tidy()?;
            return Ok(None);
        }
        let batch = self.send()?;
        if self.failure.is_none()
            && let Err(error) = self.tidy()
        {
            self.failure = Some(error);
        }
        self.sent_watermark = self.watermark;
        Ok(Some(batch.with_high(self.sent_watermark.filter(|_| !self.ended))))
    }

    /// Lets go of memory that is not needed, when no result is left.
    fn tidy(&mut self) -> Result<()> {
        let held: u64 = self.lanes.iter().map(|lane| lane.operator.ledger().live_keys).sum();
        let keys = self.parts.keys.held() as u64;
        if keys >= 2 * held && keys >= held + 1024 {
            let numbers = 0..self.parts.keys.len() as u32;
            let gone: Vec<u32> =
                numbers.filter(|&key| !self.lanes.iter().any(|l| l.operator.holds(key))).collect();
            self.parts.keys.forget(gone.into_iter());
        }
        memory::check(self.state_bytes(), self.parts.max_state)
    }

    fn state_bytes(&self) -> u64 {
        let lanes: u64 = self.lanes.iter().map(|lane| lane.operator.ledger().state_bytes).sum();
        lanes + self.parts.keys.memory() as u64
    }
}

/// The kinds of windows, and the numbers that they go by, together with those that have the same panes. Where a row may
/// miss the windows of one and not those of another, each has its own.
fn families(rulers: &[Ruler], late: Late) -> Vec<Vec<(i32, Ruler)>> {
    let mut families: Vec<Vec<(i32, Ruler)>> = Vec::new();
    for (kind, ruler) in (0..).zip(rulers) {
        match families.iter_mut().find(|family| late == Late::Error && family[0].1.shares_panes(ruler)) {
            Some(family) => family.push((kind, ruler.clone())),
            None => families.push(vec![(kind, ruler.clone())]),
        }
    }
    families
}

/// What operators give: the edges of windows, keys and kinds as numbers, the aggregates. Columns are known by where they
/// stand, so that no name is taken.
fn numbered(parts: &Parts) -> Result<Arc<Schema>> {
    let edge = &parts.shape.schema.fields()[0].dtype;
    let numbers = [edge, edge, &DataType::UInt32, &DataType::Int32].map(DataType::clone);
    let dtypes = numbers.into_iter().chain(parts.recipe.fields().map(|field| field.dtype));
    let fields = dtypes.enumerate().map(|(at, dtype)| Field::new(at.to_string(), dtype));
    Schema::new(fields.collect()).map(Arc::new)
}

/// No results that look like this.
fn none(schema: Arc<Schema>, time: &DataType) -> Batch {
    let columns = schema.fields().iter().map(|field| new_empty_array(&field.dtype.to_arrow())).collect();
    let time = EventTime { passive: true, ..EventTime::new(time.clone(), Vec::new().into()) };
    Batch::new(schema, columns, 0).with_time(Some(time))
}

/// The parts of an operator that knows keys by their numbers, and gives what looks like this.
fn of_numbers(parts: &Parts, schema: &Arc<Schema>, closed: Closed) -> Result<Parts> {
    let shape = &parts.shape;
    Ok(Parts {
        by: Vec::new(),
        keys: Keys::new(&[], &Pool::new(1))?,
        recipe: parts.recipe.clone(),
        time: None,
        lateness: parts.lateness,
        // What is late has been dealt with: where it is an error, nothing is.
        late: if parts.late == Late::Error { Late::Error } else { Late::Drop },
        aside: Aside::new("late", &Schema::new(Vec::new())?, 0)?,
        shape: Shape {
            schema: Arc::clone(schema),
            closed: closed.has_end(),
            label: Label::Both,
            time: shape.time.clone(),
            by: Vec::new(),
            numbered: true,
        },
        batch_rows: parts.batch_rows.min(PIECE),
        max_state: parts.max_state,
        patience: None,
        quiet: None,
        name: parts.name.clone(),
    })
}

impl Stage for SeveralWindows {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.ledger.held = batch.rows() as u64;
        self.read(batch);
    }

    fn end(&mut self, input: usize) {
        self.ended = true;
        self.lanes.iter_mut().for_each(|lane| lane.operator.end(input));
        self.is_worth = self.ledger.rows_in >= WORTH_WAKING as u64;
        self.braid.open();
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        loop {
            if self.braid.rows() >= self.parts.batch_rows {
                return self.send().map(Some);
            }
            if let Some(at) = self.braid.wanted() {
                self.work()?;
                self.fetch(at);
                continue;
            }
            if !self.braid.is_done() {
                if let Some((before, error)) = self.braid.lay(self.parts.batch_rows) {
                    self.watermark = self.watermark.map(|reached| reached.min(before));
                    self.failure = Some(error);
                }
                continue;
            }
            return match self.flush()? {
                Some(batch) => Ok(Some(batch)),
                None => self.failure.take().map_or(Ok(None), Err),
            };
        }
    }

    fn ledger(&self) -> Ledger {
        let ledgers: Vec<Ledger> = self.lanes.iter().map(|lane| lane.operator.ledger()).collect();
        let numbers = 0..self.parts.keys.len() as u32;
        Ledger {
            open_windows: ledgers.iter().map(|ledger| ledger.open_windows).sum(),
            live_keys: numbers.filter(|&key| self.lanes.iter().any(|lane| lane.operator.holds(key))).count()
                as u64,
            state_bytes: self.state_bytes(),
            ..self.ledger.clone()
        }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        self.mark.watermark().map(|ticks| (ticks, self.parts.shape.time.clone()))
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.parts.aside.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Closed;

    #[test]
    fn kinds_with_the_same_panes_are_together() {
        let of = |size, step, offset| Ruler::fixed(size, step, offset, Closed::Left);
        let rulers = [
            of(60, 60, 0),
            of(3600, 60, 0),
            of(60, 60, 1),                           // other edges
            Ruler::expanding(600, 60, 120),          // edges at the minute, too
            of(90, 60, 0),                           // panes of half a minute
            of(150, 60, 0),                          // the same
            Ruler::fixed(60, 60, 59, Closed::Right), // times as the first, but other edges
            of(30, 60, 0),                           // gaps
            of(30, 60, 0),
        ];
        let numbers = |family: &Vec<(i32, Ruler)>| family.iter().map(|&(kind, _)| kind).collect::<Vec<_>>();
        let found: Vec<Vec<i32>> = families(&rulers, Late::Error).iter().map(numbers).collect();
        assert_eq!(found, [vec![0, 1, 3], vec![2], vec![4, 5], vec![6], vec![7], vec![8]]);
        assert_eq!(families(&rulers, Late::Drop).len(), rulers.len());
    }
}
