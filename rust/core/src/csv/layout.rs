//! [`Layout`]: what to decode of a text, and what to do with rows that do not convert.

use super::columns::builder;
use super::dialect::Dialect;
use crate::error::Result;
use crate::types::DataType;

/// What to do with a bad row: one that does not split into its fields, or does not convert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Stop before it, with an error that tells where it is.
    #[default]
    Error,
    /// Leave it out, and list it.
    Skip,
    /// Leave it out, and list it with its whole text.
    Keep,
}

/// A column to decode.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its place in the file, from 0.
    pub index: usize,
    /// Its name, for errors.
    pub name: String,
    /// What its texts are converted to.
    pub dtype: DataType,
    /// Unquoted texts that mean null, besides the empty one.
    pub nulls: Vec<Vec<u8>>,
    /// A null makes the row bad: it is the event time.
    pub required: bool,
    /// It is handed out. Others are converted to see whether they are good, and dropped.
    pub wanted: bool,
}

impl Column {
    /// A column that is handed out, where only empty fields are null.
    pub fn new(index: usize, name: impl Into<String>, dtype: DataType) -> Self {
        Self { index, name: name.into(), dtype, nulls: Vec::new(), required: false, wanted: true }
    }

    /// Whether its type has a form in text.
    ///
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) if it has none.
    pub(crate) fn check(&self) -> Result<()> {
        builder(self, 0, &mut Vec::new()).map(drop)
    }

    /// Whether an unquoted field of this text is null.
    pub(crate) fn is_null(&self, text: &[u8]) -> bool {
        text.is_empty() || self.nulls.iter().any(|null| null == text)
    }
}

/// What to decode of each text.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What separates and quotes.
    pub dialect: Dialect,
    /// How many fields a row has.
    pub fields: usize,
    /// The columns, in the order in which they are handed out.
    pub columns: Vec<Column>,
    /// What to do with bad rows.
    pub on_error: OnError,
}
