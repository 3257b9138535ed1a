//! [`Plain`]: a row of plain Python values, taken as they are, with no column around each.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDate, PyDateTime, PyFloat, PyInt, PyString, PyTuple};
use rillet_core::{DataType, Scalar, Schema, TimeUnit, Value};

use crate::moment;
use crate::reason::Reason;
use crate::value;

/// Integers up to this size are floats exactly.
const EXACT: i64 = 1 << 53;

/// A row of plain Python values.
pub struct Plain<'a, 'py> {
    row: &'a [Bound<'py, PyAny>],
    /// The values as the core has them.
    pub scalars: Vec<Scalar<'a>>,
    /// Whether Python gets the very objects back.
    same: Vec<bool>,
}

impl<'a, 'py> Plain<'a, 'py> {
    /// The row of columns of this schema; `None` if it has other values than plain ones, or they do not fit.
    ///
    /// # Errors
    /// What running a value's own code raised that says nothing of the value.
    pub fn of(row: &'a [Bound<'py, PyAny>], schema: &Schema) -> PyResult<Option<Self>> {
        let fields = schema.fields();
        if row.len() != fields.len() {
            return Ok(None);
        }
        let (mut scalars, mut same) = (Vec::with_capacity(fields.len()), Vec::with_capacity(fields.len()));
        for (value, field) in row.iter().zip(fields) {
            let Some((scalar, is_same)) = scalar(value, &field.dtype)? else { return Ok(None) };
            scalars.push(scalar);
            same.push(is_same);
        }
        Ok(Some(Self { row, scalars, same }))
    }

    /// Its values as a batch gives them back, and behind them others.
    ///
    /// # Errors
    /// What making Python values raises.
    pub fn with(&self, py: Python<'py>, schema: &Schema, more: &[Value]) -> PyResult<Bound<'py, PyTuple>> {
        let types = &mut schema.fields().iter().map(|field| &field.dtype);
        let mut values = Vec::with_capacity(self.scalars.len() + more.len());
        for ((own, scalar), (same, dtype)) in
            self.row.iter().zip(&self.scalars).zip(self.same.iter().zip(types.by_ref()))
        {
            values.push(if *same { own.clone() } else { value::one(py, &(*scalar).into(), dtype)? });
        }
        for (value, dtype) in more.iter().zip(types) {
            values.push(value::one(py, value, dtype)?);
        }
        PyTuple::new(py, values)
    }
}

/// The value in a column of this type, and whether Python gets the very object back; `None` if it is not plain.
fn scalar<'a>(value: &'a Bound<'_, PyAny>, dtype: &DataType) -> PyResult<Option<(Scalar<'a>, bool)>> {
    if value.is_none() {
        return Ok(Some((Scalar::Null, true)));
    }
    Ok(match dtype {
        DataType::Float64 => float(value),
        DataType::Float32 => float(value).map(|(x, _)| (x as f32 as f64, false)),
        DataType::Text => return Ok(text(value)),
        DataType::Bool => return Ok(value.cast::<PyBool>().ok().map(|x| (Scalar::Int(x.is_true().into()), true))),
        DataType::Timestamp(unit, zone) if value.is_exact_instance_of::<PyDateTime>() => {
            let same = zone.is_none() && *unit != TimeUnit::Nano;
            return Ok(ticks(moment::ticks(value, dtype))?.map(|ticks| (Scalar::Int(ticks), same)));
        }
        DataType::Date if value.is_exact_instance_of::<PyDate>() => {
            return Ok(ticks(moment::date(value).map(i64::from))?.map(|days| (Scalar::Int(days), true)));
        }
        _ if dtype.is_integer() && value.is_exact_instance_of::<PyInt>() => {
            return Ok(integer(value, dtype).map(|x| (Scalar::Int(x), true)));
        }
        _ => None,
    }
    .map(|(x, same)| (Scalar::Float(x), same)))
}

fn float(value: &Bound<'_, PyAny>) -> Option<(f64, bool)> {
    if value.is_instance_of::<PyFloat>() {
        return Some((value.extract().ok()?, value.is_exact_instance_of::<PyFloat>()));
    }
    let exact = value.is_exact_instance_of::<PyInt>().then(|| value.extract::<i64>().ok())??;
    (-EXACT..=EXACT).contains(&exact).then_some((exact as f64, false))
}

/// An integer, or the bits of an unsigned one, if the type has it.
fn integer(value: &Bound<'_, PyAny>, dtype: &DataType) -> Option<i64> {
    if *dtype == DataType::UInt64 {
        return value.extract::<u64>().ok().map(|x| x as i64);
    }
    let x: i64 = value.extract().ok()?;
    let fits = match dtype {
        DataType::Int8 => i8::try_from(x).is_ok(),
        DataType::Int16 => i16::try_from(x).is_ok(),
        DataType::Int32 => i32::try_from(x).is_ok(),
        DataType::UInt8 => u8::try_from(x).is_ok(),
        DataType::UInt16 => u16::try_from(x).is_ok(),
        DataType::UInt32 => u32::try_from(x).is_ok(),
        _ => true,
    };
    fits.then_some(x)
}

fn text<'a>(value: &'a Bound<'_, PyAny>) -> Option<(Scalar<'a>, bool)> {
    let text = value.cast_exact::<PyString>().ok()?;
    Some((Scalar::Text(text.to_str().ok()?), true))
}

/// The ticks, if the value has some; what is wrong with it is told where it is a row like any other.
fn ticks(ticks: Result<i64, Reason>) -> PyResult<Option<i64>> {
    match ticks {
        Ok(ticks) => Ok(Some(ticks)),
        Err(Reason::Wrong(_)) => Ok(None),
        Err(Reason::Raised(error)) => Err(error),
    }
}
