//! [`Clock`]: how far event time has come for one operator, and which windows that closes.

use super::calm::Calm;
use super::mark::Mark;
use super::ruler::Ruler;

/// The mark of an operator whose windows lie on a grid.
pub(crate) struct Clock {
    ruler: Ruler,
    /// How far event time has come.
    pub(crate) mark: Mark,
    /// The first window end that the watermark has not reached.
    next_end: i64,
    /// The mark at which it does.
    threshold: i64,
    /// The first pane that may still get rows which miss no window.
    active: i64,
    /// The times of rows that change nothing but the mark, once they were asked for.
    calm: Option<Calm>,
}

impl Clock {
    /// A clock that has not started.
    pub(crate) fn new(ruler: Ruler, lateness: i64) -> Self {
        let (mark, calm) = (Mark::new(lateness), Some(Calm::default()));
        Self { ruler, mark, next_end: i64::MIN, threshold: i64::MIN, active: i64::MIN, calm }
    }

    /// The mark from which on a window closes.
    pub(crate) fn threshold(&self) -> i64 {
        self.threshold
    }

    /// The first pane that may still get rows which miss no window.
    pub(crate) fn active(&self) -> i64 {
        self.active
    }

    /// The times of rows that change nothing but the mark.
    pub(crate) fn calm(&mut self) -> &Calm {
        self.calm.get_or_insert_with(|| Calm::new(&self.ruler, self.next_end, self.threshold))
    }

    /// Moves on to a mark; tells whether a window may have closed.
    pub(crate) fn reach(&mut self, mark: i64) -> bool {
        if !self.mark.reach(mark) || mark < self.threshold {
            return false;
        }
        let watermark = self.mark.watermark().unwrap_or(i64::MIN).max(self.ruler.first_time());
        self.next_end = self.ruler.next_end(watermark);
        self.active = self.ruler.active(self.next_end);
        self.threshold = self.next_end.saturating_add(self.mark.lateness());
        self.calm = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Closed;

    #[test]
    fn no_mark_is_too_near_the_ends_of_the_scale() {
        for closed in [Closed::Left, Closed::Right, Closed::Both] {
            let ruler = Ruler::fixed(7, 3, 1, closed);
            for lateness in [0, 5] {
                let mut clock = Clock::new(ruler.clone(), lateness);
                assert!(clock.reach(i64::MIN) && clock.threshold() > i64::MIN);
                assert!(clock.reach(i64::MAX - 1) && clock.threshold() >= i64::MAX - 1);
                clock.reach(i64::MAX);
                assert!(!clock.reach(i64::MAX) && clock.threshold() == i64::MAX);
            }
        }
    }
}
