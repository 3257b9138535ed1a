//! [`Words`]: the numbers of keys that are short texts, each looked up as one machine word.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// A short text as a number that no other text has: its bytes, and on top how many they are.
pub(super) trait Word: Copy + Eq + std::hash::Hash {
    /// The word of null.
    const NULL: Self;
    /// No word.
    const NONE: Self;

    /// The word of these bytes, which are fewer than a word has.
    fn of(bytes: &[u8], start: usize, len: usize) -> Self;

    /// 64 bits to make a hash of.
    fn folded(self) -> u64;
}

macro_rules! word {
    ($word:ty, $bytes:literal, $folded:expr) => {
        impl Word for $word {
            const NULL: Self = Self::MAX;
            const NONE: Self = Self::MAX - 1;

            #[inline(always)]
            fn of(bytes: &[u8], start: usize, len: usize) -> Self {
                let word = match bytes[start..].first_chunk::<$bytes>() {
                    Some(bytes) => Self::from_le_bytes(*bytes) & ((1 << (8 * len)) - 1),
                    None => {
                        let mut padded = [0; $bytes];
                        padded[..len].copy_from_slice(&bytes[start..start + len]);
                        Self::from_le_bytes(padded)
                    }
                };
                word | (len as Self) << (Self::BITS - 8)
            }

            #[inline(always)]
            fn folded(self) -> u64 {
                $folded(self)
            }
        }
    };
}

word!(u64, 8, |word| word);
word!(u128, 16, |word: u128| word as u64 ^ (word >> 64) as u64);

/// How many pairs of words are kept near, so that they stay in the first-level cache: a power of two.
const NEAR: usize = 512;

/// The numbers of keys that are short texts.
pub(super) struct Words<W> {
    all: HashMap<W, u32, RandomState>,
    /// Those used last, in pairs of one hash.
    near: Vec<([W; 2], [u32; 2])>,
}

impl<W> Default for Words<W> {
    fn default() -> Self {
        Self { all: HashMap::default(), near: Vec::new() }
    }
}

impl<W: Word> Words<W> {
    /// The number of a word; that of a new one is made.
    #[inline(always)]
    pub(super) fn number(&mut self, word: W, make: impl FnOnce() -> u32) -> u32 {
        let at = (word.folded().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize & (NEAR - 1);
        match self.near.get(at) {
            Some((words, numbers)) if words[0] == word || words[1] == word => {
                if words[0] == word {
                    numbers[0]
                } else {
                    numbers[1]
                }
            }
            _ => self.far(at, word, make),
        }
    }

    #[inline(never)]
    fn far(&mut self, at: usize, word: W, make: impl FnOnce() -> u32) -> u32 {
        let number = *self.all.entry(word).or_insert_with(make);
        if self.near.is_empty() {
            self.near = vec![([W::NONE; 2], [0; 2]); NEAR];
        }
        let (words, numbers) = &mut self.near[at];
        (*words, *numbers) = ([word, words[0]], [number, numbers[0]]);
        number
    }

    /// Roughly how much memory they take.
    pub(super) fn memory(&self) -> usize {
        self.all.allocation_size() + size_of_val(&self.near[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_told_from_every_other() {
        let texts: [&[u8]; 7] = [b"", b"\0", b"\0\0", b"a", b"a\0", b"\0a", b"1234567"];
        let padded = |text: &[u8]| [text, b"rubbish that follows"].concat();
        for (i, a) in texts.iter().enumerate() {
            assert_eq!(u64::of(a, 0, a.len()), u64::of(&padded(a), 0, a.len()));
            assert_eq!(u128::of(a, 0, a.len()), u128::of(&padded(a), 0, a.len()));
            for b in &texts[i + 1..] {
                assert_ne!(u64::of(a, 0, a.len()), u64::of(b, 0, b.len()));
                assert_ne!(u128::of(a, 0, a.len()), u128::of(b, 0, b.len()));
            }
        }
    }

    #[test]
    fn a_number_is_made_once_however_many_words_there_are() {
        let mut words = Words::<u64>::default();
        for round in 0..3 {
            for i in 0..5_000 {
                let made = words.number(i * i, || i as u32);
                assert_eq!(made, i as u32, "round {round}");
            }
        }
    }
}
