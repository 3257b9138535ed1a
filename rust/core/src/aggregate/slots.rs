//! [`Slots`]: where rows go that are next to each other in a batch.

use super::NO_SLOT;

/// Rows, next to each other, that go to one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Streak {
    /// The slot, or [`NO_SLOT`].
    pub(crate) slot: u32,
    /// How many rows.
    pub(crate) rows: u32,
}

/// Where each of some rows goes; those without a slot go nowhere.
pub(crate) enum Slots {
    /// The slot of each row.
    Each(Vec<u32>),
    /// The slots of streaks of rows.
    Streaks(Vec<Streak>),
}

impl Slots {
    /// Adds rows that go to one slot.
    pub(crate) fn put(&mut self, slot: u32, rows: usize) {
        match self {
            Self::Each(slots) => slots.resize(slots.len() + rows, slot),
            Self::Streaks(streaks) => match streaks.last_mut() {
                Some(last) if last.slot == slot => last.rows += rows as u32,
                _ => streaks.push(Streak { slot, rows: rows as u32 }),
            },
        }
    }

    /// How many rows have a slot.
    pub(crate) fn taken(&self) -> usize {
        match self {
            Self::Each(slots) => slots.iter().filter(|&&slot| slot != NO_SLOT).count(),
            Self::Streaks(streaks) => {
                streaks.iter().filter(|streak| streak.slot != NO_SLOT).map(|streak| streak.rows as usize).sum()
            }
        }
    }

    /// The slot of each row.
    pub(crate) fn into_each(self) -> Vec<u32> {
        match self {
            Self::Each(slots) => slots,
            Self::Streaks(streaks) => each(&streaks),
        }
    }
}

/// The slot of each row.
pub(super) fn each(streaks: &[Streak]) -> Vec<u32> {
    streaks.iter().flat_map(|streak| std::iter::repeat_n(streak.slot, streak.rows as usize)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streaks_and_slots_say_the_same() {
        let (mut each, mut streaks) = (Slots::Each(Vec::new()), Slots::Streaks(Vec::new()));
        for slots in [&mut each, &mut streaks] {
            [(3, 2), (3, 1), (NO_SLOT, 4), (3, 1), (0, 2)].iter().for_each(|&(slot, rows)| slots.put(slot, rows));
        }
        assert!(matches!(&streaks, Slots::Streaks(streaks) if streaks.len() == 4));
        assert_eq!((each.taken(), streaks.taken()), (6, 6));
        assert_eq!(each.into_each(), streaks.into_each());
    }
}
