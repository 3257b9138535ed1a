//! [`Grid`]: the arithmetic of windows and panes.
//!
//! Windows are `[o + k·step, o + k·step + size)` for every integer `k`. A *pane* is a piece between two
//! neighbouring window edges: no edge lies within one, so that a window is a whole number of panes. With
//! `p = size mod step` a step is cut into two panes at `p`, or is one pane if `p` is 0.
//!
//! Or windows *expand*: they are `[s, s + step)`, `[s, s + 2·step)`, … `[s, s + size)` for every
//! `s = o + k·size`. Their panes are steps, and the panes of a window are those from `s` on.

/// The longest size or step of a window.
pub(crate) const MAX_LENGTH: i64 = i64::MAX / 4;

/// Windows of one size and step, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    size: i64,
    step: i64,
    offset: i64,
    /// Where a step is cut; 0 if it is not.
    cut: i64,
    /// A pane that expanding windows start with; `None` if windows do not expand.
    start: Option<i64>,
}

impl Grid {
    /// Windows of this size, step and offset.
    ///
    /// # Panics
    /// In debug builds, if size or step are not in `1..=MAX_LENGTH`, but for one tick more of size.
    pub(crate) fn new(size: i64, step: i64, offset: i64) -> Self {
        debug_assert!((1..=MAX_LENGTH + 1).contains(&size) && (1..=MAX_LENGTH).contains(&step));
        Self { size, step, offset: offset.rem_euclid(step), cut: size % step, start: None }
    }

    /// Windows that expand step by step to this size, from this offset on.
    ///
    /// # Panics
    /// As [`new`](Self::new), and if the size is no multiple of the step.
    pub(crate) fn expanding(size: i64, step: i64, offset: i64) -> Self {
        debug_assert!(size % step == 0);
        Self { start: Some(offset.rem_euclid(size) / step), ..Self::new(size, step, offset) }
    }

    /// Size and step.
    pub(crate) fn shape(&self) -> (i64, i64) {
        (self.size, self.step)
    }

    /// Whether there are times that no window has.
    pub(crate) fn has_gaps(&self) -> bool {
        self.size < self.step
    }

    /// Whether windows of another grid have the very same panes, and as many ends.
    pub(crate) fn shares_panes(&self, other: &Self) -> bool {
        let steps = |grid: &Self| (grid.step, grid.offset, grid.cut);
        steps(self) == steps(other) && !self.has_gaps() && !other.has_gaps()
    }

    /// The number of the step that a time is in, and how far it is into it.
    fn step_of(&self, time: i64) -> (i64, i64) {
        let from = time - self.offset;
        (from.div_euclid(self.step), from.rem_euclid(self.step))
    }

    /// The pane that a time is in; `None` if no window has it.
    pub(crate) fn pane(&self, time: i64) -> Option<i64> {
        let (step, into) = self.step_of(time);
        if into >= self.size {
            return None;
        }
        Some(if self.cut == 0 { step } else { 2 * step + i64::from(into >= self.cut) })
    }

    /// The times of a pane: its start and its end.
    pub(crate) fn bounds(&self, pane: i64) -> (i64, i64) {
        if self.cut == 0 {
            let start = self.offset + pane * self.step;
            return (start, start + self.step);
        }
        let start = self.offset + pane.div_euclid(2) * self.step;
        match pane.rem_euclid(2) {
            0 => (start, start + self.cut),
            _ => (start + self.cut, start + self.step),
        }
    }

    /// The first time after this one that a step starts at.
    pub(crate) fn next_start(&self, time: i64) -> i64 {
        let (_, into) = self.step_of(time);
        time - into + self.step
    }

    /// The earliest time from which ends can be counted.
    pub(crate) fn first_time(&self) -> i64 {
        i64::MIN + self.size + self.step + 1
    }

    /// The latest time around which they can.
    pub(crate) fn last_time(&self) -> i64 {
        i64::MAX - self.size - self.step - 1
    }

    /// How many panes a window has, at most.
    pub(crate) fn panes(&self) -> i64 {
        let steps = self.size / self.step;
        if self.cut == 0 { steps } else { 2 * steps + 1 }
    }

    /// How many panes lie between the ends of one window and of the next.
    pub(crate) fn stride(&self) -> i64 {
        if self.cut == 0 { 1 } else { 2 }
    }

    /// The least pane from this one on that a window ends with.
    pub(crate) fn last_pane(&self, pane: i64) -> i64 {
        // Where a step is cut, a window ends with the pane before the cut.
        if self.cut == 0 { pane } else { pane + pane.rem_euclid(2) }
    }

    /// The last pane of the first window that ends after a time.
    pub(crate) fn last_pane_after(&self, time: i64) -> i64 {
        let time = time.max(self.first_time());
        self.pane(self.next_end(time) - 1).expect("a window's last tick is in a pane")
    }

    /// The first pane of the block that a pane is in: of as many panes as a window has, at absolute numbers,
    /// which for windows that expand are those that they start with.
    pub(crate) fn block(&self, pane: i64) -> i64 {
        pane - (pane - self.start.unwrap_or(0)).rem_euclid(self.panes())
    }

    /// How many panes lie between the cuts of windows that are combined in the two parts before and behind a cut.
    /// Cuts are so near that a window goes on for a while with the one it has when the next one is in it too: that is
    /// the time to get ready for the next one. Windows that expand are cut where they start.
    pub(crate) fn cuts(&self) -> i64 {
        if self.start.is_some() { i64::MAX } else { self.panes() - self.spare() }
    }

    /// How many panes a window goes on for with the cut it has: few or none if there are so few that they are soon
    /// ready, but as many as it takes for all panes before the next cut to have come.
    fn spare(&self) -> i64 {
        (self.panes() / 8).max(self.stride() - 1)
    }

    /// How many panes are to be got ready for the next cut with each pane that a window goes on for.
    pub(crate) fn pace(&self) -> i64 {
        (self.panes() - self.spare()) / (self.spare() + 1) + 1
    }

    /// The pane before which the window is cut that ends with this one: the first in it of those that stand at
    /// multiples of the distance.
    pub(crate) fn cut(&self, last_pane: i64) -> i64 {
        let first = self.first_pane(last_pane);
        if self.start.is_some() { first } else { first + (-first).rem_euclid(self.cuts()) }
    }

    /// The first pane of the window that ends with this one.
    pub(crate) fn first_pane(&self, last_pane: i64) -> i64 {
        if self.start.is_some() { self.block(last_pane) } else { last_pane - self.panes() + 1 }
    }

    /// The start and end of the window that ends with this pane.
    pub(crate) fn window(&self, last_pane: i64) -> (i64, i64) {
        let (_, end) = self.bounds(last_pane);
        let start = if self.start.is_some() { self.bounds(self.block(last_pane)).0 } else { end - self.size };
        (start, end)
    }

    /// The first end of a window after a time.
    pub(crate) fn next_end(&self, time: i64) -> i64 {
        time.saturating_add(self.step - (time - self.offset - self.size).rem_euclid(self.step))
    }

    /// The first pane that may still get rows that miss no window, when this is the next end to come.
    pub(crate) fn active(&self, next_end: i64) -> i64 {
        let (step, _) = self.step_of(next_end - self.step);
        if self.cut == 0 { step } else { 2 * step + 1 }
    }

    /// How many panes may get rows at a time, at most, with this lateness.
    pub(crate) fn active_panes(&self, lateness: i64) -> i64 {
        if lateness == 0 { 1 } else { (lateness / self.step).saturating_add(2).saturating_mul(self.stride()) }
    }

    /// The end of the last window that has the time, which one has.
    pub(crate) fn last_end(&self, time: i64) -> i64 {
        let (step, _) = self.step_of(time);
        match self.start {
            None => self.offset + step * self.step + self.size,
            Some(_) => self.offset + (self.block(step) + self.panes()) * self.step,
        }
    }

    /// How many windows that have the time had ended at the watermark, and how many had not.
    pub(crate) fn missed(&self, time: i64, watermark: i64) -> (u64, u64) {
        let (step, into) = self.step_of(time);
        if into >= self.size {
            return (0, 0);
        }
        let windows = match self.start {
            None => (self.size - 1 - into) / self.step + 1,
            Some(_) => self.block(step) + self.panes() - step,
        };
        let last_end = self.last_end(time);
        let open = (last_end - watermark.min(last_end) + self.step - 1) / self.step;
        let open = open.min(windows);
        ((windows - open) as u64, open as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All windows that have the time, by trying.
    fn windows(grid: &Grid, time: i64) -> Vec<(i64, i64)> {
        if let Some(start) = grid.start {
            let from = grid.offset + start * grid.step;
            let starts = (time - grid.size..=time).filter(|start| (start - from).rem_euclid(grid.size) == 0);
            return starts
                .flat_map(|start| (1..=grid.panes()).map(move |steps| (start, start + steps * grid.step)))
                .filter(|&(start, end)| start <= time && time < end)
                .collect();
        }
        let near = (time - grid.size - grid.step)..=time;
        near.filter(|start| (start - grid.offset).rem_euclid(grid.step) == 0)
            .map(|start| (start, start + grid.size))
            .filter(|&(start, end)| start <= time && time < end)
            .collect()
    }

    #[test]
    fn formulas_agree_with_trying() {
        let shapes = || (1..9).flat_map(|n| (1..9).flat_map(move |step| [0, 1, 3, -2].map(|o| (n, step, o))));
        let moving = shapes().map(|(size, step, offset)| (Grid::new(size, step, offset), offset));
        let expanding = shapes().map(|(n, step, offset)| (Grid::expanding(n * step, step, offset), offset));
        for (grid, offset) in moving.chain(expanding) {
            let (size, step) = (grid.size, grid.step);
            for time in -30..30 {
                let all = windows(&grid, time);
                let pane = grid.pane(time);
                assert_eq!(pane.is_some(), !all.is_empty(), "{grid:?} {time}");
                let Some(pane) = pane else { continue };
                let (start, end) = grid.bounds(pane);
                assert!(start <= time && time < end);
                // The windows that end with a pane from this one on and start no later are those that have it.
                let mut last = grid.last_pane(pane);
                let mut found = Vec::new();
                while grid.first_pane(last) <= pane {
                    found.push(grid.window(last));
                    last += grid.stride();
                }
                assert_eq!(found, all, "{grid:?} {time}");
                assert_eq!(Some(grid.last_end(time)), all.iter().map(|(_, end)| *end).max());
                for watermark in -40..40 {
                    let closed = all.iter().filter(|(_, end)| *end <= watermark).count() as u64;
                    assert_eq!(
                        grid.missed(time, watermark),
                        (closed, all.len() as u64 - closed),
                        "{grid:?} {time} {watermark}"
                    );
                }
            }
            for time in -30..30 {
                let ends = (time + 1..time + 40).find(|end| (end - size - offset).rem_euclid(step) == 0);
                assert_eq!(Some(grid.next_end(time)), ends);
            }
        }
    }
}
