//! Columns of Python values.

use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray, FixedSizeListArray,
    Int32Array, LargeStringArray, ListArray, NullArray, PrimitiveArray, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType as Arrow, Field as ArrowField};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBool, PyDict, PyString};
use rillet_core::types::Field;
use rillet_core::{DataType, TimeUnit};

use crate::coded::Coded;
use crate::infer::sequence;
use crate::missing::with_none;
use crate::moment;
use crate::reason::{Bad, Reason, tried};

type Values<'a, 'py> = &'a [Bound<'py, PyAny>];

/// An array of this type; `None` is null, and so is what libraries have in its place.
///
/// # Errors
/// At the first value that the type does not hold exactly (but for the rounding of floats).
pub fn array(py: Python<'_>, values: Values<'_, '_>, dtype: &DataType) -> Result<ArrayRef, Bad> {
    let values = &with_none(py, values).map_err(Bad::from)?;
    Ok(match dtype {
        DataType::Null => {
            each(values, |_| Err::<(), _>("not null".into()))?;
            Arc::new(NullArray::new(values.len()))
        }
        DataType::Bool => Arc::new(BooleanArray::from(each(values, |x| read::<bool>(x, "a bool"))?)),
        DataType::Int8 => integers::<Int8Type>(values, dtype)?,
        DataType::Int16 => integers::<Int16Type>(values, dtype)?,
        DataType::Int32 => integers::<Int32Type>(values, dtype)?,
        DataType::Int64 => integers::<Int64Type>(values, dtype)?,
        DataType::UInt8 => integers::<UInt8Type>(values, dtype)?,
        DataType::UInt16 => integers::<UInt16Type>(values, dtype)?,
        DataType::UInt32 => integers::<UInt32Type>(values, dtype)?,
        DataType::UInt64 => integers::<UInt64Type>(values, dtype)?,
        DataType::Float32 => {
            primitive::<Float32Type>(values, dtype, |x| Ok(number::<f64>(x, "a number")? as f32))?
        }
        DataType::Float64 => primitive::<Float64Type>(values, dtype, |x| number(x, "a number"))?,
        DataType::Decimal(precision, scale) => {
            primitive::<Decimal128Type>(values, dtype, |x| moment::decimal(x, *precision, *scale))?
        }
        DataType::Text => text(values)?,
        DataType::Categorical(_) => categorical(values)?,
        DataType::Binary => binary(values)?,
        DataType::Date => primitive::<Date32Type>(values, dtype, moment::date)?,
        DataType::Time(_) | DataType::Timestamp(..) | DataType::Duration(_) => times(values, dtype)?,
        DataType::List(item) => lists(py, values, item)?,
        DataType::FixedList(item, width) => fixed_lists(py, values, item, *width)?,
        DataType::Struct(fields) => structs(py, values, fields)?,
        other => return Err(Bad::array(0, format!("a column of {other} is not made of Python values"))),
    })
}

/// Each value read; `None` for `None`.
fn each<'a, 'py, T>(
    values: Values<'a, 'py>,
    read: impl Fn(&'a Bound<'py, PyAny>) -> Result<T, Reason>,
) -> Result<Vec<Option<T>>, Bad> {
    let one = |(row, value): (usize, &'a Bound<'py, PyAny>)| match value.is_none() {
        true => Ok(None),
        false => read(value).map(Some).map_err(|reason| Bad::new(row, value, reason)),
    };
    values.iter().enumerate().map(one).collect()
}

fn read<'a, 'py, T: FromPyObject<'a, 'py>>(value: &'a Bound<'py, PyAny>, what: &str) -> Result<T, Reason> {
    let error = match value.extract() {
        Ok(read) => return Ok(read),
        Err(error) => error.into(),
    };
    Err(tried::<()>(value.py(), Err(error)).map_or_else(Reason::Raised, |_| format!("not {what}").into()))
}

/// A number, which a bool is not, though Python counts it among the integers.
fn number<'a, 'py, T: FromPyObject<'a, 'py>>(value: &'a Bound<'py, PyAny>, what: &str) -> Result<T, Reason> {
    if value.is_instance_of::<PyBool>() { Err(format!("not {what}").into()) } else { read(value, what) }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Values<'_, '_>,
    dtype: &DataType,
    read: impl Fn(&Bound<'_, PyAny>) -> Result<T::Native, Reason>,
) -> Result<ArrayRef, Bad> {
    let array: PrimitiveArray<T> = each(values, read)?.into_iter().collect();
    Ok(Arc::new(array.with_data_type(dtype.to_arrow())))
}

fn integers<T: ArrowPrimitiveType>(values: Values<'_, '_>, dtype: &DataType) -> Result<ArrayRef, Bad>
where
    T::Native: for<'a, 'py> FromPyObject<'a, 'py>,
{
    let article = if dtype.is_signed() { "an" } else { "a" };
    primitive::<T>(values, dtype, |value| number(value, &format!("{article} {dtype}")))
}

fn text(values: Values<'_, '_>) -> Result<ArrayRef, Bad> {
    let text = |value| {
        let text: &Bound<'_, PyString> = Bound::cast(value).map_err(|_| Reason::from("not text"))?;
        text.to_cow().map_err(|_| Reason::from("not valid Unicode"))
    };
    let texts = each(values, text)?;
    let bytes: usize = texts.iter().flatten().map(|text| text.len()).sum();
    Ok(match i32::try_from(bytes) {
        Ok(_) => Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>()),
        Err(_) => Arc::new(texts.iter().map(Option::as_deref).collect::<LargeStringArray>()),
    })
}

fn categorical(values: Values<'_, '_>) -> Result<ArrayRef, Bad> {
    let coded = Coded::of(&text(values)?);
    let codes: Int32Array = coded.codes.iter().map(|&code| (code >= 0).then_some(code)).collect();
    let array = DictionaryArray::try_new(codes, Arc::new(coded.categories));
    Ok(Arc::new(array.map_err(|error| Bad::array(0, error))?))
}

fn binary(values: Values<'_, '_>) -> Result<ArrayRef, Bad> {
    let bytes = each(values, |value| read::<PyBackedBytes>(value, "bytes"))?;
    let total: usize = bytes.iter().flatten().map(|bytes| bytes.len()).sum();
    i32::try_from(total).map_err(|_| Bad::array(0, "in a batch of more than 2 GiB of bytes"))?;
    Ok(Arc::new(bytes.iter().map(|bytes| bytes.as_ref().map(|bytes| &bytes[..])).collect::<BinaryArray>()))
}

fn times(values: Values<'_, '_>, dtype: &DataType) -> Result<ArrayRef, Bad> {
    use TimeUnit::*;
    macro_rules! ticks {
        ($kind:ty) => {
            primitive::<$kind>(values, dtype, |value| {
                moment::ticks(value, dtype)?.try_into().map_err(|_| format!("out of the range of {dtype}").into())
            })
        };
    }
    match dtype {
        DataType::Time(Second) => ticks!(Time32SecondType),
        DataType::Time(Milli) => ticks!(Time32MillisecondType),
        DataType::Time(Micro) => ticks!(Time64MicrosecondType),
        DataType::Time(Nano) => ticks!(Time64NanosecondType),
        DataType::Timestamp(Second, _) => ticks!(TimestampSecondType),
        DataType::Timestamp(Milli, _) => ticks!(TimestampMillisecondType),
        DataType::Timestamp(Micro, _) => ticks!(TimestampMicrosecondType),
        DataType::Timestamp(Nano, _) => ticks!(TimestampNanosecondType),
        DataType::Duration(Second) => ticks!(DurationSecondType),
        DataType::Duration(Milli) => ticks!(DurationMillisecondType),
        DataType::Duration(Micro) => ticks!(DurationMicrosecondType),
        _ => ticks!(DurationNanosecondType),
    }
}

/// The values of a list, a tuple or a numpy array.
///
/// # Errors
/// As [`tried`].
pub fn items<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    if let Some(items) = sequence(value) {
        return Ok(Some(items));
    }
    let list = tried(value.py(), value.call_method0(intern!(value.py(), "tolist")))?;
    Ok(list.and_then(|list| sequence(&list)))
}

/// The items of all lists, the row that each is of, and where each list ends.
type Flattened<'py> = (Vec<Bound<'py, PyAny>>, Vec<usize>, Vec<i32>);

fn flattened<'py>(values: Values<'_, 'py>, width: Option<usize>) -> Result<Flattened<'py>, Bad> {
    let (mut all, mut rows, mut ends) = (Vec::new(), Vec::new(), vec![0]);
    for (row, value) in values.iter().enumerate() {
        let list = match (value.is_none(), width) {
            (false, _) => {
                let items = items(value).map_err(Reason::from).and_then(|items| items.ok_or("not a list".into()));
                items.map_err(|reason| Bad::new(row, value, reason))?
            }
            (true, width) => vec![value.clone(); width.unwrap_or(0)],
        };
        if width.is_some_and(|width| width != list.len()) {
            return Err(Bad::new(row, value, format!("a list of {} items", list.len()).into()));
        }
        rows.extend(std::iter::repeat_n(row, list.len()));
        all.extend(list);
        ends.push(
            i32::try_from(all.len()).map_err(|_| Bad::new(row, value, "one item too many for a batch".into()))?,
        );
    }
    Ok((all, rows, ends))
}

fn inner(
    py: Python<'_>,
    all: Values<'_, '_>,
    rows: &[usize],
    item: &DataType,
) -> Result<(ArrayRef, Arc<ArrowField>), Bad> {
    let array = array(py, all, item).map_err(|bad| bad.of(rows))?;
    let array = leaving(array);
    let field = Arc::new(ArrowField::new("item", array.data_type().clone(), true));
    Ok((array, field))
}

/// Text inside lists and structs has the type in which it leaves rillet.
fn leaving(array: ArrayRef) -> ArrayRef {
    if *array.data_type() == Arrow::LargeUtf8 { rillet_core::plain_text(&array) } else { array }
}

fn lists(py: Python<'_>, values: Values<'_, '_>, item: &DataType) -> Result<ArrayRef, Bad> {
    let (all, rows, ends) = flattened(values, None)?;
    let (array, field) = inner(py, &all, &rows, item)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let list = ListArray::try_new(field, offsets, array, nulls(values));
    Ok(Arc::new(list.map_err(|error| Bad::array(0, error))?))
}

fn fixed_lists(py: Python<'_>, values: Values<'_, '_>, item: &DataType, width: i32) -> Result<ArrayRef, Bad> {
    let length = usize::try_from(width).map_err(|_| Bad::array(0, "a list of a negative length"))?;
    let (all, rows, _) = flattened(values, Some(length))?;
    let (array, field) = inner(py, &all, &rows, item)?;
    let list = FixedSizeListArray::try_new_with_length(field, width, array, nulls(values), values.len());
    Ok(Arc::new(list.map_err(|error| Bad::array(0, error))?))
}

fn structs<'py>(py: Python<'py>, values: Values<'_, 'py>, fields: &[Field]) -> Result<ArrayRef, Bad> {
    let dicts = each(values, |value| value.cast::<PyDict>().map_err(|_| Reason::from("not a dict")))?;
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        let get = |(row, dict): (usize, &Option<&Bound<'py, PyDict>>)| match dict {
            None => Ok(values[row].clone()),
            Some(dict) => match dict.get_item(&*field.name) {
                Ok(value) => Ok(value.unwrap_or_else(|| py.None().into_bound(py))),
                Err(error) => Err(Bad::new(row, &values[row], Reason::of(py, error))),
            },
        };
        let column = dicts.iter().enumerate().map(get).collect::<Result<Vec<_>, _>>()?;
        columns.push(leaving(array(py, &column, &field.dtype)?));
    }
    let field =
        |(field, column): (&Field, &ArrayRef)| ArrowField::new(&*field.name, column.data_type().clone(), true);
    let types = fields.iter().zip(&columns).map(field).collect();
    let array = StructArray::try_new_with_length(types, columns, nulls(values), values.len());
    Ok(Arc::new(array.map_err(|error| Bad::array(0, error))?))
}

fn nulls(values: Values<'_, '_>) -> Option<NullBuffer> {
    let nulls: NullBuffer = values.iter().map(|value| !value.is_none()).collect::<Vec<_>>().into();
    Some(nulls).filter(|nulls| nulls.null_count() > 0)
}
