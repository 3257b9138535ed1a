//! Evaluation of a [`Bound`] over a batch, column at a time.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, cast::AsArray, new_null_array};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::arithmetic::Arithmetic;
use super::ast::Part;
use super::bind::{Bound, Step};
use super::cast::Cast;
use super::compare::Compare;
use super::display::write;
use super::fill::fill;
use super::literal::Literal;
use super::logic;
use super::operator::Logic;
use crate::batch::Batch;
use crate::error::{Error, Overflow};
use crate::types::DataType;

/// A row for which an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The row in the batch.
    pub row: usize,
    /// The column that the part of the expression that failed reads, if it is one.
    pub column: Option<String>,
    /// That part, as the user would write it.
    pub what: String,
    /// What does not fit, as people read it.
    pub value: String,
    /// What happened, with the values.
    pub reason: String,
}

impl Fault {
    /// The error that says where the row came from.
    pub fn into_error(self, batch: &Batch) -> Error {
        Error::Overflow(Box::new(Overflow {
            place: batch.origin().place(self.row),
            column: self.column,
            value: Some(self.value),
            what: self.what,
            reason: self.reason,
        }))
    }
}

/// What an expression gives for a batch.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// A value for each row. From the row of the fault on they mean nothing.
    pub column: ArrayRef,
    /// The earliest row without a value, if there is one.
    pub fault: Option<Fault>,
}

/// The columns of several expressions. If one of them has a fault before the one in `fault`, it takes its
/// place.
pub(crate) fn evaluate_all<'a>(
    bounds: impl IntoIterator<Item = &'a Bound>,
    batch: &Batch,
    fault: &mut Option<Fault>,
) -> Vec<ArrayRef> {
    let evaluate = |bound: &Bound| {
        let Evaluated { column, fault: found } = bound.evaluate(batch);
        if let Some(found) = found
            && fault.as_ref().is_none_or(|known| found.row < known.row)
        {
            *fault = Some(found);
        }
        column
    };
    bounds.into_iter().map(evaluate).collect()
}

/// What a step works on.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Column(ArrayRef),
    Literal(&'a Literal),
}

impl Value<'_> {
    pub(super) fn nulls(&self) -> Option<NullBuffer> {
        match self {
            Self::Column(array) => array.logical_nulls(),
            // Binding has taken away the literals that are null.
            Self::Literal(_) => None,
        }
    }

    pub(super) fn into_column(self, rows: usize) -> ArrayRef {
        match self {
            Self::Column(array) => array,
            Self::Literal(literal) => literal.column(rows),
        }
    }
}

/// A fault before the part of the expression is known.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) row: usize,
    pub(super) value: String,
    pub(super) reason: String,
}

/// A value, or what was to be computed, and what is wrong with it.
pub(super) type Wrong = (String, String);

impl Flaw {
    /// The fault of these parts.
    fn of(self, parts: &[Part]) -> Fault {
        let (row, column, what) = (self.row, only_column(parts), write(parts));
        Fault { row, column, what, value: self.value, reason: self.reason }
    }
}

/// The column that these parts read, if it is one.
fn only_column(parts: &[Part]) -> Option<String> {
    let name = |part: &Part| if let Part::Column(name) = part { Some(name.to_string()) } else { None };
    let mut columns: Vec<String> = parts.iter().filter_map(name).collect();
    columns.dedup();
    columns.pop().filter(|_| columns.is_empty())
}

/// What a step gives.
pub(super) type Outcome = (ArrayRef, Option<Flaw>);

/// What a step does with the values before it.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Column(usize),
    Literal(Literal),
    /// Nulls in the place of so many operands, which were computed for their faults only.
    Nulls(usize, DataType),
    Arithmetic(Arithmetic),
    Compare(Compare),
    Logic(Logic),
    Not,
    /// Whether a value is null, or is not.
    IsNull(bool),
    Cast(Cast),
    Fill(Literal),
}

impl Bound {
    /// The column that it reads, if it is one.
    pub(crate) fn only_column(&self) -> Option<String> {
        only_column(&self.parts)
    }

    /// The column of the expression's values, and the earliest row that has none.
    ///
    /// A plain column is handed on without a copy. The batch must have the schema that it was bound to.
    pub fn evaluate(&self, batch: &Batch) -> Evaluated {
        let mut stack = Vec::new();
        let mut fault: Option<Fault> = None;
        for step in &self.steps {
            let (value, flaw) = run(step, &mut stack, batch);
            stack.push(value);
            if let Some(flaw) = flaw.filter(|flaw| fault.as_ref().is_none_or(|f| flaw.row < f.row)) {
                fault = Some(flaw.of(&self.parts[step.span.clone()]));
            }
        }
        Evaluated { column: pop(&mut stack).into_column(batch.rows()), fault }
    }

    /// The rows for which a condition is true (not false and not null), and the earliest that has no value.
    ///
    /// # Panics
    /// If it was not bound with [`super::Expr::bind_condition`].
    pub fn mask(&self, batch: &Batch) -> (BooleanBuffer, Option<Fault>) {
        let Evaluated { column, fault } = self.evaluate(batch);
        let (values, nulls) = flags(&column);
        (nulls.map_or(values.clone(), |nulls| &values & nulls.inner()), fault)
    }
}

fn run<'a>(step: &'a Step, stack: &mut Vec<Value<'a>>, batch: &Batch) -> (Value<'a>, Option<Flaw>) {
    let rows = batch.rows();
    let (column, flaw) = match &step.work {
        Work::Literal(literal) => return (Value::Literal(literal), None),
        Work::Column(index) => (Arc::clone(&batch.columns()[*index]), None),
        Work::Nulls(operands, dtype) => {
            stack.truncate(stack.len() - operands);
            (new_null_array(&dtype.to_arrow(), rows), None)
        }
        Work::Arithmetic(work) => pop_two(stack, |left, right| work.run(left, right, rows)),
        Work::Compare(work) => pop_two(stack, |left, right| work.run(left, right, rows)),
        Work::Logic(op) => {
            let (right, left) = (pop(stack).into_column(rows), pop(stack).into_column(rows));
            (logic::combine(*op, &left, &right), None)
        }
        Work::Not => (logic::not(&pop(stack).into_column(rows)), None),
        Work::IsNull(wanted) => (is_null(&pop(stack).into_column(rows), *wanted), None),
        Work::Cast(cast) => cast.run(&pop(stack).into_column(rows)),
        Work::Fill(value) => (fill(&pop(stack).into_column(rows), value), None),
    };
    (Value::Column(column), flaw)
}

fn pop<'a>(stack: &mut Vec<Value<'a>>) -> Value<'a> {
    stack.pop().expect("an expression is checked when it is made")
}

fn pop_two<'a>(stack: &mut Vec<Value<'a>>, run: impl FnOnce(&Value<'a>, &Value<'a>) -> Outcome) -> Outcome {
    let (right, left) = (pop(stack), pop(stack));
    run(&left, &right)
}

fn is_null(array: &ArrayRef, wanted: bool) -> ArrayRef {
    let valid = array.logical_nulls().unwrap_or_else(|| NullBuffer::new_valid(array.len())).into_inner();
    Arc::new(BooleanArray::new(if wanted { !&valid } else { valid }, None))
}

/// The values and the validity of a column of bools, which may be of the type null.
pub(super) fn flags(array: &ArrayRef) -> (BooleanBuffer, Option<NullBuffer>) {
    match array.as_boolean_opt() {
        Some(bools) => (bools.values().clone(), bools.nulls().cloned()),
        None => (BooleanBuffer::new_unset(array.len()), array.logical_nulls()),
    }
}
