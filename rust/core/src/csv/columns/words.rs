//! [`Words`]: the distinct texts of a column, numbered in order of first appearance.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use super::super::simd::Isa;

/// The distinct texts of a column, numbered in order of first appearance.
///
/// Most are short: a text of up to eight bytes is one integer, looked up among four in one step.
#[derive(Debug)]
pub(crate) struct Words {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    /// The codes of texts of one byte; [`NONE`] where there is none yet.
    single: Box<[i32; 256]>,
    short: Vec<[u64; 4]>,
    short_codes: Vec<[i32; 4]>,
    shorts: usize,
    long: HashTable<i32>,
}

const NONE: i32 = -1;
/// No key is this; buckets of four are filled to a quarter, so that they seldom overflow.
const EMPTY: u64 = 0;
const BUCKETS: usize = 256;
const HASHER: FixedState = FixedState::with_seed(0x7269_6c6c_6574);

impl Default for Words {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            single: Box::new([NONE; 256]),
            short: vec![[EMPTY; 4]; BUCKETS],
            short_codes: vec![[0; 4]; BUCKETS],
            shorts: 0,
            long: HashTable::new(),
        }
    }
}

impl Words {
    /// Forgets all texts, and keeps the memory unless it is much.
    pub fn clear(&mut self) {
        if self.short.len() > 16 * BUCKETS || self.long.capacity() > 1 << 16 || self.bytes.capacity() > 1 << 22 {
            *self = Self::default();
            return;
        }
        self.bytes.clear();
        self.ends.clear();
        self.single.fill(NONE);
        self.short.fill([EMPTY; 4]);
        self.shorts = 0;
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

    /// The code of a text of some bytes, of which `word` has the first eight, with rubbish behind.
    /// Codes equal to [`Words::len`] before the call are new.
    #[inline(always)]
    pub fn code<'a, I: Isa>(&mut self, isa: I, word: u64, len: usize, whole: impl Fn() -> &'a [u8]) -> i32 {
        if len == 1 {
            let code = self.single[word as usize & 0xff];
            return if code == NONE { self.add_single(whole()) } else { code };
        }
        let key = match len {
            2..8 => word & !(u64::MAX << (8 * len)) | (len as u64) << 56,
            8 if word >> 59 != 0 => word,
            // Texts of eight bytes that look like shorter ones are not worth a place of their own.
            _ => return self.long_code(whole()),
        };
        let mut at = bucket(key, self.short.len());
        loop {
            let found = isa.among(&self.short[at], key);
            if found != 0 {
                return self.short_codes[at][found.trailing_zeros() as usize];
            }
            if self.short[at][3] == EMPTY {
                return self.add_short(whole(), key, at);
            }
            at = (at + 1) & (self.short.len() - 1);
        }
    }

    fn push(&mut self, whole: &[u8]) -> i32 {
        self.bytes.extend_from_slice(whole);
        self.ends.push(self.bytes.len() as i32);
        self.ends.len() as i32 - 1
    }

    #[cold]
    fn add_single(&mut self, whole: &[u8]) -> i32 {
        let code = self.push(whole);
        self.single[usize::from(whole[0])] = code;
        code
    }

    #[cold]
    #[inline(never)]
    fn add_short(&mut self, whole: &[u8], key: u64, at: usize) -> i32 {
        let code = self.push(whole);
        self.put(key, code, at);
        self.shorts += 1;
        if self.shorts > self.short.len() {
            self.grow();
        }
        code
    }

    /// Puts a key in a bucket that has room. Buckets fill from the front and never lose keys.
    fn put(&mut self, key: u64, code: i32, at: usize) {
        let place = self.short[at].iter().position(|&key| key == EMPTY).unwrap_or(3);
        self.short[at][place] = key;
        self.short_codes[at][place] = code;
    }

    fn grow(&mut self) {
        let size = 2 * self.short.len();
        let keys = std::mem::replace(&mut self.short, vec![[EMPTY; 4]; size]);
        let codes = std::mem::replace(&mut self.short_codes, vec![[0; 4]; size]);
        for (&key, &code) in keys.iter().flatten().zip(codes.iter().flatten()) {
            if key != EMPTY {
                let mut at = bucket(key, size);
                while self.short[at][3] != EMPTY {
                    at = (at + 1) & (size - 1);
                }
                self.put(key, code, at);
            }
        }
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

/// Where a key belongs among a power of two of buckets.
#[inline(always)]
fn bucket(key: u64, buckets: usize) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - buckets.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::super::super::simd::Scalar;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_are_in_order_of_first_appearance(
            texts in prop::collection::vec(prop::collection::vec(prop::sample::select(b"\0\x01ab\"".to_vec()), 0..18), 0..3000),
        ) {
            let (mut words, mut seen) = (Words::default(), Vec::<Vec<u8>>::new());
            for text in &texts {
                let mut word = [b'x'; 8];
                let head = text.len().min(8);
                word[..head].copy_from_slice(&text[..head]);
                let code = words.code(Scalar, u64::from_le_bytes(word), text.len(), || text);
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
