//! Sums of several streaks at a time: each is a chain of additions, one after the other, and the chains need
//! nothing of each other.

use super::double::Double;
use super::fused;
use super::partial::FloatSum;
use super::slots::Streak;

/// How many streaks are summed at a time.
pub(super) const LANES: usize = 4;

/// A streak that is being summed.
#[derive(Clone, Copy, Default)]
struct Lane<'a> {
    slot: u32,
    /// All its values, and those that are left.
    all: &'a [f64],
    left: &'a [f64],
}

/// The sums of some lanes, and their rounding errors.
#[derive(Default)]
struct Sums {
    hi: [f64; LANES],
    lo: [f64; LANES],
}

impl Sums {
    /// Adds so many of the values that are left of each lane.
    fn add(&mut self, lanes: &mut [Lane<'_>; LANES], rows: usize) {
        fused::add_lanes(&mut self.hi, &mut self.lo, lanes.map(|lane| &lane.left[..rows]));
        lanes.iter_mut().for_each(|lane| lane.left = &lane.left[rows..]);
    }

    /// Begins a lane with what is in its cell.
    fn begin(&mut self, lane: usize, cell: &FloatSum) {
        Double { hi: self.hi[lane], lo: self.lo[lane] } = cell.narrow();
    }

    /// Adds what is left of a lane, which is not done side by side any more, and puts the sum into its cell.
    fn end(&self, at: usize, lane: &Lane<'_>, cell: &mut FloatSum) {
        let sum = Double { hi: self.hi[at], lo: self.lo[at] };
        cell.take_in(lane.all, lane.left.iter().fold(sum, |sum, &value| sum.and(value)));
    }
}

/// Lifts the values of streaks into their cells, of which no two are one.
pub(super) fn add_streaks(cells: &mut [FloatSum], streaks: &[Streak], values: &[f64]) {
    let (mut lanes, mut sums, mut from) = ([Lane::default(); LANES], Sums::default(), 0);
    let mut waiting = streaks.iter().map(|streak| {
        let all = &values[from..from + streak.rows as usize];
        from += all.len();
        Lane { slot: streak.slot, all, left: all }
    });
    loop {
        for (at, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.left.is_empty()) {
            if !lane.all.is_empty() {
                sums.end(at, lane, &mut cells[lane.slot as usize]);
            }
            *lane = waiting.next().unwrap_or_default();
            if !lane.all.is_empty() {
                sums.begin(at, &cells[lane.slot as usize]);
            }
        }
        match lanes.iter().map(|lane| lane.left.len()).min() {
            Some(rows) if rows > 0 => sums.add(&mut lanes, rows),
            _ => break,
        }
    }
    for (at, lane) in lanes.iter().enumerate().filter(|(_, lane)| !lane.all.is_empty()) {
        sums.end(at, lane, &mut cells[lane.slot as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::partial::{Lift, Partial};
    use super::super::testing::mixed;
    use super::*;

    #[test]
    fn sums_made_side_by_side_are_those_made_one_by_one() {
        let mut state = 5;
        for streaks in (0..40).map(|n| n % 13) {
            let streaks: Vec<Streak> =
                (0..streaks).map(|slot| Streak { slot, rows: 1 + (mixed(&mut state) % 40) as u32 }).collect();
            let rows = streaks.iter().map(|streak| streak.rows).sum();
            let odd = [f64::NAN, f64::INFINITY, -0.0, 1e308, -1e308];
            let mut value = |_| match mixed(&mut state) % 50 {
                n @ 0..5 => odd[n as usize],
                n => mixed(&mut state) as f64 / n as f64,
            };
            let values: Vec<f64> = (0..rows).map(&mut value).collect();
            let mut want = vec![FloatSum::EMPTY; streaks.len()];
            want.iter_mut().for_each(|sum| sum.lift(0.1, 0));
            let mut sums = want.clone();
            add_streaks(&mut sums, &streaks, &values);
            let mut from = 0;
            for Streak { slot, rows } in streaks {
                let until = from + rows as usize;
                values[from..until].iter().for_each(|&value| want[slot as usize].lift(value, 0));
                from = until;
            }
            let bits = |sums: &[FloatSum]| sums.iter().map(|sum| sum.total().to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&sums), bits(&want));
        }
    }
}
