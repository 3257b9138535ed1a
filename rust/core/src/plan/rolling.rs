//! [`RollingSpec`]: the options of `rolling`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::shown::{idle, keys, lagging, listed};
use super::{Ahead, unique};
use crate::aggregate::Aggregate;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::window::{Late, Length};

/// Aggregates over windows of which each row has its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingSpec {
    /// Which rows are in the window of a row.
    pub frame: Frame,
    /// The keys and their names.
    pub by: Vec<(String, Expr)>,
    /// The event time, where it is not the source's. Without it, windows of rows are in order of arrival.
    pub time: Option<Expr>,
    /// How far a row may lag behind.
    pub lateness: Length,
    /// What becomes of rows that lag further.
    pub late: Late,
    /// How far a row may be ahead, if not as far as it likes.
    pub ahead: Option<Ahead>,
    /// How long, by the clock on the wall, nothing may come before all that has rows is closed.
    pub idle_timeout: Option<Length>,
    /// How many values a result needs.
    pub min_periods: u64,
    /// How many late rows may wait to be read.
    pub max_kept: usize,
    /// How many bytes the state may take; half of the memory if `None`.
    pub max_state_bytes: Option<u64>,
    /// The aggregates and their names.
    pub aggregates: Vec<(String, Aggregate)>,
}

/// Which rows are in the window of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Frame {
    /// Those of the time up to its own.
    Time {
        /// How long that is.
        size: Length,
        /// Which ends belong to it.
        closed: Ends,
    },
    /// The last ones.
    Rows {
        /// How many, with itself.
        rows: u64,
        /// Whether it is in their middle, or just before it, rather than at their end.
        center: bool,
    },
}

/// Which ends belong to a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ends {
    /// The later one.
    #[default]
    Right,
    /// The earlier one.
    Left,
    /// Both.
    Both,
    /// Neither.
    Neither,
}

impl Ends {
    /// Whether the earlier end belongs to the window.
    pub(crate) fn has_start(self) -> bool {
        matches!(self, Self::Left | Self::Both)
    }

    /// Whether the later end belongs to the window.
    pub(crate) fn has_end(self) -> bool {
        matches!(self, Self::Right | Self::Both)
    }
}

impl RollingSpec {
    /// Aggregates, by their names, over the windows of rows without keys, in the order of the event time of the source,
    /// or, for windows of rows, of their arrival. A late row is an error; one value is enough for a result.
    ///
    /// ```
    /// use rillet_core::plan::{Frame, RollingSpec};
    /// use rillet_core::{Aggregate, Function};
    ///
    /// let frame = Frame::Rows { rows: 3, center: false };
    /// let spec = RollingSpec::new(frame, vec![("n".into(), Aggregate::new(Function::Count, None))]);
    /// assert_eq!(spec.to_string(), "rolling(rows=3).agg(n=count())");
    /// ```
    pub fn new(frame: Frame, aggregates: Vec<(String, Aggregate)>) -> Self {
        Self {
            frame,
            by: Vec::new(),
            time: None,
            lateness: Length::Ticks(0),
            late: Late::Error,
            ahead: None,
            idle_timeout: None,
            min_periods: 1,
            max_kept: 0,
            max_state_bytes: None,
            aggregates,
        }
    }

    /// Whether rows come in the order of their arrival, whatever their times are.
    pub(crate) fn is_by_arrival(&self) -> bool {
        matches!(self.frame, Frame::Rows { .. }) && self.time.is_none()
    }

    /// Checks what can be checked without a schema.
    pub(super) fn check(&self) -> Result<()> {
        match self.frame {
            Frame::Time { size, .. } if !size.is_positive() => {
                return Err(Error::argument(format!("size={size}: a window must be longer than nothing")));
            }
            Frame::Rows { rows: 0, .. } => return Err(Error::argument("rows=0: a window needs at least 1 row")),
            Frame::Rows { rows, .. } if self.min_periods > rows => {
                let message =
                    format!("min_periods={}: windows of rows={rows} never have so many", self.min_periods);
                return Err(Error::argument(message));
            }
            Frame::Rows { center: true, .. } if self.time.is_some() => {
                return Err(Error::argument(
                    "center=True takes rows in the order of their arrival, without time=",
                ));
            }
            _ => {}
        }
        if self.lateness.is_negative() {
            return Err(Error::argument(format!("lateness={}: it must not be negative", self.lateness)));
        }
        let lags = self.lateness != Length::Ticks(0) || self.late != Late::Error;
        if self.is_by_arrival() && (lags || self.ahead.is_some() || self.idle_timeout.is_some()) {
            return Err(Error::argument(
                "windows of rows without time= have no late rows, and no lateness=, late=, max_ahead= or idle_timeout=",
            ));
        }
        self.ahead.iter().try_for_each(Ahead::check)?;
        self.idle_timeout.map(|length| length.on_the_wall("idle_timeout")).transpose()?;
        unique(self.aggregates.iter().map(|(name, _)| name.as_str()), "output")
    }
}

impl fmt::Display for RollingSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rolling({}{}", self.frame, keys(&self.by))?;
        f.write_str(&lagging(self.time.as_ref(), self.lateness, self.late, self.ahead))?;
        f.write_str(&idle(self.idle_timeout))?;
        if self.min_periods != 1 {
            write!(f, ", min_periods={}", self.min_periods)?;
        }
        write!(f, ").agg({})", listed(&self.aggregates))
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { size, closed: Ends::Right } => write!(f, "{size}"),
            Self::Time { size, closed } => {
                write!(f, "{size}, closed={:?}", format!("{closed:?}").to_lowercase())
            }
            Self::Rows { rows, center: false } => write!(f, "rows={rows}"),
            Self::Rows { rows, center: true } => write!(f, "rows={rows}, center=True"),
        }
    }
}
