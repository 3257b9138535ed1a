//! [`Quoting`]: how much care the quotes of a text need.

/// What the quotes of a text are; the later ones need more care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quoting {
    /// There are none, and no comments: every delimiter and newline separates.
    Absent,
    /// They open and close in turn, and there are no comments: every delimiter and newline with an
    /// even number of quotes before it separates.
    Paired,
    /// Some are ordinary, or in a comment.
    Odd,
}
