//! [`Near`]: the numbers of the short texts that were looked up last, each as one machine word.

use std::hint::select_unpredictable;

use super::numbers::NONE;

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

/// The numbers of short texts, in pairs of one hash.
pub(super) struct Near<W> {
    pairs: Vec<([W; 2], [u32; 2])>,
}

impl<W> Default for Near<W> {
    fn default() -> Self {
        Self { pairs: Vec::new() }
    }
}

impl<W: Word> Near<W> {
    /// The number of a word, if it is near; else [`NONE`]. In which half of a pair it is nobody could predict.
    #[inline(always)]
    pub(super) fn get(&self, word: W) -> u32 {
        let Some((words, numbers)) = self.pairs.get(place(word)) else { return NONE };
        let second = select_unpredictable(words[1] == word, numbers[1], NONE);
        select_unpredictable(words[0] == word, numbers[0], second)
    }

    /// Has a word near, in place of the one of its hash that was put there before the last.
    pub(super) fn put(&mut self, word: W, number: u32) {
        if self.pairs.is_empty() {
            self.pairs = vec![([W::NONE; 2], [0; 2]); NEAR];
        }
        let (words, numbers) = &mut self.pairs[place(word)];
        (*words, *numbers) = ([word, words[0]], [number, numbers[0]]);
    }

    /// How much memory they take.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&self.pairs[..])
    }
}

/// Where a word is, if it is near.
#[inline(always)]
fn place(word: impl Word) -> usize {
    (word.folded().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize & (NEAR - 1)
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
    fn the_last_two_words_of_a_place_are_near() {
        let mut near = Near::<u64>::default();
        assert_eq!(near.get(3), NONE);
        let same: Vec<u64> = (0..100_000).filter(|&word| place(word) == place(3u64)).take(3).collect();
        same.iter().for_each(|&word| near.put(word, word as u32 + 1));
        assert_eq!(near.get(same[0]), NONE);
        same[1..].iter().for_each(|&word| assert_eq!(near.get(word), word as u32 + 1));
    }
}
