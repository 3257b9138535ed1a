//! [`Braid`]: the results of several operators, in one order.

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::ScalarBuffer;

use crate::batch::Batch;
use crate::column::as_i64;
use crate::error::Error;
use crate::stage;

/// Where a result stands in the order: the time at which its window closes, the start of that, and the
/// number of its operator.
type Place = (i64, i64, usize);

/// The results of several operators, which come from each in the order of their windows.
pub(crate) struct Braid {
    strands: Vec<Strand>,
    /// What has been put in order, from which operators.
    laid: Vec<(usize, Batch)>,
    rows: usize,
}

/// What has come from one operator.
#[derive(Default)]
enum Strand {
    /// It has to be asked.
    #[default]
    Open,
    /// Results that are not in order yet, and the starts of their windows.
    Results(Batch, ScalarBuffer<i64>),
    /// In place of a result of this time and start, an error.
    Failed((i64, i64), Error),
    /// There are no more of its input.
    Done,
}

impl Strand {
    fn place(&self, at: usize) -> Option<Place> {
        match self {
            Self::Results(batch, starts) => Some((batch.time()?.ticks[0], starts[0], at)),
            Self::Failed((time, start), _) => Some((*time, *start, at)),
            Self::Open | Self::Done => None,
        }
    }
}

impl Braid {
    /// Of so many operators, which have given nothing yet.
    pub(crate) fn new(operators: usize) -> Self {
        Self { strands: (0..operators).map(|_| Strand::Done).collect(), laid: Vec::new(), rows: 0 }
    }

    /// How many results are in order.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether nothing but what is in order has come.
    pub(crate) fn is_done(&self) -> bool {
        self.strands.iter().all(|strand| matches!(strand, Strand::Done))
    }

    /// Asks all operators anew: they have been given rows.
    pub(crate) fn open(&mut self) {
        self.strands.fill_with(Strand::default);
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
            Some(batch) => {
                let starts = as_i64(&batch.columns()[0]).expect("edges are times");
                // How far event time has come is told once all results are in order.
                Strand::Results(batch.with_high(None), starts)
            }
        };
    }

    /// Takes an error, which stands in place of a result of this time and start.
    pub(crate) fn fail(&mut self, at: usize, place: (i64, i64), error: Error) {
        self.strands[at] = Strand::Failed(place, error);
    }

    /// Puts the results that come next in order, as far as they are of one operator and so many at most.
    ///
    /// # Errors
    /// The error that comes next; then nothing more does.
    pub(crate) fn lay(&mut self, most: usize) -> Result<(), Error> {
        let mut places: Vec<Place> =
            self.strands.iter().enumerate().filter_map(|(at, strand)| strand.place(at)).collect();
        places.sort_unstable();
        let Some(&(.., at)) = places.first() else { return Ok(()) };
        let limit = places.get(1).copied().unwrap_or((i64::MAX, i64::MAX, usize::MAX));
        match std::mem::take(&mut self.strands[at]) {
            Strand::Results(batch, starts) => {
                let times = &batch.time().expect("results have a time").ticks;
                let rows = gallop(batch.rows(), |row| (times[row], starts[row], at) < limit).min(most);
                self.laid.push((at, batch.slice(0, rows)));
                self.rows += rows;
                let left = batch.rows() - rows;
                if left > 0 {
                    self.strands[at] = Strand::Results(batch.slice(rows, left), starts.slice(rows, left));
                }
                Ok(())
            }
            Strand::Failed(_, error) => {
                self.strands.fill_with(|| Strand::Done);
                Err(error)
            }
            Strand::Open | Strand::Done => Ok(()),
        }
    }

    /// Takes out what is in order, and of each result the number of its operator as a code of these names.
    pub(crate) fn send(&mut self, names: &Arc<StringArray>, none: &Batch) -> (ArrayRef, Batch) {
        let (codes, mut pieces): (Vec<(usize, usize)>, Vec<Batch>) =
            self.laid.drain(..).map(|(at, batch)| ((at, batch.rows()), batch)).unzip();
        if pieces.is_empty() {
            pieces.push(none.clone());
        }
        let codes: Int32Array =
            codes.into_iter().flat_map(|(at, rows)| std::iter::repeat_n(at as i32, rows)).collect();
        self.rows = 0;
        (Arc::new(DictionaryArray::new(codes, Arc::clone(names) as ArrayRef)), stage::concat(&pieces))
    }
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
