//! [`Bytes`]: keys that are stored as bytes, and how texts are looked up among them.

use std::hash::BuildHasher;
use std::ops::Range;

use arrow_array::{Array, ArrayRef};
use foldhash::fast::RandomState;

use super::near::{Near, Word};
use super::numbers::{GROUP, NONE, Numbers, Step};
use super::search::{Found, Known, Left};
use crate::column::Texts;
use crate::prefetch::prefetch;

/// Where a text begins in the bytes of a key that is nothing else: behind the tag and the length.
pub(super) const TEXT: usize = 5;

/// Bytes, and where in them a text starts and how long it is.
pub(super) type Span<'a> = (&'a [u8], usize, usize);

/// Keys with numbers.
#[derive(Default)]
pub(super) struct Bytes {
    pub(super) table: Numbers,
    pub(super) hasher: RandomState,
    /// Where each key's bytes lie.
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: Vec<u8>,
    /// The numbers of keys that are texts of up to 7 bytes, and of up to 15.
    short: Near<u64>,
    long: Near<u128>,
}

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) start: usize,
    pub(super) len: u32,
}

/// A row whose text, or null, is not near.
struct Far<'a> {
    /// Where it is in its group.
    at: usize,
    text: Option<Span<'a>>,
    hash: u64,
    /// The number that is probably its own, how far the search for it came in the table, and where the bytes of that
    /// number lie.
    first: u32,
    step: Step,
    entry: Option<Entry>,
}

impl<'a> Far<'a> {
    fn new(at: usize, text: Option<Span<'a>>) -> Self {
        Self { at, text, hash: 0, first: NONE, step: Step::default(), entry: None }
    }
}

/// Whether a text, or null, can be near.
fn is_short(text: Option<Span<'_>>) -> bool {
    text.is_none_or(|(_, _, len)| len < 16)
}

impl Known for Bytes {
    /// A column of texts.
    type Rows = ArrayRef;

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn find(&self, column: &ArrayRef, piece: Range<usize>) -> Found {
        match (Texts::of(column), column.logical_nulls()) {
            // How texts lie is asked once, not by each row.
            (Texts::Plain(texts), None) => self.find_each(piece, |row| Some(Texts::Plain(texts).span(row))),
            (Texts::View(texts), None) => self.find_each(piece, |row| Some(Texts::View(texts).span(row))),
            (texts, None) => self.find_each(piece, |row| Some(texts.span(row))),
            (texts, Some(nulls)) => self.find_each(piece, |row| nulls.is_valid(row).then(|| texts.span(row))),
        }
    }
}

impl Bytes {
    /// Roughly how much memory they take.
    pub(super) fn memory(&self) -> usize {
        self.table.memory()
            + size_of_val(&self.entries[..])
            + self.bytes.len()
            + self.short.memory()
            + self.long.memory()
    }

    /// The bytes of a key.
    pub(super) fn of(&self, number: u32) -> &[u8] {
        let entry = self.entries[number as usize];
        &self.bytes[entry.start..entry.start + entry.len as usize]
    }

    /// Looks each row's text, or null, up. Most are short and near, so that a word is all that is looked up; the
    /// others are looked up together, and left to be brought near if they are short.
    #[inline(always)]
    fn find_each<'a>(&self, piece: Range<usize>, text: impl Fn(usize) -> Option<Span<'a>>) -> Found {
        let (mut numbers, mut left) = (vec![NONE; piece.len()], Vec::new());
        let mut far = Vec::with_capacity(GROUP);
        for (from, numbers) in piece.clone().step_by(GROUP).zip(numbers.chunks_mut(GROUP)) {
            if self.find_near(from, &text, numbers) > 0 {
                far.clear();
                let missed = (0..numbers.len()).filter(|&at| numbers[at] == NONE);
                far.extend(missed.map(|at| Far::new(at, text(from + at))));
                self.find_far(&mut far, numbers);
                let rest = far.iter().filter(|far| numbers[far.at] == NONE || is_short(far.text));
                left.extend(rest.map(|far| Left {
                    row: from - piece.start + far.at,
                    hash: far.hash,
                    step: far.step,
                }));
            }
        }
        Found { numbers, left }
    }

    /// Looks the texts of rows from this one on up among those that are near; tells how many are not. It stands by
    /// itself, so that its loop has the registers for itself.
    #[inline(never)]
    fn find_near<'a>(&self, from: usize, text: impl Fn(usize) -> Option<Span<'a>>, numbers: &mut [u32]) -> usize {
        let mut missed = 0;
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = self.near(text(from + at));
            missed += usize::from(*number == NONE);
        }
        missed
    }

    /// The number of a text, or of null, if it is near; else [`NONE`].
    #[inline(always)]
    pub(super) fn near(&self, text: Option<Span<'_>>) -> u32 {
        match text {
            None => self.short.get(u64::NULL),
            Some((bytes, start, len @ 0..8)) => self.short.get(u64::of(bytes, start, len)),
            Some((bytes, start, len @ 8..16)) => self.long.get(u128::of(bytes, start, len)),
            Some(_) => NONE,
        }
    }

    /// Brings a text, or null, near, if it is short.
    pub(super) fn put_near(&mut self, text: Option<Span<'_>>, number: u32) {
        match text {
            None => self.short.put(u64::NULL, number),
            Some((bytes, start, len @ 0..8)) => self.short.put(u64::of(bytes, start, len), number),
            Some((bytes, start, len @ 8..16)) => self.long.put(u128::of(bytes, start, len), number),
            Some(_) => {}
        }
    }

    /// Has nothing near any more.
    pub(super) fn forget_near(&mut self) {
        (self.short, self.long) = (Near::default(), Near::default());
    }

    /// Looks texts up, step by step for all of them.
    fn find_far(&self, far: &mut [Far<'_>], numbers: &mut [u32]) {
        for far in far.iter_mut() {
            far.hash = self.hash(far.text);
            self.table.ask(far.hash);
        }
        for far in far.iter_mut() {
            (far.first, far.step) = self.table.first(far.hash);
            prefetch(&self.entries, far.first as usize);
        }
        for far in far.iter_mut() {
            far.entry = self.entries.get(far.first as usize).copied();
            far.entry.iter().for_each(|entry| prefetch(&self.bytes, entry.start));
        }
        for far in far.iter() {
            if far.entry.is_some_and(|entry| self.is_text(entry, far.text)) {
                numbers[far.at] = far.first;
            }
        }
    }

    /// The hash of a text, or of null.
    fn hash(&self, text: Option<Span<'_>>) -> u64 {
        self.hasher.hash_one(text.map_or(&[][..], |(bytes, start, len)| &bytes[start..start + len]))
    }

    /// Whether the bytes that lie there are those of a text.
    fn is_text(&self, entry: Entry, text: Option<Span<'_>>) -> bool {
        text.is_some_and(|(bytes, start, len)| {
            entry.len as usize == TEXT + len
                && self.bytes[entry.start + TEXT..][..len] == bytes[start..start + len]
        })
    }
}
