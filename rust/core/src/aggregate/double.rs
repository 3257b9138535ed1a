//! Sums of two doubles: [`Double`], a number as an unevaluated sum `hi + lo`, good for about 106 bits.
//!
//! The error-free transformations are those of Knuth and Dekker; products use a fused multiply-add,
//! so that each gives the same bits on every machine.

use std::hint::select_unpredictable;

/// An unevaluated sum of a double and its rounding error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Double {
    /// The number, rounded.
    pub(crate) hi: f64,
    /// What the rounding left over.
    pub(crate) lo: f64,
}

/// The errors of so many additions are found side by side.
const GROUP: usize = 8;

/// `a + b` exactly (Knuth's TwoSum). Where that is out of range, or a step on the way is, which only the greatest double
/// there is as `b` can cause, the rounding error is not finite.
#[inline(always)]
pub(crate) fn two_sum(a: f64, b: f64) -> Double {
    let hi = a + b;
    Double { hi, lo: lost(a, b, hi) }
}

/// What the rounding of `a + b` to `hi` left over.
#[inline(always)]
fn lost(a: f64, b: f64, hi: f64) -> f64 {
    let part = hi - a;
    (a - (hi - part)) + (b - part)
}

/// `a * b` exactly, unless it underflows.
#[inline(always)]
pub(crate) fn two_product(a: f64, b: f64) -> Double {
    let hi = a * b;
    Double { hi, lo: a.mul_add(b, -hi) }
}

impl Double {
    /// A double as it is.
    #[inline(always)]
    pub(crate) fn from(value: f64) -> Self {
        Self { hi: value, lo: 0.0 }
    }

    /// An integer of up to 106 bits, exactly.
    #[inline(always)]
    pub(crate) fn from_integer(value: i128) -> Self {
        let hi = value as f64;
        Self { hi, lo: (value - hi as i128) as f64 }
    }

    /// This sum with one more double, the rounding error added to those before it.
    #[inline(always)]
    pub(crate) fn and(self, value: f64) -> Self {
        let total = two_sum(self.hi, value);
        Self { hi: total.hi, lo: self.lo + total.lo }
    }

    /// This sum with more doubles, one after the other: what [`and`](Self::and) gives.
    #[inline(always)]
    pub(crate) fn and_all(mut self, values: &[f64]) -> Self {
        let (groups, rest) = values.as_chunks::<GROUP>();
        for group in groups {
            self = self.and_group::<false>(group, &mut [Self::default(); GROUP]);
        }
        for &value in rest {
            self = self.and(value);
        }
        self
    }

    /// The same, and what it comes to with each of them; from the last to the first if `BACK`.
    #[inline(always)]
    pub(crate) fn and_each<const BACK: bool>(mut self, values: &[f64], sums: &mut [Self]) -> Self {
        let (len, sums) = (values.len(), &mut sums[..values.len()]);
        let grouped = len - len % GROUP;
        for from in (0..grouped).step_by(GROUP) {
            let from = if BACK { len - from - GROUP } else { from };
            if let (Some(values), Some(sums)) = (values[from..].first_chunk(), sums[from..].first_chunk_mut()) {
                self = self.and_group::<BACK>(values, sums);
            }
        }
        for i in grouped..len {
            let at = if BACK { len - 1 - i } else { i };
            self = self.and(values[at]);
            sums[at] = self;
        }
        self
    }

    /// The same for a group. Only the sums themselves have to wait for one another, so that their errors are found side
    /// by side.
    #[inline(always)]
    fn and_group<const BACK: bool>(self, values: &[f64; GROUP], sums: &mut [Self; GROUP]) -> Self {
        let Self { mut hi, mut lo } = self;
        let (mut before, mut after, mut errors) = ([0.0; GROUP], [0.0; GROUP], [0.0; GROUP]);
        for i in 0..GROUP {
            let at = if BACK { GROUP - 1 - i } else { i };
            before[at] = hi;
            hi += values[at];
            after[at] = hi;
        }
        for i in 0..GROUP {
            errors[i] = lost(before[i], values[i], after[i]);
        }
        for i in 0..GROUP {
            let at = if BACK { GROUP - 1 - i } else { i };
            lo += errors[at];
            sums[at] = Self { hi: after[at], lo };
        }
        Self { hi, lo }
    }

    /// This sum with one more term. Its error is one of 106 bits of the largest sum there was on the way; it is
    /// not normalised, which would cost as much again.
    #[inline(always)]
    pub(crate) fn with(self, term: Self) -> Self {
        let total = two_sum(self.hi, term.hi);
        Self { hi: total.hi, lo: self.lo + (total.lo + term.lo) }
    }

    /// This sum with one more rounding error.
    pub(super) fn and_lost(self, error: f64) -> Self {
        Self { hi: self.hi, lo: self.lo + error }.normalised()
    }

    /// The same number, with no more in `lo` than what the rounding left over.
    #[inline(always)]
    pub(crate) fn normalised(self) -> Self {
        two_sum(self.hi, self.lo)
    }

    /// The product.
    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        let product = two_product(self.hi, other.hi);
        let cross = self.hi.mul_add(other.lo, self.lo * other.hi);
        Self { hi: product.hi, lo: product.lo + cross }
    }

    /// The quotient by a double.
    #[inline(always)]
    pub(crate) fn over(self, divisor: f64) -> Self {
        let quotient = self.hi / divisor;
        let rest = (-quotient).mul_add(divisor, self.hi) + self.lo;
        Self { hi: quotient, lo: rest / divisor }
    }

    /// The quotient.
    pub(super) fn by(self, divisor: Self) -> Self {
        let quotient = self.over(divisor.hi);
        Self { hi: quotient.hi, lo: quotient.lo - quotient.hi * (divisor.lo / divisor.hi) }
    }

    /// The quotient by a double whose inverse is known: as good, but for which of two doubles that are equally
    /// near it is rounded to.
    #[inline(always)]
    pub(crate) fn over_known(self, divisor: f64, inverse: f64) -> Self {
        let quotient = self.hi * inverse;
        let rest = (-quotient).mul_add(divisor, self.hi) + self.lo;
        Self { hi: quotient, lo: rest * inverse }
    }

    /// This one if it is wanted, and if not the other.
    #[inline(always)]
    pub(crate) fn or(self, other: Self, wanted: bool) -> Self {
        let pick = |ours, others| select_unpredictable(wanted, ours, others);
        Self { hi: pick(self.hi, other.hi), lo: pick(self.lo, other.lo) }
    }

    /// The number as one double.
    #[inline(always)]
    pub(crate) fn value(self) -> f64 {
        self.hi + self.lo
    }
}

/// A group of sums, their parts side by side, so that a loop over them compiles to vector instructions.
#[derive(Clone, Copy)]
pub(crate) struct Doubles<const N: usize> {
    pub(super) hi: [f64; N],
    pub(super) lo: [f64; N],
}

impl<const N: usize> Doubles<N> {
    /// Nothing but zeros.
    pub(crate) const ZERO: Self = Self { hi: [0.0; N], lo: [0.0; N] };

    /// One of them.
    #[inline(always)]
    pub(crate) fn get(&self, i: usize) -> Double {
        Double { hi: self.hi[i], lo: self.lo[i] }
    }

    /// Puts one in its place.
    #[inline(always)]
    pub(crate) fn set(&mut self, i: usize, double: Double) {
        (self.hi[i], self.lo[i]) = (double.hi, double.lo);
    }
}
