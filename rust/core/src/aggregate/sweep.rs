//! [`Step`]: what is done to the cells of a table, in order; and the sweep over many rows at once.
//!
//! Windows that overlap row by row write down what is to be combined, as steps, which every partial then
//! carries out for itself. A [`Step::Run`] stands for what would be three steps for each of many rows.

use super::table::Table;

/// The cell of no row, which stays empty.
pub(crate) const NOTHING: u32 = 0;

/// A cell that becomes the combination of two cells of the same table, of which either may be the cell itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Merge {
    /// The cell.
    pub(crate) to: u32,
    /// The cell of the older rows.
    pub(crate) older: u32,
    /// The cell of the newer rows.
    pub(crate) newer: u32,
}

/// Something that is done to the cells of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// A cell becomes the combination of two.
    Merge(Merge),
    /// So many cells are copied from one place to another, where none of them is.
    Move {
        /// The first.
        from: u32,
        /// Where it goes.
        to: u32,
        /// How many.
        len: u32,
    },
    /// Each of so many cells, from this one on, is combined with all behind it, from the last to the first.
    Chain {
        /// The first.
        first: u32,
        /// How many.
        len: u32,
        /// The row that comes behind them and is in each window that they are in: in a sweep its number, and if
        /// not the cell that it waits in, which may be [`NOTHING`].
        next: u32,
    },
    /// Rows are lifted into cells of their own, and the windows that end with them are combined.
    Run(Run),
}

impl Step {
    /// Calls a function with what one cell at a time becomes.
    pub(crate) fn merges(&self, mut merge: impl FnMut(Merge)) {
        match *self {
            Self::Merge(one) => merge(one),
            Self::Move { from, to, len } => {
                (0..len).for_each(|i| merge(Merge { to: to + i, older: from + i, newer: NOTHING }));
            }
            Self::Chain { first, len, .. } => {
                (first + 1..first + len).rev().for_each(|i| merge(Merge { to: i - 1, older: i - 1, newer: i }));
            }
            Self::Run(_) => unreachable!("runs are swept"),
        }
    }
}

/// Rows of a sweep that lie in one block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    /// The first row, in the order of the sweep.
    pub(crate) row: u32,
    /// How many.
    pub(crate) len: u32,
    /// The cell of the first row; the others follow.
    pub(crate) to: u32,
    /// The cell of all rows of the block so far.
    pub(crate) total: u32,
    /// Whether they are the first ones of the block.
    pub(crate) fresh: bool,
    /// The cell of the rows of the older block that are in the window of the first row; where windows are of
    /// rows, each has one row less than the one before it.
    pub(crate) older: u32,
    /// How many rows, from the first on, have some in the older block.
    pub(crate) reach: u32,
}

/// The windows of the rows of a sweep, where they are not of rows.
#[derive(Default)]
pub(crate) struct Reaches {
    /// Of each: the cell of its rows of the older block.
    pub(crate) older: Vec<u32>,
    /// Of each: the last row of the newer block.
    pub(crate) newer: Vec<u32>,
}

/// What is the same for all partials in a sweep.
#[derive(Clone, Copy)]
pub(crate) struct Sweep<'a> {
    /// The event time of each row.
    pub(crate) times: &'a [i64],
    /// Whether each row is selected; `None` if all are.
    pub(crate) chosen: Option<&'a [bool]>,
    /// The windows, if they are not of rows.
    pub(crate) windows: Option<&'a Reaches>,
}

impl Table {
    /// Whether rows can be swept.
    pub(crate) fn can_sweep(&self) -> bool {
        self.parts.iter().all(|cells| cells.can_sweep())
    }

    /// Carries out steps, one after the other: each finds what those before it have made.
    pub(crate) fn carry_out(&mut self, steps: &[Step]) {
        self.counts.merge(steps);
        self.parts.iter_mut().for_each(|cells| cells.merge(steps));
    }
}
