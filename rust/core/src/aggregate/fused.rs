//! The loops over rows, compiled twice: once for every machine, once for those with a fused
//! multiply-add. Both give the same bits, since `f64::mul_add` is exact either way; without the
//! instruction it is a call. Slots are checked once for all rows.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::belt::{Belt, Passing};
use super::cells::{Rows, Value};
use super::double::Double;
use super::extreme::extreme;
use super::flat::{Finish, Flat};
use super::moments::{Moments, Number};
use super::partial::{Lift, Partial, key_of};
use super::side_by_side::LANES;
use super::slots::Streak;
use super::sweep::{Merge, Reaches, Run, Step, Sweep};

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

/// Puts into cells, and into those of the newer that they are made of, the combinations of the same cells
/// of the older and of these.
pub(super) fn join<P: Partial>(cells: &mut [P], slots: &[u32], older: &[P], newer: &mut [P], at: &[u32]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { join_fma(cells, slots, older, newer, at) };
    }
    join_each(cells, slots, older, newer, at);
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

/// The variance of each slot.
pub(super) fn variances<V: Number>(cells: &[Moments<V>], slots: &[u32], ddof: f64) -> Vec<f64> {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { variances_fma(cells, slots, ddof) };
    }
    variances_each(cells, slots, ddof)
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

/// Adds the values of lanes to their sums, one after the other. A lane are the first so many of its values: what lies
/// behind them may be looked at, and is not added.
pub(super) fn add_lanes(sums: &mut [Double; LANES], lanes: [&[f64]; LANES], lens: [usize; LANES]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { add_lanes_fma(sums, lanes, lens) };
    }
    add_lanes_each(sums, lanes, lens);
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

#[cfg(target_arch = "x86_64")]
fn has_fma() -> bool {
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
fn join_fma<P: Partial>(cells: &mut [P], slots: &[u32], older: &[P], newer: &mut [P], at: &[u32]) {
    join_each(cells, slots, older, newer, at);
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
        for at in at.chunks(GROUP) {
            let joined = P::joined(group(older, at, empty), group(newer, at, empty));
            cells.extend_from_slice(&joined[..at.len()]);
        }
    } else {
        for &at in at {
            cells.extend_from_slice(&P::joined([&older[at as usize]], [&newer[at as usize]]));
        }
    }
}

#[inline(always)]
fn join_each<P: Partial>(cells: &mut [P], slots: &[u32], older: &[P], newer: &mut [P], at: &[u32]) {
    if P::GROUPED {
        let empty = &P::EMPTY;
        for (slots, at) in slots.chunks(GROUP).zip(at.chunks(GROUP)) {
            let joined = P::joined(group(older, slots, empty), group(newer, at, empty));
            put(cells, slots, &joined);
            put(newer, at, &joined);
        }
    } else {
        for (&slot, &at) in slots.iter().zip(at) {
            let [joined] = P::joined([&older[slot as usize]], [&newer[at as usize]]);
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

/// So many values of each lane are worth adding side by side; and lanes that are this short, up to the end of the longest.
#[cfg(target_arch = "x86_64")]
const WORTH_LANES: usize = 8;
#[cfg(target_arch = "x86_64")]
const SHORT_LANES: usize = 64;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn add_lanes_fma(sums: &mut [Double; LANES], mut lanes: [&[f64]; LANES], mut lens: [usize; LANES]) {
    loop {
        let (mut live, mut least, mut most, mut some) = (0, usize::MAX, 0, lanes[0]);
        for (lane, len) in lanes.into_iter().zip(lens).filter(|&(_, len)| len > 0) {
            (live, least, most, some) = (live + 1, least.min(len), most.max(len), lane);
        }
        let abreast = if most <= SHORT_LANES { most } else { least };
        if live < 2 || abreast < WORTH_LANES {
            return add_lanes_each(sums, lanes, lens);
        }
        for at in 0..LANES {
            // Where there is nothing to add, there has to be something to look at.
            lanes[at] = if lens[at] > 0 { lanes[at] } else { some };
        }
        let added = add_abreast(sums, lanes, lens.map(|len| len.min(abreast)));
        for at in 0..LANES {
            if lens[at] > 0 {
                let len = lens[at].min(abreast);
                (sums[at], lanes[at], lens[at]) = (added[at], &lanes[at][len..], lens[at] - len);
            }
        }
    }
}

#[inline(always)]
fn add_lanes_each(sums: &mut [Double; LANES], lanes: [&[f64]; LANES], lens: [usize; LANES]) {
    for ((sum, lane), len) in sums.iter_mut().zip(lanes).zip(lens) {
        *sum = sum.and_all(&lane[..len]);
    }
}

/// The sums with the values of lanes; one without values may be another zero. It is written out: compilers do not find
/// that the lanes fit one register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_abreast(sums: &[Double; LANES], lanes: [&[f64]; LANES], lens: [usize; LANES]) -> [Double; LANES] {
    let [first, second, third, last] = sums;
    let mut totals = _mm256_set_pd(last.hi, third.hi, second.hi, first.hi);
    let mut errors = _mm256_set_pd(last.lo, third.lo, second.lo, first.lo);
    let (mut least, mut most) = (lens[0], lens[0]);
    for len in lens {
        (least, most) = (least.min(len), most.max(len));
    }
    for from in (0..most).step_by(LANES) {
        let [mut a, mut b, mut c, mut d] =
            [next(lanes[0], from), next(lanes[1], from), next(lanes[2], from), next(lanes[3], from)];
        if least < from + LANES {
            a = of_lane(a, lens[0], from);
            b = of_lane(b, lens[1], from);
            c = of_lane(c, lens[2], from);
            d = of_lane(d, lens[3], from);
        }
        for row in transposed([a, b, c, d]) {
            let total = _mm256_add_pd(totals, row);
            let part = _mm256_sub_pd(total, totals);
            let lost = _mm256_sub_pd(totals, _mm256_sub_pd(total, part));
            errors = _mm256_add_pd(errors, _mm256_add_pd(lost, _mm256_sub_pd(row, part)));
            totals = total;
        }
    }
    let (mut hi, mut lo) = ([0.0; LANES], [0.0; LANES]);
    // SAFETY: each of the arrays has room for four doubles, and need not be aligned.
    unsafe {
        _mm256_storeu_pd(hi.as_mut_ptr(), totals);
        _mm256_storeu_pd(lo.as_mut_ptr(), errors);
    }
    std::array::from_fn(|at| Double { hi: hi[at], lo: lo[at] })
}

/// Four values from one on, and anything behind the last.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn next(values: &[f64], from: usize) -> __m256d {
    let mut last = [0.0; LANES];
    let four = values.get(from..).and_then(<[f64]>::first_chunk).unwrap_or_else(|| {
        for (last, &value) in last.iter_mut().zip(values.iter().skip(from)) {
            *last = value;
        }
        &last
    });
    // SAFETY: the reference is to four doubles, which need not be aligned.
    unsafe { _mm256_loadu_pd(four.as_ptr()) }
}

/// Four values from one on, as far as they are in a lane of this length; behind it what changes no sum, negative zeros.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn of_lane(four: __m256d, len: usize, from: usize) -> __m256d {
    let left = _mm256_set1_epi64x(len as i64 - from as i64);
    let is_in = _mm256_cmpgt_epi64(left, _mm256_set_epi64x(3, 2, 1, 0));
    _mm256_blendv_pd(_mm256_set1_pd(-0.0), four, _mm256_castsi256_pd(is_in))
}

/// Columns for rows.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn transposed([a, b, c, d]: [__m256d; LANES]) -> [__m256d; LANES] {
    let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
    let (last_even, last_odd) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
    [
        _mm256_permute2f128_pd::<0x20>(even, last_even),
        _mm256_permute2f128_pd::<0x20>(odd, last_odd),
        _mm256_permute2f128_pd::<0x31>(even, last_even),
        _mm256_permute2f128_pd::<0x31>(odd, last_odd),
    ]
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
    // SAFETY: no slot is higher than the highest, and that one has just been found to be in the table.
    let mut lift = |slot: u32, value, time| unsafe { cells.get_unchecked_mut(slot as usize) }.lift(value, time);
    for ((slots, times), values) in slots.iter().zip(times).zip(values) {
        for i in 0..UNROLLED {
            lift(slots[i], values[i], times[i]);
        }
    }
    for ((&slot, &time), &value) in last_slots.iter().zip(last_times).zip(last_values) {
        lift(slot, value, time);
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
        for (to, from) in to.chunks(GROUP).zip(from.chunks(GROUP)) {
            put(cells, to, &P::joined(group(cells, to, empty), group(newer, from, empty)));
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
    use super::super::testing::mixed;
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

    #[test]
    fn lanes_are_added_alike_with_and_without_instructions() {
        let mut state = 9;
        let mut lane = |rows| (0..rows).map(|_| mixed(&mut state) as f64 * 1e-3 - 1e6).collect::<Vec<_>>();
        let lens = [
            [50; 4],
            [9, 30, 8, 100],
            [0, 200, 17, 0],
            [60, 300, 20, 120],
            [1, 0, 64, 7],
            [0, 0, 0, 90],
            [0; 4],
            [64, 13, 1, 22],
            [16, 12, 8, 65],
        ];
        // Lanes may lie at the end of what there is, or before other values.
        for (lens, behind) in lens.into_iter().flat_map(|lens| [(lens, 0), (lens, 3), (lens, 70)]) {
            let values = lens.map(|len| lane(len + behind));
            let lanes = [0, 1, 2, 3].map(|lane| &values[lane][..]);
            let start = [0.5, -0.0, 1e300, f64::INFINITY].map(|hi| Double { hi, lo: -0.0 });
            let (mut sums, mut slow) = (start, start);
            add_lanes(&mut sums, lanes, lens);
            for (at, sum) in slow.iter_mut().enumerate() {
                *sum = lanes[at][..lens[at]].iter().fold(*sum, |sum, &v| sum.and(v));
            }
            let bits = |sums: [Double; LANES]| sums.map(|sum| (sum.hi.to_bits(), sum.lo.to_bits()));
            assert_eq!(bits(sums), bits(slow), "{lens:?}");
            let mut each = start;
            add_lanes_each(&mut each, lanes, lens);
            assert_eq!(bits(each), bits(slow), "{lens:?}");
        }
    }
}
