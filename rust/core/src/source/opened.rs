//! [`Opened`]: what has been opened of a source that can be read only once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::input::{Got, Input};
use super::unread::Sample;
use crate::error::{Error, Result};

/// The pipes of a source that have been opened. All that is made of the source shares it, so that what has been read of a
/// pipe to know its columns is there for whoever reads its rows, and nobody reads them twice.
pub struct Opened {
    pipes: Mutex<HashMap<String, OneShot>>,
    /// The process that made it.
    process: u32,
}

/// A pipe that has been opened.
pub(super) struct OneShot {
    /// Until a run takes it.
    input: Option<Input>,
    /// Its first bytes.
    sample: Sample,
    /// What is said to those who come too late.
    consumed: &'static str,
}

impl Default for Opened {
    fn default() -> Self {
        Self { pipes: Mutex::default(), process: std::process::id() }
    }
}

impl Opened {
    /// The pipes by their names. In a forked child they stay locked if another thread was at them.
    ///
    /// # Errors
    /// [`Error::ForkedWhileOpening`] if they are, or a thread of the child's own is at them.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, HashMap<String, OneShot>>> {
        if self.process == std::process::id() {
            return Ok(self.pipes.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.pipes.try_lock() {
            Ok(pipes) => Ok(pipes),
            Err(TryLockError::Poisoned(pipes)) => Ok(pipes.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Error::ForkedWhileOpening),
        }
    }
}

impl OneShot {
    /// One of which nothing has been read, unless a run has taken it at once; `consumed` is what others hear then.
    pub(super) fn new(input: Option<Input>, consumed: &'static str) -> Self {
        Self { input, sample: Sample::default(), consumed }
    }

    /// Shows ever more of the first bytes until they are enough; `None` if they are not yet, and no more has come.
    ///
    /// # Errors
    /// [`Error::Io`], what `look` finds wrong, and [`Error::Consumed`] if more is read by somebody else.
    pub(super) fn look<T>(&mut self, mut look: impl FnMut(&Sample) -> Result<Option<T>>) -> Result<Option<T>> {
        loop {
            let seen = self.sample.bytes.len();
            if let Some(found) = look(&self.sample)? {
                return Ok(Some(found));
            }
            let input = self.input.as_mut().ok_or_else(|| Error::Consumed(self.consumed.into()))?;
            let got = self.sample.grow(input)?;
            if matches!(got, Got::Nothing) && self.sample.bytes.len() == seen {
                return Ok(None);
            }
        }
    }

    /// Takes it out, with what has been read of it.
    ///
    /// # Errors
    /// [`Error::Consumed`] if somebody has.
    pub(super) fn take(&mut self) -> Result<(Input, Sample)> {
        let input = self.input.take().ok_or_else(|| Error::Consumed(self.consumed.into()))?;
        Ok((input, self.sample.clone()))
    }

    /// Takes it back from a run that has not read it.
    pub(super) fn give_back(&mut self, input: Input) {
        self.input = Some(input);
    }
}
