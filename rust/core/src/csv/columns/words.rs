//! [`Words`]: the distinct texts of a column, numbered in order of first appearance.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use super::super::simd::{Four, Isa, ODD};

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

/// The codes of keys of so many words.
#[derive(Debug)]
struct Buckets<const N: usize> {
    buckets: Vec<Bucket<N>>,
    /// What to shift a hash by, to get a bucket.
    shift: u32,
    used: usize,
}

/// Four keys, the first words of all before the second ones, and their codes.
#[derive(Clone, Debug)]
struct Bucket<const N: usize> {
    keys: [[u64; 4]; N],
    codes: [i32; 4],
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
        let bucket = Bucket { keys: [[EMPTY; 4]; N], codes: [0; 4] };
        Self { buckets: vec![bucket; size], shift: 64 - size.trailing_zeros(), used: 0 }
    }

    fn clear(&mut self) {
        if self.used > 0 {
            self.buckets.iter_mut().for_each(|bucket| bucket.keys = [[EMPTY; 4]; N]);
            self.used = 0;
        }
    }

    /// The code of a key; else the bucket that has room for it.
    #[inline(always)]
    fn find<I: Isa>(&self, isa: I, key: [u64; N]) -> Result<i32, usize> {
        let mut at = self.bucket(key);
        loop {
            let Bucket { keys, codes } = &self.buckets[at];
            let mut found = isa.among(&keys[0], key[0]);
            if N > 1 {
                found &= isa.among(&keys[N - 1], key[N - 1]);
            }
            if found != 0 {
                return Ok(codes[(found.trailing_zeros() & 3) as usize]);
            }
            if keys[N - 1][3] == EMPTY {
                return Err(at);
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// Where a key belongs.
    #[inline(always)]
    fn bucket(&self, key: [u64; N]) -> usize {
        let mut hash = 0_u64;
        for word in key {
            hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        (hash >> self.shift) as usize
    }

    /// Adds a key to the bucket that has room for it.
    fn add(&mut self, key: [u64; N], code: i32, at: usize) {
        self.put(key, code, at);
        self.used += 1;
        if self.used > self.buckets.len() {
            self.grow();
        }
    }

    /// Puts a key in a bucket that has room. Buckets fill from the front and never lose keys.
    fn put(&mut self, key: [u64; N], code: i32, at: usize) {
        let Bucket { keys, codes } = &mut self.buckets[at];
        let place = keys[N - 1].iter().position(|&key| key == EMPTY).unwrap_or(3);
        for (keys, key) in keys.iter_mut().zip(key) {
            keys[place] = key;
        }
        codes[place] = code;
    }

    fn grow(&mut self) {
        let size = 2 * self.buckets.len();
        let old = std::mem::replace(self, Self { used: self.used, ..Self::new(size) });
        for Bucket { keys, codes } in &old.buckets {
            for place in (0..4).filter(|&place| keys[N - 1][place] != EMPTY) {
                let key = keys.map(|keys| keys[place]);
                let mut at = self.bucket(key);
                while self.buckets[at].keys[N - 1][3] != EMPTY {
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
        let buckets = self.short.buckets.len() + self.middle.buckets.len();
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

    /// The code of a text.
    pub fn code_of<I: Isa>(&mut self, isa: I, text: &[u8]) -> i32 {
        self.code(isa, padded(text), text.len() as u32, || text).unwrap_or_else(|| self.long_code(text))
    }

    /// The code of a text of `len` bytes, of which `word` has the first eight, with rubbish behind;
    /// `None` if it is empty or [`ODD`]. `rest` is the text and what stands behind it, if anything.
    /// Codes equal to [`Words::len`] before the call are new.
    #[inline(always)]
    pub fn code<'a, I: Isa>(&mut self, isa: I, word: u64, len: u32, rest: impl Fn() -> &'a [u8]) -> Option<i32> {
        let bytes = len as usize;
        Some(match len {
            2..8 => self.word(isa, few(word, bytes), bytes, rest),
            9..17 => self.longer(isa, word, bytes, rest()),
            1 => match self.single(word) {
                NONE => self.add_single(rest()),
                code => code,
            },
            8 if is_no_few(word) => self.word(isa, word, bytes, rest),
            0 | ODD => return None,
            _ => self.long_code(&rest()[..bytes]),
        })
    }

    /// Notes the codes of four texts and is true, if they are flags and the like: known ones of one byte each.
    #[inline(always)]
    pub fn singles(&self, four: &Four, codes: &mut [i32; 4]) -> bool {
        if four.lens != [1; 4] {
            return false;
        }
        let [a, b, c, d] = four.words;
        *codes = [self.single(a), self.single(b), self.single(c), self.single(d)];
        codes[0] | codes[1] | codes[2] | codes[3] >= 0
    }

    /// The code of the text of a word's first byte.
    #[inline(always)]
    fn single(&self, word: u64) -> i32 {
        self.single[word as usize & 0xff]
    }

    /// The code of a text that is this key.
    #[inline(always)]
    fn word<'a, I: Isa>(&mut self, isa: I, key: u64, len: usize, rest: impl Fn() -> &'a [u8]) -> i32 {
        match self.short.find(isa, [key]) {
            Ok(code) => code,
            Err(at) => self.add_short(&rest()[..len], key, at),
        }
    }

    /// The code of a text of 9 to 16 bytes.
    #[inline(always)]
    fn longer<I: Isa>(&mut self, isa: I, word: u64, len: usize, rest: &[u8]) -> i32 {
        let second = match rest.first_chunk::<16>() {
            Some([_, _, _, _, _, _, _, _, second @ ..]) => u64::from_le_bytes(*second),
            None => padded(&rest[8..]),
        };
        let second = match len {
            16 if is_no_few(second) => second,
            16 => return self.long_code(&rest[..len]),
            _ => few(second, len - 8),
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

/// The last bytes of a text, 1 to 7 of them, as a word that no other bytes give.
#[inline(always)]
fn few(word: u64, len: usize) -> u64 {
    word & !(u64::MAX << (8 * len)) | (len as u64) << 56
}

/// Whether eight bytes do not look like fewer. Those that do are not worth a place of their own.
#[inline(always)]
fn is_no_few(word: u64) -> bool {
    word >> 59 != 0
}

/// The first eight bytes of a text, or fewer.
#[cold]
fn padded(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
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
                let code = match words.code(Scalar, u64::from_le_bytes(word), text.len() as u32, || &padded[..]) {
                    Some(code) => code,
                    None => words.code_of(Scalar, text),
                };
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
