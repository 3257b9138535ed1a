//! Python values of columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, downcast_primitive_array};
use arrow_schema::{DataType as Arrow, TimeUnit as Unit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDelta, PyDict, PyList, PyString, PyTime, PyType, PyTzInfo};
use rillet_core::{DataType, Scalar, TimeUnit, Value};

use crate::flat::Flat;
use crate::moment;

/// The first and the last second of the years that `datetime` knows, less a day for its zones.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_510_400..=253_402_214_400;

/// The first and the last day that `date` knows.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// The values of a column, as Python has them: `datetime`, `date`, `timedelta`, `time`, `Decimal`, `str`,
/// `bytes`, lists, dicts and `None`. What does not fit them (nanoseconds, the year 10000) is numpy's scalar.
pub fn list<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    match array.data_type() {
        Arrow::Null => PyList::new(py, vec![None::<bool>; array.len()]),
        Arrow::Boolean => PyList::new(py, array.as_boolean()),
        Arrow::Utf8 => PyList::new(py, array.as_string::<i32>()),
        Arrow::LargeUtf8 => PyList::new(py, array.as_string::<i64>()),
        Arrow::Utf8View => PyList::new(py, array.as_string_view()),
        Arrow::Dictionary(..) => texts(py, array),
        Arrow::Binary => PyList::new(py, array.as_binary::<i32>().iter().map(|x| x.map(|x| PyBytes::new(py, x)))),
        Arrow::Decimal128(..) => decimals(py, array),
        Arrow::Timestamp(..) | Arrow::Date32 | Arrow::Duration(_) => times(py, array),
        Arrow::Time32(unit) | Arrow::Time64(unit) => clock(py, array, *unit),
        Arrow::List(_) => lists(py, array),
        Arrow::FixedSizeList(..) => fixed_lists(py, array),
        Arrow::Struct(_) => structs(py, array),
        _ => numbers(py, array),
    }
}

/// A single value of this type, as [`list`] has it.
pub fn one<'py>(py: Python<'py>, value: &Value, dtype: &DataType) -> PyResult<Bound<'py, PyAny>> {
    let column = match value {
        Value::Null => return Ok(py.None().into_bound(py)),
        Value::Float(value) => return Ok(value.into_pyobject(py)?.into_any()),
        Value::Text(text) => return Ok(PyString::new(py, text).into_any()),
        Value::Column(column) => Some(Arc::clone(column)),
        Value::Int(value) => match dtype {
            DataType::UInt64 => return Ok((*value as u64).into_pyobject(py)?.into_any()),
            _ if dtype.is_integer() => return Ok(value.into_pyobject(py)?.into_any()),
            DataType::Bool => return Ok(PyBool::new(py, *value != 0).to_owned().into_any()),
            DataType::Timestamp(unit, None) if has_datetime(*value, *unit) => {
                return moment::datetime(py, *value, *unit);
            }
            _ => Scalar::Int(*value).column(dtype),
        },
    };
    column.map_or_else(|| Ok(py.None().into_bound(py)), |column| list(py, &column)?.get_item(0))
}

/// Whether `datetime` knows a time.
fn has_datetime(ticks: i64, unit: TimeUnit) -> bool {
    unit != TimeUnit::Nano && SECONDS.contains(&ticks.div_euclid(unit.per_second()))
}

fn numbers<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    macro_rules! listed {
        ($($arrow:ident => $kind:ty,)*) => {
            match array.data_type() {
                $(Arrow::$arrow => PyList::new(py, array.as_primitive::<$kind>()),)*
                other => Err(pyo3::exceptions::PyTypeError::new_err(format!("{other} has no Python value"))),
            }
        };
    }
    listed! {
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type,
        Float32 => Float32Type, Float64 => Float64Type,
    }
}

/// The texts of a dictionary column; each is made once.
fn texts<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let dictionary = array.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    let mut made: Vec<Option<Bound<'py, PyString>>> = vec![None; values.len()];
    let mut text = |code: Option<i32>| {
        let code = code? as usize;
        let made = made.get_mut(code)?;
        Some(made.get_or_insert_with(|| PyString::new(py, values.value(code))).clone())
    };
    PyList::new(py, dictionary.keys().iter().map(&mut text).collect::<Vec<_>>())
}

fn decimals<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let (class, array) = (DECIMAL.import(py, "decimal", "Decimal")?, array.as_primitive::<Decimal128Type>());
    let made = (0..array.len()).map(|row| match array.is_valid(row) {
        true => class.call1((array.value_as_string(row),)).map(Some),
        false => Ok(None),
    });
    PyList::new(py, made.collect::<PyResult<Vec<_>>>()?)
}

/// The 64-bit ticks of the valid rows of a time column.
fn ticks(array: &ArrayRef) -> Vec<Option<i64>> {
    let array: &dyn Array = array;
    downcast_primitive_array!(
        array => array.iter().map(|value| value.and_then(num_i64)).collect(),
        _ => Vec::new()
    )
}

/// A number as 64-bit ticks, if it is one that times are made of.
fn num_i64(value: impl arrow_buffer::ArrowNativeType) -> Option<i64> {
    value.to_i64()
}

fn times<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let Some(flat) = Flat::of(array) else { return PyList::new(py, [(); 0]) };
    let shown = flat.array(py)?;
    let known = |unit: TimeUnit| ticks(array).into_iter().flatten().all(|x| has_datetime(x, unit));
    let fits = match array.data_type() {
        Arrow::Duration(Unit::Nanosecond) => false,
        Arrow::Timestamp(unit, _) => known(TimeUnit::from(*unit)),
        Arrow::Date32 => ticks(array).into_iter().flatten().all(|day| DAYS.contains(&day)),
        Arrow::Duration(Unit::Microsecond) => true,
        _ => known(TimeUnit::Second),
    };
    match (fits, array.data_type()) {
        (false, _) => scalars(&shown, array),
        (true, Arrow::Timestamp(_, Some(zone))) => zoned(&shown, zone),
        _ => Ok(shown.call_method0(intern!(py, "tolist"))?.cast_into()?),
    }
}

/// numpy's scalars, and `None` for null.
fn scalars<'py>(shown: &Bound<'py, PyAny>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let values = shown.try_iter()?.enumerate().map(|(row, value)| match array.is_null(row) {
        true => Ok(shown.py().None().into_bound(shown.py())),
        false => value,
    });
    PyList::new(shown.py(), values.collect::<PyResult<Vec<_>>>()?)
}

fn zoned<'py>(shown: &Bound<'py, PyAny>, zone: &Arc<str>) -> PyResult<Bound<'py, PyList>> {
    let py = shown.py();
    let (utc, zone) = (PyTzInfo::utc(py)?.to_owned(), time_zone(py, zone));
    let options = PyDict::new(py);
    options.set_item(intern!(py, "tzinfo"), &utc)?;
    let local = |time: PyResult<Bound<'py, PyAny>>| match time? {
        none if none.is_none() => Ok(none),
        time => {
            let time = time.call_method(intern!(py, "replace"), (), Some(&options))?;
            zone.as_ref().map_or(Ok(time.clone()), |zone| time.call_method1(intern!(py, "astimezone"), (zone,)))
        }
    };
    PyList::new(
        py,
        shown.call_method0(intern!(py, "tolist"))?.try_iter()?.map(local).collect::<PyResult<Vec<_>>>()?,
    )
}

/// The zone of this name; `None` for UTC, and for a zone that Python does not know: then times stay in UTC.
fn time_zone<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyTzInfo>> {
    if matches!(name, "UTC" | "Z" | "+00:00" | "Etc/UTC") {
        return None;
    }
    match fixed_minutes(name) {
        Some(minutes) => PyTzInfo::fixed_offset(py, PyDelta::new(py, 0, minutes * 60, 0, true).ok()?).ok(),
        None => PyTzInfo::timezone(py, name).ok(),
    }
}

/// The minutes of an offset such as `+02:00`.
fn fixed_minutes(name: &str) -> Option<i32> {
    let (hours, minutes) = name.get(1..)?.split_once(':')?;
    let minutes = hours.parse::<u8>().ok().filter(|&x| x < 24)? as i32 * 60
        + minutes.parse::<u8>().ok().filter(|&x| x < 60)? as i32;
    match name.as_bytes()[0] {
        b'+' => Some(minutes),
        b'-' => Some(-minutes),
        _ => None,
    }
}

/// Times of day.
fn clock<'py>(py: Python<'py>, array: &ArrayRef, unit: Unit) -> PyResult<Bound<'py, PyList>> {
    let (ticks, per_second) = (ticks(array), TimeUnit::from(unit).per_second());
    let day = 0..86_400 * per_second;
    if unit == Unit::Nanosecond || !ticks.iter().flatten().all(|tick| day.contains(tick)) {
        let flat = Flat::of(array).map(|flat| flat.array(py)).transpose()?;
        return flat.map_or_else(|| PyList::new(py, [(); 0]), |shown| scalars(&shown, array));
    }
    let time = |tick: i64| {
        let (second, micro) = (tick / per_second, tick % per_second * (1_000_000 / per_second));
        PyTime::new(py, (second / 3600) as u8, (second / 60 % 60) as u8, (second % 60) as u8, micro as u32, None)
    };
    PyList::new(py, ticks.into_iter().map(|tick| tick.map(time).transpose()).collect::<PyResult<Vec<_>>>()?)
}

fn lists<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let array = array.as_list::<i32>();
    let (first, last) = (array.value_offsets()[0], array.value_offsets()[array.len()]);
    let items = list(py, &array.values().slice(first as usize, (last - first) as usize))?;
    let slice = |(row, ends): (usize, &[i32])| {
        array.is_valid(row).then(|| items.get_slice((ends[0] - first) as usize, (ends[1] - first) as usize))
    };
    PyList::new(py, array.value_offsets().windows(2).enumerate().map(slice).collect::<Vec<_>>())
}

fn fixed_lists<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let array = array.as_fixed_size_list();
    let (items, width) = (list(py, array.values())?, array.value_length() as usize);
    let slice = |row: usize| array.is_valid(row).then(|| items.get_slice(row * width, (row + 1) * width));
    PyList::new(py, (0..array.len()).map(slice))
}

fn structs<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let array = array.as_struct();
    let columns = array.columns().iter().map(|column| list(py, column)).collect::<PyResult<Vec<_>>>()?;
    let row = |row: usize| {
        if array.is_null(row) {
            return Ok(None);
        }
        let dict = PyDict::new(py);
        for (name, column) in array.column_names().iter().zip(&columns) {
            dict.set_item(name, column.get_item(row)?)?;
        }
        Ok(Some(dict))
    };
    PyList::new(py, (0..array.len()).map(row).collect::<PyResult<Vec<_>>>()?)
}
