//! Lowering: the results of slots, as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_select::nullif::nullif;

use super::cells::{Cells, Value, cells};
use super::decimal::{DecimalSum, unit};
use super::double::Double;
use super::far;
use super::function::Function;
use super::fused;
use super::moments::Moments;
use super::owned::{Chosen, OneRow, gather};
use super::partial::{First, FloatSum, IntSum, Last, Lift, Max, Min, UNSIGNED};
use super::recipe::Output;
use super::table::Table;
use super::weighted::WeightedSum;
use super::widening::Widening;
use crate::column::from_i64;
use crate::types::DataType;

/// A result that does not fit its type: the first row that has one, and what it is.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// The place in the list of slots.
    pub(crate) at: usize,
    /// The name of the result.
    pub(crate) output: Arc<str>,
    /// What does not fit, if it can be told.
    pub(crate) value: Option<String>,
    /// What happened.
    pub(crate) reason: String,
    /// The columns of the results before it.
    pub(crate) before: Vec<ArrayRef>,
}

/// A column of results, or the first of them that does not fit.
pub(super) type Lowered = Result<ArrayRef, Unfit>;

/// Columns of the same slots.
///
/// # Errors
/// [`Unfit`] for the earliest slot of which a result does not fit its type.
pub(super) fn together(columns: Vec<Lowered>) -> Result<Vec<ArrayRef>, Unfit> {
    let earliest = columns.iter().filter_map(|column| column.as_ref().err()).min_by_key(|unfit| unfit.at);
    let Some(Unfit { at, output, value, reason, .. }) = earliest else {
        return Ok(columns.into_iter().flatten().collect());
    };
    let before = |column: &Lowered| match column {
        Ok(column) => column.slice(0, *at),
        Err(unfit) => unfit.before[0].slice(0, *at),
    };
    let before = columns.iter().map(before).collect();
    Err(Unfit { at: *at, output: Arc::clone(output), value: value.clone(), reason: reason.clone(), before })
}

impl Table {
    /// The results of these slots, a column per output.
    ///
    /// # Errors
    /// [`Unfit`] for the earliest slot of which a result does not fit its type.
    pub(crate) fn lower(&self, outputs: &[Output], slots: &[u32]) -> Result<Vec<ArrayRef>, Unfit> {
        self.lower_of_least(outputs, slots, 1)
    }

    /// The same, with null for results of fewer values than these. Counts are always numbers.
    ///
    /// # Errors
    /// As [`lower`](Self::lower).
    pub(crate) fn lower_of_least(
        &self,
        outputs: &[Output],
        slots: &[u32],
        least: u64,
    ) -> Result<Vec<ArrayRef>, Unfit> {
        let counted = self.each_counted(slots);
        let column = |output: &Output| {
            let cells = output.part.map(|part| &*self.parts[part]);
            Lowering { cells, output, slots, counted: &counted[output.selection] }.of_least(least)
        };
        together(outputs.iter().map(column).collect())
    }
}

/// How many values one selection has in each of some slots.
#[derive(Clone)]
pub(super) struct Counted {
    counts: Arc<Vec<u64>>,
    least: u64,
}

impl Counted {
    /// So many for each.
    pub(super) fn of(counts: Vec<u64>) -> Self {
        Self { least: counts.iter().copied().min().unwrap_or(0), counts: Arc::new(counts) }
    }
}

/// One output of some slots.
pub(super) struct Lowering<'a> {
    /// The cells that it is made of; counts are made of none.
    pub(super) cells: Option<&'a dyn Cells>,
    pub(super) output: &'a Output,
    pub(super) slots: &'a [u32],
    pub(super) counted: &'a Counted,
}

impl Lowering<'_> {
    /// The column.
    ///
    /// # Errors
    /// [`Unfit`] for the earliest slot of which the result does not fit its type.
    pub(super) fn column(&self) -> Lowered {
        let input = &self.output.input;
        match self.output.function {
            Function::Count => Ok(from_i64(&arrow_schema::DataType::Int64, self.counts().map(|n| n as i64), None)),
            Function::Sum => self.sum(),
            Function::Mean => Ok(self.mean()),
            Function::Var { ddof } => Ok(self.spread(ddof, false)),
            Function::Std { ddof } => Ok(self.spread(ddof, true)),
            Function::Min if input.is_text() => Ok(self.texts()),
            Function::Max if input.is_text() => Ok(self.texts()),
            Function::Min => Ok(self.min()),
            Function::Max => Ok(self.max()),
            Function::First { skip_nulls } => Ok(self.first(skip_nulls)),
            Function::Last { skip_nulls } => Ok(self.last(skip_nulls)),
        }
    }

    /// The same, with null for results of fewer values than these. Counts are always numbers.
    ///
    /// # Errors
    /// As [`column`](Self::column).
    pub(super) fn of_least(&self, least: u64) -> Lowered {
        let enough = |column| self.with_least(column, least);
        match self.column() {
            Ok(column) => Ok(enough(column)),
            Err(unfit) => Err(Unfit { before: unfit.before.into_iter().map(enough).collect(), ..unfit }),
        }
    }

    /// A column of the first slots, with null where there are fewer values than these.
    fn with_least(&self, column: ArrayRef, least: u64) -> ArrayRef {
        if self.output.function == Function::Count || self.counted.least >= least {
            return column;
        }
        let few = BooleanBuffer::collect_bool(column.len(), |i| self.counted.counts[i] < least);
        nullif(&column, &BooleanArray::new(few, None)).expect("of one length")
    }

    fn part(&self) -> &dyn Cells {
        self.cells.expect("all but counts have a part")
    }

    fn each<P: Lift<V>, V: Value>(&self) -> impl ExactSizeIterator<Item = &P> {
        let cells = cells::<P, V>(self.part());
        self.slots.iter().map(|&slot| &cells[slot as usize])
    }

    fn counts(&self) -> impl ExactSizeIterator<Item = u64> {
        self.counted.counts.iter().copied()
    }

    /// Results are null where there are not more values than this.
    fn valid(&self, more_than: u64) -> Option<NullBuffer> {
        let counts = &self.counted.counts;
        (self.counted.least <= more_than)
            .then(|| BooleanBuffer::collect_bool(counts.len(), |i| counts[i] > more_than).into())
    }

    fn floats(&self, values: impl Iterator<Item = f64>, more_than: u64) -> ArrayRef {
        Arc::new(Float64Array::new(values.collect(), self.valid(more_than)))
    }

    fn ints(&self, values: impl ExactSizeIterator<Item = i64>) -> ArrayRef {
        from_i64(&self.output.dtype.to_arrow(), values, self.valid(0))
    }

    fn decimals(&self, values: impl Iterator<Item = i128>) -> ArrayRef {
        let array = Decimal128Array::new(values.collect(), self.valid(0));
        Arc::new(array.with_data_type(self.output.dtype.to_arrow()))
    }

    fn int_sums(&self) -> Vec<i128> {
        match self.output.input {
            DataType::UInt64 => self.each::<IntSum, u64>().map(|sum| sum.0).collect(),
            _ => self.each::<IntSum, i64>().map(|sum| sum.0).collect(),
        }
    }

    fn sum(&self) -> Lowered {
        match self.output.dtype {
            DataType::Float64 => Ok(self.floats(self.each::<FloatSum, f64>().map(|sum| sum.total()), 0)),
            DataType::Decimal(..) => {
                let sums = self.each::<DecimalSum, i128>();
                let sums = sums.map(|sum| sum.total().ok_or((None, "has more than 38 digits".to_owned())));
                Ok(self.decimals(self.fitting(sums)?.into_iter()))
            }
            DataType::UInt64 => self.fitting_ints(|sum| u64::try_from(sum).ok().map(|sum| sum as i64)),
            _ => self.fitting_ints(|sum| i64::try_from(sum).ok()),
        }
    }

    fn fitting_ints(&self, fit: impl Fn(i128) -> Option<i64>) -> Lowered {
        let unfit = |sum: i128| (Some(sum.to_string()), format!("{sum} does not fit in {}", self.output.dtype));
        let sums = self.int_sums().into_iter().map(|sum| fit(sum).ok_or_else(|| unfit(sum)));
        Ok(self.ints(self.fitting(sums)?.into_iter()))
    }

    /// Sums, or the first that does not fit, as far as it can be told, and why.
    fn fitting<T>(
        &self,
        sums: impl Iterator<Item = Result<T, (Option<String>, String)>>,
    ) -> Result<Vec<T>, Unfit> {
        let mut fitting = Vec::with_capacity(self.slots.len());
        for (at, sum) in sums.enumerate() {
            match sum {
                Ok(sum) => fitting.push(sum),
                Err((value, why)) => {
                    return Err(self.unfit(at, value, format!("the sum {why}; cast the column to float64")));
                }
            }
        }
        Ok(fitting)
    }

    /// That the result of a slot does not fit, with those before it.
    fn unfit(&self, at: usize, value: Option<String>, reason: String) -> Unfit {
        let counted = Counted::of(self.counted.counts[..at].to_vec());
        let before = Lowering { slots: &self.slots[..at], counted: &counted, ..*self }.column();
        before.map_or_else(
            |earlier| earlier,
            |before| Unfit { at, output: Arc::clone(&self.output.name), value, reason, before: vec![before] },
        )
    }

    fn mean(&self) -> ArrayRef {
        let counts = self.counts().map(|count| count as f64);
        if let Some(sums) = self.part().any().downcast_ref() {
            return self.weighted_mean(sums);
        }
        match self.output.input {
            DataType::Float32 | DataType::Float64 => {
                let means = self.each::<FloatSum, f64>().zip(counts).map(|(sum, count)| sum.over(count));
                self.floats(means, 0)
            }
            DataType::Decimal(_, scale) => {
                let unit = unit(scale);
                let sums = self.each::<DecimalSum, i128>().map(|sum| sum.double());
                self.floats(sums.zip(counts).map(|(sum, count)| sum.over(count).value() / unit), 0)
            }
            _ => {
                let sums = self.int_sums().into_iter().map(Double::from_integer);
                self.floats(sums.zip(counts).map(|(sum, count)| sum.over(count).value()), 0)
            }
        }
    }

    fn weighted_mean(&self, sums: &Widening<WeightedSum, (f64, f64)>) -> ArrayRef {
        let mean = |slot: &u32| match sums {
            Widening::Near(store) => store.cells[*slot as usize].mean(),
            Widening::Far(store) => store.cells[*slot as usize].mean(),
        };
        let counted = self.slots.iter().zip(self.counts());
        Arc::new(counted.map(|(slot, count)| mean(slot).filter(|_| count > 0)).collect::<Float64Array>())
    }

    /// The variances, or their roots.
    fn spread(&self, ddof: u32, root: bool) -> ArrayRef {
        let freedom = f64::from(ddof);
        let spreads = match self.output.input {
            DataType::UInt64 => fused::spreads(cells::<Moments<u64>, u64>(self.part()), self.slots, freedom, root),
            DataType::Decimal(_, scale) => {
                let unit = if root { unit(scale) } else { unit(scale) * unit(scale) };
                let cells = cells::<Moments<i128>, i128>(self.part());
                fused::spreads(cells, self.slots, freedom, root).into_iter().map(|spread| spread / unit).collect()
            }
            DataType::Float32 | DataType::Float64 => match Widening::of(self.part()) {
                Widening::Near(store) => fused::spreads(&store.cells, self.slots, freedom, root),
                Widening::Far(store) => far::spreads(&store.cells, self.slots, freedom, root),
            },
            _ => fused::spreads(cells::<Moments<i64>, i64>(self.part()), self.slots, freedom, root),
        };
        Arc::new(Float64Array::new(spreads.into(), self.valid(ddof.into())))
    }

    fn texts(&self) -> ArrayRef {
        let cells = &Chosen::<Box<str>>::of(self.part()).cells;
        let text = |&slot: &u32| cells[slot as usize].as_ref().map(|(_, text)| &**text);
        Arc::new(self.slots.iter().map(text).collect::<StringArray>())
    }

    fn min(&self) -> ArrayRef {
        match self.output.input {
            DataType::UInt64 => self.ints(self.each::<Min<i64>, u64>().map(|min| min.0 ^ UNSIGNED)),
            DataType::Decimal(..) => self.decimals(self.each::<Min<i128>, i128>().map(|min| min.0)),
            DataType::Float32 | DataType::Float64 => {
                self.kept_floats(self.each::<Min<i64>, i64>().map(|min| min.double()))
            }
            _ => self.bits(self.each::<Min<i64>, i64>().map(|min| min.0)),
        }
    }

    fn max(&self) -> ArrayRef {
        match self.output.input {
            DataType::UInt64 => self.ints(self.each::<Max<i64>, u64>().map(|max| max.0 ^ UNSIGNED)),
            DataType::Decimal(..) => self.decimals(self.each::<Max<i128>, i128>().map(|max| max.0)),
            DataType::Float32 | DataType::Float64 => {
                self.kept_floats(self.each::<Max<i64>, i64>().map(|max| max.double()))
            }
            _ => self.bits(self.each::<Max<i64>, i64>().map(|max| max.0)),
        }
    }

    fn first(&self, skip_nulls: bool) -> ArrayRef {
        match (&self.output.input, skip_nulls) {
            (input, true) if input.is_text() => self.texts(),
            (input, _) if !has_bits(input, skip_nulls) => self.rows(),
            (DataType::Decimal(..), _) => self.decimals(self.each::<First<i128>, i128>().map(|first| first.value)),
            (_, true) => self.bits(self.each::<First<i64>, i64>().map(|first| first.value)),
            (_, false) => self.nullable(self.each::<First<Option<i64>>, Option<i64>>().map(|first| first.value)),
        }
    }

    fn last(&self, skip_nulls: bool) -> ArrayRef {
        match (&self.output.input, skip_nulls) {
            (input, true) if input.is_text() => self.texts(),
            (input, _) if !has_bits(input, skip_nulls) => self.rows(),
            (DataType::Decimal(..), _) => self.decimals(self.each::<Last<i128>, i128>().map(|last| last.value)),
            (_, true) => self.bits(self.each::<Last<i64>, i64>().map(|last| last.value)),
            (_, false) => self.nullable(self.each::<Last<Option<i64>>, Option<i64>>().map(|last| last.value)),
        }
    }

    fn rows(&self) -> ArrayRef {
        let cells = &Chosen::<OneRow>::of(self.part()).cells;
        let picked: Vec<_> = self.slots.iter().map(|&slot| &cells[slot as usize]).collect();
        gather(&picked, &self.output.dtype.to_arrow())
    }

    /// Values that were kept as bits.
    fn bits(&self, bits: impl ExactSizeIterator<Item = i64>) -> ArrayRef {
        bits_to(&self.output.dtype, bits, self.valid(0))
    }

    fn nullable(&self, values: impl ExactSizeIterator<Item = Option<i64>>) -> ArrayRef {
        let values: Vec<_> = values.collect();
        let valid: BooleanBuffer = values.iter().map(Option::is_some).collect();
        let bits = values.into_iter().map(Option::unwrap_or_default);
        bits_to(&self.output.dtype, bits, Some(NullBuffer::new(valid)))
    }

    fn kept_floats(&self, values: impl Iterator<Item = f64>) -> ArrayRef {
        floats_to(&self.output.dtype, values, self.valid(0))
    }
}

/// Whether values of the type are kept as bits, rather than as rows.
fn has_bits(dtype: &DataType, skip_nulls: bool) -> bool {
    match dtype {
        DataType::Decimal(..) => skip_nulls,
        DataType::Null | DataType::Binary | DataType::List(_) | DataType::FixedList(..) | DataType::Struct(_) => {
            false
        }
        _ => !dtype.is_text(),
    }
}

/// A column of doubles, or of floats that came out of floats.
pub(super) fn floats_to(
    dtype: &DataType,
    values: impl Iterator<Item = f64>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    match dtype {
        DataType::Float32 => Arc::new(Float32Array::new(values.map(|value| value as f32).collect(), nulls)),
        _ => Arc::new(Float64Array::new(values.collect(), nulls)),
    }
}

/// A column of values that were kept as bits.
pub(super) fn bits_to(
    dtype: &DataType,
    bits: impl ExactSizeIterator<Item = i64>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let double = |bits: i64| f64::from_bits(bits as u64);
    match dtype {
        DataType::Bool => {
            let values: BooleanBuffer = bits.map(|bit| bit != 0).collect();
            Arc::new(arrow_array::BooleanArray::new(values, nulls))
        }
        DataType::Float64 | DataType::Float32 => floats_to(dtype, bits.map(double), nulls),
        _ => from_i64(&dtype.to_arrow(), bits, nulls),
    }
}
