//! Numbers in text, one at a time: exact for every input.

/// An integer: an optional sign, then digits. `None` also beyond 38 digits.
pub(crate) fn integer(text: &[u8]) -> Option<i128> {
    let (negative, digits) = sign(text);
    let magnitude = digits_of(digits)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Splits off a sign; true for minus.
pub(crate) fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// The number that only digits make, of which there must be some.
fn digits_of(digits: &[u8]) -> Option<i128> {
    if digits.is_empty() {
        return None;
    }
    if digits.len() <= 19 {
        return Some(digits_onto(0, digits)?.into());
    }
    digits.iter().try_fold(0_i128, |value, &byte| value.checked_mul(10)?.checked_add(digit(byte)?.into()))
}

#[inline(always)]
fn digit(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(digit)
}

/// A double, rounded once: digits with an optional point and exponent, `inf`, `infinity` or `nan`.
#[inline]
pub(crate) fn double(text: &[u8]) -> Option<f64> {
    match decimal(text) {
        Some((negative, mantissa, places)) => match quotient(mantissa, places) {
            Some(value) => Some(if negative { -value } else { value }),
            None => parsed(text),
        },
        None => parsed(text),
    }
}

#[inline(never)]
fn parsed(text: &[u8]) -> Option<f64> {
    fast_float2::parse(as_float(text)?).ok()
}

/// `mantissa` over ten to the `places`, rounded once; `None` where that takes more than 64 bits.
#[inline]
fn quotient(mantissa: u64, places: usize) -> Option<f64> {
    if mantissa <= 1 << 53 && places <= 22 {
        // Both are exact, so the one division rounds once.
        return Some(mantissa as f64 / TENS[places]);
    }
    if places == 0 {
        return Some(mantissa as f64);
    }
    let &(inverse, bits) = INVERSES.get(places)?;
    // The inverse is cut, so the true quotient, in units of the low half, is in `high .. high + 2`.
    let shift = mantissa.leading_zeros();
    let high = ((u128::from(mantissa << shift) * u128::from(inverse)) >> 64) as u64;
    let dropped = 11 - high.leading_zeros();
    let (rest, half) = (high & ((1 << dropped) - 1), 1 << (dropped - 1));
    if rest + 1 == half || rest == half {
        return None;
    }
    let rounded = (high >> dropped) + u64::from(rest > half);
    let exponent = i64::from(dropped) + 1 - i64::from(bits) - i64::from(shift);
    Some(rounded as f64 * f64::from_bits(((1023 + exponent) as u64) << 52))
}

/// For each power of ten of 1 to 19: 2^(63 + bits) over it, cut to 64 bits, and its own bits.
/// The first one, for no places, is never used.
const INVERSES: [(u64, u32); 20] = {
    let mut table = [(0, 0); 20];
    let (mut i, mut power) = (1, 10_u128);
    while i < 20 {
        let bits = 128 - power.leading_zeros();
        table[i] = (((1_u128 << (63 + bits)) / power) as u64, bits);
        (i, power) = (i + 1, power * 10);
    }
    table
};

/// A single, rounded once, never by way of a double.
pub(crate) fn single(text: &[u8]) -> Option<f32> {
    match decimal(text) {
        Some((negative, mantissa, places)) if mantissa <= 1 << 24 && places <= 10 => {
            let value = mantissa as f32 / TENS[places] as f32;
            Some(if negative { -value } else { value })
        }
        _ => fast_float2::parse(as_float(text)?).ok(),
    }
}

const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22,
];

/// The sign, digits and places behind the point of a plain decimal of at most 19 digits.
#[inline(always)]
fn decimal(text: &[u8]) -> Option<(bool, u64, usize)> {
    let (negative, rest) = sign(text);
    let (whole, fraction) = match rest.iter().position(|&byte| byte == b'.') {
        Some(point) => (&rest[..point], &rest[point + 1..]),
        None => (rest, &[][..]),
    };
    if !(1..=19).contains(&(whole.len() + fraction.len())) {
        return None;
    }
    let mantissa = digits_onto(digits_onto(0, whole)?, fraction)?;
    Some((negative, mantissa, fraction.len()))
}

/// Appends digits, at most 19 in all, to those of a number.
#[inline(always)]
fn digits_onto(mut value: u64, digits: &[u8]) -> Option<u64> {
    let (eights, rest) = digits.as_chunks();
    for eight in eights {
        value = value * 100_000_000 + eight_digits(u64::from_le_bytes(*eight))?;
    }
    for &byte in rest {
        value = value * 10 + u64::from(digit(byte)?);
    }
    Some(value)
}

/// The number that eight digits make.
#[inline(always)]
fn eight_digits(word: u64) -> Option<u64> {
    let digits = word ^ 0x3030_3030_3030_3030;
    if (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    // Pairs, then fours, then all: each step puts neighbours together.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// The text if it has the form of a float: what the parser behind it accepts is not ours to say.
fn as_float(text: &[u8]) -> Option<&[u8]> {
    let (_, rest) = sign(text);
    if rest.first()?.is_ascii_alphabetic() {
        let known = ["inf", "infinity", "nan"].iter().any(|word| rest.eq_ignore_ascii_case(word.as_bytes()));
        return known.then_some(text);
    }
    let (whole, rest) = digit_run(rest);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => digit_run(rest),
        _ => (0, rest),
    };
    let exponent = match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let (_, digits) = sign(exponent);
            !digits.is_empty() && digit_run(digits).1.is_empty()
        }
        _ => false,
    };
    (whole + fraction > 0 && exponent).then_some(text)
}

/// How many digits a text starts with, and the rest.
fn digit_run(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, &text[count..])
}

/// An exact decimal of this precision and scale, as its unscaled integer.
pub(crate) fn fixed(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, rest) = sign(text);
    let point = memchr::memchr(b'.', rest).unwrap_or(rest.len());
    let (whole, fraction) = (&rest[..point], rest.get(point + 1..).unwrap_or_default());
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut value = 0_i128;
    for &byte in whole.iter().chain(fraction) {
        // Zeros at the end may be more than there is room for: they are taken off below.
        value = value.checked_mul(10)?.checked_add(digit(byte)?.into())?;
    }
    let value = rescale(value, i64::from(scale) - fraction.len() as i64)?;
    let limit = 10_i128.checked_pow(precision.into())?;
    (value < limit).then_some(if negative { -value } else { value })
}

/// `value` times ten to the `places`, if that is an integer.
fn rescale(value: i128, places: i64) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    let factor = 10_i128.checked_pow(u32::try_from(places.unsigned_abs()).ok()?);
    if places >= 0 {
        return value.checked_mul(factor?);
    }
    factor.filter(|factor| value % factor == 0).map(|factor| value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn python_accepts(text: &str) -> bool {
        // What `float()` takes, less spaces and underscores, is what `str::parse` takes.
        text.parse::<f64>().is_ok()
    }

    #[test]
    fn integers() {
        let cases = [("0", 0), ("+7", 7), ("-0", 0), ("007", 7), ("18446744073709551615", u64::MAX.into())];
        for (text, value) in cases {
            assert_eq!(integer(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "-", "+", "1.0", "1 ", "--1", "1e3", "١"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn words_and_shapes_of_floats() {
        for text in [
            "inf",
            "-Infinity",
            "+INF",
            "nan",
            "NaN",
            "-nan",
            "1.",
            ".5",
            "-.5e1",
            "1E+9",
            ".",
            "-",
            "",
            "1e",
            "e1",
            "1e+",
            "+.",
            "infin",
            "1_0",
            " 1",
            "0x1",
            "1.2.3",
            "-0.0",
            "00000000000000000000001.5",
            "1e400",
            "1e-400",
            "9007199254740993",
            "123456789012345678901234567890",
        ] {
            let expected = text.parse::<f64>().ok();
            assert_eq!(double(text.as_bytes()).is_some(), python_accepts(text), "{text}");
            let (got, expected) = (double(text.as_bytes()).map(f64::to_bits), expected.map(f64::to_bits));
            assert!(got == expected || text.contains("n"), "{text}: {got:?} {expected:?}");
        }
    }

    #[test]
    fn decimals() {
        assert_eq!(fixed(b"12.3", 10, 2), Some(1230));
        assert_eq!(fixed(b"-12.3400", 10, 2), Some(-1234));
        assert_eq!(fixed(b"12.345", 10, 2), None);
        assert_eq!(fixed(b"999", 2, 0), None);
        assert_eq!(fixed(b"1200", 4, -2), Some(12));
        assert_eq!(fixed(b".", 4, 2), None);
        assert_eq!(fixed(b"1.", 4, 2), Some(100));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]
        #[test]
        fn long_floats_are_rounded_once(mantissa in 1_000_000_000_000_000_000_u64..9_999_999_999_999_999_999, places in 0_usize..20, near in any::<bool>()) {
            // Near the middle of two doubles, too.
            let mantissa = if near { mantissa >> 11 << 11 | 1 << 10 } else { mantissa };
            let digits = format!("{mantissa:019}");
            let (whole, fraction) = digits.split_at(19 - places.min(19));
            let text = format!("{whole}.{fraction}");
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            prop_assert_eq!(bits(double(text.as_bytes())), bits(text.parse().ok()), "{}", text);
        }

        #[test]
        fn seventeen_digits_are_rounded_once(value in 0.0..1000.0_f64, more in 0_u8..10) {
            for text in [format!("{value:.17}"), format!("{value:?}{more}"), format!("{value:.14}"), format!("{value:.15}")] {
                prop_assert_eq!(double(text.as_bytes()).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{}", text);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn floats_are_rounded_once(text in "[+-]?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?") {
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            prop_assert_eq!(bits(double(text.as_bytes())), bits(text.parse().ok()), "{}", text);
            let bits = |value: Option<f32>| value.map(f32::to_bits);
            prop_assert_eq!(bits(single(text.as_bytes())), bits(text.parse().ok()), "{}", text);
        }

        #[test]
        fn doubles_round_trip(value in any::<f64>()) {
            let text = format!("{value:?}");
            let got = double(text.as_bytes()).expect("a float");
            prop_assert!(got.to_bits() == value.to_bits() || value.is_nan());
        }

        #[test]
        fn integers_round_trip(value in any::<i64>()) {
            prop_assert_eq!(integer(value.to_string().as_bytes()), Some(value.into()));
        }
    }
}
