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
        let mut value = 0_u64;
        for &byte in digits {
            value = value * 10 + u64::from(digit(byte)?);
        }
        return Some(value.into());
    }
    digits.iter().try_fold(0_i128, |value, &byte| value.checked_mul(10)?.checked_add(digit(byte)?.into()))
}

#[inline(always)]
fn digit(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(digit)
}

/// A double, rounded once: digits with an optional point and exponent, `inf`, `infinity` or `nan`.
pub(crate) fn double(text: &[u8]) -> Option<f64> {
    match decimal(text) {
        Some((negative, mantissa, places)) if mantissa <= 1 << 53 && places <= 22 => {
            // Both are exact, so the one division rounds once.
            let value = mantissa as f64 / TENS[places];
            Some(if negative { -value } else { value })
        }
        _ => fast_float2::parse(as_float(text)?).ok(),
    }
}

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
    if rest.len() > 20 {
        return None;
    }
    let (mut mantissa, mut point, mut digits) = (0_u64, None, 0);
    for (i, &byte) in rest.iter().enumerate() {
        match digit(byte) {
            Some(digit) => (mantissa, digits) = (mantissa.wrapping_mul(10).wrapping_add(digit.into()), digits + 1),
            None if byte == b'.' && point.is_none() => point = Some(i),
            None => return None,
        }
    }
    let places = point.map_or(0, |point| rest.len() - point - 1);
    (1..=19).contains(&digits).then_some((negative, mantissa, places))
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
            "inf", "-Infinity", "+INF", "nan", "NaN", "-nan", "1.", ".5", "-.5e1", "1E+9", ".", "-", "", "1e", "e1",
            "1e+", "+.", "infin", "1_0", " 1", "0x1", "1.2.3", "-0.0", "00000000000000000000001.5", "1e400", "1e-400",
            "9007199254740993", "123456789012345678901234567890",
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
