//! Sums of several streaks at a time: each is a chain of additions, one after the other, and the chains need
//! nothing of each other.

use super::double::Double;
use super::fused;
use super::partial::FloatSum;
use super::slots::Streak;

/// How many streaks are summed at a time.
pub(super) const LANES: usize = 4;

/// Lifts the values of streaks into their cells, of which no two are one.
pub(super) fn add_streaks(cells: &mut [FloatSum], streaks: &[Streak], mut values: &[f64]) {
    for group in streaks.chunks(LANES) {
        let (mut sums, mut lanes, mut lens) = ([Double::default(); LANES], [values; LANES], [0; LANES]);
        for (at, streak) in group.iter().enumerate() {
            (lanes[at], lens[at]) = (values, streak.rows as usize);
            values = &values[lens[at]..];
            sums[at] = cells[streak.slot as usize].narrow();
        }
        fused::add_lanes(&mut sums, lanes, lens);
        for (at, streak) in group.iter().enumerate() {
            cells[streak.slot as usize].take_in(&lanes[at][..lens[at]], sums[at]);
        }
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
            // Lanes of all lengths, alike and not.
            let most = [40, 7, 300][streaks as usize % 3];
            let streaks: Vec<Streak> =
                (0..streaks).map(|slot| Streak { slot, rows: 1 + (mixed(&mut state) % most) as u32 }).collect();
            let rows = streaks.iter().map(|streak| streak.rows).sum();
            let odd = [f64::NAN, f64::INFINITY, -0.0, 1e308, -1e308];
            // What is odd has all of a streak added with care: mostly there is nothing of that kind.
            let few = if streaks.len().is_multiple_of(2) { 50 } else { 50_000 };
            let mut value = |_| match mixed(&mut state) % few {
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
