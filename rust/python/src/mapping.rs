//! Batches of mappings of arrays, and of whatever else holds columns.

use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Date32Array, FixedSizeListArray, PrimitiveArray,
    new_empty_array,
};
use arrow_buffer::{Buffer, MutableBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::Field as ArrowField;
use arrow_select::concat::concat;
use pyo3::buffer::PyBuffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use rillet_core::error::Place;
use rillet_core::types::Field;
use rillet_core::{DataType, Error, Result, Schema};

use crate::batch::Batch;
use crate::build::items;
use crate::capsule::Arrays;
use crate::column::{Column, good_rows};
use crate::convert;
use crate::errors::{enter, to_py, type_error, value_error};
use crate::good::Good;
use crate::infer::type_name;
use crate::numpy::numpy;
use crate::reason::tried;

/// The batch of anything that holds columns: a batch, a mapping of arrays, Arrow data (of which all chunks
/// become one), up to the first bad row. With a schema, its columns and types are those of the schema.
///
/// # Errors
/// If it holds no columns, or others than those of the schema.
pub fn batch_from_any(obj: &Bound<'_, PyAny>, schema: Option<&Arc<Schema>>) -> PyResult<Good> {
    let py = obj.py();
    let batch = if let Ok(batch) = obj.cast::<Batch>() {
        batch.get().inner().clone()
    } else if obj.is_instance_of::<PyDict>() {
        return batch_from_mapping(obj, schema);
    } else if let Some(arrays) = Arrays::import(obj)? {
        enter(py, || whole(arrays))?
    } else if obj.hasattr(intern!(py, "keys"))? {
        return batch_from_mapping(obj, schema);
    } else {
        let message = format!(
            "an object of type {} is no batch: pass a mapping of names to arrays, Arrow data or a Batch",
            type_name(obj)
        );
        return Err(type_error(py, &message));
    };
    schema.map_or(Ok(()), |schema| schema.check(batch.schema())).map_err(|error| to_py(py, &error))?;
    Ok(batch.into())
}

/// One batch of all the arrays.
fn whole(arrays: Arrays) -> Result<rillet_core::Batch> {
    let schema = convert::schema(arrays.dtype())?;
    convert::batch(&joined(arrays)?, &schema)
}

/// One array of all the arrays.
fn joined(mut arrays: Arrays) -> Result<ArrayRef> {
    let mut chunks = Vec::new();
    while let Some(array) = arrays.next(None)? {
        chunks.push(array);
    }
    match chunks.as_slice() {
        [] => Ok(new_empty_array(arrays.dtype())),
        [one] => Ok(Arc::clone(one)),
        many => {
            let many: Vec<&dyn Array> = many.iter().map(|chunk| &**chunk).collect();
            concat(&many).map_err(|error| Error::argument(error.to_string()))
        }
    }
}

/// The batch of a mapping from names to numpy arrays, lists or Arrow arrays, all of one length, up to the first bad
/// row. With a schema, its columns and types are those of the schema.
///
/// # Errors
/// If a column is missing, of no type that rillet takes, or of another length.
pub fn batch_from_mapping(obj: &Bound<'_, PyAny>, schema: Option<&Arc<Schema>>) -> PyResult<Good> {
    let py = obj.py();
    let (mut fields, mut columns) = (Vec::<Field>::new(), Vec::<Column>::new());
    for name in obj.call_method0(intern!(py, "keys"))?.try_iter()? {
        let name = name?;
        let text = name
            .cast::<PyString>()
            .map_err(|_| type_error(py, &format!("the name {} of a column is not text", name)))?;
        let text = text.to_cow()?;
        let wanted = schema.and_then(|schema| schema.find(&text).map(|at| &schema.fields()[at].dtype));
        let column = column(&obj.get_item(&name)?, &text, wanted)?;
        if let (Some(first), Some(field)) = (columns.first(), fields.first())
            && first.rows != column.rows
        {
            let (other, rows) = (&field.name, first.rows);
            let message = format!("column {text:?} has {} rows, but column {other:?} has {rows}", column.rows);
            return Err(value_error(py, &message));
        }
        fields.push(Field::new(&*text, column.dtype.clone()));
        columns.push(column);
    }
    let found = Schema::new(fields).map_err(|error| to_py(py, &error))?;
    let (rows, bad) = good_rows(&mut columns);
    let columns: Vec<ArrayRef> = columns.into_iter().map(|column| column.first(rows)).collect();
    let (schema, columns) = match schema {
        Some(schema) => match in_order(&found, &columns, schema) {
            Some(columns) => (Arc::clone(schema), columns),
            None => return Err(to_py(py, &schema.unlike(&found))),
        },
        None => (Arc::new(found), columns),
    };
    Ok(Good { batch: rillet_core::Batch::new(schema, columns, rows), bad })
}

/// The columns in the order of the schema, if they are the same.
fn in_order(found: &Schema, columns: &[ArrayRef], schema: &Schema) -> Option<Vec<ArrayRef>> {
    let same = |field: &Field| Some(Arc::clone(&columns[found.find(&field.name)?]));
    let ordered = schema.fields().iter().map(same).collect::<Option<Vec<_>>>()?;
    (ordered.len() == columns.len()).then_some(ordered)
}

/// A column of anything that holds values, of the type `wanted`, if one is.
fn column(obj: &Bound<'_, PyAny>, name: &str, wanted: Option<&DataType>) -> PyResult<Column> {
    let py = obj.py();
    if let Some(array) = numpy_array(obj, name)? {
        return fitted(obj, array, name, wanted);
    }
    let known = obj.is_instance_of::<pyo3::types::PyList>() || obj.is_instance_of::<pyo3::types::PyTuple>();
    if !known
        && !is_ndarray(obj)?
        && let Some(arrays) = Arrays::import(obj)?
    {
        let array = enter(py, || convert::column(&joined(arrays)?))?;
        return fitted(obj, array, name, wanted);
    }
    if !known && !is_ndarray(obj)? && obj.hasattr(intern!(py, "__array__"))? {
        return column(numpy!(py, "asarray")?.call1((obj,))?.as_any(), name, wanted);
    }
    of_objects(obj, name, wanted)
}

/// The array as it is, if it is of the type wanted; else made of its values one by one.
fn fitted(obj: &Bound<'_, PyAny>, array: ArrayRef, name: &str, wanted: Option<&DataType>) -> PyResult<Column> {
    let dtype = DataType::from_arrow(array.data_type());
    let dtype = dtype.ok_or_else(|| {
        to_py(obj.py(), &Error::schema(name, array.data_type(), "rillet does not take columns of this Arrow type"))
    })?;
    match wanted {
        Some(wanted) if *wanted != dtype => {
            let values: Vec<_> = crate::value::list(obj.py(), &array)?.iter().collect();
            Column::of(obj.py(), &values, name, Some(wanted), &FIRST)
        }
        _ => Ok(Column::whole(array, dtype)),
    }
}

/// A column of Python objects.
fn of_objects(obj: &Bound<'_, PyAny>, name: &str, wanted: Option<&DataType>) -> PyResult<Column> {
    let py = obj.py();
    let values = match items(obj)? {
        Some(values) => values,
        // Nothing without a length: it may never end.
        None if obj.hasattr("__len__")?
            && !obj.is_instance_of::<PyString>()
            && !obj.is_instance_of::<PyBytes>() =>
        {
            obj.try_iter()?.collect::<PyResult<Vec<_>>>()?
        }
        None => {
            let message = format!(
                "column {name:?}: an object of type {} holds no values; pass an array or a list",
                type_name(obj)
            );
            return Err(type_error(py, &message));
        }
    };
    let values = without_missing(obj, values)?;
    Column::of(py, &values, name, wanted, &FIRST)
}

/// The first row of a batch.
const FIRST: Place = Place { source: None, line: None, byte: None, row: Some(0) };

/// The values with `None` for what an array of text has in place of it.
fn without_missing<'py>(
    obj: &Bound<'py, PyAny>,
    values: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = obj.py();
    let Some(dtype) = obj.getattr_opt("dtype")? else { return Ok(values) };
    let Some(missing) = tried(py, dtype.getattr_opt("na_object"))?.flatten() else { return Ok(values) };
    let value = |value: Bound<'py, PyAny>| if value.is(&missing) { py.None().into_bound(py) } else { value };
    Ok(values.into_iter().map(value).collect())
}

fn is_ndarray(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    obj.is_instance(numpy!(obj.py(), "ndarray")?)
}

/// The values of a numpy array of a type that lies flat in memory; `None` if it is none.
fn numpy_array(obj: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<ArrayRef>> {
    let py = obj.py();
    if !is_ndarray(obj)? {
        return Ok(None);
    }
    let kind: char = obj.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "kind"))?.extract()?;
    let shape: Vec<usize> = obj.getattr(intern!(py, "shape"))?.extract()?;
    if !(1..=2).contains(&shape.len()) {
        return Err(value_error(
            py,
            &format!("column {name:?}: an array of {} dimensions; pass one or two", shape.len()),
        ));
    }
    if !"biufMm".contains(kind) {
        return match kind {
            'O' | 'U' | 'S' | 'T' => Ok(None),
            _ => {
                Err(to_py(py, &Error::schema(name, obj.getattr("dtype")?, "rillet does not take this numpy type")))
            }
        };
    }
    let (flat, nulls) = unmasked(obj)?;
    let values = values(&flat, kind, nulls, name)?;
    let array: PyResult<ArrayRef> = match shape[..] {
        [rows, width] => {
            let field = Arc::new(ArrowField::new("item", values.data_type().clone(), true));
            let list = FixedSizeListArray::try_new_with_length(field, i32::try_from(width)?, values, None, rows);
            list.map(|list| Arc::new(list) as _)
                .map_err(|error| value_error(py, &format!("column {name:?}: {error}")))
        }
        _ => Ok(values),
    };
    array.map(Some)
}

/// The values of an array in a row, and which of them a `numpy.ma` array masks.
fn unmasked<'py>(array: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Option<NullBuffer>)> {
    let py = array.py();
    let ma = numpy!(py, "ma")?;
    let flat = numpy!(py, "ravel")?;
    if !array.is_instance(&ma.getattr(intern!(py, "MaskedArray"))?)? {
        // `asarray` makes plain arrays of a matrix and other subclasses.
        return Ok((flat.call1((numpy!(py, "asarray")?.call1((array,))?,))?, None));
    }
    let mask = flat.call1((ma.call_method1(intern!(py, "getmaskarray"), (array,))?,))?;
    let nulls: NullBuffer = memory(&mask)?.iter().map(|&masked| masked == 0).collect::<Vec<_>>().into();
    let data = ma.call_method1(intern!(py, "getdata"), (array,))?;
    Ok((flat.call1((data,))?, Some(nulls).filter(|nulls| nulls.null_count() > 0)))
}

/// A copy of the array's memory.
fn memory(array: &Bound<'_, PyAny>) -> PyResult<Buffer> {
    let py = array.py();
    let native = array.getattr(intern!(py, "dtype"))?.call_method1(intern!(py, "newbyteorder"), ("=",))?;
    let array = numpy!(py, "ascontiguousarray")?.call1((array, native))?;
    let bytes = PyBuffer::<u8>::get(&array.call_method1(intern!(py, "view"), ("u1",))?)?;
    let mut memory = MutableBuffer::from_len_zeroed(bytes.len_bytes());
    bytes.copy_to_slice(py, memory.as_slice_mut())?;
    Ok(memory.into())
}

fn typed<T: ArrowPrimitiveType>(bytes: Buffer, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let array = PrimitiveArray::<T>::try_new(ScalarBuffer::from(bytes), nulls);
    array.map(|array| Arc::new(array) as _).map_err(|error| Error::argument(error.to_string()))
}

/// The values of a one-dimensional array.
fn values(array: &Bound<'_, PyAny>, kind: char, nulls: Option<NullBuffer>, name: &str) -> PyResult<ArrayRef> {
    let py = array.py();
    let width: usize = array.getattr(intern!(py, "itemsize"))?.extract()?;
    let made = match (kind, width) {
        ('b', _) => {
            let values: Vec<bool> = memory(array)?.iter().map(|&byte| byte != 0).collect();
            Ok(Arc::new(BooleanArray::new(values.into(), nulls)) as _)
        }
        ('i', 1) => typed::<Int8Type>(memory(array)?, nulls),
        ('i', 2) => typed::<Int16Type>(memory(array)?, nulls),
        ('i', 4) => typed::<Int32Type>(memory(array)?, nulls),
        ('i', 8) => typed::<Int64Type>(memory(array)?, nulls),
        ('u', 1) => typed::<UInt8Type>(memory(array)?, nulls),
        ('u', 2) => typed::<UInt16Type>(memory(array)?, nulls),
        ('u', 4) => typed::<UInt32Type>(memory(array)?, nulls),
        ('u', 8) => typed::<UInt64Type>(memory(array)?, nulls),
        ('f', 2) => typed::<Float32Type>(memory(&array.call_method1("astype", ("f4",))?)?, nulls),
        ('f', 4) => typed::<Float32Type>(memory(array)?, nulls),
        ('f', 8) => typed::<Float64Type>(memory(array)?, nulls),
        ('M' | 'm', _) => return times(array, kind, nulls, name),
        _ => Err(Error::schema(name, array.getattr("dtype")?, "rillet does not take this numpy type")),
    };
    made.map_err(|error| to_py(py, &error))
}

/// Times, in a unit that rillet has; NaT is null.
fn times(array: &Bound<'_, PyAny>, kind: char, nulls: Option<NullBuffer>, name: &str) -> PyResult<ArrayRef> {
    let py = array.py();
    let dtype = array.getattr(intern!(py, "dtype"))?;
    let (unit, count): (String, i64) = numpy!(py, "datetime_data")?.call1((&dtype,))?.extract()?;
    let unit = match (kind, unit.as_str(), count) {
        (_, "s" | "ms" | "us" | "ns", 1) => unit.as_str(),
        ('M', "D" | "W" | "M" | "Y", _) => "D",
        (_, "s" | "m" | "h", _) | ('m', "D" | "W", _) => "s",
        _ => {
            return Err(to_py(
                py,
                &Error::schema(name, dtype, "of the numpy units rillet takes s, ms, us, ns and longer ones"),
            ));
        }
    };
    let array = array.call_method1(intern!(py, "astype"), (format!("{kind}8[{unit}]"),))?;
    let ticks = ScalarBuffer::<i64>::from(memory(&array)?);
    // numpy's NaT.
    let valid: NullBuffer = ticks.iter().map(|&tick| tick != i64::MIN).collect::<Vec<_>>().into();
    let nulls = NullBuffer::union(Some(&valid).filter(|valid| valid.null_count() > 0), nulls.as_ref());
    let bytes = ticks.into_inner();
    let made = match (kind, unit) {
        ('M', "D") => days(&bytes.into(), nulls),
        ('M', "s") => typed::<TimestampSecondType>(bytes, nulls),
        ('M', "ms") => typed::<TimestampMillisecondType>(bytes, nulls),
        ('M', "us") => typed::<TimestampMicrosecondType>(bytes, nulls),
        ('M', _) => typed::<TimestampNanosecondType>(bytes, nulls),
        (_, "s") => typed::<DurationSecondType>(bytes, nulls),
        (_, "ms") => typed::<DurationMillisecondType>(bytes, nulls),
        (_, "us") => typed::<DurationMicrosecondType>(bytes, nulls),
        _ => typed::<DurationNanosecondType>(bytes, nulls),
    };
    made.map_err(|error| to_py(py, &error))
}

fn days(ticks: &ScalarBuffer<i64>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let day = |(row, &tick): (usize, &i64)| if valid(row) { i32::try_from(tick).map(Some) } else { Ok(None) };
    let days = ticks.iter().enumerate().map(day).collect::<Result<Date32Array, _>>();
    Ok(Arc::new(days.map_err(|_| Error::argument("a date that is out of the range of 32-bit days"))?))
}
