//! [`Moments`]: the partial of variances and standard deviations.

use std::hint::select_unpredictable;

use super::double::{Double, Doubles, two_sum};
use super::partial::{self, Lift, Partial};

/// A number from which another can be subtracted exactly, as a [`Double`].
pub(crate) trait Number: Copy + Send + 'static {
    /// Zero.
    const ZERO: Self;
    /// Whether it is whole, so that a variance is to be the nearest double, and to the even one of two.
    const WHOLE: bool;
    /// `self - other`; what is not a finite number gives what is not one.
    fn minus(self, other: Self) -> Double;
    /// Whether it is finite.
    fn is_finite(self) -> bool;
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    const WHOLE: bool = false;

    #[inline(always)]
    fn minus(self, other: Self) -> Double {
        two_sum(self, -other)
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        Self::is_finite(self)
    }
}

macro_rules! integer_number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            const ZERO: Self = 0;
            const WHOLE: bool = true;

            #[inline(always)]
            fn minus(self, other: Self) -> Double {
                Double::from_integer(self as i128 - other as i128)
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                true
            }
        }
    )*};
}

integer_number!(i64, u64);

/// A decimal, by its digits.
impl Number for i128 {
    const ZERO: Self = 0;
    const WHOLE: bool = true;

    #[inline(always)]
    fn minus(self, other: Self) -> Double {
        match self.checked_sub(other) {
            Some(distance) => Double::from_integer(distance),
            // They lie on either side of zero, so that nothing cancels.
            None => Double::from_integer(self).with(Double::from_integer(-other)),
        }
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        true
    }
}

/// How many values there are; its sign tells whether one of them was not finite, which saves a word in each cell.
#[derive(Clone, Copy, Debug)]
struct Tally(f64);

impl Tally {
    const NONE: Self = Self(0.0);

    /// Of one value.
    #[inline(always)]
    fn of(value: impl Number) -> Self {
        Self(if value.is_finite() { 1.0 } else { -1.0 })
    }

    #[inline(always)]
    fn count(self) -> f64 {
        self.0.abs()
    }

    #[inline(always)]
    fn is_broken(self) -> bool {
        self.0.is_sign_negative()
    }

    #[inline(always)]
    fn with(self, other: Self) -> Self {
        let sign = (self.0.to_bits() | other.0.to_bits()) & (1 << 63);
        Self(f64::from_bits((self.count() + other.count()).to_bits() | sign))
    }
}

/// The moments about the first value: the sums of `x - pivot` and of its square, in [`Double`]s.
///
/// The pivot is one of the values, so `Σ(x - pivot)² ≤ (n + 1)·Σ(x - mean)²`: the subtraction that gives
/// the variance loses at most a factor of `n + 1` of the 106 bits, whatever the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments<V> {
    tally: Tally,
    pivot: V,
    sum: Double,
    squares: Double,
}

/// The sums of `older` and, moved to its pivot, of `newer`: with `d` the way between the pivots,
/// `Σ(x+d) = Σx + n·d` and `Σ(x+d)² = Σx² + 2d·Σx + n·d²`.
#[inline(always)]
fn joined_sums(older: (Double, Double), newer: (Double, Double), count: f64, way: Double) -> (Double, Double) {
    let moved = Double::from(count).times(way);
    let twice = Double { hi: 2.0 * newer.0.hi, lo: 2.0 * newer.0.lo };
    let (sum, squares) = (newer.0.with(moved), newer.1.with(way.times(twice.with(moved))));
    (older.0.with(sum), older.1.with(squares))
}

/// The variance of so many values: the sum of the squares of their distances from the mean, by `divisor`.
#[inline(always)]
pub(super) fn variance<V: Number>(sum: Double, squares: Double, count: f64, divisor: f64) -> f64 {
    let sum = sum.normalised();
    let product = sum.times(sum.over_known(count, 1.0 / count));
    let spread = squares.with(Double { hi: -product.hi, lo: -product.lo });
    // Divided before it is rounded.
    let variance = if V::WHOLE { spread.over(divisor) } else { spread.over_known(divisor, 1.0 / divisor) }.value();
    if spread.value() <= 0.0 { 0.0 } else { variance }
}

impl<V: Number> Moments<V> {
    /// No values, about a pivot.
    pub(super) fn about(pivot: V) -> Self {
        Self { pivot, ..Self::EMPTY }
    }

    /// The value that the others are seen from.
    pub(super) fn pivot(&self) -> V {
        self.pivot
    }

    /// Whether there are no values.
    pub(super) fn is_empty(&self) -> bool {
        self.tally.count() == 0.0
    }

    /// Takes in a value, about the pivot that there is.
    #[inline(always)]
    pub(super) fn add(&mut self, value: V) {
        let distance = value.minus(self.pivot);
        self.tally = self.tally.with(Tally::of(value));
        self.sum = self.sum.with(distance);
        self.squares = self.squares.with(distance.times(distance));
    }

    /// What these and newer moments come to, whose sums have been computed; those mean nothing if either
    /// has no value.
    #[inline(always)]
    fn with(&self, newer: &Self, (sum, squares): (Double, Double)) -> Self {
        let (ours, theirs) = (self.tally.count(), newer.tally.count());
        let only = select_unpredictable(ours == 0.0, newer, self);
        let both = ours > 0.0 && theirs > 0.0;
        Self {
            tally: self.tally.with(newer.tally),
            pivot: only.pivot,
            sum: sum.or(only.sum, both),
            squares: squares.or(only.squares, both),
        }
    }

    /// The variance of each of a group, with these degrees of freedom taken off; NaN if a value was not
    /// finite, and nothing that means anything if there are not more values than that.
    #[inline(always)]
    pub(crate) fn variances<const N: usize>(group: [&Self; N], ddof: f64) -> [f64; N] {
        let (mut sums, mut squares) = (Doubles::<N>::ZERO, Doubles::<N>::ZERO);
        let (mut counts, mut variances) = ([0.0; N], [0.0; N]);
        for i in 0..N {
            sums.set(i, group[i].sum);
            squares.set(i, group[i].squares);
            counts[i] = group[i].tally.count();
        }
        for i in 0..N {
            variances[i] = variance::<V>(sums.get(i), squares.get(i), counts[i], counts[i] - ddof);
        }
        for i in 0..N {
            variances[i] = if group[i].tally.is_broken() { f64::NAN } else { variances[i] };
        }
        variances
    }
}

impl Moments<f64> {
    /// Whether all values are the same.
    pub(super) fn is_level(&self) -> bool {
        self.squares.hi == 0.0
    }

    /// Those of the values times a power of two.
    pub(super) fn times(self, factor: f64) -> Self {
        let times = |Double { hi, lo }, factor| Double { hi: hi * factor, lo: lo * factor };
        Self {
            tally: self.tally,
            pivot: self.pivot * factor,
            sum: times(self.sum, factor),
            squares: times(times(self.squares, factor), factor),
        }
    }
}

impl<V: Number> Partial for Moments<V> {
    const EMPTY: Self = Self {
        tally: Tally::NONE,
        pivot: V::ZERO,
        sum: Double { hi: 0.0, lo: 0.0 },
        squares: Double { hi: 0.0, lo: 0.0 },
    };

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        [*self] = Self::joined([&*self], [newer]);
    }

    /// All are about the next row, of which the newer ones are too: then no pivot has to be moved.
    #[inline(always)]
    fn chain(cells: &mut [Self], next: &Self) {
        if next.tally.count() == 0.0 {
            return partial::chain(cells);
        }
        let mut newer = Self::about(next.pivot);
        for cell in cells.iter_mut().rev() {
            if cell.tally.count() > 0.0 {
                newer.add(cell.pivot);
            }
            *cell = newer;
        }
    }

    const GROUPED: bool = true;

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "loops over numbers side by side become vector instructions")]
    fn joined<const N: usize>(older: [&Self; N], newer: [&Self; N]) -> [Self; N] {
        let [mut sums, mut squares, mut newer_sums, mut newer_squares, mut ways] = [Doubles::<N>::ZERO; 5];
        let mut counts = [0.0; N];
        for i in 0..N {
            sums.set(i, older[i].sum);
            squares.set(i, older[i].squares);
            newer_sums.set(i, newer[i].sum);
            newer_squares.set(i, newer[i].squares);
            ways.set(i, newer[i].pivot.minus(older[i].pivot));
            counts[i] = newer[i].tally.count();
        }
        for i in 0..N {
            let newer = (newer_sums.get(i), newer_squares.get(i));
            let (sum, square) = joined_sums((sums.get(i), squares.get(i)), newer, counts[i], ways.get(i));
            sums.set(i, sum);
            squares.set(i, square);
        }
        let mut joined = [Self::EMPTY; N];
        for i in 0..N {
            joined[i] = older[i].with(newer[i], (sums.get(i), squares.get(i)));
        }
        joined
    }
}

impl<V: Number> Lift<V> for Moments<V> {
    #[inline(always)]
    fn lift(&mut self, value: V, _: i64) {
        self.pivot = if self.tally.count() == 0.0 { value } else { self.pivot };
        self.add(value);
    }

    #[inline(always)]
    fn lift_all(mut total: Self, (values, _): (&[V], &[i64]), ones: &mut [Self], totals: &mut [Self]) -> Self {
        for i in 0..values.len() {
            (ones[i], totals[i]) = (Self::EMPTY, total);
            ones[i].lift(values[i], 0);
            totals[i].lift(values[i], 0);
            total = totals[i];
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifted(values: &[f64]) -> Moments<f64> {
        let mut moments = Moments::EMPTY;
        values.iter().for_each(|&value| moments.lift(value, 0));
        moments
    }

    fn of<V: Number>(moments: &Moments<V>) -> f64 {
        Moments::variances([moments], 1.0)[0]
    }

    #[test]
    fn variance_is_right_whatever_the_data() {
        let var = |values: &[f64]| of(&lifted(values));
        assert_eq!(var(&[1e15, 1e15 + 1.0, 1e15 + 2.0]), 1.0);
        let next = f64::from_bits(1e8f64.to_bits() + 1);
        let ulp = next - 1e8;
        assert_eq!(var(&[1e8, next]), ulp * ulp / 2.0);
        assert!(var(&[1.0, f64::NAN]).is_nan());
        let mut ints = Moments::<i64>::EMPTY;
        (1..=3).for_each(|i| ints.lift((1 << 53) + i, 0));
        assert_eq!(of(&ints), 1.0);
        let mut thirds = Moments::<i64>::EMPTY;
        [0, 0, 5].into_iter().for_each(|i| thirds.lift(i, 0));
        assert_eq!(Moments::variances([&thirds], 0.0)[0], 50.0 / 9.0);
    }

    #[test]
    fn an_outlier_as_pivot_does_no_harm() {
        let values: Vec<f64> = std::iter::once(1e15).chain((0..999).map(|i| f64::from(i % 10))).collect();
        let (mut a, b) = (lifted(&values[..1]), lifted(&values[1..]));
        a.combine(&b);
        let whole = of(&lifted(&values));
        assert!((of(&a) / whole - 1.0).abs() < 1e-15);
    }
}
