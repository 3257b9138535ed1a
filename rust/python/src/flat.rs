//! [`Flat`]: a column whose values lie side by side in memory, as numpy has them.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Time32MillisecondType, Time32SecondType};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType as Arrow, TimeUnit as Unit};
use pyo3::intern;
use pyo3::prelude::*;
use rillet_core::TimeUnit;

use crate::numpy;

/// A column whose values lie side by side in memory, as numpy has them.
pub struct Flat {
    bytes: Buffer,
    /// numpy's name of the type.
    dtype: Cow<'static, str>,
    nulls: Option<NullBuffer>,
    /// How many values there are in a row, where it is a list of a fixed length.
    width: Option<usize>,
}

impl Flat {
    /// Looks at a column: without a copy, except for booleans, dates and 32-bit times of day. `None` for
    /// the types that numpy does not hold in flat memory.
    pub fn of(array: &dyn Array) -> Option<Self> {
        if let Arrow::FixedSizeList(_, width) = array.data_type() {
            return Self::lists(array, usize::try_from(*width).ok().filter(|&width| width > 0)?);
        }
        let (bytes, dtype) = match array.data_type() {
            Arrow::Boolean => (array.as_boolean().values().iter().map(u8::from).collect(), "?".into()),
            Arrow::Date32 => (widened::<Date32Type>(array), "M8[D]".into()),
            Arrow::Time32(Unit::Second) => (widened::<Time32SecondType>(array), "m8[s]".into()),
            Arrow::Time32(_) => (widened::<Time32MillisecondType>(array), "m8[ms]".into()),
            Arrow::Timestamp(unit, _) => (memory(array), ticks("M8", *unit)),
            Arrow::Time64(unit) | Arrow::Duration(unit) => (memory(array), ticks("m8", *unit)),
            other => (number(other).map(|_| memory(array))?, number(other)?.into()),
        };
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        Some(Self { bytes, dtype, nulls, width: None })
    }

    fn lists(array: &dyn Array, width: usize) -> Option<Self> {
        let lists = array.as_fixed_size_list();
        let inner = Self::of(lists.values()).filter(|inner| inner.width.is_none())?;
        let outer = lists.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| nulls.expand(width));
        let nulls = NullBuffer::union(outer.as_ref(), inner.nulls.as_ref());
        Some(Self { nulls, width: Some(width), ..inner })
    }

    /// The first row with a null that numpy's type has no value for.
    pub fn unshowable(&self) -> Option<usize> {
        let nulls = self.nulls.as_ref().filter(|_| !matches!(&self.dtype.as_bytes()[..1], b"f" | b"M" | b"m"))?;
        let place = (0..nulls.len()).find(|&place| nulls.is_null(place))?;
        Some(place / self.width.unwrap_or(1))
    }

    /// The values with NaN or NaT where they are null; a copy only if some are.
    pub fn patched(&self) -> Buffer {
        match (&self.nulls, &*self.dtype) {
            (None, _) => self.bytes.clone(),
            (Some(nulls), "f4") => overwritten(&self.bytes, nulls, f32::NAN.to_bits()),
            (Some(nulls), "f8") => overwritten(&self.bytes, nulls, f64::NAN.to_bits()),
            // numpy's NaT.
            (Some(nulls), time) if time.starts_with(['M', 'm']) => overwritten(&self.bytes, nulls, i64::MIN),
            _ => self.bytes.clone(),
        }
    }

    /// A read-only numpy array of the values; where one is null it is NaN, NaT or anything.
    pub fn array<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.shaped(numpy::view(py, self.patched(), &self.dtype)?)
    }

    /// A read-only numpy array of the values as they lie in memory.
    pub fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.shaped(numpy::view(py, self.bytes.clone(), &self.dtype)?)
    }

    /// A read-only numpy array that is true where a value is null; `None` if none is.
    pub fn mask<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(nulls) = &self.nulls else { return Ok(None) };
        let bytes = nulls.iter().map(|valid| u8::from(!valid)).collect();
        self.shaped(numpy::view(py, bytes, "?")?).map(Some)
    }

    /// numpy's name of the type.
    pub fn dtype(&self) -> &str {
        &self.dtype
    }

    fn shaped<'py>(&self, array: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.width {
            None => Ok(array),
            Some(width) => {
                let rows = array.len()? / width;
                array.call_method1(intern!(array.py(), "reshape"), (rows, width))
            }
        }
    }
}

fn number(arrow: &Arrow) -> Option<&'static str> {
    Some(match arrow {
        Arrow::Int8 => "i1",
        Arrow::Int16 => "i2",
        Arrow::Int32 => "i4",
        Arrow::Int64 => "i8",
        Arrow::UInt8 => "u1",
        Arrow::UInt16 => "u2",
        Arrow::UInt32 => "u4",
        Arrow::UInt64 => "u8",
        Arrow::Float32 => "f4",
        Arrow::Float64 => "f8",
        _ => return None,
    })
}

fn ticks(kind: &str, unit: Unit) -> Cow<'static, str> {
    format!("{kind}[{}]", TimeUnit::from(unit).name()).into()
}

/// The values as they lie in memory.
fn memory(array: &dyn Array) -> Buffer {
    let data = array.to_data();
    let width = data.data_type().primitive_width().unwrap_or(1);
    data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width)
}

fn widened<T: ArrowPrimitiveType<Native = i32>>(array: &dyn Array) -> Buffer {
    array.as_primitive::<T>().values().iter().map(|&value| i64::from(value)).collect::<Vec<_>>().into()
}

/// The values with this in the place of nulls; no copy if it is there already.
fn overwritten<T: arrow_buffer::ArrowNativeType + PartialEq>(
    bytes: &Buffer,
    nulls: &NullBuffer,
    with: T,
) -> Buffer {
    let values = ScalarBuffer::<T>::from(bytes.clone());
    let is_there = |place: usize| nulls.is_valid(place) || values[place] == with;
    if (0..nulls.len()).all(is_there) {
        return bytes.clone();
    }
    let patched = values.iter().zip(nulls.iter()).map(|(&value, valid)| if valid { value } else { with });
    patched.collect::<Vec<_>>().into()
}
