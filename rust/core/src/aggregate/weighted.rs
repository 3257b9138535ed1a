//! [`WeightedSum`]: the partial of weighted means; and [`FarWeightedSum`], where products leave the range of doubles.

use super::double::{Double, two_product};
use super::extent::{Extent, exponent, scaled};
use super::partial::{FloatSum, Lift, Partial};
use super::widening::Widens;

/// From 2⁻⁹⁶⁶ on products have their rounding errors in range, and below 2⁹⁶⁰ sums are.
const SMALL: f64 = f64::from_bits((1023 - 966) << 52);
const LARGE: f64 = f64::from_bits((1023 + 960) << 52);

/// The sums of a weighted mean: of weight times value, and of the weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightedSum {
    /// Of weight times value.
    pub(crate) product: FloatSum,
    /// Of the weights.
    pub(crate) weight: FloatSum,
}

impl Partial for WeightedSum {
    const EMPTY: Self = Self { product: FloatSum::EMPTY, weight: FloatSum::EMPTY };

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        self.product.combine(&newer.product);
        self.weight.combine(&newer.weight);
    }
}

impl Lift<(f64, f64)> for WeightedSum {
    #[inline(always)]
    fn lift(&mut self, (value, weight): (f64, f64), time: i64) {
        self.product.add_product(two_product(value, weight));
        self.weight.lift(weight, time);
    }
}

impl WeightedSum {
    /// The mean; `None` if the weights sum to 0.
    pub(super) fn mean(&self) -> Option<f64> {
        let weight = self.weight.total();
        let mean = self.product.over(weight);
        // It may have been rounded out of range on its way.
        (weight != 0.0).then(|| if mean.is_infinite() { self.quotient(0) } else { mean })
    }

    /// The quotient of the sums, rounded once, times a power of two.
    fn quotient(&self, by: i32) -> f64 {
        let ((product, product_by), (weight, weight_by)) = (self.product.unscaled(), self.weight.unscaled());
        if product.hi == 0.0 || !product.lo.is_finite() || !weight.lo.is_finite() {
            return self.product.over(self.weight.total());
        }
        let (own, other) = (exponent(product.hi), exponent(weight.hi));
        let near_one = |Double { hi, lo }, by: i32| Double { hi: scaled(hi, -by), lo: scaled(lo, -by) };
        let quotient = near_one(product, own).by(near_one(weight, other)).value();
        scaled(quotient, own + product_by - other - weight_by + by)
    }
}

impl Widens<(f64, f64)> for WeightedSum {
    type Far = FarWeightedSum;

    #[inline(always)]
    fn is_plain((value, weight): (f64, f64)) -> bool {
        let product = (value * weight).abs();
        let in_range = (value == 0.0) | (weight == 0.0) | (SMALL..LARGE).contains(&product);
        (in_range & (weight.abs() < LARGE)) | !value.is_finite() | !weight.is_finite()
    }
}

/// [`WeightedSum`]s of any doubles. Products are multiplied as the greatest of them asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FarWeightedSum {
    sums: WeightedSum,
    extent: Extent,
}

impl From<WeightedSum> for FarWeightedSum {
    fn from(sums: WeightedSum) -> Self {
        Self { sums, extent: Extent::Within }
    }
}

impl FarWeightedSum {
    /// Where its greatest product lies; `None` if all come to nothing.
    fn known(&self) -> Option<Extent> {
        (!self.sums.product.is_nothing()).then_some(self.extent)
    }

    /// Multiplies as is right for such a greatest product.
    fn rescale(&mut self, extent: Extent) {
        if extent != self.extent {
            let (old, new) = (1.0 / self.extent.factor(), extent.factor());
            self.sums.product = self.sums.product.times(old).times(old).times(new).times(new);
            self.extent = extent;
        }
    }

    /// The mean; `None` if the weights sum to 0.
    pub(super) fn mean(&self) -> Option<f64> {
        let weight = self.sums.weight.total();
        if self.extent == Extent::Within && weight.is_finite() {
            return self.sums.mean();
        }
        (weight != 0.0).then(|| self.sums.quotient(-2 * exponent(self.extent.factor())))
    }
}

impl Partial for FarWeightedSum {
    const EMPTY: Self = Self { sums: WeightedSum::EMPTY, extent: Extent::Within };

    fn combine(&mut self, newer: &Self) {
        let mut newer = *newer;
        let extent = self.known().max(newer.known()).unwrap_or(Extent::Within);
        self.rescale(extent);
        newer.rescale(extent);
        self.sums.combine(&newer.sums);
    }
}

impl Lift<(f64, f64)> for FarWeightedSum {
    fn lift(&mut self, (value, weight): (f64, f64), time: i64) {
        self.sums.weight.lift(weight, time);
        if value == 0.0 || weight == 0.0 {
            return self.sums.product.add_product(two_product(value, weight));
        }
        self.rescale(
            self.known().max(Some(Extent::of(exponent(value) + exponent(weight)))).unwrap_or(self.extent),
        );
        let factor = self.extent.factor();
        self.sums.product.add_product(two_product(value * factor, weight * factor));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::lifted;
    use super::*;

    #[test]
    fn no_product_is_out_of_range() {
        let mean = |pairs: &[(f64, f64)]| lifted::<FarWeightedSum, _>(pairs).mean();
        assert_eq!(mean(&[(1e200, 1e200)]), Some(1e200));
        assert_eq!(mean(&[(1e308, 1e308)]), Some(1e308));
        assert_eq!(mean(&[(1e308, 1e308), (1e308, 1.7e308)]), Some(1e308));
        assert_eq!(mean(&[(1e-200, 1e-200), (3e-200, 1e-200)]), Some(2e-200));
        assert_eq!(mean(&[(5e-324, 5e-324)]), Some(5e-324));
        assert_eq!(mean(&[(1e300, 1e300), (7.0, 1e-300)]), Some(1e300));
        assert_eq!((mean(&[(1e300, 0.0)]), mean(&[])), (None, None));
        let most = |one, other| lifted::<FarWeightedSum, _>(&[(f64::MAX, one), (f64::MAX, other)]).mean();
        let few = |one, other| lifted::<WeightedSum, _>(&[(f64::MAX, one), (f64::MAX, other)]).mean();
        for weight in (1..500).map(|i| f64::from(i) * 0.007) {
            assert_eq!(most(5.967_768_540_590_495, weight), Some(f64::MAX));
            assert!(few(weight * 1e-20, 0.3e-20).is_some_and(f64::is_finite));
        }
        assert!(mean(&[(f64::INFINITY, 1e300), (1.0, 1e-300)]).is_some_and(|mean| mean == f64::INFINITY));
    }

    #[test]
    fn what_is_combined_is_as_good() {
        let some = [0.0, 1e-300, -1e-170, 2.0, 1e130, 1e200, 1e308];
        let pairs = || some.iter().flat_map(|&value| some.iter().map(move |&weight: &f64| (value, weight.abs())));
        for (one, other) in pairs().flat_map(|one| pairs().map(move |other| (one, other))) {
            let mut joined: FarWeightedSum = lifted(&[one]);
            joined.combine(&lifted(&[other]));
            let want = lifted::<FarWeightedSum, _>(&[one, other]).mean();
            assert_eq!(joined.mean(), want, "{one:?} {other:?}");
        }
    }

    #[test]
    fn usual_values_come_to_the_same_bits() {
        let pairs: Vec<_> = (1..50).map(|i| (f64::from(i * i % 17) - 7.3, f64::from(i) * 1e90)).collect();
        assert!(pairs.iter().all(|&pair| WeightedSum::is_plain(pair)));
        let (mut one, mut other) =
            (lifted::<WeightedSum, _>(&pairs[..20]), lifted::<FarWeightedSum, _>(&pairs[..20]));
        one.combine(&lifted(&pairs[20..]));
        other.combine(&lifted(&pairs[20..]));
        assert_eq!(one.mean().map(f64::to_bits), other.mean().map(f64::to_bits));
    }
}
