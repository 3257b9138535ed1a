//! [`Dense`]: the numbers of words that lie close together, as identifiers mostly do.
//!
//! Each stands at its word's distance from the first, so that no hash is worked out and no word compared.

use super::numbers::NONE;
use crate::prefetch::{AHEAD, prefetch};

/// How many words there may be for each that has a number: four take 16 bytes, as much as a table of hashes does.
const SPREAD: u64 = 4;

/// The numbers of some words.
pub(super) struct Dense {
    /// The word of the first number.
    first: i64,
    /// The number of each word from there on; [`NONE`] if it has none.
    numbers: Vec<u32>,
    held: usize,
}

/// Whether so many words lie close together which are all in a range.
pub(super) fn is_close((least, greatest): (i64, i64), words: usize) -> bool {
    greatest.abs_diff(least) < SPREAD.saturating_mul(words as u64)
}

impl Dense {
    /// Words and their numbers, all of them in a range, and close together in it.
    pub(super) fn new(range: (i64, i64), words: impl Iterator<Item = (i64, u32)>) -> Self {
        let len = range.1.abs_diff(range.0) as usize + 1;
        let mut dense = Self { first: range.0, numbers: vec![NONE; len], held: 0 };
        words.for_each(|(word, number)| dense.put(word, number));
        dense
    }

    /// Roughly how much memory it takes.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&self.numbers[..])
    }

    fn at(&self, word: i64) -> usize {
        // A word before the first is beyond all others.
        usize::try_from(word.wrapping_sub(self.first) as u64).unwrap_or(usize::MAX)
    }

    /// The number of a word; [`NONE`] if it has none.
    pub(super) fn get(&self, word: i64) -> u32 {
        self.numbers.get(self.at(word)).copied().unwrap_or(NONE)
    }

    /// The numbers of words, appended to others.
    pub(super) fn find(&self, words: &[i64], numbers: &mut Vec<u32>) {
        let mut ahead = words.get(AHEAD..).unwrap_or_default().iter();
        numbers.extend(words.iter().map(|&word| {
            ahead.next().inspect(|&&next| prefetch(&self.numbers, self.at(next)));
            self.get(word)
        }));
    }

    /// Gives a word, which has none, a number. Tells whether it could: if words lie close together with it.
    pub(super) fn add(&mut self, word: i64, number: u32) -> bool {
        let can = self.reach(word);
        if can {
            self.put(word, number);
        }
        can
    }

    /// Makes room for a word; tells whether it could.
    fn reach(&mut self, word: i64) -> bool {
        if self.at(word) < self.numbers.len() {
            return true;
        }
        let last = self.first + (self.numbers.len() - 1) as i64;
        if !is_close((self.first.min(word), last.max(word)), self.held + 1) {
            return false;
        }
        if word < self.first {
            self.begin_at(word);
        } else {
            self.numbers.resize(self.at(word) + 1, NONE);
        }
        true
    }

    /// Begins at an earlier word, or at one before that, so that this is not to be done for each.
    fn begin_at(&mut self, word: i64) {
        let first = word.saturating_sub((self.numbers.len() / 2) as i64);
        let new = self.first.abs_diff(first) as usize;
        self.numbers.splice(..0, std::iter::repeat_n(NONE, new));
        self.first = first;
    }

    fn put(&mut self, word: i64, number: u32) {
        let at = self.at(word);
        self.numbers[at] = number;
        self.held += 1;
    }

    /// Takes the number of a word away, if it is this one.
    pub(super) fn remove(&mut self, word: i64, number: u32) -> bool {
        let at = self.at(word);
        let is_it = self.get(word) == number;
        if is_it {
            self.numbers[at] = NONE;
            self.held -= 1;
        }
        is_it
    }

    /// Whether few of the words have numbers.
    pub(super) fn is_sparse(&self) -> bool {
        self.held < self.numbers.len() / 16
    }

    /// The words that have numbers, and those.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, u32)> {
        let words = self.numbers.iter().enumerate().filter(|&(_, &number)| number != NONE);
        words.map(|(at, &number)| (self.first.wrapping_add(at as i64), number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::aggregate::testing::mixed;

    #[test]
    fn it_knows_what_a_map_knows() {
        for first in [i64::MIN, -300, 0, i64::MAX - 599] {
            let (mut state, mut known, mut refused) = (1, BTreeMap::new(), 0);
            let start = first + 300;
            let mut dense = Dense::new((start, start), [(start, 0)].into_iter());
            known.insert(start, 0);
            for number in 1..20_000 {
                // Around the first word, up to a little further than others may be.
                let far = (known.len() as i64 * 3 + 4).min(299);
                let word = start + (mixed(&mut state).rem_euclid(2 * far) - far);
                let (found, range) =
                    (dense.get(word), (dense.first, dense.first + (dense.numbers.len() - 1) as i64));
                assert_eq!(known.get(&word).copied().unwrap_or(NONE), found);
                assert!(!dense.remove(word, number));
                if found != NONE {
                    assert!(
                        mixed(&mut state) % 3 > 0 || dense.remove(word, found) && known.remove(&word).is_some()
                    );
                } else if dense.add(word, number) {
                    known.insert(word, number);
                } else {
                    refused += 1;
                    assert!(!is_close((range.0.min(word), range.1.max(word)), known.len() + 1));
                    assert!(word < range.0 || word > range.1);
                }
                assert_eq!(dense.is_sparse(), known.len() < dense.numbers.len() / 16);
            }
            assert!(known.len() > 100 && refused > 0, "{} {refused}", known.len());
            assert!(dense.iter().eq(known));
        }
    }

    #[test]
    fn words_are_close_that_take_no_more_than_a_table_would() {
        assert!(is_close((7, 7), 1) && is_close((-2, 1), 1) && !is_close((-2, 2), 1));
        assert!(!is_close((i64::MIN, i64::MAX), 1 << 40));
        let many: Vec<i64> = (0..100).chain([-1, 100, i64::MIN, i64::MAX, 50]).collect();
        let dense = Dense::new((0, 99), (0..100).map(|word| (word, word as u32)));
        let mut numbers = Vec::new();
        dense.find(&many, &mut numbers);
        assert_eq!(numbers[..100], (0..100).collect::<Vec<u32>>());
        assert_eq!(numbers[100..], [NONE, NONE, NONE, NONE, 50]);
    }
}
