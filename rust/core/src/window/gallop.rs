//! [`gallop`]: a search that costs little where what is looked for is near.

/// How many times are looked at together.
const NEAR: usize = 32;

/// How many rows from the first on are wanted, which are those before all that are not; the first one is.
pub(super) fn gallop(rows: usize, is_wanted: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (0, 1);
    while low + step < rows && is_wanted(low + step) {
        low += step;
        step *= 2;
    }
    let (mut from, mut to) = (low + 1, rows.min(low + step));
    while from < to {
        let middle = from.midpoint(to);
        if is_wanted(middle) { from = middle + 1 } else { to = middle }
    }
    from
}

/// How many of the times, which never fall, come before the first that is not below the limit; the first one is.
pub(super) fn before(times: &[i64], limit: i64) -> usize {
    let is_near = |near: &[i64; NEAR]| near[NEAR - 1] >= limit && near[NEAR - 1].checked_sub(near[0]).is_some();
    match times.first_chunk().filter(|near| is_near(near)) {
        // Mostly few. They are counted by the signs of differences, since not all vector instructions compare.
        Some(near) => near.iter().map(|&time| time.wrapping_sub(limit) as u64 >> 63).sum::<u64>() as usize,
        None => gallop(times.len(), |row| times[row] < limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_a_limit_are_counted() {
        let times: Vec<i64> = (0..100).collect();
        for from in 0..100 {
            for limit in from..=101 {
                assert_eq!(before(&times[from..], limit as i64 + 1), (limit + 1).min(100) - from);
            }
        }
        let far: Vec<i64> = (i64::MIN..).take(20).chain(i64::MAX - 19..=i64::MAX).collect();
        for (rows, &limit) in far.iter().enumerate().skip(1) {
            assert_eq!(before(&far, limit), rows);
        }
    }

    #[test]
    fn galloping_finds_the_first_row_that_is_not_wanted() {
        for rows in 1..40 {
            for wanted in 1..=rows {
                assert_eq!(gallop(rows, |row| row < wanted), wanted, "{rows}");
            }
        }
    }
}
