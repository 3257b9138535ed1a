//! [`Ticks`]: the event times of rows that wait to go out.

use std::collections::VecDeque;

use arrow_buffer::ScalarBuffer;

/// Event times, as they came together.
#[derive(Default)]
pub(crate) struct Ticks(VecDeque<ScalarBuffer<i64>>);

impl Ticks {
    /// Adds some.
    pub(crate) fn push(&mut self, ticks: ScalarBuffer<i64>) {
        if !ticks.is_empty() {
            self.0.push_back(ticks);
        }
    }

    /// One of them.
    pub(crate) fn get(&self, mut at: usize) -> Option<i64> {
        for ticks in &self.0 {
            match ticks.get(at) {
                Some(&tick) => return Some(tick),
                None => at -= ticks.len(),
            }
        }
        None
    }

    /// The next so many, which are not copied if they came together.
    pub(crate) fn take(&mut self, rows: usize) -> ScalarBuffer<i64> {
        let (mut taken, mut left) = (Vec::new(), rows);
        while let Some(ticks) = self.0.pop_front() {
            let part = left.min(ticks.len());
            taken.push(ticks.slice(0, part));
            left -= part;
            if part < ticks.len() {
                self.0.push_front(ticks.slice(part, ticks.len() - part));
                break;
            }
        }
        match &taken[..] {
            [one] => one.clone(),
            several => several.iter().flat_map(|ticks| ticks.iter().copied()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_in_their_order_however_they_are_cut() {
        for rows in 1..8 {
            let (mut ticks, mut taken) = (Ticks::default(), Vec::new());
            [0..3, 3..4, 4..4, 4..11].into_iter().for_each(|piece| ticks.push(piece.collect()));
            assert!((0..11).all(|at| ticks.get(at) == Some(at as i64)) && ticks.get(11).is_none());
            while taken.len() < 11 {
                taken.extend_from_slice(&ticks.take(rows.min(11 - taken.len())));
            }
            assert_eq!(taken, (0..11).collect::<Vec<i64>>());
            assert_eq!(ticks.take(0).len(), 0);
        }
    }
}
