//! [`Stretches`]: rows of batches in some order, neighbours together.

use std::collections::VecDeque;

/// How many rows in a row are worth a batch of their own, which is a slice of theirs.
const RUN: usize = 1024;

/// Neighbouring rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    /// The number of the batch.
    pub(crate) batch: u32,
    /// The first row.
    pub(crate) row: u32,
    /// How many.
    pub(crate) rows: u32,
}

/// Rows of batches in some order.
#[derive(Default)]
pub(crate) struct Stretches {
    stretches: VecDeque<Stretch>,
    rows: usize,
}

impl Stretches {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends rows.
    pub(crate) fn push(&mut self, stretch: Stretch) {
        self.rows += stretch.rows as usize;
        match self.stretches.back_mut() {
            Some(last) if (last.batch, last.row + last.rows) == (stretch.batch, stretch.row) => {
                last.rows += stretch.rows;
            }
            _ => self.stretches.push_back(stretch),
        }
    }

    /// Batch and row of one of them.
    pub(crate) fn at(&self, place: usize) -> (u32, u32) {
        let mut left = place as u32;
        for stretch in &self.stretches {
            if left < stretch.rows {
                return (stretch.batch, stretch.row + left);
            }
            left -= stretch.rows;
        }
        unreachable!("row {place} of {}", self.rows)
    }

    /// Keeps so many rows, from the first on.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.stretches = self.take(rows).into();
        self.rows = rows;
    }

    /// Takes so many rows off, from the first on.
    pub(crate) fn take(&mut self, rows: usize) -> Vec<Stretch> {
        let (mut taken, mut left) = (Vec::new(), rows as u32);
        while left > 0 {
            let Some(first) = self.stretches.front_mut() else { break };
            let part = first.rows.min(left);
            taken.push(Stretch { rows: part, ..*first });
            (first.row, first.rows) = (first.row + part, first.rows - part);
            left -= part;
            if first.rows == 0 {
                self.stretches.pop_front();
            }
        }
        self.rows -= rows;
        taken
    }

    /// How many, of up to so many, go out together: a long stretch, or all up to the next long one.
    pub(crate) fn together(&self, most: usize) -> usize {
        let mut rows = 0;
        for stretch in &self.stretches {
            let next = (stretch.rows as usize).min(most - rows);
            if next >= RUN {
                return if rows == 0 { next } else { rows };
            }
            rows += next;
        }
        rows
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.stretches.capacity() * size_of::<Stretch>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_go_out_together() {
        let stretch = |batch, row, rows| Stretch { batch, row, rows };
        let mut rows = Stretches::default();
        [(0, 5, 1), (0, 6, 1), (0, 9, 1), (1, 0, 3000), (1, 3000, 10), (0, 7, 1)]
            .into_iter()
            .for_each(|(batch, row, len)| rows.push(stretch(batch, row, len)));
        assert_eq!((rows.len(), rows.at(2), rows.at(5), rows.at(3013)), (3014, (0, 9), (1, 2), (0, 7)));
        assert_eq!((rows.together(2), rows.together(9999)), (2, 3));
        assert_eq!(rows.take(rows.together(9999)), [stretch(0, 5, 2), stretch(0, 9, 1)]);
        assert_eq!((rows.together(2000), rows.together(9999)), (2000, 3010));
        rows.truncate(3005);
        assert_eq!((rows.len(), rows.take(3005)), (3005, vec![stretch(1, 0, 3005)]));
        assert!(rows.is_empty() && rows.together(5) == 0);
    }
}
