//! [`gallop`]: a search that costs little where what is looked for is near.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn galloping_finds_the_first_row_that_is_not_wanted() {
        for rows in 1..40 {
            for wanted in 1..=rows {
                assert_eq!(gallop(rows, |row| row < wanted), wanted, "{rows}");
            }
        }
    }
}
