//! [`Fill`]: what stands in the results of windows without rows.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Windows;
use crate::error::{Error, Result};

/// What stands in the results of windows without rows, and of how many in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// What stands in them. Counts are 0 whatever it is.
    pub with: Filling,
    /// How many windows of a key are filled in a row, at most.
    pub max: u64,
}

/// What stands in the results of a window without rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filling {
    /// Nulls.
    Null,
    /// Zeros, in columns of numbers.
    Zero,
    /// The last results of the key.
    Previous,
    /// Numbers on the straight line between the results before and after.
    Linear,
}

impl Filling {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Null, Self::Zero, Self::Previous, Self::Linear];

    /// Its name in arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Zero => "zero",
            Self::Previous => "previous",
            Self::Linear => "linear",
        }
    }
}

impl Fill {
    /// Checks that these windows can be filled.
    pub(super) fn check(&self, windows: &Windows) -> Result<()> {
        if self.max == 0 {
            return Err(Error::argument("max_fill=0: it must be at least 1; without fill= no window is filled"));
        }
        match windows {
            Windows::Hopping(_) | Windows::Cumulate { .. } => Ok(()),
            other => Err(Error::argument(format!(
                "fill={:?}: {other} has no windows without rows to fill; tumbling, hopping and cumulate do",
                self.with.name()
            ))),
        }
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fill={:?}, max_fill={}", self.with.name(), self.max)
    }
}
