//! [`Look`]: what a sample says of its file, as it grows.

use super::head::{head_options, locate, nulls};
use super::unread::Sample;
use crate::csv::{Head, Inference, Inferred, Sampling};
use crate::error::Result;
use crate::plan::ReadCsv;

/// What a sample says of its file, as it grows.
#[derive(Clone)]
pub(crate) struct Look {
    head: Head,
    sampling: Sampling,
    source: String,
    inference: Inference,
}

impl Look {
    /// At the file of this name, of which nothing has been seen.
    ///
    /// # Errors
    /// If the arguments do not fit.
    pub(crate) fn new(read: &ReadCsv, source: &str) -> Result<Self> {
        let known = read.schema.iter().map(|(name, _)| name.clone()).collect();
        let sampling = Sampling { rows: read.infer_rows, max_bytes: 64 << 20, nulls: nulls(read), known };
        Ok(Self {
            head: head_options(read)?,
            sampling,
            source: source.to_owned(),
            inference: Inference::default(),
        })
    }

    /// What the sample says, which has more than the last one; `None` if still more is needed.
    ///
    /// # Errors
    /// For what is not CSV or does not fit the arguments.
    pub(crate) fn at(&mut self, sample: &Sample) -> Result<Option<Inferred>> {
        let inferred = self.inference.go_on(&sample.bytes, sample.complete, &self.head, &self.sampling);
        inferred.map_err(|error| locate(error, &self.source))
    }

    /// What the sample has said so far; `None` if it does not hold the header.
    pub(crate) fn so_far(&self) -> Option<Inferred> {
        self.inference.so_far()
    }
}
