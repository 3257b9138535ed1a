//! [`Threads`]: the helping threads of one owner.

use std::thread::{Builder, JoinHandle};

/// How many threads can work at a time.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The threads that help their owner, of the process that it was made in.
pub(crate) struct Threads {
    running: Vec<JoinHandle<()>>,
    most: usize,
    process: u32,
}

impl Threads {
    /// None yet, and up to so many once they are started.
    pub(crate) fn new(most: usize) -> Self {
        Self { running: Vec::new(), most, process: std::process::id() }
    }

    /// Whether this is their process. In a child they are not there, and what they held is held for ever.
    pub(crate) fn are_here(&self) -> bool {
        self.process == std::process::id()
    }

    /// Whether none runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Starts those that do not run yet, each with what `work` makes.
    pub(crate) fn start<W: FnOnce() + Send + 'static>(&mut self, name: &str, work: impl Fn() -> W) {
        while self.running.len() < self.most {
            match Builder::new().name(format!("{name}-{}", self.running.len())).spawn(work()) {
                Ok(thread) => self.running.push(thread),
                // With fewer threads it is slower, and that is all.
                Err(_) => self.most = self.running.len(),
            }
        }
    }

    /// Waits until all have ended, which `end` tells them to; in a child there is nothing to wait for.
    pub(crate) fn end(&mut self, end: impl FnOnce()) {
        if !self.are_here() {
            return;
        }
        end();
        for thread in self.running.drain(..) {
            // A panic there has been reported as an error already.
            let _ = thread.join();
        }
    }
}
