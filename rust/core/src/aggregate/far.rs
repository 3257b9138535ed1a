//! [`Far`]: the moments of doubles so far apart, or so near each other, that squares of distances leave the range.

use super::extent::{Extent, exponent};
use super::moments::Moments;
use super::partial::{Lift, Partial};
use super::widening::Widens;

/// From 2⁻⁴³⁰ on no two doubles are so near each other that the square of their distance, or its rounding error, is
/// out of range.
const SMALL: f64 = f64::from_bits((1023 - 430) << 52);
/// Below 2⁴⁸⁰ no two are so far apart.
const LARGE: f64 = f64::from_bits((1023 + 480) << 52);

/// Whether [`Moments`] of such doubles are as exact as they are to be.
#[inline(always)]
pub(super) fn is_near(value: f64) -> bool {
    let size = value.abs();
    (size == 0.0) | (SMALL..LARGE).contains(&size)
}

/// That of the square of a distance; `None` if there is none.
fn extent_of(distance: f64) -> Option<Extent> {
    (distance != 0.0).then(|| Extent::of(2 * exponent(distance)))
}

/// [`Moments`] of any doubles, which are multiplied as the longest distance asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Far {
    moments: Moments<f64>,
    extent: Extent,
}

impl Widens<f64> for Moments<f64> {
    type Far = Far;

    #[inline(always)]
    fn is_plain(value: f64) -> bool {
        is_near(value) | !value.is_finite()
    }
}

/// The variances of slots, or their roots, with these degrees of freedom taken off; as of [`Moments`].
pub(super) fn spreads(cells: &[Far], slots: &[u32], ddof: f64, root: bool) -> Vec<f64> {
    slots.iter().map(|&slot| cells[slot as usize].spread(ddof, root)).collect()
}

impl From<Moments<f64>> for Far {
    fn from(moments: Moments<f64>) -> Self {
        Self { moments, extent: Extent::Within }
    }
}

impl Far {
    fn spread(&self, ddof: f64, root: bool) -> f64 {
        let [variance] = Moments::variances([&self.moments], ddof);
        let back = 1.0 / self.extent.factor();
        if root { variance.sqrt() * back } else { variance * back * back }
    }

    fn pivot(&self) -> f64 {
        self.moments.pivot() / self.extent.factor()
    }

    /// What its longest distance is like; `None` if all values are the same.
    fn known(&self) -> Option<Extent> {
        (!self.moments.is_level()).then_some(self.extent)
    }

    /// Multiplies as is right for such a longest distance.
    fn rescale(&mut self, extent: Extent) {
        if extent != self.extent {
            self.moments = self.moments.times(1.0 / self.extent.factor()).times(extent.factor());
            self.extent = extent;
        }
    }

    /// Takes in a value, about the pivot that there is.
    fn add(&mut self, value: f64) {
        let extent = self.known().max(extent_of(value - self.pivot()));
        self.rescale(extent.unwrap_or(self.extent));
        self.moments.add(value * self.extent.factor());
    }
}

impl Partial for Far {
    const EMPTY: Self = Self { moments: Moments::EMPTY, extent: Extent::Within };

    fn combine(&mut self, newer: &Self) {
        let mut newer = *newer;
        if newer.moments.is_empty() {
            return;
        }
        if self.moments.is_empty() {
            *self = newer;
            return;
        }
        let way = extent_of(newer.pivot() - self.pivot());
        let extent = self.known().max(newer.known()).max(way).unwrap_or(Extent::Within);
        self.rescale(extent);
        newer.rescale(extent);
        self.moments.combine(&newer.moments);
    }

    fn chain(cells: &mut [Self], next: &Self) {
        if next.moments.is_empty() {
            return super::partial::chain(cells);
        }
        let mut newer = Self::from(Moments::about(next.pivot()));
        for cell in cells.iter_mut().rev() {
            if !cell.moments.is_empty() {
                newer.add(cell.pivot());
            }
            *cell = newer;
        }
    }
}

impl Lift<f64> for Far {
    fn lift(&mut self, value: f64, _: i64) {
        if self.moments.is_empty() {
            *self = Self::from(Moments::about(value));
        }
        self.add(value);
    }

    fn lift_all(mut total: Self, (values, _): (&[f64], &[i64]), ones: &mut [Self], totals: &mut [Self]) -> Self {
        for i in 0..values.len() {
            ones[i] = Self::EMPTY;
            ones[i].lift(values[i], 0);
            total.lift(values[i], 0);
            totals[i] = total;
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::lifted;
    use super::*;

    fn std(values: &[f64]) -> f64 {
        lifted::<Far, _>(values).spread(1.0, true)
    }

    #[test]
    fn no_distance_is_out_of_range() {
        let close = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-15, "{got} {want}");
        close(std(&[1e308, -1e308, 1e308]), 1.154_700_538_379_251_5e308);
        close(std(&[0.0, 1e200, 3e200]), 1.527_525_231_651_946_6e200);
        close(std(&[0.0, 1e-170]), 1e-170 * 0.5f64.sqrt());
        close(std(&[0.0, 1e-160]), 1e-160 * 0.5f64.sqrt());
        close(std(&[0.0, 1e-300, 1.0]), std(&[0.0, 0.0, 1.0]));
        assert_eq!(std(&[5e-324, 5e-324]), 0.0);
        assert_eq!(lifted::<Far, _>(&[0.0, 1e200]).spread(1.0, false), f64::INFINITY);
        assert!(std(&[1e300, f64::INFINITY]).is_nan());
    }

    #[test]
    fn what_is_combined_is_as_good() {
        let some = [0.0, 1e-200, 1e-160, -3e-100, 1.0, 7.5, 1e120, 1e200, -1e308, 1e308, 5e-324];
        for (a, b) in some.iter().flat_map(|&a| some.iter().map(move |&b| (a, b))) {
            for c in some {
                let mut joined = lifted::<Far, _>(&[a]);
                joined.combine(&lifted(&[b, c]));
                let (got, want) = (joined.spread(0.0, true), lifted::<Far, _>(&[a, b, c]).spread(0.0, true));
                assert!(got == want || (got / want - 1.0).abs() < 1e-14, "{a} {b} {c}: {got} {want}");
            }
        }
    }

    #[test]
    fn usual_values_come_to_the_same_bits() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i * i % 17) * 1e3 - 0.1).chain([1e140, 1e-120]).collect();
        assert!(values.iter().all(|&value| is_near(value)));
        let bits = |spread: f64| spread.to_bits();
        let near = |moments: &Moments<f64>| bits(Moments::variances([moments], 1.0)[0]);
        let (mut one, mut other) = (lifted::<Moments<f64>, _>(&values[..9]), lifted::<Far, _>(&values[..9]));
        assert_eq!(near(&one), bits(other.spread(1.0, false)));
        one.combine(&lifted(&values[9..]));
        other.combine(&lifted(&values[9..]));
        assert_eq!(near(&one), bits(other.spread(1.0, false)));
        let mut cells: Vec<Moments<f64>> = values.iter().map(|&value| lifted(&[value])).collect();
        let mut others: Vec<Far> = cells.iter().copied().map(Far::from).collect();
        Moments::chain(&mut cells, &lifted(&[0.3]));
        Far::chain(&mut others, &lifted(&[0.3]));
        assert!(cells.iter().zip(&others).all(|(one, other)| near(one) == bits(other.spread(1.0, false))));
    }
}
