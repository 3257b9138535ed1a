//! [`Ahead`]: rows whose time is too far ahead, and the [`Guard`]s that look out for them.
//!
//! Users say it of a window, but such a row would mislead all that reads its time: filters pass it on as the
//! mark of rows that they leave out, and a merge would wait for all else to come as far. So a window with
//! `max_ahead=` makes a guard, which stands where event time is made: behind the source, or before the window
//! that reads a time of its own.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Node, Plan};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::window::{Late, Length};

/// How far a row may be ahead of those before it, and what becomes of those that are further.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ahead {
    /// How far.
    pub most: Length,
    /// What becomes of the others.
    pub further: Late,
}

/// A stage that lets no row pass that is too far ahead. Users do not make it: a plan with `max_ahead` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// How far a row may be ahead.
    pub ahead: Ahead,
    /// How many rows may wait to be read.
    pub max_kept: usize,
    /// The event time, where it is not the source's.
    pub time: Option<Expr>,
}

impl Ahead {
    /// Checks what can be checked without a schema.
    pub(super) fn check(&self) -> Result<()> {
        match self.most.is_positive() {
            true => Ok(()),
            false => Err(Error::argument(format!("max_ahead={}: it must be longer than nothing", self.most))),
        }
    }
}

impl Plan {
    /// The same plan with the guards that its windows ask for, each where event time is made.
    ///
    /// # Errors
    /// [`Error::Argument`] if the rows of a window that asks for one are results of other windows.
    pub(crate) fn guarded(self: &Arc<Self>) -> Result<Arc<Self>> {
        guarded(self, Vec::new())
    }

    /// What this node asks for, and the event time that it has of its own.
    fn guard(&self) -> (Option<Guard>, Option<&Expr>) {
        let (ahead, max_kept, time) = match &self.node {
            Node::Window(spec) => (spec.ahead, spec.max_kept, spec.time.as_ref()),
            Node::Rolling(spec) => (spec.ahead, spec.max_kept, spec.time.as_ref()),
            _ => (None, 0, None),
        };
        (ahead.map(|ahead| Guard { ahead, max_kept, time: None }), time)
    }
}

/// The plan with guards of its own and with these, which what reads it asks for.
fn guarded(plan: &Arc<Plan>, mut guards: Vec<Guard>) -> Result<Arc<Plan>> {
    let (own, time) = plan.guard();
    let makes_time = plan.inputs.is_empty() || matches!(plan.node, Node::Map(_));
    if let (Some(guard), Node::Window(_), None) = (guards.first(), &plan.node, time) {
        return Err(Error::argument(format!(
            "max_ahead={}: these rows are results of windows, whose time moves as theirs does; set it there",
            guard.ahead.most
        )));
    }
    guards.extend(own);
    let below = if makes_time || time.is_some() { Vec::new() } else { guards.clone() };
    let mut inputs = plan.inputs.iter().map(|input| guarded(input, below.clone())).collect::<Result<Vec<_>>>()?;
    if time.is_some() {
        inputs = inputs.into_iter().map(|input| under(input, &guards, time)).collect();
    }
    let plan = Arc::new(Plan { node: plan.node.clone(), inputs });
    Ok(if makes_time { under(plan, &guards, None) } else { plan })
}

/// The stream behind guards over this event time.
fn under(plan: Arc<Plan>, guards: &[Guard], time: Option<&Expr>) -> Arc<Plan> {
    guards.iter().fold(plan, |plan, guard| {
        let guard = Guard { time: time.cloned(), ..guard.clone() };
        Arc::new(Plan { node: Node::Guard(Box::new(guard)), inputs: vec![plan] })
    })
}

impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max_ahead={}", self.most)?;
        match self.further {
            Late::Error => Ok(()),
            further => write!(f, ", ahead={:?}", format!("{further:?}").to_lowercase()),
        }
    }
}
