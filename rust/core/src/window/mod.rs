//! Windows over event time, and groups.
//!
//! How a row flows: its key gets a number ([`Keys`]), its time a pane ([`Ruler`]), key and pane together a
//! slot ([`Panes`]); the aggregates' partials are folded by slot ([`crate::aggregate::Table`]). When the
//! watermark passes the end of a window, its panes are combined ([`Fifo`], where windows overlap) and its
//! results go out in the order of the keys' places ([`Places`]).

mod agenda;
mod backlog;
mod braid;
mod calendar;
mod calm;
mod chain;
mod chains;
mod clock;
mod count;
mod daba;
mod edges;
mod emission;
mod fifo;
mod fill;
mod gallop;
mod gap;
mod grid;
mod group;
mod groups;
mod guard;
mod held;
mod keys;
mod lanes;
mod late;
mod leaving;
mod length;
mod line;
mod made;
mod mark;
mod operator;
mod outlet;
mod pace;
mod panes;
mod parts;
mod passage;
mod pieces;
mod places;
mod plots;
mod queue;
mod reach;
mod revised;
mod rolling;
mod room;
mod ruler;
mod sequence;
mod session;
mod sessions;
mod several;
mod shelf;
mod span;
mod steady;
mod strands;
mod stretches;
mod sweeper;
mod ticks;
mod trails;
mod units;

pub(crate) use chain::ChainWindow;
pub(crate) use count::CountWindow;
pub use daba::{Combiner, Daba, Monoid, Themselves};
pub use edges::{Closed, Label};
pub(crate) use emission::Shape;
pub(crate) use fill::{Filled, FilledShape};
pub(crate) use grid::{Grid, MAX_LENGTH};
pub(crate) use group::Group;
pub(crate) use guard::Guard;
pub(crate) use keys::Keys;
pub(crate) use late::Aside;
pub use late::Late;
pub use length::Length;
pub(crate) use operator::{Window, results_schema};
pub(crate) use pace::{Pace, Progress};
pub(crate) use parts::Parts;
pub(crate) use reach::{Gap, Reach};
pub(crate) use revised::RevisedWindow;
pub(crate) use rolling::Rolling;
pub(crate) use ruler::Ruler;
pub(crate) use session::SessionWindow;
pub(crate) use several::SeveralWindows;
pub(crate) use span::Span;
pub(crate) use units::{Unit, Units};
