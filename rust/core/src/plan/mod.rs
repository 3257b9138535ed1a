//! [`Plan`]: what a stream does, as plain data.
//!
//! A plan is a tree: sources are its leaves, and every other node has the streams it reads as inputs. It
//! holds no file, no thread and no function: what the host language must supply (its objects' bytes and
//! batches, its functions) is named by a number.

mod ahead;
mod csv;
mod fill;
mod hopping;
mod merge;
mod pushed;
mod revisions;
mod rolling;
mod session;
mod shown;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregate;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::time;
use crate::types::{Schema, twice};
use crate::window::{Label, Late, Length, MAX_LENGTH};
use crate::zone::version;

pub use ahead::{Ahead, Guard};
pub use csv::{Check, CsvInput, OnError, ReadCsv};
pub use fill::{Fill, Filling};
pub use hopping::Hopping;
pub use merge::Merge;
pub use revisions::Revisions;
pub use rolling::{Ends, Frame, RollingSpec};
pub use session::{Gap, Session};

/// How many rows a batch has if nothing else is asked for.
pub const BATCH_ROWS: usize = 65_536;

/// A stream, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What this node does.
    pub node: Node,
    /// The streams that it reads.
    pub inputs: Vec<Arc<Plan>>,
}

/// What a node of a plan does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Node {
    /// Reads CSV.
    ReadCsv(Box<ReadCsv>),
    /// Takes batches from the host language.
    Host(Host),
    /// These columns, and no others.
    Select(Vec<(String, Expr)>),
    /// These columns beside, or in place of, those there are.
    WithColumns(Vec<(String, Expr)>),
    /// The rows for which a condition holds.
    Filter(Expr),
    /// A function of the host language on each batch.
    Map(Map),
    /// Batches of so many rows.
    Rebatch(usize),
    /// The first rows.
    Limit(u64),
    /// Aggregates over windows.
    Window(Box<WindowSpec>),
    /// Aggregates over windows of which each row has its own.
    Rolling(Box<RollingSpec>),
    /// Aggregates over groups.
    GroupBy(Box<GroupSpec>),
    /// Several streams as one.
    Merge(Merge),
    /// The rows that are not too far ahead.
    Guard(Box<Guard>),
}

/// Batches from the host language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Which of the host's objects.
    pub id: usize,
    /// The function that made the source, such as `from_arrow`.
    pub name: String,
    /// The column that is the event time.
    pub time: Option<String>,
    /// How many rows a batch has; as they come if `None`.
    pub batch_rows: Option<usize>,
}

/// A function of the host language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// Which of the host's functions.
    pub id: usize,
    /// Its name, for people.
    pub name: String,
    /// What its batches look like; found out from the first if `None`.
    pub schema: Option<Schema>,
}

/// Windows over event time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Windows {
    /// Windows of one size that start every so often.
    Hopping(Hopping),
    /// Windows that start together and expand step by step to a size, one size after the other.
    Cumulate {
        /// How long the longest window is.
        size: Length,
        /// How much longer each is than the one before.
        step: Length,
        /// How far the first start is from the origin.
        offset: Length,
    },
    /// Windows of so many rows of a key.
    Count {
        /// How many rows a window has.
        size: i64,
        /// How many rows apart starts are.
        every: i64,
    },
    /// Windows that last as long as no gap between rows is too long.
    Session(Session),
    /// Windows of several kinds on a grid, by the names that their results show.
    Several(Vec<(String, Windows)>),
}

/// Aggregates over windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowSpec {
    /// The windows.
    pub windows: Windows,
    /// The keys and their names.
    pub by: Vec<(String, Expr)>,
    /// The event time, where it is not the source's.
    pub time: Option<Expr>,
    /// How far a row may lag behind.
    pub lateness: Length,
    /// What becomes of rows that lag further.
    pub late: Late,
    /// What stands in the results of windows without rows, if there are any.
    pub fill: Option<Fill>,
    /// The results beside those at the close, if there are any.
    pub revisions: Option<Revisions>,
    /// How far a row may be ahead, if not as far as it likes.
    pub ahead: Option<Ahead>,
    /// How long, by the clock on the wall, nothing may come before all that has rows is closed.
    pub idle_timeout: Option<Length>,
    /// How many late rows may wait to be read.
    pub max_kept: usize,
    /// How many bytes the state may take; half of the memory if `None`.
    pub max_state_bytes: Option<u64>,
    /// The aggregates and their names.
    pub aggregates: Vec<(String, Aggregate)>,
}

/// How often running results come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Every {
    /// After so many rows.
    Rows(i64),
    /// When event time passes a multiple of this length.
    Time(Length),
}

/// Aggregates over groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// The keys and their names.
    pub by: Vec<(String, Expr)>,
    /// How often running results come, if they do.
    pub every: Option<Every>,
    /// How many bytes the state may take; half of the memory if `None`.
    pub max_state_bytes: Option<u64>,
    /// The aggregates and their names.
    pub aggregates: Vec<(String, Aggregate)>,
}

impl Plan {
    /// A source.
    pub fn source(node: Node) -> Arc<Self> {
        Arc::new(Self { node, inputs: Vec::new() })
    }

    /// A stage over this stream.
    ///
    /// # Errors
    /// [`Error::Argument`] if an argument cannot be right whatever the schema is, or if the stage would count
    /// several results of one window.
    pub fn then(self: &Arc<Self>, node: Node) -> Result<Arc<Self>> {
        node.check()?;
        self.check_revisions(&node)?;
        Ok(Arc::new(Self { node, inputs: vec![Arc::clone(self)] }))
    }

    /// The plan as text that [`from_json`](Self::from_json) reads.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written, which would be a bug.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::Internal(error.to_string()))
    }

    /// The plan that was written as text.
    ///
    /// # Errors
    /// [`Error::Argument`] if the text is not a plan.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::argument(format!("not a plan: {error}")))
    }

    /// A number that plans have in common only if they do the same. Windows of a calendar do not do the same
    /// with another version of the time zone database.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn fingerprint(&self) -> Result<u64> {
        self.fingerprint_by(version())
    }

    /// The fingerprint by a time zone database of this version.
    fn fingerprint_by(&self, zones: &str) -> Result<u64> {
        let mut hasher = DefaultHasher::new();
        self.to_json()?.hash(&mut hasher);
        if self.has_calendar() {
            zones.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }

    fn has_calendar(&self) -> bool {
        let own = matches!(&self.node, Node::Window(spec) if spec.windows.is_calendar());
        own || self.inputs.iter().any(|input| input.has_calendar())
    }

    /// How long one of its stages would wait for rows by the clock on the wall.
    pub(crate) fn idle_timeout(&self) -> Option<Length> {
        let own = match &self.node {
            Node::Window(spec) => spec.idle_timeout,
            Node::Rolling(spec) => spec.idle_timeout,
            Node::Merge(spec) => spec.idle_timeout,
            _ => None,
        };
        own.or_else(|| self.inputs.iter().find_map(|input| input.idle_timeout()))
    }

    /// The leaves of the tree, in the order in which they are read.
    pub fn leaves(&self) -> Vec<&Node> {
        match self.inputs.is_empty() {
            true => vec![&self.node],
            false => self.inputs.iter().flat_map(|input| input.leaves()).collect(),
        }
    }
}

impl Host {
    /// Checks what can be checked before the object is asked; its columns, where they are declared.
    ///
    /// # Errors
    /// If the event time is none of the columns, or cannot be one.
    pub fn check(&self, declared: Option<&Schema>) -> Result<()> {
        match (&self.time, declared) {
            (Some(time), Some(schema)) => time::check(time, &schema.fields()[schema.index(time)?].dtype),
            _ => Ok(()),
        }
    }
}

impl Node {
    /// Checks what can be checked without a schema.
    fn check(&self) -> Result<()> {
        match self {
            Self::Rebatch(0) => Err(Error::argument("rebatch needs at least 1 row in a batch, not 0")),
            Self::Select(columns) if columns.is_empty() => {
                Err(Error::argument("select needs at least one column"))
            }
            Self::Select(columns) | Self::WithColumns(columns) => {
                unique(columns.iter().map(|(name, _)| name.as_str()), "column")
            }
            Self::Window(spec) => spec.check(),
            Self::Rolling(spec) => spec.check(),
            Self::GroupBy(spec) => spec.check(),
            _ => Ok(()),
        }
    }
}

impl Windows {
    fn is_calendar(&self) -> bool {
        match self {
            Self::Hopping(hopping) => hopping.is_calendar(),
            Self::Several(all) => all.iter().any(|(_, windows)| windows.is_calendar()),
            Self::Cumulate { .. } | Self::Session { .. } | Self::Count { .. } => false,
        }
    }

    /// Which of its edges a result shows.
    pub(crate) fn label(&self) -> Label {
        match self {
            Self::Hopping(hopping) => hopping.label,
            Self::Several(all) => all.first().map_or(Label::Both, |(_, windows)| windows.label()),
            Self::Cumulate { .. } | Self::Session { .. } | Self::Count { .. } => Label::Both,
        }
    }

    /// Whether a window has the time at its end.
    pub(crate) fn has_end(&self) -> bool {
        match self {
            Self::Hopping(hopping) => hopping.closed.has_end(),
            Self::Session(session) => session.gap_closed,
            // Each of several knows for itself.
            Self::Cumulate { .. } | Self::Count { .. } | Self::Several(_) => false,
        }
    }

    /// The expressions that say which rows a window has.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let session = if let Self::Session(session) = self { Some(session) } else { None };
        session.into_iter().flat_map(Session::expressions)
    }

    /// Checks what can be checked without a schema.
    ///
    /// # Errors
    /// [`Error::Argument`] if a length cannot be right, whatever the time column is.
    pub fn check(&self) -> Result<()> {
        let lengths = match self {
            Self::Hopping(hopping) => return hopping.check(),
            Self::Cumulate { size, step, .. } => vec![("step", step), ("size", size)],
            Self::Session(session) => return session.check(),
            Self::Count { size, every } => return Self::check_rows(*size, *every),
            Self::Several(all) => return Self::check_all(all),
        };
        match lengths.into_iter().find(|(_, length)| !length.is_positive()) {
            Some((argument, length)) => {
                Err(Error::argument(format!("{argument}={length}: a window must be longer than nothing")))
            }
            None => match self {
                Self::Cumulate { size, step, .. } if size.is_multiple_of(*step) == Some(false) => {
                    Err(Self::uneven(*size, *step))
                }
                _ => Ok(()),
            },
        }
    }

    fn check_all(all: &[(String, Self)]) -> Result<()> {
        let Some((first, like)) = all.first() else {
            return Err(Error::argument("windows needs at least one kind of windows"));
        };
        unique(all.iter().map(|(name, _)| name.as_str()), "window")?;
        for (name, windows) in all {
            if !matches!(windows, Self::Hopping(_) | Self::Cumulate { .. }) {
                return Err(Error::argument(format!(
                    "{name:?}: {windows}: in one pass go tumbling, hopping and cumulate; give others a stream of their \
                     own, with window(...)"
                )));
            }
            windows.check().map_err(|error| error.within(format!("{name:?}")))?;
            if windows.label() != like.label() {
                return Err(Error::argument(format!(
                    "{name:?} does not have the label= of {first:?}; all results show the same edges"
                )));
            }
        }
        Ok(())
    }

    fn check_rows(size: i64, every: i64) -> Result<()> {
        let rows = [("size", size), ("every", every)];
        match rows.into_iter().find(|(_, rows)| !(1..=MAX_LENGTH).contains(rows)) {
            Some((argument, rows)) => Err(Error::argument(format!(
                "{argument}={rows}: it must be a number of rows, from 1 to {MAX_LENGTH}"
            ))),
            None => Ok(()),
        }
    }

    /// The outputs beside keys and aggregates.
    fn columns(&self) -> impl Iterator<Item = &str> {
        let window = matches!(self, Self::Several(_)).then_some("window");
        let complete = matches!(self, Self::Count { .. }).then_some("complete");
        window.into_iter().chain(self.label().columns().iter().copied()).chain(complete)
    }

    /// The error of windows that do not expand to their size in whole steps.
    pub(crate) fn uneven(size: Length, step: Length) -> Error {
        Error::argument(format!("size={size} is not a multiple of step={step}; windows expand in whole steps"))
    }
}

impl WindowSpec {
    /// Aggregates, by their names, over windows without keys, of the event time of the source. A late row is an error;
    /// there are no results but the last ones of windows that have rows.
    ///
    /// ```
    /// use rillet_core::plan::{Hopping, WindowSpec, Windows};
    /// use rillet_core::{Aggregate, Function, Length};
    ///
    /// let windows = Windows::Hopping(Hopping::new(Length::Ticks(10), Length::Ticks(10)));
    /// let spec = WindowSpec::new(windows, vec![("n".into(), Aggregate::new(Function::Count, None))]);
    /// assert_eq!(spec.to_string(), "window(tumbling(10)).agg(n=count())");
    /// ```
    pub fn new(windows: Windows, aggregates: Vec<(String, Aggregate)>) -> Self {
        Self {
            windows,
            by: Vec::new(),
            time: None,
            lateness: Length::Ticks(0),
            late: Late::Error,
            fill: None,
            revisions: None,
            ahead: None,
            idle_timeout: None,
            max_kept: 0,
            max_state_bytes: None,
            aggregates,
        }
    }

    fn check(&self) -> Result<()> {
        self.windows.check()?;
        if self.lateness.is_negative() {
            return Err(Error::argument(format!("lateness={}: it must not be negative", self.lateness)));
        }
        self.fill.map_or(Ok(()), |fill| fill.check(&self.windows))?;
        if self.fill.is_some() && self.revisions.is_some() {
            return Err(Error::argument(
                "fill= needs the one result of each window; early=, early_rows= and refine_for= give several of it",
            ));
        }
        if self.idle_timeout.is_some() && self.revisions.is_some() {
            return Err(Error::argument(
                "idle_timeout= closes windows for good; early=, early_rows= and refine_for= do not go with it yet",
            ));
        }
        let revisions = self.revisions.map(|_| Revisions::check(&self.windows).map(|()| Revisions::COLUMNS));
        self.ahead.iter().try_for_each(Ahead::check)?;
        self.idle_timeout.map(|length| length.on_the_wall("idle_timeout")).transpose()?;
        let keys = self.by.iter().map(|(name, _)| name.as_str());
        let aggregates = self.aggregates.iter().map(|(name, _)| name.as_str());
        let outputs = self.windows.columns().chain(keys).chain(aggregates);
        unique(outputs.chain(revisions.transpose()?.into_iter().flatten()), "output")
    }
}

impl GroupSpec {
    fn check(&self) -> Result<()> {
        match self.every {
            Some(Every::Rows(rows)) if rows < 1 => {
                return Err(Error::argument(format!("every={rows}: it must be a number of rows, at least 1")));
            }
            Some(Every::Time(length)) if !length.is_positive() => {
                return Err(Error::argument(format!("every={length}: it must be longer than nothing")));
            }
            _ => {}
        }
        let until = self.every.map(|_| "until");
        let keys = self.by.iter().map(|(name, _)| name.as_str());
        let aggregates = self.aggregates.iter().map(|(name, _)| name.as_str());
        unique(until.into_iter().chain(keys).chain(aggregates), "output")
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> Result<()> {
    match twice(names) {
        Some(name) => {
            Err(Error::argument(format!("there are two {what}s named {name:?}; name one of them otherwise")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(every: Length) -> Arc<Plan> {
        let host = Host { id: 0, name: "rows".into(), time: Some("t".into()), batch_rows: None };
        let windows = Windows::Hopping(Hopping::new(every, every));
        let spec = WindowSpec { late: Late::Drop, ..WindowSpec::new(windows, Vec::new()) };
        Plan::source(Node::Host(host)).then(Node::Window(Box::new(spec))).expect("a good plan")
    }

    #[test]
    fn plans_with_a_calendar_differ_by_the_version_of_the_database_of_zones() {
        let by = |plan: &Arc<Plan>, version| plan.fingerprint_by(version).expect("a plan has one");
        let days = windows("1d".parse().expect("a length"));
        assert_ne!(by(&days, "2026f"), by(&days, "2026g"));
        assert_eq!(by(&days, version()), days.fingerprint().expect("a plan has one"));
        let over_days = days.then(Node::Limit(5)).expect("a good plan");
        assert_ne!(by(&over_days, "2026f"), by(&over_days, "2026g"));
        let hours = windows("1h".parse().expect("a length"));
        assert_eq!(by(&hours, "2026f"), by(&hours, "2026g"));
    }
}
