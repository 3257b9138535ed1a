//! Logic of three values, after Kleene: a null is a bool that is not known.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::bind::Term;
use super::eval::{Work, flags};
use super::operator::Logic;
use crate::error::Result;
use crate::types::DataType;

/// Binds `&` and `|`.
pub(super) fn bind<'a>(op: Logic, left: Term<'a>, right: Term<'a>, whole: Term<'a>) -> Result<Term<'a>> {
    check(&left)?;
    check(&right)?;
    Ok(whole.of([left, right], Work::Logic(op), DataType::Bool))
}

/// Binds `~`.
pub(super) fn bind_not<'a>(operand: Term<'a>, whole: Term<'a>) -> Result<Term<'a>> {
    check(&operand)?;
    Ok(whole.of([operand], Work::Not, DataType::Bool))
}

fn check(operand: &Term<'_>) -> Result<()> {
    if matches!(operand.dtype, DataType::Bool | DataType::Null) {
        return Ok(());
    }
    Err(operand.misfit("&, | and ~ take bools; compare it with something first, in parentheses: (… > …) & (…)"))
}

/// `~x`
pub(super) fn not(array: &ArrayRef) -> ArrayRef {
    let (values, nulls) = flags(array);
    Arc::new(BooleanArray::new(!&values, nulls))
}

/// `a & b` and `a | b`
pub(super) fn combine(op: Logic, left: &ArrayRef, right: &ArrayRef) -> ArrayRef {
    let join = |a: &BooleanBuffer, b: &BooleanBuffer| match op {
        Logic::And => a & b,
        Logic::Or => a | b,
    };
    if left.logical_null_count() + right.logical_null_count() == 0 {
        return Arc::new(BooleanArray::new(join(&flags(left).0, &flags(right).0), None));
    }
    let ((left_true, left_false), (right_true, right_false)) = (known(left), known(right));
    let values = join(&left_true, &right_true);
    let falses = match op {
        Logic::And => &left_false | &right_false,
        Logic::Or => &left_false & &right_false,
    };
    let valid = NullBuffer::new(&values | &falses);
    Arc::new(BooleanArray::new(values, Some(valid)))
}

/// The rows that are known to be true, and those that are known to be false.
fn known(array: &ArrayRef) -> (BooleanBuffer, BooleanBuffer) {
    match flags(array) {
        (values, None) => (values.clone(), !&values),
        (values, Some(nulls)) => (&values & nulls.inner(), &!&values & nulls.inner()),
    }
}
