//! Sums of several streaks at a time: each is a chain of additions, one after the other, and the chains need
//! nothing of each other.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::double::Double;
use super::partial::FloatSum;
use super::slots::Streak;

/// How many streaks are summed at a time.
const LANES: usize = 4;

/// Lifts the values of streaks into their cells, of which no two are one.
pub(super) fn add_streaks(cells: &mut [FloatSum], streaks: &[Streak], mut values: &[f64]) {
    for group in streaks.chunks(LANES) {
        let (mut sums, mut lanes, mut lens) = ([Double::default(); LANES], [values; LANES], [0; LANES]);
        for (at, streak) in group.iter().enumerate() {
            (lanes[at], lens[at]) = (values, streak.rows as usize);
            values = &values[lens[at]..];
            sums[at] = cells[streak.slot as usize].narrow();
        }
        add_lanes(&mut sums, lanes, lens);
        for (at, streak) in group.iter().enumerate() {
            cells[streak.slot as usize].take_in(&lanes[at][..lens[at]], sums[at]);
        }
    }
}

/// Adds the first so many values of each lane to its sum, one after the other. What lies behind them may be looked at, and
/// is not added.
fn add_lanes(sums: &mut [Double; LANES], lanes: [&[f64]; LANES], lens: [usize; LANES]) {
    #[cfg(target_arch = "x86_64")]
    if super::fused::has_fma() {
        // SAFETY: the instructions that the function is compiled for were just found.
        return unsafe { add_lanes_fma(sums, lanes, lens) };
    }
    add_lanes_each(sums, lanes, lens);
}

/// So many values of each lane are worth adding side by side; and lanes that are this short, up to the end of the longest.
#[cfg(target_arch = "x86_64")]
const WORTH_LANES: usize = 8;
#[cfg(target_arch = "x86_64")]
const SHORT_LANES: usize = 64;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn add_lanes_fma(sums: &mut [Double; LANES], mut lanes: [&[f64]; LANES], mut lens: [usize; LANES]) {
    loop {
        let (mut live, mut least, mut most, mut some) = (0, usize::MAX, 0, lanes[0]);
        for (lane, len) in lanes.into_iter().zip(lens).filter(|&(_, len)| len > 0) {
            (live, least, most, some) = (live + 1, least.min(len), most.max(len), lane);
        }
        let abreast = if most <= SHORT_LANES { most } else { least };
        if live < 2 || abreast < WORTH_LANES {
            return add_lanes_each(sums, lanes, lens);
        }
        for at in 0..LANES {
            // Where there is nothing to add, there has to be something to look at.
            lanes[at] = if lens[at] > 0 { lanes[at] } else { some };
        }
        let added = add_abreast(sums, lanes, lens.map(|len| len.min(abreast)));
        for at in 0..LANES {
            if lens[at] > 0 {
                let len = lens[at].min(abreast);
                (sums[at], lanes[at], lens[at]) = (added[at], &lanes[at][len..], lens[at] - len);
            }
        }
    }
}

#[inline(always)]
fn add_lanes_each(sums: &mut [Double; LANES], lanes: [&[f64]; LANES], lens: [usize; LANES]) {
    for ((sum, lane), len) in sums.iter_mut().zip(lanes).zip(lens) {
        *sum = sum.and_all(&lane[..len]);
    }
}

/// The sums with the values of lanes; one without values may be another zero. It is written out: compilers do not find
/// that the lanes fit one register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_abreast(sums: &[Double; LANES], lanes: [&[f64]; LANES], lens: [usize; LANES]) -> [Double; LANES] {
    let [first, second, third, last] = sums;
    let mut totals = _mm256_set_pd(last.hi, third.hi, second.hi, first.hi);
    let mut errors = _mm256_set_pd(last.lo, third.lo, second.lo, first.lo);
    let (mut least, mut most) = (lens[0], lens[0]);
    for len in lens {
        (least, most) = (least.min(len), most.max(len));
    }
    for from in (0..most).step_by(LANES) {
        let [mut a, mut b, mut c, mut d] =
            [next(lanes[0], from), next(lanes[1], from), next(lanes[2], from), next(lanes[3], from)];
        if least < from + LANES {
            a = of_lane(a, lens[0], from);
            b = of_lane(b, lens[1], from);
            c = of_lane(c, lens[2], from);
            d = of_lane(d, lens[3], from);
        }
        for row in transposed([a, b, c, d]) {
            let total = _mm256_add_pd(totals, row);
            let part = _mm256_sub_pd(total, totals);
            let lost = _mm256_sub_pd(totals, _mm256_sub_pd(total, part));
            errors = _mm256_add_pd(errors, _mm256_add_pd(lost, _mm256_sub_pd(row, part)));
            totals = total;
        }
    }
    let (mut hi, mut lo) = ([0.0; LANES], [0.0; LANES]);
    // SAFETY: each of the arrays has room for four doubles, and need not be aligned.
    unsafe {
        _mm256_storeu_pd(hi.as_mut_ptr(), totals);
        _mm256_storeu_pd(lo.as_mut_ptr(), errors);
    }
    std::array::from_fn(|at| Double { hi: hi[at], lo: lo[at] })
}

/// Four values from one on, and anything behind the last.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn next(values: &[f64], from: usize) -> __m256d {
    let mut last = [0.0; LANES];
    let four = values.get(from..).and_then(<[f64]>::first_chunk).unwrap_or_else(|| {
        for (last, &value) in last.iter_mut().zip(values.iter().skip(from)) {
            *last = value;
        }
        &last
    });
    // SAFETY: the reference is to four doubles, which need not be aligned.
    unsafe { _mm256_loadu_pd(four.as_ptr()) }
}

/// Four values from one on, as far as they are in a lane of this length; behind it what changes no sum, negative zeros.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn of_lane(four: __m256d, len: usize, from: usize) -> __m256d {
    let left = _mm256_set1_epi64x(len as i64 - from as i64);
    let is_in = _mm256_cmpgt_epi64(left, _mm256_set_epi64x(3, 2, 1, 0));
    _mm256_blendv_pd(_mm256_set1_pd(-0.0), four, _mm256_castsi256_pd(is_in))
}

/// Columns for rows.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn transposed([a, b, c, d]: [__m256d; LANES]) -> [__m256d; LANES] {
    let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
    let (last_even, last_odd) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
    [
        _mm256_permute2f128_pd::<0x20>(even, last_even),
        _mm256_permute2f128_pd::<0x20>(odd, last_odd),
        _mm256_permute2f128_pd::<0x31>(even, last_even),
        _mm256_permute2f128_pd::<0x31>(odd, last_odd),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::partial::{Lift, Partial};
    use super::super::testing::mixed;
    use super::*;

    #[test]
    fn sums_made_side_by_side_are_those_made_one_by_one() {
        let mut state = 5;
        for streaks in (0..40).map(|n| n % 13) {
            // Lanes of all lengths, alike and not.
            let most = [40, 7, 300][streaks as usize % 3];
            let streaks: Vec<Streak> =
                (0..streaks).map(|slot| Streak { slot, rows: 1 + (mixed(&mut state) % most) as u32 }).collect();
            let rows = streaks.iter().map(|streak| streak.rows).sum();
            let odd = [f64::NAN, f64::INFINITY, -0.0, 1e308, -1e308, f64::MAX, -2.993_760_464_302_079_7e292];
            // What is odd has all of a streak added with care: mostly there is nothing of that kind.
            let few = if streaks.len().is_multiple_of(2) { 50 } else { 50_000 };
            let mut value = |_| match mixed(&mut state) % few {
                n @ 0..7 => odd[n as usize],
                n => mixed(&mut state) as f64 / n as f64,
            };
            let values: Vec<f64> = (0..rows).map(&mut value).collect();
            let mut want = vec![FloatSum::EMPTY; streaks.len()];
            want.iter_mut().for_each(|sum| sum.lift(0.1, 0));
            let mut sums = want.clone();
            add_streaks(&mut sums, &streaks, &values);
            let mut from = 0;
            for Streak { slot, rows } in streaks {
                let until = from + rows as usize;
                values[from..until].iter().for_each(|&value| want[slot as usize].lift(value, 0));
                from = until;
            }
            let bits = |sums: &[FloatSum]| sums.iter().map(|sum| sum.total().to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&sums), bits(&want));
        }
    }

    #[test]
    fn lanes_are_added_alike_with_and_without_instructions() {
        let mut state = 9;
        let mut lane = |rows| (0..rows).map(|_| mixed(&mut state) as f64 * 1e-3 - 1e6).collect::<Vec<_>>();
        let lens = [
            [50; 4],
            [9, 30, 8, 100],
            [0, 200, 17, 0],
            [60, 300, 20, 120],
            [1, 0, 64, 7],
            [0, 0, 0, 90],
            [0; 4],
            [64, 13, 1, 22],
            [16, 12, 8, 65],
        ];
        // Lanes may lie at the end of what there is, or before other values.
        for (lens, behind) in lens.into_iter().flat_map(|lens| [(lens, 0), (lens, 3), (lens, 70)]) {
            let values = lens.map(|len| lane(len + behind));
            let lanes = [0, 1, 2, 3].map(|lane| &values[lane][..]);
            let start = [0.5, -0.0, 1e300, f64::INFINITY].map(|hi| Double { hi, lo: -0.0 });
            let (mut sums, mut slow) = (start, start);
            add_lanes(&mut sums, lanes, lens);
            for (at, sum) in slow.iter_mut().enumerate() {
                *sum = lanes[at][..lens[at]].iter().fold(*sum, |sum, &v| sum.and(v));
            }
            let bits = |sums: [Double; LANES]| sums.map(|sum| (sum.hi.to_bits(), sum.lo.to_bits()));
            assert_eq!(bits(sums), bits(slow), "{lens:?}");
            let mut each = start;
            add_lanes_each(&mut each, lanes, lens);
            assert_eq!(bits(each), bits(slow), "{lens:?}");
        }
    }
}
