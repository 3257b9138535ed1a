//! [`Calm`]: the times of rows that do nothing to windows but go to their panes.

use std::ops::Range;

use super::panes::MAX_WAYS;
use super::ruler::Ruler;

/// The times of rows that miss no window and close none, wherever the mark stands between two closes. Rows
/// in disorder can then be worked off together.
#[derive(Default)]
pub(crate) struct Calm {
    /// The times.
    pub(crate) times: Range<i64>,
    /// The first pane that may get rows which miss no window.
    pub(crate) active: i64,
    /// The first pane that has these times: if they have many, only the latest are looked at.
    pub(crate) first: i64,
    /// How many panes have them.
    pub(crate) panes: usize,
    /// Where the panes after the first start; behind the last, `i64::MAX`.
    starts: [i64; MAX_WAYS - 1],
}

impl Calm {
    /// The times of calm rows while `next_end` is the next end of a window to come and `threshold` the mark
    /// at which it does.
    pub(crate) fn new(ruler: &Ruler, next_end: i64, threshold: i64) -> Self {
        let (active, end) = (ruler.active(next_end), threshold.min(ruler.last_time() + 1));
        let Some(last) = ruler.pane(end - 1).filter(|_| !ruler.grid().has_gaps()) else { return Self::default() };
        let first = active.max(last - (MAX_WAYS - 1) as i64);
        let start = |pane| ruler.bounds(pane).0;
        let starts = std::array::from_fn(|at| Some(first + 1 + at as i64).filter(|&pane| pane <= last));
        Self {
            times: start(first).max(ruler.first_time())..end,
            active,
            first,
            panes: (last - first + 1) as usize,
            starts: starts.map(|pane| pane.map_or(i64::MAX, start)),
        }
    }

    /// How many rows from the first on are calm, and so are the marks before them, if there are any.
    pub(crate) fn rows(&self, times: &[i64], marks: &[i64]) -> usize {
        let rows = times.iter().position(|time| !self.times.contains(time)).unwrap_or(times.len());
        let marks = &marks[..rows.min(marks.len())];
        marks.iter().position(|&mark| mark >= self.times.end).unwrap_or(rows)
    }

    /// The pane of a calm row, if no more than `STARTS` panes are calm besides the first.
    #[inline(always)]
    pub(crate) fn pane<const STARTS: usize>(&self, time: i64) -> i64 {
        self.starts[..STARTS].iter().fold(self.first, |pane, &start| pane + i64::from(time >= start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Closed;

    /// Holds the times that are calm before an end to what makes them so, for any mark until then.
    fn check(grid: &Ruler, lateness: i64, next_end: i64) {
        let threshold = next_end + lateness;
        let calm = Calm::new(grid, next_end, threshold);
        let all = grid.pane(threshold - 1).is_some_and(|last| last < grid.active(next_end) + MAX_WAYS as i64);
        for time in next_end - 30..next_end + 60 {
            let is_calm = time < threshold && grid.missed(time, next_end - 1).0 == 0;
            if calm.times.contains(&time) {
                assert!(is_calm, "{grid:?} {lateness} {time}");
                assert_eq!(
                    Some(calm.pane::<{ MAX_WAYS - 1 }>(time)),
                    grid.pane(time),
                    "{grid:?} {lateness} {time}"
                );
                assert!(calm.panes > 1 || calm.first == calm.pane::<1>(time));
            } else {
                assert!(!is_calm || !all || grid.grid().has_gaps(), "{grid:?} {lateness} {time}");
            }
        }
    }

    #[test]
    fn calm_rows_miss_no_window_and_close_none() {
        for (size, step, lateness) in
            (1..9).flat_map(|size| (1..9).flat_map(move |step| [0, 1, 5, 40].map(|late| (size, step, late))))
        {
            let grid = &Ruler::fixed(size, step, 3, Closed::Left);
            (-9..9).for_each(|time| check(grid, lateness, grid.next_end(time)));
        }
    }

    #[test]
    fn no_calm_time_is_too_near_the_ends_of_the_scale() {
        let grid = &Ruler::fixed(7, 3, 1, Closed::Left);
        for time in [grid.first_time(), grid.last_time()] {
            let calm = Calm::new(grid, grid.next_end(time), i64::MAX);
            assert!(grid.holds(calm.times.start) && grid.holds(calm.times.end - 1), "{:?}", calm.times);
        }
    }

    #[test]
    fn a_row_is_calm_only_after_marks_that_close_nothing() {
        let calm = Calm::new(&Ruler::fixed(10, 10, 0, Closed::Left), 10, 15);
        assert_eq!(calm.rows(&[3, 0, 14, 12], &[]), 4);
        assert_eq!(calm.rows(&[3, 0, 15, 12], &[]), 2);
        assert_eq!(calm.rows(&[3, -1, 14, 12], &[]), 1);
        assert_eq!(calm.rows(&[3, 0, 14, 12], &[-9, 14, 15, 15]), 2);
        assert_eq!(calm.rows(&[3, 0, -1, 12], &[-9, 14, 14, 15]), 2);
    }
}
