//! A column: an Arrow array in one of the few representations that rillet works on.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType as Arrow, TimeUnit as Unit};

/// The array's values as 64-bit integers: without a copy if they are that already.
///
/// Booleans are not numbers here, unsigned 64-bit integers keep their bits. `None` for other types.
pub(crate) fn as_i64(array: &dyn Array) -> Option<ScalarBuffer<i64>> {
    macro_rules! widen {
        ($kind:ty) => {
            array.as_primitive::<$kind>().values().iter().map(|&v| i64::from(v)).collect()
        };
    }
    Some(match array.data_type() {
        Arrow::Int8 => widen!(Int8Type),
        Arrow::Int16 => widen!(Int16Type),
        Arrow::Int32 => widen!(Int32Type),
        Arrow::UInt8 => widen!(UInt8Type),
        Arrow::UInt16 => widen!(UInt16Type),
        Arrow::UInt32 => widen!(UInt32Type),
        Arrow::Date32 => widen!(Date32Type),
        Arrow::Time32(Unit::Second) => widen!(Time32SecondType),
        Arrow::Time32(_) => widen!(Time32MillisecondType),
        Arrow::Int64 | Arrow::UInt64 | Arrow::Time64(_) | Arrow::Timestamp(..) | Arrow::Duration(_) => {
            words(array)
        }
        _ => return None,
    })
}

/// The array's values as doubles: without a copy if they are that already. `None` for other types.
pub(crate) fn as_f64(array: &dyn Array) -> Option<ScalarBuffer<f64>> {
    macro_rules! convert {
        ($kind:ty) => {
            array.as_primitive::<$kind>().values().iter().map(|&v| v as f64).collect()
        };
    }
    Some(match array.data_type() {
        Arrow::Float64 => array.as_primitive::<Float64Type>().values().clone(),
        Arrow::Float32 => convert!(Float32Type),
        Arrow::UInt64 => convert!(UInt64Type),
        _ => as_i64(array)?.iter().map(|&v| v as f64).collect(),
    })
}

/// The double of a row, if they are floats.
pub(crate) fn as_double(array: &dyn Array, row: usize) -> Option<f64> {
    match array.data_type() {
        Arrow::Float64 => Some(array.as_primitive::<Float64Type>().value(row)),
        Arrow::Float32 => Some(array.as_primitive::<Float32Type>().value(row).into()),
        _ => None,
    }
}

/// The 64-bit integer of a row, as [`as_i64`] has it; of a boolean, 0 or 1.
pub(crate) fn as_word(array: &dyn Array, row: usize) -> Option<i64> {
    match array.data_type() {
        Arrow::Boolean => Some(array.as_boolean().value(row).into()),
        // The most frequent one need not be sliced.
        Arrow::Int64 => Some(array.as_primitive::<Int64Type>().value(row)),
        _ => as_i64(&array.slice(row, 1)).map(|values| values[0]),
    }
}

/// The values of an array of 64-bit words, as they lie in memory.
fn words(array: &dyn Array) -> ScalarBuffer<i64> {
    let data = array.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

/// Builds an array of `dtype` from 64-bit integers, which are cut to its width.
///
/// # Panics
/// If the type is not one that [`as_i64`] reads.
pub(crate) fn from_i64(
    dtype: &Arrow,
    values: impl ExactSizeIterator<Item = i64>,
    nulls: Option<arrow_buffer::NullBuffer>,
) -> ArrayRef {
    macro_rules! narrow {
        ($kind:ty) => {{
            let values: ScalarBuffer<_> = values.map(|v| v as <$kind as ArrowPrimitiveType>::Native).collect();
            Arc::new(PrimitiveArray::<$kind>::new(values, nulls).with_data_type(dtype.clone()))
        }};
    }
    match dtype {
        Arrow::Int8 => narrow!(Int8Type),
        Arrow::Int16 => narrow!(Int16Type),
        Arrow::Int32 => narrow!(Int32Type),
        Arrow::Int64 => narrow!(Int64Type),
        Arrow::UInt8 => narrow!(UInt8Type),
        Arrow::UInt16 => narrow!(UInt16Type),
        Arrow::UInt32 => narrow!(UInt32Type),
        Arrow::UInt64 => narrow!(UInt64Type),
        Arrow::Date32 => narrow!(Date32Type),
        Arrow::Time32(Unit::Second) => narrow!(Time32SecondType),
        Arrow::Time32(_) => narrow!(Time32MillisecondType),
        Arrow::Time64(Unit::Microsecond) => narrow!(Time64MicrosecondType),
        Arrow::Time64(_) => narrow!(Time64NanosecondType),
        Arrow::Timestamp(Unit::Second, _) => narrow!(TimestampSecondType),
        Arrow::Timestamp(Unit::Millisecond, _) => narrow!(TimestampMillisecondType),
        Arrow::Timestamp(Unit::Microsecond, _) => narrow!(TimestampMicrosecondType),
        Arrow::Timestamp(Unit::Nanosecond, _) => narrow!(TimestampNanosecondType),
        Arrow::Duration(Unit::Second) => narrow!(DurationSecondType),
        Arrow::Duration(Unit::Millisecond) => narrow!(DurationMillisecondType),
        Arrow::Duration(Unit::Microsecond) => narrow!(DurationMicrosecondType),
        Arrow::Duration(Unit::Nanosecond) => narrow!(DurationNanosecondType),
        other => unreachable!("{other} is not made of integers"),
    }
}

/// The texts of a column, whatever its representation.
pub(crate) enum Texts<'a> {
    /// 32-bit offsets.
    Plain(&'a StringArray),
    /// 64-bit offsets.
    Large(&'a arrow_array::LargeStringArray),
    /// Views.
    View(&'a arrow_array::StringViewArray),
    /// Codes into a dictionary.
    Coded {
        /// The code of each row; meaningless where the row is null.
        codes: &'a [i32],
        /// The dictionary.
        values: &'a StringArray,
    },
}

impl<'a> Texts<'a> {
    /// Looks at a text column.
    ///
    /// # Panics
    /// If the array is not one of the representations of text.
    pub(crate) fn of(array: &'a dyn Array) -> Self {
        match array.data_type() {
            Arrow::Utf8 => Self::Plain(array.as_string()),
            Arrow::LargeUtf8 => Self::Large(array.as_string()),
            Arrow::Utf8View => Self::View(array.as_string_view()),
            _ => {
                let coded = array.as_dictionary::<Int32Type>();
                Self::Coded { codes: coded.keys().values(), values: coded.values().as_string() }
            }
        }
    }

    /// The text of a row; the row must not be null.
    pub(crate) fn get(&self, row: usize) -> &'a str {
        match self {
            Self::Plain(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
            Self::Coded { codes, values } => values.value(codes[row] as usize),
        }
    }

    /// Where the bytes of a row's text start, and how many they are, in which bytes; the row must not be
    /// null.
    #[inline(always)]
    pub(crate) fn span(&self, row: usize) -> (&'a [u8], usize, usize) {
        match self {
            Self::Plain(array) => {
                let offsets = array.value_offsets();
                let start = offsets[row] as usize;
                (array.value_data(), start, offsets[row + 1] as usize - start)
            }
            // Up to twelve bytes lie in the view itself, behind their number.
            Self::View(array) if array.views()[row] as u32 <= 12 => {
                (array.views().inner(), 16 * row + 4, array.views()[row] as u32 as usize)
            }
            _ => {
                let text = self.get(row).as_bytes();
                (text, 0, text.len())
            }
        }
    }
}

/// A text column with 32-bit offsets, as it leaves rillet: without a copy if it is that already.
pub fn plain_text(array: &ArrayRef) -> ArrayRef {
    if *array.data_type() == Arrow::Utf8 {
        return Arc::clone(array);
    }
    let (texts, nulls) = (Texts::of(array), array.logical_nulls());
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    for row in 0..array.len() {
        builder.append_option(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then(|| texts.get(row)));
    }
    Arc::new(builder.finish())
}
