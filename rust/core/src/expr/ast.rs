//! [`Expr`]: an expression as plain data.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::literal::Literal;
use super::operator::{BinaryOp, UnaryOp};
use crate::error::{Error, Result};
use crate::types::DataType;

/// The most parts that an expression may have.
///
/// `e = e + e` doubles an expression, so without a limit a short loop would fill the memory.
pub const MAX_PARTS: usize = 10_000;

/// What a row's value is computed from.
///
/// The parts are kept in postfix order and not as a tree: so no depth of nesting, wherever it comes from,
/// can exhaust the stack of whoever copies, compares, writes or reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Part>", into = "Vec<Part>")]
pub struct Expr {
    parts: Vec<Part>,
}

/// One step of an expression: it takes its operands from those before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// The column of this name.
    Column(Arc<str>),
    /// The same value for every row.
    Literal(Literal),
    /// An operator of the one operand before it.
    Unary(UnaryOp),
    /// An operator of the two operands before it.
    Binary(BinaryOp),
    /// The operand as another type.
    Cast(DataType),
    /// The operand with its nulls replaced.
    FillNull(Literal),
    /// The operand under a name.
    Alias(Arc<str>),
}

impl Part {
    /// How many operands it takes.
    fn operands(&self) -> usize {
        match self {
            Self::Column(_) | Self::Literal(_) => 0,
            Self::Binary(_) => 2,
            _ => 1,
        }
    }
}

impl Expr {
    /// The column of this name.
    pub fn column(name: impl Into<Arc<str>>) -> Self {
        Self { parts: vec![Part::Column(name.into())] }
    }

    /// The same value for every row.
    pub fn literal(value: Literal) -> Self {
        Self { parts: vec![Part::Literal(value)] }
    }

    /// This under an operator of one operand.
    #[must_use]
    pub fn unary(self, op: UnaryOp) -> Self {
        self.then(Part::Unary(op))
    }

    /// This and `other` under an operator, given by its [symbol](BinaryOp::symbol).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such operator, or the result has more than [`MAX_PARTS`] parts.
    pub fn binary(mut self, symbol: &str, other: Self) -> Result<Self> {
        let op = symbol.parse()?;
        self.parts.extend(other.parts);
        check_size(&self.parts)?;
        Ok(self.then(Part::Binary(op)))
    }

    /// This as another type.
    #[must_use]
    pub fn cast(self, dtype: DataType) -> Self {
        self.then(Part::Cast(dtype))
    }

    /// This with its nulls replaced.
    #[must_use]
    pub fn fill_null(self, value: Literal) -> Self {
        self.then(Part::FillNull(value))
    }

    /// This under a name.
    #[must_use]
    pub fn alias(self, name: impl Into<Arc<str>>) -> Self {
        self.then(Part::Alias(name.into()))
    }

    fn then(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// The name of the column it makes: its alias, or the column that it is. `None` for anything computed.
    pub fn name(&self) -> Option<&str> {
        match self.parts.last() {
            Some(Part::Alias(name) | Part::Column(name)) => Some(name),
            _ => None,
        }
    }

    /// The names of the columns it reads, in the order in which they are written; one may come twice.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(&**name),
            _ => None,
        })
    }

    /// The parts in postfix order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

fn check_size(parts: &[Part]) -> Result<()> {
    if parts.len() < MAX_PARTS {
        return Ok(());
    }
    Err(Error::argument(format!(
        "the expression has more than {MAX_PARTS} parts; compute some of them as columns first, with with_columns"
    )))
}

impl From<Expr> for Vec<Part> {
    fn from(expr: Expr) -> Self {
        expr.parts
    }
}

impl TryFrom<Vec<Part>> for Expr {
    type Error = Error;

    /// An expression of these parts in postfix order.
    fn try_from(parts: Vec<Part>) -> Result<Self> {
        check_size(&parts)?;
        let height = parts
            .iter()
            .try_fold(0_usize, |height, part| height.checked_sub(part.operands()).map(|left| left + 1));
        match height {
            Some(1) => Ok(Self { parts }),
            _ => Err(Error::argument("the parts do not make one expression")),
        }
    }
}
