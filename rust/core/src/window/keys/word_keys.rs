//! [`WordKeys`]: keys of one column whose values are words of 64 bits.

use std::hash::BuildHasher;

use arrow_buffer::NullBuffer;
use foldhash::fast::RandomState;

use super::numbers::{GROUP, Numbers};

/// All words that are held, by number.
#[derive(Default)]
pub(crate) struct WordKeys {
    table: Numbers,
    hasher: RandomState,
    /// The word of each number; of null, or of a number that is free, any.
    words: Vec<i64>,
    null: Option<u32>,
    free: Vec<u32>,
}

impl WordKeys {
    /// How many numbers have been given out.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// How many keys are held.
    pub(super) fn held(&self) -> usize {
        self.words.len() - self.free.len()
    }

    /// Roughly how much memory they take.
    pub(super) fn memory(&self) -> usize {
        self.table.memory() + size_of_val(&self.words[..]) + self.free.capacity() * 4
    }

    /// The word of a number; `None` for null.
    pub(super) fn word(&self, number: u32) -> Option<i64> {
        (self.null != Some(number)).then(|| self.words[number as usize])
    }

    /// The number of each row's key.
    pub(super) fn number(&mut self, words: &[i64], nulls: Option<&NullBuffer>) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(words.len());
        if let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) {
            numbers.extend(words.iter().zip(nulls).map(|(&word, is_valid)| match is_valid {
                true => self.find_or_add(word, self.hasher.hash_one(word)),
                false => self.of_null(),
            }));
            return numbers;
        }
        let (groups, rest) = words.as_chunks::<GROUP>();
        groups.iter().for_each(|words| self.number_group(words, &mut numbers));
        numbers.extend(rest.iter().map(|&word| self.find_or_add(word, self.hasher.hash_one(word))));
        numbers
    }

    /// The numbers of a group of words, step by step for all of them.
    fn number_group(&mut self, words: &[i64; GROUP], numbers: &mut Vec<u32>) {
        let hashes = words.map(|word| self.hasher.hash_one(word));
        let begun = hashes.map(|hash| self.table.begin(hash));
        let firsts: [u32; GROUP] = std::array::from_fn(|at| self.table.first(begun[at], hashes[at]));
        let found = firsts.map(|first| self.words.get(first as usize).copied());
        for at in 0..GROUP {
            let is_it = found[at] == Some(words[at]);
            numbers.push(if is_it { firsts[at] } else { self.find_or_add(words[at], hashes[at]) });
        }
    }

    /// The number of a word, or of null.
    pub(super) fn number_one(&mut self, word: Option<i64>) -> u32 {
        match word {
            Some(word) => self.find_or_add(word, self.hasher.hash_one(word)),
            None => self.of_null(),
        }
    }

    fn find_or_add(&mut self, word: i64, hash: u64) -> u32 {
        let words = &self.words;
        self.table.find(hash, |number| words[number as usize] == word).unwrap_or_else(|at| {
            let number = self.take(word);
            self.table.insert(at, hash, number);
            number
        })
    }

    fn of_null(&mut self) -> u32 {
        self.null.unwrap_or_else(|| {
            let number = self.take(0);
            self.null = Some(number);
            number
        })
    }

    /// A number for a word.
    fn take(&mut self, word: i64) -> u32 {
        let number = self.free.pop().unwrap_or(self.words.len() as u32);
        match self.words.get_mut(number as usize) {
            Some(old) => *old = word,
            None => self.words.push(word),
        }
        number
    }

    /// Lets go of keys; their numbers will be given to others.
    pub(super) fn forget(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let was_null = self.null.take_if(|null| *null == number).is_some();
            // It may be asked to be forgotten again.
            if was_null || self.table.remove(self.hasher.hash_one(self.words[number as usize]), number) {
                self.free.push(number);
            }
        }
        self.table.shrink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_numbers_until_they_are_forgotten() {
        let mut keys = WordKeys::default();
        let words: Vec<i64> = (0..1000).map(|i| (i % 400) * (1 << 40) - 7).collect();
        let numbers = keys.number(&words, None);
        assert!(numbers.iter().zip(0..).all(|(&number, row)| number == row % 400));
        let valid: NullBuffer = (0..4).map(|row| row % 2 > 0).collect::<Vec<_>>().into();
        assert_eq!(keys.number(&words[..4], Some(&valid)), [400, 1, 400, 3]);
        assert_eq!((keys.word(400), keys.word(3), keys.held()), (None, Some(words[3]), 401));
        keys.forget([3, 400, 3, 400].into_iter());
        assert_eq!((keys.held(), keys.len()), (399, 401));
        // A word that looks like the one that null had.
        assert_eq!(keys.number(&[5, words[3], words[4]], None), [400, 3, 4]);
        assert_eq!(keys.number(&[0], Some(&vec![false].into())), [401]);
    }
}
