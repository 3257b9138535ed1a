//! What the aggregates of a plan read of one batch: typed values and selected rows.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::DataType as Arrow;

use super::cells::Values;
use super::decimal::unit;
use super::fused;
use super::slots::Streak;
use crate::column::{as_f64, as_i64, plain_text};

/// In which form a partial wants its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// As signed integers.
    Int,
    /// As unsigned integers.
    UInt,
    /// As doubles.
    Float,
    /// As integers that sort like doubles, with NaN below all others.
    Lowest,
    /// As integers that sort like doubles, with NaN above all others.
    Highest,
    /// As decimals.
    Decimal,
    /// As bits that may be null.
    Nullable,
    /// As doubles with a weight.
    Weighted,
    /// As texts.
    Text,
    /// As rows of the column.
    Any,
}

/// The values of one batch in one form.
#[derive(Clone)]
pub(crate) enum Typed {
    Int(ScalarBuffer<i64>),
    UInt(ScalarBuffer<u64>),
    Float(ScalarBuffer<f64>),
    Lowest(ScalarBuffer<f64>),
    Highest(ScalarBuffer<f64>),
    Decimal(ScalarBuffer<i128>),
    Nullable(ScalarBuffer<i64>, Option<NullBuffer>),
    Weighted(ScalarBuffer<f64>, ScalarBuffer<f64>),
    Any(ArrayRef),
}

impl Typed {
    /// Brings a column, and its weights, into a form.
    ///
    /// # Panics
    /// If the column's type does not have the form, which the plan has checked.
    pub(crate) fn new(form: Form, column: &ArrayRef, weight: Option<&ArrayRef>) -> Self {
        let bits = || int_bits(column).expect("the plan checked the type");
        let float = |array: &ArrayRef| float_values(array).expect("the plan checked the type");
        match form {
            Form::Int => Self::Int(bits()),
            Form::UInt => Self::UInt(ScalarBuffer::from(bits().into_inner())),
            Form::Float => Self::Float(float(column)),
            Form::Lowest => Self::Lowest(float(column)),
            Form::Highest => Self::Highest(float(column)),
            Form::Decimal => Self::Decimal(column.as_primitive::<Decimal128Type>().values().clone()),
            Form::Nullable => Self::Nullable(bits(), column.logical_nulls()),
            Form::Weighted => Self::Weighted(float(column), float(weight.expect("a weighted form has weights"))),
            Form::Text => Self::Any(ArrayRef::clone(column)),
            Form::Any => Self::Any(undictionaried(column)),
        }
    }
}

/// Text in any code, as the one representation that rows of different batches share.
fn undictionaried(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        Arrow::Dictionary(..) | Arrow::LargeUtf8 | Arrow::Utf8View => plain_text(column),
        _ => ArrayRef::clone(column),
    }
}

/// The bits of values that fit in 64: integers widened, doubles and booleans as they are.
fn int_bits(column: &ArrayRef) -> Option<ScalarBuffer<i64>> {
    match column.data_type() {
        Arrow::Boolean => Some(column.as_boolean().values().iter().map(i64::from).collect()),
        Arrow::Float32 | Arrow::Float64 => Some(ScalarBuffer::from(as_f64(column)?.into_inner())),
        _ => as_i64(column),
    }
}

fn float_values(column: &ArrayRef) -> Option<ScalarBuffer<f64>> {
    match column.data_type() {
        Arrow::Boolean => Some(column.as_boolean().values().iter().map(|set| f64::from(u8::from(set))).collect()),
        Arrow::Decimal128(_, scale) => {
            let unit = unit(*scale);
            Some(column.as_primitive::<Decimal128Type>().values().iter().map(|&v| v as f64 / unit).collect())
        }
        _ => as_f64(column),
    }
}

/// All that a plan's aggregates read of one batch.
#[derive(Clone)]
pub(crate) struct Inputs {
    /// The values of each of the recipe's parts.
    pub(crate) values: Vec<Typed>,
    /// The rows of each of the recipe's selections; `None` for all.
    pub(crate) selected: Vec<Option<BooleanBuffer>>,
}

/// Room for the values of a few thousand rows, in every form.
#[derive(Default)]
pub(crate) struct Scratch {
    ints: Vec<i64>,
    uints: Vec<u64>,
    floats: Vec<f64>,
    decimals: Vec<i128>,
    nullables: Vec<Option<i64>>,
    pairs: Vec<(f64, f64)>,
    rows: Vec<u32>,
}

/// Rows of a batch.
#[derive(Clone, Copy)]
pub(crate) enum Chosen<'a> {
    /// So many from this one on.
    Run(usize, usize),
    /// These.
    List(&'a [u32]),
}

impl Scratch {
    /// The values of these rows of a batch, one after the other.
    pub(crate) fn pick<'a>(&'a mut self, typed: &'a Typed, chosen: Chosen<'a>) -> Values<'a> {
        match typed {
            Typed::Int(values) => Values::Int(gathered(&mut self.ints, values, chosen)),
            Typed::UInt(values) => Values::UInt(gathered(&mut self.uints, values, chosen)),
            Typed::Float(values) => Values::Float(gathered(&mut self.floats, values, chosen)),
            Typed::Lowest(values) => self.keys::<true>(chosen, values),
            Typed::Highest(values) => self.keys::<false>(chosen, values),
            Typed::Decimal(values) => Values::Decimal(gathered(&mut self.decimals, values, chosen)),
            Typed::Nullable(values, nulls) => {
                let value = |row: u32| {
                    let row = row as usize;
                    nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then(|| values[row])
                };
                self.nullables.clear();
                self.nullables.extend(chosen.numbers().map(value));
                Values::Nullable(&self.nullables)
            }
            Typed::Weighted(values, weights) => {
                self.pairs.clear();
                self.pairs.extend(chosen.numbers().map(|row| (values[row as usize], weights[row as usize])));
                Values::Weighted(&self.pairs)
            }
            Typed::Any(column) => {
                self.rows.clear();
                self.rows.extend(chosen.numbers());
                Values::Any(column, &self.rows)
            }
        }
    }
}

/// The values of these rows, in `room` if they do not lie one after the other.
fn gathered<'a, T: Copy>(room: &'a mut Vec<T>, values: &'a [T], chosen: Chosen<'a>) -> &'a [T] {
    match chosen {
        Chosen::Run(start, len) => &values[start..start + len],
        Chosen::List(rows) => {
            room.clear();
            room.extend(rows.iter().map(|&row| values[row as usize]));
            room
        }
    }
}

impl Scratch {
    /// The least value of each streak of rows, or the greatest, where doubles are compared.
    pub(super) fn extremes(
        &mut self,
        typed: &Typed,
        rows: Range<usize>,
        streaks: &[Streak],
    ) -> Option<Values<'_>> {
        self.ints.clear();
        match typed {
            Typed::Lowest(values) => fused::extremes::<true>(&values[rows], streaks, &mut self.ints),
            Typed::Highest(values) => fused::extremes::<false>(&values[rows], streaks, &mut self.ints),
            _ => return None,
        }
        Some(Values::Int(&self.ints))
    }

    /// What stands for doubles where they are compared.
    fn keys<'a, const LOWEST: bool>(&'a mut self, chosen: Chosen<'_>, values: &[f64]) -> Values<'a> {
        let values = gathered(&mut self.floats, values, chosen);
        // Only grown, so that room that is written to is not emptied each time.
        self.ints.resize(self.ints.len().max(values.len()), 0);
        let keys = &mut self.ints[..values.len()];
        fused::keys::<LOWEST>(values, keys);
        Values::Int(keys)
    }
}

impl<'a> Chosen<'a> {
    /// Their numbers.
    pub(super) fn numbers(self) -> impl Iterator<Item = u32> + use<'a> {
        let (run, list) = match self {
            Self::Run(start, len) => (start as u32..(start + len) as u32, &[][..]),
            Self::List(rows) => (0..0, rows),
        };
        run.chain(list.iter().copied())
    }
}
