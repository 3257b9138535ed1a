//! [`Feeder`]: reads bytes and cuts them into texts of whole rows, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::head::{CsvHead, Sample, head_options, locate};
use super::input::{Got, Input};
use crate::csv::{self, Cutter, Head, Limits, Text};
use crate::error::{Error, Result};
use crate::plan::{CsvInput, ReadCsv};

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
    names: Vec<String>,
    waiting: VecDeque<String>,
    current: Option<Current>,
    skipped: u64,
    bytes_read: u64,
}

/// A file that is being read.
struct Current {
    /// `None` where the host supplies the bytes.
    input: Option<Input>,
    source: Arc<str>,
    cutter: Cutter,
    /// What has been read but not yet cut, where the head of the file is not known yet.
    sample: Option<Sample>,
    ended: bool,
}

impl Feeder {
    /// Starts over what `head` has opened.
    ///
    /// # Errors
    /// [`Error::Io`] if the first file cannot be opened.
    pub(crate) fn new(read: &ReadCsv, head: &mut CsvHead, host_sample: Option<Sample>) -> Result<Self> {
        let mut feeder = Self {
            head: head_options(read)?,
            limits: Limits { max_line: read.max_line, ..Limits::default() },
            batch_rows: read.batch_rows,
            names: head.names.clone(),
            waiting: head.paths.iter().skip(1).cloned().collect(),
            current: None,
            skipped: head.skipped,
            bytes_read: 0,
        };
        let (input, sample) = match (head.opened.take(), host_sample, &read.input) {
            (Some((input, sample)), ..) => (Some(input), sample),
            (None, Some(sample), _) => (None, sample),
            (None, None, CsvInput::Bytes(bytes)) => {
                (Some(Input::Memory(Arc::clone(bytes), head.start.byte as usize)), Sample::default())
            }
            (None, None, CsvInput::Paths(_)) => {
                let input = Input::open(&head.paths[0])?;
                (Some(input), Sample::default())
            }
            _ => return Err(Error::Consumed(consumed(read))),
        };
        let source: Arc<str> = input.as_ref().map_or("<file>", Input::name).into();
        let mut cutter = Cutter::new(feeder.head.dialect, feeder.limits, feeder.batch_rows, head.start);
        let mut skip = head.start.byte;
        match &input {
            Some(Input::Memory(..)) => skip = 0,
            Some(Input::File(file, ..)) => {
                use std::io::{Seek, SeekFrom};
                let mut file = file;
                file.seek(SeekFrom::Start(skip)).map_err(|error| Error::io(&error, &*source))?;
                skip = 0;
            }
            _ => {}
        }
        feed(&mut cutter, &sample.bytes[(skip as usize).min(sample.bytes.len())..]);
        feeder.bytes_read = head.start.byte.max(sample.bytes.len() as u64);
        feeder.current = Some(Current { input, source, cutter, sample: None, ended: sample.complete });
        Ok(feeder)
    }

    /// The bytes read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many bytes there are to read, if that is known.
    pub(crate) fn bytes_total(&self) -> Option<u64> {
        let current = self.current.as_ref()?.input.as_ref()?.size()?;
        let size =
            |path: &String| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
        self.waiting.iter().map(size).try_fold(current, |total, size| Some(total + size?))
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

    /// Takes bytes from the host; none means the end.
    pub(crate) fn supply(&mut self, bytes: &[u8]) {
        if let Some(current) = &mut self.current {
            feed(&mut current.cutter, bytes);
            current.ended |= bytes.is_empty();
            self.bytes_read += bytes.len() as u64;
        }
    }

    /// The next text. Where the host supplies the bytes, [`Fed::NotYet`] asks for more.
    ///
    /// # Errors
    /// [`Error::Io`], and what is found wrong with the text.
    pub(crate) fn next(&mut self) -> Result<Fed> {
        loop {
            let Some(current) = &mut self.current else {
                match self.waiting.pop_front() {
                    Some(path) => self.open(&path)?,
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
            match cut.map_err(|error| locate(error, &source))? {
                Some(text) => return Ok(Fed::Piece(Box::new(Piece { text, source }))),
                None if current.ended => self.current = None,
                None => match current.fill()? {
                    Got::Bytes(len) => self.bytes_read += len as u64,
                    Got::Nothing => return Ok(Fed::NotYet),
                },
            }
        }
    }

    /// Opens a later file.
    fn open(&mut self, path: &str) -> Result<()> {
        let input = Some(Input::open(path)?);
        let cutter = Cutter::new(self.head.dialect, self.limits, self.batch_rows, csv::Start::default());
        let sample = Some(Sample::default());
        self.current = Some(Current { input, source: path.into(), cutter, sample, ended: false });
        Ok(())
    }

    /// Reads the head of a later file; tells whether there was something to read.
    fn read_head(&mut self) -> Result<bool> {
        let Some(current) = &mut self.current else { return Ok(true) };
        let Some(sample) = &mut current.sample else { return Ok(true) };
        let checked = csv::check_header(&sample.bytes, sample.complete, &self.head, &self.names);
        if let Some(header) = checked.map_err(|error| locate(error, &current.source))? {
            let rest = sample.bytes.split_off(header.end.byte as usize);
            current.ended = sample.complete;
            current.sample = None;
            current.cutter = Cutter::new(self.head.dialect, self.limits, self.batch_rows, header.end);
            feed(&mut current.cutter, &rest);
            self.skipped += header.skipped;
            return Ok(true);
        }
        let from = sample.bytes.len();
        sample.bytes.resize(from + (1 << 16), 0);
        let Some(input) = &mut current.input else { return Ok(false) };
        let got = input.read(&mut sample.bytes[from..])?;
        let len = if let Got::Bytes(len) = got { len } else { 0 };
        sample.bytes.truncate(from + len);
        sample.complete |= matches!(got, Got::Bytes(0));
        self.bytes_read += len as u64;
        Ok(!matches!(got, Got::Nothing))
    }
}

impl Current {
    /// Reads on.
    fn fill(&mut self) -> Result<Got> {
        let Some(input) = &mut self.input else { return Ok(Got::Nothing) };
        let space = self.cutter.space(READ);
        let len = space.len().min(READ);
        let got = input.read(&mut space[..len])?;
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

fn consumed(read: &ReadCsv) -> String {
    let what = match read.input {
        CsvInput::Stdin => "standard input",
        CsvInput::Host { .. } => "a file object",
        _ => "a pipe",
    };
    format!("{what} can be read only once, and it has been; make a new stream over a new source")
}
