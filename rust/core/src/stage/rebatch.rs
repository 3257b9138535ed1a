//! [`Rebatch`]: cuts the rows anew into batches of one size.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray};
use arrow_schema::DataType as Arrow;

use super::{Ledger, Stage};
use crate::batch::{Batch, EventTime, High, Origin};
use crate::column::plain_text;
use crate::error::{Error, Place, Result};
use crate::setters::Course;
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
    let told = |time: &&EventTime| time.before.is_some() || time.high.is_some() || time.passive;
    let whole = EventTime { passive, ..EventTime::new(times[0].dtype.clone(), ticks) };
    if !times.iter().any(told) {
        return Some(whole);
    }
    let mut course = Course::new(whole.ticks.len());
    pieces.iter().zip(&times).for_each(|(piece, time)| course.pass(piece, time));
    let (before, setters, high) = course.end();
    let known = times.iter().all(|time| time.before.is_none() || time.setters.is_some());
    let high = times.iter().any(|time| time.high.is_some()).then(|| match known {
        true => high,
        false => High { place: Place::default(), ..high },
    });
    Some(EventTime { before: Some(before), setters: known.then_some(setters), high, ..whole })
}
