//! What becomes of the edges of windows: [`Closed`] and [`Label`].

use serde::{Deserialize, Serialize};

/// Which of its edges a window has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closed {
    /// Its start.
    #[default]
    Left,
    /// Its end.
    Right,
    /// Both.
    Both,
}

impl Closed {
    /// Whether a window has the time at its end.
    pub(crate) fn has_end(self) -> bool {
        self != Self::Left
    }

    /// Its name in arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Both => "both",
        }
    }
}

/// Which of its edges a result shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Label {
    /// Both.
    #[default]
    Both,
    /// The start.
    Left,
    /// The end.
    Right,
}

impl Label {
    /// The names of the columns.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["window_start", "window_end"],
            Self::Left => &["window_start"],
            Self::Right => &["window_end"],
        }
    }
}
