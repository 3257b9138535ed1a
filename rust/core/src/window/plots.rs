//! [`Plots`]: slots that lie side by side, given out and taken back by the run.

/// Slots given out in runs, of which the lengths are powers of two.
#[derive(Default)]
pub(crate) struct Plots {
    /// By the binary logarithm of the length: the first slots of runs that were taken back.
    free: Vec<Vec<u32>>,
    /// How many slots there are.
    slots: u32,
    /// How many of them are given out.
    used: usize,
}

impl Plots {
    /// So many slots are given out for good, from the first on.
    pub(crate) fn new(slots: usize) -> Self {
        Self { free: Vec::new(), slots: slots as u32, used: slots }
    }

    /// How many slots there are; none has a higher number.
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// How many are given out.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// The first slot of a run of this length, a power of two.
    pub(crate) fn take(&mut self, len: u32) -> u32 {
        self.used += len as usize;
        let class = len.ilog2() as usize;
        self.free.get_mut(class).and_then(Vec::pop).unwrap_or_else(|| {
            self.slots += len;
            self.slots - len
        })
    }

    /// Takes a run back.
    pub(crate) fn give_back(&mut self, first: u32, len: u32) {
        self.used -= len as usize;
        let class = len.ilog2() as usize;
        self.free.resize_with(self.free.len().max(class + 1), Vec::new);
        self.free[class].push(first);
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        self.free.iter().map(Vec::capacity).sum::<usize>() * 4
    }
}
