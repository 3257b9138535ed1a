//! Instruction sets: one trait, an implementation for each, chosen at run time.
//!
//! Every implementation gives the same bits; the tests run all that the machine has.

mod scalar;

use std::sync::OnceLock;

pub(crate) use scalar::Scalar;

/// An instruction set that kernels may use. [`Level::best`] is found out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Plain integer code, on any machine.
    Scalar,
}

impl Level {
    /// The best that this machine has, or less if the variable `RILLET_SIMD` is `scalar`, `avx2`
    /// or `avx512`.
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            let wanted = std::env::var("RILLET_SIMD").unwrap_or_default();
            let limit = Self::ALL.iter().find(|(_, name)| *name == wanted).map(|(level, _)| *level);
            let may = |level: &Self| limit.is_none_or(|limit| *level <= limit);
            Self::available().into_iter().filter(may).max().unwrap_or(Self::Scalar)
        })
    }

    const ALL: [(Self, &str); 1] = [(Self::Scalar, "scalar")];

    /// All that this machine has.
    pub fn available() -> Vec<Self> {
        vec![Self::Scalar]
    }

    /// Runs a job compiled for this instruction set.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        match self {
            Self::Scalar => job.run(Scalar),
        }
    }
}

/// A loop that is compiled once for each instruction set.
pub(crate) trait Job {
    /// What it gives.
    type Output;

    /// The loop. Implementations are `#[inline(always)]`, to be compiled for the instruction set.
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// What kernels ask of an instruction set. A value is the proof that the machine has it.
pub(crate) trait Isa: Copy {
    /// For each needle, the places where it is in the block, lowest bit first.
    fn find<const N: usize>(self, block: &[u8; 64], needles: [u8; N]) -> [u64; N];

    /// Each bit the XOR of itself and all lower ones.
    fn prefix_xor(self, bits: u64) -> u64;

    /// The number of newlines in the last 256 of the bytes; `None` if there may be a quote, a
    /// comment or a blank line among them. The first two bytes are what stands before.
    fn survey(self, window: &[u8; 258], quote: u8, comment: u8) -> Option<u32>;

    /// Writes the places of the set bits, plus `base`, and maybe rubbish after them.
    /// Returns how many there are.
    fn positions(self, bits: u64, base: u32, out: &mut [u32; 64]) -> usize;

    /// Which of the four are equal to `key`, lowest bit first.
    fn among(self, keys: &[u64; 4], key: u64) -> u32;
}
