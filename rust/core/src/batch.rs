//! [`Batch`]: an immutable bundle of equal-length named columns.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array};
use arrow_buffer::{BooleanBuffer, ScalarBuffer};

use crate::error::{Place, Result};
use crate::setters::Setters;
use crate::types::{DataType, Schema};

/// An immutable bundle of equal-length named columns, with the event time and the origin of its rows.
#[derive(Clone, Debug)]
pub struct Batch {
    schema: Arc<Schema>,
    columns: Vec<ArrayRef>,
    rows: usize,
    time: Option<EventTime>,
    origin: Origin,
}

/// The event time that rows carry, whether or not a column still shows it.
#[derive(Clone, Debug)]
pub struct EventTime {
    /// The type of event time.
    pub dtype: DataType,
    /// The event time of each row, in ticks.
    pub ticks: ScalarBuffer<i64>,
    /// How far event time had come within this batch before each row (`i64::MIN` if not at all), where
    /// that is not simply the highest of the `ticks` before it: after a filter.
    pub before: Option<ScalarBuffer<i64>>,
    /// Which rows had brought it there, if that is known.
    pub(crate) setters: Option<Setters>,
    /// How far event time has come at the end of the batch, where the rows do not tell.
    pub high: Option<High>,
    /// Whether event time moves with `before` and `high` only, not with the rows themselves: the rows of
    /// a window operator leave it alone, and the operator passes its watermark on after them.
    pub passive: bool,
}

/// The highest event time of a batch, and where it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct High {
    /// The event time, in ticks.
    pub time: i64,
    /// The row that has it.
    pub place: Place,
}

impl EventTime {
    /// The event time of rows as they come from a source.
    pub fn new(dtype: DataType, ticks: ScalarBuffer<i64>) -> Self {
        Self { dtype, ticks, before: None, setters: None, high: None, passive: false }
    }

    /// How far event time had come within this batch, which has this origin, before each row for which `keep` is set, and
    /// by which rows.
    fn before(&self, keep: &BooleanBuffer, origin: &Origin) -> (ScalarBuffer<i64>, Option<Setters>) {
        if let Some(before) = &self.before {
            let setters = self.setters.as_ref().map(|setters| setters.filter(keep));
            return (keep.set_indices().map(|row| before[row]).collect(), setters);
        }
        let mut reached = (i64::MIN, 0);
        // For all rows and without a branch, since whether a row is kept is anybody's guess.
        let pass = |(row, &tick): (u64, &i64)| {
            let before = reached;
            reached = if tick > before.0 { (tick, row) } else { before };
            before
        };
        let reached: Vec<(i64, u64)> = (0..).zip(self.ticks.iter()).map(pass).collect();
        let kept = keep.count_set_bits();
        let (mut before, mut setters) = (Vec::with_capacity(kept), Vec::with_capacity(kept));
        for row in keep.set_indices() {
            before.push(reached[row].0);
            setters.push(reached[row].1);
        }
        (before.into(), Some(Setters::of(origin, setters)))
    }

    /// Which row had brought event time to where it was before row `i`.
    pub(crate) fn setter(&self, i: usize) -> Place {
        self.setters.as_ref().map_or_else(Place::default, |setters| setters.place(i))
    }

    /// Whether no row is earlier than the one before it.
    pub(crate) fn is_sorted(&self) -> bool {
        let step = 1 << 10;
        (0..self.ticks.len())
            .step_by(step)
            .all(|at| never_fall(&self.ticks[at..][..(step + 1).min(self.ticks.len() - at)]))
    }
}

/// Whether none of some times, of which there are some, is less than the one before it.
fn never_fall(times: &[i64]) -> bool {
    // Without a branch per row, and without comparisons, which not all vector instructions have.
    let (mut steps, mut any, mut all) = (0, times[0], times[0]);
    for two in times.windows(2) {
        steps |= two[1].wrapping_sub(two[0]);
        any |= two[1];
        all &= two[1];
    }
    // Between times of one sign no step wraps.
    if any ^ all < 0 { times.is_sorted() } else { steps >= 0 }
}

/// Where the rows of a batch came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The source as the user named it.
    pub source: Option<Arc<str>>,
    /// The number, in the source, of the first row.
    pub row: u64,
    /// The physical line of the first row, from 1, for text.
    pub line: Option<u64>,
    /// The offset of the first row's first byte, for text.
    pub byte: Option<u64>,
    /// The starts of all rows, where they are known.
    pub starts: Option<Arc<Starts>>,
    /// The rows kept of those that were read (after a filter); all of them if `None`.
    pub picked: Option<ScalarBuffer<u32>>,
    /// How many rows that were read come before the first of the batch (of a slice).
    pub skipped: usize,
    /// Where each row came from, where they are from several batches.
    pub mixed: Option<Arc<Mixed>>,
}

/// Where rows of several batches came from.
#[derive(Debug)]
pub struct Mixed {
    /// The origins of the batches.
    pub origins: Vec<Origin>,
    /// For each row, which of them it is of, and its place there.
    pub rows: Vec<(u32, u32)>,
}

/// Where the rows of a text batch start, relative to its first row.
#[derive(Debug, Default)]
pub struct Starts {
    /// Bytes.
    pub bytes: Vec<u32>,
    /// Lines; empty if each row is on the line after the one before it.
    pub lines: Vec<u32>,
    /// Rows; empty if no row between them was rejected.
    pub rows: Vec<u32>,
}

impl Origin {
    /// Where row `i` of the batch came from.
    pub fn place(&self, i: usize) -> Place {
        let at = self.picked.as_ref().map_or(i + self.skipped, |picked| picked[i] as usize);
        if let Some(mixed) = &self.mixed {
            let (origin, row) = mixed.rows[at];
            return mixed.origins[origin as usize].place(row as usize);
        }
        let lookup = |offsets: &Vec<u32>| offsets.get(at).map_or(at as u64, |&x| u64::from(x));
        let starts = self.starts.as_deref();
        Place {
            source: self.source.as_deref().map(str::to_owned),
            line: self.line.zip(starts).map(|(line, starts)| line + lookup(&starts.lines)),
            byte: self.byte.zip(starts).and_then(|(byte, s)| Some(byte + u64::from(*s.bytes.get(at)?))),
            row: Some(self.row + starts.map_or(at as u64, |starts| lookup(&starts.rows))),
        }
    }

    /// The origin of rows of these numbers.
    pub(crate) fn of_numbers(source: Option<Arc<str>>, numbers: impl Iterator<Item = u64> + Clone) -> Self {
        let row = numbers.clone().min().unwrap_or_default();
        Self {
            source,
            row,
            picked: Some(numbers.map(|number| (number - row) as u32).collect()),
            ..Self::default()
        }
    }

    /// The origin of the rows of several batches, one after the other.
    pub(crate) fn of_several(batches: &[Batch]) -> Self {
        let origins = batches.iter().map(|batch| batch.origin.clone()).collect();
        let rows =
            batches.iter().zip(0..).flat_map(|(batch, at)| (0..batch.rows as u32).map(move |row| (at, row)));
        let source = batches.first().and_then(|first| first.origin.source.clone());
        let source =
            source.filter(|source| batches.iter().all(|batch| batch.origin.source.as_ref() == Some(source)));
        Self { source, mixed: Some(Arc::new(Mixed { origins, rows: rows.collect() })), ..Self::default() }
    }

    /// The origin of the rows at these places of the batch.
    fn pick(&self, rows: impl Iterator<Item = u32>) -> Self {
        let picked = match &self.picked {
            Some(picked) => rows.map(|i| picked[i as usize]).collect(),
            None => rows.map(|i| i + self.skipped as u32).collect(),
        };
        Self { picked: Some(picked), ..self.clone() }
    }

    /// The origin of neighbouring rows.
    fn slice(&self, start: usize, len: usize) -> Self {
        let picked = self.picked.as_ref().map(|picked| picked.slice(start, len));
        Self { picked, skipped: self.skipped + start, ..self.clone() }
    }
}

impl Batch {
    /// A batch of these columns.
    ///
    /// # Panics
    /// In debug builds, if the columns do not fit the schema or each other.
    pub fn new(schema: Arc<Schema>, columns: Vec<ArrayRef>, rows: usize) -> Self {
        debug_assert_eq!(schema.len(), columns.len());
        debug_assert!(columns.iter().all(|column| column.len() == rows));
        Self { schema, columns, rows, time: None, origin: Origin::default() }
    }

    /// No rows of this schema.
    pub(crate) fn empty(schema: &Arc<Schema>) -> Self {
        let columns = schema.fields().iter().map(|field| new_empty_array(&field.dtype.to_arrow())).collect();
        Self::new(Arc::clone(schema), columns, 0)
    }

    /// The same rows with this event time.
    #[must_use]
    pub fn with_time(self, time: Option<EventTime>) -> Self {
        Self { time, ..self }
    }

    /// The same rows with this origin.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The same rows with other columns.
    #[must_use]
    pub fn with_columns(self, schema: Arc<Schema>, columns: Vec<ArrayRef>) -> Self {
        debug_assert_eq!(schema.len(), columns.len());
        Self { schema, columns, ..self }
    }

    /// The names and types of the columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    /// The column of this name.
    ///
    /// # Errors
    /// [`crate::Error::ColumnNotFound`].
    pub fn column(&self, name: &str) -> Result<&ArrayRef> {
        Ok(&self.columns[self.schema.index(name)?])
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The event time that the rows carry.
    pub fn time(&self) -> Option<&EventTime> {
        self.time.as_ref()
    }

    /// Where the rows came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// It in pieces of so many rows, without a copy; one without rows is one piece.
    pub(crate) fn pieces(self, most: usize) -> impl Iterator<Item = Self> {
        let rows = self.rows;
        (0..rows.max(1)).step_by(most).map(move |start| self.slice(start, most.min(rows - start)))
    }

    /// `len` rows from `start`, without a copy.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        let time = self.time.as_ref().map(|time| EventTime {
            dtype: time.dtype.clone(),
            ticks: time.ticks.slice(start, len),
            before: time.before.as_ref().map(|before| before.slice(start, len)),
            setters: time.setters.as_ref().map(|setters| setters.slice(start, len)),
            // What was seen at the end of the whole is not known before its last row, but what was before the next.
            high: match time.before.as_ref().and_then(|before| before.get(start + len)) {
                Some(&before) => Some(High { time: before, place: time.setter(start + len) }),
                None => time.high.clone().filter(|_| start + len == self.rows),
            },
            passive: time.passive,
        });
        let origin = self.origin.slice(start, len);
        let columns = self.columns.iter().map(|column| column.slice(start, len)).collect();
        Self { schema: Arc::clone(&self.schema), columns, rows: len, time, origin }
    }

    /// The rows for which `keep` is set. Event time goes on as if the others had been there.
    ///
    /// # Panics
    /// If `keep` does not have as many bits as the batch has rows.
    #[must_use]
    pub fn filter(&self, keep: &BooleanBuffer) -> Self {
        let mask = BooleanArray::new(keep.clone(), None);
        let select = |array: &dyn Array| arrow_select::filter::filter(array, &mask).expect("equal lengths");
        let time = self.time.as_ref().map(|time| {
            let (before, setters) = time.before(keep, &self.origin);
            EventTime {
                dtype: time.dtype.clone(),
                ticks: keep.set_indices().map(|row| time.ticks[row]).collect(),
                before: Some(before),
                setters,
                high: time.high.clone().or_else(|| self.highest().filter(|_| !time.passive)),
                passive: time.passive,
            }
        });
        Self {
            schema: Arc::clone(&self.schema),
            columns: self.columns.iter().map(|column| select(column)).collect(),
            rows: keep.count_set_bits(),
            time,
            origin: self.origin.pick(keep.set_indices_u32()),
        }
    }

    /// After these rows event time has come as far as this, wherever it was seen.
    pub(crate) fn with_high(self, watermark: Option<i64>) -> Self {
        let high = watermark.map(|time| High { time, place: Place::default() });
        let time = self.time.clone().map(|time| EventTime { high, ..time });
        self.with_time(time)
    }

    /// These rows, in this order, without event time.
    pub(crate) fn pick(&self, rows: &[u32]) -> Self {
        let picked = UInt32Array::from(rows.to_vec());
        let take = |column: &ArrayRef| arrow_select::take::take(column, &picked, None).expect("rows of the batch");
        Self {
            schema: Arc::clone(&self.schema),
            columns: self.columns.iter().map(take).collect(),
            rows: rows.len(),
            time: None,
            origin: self.origin.pick(rows.iter().copied()),
        }
    }

    /// Roughly how much memory the rows take.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
        self.columns.iter().map(bytes).sum()
    }

    /// The highest event time of the rows, and the first row that has it.
    pub(crate) fn highest(&self) -> Option<High> {
        let ticks = &self.time.as_ref()?.ticks;
        let time = ticks.iter().copied().max()?;
        let row = ticks.iter().position(|&tick| tick == time)?;
        Some(High { time, place: self.origin.place(row) })
    }
}

#[cfg(test)]
mod tests {
    use super::never_fall;

    #[test]
    fn times_of_any_sign_are_compared() {
        let times = [i64::MIN, -3, 0, 2, 7, i64::MAX];
        for a in times {
            for b in times {
                for c in times {
                    assert_eq!(never_fall(&[a, b, c]), a <= b && b <= c, "{a} {b} {c}");
                }
            }
        }
    }
}
