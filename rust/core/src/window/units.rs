//! [`Units`]: days or months of a time zone, numbered.

use std::cell::Cell;

use super::edges::Closed;
use crate::types::DataType;
use crate::zone::{self, DAY, Zone};

/// What is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Day,
    Month,
}

/// Days or months, numbered from 1970 on. Each lasts from its start to that of the next; one that the zone
/// skipped starts together with the next, and so no time is in it.
///
/// Where windows have both their edges, the tick at a start is a number of its own: the even one. That of a
/// skipped day is none, so that windows which end with the day before do without.
#[derive(Clone, Debug)]
pub(crate) struct Units {
    unit: Unit,
    zone: Zone,
    /// How far its start is from the midnight that it begins with, in seconds of the clock.
    offset: i64,
    /// How many seconds a tick has, and how many ticks a second; one of them is 1.
    scale: (i64, i64),
    /// How many ticks after its start it begins to have times.
    shift: i64,
    doubled: bool,
    /// The first and the last instant that there are ticks for.
    reach: (i64, i64),
    /// What was last found: a unit, its start and its end.
    near: Cell<(i64, i64, i64)>,
    /// Units and their starts, each where the last digits of its number say.
    starts: [Cell<(i64, i64)>; STARTS],
}

/// How many starts are remembered: a power of two. More than edges that matter to a row and its window.
const STARTS: usize = 16;

impl Units {
    /// Days or months of a zone that start so many ticks after midnight, for an event time of this type,
    /// which is a timestamp or a date.
    pub(crate) fn new(unit: Unit, zone: Zone, offset: i64, time: &DataType, closed: Closed) -> Self {
        let scale = match time {
            DataType::Timestamp(unit, _) => (1, unit.per_second()),
            _ => (DAY, 1),
        };
        let furthest = Zone::REACH.min(i64::MAX / scale.1 - 1);
        Self {
            unit,
            zone,
            offset: offset.div_euclid(scale.1) * scale.0,
            shift: offset.rem_euclid(scale.1) + i64::from(closed == Closed::Right),
            scale,
            doubled: closed == Closed::Both,
            reach: (-furthest, furthest),
            near: Cell::new((0, 0, 0)),
            starts: [const { Cell::new((i64::MAX, 0)) }; STARTS],
        }
    }

    /// Whether others are the same.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let of = |units: &Self| (units.unit, units.offset, units.scale, units.shift, units.doubled);
        of(self) == of(other) && self.zone == other.zone
    }

    /// The number of what a time is in.
    pub(crate) fn number(&self, time: i64) -> i64 {
        let second = time.saturating_sub(self.shift).div_euclid(self.scale.1).saturating_mul(self.scale.0);
        let (unit, start, _) = self.find(second.clamp(self.reach.0, self.reach.1));
        if self.doubled { 2 * unit + i64::from(time > self.tick(start)) } else { unit }
    }

    /// The first time of what has this number.
    pub(crate) fn start(&self, number: i64) -> i64 {
        if !self.doubled {
            return self.tick(self.start_of(number));
        }
        let unit = number.div_euclid(2);
        let start = self.tick(self.start_of(unit));
        // A skipped day has no first tick either.
        if number % 2 == 0 { start } else { start.saturating_add(1).min(self.tick(self.start_of(unit + 1))) }
    }

    /// The first and the last number that have a start within reach.
    pub(crate) fn numbers(&self) -> (i64, i64) {
        let (first, last) = (self.find(self.reach.0).0 + 1, self.find(self.reach.1).0);
        if self.doubled { (2 * first, 2 * last) } else { (first, last) }
    }

    /// How many ticks the shortest lasts, nearly.
    pub(crate) fn ticks(&self) -> i64 {
        let days = if self.unit == Unit::Day { 1 } else { 28 };
        (days * DAY / self.scale.0 * self.scale.1) >> i32::from(self.doubled)
    }

    /// The unit that an instant is in, its start and its end.
    fn find(&self, second: i64) -> (i64, i64, i64) {
        let near = self.near.get();
        if near.1 <= second && second < near.2 {
            return near;
        }
        let mut unit = self.guess(second);
        // Clocks that are put back may show a day again after the next one has begun.
        while self.start_of(unit) > second {
            unit -= 1;
        }
        while self.start_of(unit + 1) <= second {
            unit += 1;
        }
        self.near.set((unit, self.start_of(unit), self.start_of(unit + 1)));
        self.near.get()
    }

    /// The unit that an instant is in, or one near it.
    fn guess(&self, second: i64) -> i64 {
        let ((unit, start, _), days) = (self.near.get(), if self.unit == Unit::Day { 1 } else { 31 });
        if second.abs_diff(start) < 8 * days as u64 * DAY as u64 {
            return unit + (second - start).div_euclid(days * DAY);
        }
        let day = (self.zone.clock(second) - self.offset).div_euclid(DAY);
        if self.unit == Unit::Day { day } else { zone::month(day) }
    }

    /// The instant at which a unit starts; that of all units beyond reach is beyond it.
    fn start_of(&self, unit: i64) -> i64 {
        let known = &self.starts[unit as usize & (STARTS - 1)];
        if known.get().0 != unit {
            known.set((unit, self.find_start(unit)));
        }
        known.get().1
    }

    fn find_start(&self, unit: i64) -> i64 {
        let most = Zone::REACH / DAY + 400;
        let day = match self.unit {
            Unit::Day => unit.clamp(-most, most),
            Unit::Month => zone::first_day(unit.clamp(-most / 30, most / 30)),
        };
        self.zone.instant(day * DAY + self.offset)
    }

    fn tick(&self, second: i64) -> i64 {
        let ticks =
            i128::from(second.div_euclid(self.scale.0)) * i128::from(self.scale.1) + i128::from(self.shift);
        ticks.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TimeUnit;

    fn check(units: &Units, times: impl Iterator<Item = i64>) {
        for time in times {
            let number = units.number(time);
            assert!(units.start(number) <= time && time < units.start(number + 1), "{units:?} {time}");
        }
    }

    #[test]
    fn every_time_is_in_one_unit() {
        for (name, around) in [
            ("America/Sao_Paulo", 1_541_300_400),
            ("Pacific/Apia", 1_325_239_200),
            ("America/St_Johns", 1_289_097_000),
            ("Australia/Lord_Howe", 1_570_288_500),
            ("UTC", -86_400),
        ] {
            let second = DataType::Timestamp(TimeUnit::Second, None);
            for (closed, unit) in [Closed::Left, Closed::Right, Closed::Both]
                .into_iter()
                .flat_map(|closed| [Unit::Day, Unit::Month].map(|unit| (closed, unit)))
            {
                let zone = Zone::new(name).expect(name);
                let units = Units::new(unit, zone, 5 * 3600, &second, closed);
                check(&units, (around - 90 * 86_400..around + 90 * 86_400).step_by(1799));
                let starts =
                    (units.number(around - 500_000)..units.number(around + 500_000)).map(|n| units.start(n));
                check(&units, starts.collect::<Vec<_>>().into_iter().flat_map(|start| start - 1..start + 2));
            }
        }
    }

    #[test]
    fn numbers_end_where_ticks_do() {
        for unit in [TimeUnit::Second, TimeUnit::Nano] {
            let time = DataType::Timestamp(unit, None);
            for kind in [Unit::Day, Unit::Month] {
                let units = Units::new(kind, Zone::new("Asia/Tokyo").expect("a zone"), -1, &time, Closed::Both);
                let (first, last) = units.numbers();
                check(&units, [units.start(first), units.start(last) - 1].into_iter());
                assert!(units.start(first) > i64::MIN && units.start(last) < i64::MAX);
                assert!(units.number(i64::MIN) <= first && units.number(i64::MAX) >= last);
                units.start(i64::MIN / 4);
                units.start(i64::MAX / 4);
            }
        }
    }
}
