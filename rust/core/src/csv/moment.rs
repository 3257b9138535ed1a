//! Dates and times in text, one at a time: exact for every input.

use super::number;
use crate::types::TimeUnit;

/// Days since 1970-01-01 of `YYYY-MM-DD`, in the proleptic Gregorian calendar, from year 1.
pub(crate) fn date(text: &[u8]) -> Option<i32> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return None };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let real = year >= 1 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    real.then(|| days(year, month, day))
}

#[inline(always)]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}

/// From a table, without a branch, because months come in any order. 0 for no month.
#[inline(always)]
fn days_in(year: u32, month: u32) -> u32 {
    const DAYS: [u8; 16] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0];
    let leap = year.is_multiple_of(4) & (!year.is_multiple_of(100) | year.is_multiple_of(400));
    u32::from(DAYS[(month & 15) as usize]) + u32::from(leap & (month == 2))
}

/// Days since 1970-01-01, counted in years that start in March, so that the leap day comes last.
fn days(year: u32, month: u32, day: u32) -> i32 {
    let year = year - u32::from(month <= 2);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + day - 1;
    (year * 365 + year / 4 - year / 100 + year / 400 + of_year) as i32 - 719_468
}

/// A wall time: seconds since midnight, and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Clock {
    seconds: u32,
    nanos: u32,
}

/// `HH:MM[:SS[.f{1,9}]]` at the start of a text, and the rest.
fn clock(text: &[u8]) -> Option<(Clock, &[u8])> {
    let &[h0, h1, b':', m0, m1, ref rest @ ..] = text else { return None };
    let (hour, minute) = (two(h0, h1)?, two(m0, m1)?);
    let (second, nanos, rest) = match *rest {
        [b':', s0, s1, b'.', ref rest @ ..] => {
            let (nanos, rest) = fraction(rest)?;
            (two(s0, s1)?, nanos, rest)
        }
        [b':', s0, s1, ref rest @ ..] => (two(s0, s1)?, 0, rest),
        _ => (0, 0, rest),
    };
    let real = hour < 24 && minute < 60 && second < 60;
    real.then_some((Clock { seconds: hour * 3600 + minute * 60 + second, nanos }, rest))
}

/// One to nine digits as nanoseconds, and the rest.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let count = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let digits = text[..count].iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    (count > 0).then(|| (digits * 10_u32.pow(9 - count as u32), &text[count..]))
}

/// Seconds east of UTC of `Z`, `±HH`, `±HHMM` or `±HH:MM`; `None` inside for no offset at all.
fn offset(text: &[u8]) -> Option<Option<i32>> {
    let (minus, hours, minutes) = match *text {
        [] => return Some(None),
        [b'Z'] => return Some(Some(0)),
        [sign @ (b'+' | b'-'), h0, h1] => (sign == b'-', two(h0, h1)?, 0),
        [sign @ (b'+' | b'-'), h0, h1, m0, m1] | [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            (sign == b'-', two(h0, h1)?, two(m0, m1)?)
        }
        _ => return None,
    };
    let seconds = (hours * 3600 + minutes * 60) as i32;
    (hours < 24 && minutes < 60).then_some(Some(if minus { -seconds } else { seconds }))
}

/// What a text says of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Seconds since 1970, in UTC if there is an offset.
    seconds: i64,
    nanos: u32,
    /// There is an offset.
    pub zoned: bool,
}

/// A date, or a date and a time, with or without an offset.
pub(crate) fn moment(text: &[u8]) -> Option<Moment> {
    let (day, rest) = text.split_at_checked(10)?;
    let midnight = i64::from(date(day)?) * 86_400;
    let (clock, offset) = match rest {
        [] => (Clock::default(), None),
        [b'T' | b' ', rest @ ..] => {
            let (clock, rest) = clock(rest)?;
            (clock, offset(rest)?)
        }
        _ => return None,
    };
    let seconds = midnight + i64::from(clock.seconds) - i64::from(offset.unwrap_or(0));
    Some(Moment { seconds, nanos: clock.nanos, zoned: offset.is_some() })
}

impl Moment {
    /// Ticks since 1970; `None` if they do not fit, or if the unit is too coarse.
    pub fn ticks(self, unit: TimeUnit) -> Option<i64> {
        let nanos = 1_000_000_000 / unit.per_second();
        if i64::from(self.nanos) % nanos != 0 {
            return None;
        }
        let ticks =
            i128::from(self.seconds) * i128::from(unit.per_second()) + i128::from(i64::from(self.nanos) / nanos);
        ticks.try_into().ok()
    }

    /// Whether microseconds are too coarse for it, as it is written.
    pub fn is_finer_than_micros(text: &[u8]) -> bool {
        text.get(20..).is_some_and(|fraction| fraction.iter().take_while(|byte| byte.is_ascii_digit()).count() > 6)
    }
}

/// Ticks of a timestamp: text with an offset if `zoned` and without one if not, or an epoch.
pub(crate) fn timestamp(text: &[u8], unit: TimeUnit, zoned: bool) -> Option<i64> {
    match moment(text) {
        Some(moment) if moment.zoned == zoned => moment.ticks(unit),
        Some(_) => None,
        None => epoch(text, unit),
    }
}

/// An integer counts ticks; a decimal counts seconds and must be exact in the unit.
fn epoch(text: &[u8], unit: TimeUnit) -> Option<i64> {
    let (_, digits) = number::sign(text);
    let ticks = match memchr::memchr(b'.', digits) {
        None => number::integer(text)?,
        Some(0) => return None,
        Some(point) if point + 1 == digits.len() => return None,
        Some(_) => number::fixed(text, 38, unit.per_second().ilog10() as i8)?,
    };
    ticks.try_into().ok()
}

/// Minutes since 1970 of `YYYY-MM-DDTHH:MM`, or with a space for the `T`.
#[inline]
pub(crate) fn minute(text: &[u8; 16]) -> Option<i64> {
    let (date, time) = text.split_at(8);
    let date = u64::from_le_bytes(*date.first_chunk()?) ^ u64::from_le_bytes(*b"0000-00-");
    let time = u64::from_le_bytes(*time.first_chunk()?) ^ u64::from_le_bytes(*b"00T00:00");
    // A space is a T but for two bits.
    let space = u64::from(b' ' ^ b'T') << 16;
    let time = if time & 0xff_0000 == space { time ^ space } else { time };
    // Digits are now 0…9 and separators 0.
    let nines = |word: u64| (word | word.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0;
    let separators = (date & 0xff00_00ff_0000_0000) | (time & 0x0000_ff00_00ff_0000);
    if nines(date) | nines(time) | separators != 0 {
        return None;
    }
    // Each byte ten times itself, plus the next one.
    let pairs = |word: u64| (word.wrapping_mul(10) + (word >> 8)).to_le_bytes();
    let ([y0, _, y1, _, _, month, ..], [day, _, _, hour, _, _, minute, _]) = (pairs(date), pairs(time));
    let (year, month, day) = (u32::from(y0) * 100 + u32::from(y1), u32::from(month), u32::from(day));
    let real = (year >= 1) & (month < 13) & (day.wrapping_sub(1) < days_in(year, month));
    let clock = i64::from(hour) * 60 + i64::from(minute);
    (real & (hour < 24) & (minute < 60)).then(|| i64::from(days(year, month, day)) * 1440 + clock)
}

/// Ticks since midnight of `HH:MM[:SS[.f{1,9}]]`.
pub(crate) fn time(text: &[u8], unit: TimeUnit) -> Option<i64> {
    let (clock, rest) = clock(text)?;
    let moment = Moment { seconds: clock.seconds.into(), nanos: clock.nanos, zoned: false };
    if rest.is_empty() { moment.ticks(unit) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The calendar, one day at a time.
    fn slow_days(year: u32, month: u32, day: u32) -> i32 {
        let years = (1..year).map(|year| (1..=12).map(|month| days_in(year, month)).sum::<u32>()).sum::<u32>();
        let months = (1..month).map(|month| days_in(year, month)).sum::<u32>();
        (years + months + day) as i32 - 719_163
    }

    #[test]
    fn dates() {
        assert_eq!(date(b"1970-01-01"), Some(0));
        assert_eq!(date(b"2000-02-29"), Some(11_016));
        assert_eq!(date(b"0001-01-01"), Some(-719_162));
        for text in
            ["0000-01-01", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-32", "2024-1-01"]
        {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn timestamps() {
        let micros = |text: &str, zoned| timestamp(text.as_bytes(), TimeUnit::Micro, zoned);
        for text in ["1970-01-02T00:00:01.5", "1970-01-02 00:00:01.500000000", "86401.5", "86401500000"] {
            assert_eq!(micros(text, false), Some(86_401_500_000), "{text}");
        }
        for text in ["1970-01-02T01:00:01.5+01:00", "1970-01-01T23:30:01.5-0030", "1970-01-02T00:00:01.5Z"] {
            assert_eq!(micros(text, true), Some(86_401_500_000), "{text}");
            assert_eq!(micros(text, false), None, "{text}");
        }
        for text in [
            "1970-01-02T24:00",
            "1970-01-02T00:60",
            "1970-01-02T00:00:60",
            "1970-01-02T",
            "1970-01-02T00",
            "1970-01-02T00:00:00.",
            "1970-01-02T00:00:00.0000001",
            "1970-01-02T00:00:00.0000000000",
            "1.",
            ".5",
            "x",
            "1970-01-02Z",
            "1.0000001",
            "9999999999999.5",
        ] {
            assert_eq!(micros(text, false), None, "{text}");
        }
        assert_eq!(timestamp(b"1677-09-21T00:12:43.145224192", TimeUnit::Nano, false), Some(i64::MIN));
        assert_eq!(timestamp(b"1677-09-21T00:12:43.145224191", TimeUnit::Nano, false), None);
        assert_eq!(time(b"23:59:59.5", TimeUnit::Milli), Some(86_399_500));
    }

    proptest! {
        #[test]
        fn minutes_agree_with_moments(text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]", flip in 0..64_usize) {
            let mut text: [u8; 16] = text.into_bytes().try_into().expect("16 bytes");
            if let Some(byte) = text.get_mut(flip) {
                *byte ^= 0x19;
            }
            let expected = moment(&text).map(|moment| moment.seconds / 60);
            prop_assert_eq!(minute(&text), expected);
        }

        #[test]
        fn days_agree_with_the_slow_calendar(year in 1_u32..=9999, month in 1_u32..=12, day in 1_u32..=31) {
            let expected = (day <= days_in(year, month)).then(|| slow_days(year, month, day));
            prop_assert_eq!(date(format!("{year:04}-{month:02}-{day:02}").as_bytes()), expected);
        }
    }
}
