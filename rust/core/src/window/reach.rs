//! [`Reach`]: how far the rows of sessions reach, and which of them end theirs.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, ScalarBuffer};

use super::parts::{Parts, Rows};
use crate::batch::Batch;
use crate::column::as_i64;
use crate::error::Error;
use crate::expr::{Bound, Evaluated, Fault, evaluate_all};
use crate::show;
use crate::time;

/// How far the rows of sessions reach, and which of them end theirs, bound to a schema.
pub(crate) struct Reach {
    gap: Gap,
    /// Whether a row just a gap later is still reached.
    closed: bool,
    /// How far a session reaches from its first row on, at most.
    longest: i64,
    until: Option<Bound>,
}

/// The least gap that ends a session.
pub(crate) enum Gap {
    /// The same after every row.
    Fixed(i64),
    /// After each row its own: an int64 in ticks of event time, and what users call it.
    Own(Bound, String),
}

/// How far the rows of a batch reach, and which of them end their sessions.
pub(crate) struct Reaches {
    gaps: Gaps,
    ends: Option<BooleanBuffer>,
}

enum Gaps {
    Fixed(i64),
    Own(ScalarBuffer<i64>),
}

impl Reach {
    /// Rows that reach so far, in sessions that last no longer than `max_length`.
    pub(crate) fn new(gap: Gap, closed: bool, max_length: Option<i64>, until: Option<Bound>) -> Self {
        let longest = max_length.map_or(i64::MAX, |length| length + i64::from(closed));
        Self { gap, closed, longest, until }
    }

    /// How far a session reaches from its first row on, at most.
    pub(crate) fn longest(&self) -> i64 {
        self.longest
    }

    /// Reads a batch; tells the first row in which something cannot be computed.
    pub(crate) fn read(&self, batch: &Batch) -> (Reaches, Option<Fault>) {
        let mut fault = None;
        let gaps = match &self.gap {
            Gap::Fixed(gap) => Gaps::Fixed(gap + i64::from(self.closed)),
            Gap::Own(bound, _) => {
                let columns = evaluate_all([bound], batch, &mut fault);
                Gaps::Own(self.reaches(&columns[0]))
            }
        };
        let ends = self.until.as_ref().map(|until| {
            let (ends, found) = until.mask(batch);
            fault = [fault.take(), found].into_iter().flatten().min_by_key(|fault| fault.row);
            ends
        });
        (Reaches { gaps, ends }, fault)
    }

    /// How far rows with these gaps reach; 0 where there is no gap.
    fn reaches(&self, column: &ArrayRef) -> ScalarBuffer<i64> {
        let (gaps, nulls) = (as_i64(column).expect("it is cast to int64"), column.logical_nulls());
        let is_gap = |row, gap| gap > 0 && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let reach = |(row, &gap): (usize, &i64)| match is_gap(row, gap) {
            true => gap.saturating_add(i64::from(self.closed)),
            false => 0,
        };
        gaps.iter().enumerate().map(reach).collect()
    }

    /// Reads the rows of a batch, and lets them end before the first that has no reach, whose error it puts into
    /// `failure`.
    pub(crate) fn read_checked(&self, rows: &mut Rows, parts: &Parts, failure: &mut Option<Error>) -> Reaches {
        let (reaches, fault) = self.read(&rows.batch);
        if let Some(fault) = fault.filter(|fault| fault.row < rows.end) {
            rows.end = fault.row;
            *failure = Some(fault.into_error(&rows.batch));
        }
        let last = *time::range(&parts.shape.time).end();
        let is_wrong = |&row: &usize| !reaches.is_right(row, rows.time.ticks[row], last);
        if let Some(row) = (0..rows.end).find(is_wrong) {
            rows.end = row;
            *failure = Some(match &self.gap {
                Gap::Own(bound, name) if reaches.of(row) == 0 => no_gap(rows, row, bound, name),
                _ => parts.out_of_range(rows, row),
            });
        }
        reaches
    }
}

/// The error of a row that has no gap.
fn no_gap(rows: &Rows, row: usize, bound: &Bound, name: &str) -> Error {
    let Evaluated { column, .. } = bound.evaluate(&rows.batch.slice(row, 1));
    let value = show::value(&column, 0);
    let reason = format!(
        "{value} is no gap of a session, which must be longer than nothing; filter such rows out, or give them one"
    );
    Fault { row, column: bound.only_column(), what: name.to_owned(), value, reason }.into_error(&rows.batch)
}

impl Reaches {
    /// How far a row reaches.
    #[inline]
    pub(crate) fn of(&self, row: usize) -> i64 {
        match &self.gaps {
            Gaps::Fixed(reach) => *reach,
            Gaps::Own(reaches) => reaches[row],
        }
    }

    /// Whether a row ends its session.
    #[inline]
    pub(crate) fn ends(&self, row: usize) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.value(row))
    }

    /// Whether a row at this time reaches somewhere, which is before the last time that there is.
    fn is_right(&self, row: usize, time: i64, last: i64) -> bool {
        let reach = self.of(row);
        reach > 0 && time.checked_add(reach).is_some_and(|due| due < last)
    }
}
