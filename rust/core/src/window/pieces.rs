//! [`Pieces`]: the columns of results, made a few rows at a time.

use std::collections::VecDeque;

use arrow_array::{Array, ArrayRef};
use arrow_select::concat::concat;

/// Columns of aggregates, and how many rows they have, piece by piece.
#[derive(Default)]
pub(crate) struct Pieces(VecDeque<(usize, Vec<ArrayRef>)>);

impl Pieces {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many rows they have.
    pub(crate) fn rows(&self) -> usize {
        self.0.iter().map(|(rows, _)| rows).sum()
    }

    /// Adds one of so many rows.
    pub(crate) fn push(&mut self, rows: usize, columns: Vec<ArrayRef>) {
        self.0.push_back((rows, columns));
    }

    /// The columns of the next `rows` rows.
    pub(crate) fn take(&mut self, rows: usize) -> Vec<ArrayRef> {
        let (mut taken, mut left): (Vec<Vec<ArrayRef>>, usize) = (Vec::new(), rows);
        while let Some((len, columns)) = self.0.pop_front() {
            let part = len.min(left);
            taken.push(columns.iter().map(|column| column.slice(0, part)).collect());
            left -= part;
            if part < len {
                let rest = columns.iter().map(|column| column.slice(part, len - part)).collect();
                self.0.push_front((len - part, rest));
                break;
            }
        }
        let width = taken.first().map_or(0, Vec::len);
        let column = |at: usize| taken.iter().map(|columns| &*columns[at]).collect::<Vec<_>>();
        (0..width).map(|at| concat(&column(at)).expect("columns of one output are of one type")).collect()
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        let columns = self.0.iter().flat_map(|(_, columns)| columns);
        columns.map(|column| column.get_buffer_memory_size()).sum()
    }
}
