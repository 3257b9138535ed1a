//! Values as people read them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as Arrow;

use crate::column::{Texts, as_i64};
use crate::types::{DataType, TimeUnit};

/// An event time, such as `2024-03-01T09:30:00`.
pub(crate) fn time(ticks: i64, dtype: &DataType) -> String {
    match dtype {
        DataType::Timestamp(unit, zone) => {
            format!("{}{}", timestamp(ticks, *unit), if zone.is_some() { "Z" } else { "" })
        }
        DataType::Date => date(ticks),
        _ => ticks.to_string(),
    }
}

/// A lateness as the user would write it, rounded up to what is readable: `"90s"`, `"7992h"`.
pub(crate) fn lateness(ticks: i64, dtype: &DataType) -> String {
    match dtype {
        DataType::Timestamp(unit, _) => {
            let second = unit.per_second();
            let coarse = [("h", 3600 * second, 48), ("m", 60 * second, 60), ("s", second, 1)];
            match coarse.iter().find(|(_, size, least)| ticks >= size.saturating_mul(*least)) {
                Some((name, size, _)) => format!("\"{}{name}\"", ticks / size + i64::from(ticks % size != 0)),
                None => format!("\"{ticks}{}\"", unit.name()),
            }
        }
        DataType::Date => format!("\"{ticks}d\""),
        _ => ticks.to_string(),
    }
}

/// A number of bytes, in the unit that fits: `1.5 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let (unit, size) = units.into_iter().find(|&(_, size)| bytes >= size).unwrap_or(("B", 1));
    match bytes % size {
        0 => format!("{} {unit}", bytes / size),
        _ => format!("{:.1} {unit}", bytes as f64 / size as f64),
    }
}

fn timestamp(ticks: i64, unit: TimeUnit) -> String {
    let (seconds, rest) = (ticks.div_euclid(unit.per_second()), ticks.rem_euclid(unit.per_second()));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let digits = unit.per_second().ilog10() as usize;
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:0digits$}") };
    format!("{}T{clock}{fraction}", date(days))
}

fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// One value of a column.
pub(crate) fn value(column: &ArrayRef, row: usize) -> String {
    if column.logical_nulls().is_some_and(|nulls| nulls.is_null(row)) {
        return "null".into();
    }
    match column.data_type() {
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View | Arrow::Dictionary(..) => {
            format!("{:?}", Texts::of(column).get(row))
        }
        Arrow::Boolean => column.as_boolean().value(row).to_string(),
        Arrow::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        Arrow::Float32 => column.as_primitive::<Float32Type>().value(row).to_string(),
        Arrow::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        Arrow::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        other => match (as_i64(column), DataType::from_arrow(other)) {
            (Some(values), Some(dtype)) => time(values[row], &dtype),
            _ => "…".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{BooleanArray, Int8Array, StringArray, UInt64Array};

    use super::*;

    #[test]
    fn times_read_like_iso() {
        let micro = DataType::Timestamp(TimeUnit::Micro, None);
        assert_eq!(time(0, &micro), "1970-01-01T00:00:00");
        assert_eq!(time(-1, &micro), "1969-12-31T23:59:59.999999");
        assert_eq!(time(1_709_164_800_000_000, &micro), "2024-02-29T00:00:00");
        assert_eq!(time(-25_508, &DataType::Date), "1900-03-01");
        assert_eq!(time(2_932_897, &DataType::Date), "10000-01-01");
        assert_eq!(time(7, &DataType::Int64), "7");
        assert_eq!(lateness(90_000_001, &micro), "\"91s\"");
        assert_eq!(lateness(28_749_600_000_000, &micro), "\"7986h\"");
        assert_eq!(lateness(5, &micro), "\"5us\"");
    }

    #[test]
    fn values_read_as_they_are_written() {
        let columns: [ArrayRef; 4] = [
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])),
            Arc::new(StringArray::from(vec![Some("null"), None])),
            Arc::new(Int8Array::from(vec![Some(-1), None])),
            Arc::new(BooleanArray::from(vec![Some(true), None])),
        ];
        let shown = columns.each_ref().map(|column| value(column, 0));
        assert_eq!(shown, ["18446744073709551615", "\"null\"", "-1", "true"]);
        assert!(columns.iter().all(|column| value(column, 1) == "null"));
    }

    #[test]
    fn bytes_have_a_unit_that_fits() {
        let shown = [0, 1023, 1024, 1536, (3 << 20) + 1, 64 << 30].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "3.0 MiB", "64 GiB"]);
    }
}
