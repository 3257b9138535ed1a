//! [`Revisions`]: results that windows give beside those at their close.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Every, Node, Plan, Windows};
use crate::error::{Error, Result};
use crate::expr::{Expr, Part};
use crate::window::Length;

/// When windows give results beside those at their close.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revisions {
    /// How often windows with new rows give results; without it, they do so at each row that comes after their
    /// close, and not before.
    pub early: Option<Every>,
    /// How long after its close a window still takes rows.
    pub refine_for: Length,
}

impl Revisions {
    /// The columns that say which result of a window a row is.
    pub(crate) const COLUMNS: [&'static str; 2] = ["revision", "is_final"];

    /// Results at this pace, and refined for so long; `None` if none are asked for but those at the close.
    ///
    /// # Errors
    /// [`Error::Argument`] if a length or a number of rows cannot be right, whatever the time column is.
    pub fn new(early: Option<Every>, refine_for: Length) -> Result<Option<Self>> {
        match early {
            Some(Every::Rows(rows)) if rows < 1 => {
                return Err(Error::argument(format!(
                    "early_rows={rows}: it must be a number of rows, at least 1"
                )));
            }
            Some(Every::Time(length)) if !length.is_positive() => {
                return Err(Error::argument(format!("early={length}: it must be longer than nothing")));
            }
            _ if refine_for.is_negative() => {
                return Err(Error::argument(format!("refine_for={refine_for}: it must not be negative")));
            }
            _ => {}
        }
        Ok((early.is_some() || refine_for.is_positive()).then_some(Self { early, refine_for }))
    }

    /// Checks that windows of this kind can have them.
    pub(super) fn check(windows: &Windows) -> Result<()> {
        match windows {
            Windows::Hopping(_) | Windows::Cumulate { .. } => Ok(()),
            other => Err(Error::argument(format!(
                "early=, early_rows= and refine_for= are for tumbling, hopping and cumulate windows, not for {other}"
            ))),
        }
    }
}

impl fmt::Display for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.early {
            Some(Every::Rows(rows)) => write!(f, ", early_rows={rows}")?,
            Some(Every::Time(length)) => write!(f, ", early={length}")?,
            None => {}
        }
        if self.refine_for.is_positive() {
            write!(f, ", refine_for={}", self.refine_for)?;
        }
        Ok(())
    }
}

impl Plan {
    /// Checks that a stage which takes each row for a fact of its own is not given several results of one window.
    pub(super) fn check_revisions(&self, node: &Node) -> Result<()> {
        let stage = match node {
            Node::Window(_) => "window",
            Node::Rolling(_) => "rolling",
            Node::GroupBy(_) => "group_by",
            _ => return Ok(()),
        };
        if !self.is_revised() {
            return Ok(());
        }
        Err(Error::argument(format!(
            "{stage}: its input has several results of each window, which would be counted one by one; keep the last \
             of each with .filter(\"is_final\") before it"
        )))
    }

    /// Whether its rows may be several results of one window.
    fn is_revised(&self) -> bool {
        match &self.node {
            Node::Window(spec) => spec.revisions.is_some(),
            Node::Filter(condition) if is_final(condition) => false,
            Node::ReadCsv(_) | Node::Host(_) | Node::Map(_) | Node::Rolling(_) | Node::GroupBy(_) => false,
            _ => self.inputs.iter().any(|input| input.is_revised()),
        }
    }
}

/// Whether a condition is that a result is the last of its window.
fn is_final(condition: &Expr) -> bool {
    matches!(condition.parts(), [Part::Column(name)] if **name == *Revisions::COLUMNS[1])
}
