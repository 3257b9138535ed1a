//! [`Span`]: which rows are in the window of a row.

/// Which rows of its key are in the window of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Span {
    /// Those of so many ticks before its time to so many before it.
    Time {
        /// How far before its time the window starts.
        from: i64,
        /// How far before its time it ends; a row of that time is still in it.
        to: i64,
    },
    /// So many.
    Rows {
        /// How many.
        rows: i64,
        /// How many of them come after it.
        ahead: usize,
    },
}

impl Span {
    /// How long a window is, in ticks or in rows.
    pub(crate) fn length(self) -> i64 {
        match self {
            Self::Time { from, to } => from - to + 1,
            Self::Rows { rows, .. } => rows,
        }
    }

    /// Whether it ends with the row whose window it is.
    pub(crate) fn ends_with_row(self) -> bool {
        matches!(self, Self::Time { to: 0, .. } | Self::Rows { ahead: 0, .. })
    }

    /// Whether rows of one time share a window, so that each waits for all of them.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::Time { .. })
    }
}
