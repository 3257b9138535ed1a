//! [`Places`]: the order of the live keys.
//!
//! A key takes its place, at the end, when a pane first holds it, and gives it up when the last pane that
//! holds it is let go of.

use super::keys::Keys;

/// No place.
const NONE: u32 = u32::MAX;

/// No key.
pub(crate) const NO_KEY: u32 = u32::MAX;

/// The order of the keys that some pane holds.
#[derive(Default)]
pub(crate) struct Places {
    keys: Vec<Held>,
    /// The key at each place.
    order: Vec<u32>,
    live: usize,
}

/// What is known of a key.
#[derive(Clone, Copy)]
struct Held {
    /// How many panes hold it.
    panes: u32,
    place: u32,
}

impl Places {
    /// Notes that one more pane holds each of these keys.
    pub(crate) fn hold(&mut self, keys: &[u32]) {
        let Some(&highest) = keys.iter().max() else { return };
        if highest as usize >= self.keys.len() {
            self.keys.resize(highest as usize + 1, Held { panes: 0, place: NONE });
        }
        for &key in keys {
            let held = &mut self.keys[key as usize];
            if held.panes == 0 {
                held.place = self.order.len() as u32;
                self.order.push(key);
                self.live += 1;
            }
            held.panes += 1;
        }
    }

    /// Notes that one pane less holds each of these keys.
    pub(crate) fn release(&mut self, keys: &[u32]) {
        for &key in keys {
            let held = &mut self.keys[key as usize];
            held.panes -= 1;
            if held.panes == 0 {
                self.order[held.place as usize] = NO_KEY;
                held.place = NONE;
                self.live -= 1;
            }
        }
    }

    /// The place of a key that is held.
    pub(crate) fn of(&self, key: u32) -> u32 {
        self.keys[key as usize].place
    }

    /// Whether some pane holds the key.
    pub(crate) fn is_held(&self, key: u32) -> bool {
        self.keys.get(key as usize).is_some_and(|held| held.panes > 0)
    }

    /// The keys that no pane holds, once they are many.
    pub(crate) fn given_up(&self, keys: &Keys) -> Vec<u32> {
        let idle = keys.held() - self.live;
        let numbers = if idle >= 1024 && idle >= self.live { 0..keys.len() as u32 } else { 0..0 };
        numbers.filter(|&key| !self.is_held(key)).collect()
    }

    /// How many keys are held.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// How many places there are, given up ones included.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The key at each place; [`NO_KEY`] where it has been given up.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    /// The places that are taken and their keys, in order.
    fn taken(&self) -> impl Iterator<Item = (u32, u32)> {
        self.order.iter().enumerate().filter(|&(_, &key)| key != NO_KEY).map(|(place, &key)| (place as u32, key))
    }

    /// Closes the gaps if they are many; gives the old places in their new order if it did.
    pub(crate) fn close_gaps(&mut self) -> Option<Vec<u32>> {
        let many = 64 + 2 * self.live;
        if self.order.len() < many {
            return None;
        }
        // With room for those that come until gaps are many again.
        let (mut kept, mut order) = (Vec::with_capacity(self.live), Vec::with_capacity(many));
        for (place, key) in self.taken() {
            kept.push(place);
            order.push(key);
        }
        order.iter().enumerate().for_each(|(place, &key)| self.keys[key as usize].place = place as u32);
        self.order = order;
        Some(kept)
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&self.keys[..]) + size_of_val(&self.order[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_seen_again_goes_to_the_end() {
        let mut places = Places::default();
        places.hold(&[7, 3, 7]);
        places.release(&[7]);
        assert_eq!(places.taken().map(|(_, key)| key).collect::<Vec<_>>(), [7, 3]);
        places.release(&[7]);
        places.hold(&[7]);
        assert_eq!(places.taken().map(|(_, key)| key).collect::<Vec<_>>(), [3, 7]);
        assert_eq!((places.live(), places.len(), places.of(7)), (2, 3, 2));
    }

    #[test]
    fn gaps_are_closed_in_order() {
        let mut places = Places::default();
        places.hold(&(0..200).collect::<Vec<_>>());
        places.release(&(0..198).collect::<Vec<_>>());
        assert_eq!(places.close_gaps(), Some(vec![198, 199]));
        assert_eq!((places.of(198), places.of(199), places.len()), (0, 1, 2));
        assert!(!places.is_held(5));
    }
}
