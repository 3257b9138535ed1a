//! [`Extent`]: where the greatest of some products lies, which may be out of the range of doubles.

/// 2⁶⁰⁰.
const STEP: f64 = f64::from_bits((1023 + 600) << 52);

/// Where the greatest of some products lies. Each of their two factors is multiplied by a power of two, so that it is
/// in range with its rounding error; what smaller ones then lose makes no difference to their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// Below the range, or so near its end that rounding errors are.
    Below,
    /// In it.
    Within,
    /// Beyond it, or so near its end that a sum of many is.
    Beyond,
}

impl Extent {
    /// That of a product of factors with exponents of this sum. 106 bits of it are in range, and 2⁵³ times it.
    pub(super) fn of(exponent: i32) -> Self {
        match exponent {
            ..-968 => Self::Below,
            -968..962 => Self::Within,
            _ => Self::Beyond,
        }
    }

    /// What each factor is multiplied by.
    pub(super) fn factor(self) -> f64 {
        match self {
            Self::Below => STEP,
            Self::Within => 1.0,
            Self::Beyond => 1.0 / STEP,
        }
    }
}

/// The exponent of a double that is not zero; of what is not finite a large one.
pub(super) fn exponent(value: f64) -> i32 {
    let biased = |value: f64| (value.to_bits() >> 52) as i32 & 0x7ff;
    match value.abs() < f64::MIN_POSITIVE {
        true => biased(value * STEP) - 1023 - 600,
        false => biased(value) - 1023,
    }
}

/// A double times a power of two, rounded once.
pub(super) fn scaled(value: f64, by: i32) -> f64 {
    let power = |by: i32| f64::from_bits(((1023 + by.clamp(-1022, 1023)) as u64) << 52);
    value * power(by / 2) * power(by - by / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_those_of_powers_of_two() {
        for by in (-1074..1024).step_by(7) {
            let power = scaled(1.0, by);
            assert_eq!(
                (exponent(power), exponent(-1.5 * power)),
                (by, if by < -1073 { by + 1 } else { by }),
                "{by}"
            );
        }
        assert!(exponent(f64::INFINITY) > 1023);
        assert_eq!((scaled(1.5, -1075), scaled(1.0, 1024), scaled(3.0, -4000)), (5e-324, f64::INFINITY, 0.0));
    }
}
