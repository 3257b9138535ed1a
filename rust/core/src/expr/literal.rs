//! [`Literal`]: a value that a user wrote into an expression.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, NullArray, StringArray};
use arrow_buffer::BooleanBuffer;
use serde::{Deserialize, Serialize};

use super::lane::primitive;
use crate::column::from_i64;
use crate::error::{Error, Result};
use crate::types::{DataType, TimeUnit};

/// A value that a user wrote into an expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Literal {
    /// No value, of any type.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer that fits int64 or uint64.
    Int(i128),
    /// A float.
    Float(Real),
    /// Text.
    Text(Arc<str>),
    /// An instant (with a zone) or a wall time (without one).
    Timestamp {
        /// Ticks since 1970-01-01.
        ticks: i64,
        /// The unit of the ticks.
        unit: TimeUnit,
        /// The zone in which the instant is shown.
        zone: Option<Arc<str>>,
    },
    /// Days since 1970-01-01.
    Date(i32),
    /// A time of day.
    Time {
        /// Ticks since midnight.
        ticks: i64,
        /// The unit of the ticks.
        unit: TimeUnit,
    },
    /// A length of time.
    Duration {
        /// How many ticks.
        ticks: i64,
        /// The unit of the ticks.
        unit: TimeUnit,
    },
    /// The exact number digits · 10^−scale.
    Decimal {
        /// At most 38 digits.
        digits: i128,
        /// How many of them stand after the point.
        scale: i8,
    },
}

/// A float that is equal to another if it has the same bits, so that a plan with a NaN equals itself,
/// and that is written as its bits, since JSON has neither NaN nor infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Real(u64);

impl Real {
    /// The float.
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Real {
    fn from(value: f64) -> Self {
        Self(value.to_bits())
    }
}

impl From<f64> for Literal {
    fn from(value: f64) -> Self {
        Self::Float(value.into())
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Literal {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl Literal {
    /// An integer.
    ///
    /// # Errors
    /// [`Error::Argument`] if it fits neither int64 nor uint64.
    pub fn int(value: i128) -> Result<Self> {
        let literal = Self::Int(value);
        literal.check()?;
        Ok(literal)
    }

    /// Literals may have been made by hand or read from a file.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Int(value) if !(i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value) => {
                Err(Error::argument(format!("the integer {value} fits neither int64 nor uint64")))
            }
            Self::Decimal { digits, scale } if digits.unsigned_abs() >= 10_u128.pow(38) || *scale > 38 => {
                Err(Error::argument("a decimal has at most 38 digits"))
            }
            _ => Ok(()),
        }
    }

    /// Its type where nothing else decides it.
    pub fn dtype(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Bool(_) => DataType::Bool,
            Self::Int(value) if i64::try_from(*value).is_ok() => DataType::Int64,
            Self::Int(_) => DataType::UInt64,
            Self::Float(_) => DataType::Float64,
            Self::Text(_) => DataType::Text,
            Self::Timestamp { unit, zone, .. } => DataType::Timestamp(*unit, zone.clone()),
            Self::Date(_) => DataType::Date,
            Self::Time { unit, .. } => DataType::Time(*unit),
            Self::Duration { unit, .. } => DataType::Duration(*unit),
            Self::Decimal { scale, .. } => DataType::Decimal(38, *scale),
        }
    }

    /// The integer by which columns of its type hold it.
    pub(super) fn whole(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Date(days) => Some(i128::from(*days)),
            Self::Timestamp { ticks, .. } | Self::Time { ticks, .. } | Self::Duration { ticks, .. } => {
                Some(i128::from(*ticks))
            }
            Self::Decimal { digits, .. } => Some(*digits),
            _ => None,
        }
    }

    /// The time it is, with other ticks of another unit.
    pub(super) fn with_ticks(&self, ticks: i64, unit: TimeUnit) -> Self {
        match self {
            Self::Timestamp { zone, .. } => Self::Timestamp { ticks, unit, zone: zone.clone() },
            Self::Time { .. } => Self::Time { ticks, unit },
            Self::Duration { .. } => Self::Duration { ticks, unit },
            other => other.clone(),
        }
    }

    /// A column that has it in every row.
    pub(super) fn column(&self, rows: usize) -> ArrayRef {
        match self {
            Self::Null => Arc::new(NullArray::new(rows)),
            Self::Bool(value) => Arc::new(BooleanArray::new(bits(*value, rows), None)),
            Self::Float(value) => primitive(&DataType::Float64, vec![value.get(); rows], None),
            Self::Text(text) => Arc::new(StringArray::from_iter_values(repeat_n(&**text, rows))),
            Self::Decimal { digits, .. } => primitive(&self.dtype(), vec![*digits; rows], None),
            other => {
                let value = other.whole().unwrap_or_default() as i64;
                from_i64(&self.dtype().to_arrow(), repeat_n(value, rows), None)
            }
        }
    }
}

/// The same bit for every row.
pub(super) fn bits(value: bool, rows: usize) -> BooleanBuffer {
    if value { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) }
}
