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
use foldhash::fast::RandomState;

use super::code::{decode, encode, encode_bytes, encode_one, split};
use super::local::Local;
use super::near::{Near, Word};
use super::numbers::{GROUP, NONE, Numbers};
use crate::column::Texts;
use crate::row::Scalar;
use crate::types::DataType;

/// Not numbered yet.
const UNKNOWN: u32 = u32::MAX;

/// Where a text begins in the bytes of a key that is nothing else: behind the tag and the length.
const TEXT: usize = 5;

/// All keys that are held, by number.
pub(crate) struct ByteKeys {
    types: Vec<DataType>,
    table: Numbers,
    hasher: RandomState,
    /// Where each key's bytes lie.
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    garbage: usize,
    free: Vec<u32>,
    encoded: Vec<u8>,
    /// For each number its code in the column that is being made, and 1; 0 if it has none.
    seen: Vec<u32>,
    /// The numbers of keys that are texts of up to 7 bytes, and of up to 15.
    short: Near<u64>,
    long: Near<u128>,
}

/// Bytes, and where in them a text starts and how long it is.
type Span<'a> = (&'a [u8], usize, usize);

/// A row whose text, or null, is not near.
struct Far<'a> {
    row: usize,
    text: Option<Span<'a>>,
    hash: u64,
    /// Where the search for it begins in the table, the number that is probably its own, where its bytes lie, and
    /// whether they are those of the text.
    begun: u64,
    first: u32,
    entry: Option<Entry>,
    is_known: bool,
}

impl<'a> Far<'a> {
    fn new(row: usize, text: Option<Span<'a>>) -> Self {
        Self { row, text, hash: 0, begun: 0, first: NONE, entry: None, is_known: false }
    }

    fn bytes(&self) -> &[u8] {
        self.text.map_or(&[], |(bytes, start, len)| &bytes[start..start + len])
    }
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    len: u32,
}

impl ByteKeys {
    /// No keys, of these types.
    pub(super) fn new(types: Vec<DataType>) -> Self {
        Self {
            types,
            table: Numbers::default(),
            hasher: RandomState::default(),
            entries: Vec::new(),
            bytes: Vec::new(),
            garbage: 0,
            free: Vec::new(),
            encoded: Vec::new(),
            seen: Vec::new(),
            short: Near::default(),
            long: Near::default(),
        }
    }

    /// How many numbers have been given out, to keys that are held or have been.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many keys are held.
    pub(super) fn held(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Roughly how much memory they take.
    pub(super) fn memory(&self) -> usize {
        self.table.memory()
            + size_of_val(&self.entries[..])
            + self.bytes.len()
            + self.free.capacity() * 4
            + size_of_val(&self.seen[..])
            + self.short.memory()
            + self.long.memory()
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
        let near = if text.is_some() { self.near(text) } else { NONE };
        if near != NONE {
            return near;
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        values.iter().for_each(|value| encode_one(*value, &mut encoded));
        let number = self.find_or_add(&encoded, self.hash(&encoded));
        self.encoded = encoded;
        if text.is_some() {
            self.put_near(text, number);
        }
        number
    }

    /// The number of each row's key, which is a text.
    fn number_texts(&mut self, column: &ArrayRef) -> Vec<u32> {
        let (texts, rows) = (Texts::of(column), column.len());
        match (texts, column.logical_nulls()) {
            // How texts lie is asked once, not by each row.
            (Texts::Plain(texts), None) => self.number_each(rows, |row| Some(Texts::Plain(texts).span(row))),
            (Texts::View(texts), None) => self.number_each(rows, |row| Some(Texts::View(texts).span(row))),
            (texts, None) => self.number_each(rows, |row| Some(texts.span(row))),
            (texts, Some(nulls)) => self.number_each(rows, |row| nulls.is_valid(row).then(|| texts.span(row))),
        }
    }

    /// The number of each row's text, or null. Most are short and near, so that a word is all that is looked up; the
    /// others are looked up together.
    #[inline(always)]
    fn number_each<'a>(&mut self, rows: usize, text: impl Fn(usize) -> Option<Span<'a>>) -> Vec<u32> {
        let (mut numbers, mut far) = (vec![NONE; rows], Vec::with_capacity(GROUP));
        for from in (0..rows).step_by(GROUP) {
            let (group, mut missed) = (from..rows.min(from + GROUP), 0);
            for row in group.clone() {
                numbers[row] = self.near(text(row));
                missed += usize::from(numbers[row] == NONE);
            }
            if missed > 0 {
                far.clear();
                far.extend(group.filter(|&row| numbers[row] == NONE).map(|row| Far::new(row, text(row))));
                self.find_far(&mut far, &mut numbers);
            }
        }
        numbers
    }

    /// The number of a text, or of null, if it is near; else [`NONE`].
    #[inline(always)]
    fn near(&self, text: Option<Span<'_>>) -> u32 {
        match text {
            None => self.short.get(u64::NULL),
            Some((bytes, start, len @ 0..8)) => self.short.get(u64::of(bytes, start, len)),
            Some((bytes, start, len @ 8..16)) => self.long.get(u128::of(bytes, start, len)),
            Some(_) => NONE,
        }
    }

    fn put_near(&mut self, text: Option<Span<'_>>, number: u32) {
        match text {
            None => self.short.put(u64::NULL, number),
            Some((bytes, start, len @ 0..8)) => self.short.put(u64::of(bytes, start, len), number),
            Some((bytes, start, len @ 8..16)) => self.long.put(u128::of(bytes, start, len), number),
            Some(_) => {}
        }
    }

    /// Finds the numbers of texts, step by step for all of them.
    fn find_far(&mut self, far: &mut [Far<'_>], numbers: &mut [u32]) {
        far.iter_mut().for_each(|far| far.hash = self.hasher.hash_one(far.bytes()));
        far.iter_mut().for_each(|far| far.begun = self.table.begin(far.hash));
        far.iter_mut().for_each(|far| far.first = self.table.first(far.begun, far.hash));
        far.iter_mut().for_each(|far| far.entry = self.entries.get(far.first as usize).copied());
        far.iter_mut().for_each(|far| far.is_known = far.entry.is_some_and(|entry| self.is_text(entry, far.text)));
        for far in far {
            numbers[far.row] = if far.is_known { far.first } else { self.add_text(far.text, far.hash) };
            self.put_near(far.text, numbers[far.row]);
        }
    }

    /// Whether the bytes that lie there are those of a text.
    fn is_text(&self, entry: Entry, text: Option<Span<'_>>) -> bool {
        text.is_some_and(|(bytes, start, len)| {
            entry.len as usize == TEXT + len
                && self.bytes[entry.start + TEXT..][..len] == bytes[start..start + len]
        })
    }

    /// The number of a text, or of null, that has this hash.
    fn add_text(&mut self, text: Option<Span<'_>>, hash: u64) -> u32 {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        encode_bytes(text.map(|(bytes, start, len)| &bytes[start..start + len]), &mut encoded);
        let number = self.find_or_add(&encoded, hash);
        self.encoded = encoded;
        number
    }

    fn intern(&mut self, columns: &[ArrayRef], row: usize) -> u32 {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        columns.iter().for_each(|column| encode(column, row, &mut encoded));
        let number = self.find_or_add(&encoded, self.hash(&encoded));
        self.encoded = encoded;
        number
    }

    /// The hash of a key. Of one that is a text it is that of the text alone.
    fn hash(&self, key: &[u8]) -> u64 {
        match &self.types[..] {
            [dtype] if dtype.is_text() => self.hasher.hash_one(key.get(TEXT..).unwrap_or_default()),
            _ => self.hasher.hash_one(key),
        }
    }

    fn find_or_add(&mut self, key: &[u8], hash: u64) -> u32 {
        let (entries, bytes) = (&self.entries, &self.bytes);
        self.table.find(hash, |number| bytes_of(entries, bytes, number) == key).unwrap_or_else(|at| {
            let entry = Entry { start: self.bytes.len(), len: key.len() as u32 };
            self.bytes.extend_from_slice(key);
            let number = self.free.pop().unwrap_or(self.entries.len() as u32);
            self.table.insert(at, hash, number);
            match self.entries.get_mut(number as usize) {
                Some(old) => *old = entry,
                None => self.entries.push(entry),
            }
            number
        })
    }

    /// Lets go of keys; their numbers will be given to others.
    pub(super) fn forget(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let hash = self.hash(bytes_of(&self.entries, &self.bytes, number));
            if self.table.remove(hash, number) {
                // Its bytes will go; it may be asked to be forgotten again.
                let gone = std::mem::replace(&mut self.entries[number as usize], Entry { start: 0, len: 0 });
                self.garbage += gone.len as usize;
                self.free.push(number);
            }
        }
        (self.short, self.long) = (Near::default(), Near::default());
        if self.garbage > self.bytes.len() / 2 {
            self.compact();
        }
        self.table.shrink();
    }

    /// Lets go of all keys; numbers begin anew.
    pub(super) fn clear(&mut self) {
        *self = Self::new(std::mem::take(&mut self.types));
    }

    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.garbage);
        for entry in self.entries.iter_mut().filter(|entry| entry.len > 0) {
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[entry.start..entry.start + entry.len as usize]);
            entry.start = start;
        }
        self.bytes = bytes;
        self.garbage = 0;
    }

    /// The keys of these numbers, a column for each of `by`.
    pub(super) fn columns(&mut self, numbers: &[u32]) -> Vec<ArrayRef> {
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
