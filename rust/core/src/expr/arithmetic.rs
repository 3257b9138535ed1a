//! Arithmetic of two operands.

use std::fmt::Display;
use std::ops::{Add, Div, Mul, Sub};

use arrow_buffer::NullBuffer;

use super::bind::Term;
use super::eval::{Flaw, Outcome, Value, Work};
use super::lane::{Checked, Lane, Operand, primitive, zip, zip_checked};
use super::literal::Literal;
use super::numbers::{self, Integers};
use super::operator::Math;
use super::temporal;
use crate::error::Result;
use crate::types::DataType;

/// Arithmetic as it is done for the types of its operands.
#[derive(Clone, Debug)]
pub(super) struct Arithmetic {
    pub(super) op: Math,
    pub(super) lane: Kind,
    /// The type of the result, which has the width of the lane.
    pub(super) dtype: DataType,
}

/// The machine type of the operands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Signed,
    Unsigned,
    /// Through 128 bits to int64.
    Wide,
    Single,
    Double,
    /// A true division of signed integers, which become doubles one by one: as columns of doubles they would
    /// take two buffers more.
    Ratio,
}

impl Kind {
    const fn dtype(self) -> DataType {
        match self {
            Self::Signed | Self::Wide => DataType::Int64,
            Self::Unsigned => DataType::UInt64,
            Self::Single => DataType::Float32,
            Self::Double | Self::Ratio => DataType::Float64,
        }
    }
}

/// Binds an arithmetic operator.
pub(super) fn bind<'a>(op: Math, left: Term<'a>, right: Term<'a>, whole: Term<'a>) -> Result<Term<'a>> {
    use DataType::{Duration, Null, Timestamp};
    match (&left.dtype, &right.dtype) {
        (Null, known) | (known, Null) => {
            let dtype = of_unknown(op, known);
            Ok(whole.of([left, right], Work::Nulls(2, dtype.clone()), dtype))
        }
        (a, b) if a.is_number() && b.is_number() => {
            let lane = kind(op, &left, &right);
            Ok(apply(op, lane, lane.dtype(), left, right, whole))
        }
        (Timestamp(..) | Duration(_), _) | (_, Timestamp(..) | Duration(_)) => {
            temporal::bind(op, left, right, whole)
        }
        (a, _) => {
            let culprit = if a.is_number() { &right } else { &left };
            Err(culprit.misfit(format!("{} takes numbers and times; {}", op.symbol(), advice(&culprit.dtype))))
        }
    }
}

/// Binds a minus sign. The product has the types and the faults that it should have, and is right for −0.0.
pub(super) fn bind_negate<'a>(operand: Term<'a>, whole: Term<'a>) -> Result<Term<'a>> {
    match &operand.dtype {
        DataType::Null | DataType::Duration(_) => {}
        dtype if dtype.is_number() => {}
        dtype => {
            let advice = match dtype {
                DataType::Date | DataType::Time(_) | DataType::Timestamp(..) => "cast(\"int64\") gives its ticks",
                dtype => advice(dtype),
            };
            return Err(operand.misfit(format!("- takes numbers and durations; {advice}")));
        }
    }
    let minus = operand.bare().with_literal(Literal::Int(-1));
    bind(Math::Multiply, operand, minus, whole)
}

/// One step of arithmetic on two operands whose values are already of the lane.
pub(super) fn apply<'a>(
    op: Math,
    lane: Kind,
    dtype: DataType,
    left: Term<'a>,
    right: Term<'a>,
    whole: Term<'a>,
) -> Term<'a> {
    whole.of([left, right], Work::Arithmetic(Arithmetic { op, lane, dtype: dtype.clone() }), dtype)
}

fn kind(op: Math, left: &Term<'_>, right: &Term<'_>) -> Kind {
    if left.dtype.is_float() || right.dtype.is_float() {
        return if numbers::single(left, right) { Kind::Single } else { Kind::Double };
    }
    match numbers::integers(left, right) {
        Integers::Signed if op == Math::Divide => Kind::Ratio,
        _ if op == Math::Divide => Kind::Double,
        Integers::Signed => Kind::Signed,
        Integers::Unsigned => Kind::Unsigned,
        Integers::Wide => Kind::Wide,
    }
}

/// The type of the result where one operand is always null.
fn of_unknown(op: Math, known: &DataType) -> DataType {
    match known {
        float if float.is_float() => float.clone(),
        integer if integer.is_integer() && op == Math::Divide => DataType::Float64,
        integer if integer.is_unsigned() => DataType::UInt64,
        integer if integer.is_signed() => DataType::Int64,
        _ => DataType::Null,
    }
}

fn advice(dtype: &DataType) -> &'static str {
    match dtype {
        DataType::Bool => "cast(\"int64\") it first",
        DataType::Decimal(..) => "cast(\"float64\") it first",
        DataType::Date => "cast(\"timestamp[us]\") it first",
        dtype if dtype.is_text() => "declare it as a number or a time with schema= of the reader",
        _ => "compute it in map_batches",
    }
}

impl Arithmetic {
    pub(super) fn run(&self, left: &Value<'_>, right: &Value<'_>, rows: usize) -> Outcome {
        let nulls = NullBuffer::union(left.nulls().as_ref(), right.nulls().as_ref());
        match self.lane {
            Kind::Signed => self.whole::<i64>(left, right, rows, nulls),
            Kind::Unsigned => self.whole::<u64>(left, right, rows, nulls),
            Kind::Wide => self.whole::<i128>(left, right, rows, nulls),
            Kind::Single => (primitive(&self.dtype, floats::<f32>(self.op, left, right, rows), nulls), None),
            Kind::Double => (primitive(&self.dtype, floats::<f64>(self.op, left, right, rows), nulls), None),
            Kind::Ratio => {
                let (left, right) = (Operand::<i64>::of(left), Operand::<i64>::of(right));
                (primitive(&self.dtype, zip(&left, &right, rows, |a, b| a as f64 / b as f64), nulls), None)
            }
        }
    }

    fn whole<T: Whole>(
        &self,
        left: &Value<'_>,
        right: &Value<'_>,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Outcome {
        let pair = (&Operand::<T>::of(left), &Operand::of(right));
        let valid = nulls.as_ref();
        let (values, flaw) = match self.op {
            Math::Add => self.checked(pair, rows, valid, T::add),
            Math::Subtract => self.checked(pair, rows, valid, T::subtract),
            Math::Multiply => self.checked(pair, rows, valid, T::multiply),
            Math::Modulo => self.checked(pair, rows, valid, T::modulo),
            // A true division has been bound to floats.
            Math::FloorDivide | Math::Divide => self.checked(pair, rows, valid, T::floor_divide),
        };
        (primitive(&self.dtype, values, nulls), flaw)
    }

    fn checked<T: Whole>(
        &self,
        pair: (&Operand<T>, &Operand<T>),
        rows: usize,
        nulls: Option<&NullBuffer>,
        f: impl Fn(T, T) -> Checked<T::Out>,
    ) -> (Vec<T::Out>, Option<Flaw>) {
        let divides = matches!(self.op, Math::FloorDivide | Math::Modulo);
        zip_checked(pair, rows, nulls, f, |a, b| {
            let wrong = match divides && b == T::default() {
                true => "is an integer division by zero".to_owned(),
                false => format!("does not fit {}", self.dtype),
            };
            (format!("{a} {} {b}", self.op.symbol()), wrong)
        })
    }
}

fn floats<T: Floating>(op: Math, left: &Value<'_>, right: &Value<'_>, rows: usize) -> Vec<T> {
    let (left, right) = (Operand::<T>::of(left), Operand::<T>::of(right));
    match op {
        Math::Add => zip(&left, &right, rows, |a, b| a + b),
        Math::Subtract => zip(&left, &right, rows, |a, b| a - b),
        Math::Multiply => zip(&left, &right, rows, |a, b| a * b),
        Math::Divide => zip(&left, &right, rows, |a, b| a / b),
        Math::FloorDivide => zip(&left, &right, rows, T::floor_divide),
        Math::Modulo => zip(&left, &right, rows, T::modulo),
    }
}

/// Arithmetic of integers that says whether the result fits.
trait Whole: Lane + Display {
    type Out: arrow_buffer::ArrowNativeType;
    fn add(self, other: Self) -> Checked<Self::Out>;
    fn subtract(self, other: Self) -> Checked<Self::Out>;
    fn multiply(self, other: Self) -> Checked<Self::Out>;
    fn floor_divide(self, other: Self) -> Checked<Self::Out>;
    fn modulo(self, other: Self) -> Checked<Self::Out>;
}

impl Whole for i64 {
    type Out = Self;

    // The sign test compiles to vector code, `overflowing_add` does not.
    fn add(self, other: Self) -> Checked<Self> {
        let sum = self.wrapping_add(other);
        (sum, ((self ^ sum) & (other ^ sum)) < 0)
    }

    fn subtract(self, other: Self) -> Checked<Self> {
        let difference = self.wrapping_sub(other);
        (difference, ((self ^ other) & (self ^ difference)) < 0)
    }

    fn multiply(self, other: Self) -> Checked<Self> {
        self.overflowing_mul(other)
    }

    fn floor_divide(self, other: Self) -> Checked<Self> {
        if other == 0 {
            return (0, true);
        }
        let (quotient, overflow) = self.overflowing_div(other);
        let rest = self.wrapping_rem(other);
        (quotient - Self::from(rest != 0 && (rest < 0) != (other < 0)), overflow)
    }

    fn modulo(self, other: Self) -> Checked<Self> {
        if other == 0 {
            return (0, true);
        }
        let rest = self.wrapping_rem(other);
        (if rest != 0 && (rest < 0) != (other < 0) { rest + other } else { rest }, false)
    }
}

impl Whole for u64 {
    type Out = Self;

    fn add(self, other: Self) -> Checked<Self> {
        let sum = self.wrapping_add(other);
        (sum, sum < self)
    }

    fn subtract(self, other: Self) -> Checked<Self> {
        (self.wrapping_sub(other), self < other)
    }

    fn multiply(self, other: Self) -> Checked<Self> {
        self.overflowing_mul(other)
    }

    fn floor_divide(self, other: Self) -> Checked<Self> {
        (self.checked_div(other).unwrap_or(0), other == 0)
    }

    fn modulo(self, other: Self) -> Checked<Self> {
        (self.checked_rem(other).unwrap_or(0), other == 0)
    }
}

/// The operands come from 64 bits, so that none of these can overflow 128.
impl Whole for i128 {
    type Out = i64;

    fn add(self, other: Self) -> Checked<i64> {
        narrow(self + other)
    }

    fn subtract(self, other: Self) -> Checked<i64> {
        narrow(self - other)
    }

    fn multiply(self, other: Self) -> Checked<i64> {
        narrow(self * other)
    }

    fn floor_divide(self, other: Self) -> Checked<i64> {
        if other == 0 {
            return (0, true);
        }
        narrow(self / other - Self::from(self % other != 0 && (self < 0) != (other < 0)))
    }

    fn modulo(self, other: Self) -> Checked<i64> {
        if other == 0 {
            return (0, true);
        }
        let rest = self % other;
        narrow(if rest != 0 && (rest < 0) != (other < 0) { rest + other } else { rest })
    }
}

fn narrow(value: i128) -> Checked<i64> {
    (value as i64, i64::try_from(value).is_err())
}

/// Arithmetic of floats beyond that of the standard library.
trait Floating: Lane + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    fn floor_divide(self, other: Self) -> Self;
    fn modulo(self, other: Self) -> Self;
}

macro_rules! floating {
    ($float:ty) => {
        impl Floating for $float {
            // As numpy does it: Python's algorithm, but what Python raises for is an infinity or NaN.
            fn floor_divide(self, other: Self) -> Self {
                if other == 0.0 {
                    return self / other;
                }
                let rest = self % other;
                let quotient = (self - rest) / other;
                let quotient =
                    if rest != 0.0 && (rest < 0.0) != (other < 0.0) { quotient - 1.0 } else { quotient };
                if quotient == 0.0 {
                    return (0.0 as $float).copysign(self / other);
                }
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            }

            fn modulo(self, other: Self) -> Self {
                let rest = self % other;
                if rest == 0.0 {
                    return rest.copysign(other);
                }
                if (rest < 0.0) != (other < 0.0) { rest + other } else { rest }
            }
        }
    };
}

floating!(f32);
floating!(f64);
