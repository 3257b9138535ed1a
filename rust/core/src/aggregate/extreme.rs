//! The [`extreme`] of doubles: many are compared side by side.

use super::partial::key_of;

/// How many values are compared side by side.
const COMPARED: usize = 8;

/// What stands for the least of some values, or for the greatest, in the order of doubles.
#[inline(always)]
pub(super) fn extreme<const LOWEST: bool>(values: &[f64]) -> i64 {
    let (best, is_odd) = match values.last_chunk() {
        Some(last) => extreme_of_groups::<LOWEST>(values, last),
        None => values.iter().fold((values[0], false), |(best, is_odd), &value| {
            (better::<LOWEST>(value, best), is_odd | value.is_nan())
        }),
    };
    // Compared as doubles, zeros are alike, and what is not a number is neither less nor greater.
    if is_odd || best == 0.0 { careful_extreme::<LOWEST>(values) } else { key_of::<LOWEST>(best) }
}

#[inline(always)]
fn better<const LOWEST: bool>(one: f64, other: f64) -> f64 {
    if LOWEST == (one < other) { one } else { other }
}

/// The least of values, or the greatest, and whether any is not a number. The last group may have values of the one
/// before it: it changes nothing that they are compared twice.
#[inline(always)]
fn extreme_of_groups<const LOWEST: bool>(values: &[f64], last: &[f64; COMPARED]) -> (f64, bool) {
    // As wide as the doubles, so that they fill registers alike.
    let (mut all, mut odd) = ([values[0]; COMPARED], [0_u64; COMPARED]);
    for group in values.as_chunks().0.iter().chain([last]) {
        for i in 0..COMPARED {
            all[i] = better::<LOWEST>(group[i], all[i]);
            odd[i] |= 0_u64.wrapping_sub(u64::from(group[i].is_nan()));
        }
    }
    let mut half = COMPARED / 2;
    while half > 0 {
        for i in 0..half {
            all[i] = better::<LOWEST>(all[i + half], all[i]);
            odd[i] |= odd[i + half];
        }
        half /= 2;
    }
    (all[0], odd[0] != 0)
}

#[cold]
fn careful_extreme<const LOWEST: bool>(values: &[f64]) -> i64 {
    let keys = values.iter().map(|&value| key_of::<LOWEST>(value));
    if LOWEST { keys.min() } else { keys.max() }.expect("a streak has rows")
}

#[cfg(test)]
mod tests {
    use super::super::fused;
    use super::super::partial::{Max, Min};
    use super::super::slots::Streak;
    use super::super::testing::mixed;
    use super::*;

    #[test]
    fn the_extreme_of_a_streak_is_that_of_its_keys() {
        let odd = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -1.5, 3.0, 4.0];
        let mut state = 3;
        for rows in (1..60u32).cycle().take(1200) {
            let mut pick = || odd[mixed(&mut state) as usize % odd.len()];
            // Few different ones, of which one is there but once, so that each of them is the extreme of some.
            let (common, rare) = ([pick(), pick()], pick());
            let mut values: Vec<f64> = (0..rows).map(|_| common[mixed(&mut state) as usize % 2]).collect();
            values[mixed(&mut state) as usize % rows as usize] = rare;
            let (mut found, streaks) = (Vec::new(), [Streak { slot: 0, rows }]);
            fused::extremes::<true>(&values, &streaks, &mut found);
            found.push(extreme::<true>(&values));
            fused::extremes::<false>(&values, &streaks, &mut found);
            found.push(extreme::<false>(&values));
            let least = values.iter().map(|&value| Min::key(value)).min().expect("some");
            let most = values.iter().map(|&value| Max::key(value)).max().expect("some");
            assert_eq!(found, [least, least, most, most], "{values:?}");
        }
    }
}
