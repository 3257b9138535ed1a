//! Binding: from an [`Expr`] and a schema to the steps that compute it, with all types checked.

use std::ops::Range;
use std::sync::Arc;

use super::ast::{Expr, MAX_PARTS, Part};
use super::display::write;
use super::eval::Work;
use super::literal::Literal;
use super::operator::{BinaryOp, UnaryOp};
use super::{arithmetic, cast, compare, fill, logic};
use crate::error::{Error, Result};
use crate::types::{DataType, Schema};

/// An expression bound to the columns of a schema, with a type.
///
/// See [`Bound::evaluate`] and [`Bound::mask`].
#[derive(Clone, Debug)]
pub struct Bound {
    pub(super) parts: Arc<[Part]>,
    pub(super) steps: Vec<Step>,
    dtype: DataType,
}

/// What is done with the values on the stack, and for which parts of the expression.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) work: Work,
    pub(super) span: Range<usize>,
}

impl Bound {
    /// The type of the column it gives.
    pub fn dtype(&self) -> &DataType {
        &self.dtype
    }

    /// The name of the column that it is, if it computes nothing.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.parts[..] {
            [Part::Column(name)] => Some(name),
            _ => None,
        }
    }

    /// The place of the column that it is, if it computes nothing.
    pub fn as_column(&self) -> Option<usize> {
        match self.steps.as_slice() {
            [Step { work: Work::Column(index), .. }] => Some(*index),
            _ => None,
        }
    }
}

impl Expr {
    /// Checks the expression against a schema. What can still fail then are single rows.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`]; [`Error::Schema`], which names the part of the expression that does not
    /// know its type, and what to do; [`Error::Argument`] if it has more than [`MAX_PARTS`] parts or a
    /// literal that fits no type.
    pub fn bind(&self, schema: &Schema) -> Result<Bound> {
        if self.parts().len() > MAX_PARTS {
            return Err(Error::argument(format!("an expression may have at most {MAX_PARTS} parts")));
        }
        let mut stack = Vec::new();
        for at in 0..self.parts().len() {
            let term = bind_part(self.parts(), at, &mut stack, schema)?;
            stack.push(term);
        }
        let Term { steps, dtype, .. } = pop(&mut stack);
        Ok(Bound { parts: self.parts().into(), steps, dtype })
    }

    /// As [`Expr::bind`], for an expression that is to select rows.
    ///
    /// # Errors
    /// Those of [`Expr::bind`], and [`Error::Schema`] if it does not give bools.
    pub fn bind_condition(&self, schema: &Schema) -> Result<Bound> {
        let bound = self.bind(schema)?;
        if matches!(bound.dtype, DataType::Bool | DataType::Null) {
            return Ok(bound);
        }
        let whole = Term::of_parts(self.parts(), 0, bound.dtype);
        Err(whole.misfit("a condition has to be a bool; compare it with something, as in … > 0"))
    }
}

fn bind_part<'a>(parts: &'a [Part], at: usize, stack: &mut Vec<Term<'a>>, schema: &Schema) -> Result<Term<'a>> {
    let leaf = |dtype| Term::of_parts(&parts[at..=at], at, dtype);
    Ok(match &parts[at] {
        Part::Column(name) => {
            let index = schema.index(name)?;
            leaf(schema.fields()[index].dtype.clone()).then(Work::Column(index))
        }
        Part::Literal(literal) => {
            literal.check()?;
            leaf(literal.dtype()).then(Work::Literal(literal.clone()))
        }
        Part::Binary(op) => {
            let (right, left) = (pop(stack), pop(stack));
            let whole = Term::of_parts(&parts[left.start..=at], left.start, DataType::Null);
            match op {
                BinaryOp::Math(op) => arithmetic::bind(*op, left, right, whole)?,
                BinaryOp::Compare(op) => compare::bind(*op, left, right, whole)?,
                BinaryOp::Logic(op) => logic::bind(*op, left, right, whole)?,
            }
        }
        part => {
            let operand = pop(stack);
            let whole = Term::of_parts(&parts[operand.start..=at], operand.start, DataType::Null);
            bind_unary(part, operand, whole)?
        }
    })
}

fn bind_unary<'a>(part: &Part, operand: Term<'a>, whole: Term<'a>) -> Result<Term<'a>> {
    match part {
        Part::Unary(UnaryOp::Negate) => arithmetic::bind_negate(operand, whole),
        Part::Unary(UnaryOp::Not) => logic::bind_not(operand, whole),
        Part::Unary(UnaryOp::IsNull) => Ok(whole.of([operand], Work::IsNull(true), DataType::Bool)),
        Part::Unary(UnaryOp::IsNotNull) => Ok(whole.of([operand], Work::IsNull(false), DataType::Bool)),
        Part::Cast(to) => cast::bind(operand, to, whole),
        Part::FillNull(value) => fill::bind(operand, value, whole),
        _ => {
            let dtype = operand.dtype.clone();
            Ok(whole.of_same(operand, &dtype))
        }
    }
}

fn pop<'a>(stack: &mut Vec<Term<'a>>) -> Term<'a> {
    stack.pop().expect("an expression is checked when it is made")
}

/// A part of an expression while it is bound.
#[derive(Debug)]
pub(super) struct Term<'a> {
    parts: &'a [Part],
    start: usize,
    steps: Vec<Step>,
    pub(super) dtype: DataType,
}

impl<'a> Term<'a> {
    fn of_parts(parts: &'a [Part], start: usize, dtype: DataType) -> Self {
        Self { parts, start, steps: Vec::new(), dtype }
    }

    /// These parts, computed by one step from operands.
    pub(super) fn of<const N: usize>(self, operands: [Self; N], work: Work, dtype: DataType) -> Self {
        let joined = operands.into_iter().map(|operand| operand.steps).reduce(|mut steps, more| {
            steps.extend(more);
            steps
        });
        Self { steps: joined.unwrap_or_default(), dtype, ..self }.then(work)
    }

    /// These parts, which compute nothing but an operand under another type of the same representation.
    pub(super) fn of_same(self, operand: Self, dtype: &DataType) -> Self {
        Self { steps: operand.steps, dtype: dtype.clone(), ..self }
    }

    /// The same parts without their steps.
    pub(super) fn bare(&self) -> Self {
        Self::of_parts(self.parts, self.start, DataType::Null)
    }

    /// The same parts with one more step.
    pub(super) fn then(mut self, work: Work) -> Self {
        let span = self.start..self.start + self.parts.len();
        self.steps.push(Step { work, span });
        self
    }

    /// The literal that it is.
    pub(super) fn literal(&self) -> Option<&Literal> {
        match self.steps.as_slice() {
            [Step { work: Work::Literal(literal), .. }] => Some(literal),
            _ => None,
        }
    }

    /// The same parts as another literal.
    pub(super) fn with_literal(self, literal: Literal) -> Self {
        Self { steps: Vec::new(), dtype: literal.dtype(), ..self }.then(Work::Literal(literal))
    }

    /// How it is called: a column by its name, anything else as the user would write it.
    pub(super) fn text(&self) -> String {
        match self.parts {
            [Part::Column(name)] => name.to_string(),
            parts => write(parts),
        }
    }

    /// The error that this cannot be done with its type.
    pub(super) fn misfit(&self, message: impl Into<String>) -> Error {
        Error::schema(self.text(), &self.dtype, message)
    }
}
