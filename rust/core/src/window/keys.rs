//! [`Keys`]: the values of `by=` and `group_by`, each given a small number.

use arrow_array::{Array, ArrayRef};

use crate::error::{Error, Result};
use crate::pool::Pool;
use crate::row::Scalar;
use crate::types::{DataType, Field};

mod byte_keys;
mod bytes;
mod code;
mod dense;
mod local;
mod near;
mod numbers;
mod search;
mod word_keys;

use byte_keys::ByteKeys;
use code::{decode_words, word, words};
use word_keys::WordKeys;

/// All keys that are held, by number.
pub(crate) enum Keys {
    /// Of one column, whose values are words of 64 bits.
    Words(DataType, WordKeys),
    /// Of any columns.
    Bytes(ByteKeys),
}

impl Keys {
    /// No keys, of these types, which the threads of a pool look up.
    ///
    /// # Errors
    /// [`Error::Schema`] for a type that has no hash.
    pub(crate) fn new(columns: &[Field], pool: &Pool) -> Result<Self> {
        for Field { name, dtype } in columns {
            if matches!(dtype, DataType::List(_) | DataType::FixedList(..) | DataType::Struct(_)) {
                return Err(Error::schema(&**name, dtype, "it cannot be a key; take a part of it that can"));
            }
        }
        Ok(match columns {
            [Field { dtype, .. }] if code::is_word(dtype) => Self::Words(dtype.clone(), WordKeys::new(pool)),
            _ => Self::Bytes(ByteKeys::new(columns.iter().map(|field| field.dtype.clone()).collect(), pool)),
        })
    }

    /// How many numbers have been given out, to keys that are held or have been.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Words(_, keys) => keys.len(),
            Self::Bytes(keys) => keys.len(),
        }
    }

    /// How many keys are held.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Words(_, keys) => keys.held(),
            Self::Bytes(keys) => keys.held(),
        }
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Words(_, keys) => keys.memory(),
            Self::Bytes(keys) => keys.memory(),
        }
    }

    /// The number of each row's key.
    pub(crate) fn number(&mut self, columns: &[ArrayRef], rows: usize) -> Vec<u32> {
        match self {
            Self::Words(_, keys) => {
                let words = words(&columns[0]).expect("values of the type are words");
                keys.number(words, columns[0].logical_nulls())
            }
            Self::Bytes(keys) => keys.number(columns, rows),
        }
    }

    /// The number of the key of a row that comes by itself.
    pub(crate) fn number_one(&mut self, values: &[Scalar<'_>]) -> u32 {
        match self {
            Self::Words(_, keys) => keys.number_one(word(values[0])),
            Self::Bytes(keys) => keys.number_one(values),
        }
    }

    /// Lets go of keys; their numbers will be given to others.
    pub(crate) fn forget(&mut self, numbers: impl Iterator<Item = u32>) {
        match self {
            Self::Words(_, keys) => keys.forget(numbers),
            Self::Bytes(keys) => keys.forget(numbers),
        }
    }

    /// Lets go of all keys; numbers begin anew.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Words(_, keys) => keys.clear(),
            Self::Bytes(keys) => keys.clear(),
        }
    }

    /// The keys of these numbers, a column for each of `by`.
    pub(crate) fn columns(&mut self, numbers: &[u32]) -> Vec<ArrayRef> {
        match self {
            Self::Words(dtype, keys) => {
                vec![decode_words(dtype, numbers.iter().map(|&number| keys.word(number)))]
            }
            Self::Bytes(keys) => keys.columns(numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use arrow_array::{BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, UInt32Array};

    use super::*;
    use crate::aggregate::testing::mixed;
    use crate::column::Texts;

    #[test]
    fn keys_of_several_columns_round_trip() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a"), Some("")]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), Some(f64::NAN), Some(-0.0), None]));
        let types = [Field::new("t", DataType::Text), Field::new("f", DataType::Float64)];
        let mut keys = Keys::new(&types, &Pool::new(1)).expect("types that have a hash");
        let numbers = keys.number(&[texts.clone(), floats.clone()], 4);
        assert_eq!(numbers, [0, 1, 0, 2]);
        let columns = keys.columns(&[2, 1, 0]);
        assert_eq!(columns[0].as_string::<i32>().iter().collect::<Vec<_>>(), [Some(""), None, Some("a")]);
        let back = columns[1].as_primitive::<Float64Type>();
        assert!(back.is_null(0) && back.value(1).is_nan() && back.value(2).is_sign_positive());
        keys.forget([0, 1].into_iter());
        assert_eq!(keys.held(), 1);
        assert_eq!(keys.number(&[texts, floats], 4)[3], 2);
    }

    #[test]
    fn keys_can_be_forgotten_again_after_their_bytes_are_gone() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["first", "second", "third", "a longer one"]));
        let mut keys = Keys::new(&[Field::new("t", DataType::Text)], &Pool::new(1)).expect("text has a hash");
        assert_eq!(keys.number(std::slice::from_ref(&texts), 4), [0, 1, 2, 3]);
        keys.forget([3, 2, 1].into_iter());
        keys.forget([1, 2, 3].into_iter());
        assert_eq!((keys.held(), keys.number(&[texts], 4)), (1, vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_row_by_itself_has_the_key_that_it_has_in_a_batch() {
        let texts = ["", "short", "not so short", "a text of more than sixteen bytes"].map(Some);
        let texts: ArrayRef = Arc::new(StringArray::from([&texts[..], &[None]].concat()));
        let floats: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(-0.0), Some(f64::NAN), Some(0.0), None, Some(1.5)]));
        let bools: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, false, true]));
        let (text, float) = (Field::new("t", DataType::Text), Field::new("f", DataType::Float64));
        let all = [
            (vec![text.clone()], vec![texts.clone()]),
            (vec![float.clone()], vec![floats.clone()]),
            (vec![text, float, Field::new("b", DataType::Bool)], vec![texts, floats, bools]),
        ];
        for (fields, columns) in all {
            let keys = || Keys::new(&fields, &Pool::new(1)).expect("types that have a hash");
            let row = |row| {
                columns.iter().map(|column| Scalar::at(column, row).expect("a plain type")).collect::<Vec<_>>()
            };
            let (mut first, mut last) = (keys(), keys());
            let numbers = first.number(&columns, 5);
            let alone: Vec<u32> = (0..5).map(|at| last.number_one(&row(at))).collect();
            assert_eq!(alone, numbers);
            assert_eq!((0..5).map(|at| first.number_one(&row(at))).collect::<Vec<_>>(), numbers);
            assert_eq!(last.number(&columns, 5), numbers);
        }
    }

    #[test]
    fn short_and_long_texts_are_told_apart() {
        let words = ["", "\0", "\0\0", "a", "a\0", "1234567", "12345678", "12345678\0", "a"];
        let texts: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
        let mut keys = Keys::new(&[Field::new("t", DataType::Text)], &Pool::new(1)).expect("text has a hash");
        assert_eq!(keys.number(&[texts], words.len()), [0, 1, 2, 3, 4, 5, 6, 7, 3]);
    }

    #[test]
    fn keys_are_told_apart_where_the_table_cannot() {
        // It holds half of each hash: of so many, some twenty pairs have that in common.
        let count = 400_000;
        let scattered = |n: u32| i64::from(n).wrapping_mul(0x1E37_79B9_7F4A_7C15);
        let words: ArrayRef = Arc::new((0..count).map(scattered).collect::<Int64Array>());
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(|n| format!("key {n}"))));
        for (dtype, column) in [(DataType::Int64, words), (DataType::Text, texts)] {
            let mut keys = Keys::new(&[Field::new("k", dtype)], &Pool::new(1)).expect("a type that has a hash");
            for when in ["new", "known"] {
                assert!(keys.number(&[Arc::clone(&column)], count as usize).into_iter().eq(0..count), "{when}");
            }
        }
    }

    #[test]
    fn a_single_text_column_is_coded_in_order_of_appearance() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a")]));
        let mut keys = Keys::new(&[Field::new("t", DataType::Text)], &Pool::new(1)).expect("text has a hash");
        let numbers = keys.number(&[texts], 3);
        let out = keys.columns(&[numbers[2], numbers[1], numbers[0], numbers[2]]);
        let coded = out[0].as_dictionary::<arrow_array::types::Int32Type>();
        assert_eq!(coded.keys().iter().collect::<Vec<_>>(), [Some(0), None, Some(1), Some(0)]);
        assert_eq!(Texts::of(&out[0]).get(2), "b");
    }

    /// Rows of these types, with nulls and keys that come more than once; words of 64 bits do not lie close together.
    fn many(dtype: &DataType, state: &mut u64) -> ArrayRef {
        let numbers = (0..60_000).map(|_| mixed(state) % 50_000);
        let valid = numbers.map(|n| (n % 1000 > 0 || dtype == &DataType::Int32).then_some(n));
        match dtype {
            DataType::Text => Arc::new(valid.map(|n| n.map(text)).collect::<StringArray>()),
            DataType::Int32 => Arc::new(valid.map(|n| n.map(|n| n as i32)).collect::<Int32Array>()),
            DataType::UInt32 => Arc::new(valid.map(|n| n.map(|n| n as u32)).collect::<UInt32Array>()),
            _ => Arc::new(valid.map(|n| n.map(|n| n << 40)).collect::<Int64Array>()),
        }
    }

    /// A text of a number, near or far.
    fn text(n: i64) -> String {
        if n % 3 == 0 { format!("a text that is longer: {n}") } else { n.to_string() }
    }

    /// The numbers of a column's keys, which are the same whatever looks them up.
    fn alike(all: &mut [Keys], column: &ArrayRef) -> Vec<u32> {
        let mut found = all.iter_mut().map(|keys| keys.number(std::slice::from_ref(column), column.len()));
        let first = found.next().expect("there are some");
        found.for_each(|numbers| assert!(numbers == first, "{} keys", column.data_type()));
        first
    }

    #[test]
    fn numbers_follow_from_the_rows_alone_on_any_number_of_threads() {
        for dtype in [DataType::Int32, DataType::UInt32, DataType::Int64, DataType::Text] {
            let new = |threads| {
                Keys::new(&[Field::new("k", dtype.clone())], &Pool::new(threads)).expect("a type with a hash")
            };
            let (mut all, mut state) = ([1, 2, 5].map(new), 7);
            for _ in 0..4 {
                let mut known = HashMap::new();
                // Of the second column so many keys are known that several threads look.
                for column in [many(&dtype, &mut state), many(&dtype, &mut state)] {
                    for (row, number) in alike(&mut all, &column).into_iter().enumerate() {
                        let key = format!("{:?}", Scalar::at(&column, row).expect("a plain type"));
                        let next = known.len() as u32;
                        assert_eq!(number, *known.entry(key).or_insert(next), "{dtype} in row {row}");
                    }
                }
                let half = known.len() as u32 / 2;
                all.iter_mut().for_each(|keys| keys.forget(half..2 * half));
                // Their numbers are given to others.
                let others = alike(&mut all, &many(&dtype, &mut state));
                assert!(others.iter().any(|number| (half..2 * half).contains(number)));
                all.iter_mut().for_each(Keys::clear);
            }
        }
    }
}
