//! [`ByteKeys`]: keys of any columns, stored as bytes.
//!
//! Rows are first numbered within their batch, which is cheap where a column is coded already; only the distinct keys
//! of a batch are looked up among all.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType as Arrow;

use super::bytes::{Bytes, Entry, Span, TEXT};
use super::code::{decode, encode, encode_bytes, encode_one, split};
use super::local::Local;
use super::numbers::{GROUP, NONE, Step};
use super::search::{Found, Known, Left, Search};
use crate::column::Texts;
use crate::pool::Pool;
use crate::row::Scalar;
use crate::types::DataType;

/// Not numbered yet.
const UNKNOWN: u32 = u32::MAX;

/// All keys that are held, by number.
pub(crate) struct ByteKeys {
    types: Vec<DataType>,
    known: Bytes,
    search: Search<Bytes>,
    garbage: usize,
    free: Vec<u32>,
    encoded: Vec<u8>,
    /// For each number its code in the column that is being made, and 1; 0 if it has none.
    seen: Vec<u32>,
}

impl ByteKeys {
    /// No keys, of these types, which the threads of a pool look up.
    pub(super) fn new(types: Vec<DataType>, pool: &Pool) -> Self {
        Self {
            types,
            known: Bytes::default(),
            search: Search::new(pool),
            garbage: 0,
            free: Vec::new(),
            encoded: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// How many numbers have been given out, to keys that are held or have been.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// How many keys are held.
    pub(super) fn held(&self) -> usize {
        self.len() - self.free.len()
    }

    /// Roughly how much memory they take.
    pub(super) fn memory(&self) -> usize {
        self.known.memory() + self.free.capacity() * 4 + size_of_val(&self.seen[..])
    }

    /// The number of each row's key.
    pub(super) fn number(&mut self, columns: &[ArrayRef], rows: usize) -> Vec<u32> {
        if let [column] = columns
            && matches!(column.data_type(), Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View)
        {
            return self.number_texts(column);
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

    /// The number of the key of a row that comes by itself.
    pub(super) fn number_one(&mut self, values: &[Scalar<'_>]) -> u32 {
        let text = if let [Scalar::Text(text)] = values { Some((text.as_bytes(), 0, text.len())) } else { None };
        let near = if text.is_some() { self.known.near(text) } else { NONE };
        if near != NONE {
            return near;
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        values.iter().for_each(|value| encode_one(*value, &mut encoded));
        let number = self.find_or_add(&encoded, self.hash(&encoded), Step::default());
        self.encoded = encoded;
        if text.is_some() {
            self.known.put_near(text, number);
        }
        number
    }

    /// The number of each row's key, which is a text.
    fn number_texts(&mut self, column: &ArrayRef) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(column.len());
        while numbers.len() < column.len() {
            for found in self.search.find(&mut self.known, column, numbers.len()..column.len()) {
                self.settle(column, found, &mut numbers);
            }
        }
        numbers
    }

    /// Adds the numbers of the next rows to those before, with new ones for texts that have none, and brings them near.
    fn settle(&mut self, column: &ArrayRef, found: Found, numbers: &mut Vec<u32>) {
        let (texts, nulls, start) = (Texts::of(column), column.logical_nulls(), numbers.len());
        numbers.extend(found.numbers);
        for group in found.left.chunks(GROUP) {
            group.iter().for_each(|left| self.known.table.ask_on(left.step));
            for &Left { row, hash, step } in group {
                let row = start + row;
                let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                let text = (!is_null).then(|| texts.span(row));
                if numbers[row] == NONE {
                    numbers[row] = self.add_text(text, hash, step);
                }
                self.known.put_near(text, numbers[row]);
            }
        }
    }

    /// The number of a text, or of null, that has this hash.
    fn add_text(&mut self, text: Option<Span<'_>>, hash: u64, step: Step) -> u32 {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        encode_bytes(text.map(|(bytes, start, len)| &bytes[start..start + len]), &mut encoded);
        let number = self.find_or_add(&encoded, hash, step);
        self.encoded = encoded;
        number
    }

    fn intern(&mut self, columns: &[ArrayRef], row: usize) -> u32 {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        columns.iter().for_each(|column| encode(column, row, &mut encoded));
        let number = self.find_or_add(&encoded, self.hash(&encoded), Step::default());
        self.encoded = encoded;
        number
    }

    /// The hash of a key. Of one that is a text it is that of the text alone.
    fn hash(&self, key: &[u8]) -> u64 {
        match &self.types[..] {
            [dtype] if dtype.is_text() => self.known.hasher.hash_one(key.get(TEXT..).unwrap_or_default()),
            _ => self.known.hasher.hash_one(key),
        }
    }

    fn find_or_add(&mut self, key: &[u8], hash: u64, step: Step) -> u32 {
        let known = &mut self.known;
        known.table.find(step, hash, |number| known.of(number) == key).unwrap_or_else(|at| {
            let entry = Entry { start: known.bytes.len(), len: key.len() as u32 };
            known.bytes.extend_from_slice(key);
            let number = self.free.pop().unwrap_or(known.entries.len() as u32);
            known.table.insert(at, hash, number);
            match known.entries.get_mut(number as usize) {
                Some(old) => *old = entry,
                None => known.entries.push(entry),
            }
            number
        })
    }

    /// Lets go of keys; their numbers will be given to others.
    pub(super) fn forget(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let hash = self.hash(self.known.of(number));
            if self.known.table.remove(hash, number) {
                // Its bytes will go; it may be asked to be forgotten again.
                let gone = std::mem::replace(&mut self.known.entries[number as usize], Entry { start: 0, len: 0 });
                self.garbage += gone.len as usize;
                self.free.push(number);
            }
        }
        self.known.forget_near();
        if self.garbage > self.known.bytes.len() / 2 {
            self.compact();
        }
        self.known.table.shrink();
    }

    /// Lets go of all keys; numbers begin anew.
    pub(super) fn clear(&mut self) {
        (self.known, self.garbage) = (Bytes::default(), 0);
        (self.free, self.seen) = (Vec::new(), Vec::new());
    }

    fn compact(&mut self) {
        let Bytes { entries, bytes: old, .. } = &mut self.known;
        let mut bytes = Vec::with_capacity(old.len() - self.garbage);
        for entry in entries.iter_mut().filter(|entry| entry.len > 0) {
            let start = bytes.len();
            bytes.extend_from_slice(&old[entry.start..entry.start + entry.len as usize]);
            entry.start = start;
        }
        *old = bytes;
        self.garbage = 0;
    }

    /// The keys of these numbers, a column for each of `by`.
    pub(super) fn columns(&mut self, numbers: &[u32]) -> Vec<ArrayRef> {
        if let [dtype] = &self.types[..]
            && dtype.is_text()
        {
            return vec![self.coded(numbers)];
        }
        let mut cursors: Vec<&[u8]> = numbers.iter().map(|&number| self.known.of(number)).collect();
        self.types.iter().map(|dtype| decode(dtype, &mut cursors)).collect()
    }

    /// The keys of a single text column, coded in the order in which they first appear.
    fn coded(&mut self, numbers: &[u32]) -> ArrayRef {
        let mut seen = std::mem::take(&mut self.seen);
        seen.resize(self.len(), 0);
        let (mut values, mut distinct, mut null) = (StringBuilder::new(), Vec::new(), None);
        let mut add = |number: u32| {
            distinct.push(number);
            match split(&mut self.known.of(number), None) {
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
