//! Keys as bytes and as words, from columns and back.
//!
//! Per column a tag for null, then the value, with one zero and one NaN.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType as Arrow;

use crate::column::{Texts, as_i64, from_i64};
use crate::row::Scalar;
use crate::types::DataType;

/// Whether values of the type are words of 64 bits, as [`words`] gives them.
pub(super) fn is_word(dtype: &DataType) -> bool {
    match dtype {
        DataType::Bool | DataType::Null | DataType::Binary | DataType::Decimal(..) => false,
        DataType::List(_) | DataType::FixedList(..) | DataType::Struct(_) => false,
        _ => !dtype.is_text(),
    }
}

/// Values of 64 bits or less as words that are equal where the keys are.
pub(super) fn words(column: &ArrayRef) -> Option<ScalarBuffer<i64>> {
    match column.data_type() {
        Arrow::Float64 => {
            Some(column.as_primitive::<Float64Type>().values().iter().map(|&v| float_word(v)).collect())
        }
        Arrow::Float32 => {
            Some(column.as_primitive::<Float32Type>().values().iter().map(|&v| float_word(f64::from(v))).collect())
        }
        _ => as_i64(column),
    }
}

/// A single value as a word, or null.
pub(super) fn word(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Int(word) => Some(word),
        Scalar::Float(value) => Some(float_word(value)),
        Scalar::Null | Scalar::Text(_) => None,
    }
}

/// The bits of a double, with one zero and one NaN.
fn float_word(value: f64) -> i64 {
    let value = if value == 0.0 {
        0.0
    } else if value.is_nan() {
        f64::NAN
    } else {
        value
    };
    value.to_bits() as i64
}

/// Appends one value of a key.
pub(super) fn encode(column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    if column.logical_nulls().is_some_and(|nulls| nulls.is_null(row)) || *column.data_type() == Arrow::Null {
        return out.push(0);
    }
    match column.data_type() {
        Arrow::Dictionary(..) | Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => {
            encode_bytes(Some(Texts::of(column).get(row).as_bytes()), out);
        }
        Arrow::Binary => encode_bytes(Some(column.as_binary::<i32>().value(row)), out),
        Arrow::Boolean => encode_word(&i64::from(column.as_boolean().value(row)).to_le_bytes(), out),
        Arrow::Decimal128(..) => {
            encode_word(&column.as_primitive::<Decimal128Type>().value(row).to_le_bytes(), out)
        }
        _ => encode_word(&words(&column.slice(row, 1)).map_or(0, |words| words[0]).to_le_bytes(), out),
    }
}

/// Appends one value of a key, as [`encode`] does.
pub(super) fn encode_one(value: Scalar<'_>, out: &mut Vec<u8>) {
    match (value, word(value)) {
        (Scalar::Text(text), _) => encode_bytes(Some(text.as_bytes()), out),
        (_, None) => out.push(0),
        (_, Some(word)) => encode_word(&word.to_le_bytes(), out),
    }
}

/// Appends one value of a key, of a length that its type tells.
fn encode_word(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(1);
    out.extend_from_slice(bytes);
}

/// Appends one value of a key that may be of any length, or null.
pub(super) fn encode_bytes(value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(bytes) = value {
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    }
}

/// Takes one value off the front of a key: `width` bytes, or as many as it says. `None` for null.
pub(super) fn split<'a>(key: &mut &'a [u8], width: Option<usize>) -> Option<&'a [u8]> {
    let (tag, rest) = key.split_first()?;
    *key = rest;
    if *tag == 0 {
        return None;
    }
    let width = width.unwrap_or_else(|| {
        let (len, rest) = key.split_at(4);
        *key = rest;
        u32::from_le_bytes(len.try_into().unwrap_or_default()) as usize
    });
    let (value, rest) = key.split_at(width);
    *key = rest;
    Some(value)
}

/// Takes one column off the front of the keys.
pub(super) fn decode(dtype: &DataType, keys: &mut [&[u8]]) -> ArrayRef {
    let arrow = dtype.to_arrow();
    match dtype {
        DataType::Null => {
            keys.iter_mut().for_each(|key| _ = split(key, Some(0)));
            arrow_array::new_null_array(&arrow, keys.len())
        }
        DataType::Text | DataType::Categorical(_) => {
            let mut builder = StringBuilder::new();
            for key in keys {
                builder.append_option(split(key, None).map(|text| std::str::from_utf8(text).unwrap_or_default()));
            }
            Arc::new(builder.finish())
        }
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            keys.iter_mut().for_each(|key| builder.append_option(split(key, None)));
            Arc::new(builder.finish())
        }
        DataType::Decimal(..) => {
            let value = |key: &mut &[u8]| {
                split(key, Some(16)).map(|v| i128::from_le_bytes(v.try_into().unwrap_or_default()))
            };
            Arc::new(keys.iter_mut().map(value).collect::<Decimal128Array>().with_data_type(arrow))
        }
        _ => decode_words(
            dtype,
            keys.iter_mut()
                .map(|key| split(key, Some(8)).map(|v| i64::from_le_bytes(v.try_into().unwrap_or_default())))
                .collect::<Vec<_>>()
                .into_iter(),
        ),
    }
}

/// A column of words; null where there is none.
pub(super) fn decode_words(
    dtype: &DataType,
    words: impl ExactSizeIterator<Item = Option<i64>> + Clone,
) -> ArrayRef {
    let double = |word: i64| f64::from_bits(word as u64);
    match dtype {
        DataType::Bool => Arc::new(words.map(|word| word.map(|word| word != 0)).collect::<BooleanArray>()),
        DataType::Float64 => Arc::new(words.map(|word| word.map(double)).collect::<Float64Array>()),
        DataType::Float32 => Arc::new(words.map(|word| word.map(|w| double(w) as f32)).collect::<Float32Array>()),
        _ => {
            let has_nulls = words.clone().any(|word| word.is_none());
            let nulls = has_nulls.then(|| words.clone().map(|word| word.is_some()).collect::<Vec<_>>().into());
            from_i64(&dtype.to_arrow(), words.map(Option::unwrap_or_default), nulls)
        }
    }
}
