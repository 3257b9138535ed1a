//! [`Single`]: how the aggregates of a plan read rows that come one by one; and their results, one by one.

use super::cells::{Cells, Rows, Store, Value as Kind, Values};
use super::function::Function;
use super::input::Form;
use super::lower::{Counted, Lowering, Unfit};
use super::partial::{FloatSum, IntSum, Lift, Max, Min};
use super::recipe::{Output, Recipe};
use super::table::Table;
use crate::row::Scalar;
use crate::value::Value;

/// How the aggregates of a plan read a row, where they read its values as they are.
pub(crate) struct Single {
    /// Of each part, the form of its values, their column, and its selection.
    parts: Vec<(Form, usize, usize)>,
    /// Of each selection, the columns that must not be null.
    selections: Vec<Vec<usize>>,
}

impl Recipe {
    /// How its aggregates read a single row; `None` if something has to be computed first, or is read as a column.
    pub(crate) fn single(&self) -> Option<Single> {
        let column = |&at: &usize| self.columns[at].1.as_column();
        let selections = self.selections.iter().map(|selection| match selection.filter {
            None => selection.columns.iter().map(column).collect::<Option<Vec<_>>>(),
            Some(_) => None,
        });
        let parts = self.parts.iter().map(|part| match part.form {
            Form::Int | Form::UInt | Form::Float | Form::Lowest | Form::Highest | Form::Nullable => {
                Some((part.form, column(&part.column)?, part.selection))
            }
            Form::Decimal | Form::Weighted | Form::Text | Form::Any => None,
        });
        Some(Single { parts: parts.collect::<Option<_>>()?, selections: selections.collect::<Option<_>>()? })
    }

    /// Whether its aggregates read columns as they are, so that no row can be in error.
    pub(crate) fn is_plain(&self) -> bool {
        self.columns.iter().all(|(_, bound)| bound.as_column().is_some())
    }
}

impl Single {
    /// Whether a selection takes the row.
    fn takes(&self, selection: usize, row: &[Scalar<'_>]) -> bool {
        self.selections[selection].iter().all(|&at| row[at] != Scalar::Null)
    }
}

impl Table {
    /// Takes one row into a slot.
    pub(crate) fn lift(&mut self, single: &Single, slot: u32, time: i64, row: &[Scalar<'_>]) {
        self.count(slot, |selection| single.takes(selection, row));
        let rows = Rows { slots: &[slot], times: &[time] };
        for (cells, &(form, at, selection)) in self.parts.iter_mut().zip(&single.parts) {
            if single.takes(selection, row) {
                match form {
                    Form::UInt => cells.fold(rows, &Values::UInt(&[bits(row[at]) as u64])),
                    Form::Float => cells.fold(rows, &Values::Float(&[float(row[at])])),
                    Form::Lowest => cells.fold(rows, &Values::Int(&[Min::key(float(row[at]))])),
                    Form::Highest => cells.fold(rows, &Values::Int(&[Max::key(float(row[at]))])),
                    Form::Nullable => {
                        let value = (row[at] != Scalar::Null).then(|| bits(row[at]));
                        cells.fold(rows, &Values::Nullable(&[value]));
                    }
                    _ => cells.fold(rows, &Values::Int(&[bits(row[at])])),
                }
            }
        }
    }
}

impl Table {
    /// One result of a slot, or null if it is of fewer values than these, and no count.
    ///
    /// # Errors
    /// [`Unfit`] if the result does not fit its type.
    pub(crate) fn result(&self, output: &Output, slot: u32, least: u64) -> Result<Value, Unfit> {
        let count = self.counts.value(output.selection, slot as usize);
        if output.function == Function::Count {
            return Ok(Value::Int(count as i64));
        }
        let value = match self.word(output, slot, count) {
            Some(value) => value,
            None => {
                let cells = output.part.map(|part| &*self.parts[part]);
                let counted = &Counted::of(vec![count]);
                Value::of(&Lowering { cells, output, slots: &[slot], counted }.column()?, 0)
            }
        };
        Ok(if count < least { Value::Null } else { value })
    }

    /// A result that is one word, as most are; no column need be made of it.
    fn word(&self, output: &Output, slot: u32, count: u64) -> Option<Value> {
        let (cells, slot) = (&*self.parts[output.part?], slot as usize);
        if count == 0 {
            return Some(Value::Null);
        }
        match (output.function, &output.input) {
            (Function::Sum, input) if input.is_float() => {
                Some(Value::Float(typed::<FloatSum, f64>(cells)?[slot].total()))
            }
            (Function::Sum, _) => Some(Value::Int(i64::try_from(typed::<IntSum, i64>(cells)?[slot].0).ok()?)),
            (Function::Mean, input) if input.is_float() => {
                Some(Value::Float(typed::<FloatSum, f64>(cells)?[slot].over(count as f64)))
            }
            (Function::Min, input) if input.is_float() => {
                Some(Value::Float(typed::<Min<i64>, i64>(cells)?[slot].double()))
            }
            (Function::Max, input) if input.is_float() => {
                Some(Value::Float(typed::<Max<i64>, i64>(cells)?[slot].double()))
            }
            _ => None,
        }
    }
}

/// The cells, if they are of this type.
fn typed<P: Lift<V>, V: Kind>(cells: &dyn Cells) -> Option<&[P]> {
    Some(&cells.any().downcast_ref::<Store<P, V>>()?.cells)
}

fn bits(value: Scalar<'_>) -> i64 {
    match value {
        Scalar::Int(value) => value,
        Scalar::Float(value) => value.to_bits() as i64,
        Scalar::Null | Scalar::Text(_) => 0,
    }
}

fn float(value: Scalar<'_>) -> f64 {
    match value {
        Scalar::Float(value) => value,
        Scalar::Int(value) => value as f64,
        Scalar::Null | Scalar::Text(_) => 0.0,
    }
}
