//! Whether Arrow data of another library keeps the promises of its types.

use std::sync::Arc;

use arrow_array::{StructArray, make_array};
use arrow_buffer::ArrowNativeType;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType as Arrow, Field, Fields};

/// Checks lengths, offsets, codes and texts, down to the last child.
///
/// # Errors
/// What is wrong, and in which column.
pub fn check(data: &ArrayData) -> Result<(), ArrowError> {
    each_child(data, check)?;
    data.validate()?;
    data.validate_nulls()?;
    // Whatever is not plainly right is looked at value by value, which tells what is wrong.
    if is_plainly_right(data) { Ok(()) } else { data.validate_values() }
}

/// Rows with these of their columns, if those hold what their types promise.
///
/// # Errors
/// What is wrong, and in which column.
pub fn columns(rows: &ArrayData, wanted: &[usize]) -> Result<StructArray, ArrowError> {
    each_child(rows, ArrayData::validate)?;
    rows.validate()?;
    let Arrow::Struct(fields) = rows.data_type() else {
        return Err(ArrowError::InvalidArgumentError(format!("{} is no struct", rows.data_type())));
    };
    let column = |&at: &usize| {
        let column = rows.child_data()[at].slice(rows.offset(), rows.len());
        check(&column).map_err(|error| within(&fields[at], error))?;
        Ok(make_array(column))
    };
    let columns = wanted.iter().map(column).collect::<Result<_, ArrowError>>()?;
    let fields = wanted.iter().map(|&at| Arc::clone(&fields[at])).collect();
    StructArray::try_new_with_length(fields, columns, rows.nulls().cloned(), rows.len())
}

/// Checks each child; an error names it if it has a name.
fn each_child(data: &ArrayData, check: impl Fn(&ArrayData) -> Result<(), ArrowError>) -> Result<(), ArrowError> {
    let none = Fields::empty();
    let fields = if let Arrow::Struct(fields) = data.data_type() { fields } else { &none };
    data.child_data().iter().enumerate().try_for_each(|(at, child)| {
        check(child).map_err(|error| match fields.get(at) {
            Some(field) => within(field, error),
            None => error,
        })
    })
}

fn within(field: &Field, error: ArrowError) -> ArrowError {
    let what = match error {
        ArrowError::InvalidArgumentError(what) => what,
        other => other.to_string(),
    };
    ArrowError::InvalidArgumentError(format!("column {:?}: {what}", field.name()))
}

/// Whether a look at the whole, which is quick, shows that every value is right.
fn is_plainly_right(data: &ArrayData) -> bool {
    match data.data_type() {
        Arrow::Utf8 => is_ascii::<i32>(data),
        Arrow::LargeUtf8 => is_ascii::<i64>(data),
        Arrow::Dictionary(codes, _) if **codes == Arrow::Int32 => {
            let codes = &data.buffer::<i32>(0)[..data.len()];
            let highest = codes.iter().fold(0, |highest, &code| highest.max(code as u32));
            codes.is_empty() || (highest as usize) < data.child_data()[0].len()
        }
        Arrow::Utf8View => data.buffer::<u128>(0)[..data.len()].iter().fold(true, |so_far, &view| {
            let (len, text) = (view as u32, view >> 32);
            so_far & (len <= 12) & (text & HIGH_BITS == 0) & (text.checked_shr(8 * len.min(12)) == Some(0))
        }),
        _ => false,
    }
}

/// The bits of twelve bytes that ASCII does not set.
const HIGH_BITS: u128 = 0x8080_8080_8080_8080_8080_8080;

/// Whether the texts are ASCII, and their offsets ascend within them.
fn is_ascii<O: ArrowNativeType + Ord>(data: &ArrayData) -> bool {
    let Some(offsets) = data.buffer::<O>(0).get(..=data.len()) else { return false };
    let ascending = offsets.windows(2).fold(true, |so_far, pair| so_far & (pair[0] <= pair[1]));
    let (first, last) = (offsets[0], offsets[data.len()]);
    // A negative first offset becomes one that is beyond all texts.
    ascending && data.buffers()[1].get(first.as_usize()..last.as_usize()).is_some_and(<[u8]>::is_ascii)
}
