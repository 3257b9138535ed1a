//! [`Keys`]: the values of `by=` and `group_by`, each given a small number.
//!
//! Rows are first numbered within their batch, column by column, which is cheap where the column is coded
//! already; only the distinct keys of a batch are looked up among all. A key is stored as bytes: per
//! column a tag for null, then the value, with one zero and one NaN.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int32Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType as Arrow;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};

use super::words::{Word, Words};
use crate::column::{Texts, as_i64, from_i64};
use crate::error::{Error, Result};
use crate::types::{DataType, Field};

/// Not numbered yet.
const UNKNOWN: u32 = u32::MAX;

/// All keys that are held, by number.
pub(crate) struct Keys {
    types: Vec<DataType>,
    table: HashTable<u32>,
    hasher: RandomState,
    /// Where each key's bytes lie.
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    garbage: usize,
    free: Vec<u32>,
    encoded: Vec<u8>,
    /// For each number its code in the column that is being made, and 1; 0 if it has none.
    seen: Vec<u32>,
    /// The numbers of keys that are texts of up to 7 bytes; and of up to 15, or words.
    short: Words<u64>,
    long: Words<u128>,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    len: u32,
}

impl Keys {
    /// No keys, of these types.
    ///
    /// # Errors
    /// [`Error::Schema`] for a type that has no hash.
    pub(crate) fn new(columns: &[Field]) -> Result<Self> {
        for Field { name, dtype } in columns {
            if matches!(dtype, DataType::List(_) | DataType::FixedList(..) | DataType::Struct(_)) {
                return Err(Error::schema(&**name, dtype, "it cannot be a key; take a part of it that can"));
            }
        }
        Ok(Self {
            types: columns.iter().map(|field| field.dtype.clone()).collect(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            entries: Vec::new(),
            bytes: Vec::new(),
            garbage: 0,
            free: Vec::new(),
            encoded: Vec::new(),
            seen: Vec::new(),
            short: Words::default(),
            long: Words::default(),
        })
    }

    /// How many numbers have been given out, to keys that are held or have been.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many keys are held.
    pub(crate) fn held(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.table.allocation_size()
            + size_of_val(&self.entries[..])
            + self.bytes.len()
            + self.free.capacity() * 4
            + size_of_val(&self.seen[..])
            + self.short.memory()
            + self.long.memory()
    }

    /// The number of each row's key.
    pub(crate) fn number(&mut self, columns: &[ArrayRef], rows: usize) -> Vec<u32> {
        if let [column] = columns
            && matches!(column.data_type(), Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View)
        {
            return self.number_texts(columns, column);
        }
        if let [column] = columns
            && !matches!(column.data_type(), Arrow::Dictionary(..) | Arrow::Boolean)
            && let Some(words) = words(column)
        {
            return self.number_words(&words, column.logical_nulls().as_ref());
        }
        if columns.is_empty() && rows > 0 {
            return vec![self.intern(columns, 0); rows];
        }
        let mut local = Local::of(columns, rows);
        let mut known = vec![UNKNOWN; local.codes_len];
        for row in 0..rows {
            let code = local.codes[row];
            let mut number = known[code as usize];
            if number == UNKNOWN {
                number = self.intern(columns, row);
                known[code as usize] = number;
            }
            local.codes[row] = number;
        }
        local.codes
    }

    /// The number of each row's key, which is a text. Most are short, and then a word is all that is looked
    /// up.
    fn number_texts(&mut self, columns: &[ArrayRef], column: &ArrayRef) -> Vec<u32> {
        let (texts, nulls) = (Texts::of(column), column.logical_nulls());
        let (mut short, mut long) = (std::mem::take(&mut self.short), std::mem::take(&mut self.long));
        let mut numbers = Vec::with_capacity(column.len());
        for row in 0..column.len() {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            let (bytes, start, len) = if is_null { (&[][..], 0, 0) } else { texts.span(row) };
            let number = match len {
                _ if is_null => short.number(u64::NULL, || self.intern(columns, row)),
                0..8 => short.number(u64::of(bytes, start, len), || self.intern(columns, row)),
                8..16 => long.number(u128::of(bytes, start, len), || self.intern(columns, row)),
                _ => self.intern(columns, row),
            };
            numbers.push(number);
        }
        (self.short, self.long) = (short, long);
        numbers
    }

    /// The number of each row's key, which is a word or null.
    fn number_words(&mut self, words: &[i64], nulls: Option<&NullBuffer>) -> Vec<u32> {
        let mut known = std::mem::take(&mut self.long);
        let number = |(row, &word): (usize, &i64)| match nulls {
            Some(nulls) if nulls.is_null(row) => known.number(u128::NULL, || self.find_or_add(&[0])),
            _ => known.number(u128::from(word as u64), || {
                let mut key = [1; 9];
                key[1..].copy_from_slice(&word.to_le_bytes());
                self.find_or_add(&key)
            }),
        };
        let numbers = words.iter().enumerate().map(number).collect();
        self.long = known;
        numbers
    }

    fn intern(&mut self, columns: &[ArrayRef], row: usize) -> u32 {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        columns.iter().for_each(|column| encode(column, row, &mut encoded));
        let number = self.find_or_add(&encoded);
        self.encoded = encoded;
        number
    }

    fn find_or_add(&mut self, key: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(key);
        let (entries, bytes, hasher) = (&self.entries, &self.bytes, &self.hasher);
        let stored = |&number: &u32| bytes_of(entries, bytes, number);
        let entry =
            self.table.entry(hash, |number| stored(number) == key, |number| hasher.hash_one(stored(number)));
        let vacant = match entry {
            hashbrown::hash_table::Entry::Occupied(found) => return *found.get(),
            hashbrown::hash_table::Entry::Vacant(vacant) => vacant,
        };
        let number = self.free.pop().unwrap_or(self.entries.len() as u32);
        vacant.insert(number);
        let entry = Entry { start: self.bytes.len(), len: key.len() as u32 };
        self.bytes.extend_from_slice(key);
        match self.entries.get_mut(number as usize) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
        number
    }

    /// Lets go of keys; their numbers will be given to others.
    pub(crate) fn forget(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let hash = self.hasher.hash_one(bytes_of(&self.entries, &self.bytes, number));
            if let Ok(found) = self.table.find_entry(hash, |&other| other == number) {
                found.remove();
                // Its bytes will go; it may be asked to be forgotten again.
                let gone = std::mem::replace(&mut self.entries[number as usize], Entry { start: 0, len: 0 });
                self.garbage += gone.len as usize;
                self.free.push(number);
            }
        }
        (self.short, self.long) = (Words::default(), Words::default());
        if self.garbage > self.bytes.len() / 2 {
            self.compact();
        }
        if self.table.len() < self.table.capacity() / 8 {
            let (entries, bytes, hasher) = (&self.entries, &self.bytes, &self.hasher);
            self.table
                .shrink_to(self.table.len() * 2, |&number| hasher.hash_one(bytes_of(entries, bytes, number)));
        }
    }

    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.garbage);
        for &number in &self.table {
            let entry = &mut self.entries[number as usize];
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[entry.start..entry.start + entry.len as usize]);
            entry.start = start;
        }
        self.bytes = bytes;
        self.garbage = 0;
    }

    /// The keys of these numbers, a column for each of `by`.
    pub(crate) fn columns(&mut self, numbers: &[u32]) -> Vec<ArrayRef> {
        if let [dtype] = &self.types[..]
            && dtype.is_text()
        {
            return vec![self.coded(numbers)];
        }
        let mut cursors: Vec<&[u8]> =
            numbers.iter().map(|&number| bytes_of(&self.entries, &self.bytes, number)).collect();
        self.types.iter().map(|dtype| decode(dtype, &mut cursors)).collect()
    }

    /// The keys of a single text column, coded in the order in which they first appear.
    fn coded(&mut self, numbers: &[u32]) -> ArrayRef {
        let mut seen = std::mem::take(&mut self.seen);
        seen.resize(self.entries.len(), 0);
        let (mut values, mut distinct, mut null) = (StringBuilder::new(), Vec::new(), None);
        let mut add = |number: u32| {
            distinct.push(number);
            match split(&mut bytes_of(&self.entries, &self.bytes, number), None) {
                Some(text) => values.append_value(std::str::from_utf8(text).unwrap_or_default()),
                None => null = Some(number),
            }
            // What stands for a null does not matter, but it has to be there.
            values.offsets_slice().len().max(2) as u32 - 1
        };
        let code = |&number: &u32| {
            let seen = &mut seen[number as usize];
            if *seen == 0 {
                *seen = add(number);
            }
            *seen as i32 - 1
        };
        let codes: Vec<i32> = numbers.iter().map(code).collect();
        distinct.iter().for_each(|&number| seen[number as usize] = 0);
        self.seen = seen;
        if values.offsets_slice().len() == 1 && null.is_some() {
            values.append_value("");
        }
        let valid = |null| BooleanBuffer::collect_bool(numbers.len(), |i| numbers[i] != null);
        let codes = Int32Array::new(codes.into(), null.map(|null| valid(null).into()));
        Arc::new(DictionaryArray::new(codes, Arc::new(values.finish())))
    }
}

fn bytes_of<'a>(entries: &[Entry], bytes: &'a [u8], number: u32) -> &'a [u8] {
    let entry = entries[number as usize];
    &bytes[entry.start..entry.start + entry.len as usize]
}

/// The rows of a batch numbered among themselves.
struct Local {
    codes: Vec<u32>,
    codes_len: usize,
}

impl Local {
    fn of(columns: &[ArrayRef], rows: usize) -> Self {
        let mut columns = columns.iter().map(Self::of_column);
        match columns.next() {
            None => Self { codes: vec![0; rows], codes_len: 1 },
            Some(first) => columns.fold(first, Self::with),
        }
    }

    /// One column: the codes that it has, or a number for each distinct value.
    fn of_column(column: &ArrayRef) -> Self {
        let nulls = column.logical_nulls();
        let null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        match column.data_type() {
            Arrow::Dictionary(..) => {
                let Texts::Coded { codes, values } = Texts::of(column) else { unreachable!("it is coded") };
                let null_code = values.len() as u32;
                let code = |(row, &code): (usize, &i32)| if null(row) { null_code } else { code as u32 };
                let codes = match nulls {
                    None => codes.iter().map(|&code| code as u32).collect(),
                    Some(_) => codes.iter().enumerate().map(code).collect(),
                };
                Self { codes, codes_len: values.len() + 1 }
            }
            Arrow::Boolean => {
                let values = column.as_boolean().values();
                let code = |row| if null(row) { 2 } else { u32::from(values.value(row)) };
                Self { codes: (0..column.len()).map(code).collect(), codes_len: 3 }
            }
            Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => {
                let texts = Texts::of(column);
                Self::of_texts(column.len(), |row| (!null(row)).then(|| texts.span(row)))
            }
            _ => match words(column) {
                Some(words) => Self::distinct(column.len(), |row| (!null(row)).then(|| words[row])),
                None => {
                    let bytes = |row| {
                        let mut bytes = Vec::new();
                        encode(column, row, &mut bytes);
                        bytes
                    };
                    Self::distinct(column.len(), bytes)
                }
            },
        }
    }

    /// A number for each distinct text.
    fn of_texts<'a>(rows: usize, span: impl Fn(usize) -> Option<(&'a [u8], usize, usize)>) -> Self {
        let mut short: HashMap<u64, u32, RandomState> = HashMap::default();
        let mut long: HashMap<&[u8], u32, RandomState> = HashMap::default();
        let mut next = 0;
        let codes = (0..rows)
            .map(|row| {
                let code = match span(row) {
                    None => *short.entry(u64::NULL).or_insert(next),
                    Some((bytes, start, len @ 0..8)) => *short.entry(u64::of(bytes, start, len)).or_insert(next),
                    Some((bytes, start, len)) => *long.entry(&bytes[start..start + len]).or_insert(next),
                };
                next += u32::from(code == next);
                code
            })
            .collect();
        Self { codes, codes_len: next as usize }
    }

    fn distinct<T: std::hash::Hash + Eq>(rows: usize, value: impl Fn(usize) -> T) -> Self {
        let mut seen: HashMap<T, u32, RandomState> = HashMap::default();
        let codes = (0..rows)
            .map(|row| {
                let next = seen.len() as u32;
                *seen.entry(value(row)).or_insert(next)
            })
            .collect();
        Self { codes, codes_len: seen.len() }
    }

    /// Two columns: a number for each distinct pair.
    fn with(self, other: Self) -> Self {
        let pairs = self.codes_len.saturating_mul(other.codes_len);
        if pairs <= 1 << 16 {
            let width = other.codes_len as u32;
            let codes = self.codes.iter().zip(&other.codes).map(|(a, b)| a * width + b).collect();
            return Self { codes, codes_len: pairs };
        }
        Self::distinct(self.codes.len(), |row| (self.codes[row], other.codes[row]))
    }
}

/// Values of 64 bits or less as words that are equal where the keys are.
fn words(column: &ArrayRef) -> Option<Vec<i64>> {
    match column.data_type() {
        Arrow::Float64 => {
            Some(column.as_primitive::<Float64Type>().values().iter().map(|&v| float_word(v)).collect())
        }
        Arrow::Float32 => {
            Some(column.as_primitive::<Float32Type>().values().iter().map(|&v| float_word(f64::from(v))).collect())
        }
        _ => as_i64(column).map(|values| values.to_vec()),
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
fn encode(column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    if column.logical_nulls().is_some_and(|nulls| nulls.is_null(row)) || *column.data_type() == Arrow::Null {
        return out.push(0);
    }
    out.push(1);
    let mut variable = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match column.data_type() {
        Arrow::Dictionary(..) | Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => {
            variable(Texts::of(column).get(row).as_bytes());
        }
        Arrow::Binary => variable(column.as_binary::<i32>().value(row)),
        Arrow::Boolean => out.extend_from_slice(&i64::from(column.as_boolean().value(row)).to_le_bytes()),
        Arrow::Decimal128(..) => {
            out.extend_from_slice(&column.as_primitive::<Decimal128Type>().value(row).to_le_bytes())
        }
        _ => out.extend_from_slice(&words(&column.slice(row, 1)).map_or(0, |words| words[0]).to_le_bytes()),
    }
}

/// Takes one value off the front of a key: `width` bytes, or as many as it says. `None` for null.
fn split<'a>(key: &mut &'a [u8], width: Option<usize>) -> Option<&'a [u8]> {
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
fn decode(dtype: &DataType, keys: &mut [&[u8]]) -> ArrayRef {
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
                .map(|key| split(key, Some(8)).map(|v| i64::from_le_bytes(v.try_into().unwrap_or_default()))),
        ),
    }
}

fn decode_words(dtype: &DataType, words: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let double = |word: i64| f64::from_bits(word as u64);
    match dtype {
        DataType::Bool => Arc::new(words.map(|word| word.map(|word| word != 0)).collect::<BooleanArray>()),
        DataType::Float64 => Arc::new(words.map(|word| word.map(double)).collect::<Float64Array>()),
        DataType::Float32 => Arc::new(words.map(|word| word.map(|w| double(w) as f32)).collect::<Float32Array>()),
        _ => {
            let words: Vec<_> = words.collect();
            let nulls: NullBuffer = words.iter().map(Option::is_some).collect::<Vec<_>>().into();
            let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
            from_i64(&dtype.to_arrow(), words.into_iter().map(Option::unwrap_or_default), nulls)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::StringArray;

    #[test]
    fn keys_of_several_columns_round_trip() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a"), Some("")]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), Some(f64::NAN), Some(-0.0), None]));
        let types = [Field::new("t", DataType::Text), Field::new("f", DataType::Float64)];
        let mut keys = Keys::new(&types).expect("types that have a hash");
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
        let mut keys = Keys::new(&[Field::new("t", DataType::Text)]).expect("text has a hash");
        assert_eq!(keys.number(std::slice::from_ref(&texts), 4), [0, 1, 2, 3]);
        keys.forget([3, 2, 1].into_iter());
        keys.forget([1, 2, 3].into_iter());
        assert_eq!((keys.held(), keys.number(&[texts], 4)), (1, vec![0, 1, 2, 3]));
    }

    #[test]
    fn short_and_long_texts_are_told_apart() {
        let words = ["", "\0", "\0\0", "a", "a\0", "1234567", "12345678", "12345678\0", "a"];
        let texts: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
        let mut keys = Keys::new(&[Field::new("t", DataType::Text)]).expect("text has a hash");
        assert_eq!(keys.number(&[texts], words.len()), [0, 1, 2, 3, 4, 5, 6, 7, 3]);
    }

    #[test]
    fn a_single_text_column_is_coded_in_order_of_appearance() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a")]));
        let mut keys = Keys::new(&[Field::new("t", DataType::Text)]).expect("text has a hash");
        let numbers = keys.number(&[texts], 3);
        let out = keys.columns(&[numbers[2], numbers[1], numbers[0], numbers[2]]);
        let coded = out[0].as_dictionary::<arrow_array::types::Int32Type>();
        assert_eq!(coded.keys().iter().collect::<Vec<_>>(), [Some(0), None, Some(1), Some(0)]);
        assert_eq!(Texts::of(&out[0]).get(2), "b");
    }
}
