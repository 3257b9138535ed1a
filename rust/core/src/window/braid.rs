//! [`Braid`]: the results of several operators, in one order.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int32Array};
use arrow_buffer::ScalarBuffer;
use arrow_select::concat::concat;
use arrow_select::interleave::interleave;

use super::gallop::gallop;
use super::several::KIND;
use crate::batch::{Batch, EventTime};
use crate::column::as_i64;
use crate::error::Error;

/// Where a result stands in the order: the time at which its window closes, the start of that, and the
/// number of its kind.
pub(crate) type Place = (i64, i64, i32);

/// After all results.
const LAST: Place = (i64::MAX, i64::MAX, i32::MAX);

/// So many rows a run, on average, are worth copying runs as they are.
const LONG: usize = 64;

/// The results of several operators, which come from each in the order of their windows.
pub(crate) struct Braid {
    strands: Vec<Strand>,
    /// The batches that results in order, and those that will be, are in.
    parts: Vec<Batch>,
    /// The results in order, run by run: the part that they are in, and the rows there.
    laid: Vec<(usize, Range<usize>)>,
    /// The kinds that they are of.
    kinds: Vec<i32>,
}

/// What has come from one operator.
enum Strand {
    /// It has to be asked.
    Open,
    /// Results, of which some are not in order yet.
    Results(Results),
    /// In place of a result, an error.
    Failed(Place, Error),
    /// There are no more of its input.
    Done,
}

/// The results of one batch: from the row `from` on they are not in order yet.
struct Results {
    times: ScalarBuffer<i64>,
    starts: ScalarBuffer<i64>,
    kinds: ScalarBuffer<i32>,
    from: usize,
    /// Which of the parts they are.
    part: usize,
}

impl Strand {
    fn place(&self) -> Option<Place> {
        match self {
            Self::Results(results) => Some(results.place(results.from)),
            Self::Failed(place, _) => Some(*place),
            Self::Open | Self::Done => None,
        }
    }
}

impl Results {
    fn place(&self, row: usize) -> Place {
        (self.times[row], self.starts[row], self.kinds[row])
    }
}

impl Braid {
    /// Of so many operators, which have given nothing yet.
    pub(crate) fn new(operators: usize) -> Self {
        Self {
            strands: (0..operators).map(|_| Strand::Done).collect(),
            parts: Vec::new(),
            laid: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// How many results are in order.
    pub(crate) fn rows(&self) -> usize {
        self.kinds.len()
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

    /// Takes what an operator gave, or the word that it has no more.
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
        let kinds = batch.columns()[KIND].as_primitive::<Int32Type>().values().clone();
        self.parts.push(batch);
        Results { times, starts, kinds, from: 0, part: self.parts.len() - 1 }
    }

    /// Takes an error of an operator, which stands in place of a result.
    pub(crate) fn fail(&mut self, at: usize, place: Place, error: Error) {
        self.strands[at] = Strand::Failed(place, error);
    }

    /// Puts results in order until there are so many or an operator has to be asked. Or an error comes next, and then
    /// nothing more does: gives how far event time has come before it, and the error.
    pub(crate) fn lay(&mut self, most: usize) -> Option<(i64, Error)> {
        while self.rows() < most && self.wanted().is_none() {
            let (mut next, mut limit, mut at) = (LAST, LAST, usize::MAX);
            for (strand, place) in self.strands.iter().enumerate().filter_map(|(n, s)| Some((n, s.place()?))) {
                (next, limit, at) =
                    if place < next { (place, next, strand) } else { (next, limit.min(place), at) };
            }
            match self.strands.get_mut(at) {
                Some(Strand::Results(results)) => {
                    let (from, rows) = (results.from, results.times.len());
                    let room = rows.min(from + most - self.kinds.len());
                    let to = from + gallop(room - from, |row| results.place(from + row) < limit);
                    self.laid.push((results.part, from..to));
                    self.kinds.extend_from_slice(&results.kinds[from..to]);
                    results.from = to;
                    if to == rows {
                        self.strands[at] = Strand::Open;
                    }
                }
                Some(failed) => {
                    let failed = std::mem::replace(failed, Strand::Done);
                    self.strands.fill_with(|| Strand::Done);
                    if let Strand::Failed((time, ..), error) = failed {
                        return Some((time, error));
                    }
                }
                None => break,
            }
        }
        None
    }

    /// What is to be done for the columns of what is in order, but for their kinds, before it is taken out: nothing
    /// where all of it lies together.
    pub(crate) fn splices(&self) -> Vec<Splice> {
        if self.laid.len() <= 1 {
            return Vec::new();
        }
        let laid = Arc::new(Laid::new(self.parts.clone(), self.laid.clone()));
        let columns = (0..self.parts[0].schema().len()).filter(|&at| at != KIND);
        columns.map(|at| Splice { laid: Arc::clone(&laid), at, made: None }).collect()
    }

    /// The times of what is in order, where it does not lie together. They are told by each row: how far event time had
    /// come when the batch of the row was over is nothing to the next.
    pub(crate) fn times(&self) -> Option<EventTime> {
        if self.laid.len() <= 1 {
            return None;
        }
        let times: Vec<&EventTime> = self.parts.iter().filter_map(Batch::time).collect();
        let mut ticks = Vec::with_capacity(self.rows());
        let mut before = Vec::with_capacity(self.rows());
        for (part, rows) in &self.laid {
            ticks.extend_from_slice(&times[*part].ticks[rows.clone()]);
            match &times[*part].before {
                Some(own) => before.extend_from_slice(&own[rows.clone()]),
                None => before.resize(ticks.len(), i64::MIN),
            }
        }
        let first = EventTime::clone(times.first()?);
        Some(EventTime { ticks: ticks.into(), before: Some(before.into()), high: None, ..first })
    }

    /// Takes out what is in order, of which these are the columns and the times if it does not lie together.
    pub(crate) fn send(
        &mut self,
        (mut columns, times): (Vec<ArrayRef>, Option<EventTime>),
        none: &Batch,
    ) -> Batch {
        let (kinds, parts) = (std::mem::take(&mut self.kinds), std::mem::take(&mut self.parts));
        let sent = match &self.laid[..] {
            [] => none.clone(),
            [(part, rows)] => parts[*part].slice(rows.start, rows.len()).with_high(None),
            _ => {
                let rows = kinds.len();
                columns.insert(KIND, Arc::new(Int32Array::from(kinds)));
                Batch::new(Arc::clone(parts[0].schema()), columns, rows).with_time(times)
            }
        };
        self.laid.clear();
        for at in 0..self.strands.len() {
            // What is not in order yet begins a part of its own.
            if let Strand::Results(Results { from, part, .. }) = self.strands[at] {
                let left = parts[part].slice(from, parts[part].rows() - from);
                self.strands[at] = Strand::Results(self.add(left));
            }
        }
        sent
    }
}

/// A column of results in order, to be made.
pub(crate) struct Splice {
    laid: Arc<Laid>,
    /// Which column.
    at: usize,
    made: Option<ArrayRef>,
}

/// Results in order: the batches that they are in, and their runs there.
struct Laid {
    parts: Vec<Batch>,
    runs: Vec<(usize, Range<usize>)>,
    /// They one by one, if runs are short.
    rows: Option<Vec<(usize, usize)>>,
}

impl Laid {
    fn new(parts: Vec<Batch>, runs: Vec<(usize, Range<usize>)>) -> Self {
        let rows = runs.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        let each = || runs.iter().flat_map(|(part, rows)| rows.clone().map(|row| (*part, row))).collect();
        Self { rows: (rows < LONG * runs.len()).then(each), parts, runs }
    }
}

impl Splice {
    /// Makes the column.
    pub(crate) fn make(&mut self) {
        let Laid { parts, runs, rows } = &*self.laid;
        let column = |part: usize| &parts[part].columns()[self.at];
        let made = match rows {
            Some(rows) => {
                let columns: Vec<&dyn Array> = (0..parts.len()).map(|part| &**column(part)).collect();
                interleave(&columns, rows)
            }
            // Runs are copied as they lie there.
            None => {
                let slices = runs.iter().map(|(part, rows)| column(*part).slice(rows.start, rows.len()));
                let slices: Vec<ArrayRef> = slices.collect();
                concat(&slices.iter().map(|slice| &**slice).collect::<Vec<_>>())
            }
        };
        self.made = Some(made.expect("results of one schema"));
    }

    /// The column, which has been made.
    pub(crate) fn made(self) -> ArrayRef {
        self.made.expect("it has been made")
    }
}
