//! [`Numbers`]: a table from hashes to the numbers of what has them.
//!
//! It holds half of each hash beside the number, so that it grows without a look at the keys, in the order in which
//! it lies; and so that keys which are not there are told by the table alone, mostly.

use crate::prefetch::prefetch;

/// A table by open addressing. It knows no keys: who asks compares.
#[derive(Default)]
pub(super) struct Numbers {
    /// The upper half of a hash, and the number and 1; 0 if there is none. As many as a power of two, at least one of
    /// them free, or none at all.
    slots: Vec<u64>,
    len: usize,
}

/// How many keys are looked up together: while one waits for memory, so do the others.
pub(super) const GROUP: usize = 64;

/// How far a search has come, in a table of so many slots.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    at: usize,
    slots: usize,
}

/// No number.
pub(super) const NONE: u32 = u32::MAX;

fn number(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}

/// Whether a slot has a number, with such a hash.
fn fits(slot: u64, hash: u64) -> bool {
    slot != 0 && (slot ^ hash) >> 32 == 0
}

impl Numbers {
    /// How much memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * 8
    }

    /// Where the search for a hash begins.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        // The upper bits, so that slots are in about the order of their hashes.
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// Asks for what stands where the search for a hash begins. Who looks for a [`GROUP`] does this for all of it
    /// first.
    #[inline(always)]
    pub(super) fn ask(&self, hash: u64) {
        prefetch(&self.slots, self.home(hash));
    }

    /// The first number with such a hash, [`NONE`] if there is none; and how far the search for it came.
    #[inline(always)]
    pub(super) fn first(&self, hash: u64) -> (u32, Step) {
        let mut at = self.home(hash);
        let mut slot = self.slots.get(at).copied().unwrap_or(0);
        while slot != 0 && !fits(slot, hash) {
            at = self.after(at);
            slot = self.slots[at];
        }
        (number(slot), Step { at, slots: self.slots.len() })
    }

    /// Asks for what stands at a step.
    pub(super) fn ask_on(&self, step: Step) {
        prefetch(&self.slots, step.at);
    }

    /// The number with this hash that is looked for, which is not found before this step if nothing has been taken
    /// out since; else where it would go in.
    #[inline]
    pub(super) fn find(&self, step: Step, hash: u64, is_it: impl Fn(u32) -> bool) -> Result<u32, usize> {
        if self.slots.is_empty() {
            return Err(0);
        }
        let mut at = if step.slots == self.slots.len() { step.at } else { self.home(hash) };
        while self.slots[at] != 0 {
            if fits(self.slots[at], hash) && is_it(number(self.slots[at])) {
                return Ok(number(self.slots[at]));
            }
            at = self.after(at);
        }
        Err(at)
    }

    /// Whether it will grow by the next number.
    pub(super) fn is_full(&self) -> bool {
        (self.len + 1) * 4 > self.slots.len() * 3
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The numbers, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().filter(|&&slot| slot != 0).map(|&slot| number(slot))
    }

    /// Puts a number in, which is not there, where [`find`](Self::find) says.
    pub(super) fn insert(&mut self, at: usize, hash: u64, number: u32) {
        let slot = hash >> 32 << 32 | u64::from(number + 1);
        let grows = self.is_full();
        self.len += 1;
        if grows {
            self.resize((self.slots.len() * 2).max(64));
            self.put(slot);
        } else {
            self.slots[at] = slot;
        }
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.home(slot);
        while self.slots[at] != 0 {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    fn resize(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        old.into_iter().filter(|&slot| slot != 0).for_each(|slot| self.put(slot));
    }

    /// Takes a number out, if it is there.
    pub(super) fn remove(&mut self, hash: u64, gone: u32) -> bool {
        if self.slots.is_empty() {
            return false;
        }
        let mut at = self.home(hash);
        while self.slots[at] != 0 {
            if fits(self.slots[at], hash) && number(self.slots[at]) == gone {
                self.close(at);
                self.len -= 1;
                return true;
            }
            at = self.after(at);
        }
        false
    }

    /// Moves up what was put behind a slot only because that was taken.
    fn close(&mut self, mut gap: usize) {
        let (mut at, mask) = (self.after(gap), self.slots.len() - 1);
        while self.slots[at] != 0 {
            let from_home = at.wrapping_sub(self.home(self.slots[at])) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.slots[gap] = 0;
    }

    /// Gives memory back if there is much more than it takes.
    pub(super) fn shrink(&mut self) {
        if self.len < self.slots.len() / 16 {
            self.resize((self.len * 4).next_power_of_two().max(64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::testing::mixed;

    #[test]
    fn it_knows_what_a_map_knows() {
        let (mut numbers, mut known, mut state) = (Numbers::default(), std::collections::BTreeMap::new(), 1);
        for round in 0..20_000 {
            // Few hashes, of which many are alike in the upper half and many begin at the last slot.
            let key = mixed(&mut state) as u64 % 300;
            let hash = (u64::MAX - key % 7) << 32 | key;
            let number = key as u32;
            let grows = round / 2000 % 2 == 0;
            let (first, step) = numbers.first(hash);
            let alike = known.range(hash >> 32 << 32..=hash | u64::from(u32::MAX)).map(|(_, &number)| number);
            assert!(alike.clone().any(|number| number == first) || first == NONE && alike.count() == 0);
            assert_eq!(
                numbers.find(step, hash, |n| n == number),
                numbers.find(Step::default(), hash, |n| n == number)
            );
            match numbers.find(Step::default(), hash, |n| n == number) {
                Ok(found) => {
                    assert_eq!(Some(&found), known.get(&hash));
                    if !grows || key.is_multiple_of(3) {
                        assert!(numbers.remove(hash, number) && known.remove(&hash).is_some());
                    }
                }
                Err(at) => {
                    assert!(!numbers.remove(hash, number) && !known.contains_key(&hash));
                    numbers.insert(at, hash, number);
                    known.insert(hash, number);
                }
            }
            numbers.shrink();
            assert_eq!(numbers.len, known.len());
        }
        assert!(
            known
                .iter()
                .all(|(&hash, &number)| numbers.find(Step::default(), hash, |n| n == number) == Ok(number))
        );
    }
}
