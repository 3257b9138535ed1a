//! Whether Arrow data of another library keeps the promises of its types.

use std::sync::Arc;

use arrow_array::{StructArray, make_array};
use arrow_buffer::ArrowNativeType;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType as Arrow};

/// Checks lengths, offsets, codes and texts, down to the last child.
///
/// # Errors
/// What is wrong.
pub fn check(data: &ArrayData) -> Result<(), ArrowError> {
    data.validate()?;
    check_values(data)
}

/// Rows with these of their columns, if those hold what their types promise.
///
/// # Errors
/// What is wrong.
pub fn columns(rows: &ArrayData, wanted: &[usize]) -> Result<StructArray, ArrowError> {
    rows.validate()?;
    let Arrow::Struct(fields) = rows.data_type() else {
        return Err(ArrowError::InvalidArgumentError(format!("{} is no struct", rows.data_type())));
    };
    let column = |&at: &usize| {
        let column = rows.child_data()[at].slice(rows.offset(), rows.len());
        check_values(&column)?;
        Ok(make_array(column))
    };
    let columns = wanted.iter().map(column).collect::<Result<_, ArrowError>>()?;
    let fields = wanted.iter().map(|&at| Arc::clone(&fields[at])).collect();
    StructArray::try_new_with_length(fields, columns, rows.nulls().cloned(), rows.len())
}

fn check_values(data: &ArrayData) -> Result<(), ArrowError> {
    data.validate_nulls()?;
    // Whatever is not plainly right is looked at value by value, which tells what is wrong.
    if !is_plainly_right(data) {
        data.validate_values()?;
    }
    data.child_data().iter().try_for_each(check_values)
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
