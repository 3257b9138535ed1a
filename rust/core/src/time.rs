//! Event time: which columns can be one, and their ticks.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::ScalarBuffer;

use crate::batch::Batch;
use crate::column::as_i64;
use crate::error::{BadRow, Error, Result};
use crate::types::DataType;

/// Whether a column of this type can be the event time.
///
/// # Errors
/// [`Error::Schema`], which says what to do about it.
pub(crate) fn check(column: &str, dtype: &DataType) -> Result<()> {
    let hint = match dtype {
        DataType::Timestamp(..) | DataType::Date => return Ok(()),
        DataType::UInt64 => "cast it to int64",
        _ if dtype.is_integer() => return Ok(()),
        _ if dtype.is_float() => {
            "a float cannot hold every instant; declare it a timestamp with schema=, or cast it to \"int64\" \
             and that to \"timestamp[us]\""
        }
        _ if dtype.is_text() => "it is text; declare it a timestamp with schema= if it is one",
        DataType::Null => "there are no values to tell its type from; declare it with schema=",
        _ => "event time is a timestamp, a date or an integer",
    };
    Err(Error::schema(column, dtype, format!("it cannot be the event time: {hint}")))
}

/// The first row of an event time column that has none.
pub(crate) fn first_without(column: &ArrayRef) -> Option<usize> {
    let nulls = column.logical_nulls().filter(|nulls| nulls.null_count() > 0)?;
    (0..nulls.len()).find(|&row| nulls.is_null(row))
}

/// The ticks of an event time column, which has this name if it is a column of the batch.
///
/// # Errors
/// [`Error::BadRow`] for the first row that has none.
pub(crate) fn ticks(column: &ArrayRef, name: Option<&str>, batch: &Batch) -> Result<ScalarBuffer<i64>> {
    if let Some(row) = first_without(column) {
        return Err(Error::BadRow(Box::new(BadRow {
            place: batch.origin().place(row),
            column: name.map(str::to_owned),
            value: "null".into(),
            reason: format!("not an event time; leave such rows out first: {}", leaving_out(name)),
        })));
    }
    Ok(as_i64(column).expect("the plan checked the type"))
}

/// How rows without event time are left out.
fn leaving_out(name: Option<&str>) -> String {
    match name {
        Some(name) => format!(".filter(rl.col({name:?}).is_not_null()).window(…, time={name:?})"),
        None => ".filter(….is_not_null())".into(),
    }
}
