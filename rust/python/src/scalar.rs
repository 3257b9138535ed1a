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
        let mut scalars = Vec::with_capacity(fields.len());
        for (value, field) in row.iter().zip(fields) {
            let Some(scalar) = scalar(value, &field.dtype)? else { return Ok(None) };
            scalars.push(scalar);
        }
        Ok(Some(Self { row, scalars }))
    }

    /// Its values as a batch gives them back, and behind them others.
    ///
    /// # Errors
    /// What making Python values raises.
    pub fn with(&self, py: Python<'py>, schema: &Schema, more: &[Value]) -> PyResult<Bound<'py, PyTuple>> {
        let mut types = schema.fields().iter().map(|field| &field.dtype);
        let mut values = Vec::with_capacity(self.scalars.len() + more.len());
        for ((own, scalar), dtype) in self.row.iter().zip(&self.scalars).zip(&mut types) {
            values.push(if is_same(own, dtype) { own.clone() } else { value::one(py, &(*scalar).into(), dtype)? });
        }
        for (value, dtype) in more.iter().zip(types) {
            values.push(value::one(py, value, dtype)?);
        }
        PyTuple::new(py, values)
    }
}

/// The value in a column of this type; `None` if it is not plain.
fn scalar<'a>(value: &'a Bound<'_, PyAny>, dtype: &DataType) -> PyResult<Option<Scalar<'a>>> {
    if value.is_none() {
        return Ok(Some(Scalar::Null));
    }
    Ok(match dtype {
        DataType::Float64 => float(value).map(Scalar::Float),
        DataType::Float32 => float(value).map(|x| Scalar::Float((x as f32).into())),
        DataType::Text => text(value),
        DataType::Bool => value.cast::<PyBool>().ok().map(|x| Scalar::Int(x.is_true().into())),
        DataType::Timestamp(..) if value.is_exact_instance_of::<PyDateTime>() => {
            ticks(moment::ticks(value, dtype))?.map(Scalar::Int)
        }
        DataType::Date if value.is_exact_instance_of::<PyDate>() => {
            ticks(moment::date(value).map(i64::from))?.map(Scalar::Int)
        }
        _ if dtype.is_integer() && value.is_exact_instance_of::<PyInt>() => integer(value, dtype).map(Scalar::Int),
        _ => None,
    })
}

/// Whether Python gets the very object back.
fn is_same(value: &Bound<'_, PyAny>, dtype: &DataType) -> bool {
    match dtype {
        _ if value.is_none() => true,
        DataType::Float64 => value.is_exact_instance_of::<PyFloat>(),
        DataType::Float32 => false,
        DataType::Timestamp(unit, zone) => zone.is_none() && *unit != TimeUnit::Nano,
        _ => true,
    }
}

fn float(value: &Bound<'_, PyAny>) -> Option<f64> {
    if value.is_instance_of::<PyFloat>() {
        return value.extract().ok();
    }
    let exact = value.is_exact_instance_of::<PyInt>().then(|| value.extract::<i64>().ok())??;
    (-EXACT..=EXACT).contains(&exact).then_some(exact as f64)
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

fn text<'a>(value: &'a Bound<'_, PyAny>) -> Option<Scalar<'a>> {
    value.cast_exact::<PyString>().ok()?.to_str().ok().map(Scalar::Text)
}

/// The ticks, if the value has some; what is wrong with it is told where it is a row like any other.
fn ticks(ticks: Result<i64, Reason>) -> PyResult<Option<i64>> {
    match ticks {
        Ok(ticks) => Ok(Some(ticks)),
        Err(Reason::Wrong(_)) => Ok(None),
        Err(Reason::Raised(error)) => Err(error),
    }
}
