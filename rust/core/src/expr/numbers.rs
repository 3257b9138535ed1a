//! The machine type in which two numbers meet.

use super::bind::Term;
use super::literal::Literal;
use crate::types::DataType;

/// The machine type in which two integers meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Integers {
    Signed,
    Unsigned,
    /// uint64 and something that can be negative have no common type of 64 bits.
    Wide,
}

/// A literal that is not negative goes with either kind, so that `x + 1` keeps an unsigned column unsigned.
pub(super) fn integers(left: &Term<'_>, right: &Term<'_>) -> Integers {
    let can_be_unsigned = |term: &Term<'_>| match term.literal() {
        Some(Literal::Int(value)) => *value >= 0,
        _ => term.dtype.is_unsigned(),
    };
    let any = |of: fn(&DataType) -> bool| of(&left.dtype) || of(&right.dtype);
    if can_be_unsigned(left) && can_be_unsigned(right) && any(DataType::is_unsigned) {
        Integers::Unsigned
    } else if any(|dtype| *dtype == DataType::UInt64) {
        Integers::Wide
    } else {
        Integers::Signed
    }
}

/// Whether two numbers, one of them a float, meet as float32. A literal does with a float32 column, unless
/// it would become infinite there.
pub(super) fn single(left: &Term<'_>, right: &Term<'_>) -> bool {
    let can_be = |term: &Term<'_>| match term.literal() {
        Some(Literal::Float(value)) => {
            value.get().is_infinite() || (value.get() as f32).is_finite() || value.get().is_nan()
        }
        Some(literal) => matches!(literal, Literal::Int(_)),
        None => term.dtype == DataType::Float32,
    };
    let is = |term: &Term<'_>| term.dtype == DataType::Float32;
    can_be(left) && can_be(right) && (is(left) || is(right))
}
