//! [`WordKeys`]: keys of one column whose values are words of 64 bits.

use std::hash::BuildHasher;
use std::ops::Range;

use arrow_buffer::{NullBuffer, ScalarBuffer};
use foldhash::fast::RandomState;

use super::dense::{self, Dense};
use super::numbers::{GROUP, NONE, Numbers, Step};
use super::search::{Found, Known, Left, Search};
use crate::pool::Pool;
use crate::prefetch::prefetch;

/// All words that are held, by number.
pub(crate) struct WordKeys {
    known: Words,
    search: Search<Words>,
    null: Option<u32>,
    free: Vec<u32>,
}

/// Words with numbers.
#[derive(Default)]
struct Words {
    table: Numbers,
    /// What there is instead of the table where words lie close together.
    dense: Option<Dense>,
    /// The least and the greatest word that has been put into the table, or has left it for `dense`.
    range: Option<(i64, i64)>,
    hasher: RandomState,
    /// The word of each number; of null, or of a number that is free, any.
    words: Vec<i64>,
}

/// The words of rows, where they are not null.
#[derive(Clone)]
struct Rows {
    words: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
}

impl Rows {
    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

impl Known for Words {
    type Rows = Rows;

    fn len(&self) -> usize {
        self.words.len()
    }

    fn find(&self, rows: &Rows, piece: Range<usize>) -> Found {
        let mut found = Found::with_room(piece.len());
        if rows.nulls.is_none() {
            self.find_words(&rows.words[piece], &mut found);
            return found;
        }
        for row in piece {
            match rows.is_null(row) {
                true => found.leave(),
                false => self.find_words(&rows.words[row..=row], &mut found),
            }
        }
        found
    }
}

impl Words {
    fn find_words(&self, words: &[i64], found: &mut Found) {
        if let Some(dense) = &self.dense {
            return self.find_close(dense, words, found);
        }
        let (groups, rest) = words.as_chunks::<GROUP>();
        groups.iter().for_each(|words| self.find_all(words, found));
        rest.iter().for_each(|&word| self.find_all(&[word], found));
    }

    /// Looks words up that lie close together.
    fn find_close(&self, dense: &Dense, words: &[i64], found: &mut Found) {
        let before = found.numbers.len();
        dense.find(words, &mut found.numbers);
        let new = (before..).zip(words).filter(|&(row, _)| found.numbers[row] == NONE);
        found.left.extend(new.map(|(row, &word)| Left { row, hash: self.hash(word), step: Step::default() }));
    }

    /// Looks some words up, step by step for all of them: while one waits for memory, so do the others.
    #[inline(always)]
    fn find_all<const N: usize>(&self, words: &[i64; N], found: &mut Found) {
        let hashes = words.map(|word| self.hash(word));
        hashes.iter().for_each(|&hash| self.table.ask(hash));
        let firsts = hashes.map(|hash| self.table.first(hash));
        firsts.iter().for_each(|&(first, _)| prefetch(&self.words, first as usize));
        let numbers: [u32; N] = std::array::from_fn(|at| match firsts[at] {
            (first, _) if self.words.get(first as usize) == Some(&words[at]) => first,
            _ => NONE,
        });
        let row = found.numbers.len();
        found.numbers.extend_from_slice(&numbers);
        for at in (0..N).filter(|&at| numbers[at] == NONE) {
            found.left.push(Left { row: row + at, hash: hashes[at], step: firsts[at].1 });
        }
    }

    fn hash(&self, word: i64) -> u64 {
        self.hasher.hash_one(word)
    }

    /// The number of a word, if it has one; else where it would go into the table.
    fn find_one(&self, word: i64, hash: u64, step: Step) -> Result<u32, usize> {
        match self.dense.as_ref().map(|dense| dense.get(word)) {
            None => self.table.find(step, hash, |number| self.words[number as usize] == word),
            Some(NONE) => Err(0),
            Some(number) => Ok(number),
        }
    }

    /// Notes the number of a word that has had none.
    fn add(&mut self, word: i64, number: u32, hash: u64, at: usize) {
        if self.dense.is_none() {
            self.gather(word);
        }
        match self.dense.as_mut().map(|dense| dense.add(word, number)) {
            None => self.table.insert(at, hash, number),
            Some(true) => {}
            Some(false) => {
                self.scatter();
                self.insert(word, number);
            }
        }
    }

    /// Has no table any more if it would grow by a word, and all lie close together.
    fn gather(&mut self, word: i64) {
        let range = self.widen(word);
        if self.table.is_full() && dense::is_close(range, self.table.len() + 1) {
            let words = self.table.iter().map(|number| (self.words[number as usize], number));
            (self.dense, self.table) = (Some(Dense::new(range, words)), Numbers::default());
        }
    }

    /// Takes a word into the range.
    fn widen(&mut self, word: i64) -> (i64, i64) {
        let (least, greatest) = self.range.unwrap_or((word, word));
        *self.range.insert((least.min(word), greatest.max(word)))
    }

    /// Has words in the table that do not lie close together any more.
    fn scatter(&mut self) {
        let Some(dense) = self.dense.take() else { return };
        self.range = None;
        dense.iter().for_each(|(word, number)| self.insert(word, number));
    }

    /// Puts a word, which is not there, into the table.
    fn insert(&mut self, word: i64, number: u32) {
        self.widen(word);
        let hash = self.hash(word);
        if let Err(at) = self.table.find(Step::default(), hash, |_| false) {
            self.table.insert(at, hash, number);
        }
    }

    /// Takes a number from a word, if it has it.
    fn remove(&mut self, word: i64, number: u32) -> bool {
        match &mut self.dense {
            Some(dense) => dense.remove(word, number),
            None => self.table.remove(self.hash(word), number),
        }
    }

    /// Gives memory back if there is much more than it takes.
    fn shrink(&mut self) {
        if self.dense.as_ref().is_some_and(Dense::is_sparse) {
            self.scatter();
        }
        self.table.shrink();
        if self.table.len() == 0 && self.dense.is_none() {
            self.range = None;
        }
    }

    fn memory(&self) -> usize {
        self.table.memory() + self.dense.as_ref().map_or(0, Dense::memory) + size_of_val(&self.words[..])
    }
}

impl WordKeys {
    /// None yet, which the threads of a pool look up.
    pub(super) fn new(pool: &Pool) -> Self {
        Self { known: Words::default(), search: Search::new(pool), null: None, free: Vec::new() }
    }

    /// How many numbers have been given out.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// How many keys are held.
    pub(super) fn held(&self) -> usize {
        self.len() - self.free.len()
    }

    /// Roughly how much memory they take.
    pub(super) fn memory(&self) -> usize {
        self.known.memory() + self.free.capacity() * 4
    }

    /// The word of a number; `None` for null.
    pub(super) fn word(&self, number: u32) -> Option<i64> {
        (self.null != Some(number)).then(|| self.known.words[number as usize])
    }

    /// The number of each row's key.
    pub(super) fn number(&mut self, words: ScalarBuffer<i64>, nulls: Option<NullBuffer>) -> Vec<u32> {
        let rows = Rows { words, nulls: nulls.filter(|nulls| nulls.null_count() > 0) };
        let mut numbers = Vec::with_capacity(rows.words.len());
        while numbers.len() < rows.words.len() {
            for found in self.search.find(&mut self.known, &rows, numbers.len()..rows.words.len()) {
                self.settle(&rows, found, &mut numbers);
            }
        }
        numbers
    }

    /// Adds the numbers of the next rows to those before, with new ones for keys that have none.
    fn settle(&mut self, rows: &Rows, found: Found, numbers: &mut Vec<u32>) {
        let start = numbers.len();
        numbers.extend(found.numbers);
        for group in found.left.chunks(GROUP) {
            group.iter().for_each(|left| self.known.table.ask_on(left.step));
            for left in group {
                let row = start + left.row;
                numbers[row] = match rows.is_null(row) {
                    true => self.of_null(),
                    false => self.find_or_add(rows.words[row], left.hash, left.step),
                };
            }
        }
    }

    /// The number of a word, or of null.
    pub(super) fn number_one(&mut self, word: Option<i64>) -> u32 {
        match word {
            Some(word) => self.find_or_add(word, self.known.hash(word), Step::default()),
            None => self.of_null(),
        }
    }

    fn find_or_add(&mut self, word: i64, hash: u64, step: Step) -> u32 {
        self.known.find_one(word, hash, step).unwrap_or_else(|at| {
            let number = self.take(word);
            self.known.add(word, number, hash, at);
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
        let words = &mut self.known.words;
        let number = self.free.pop().unwrap_or(words.len() as u32);
        match words.get_mut(number as usize) {
            Some(old) => *old = word,
            None => words.push(word),
        }
        number
    }

    /// Lets go of keys; their numbers will be given to others.
    pub(super) fn forget(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let was_null = self.null.take_if(|null| *null == number).is_some();
            // It may be asked to be forgotten again.
            if was_null || self.known.remove(self.known.words[number as usize], number) {
                self.free.push(number);
            }
        }
        self.known.shrink();
    }

    /// Lets go of all keys; numbers begin anew.
    pub(super) fn clear(&mut self) {
        (self.known, self.null, self.free) = (Words::default(), None, Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::testing::mixed;

    #[test]
    fn words_keep_their_numbers_until_they_are_forgotten() {
        let mut keys = WordKeys::new(&Pool::new(1));
        let words: Vec<i64> = (0..1000).map(|i| (i % 400) * (1 << 40) - 7).collect();
        let numbers = keys.number(words.clone().into(), None);
        assert!(numbers.iter().zip(0..).all(|(&number, row)| number == row % 400));
        let valid: NullBuffer = (0..4).map(|row| row % 2 > 0).collect::<Vec<_>>().into();
        assert_eq!(keys.number(words[..4].to_vec().into(), Some(valid)), [400, 1, 400, 3]);
        assert_eq!((keys.word(400), keys.word(3), keys.held()), (None, Some(words[3]), 401));
        keys.forget([3, 400, 3, 400].into_iter());
        assert_eq!((keys.held(), keys.len()), (399, 401));
        // A word that looks like the one that null had.
        assert_eq!(keys.number(vec![5, words[3], words[4]].into(), None), [400, 3, 4]);
        assert_eq!(keys.number(vec![0].into(), Some(vec![false].into())), [401]);
    }

    /// Looks words up and forgets some, and holds their numbers to those that a map has.
    fn check(word: impl Fn(u64) -> i64, is_dense: &[bool]) {
        let (mut keys, mut state, mut known, mut seen) =
            (WordKeys::new(&Pool::new(2)), 3, std::collections::HashMap::<i64, u32>::new(), Vec::new());
        for round in 0..60 {
            let words: Vec<i64> = (0..700).map(|_| word(mixed(&mut state) as u64)).collect();
            let numbers = keys.number(words.clone().into(), None);
            for (&word, &number) in words.iter().zip(&numbers) {
                assert_eq!(*known.entry(word).or_insert(number), number);
                assert_eq!(keys.word(number), Some(word));
            }
            assert_eq!(known.values().collect::<std::collections::HashSet<_>>().len(), known.len());
            assert_eq!(keys.held(), known.len());
            seen.push(keys.known.dense.is_some());
            if round % 4 == 3 {
                let kept = |number: u32| round % 8 == 3 && number.is_multiple_of(8);
                keys.forget(known.values().copied().filter(|&number| !kept(number)));
                known.retain(|_, number| kept(*number));
            }
        }
        is_dense.iter().for_each(|is| assert!(seen.contains(is), "dense or not, {is} was to be seen"));
    }

    #[test]
    fn words_have_their_numbers_whether_they_lie_close_together_or_not() {
        check(|n| (n % 900) as i64 - 400, &[true]);
        check(|n| n as i64, &[false]);
        check(|n| if n.is_multiple_of(1500) { n as i64 } else { (n % 2000) as i64 }, &[true, false]);
        check(|n| i64::MAX - (n % 300) as i64, &[true]);
        check(|n| i64::MIN + (n % 5000) as i64, &[true, false]);
    }
}
