//! The mergeable states of the aggregates: what an aggregate remembers of the rows of one pane and key.
//!
//! A [`Partial`] is a monoid (`EMPTY`, `combine`) into which values are lifted one by one, in the order
//! of their rows. Whether it holds any value at all is counted elsewhere: an empty state is never told by
//! an extreme value.

use std::hint::select_unpredictable;

use super::cells::Value;
use super::double::{Double, two_sum};
use super::fused;
use super::side_by_side::add_streaks;
use super::slots::Streak;

/// A mergeable state.
pub(crate) trait Partial: Copy + Send + 'static {
    /// The state of no value.
    const EMPTY: Self;

    /// Takes in the state of the rows that come after its own.
    fn combine(&mut self, newer: &Self);

    /// Combines each cell, of one row at most, with all behind it, from the last to the first. Whatever window
    /// they are in, the next row is in it too.
    #[inline(always)]
    fn chain(cells: &mut [Self], _next: &Self) {
        chain(cells);
    }

    /// Whether [`joined`](Self::joined) is faster than one after the other.
    const GROUPED: bool = false;

    /// What each of a group comes to with its newer one.
    #[inline(always)]
    fn joined<const N: usize>(older: [&Self; N], newer: [&Self; N]) -> [Self; N] {
        let mut joined = [Self::EMPTY; N];
        for i in 0..N {
            joined[i] = *older[i];
            joined[i].combine(newer[i]);
        }
        joined
    }
}

/// Combines each cell with all behind it, from the last to the first.
#[inline(always)]
pub(super) fn chain<P: Partial>(cells: &mut [P]) {
    let Some(mut newer) = cells.last().copied() else { return };
    for cell in cells.iter_mut().rev().skip(1) {
        [newer] = P::joined([cell], [&newer]);
        *cell = newer;
    }
}

/// A state into which values of this type are lifted.
pub(crate) trait Lift<V>: Partial {
    /// Takes in one value and the event time of its row.
    fn lift(&mut self, value: V, time: i64);

    /// Takes in values, one after the other, of rows in the order of their times.
    #[inline(always)]
    fn lift_in_order(&mut self, values: &[V], times: &[i64])
    where
        V: Copy,
    {
        for i in 0..values.len() {
            self.lift(values[i], times[i]);
        }
    }

    /// The same for streaks of rows, which go to different cells.
    fn lift_streaks(cells: &mut [Self], streaks: &[Streak], times: &[i64], values: &[V])
    where
        V: Value,
    {
        fused::fold_streaks(cells, streaks, times, values);
    }

    /// Lifts each value into a state of its own, and notes what all up to each come to, from `total` on.
    /// Gives what they all come to.
    #[inline(always)]
    fn lift_all(mut total: Self, (values, times): (&[V], &[i64]), ones: &mut [Self], totals: &mut [Self]) -> Self
    where
        V: Copy,
    {
        for i in 0..values.len() {
            let mut one = Self::EMPTY;
            one.lift(values[i], times[i]);
            [total] = Self::joined([&total], [&one]);
            (ones[i], totals[i]) = (one, total);
        }
        total
    }
}

/// How many rows there are.
impl Partial for u64 {
    const EMPTY: Self = 0;

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        *self += newer;
    }
}

impl Lift<Self> for u64 {
    #[inline(always)]
    fn lift(&mut self, value: Self, _: i64) {
        *self += value;
    }
}

/// A value with a total order that an extremum can start from.
pub(crate) trait Ordered: Ord + Copy + Send + 'static {
    /// The lowest value there is.
    const LOWEST: Self;
    /// The highest value there is.
    const HIGHEST: Self;
}

impl Ordered for i64 {
    const LOWEST: Self = Self::MIN;
    const HIGHEST: Self = Self::MAX;
}

impl Ordered for i128 {
    const LOWEST: Self = Self::MIN;
    const HIGHEST: Self = Self::MAX;
}

/// The least value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Min<K>(pub(crate) K);

impl<K: Ordered> Partial for Min<K> {
    const EMPTY: Self = Self(K::HIGHEST);

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        self.0 = self.0.min(newer.0);
    }
}

impl<K: Ordered> Lift<K> for Min<K> {
    #[inline(always)]
    fn lift(&mut self, value: K, _: i64) {
        self.0 = self.0.min(value);
    }
}

/// The greatest value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Max<K>(pub(crate) K);

impl<K: Ordered> Partial for Max<K> {
    const EMPTY: Self = Self(K::LOWEST);

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        self.0 = self.0.max(newer.0);
    }
}

impl<K: Ordered> Lift<K> for Max<K> {
    #[inline(always)]
    fn lift(&mut self, value: K, _: i64) {
        self.0 = self.0.max(value);
    }
}

/// A double as an integer that sorts like it, with -0.0 below 0.0.
#[inline(always)]
fn sortable(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The double that sorts so.
fn from_sortable(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

/// What stands for a double where the lowest is looked for, or the highest.
#[inline(always)]
pub(super) fn key_of<const LOWEST: bool>(value: f64) -> i64 {
    if LOWEST { Min::key(value) } else { Max::key(value) }
}

impl Min<i64> {
    /// What stands for a double: every NaN is below all others.
    #[inline(always)]
    pub(crate) fn key(value: f64) -> i64 {
        if value.is_nan() { i64::MIN } else { sortable(value) }
    }

    /// The least of doubles; NaN if any is one.
    pub(crate) fn double(self) -> f64 {
        if self.0 == i64::MIN { f64::NAN } else { from_sortable(self.0) }
    }
}

impl Max<i64> {
    /// What stands for a double: every NaN is above all others.
    #[inline(always)]
    pub(crate) fn key(value: f64) -> i64 {
        if value.is_nan() { i64::MAX } else { sortable(value) }
    }

    /// The greatest of doubles; NaN if any is one.
    pub(crate) fn double(self) -> f64 {
        if self.0 == i64::MAX { f64::NAN } else { from_sortable(self.0) }
    }
}

/// How an unsigned integer sorts among signed ones: 0 first.
pub(crate) const UNSIGNED: i64 = i64::MIN;

impl Lift<u64> for Min<i64> {
    #[inline(always)]
    fn lift(&mut self, value: u64, _: i64) {
        self.0 = self.0.min(value as i64 ^ UNSIGNED);
    }
}

impl Lift<u64> for Max<i64> {
    #[inline(always)]
    fn lift(&mut self, value: u64, _: i64) {
        self.0 = self.0.max(value as i64 ^ UNSIGNED);
    }
}

/// The value of the earliest row; of rows of one time, that of the first to arrive.
///
/// The time of an empty state is one that no row can have: sources refuse it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First<T> {
    time: i64,
    /// The value, or `T::default()` if there is none.
    pub(crate) value: T,
}

/// The value of the latest row; of rows of one time, that of the last to arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last<T> {
    time: i64,
    /// The value, or `T::default()` if there is none.
    pub(crate) value: T,
}

/// A value that an end can start from.
pub(crate) trait Nothing: Copy + Send + 'static {
    /// The value of no row.
    const NOTHING: Self;
}

impl Nothing for i64 {
    const NOTHING: Self = 0;
}

impl Nothing for i128 {
    const NOTHING: Self = 0;
}

impl Nothing for Option<i64> {
    const NOTHING: Self = None;
}

impl<T: Nothing> Partial for First<T> {
    const EMPTY: Self = Self { time: i64::MAX, value: T::NOTHING };

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        self.lift(newer.value, newer.time);
    }
}

impl<T: Nothing> Lift<T> for First<T> {
    #[inline(always)]
    fn lift_in_order(&mut self, values: &[T], times: &[i64]) {
        if let Some((&value, &time)) = values.first().zip(times.first()) {
            self.lift(value, time);
        }
    }

    #[inline(always)]
    fn lift(&mut self, value: T, time: i64) {
        let earlier = time < self.time;
        self.value = select_unpredictable(earlier, value, self.value);
        self.time = select_unpredictable(earlier, time, self.time);
    }
}

impl<T: Nothing> Partial for Last<T> {
    const EMPTY: Self = Self { time: i64::MIN, value: T::NOTHING };

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        self.lift(newer.value, newer.time);
    }
}

impl<T: Nothing> Lift<T> for Last<T> {
    #[inline(always)]
    fn lift_in_order(&mut self, values: &[T], times: &[i64]) {
        if let Some((&value, &time)) = values.last().zip(times.last()) {
            self.lift(value, time);
        }
    }

    #[inline(always)]
    fn lift(&mut self, value: T, time: i64) {
        let later = time >= self.time;
        self.value = select_unpredictable(later, value, self.value);
        self.time = select_unpredictable(later, time, self.time);
    }
}

/// A sum of integers, exact in 128 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntSum(pub(crate) i128);

impl Partial for IntSum {
    const EMPTY: Self = Self(0);

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        self.0 += newer.0;
    }
}

impl Lift<i64> for IntSum {
    #[inline(always)]
    fn lift(&mut self, value: i64, _: i64) {
        self.0 += i128::from(value);
    }
}

impl Lift<u64> for IntSum {
    #[inline(always)]
    fn lift(&mut self, value: u64, _: i64) {
        self.0 += i128::from(value);
    }
}

/// A sum of doubles, in the order of the rows, with the rounding errors summed beside it.
///
/// Its error is at most `u·|s| + n²u²·Σ|x|`, with `u` = 2⁻⁵³. Sums beyond the range of a double are held
/// in `wide` until the others bring them back, and infinities and NaN are kept there, so that `hi` and
/// `lo` stay finite. Whether an addition can be done without it is told by its rounding error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatSum {
    hi: f64,
    lo: f64,
    wide: f64,
}

/// The unit of [`FloatSum::wide`]: 2⁶⁴.
const WIDE: f64 = 18_446_744_073_709_551_616.0;

impl FloatSum {
    #[cold]
    fn add_wide(&mut self, value: f64) {
        let part = if value.is_finite() { std::mem::replace(&mut self.hi, value) / WIDE } else { value };
        self.widen(part);
    }

    /// Adds to `wide`; its rounding error goes where those of the others are.
    #[cold]
    fn widen(&mut self, part: f64) {
        let sum = two_sum(self.wide, part);
        self.wide = sum.hi;
        self.lo += if sum.hi.is_finite() { sum.lo * WIDE } else { 0.0 };
    }

    #[cold]
    #[inline(never)]
    fn lift_each(mut total: Self, values: &[f64], ones: &mut [Self], totals: &mut [Self]) -> Self {
        for i in 0..values.len() {
            ones[i] = Self::EMPTY;
            ones[i].add(values[i]);
            total.combine(&ones[i]);
            totals[i] = total;
        }
        total
    }

    /// The sum and its rounding errors, but for what is held in `wide`.
    pub(super) fn narrow(&self) -> Double {
        Double { hi: self.hi, lo: self.lo }
    }

    /// Takes in values with which it becomes such a sum, if that is exact.
    #[inline(always)]
    pub(super) fn take_in(&mut self, values: &[f64], Double { hi, lo }: Double) {
        // What is not finite stays so, and then all has to be done with more care.
        if lo.is_finite() {
            (self.hi, self.lo) = (hi, lo);
        } else {
            self.add_each(values);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_each(&mut self, values: &[f64]) {
        values.iter().for_each(|&value| self.add(value));
    }

    #[inline(always)]
    fn add(&mut self, value: f64) {
        let sum = two_sum(self.hi, value);
        if sum.lo.is_finite() {
            self.hi = sum.hi;
            self.lo += sum.lo;
        } else {
            self.add_wide(value);
        }
    }

    /// The sum.
    pub(crate) fn total(self) -> f64 {
        match self.wide {
            // Nothing is added to a negative zero.
            0.0 => select_unpredictable(self.lo == 0.0, self.hi, self.hi + self.lo),
            wide if wide.is_finite() => {
                let sum = two_sum(wide * WIDE, self.hi);
                // What the others brought back is as exact as if it had never been beyond the range.
                if sum.lo.is_finite() { sum.hi + (sum.lo + self.lo) } else { self.far() * WIDE }
            }
            wide => wide,
        }
    }

    /// The sum in the unit of `wide`.
    fn far(self) -> f64 {
        let sum = two_sum(self.wide, self.hi / WIDE);
        sum.hi + (sum.lo + self.lo / WIDE)
    }

    /// The sum with its rounding error, and the power of two that it is to be multiplied by, which may bring it out of
    /// range.
    pub(super) fn unscaled(self) -> (Double, i32) {
        let near = two_sum(self.wide * WIDE, self.hi).and_lost(self.lo);
        match near.lo.is_finite() {
            true => (near, 0),
            false => (two_sum(self.wide, self.hi / WIDE).and_lost(self.lo / WIDE), 64),
        }
    }

    /// Adds a product, whose rounding error goes where those of the others are.
    #[inline(always)]
    pub(super) fn add_product(&mut self, Double { hi, lo }: Double) {
        self.add(hi);
        if hi.is_finite() {
            self.lo += lo;
        }
    }

    /// Whether it comes to nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.hi == 0.0 && self.lo == 0.0 && self.wide == 0.0
    }

    /// The sum of all that it has, times a power of two.
    pub(super) fn times(self, factor: f64) -> Self {
        Self { hi: self.hi * factor, lo: self.lo * factor, wide: self.wide * factor }
    }

    /// The sum divided by a number, finite where the sum itself may not be.
    pub(crate) fn over(self, divisor: f64) -> f64 {
        let total = self.total();
        if total.is_finite() || !self.wide.is_finite() { total / divisor } else { self.far() / divisor * WIDE }
    }
}

impl Partial for FloatSum {
    // The sum of nothing but -0.0 is -0.0, and so is its start.
    const EMPTY: Self = Self { hi: -0.0, lo: -0.0, wide: 0.0 };

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        let sum = two_sum(self.hi, newer.hi);
        if sum.lo.is_finite() & (newer.wide == 0.0) {
            self.hi = sum.hi;
            self.lo += sum.lo;
        } else {
            self.widen(newer.wide);
            self.add(newer.hi);
        }
        self.lo += newer.lo;
    }
}

impl Lift<f64> for FloatSum {
    #[inline(always)]
    fn lift(&mut self, value: f64, _: i64) {
        self.add(value);
    }

    fn lift_streaks(cells: &mut [Self], streaks: &[Streak], _: &[i64], values: &[f64]) {
        add_streaks(cells, streaks, values);
    }

    #[inline(always)]
    fn lift_all(total: Self, (values, _): (&[f64], &[i64]), ones: &mut [Self], totals: &mut [Self]) -> Self {
        let (ones, totals) = (&mut ones[..values.len()], &mut totals[..values.len()]);
        let Self { hi, lo, wide } = total;
        let mut sum = Double { hi, lo };
        for i in 0..values.len() {
            sum = sum.and(values[i]);
            ones[i] = Self { hi: values[i], ..Self::EMPTY };
            totals[i] = Self { hi: sum.hi, lo: sum.lo, wide };
        }
        // What is not finite stays so, and then all has to be done with more care.
        match sum {
            Double { hi, lo } if lo.is_finite() => Self { hi, lo, wide },
            _ => Self::lift_each(total, values, ones, totals),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::lifted;
    use super::*;

    #[test]
    fn sums_survive_cancellation_and_overflow() {
        assert_eq!(lifted::<FloatSum, _>(&[-1e33, 1e50, 1e33, -1e50, 7e15]).total(), 7e15);
        assert_eq!(lifted::<FloatSum, _>(&[1e308, 1e308, -1e308]).total(), 1e308);
        assert_eq!(lifted::<FloatSum, _>(&[1e308, 1e308, 1e290, -1e308, -1e308]).total(), 1e290);
        assert_eq!(lifted::<FloatSum, _>(&[1e308, 1e308, 5e-324, -1e308, -1e308]).over(1.0), 5e-324);
        assert_eq!(lifted::<FloatSum, _>(&[1e308, 1e308]).total(), f64::INFINITY);
        let tie = -1.5 * (f64::MAX - f64::MAX.next_down());
        assert_eq!(lifted::<FloatSum, _>(&[tie, f64::MAX]).total(), f64::MAX.next_down());
        assert_eq!(lifted::<FloatSum, _>(&[1e308, 1e308]).over(2.0), 1e308);
        assert_eq!(lifted::<FloatSum, _>(&[f64::INFINITY, 1.0]).total(), f64::INFINITY);
        assert!(lifted::<FloatSum, _>(&[f64::INFINITY, f64::NEG_INFINITY]).total().is_nan());
        assert!(lifted::<FloatSum, _>(&[-0.0, -0.0]).total().is_sign_negative());
    }

    #[test]
    fn a_combined_sum_is_as_good() {
        let mut sum: FloatSum = lifted(&[1e16, 1.0]);
        sum.combine(&lifted(&[-1e16, 1.0]));
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn sums_lifted_together_are_those_lifted_one_by_one() {
        let bits = |sums: &[FloatSum]| sums.iter().map(|s| s.total().to_bits()).collect::<Vec<_>>();
        let tie = -1.5 * (f64::MAX - f64::MAX.next_down());
        let odd = [1e308, 1e308, -1e308, tie, f64::MAX, f64::INFINITY, 0.1, -0.0, 1e16, f64::NAN, 5e-324];
        for (from, to) in (0..odd.len()).flat_map(|from| (from..=odd.len()).map(move |to| (from, to))) {
            let values = &odd[from..to];
            for start in [lifted::<FloatSum, _>(&[]), lifted(&[0.3, 1e17]), lifted(&[1e308, 1e308])] {
                let empty = vec![FloatSum::EMPTY; values.len()];
                let [mut ones, mut totals, mut want, mut wanted] = [(); 4].map(|()| empty.clone());
                let times = vec![0; values.len()];
                let total = FloatSum::lift_all(start, (values, &times), &mut ones, &mut totals);
                let last = FloatSum::lift_each(start, values, &mut want, &mut wanted);
                assert_eq!((bits(&ones), bits(&totals)), (bits(&want), bits(&wanted)), "{values:?}");
                assert_eq!(bits(&[total]), bits(&[last]));
            }
        }
    }

    #[test]
    fn extrema_of_doubles_order_zeros_and_keep_nan() {
        let min = |values: [f64; 2]| Min(values.map(Min::key)[0].min(Min::key(values[1]))).double();
        let max = |values: [f64; 2]| Max(values.map(Max::key)[0].max(Max::key(values[1]))).double();
        assert!(min([0.0, -0.0]).is_sign_negative() && max([-0.0, 0.0]).is_sign_positive());
        assert!(max([-f64::NAN, 2.0]).is_nan() && min([1.0, f64::NAN]).is_nan());
        assert_eq!((min([f64::INFINITY, 3.0]), max([f64::NEG_INFINITY, -3.0])), (3.0, -3.0));
    }

    #[test]
    fn ends_go_by_time_then_arrival() {
        let (mut first, mut last) = (First::<i64>::EMPTY, Last::<i64>::EMPTY);
        for (value, time) in [(1, 5), (2, 3), (3, 3), (4, 9), (5, 9), (6, 1 << 40)].into_iter().take(5) {
            first.lift(value, time);
            last.lift(value, time);
        }
        assert_eq!((first.value, last.value), (2, 5));
    }
}
