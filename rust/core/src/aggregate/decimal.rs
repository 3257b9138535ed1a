//! [`DecimalSum`]: the partial of sums of decimals.

use super::double::Double;
use super::partial::{Lift, Partial};

/// A sum of decimals, exact: a few of them may come to more than 128 bits hold, and others bring it back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecimalSum {
    /// The sum, but for whole turns of 128 bits.
    sum: i128,
    /// How many of them there are.
    turns: i64,
}

/// By what the digits of a decimal are to be divided that has so many behind the point: 10 to that power, rounded once.
pub(super) fn unit(scale: i8) -> f64 {
    format!("1e{scale}").parse().expect("powers of ten are numbers")
}

/// How much a turn is: 2¹²⁸.
const TURN: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;

impl DecimalSum {
    #[inline(always)]
    fn add(&mut self, value: i128) {
        let (sum, turned) = self.sum.overflowing_add(value);
        self.sum = sum;
        if turned {
            self.turns += value.signum() as i64;
        }
    }

    /// The sum, if it has no more than 38 digits.
    pub(crate) fn total(self) -> Option<i128> {
        let range = 10u128.pow(38);
        (self.turns == 0 && self.sum.unsigned_abs() < range).then_some(self.sum)
    }

    /// The sum, whatever it is.
    pub(crate) fn double(self) -> Double {
        Double::from_integer(self.sum).with(Double::from(self.turns as f64 * TURN))
    }
}

impl Partial for DecimalSum {
    const EMPTY: Self = Self { sum: 0, turns: 0 };

    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        self.turns += newer.turns;
        self.add(newer.sum);
    }
}

impl Lift<i128> for DecimalSum {
    #[inline(always)]
    fn lift(&mut self, value: i128, _: i64) {
        self.add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: i128 = 10i128.pow(38) - 1;

    fn lifted(values: &[i128]) -> DecimalSum {
        let mut sum = DecimalSum::EMPTY;
        values.iter().for_each(|&value| sum.lift(value, 0));
        sum
    }

    #[test]
    fn units_are_the_nearest_doubles() {
        assert_eq!([0, 2, -2, 22].map(unit), [1.0, 100.0, 0.01, 1e22]);
        assert_eq!([38, i8::MAX, i8::MIN].map(unit), [1e38, 1e127, 1e-128]);
    }

    #[test]
    fn sums_beyond_128_bits_come_back() {
        for sign in [1, -1] {
            let (up, down) = (lifted(&[sign * MOST; 9]), lifted(&[-sign * MOST; 8]));
            assert!(up.total().is_none() && down.total().is_none());
            let (mut forth, mut back) = (up, down);
            forth.combine(&down);
            back.combine(&up);
            assert_eq!((forth.total(), back.total()), (Some(sign * MOST), Some(sign * MOST)));
            assert_eq!(up.double().value(), sign as f64 * 9e38);
        }
        assert_eq!((lifted(&[MOST, 1]).total(), lifted(&[MOST, 0]).total()), (None, Some(MOST)));
    }
}
