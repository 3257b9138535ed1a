//! AVX-512 for finding separators; for all else AVX2, which its machines have too.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::{Four, Isa, Job, Seconds};

/// Proof that the machine has AVX-512 F, BW, VBMI2, and what [`Avx2`] proves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(Avx2);

impl Avx512 {
    /// The proof, if the machine has them.
    pub fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi2");
        Avx2::new().filter(|_| has).map(Self)
    }

    /// Runs a job compiled for these instructions.
    pub fn run<J: Job>(self, job: J) -> J::Output {
        // SAFETY: `self` proves that the machine has the features of `enter`.
        unsafe { enter(self, job) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,avx512f,avx512bw,avx512vbmi2")]
fn enter<J: Job>(isa: Avx512, job: J) -> J::Output {
    job.run(isa)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn needle(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte as i8)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn find<const N: usize>(block: &[u8; 64], needles: [__m512i; N]) -> [u64; N] {
    // SAFETY: the reference is to 64 bytes, and the load needs no alignment.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    let mut masks = [0; N];
    for (mask, needle) in masks.iter_mut().zip(needles) {
        *mask = _mm512_cmpeq_epi8_mask(bytes, needle);
    }
    masks
}

/// 0…63, for the places of bits.
const PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        places[i] = i as u8;
        i += 1;
    }
    places
};

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn positions(bits: u64, base: u32, out: &mut [u32; 64]) -> usize {
    let count = bits.count_ones() as usize;
    // SAFETY: `PLACES` has 64 bytes, and the load needs no alignment.
    let places = unsafe { _mm512_loadu_si512(PLACES.as_ptr().cast()) };
    // The places of the set bits, in order; zeros behind them.
    let places = _mm512_maskz_compress_epi8(bits, places);
    let base = _mm512_set1_epi32(base as i32);
    let quarters = [
        _mm512_castsi512_si128(places),
        _mm512_extracti32x4_epi32::<1>(places),
        _mm512_extracti32x4_epi32::<2>(places),
        _mm512_extracti32x4_epi32::<3>(places),
    ];
    for (quarter, out) in quarters.into_iter().zip(out.as_chunks_mut::<16>().0) {
        let wide = _mm512_add_epi32(_mm512_cvtepu8_epi32(quarter), base);
        // SAFETY: `out` is 16 integers of 32 bits, and the store needs no alignment.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), wide) };
        // More than 16 separators in 64 bytes are rare.
        if count <= 16 {
            break;
        }
    }
    count
}

impl Isa for Avx512 {
    const WIDE: bool = true;

    type Needle = __m512i;

    #[inline(always)]
    fn needle(self, byte: u8) -> __m512i {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { needle(byte) }
    }

    #[inline(always)]
    fn find<const N: usize>(self, block: &[u8; 64], needles: [__m512i; N]) -> [u64; N] {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { find(block, needles) }
    }

    #[inline(always)]
    fn positions(self, bits: u64, base: u32, out: &mut [u32; 64]) -> usize {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { positions(bits, base, out) }
    }

    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        self.0.prefix_xor(bits)
    }

    #[inline(always)]
    fn survey(self, window: &[u8; 258], quote: u8, comment: u8) -> Option<u32> {
        self.0.survey(window, quote, comment)
    }

    #[inline(always)]
    fn four(self, text: &[u8], marks: &[u32], stride: usize) -> Option<Four> {
        self.0.four(text, marks, stride)
    }

    #[inline(always)]
    fn among(self, keys: &[u64; 4], key: u64) -> u32 {
        self.0.among(keys, key)
    }

    #[inline(always)]
    fn integers(self, words: &[u64; 4], lens: &[u32; 4]) -> ([i64; 4], u32) {
        self.0.integers(words, lens)
    }

    #[inline(always)]
    fn doubles(self, words: &[u64; 4], lens: &[u32; 4]) -> ([f64; 4], u32) {
        self.0.doubles(words, lens)
    }

    #[inline(always)]
    fn seconds(self, rows: [&[u8; 32]; 4], form: &Seconds) -> ([i64; 4], bool) {
        self.0.seconds(rows, form)
    }
}
