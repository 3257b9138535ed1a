//! [`Branch`]: one of the streams that are merged.

use std::time::Duration;

use arrow_buffer::ScalarBuffer;

use crate::batch::{Batch, EventTime};

/// One of the streams that are merged: the batch of which rows wait, and how far its event time has come.
pub(crate) struct Branch {
    /// The batch that was last taken in.
    pub(crate) batch: Option<Batch>,
    /// The first of its rows that waits.
    pub(crate) row: usize,
    /// How far event time has come with each row. It never falls, and so the rows are in the order of it.
    keys: ScalarBuffer<i64>,
    /// How far it had come before each row, where that is not the key of the row before.
    before: Option<Vec<i64>>,
    /// How far it had come before the first row, and after the last one.
    start: i64,
    end: i64,
    /// The highest key so far.
    key: i64,
    pub(crate) ended: bool,
    /// Whether the others do not wait for it.
    pub(crate) idle: bool,
    /// Since when it has had nothing.
    pub(crate) quiet: Option<Duration>,
}

impl Branch {
    /// A stream that has not started.
    pub(crate) fn new() -> Self {
        Self {
            batch: None,
            row: 0,
            keys: ScalarBuffer::default(),
            before: None,
            start: i64::MIN,
            end: i64::MIN,
            key: i64::MIN,
            ended: false,
            idle: false,
            quiet: None,
        }
    }

    /// Takes in a batch; no row of the one before it waits.
    pub(crate) fn take(&mut self, batch: Batch) {
        (self.quiet, self.idle, self.row) = (None, false, 0);
        self.start = self.end;
        if let Some(time) = batch.time() {
            self.read(time);
        }
        self.batch = Some(batch);
    }

    fn read(&mut self, time: &EventTime) {
        let is_plain = time.before.is_none() && !time.passive;
        let in_order = is_plain && time.is_sorted() && time.ticks.first().is_none_or(|&first| first >= self.key);
        self.before = None;
        if in_order {
            self.keys = time.ticks.clone();
            self.end = self.end.max(time.ticks.last().copied().unwrap_or(i64::MIN));
        } else {
            self.walk(time, is_plain);
        }
        self.end = self.end.max(time.high.as_ref().map_or(i64::MIN, |high| high.time));
        self.key = self.key.max(self.keys.last().copied().unwrap_or(i64::MIN)).max(self.end);
    }

    /// Goes through rows of which it does not show how far event time has come with them.
    fn walk(&mut self, time: &EventTime, is_plain: bool) {
        let (mut keys, mut before, mut key) = (Vec::new(), Vec::new(), self.key);
        for (row, &tick) in time.ticks.iter().enumerate() {
            self.end = self.end.max(time.before.as_ref().map_or(i64::MIN, |before| before[row]));
            before.push(self.end);
            self.end = if time.passive { self.end } else { self.end.max(tick) };
            key = key.max(self.end).max(tick);
            keys.push(key);
        }
        self.keys = keys.into();
        self.before = (!is_plain).then_some(before);
    }

    /// Whether the batch that was last taken in tells more of event time than its rows do.
    pub(crate) fn is_told(&self) -> bool {
        let time = self.batch.as_ref().and_then(Batch::time);
        time.is_some_and(|time| time.before.is_some() || time.high.is_some() || time.passive)
    }

    /// Whether its rows leave event time alone.
    pub(crate) fn is_passive(&self) -> bool {
        self.batch.as_ref().and_then(Batch::time).is_some_and(|time| time.passive)
    }

    /// How many rows wait.
    pub(crate) fn waiting(&self) -> usize {
        self.keys.len() - self.row
    }

    /// The key of the next row, or the least that it can have.
    pub(crate) fn next_key(&self) -> i64 {
        self.keys.get(self.row).copied().unwrap_or(self.key)
    }

    /// How far event time has come with a row.
    pub(crate) fn key(&self, row: usize) -> i64 {
        self.keys[row]
    }

    /// How far event time has come without the rows that wait.
    pub(crate) fn mark(&self) -> i64 {
        if self.waiting() > 0 { self.before(self.row) } else { self.end }
    }

    /// How far event time had come before a row.
    pub(crate) fn before(&self, row: usize) -> i64 {
        match &self.before {
            Some(before) => before[row],
            None if row == 0 => self.start,
            None => self.keys[row - 1],
        }
    }

    /// How many of the rows that wait, of which the first does, have a key for which this holds; no later one
    /// does where an earlier one does not.
    pub(crate) fn run(&self, holds: impl Fn(i64) -> bool) -> usize {
        let keys = &self.keys[self.row..];
        let (mut low, mut step) = (0, 1);
        while low + step < keys.len() && holds(keys[low + step]) {
            low += step;
            step *= 2;
        }
        let high = (low + step).min(keys.len());
        low + keys[low..high].partition_point(|&key| holds(key))
    }
}
