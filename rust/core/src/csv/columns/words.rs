//! [`Words`]: the distinct texts of a column, numbered in order of first appearance.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use super::super::simd::Isa;

/// The distinct texts of a column, numbered in order of first appearance.
///
/// Most are short: a text of up to 15 bytes is one integer or two, looked up among four in one step.
#[derive(Debug)]
pub(crate) struct Words {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    /// The codes of texts of one byte; [`NONE`] where there is none yet.
    single: Box<[i32; 256]>,
    /// Texts of up to 8 bytes, and of up to 16.
    short: Buckets<1>,
    middle: Buckets<2>,
    long: HashTable<i32>,
}

/// The codes of keys of so many words, in buckets of four.
#[derive(Debug)]
struct Buckets<const N: usize> {
    keys: Vec<[[u64; 4]; N]>,
    codes: Vec<[i32; 4]>,
    used: usize,
}

const NONE: i32 = -1;
/// No key ends in this; buckets of four are filled to a quarter, so that they seldom overflow.
const EMPTY: u64 = 0;
const BUCKETS: usize = 256;
const HASHER: FixedState = FixedState::with_seed(0x7269_6c6c_6574);

impl Default for Words {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            single: Box::new([NONE; 256]),
            short: Buckets::new(BUCKETS),
            middle: Buckets::new(BUCKETS),
            long: HashTable::new(),
        }
    }
}

impl<const N: usize> Buckets<N> {
    fn new(size: usize) -> Self {
        Self { keys: vec![[[EMPTY; 4]; N]; size], codes: vec![[0; 4]; size], used: 0 }
    }

    fn clear(&mut self) {
        if self.used > 0 {
            self.keys.fill([[EMPTY; 4]; N]);
            self.used = 0;
        }
    }

    /// The code of a key; else the bucket that has room for it.
    #[inline(always)]
    fn find<I: Isa>(&self, isa: I, key: [u64; N]) -> Result<i32, usize> {
        let mut at = bucket(key, self.keys.len());
        loop {
            let keys = &self.keys[at];
            let mut found = isa.among(&keys[0], key[0]);
            if N > 1 {
                found &= isa.among(&keys[N - 1], key[N - 1]);
            }
            if found != 0 {
                return Ok(self.codes[at][found.trailing_zeros() as usize]);
            }
            if keys[N - 1][3] == EMPTY {
                return Err(at);
            }
            at = (at + 1) & (self.keys.len() - 1);
        }
    }

    /// Adds a key to the bucket that has room for it.
    fn add(&mut self, key: [u64; N], code: i32, at: usize) {
        self.put(key, code, at);
        self.used += 1;
        if self.used > self.keys.len() {
            self.grow();
        }
    }

    /// Puts a key in a bucket that has room. Buckets fill from the front and never lose keys.
    fn put(&mut self, key: [u64; N], code: i32, at: usize) {
        let place = self.keys[at][N - 1].iter().position(|&key| key == EMPTY).unwrap_or(3);
        for (keys, key) in self.keys[at].iter_mut().zip(key) {
            keys[place] = key;
        }
        self.codes[at][place] = code;
    }

    fn grow(&mut self) {
        let size = 2 * self.keys.len();
        let old = std::mem::replace(self, Self { used: self.used, ..Self::new(size) });
        for (keys, codes) in old.keys.iter().zip(&old.codes) {
            for place in (0..4).filter(|&place| keys[N - 1][place] != EMPTY) {
                let key = keys.map(|keys| keys[place]);
                let mut at = bucket(key, size);
                while self.keys[at][N - 1][3] != EMPTY {
                    at = (at + 1) & (size - 1);
                }
                self.put(key, codes[place], at);
            }
        }
    }
}

impl Words {
    /// Forgets all texts, and keeps the memory unless it is much.
    pub fn clear(&mut self) {
        let buckets = self.short.keys.len() + self.middle.keys.len();
        if buckets > 16 * BUCKETS || self.long.capacity() > 1 << 16 || self.bytes.capacity() > 1 << 22 {
            *self = Self::default();
            return;
        }
        self.bytes.clear();
        self.ends.clear();
        self.single.fill(NONE);
        self.short.clear();
        self.middle.clear();
        self.long.clear();
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The texts, end to end, and where each one ends.
    pub fn texts(&self) -> (&[u8], &[i32]) {
        (&self.bytes, &self.ends)
    }

    /// The text of a code.
    pub fn get(&self, code: i32) -> &[u8] {
        text(&self.bytes, &self.ends, code)
    }

    /// The code of a text of `len` bytes, of which `word` has the first eight, with rubbish behind.
    /// `rest` is the text and what stands behind it, if anything.
    /// Codes equal to [`Words::len`] before the call are new.
    #[inline(always)]
    pub fn code<'a, I: Isa>(&mut self, isa: I, word: u64, len: usize, rest: impl Fn() -> &'a [u8]) -> i32 {
        if len == 1 {
            let code = self.single[word as usize & 0xff];
            return if code == NONE { self.add_single(rest()) } else { code };
        }
        if let Some(key) = last_word(word, len) {
            return match self.short.find(isa, [key]) {
                Ok(code) => code,
                Err(at) => self.add_short(&rest()[..len], key, at),
            };
        }
        self.longer(isa, word, len, rest())
    }

    /// Appends the codes of texts of one byte each; nothing, and false, if some text is new.
    #[inline(always)]
    pub fn singles(&self, heads: impl Iterator<Item = u64>, codes: &mut Vec<i32>) -> bool {
        let first = codes.len();
        codes.extend(heads.map(|head| self.single[head as usize & 0xff]));
        let known = codes[first..].iter().fold(0, |all, &code| all | code) >= 0;
        if !known {
            codes.truncate(first);
        }
        known
    }

    /// The code of a text that is more than one word.
    #[inline(always)]
    fn longer<I: Isa>(&mut self, isa: I, word: u64, len: usize, rest: &[u8]) -> i32 {
        let second = match rest.get(8..16).and_then(<[u8]>::first_chunk) {
            Some(second) => u64::from_le_bytes(*second),
            None => padded(rest.get(8..).unwrap_or_default()),
        };
        let Some(second) = last_word(second, len.wrapping_sub(8)) else {
            return self.long_code(&rest[..len]);
        };
        match self.middle.find(isa, [word, second]) {
            Ok(code) => code,
            Err(at) => self.add_middle(&rest[..len], [word, second], at),
        }
    }

    fn push(&mut self, whole: &[u8]) -> i32 {
        self.bytes.extend_from_slice(whole);
        self.ends.push(self.bytes.len() as i32);
        self.ends.len() as i32 - 1
    }

    #[cold]
    fn add_single(&mut self, rest: &[u8]) -> i32 {
        let code = self.push(&rest[..1]);
        self.single[usize::from(rest[0])] = code;
        code
    }

    #[cold]
    #[inline(never)]
    fn add_short(&mut self, whole: &[u8], key: u64, at: usize) -> i32 {
        let code = self.push(whole);
        self.short.add([key], code, at);
        code
    }

    #[cold]
    #[inline(never)]
    fn add_middle(&mut self, whole: &[u8], key: [u64; 2], at: usize) -> i32 {
        let code = self.push(whole);
        self.middle.add(key, code, at);
        code
    }

    fn long_code(&mut self, whole: &[u8]) -> i32 {
        let hash = HASHER.hash_one(whole);
        let (bytes, ends) = (&self.bytes, &self.ends);
        if let Some(&code) = self.long.find(hash, |&code| text(bytes, ends, code) == whole) {
            return code;
        }
        let code = self.push(whole);
        let (bytes, ends) = (&self.bytes, &self.ends);
        self.long.insert_unique(hash, code, |&code| HASHER.hash_one(text(bytes, ends, code)));
        code
    }
}

#[inline(always)]
fn text<'a>(bytes: &'a [u8], ends: &[i32], code: i32) -> &'a [u8] {
    let code = code as usize;
    let start = if code == 0 { 0 } else { ends[code - 1] as usize };
    &bytes[start..ends[code] as usize]
}

/// The last bytes of a text, 1 to 8 of them, as a word that no other bytes give. Eight bytes that
/// look like fewer have none: they are not worth a place of their own.
#[inline(always)]
fn last_word(word: u64, len: usize) -> Option<u64> {
    match len {
        1..8 => Some(word & !(u64::MAX << (8 * len)) | (len as u64) << 56),
        8 if word >> 59 != 0 => Some(word),
        _ => None,
    }
}

/// A word of fewer than eight bytes.
#[cold]
fn padded(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Where a key belongs among a power of two of buckets.
#[inline(always)]
fn bucket<const N: usize>(key: [u64; N], buckets: usize) -> usize {
    let mut hash = 0_u64;
    for word in key {
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (hash >> (64 - buckets.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::super::super::simd::Scalar;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_are_in_order_of_first_appearance(
            texts in prop::collection::vec(prop_oneof![
                prop::collection::vec(prop::sample::select(b"\0\x01ab\"".to_vec()), 0..18),
                prop::collection::vec(prop::sample::select(b"\0\x01a".to_vec()), 0..10)
                    .prop_map(|end| [b"aaaaaaaa", &end[..]].concat()),
            ], 0..3000),
        ) {
            let (mut words, mut seen) = (Words::default(), Vec::<Vec<u8>>::new());
            for (i, text) in texts.iter().enumerate() {
                let mut word = [b'x'; 8];
                let head = text.len().min(8);
                word[..head].copy_from_slice(&text[..head]);
                // What stands behind a text must not matter.
                let padded = [text, &b"xxxxxxxx"[..i % 9]].concat();
                let code = words.code(Scalar, u64::from_le_bytes(word), text.len(), || &padded[..]);
                let expected = seen.iter().position(|other| other == text).unwrap_or(seen.len());
                if expected == seen.len() {
                    seen.push(text.clone());
                }
                prop_assert_eq!(code as usize, expected);
                prop_assert_eq!(words.get(code), &text[..]);
            }
        }
    }
}
