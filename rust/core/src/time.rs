//! Event time: which columns can be one, and their ticks.

use std::ops::RangeInclusive;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::ScalarBuffer;

use crate::batch::{Batch, EventTime};
use crate::column::as_i64;
use crate::error::{BadRow, Error, Result};
use crate::types::{DataType, Field};

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
            "a float cannot hold every instant; of CSV, declare it a timestamp with schema=, which reads seconds \
             exactly; of other data, cast what is whole to \"int64\", and that to \"timestamp[s]\" or finer"
        }
        _ if dtype.is_text() => {
            "it is text; of CSV, declare it a timestamp with schema= if it is one; of other data, make times of it before"
        }
        DataType::Null => "there are no values to tell its type from; declare it with schema=",
        _ => "event time is a timestamp, a date or an integer",
    };
    Err(Error::schema(column, dtype, format!("it cannot be the event time: {hint}")))
}

/// The type of times that are computed of such ones, as the edges of windows are: like all that is computed of
/// integers, those of integers have 64 bits, so that none is beyond what the column holds.
pub(crate) fn computed(dtype: &DataType) -> DataType {
    if dtype.is_integer() { DataType::Int64 } else { dtype.clone() }
}

/// The ticks that times computed of such ones may have.
pub(crate) fn range(dtype: &DataType) -> RangeInclusive<i64> {
    match dtype {
        DataType::Date => i32::MIN.into()..=i32::MAX.into(),
        _ => i64::MIN..=i64::MAX,
    }
}

/// The first row of an event time column that has none.
fn first_without(column: &ArrayRef) -> Option<usize> {
    let nulls = column.logical_nulls().filter(|nulls| nulls.null_count() > 0)?;
    (0..nulls.len()).find(|&row| nulls.is_null(row))
}

/// The ticks of an event time column, which has this name if it is a column of the batch, up to the first row that has
/// none; gives the error of that one too.
pub(crate) fn ticks(column: &ArrayRef, name: Option<&str>, batch: &Batch) -> (ScalarBuffer<i64>, Option<Error>) {
    let without = first_without(column);
    let failure = without.map(|row| {
        Error::BadRow(Box::new(BadRow {
            place: batch.origin().place(row),
            column: name.map(str::to_owned),
            value: "null".into(),
            reason: format!("not an event time; leave such rows out first: {}", leaving_out(name)),
        }))
    });
    let good = column.slice(0, without.unwrap_or(column.len()));
    (as_i64(&good).expect("the plan checked the type"), failure)
}

/// A batch whose event time is a column of its own, up to the first row that has none; gives the error of that one too.
pub(crate) fn timed(batch: &Batch, at: usize) -> (Batch, Option<Error>) {
    let Field { name, dtype } = &batch.schema().fields()[at];
    let (ticks, failure) = ticks(&batch.columns()[at], Some(name), batch);
    let good = batch.slice(0, ticks.len());
    (good.with_time(Some(EventTime::new(dtype.clone(), ticks))), failure)
}

/// How rows without event time are left out.
fn leaving_out(name: Option<&str>) -> String {
    match name {
        Some(name) => {
            format!(".filter(rl.col({name:?}).is_not_null()).window(…, time={name:?}), with no time= before it")
        }
        None => ".filter(….is_not_null())".into(),
    }
}
