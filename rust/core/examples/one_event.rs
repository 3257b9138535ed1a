//! One event into a queue of 65,536, and the sum and the maximum of all in it out.
//!
//! `cargo run --release --example one_event -p rillet-core` prints the nanoseconds of a step: the median over
//! stretches of a thousand, and beside an empty loop in the same run, whose steps are timed one by one as well, its
//! median and its 99.9th percentile; and the combinations of the costliest step, for queues of several lengths.

use std::hint::black_box;
use std::time::Instant;

use rillet_core::{Combiner, Daba, Monoid, Themselves};

const LENGTH: usize = 65_536;
const STRETCHES: usize = 4_000;
const STRETCH: usize = 1_000;
const SINGLE: usize = 2_000_000;

/// A sum with the rounding errors beside it, and a maximum.
#[derive(Clone, Copy)]
struct SumAndMax {
    sum: f64,
    error: f64,
    max: f64,
}

impl SumAndMax {
    fn of(value: f64) -> Self {
        Self { sum: value, error: 0.0, max: value }
    }
}

impl Monoid for SumAndMax {
    #[inline(always)]
    fn combine(&mut self, newer: &Self) {
        let sum = self.sum + newer.sum;
        let part = sum - self.sum;
        self.error += newer.error + ((self.sum - (sum - part)) + (newer.sum - part));
        self.sum = sum;
        self.max = if newer.max > self.max { newer.max } else { self.max };
    }
}

/// Values that look random.
struct Values(u64);

impl Values {
    #[inline(always)]
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64
    }
}

#[inline(always)]
fn step(daba: &mut Daba<SumAndMax>, value: f64) -> (f64, f64) {
    daba.pop(&mut Themselves);
    daba.push(SumAndMax::of(value), &mut Themselves);
    daba.whole().map_or((0.0, 0.0), |whole| (whole.sum + whole.error, whole.max))
}

fn filled(length: usize, values: &mut Values) -> Daba<SumAndMax> {
    let mut daba = Daba::with_capacity(length + 1);
    (0..length).for_each(|_| daba.push(SumAndMax::of(values.next()), &mut Themselves));
    daba
}

/// The nanoseconds of one of many steps, at these parts of all of them in order.
fn percentiles(mut nanos: Vec<f64>, parts: [f64; 2]) -> [f64; 2] {
    nanos.sort_by(f64::total_cmp);
    parts.map(|part| nanos[((nanos.len() - 1) as f64 * part) as usize])
}

/// Times stretches of steps; gives nanoseconds a step.
fn stretches(mut work: impl FnMut()) -> [f64; 2] {
    let stretch = |_| {
        let start = Instant::now();
        (0..STRETCH).for_each(|_| work());
        start.elapsed().as_nanos() as f64 / STRETCH as f64
    };
    percentiles((0..STRETCHES).map(stretch).collect(), [0.5, 0.999])
}

/// Times steps one by one, with what it takes to look at the clock.
fn singly(mut work: impl FnMut()) -> [f64; 2] {
    let one = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos() as f64
    };
    percentiles((0..SINGLE).map(one).collect(), [0.5, 0.999])
}

/// Counts combinations.
struct Counted(usize);

impl Combiner<SumAndMax> for Counted {
    fn combine(&mut self, older: &mut SumAndMax, newer: &SumAndMax) {
        self.0 += 1;
        older.combine(newer);
    }

    fn copy(&mut self, item: &SumAndMax) -> SumAndMax {
        *item
    }
}

/// The combinations of the costliest push and of the costliest pop while a queue slides on by three times its length.
fn costliest(length: usize, values: &mut Values) -> (usize, usize) {
    let (mut daba, mut most) = (filled(length, values), (0, 0));
    for _ in 0..3 * length {
        let (mut pushed, mut popped) = (Counted(0), Counted(0));
        daba.pop(&mut popped);
        daba.push(SumAndMax::of(values.next()), &mut pushed);
        most = (most.0.max(pushed.0), most.1.max(popped.0));
    }
    most
}

#[allow(clippy::print_stdout, reason = "it is what the example is for")]
fn main() {
    let mut values = Values(42);
    let mut daba = filled(LENGTH, &mut values);
    let [median, _] = stretches(|| {
        black_box(step(&mut daba, black_box(values.next())));
    });
    let [empty, _] = stretches(|| {
        black_box(black_box(values.next()));
    });
    println!("a step: {median:.1} ns; of the empty loop: {empty:.1} ns");
    let ours = singly(|| {
        black_box(step(&mut daba, black_box(values.next())));
    });
    let nothing = singly(|| {
        black_box(black_box(values.next()));
    });
    println!("one by one, median: {} ns beside {} ns", ours[0], nothing[0]);
    println!(
        "one by one, 99.9th percentile: {} ns beside {} ns, which is {:.2} times as much",
        ours[1],
        nothing[1],
        ours[1] / nothing[1]
    );
    for length in [16, 1_024, LENGTH, 1 << 20] {
        let (pushed, popped) = costliest(length, &mut values);
        println!("a queue of {length}: at most {pushed} combinations to push, {popped} to pop, 1 to query");
    }
}
