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
use super::gap::Gap;
use super::held::{HeldKeys, Spot};
use super::keys::Keys;
use super::line::{Line, Number, is_numeric};
use super::made::{Chunk, Made, Unknown, pick};
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
    /// Results that are made, or will be, and the number of the first chunk of them.
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
        // Keys in gaps are named when the results there go out.
        if self.coming.is_empty() && !self.chunks.iter().any(|chunk| matches!(chunk, Chunk::Gap(_))) {
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
            match self.gap(next, coming) {
                Some(windows) => self.wait(next, windows),
                None => self.complete(next),
            }
            return true;
        }
        let last = self.coming.back().map(|&(window, ..)| window);
        match coming {
            Some(window) if last != coming || self.is_last || self.has_passed(window) => {
                self.complete(window);
                true
            }
            Some(window) if self.failure.is_some() => {
                self.begin(window);
                true
            }
            _ => false,
        }
    }

    fn has_passed(&self, window: i64) -> bool {
        self.watermark.is_some_and(|watermark| self.ruler.closes_at(window) <= watermark)
    }

    /// How many windows, from the next on, no key has results in, if those that stand for none wait to be known
    /// and are too many to be made at once.
    fn gap(&mut self, next: i64, coming: Option<i64>) -> Option<u64> {
        if self.fill.with != Filling::Linear || self.ruler.is_calendar() {
            return None;
        }
        let stride = self.ruler.grid().stride();
        let empty = match coming {
            Some(coming) => coming.abs_diff(next) / stride.unsigned_abs(),
            None => {
                let (end, after) = (self.ruler.closes_at(next), self.ruler.closes_at(next + stride));
                let passed = self.watermark?.min(self.ruler.last_time());
                if passed < end { 0 } else { passed.abs_diff(end) / after.abs_diff(end) + 1 }
            }
        };
        let left = self.held.iter_mut().map(|key| self.fill.max - key.empty).min()?;
        let windows = empty.min(left);
        (windows.saturating_mul(self.held.len() as u64) > BATCH_ROWS as u64).then_some(windows)
    }

    /// Lets the results of all keys in so many windows wait together.
    fn wait(&mut self, next: i64, windows: u64) {
        self.cut();
        let chunk = self.first_chunk + self.chunks.len() as u64;
        for (key, row) in self.held.iter_mut().zip(0..) {
            key.empty += windows;
            key.waiting.push(Spot { chunk, row });
        }
        let keys = self.held.iter_mut().map(|key| key.number);
        self.chunks.push_back(Chunk::Gap(Gap::new(next, windows, keys)));
        self.next = self.after(next + (windows as i64 - 1) * self.ruler.grid().stride());
    }

    /// Gives each key its result in a window.
    fn complete(&mut self, window: i64) {
        self.find(window);
        self.give(window, self.held.len());
    }

    /// Does the same where an error came before the window was complete: for the keys up to the last that has a result.
    fn begin(&mut self, window: i64) {
        self.find(window);
        self.give(window, self.held.found());
    }

    /// Notes which keys have results of their own in a window.
    fn find(&mut self, window: i64) {
        while let Some(&(_, number, row)) = self.coming.front().filter(|(of, ..)| *of == window) {
            self.held.find(number, row);
            self.coming.pop_front();
        }
    }

    /// Gives so many keys their results in a window.
    fn give(&mut self, window: i64, keys: usize) {
        self.next = self.after(window);
        let edges = self.ruler.edges(window);
        // A day that the zone skipped has no window.
        if edges.0 >= edges.1 {
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        for key in held.iter_mut().take(keys) {
            match key.found.take() {
                Some(row) => {
                    self.resolve(&std::mem::take(&mut key.waiting), Some((key.result, row)), key.empty + 1);
                    (key.result, key.empty) = (row, 0);
                    self.made.push(edges, key.number, row, row);
                }
                None if key.empty == self.fill.max => {
                    key.empty += 1;
                    self.resolve(&std::mem::take(&mut key.waiting), None, key.empty);
                }
                None => {
                    key.empty += 1;
                    key.waiting.extend(self.waits());
                    self.made.push(edges, key.number, 0, key.result);
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

    /// Where the next result will wait to be known, if it has to.
    fn waits(&mut self) -> Option<Spot> {
        if self.fill.with != Filling::Linear {
            return None;
        }
        self.made.unknown.results += 1;
        Some(Spot { chunk: self.first_chunk + self.chunks.len() as u64, row: self.made.len() as u32 })
    }

    /// The line between two results, in rows of the sources, with so many steps.
    fn line(&self, (from, to): (u32, u32), steps: u64) -> Line {
        let first = self.shape.schema.len() - self.sources.len();
        let number = |at: usize, row: u32| Number::of(&self.sources[at], row as usize);
        let columns = (0..self.sources.len())
            .filter(|&at| is_numeric(self.sources[at].data_type()) && !self.shape.counts[at])
            .filter_map(|at| Some((first + at, number(at, from)?, number(at, to)?)));
        Line { columns: columns.collect(), steps }
    }

    /// Lets the results of a key that have waited be known: as numbers on so many steps of the line between those in
    /// two rows of the sources, if it has come to a second one.
    fn resolve(&mut self, waiting: &[Spot], ends: Option<(u32, u32)>, steps: u64) {
        if waiting.is_empty() {
            return;
        }
        let line = ends.map_or_else(Line::default, |ends| self.line(ends, steps));
        let mut step = 1;
        for spot in waiting {
            match self.chunks.get_mut((spot.chunk - self.first_chunk) as usize) {
                Some(Chunk::Gap(gap)) => {
                    gap.resolve(spot.row, line.clone(), step);
                    step += gap.windows();
                    continue;
                }
                Some(Chunk::Made(_, unknown)) => unknown.resolve(spot.row, &line, step),
                None => self.made.unknown.resolve(spot.row, &line, step),
            }
            step += 1;
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
        let (batch, unknown) = self.lay_out(made);
        self.chunks.push_back(Chunk::Made(batch, unknown));
    }

    /// Results as a batch, and what is not known of them.
    fn lay_out(&mut self, made: Made) -> (Batch, Unknown) {
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
            setters: None,
            high: None,
            passive: true,
        };
        let batch = Batch::new(Arc::clone(&self.shape.schema), columns, made.keys.len()).with_time(Some(time));
        (batch, made.unknown)
    }

    /// The next results, if all of them are known.
    fn release(&mut self) -> Option<Batch> {
        let batch = self.rest.take().or_else(|| self.next_known())?;
        let rows = batch.rows().min(BATCH_ROWS);
        self.rest = (rows < batch.rows()).then(|| batch.slice(rows, batch.rows() - rows));
        self.rows_out += rows as u64;
        Some(batch.slice(0, rows))
    }

    /// The next chunk or, of a gap, as much as a batch may have, if all of it is known; and how far event time has
    /// come after it.
    fn next_known(&mut self) -> Option<Batch> {
        if !self.chunks.front()?.is_known() {
            return None;
        }
        let (batch, unknown) = match self.chunks.pop_front()? {
            Chunk::Made(batch, unknown) => {
                self.first_chunk += 1;
                (batch, unknown)
            }
            Chunk::Gap(mut gap) => {
                let made = gap.send(BATCH_ROWS, &self.ruler);
                match gap.windows() {
                    0 => self.first_chunk += 1,
                    _ => self.chunks.push_front(Chunk::Gap(gap)),
                }
                self.lay_out(made)
            }
        };
        let batch = unknown.complete(batch);
        let high = match self.chunks.front() {
            Some(Chunk::Made(next, _)) => next.time().and_then(|time| time.ticks.first().copied()),
            Some(Chunk::Gap(gap)) => Some(gap.end(&self.ruler) - i64::from(!self.ruler.closed().has_end())),
            None => self.watermark.filter(|_| self.is_resting),
        };
        self.sent_watermark = high.or(self.sent_watermark);
        Some(batch.with_high(high.filter(|_| !self.is_last)))
    }

    /// What is to be done when the operator needs more input; tells whether that may have given results.
    fn pause(&mut self) -> Result<bool> {
        if self.ended && !self.is_last && self.failure.is_none() {
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
        if self.failure.is_some() {
            return Ok(self.break_off());
        }
        memory::check(self.state_bytes(), self.shape.max_state)?;
        Ok(!self.chunks.is_empty() && self.is_last)
    }

    /// Gives up waiting for results to be known.
    fn settle(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        held.iter_mut().for_each(|key| self.resolve(&std::mem::take(&mut key.waiting), None, key.empty));
    }

    /// Parts the results before the first that is not known from it, since nothing more will be; tells whether there was
    /// such a one.
    fn break_off(&mut self) -> bool {
        let waiting = self.held.iter_mut().map(|key| std::mem::take(&mut key.waiting));
        let Some(first) = waiting.filter_map(|spots| spots.first().copied()).min() else { return false };
        // All chunks before that one are known, and so have gone out.
        let Some(chunk) = self.chunks.pop_front() else { return false };
        let (known, rest) = match chunk {
            Chunk::Made(batch, unknown) => unknown.part(batch, first.row as usize),
            Chunk::Gap(mut gap) => {
                let made = gap.send(first.row as usize, &self.ruler);
                let (batch, unknown) = self.lay_out(made);
                (Chunk::Made(batch, unknown), Chunk::Gap(gap))
            }
        };
        self.chunks.push_front(rest);
        self.chunks.push_front(known);
        true
    }

    fn state_bytes(&self) -> u64 {
        let sources: usize = self.sources.iter().map(|source| source.get_buffer_memory_size()).sum();
        let chunks: usize = self.chunks.iter().map(Chunk::memory).sum();
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

    fn end_in(&mut self, error: Error) -> Result<()> {
        self.failure = self.inner.end_in(error).err();
        Ok(())
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
                        self.failure = Some(error);
                        continue;
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
