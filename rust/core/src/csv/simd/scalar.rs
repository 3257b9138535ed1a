//! Plain integer code: the twin that all others must agree with.

use super::super::number;
use super::{Four, Isa, Seconds};

/// Any machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// One bit for each of eight bytes that is equal to `needle`, lowest first.
#[inline(always)]
fn equal_bytes(word: u64, needle: u8) -> u64 {
    let different = word ^ (LOW * u64::from(needle));
    // The high bit of each byte that is zero; no carry crosses bytes.
    let zero = !(((different & !HIGH) + !HIGH) | different | !HIGH);
    // Gathers the eight bits in the top byte.
    (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[inline(always)]
fn equal_block(block: &[u8], needle: u8) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    let bits = |(i, word): (usize, &[u8; 8])| equal_bytes(u64::from_le_bytes(*word), needle) << (8 * i);
    words.iter().enumerate().map(bits).fold(0, |all, bits| all | bits)
}

/// The value of each text that has one.
#[inline(always)]
fn each<T: Copy + Default>(words: &[u64; 4], lens: &[u32; 4], one: impl Fn(&[u8]) -> Option<T>) -> ([T; 4], u32) {
    let (mut values, mut good) = ([T::default(); 4], 0);
    for i in 0..4 {
        let bytes = words[i].to_le_bytes();
        let text = bytes.get(..lens[i] as usize).unwrap_or_default();
        // The wide kernels leave a plus to the scalar twin.
        if let (Some(value), true) = (one(text), text.first() != Some(&b'+')) {
            (values[i], good) = (value, good | 1 << i);
        }
    }
    (values, good)
}

impl Isa for Scalar {
    const WIDE: bool = false;

    type Needle = u8;

    #[inline(always)]
    fn needle(self, byte: u8) -> u8 {
        byte
    }

    #[inline(always)]
    fn find<const N: usize>(self, block: &[u8; 64], needles: [u8; N]) -> [u64; N] {
        needles.map(|needle| equal_block(block, needle))
    }

    #[inline(always)]
    fn prefix_xor(self, mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }

    #[inline(always)]
    fn survey(self, window: &[u8; 258], quote: u8, comment: u8) -> Option<u32> {
        let (mut count, mut suspicious) = (0, 0);
        // Newlines among the two bytes before, as the two lowest bits.
        let mut before = u64::from(window[0] == b'\n') | u64::from(window[1] == b'\n') << 1;
        for block in window[2..].chunks_exact(64) {
            let newlines = equal_block(block, b'\n');
            let one_before = (newlines << 1) | (before >> 1);
            let two_before = (newlines << 2) | before;
            suspicious |= equal_block(block, quote) | (newlines & (one_before | two_before));
            suspicious |= if comment.is_ascii() { equal_block(block, comment) & one_before } else { 0 };
            count += newlines.count_ones();
            before = newlines >> 62;
        }
        (suspicious == 0).then_some(count)
    }

    #[inline(always)]
    fn positions(self, mut bits: u64, base: u32, out: &mut [u32; 64]) -> usize {
        let count = bits.count_ones() as usize;
        for place in &mut out[..count] {
            *place = base + bits.trailing_zeros();
            bits &= bits - 1;
        }
        count
    }

    #[inline(always)]
    fn four(self, text: &[u8], marks: &[u32], stride: usize) -> Option<Four> {
        let mut four = Four::ODD;
        for row in 0..4 {
            let [before, end, ..] = *marks.get(stride.checked_mul(row)?..)? else { return None };
            let start = before.wrapping_add(1);
            let word = text.get(start as usize..)?.first_chunk()?;
            (four.starts[row], four.lens[row]) = (start, end.wrapping_sub(start));
            four.words[row] = u64::from_le_bytes(*word);
        }
        Some(four)
    }

    #[inline(always)]
    fn among(self, keys: &[u64; 4], key: u64) -> u32 {
        let bit = |i: usize| u32::from(keys[i] == key) << i;
        bit(0) | bit(1) | bit(2) | bit(3)
    }

    #[inline(always)]
    fn integers(self, words: &[u64; 4], lens: &[u32; 4]) -> ([i64; 4], u32) {
        each(words, lens, |text| number::integer(text)?.try_into().ok())
    }

    #[inline(always)]
    fn doubles(self, words: &[u64; 4], lens: &[u32; 4]) -> ([f64; 4], u32) {
        let plain = |text: &[u8]| text.iter().all(|byte| !byte.is_ascii_alphabetic());
        each(words, lens, |text| if plain(text) { number::double(text) } else { None })
    }

    #[inline(always)]
    fn seconds(self, rows: [&[u8; 32]; 4], form: &Seconds) -> ([i64; 4], bool) {
        let above = |row: &[u8; 32], i: usize| row[i].wrapping_sub(form.zero[i]);
        let digit = |row, place: u8| if place < 16 { i64::from(above(row, 16 + usize::from(place))) } else { 0 };
        let fits = |row: &[u8; 32]| (0..32).all(|i| above(row, i) <= form.limit[i]);
        let ticks = rows.map(|row| form.order[..8].iter().fold(0, |ticks, &place| ticks * 10 + digit(row, place)));
        (ticks, rows.into_iter().all(fits) && ticks.iter().all(|&ticks| ticks <= form.max))
    }
}
