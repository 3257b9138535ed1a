//! [`Unread`]: a file of which no row has been read yet.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::input::{Got, Input};
use crate::error::{Error, Result};
use crate::plan::CsvInput;

/// The first bytes of a source.
#[derive(Debug, Default)]
pub struct Sample {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they are all there are.
    pub complete: bool,
}

/// A file of which no row has been read yet.
pub(crate) struct Unread {
    from: From,
    /// The input and what has been read of it, if it cannot be read again.
    opened: Option<(Input, Sample)>,
}

/// Where a file is.
enum From {
    Path(String),
    Memory(Arc<[u8]>),
    Stdin,
    Host,
}

impl Unread {
    /// The files of a source, in order.
    ///
    /// # Errors
    /// [`Error::Argument`] and [`Error::Io`] if there are none; [`Error::Consumed`] for a file of the host, which
    /// is [`hosted`](Self::hosted) where it has not been read yet.
    pub(crate) fn all(input: &CsvInput) -> Result<VecDeque<Self>> {
        let of = |from| Self { from, opened: None };
        Ok(match input {
            CsvInput::Paths(paths) => expand(paths)?.into_iter().map(|path| of(From::Path(path))).collect(),
            CsvInput::Bytes(bytes) => [of(From::Memory(Arc::clone(bytes)))].into(),
            CsvInput::Stdin => [of(From::Stdin)].into(),
            CsvInput::Host { .. } => {
                let message = "a file object can be read only once, and it has been; open it anew";
                return Err(Error::Consumed(message.into()));
            }
        })
    }

    /// A file of the host, which has read so much of it.
    pub(crate) fn hosted(sample: Sample) -> Self {
        Self { from: From::Host, opened: Some((Input::Host, sample)) }
    }

    /// What users call it.
    pub(crate) fn name(&self) -> &str {
        match &self.from {
            From::Path(path) => path,
            From::Memory(_) => "<bytes>",
            From::Stdin => "<stdin>",
            From::Host => "<file>",
        }
    }

    /// How many bytes it has, if that is known.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.from {
            From::Path(path) => {
                std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|data| data.len())
            }
            From::Memory(bytes) => Some(bytes.len() as u64),
            From::Stdin | From::Host => None,
        }
    }

    /// Shows ever more of its first bytes until they are enough.
    ///
    /// # Errors
    /// [`Error::Io`], and what `look` finds wrong.
    pub(crate) fn look<T>(&mut self, mut look: impl FnMut(&Sample) -> Result<Option<T>>) -> Result<T> {
        let (mut input, mut sample) = (self.input()?, Sample::default());
        loop {
            if let Some(seen) = look(&sample)? {
                self.opened = input.is_one_shot().then_some((input, sample));
                return Ok(seen);
            }
            sample.extend(&mut input)?;
        }
    }

    /// Opens it, unless it is open.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open(mut self) -> Result<(Input, Sample)> {
        match self.opened.take() {
            Some(opened) => Ok(opened),
            None => Ok((self.input()?, Sample::default())),
        }
    }

    fn input(&self) -> Result<Input> {
        Ok(match &self.from {
            From::Path(path) => Input::open(path)?,
            From::Memory(bytes) => Input::Memory(Arc::clone(bytes), 0),
            From::Stdin => Input::Stdin,
            From::Host => Input::Host,
        })
    }
}

/// How much is read at first: mostly enough to infer the columns from, which starts over with each more.
const SAMPLE: usize = 1 << 20;

impl Sample {
    /// Reads on, doubling the sample.
    fn extend(&mut self, input: &mut Input) -> Result<()> {
        self.read(input, self.bytes.len().max(SAMPLE)).map(drop)
    }

    /// Reads at most `len` bytes more.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read(&mut self, input: &mut Input, len: usize) -> Result<Got> {
        let from = self.bytes.len();
        self.bytes.resize(from + len, 0);
        let got = input.read(&mut self.bytes[from..], true);
        let len = if let Ok(Got::Bytes(len)) = got { len } else { 0 };
        self.bytes.truncate(from + len);
        self.complete |= matches!(got, Ok(Got::Bytes(0)));
        got
    }
}

/// Paths, globs expanded.
fn expand(paths: &[String]) -> Result<Vec<String>> {
    let mut expanded = Vec::new();
    for path in paths {
        if !path.contains(['*', '?', '[']) || Path::new(path).exists() {
            expanded.push(path.clone());
            continue;
        }
        let found =
            glob::glob(path).map_err(|error| Error::argument(format!("{path:?} is not a glob: {error}")))?;
        let mut found: Vec<String> = found.flatten().map(|path| path.to_string_lossy().into_owned()).collect();
        if found.is_empty() {
            let errno = rustix::io::Errno::NOENT.raw_os_error();
            return Err(Error::Io { errno: Some(errno), message: "No file matches".into(), path: path.clone() });
        }
        found.sort();
        expanded.append(&mut found);
    }
    match expanded.is_empty() {
        true => Err(Error::argument("there is no file to read: the list is empty")),
        false => Ok(expanded),
    }
}
