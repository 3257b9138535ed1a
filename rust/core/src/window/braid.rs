//! [`Braid`]: the results of several operators, in one order.

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::ScalarBuffer;

use super::made::pick;
use crate::batch::{Batch, EventTime};
use crate::column::as_i64;
use crate::error::Error;
use crate::stage::concat;

/// Where a result stands in the order: the time at which its window closes, the start of that, and the
/// number of its operator.
type Place = (i64, i64, usize);

/// After all results.
const LAST: Place = (i64::MAX, i64::MAX, usize::MAX);

/// The results of several operators, which come from each in the order of their windows.
pub(crate) struct Braid {
    strands: Vec<Strand>,
    /// The batches that results in order, and those that will be, are in.
    parts: Vec<Batch>,
    /// How many rows they have.
    part_rows: usize,
    /// Of the results in order, the rows among all of those, and the operators that they are of.
    laid: Vec<u32>,
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
    /// Which of the parts they are, and the number of their first row among those of all.
    part: usize,
    first: usize,
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
            part_rows: 0,
            laid: Vec::new(),
            operators: Vec::new(),
        }
    }

    /// How many results are in order.
    pub(crate) fn rows(&self) -> usize {
        self.laid.len()
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
        let results = Results { times, starts, from: 0, part: self.parts.len(), first: self.part_rows };
        self.part_rows += batch.rows();
        self.parts.push(batch);
        results
    }

    /// Takes an error, which stands in place of a result of this time and start.
    pub(crate) fn fail(&mut self, at: usize, place: (i64, i64), error: Error) {
        self.strands[at] = Strand::Failed(place, error);
    }

    /// Puts results in order until there are so many or an operator has to be asked.
    ///
    /// # Errors
    /// The error that comes next; then nothing more does.
    pub(crate) fn lay(&mut self, most: usize) -> Result<(), Error> {
        while self.laid.len() < most && self.wanted().is_none() {
            let (mut next, mut limit) = (LAST, LAST);
            for place in self.strands.iter().enumerate().filter_map(|(at, strand)| strand.place(at)) {
                (next, limit) = if place < next { (place, next) } else { (next, limit.min(place)) };
            }
            let at = next.2;
            match self.strands.get_mut(at) {
                Some(Strand::Results(results)) => {
                    let (from, rows) = (results.from, results.times.len());
                    let room = rows.min(from + most - self.laid.len());
                    let to = from + gallop(room - from, |row| results.place(from + row, at) < limit);
                    let first = results.first as u32;
                    self.laid.extend(first + from as u32..first + to as u32);
                    self.operators.resize(self.laid.len(), at as i32);
                    results.from = to;
                    if to == rows {
                        self.strands[at] = Strand::Open;
                    }
                }
                Some(failed) => {
                    let failed = std::mem::replace(failed, Strand::Done);
                    self.strands.fill_with(|| Strand::Done);
                    if let Strand::Failed(_, error) = failed {
                        return Err(error);
                    }
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Takes out what is in order, and of each result the number of its operator as a code of these names.
    pub(crate) fn send(&mut self, names: &Arc<StringArray>, none: &Batch) -> (ArrayRef, Batch) {
        let (laid, operators) = (std::mem::take(&mut self.laid), std::mem::take(&mut self.operators));
        let window = DictionaryArray::new(Int32Array::from(operators), Arc::clone(names) as ArrayRef);
        let parts = std::mem::take(&mut self.parts);
        let all = if parts.is_empty() { none.clone() } else { concat(&parts) };
        self.part_rows = 0;
        for at in 0..self.strands.len() {
            // What is not in order yet begins a part of its own.
            if let Strand::Results(Results { from, part, .. }) = self.strands[at] {
                let left = parts[part].slice(from, parts[part].rows() - from);
                self.strands[at] = Strand::Results(self.add(left));
            }
        }
        (Arc::new(window), in_order(&all, &parts, &laid))
    }
}

/// These rows of all parts, which have been put together. Event time is told by each row: how far it had come
/// when the batch of the row was over is nothing to the next.
fn in_order(all: &Batch, parts: &[Batch], rows: &[u32]) -> Batch {
    let columns = all.columns().iter().map(|column| pick(column, rows)).collect();
    let times: Vec<&EventTime> = parts.iter().filter_map(Batch::time).collect();
    let ticks: Vec<i64> = times.iter().flat_map(|time| time.ticks.iter().copied()).collect();
    let before: Vec<i64> = times.iter().filter_map(|time| time.before.as_ref()).flatten().copied().collect();
    let time = all.time().map(|time| EventTime {
        ticks: rows.iter().map(|&row| ticks[row as usize]).collect(),
        before: Some(rows.iter().map(|&row| before[row as usize]).collect()),
        high: None,
        ..time.clone()
    });
    Batch::new(Arc::clone(all.schema()), columns, rows.len()).with_time(time)
}

/// How many rows from the first on are wanted, which are those before all that are not; the first one is.
fn gallop(rows: usize, is_wanted: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (0, 1);
    while low + step < rows && is_wanted(low + step) {
        low += step;
        step *= 2;
    }
    let (mut from, mut to) = (low + 1, rows.min(low + step));
    while from < to {
        let middle = from.midpoint(to);
        if is_wanted(middle) { from = middle + 1 } else { to = middle }
    }
    from
}
