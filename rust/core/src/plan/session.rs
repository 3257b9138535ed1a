//! [`Session`]: windows that last as long as no gap between rows is too long.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::window::Length;

/// Windows that last, per key, as long as no gap between rows is too long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The least gap that ends a session.
    pub gap: Gap,
    /// Whether a gap of just this length does not end it yet.
    pub gap_closed: bool,
    /// How long a session is at most.
    pub max_length: Option<Length>,
    /// The rows that end their session.
    pub until: Option<Expr>,
}

/// The least gap that ends a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Gap {
    /// After every row the same.
    Fixed(Length),
    /// After each row its own, which it has in a column.
    Own(Expr),
}

impl Session {
    /// Sessions that a gap of this length ends, and nothing else.
    pub fn new(gap: Length) -> Self {
        Self { gap: Gap::Fixed(gap), gap_closed: false, max_length: None, until: None }
    }

    /// Checks what can be checked without a schema.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the argument.
    pub fn check(&self) -> Result<()> {
        match (&self.gap, self.max_length) {
            (Gap::Fixed(gap), _) if !gap.is_positive() => {
                Err(Error::argument(format!("gap={gap}: a gap must be longer than nothing")))
            }
            (_, Some(length)) if !length.is_positive() => {
                Err(Error::argument(format!("max_length={length}: a window must be longer than nothing")))
            }
            _ => Ok(()),
        }
    }

    /// The expressions that it computes.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let gap = if let Gap::Own(expr) = &self.gap { Some(expr) } else { None };
        gap.into_iter().chain(&self.until)
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.gap {
            Gap::Fixed(gap) => write!(f, "session({gap}")?,
            Gap::Own(expr) => write!(f, "session({expr}")?,
        }
        if self.gap_closed {
            f.write_str(", gap_closed=True")?;
        }
        if let Some(length) = self.max_length {
            write!(f, ", max_length={length}")?;
        }
        if let Some(until) = &self.until {
            write!(f, ", until={until}")?;
        }
        f.write_str(")")
    }
}
