//! [`Input`]: bytes from a file, a pipe or memory.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};

use crate::error::{Error, Result};

/// Where bytes come from.
pub(crate) enum Input {
    /// A regular file, of which the size is known; reading it does not wait for anybody.
    File(File, String, u64),
    /// A pipe, a terminal or a device.
    Pipe(File, String),
    /// Standard input.
    Stdin,
    /// Memory, from an offset on.
    Memory(Arc<[u8]>, usize),
    /// A file of the host, which supplies the bytes: there is nothing to read here.
    Host,
}

/// What one read brought.
pub(crate) enum Got {
    /// So many bytes; none at the end.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
}

/// How long to wait for a pipe before answering that there is nothing.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

impl Input {
    /// Opens a path. A pipe without a writer does not make it wait.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open(path: &str) -> Result<Self> {
        let failed = |error: io::Error| Error::io(&error, path);
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?);
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::Error::from_raw_os_error(rustix::io::Errno::ISDIR.raw_os_error())));
        }
        Ok(match metadata.is_file() {
            true => Self::File(file, path.to_owned(), metadata.len()),
            false => Self::Pipe(file, path.to_owned()),
        })
    }

    /// Whether it can be read only once.
    pub(crate) fn is_one_shot(&self) -> bool {
        matches!(self, Self::Pipe(..) | Self::Stdin)
    }

    /// What errors of the system are about.
    fn name(&self) -> &str {
        match self {
            Self::File(_, path, _) | Self::Pipe(_, path) => path,
            Self::Stdin => "<stdin>",
            Self::Memory(..) | Self::Host => "",
        }
    }

    /// Reads some bytes; of a pipe those that are there, or come soon if they are waited for.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read(&mut self, space: &mut [u8], wait: bool) -> Result<Got> {
        let read = match self {
            Self::File(file, path, size) => {
                let read = file.read(space);
                if matches!(read, Ok(0)) && !space.is_empty() {
                    refuse_shrunk(file, path, *size)?;
                }
                read
            }
            Self::Pipe(file, _) => read_pipe(file.as_fd(), space, wait),
            Self::Stdin => read_pipe(io::stdin().as_fd(), space, wait),
            Self::Host => return Ok(Got::Nothing),
            Self::Memory(bytes, at) => {
                let len = space.len().min(bytes.len() - *at);
                space[..len].copy_from_slice(&bytes[*at..*at + len]);
                *at += len;
                Ok(len)
            }
        };
        match read {
            Ok(len) => Ok(Got::Bytes(len)),
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                Ok(Got::Nothing)
            }
            Err(error) => Err(Error::io(&error, self.name())),
        }
    }
}

/// Refuses the end of a file that comes before all bytes that it had.
fn refuse_shrunk(file: &mut File, path: &str, size: u64) -> Result<()> {
    match file.stream_position() {
        Ok(at) if at < size => {
            let message = format!("The file shrank while it was read, from {size} bytes to {at}");
            Err(Error::Io { errno: None, message, path: path.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Reads what is there, waiting a little for it or not.
fn read_pipe(pipe: BorrowedFd<'_>, space: &mut [u8], wait: bool) -> io::Result<usize> {
    let mut polled = [PollFd::from_borrowed_fd(pipe, PollFlags::IN)];
    let patience = if wait { PATIENCE } else { Timespec::default() };
    match rustix::event::poll(&mut polled, Some(&patience))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(rustix::io::read(pipe, space)?),
    }
}
