//! [`Value`]: one value of a row that comes out by itself.

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as Arrow;

use crate::column::{Texts, as_double, as_word};
use crate::row::Scalar;

/// One value of a row that comes out by itself.
#[derive(Clone, Debug)]
pub enum Value {
    /// No value.
    Null,
    /// As [`Scalar::Int`].
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(Box<str>),
    /// A value of which there is no [`Scalar`], as a column of one row.
    Column(ArrayRef),
}

impl Value {
    /// The value of a row of a column.
    pub(crate) fn of(column: &ArrayRef, row: usize) -> Self {
        match Scalar::at(column, row) {
            Some(scalar) => scalar.into(),
            None => Self::Column(column.slice(row, 1)),
        }
    }

    /// The same as a scalar, which a column is not.
    pub(crate) fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Int(value) => Scalar::Int(*value),
            Self::Float(value) => Scalar::Float(*value),
            Self::Text(text) => Scalar::Text(text),
            Self::Null | Self::Column(_) => Scalar::Null,
        }
    }
}

impl From<Scalar<'_>> for Value {
    fn from(scalar: Scalar<'_>) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Int(value) => Self::Int(value),
            Scalar::Float(value) => Self::Float(value),
            Scalar::Text(text) => Self::Text(text.into()),
        }
    }
}

impl<'a> Scalar<'a> {
    /// The value of a row of a column; `None` if no scalar is of its type.
    pub(crate) fn at(column: &'a ArrayRef, row: usize) -> Option<Self> {
        let is_text = match column.data_type() {
            Arrow::Null => return Some(Self::Null),
            Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => true,
            // A code may be that of a null.
            Arrow::Dictionary(..) => {
                let is_null = column.slice(row, 1).logical_null_count() > 0;
                return Some(if is_null { Self::Null } else { Self::Text(Texts::of(column).get(row)) });
            }
            _ => false,
        };
        Some(match column.is_null(row) {
            true if is_text => Self::Null,
            false if is_text => Self::Text(Texts::of(column).get(row)),
            is_null => {
                let value =
                    as_double(column, row).map(Self::Float).or_else(|| as_word(column, row).map(Self::Int))?;
                if is_null { Self::Null } else { value }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{BinaryArray, DictionaryArray, Float32Array, StringArray, UInt64Array};

    use super::*;
    use crate::types::{DataType, TimeUnit};

    #[test]
    fn scalars_round_trip_through_columns() {
        let times = DataType::Timestamp(TimeUnit::Nano, None);
        let all = [
            (DataType::Bool, Scalar::Int(1)),
            (DataType::Int8, Scalar::Int(-128)),
            (DataType::UInt64, Scalar::Int(-1)),
            (DataType::Date, Scalar::Int(-3)),
            (times, Scalar::Int(i64::MIN)),
            (DataType::Float32, Scalar::Float(0.5)),
            (DataType::Float64, Scalar::Float(-0.0)),
            (DataType::Text, Scalar::Text("é")),
        ];
        for (dtype, scalar) in all {
            for scalar in [scalar, Scalar::Null] {
                let column = scalar.column(&dtype).expect("a plain type");
                assert_eq!(Scalar::at(&column, 0), Some(scalar), "{dtype}");
                assert_eq!(Value::from(scalar).scalar(), scalar);
            }
        }
    }

    #[test]
    fn the_row_is_the_one_asked_for() {
        let texts: ArrayRef = Arc::new(["a", "b", "a"].into_iter().collect::<DictionaryArray<Int32Type>>());
        assert_eq!(Scalar::at(&texts, 1), Some(Scalar::Text("b")));
        let values: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
        let coded: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(vec![0, 1].into(), values));
        assert_eq!([0, 1].map(|row| Scalar::at(&coded, row)), [Some(Scalar::Text("x")), Some(Scalar::Null)]);
        let columns: [ArrayRef; 3] = [
            Arc::new(StringArray::from(vec![Some("x"), None, Some("z")])),
            Arc::new(UInt64Array::from(vec![1, 2, u64::MAX])),
            Arc::new(Float32Array::from(vec![Some(1.5), None, Some(2.5)])),
        ];
        let last = columns.each_ref().map(|column| Scalar::at(&column.slice(1, 2).clone(), 1).map(Value::from));
        assert!(
            matches!(&last, [Some(Value::Text(z)), Some(Value::Int(-1)), Some(Value::Float(2.5))] if **z == *"z")
        );
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"q"[..], b"r"]));
        assert!(Scalar::at(&bytes, 1).is_none());
        assert!(matches!(Value::of(&bytes, 1), Value::Column(one) if one.len() == 1));
    }
}
