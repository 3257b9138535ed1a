//! [`Merge`]: the options of `merge`, and plans of several streams.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::shown::idle;
use super::{CsvInput, Node, Plan};
use crate::error::{Error, Result};
use crate::window::Length;

/// Several streams as one, in the order of their times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// How long, by the clock on the wall, a stream may have nothing before the others do not wait for it.
    pub idle_timeout: Option<Length>,
}

impl Merge {
    pub(super) fn check(&self) -> Result<()> {
        self.idle_timeout.map(|length| length.on_the_wall("idle_timeout")).transpose().map(drop)
    }
}

impl Plan {
    /// Several streams as one, in the order of their times. The objects of the host are numbered through: those
    /// of a stream come after those of the streams before it.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no stream, or an argument cannot be right.
    pub fn merge(streams: Vec<Arc<Self>>, merge: Merge) -> Result<Arc<Self>> {
        merge.check()?;
        if streams.is_empty() {
            return Err(Error::argument("merge needs at least one stream"));
        }
        let (mut inputs, mut hosts) = (Vec::new(), 0);
        for stream in streams {
            inputs.push(Arc::new(stream.renumbered(hosts)));
            hosts += stream.hosts();
        }
        Ok(Arc::new(Self { node: Node::Merge(merge), inputs }))
    }

    /// How many objects of the host it has.
    fn hosts(&self) -> usize {
        usize::from(self.node.host().is_some()) + self.inputs.iter().map(|input| input.hosts()).sum::<usize>()
    }

    /// The same plan, the numbers of its hosts higher by so many.
    fn renumbered(&self, by: usize) -> Self {
        let mut node = self.node.clone();
        if let Some(id) = node.host_mut() {
            *id += by;
        }
        Self { node, inputs: self.inputs.iter().map(|input| Arc::new(input.renumbered(by))).collect() }
    }
}

impl Node {
    fn host(&self) -> Option<usize> {
        self.clone().host_mut().copied()
    }

    /// The number of the host's object that it has.
    fn host_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Host(host) => Some(&mut host.id),
            Self::Map(map) => Some(&mut map.id),
            Self::ReadCsv(read) => match &mut read.input {
                CsvInput::Host { id } => Some(id),
                _ => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "merge(…{})", idle(self.idle_timeout))
    }
}

/// A merge with its streams, each on lines of its own.
pub(super) fn shown(merge: &Merge, streams: &[Arc<Plan>]) -> String {
    let indented = |stream: &Arc<Plan>| format!("\n  {},", stream.to_string().replace('\n', "\n  "));
    let streams: String = streams.iter().map(indented).collect();
    let timeout = merge.idle_timeout.map(|length| format!("\n  idle_timeout={length},")).unwrap_or_default();
    format!("merge({streams}{timeout}\n)")
}
