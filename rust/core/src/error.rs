//! Everything that can go wrong: [`Error`], which carries data; prose is made at the edge.

use std::fmt;

use crate::show;
use crate::types::DataType;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in its source a row came from. What is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The source as the user named it, such as a path or `<bytes>`.
    pub source: Option<String>,
    /// The physical line on which the row starts, from 1.
    pub line: Option<u64>,
    /// The offset of the field's first byte (of the row's, if it does not split), from 0.
    pub byte: Option<u64>,
    /// The row's number in its source, from 0.
    pub row: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.source.clone());
        parts.extend(self.line.map(|line| format!("line {line}")));
        parts.extend(self.row.filter(|_| self.line.is_none()).map(|row| format!("row {row}")));
        parts.extend(self.byte.map(|byte| format!("byte {byte}")));
        f.write_str(&parts.join(", "))
    }
}

/// A row that does not split into its fields or does not convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Where it is.
    pub place: Place,
    /// The column that does not convert; `None` if the row does not split.
    pub column: Option<String>,
    /// The text that does not convert, or the row, cut to a readable length.
    pub value: String,
    /// What is wrong with it, such as `not an int64`.
    pub reason: String,
}

/// A row that came after a window it belongs to had closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateRow {
    /// Where it is.
    pub place: Place,
    /// The type of event time.
    pub dtype: DataType,
    /// Its event time, in ticks.
    pub time: i64,
    /// The watermark when it came, in ticks.
    pub watermark: i64,
    /// The row that set the watermark.
    pub set_by: Place,
    /// How many windows it missed.
    pub missed: u64,
    /// The lateness, in ticks, with which it would have missed none.
    pub enough: i64,
}

/// A row that is too far ahead of those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AheadRow {
    /// Where it is.
    pub place: Place,
    /// The type of event time.
    pub dtype: DataType,
    /// Its event time, in ticks.
    pub time: i64,
    /// How far event time had come before it, in ticks.
    pub mark: i64,
    /// The row that had brought it there.
    pub set_by: Place,
    /// How far it is ahead, in ticks.
    pub enough: i64,
}

/// A sum, or an expression, whose result does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Where the row is, for expressions.
    pub place: Place,
    /// The column of results; of an expression, the column that it reads, if that is one.
    pub column: Option<String>,
    /// What does not fit, as people read it, where that can be said.
    pub value: Option<String>,
    /// What was computed.
    pub what: String,
    /// What happened.
    pub reason: String,
}

/// What can go wrong. Each variant carries data for the one who must act on it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A bad value of an argument.
    Argument(String),
    /// A column that is not there.
    ColumnNotFound {
        /// The name asked for.
        column: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// An operation that a column's type does not know.
    Schema {
        /// The column, or the expression.
        column: String,
        /// Its type.
        dtype: String,
        /// What was tried, and what to do instead.
        message: String,
    },
    /// A row that does not split or convert.
    BadRow(Box<BadRow>),
    /// A row that missed a window.
    LateRow(Box<LateRow>),
    /// A row that is too far ahead of those before it.
    AheadRow(Box<AheadRow>),
    /// A sum, or an expression, whose result does not fit its type.
    Overflow(Box<Overflow>),
    /// A declared limit was reached.
    Limit {
        /// The argument that sets it.
        argument: &'static str,
        /// Its value.
        limit: u64,
        /// What happened, and what to do.
        message: String,
        /// Where, for input.
        place: Place,
    },
    /// The operating system said no.
    Io {
        /// The error's number, if there is one.
        errno: Option<i32>,
        /// What the system says.
        message: String,
        /// The file.
        path: String,
    },
    /// The object of the host of this number raised an exception, which the host has kept.
    Raised(usize),
    /// A one-shot source was asked to start again.
    Consumed(String),
    /// The process forked, and this run belongs to the parent.
    Forked,
    /// The process forked while another thread was opening this source, which nobody in the child goes on with.
    ForkedWhileOpening,
    /// A bug in rillet.
    Internal(String),
}

impl Error {
    /// A bad argument.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::Argument(message.into())
    }

    /// The same with a word on where it happened, if it is a bad argument.
    pub fn within(self, place: impl fmt::Display) -> Self {
        match self {
            Self::Argument(message) => Self::Argument(format!("{place}: {message}")),
            other => other,
        }
    }

    /// An operation that a column's type does not know.
    pub fn schema(column: impl Into<String>, dtype: impl fmt::Display, message: impl Into<String>) -> Self {
        Self::Schema { column: column.into(), dtype: dtype.to_string(), message: message.into() }
    }

    /// Where the row is that it is about, if it is about one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::BadRow(bad) => Some(&bad.place),
            Self::LateRow(late) => Some(&late.place),
            Self::AheadRow(ahead) => Some(&ahead.place),
            Self::Overflow(overflow) => Some(&overflow.place),
            Self::Limit { place, .. } => Some(place),
            _ => None,
        }
    }

    /// An error of the operating system about a file.
    pub fn io(error: &std::io::Error, path: impl Into<String>) -> Self {
        let message = match error.raw_os_error() {
            // Rust appends " (os error N)", which Python's own message does not have.
            Some(_) => error.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
            None => error.to_string(),
        };
        Self::Io { errno: error.raw_os_error(), message, path: path.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(message) | Self::Consumed(message) => f.write_str(message),
            Self::ColumnNotFound { column, known } => write_not_found(f, column, known),
            Self::Schema { column, dtype, message } => write!(f, "column {column:?} is {dtype}: {message}"),
            Self::BadRow(bad) => write_bad(f, bad),
            Self::LateRow(late) => write_late(f, late),
            Self::AheadRow(ahead) => write_ahead(f, ahead),
            Self::Overflow(overflow) => {
                write!(f, "{}: {}", overflow.what, overflow.reason)?;
                if overflow.place == Place::default() { Ok(()) } else { write!(f, " ({})", overflow.place) }
            }
            Self::Limit { message, place, .. } if *place == Place::default() => f.write_str(message),
            Self::Limit { message, place, .. } => write!(f, "{place}: {message}"),
            Self::Io { message, path, .. } => write!(f, "{message}: {path:?}"),
            Self::Forked => f.write_str(
                "this iterator belongs to the process that started it; iterate the stream anew in the child",
            ),
            Self::ForkedWhileOpening => f.write_str(
                "another thread was opening this source when the process was forked, so that it cannot be read in the \
                 child; fork before it is opened, or once its columns are known",
            ),
            Self::Raised(id) => write!(f, "object {id} of the host raised an exception"),
            Self::Internal(message) => write!(f, "a bug in rillet, please report it: {message}"),
        }
    }
}

impl std::error::Error for Error {}

fn write_not_found(f: &mut fmt::Formatter<'_>, column: &str, known: &[String]) -> fmt::Result {
    write!(f, "no column {column:?}; ")?;
    if let Some(near) = nearest(column, known) {
        write!(f, "did you mean {near:?}? ")?;
    }
    if let [only] = known {
        let is_it = if only.contains([',', ';', '\t', '|']) { "; if that is several, set delimiter=" } else { "" };
        return write!(f, "the only column is {only:?}{is_it}");
    }
    let shown: Vec<_> = known.iter().take(20).map(String::as_str).collect();
    let more = if known.len() > 20 { ", …" } else { "" };
    write!(f, "the columns are {}{more}", shown.join(", "))
}

fn write_bad(f: &mut fmt::Formatter<'_>, bad: &BadRow) -> fmt::Result {
    write!(f, "{}: ", bad.place)?;
    if let Some(column) = &bad.column {
        write!(f, "column {column:?}: ")?;
    }
    write!(f, "{:?} is {}", bad.value, bad.reason)?;
    if bad.place.line.is_none() || bad.place.row.is_none() {
        // Not a row of a text. Where the host language made it, the types of columns can be declared.
        let is_typed = bad.column.is_some() && bad.value != "null";
        return f.write_str(if is_typed { "; declare another type in the schema" } else { "" });
    }
    f.write_str("; ")?;
    f.write_str(match bad.column {
        Some(_) if bad.reason.starts_with("null") => "set on_error=\"skip\" or \"keep\" to go on without it",
        Some(_) => {
            "declare another type with schema=, name a null spelling with null_values=, \
                    or set on_error=\"skip\" or \"keep\""
        }
        None => "set on_error=\"skip\" or \"keep\" to go on without it",
    })
}

fn write_late(f: &mut fmt::Formatter<'_>, late: &LateRow) -> fmt::Result {
    let time = |ticks| show::time(ticks, &late.dtype);
    write!(
        f,
        "{}: the row of {} came after the watermark had reached {}",
        late.place,
        time(late.time),
        time(late.watermark)
    )?;
    if late.set_by != Place::default() {
        write!(f, " (set by {})", late.set_by)?;
    }
    write!(
        f,
        " and missed {} window{}; set lateness={} or more to wait for it, \
         or late=\"drop\" or \"keep\" to go on without them",
        late.missed,
        if late.missed == 1 { "" } else { "s" },
        show::lateness(late.enough, &late.dtype)
    )
}

fn write_ahead(f: &mut fmt::Formatter<'_>, ahead: &AheadRow) -> fmt::Result {
    let time = |ticks| show::time(ticks, &ahead.dtype);
    write!(f, "{}: the row of {} is far ahead of {}", ahead.place, time(ahead.time), time(ahead.mark))?;
    if ahead.set_by != Place::default() {
        write!(f, " ({})", ahead.set_by)?;
    }
    write!(
        f,
        ", the latest before it; set max_ahead={} or more to take it, or ahead=\"drop\" or \"keep\" to go on \
         without such rows",
        show::lateness(ahead.enough, &ahead.dtype)
    )
}

/// The known name closest to the one asked for, if it is close enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let best = known.iter().take(1000).map(|other| (distance(name, other), other)).min()?;
    let length = name.chars().count();
    (best.0 <= 1 + length / 4 && best.0 < length).then_some(best.1)
}

/// Levenshtein's distance, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// What a panic, caught on some thread, has to say.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_met_with_a_suggestion() {
        let error = Error::ColumnNotFound { column: "pirce".into(), known: vec!["price".into(), "size".into()] };
        assert_eq!(error.to_string(), "no column \"pirce\"; did you mean \"price\"? the columns are price, size");
    }

    #[test]
    fn a_place_shows_what_is_known() {
        let place = Place { source: Some("a.csv".into()), line: Some(3), byte: Some(17), row: Some(1) };
        assert_eq!(place.to_string(), "a.csv, line 3, byte 17");
        assert_eq!(Place { row: Some(4), ..Place::default() }.to_string(), "row 4");
    }
}
