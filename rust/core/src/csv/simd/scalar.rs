//! Plain integer code: the twin that all others must agree with.

use super::Isa;

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

impl Isa for Scalar {
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
            suspicious |= equal_block(block, comment) & one_before;
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
    fn among(self, keys: &[u64; 4], key: u64) -> u32 {
        let bit = |i: usize| u32::from(keys[i] == key) << i;
        bit(0) | bit(1) | bit(2) | bit(3)
    }
}
