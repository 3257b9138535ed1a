//! Plans whose rows are pushed: the same stages over a source that is handed its rows.

use std::sync::Arc;

use super::{Host, Node, Plan};
use crate::error::{Error, Result};

/// What errors and ledgers call rows that were pushed.
const NAME: &str = "push";

impl Plan {
    /// The same stages with the object `id` of the host in the place of the source.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are several sources, or a clock on the wall is to be looked at.
    pub fn pushed(&self, id: usize) -> Result<Arc<Self>> {
        if let Some(timeout) = self.idle_timeout() {
            return Err(Error::argument(format!(
                "idle_timeout={timeout}: an operator waits for nobody; leave it out, and move event time on with \
                 advance(time)"
            )));
        }
        let time = match self.leaves()[..] {
            [Node::ReadCsv(read)] => read.time.clone(),
            [Node::Host(host)] => host.time.clone(),
            [other] => return Err(Error::Internal(format!("{other} is not a source"))),
            ref several => {
                let message =
                    format!("an operator takes the rows of one source, and the plan has {}", several.len());
                return Err(Error::argument(message));
            }
        };
        Ok(self.over(&Self::source(Node::Host(Host { id, name: NAME.into(), time, batch_rows: None }))))
    }

    /// The same stages over another source.
    fn over(&self, source: &Arc<Self>) -> Arc<Self> {
        match &self.inputs[..] {
            [] => Arc::clone(source),
            inputs => {
                let inputs = inputs.iter().map(|input| input.over(source)).collect();
                Arc::new(Self { node: self.node.clone(), inputs })
            }
        }
    }
}
