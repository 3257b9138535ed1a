//! [`Scalar`], [`Lone`] and [`Gathered`]: rows that come one by one.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, Float64Array, StringArray};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};

use crate::batch::Batch;
use crate::column::from_i64;
use crate::error::{Error, Result};
use crate::types::{DataType, Schema};
use crate::value::Value;

/// How many rows are gathered at most, and how many bytes of text: few enough that nobody waits for them.
const ROWS: usize = 256;
const BYTES: usize = 1 << 16;

/// One value of a row, in a column whose type has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// No value.
    Null,
    /// An integer, the ticks of a time, the days of a date, a bool as 0 or 1, the bits of an unsigned integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(&'a str),
}

impl Scalar<'_> {
    /// A column of this type with no other value; `None` if no [`Scalar`] is of the type.
    pub fn column(self, dtype: &DataType) -> Option<ArrayRef> {
        let mut column = Column::new(dtype)?;
        column.push(self);
        Some(column.take())
    }
}

/// A row that comes by itself.
#[derive(Clone, Copy)]
pub(crate) struct Lone<'a> {
    /// A value for each column.
    pub(crate) values: &'a [Scalar<'a>],
    /// Its event time, or anything where there is none.
    pub(crate) time: i64,
    /// The name of its source.
    pub(crate) source: &'a Arc<str>,
    /// Its number there.
    pub(crate) number: u64,
}

/// What has come of a row that came by itself.
pub(crate) enum Told {
    /// Its results, which stand behind its own values.
    Own(Result<Vec<Value>>),
    /// Rows of results, one after the other, and the error behind them.
    Rows(Vec<Value>, Option<Error>),
}

/// The values of one column.
enum Values {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<u8>, Vec<i32>),
}

struct Column {
    dtype: DataType,
    values: Values,
    nulls: NullBufferBuilder,
}

/// Rows that are gathered into a batch.
pub(crate) struct Gathered {
    schema: Arc<Schema>,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

impl Gathered {
    /// No rows of this schema; `None` if it has columns that no [`Scalar`] is of.
    pub(crate) fn new(schema: &Arc<Schema>) -> Option<Self> {
        let columns = schema.fields().iter().map(|field| Column::new(&field.dtype)).collect::<Option<_>>()?;
        Some(Self { schema: Arc::clone(schema), columns, rows: 0, bytes: 0 })
    }

    /// Adds a row, with a value for each column.
    pub(crate) fn push(&mut self, row: &[Scalar<'_>]) {
        self.bytes += self.columns.iter_mut().zip(row).map(|(column, &value)| column.push(value)).sum::<usize>();
        self.rows += 1;
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether there is no room for another row.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    /// Takes all rows out; `None` if there is none.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        (rows > 0).then(|| {
            let columns = self.columns.iter_mut().map(Column::take).collect();
            Batch::new(Arc::clone(&self.schema), columns, rows)
        })
    }
}

impl Column {
    fn new(dtype: &DataType) -> Option<Self> {
        let values = match dtype {
            DataType::Float32 | DataType::Float64 => Values::Float(Vec::new()),
            DataType::Text => Values::Text(Vec::new(), vec![0]),
            DataType::Bool
            | DataType::Date
            | DataType::Time(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_) => Values::Int(Vec::new()),
            _ if dtype.is_integer() => Values::Int(Vec::new()),
            _ => return None,
        };
        Some(Self { dtype: dtype.clone(), values, nulls: NullBufferBuilder::new(1) })
    }

    /// Adds a value; tells how many bytes of text it has.
    fn push(&mut self, value: Scalar<'_>) -> usize {
        self.nulls.append(value != Scalar::Null);
        match (&mut self.values, value) {
            (Values::Int(values), Scalar::Int(value)) => values.push(value),
            (Values::Int(values), _) => values.push(0),
            (Values::Float(values), Scalar::Float(value)) => values.push(value),
            (Values::Float(values), _) => values.push(0.0),
            (Values::Text(bytes, ends), value) => {
                let text = if let Scalar::Text(text) = value { text } else { "" };
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len() as i32);
                return text.len();
            }
        }
        0
    }

    fn take(&mut self) -> ArrayRef {
        let nulls = self.nulls.finish();
        match &mut self.values {
            Values::Int(values) if self.dtype == DataType::Bool => {
                let bools = values.drain(..).map(|value| value != 0).collect();
                Arc::new(BooleanArray::new(bools, nulls))
            }
            Values::Int(values) => from_i64(&self.dtype.to_arrow(), values.drain(..), nulls),
            Values::Float(values) if self.dtype == DataType::Float32 => {
                Arc::new(Float32Array::new(values.drain(..).map(|value| value as f32).collect(), nulls))
            }
            Values::Float(values) => Arc::new(Float64Array::new(values.drain(..).collect(), nulls)),
            Values::Text(bytes, ends) => {
                let ends = std::mem::replace(ends, vec![0]);
                let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
                let texts = StringArray::try_new(ends, Buffer::from_vec(std::mem::take(bytes)), nulls);
                Arc::new(texts.expect("texts end to end"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, TimestampMicrosecondType};

    use super::*;
    use crate::types::{Field, TimeUnit};

    #[test]
    fn rows_become_columns() {
        let types =
            [DataType::Timestamp(TimeUnit::Micro, None), DataType::Float64, DataType::Text, DataType::Bool];
        let fields = types.into_iter().zip(["t", "x", "s", "b"]).map(|(dtype, name)| Field::new(name, dtype));
        let schema = Arc::new(Schema::new(fields.collect()).expect("unique names"));
        let mut gathered = Gathered::new(&schema).expect("plain types");
        assert!(gathered.take().is_none());
        for round in 0..3 {
            gathered.push(&[Scalar::Int(round), Scalar::Float(0.5), Scalar::Text("é"), Scalar::Int(1)]);
            gathered.push(&[Scalar::Null; 4]);
            let batch = gathered.take().expect("two rows");
            let columns = batch.columns();
            assert_eq!(columns[0].as_primitive::<TimestampMicrosecondType>().value(0), round);
            assert_eq!(columns[1].as_primitive::<Float64Type>().value(0), 0.5);
            assert_eq!(columns[2].as_string::<i32>().iter().collect::<Vec<_>>(), [Some("é"), None]);
            assert!(columns[3].as_boolean().value(0));
            assert!(columns.iter().all(|column| column.is_null(1)));
        }
    }

    #[test]
    fn few_rows_are_gathered() {
        let schema = |dtype| Arc::new(Schema::new(vec![Field::new("x", dtype)]).expect("one name"));
        let mut gathered = Gathered::new(&schema(DataType::Text)).expect("text");
        (0..ROWS).for_each(|_| gathered.push(&[Scalar::Null]));
        assert!(gathered.is_full() && gathered.take().is_some() && !gathered.is_full());
        gathered.push(&[Scalar::Text(&"x".repeat(BYTES))]);
        assert!(gathered.is_full());
        assert!(Gathered::new(&schema(DataType::Binary)).is_none());
    }
}
