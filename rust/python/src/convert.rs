//! Arrow data of others in the few representations that the core works on.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, Date32Array, Decimal128Array, DictionaryArray,
    FixedSizeListArray, Int32Array, ListArray, OffsetSizeTrait, PrimitiveArray, RunArray, StringArray,
    StructArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType as Arrow, Field, FieldRef};
use arrow_select::take::take;
use foldhash::{HashMap, HashMapExt};
use rillet_core::{Batch, DataType, Error, Result, Schema, plain_text};

/// The batch of a struct array.
///
/// # Errors
/// If it is none, or has nulls of its own, or columns of a type that rillet does not take.
pub fn batch(array: &ArrayRef, schema: &Arc<Schema>) -> Result<Batch> {
    let Some(rows) = array.as_struct_opt() else { return Err(not_rows(array.data_type())) };
    if rows.null_count() > 0 {
        return Err(Error::argument("a batch whose rows are null; drop them, or give them columns of null"));
    }
    let columns = rows.columns().iter().map(column).collect::<Result<_>>()?;
    Ok(Batch::new(Arc::clone(schema), columns, array.len()))
}

/// The schema of struct arrays of this type.
///
/// # Errors
/// If it is no struct, or has columns of a type that rillet does not take.
pub fn schema(dtype: &Arrow) -> Result<Arc<Schema>> {
    match dtype {
        Arrow::Struct(fields) => Schema::from_arrow(&arrow_schema::Schema::new(fields.clone())).map(Arc::new),
        other => Err(not_rows(other)),
    }
}

fn not_rows(dtype: &Arrow) -> Error {
    Error::argument(format!("Arrow data of type {dtype} has no columns; pass a table or a record batch"))
}

/// A column as the core works on it: its own array if it is that already.
///
/// # Errors
/// If a value does not fit the representation of the core.
pub fn column(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => Ok(Arc::clone(array)),
        Arrow::Dictionary(..) => dictionary(array),
        Arrow::RunEndEncoded(..) => column(&expanded(array)?),
        _ => plain(array),
    }
}

/// An array in the type in which it leaves rillet.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        Arrow::LargeUtf8 | Arrow::Utf8View => text(array)?,
        Arrow::Dictionary(..) => plain(&looked_up(array)?)?,
        Arrow::RunEndEncoded(..) => plain(&expanded(array)?)?,
        Arrow::LargeBinary => binary(array.as_binary::<i64>().iter())?,
        Arrow::BinaryView => binary(downcast::<BinaryViewArray>(array)?.iter())?,
        Arrow::FixedSizeBinary(_) => binary(array.as_fixed_size_binary().iter())?,
        Arrow::Date64 => days(array.as_primitive())?,
        Arrow::Decimal32(precision, scale) => decimal(array.as_primitive::<Decimal32Type>(), *precision, *scale)?,
        Arrow::Decimal64(precision, scale) => decimal(array.as_primitive::<Decimal64Type>(), *precision, *scale)?,
        Arrow::List(_) => {
            let list = array.as_list::<i32>();
            listed(list.offsets().clone(), list.values(), list.nulls())?
        }
        Arrow::LargeList(_) => {
            let list = array.as_list::<i64>();
            let (first, last) = (list.value_offsets()[0], list.value_offsets()[list.len()]);
            let offsets =
                list.value_offsets().iter().map(|&end| narrow(end - first)).collect::<Result<Vec<_>>>()?;
            listed(ends(offsets), &list.values().slice(first as usize, (last - first) as usize), list.nulls())?
        }
        Arrow::ListView(_) => viewed::<i32>(array)?,
        Arrow::LargeListView(_) => viewed::<i64>(array)?,
        Arrow::FixedSizeList(_, width) => {
            let (values, nulls) = (plain(array.as_fixed_size_list().values())?, array.nulls().cloned());
            let list = FixedSizeListArray::try_new_with_length(item(&values), *width, values, nulls, array.len());
            Arc::new(list.map_err(internal)?)
        }
        Arrow::Struct(fields) => structs(array, fields)?,
        _ => Arc::clone(array),
    })
}

fn internal(error: ArrowError) -> Error {
    Error::Internal(error.to_string())
}

fn too_big() -> Error {
    Error::argument("a batch of more than 2 GiB of text, bytes or list items; hand it over in smaller batches")
}

fn narrow(value: impl TryInto<i32>) -> Result<i32> {
    value.try_into().map_err(|_| too_big())
}

fn downcast<T: 'static>(array: &dyn Array) -> Result<&T> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| Error::Internal(format!("an array that is not {}", array.data_type())))
}

/// Offsets that never fall.
fn ends(offsets: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

fn item(values: &ArrayRef) -> FieldRef {
    Arc::new(Field::new("item", values.data_type().clone(), true))
}

fn listed(offsets: OffsetBuffer<i32>, values: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
    let values = plain(values)?;
    Ok(Arc::new(ListArray::try_new(item(&values), offsets, values, nulls.cloned()).map_err(internal)?))
}

/// Lists whose items lie in any order.
fn viewed<O: OffsetSizeTrait>(array: &ArrayRef) -> Result<ArrayRef> {
    let list = array.as_list_view::<O>();
    let (mut places, mut offsets) = (Vec::new(), vec![0]);
    for row in 0..list.len() {
        if list.is_valid(row) {
            let (start, size) = (list.value_offset(row).as_usize(), list.value_size(row).as_usize());
            places.extend((start..start + size).map(|place| place as u64));
        }
        offsets.push(narrow(places.len())?);
    }
    let values = take(list.values(), &UInt64Array::from(places), None).map_err(internal)?;
    listed(ends(offsets), &values, list.nulls())
}

fn structs(array: &ArrayRef, fields: &arrow_schema::Fields) -> Result<ArrayRef> {
    let columns = array.as_struct().columns().iter().map(plain).collect::<Result<Vec<_>>>()?;
    let field =
        |(field, column): (&FieldRef, &ArrayRef)| Field::new(field.name(), column.data_type().clone(), true);
    let fields = fields.iter().zip(&columns).map(field).collect();
    let array = StructArray::try_new_with_length(fields, columns, array.nulls().cloned(), array.len());
    Ok(Arc::new(array.map_err(internal)?))
}

/// Text with 32-bit offsets.
fn text(array: &ArrayRef) -> Result<ArrayRef> {
    let bytes: usize = match array.data_type() {
        Arrow::LargeUtf8 => array.as_string::<i64>().iter().flatten().map(str::len).sum(),
        _ => array.as_string_view().iter().flatten().map(str::len).sum(),
    };
    narrow(bytes)?;
    Ok(plain_text(array))
}

fn binary<'a>(values: impl Iterator<Item = Option<&'a [u8]>> + Clone) -> Result<ArrayRef> {
    narrow(values.clone().flatten().map(<[u8]>::len).sum::<usize>())?;
    let mut builder = BinaryBuilder::new();
    values.for_each(|value| builder.append_option(value));
    let array: BinaryArray = builder.finish();
    Ok(Arc::new(array))
}

fn days(array: &PrimitiveArray<Date64Type>) -> Result<ArrayRef> {
    let day = |ms: Option<i64>| ms.map(|ms| i32::try_from(ms.div_euclid(86_400_000))).transpose();
    let days = array.iter().map(day).collect::<std::result::Result<Date32Array, _>>();
    Ok(Arc::new(days.map_err(|_| Error::argument("a date that is out of the range of 32-bit days"))?))
}

fn decimal<T: DecimalType>(array: &PrimitiveArray<T>, precision: u8, scale: i8) -> Result<ArrayRef>
where
    T::Native: Into<i128>,
{
    let values: Decimal128Array = array.iter().map(|value| value.map(Into::into)).collect();
    Ok(Arc::new(values.with_precision_and_scale(precision, scale).map_err(internal)?))
}

/// The values of a dictionary, each in its row.
fn looked_up(array: &ArrayRef) -> Result<ArrayRef> {
    let dictionary = array.as_any_dictionary();
    take(dictionary.values(), dictionary.keys(), None).map_err(internal)
}

/// The values of a run-end array, each in its row.
fn expanded(array: &ArrayRef) -> Result<ArrayRef> {
    fn places<R: RunEndIndexType>(array: &ArrayRef) -> Result<ArrayRef> {
        let runs = downcast::<RunArray<R>>(array)?;
        let places = (0..array.len()).map(|row| runs.get_physical_index(row) as u64).collect::<Vec<_>>();
        take(runs.values(), &UInt64Array::from(places), None).map_err(internal)
    }
    match array.data_type() {
        Arrow::RunEndEncoded(ends, _) if *ends.data_type() == Arrow::Int16 => places::<Int16Type>(array),
        Arrow::RunEndEncoded(ends, _) if *ends.data_type() == Arrow::Int32 => places::<Int32Type>(array),
        _ => places::<Int64Type>(array),
    }
}

/// A dictionary: of text with 32-bit codes and distinct texts, none of them null; of anything else, looked up.
fn dictionary(array: &ArrayRef) -> Result<ArrayRef> {
    let dictionary = array.as_any_dictionary();
    if DataType::from_arrow(dictionary.values().data_type()) != Some(DataType::Text) {
        return column(&looked_up(array)?);
    }
    let values = plain(dictionary.values())?;
    let values: &StringArray = values.as_string();
    let mut known = HashMap::with_capacity(values.len());
    let mut texts = Vec::with_capacity(values.len());
    let mut number = |text| {
        *known.entry(text).or_insert_with(|| {
            texts.push(text);
            texts.len() as i32 - 1
        })
    };
    let codes: Int32Array = values.iter().map(|text| text.map(&mut number)).collect();
    if texts.len() == array.as_any_dictionary().values().len() && is_plain_dictionary(array.data_type()) {
        return Ok(Arc::clone(array));
    }
    let codes: ArrayRef = Arc::new(codes);
    let codes = take(&codes, dictionary.keys(), None).map_err(internal)?;
    let texts: ArrayRef = Arc::new(StringArray::from(texts));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(codes.as_primitive().clone(), texts).map_err(internal)?))
}

fn is_plain_dictionary(dtype: &Arrow) -> bool {
    matches!(dtype, Arrow::Dictionary(codes, values) if **codes == Arrow::Int32 && **values == Arrow::Utf8)
}
