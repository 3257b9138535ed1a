//! The loops over rows, compiled twice: once for every machine, once for those with a fused
//! multiply-add. Both give the same bits, since `f64::mul_add` is exact either way; without the
//! instruction it is a call. Slots are checked once for all rows.
#![allow(unsafe_code)]

use super::belt::{Belt, Passing};
use super::cells::{Rows, Value};
use super::extreme::extreme;
use super::flat::{Finish, Flat};
use super::moments::{Moments, Number};
use super::partial::{Lift, Partial, key_of};
use super::slots::Streak;
use super::sweep::{Merge, Reaches, Run, Step, Sweep};
use super::widening::Widens;
use crate::prefetch::{ahead, ask};

/// Lifts each value into the cell of its row.
pub(super) fn fold<P: Lift<V>, V: Value>(cells: &mut [P], rows: Rows<'_>, values: &[V]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { fold_fma(cells, rows, values) };
    }
    fold_each(cells, rows, values);
}

/// Lifts the values of streaks of rows, in the order of their times, into their cells.
pub(super) fn fold_streaks<P: Lift<V>, V: Value>(
    cells: &mut [P],
    streaks: &[Streak],
    times: &[i64],
    values: &[V],
) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { fold_streaks_fma(cells, streaks, times, values) };
    }
    fold_streaks_each(cells, streaks, times, values);
}

/// Combines cells, as the newer, into others, each only once.
pub(super) fn combine<P: Partial>(cells: &mut [P], to: &[u32], newer: &[P], from: &[u32]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { combine_fma(cells, to, newer, from) };
    }
    combine_each(cells, to, newer, from);
}

/// Appends the combinations of cells of two tables, of which the second is the newer.
pub(super) fn append<P: Partial>(cells: &mut Vec<P>, older: &[P], newer: &[P], at: &[u32]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { append_fma(cells, older, newer, at) };
    }
    append_each(cells, older, newer, at);
}

/// Puts into cells, and into newer ones of another table, what they come to together.
pub(super) fn join<P: Partial>(cells: &mut [P], slots: &[u32], newer: &mut [P], at: &[u32]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { join_fma(cells, slots, newer, at) };
    }
    join_each(cells, slots, newer, at);
}

/// Carries out steps, of which none is a run, one after the other.
pub(super) fn merge<P: Partial>(cells: &mut [P], steps: &[Step]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { merge_fma(cells, steps) };
    }
    merge_each(cells, steps);
}

/// Carries out steps, and puts what the windows of rows come to into other cells.
pub(super) fn sweep<P: Lift<V>, V: Value>(
    cells: &mut [P],
    steps: &[Step],
    sweep: &Sweep<'_>,
    values: &[V],
    results: &mut [P],
) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { sweep_fma(cells, steps, sweep, values, results) };
    }
    sweep_each(cells, steps, sweep, values, results);
}

/// The variance of each slot, or its root.
pub(super) fn spreads<V: Number>(cells: &[Moments<V>], slots: &[u32], ddof: f64, root: bool) -> Vec<f64> {
    let mut spreads = variances(cells, slots, ddof);
    spreads.iter_mut().filter(|_| root).for_each(|variance| *variance = variance.sqrt());
    spreads
}

fn variances<V: Number>(cells: &[Moments<V>], slots: &[u32], ddof: f64) -> Vec<f64> {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { variances_fma(cells, slots, ddof) };
    }
    variances_each(cells, slots, ddof)
}

/// Whether no value is out of the ordinary.
pub(super) fn are_plain<P: Widens<V>, V: Value>(values: &[V]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { are_plain_fma::<P, V>(values) };
    }
    are_plain_each::<P, V>(values)
}

/// Takes rows into the windows that move on with them; gives the result of each.
pub(super) fn roll<F: Flat, R: Finish<F>>(belt: &mut Belt<F, R>, rows: Passing<'_, F::Value>) -> Vec<R::Result> {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { roll_fma(belt, rows) };
    }
    belt.roll(rows)
}

/// What stands for doubles where they are compared: [`Min::key`] if `LOWEST`, and [`Max::key`] if not.
pub(super) fn keys<const LOWEST: bool>(values: &[f64], keys: &mut [i64]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { keys_fma::<LOWEST>(values, keys) };
    }
    keys_each::<LOWEST>(values, keys);
}

/// Notes the least value of each streak, or the greatest, as [`keys`] do.
pub(super) fn extremes<const LOWEST: bool>(values: &[f64], streaks: &[Streak], keys: &mut Vec<i64>) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { extremes_fma::<LOWEST>(values, streaks, keys) };
    }
    extremes_each::<LOWEST>(values, streaks, keys);
}

/// Whether the machine has what the loops are compiled for the second time.
#[cfg(target_arch = "x86_64")]
pub(super) fn has_fma() -> bool {
    std::arch::is_x86_feature_detected!("fma") && std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn fold_fma<P: Lift<V>, V: Value>(cells: &mut [P], rows: Rows<'_>, values: &[V]) {
    fold_each(cells, rows, values);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn fold_streaks_fma<P: Lift<V>, V: Value>(cells: &mut [P], streaks: &[Streak], times: &[i64], values: &[V]) {
    fold_streaks_each(cells, streaks, times, values);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn combine_fma<P: Partial>(cells: &mut [P], to: &[u32], newer: &[P], from: &[u32]) {
    combine_each(cells, to, newer, from);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn append_fma<P: Partial>(cells: &mut Vec<P>, older: &[P], newer: &[P], at: &[u32]) {
    append_each(cells, older, newer, at);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn join_fma<P: Partial>(cells: &mut [P], slots: &[u32], newer: &mut [P], at: &[u32]) {
    join_each(cells, slots, newer, at);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn merge_fma<P: Partial>(cells: &mut [P], steps: &[Step]) {
    merge_each(cells, steps);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn sweep_fma<P: Lift<V>, V: Value>(
    cells: &mut [P],
    steps: &[Step],
    sweep: &Sweep<'_>,
    values: &[V],
    results: &mut [P],
) {
    sweep_each(cells, steps, sweep, values, results);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn roll_fma<F: Flat, R: Finish<F>>(belt: &mut Belt<F, R>, rows: Passing<'_, F::Value>) -> Vec<R::Result> {
    belt.roll(rows)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn variances_fma<V: Number>(cells: &[Moments<V>], slots: &[u32], ddof: f64) -> Vec<f64> {
    variances_each(cells, slots, ddof)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn are_plain_fma<P: Widens<V>, V: Value>(values: &[V]) -> bool {
    are_plain_each::<P, V>(values)
}

// Loops, and not adaptors, in what follows: what an adaptor calls may be compiled without the instructions.

/// How many cells are combined at a time, where that is faster.
const GROUP: usize = 16;

/// How many rows are folded from one test for the end to the next.
const UNROLLED: usize = 4;

/// The cells of up to a group of slots, filled up with `empty`.
#[inline(always)]
fn group<'a, P: Partial>(cells: &'a [P], slots: &[u32], empty: &'a P) -> [&'a P; GROUP] {
    let mut group = [empty; GROUP];
    for (found, &slot) in group.iter_mut().zip(slots) {
        *found = &cells[slot as usize];
    }
    group
}

#[inline(always)]
fn append_each<P: Partial>(cells: &mut Vec<P>, older: &[P], newer: &[P], at: &[u32]) {
    cells.reserve(at.len());
    if P::GROUPED {
        let empty = &P::EMPTY;
        let (mut next_older, mut next_newer) = (ahead(older, at).chunks(GROUP), ahead(newer, at).chunks(GROUP));
        for own in at.chunks(GROUP) {
            ask(older, next_older.next().unwrap_or_default());
            ask(newer, next_newer.next().unwrap_or_default());
            let joined = P::joined(group(older, own, empty), group(newer, own, empty));
            cells.extend_from_slice(&joined[..own.len()]);
        }
    } else {
        for &at in at {
            cells.extend_from_slice(&P::joined([&older[at as usize]], [&newer[at as usize]]));
        }
    }
}

#[inline(always)]
fn join_each<P: Partial>(cells: &mut [P], slots: &[u32], newer: &mut [P], at: &[u32]) {
    if P::GROUPED {
        let (empty, mut next) = (&P::EMPTY, ahead(cells, slots).chunks(GROUP));
        for (own, at) in slots.chunks(GROUP).zip(at.chunks(GROUP)) {
            ask(cells, next.next().unwrap_or_default());
            let joined = P::joined(group(cells, own, empty), group(newer, at, empty));
            put(cells, own, &joined);
            put(newer, at, &joined);
        }
    } else {
        for (&slot, &at) in slots.iter().zip(at) {
            let [joined] = P::joined([&cells[slot as usize]], [&newer[at as usize]]);
            (cells[slot as usize], newer[at as usize]) = (joined, joined);
        }
    }
}

#[inline(always)]
fn merge_each<P: Partial>(cells: &mut [P], steps: &[Step]) {
    for step in steps {
        carry_out(cells, step);
    }
}

#[inline(always)]
fn sweep_each<P: Lift<V>, V: Value>(
    cells: &mut [P],
    steps: &[Step],
    sweep: &Sweep<'_>,
    values: &[V],
    results: &mut [P],
) {
    for step in steps {
        match *step {
            Step::Run(ref run) => {
                lift_run(cells, run, sweep, values, results);
                match sweep.windows {
                    None => join_rows(cells, run, results),
                    Some(windows) => join_times(cells, run, windows, results),
                }
            }
            Step::Chain { first, len, next } => {
                let (next, mut one) = (next as usize, P::EMPTY);
                if sweep.chosen.is_none_or(|chosen| chosen[next]) {
                    one.lift(values[next], sweep.times[next]);
                }
                P::chain(&mut cells[first as usize..(first + len) as usize], &one);
            }
            _ => carry_out(cells, step),
        }
    }
}

/// Carries out a step that is no run.
#[inline(always)]
fn carry_out<P: Partial>(cells: &mut [P], step: &Step) {
    match *step {
        Step::Merge(Merge { to, older, newer }) => {
            [cells[to as usize]] = P::joined([&cells[older as usize]], [&cells[newer as usize]]);
        }
        Step::Move { from, to, len } => cells.copy_within(from as usize..(from + len) as usize, to as usize),
        Step::Chain { first, len, next } => {
            let next = cells[next as usize];
            P::chain(&mut cells[first as usize..(first + len) as usize], &next);
        }
        Step::Run(_) => unreachable!("runs are swept"),
    }
}

/// Lifts the rows of a run, and puts what those of the block come to, up to each, where results go.
#[inline(always)]
fn lift_run<P: Lift<V>, V: Value>(cells: &mut [P], run: &Run, sweep: &Sweep<'_>, values: &[V], results: &mut [P]) {
    let rows = run.row as usize..(run.row + run.len) as usize;
    let (values, times, results) = (&values[rows.clone()], &sweep.times[rows.clone()], &mut results[rows.clone()]);
    let mut total = if run.fresh { P::EMPTY } else { cells[run.total as usize] };
    let ones = &mut cells[run.to as usize..(run.to + run.len) as usize];
    match sweep.chosen.map(|chosen| &chosen[rows]) {
        None => total = P::lift_all(total, (values, times), ones, results),
        Some(chosen) => {
            for i in 0..values.len() {
                let mut one = P::EMPTY;
                if chosen[i] {
                    one.lift(values[i], times[i]);
                }
                [total] = P::joined([&total], [&one]);
                (ones[i], results[i]) = (one, total);
            }
        }
    }
    cells[run.total as usize] = total;
}

/// Combines the rows of a run, up to each, with those of the older block that are in the window of so many
/// rows.
#[inline(always)]
fn join_rows<P: Partial>(cells: &[P], run: &Run, results: &mut [P]) {
    let older = &cells[run.older as usize..(run.older + run.reach) as usize];
    for (older, newer) in older.iter().zip(&mut results[run.row as usize..]) {
        [*newer] = P::joined([older], [newer]);
    }
}

/// The same where windows are of times, so that rows of one time have one window.
#[inline(always)]
fn join_times<P: Partial>(cells: &[P], run: &Run, windows: &Reaches, results: &mut [P]) {
    for row in run.row as usize..(run.row + run.len) as usize {
        // The last row of a time comes last, so that what is read is not a result yet.
        let (older, newer) = (windows.older[row] as usize, windows.newer[row] as usize);
        [results[row]] = P::joined([&cells[older]], [&results[newer]]);
    }
}

#[inline(always)]
fn put<P: Partial>(cells: &mut [P], slots: &[u32], group: &[P; GROUP]) {
    for (&slot, cell) in slots.iter().zip(group) {
        cells[slot as usize] = *cell;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn keys_fma<const LOWEST: bool>(values: &[f64], keys: &mut [i64]) {
    keys_each::<LOWEST>(values, keys);
}

#[inline(always)]
fn keys_each<const LOWEST: bool>(values: &[f64], keys: &mut [i64]) {
    for (key, &value) in keys.iter_mut().zip(values) {
        *key = key_of::<LOWEST>(value);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn extremes_fma<const LOWEST: bool>(values: &[f64], streaks: &[Streak], keys: &mut Vec<i64>) {
    extremes_each::<LOWEST>(values, streaks, keys);
}

#[inline(always)]
fn extremes_each<const LOWEST: bool>(mut values: &[f64], streaks: &[Streak], keys: &mut Vec<i64>) {
    for streak in streaks {
        let own;
        (own, values) = values.split_at(streak.rows as usize);
        keys.push(extreme::<LOWEST>(own));
    }
}

#[inline(always)]
fn are_plain_each<P: Widens<V>, V: Value>(values: &[V]) -> bool {
    let mut plain = true;
    // Without a branch per value, so that it compiles to a vector loop.
    for &value in values {
        plain &= P::is_plain(value);
    }
    plain
}

#[inline(always)]
fn variances_each<V: Number>(cells: &[Moments<V>], slots: &[u32], ddof: f64) -> Vec<f64> {
    let mut variances = Vec::with_capacity(slots.len());
    let empty = &Moments::EMPTY;
    for slots in slots.chunks(GROUP) {
        variances.extend_from_slice(&Moments::variances(group(cells, slots, empty), ddof)[..slots.len()]);
    }
    variances
}

#[inline(always)]
fn fold_each<P: Lift<V>, V: Value>(cells: &mut [P], rows: Rows<'_>, values: &[V]) {
    let highest = rows.slots.iter().copied().max().unwrap_or(0);
    assert!((highest as usize) < cells.len() || rows.slots.is_empty(), "a slot beyond the table");
    let (slots, last_slots) = rows.slots.as_chunks::<UNROLLED>();
    let (times, last_times) = rows.times.as_chunks::<UNROLLED>();
    let (values, last_values) = values.as_chunks::<UNROLLED>();
    let (ahead, _) = ahead(cells, rows.slots).as_chunks::<UNROLLED>();
    for (at, ((slots, times), values)) in slots.iter().zip(times).zip(values).enumerate() {
        ask(cells, ahead.get(at).map_or(&[][..], |next| &next[..]));
        for i in 0..UNROLLED {
            // SAFETY: no slot is higher than the highest, and that one has just been found to be in the table.
            unsafe { cells.get_unchecked_mut(slots[i] as usize) }.lift(values[i], times[i]);
        }
    }
    for ((&slot, &time), &value) in last_slots.iter().zip(last_times).zip(last_values) {
        cells[slot as usize].lift(value, time);
    }
}

#[inline(always)]
fn fold_streaks_each<P: Lift<V>, V: Value>(cells: &mut [P], streaks: &[Streak], times: &[i64], values: &[V]) {
    let (mut times, mut values) = (times, values);
    for streak in streaks {
        let (own_times, own_values);
        (own_times, times) = times.split_at(streak.rows as usize);
        (own_values, values) = values.split_at(streak.rows as usize);
        cells[streak.slot as usize].lift_in_order(own_values, own_times);
    }
}

#[inline(always)]
fn combine_each<P: Partial>(cells: &mut [P], to: &[u32], newer: &[P], from: &[u32]) {
    if P::GROUPED {
        let empty = &P::EMPTY;
        let mut next = ahead(newer, from).chunks(GROUP);
        for (to, own) in to.chunks(GROUP).zip(from.chunks(GROUP)) {
            ask(newer, next.next().unwrap_or_default());
            put(cells, to, &P::joined(group(cells, to, empty), group(newer, own, empty)));
        }
    } else {
        for (&to, &from) in to.iter().zip(from) {
            cells[to as usize].combine(&newer[from as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::partial::FloatSum;
    use super::*;

    #[test]
    fn both_compilations_give_the_same_bits() {
        let values: Vec<f64> = (1..5000u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761)) * 1e-7).collect();
        let slots: Vec<u32> = (0..values.len() as u32).map(|i| i % 7).collect();
        let times = vec![0; values.len()];
        let rows = Rows { slots: &slots, times: &times };
        let (mut fast, mut slow) = (vec![Moments::<f64>::EMPTY; 7], vec![Moments::<f64>::EMPTY; 7]);
        fold(&mut fast, rows, &values);
        fold_each(&mut slow, rows, &values);
        let bits = |cells: &[Moments<f64>]| {
            cells.iter().map(|m| Moments::variances([m], 1.0)[0].to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(bits(&fast), bits(&slow));
        let (mut one, mut two) = (vec![FloatSum::EMPTY; 7], vec![FloatSum::EMPTY; 7]);
        fold(&mut one, rows, &values);
        fold_each(&mut two, rows, &values);
        combine(&mut one, &[0, 1], &two, &[2, 3]);
        let copy = two.clone();
        combine_each(&mut two, &[0, 1], &copy, &[2, 3]);
        let merges = [(4, 5, 6), (5, 4, 4), (4, 5, 0)].map(|(to, older, newer)| Merge { to, older, newer });
        let steps = merges.map(Step::Merge);
        merge(&mut one, &steps);
        merge_each(&mut two, &steps);
        assert!(one.iter().zip(&two).all(|(a, b)| a.total().to_bits() == b.total().to_bits()));
        let odd = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -1.5];
        let [mut lowest, mut highest, mut slow_lowest, mut slow_highest] = [[0; 8]; 4];
        keys::<true>(&odd, &mut lowest);
        keys::<false>(&odd, &mut highest);
        keys_each::<true>(&odd, &mut slow_lowest);
        keys_each::<false>(&odd, &mut slow_highest);
        assert_eq!((lowest, highest), (slow_lowest, slow_highest));
    }
}
