//! [`ReadCsv`]: how CSV is read.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::BATCH_ROWS;
use crate::csv::{Column, named};
use crate::error::{Error, Result};
use crate::time;
use crate::types::{DataType, twice};

/// More threads than this are a slip, and starting them would starve the process.
const MAX_THREADS: usize = 1024;

/// Where CSV comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CsvInput {
    /// Files, by path or glob, one after the other.
    Paths(Vec<String>),
    /// Text in memory.
    Bytes(Arc<[u8]>),
    /// Standard input.
    Stdin,
    /// Bytes that the host language supplies.
    Host {
        /// Which of the host's objects.
        id: usize,
    },
}

/// What becomes of bad rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnError {
    /// The first one is an error.
    #[default]
    Error,
    /// They are counted.
    Skip,
    /// They are counted and set aside.
    Keep,
}

/// Which columns can make a row bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// Those that the plan uses.
    #[default]
    Used,
    /// All of them.
    All,
}

/// How CSV is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadCsv {
    /// Where it comes from.
    pub input: CsvInput,
    /// The column that is the event time.
    pub time: Option<String>,
    /// Types of columns, where they are not to be inferred.
    pub schema: Vec<(String, DataType)>,
    /// The columns to read, in this order; all of them if `None`.
    pub columns: Option<Vec<String>>,
    /// The names of the columns of a file without a header.
    pub names: Option<Vec<String>>,
    /// What separates fields.
    pub delimiter: u8,
    /// What quotes fields, if anything does.
    pub quote: Option<u8>,
    /// What lines begin with that are to be skipped.
    pub comment: Option<String>,
    /// How many lines to skip before the header.
    pub skip_rows: usize,
    /// Texts that mean null, besides an empty field.
    pub null_values: Vec<String>,
    /// From how many rows to infer the types.
    pub infer_rows: usize,
    /// What becomes of bad rows.
    pub on_error: OnError,
    /// Which columns can make a row bad.
    pub check: Check,
    /// How many bad rows may wait to be read.
    pub max_kept: usize,
    /// How many rows a batch has.
    pub batch_rows: usize,
    /// How many threads decode, and how many the windows after it work on; as many as there are cores if `None`.
    pub threads: Option<usize>,
    /// How many batches to read ahead, for each thread.
    pub prefetch: usize,
    /// How many bytes a row may have.
    pub max_line: usize,
    /// How many columns there may be.
    pub max_columns: usize,
}

impl ReadCsv {
    /// CSV from there, with every other argument left at its default.
    pub fn new(input: CsvInput) -> Self {
        Self {
            input,
            time: None,
            schema: Vec::new(),
            columns: None,
            names: None,
            delimiter: b',',
            quote: Some(b'"'),
            comment: None,
            skip_rows: 0,
            null_values: Vec::new(),
            infer_rows: 10_000,
            on_error: OnError::Error,
            check: Check::Used,
            max_kept: 100_000,
            batch_rows: BATCH_ROWS,
            threads: None,
            prefetch: 2,
            max_line: 16 << 20,
            max_columns: 100_000,
        }
    }

    /// What lines begin with that are to be skipped.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is not one character that can be.
    pub fn comment_byte(&self) -> Result<Option<u8>> {
        match self.comment.as_deref().map(str::as_bytes) {
            None => Ok(None),
            Some([byte @ (1..=b'\t' | 0x0b..=0x0c | 0x0e..=0x7f)]) => Ok(Some(*byte)),
            Some(_) => Err(Error::argument(format!(
                "comment must be one ASCII character that is not a line end, or None, not {:?}",
                self.comment.as_deref().unwrap_or_default()
            ))),
        }
    }

    /// Checks what can be checked without opening anything.
    ///
    /// # Errors
    /// [`Error::Argument`].
    pub fn check(&self) -> Result<()> {
        let refused = |message: &str| Err(Error::argument(message));
        let special = |byte: u8| byte == b'\n' || byte == b'\r' || byte == 0 || byte >= 0x80;
        match self {
            _ if self.batch_rows == 0 => refused("batch_rows must be at least 1, not 0"),
            _ if self.batch_rows > u32::MAX as usize / 2 => refused("batch_rows must be less than 2 147 483 648"),
            _ if self.threads == Some(0) => refused("threads must be at least 1, not 0"),
            _ if self.threads.is_some_and(|threads| threads > MAX_THREADS) => {
                refused("threads must be at most 1024")
            }
            _ if self.max_line == 0 => refused("max_line must be at least 1, not 0"),
            _ if special(self.delimiter) => {
                refused("delimiter must be one ASCII character that is not a line end")
            }
            _ if self.quote.is_some_and(special) => {
                refused("quote must be one ASCII character that is not a line end")
            }
            _ if self.quote == Some(self.delimiter) => refused("quote and delimiter must differ"),
            _ => {
                self.comment_byte()?;
                self.check_columns()
            }
        }
    }

    /// Checks that the columns that arguments are about are there, and can be what they are declared, as far as the
    /// arguments tell.
    fn check_columns(&self) -> Result<()> {
        if let Some(name) = twice(self.columns.iter().flatten().map(String::as_str)) {
            return Err(Error::argument(format!("columns= has {name:?} twice; leave one of them out")));
        }
        self.names.iter().try_for_each(|names| self.check_names(names))?;
        self.schema.iter().try_for_each(|(name, dtype)| Column::new(0, name, dtype.clone()).check())?;
        self.time.iter().try_for_each(|time| self.check_time(time))
    }

    /// Checks the names that take the place of a header, and that they have what other arguments name.
    fn check_names(&self, names: &[String]) -> Result<()> {
        if !(1..=self.max_columns).contains(&names.len()) {
            let message = format!("names= must have 1 to {} names, not {}", self.max_columns, names.len());
            return Err(Error::argument(message));
        }
        let known = named(names.to_vec());
        if let Some(name) = twice(known.iter().map(String::as_str)) {
            return Err(Error::argument(format!("names= has {name:?} twice; name one of the columns otherwise")));
        }
        let there: HashSet<&String> = known.iter().collect();
        let declared = self.schema.iter().map(|(name, _)| name);
        match self.columns.iter().flatten().chain(declared).chain(&self.time).find(|name| !there.contains(name)) {
            Some(column) => Err(Error::ColumnNotFound { column: column.clone(), known }),
            None => Ok(()),
        }
    }

    fn check_time(&self, time: &String) -> Result<()> {
        if self.columns.as_ref().is_some_and(|columns| !columns.contains(time)) {
            return Err(Error::argument(format!("time={time:?} is not among columns=; add it there")));
        }
        let declared = self.schema.iter().find(|(name, _)| name == time);
        declared.map_or(Ok(()), |(name, dtype)| time::check(name, dtype))
    }
}
