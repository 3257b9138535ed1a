//! [`Ruler`]: a [`Grid`] laid on event time.

use std::ops::{Range, RangeInclusive};

use super::edges::Closed;
use super::grid::Grid;
use super::units::Units;

/// The windows and panes of a grid in event time. What the grid counts are ticks or, where there are units
/// of a calendar, those.
#[derive(Clone, Debug)]
pub(crate) struct Ruler {
    grid: Grid,
    units: Option<Units>,
    closed: Closed,
    /// The times around which edges can be counted, first and last.
    times: (i64, i64),
}

/// The times of the pane that was last asked for, and its number: most rows are in that of the row before.
#[derive(Default)]
pub(crate) struct Near {
    times: Range<i64>,
    pane: i64,
}

impl Near {
    /// The pane that a time is in, if it is in one.
    pub(crate) fn pane(&mut self, tick: i64, ruler: &Ruler) -> Option<i64> {
        if !self.times.contains(&tick) {
            let pane = ruler.pane(tick)?;
            let (start, end) = ruler.bounds(pane);
            (self.times, self.pane) = (start..end, pane);
        }
        Some(self.pane)
    }
}

impl Ruler {
    /// Windows of a size and step in ticks.
    pub(crate) fn fixed(size: i64, step: i64, offset: i64, closed: Closed) -> Self {
        let grid = match closed {
            Closed::Left => Grid::new(size, step, offset),
            Closed::Right => Grid::new(size, step, offset + 1),
            Closed::Both => Grid::new(size + 1, step, offset),
        };
        Self::of_ticks(grid, closed)
    }

    /// Windows that expand step by step to a size, in ticks.
    pub(crate) fn expanding(size: i64, step: i64, offset: i64) -> Self {
        Self::of_ticks(Grid::expanding(size, step, offset), Closed::Left)
    }

    fn of_ticks(grid: Grid, closed: Closed) -> Self {
        Self { grid, units: None, closed, times: (grid.first_time(), grid.last_time()) }
    }

    /// Windows of a size and step in units of a calendar, which know of `closed` too.
    pub(crate) fn calendar(size: i64, step: i64, offset: i64, units: Units, closed: Closed) -> Self {
        let grid = match closed {
            Closed::Both => Grid::new(2 * size + 1, 2 * step, 2 * offset),
            _ => Grid::new(size, step, offset),
        };
        let (first, last) = units.numbers();
        let room = i64::MAX - grid.last_time();
        let times = (units.start(first + room), units.start(last - room));
        Self { grid, units: Some(units), closed, times }
    }

    /// The same where edges have to be in a range.
    pub(crate) fn within(self, range: &RangeInclusive<i64>) -> Self {
        let room = i64::MAX - self.grid.last_time();
        let first = self.times.0.max(range.start().saturating_add(room));
        let last = self.times.1.min(range.end().saturating_sub(room));
        Self { times: (first, last), ..self }
    }

    /// Whether windows are of days or months.
    pub(crate) fn is_calendar(&self) -> bool {
        self.units.is_some()
    }

    /// Whether windows of another ruler have the very same panes, and as many ends.
    pub(crate) fn shares_panes(&self, other: &Self) -> bool {
        let units = match (&self.units, &other.units) {
            (None, None) => true,
            (Some(ours), Some(others)) => ours.is_like(others),
            _ => false,
        };
        units && self.closed == other.closed && self.grid.shares_panes(&other.grid)
    }

    /// Which of its edges a window has.
    pub(crate) fn closed(&self) -> Closed {
        self.closed
    }

    /// The grid, which counts [`number`](Self::number)s.
    pub(crate) fn grid(&self) -> Grid {
        self.grid
    }

    /// What the grid counts, at a time.
    #[inline]
    pub(crate) fn number(&self, time: i64) -> i64 {
        match &self.units {
            None => time,
            Some(units) => units.number(time),
        }
    }

    #[inline]
    fn time(&self, number: i64) -> i64 {
        match &self.units {
            None => number,
            Some(units) => units.start(number),
        }
    }

    /// Whether a time is so far from the ends of the scale that there are edges around it.
    pub(crate) fn holds(&self, time: i64) -> bool {
        (self.times.0..=self.times.1).contains(&time)
    }

    /// The earliest time from which ends can be counted.
    pub(crate) fn first_time(&self) -> i64 {
        self.times.0
    }

    /// The latest time around which they can.
    pub(crate) fn last_time(&self) -> i64 {
        self.times.1
    }

    /// The pane that a time is in; `None` if no window has it.
    pub(crate) fn pane(&self, time: i64) -> Option<i64> {
        self.grid.pane(self.number(time))
    }

    /// The times of a pane: its start and its end.
    pub(crate) fn bounds(&self, pane: i64) -> (i64, i64) {
        let (start, end) = self.grid.bounds(pane);
        (self.time(start), self.time(end))
    }

    /// The first time after this one that a step starts at.
    pub(crate) fn next_start(&self, time: i64) -> i64 {
        self.time(self.grid.next_start(self.number(time)))
    }

    /// The watermark that closes the window that ends with this pane.
    pub(crate) fn closes_at(&self, last_pane: i64) -> i64 {
        self.time(self.grid.window(last_pane).1)
    }

    /// The watermark that closes all windows that have this pane.
    pub(crate) fn all_closed_at(&self, pane: i64) -> i64 {
        self.time(self.grid.last_end(self.grid.bounds(pane).0))
    }

    /// The edges that the window that ends with this pane is known by.
    pub(crate) fn edges(&self, last_pane: i64) -> (i64, i64) {
        let (start, end) = self.grid.window(last_pane);
        match self.closed {
            Closed::Left => (self.time(start), self.time(end)),
            Closed::Right => (self.time(start) - 1, self.time(end) - 1),
            Closed::Both => (self.time(start), self.time(end - 1)),
        }
    }

    /// The first end of a window after a time.
    pub(crate) fn next_end(&self, time: i64) -> i64 {
        self.time(self.grid.next_end(self.number(time)))
    }

    /// The first pane that may still get rows that miss no window, when this is the next end to come.
    pub(crate) fn active(&self, next_end: i64) -> i64 {
        match &self.units {
            None => self.grid.active(next_end),
            // The first of several ends that come together.
            Some(units) => self.grid.active(self.grid.next_end(units.number(next_end - 1))),
        }
    }

    /// How many panes may get rows at a time, at most, with this lateness.
    pub(crate) fn active_panes(&self, lateness: i64) -> i64 {
        match &self.units {
            None => self.grid.active_panes(lateness),
            Some(units) => self.grid.active_panes((lateness / units.ticks()).saturating_add(lateness.signum())),
        }
    }

    /// How many windows that have the time had ended at the watermark, and how many had not.
    pub(crate) fn missed(&self, time: i64, watermark: i64) -> (u64, u64) {
        self.grid.missed(self.number(time), self.number(watermark))
    }
}
