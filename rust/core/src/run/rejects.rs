//! Bad rows as a batch.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};

use crate::batch::Batch;
use crate::error::BadRow;
use crate::types::{DataType, Field, Schema};

/// Bad rows as a batch of `source`, `line`, `byte`, `column`, `reason` and `text`.
pub(super) fn batch(rejects: &[BadRow]) -> Batch {
    let texts = |of: fn(&BadRow) -> Option<&str>| -> ArrayRef {
        Arc::new(rejects.iter().map(of).collect::<StringArray>())
    };
    let numbers = |of: fn(&BadRow) -> Option<u64>| -> ArrayRef {
        Arc::new(rejects.iter().map(|bad| of(bad).map(|n| n as i64)).collect::<Int64Array>())
    };
    let columns = vec![
        texts(|bad| bad.place.source.as_deref()),
        numbers(|bad| bad.place.line),
        numbers(|bad| bad.place.byte),
        texts(|bad| bad.column.as_deref()),
        texts(|bad| Some(&bad.reason)),
        texts(|bad| Some(&bad.value)),
    ];
    let field = |(name, column): (&str, &ArrayRef)| {
        let dtype = DataType::from_arrow(column.data_type()).unwrap_or(DataType::Null);
        Field::new(name, dtype)
    };
    let names = ["source", "line", "byte", "column", "reason", "text"];
    let fields = names.into_iter().zip(&columns).map(field).collect();
    let schema = Schema::new(fields).expect("six different names");
    Batch::new(Arc::new(schema), columns, rejects.len())
}
