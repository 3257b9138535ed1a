//! AVX2, with the bit instructions and the carry-less product that all its machines have.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{Four, Isa, Job, Seconds};

/// Proof that the machine has AVX2, BMI1, BMI2, LZCNT, POPCNT and PCLMULQDQ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, if the machine has them.
    pub fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("pclmulqdq");
        has.then_some(Self(()))
    }

    /// Runs a job compiled for these instructions.
    pub fn run<J: Job>(self, job: J) -> J::Output {
        // SAFETY: `self` proves that the machine has the features of `enter`.
        unsafe { enter(self, job) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
fn enter<J: Job>(isa: Avx2, job: J) -> J::Output {
    job.run(isa)
}

/// Defines functions that may use the features; calling them takes the proof.
macro_rules! with_features {
    ($($(#[$meta:meta])* fn $name:ident $(<const $n:ident: usize>)? ($($arg:ident: $kind:ty),* $(,)?) -> $out:ty $body:block)*) => {
        $($(#[$meta])*
        #[inline]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
        fn $name $(<const $n: usize>)? ($($arg: $kind),*) -> $out $body)*
    };
}

#[inline(always)]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference is to 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline(always)]
fn load_half(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline(always)]
fn load_words(words: &[u64; 4]) -> __m256i {
    // SAFETY: the reference is to 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline(always)]
fn load_lens(lens: &[u32; 4]) -> __m128i {
    // SAFETY: the reference is to 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(lens.as_ptr().cast()) }
}

#[inline(always)]
fn store(lanes: __m256i) -> [i64; 4] {
    let mut out = [0; 4];
    // SAFETY: `out` has 32 bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), lanes) };
    out
}

#[inline(always)]
fn store_half(lanes: __m128i) -> [u32; 4] {
    let mut out = [0; 4];
    // SAFETY: `out` has 16 bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), lanes) };
    out
}

#[inline(always)]
fn store_doubles(lanes: __m256d) -> [f64; 4] {
    let mut out = [0.0; 4];
    // SAFETY: `out` has 32 bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_pd(out.as_mut_ptr(), lanes) };
    out
}

/// The two halves of 64 bytes.
#[inline(always)]
fn halves(block: &[u8; 64]) -> (__m256i, __m256i) {
    let (low, high) = block.split_at(32);
    match (low.first_chunk(), high.first_chunk()) {
        (Some(low), Some(high)) => (load(low), load(high)),
        _ => unreachable!("64 bytes are twice 32"),
    }
}

with_features! {
    fn needle(byte: u8) -> __m256i {
        _mm256_set1_epi8(byte as i8)
    }

    fn find<const N: usize>(block: &[u8; 64], needles: [__m256i; N]) -> [u64; N] {
        let (low, high) = halves(block);
        let mut masks = [0; N];
        for (mask, needle) in masks.iter_mut().zip(needles) {
            let bits = |half| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, needle)) as u32;
            *mask = u64::from(bits(low)) | u64::from(bits(high)) << 32;
        }
        masks
    }

    fn prefix_xor(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product) as u64
    }

    fn survey(window: &[u8; 258], quote: u8, comment: u8) -> Option<u32> {
        let newline = _mm256_set1_epi8(b'\n' as i8);
        let quote = _mm256_set1_epi8(quote as i8);
        let comments = comment.is_ascii();
        let comment = _mm256_set1_epi8(comment as i8);
        let (mut counts, mut suspicious) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        for i in 0..8 {
            let at = |shift: usize| window[32 * i + shift..].first_chunk().map_or(_mm256_setzero_si256(), load);
            let (here, before, before_that) = (at(2), at(1), at(0));
            let newlines = _mm256_cmpeq_epi8(here, newline);
            let starts = _mm256_cmpeq_epi8(before, newline);
            let near = _mm256_or_si256(starts, _mm256_cmpeq_epi8(before_that, newline));
            // A blank line, or a comment, which is looked for only if there may be some.
            let mut voids = _mm256_and_si256(newlines, near);
            if comments {
                voids = _mm256_or_si256(voids, _mm256_and_si256(_mm256_cmpeq_epi8(here, comment), starts));
            }
            suspicious = _mm256_or_si256(suspicious, _mm256_or_si256(_mm256_cmpeq_epi8(here, quote), voids));
            // A match is -1.
            counts = _mm256_sub_epi8(counts, newlines);
        }
        if _mm256_testz_si256(suspicious, suspicious) == 0 {
            return None;
        }
        let sums = store(_mm256_sad_epu8(counts, _mm256_setzero_si256()));
        Some((sums[0] + sums[1] + sums[2] + sums[3]) as u32)
    }

    fn four(text: &[u8], marks: &[u32], stride: usize) -> Option<Four> {
        let last = stride.checked_mul(3)?.checked_add(1)?;
        let room = u32::try_from(text.len().checked_sub(8)?).unwrap_or(u32::MAX);
        if last >= marks.len() {
            return None;
        }
        // SAFETY: the places of marks that are asked for are up to `last`, so all are among the marks.
        let mark = |place: usize| unsafe { *marks.get_unchecked(place) } as i32;
        let each = |i| _mm_setr_epi32(mark(i), mark(stride + i), mark(2 * stride + i), mark(3 * stride + i));
        let starts = _mm_sub_epi32(each(0), _mm_set1_epi32(-1));
        let lens = _mm_sub_epi32(each(1), starts);
        let room = _mm_set1_epi32(room as i32);
        if _mm_movemask_epi8(_mm_cmpeq_epi32(_mm_max_epu32(starts, room), room)) != 0xffff {
            return None;
        }
        let (starts, lens) = (store_half(starts), store_half(lens));
        // SAFETY: each start has been found to be at least eight bytes before the end of the text.
        let word = |start: u32| unsafe { text.as_ptr().add(start as usize).cast::<u64>().read_unaligned() };
        let [a, b, c, d] = starts;
        Some(Four { starts, lens, words: [word(a), word(b), word(c), word(d)] })
    }

    fn among(keys: &[u64; 4], key: u64) -> u32 {
        let equal = _mm256_cmpeq_epi64(load_words(keys), _mm256_set1_epi64x(key as i64));
        _mm256_movemask_pd(_mm256_castsi256_pd(equal)) as u32
    }

    /// Lengths as 64-bit lanes, and which of them are in 1..=8.
    fn widen(lens: &[u32; 4]) -> (__m256i, __m256i) {
        let lens = load_lens(lens);
        // As unsigned: what is not changed by the bound is not above it.
        let short = _mm_cmpeq_epi32(_mm_min_epu32(lens, _mm_set1_epi32(8)), lens);
        let some = _mm_cmpgt_epi32(lens, _mm_setzero_si128());
        (_mm256_cvtepu32_epi64(lens), _mm256_cvtepi32_epi64(_mm_and_si128(short, some)))
    }

    /// Digits as numbers, at the end of each lane and behind zeros; and which lanes have a minus.
    /// What is no digit is above nine; a minus is as a zero.
    fn align(words: &[u64; 4], lens: __m256i) -> (__m256i, __m256i) {
        let words = load_words(words);
        let first = _mm256_and_si256(words, _mm256_set1_epi64x(0xff));
        let minus = _mm256_cmpeq_epi64(first, _mm256_set1_epi64x(i64::from(b'-')));
        let digits = _mm256_xor_si256(words, _mm256_set1_epi8(b'0' as i8));
        let digits = _mm256_andnot_si256(_mm256_and_si256(minus, _mm256_set1_epi64x(0xff)), digits);
        let shift = _mm256_slli_epi64::<3>(_mm256_sub_epi64(_mm256_set1_epi64x(8), lens));
        (_mm256_sllv_epi64(digits, shift), minus)
    }

    /// Which lanes have nothing but digits.
    fn all_digits(digits: __m256i) -> __m256i {
        let low = _mm256_min_epu8(digits, _mm256_set1_epi8(9));
        _mm256_cmpeq_epi64(low, digits)
    }

    /// The number that the eight digits of each lane make.
    fn number(digits: __m256i) -> __m256i {
        let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
        let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
        let high = _mm256_mul_epu32(fours, _mm256_set1_epi64x(10_000));
        _mm256_add_epi64(high, _mm256_srli_epi64::<32>(fours))
    }

    fn bits(lanes: __m256i) -> u32 {
        _mm256_movemask_pd(_mm256_castsi256_pd(lanes)) as u32
    }

    fn integers(words: &[u64; 4], lens: &[u32; 4]) -> ([i64; 4], u32) {
        let (lens, fits) = widen(lens);
        let (digits, minus) = align(words, lens);
        let number = number(digits);
        let value = _mm256_sub_epi64(_mm256_xor_si256(number, minus), minus);
        // A minus alone is no number.
        let alone = _mm256_and_si256(minus, _mm256_cmpeq_epi64(lens, _mm256_set1_epi64x(1)));
        let good = _mm256_andnot_si256(alone, _mm256_and_si256(all_digits(digits), fits));
        (store(value), bits(good))
    }

    fn doubles(words: &[u64; 4], lens: &[u32; 4]) -> ([f64; 4], u32) {
        let (lens, fits) = widen(lens);
        let (digits, minus) = align(words, lens);
        let zero = _mm256_setzero_si256();
        let point = _mm256_cmpeq_epi8(digits, _mm256_set1_epi8((b'.' ^ b'0') as i8));
        let none = _mm256_cmpeq_epi64(point, zero);
        // All bytes up to the first point, in lanes that have one.
        let upto = _mm256_or_si256(point, _mm256_sub_epi64(point, _mm256_set1_epi64x(1)));
        let upto = _mm256_andnot_si256(none, upto);
        // They move up by one, over the point. A second point stays, and is no digit.
        let digits = _mm256_blendv_epi8(digits, _mm256_slli_epi64::<8>(digits), upto);
        let behind = _mm256_andnot_si256(_mm256_or_si256(upto, none), _mm256_set1_epi8(1));
        let places = _mm256_sad_epu8(behind, zero);
        let points = _mm256_sad_epu8(_mm256_and_si256(point, _mm256_set1_epi8(1)), zero);
        // Neither two points, nor a minus and a point without a digit.
        let ones = _mm256_set1_epi64x(1);
        let other = _mm256_add_epi64(points, _mm256_and_si256(minus, ones));
        let some = _mm256_cmpgt_epi64(lens, other);
        let single = _mm256_cmpgt_epi64(_mm256_set1_epi64x(2), points);
        let good = _mm256_and_si256(_mm256_and_si256(all_digits(digits), fits), _mm256_and_si256(some, single));
        (store_doubles(divide(number(digits), places, minus)), bits(good))
    }

    /// Numbers below 10⁸ over 10 to the places (0…7), negated where `minus`: exact before the division.
    fn divide(numbers: __m256i, places: __m256i, minus: __m256i) -> __m256d {
        let low_words = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
        let narrow = |lanes| _mm256_permutevar8x32_epi32(lanes, low_words);
        let tens = _mm256_setr_ps(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
        let divisor = _mm256_cvtps_pd(_mm256_castps256_ps128(_mm256_permutevar8x32_ps(tens, narrow(places))));
        let value = _mm256_div_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(narrow(numbers))), divisor);
        let sign = _mm256_and_si256(minus, _mm256_set1_epi64x(i64::MIN));
        _mm256_xor_pd(value, _mm256_castsi256_pd(sign))
    }

    fn seconds(rows: [&[u8; 32]; 4], form: &Seconds) -> ([i64; 4], bool) {
        let (zero, limit) = (load(&form.zero), load(&form.limit));
        let order = _mm256_broadcastsi128_si256(load_half(&form.order));
        let [a, b, c, d] = rows;
        let above = |row| _mm256_sub_epi8(load(row), zero);
        let (a, b, c, d) = (above(a), above(b), above(c), above(d));
        let over = |one, other| _mm256_or_si256(_mm256_subs_epu8(one, limit), _mm256_subs_epu8(other, limit));
        let over = _mm256_or_si256(over(a, b), over(c, d));
        // What stands behind the minutes, of two texts each.
        let behind = |one, other| _mm256_shuffle_epi8(_mm256_permute2x128_si256::<0x31>(one, other), order);
        let digits = _mm256_unpacklo_epi64(behind(a, c), behind(b, d));
        let numbers = number(digits);
        let late = _mm256_cmpgt_epi64(numbers, _mm256_set1_epi64x(form.max));
        let wrong = _mm256_or_si256(over, late);
        (store(numbers), _mm256_testz_si256(wrong, wrong) == 1)
    }
}

impl Isa for Avx2 {
    const WIDE: bool = true;

    type Needle = __m256i;

    #[inline(always)]
    fn needle(self, byte: u8) -> __m256i {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { needle(byte) }
    }

    #[inline(always)]
    fn find<const N: usize>(self, block: &[u8; 64], needles: [__m256i; N]) -> [u64; N] {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { find(block, needles) }
    }

    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { prefix_xor(bits) }
    }

    #[inline(always)]
    fn survey(self, window: &[u8; 258], quote: u8, comment: u8) -> Option<u32> {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { survey(window, quote, comment) }
    }

    #[inline(always)]
    fn positions(self, mut bits: u64, base: u32, out: &mut [u32; 64]) -> usize {
        let count = bits.count_ones() as usize;
        let mut from = 0;
        // Eight at a time, without asking which of them are there.
        loop {
            for place in &mut out[from..from + 8] {
                // SAFETY: a reference may be written to. Volatile, because the compiler would
                // otherwise gather the eight in a register first, which takes twice as long.
                unsafe { std::ptr::write_volatile(place, base.wrapping_add(bits.trailing_zeros())) };
                bits &= bits.wrapping_sub(1);
            }
            from += 8;
            if from >= count {
                return count;
            }
        }
    }

    #[inline(always)]
    fn four(self, text: &[u8], marks: &[u32], stride: usize) -> Option<Four> {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { four(text, marks, stride) }
    }

    #[inline(always)]
    fn among(self, keys: &[u64; 4], key: u64) -> u32 {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { among(keys, key) }
    }

    #[inline(always)]
    fn integers(self, words: &[u64; 4], lens: &[u32; 4]) -> ([i64; 4], u32) {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { integers(words, lens) }
    }

    #[inline(always)]
    fn doubles(self, words: &[u64; 4], lens: &[u32; 4]) -> ([f64; 4], u32) {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { doubles(words, lens) }
    }

    #[inline(always)]
    fn seconds(self, rows: [&[u8; 32]; 4], form: &Seconds) -> ([i64; 4], bool) {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { seconds(rows, form) }
    }
}
