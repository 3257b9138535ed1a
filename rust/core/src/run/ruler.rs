//! The rulers of hopping windows, whose lengths are fixed or those of a calendar.

use std::sync::Arc;

use super::build::in_range;
use crate::error::{Error, Result};
use crate::plan::Hopping;
use crate::types::DataType;
use crate::window::{Length, Ruler, Unit, Units};
use crate::zone::{Zone, fixed_offset, is_utc};

/// The most units that a window of a calendar may have: more than there are.
const MAX_UNITS: i64 = 1_000_000;

/// The ruler of windows over an event time of this type.
///
/// # Errors
/// [`Error::Argument`] if a length does not fit that type, or if it is not known which zone is meant.
pub(super) fn ruler(hopping: &Hopping, time: &DataType) -> Result<Ruler> {
    let zone = zone(hopping, time)?;
    let has_dates = matches!(time, DataType::Timestamp(..) | DataType::Date);
    if hopping.every.is_months() && has_dates {
        return months(hopping, time, zone.unwrap_or("UTC"));
    }
    match zone {
        Some(zone) if hopping.is_calendar() && fixed_offset(zone).is_none() => days(hopping, time, zone),
        // Days that are all of one length are like other lengths.
        _ => fixed(hopping, &clock(time, zone.filter(|_| hopping.is_calendar()))),
    }
}

/// The zone of a calendar, unless it is UTC.
fn zone<'a>(hopping: &'a Hopping, time: &'a DataType) -> Result<Option<&'a str>> {
    let own = match time {
        DataType::Timestamp(_, zone) => zone.as_deref(),
        _ => None,
    };
    let tz = hopping.tz.as_deref();
    match (tz, own) {
        (Some(tz), None) if !is_utc(tz) => Err(Error::argument(format!(
            "tz={tz:?}: the time column is a {time}, which has no zone; declare its own with schema=, or cast it, \
             as in rl.col(\"t\").cast(\"timestamp[us, UTC]\")"
        ))),
        _ => Ok(tz.or(own).filter(|zone| !is_utc(zone))),
    }
}

/// What clocks show of an event time, in this zone or in none.
fn clock(time: &DataType, zone: Option<&str>) -> DataType {
    match time {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, zone.map(Arc::from)),
        other => other.clone(),
    }
}

fn fixed(hopping: &Hopping, time: &DataType) -> Result<Ruler> {
    // The step first: of tumbling windows it is the only one that users have set.
    let (step, size) = (in_range(hopping.every, "every", time)?, in_range(hopping.size, "size", time)?);
    let origin = hopping.every.origin_ticks(time, "every")?;
    let offset = hopping.offset.ticks(time, "offset")?.rem_euclid(step);
    Ok(Ruler::fixed(size, step, origin % step + offset, hopping.closed))
}

fn days(hopping: &Hopping, time: &DataType, zone: &str) -> Result<Ruler> {
    let count = |argument, length: Length| match length.days() {
        Some(days) => units(days, argument, length),
        None => Err(Error::argument(format!(
            "{argument}={length}: it has no fixed number of days in the zone {zone}; give it in days or weeks too"
        ))),
    };
    let (step, size) = (count("every", hopping.every)?, count("size", hopping.size)?);
    let time = &clock(time, None);
    let day = Length::Days(1).ticks(time, "every")?;
    let origin = hopping.every.origin().days().unwrap_or(0);
    let offset = hopping.offset.ticks(time, "offset")?;
    let units = Units::new(Unit::Day, Zone::new(zone)?, offset.rem_euclid(day), time, hopping.closed);
    Ok(Ruler::calendar(size, step, (origin + offset.div_euclid(day)) % step, units, hopping.closed))
}

fn months(hopping: &Hopping, time: &DataType, zone: &str) -> Result<Ruler> {
    let count = |argument, length: Length| units(length.months().unwrap_or(0), argument, length);
    let (step, size) = (count("every", hopping.every)?, count("size", hopping.size)?);
    let time = &clock(time, None);
    let (offset, from) = match hopping.offset.months() {
        Some(months) => (0, months % step),
        None => (hopping.offset.ticks(time, "offset")?, 0),
    };
    if offset.unsigned_abs() > Length::Days(366).ticks(time, "offset")?.unsigned_abs() {
        return Err(Error::argument(format!("offset={}: it is longer than a year", hopping.offset)));
    }
    let units = Units::new(Unit::Month, Zone::new(zone)?, offset, time, hopping.closed);
    Ok(Ruler::calendar(size, step, from, units, hopping.closed))
}

fn units(units: i64, argument: &str, length: Length) -> Result<i64> {
    match units {
        1..=MAX_UNITS => Ok(units),
        _ => Err(Error::argument(format!("{argument}={length}: it is out of the range of a window"))),
    }
}
