//! [`Braid`]: the results of several operators, in one order.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_select::concat::concat;
use arrow_select::interleave::interleave;

use super::gallop::gallop;
use crate::batch::{Batch, EventTime};
use crate::column::as_i64;
use crate::error::Error;

/// Where a result stands in the order: the time at which its window closes, the start of that, and the
/// number of its operator.
type Place = (i64, i64, usize);

/// After all results.
const LAST: Place = (i64::MAX, i64::MAX, usize::MAX);

/// So many rows a run, on average, are worth copying runs as they are.
const LONG: usize = 64;

/// The results of several operators, which come from each in the order of their windows.
pub(crate) struct Braid {
    strands: Vec<Strand>,
    /// The batches that results in order, and those that will be, are in.
    parts: Vec<Batch>,
    /// The results in order, run by run: the part that they are in, and the rows there.
    laid: Vec<(usize, Range<usize>)>,
    /// The operators that they are of.
    operators: Vec<i32>,
}

/// What has come from one operator.
enum Strand {
    /// It has to be asked.
    Open,
    /// Results, of which some are not in order yet.
    Results(Results),
    /// In place of a result of this time and start, an error.
    Failed((i64, i64), Error),
    /// There are no more of its input.
    Done,
}

/// The results of one batch: from the row `from` on they are not in order yet.
struct Results {
    times: ScalarBuffer<i64>,
    starts: ScalarBuffer<i64>,
    from: usize,
    /// Which of the parts they are.
    part: usize,
}

impl Strand {
    fn place(&self, at: usize) -> Option<Place> {
        match self {
            Self::Results(results) => Some(results.place(results.from, at)),
            Self::Failed((time, start), _) => Some((*time, *start, at)),
            Self::Open | Self::Done => None,
        }
    }
}

impl Results {
    fn place(&self, row: usize, at: usize) -> Place {
        (self.times[row], self.starts[row], at)
    }
}

impl Braid {
    /// Of so many operators, which have given nothing yet.
    pub(crate) fn new(operators: usize) -> Self {
        Self {
            strands: (0..operators).map(|_| Strand::Done).collect(),
            parts: Vec::new(),
            laid: Vec::new(),
            operators: Vec::new(),
        }
    }

    /// How many results are in order.
    pub(crate) fn rows(&self) -> usize {
        self.operators.len()
    }

    /// Whether nothing but what is in order has come.
    pub(crate) fn is_done(&self) -> bool {
        self.strands.iter().all(|strand| matches!(strand, Strand::Done))
    }

    /// Asks all operators anew: they have been given rows.
    pub(crate) fn open(&mut self) {
        self.strands.fill_with(|| Strand::Open);
    }

    /// An operator that has to be asked for results before more can be put in order.
    pub(crate) fn wanted(&self) -> Option<usize> {
        self.strands.iter().position(|strand| matches!(strand, Strand::Open))
    }

    /// Takes what an operator gave: results whose windows start at what their first column says, or the
    /// word that it has no more.
    pub(crate) fn take(&mut self, at: usize, results: Option<Batch>) {
        self.strands[at] = match results {
            None => Strand::Done,
            Some(batch) if batch.rows() == 0 => Strand::Open,
            Some(batch) => Strand::Results(self.add(batch)),
        };
    }

    fn add(&mut self, batch: Batch) -> Results {
        let times = batch.time().expect("results have a time").ticks.clone();
        let starts = as_i64(&batch.columns()[0]).expect("edges are times");
        self.parts.push(batch);
        Results { times, starts, from: 0, part: self.parts.len() - 1 }
    }

    /// Takes an error, which stands in place of a result of this time and start.
    pub(crate) fn fail(&mut self, at: usize, place: (i64, i64), error: Error) {
        self.strands[at] = Strand::Failed(place, error);
    }

    /// Puts results in order until there are so many or an operator has to be asked. Or an error comes next, and then
    /// nothing more does: gives how far event time has come before it, and the error.
    pub(crate) fn lay(&mut self, most: usize) -> Option<(i64, Error)> {
        while self.rows() < most && self.wanted().is_none() {
            let (mut next, mut limit) = (LAST, LAST);
            for place in self.strands.iter().enumerate().filter_map(|(at, strand)| strand.place(at)) {
                (next, limit) = if place < next { (place, next) } else { (next, limit.min(place)) };
            }
            let at = next.2;
            match self.strands.get_mut(at) {
                Some(Strand::Results(results)) => {
                    let (from, rows) = (results.from, results.times.len());
                    let room = rows.min(from + most - self.operators.len());
                    let to = from + gallop(room - from, |row| results.place(from + row, at) < limit);
                    self.laid.push((results.part, from..to));
                    self.operators.resize(self.operators.len() + to - from, at as i32);
                    results.from = to;
                    if to == rows {
                        self.strands[at] = Strand::Open;
                    }
                }
                Some(failed) => {
                    let failed = std::mem::replace(failed, Strand::Done);
                    self.strands.fill_with(|| Strand::Done);
                    if let Strand::Failed((time, _), error) = failed {
                        return Some((time, error));
                    }
                }
                None => break,
            }
        }
        None
    }

    /// Takes out what is in order, and of each result the number of its operator as a code of these names.
    pub(crate) fn send(&mut self, names: &Arc<StringArray>, none: &Batch) -> (ArrayRef, Batch) {
        let operators = Int32Array::from(std::mem::take(&mut self.operators));
        let window = DictionaryArray::new(operators, Arc::clone(names) as ArrayRef);
        let parts = std::mem::take(&mut self.parts);
        let sent = if self.laid.is_empty() { none.clone() } else { in_order(&parts, &self.laid) };
        self.laid.clear();
        for at in 0..self.strands.len() {
            // What is not in order yet begins a part of its own.
            if let Strand::Results(Results { from, part, .. }) = self.strands[at] {
                let left = parts[part].slice(from, parts[part].rows() - from);
                self.strands[at] = Strand::Results(self.add(left));
            }
        }
        (Arc::new(window), sent)
    }
}

/// Runs of rows of some batches. Event time is told by each row: how far it had come when the batch of the row
/// was over is nothing to the next.
fn in_order(parts: &[Batch], runs: &[(usize, Range<usize>)]) -> Batch {
    if let [(part, rows)] = runs {
        return parts[*part].slice(rows.start, rows.len()).with_high(None);
    }
    let rows: usize = runs.iter().map(|(_, rows)| rows.len()).sum();
    let schema = parts[0].schema();
    let columns = match rows >= LONG * runs.len() {
        true => (0..schema.len()).map(|at| run_by_run(parts, runs, at)).collect(),
        false => one_by_one(parts, runs),
    };
    let times: Vec<&EventTime> = parts.iter().filter_map(Batch::time).collect();
    let mut ticks = Vec::with_capacity(rows);
    let mut before = Vec::with_capacity(rows);
    for (part, rows) in runs {
        ticks.extend_from_slice(&times[*part].ticks[rows.clone()]);
        match &times[*part].before {
            Some(own) => before.extend_from_slice(&own[rows.clone()]),
            None => before.resize(ticks.len(), i64::MIN),
        }
    }
    let time = EventTime { ticks: ticks.into(), before: Some(before.into()), high: None, ..times[0].clone() };
    Batch::new(Arc::clone(schema), columns, rows).with_time(Some(time))
}

/// A column of rows whose runs are long: they are copied as they lie there.
fn run_by_run(parts: &[Batch], runs: &[(usize, Range<usize>)], at: usize) -> ArrayRef {
    let slices: Vec<ArrayRef> =
        runs.iter().map(|(part, rows)| parts[*part].columns()[at].slice(rows.start, rows.len())).collect();
    let slices: Vec<&dyn Array> = slices.iter().map(|slice| &**slice).collect();
    concat(&slices).expect("results of one schema")
}

/// The columns of rows whose runs are short.
fn one_by_one(parts: &[Batch], runs: &[(usize, Range<usize>)]) -> Vec<ArrayRef> {
    let rows: Vec<(usize, usize)> =
        runs.iter().flat_map(|(part, rows)| rows.clone().map(|row| (*part, row))).collect();
    let column = |at: usize| {
        let columns: Vec<&dyn Array> = parts.iter().map(|part| &*part.columns()[at]).collect();
        interleave(&columns, &rows).expect("results of one schema")
    };
    (0..parts[0].schema().len()).map(column).collect()
}
