//! [`Piece`]: the results of some slots, and [`Asked`]: those that are being made, each partial's on whatever thread.

use arrow_array::ArrayRef;

use super::lower::{Counted, Lowered, Lowering, Unfit, together};
use super::recipe::Output;

/// The results of so many slots.
pub(crate) struct Piece {
    /// How many.
    pub(crate) rows: usize,
    /// A column per output.
    pub(crate) columns: Result<Vec<ArrayRef>, Unfit>,
}

/// Results that have been asked for.
pub(super) struct Asked {
    rows: usize,
    /// The columns that need no cells.
    counts: Vec<ArrayRef>,
}

impl Asked {
    /// Of slots with so many values, by selection.
    pub(super) fn of(outputs: &[Output], slots: &[u32], counted: &[Counted]) -> Self {
        let column = |output: &Output| {
            let counted = &counted[output.selection];
            Lowering { cells: None, output, slots, counted }.column().expect("counts always fit")
        };
        let counts = outputs.iter().filter(|output| output.part.is_none()).map(column).collect();
        Self { rows: slots.len(), counts }
    }

    /// With the columns that have been made of the cells of each partial, in the order of the outputs.
    pub(super) fn with(self, outputs: &[Output], made: &mut [impl Iterator<Item = Lowered>]) -> Piece {
        let mut counts = self.counts.into_iter();
        let columns = outputs.iter().map(|output| match output.part {
            None => Ok(counts.next().expect("a column for each count")),
            Some(part) => made[part].next().expect("a column for each output"),
        });
        Piece { rows: self.rows, columns: together(columns.collect()) }
    }
}
