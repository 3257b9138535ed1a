//! [`Beginning`]: what the host has read of a file to know its columns.

use super::look::Look;
use super::unread::Sample;
use crate::csv::Inferred;
use crate::error::{Error, Result};
use crate::plan::ReadCsv;

/// What the host has read of a file to know its columns.
#[derive(Clone)]
pub struct Beginning {
    look: Look,
    sample: Sample,
    inferred: Result<Option<Inferred>>,
}

impl Beginning {
    /// Nothing yet.
    ///
    /// # Errors
    /// If the arguments do not fit.
    pub fn new(read: &ReadCsv) -> Result<Self> {
        Ok(Self { look: Look::new(read, "<file>")?, sample: Sample::default(), inferred: Ok(None) })
    }

    /// Takes what comes next; nothing means the end.
    pub fn take(&mut self, bytes: &[u8]) {
        self.sample.bytes.extend_from_slice(bytes);
        self.sample.complete |= bytes.is_empty();
        self.inferred = self.look.at(&self.sample);
    }

    /// Hears that reading on failed: what is here must do.
    pub fn break_off(&mut self) {
        self.inferred = Ok(self.look.so_far());
    }

    /// Whether it tells the columns, or more is needed.
    ///
    /// # Errors
    /// For what is not CSV or does not fit the arguments.
    pub fn is_enough(&self) -> Result<bool> {
        self.inferred.as_ref().map(Option::is_some).map_err(Error::clone)
    }

    /// Whether it is the whole file.
    pub fn is_all(&self) -> bool {
        self.sample.complete
    }

    /// What was read, and what it says.
    ///
    /// # Errors
    /// As [`is_enough`](Self::is_enough).
    pub(crate) fn told(self) -> Result<(Sample, Inferred)> {
        let inferred = self.inferred?.ok_or_else(|| Error::Internal("too little of a file was read".into()))?;
        Ok((self.sample, inferred))
    }
}
