//! [`Aggregate`]: an aggregate as the user writes it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::types::DataType;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Function {
    /// How many rows, or values.
    Count,
    /// The sum.
    Sum,
    /// The arithmetic mean, weighted if there is a weight.
    Mean,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The value of the earliest row.
    First {
        /// Whether to pass over nulls.
        skip_nulls: bool,
    },
    /// The value of the latest row.
    Last {
        /// Whether to pass over nulls.
        skip_nulls: bool,
    },
    /// The variance.
    Var {
        /// The degrees of freedom taken off.
        ddof: u32,
    },
    /// The standard deviation.
    Std {
        /// The degrees of freedom taken off.
        ddof: u32,
    },
}

impl Function {
    /// Whether it counts, so that it is 0 of no rows, where others are null.
    pub(crate) fn is_count(self) -> bool {
        self == Self::Count
    }

    /// The name under which users know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::First { .. } => "first",
            Self::Last { .. } => "last",
            Self::Var { .. } => "var",
            Self::Std { .. } => "std",
        }
    }

    /// The type of its result over a column of this type.
    ///
    /// # Errors
    /// [`Error::Schema`] if it makes no sense of the type.
    pub(crate) fn output(self, column: &str, dtype: &DataType) -> Result<DataType> {
        let wrong = |message: &str| Err(Error::schema(column, dtype, format!("{} {message}", self.name())));
        Ok(match (self, dtype) {
            (Self::Count, _) => DataType::Int64,
            (Self::First { .. } | Self::Last { .. }, DataType::Categorical(_)) => DataType::Text,
            (Self::First { .. } | Self::Last { .. }, _) => dtype.clone(),
            (Self::Min | Self::Max, _) => match dtype {
                DataType::Categorical(_) => DataType::Text,
                DataType::Null
                | DataType::Binary
                | DataType::List(_)
                | DataType::FixedList(..)
                | DataType::Struct(_) => {
                    return wrong(
                        "needs values with an order; use first or last, or compute from the column what you compare",
                    );
                }
                _ => dtype.clone(),
            },
            (Self::Sum, DataType::Bool) => DataType::Int64,
            (Self::Sum, DataType::Duration(_)) => dtype.clone(),
            (Self::Sum, DataType::Decimal(_, scale)) => DataType::Decimal(38, *scale),
            (Self::Sum, _) if dtype.is_signed() => DataType::Int64,
            (Self::Sum, _) if dtype.is_unsigned() => DataType::UInt64,
            (Self::Sum, _) if dtype.is_float() => DataType::Float64,
            (Self::Mean | Self::Var { .. } | Self::Std { .. }, DataType::Bool | DataType::Decimal(..)) => {
                DataType::Float64
            }
            (Self::Mean | Self::Var { .. } | Self::Std { .. }, _) if dtype.is_number() => DataType::Float64,
            _ if dtype.is_text() => {
                return wrong("needs numbers; declare the column as one in the schema of its source");
            }
            _ => return wrong("needs numbers; cast it to one"),
        })
    }
}

/// An aggregate: a function, and what it is computed of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// Of which values; only [`Function::Count`] goes without.
    pub column: Option<Expr>,
    /// The weight of each value, for [`Function::Mean`].
    pub weight: Option<Expr>,
    /// Of which rows; all if `None`. A null counts as false.
    pub filter: Option<Expr>,
}

impl Aggregate {
    /// The function over a column, of all rows.
    pub fn new(function: Function, column: Option<Expr>) -> Self {
        Self { function, column, weight: None, filter: None }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.column.iter().map(ToString::to_string).collect();
        parts.extend(self.weight.iter().map(|weight| format!("weight={weight}")));
        match self.function {
            Function::First { skip_nulls: false } | Function::Last { skip_nulls: false } => {
                parts.push("skip_nulls=False".into());
            }
            Function::Var { ddof } | Function::Std { ddof } if ddof != 1 => parts.push(format!("ddof={ddof}")),
            _ => {}
        }
        parts.extend(self.filter.iter().map(|filter| format!("where={filter}")));
        write!(f, "{}({})", self.function.name(), parts.join(", "))
    }
}
