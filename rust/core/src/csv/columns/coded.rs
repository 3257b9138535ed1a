//! Dictionary arrays of codes that are known to be right.
#![allow(unsafe_code)]

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::NullBuffer;

/// A dictionary array, whose codes are not looked at a second time.
///
/// # Panics
/// If the highest code, as the caller knows it, has no text.
pub(crate) fn coded(
    codes: Vec<i32>,
    highest: Option<i32>,
    texts: StringArray,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    use arrow_array::Array;
    assert!(highest.is_none_or(|highest| (highest as usize) < texts.len()), "each code has a text");
    debug_assert!(codes.iter().all(|&code| code >= 0 && code <= highest.unwrap_or(0)));
    let codes = Int32Array::new(codes.into(), nulls);
    // SAFETY: codes come from `Words::code`, which numbers texts from 0, or are 0 where the row is
    // null; and the highest has a text. Without texts every row is null.
    let array = unsafe { DictionaryArray::new_unchecked(codes, Arc::new(texts)) };
    Arc::new(array)
}
