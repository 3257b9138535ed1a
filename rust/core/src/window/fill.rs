//! [`Filled`]: an operator of windows on a grid, with results for the windows that have no rows.
//!
//! Results of the operator are read window by window. When a window is complete, because a later one has
//! come or the watermark has, each key that is held gets its result in it, or one that stands for none. The
//! columns of results are put together from *sources*: one row that stands for no rows at all, the last
//! results of the keys, and the rows of the operator's batch.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, new_null_array};

use super::edges::Label;
use super::held::{HeldKeys, Spot};
use super::keys::Keys;
use super::line::{Number, is_numeric};
use super::made::{Chunk, Made, pick};
use super::ruler::Ruler;
use crate::batch::{Batch, EventTime};
use crate::column::{as_i64, from_i64};
use crate::error::{Error, Result};
use crate::memory;
use crate::plan::{BATCH_ROWS, Fill, Filling};
use crate::stage::{Ledger, Stage, concat_columns};
use crate::types::{DataType, Schema};

/// An operator whose windows without rows are filled.
pub(crate) struct Filled {
    inner: Box<dyn Stage>,
    ruler: Ruler,
    fill: Fill,
    shape: FilledShape,
    keys: Keys,
    held: HeldKeys,
    /// Numbers of keys that are held no more.
    gone: Vec<u32>,
    /// The columns that results are made from.
    sources: Vec<ArrayRef>,
    /// Results of the operator: the window, the key, and their row in the sources.
    coming: VecDeque<(i64, u32, u32)>,
    /// The window after the last that is complete, if it can be counted.
    next: Option<i64>,
    /// The watermark of the operator.
    watermark: Option<i64>,
    made: Made,
    /// Results that are made, and the number of the first chunk of them.
    chunks: VecDeque<Chunk>,
    first_chunk: u64,
    /// What is left of a chunk that has more rows than a batch may have.
    rest: Option<Batch>,
    /// Whether all that has come is made.
    is_resting: bool,
    /// Whether the input has ended, and whether the operator has given all that it has.
    ended: bool,
    is_last: bool,
    failure: Option<Error>,
    /// The watermark that was last passed on.
    sent_watermark: Option<i64>,
    rows_out: u64,
}

/// What filled results look like.
pub(crate) struct FilledShape {
    /// The schema of the output.
    pub(crate) schema: Arc<Schema>,
    /// Which edges of windows are columns; those of the operator are both.
    pub(crate) label: Label,
    /// The type of event time.
    pub(crate) time: DataType,
    /// How many columns are keys.
    pub(crate) keys: usize,
    /// Of each aggregate, whether it is a count.
    pub(crate) counts: Vec<bool>,
    /// How many bytes the state may take.
    pub(crate) max_state: u64,
}

impl Filled {
    /// Over an operator that has seen nothing, whose results show both edges and have keys like these.
    pub(crate) fn new(inner: Box<dyn Stage>, ruler: Ruler, fill: Fill, shape: FilledShape, keys: Keys) -> Self {
        Self {
            inner,
            ruler,
            fill,
            shape,
            keys,
            held: HeldKeys::default(),
            gone: Vec::new(),
            sources: Vec::new(),
            coming: VecDeque::new(),
            next: None,
            watermark: None,
            made: Made::default(),
            chunks: VecDeque::new(),
            first_chunk: 0,
            rest: None,
            is_resting: false,
            ended: false,
            is_last: false,
            failure: None,
            sent_watermark: None,
            rows_out: 0,
        }
    }

    /// Takes a batch of the operator.
    fn take(&mut self, batch: &Batch) {
        let time = batch.time().expect("results have a time");
        self.is_resting = false;
        if batch.rows() > 0 {
            self.cut();
            let first = self.gather(&batch.columns()[2 + self.shape.keys..]);
            let keys = &batch.columns()[2..2 + self.shape.keys];
            let numbers = self.keys.number(keys, batch.rows());
            let starts = as_i64(&batch.columns()[0]).expect("edges are times");
            let mut near = (0, 0, 0);
            for row in 0..batch.rows() {
                let (tick, start) = (time.ticks[row], starts[row]);
                if row == 0 || (near.0, near.1) != (tick, start) {
                    near = (tick, start, self.window(tick, start));
                }
                self.coming.push_back((near.2, numbers[row], first + row as u32));
            }
        }
        self.watermark = time.high.as_ref().map(|high| high.time).or(self.watermark);
    }

    /// The window that starts then and has this event time.
    fn window(&self, tick: i64, start: i64) -> i64 {
        let grid = self.ruler.grid();
        let mut window = grid.last_pane(self.ruler.pane(tick).expect("a window has its last tick"));
        // Windows that end with a day which the zone skipped end together with others.
        while self.ruler.edges(window).0 > start {
            window -= grid.stride();
        }
        while self.ruler.edges(window).0 < start {
            window += grid.stride();
        }
        window
    }

    /// Makes sources of what is still needed of them and of new columns; gives the row of the first new one.
    fn gather(&mut self, columns: &[ArrayRef]) -> u32 {
        if self.coming.is_empty() {
            let gone = std::mem::take(&mut self.gone);
            self.keys.forget(gone.into_iter().filter(|&number| !self.held.has(number)));
        }
        let mut kept = Vec::new();
        let mut keep = |row: &mut u32| kept.push(std::mem::replace(row, kept.len() as u32 + 1));
        if matches!(self.fill.with, Filling::Previous | Filling::Linear) {
            self.held.iter_mut().for_each(|key| keep(&mut key.result));
        }
        self.coming.iter_mut().for_each(|(.., row)| keep(row));
        let none: Vec<ArrayRef> = (0..columns.len()).map(|at| self.none(at, &columns[at])).collect();
        let old = self.sources.iter().map(|source| pick(source, &kept));
        self.sources = match self.sources.is_empty() {
            true => none.iter().zip(columns).map(|(none, new)| concat_columns(vec![none, new])).collect(),
            false => {
                old.zip(&none).zip(columns).map(|((o, none), new)| concat_columns(vec![none, &o, new])).collect()
            }
        };
        kept.len() as u32 + 1
    }

    /// One row of an aggregate that stands for no rows.
    fn none(&self, at: usize, like: &ArrayRef) -> ArrayRef {
        let dtype = like.data_type();
        let is_zero = self.shape.counts[at] || self.fill.with == Filling::Zero && is_numeric(dtype);
        if is_zero { Number::column(dtype, &[Number::Whole(0)]) } else { new_null_array(dtype, 1) }
    }

    /// Completes the next window, if that can be done now.
    fn advance(&mut self) -> bool {
        let coming = self.coming.front().map(|&(window, ..)| window);
        if let Some(next) = self.next.filter(|_| !self.held.is_empty())
            && coming.map_or_else(|| self.has_passed(next), |coming| next < coming)
        {
            self.complete(next);
            return true;
        }
        let last = self.coming.back().map(|&(window, ..)| window);
        match coming {
            Some(window) if last != coming || self.is_last || self.has_passed(window) => {
                self.complete(window);
                true
            }
            _ => false,
        }
    }

    fn has_passed(&self, window: i64) -> bool {
        self.watermark.is_some_and(|watermark| self.ruler.closes_at(window) <= watermark)
    }

    /// Gives each key its result in a window.
    fn complete(&mut self, window: i64) {
        self.next = self.after(window);
        let edges = self.ruler.edges(window);
        // A day that the zone skipped has no window.
        if edges.0 >= edges.1 {
            return;
        }
        while let Some(&(_, number, row)) = self.coming.front().filter(|(of, ..)| *of == window) {
            self.held.find(number, row);
            self.coming.pop_front();
        }
        let mut held = std::mem::take(&mut self.held);
        for key in held.iter_mut() {
            match key.found.take() {
                Some(row) => {
                    let (from, waiting) = (key.result, std::mem::take(&mut key.waiting));
                    self.resolve(&waiting, Some((from, row)));
                    (key.result, key.empty) = (row, 0);
                    self.make(edges, key.number, row, row);
                }
                None if key.empty == self.fill.max => {
                    key.empty += 1;
                    self.resolve(&std::mem::take(&mut key.waiting), None);
                }
                None => {
                    key.empty += 1;
                    key.waiting.extend(self.waits());
                    self.make(edges, key.number, 0, key.result);
                }
            }
        }
        self.gone.extend(held.drop_beyond(self.fill.max));
        self.held = held;
    }

    /// The window after this one, unless it is too near the end of the scale.
    fn after(&self, window: i64) -> Option<i64> {
        self.ruler.holds(self.ruler.closes_at(window)).then(|| window + self.ruler.grid().stride())
    }

    /// Makes a result.
    fn make(&mut self, (start, end): (i64, i64), key: u32, own: u32, last: u32) {
        self.made.starts.push(start);
        self.made.ends.push(end);
        self.made.keys.push(key);
        self.made.own.push(own);
        self.made.last.push(last);
    }

    /// Where the next result will wait to be known, if it has to.
    fn waits(&mut self) -> Option<Spot> {
        if self.fill.with != Filling::Linear {
            return None;
        }
        self.made.unknown.results += 1;
        Some(Spot { chunk: self.first_chunk + self.chunks.len() as u64, row: self.made.len() as u32 })
    }

    /// Lets the results of a key that have waited be known: as numbers between those in two rows of the
    /// sources, if it has come to a second one.
    fn resolve(&mut self, waiting: &[Spot], rows: Option<(u32, u32)>) {
        if waiting.is_empty() {
            return;
        }
        let number = |at: usize, row: u32| Number::of(&self.sources[at], row as usize);
        let numeric = (0..self.sources.len())
            .filter(|&at| is_numeric(self.sources[at].data_type()) && !self.shape.counts[at]);
        let ends: Vec<(usize, Number, Number)> = numeric
            .filter_map(|at| rows.and_then(|(from, to)| Some((at, number(at, from)?, number(at, to)?))))
            .collect();
        let steps = waiting.len() as u64 + 1;
        let first = self.shape.schema.len() - self.sources.len();
        for (spot, step) in waiting.iter().zip(1..) {
            let unknown = match self.chunks.get_mut((spot.chunk - self.first_chunk) as usize) {
                Some(chunk) => &mut chunk.unknown,
                None => &mut self.made.unknown,
            };
            unknown.results -= 1;
            let known = |&(at, from, to): &(usize, Number, Number)| {
                (first + at, spot.row, Number::between(from, to, step, steps))
            };
            unknown.numbers.extend(ends.iter().map(known));
        }
    }

    /// Makes a chunk of the results under way, if there are any.
    fn cut(&mut self) {
        if self.made.len() > 0 {
            self.push_chunk();
        }
    }

    fn push_chunk(&mut self) {
        let made = std::mem::take(&mut self.made);
        let edges = self.shape.schema.fields()[0].dtype.to_arrow();
        let (first, last) = (
            from_i64(&edges, made.starts.iter().copied(), None),
            from_i64(&edges, made.ends.iter().copied(), None),
        );
        let mut columns = match self.shape.label {
            Label::Both => vec![first, last],
            Label::Left => vec![first],
            Label::Right => vec![last],
        };
        columns.extend(self.keys.columns(&made.keys));
        if made.keys.is_empty() {
            let rest = &self.shape.schema.fields()[columns.len()..];
            columns.extend(rest.iter().map(|field| new_null_array(&field.dtype.to_arrow(), 0)));
        } else {
            let repeats = |at: usize| self.fill.with == Filling::Previous && !self.shape.counts[at];
            let column = |(at, source)| pick(source, if repeats(at) { &made.last } else { &made.own });
            columns.extend(self.sources.iter().enumerate().map(column));
        }
        let closed = self.ruler.closed().has_end();
        let ticks: Vec<i64> = made.ends.iter().map(|end| end - i64::from(!closed)).collect();
        // What moved event time on is not known where nothing came; it was not before the window ended.
        let time = EventTime {
            dtype: self.shape.time.clone(),
            before: Some(ticks.clone().into()),
            ticks: ticks.into(),
            high: None,
            passive: true,
        };
        let batch = Batch::new(Arc::clone(&self.shape.schema), columns, made.keys.len()).with_time(Some(time));
        self.chunks.push_back(Chunk { batch, unknown: made.unknown });
    }

    /// The next results, if all of them are known.
    fn release(&mut self) -> Option<Batch> {
        let batch = self.rest.take().or_else(|| self.next_known())?;
        let rows = batch.rows().min(BATCH_ROWS);
        self.rest = (rows < batch.rows()).then(|| batch.slice(rows, batch.rows() - rows));
        self.rows_out += rows as u64;
        Some(batch.slice(0, rows))
    }

    /// The next chunk, if all of it is known, and how far event time has come after it.
    fn next_known(&mut self) -> Option<Batch> {
        if self.chunks.front()?.unknown.results > 0 {
            return None;
        }
        let batch = self.chunks.pop_front()?.complete();
        self.first_chunk += 1;
        let high = match self.chunks.front() {
            Some(next) => next.batch.time().and_then(|time| time.ticks.first().copied()),
            None => self.watermark.filter(|_| self.is_resting),
        };
        self.sent_watermark = high.or(self.sent_watermark);
        Some(batch.with_high(high.filter(|_| !self.is_last)))
    }

    /// What is to be done when the operator needs more input; tells whether that may have given results.
    fn pause(&mut self) -> Result<bool> {
        if self.ended && !self.is_last {
            self.is_last = true;
            return Ok(true);
        }
        if self.is_last {
            self.settle();
        }
        self.is_resting = true;
        if self.made.len() > 0 || self.chunks.is_empty() && self.sent_watermark != self.watermark && !self.is_last
        {
            self.push_chunk();
            return Ok(true);
        }
        memory::check(self.state_bytes(), self.shape.max_state)?;
        Ok(!self.chunks.is_empty() && self.is_last)
    }

    /// Gives up waiting for results to be known.
    fn settle(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        held.iter_mut().for_each(|key| self.resolve(&std::mem::take(&mut key.waiting), None));
    }

    fn state_bytes(&self) -> u64 {
        let sources: usize = self.sources.iter().map(|source| source.get_buffer_memory_size()).sum();
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.batch.bytes()).sum();
        let own = self.keys.memory() + self.held.memory() + sources + chunks;
        self.inner.ledger().state_bytes + own as u64
    }
}

impl Stage for Filled {
    fn push(&mut self, input: usize, batch: Batch) {
        self.inner.push(input, batch);
    }

    fn end(&mut self, input: usize) {
        self.ended = true;
        self.inner.end(input);
    }

    fn idle(&mut self, input: usize) {
        self.inner.idle(input);
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        loop {
            if let Some(batch) = self.release() {
                return Ok(Some(batch));
            }
            if self.made.len() >= BATCH_ROWS {
                self.cut();
                continue;
            }
            if self.advance() {
                continue;
            }
            if self.failure.is_none() && !self.is_last {
                match self.inner.pull() {
                    Ok(Some(batch)) => {
                        self.take(&batch);
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        // What has come before it is all that does.
                        (self.failure, self.ended) = (Some(error), true);
                    }
                }
            }
            if !self.pause()? {
                return self.failure.take().map_or(Ok(None), Err);
            }
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger { rows_out: self.rows_out, state_bytes: self.state_bytes(), ..self.inner.ledger() }
    }

    fn watermark(&self) -> Option<(i64, DataType)> {
        self.inner.watermark()
    }

    fn take_late(&mut self) -> Vec<Batch> {
        self.inner.take_late()
    }
}
