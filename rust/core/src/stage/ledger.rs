//! [`Ledger`]: what became of the rows that came to a stage.

/// The rows of a stage, counted. Between two polls,
/// `rows_in = passed + aggregated + held + late + ahead + rejected + filtered + windowless + cut`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The stage, as in the plan.
    pub name: String,
    /// Rows that came in.
    pub rows_in: u64,
    /// Rows that went out.
    pub rows_out: u64,
    /// Rows that went out as they came.
    pub passed: u64,
    /// Rows that went into windows or groups.
    pub aggregated: u64,
    /// Rows that are waiting.
    pub held: u64,
    /// Rows that missed all their windows.
    pub late: u64,
    /// Of the aggregated rows, those that missed some of their windows.
    pub partly_late: u64,
    /// Rows that were too far ahead.
    pub ahead: u64,
    /// Bad rows.
    pub rejected: u64,
    /// Rows that did not pass the filter.
    pub filtered: u64,
    /// Rows that belong to no window.
    pub windowless: u64,
    /// Rows behind the limit.
    pub cut: u64,
    /// Blank lines and comments, which are no rows.
    pub skipped_lines: u64,
    /// Windows that are open.
    pub open_windows: u64,
    /// Keys that are held.
    pub live_keys: u64,
    /// Roughly how many bytes the stage's state takes.
    pub state_bytes: u64,
    /// Bytes read, for sources.
    pub bytes_read: u64,
    /// Bytes there are to read, for sources that know.
    pub bytes_total: Option<u64>,
}

impl Ledger {
    /// A ledger in which nothing is written yet.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}
