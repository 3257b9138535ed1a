//! [`Flat`]: partials of values that need no care, less what is the same for all of them.
//!
//! They come to the bits of the [`Partial`](super::partial::Partial)s that they stand for. Their parts are numbers,
//! which for several windows lie side by side, so that what is done to them compiles to vector instructions.

use std::hint::select_unpredictable;
use std::marker::PhantomData;

use super::cells::Value;
use super::double::{Double, Doubles, two_sum};
use super::far::is_near;
use super::moments::{Number, variance};
use super::partial::{Max, Min, key_of};

/// How many windows lie side by side at most.
pub(super) const ABREAST: usize = 16;

/// A kind of states.
pub(super) trait Flat: Send + 'static {
    /// What they are made of.
    type Value: Plain;
    /// The state of a window.
    type State: Copy + Send;
    /// The states of several.
    type Abreast: Abreast<Self::State>;
    /// That of no value.
    const EMPTY: Self::State;

    /// What a state comes to with a value that is older than all in it, or newer. The pivot is a value of the window.
    fn taken(state: Self::State, pivot: Self::Value, value: Self::Value) -> Self::State;
    /// What a state comes to with values, one after the other, each of which is newer than those before it; or from the
    /// last to the first, each of which is older, if `BACK`. The states on the way are left in their places.
    #[inline(always)]
    fn scan<const BACK: bool>(
        mut state: Self::State,
        pivot: Self::Value,
        values: &[Self::Value],
        states: &mut [Self::State],
    ) -> Self::State {
        let (len, states) = (values.len(), &mut states[..values.len()]);
        for i in 0..len {
            let at = if BACK { len - 1 - i } else { i };
            state = Self::taken(state, pivot, values[at]);
            states[at] = state;
        }
        state
    }

    /// What an older one and a newer one about the same pivot come to.
    fn joined(older: Self::State, newer: Self::State) -> Self::State;
    /// Whether a value needs no more care than this.
    fn is_plain(value: Self::Value) -> bool;
}

/// States side by side.
pub(super) trait Abreast<S>: Copy + Send {
    /// The same state everywhere.
    fn all(state: S) -> Self;
    /// One of them.
    fn get(&self, i: usize) -> S;
    /// Puts one in its place.
    fn set(&mut self, i: usize, state: S);
}

/// A double or an integer.
pub(super) trait Plain: Value + Default {
    /// Such values, whatever their type.
    fn unnamed(values: Vec<Self>) -> Numbers;
}

/// Doubles or integers.
pub(super) enum Numbers {
    /// Doubles.
    Floats(Vec<f64>),
    /// Integers, or what is kept as such.
    Ints(Vec<i64>),
}

impl Numbers {
    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Ints(values) => values.len(),
        }
    }

    /// Puts others of the type behind them.
    pub(super) fn append(&mut self, others: Self) {
        match (self, others) {
            (Self::Floats(values), Self::Floats(mut others)) => values.append(&mut others),
            (Self::Ints(values), Self::Ints(mut others)) => values.append(&mut others),
            _ => unreachable!("they are of one type"),
        }
    }
}

impl Plain for f64 {
    fn unnamed(values: Vec<Self>) -> Numbers {
        Numbers::Floats(values)
    }
}

impl Plain for i64 {
    fn unnamed(values: Vec<Self>) -> Numbers {
        Numbers::Ints(values)
    }
}

/// How a state becomes a result.
pub(super) trait Finish<F: Flat>: Copy + Send + 'static {
    /// The result.
    type Result: Plain;
    /// The result of a state of so many values.
    fn of(self, state: F::State, count: f64) -> Self::Result;
}

/// Below this, 2⁹⁶⁰, no sum is out of range.
const LARGE: f64 = f64::from_bits((1023 + 960) << 52);

/// [`FloatSum`](super::partial::FloatSum)s.
pub(super) struct Sums;

impl Abreast<Double> for Doubles<ABREAST> {
    fn all(state: Double) -> Self {
        Self { hi: [state.hi; ABREAST], lo: [state.lo; ABREAST] }
    }

    #[inline(always)]
    fn get(&self, i: usize) -> Double {
        Self::get(self, i)
    }

    #[inline(always)]
    fn set(&mut self, i: usize, state: Double) {
        Self::set(self, i, state);
    }
}

impl Flat for Sums {
    type Value = f64;
    type State = Double;
    type Abreast = Doubles<ABREAST>;
    // The sum of nothing but -0.0 is -0.0.
    const EMPTY: Double = Double { hi: -0.0, lo: -0.0 };

    #[inline(always)]
    fn taken(state: Double, _: f64, value: f64) -> Double {
        state.and(value)
    }

    #[inline(always)]
    fn scan<const BACK: bool>(state: Double, _: f64, values: &[f64], states: &mut [Double]) -> Double {
        state.and_each::<BACK>(values, states)
    }

    #[inline(always)]
    fn joined(older: Double, newer: Double) -> Double {
        let sum = two_sum(older.hi, newer.hi);
        Double { hi: sum.hi, lo: (older.lo + sum.lo) + newer.lo }
    }

    #[inline(always)]
    fn is_plain(value: f64) -> bool {
        value.abs() < LARGE
    }
}

/// The sum.
#[derive(Clone, Copy)]
pub(super) struct Total;

/// The sum by the number of values.
#[derive(Clone, Copy)]
pub(super) struct Mean;

impl Finish<Sums> for Total {
    type Result = f64;

    #[inline(always)]
    fn of(self, Double { hi, lo }: Double, _: f64) -> f64 {
        // Nothing is added to a negative zero.
        select_unpredictable(lo == 0.0, hi, hi + lo)
    }
}

impl Finish<Sums> for Mean {
    type Result = f64;

    #[inline(always)]
    fn of(self, sum: Double, count: f64) -> f64 {
        Total.of(sum, count) / count
    }
}

/// A value that is compared by a key.
pub(super) trait Keyed: Plain {
    /// The key, for the lowest or the highest.
    fn key<const LOWEST: bool>(self) -> i64;
    /// The value of a key.
    fn of_key<const LOWEST: bool>(key: i64) -> Self;
}

impl Keyed for i64 {
    #[inline(always)]
    fn key<const LOWEST: bool>(self) -> i64 {
        self
    }

    #[inline(always)]
    fn of_key<const LOWEST: bool>(key: i64) -> Self {
        key
    }
}

impl Keyed for f64 {
    #[inline(always)]
    fn key<const LOWEST: bool>(self) -> i64 {
        key_of::<LOWEST>(self)
    }

    #[inline(always)]
    fn of_key<const LOWEST: bool>(key: i64) -> Self {
        if LOWEST { Min(key).double() } else { Max(key).double() }
    }
}

/// The keys of the lowest values, [`Min`]s, or of the highest, [`Max`]s.
pub(super) struct Extremes<V, const LOWEST: bool>(PhantomData<fn(V)>);

impl Abreast<i64> for [i64; ABREAST] {
    fn all(state: i64) -> Self {
        [state; ABREAST]
    }

    #[inline(always)]
    fn get(&self, i: usize) -> i64 {
        self[i]
    }

    #[inline(always)]
    fn set(&mut self, i: usize, state: i64) {
        self[i] = state;
    }
}

impl<V: Keyed, const LOWEST: bool> Flat for Extremes<V, LOWEST> {
    type Value = V;
    type State = i64;
    type Abreast = [i64; ABREAST];
    const EMPTY: i64 = if LOWEST { i64::MAX } else { i64::MIN };

    #[inline(always)]
    fn taken(state: i64, _: V, value: V) -> i64 {
        Self::joined(state, value.key::<LOWEST>())
    }

    #[inline(always)]
    fn scan<const BACK: bool>(mut state: i64, _: V, values: &[V], states: &mut [i64]) -> i64 {
        // Keys need nothing of each other, so that they are found side by side.
        for (key, &value) in states.iter_mut().zip(values) {
            *key = value.key::<LOWEST>();
        }
        let mut take_in = |key: &mut i64| {
            state = Self::joined(state, *key);
            *key = state;
        };
        let keys = states[..values.len()].iter_mut();
        if BACK {
            keys.rev().for_each(&mut take_in)
        } else {
            keys.for_each(&mut take_in)
        }
        state
    }

    #[inline(always)]
    fn joined(older: i64, newer: i64) -> i64 {
        if LOWEST { older.min(newer) } else { older.max(newer) }
    }

    #[inline(always)]
    fn is_plain(_: V) -> bool {
        true
    }
}

/// The value of the key.
#[derive(Clone, Copy)]
pub(super) struct Unkeyed;

impl<V: Keyed, const LOWEST: bool> Finish<Extremes<V, LOWEST>> for Unkeyed {
    type Result = V;

    #[inline(always)]
    fn of(self, key: i64, _: f64) -> V {
        V::of_key::<LOWEST>(key)
    }
}

/// [`Moments`](super::moments::Moments) about a pivot that is known.
pub(super) struct Spreads;

/// The sums of distances from the pivot, and of their squares.
#[derive(Clone, Copy)]
pub(super) struct Distances {
    sum: Double,
    squares: Double,
}

/// Those of several windows.
#[derive(Clone, Copy)]
pub(super) struct Distances16 {
    sums: Doubles<ABREAST>,
    squares: Doubles<ABREAST>,
}

impl Abreast<Distances> for Distances16 {
    fn all(state: Distances) -> Self {
        Self { sums: Doubles::all(state.sum), squares: Doubles::all(state.squares) }
    }

    #[inline(always)]
    fn get(&self, i: usize) -> Distances {
        Distances { sum: self.sums.get(i), squares: self.squares.get(i) }
    }

    #[inline(always)]
    fn set(&mut self, i: usize, state: Distances) {
        self.sums.set(i, state.sum);
        self.squares.set(i, state.squares);
    }
}

impl Flat for Spreads {
    type Value = f64;
    type State = Distances;
    type Abreast = Distances16;
    const EMPTY: Distances = Distances { sum: Double { hi: 0.0, lo: 0.0 }, squares: Double { hi: 0.0, lo: 0.0 } };

    #[inline(always)]
    fn taken(state: Distances, pivot: f64, value: f64) -> Distances {
        let distance = value.minus(pivot);
        Distances { sum: state.sum.with(distance), squares: state.squares.with(distance.times(distance)) }
    }

    #[inline(always)]
    fn joined(older: Distances, newer: Distances) -> Distances {
        Distances { sum: older.sum.with(newer.sum), squares: older.squares.with(newer.squares) }
    }

    #[inline(always)]
    fn is_plain(value: f64) -> bool {
        is_near(value)
    }
}

/// The variance, or its root, with so many degrees of freedom taken off.
#[derive(Clone, Copy)]
pub(super) struct Spread<const ROOT: bool> {
    /// How many.
    pub(super) ddof: f64,
}

impl<const ROOT: bool> Finish<Spreads> for Spread<ROOT> {
    type Result = f64;

    #[inline(always)]
    fn of(self, Distances { sum, squares }: Distances, count: f64) -> f64 {
        let variance = variance::<f64>(sum, squares, count, count - self.ddof);
        if ROOT { variance.sqrt() } else { variance }
    }
}
