//! [`Unread`]: a file of which no row has been read yet.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use super::input::{Got, Input};
use super::opened::{OneShot, Opened};
use super::paths::expand;
use crate::error::{Error, Result};
use crate::plan::CsvInput;

/// The first bytes of a source.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they are all there are.
    pub complete: bool,
}

/// A file of which no row has been read yet.
pub(crate) struct Unread {
    from: From,
    /// Where it is once it has been opened, if it can be read only once.
    opened: Arc<Opened>,
    /// The input, and what has been read of it, if a run has taken it.
    taken: Option<(Input, Sample)>,
}

/// The standard input, of which there is one.
static STDIN: LazyLock<Arc<Opened>> = LazyLock::new(Arc::default);

/// Where a file is.
enum From {
    Path(String),
    Memory(Arc<[u8]>),
    Stdin,
    Host,
}

impl Unread {
    /// The files of a source, in order, of which these have been opened.
    ///
    /// # Errors
    /// [`Error::Argument`] and [`Error::Io`] if there are none; [`Error::Consumed`] for a file of the host, which
    /// is [`hosted`](Self::hosted) where it has not been read yet.
    pub(crate) fn all(input: &CsvInput, opened: &Arc<Opened>) -> Result<VecDeque<Self>> {
        let opened = if matches!(input, CsvInput::Stdin) { &*STDIN } else { opened };
        let of = |from| Self { from, opened: Arc::clone(opened), taken: None };
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
        Self { from: From::Host, opened: Arc::default(), taken: Some((Input::Host, sample)) }
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

    /// Shows ever more of its first bytes until they are enough; `None` if they are not yet, and no more has come.
    ///
    /// # Errors
    /// [`Error::Io`], and what `look` finds wrong.
    pub(crate) fn look<T>(&self, look: impl FnMut(&Sample) -> Result<Option<T>>) -> Result<Option<T>> {
        let mut opened = self.opened.lock()?;
        if let Some(known) = opened.get_mut(self.name()) {
            return known.look(look);
        }
        let input = self.input()?;
        if input.is_one_shot() {
            return opened.entry(self.name().to_owned()).or_insert(self.one_shot(Some(input))).look(look);
        }
        drop(opened);
        self.one_shot(Some(input)).look(look)
    }

    /// Takes it, if it can be read only once and has been opened.
    ///
    /// # Errors
    /// [`Error::Consumed`] if somebody else has taken it.
    pub(crate) fn take(&mut self) -> Result<()> {
        if self.taken.is_none()
            && let Some(known) = self.opened.lock()?.get_mut(self.name())
        {
            self.taken = Some(known.take()?);
        }
        Ok(())
    }

    /// Gives back what it has taken.
    pub(crate) fn give_back(&mut self) {
        if let Some((input, _)) = self.taken.take()
            && let Ok(mut opened) = self.opened.lock()
            && let Some(known) = opened.get_mut(self.name())
        {
            known.give_back(input);
        }
    }

    /// Opens it, unless it is open.
    ///
    /// # Errors
    /// [`Error::Io`], and those of [`take`](Self::take).
    pub(crate) fn open(mut self) -> Result<(Input, Sample)> {
        self.take()?;
        if let Some(taken) = self.taken.take() {
            return Ok(taken);
        }
        let input = self.input()?;
        if input.is_one_shot() {
            self.opened.lock()?.insert(self.name().to_owned(), self.one_shot(None));
        }
        Ok((input, Sample::default()))
    }

    /// It as a source that can be read only once, of which nothing has been read yet.
    fn one_shot(&self, input: Option<Input>) -> OneShot {
        let consumed = match self.from {
            From::Stdin => "standard input can be read only once, and it is being read, or has been",
            _ => {
                "a pipe can be read only once, and it is being read, or has been; if somebody writes into it anew, \
                 make a new stream of it"
            }
        };
        OneShot::new(input, consumed)
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
    /// Reads on until the sample has doubled, or there is no more for now.
    pub(super) fn grow(&mut self, input: &mut Input) -> Result<Got> {
        let goal = (2 * self.bytes.len()).max(SAMPLE);
        loop {
            let got = self.read(input, goal - self.bytes.len())?;
            if !matches!(got, Got::Bytes(1..)) || self.bytes.len() == goal {
                return Ok(got);
            }
        }
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
