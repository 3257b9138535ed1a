//! [`Line`]: the straight line between two results, and [`Number`]: what lies on it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, ArrayRef, Decimal128Array, Float32Array, Float64Array};
use arrow_schema::DataType as Arrow;

use crate::column::{as_f64, as_i64, from_i64};

/// The straight line between two results of a key, or none that has columns.
#[derive(Clone, Default)]
pub(crate) struct Line {
    /// The columns that have numbers in both, and those.
    pub(crate) columns: Vec<(usize, Number, Number)>,
    /// How many steps lead from one to the other.
    pub(crate) steps: u64,
}

impl Line {
    /// The columns with a number each, after so many steps.
    pub(crate) fn after(&self, step: u64) -> impl Iterator<Item = (usize, Number)> {
        self.columns.iter().map(move |&(at, from, to)| (at, Number::between(from, to, step, self.steps)))
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.columns.capacity() * size_of::<(usize, Number, Number)>()
    }
}

/// A number out of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Of integers, decimals and durations.
    Whole(i128),
    /// Of floats.
    Real(f64),
}

/// Whether a column has numbers.
pub(crate) fn is_numeric(dtype: &Arrow) -> bool {
    dtype.is_integer() || dtype.is_floating() || matches!(dtype, Arrow::Decimal128(..) | Arrow::Duration(_))
}

impl Number {
    /// The number in a row of a column that has some; `None` if it is null.
    pub(crate) fn of(column: &ArrayRef, row: usize) -> Option<Self> {
        let one = column.slice(row, 1);
        if one.is_null(0) {
            return None;
        }
        Some(match one.data_type() {
            dtype if dtype.is_floating() => Self::Real(as_f64(&one)?[0]),
            Arrow::Decimal128(..) => Self::Whole(one.as_primitive::<Decimal128Type>().value(0)),
            Arrow::UInt64 => Self::Whole(i128::from(as_i64(&one)?[0] as u64)),
            _ => Self::Whole(i128::from(as_i64(&one)?[0])),
        })
    }

    /// The number after so many of the equal steps that lead from one to the other. Whole numbers are
    /// rounded, halves to the even one.
    pub(crate) fn between(from: Self, to: Self, step: u64, steps: u64) -> Self {
        match (from, to) {
            (Self::Whole(from), Self::Whole(to)) => Self::Whole(whole(from, to, step.into(), steps.into())),
            (Self::Real(from), Self::Real(to)) => Self::Real(real(from, to, step as f64 / steps as f64)),
            _ => unreachable!("both are of one column"),
        }
    }

    /// A column of such numbers.
    ///
    /// # Panics
    /// If the type has none.
    pub(crate) fn column(dtype: &Arrow, numbers: &[Self]) -> ArrayRef {
        let real = |number: &Self| match number {
            Self::Whole(whole) => *whole as f64,
            Self::Real(real) => *real,
        };
        let whole = |number: &Self| match number {
            Self::Whole(whole) => *whole,
            Self::Real(real) => *real as i128,
        };
        match dtype {
            Arrow::Float64 => Arc::new(Float64Array::from_iter_values(numbers.iter().map(real))),
            Arrow::Float32 => Arc::new(Float32Array::from_iter_values(numbers.iter().map(|n| real(n) as f32))),
            Arrow::Decimal128(..) => {
                let numbers = Decimal128Array::from_iter_values(numbers.iter().map(whole));
                Arc::new(numbers.with_data_type(dtype.clone()))
            }
            // Unsigned ones keep their bits.
            _ => from_i64(dtype, numbers.iter().map(|number| whole(number) as i64), None),
        }
    }
}

/// `from + (to - from) * step / steps`, whatever the size of the difference.
fn whole(from: i128, to: i128, step: u128, steps: u128) -> i128 {
    let distance = to.abs_diff(from);
    let (rest, part) = (distance % steps * step, distance / steps * step);
    let (down, over) = (part + rest / steps, rest % steps);
    let towards =
        |by: u128| if to >= from { from.wrapping_add_unsigned(by) } else { from.wrapping_sub_unsigned(by) };
    let low = towards(down);
    let rounds_on = 2 * over > steps || 2 * over == steps && low % 2 != 0;
    if rounds_on { towards(down + 1) } else { low }
}

fn real(from: f64, to: f64, share: f64) -> f64 {
    let distance = to - from;
    if distance.is_infinite() && from.is_finite() && to.is_finite() {
        return from * (1.0 - share) + to * share;
    }
    from + distance * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_rounded_to_the_nearest_and_halves_to_the_even() {
        let all = |from, to, steps| (1..steps).map(|step| whole(from, to, step, steps)).collect::<Vec<_>>();
        assert_eq!(all(0, 10, 4), [2, 5, 8]);
        assert_eq!(all(10, 0, 4), [8, 5, 2]);
        assert_eq!(all(1, 2, 2), [2]);
        assert_eq!(all(2, 3, 2), [2]);
        assert_eq!(all(-1, -2, 2), [-2]);
        assert_eq!(all(-3, 4, 7), [-2, -1, 0, 1, 2, 3]);
    }

    #[test]
    fn no_distance_is_too_far() {
        let most = 10i128.pow(38) - 1;
        assert_eq!(whole(-most, most, 1, 2), 0);
        assert_eq!(whole(most, -most, 2, 3), -most / 3);
        assert_eq!(whole(i128::from(i64::MIN), i128::from(i64::MAX), 1, 2), 0);
        assert_eq!(real(-1e308, 1e308, 0.5), 0.0);
        assert_eq!(real(5.0, 5.0, 0.3), 5.0);
        assert_eq!(real(1.0, f64::INFINITY, 0.5), f64::INFINITY);
    }
}
