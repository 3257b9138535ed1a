//! Instruction sets: one trait, an implementation for each, chosen at run time.
//!
//! Every implementation gives the same bits; the tests run all that the machine has.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use std::sync::OnceLock;

pub(crate) use scalar::Scalar;

/// An instruction set that kernels may use. [`Level::best`] is found out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Plain integer code, on any machine.
    Scalar,
    /// AVX2, BMI2 and PCLMULQDQ.
    Avx2,
    /// AVX-512 with VBMI2 where it is worth it.
    Avx512,
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

    const ALL: [(Self, &str); 3] = [(Self::Scalar, "scalar"), (Self::Avx2, "avx2"), (Self::Avx512, "avx512")];

    /// All that this machine has.
    pub fn available() -> Vec<Self> {
        Self::ALL.iter().map(|(level, _)| *level).filter(|level| level.is_here()).collect()
    }

    fn is_here(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::Avx2::new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::Avx512::new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Runs a job compiled for this instruction set, or for less if the machine does not have it.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        #[cfg(target_arch = "x86_64")]
        {
            if self == Self::Avx512
                && let Some(isa) = avx512::Avx512::new()
            {
                return isa.run(job);
            }
            if self >= Self::Avx2
                && let Some(isa) = avx2::Avx2::new()
            {
                return isa.run(job);
            }
        }
        job.run(Scalar)
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
    /// Whether doing four at a time is faster than one by one.
    const WIDE: bool;

    /// A byte made ready to be found.
    type Needle: Copy;

    /// Makes a byte ready to be found.
    fn needle(self, byte: u8) -> Self::Needle;

    /// For each needle, the places where it is in the block, lowest bit first.
    fn find<const N: usize>(self, block: &[u8; 64], needles: [Self::Needle; N]) -> [u64; N];

    /// Each bit the XOR of itself and all lower ones.
    fn prefix_xor(self, bits: u64) -> u64;

    /// The number of newlines in the last 256 of the bytes; `None` if there may be a quote, a
    /// comment or a blank line among them. The first two bytes are what stands before. A comment
    /// byte that is no ASCII means that there are no comments.
    fn survey(self, window: &[u8; 258], quote: u8, comment: u8) -> Option<u32>;

    /// Writes the places of the set bits, plus `base`, and maybe rubbish after them.
    /// Returns how many there are.
    fn positions(self, bits: u64, base: u32, out: &mut [u32; 64]) -> usize;

    /// The cells between the first two marks of four rows, whose marks are `stride` apart. `None` if one
    /// does not start eight bytes before the end of the text.
    fn four(self, text: &[u8], marks: &[u32], stride: usize) -> Option<Four>;

    /// Which of the four are equal to `key`, lowest bit first.
    fn among(self, keys: &[u64; 4], key: u64) -> u32;

    /// The integers of four texts, each the first `len` bytes of its word: an optional minus, then
    /// digits. Which are that, of 1 to 8 bytes, lowest bit first; rubbish for the others.
    fn integers(self, words: &[u64; 4], lens: &[u32; 4]) -> ([i64; 4], u32);

    /// The same for doubles without an exponent, rounded once.
    fn doubles(self, words: &[u64; 4], lens: &[u32; 4]) -> ([f64; 4], u32);

    /// The ticks within the minute that four texts of this form say, and whether all have it.
    fn seconds(self, rows: [&[u8; 32]; 4], form: &Seconds) -> ([i64; 4], bool);
}

/// The length of a cell that a fast kernel must leave to the scalar twin.
pub(crate) const ODD: u32 = u32::MAX;

/// Four cells: where they start in the text, how long they are, and the first eight bytes of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Four {
    pub starts: [u32; 4],
    pub lens: [u32; 4],
    pub words: [u64; 4],
}

impl Four {
    /// Nothing that a kernel makes something of.
    pub const ODD: Self = Self { starts: [0; 4], lens: [ODD; 4], words: [0; 4] };
}

/// The form of a timestamp: a minute in 16 bytes, and what stands behind it, such as `:SS.ffffff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seconds {
    /// The lowest byte that may stand in each place …
    pub zero: [u8; 32],
    /// … and how far above it a byte may be.
    pub limit: [u8; 32],
    /// The places, behind the minute, of the eight digits of the number of ticks; above 127 for a zero.
    pub order: [u8; 16],
    /// The most ticks there may be.
    pub max: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What every instruction set must answer alike.
    #[derive(Debug, PartialEq)]
    struct Answers {
        found: [u64; 2],
        prefix: u64,
        positions: Vec<u32>,
        among: u32,
        four: Option<Four>,
        survey: Option<u32>,
        integers: Vec<Option<i64>>,
        doubles: Vec<Option<u64>>,
        seconds: Option<[i64; 4]>,
    }

    #[derive(Clone, Debug)]
    struct Ask {
        block: [u8; 64],
        window: [u8; 258],
        bits: u64,
        marks: Vec<u32>,
        stride: usize,
        texts: [String; 4],
        form: Seconds,
        rows: [[u8; 32]; 4],
    }

    impl Job for &Ask {
        type Output = Answers;
        fn run<I: Isa>(self, isa: I) -> Answers {
            let lens = [0, 1, 2, 3].map(|i| self.texts[i].len() as u32);
            let words = [0, 1, 2, 3].map(|i| {
                let mut word = [b'.'; 8];
                self.texts[i].bytes().take(8).enumerate().for_each(|(i, byte)| word[i] = byte);
                u64::from_le_bytes(word)
            });
            let mut out = [0; 64];
            let count = isa.positions(self.bits, 100, &mut out);
            let (integers, good) = isa.integers(&words, &lens);
            let (doubles, fine) = isa.doubles(&words, &lens);
            let (seconds, all) = isa.seconds([0, 1, 2, 3].map(|i| &self.rows[i]), &self.form);
            Answers {
                found: isa.find(&self.block, [isa.needle(b','), isa.needle(b'\n')]),
                prefix: isa.prefix_xor(self.bits),
                positions: out[..count].to_vec(),
                among: isa.among(&words, words[2]),
                four: isa.four(&self.block, &self.marks, self.stride),
                survey: isa.survey(&self.window, b'"', b'#'),
                integers: (0..4).map(|i| (good >> i & 1 == 1).then_some(integers[i])).collect(),
                doubles: (0..4).map(|i| (fine >> i & 1 == 1).then(|| doubles[i].to_bits())).collect(),
                seconds: all.then_some(seconds),
            }
        }
    }

    fn ask() -> impl Strategy<Value = Ask> {
        let byte = || prop::sample::select(b",\n\"\r#aaaaaaaaaa".to_vec());
        let rare = prop_oneof![400 => Just(b'a'), 20 => Just(b'\n'), 1 => byte()];
        let text = || prop_oneof!["[-+.0-9]{0,9}", "-?[0-9]{0,8}", "-?[0-9]{0,4}\\.[0-9]{0,4}", "[0-9e.:/]{1,8}"];
        let row = || {
            prop_oneof![
                "[0-5][0-9]\\.[0-9]{6}".prop_map(|text| format!("2024-01-02T09:30:{text}xxxxxx")),
                "2024-01-02T09:3[0-9][:0-9.]{16}".prop_map(|text| text),
            ]
            .prop_map(|text| text.into_bytes().try_into().expect("32 bytes"))
        };
        (
            prop::collection::vec(byte(), 64),
            prop::collection::vec(rare, 258),
            any::<u64>(),
            (prop::collection::vec(prop_oneof![50 => 0..56_u32, 1 => any::<u32>()], 0..40), 0..12_usize),
            [text(), text(), text(), text()],
            [row(), row(), row(), row()],
        )
            .prop_map(|(block, window, bits, (marks, stride), texts, rows)| Ask {
                marks,
                stride,
                block: block.try_into().expect("64 bytes"),
                window: window.try_into().expect("258 bytes"),
                bits,
                texts,
                form: Seconds {
                    zero: *b"2024-01-02T09:30:00.000000\0\0\0\0\0\0",
                    limit: std::array::from_fn(|i| match i {
                        ..=16 | 19 => 0,
                        17..26 => 9,
                        _ => 255,
                    }),
                    order: [1, 2, 4, 5, 6, 7, 8, 9, 255, 255, 255, 255, 255, 255, 255, 255],
                    max: 59_999_999,
                },
                rows,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_level_answers_alike(ask in ask()) {
            let expected = Level::Scalar.run(&ask);
            for level in Level::available() {
                prop_assert_eq!(level.run(&ask), expected_of(&expected), "{:?}", level);
            }
        }
    }

    fn expected_of(answers: &Answers) -> Answers {
        Answers {
            positions: answers.positions.clone(),
            integers: answers.integers.clone(),
            doubles: answers.doubles.clone(),
            ..*answers
        }
    }
}
