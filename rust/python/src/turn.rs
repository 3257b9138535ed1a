//! [`Turn`]: one thread at a time, where Python code is called and no lock may be held.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rillet_core::Error;

use crate::errors::{exception, to_py};
use crate::iterator::lock;

/// How long a thread waits for its turn before it looks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

/// Says whose turn it is. Others wait, and answer Ctrl-C; whoever has it cannot take it once more.
#[derive(Default)]
pub struct Turn {
    holder: Mutex<Option<Holder>>,
    free: Condvar,
}

#[derive(Clone, Copy, PartialEq)]
struct Holder {
    process: u32,
    thread: ThreadId,
}

impl Turn {
    /// Waits until it is the turn of this thread.
    ///
    /// # Errors
    /// `ReentrantError`, which says `reentered`, if it is already; `ForkError` if a thread has it that was not forked
    /// along; an interrupt.
    pub fn take(&self, py: Python<'_>, reentered: &str) -> PyResult<()> {
        let me = Holder { process: std::process::id(), thread: std::thread::current().id() };
        while let Some(holder) = py.detach(|| self.wait(me)) {
            if holder == me {
                return Err(exception(py, "ReentrantError", reentered, &PyDict::new(py))?);
            }
            if holder.process != me.process {
                return Err(to_py(py, &Error::ForkedWhileOpening));
            }
            py.check_signals()?;
        }
        Ok(())
    }

    /// Waits a little; gives who has it, unless that is now `me`.
    fn wait(&self, me: Holder) -> Option<Holder> {
        let busy = |holder: &mut Option<Holder>| {
            holder.is_some_and(|holder| holder.process == me.process && holder.thread != me.thread)
        };
        let waited = self.free.wait_timeout_while(lock(&self.holder), PATIENCE, busy);
        let mut holder = waited.unwrap_or_else(PoisonError::into_inner).0;
        let other = *holder;
        holder.get_or_insert(me);
        other
    }

    /// Lets others have it.
    pub fn give_up(&self) {
        *lock(&self.holder) = None;
        self.free.notify_one();
    }

    /// Whether some thread has it.
    pub fn is_taken(&self) -> bool {
        lock(&self.holder).is_some()
    }
}

/// The same for a `with` of Python: nothing comes between having it and being inside.
#[pyclass(frozen, module = "rillet._core", name = "Turn")]
pub struct PyTurn {
    turn: Turn,
    reentered: String,
}

#[pymethods]
impl PyTurn {
    /// `reentered` is what the error says if a thread that is inside comes once more.
    #[new]
    fn new(reentered: String) -> Self {
        Self { turn: Turn::default(), reentered }
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<()> {
        self.turn.take(py, &self.reentered)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.turn.give_up();
    }
}
