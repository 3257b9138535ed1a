//! [`Rebatch`]: cuts the rows anew into batches of one size.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray};
use arrow_schema::DataType as Arrow;

use super::{Ledger, Stage};
use crate::batch::{Batch, EventTime, Origin};
use crate::column::plain_text;
use crate::error::{Error, Result};
use crate::types::{DataType, Field};

/// Cuts the rows anew into batches of exactly so many, but for the last.
pub(crate) struct Rebatch {
    rows: usize,
    waiting: VecDeque<Batch>,
    held: usize,
    ended: bool,
    failure: Option<Error>,
    ledger: Ledger,
}

impl Rebatch {
    /// Batches of this many rows.
    pub(crate) fn new(rows: usize, name: String) -> Self {
        let (waiting, ledger) = (VecDeque::new(), Ledger::new(name));
        Self { rows, waiting, held: 0, ended: false, failure: None, ledger }
    }

    /// Takes so many rows off the front, in as many pieces as they lie in.
    fn take(&mut self, mut rows: usize) -> Vec<Batch> {
        let mut pieces = Vec::new();
        while let Some(batch) = self.waiting.pop_front() {
            if batch.rows() > rows {
                self.waiting.push_front(batch.slice(rows, batch.rows() - rows));
                pieces.push(batch.slice(0, rows));
                break;
            }
            rows -= batch.rows();
            pieces.push(batch);
            if rows == 0 {
                break;
            }
        }
        pieces
    }
}

impl Stage for Rebatch {
    fn push(&mut self, _: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        self.held += batch.rows();
        self.waiting.push_back(batch);
    }

    fn end(&mut self, _: usize) {
        self.ended = true;
    }

    fn end_in(&mut self, error: Error) -> Result<()> {
        (self.ended, self.failure) = (true, Some(error));
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        let rows = if self.ended { self.rows.min(self.held) } else { self.rows };
        if rows == 0 || self.held < rows {
            return self.failure.take().map_or(Ok(None), Err);
        }
        let batch = concat(&self.take(rows));
        self.held -= rows;
        self.ledger.passed += rows as u64;
        self.ledger.rows_out = self.ledger.passed;
        Ok(Some(batch))
    }

    fn ledger(&self) -> Ledger {
        Ledger { held: self.held as u64, ..self.ledger.clone() }
    }
}

/// Puts batches of one schema together.
///
/// # Panics
/// If there is none.
pub(crate) fn concat(pieces: &[Batch]) -> Batch {
    if let [one] = pieces {
        return one.clone();
    }
    let column = |(at, field): (usize, &Field)| {
        let columns: Vec<&ArrayRef> = pieces.iter().map(|piece| &piece.columns()[at]).collect();
        let coded = matches!(field.dtype, DataType::Categorical(_)).then(|| concat_codes(&columns)).flatten();
        coded.unwrap_or_else(|| concat_columns(columns))
    };
    let columns = pieces[0].schema().fields().iter().enumerate().map(column).collect();
    let rows = pieces.iter().map(Batch::rows).sum();
    Batch::new(Arc::clone(pieces[0].schema()), columns, rows)
        .with_time(concat_times(pieces))
        .with_origin(Origin::of_several(pieces))
}

/// A categorical column, whose categories in one batch begin those in later ones; `None` if they do not.
fn concat_codes(columns: &[&ArrayRef]) -> Option<ArrayRef> {
    let coded: Vec<_> =
        columns.iter().map(|column| column.as_dictionary_opt::<Int32Type>()).collect::<Option<_>>()?;
    let longest = coded.iter().map(|column| column.values()).max_by_key(|values| values.len())?;
    let begins = |values: &ArrayRef| Arc::ptr_eq(values, longest) || *values == longest.slice(0, values.len());
    if !coded.iter().all(|column| begins(column.values())) {
        return None;
    }
    let keys: Vec<&dyn Array> = coded.iter().map(|column| column.keys() as &dyn Array).collect();
    let keys = arrow_select::concat::concat(&keys).ok()?.as_primitive::<Int32Type>().clone();
    Some(Arc::new(DictionaryArray::try_new(keys, Arc::clone(longest)).ok()?))
}

/// Puts columns of one type together, however they represent it.
pub(crate) fn concat_columns(columns: Vec<&ArrayRef>) -> ArrayRef {
    let is_coded = |column: &&&ArrayRef| matches!(column.data_type(), Arrow::Dictionary(..));
    let same = columns.windows(2).all(|pair| pair[0].data_type() == pair[1].data_type());
    // Codes of different batches count in different dictionaries.
    let plain: Vec<ArrayRef> = match same && !columns.iter().any(|column| is_coded(&column)) {
        true => columns.into_iter().cloned().collect(),
        false => columns.into_iter().map(plain_text).collect(),
    };
    let arrays: Vec<&dyn Array> = plain.iter().map(AsRef::as_ref).collect();
    arrow_select::concat::concat(&arrays).expect("columns of one schema")
}

fn concat_times(pieces: &[Batch]) -> Option<EventTime> {
    let times: Vec<&EventTime> = pieces.iter().map(Batch::time).collect::<Option<_>>()?;
    let ticks = times.iter().flat_map(|time| time.ticks.iter().copied()).collect();
    let passive = times.iter().any(|time| time.passive);
    let high = times.iter().filter_map(|time| time.high.clone()).max_by_key(|high| high.time);
    // What was seen at the end of one piece came before the rows of the next.
    let mut seen = i64::MIN;
    let mut before = Vec::new();
    for time in &times {
        for (row, &tick) in time.ticks.iter().enumerate() {
            before.push(seen.max(time.before.as_ref().map_or(i64::MIN, |before| before[row])));
            seen = if passive { seen } else { seen.max(tick) };
        }
        seen = seen.max(time.high.as_ref().map_or(i64::MIN, |high| high.time));
    }
    let told = passive || high.is_some() || times.iter().any(|time| time.before.is_some());
    let dtype = times[0].dtype.clone();
    Some(EventTime { dtype, ticks, before: told.then(|| before.into()), high, passive })
}
