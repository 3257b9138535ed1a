//! [`HeldKeys`]: the keys that windows without rows are filled for, in the order of their places.

/// No place.
const NONE: u32 = u32::MAX;

/// A key that is filled.
pub(crate) struct Held {
    /// Its number.
    pub(crate) number: u32,
    /// Where its last result is.
    pub(crate) result: u32,
    /// How many windows in a row have had no rows of it.
    pub(crate) empty: u64,
    /// Where its result in the window at hand is, if there is one.
    pub(crate) found: Option<u32>,
    /// The results that wait for its next one, in their order.
    pub(crate) waiting: Vec<Spot>,
}

/// A result that is not known yet, or all those in a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// The number of the chunk of results that it is in.
    pub(crate) chunk: u64,
    /// Its row there or, in a gap, its key.
    pub(crate) row: u32,
}

/// The keys that are filled. A key takes its place with its first result, and gives it up when it has been
/// without rows for too long.
#[derive(Default)]
pub(crate) struct HeldKeys {
    keys: Vec<Held>,
    /// The place of each number.
    places: Vec<u32>,
}

impl HeldKeys {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// In the order of their places.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.keys.iter_mut()
    }

    /// Whether a key of this number is filled.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.places.get(number as usize).is_some_and(|&place| place != NONE)
    }

    /// Notes a result of a key in the window at hand.
    pub(crate) fn find(&mut self, number: u32, result: u32) {
        let at = number as usize;
        if at >= self.places.len() {
            self.places.resize(at + 1, NONE);
        }
        if self.places[at] == NONE {
            self.places[at] = self.keys.len() as u32;
            self.keys.push(Held { number, result, empty: 0, found: None, waiting: Vec::new() });
        }
        self.keys[self.places[at] as usize].found = Some(result);
    }

    /// How many there are up to the last that has a result in the window at hand.
    pub(crate) fn found(&self) -> usize {
        self.keys.iter().rposition(|key| key.found.is_some()).map_or(0, |last| last + 1)
    }

    /// Lets go of the keys that have been without rows in more windows than this; gives their numbers.
    pub(crate) fn drop_beyond(&mut self, most: u64) -> Vec<u32> {
        let gone: Vec<u32> = self.keys.iter().filter(|key| key.empty > most).map(|key| key.number).collect();
        if gone.is_empty() {
            return gone;
        }
        gone.iter().for_each(|&number| self.places[number as usize] = NONE);
        self.keys.retain(|key| key.empty <= most);
        for (place, key) in self.keys.iter().enumerate() {
            self.places[key.number as usize] = place as u32;
        }
        gone
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        let waiting: usize = self.keys.iter().map(|key| key.waiting.capacity()).sum();
        self.keys.capacity() * size_of::<Held>() + self.places.capacity() * 4 + waiting * size_of::<Spot>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_place_until_it_is_dropped() {
        let mut held = HeldKeys::default();
        (0..4).rev().for_each(|number| held.find(number, number + 10));
        held.find(2, 20);
        let numbers = |held: &HeldKeys| held.keys.iter().map(|key| key.number).collect::<Vec<_>>();
        assert_eq!(numbers(&held), [3, 2, 1, 0]);
        assert_eq!(held.keys.iter().filter_map(|key| key.found).collect::<Vec<_>>(), [13, 20, 11, 10]);
        held.iter_mut().filter(|key| key.number % 2 == 0).for_each(|key| key.empty = 3);
        assert!(held.drop_beyond(3).is_empty());
        assert_eq!(held.drop_beyond(2), [2, 0]);
        held.find(2, 5);
        assert_eq!((numbers(&held), held.has(0), held.has(2)), (vec![3, 1, 2], false, true));
    }
}
