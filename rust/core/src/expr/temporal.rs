//! Arithmetic of timestamps and durations, and the unit in which two times meet.

use super::arithmetic::{Kind, apply};
use super::bind::Term;
use super::cast;
use super::literal::Literal;
use super::operator::Math;
use crate::error::{Error, Result};
use crate::types::{DataType, TimeUnit};

/// Binds an arithmetic operator of which one operand at least is a timestamp or a duration.
pub(super) fn bind<'a>(op: Math, left: Term<'a>, right: Term<'a>, whole: Term<'a>) -> Result<Term<'a>> {
    use DataType::{Duration, Timestamp};
    use Math::{Add, Divide, FloorDivide, Modulo, Multiply, Subtract};
    match (&left.dtype, op, &right.dtype) {
        (Timestamp(_, a), Subtract, Timestamp(_, b)) if a.is_some() == b.is_some() => {
            meet(op, left, right, whole, DataType::Duration)
        }
        (Timestamp(_, zone), Add | Subtract, Duration(_)) | (Duration(_), Add, Timestamp(_, zone)) => {
            let zone = zone.clone();
            meet(op, left, right, whole, |unit| DataType::Timestamp(unit, zone))
        }
        (Duration(_), Add | Subtract | Modulo, Duration(_)) => meet(op, left, right, whole, DataType::Duration),
        (Duration(_), FloorDivide, Duration(_)) => meet(op, left, right, whole, |_| DataType::Int64),
        (Duration(_), Divide, Duration(_)) => {
            let (left, right, _) = common(left, right)?;
            Ok(apply(op, Kind::Ratio, DataType::Float64, left, right, whole))
        }
        (Duration(unit), Multiply | FloorDivide, by) | (by, Multiply, Duration(unit)) if by.is_integer() => {
            let dtype = DataType::Duration(*unit);
            let (left, right) = (as_signed(left)?, as_signed(right)?);
            Ok(apply(op, Kind::Signed, dtype, left, right, whole))
        }
        _ => Err(mismatch(op, &left, &right)),
    }
}

fn meet<'a>(
    op: Math,
    left: Term<'a>,
    right: Term<'a>,
    whole: Term<'a>,
    dtype: impl FnOnce(TimeUnit) -> DataType,
) -> Result<Term<'a>> {
    let (left, right, unit) = common(left, right)?;
    Ok(apply(op, Kind::Signed, dtype(unit), left, right, whole))
}

fn mismatch(op: Math, left: &Term<'_>, right: &Term<'_>) -> Error {
    let advice = match (&left.dtype, &right.dtype) {
        (DataType::Timestamp(_, a), DataType::Timestamp(_, b)) if a.is_some() != b.is_some() => {
            "one of them has a zone and the other has none"
        }
        (DataType::Date, _) | (_, DataType::Date) => "cast(\"timestamp[us]\") the date first",
        (a, b) if a.is_float() || b.is_float() => {
            "a duration goes with integers only; cast(\"int64\") gives its ticks"
        }
        (a, b) if a.is_number() || b.is_number() => "give a length of time as a timedelta",
        _ => "what goes is timestamp - timestamp, timestamp ± duration, and durations with each other or integers",
    };
    let (culprit, other) = if left.literal().is_some() { (right, left) } else { (left, right) };
    culprit.misfit(format!("{} does not go with {} here; {advice}", op.symbol(), other.dtype))
}

/// An integer operand as int64; a uint64 is checked at the row.
fn as_signed(term: Term<'_>) -> Result<Term<'_>> {
    if term.dtype == DataType::UInt64 { cast::in_place(term, &DataType::Int64) } else { Ok(term) }
}

/// The unit of the ticks of a type.
pub(super) fn unit(dtype: &DataType) -> Option<TimeUnit> {
    match dtype {
        DataType::Timestamp(unit, _) | DataType::Duration(unit) | DataType::Time(unit) => Some(*unit),
        _ => None,
    }
}

/// Both operands in one unit: the finer one, unless a literal is exact in the coarser one of the column.
fn common<'a>(left: Term<'a>, right: Term<'a>) -> Result<(Term<'a>, Term<'a>, TimeUnit)> {
    let (left, right) = adapt(left, right);
    let finer = unit(&left.dtype).max(unit(&right.dtype)).unwrap_or(TimeUnit::Nano);
    Ok((in_unit(left, finer)?, in_unit(right, finer)?, finer))
}

/// Puts a literal into the unit of the other operand if that is exact.
pub(super) fn adapt<'a>(left: Term<'a>, right: Term<'a>) -> (Term<'a>, Term<'a>) {
    let (to_left, to_right) = (unit(&left.dtype), unit(&right.dtype));
    (to(left, to_right), to(right, to_left))
}

fn to(term: Term<'_>, unit: Option<TimeUnit>) -> Term<'_> {
    let moved = term.literal().zip(unit).and_then(|(literal, unit)| exact(literal, unit));
    match moved {
        Some(literal) => term.with_literal(literal),
        None => term,
    }
}

/// The same time in another unit, if there it is a whole number of ticks that fits.
pub(super) fn exact(literal: &Literal, to: TimeUnit) -> Option<Literal> {
    let from = unit(&literal.dtype())?;
    let scaled = literal.whole()? * i128::from(to.per_second());
    let per_second = i128::from(from.per_second());
    let ticks = (scaled % per_second == 0).then(|| i64::try_from(scaled / per_second).ok())??;
    Some(literal.with_ticks(ticks, to))
}

fn in_unit(term: Term<'_>, to: TimeUnit) -> Result<Term<'_>> {
    let dtype = match &term.dtype {
        DataType::Timestamp(_, zone) => DataType::Timestamp(to, zone.clone()),
        _ => DataType::Duration(to),
    };
    cast::in_place(term, &dtype)
}
