//! [`Length`]: a length of event time as the user writes it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::DataType;
use crate::zone::fixed_offset;

/// A length of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Length {
    /// Ticks of the time column, in whatever unit it has.
    Ticks(i64),
    /// A fixed length.
    Fixed {
        /// Whole seconds.
        seconds: i64,
        /// The rest, in nanoseconds.
        nanos: u32,
    },
    /// Calendar days.
    Days(i64),
    /// Calendar weeks, which start on Monday.
    Weeks(i64),
    /// Calendar months.
    Months(i64),
}

/// The first Monday of 1970, in days since the first of January.
const MONDAY: i64 = 4;
const DAY: i64 = 86_400;

impl Length {
    /// The length in ticks of a time column of this type.
    ///
    /// # Errors
    /// If the length is finer than the column's unit or out of its range, or if it has a unit and the
    /// column has none.
    pub(crate) fn ticks(self, time: &DataType, argument: &str) -> Result<i64> {
        let refused = |why: &str| Err(Error::argument(format!("{argument}={self}: {why}")));
        let (seconds, nanos) = match self {
            Self::Ticks(ticks) => return Ok(ticks),
            Self::Months(_) if !time.is_integer() => {
                return refused("months are not all of one length; give it in hours, such as \"720h\"");
            }
            // Refused below.
            Self::Months(_) => (None, 0),
            Self::Fixed { seconds, nanos } => (Some(seconds), nanos),
            Self::Days(days) => (days.checked_mul(DAY), 0),
            Self::Weeks(weeks) => (weeks.checked_mul(7 * DAY), 0),
        };
        let per_second = match time {
            DataType::Timestamp(unit, _) => i128::from(unit.per_second()),
            DataType::Date => return self.in_days(seconds, nanos, argument),
            _ => {
                return refused(
                    "the time column is an integer without a unit; give the length as an integer, \
                     or declare the column a timestamp with schema=",
                );
            }
        };
        if let (Self::Days(_) | Self::Weeks(_), DataType::Timestamp(_, Some(zone))) = (self, time)
            && fixed_offset(zone).is_none()
        {
            return refused(&format!(
                "days are not all of one length in the zone {zone}, which is that of the time column; give it in \
                 hours, such as \"24h\""
            ));
        }
        let nanos = i128::from(seconds.unwrap_or(i64::MAX)) * 1_000_000_000 + i128::from(nanos);
        let ticks = nanos * per_second;
        match i64::try_from(ticks / 1_000_000_000) {
            _ if ticks % 1_000_000_000 != 0 => refused("it is finer than the unit of the time column"),
            Ok(ticks) => Ok(ticks),
            Err(_) => refused("it is out of the range of the time column"),
        }
    }

    fn in_days(self, seconds: Option<i64>, nanos: u32, argument: &str) -> Result<i64> {
        match seconds {
            Some(seconds) if seconds % DAY == 0 && nanos == 0 => Ok(seconds / DAY),
            _ => Err(Error::argument(format!("{argument}={self}: the time column counts whole days"))),
        }
    }

    /// How long it is by the clock on the wall.
    ///
    /// # Errors
    /// If it is not a fixed length of time, or not longer than nothing.
    pub(crate) fn on_the_wall(self, argument: &str) -> Result<Duration> {
        match self.nanos().map(u64::try_from) {
            Some(Ok(nanos)) if nanos > 0 => Ok(Duration::from_nanos(nanos)),
            _ => Err(Error::argument(format!(
                "{argument}={self}: it is a length of time by the clock on the wall, such as \"5s\""
            ))),
        }
    }

    /// Where windows of this step start counting, in the same length's terms.
    pub(crate) fn origin(self) -> Self {
        match self {
            Self::Weeks(_) => Self::Days(MONDAY),
            _ => Self::Ticks(0),
        }
    }

    /// The same in ticks of a time column of this type: days start at midnight in its zone.
    ///
    /// # Errors
    /// As [`ticks`](Self::ticks).
    pub(crate) fn origin_ticks(self, time: &DataType, argument: &str) -> Result<i64> {
        let (origin, ahead) = (self.origin().ticks(time, argument)?, self.ahead(time));
        Ok(origin - ahead)
    }

    /// How many ticks before midnight in UTC a day starts in the zone of a time column.
    fn ahead(self, time: &DataType) -> i64 {
        match (self, time) {
            (Self::Days(_) | Self::Weeks(_), DataType::Timestamp(unit, Some(zone))) => {
                fixed_offset(zone).unwrap_or(0) * unit.per_second()
            }
            _ => 0,
        }
    }

    /// The calendar days that it lasts.
    pub(crate) fn days(self) -> Option<i64> {
        match self {
            Self::Days(n) => Some(n),
            Self::Weeks(n) => n.checked_mul(7),
            _ => None,
        }
    }

    /// The calendar months that it lasts.
    pub(crate) fn months(self) -> Option<i64> {
        if let Self::Months(n) = self { Some(n) } else { None }
    }

    /// Whether it lasts months, quarters or years.
    pub(crate) fn is_months(self) -> bool {
        self.months().is_some()
    }

    /// Whether how long it lasts depends on the calendar of a zone.
    pub(crate) fn is_calendar(self) -> bool {
        matches!(self, Self::Days(_) | Self::Weeks(_) | Self::Months(_))
    }

    /// Whether it is so many times another length, where both say so without a time column.
    pub(crate) fn is_multiple_of(self, other: Self) -> Option<bool> {
        match (self, other) {
            (Self::Ticks(ticks), Self::Ticks(other)) => Some(ticks % other == 0),
            _ => Some(self.nanos()? % other.nanos()? == 0),
        }
    }

    /// How many nanoseconds it nominally is; `None` of ticks, which have no unit, and of months.
    fn nanos(self) -> Option<i128> {
        let seconds = match self {
            Self::Ticks(_) | Self::Months(_) => return None,
            Self::Fixed { seconds, nanos } => {
                return Some(i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
            }
            Self::Days(days) => i128::from(days) * i128::from(DAY),
            Self::Weeks(weeks) => i128::from(weeks) * 7 * i128::from(DAY),
        };
        Some(seconds * 1_000_000_000)
    }

    /// Whether it is longer than nothing.
    pub fn is_positive(self) -> bool {
        match self {
            Self::Ticks(n) | Self::Days(n) | Self::Weeks(n) | Self::Months(n) => n > 0,
            Self::Fixed { seconds, nanos } => seconds > 0 || seconds == 0 && nanos > 0,
        }
    }

    /// Whether it is shorter than nothing.
    pub fn is_negative(self) -> bool {
        match self {
            Self::Ticks(n) | Self::Days(n) | Self::Weeks(n) | Self::Months(n) => n < 0,
            Self::Fixed { seconds, .. } => seconds < 0,
        }
    }
}

/// The units that a length may be written in: name, then the length of one.
const UNITS: [(&str, i128); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

type Whole = fn(i64) -> Length;

/// The units of the calendar: name, how many of the length's own units one has, and the length.
const CALENDAR: [(&str, i64, Whole); 5] = [
    ("d", 1, Length::Days),
    ("w", 1, Length::Weeks),
    ("mo", 1, Length::Months),
    ("q", 3, Length::Months),
    ("y", 12, Length::Months),
];

impl FromStr for Length {
    type Err = Error;

    /// Reads `90s`, `1h30m`, `-5m`, `1d`, `2w`, `1mo`, `1q` or `1y`.
    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::argument(format!(
                "{text:?} is not a length of time; write it like \"250ms\", \"90s\", \"5m\", \"1h30m\", \"1d\", \"1w\" or \"1mo\""
            ))
        })
    }
}

fn parse(text: &str) -> Option<Length> {
    let (negative, body) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let sign = if negative { -1 } else { 1 };
    for (suffix, units, whole) in CALENDAR {
        if let Some(Ok(n)) = body.strip_suffix(suffix).map(digits) {
            return n.checked_mul(sign as i64 * units).map(whole);
        }
    }
    let (mut rest, mut nanos) = (body, 0i128);
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[number..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| number + n);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == &rest[number..unit])?;
        nanos += i128::from(digits(&rest[..number]).ok()?) * size;
        rest = &rest[unit..];
    }
    let nanos = sign * nanos;
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
    (!body.is_empty()).then_some(Length::Fixed { seconds, nanos: nanos.rem_euclid(1_000_000_000) as u32 })
}

fn digits(text: &str) -> Result<i64, std::num::ParseIntError> {
    // A sign would be accepted by `parse`, and an empty text must not be.
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse() } else { "-".parse() }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticks(n) => write!(f, "{n}"),
            Self::Days(n) => write!(f, "\"{n}d\""),
            Self::Weeks(n) => write!(f, "\"{n}w\""),
            Self::Months(n) if n % 12 == 0 => write!(f, "\"{}y\"", n / 12),
            Self::Months(n) if n % 3 == 0 => write!(f, "\"{}q\"", n / 3),
            Self::Months(n) => write!(f, "\"{n}mo\""),
            Self::Fixed { seconds, nanos } => {
                let total = i128::from(*seconds) * 1_000_000_000 + i128::from(*nanos);
                let whole = |(_, size): &&(&str, i128)| total % size == 0 && total != 0;
                let (name, size) = UNITS.iter().rev().find(whole).unwrap_or(&UNITS[3]);
                write!(f, "\"{}{name}\"", total / size)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TimeUnit;

    #[test]
    fn lengths_are_read_and_shown() {
        for (text, shown) in [
            ("90s", "\"90s\""),
            ("1h30m", "\"90m\""),
            ("60s", "\"1m\""),
            ("-5m", "\"-5m\""),
            ("1d", "\"1d\""),
            ("250ms", "\"250ms\""),
            ("2mo", "\"2mo\""),
            ("-6mo", "\"-2q\""),
            ("12mo", "\"1y\""),
        ] {
            assert_eq!(text.parse::<Length>().expect(text).to_string(), shown);
        }
        for bad in ["", "5", "m", "mo", "1x", "1d2h", "9223372036854775807y", "--1s", "1.5s", " 1s", "+1d"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ticks_are_of_the_column() {
        let micro = DataType::Timestamp(TimeUnit::Micro, None);
        let length: Length = "1m".parse().expect("a length");
        assert_eq!(length.ticks(&micro, "size"), Ok(60_000_000));
        assert!("5ns".parse::<Length>().expect("a length").ticks(&micro, "size").is_err());
        assert!(length.ticks(&DataType::Int64, "size").is_err());
        assert_eq!(Length::Weeks(1).ticks(&DataType::Date, "size"), Ok(7));
    }
}
