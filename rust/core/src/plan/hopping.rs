//! [`Hopping`]: windows of one size that start every so often.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::window::{Closed, Label, Length};
use crate::zone::Zone;

/// Windows of one size that start every so often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hopping {
    /// How long a window is.
    pub size: Length,
    /// How far apart starts are.
    pub every: Length,
    /// How far the first start is from the origin.
    pub offset: Length,
    /// The zone of days, weeks and months, where it is not that of the time column.
    pub tz: Option<Arc<str>>,
    /// Which of its edges a window has.
    pub closed: Closed,
    /// Which of its edges a result shows.
    pub label: Label,
}

impl Hopping {
    /// Windows `[start, start + size)` counted from the origin.
    pub fn new(size: Length, every: Length) -> Self {
        let (closed, label) = (Closed::default(), Label::default());
        Self { size, every, offset: Length::Ticks(0), tz: None, closed, label }
    }

    /// Checks what can be checked without knowing the time column.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the argument.
    pub fn check(&self) -> Result<()> {
        let refused = |why: String| Err(Error::argument(why));
        // The step first: of tumbling windows, which have no size of their own, it is what the caller has set.
        for (argument, length) in [("every", self.every), ("size", self.size)] {
            if !length.is_positive() {
                let what = if argument == "every" && self.size != self.every { "the step" } else { "a window" };
                return refused(format!("{argument}={length}: {what} must be longer than nothing"));
            }
        }
        if self.size.is_months() != self.every.is_months() {
            return refused(format!(
                "size={}, every={}: either both are months, quarters or years, or none is",
                self.size, self.every
            ));
        }
        if self.offset.is_months() && !self.every.is_months() {
            return refused(format!("offset={}: only windows of months can be shifted by months", self.offset));
        }
        match &self.tz {
            Some(tz) if !self.is_calendar() => refused(format!(
                "tz={tz:?}: only calendar lengths, such as \"1d\" or \"1mo\", have a zone; every={} is a fixed one",
                self.every
            )),
            Some(tz) => Zone::new(tz).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Whether windows may follow the calendar of a zone.
    pub(crate) fn is_calendar(&self) -> bool {
        self.size.is_calendar() || self.every.is_calendar()
    }
}

impl fmt::Display for Hopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size == self.every {
            true => write!(f, "tumbling({}", self.every)?,
            false => write!(f, "hopping({}, {}", self.size, self.every)?,
        }
        if self.offset != Length::Ticks(0) {
            write!(f, ", offset={}", self.offset)?;
        }
        if let Some(tz) = &self.tz {
            write!(f, ", tz={tz:?}")?;
        }
        if self.closed != Closed::Left {
            write!(f, ", closed={:?}", self.closed.name())?;
        }
        match self.label {
            Label::Both => f.write_str(")"),
            Label::Left => f.write_str(", label=\"left\")"),
            Label::Right => f.write_str(", label=\"right\")"),
        }
    }
}
