//! [`Groups`]: rows sorted by key.

use std::ops::Range;

/// Some rows of a batch, those of one key side by side, in their order.
#[derive(Default)]
pub(crate) struct Groups {
    /// The keys, in the order of their first rows, and where the rows of each end.
    ends: Vec<(u32, u32)>,
    /// By key: how many rows it has, then where the next goes; 0 between two sorts.
    counts: Vec<u32>,
}

impl Groups {
    /// Sorts rows by key: those from `start` on, of keys of these numbers, which are less than `keys`. Gives the rows, by
    /// their numbers in the batch, and the place of each in that order.
    pub(crate) fn sort(&mut self, start: usize, numbers: &[u32], keys: usize) -> (Vec<u32>, Vec<u32>) {
        self.counts.resize(keys.max(self.counts.len()), 0);
        self.ends.clear();
        for &key in numbers {
            if self.counts[key as usize] == 0 {
                self.ends.push((key, 0));
            }
            self.counts[key as usize] += 1;
        }
        let mut end = 0;
        for (key, group_end) in &mut self.ends {
            let first = end;
            end += std::mem::replace(&mut self.counts[*key as usize], first);
            *group_end = end;
        }
        let (mut order, mut places) = (vec![0; numbers.len()], Vec::with_capacity(numbers.len()));
        for (row, &key) in (start as u32..).zip(numbers) {
            let place = &mut self.counts[key as usize];
            order[*place as usize] = row;
            places.push(*place);
            *place += 1;
        }
        self.ends.iter().for_each(|&(key, _)| self.counts[key as usize] = 0);
        (order, places)
    }

    /// The keys, and the places of their rows.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        self.ends.iter().scan(0, |start, &(key, end)| {
            let rows = *start..end as usize;
            *start = rows.end;
            Some((key, rows))
        })
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.counts.capacity() * 4 + self.ends.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_key_are_side_by_side_in_their_order() {
        let mut groups = Groups::default();
        for _ in 0..2 {
            let (order, places) = groups.sort(10, &[3, 0, 3, 3, 1, 0], 4);
            assert_eq!(order, [10, 12, 13, 11, 15, 14]);
            assert_eq!(places, [0, 3, 1, 2, 5, 4]);
            assert_eq!(groups.each().collect::<Vec<_>>(), [(3, 0..3), (0, 3..5), (1, 5..6)]);
        }
        groups.sort(0, &[], 4);
        assert_eq!(groups.each().count(), 0);
    }
}
