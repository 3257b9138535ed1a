//! [`Chunk`]: results that are made, some of which may not be known yet, and [`Made`]: those under way.

use arrow_array::{ArrayRef, UInt32Array};

use super::gap::Gap;
use super::line::{Line, Number};
use crate::batch::Batch;
use crate::stage::concat_columns;

/// Results under way: of each the window, the key, and where its values are.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) starts: Vec<i64>,
    pub(crate) ends: Vec<i64>,
    pub(crate) keys: Vec<u32>,
    /// The row of its own values; 0 for those of a window without rows.
    pub(crate) own: Vec<u32>,
    /// The row of its own values or, of a window without rows, of the key's last ones.
    pub(crate) last: Vec<u32>,
    pub(crate) unknown: Unknown,
}

/// What is not known of the results of a chunk, and what has become known since.
#[derive(Default)]
pub(crate) struct Unknown {
    /// How many results are not known yet.
    pub(crate) results: usize,
    /// Columns, rows and their numbers.
    pub(crate) numbers: Vec<(usize, u32, Number)>,
}

/// Results that are made, or will be once they are known.
pub(crate) enum Chunk {
    Made(Batch, Unknown),
    Gap(Gap),
}

impl Made {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds one.
    pub(crate) fn push(&mut self, (start, end): (i64, i64), key: u32, own: u32, last: u32) {
        self.starts.push(start);
        self.ends.push(end);
        self.keys.push(key);
        self.own.push(own);
        self.last.push(last);
    }
}

impl Chunk {
    /// Whether all results are known.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::Made(_, unknown) => unknown.results == 0,
            Self::Gap(gap) => gap.is_known(),
        }
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Made(batch, _) => batch.bytes(),
            Self::Gap(gap) => gap.memory(),
        }
    }
}

impl Unknown {
    /// Lets one more result be known.
    pub(crate) fn resolve(&mut self, row: u32, line: &Line, step: u64) {
        self.results -= 1;
        self.know(row, line, step);
    }

    /// Notes what lies on a line after so many steps as the result in a row.
    pub(crate) fn know(&mut self, row: u32, line: &Line, step: u64) {
        self.numbers.extend(line.after(step).map(|(at, number)| (at, row, number)));
    }

    /// Parts so many results, which are known, from those behind them, of which the first is not.
    pub(crate) fn part(mut self, batch: Batch, rows: usize) -> (Chunk, Chunk) {
        let (known, rest) = (batch.slice(0, rows), batch.slice(rows, batch.rows() - rows));
        let results = std::mem::take(&mut self.results);
        self.numbers.retain(|(_, row, _)| (*row as usize) < rows);
        (Chunk::Made(known, self), Chunk::Made(rest, Self { results, numbers: Vec::new() }))
    }

    /// The results with all that has become known of them.
    pub(crate) fn complete(&self, batch: Batch) -> Batch {
        let mut columns = batch.columns().to_vec();
        for (at, column) in columns.iter_mut().enumerate() {
            let known = self.numbers.iter().filter(|(of, ..)| *of == at).map(|&(_, row, n)| (row, n));
            let (rows, numbers): (Vec<u32>, Vec<Number>) = known.unzip();
            if !rows.is_empty() {
                *column = with_numbers(column, &rows, &numbers);
            }
        }
        let schema = batch.schema().clone();
        batch.with_columns(schema, columns)
    }
}

/// A column with these numbers in these rows.
fn with_numbers(column: &ArrayRef, rows: &[u32], numbers: &[Number]) -> ArrayRef {
    let len = column.len() as u32;
    let mut from: Vec<u32> = (0..len).collect();
    rows.iter().zip(len..).for_each(|(&row, number)| from[row as usize] = number);
    let numbers = Number::column(column.data_type(), numbers);
    pick(&concat_columns(vec![column, &numbers]), &from)
}

/// Rows of a column.
pub(crate) fn pick(column: &ArrayRef, rows: &[u32]) -> ArrayRef {
    arrow_select::take::take(column, &UInt32Array::from(rows.to_vec()), None).expect("rows of the column")
}
