//! [`Feeder`]: reads bytes and cuts them into texts of whole rows, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Supply;
use super::head::{CsvHead, head_options, locate};
use super::input::{Got, Input};
use super::unread::{Sample, Unread};
use crate::csv::{Cutter, Head, Limits, Opening, Start, Text};
use crate::error::{Error, Result};
use crate::plan::ReadCsv;

/// How many bytes are read at a time: so few that they are still in the cache when they are looked at.
const READ: usize = 256 << 10;

/// A text of whole rows and the source that it is of.
pub(crate) struct Piece {
    /// The text.
    pub(crate) text: Text,
    /// The source as the user named it.
    pub(crate) source: Arc<str>,
}

/// What a feeder has to say when asked for a text.
pub(crate) enum Fed {
    /// A text.
    Piece(Box<Piece>),
    /// Nothing yet.
    NotYet,
    /// There is no more.
    End,
}

/// Reads the files of a source one after the other, and cuts them.
pub(crate) struct Feeder {
    head: Head,
    limits: Limits,
    batch_rows: usize,
    /// Whether rows of a pipe that has no more for now go out, however few they are.
    prompt: bool,
    names: Vec<String>,
    /// No file that has columns has been read yet.
    is_first: bool,
    waiting: VecDeque<Unread>,
    current: Option<Current>,
    skipped: u64,
    bytes_read: u64,
}

/// A file that is being read.
struct Current {
    input: Input,
    source: Arc<str>,
    cutter: Cutter,
    /// What has been read but not yet cut, where the head of the file is not known yet.
    sample: Option<Sample>,
    opening: Opening,
    /// Whether there is no more to read.
    ended: bool,
    /// Why, if that is not because all has been read.
    failure: Option<Error>,
}

impl Feeder {
    /// Over the files that `head` has taken, to be cut into batches of so many rows, or of fewer where a pipe has no more
    /// for now and the rows are to be `prompt`.
    ///
    /// # Errors
    /// If the arguments do not fit.
    pub(crate) fn new(read: &ReadCsv, head: &mut CsvHead, batch_rows: usize, prompt: bool) -> Result<Self> {
        Ok(Self {
            head: head_options(read)?,
            limits: Limits { max_line: read.max_line, ..Limits::default() },
            batch_rows,
            prompt,
            names: head.names.clone(),
            is_first: true,
            waiting: std::mem::take(&mut head.files),
            current: None,
            skipped: 0,
            bytes_read: 0,
        })
    }

    /// The bytes read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many bytes there are in the files not opened yet, if that is known.
    pub(crate) fn bytes_waiting(&self) -> Option<u64> {
        self.waiting.iter().map(Unread::size).sum()
    }

    /// Takes out the number of blank lines and comments before headers.
    pub(crate) fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }

    /// Takes memory back for later texts.
    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if let Some(current) = &mut self.current {
            current.cutter.recycle(buffer);
        }
    }

    /// Takes what the host supplies.
    pub(crate) fn supply(&mut self, supply: Supply) {
        let Some(current) = &mut self.current else { return };
        match supply {
            Supply::Bytes(bytes) => {
                feed(&mut current.cutter, &bytes);
                self.bytes_read += bytes.len() as u64;
            }
            Supply::Error(error) => current.fail(error),
            _ => current.ended = true,
        }
    }

    /// The next text. Where the host supplies the bytes, [`Fed::NotYet`] asks for more.
    ///
    /// # Errors
    /// [`Error::Io`], and what is found wrong with the text.
    pub(crate) fn next(&mut self, wait: bool) -> Result<Fed> {
        loop {
            let Some(current) = &mut self.current else {
                match self.waiting.pop_front() {
                    Some(file) => self.open(file)?,
                    None => return Ok(Fed::End),
                }
                continue;
            };
            if current.sample.is_some() {
                match self.read_head()? {
                    true => continue,
                    false => return Ok(Fed::NotYet),
                }
            }
            let source = Arc::clone(&current.source);
            let cut = if current.ended { current.cutter.finish() } else { current.cutter.cut() };
            match cut.map_err(|error| locate(error, &source)) {
                Ok(Some(text)) => return Ok(Fed::Piece(Box::new(Piece { text, source }))),
                // The rows before a line that is too long may be too much text themselves.
                Err(error) if current.failure.is_some() => return Err(error),
                Err(error) => current.fail(error),
                Ok(None) if current.ended => match self.current.take().and_then(|current| current.failure) {
                    Some(error) => return Err(error),
                    None => continue,
                },
                Ok(None) => match current.fill(wait) {
                    Ok(Got::Bytes(len)) => self.bytes_read += len as u64,
                    Ok(Got::Nothing) if !self.prompt => return Ok(Fed::NotYet),
                    Ok(Got::Nothing) => {
                        let text = current.cutter.cut_short().map_err(|error| locate(error, &source))?;
                        return Ok(text.map_or(Fed::NotYet, |text| Fed::Piece(Box::new(Piece { text, source }))));
                    }
                    Err(error) => current.fail(error),
                },
            }
        }
    }

    /// Opens the next file.
    fn open(&mut self, file: Unread) -> Result<()> {
        let source = file.name().into();
        let (input, sample) = file.open()?;
        self.bytes_read += sample.bytes.len() as u64;
        let cutter = Cutter::new(self.head.dialect, self.limits, self.batch_rows, Start::default());
        let (sample, opening) = (Some(sample), Opening::default());
        self.current = Some(Current { input, source, cutter, sample, opening, ended: false, failure: None });
        Ok(())
    }

    /// Reads the head of a file; tells whether there was something to read.
    fn read_head(&mut self) -> Result<bool> {
        let Some(current) = &mut self.current else { return Ok(true) };
        let Some(sample) = &mut current.sample else { return Ok(true) };
        let opened = current.opening.go_on(&sample.bytes, sample.complete, &self.head);
        if let Some(header) = opened.map_err(|error| locate(error, &current.source))? {
            let those = match self.is_first {
                true => "those that it had when it was looked at first",
                false => "those of the first file",
            };
            header.check(&self.names, those).map_err(|error| locate(error, &current.source))?;
            self.is_first &= header.names.is_empty();
            current.ended = sample.complete;
            current.cutter = Cutter::new(self.head.dialect, self.limits, self.batch_rows, header.end);
            feed(&mut current.cutter, &sample.bytes[header.end.byte as usize..]);
            current.sample = None;
            self.skipped += header.skipped;
            return Ok(true);
        }
        let got = sample.read(&mut current.input, sample.bytes.len().max(1 << 16))?;
        if let Got::Bytes(len) = got {
            self.bytes_read += len as u64;
        }
        Ok(!matches!(got, Got::Nothing))
    }
}

impl Current {
    /// Has the rows so far be the last; that in which reading broke off is nobody's.
    fn fail(&mut self, error: Error) {
        self.cutter.break_off();
        (self.ended, self.failure) = (true, Some(error));
    }

    /// Reads on.
    fn fill(&mut self, wait: bool) -> Result<Got> {
        let space = self.cutter.space(READ);
        let len = space.len().min(READ);
        let got = self.input.read(&mut space[..len], wait)?;
        if let Got::Bytes(len) = got {
            self.cutter.filled(len);
            self.ended = len == 0;
        }
        Ok(got)
    }
}

fn feed(cutter: &mut Cutter, bytes: &[u8]) {
    cutter.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
    cutter.filled(bytes.len());
}
