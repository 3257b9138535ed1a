//! Types of Python values.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTime,
    PyTuple, PyType, PyTzInfo, PyTzInfoAccess,
};
use rillet_core::types::Field;
use rillet_core::types::MAX_DEPTH;
use rillet_core::{DataType, TimeUnit};

use crate::build::items;
use crate::missing::with_none;
use crate::numpy::numpy;
use crate::reason::{Bad, Reason, tried};

/// The type that holds all of the values; `null` if there are none but `None`. Values that have no type in common with
/// those before them have no say in it: they have to fit, as those of a later batch have to.
///
/// # Errors
/// If the first value that is not `None` has no type.
pub fn dtype(py: Python<'_>, values: &[Bound<'_, PyAny>]) -> Result<DataType, Bad> {
    common(py, values, 0)
}

fn common(py: Python<'_>, values: &[Bound<'_, PyAny>], depth: usize) -> Result<DataType, Bad> {
    let values = with_none(py, values)?;
    let mut all = DataType::Null;
    for (row, value) in values.iter().enumerate() {
        match of(value, depth) {
            Ok(one) => all = merged(&all, &one).unwrap_or(all),
            Err(Reason::Wrong(_)) if all != DataType::Null => {}
            Err(reason) => return Err(Bad::new(row, value, reason)),
        }
    }
    Ok(all)
}

/// The type of one value.
fn of(value: &Bound<'_, PyAny>, depth: usize) -> Result<DataType, Reason> {
    if value.is_none() {
        Ok(DataType::Null)
    } else if value.is_instance_of::<PyBool>() {
        Ok(DataType::Bool)
    } else if value.is_instance_of::<PyFloat>() {
        Ok(DataType::Float64)
    } else if value.is_instance_of::<PyInt>() {
        integer(value)
    } else if value.is_instance_of::<PyString>() {
        Ok(DataType::Text)
    } else if value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        Ok(DataType::Binary)
    } else if let Ok(time) = value.cast::<PyDateTime>() {
        let zone = time.get_tzinfo().map(|zone| zone_name(&zone)).transpose()?;
        Ok(DataType::Timestamp(fraction(value)?, zone.map(Into::into)))
    } else if value.is_instance_of::<PyDate>() {
        Ok(DataType::Date)
    } else if value.is_instance_of::<PyTime>() {
        Ok(DataType::Time(TimeUnit::Micro))
    } else if value.is_instance_of::<PyDelta>() {
        Ok(DataType::Duration(TimeUnit::Micro))
    } else if let Some(dtype) = scalar(value)? {
        Ok(dtype)
    } else if is_decimal(value)? {
        Ok(DataType::Decimal(38, scale(value)?))
    } else if depth >= MAX_DEPTH {
        Err(format!("nested deeper than {MAX_DEPTH} levels").into())
    } else {
        nested(value, depth)
    }
}

fn integer(value: &Bound<'_, PyAny>) -> Result<DataType, Reason> {
    if value.extract::<i64>().is_ok() {
        return Ok(DataType::Int64);
    }
    value.extract::<u64>().map(|_| DataType::UInt64).map_err(|_| "beyond 64 bits".into())
}

/// The unit of a `datetime`: nanoseconds for one of pandas that has some.
fn fraction(value: &Bound<'_, PyAny>) -> PyResult<TimeUnit> {
    let nanos = tried(value.py(), value.getattr_opt(intern!(value.py(), "nanosecond")))?.flatten();
    Ok(match nanos.and_then(|nanos| nanos.extract::<u32>().ok()) {
        None | Some(0) => TimeUnit::Micro,
        Some(_) => TimeUnit::Nano,
    })
}

/// The name of a zone, which those of zoneinfo call `key` and those of pytz `zone`; others, such as fixed offsets, have
/// none, and their times go by UTC.
fn zone_name(zone: &Bound<'_, PyTzInfo>) -> PyResult<String> {
    let py = zone.py();
    for attribute in [intern!(py, "key"), intern!(py, "zone")] {
        let name = tried(py, zone.getattr_opt(attribute))?.flatten();
        if let Some(name) = name.and_then(|name| name.extract().ok()) {
            return Ok(name);
        }
    }
    Ok("UTC".to_owned())
}

/// The type of a scalar of numpy.
fn scalar(value: &Bound<'_, PyAny>) -> PyResult<Option<DataType>> {
    let py = value.py();
    if tried(py, value.is_instance(numpy!(py, "generic")?))? != Some(true) {
        return Ok(None);
    }
    let dtype = value.getattr(intern!(py, "dtype"))?;
    Ok(match dtype.getattr(intern!(py, "kind"))?.extract::<char>()? {
        'b' => Some(DataType::Bool),
        'i' => Some(DataType::Int64),
        'u' => Some(DataType::UInt64),
        'f' => Some(DataType::Float64),
        'M' => unit(&dtype).map(|unit| DataType::Timestamp(unit, None)),
        'm' => unit(&dtype).map(DataType::Duration),
        _ => None,
    })
}

/// The unit in which times of a numpy type are held.
fn unit(dtype: &Bound<'_, PyAny>) -> Option<TimeUnit> {
    let data = numpy!(dtype.py(), "datetime_data").ok()?.call1((dtype,)).ok()?;
    let (unit, count): (String, i64) = data.extract().ok()?;
    match (unit.as_str(), count) {
        ("ns", 1) => Some(TimeUnit::Nano),
        ("us", 1) => Some(TimeUnit::Micro),
        ("ms", 1) => Some(TimeUnit::Milli),
        ("s" | "m" | "h" | "D" | "W" | "M" | "Y", _) => Some(TimeUnit::Second),
        _ => None,
    }
}

/// Whether it is a `decimal.Decimal`.
///
/// # Errors
/// As [`tried`].
pub fn is_decimal(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = DECIMAL.import(value.py(), "decimal", "Decimal")?;
    Ok(tried(value.py(), value.is_instance(class))? == Some(true))
}

fn scale(value: &Bound<'_, PyAny>) -> Result<i8, Reason> {
    let exponent =
        value.call_method0(intern!(value.py(), "as_tuple")).and_then(|parts| parts.get_item(2)?.extract::<i64>());
    // The exponent of NaN and infinity is a text.
    let exponent = tried(value.py(), exponent)?.ok_or("no number")?;
    i8::try_from(-exponent.min(0)).ok().filter(|&scale| scale <= 38).ok_or_else(|| "of more than 38 digits".into())
}

fn nested(value: &Bound<'_, PyAny>, depth: usize) -> Result<DataType, Reason> {
    if let Ok(dict) = value.cast::<PyDict>() {
        let field = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let name = name.extract::<String>().map_err(|_| Reason::from("a dict whose keys are not all text"))?;
            let dtype = common(dict.py(), &[value], depth + 1).map_err(|bad| bad.reason)?;
            Ok(Field::new(name, dtype))
        };
        return dict.iter().map(field).collect::<Result<_, _>>().map(DataType::Struct);
    }
    match items(value)? {
        Some(items) => {
            let item = common(value.py(), &items, depth + 1).map_err(|bad| bad.reason)?;
            Ok(DataType::List(Box::new(item)))
        }
        None => Err(format!("of type {}, which no column holds", type_name(value)).into()),
    }
}

/// The name of the value's class.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string())
}

/// The type that holds the values of both.
fn merged(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Int64, UInt64) | (UInt64, Int64) => UInt64,
        (Int64 | UInt64, Float64) | (Float64, Int64 | UInt64) => Float64,
        (Decimal(p, s), Int64 | UInt64) | (Int64 | UInt64, Decimal(p, s)) => Decimal(*p, *s),
        (Decimal(p, s), Decimal(q, t)) => Decimal(*p.max(q), *s.max(t)),
        (Timestamp(a, zone), Timestamp(b, other)) if zone == other => Timestamp(*a.max(b), zone.clone()),
        // Instants of several zones.
        (Timestamp(a, Some(_)), Timestamp(b, Some(_))) => Timestamp(*a.max(b), Some("UTC".into())),
        (Duration(a), Duration(b)) => Duration(*a.max(b)),
        (List(a), List(b)) => List(Box::new(merged(a, b)?)),
        (Struct(a), Struct(b)) => Struct(merged_fields(a, b)?),
        _ => return None,
    })
}

fn merged_fields(a: &[Field], b: &[Field]) -> Option<Vec<Field>> {
    let mut all = a.to_vec();
    for field in b {
        match all.iter_mut().find(|known| known.name == field.name) {
            Some(known) => known.dtype = merged(&known.dtype, &field.dtype)?,
            None => all.push(field.clone()),
        }
    }
    Some(all)
}

/// The values of a list or a tuple.
pub fn sequence<'py>(value: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    match (value.cast::<PyList>(), value.cast::<PyTuple>()) {
        (Ok(list), _) => Some(list.iter().collect()),
        (_, Ok(tuple)) => Some(tuple.iter().collect()),
        _ => None,
    }
}
