//! Ticks and digits of Python's times and decimals.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDate, PyDateTime, PyDelta, PyDeltaAccess, PyTime, PyTimeAccess};
use rillet_core::{DataType, TimeUnit};

use crate::infer::is_decimal;
use crate::numpy::numpy;
use crate::reason::{Reason, tried};

/// Whether the reason why a time is none of a column's is which one it is, and not that it is none of its kind.
pub fn is_of_kind(reason: &str) -> bool {
    reason.starts_with("finer than") || reason.starts_with("out of the range")
}

/// What `toordinal` says of 1970-01-01.
const EPOCH: i64 = 719_163;

/// The days since 1970 of a `date`.
pub fn date(value: &Bound<'_, PyAny>) -> Result<i32, Reason> {
    if value.is_instance_of::<PyDateTime>() || !value.is_instance_of::<PyDate>() {
        return numpy_ticks(value, "M", "D", &DataType::Date)?
            .and_then(|days| i32::try_from(days).ok())
            .ok_or_else(|| "not a date".into());
    }
    let ordinal = value.call_method0(intern!(value.py(), "toordinal")).and_then(|x| x.extract::<i32>());
    ordinal.map(|day| day - EPOCH as i32).map_err(|error| Reason::of(value.py(), error))
}

/// The ticks of a `datetime`, `time` or `timedelta`, or of numpy's scalars, in the unit of the type.
///
/// # Errors
/// If the value is none, has or lacks a zone unlike the type, or is finer than the unit.
pub fn ticks(value: &Bound<'_, PyAny>, dtype: &DataType) -> Result<i64, Reason> {
    let (nanos, unit) = match dtype {
        DataType::Timestamp(unit, zone) => match value.cast::<PyDateTime>() {
            Ok(time) => (timestamp(time, zone.is_some())?, *unit),
            Err(_) => {
                return numpy_ticks(value, "M", unit.name(), dtype)?
                    .ok_or_else(|| format!("not a {dtype}").into());
            }
        },
        DataType::Duration(unit) => match value.cast::<PyDelta>() {
            Ok(length) => (duration(length)?, *unit),
            Err(_) => {
                return numpy_ticks(value, "m", unit.name(), dtype)?
                    .ok_or_else(|| format!("not a {dtype}").into());
            }
        },
        DataType::Time(unit) => match value.cast::<PyTime>() {
            Ok(time) => (clock(time), *unit),
            // As a batch hands out those of nanoseconds.
            Err(_) => {
                return numpy_ticks(value, "m", unit.name(), dtype)?.ok_or_else(|| "not a time of day".into());
            }
        },
        other => return Err(format!("not a {other}").into()),
    };
    let tick = i128::from(1_000_000_000 / unit.per_second());
    match i64::try_from(nanos / tick) {
        _ if nanos % tick != 0 => Err(format!("finer than a {dtype}").into()),
        ticks => ticks.map_err(|_| format!("out of the range of a {dtype}").into()),
    }
}

fn clock(time: &impl PyTimeAccess) -> i128 {
    let seconds =
        i128::from(time.get_hour()) * 3600 + i128::from(time.get_minute()) * 60 + i128::from(time.get_second());
    seconds * 1_000_000_000 + i128::from(time.get_microsecond()) * 1000
}

fn duration(length: &Bound<'_, PyDelta>) -> PyResult<i128> {
    let seconds = i128::from(length.get_days()) * 86_400 + i128::from(length.get_seconds());
    let nanos = pandas_nanos(length, "nanoseconds")?;
    Ok(seconds * 1_000_000_000 + i128::from(length.get_microseconds()) * 1000 + nanos)
}

/// The nanoseconds that a class of pandas has beyond Python's microseconds.
fn pandas_nanos(value: &Bound<'_, PyAny>, name: &str) -> PyResult<i128> {
    let nanos = tried(value.py(), value.getattr_opt(name))?.flatten();
    Ok(nanos.and_then(|nanos| nanos.extract().ok()).unwrap_or(0))
}

fn timestamp(time: &Bound<'_, PyDateTime>, zoned: bool) -> Result<i128, Reason> {
    let py = time.py();
    if !zoned && let Some(nanos) = naive(time)? {
        return Ok(nanos);
    }
    let offset = time.call_method0(intern!(py, "utcoffset")).map_err(|error| Reason::of(py, error))?;
    let offset = match (offset.cast::<PyDelta>(), zoned) {
        (Ok(offset), true) => duration(offset)?,
        (Err(_), false) => 0,
        (Ok(_), false) => return Err("a time with a zone, where the column has none".into()),
        (Err(_), true) => return Err("a time without a zone, where the column has one".into()),
    };
    let day = time.call_method0(intern!(py, "toordinal")).and_then(|day| day.extract::<i64>());
    let day = day.map_err(|error| Reason::of(py, error))? - EPOCH;
    Ok(i128::from(day) * 86_400_000_000_000 + clock(time) + pandas_nanos(time, "nanosecond")? - offset)
}

/// The nanoseconds since 1970 of Python's own `datetime` without a zone; `None` for others.
fn naive(time: &Bound<'_, PyDateTime>) -> PyResult<Option<i128>> {
    let py = time.py();
    if !time.is_exact_instance_of::<PyDateTime>() || !time.getattr(intern!(py, "tzinfo"))?.is_none() {
        return Ok(None);
    }
    let since = time.sub(start(py)?)?.cast_into::<PyDelta>()?;
    let seconds = i128::from(since.get_days()) * 86_400 + i128::from(since.get_seconds());
    Ok(Some(seconds * 1_000_000_000 + i128::from(since.get_microseconds()) * 1000))
}

/// The `datetime` of ticks that it knows.
pub fn datetime<'py>(py: Python<'py>, ticks: i64, unit: TimeUnit) -> PyResult<Bound<'py, PyAny>> {
    let (second, tick) = (ticks.div_euclid(unit.per_second()), ticks.rem_euclid(unit.per_second()));
    let (day, micro) = (second.div_euclid(86_400), tick * (1_000_000 / unit.per_second()));
    let since = PyDelta::new(py, day as i32, second.rem_euclid(86_400) as i32, micro as i32, false)?;
    start(py)?.add(since)
}

/// The start of 1970.
fn start(py: Python<'_>) -> PyResult<&Bound<'_, PyDateTime>> {
    static START: PyOnceLock<Py<PyDateTime>> = PyOnceLock::new();
    let made =
        START.get_or_try_init(py, || PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, None).map(Bound::unbind))?;
    Ok(made.bind(py))
}

/// The ticks of a scalar of numpy in the unit of a type, if it is of this kind.
///
/// # Errors
/// If they are not exact.
fn numpy_ticks(value: &Bound<'_, PyAny>, kind: &str, unit: &str, dtype: &DataType) -> Result<Option<i64>, Reason> {
    let py = value.py();
    if tried(py, value.is_instance(numpy!(py, "generic")?))? != Some(true)
        || value.getattr("dtype")?.getattr("kind")?.extract::<String>()? != kind
    {
        return Ok(None);
    }
    let same = value.call_method1(intern!(py, "astype"), (format!("{kind}8[{unit}]"),));
    let Some(same) = tried(py, same)? else { return Ok(None) };
    // Not compared with the value as it is: numpy would bring that to the unit too, and both would wrap.
    if !same.call_method1(intern!(py, "astype"), (value.getattr("dtype")?,))?.eq(value)? {
        // Nothing equals itself that is no time.
        let is_time = value.eq(value)?;
        return if is_time { Err(format!("finer than a {dtype}, or out of its range").into()) } else { Ok(None) };
    }
    Ok(same.call_method1(intern!(py, "astype"), ("i8",))?.extract().map(Some)?)
}

/// The digits of a `Decimal` or an integer, moved by the scale.
///
/// # Errors
/// If the value is none of them, or does not fit the precision and scale exactly.
pub fn decimal(value: &Bound<'_, PyAny>, precision: u8, scale: i8) -> Result<i128, Reason> {
    let (digits, exponent) = if is_decimal(value)? {
        parts(value)?.ok_or("no number of 38 digits")?
    } else {
        let integer = if value.is_instance_of::<PyBool>() { None } else { tried(value.py(), value.extract())? };
        (integer.ok_or("neither a Decimal nor an integer")?, 0)
    };
    let shift = exponent + i64::from(scale);
    let power = || u32::try_from(shift.unsigned_abs()).ok().and_then(|shift| 10_i128.checked_pow(shift));
    let moved = match (digits, shift >= 0) {
        (0, _) => Some(0),
        (_, true) => power().and_then(|power| digits.checked_mul(power)),
        (_, false) => power().filter(|power| digits % power == 0).map(|power| digits / power),
    };
    let limit = 10_i128.checked_pow(precision.into());
    moved
        .filter(|moved| limit.is_none_or(|limit| moved.abs() < limit))
        .ok_or_else(|| format!("not exactly a decimal[{precision},{scale}]").into())
}

/// The digits and the exponent of a `Decimal`.
fn parts(value: &Bound<'_, PyAny>) -> PyResult<Option<(i128, i64)>> {
    let tuple = value.call_method0(intern!(value.py(), "as_tuple"));
    let tuple = tried(value.py(), tuple.and_then(|tuple| tuple.extract::<(u8, Vec<u8>, i64)>()))?;
    Ok(tuple.and_then(|(negative, digits, exponent)| {
        let digits =
            digits.iter().try_fold(0_i128, |all, &digit| all.checked_mul(10)?.checked_add(digit.into()))?;
        Some((if negative == 1 { -digits } else { digits }, exponent))
    }))
}
