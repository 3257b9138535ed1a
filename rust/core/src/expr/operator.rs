//! The operators: [`UnaryOp`] and [`BinaryOp`].

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An operator or method of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnaryOp {
    /// `-x`: a number or a duration; an integer becomes int64.
    Negate,
    /// `~x`, of a bool.
    Not,
    /// `x.is_null()`; never null itself.
    IsNull,
    /// `x.is_not_null()`; never null itself.
    IsNotNull,
}

/// An operator of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BinaryOp {
    /// Gives a number or a time.
    Math(Math),
    /// Gives a bool.
    Compare(Comparison),
    /// Takes and gives bools.
    Logic(Logic),
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Math {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; of integers it gives float64, so a division by zero is an infinity or NaN.
    Divide,
    /// `//`, rounded towards minus infinity as in Python.
    FloorDivide,
    /// `%`, with the sign of the divisor as in Python.
    Modulo,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// Logic of three values, after Kleene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Logic {
    /// `&`
    And,
    /// `|`
    Or,
}

impl BinaryOp {
    /// All operators.
    pub const ALL: [Self; 14] = [
        Self::Math(Math::Add),
        Self::Math(Math::Subtract),
        Self::Math(Math::Multiply),
        Self::Math(Math::Divide),
        Self::Math(Math::FloorDivide),
        Self::Math(Math::Modulo),
        Self::Compare(Comparison::Equal),
        Self::Compare(Comparison::NotEqual),
        Self::Compare(Comparison::Less),
        Self::Compare(Comparison::LessEqual),
        Self::Compare(Comparison::Greater),
        Self::Compare(Comparison::GreaterEqual),
        Self::Logic(Logic::And),
        Self::Logic(Logic::Or),
    ];

    /// The operator as it is written in Python.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Math(op) => op.symbol(),
            Self::Compare(op) => op.symbol(),
            Self::Logic(Logic::And) => "&",
            Self::Logic(Logic::Or) => "|",
        }
    }
}

impl Math {
    /// The operator as it is written in Python.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Modulo => "%",
        }
    }
}

impl Comparison {
    /// The operator as it is written in Python.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    /// The operator that says the same with the operands exchanged.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }

    /// Whether it holds of two values in this order; `None` is the order of a NaN and anything.
    pub(super) fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

impl std::str::FromStr for BinaryOp {
    type Err = Error;

    fn from_str(symbol: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|op| op.symbol() == symbol);
        known.ok_or_else(|| Error::argument(format!("unknown operator {symbol:?}")))
    }
}
