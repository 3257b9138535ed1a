//! [`Threads`]: the helping threads of one owner.

use std::thread::{Builder, JoinHandle};

/// How many threads can work at a time.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The process that something was made in.
#[derive(Clone, Copy)]
pub(crate) struct Home(u32);

impl Home {
    /// This one.
    pub(crate) fn new() -> Self {
        Self(std::process::id())
    }

    /// Whether this is it. In a child its threads are not there, and what they held is held for ever.
    pub(crate) fn is_here(self) -> bool {
        self.0 == std::process::id()
    }
}

/// The threads that help their owner, of the process that it was made in.
pub(crate) struct Threads {
    running: Vec<JoinHandle<()>>,
    most: usize,
    home: Home,
}

impl Threads {
    /// None yet, and up to so many once they are started.
    pub(crate) fn new(most: usize) -> Self {
        Self { running: Vec::new(), most, home: Home::new() }
    }

    /// Whether this is their process.
    pub(crate) fn are_here(&self) -> bool {
        self.home.is_here()
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
