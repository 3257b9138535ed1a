//! [`decode`]: a text to columns.

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;

use super::cells::Spans;
use super::columns::{self, Builder, Failed, Tools, Words};
use super::layout::{Layout, OnError};
use super::piece::{Index, Piece};
use super::reject::{Fault, Reject};
use super::simd::Level;
use super::text::Text;
use crate::batch::Starts;
use crate::error::{BadRow, Error};

/// Memory that decoding uses again and again; one for each thread.
#[derive(Debug)]
pub struct Scratch {
    level: Level,
    index: Index,
    spans: Spans,
    odd: Vec<u32>,
    failed: Vec<Failed>,
    words: Vec<Words>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new(Level::best())
    }
}

impl Scratch {
    /// Memory for decoding with this instruction set.
    pub fn new(level: Level) -> Self {
        Self {
            level,
            index: Index::default(),
            spans: Spans::default(),
            odd: Vec::new(),
            failed: Vec::new(),
            words: Vec::new(),
        }
    }
}

/// What a text says.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The wanted columns, in the layout's order, each of `rows` rows. Text is a dictionary of
    /// plain text, or plain text where most rows are distinct.
    pub columns: Vec<ArrayRef>,
    /// The number of good rows (before the first bad one, if that is an error).
    pub rows: usize,
    /// Where they start, relative to the text's first byte, line and row.
    pub starts: Starts,
    /// The bad rows that were left out, in order. Their places do not name the source.
    pub rejects: Vec<BadRow>,
    /// Blank lines and comments, of the whole text.
    pub skipped: u64,
    /// The first bad row, if that is an error.
    pub error: Option<Error>,
}

/// The columns of a text. Depends on the text and the layout only.
pub fn decode(text: &Text, layout: &Layout, scratch: &mut Scratch) -> Decoded {
    match Run::new(text, layout, scratch) {
        Ok(run) => run.finish(),
        Err(error) => Decoded { error: Some(error), ..Decoded::default() },
    }
}

/// One text being decoded.
struct Run<'a> {
    text: &'a Text,
    layout: &'a Layout,
    scratch: &'a mut Scratch,
    builders: Vec<Box<dyn Builder>>,
    rows: usize,
    faults: Vec<Fault>,
    /// Each row's first byte and number in the text.
    bytes: Vec<u32>,
    ordinals: Vec<u32>,
}

impl<'a> Run<'a> {
    fn new(text: &'a Text, layout: &'a Layout, scratch: &'a mut Scratch) -> Result<Self, Error> {
        let rows = text.rows();
        let builders = layout
            .columns
            .iter()
            .map(|column| columns::builder(column, rows, &mut scratch.words))
            .collect::<Result<_, _>>()?;
        let mut run = Self {
            text,
            layout,
            scratch,
            builders,
            rows: 0,
            faults: Vec::new(),
            bytes: Vec::with_capacity(rows),
            ordinals: Vec::new(),
        };
        run.read();
        Ok(run)
    }

    fn read(&mut self) {
        let mut index = std::mem::take(&mut self.scratch.index);
        index.reset();
        while let Some(piece) = index.next(self.scratch.level, self.text, self.layout.fields, &self.layout.dialect)
        {
            self.read_piece(&piece);
            if self.layout.on_error == OnError::Error && !self.faults.is_empty() {
                break;
            }
        }
        self.scratch.index = index;
    }

    fn read_piece(&mut self, piece: &Piece<'_>) {
        self.faults.extend(piece.unsplit.iter().map(Fault::unsplit));
        if piece.rows == 0 {
            return;
        }
        for (i, builder) in self.builders.iter_mut().enumerate() {
            let column = &self.layout.columns[i];
            let scratch = &mut *self.scratch;
            let cells = scratch.spans.cells(scratch.level, piece, column, builder.reader());
            let mut tools = Tools { level: scratch.level, odd: &mut scratch.odd, failed: &mut scratch.failed };
            builder.read(&cells, &mut tools);
            let fault = |failed: Failed| Fault::cell(piece, self.rows, i, column.index, failed);
            self.faults.extend(scratch.failed.drain(..).map(fault));
        }
        self.note_starts(piece);
        self.rows += piece.rows;
    }

    /// Notes where the rows start; their numbers only where some row is missing between them.
    fn note_starts(&mut self, piece: &Piece<'_>) {
        let first = self.bytes.len();
        self.bytes.resize(first + piece.rows, 0);
        let before = piece.marks.iter().step_by(piece.stride);
        for (start, before) in self.bytes[first..].iter_mut().zip(before) {
            *start = before.wrapping_add(1);
        }
        // Up to the first bad row, which is the end where it is an error, no number is missing.
        let may_miss = self.layout.on_error != OnError::Error || !self.text.is_one_line_a_row();
        if may_miss {
            self.ordinals.extend((0..piece.rows).map(|row| piece.ordinal_of(row)));
        }
    }

    fn finish(mut self) -> Decoded {
        let mut columns = Vec::with_capacity(self.builders.len());
        for (builder, column) in std::mem::take(&mut self.builders).into_iter().zip(&self.layout.columns) {
            let array = builder.finish(&mut self.scratch.words);
            columns.extend(column.wanted.then_some(array));
        }
        let mut decoded = Decoded { columns, rows: self.rows, skipped: self.text.skipped(), ..Decoded::default() };
        if !self.faults.is_empty() {
            self.leave_out(&mut decoded);
        }
        decoded.starts = self.starts();
        decoded
    }

    /// Takes the bad rows out: each one once, for its leftmost bad column.
    #[cold]
    fn leave_out(&mut self, decoded: &mut Decoded) {
        self.faults.sort_by_key(|fault| (fault.ordinal, fault.field));
        self.faults.dedup_by_key(|fault| fault.ordinal);
        let mut reject = Reject::new(self.text, self.layout);
        if self.layout.on_error == OnError::Error {
            let first = &self.faults[0];
            // All rows before it are good.
            let rows = first.ordinal as usize;
            decoded.error = Some(Error::BadRow(Box::new(reject.bad_row(first))));
            decoded.columns =
                decoded.columns.iter().map(|column| columns::recoded(column.slice(0, rows))).collect();
            decoded.rows = rows;
            self.bytes.truncate(rows);
            self.ordinals.truncate(rows);
            return;
        }
        decoded.rejects = self.faults.iter().map(|fault| reject.bad_row(fault)).collect();
        let mut keep = vec![true; self.rows];
        self.faults.iter().filter_map(|fault| fault.row).for_each(|row| keep[row as usize] = false);
        self.filter(&BooleanBuffer::from(&keep[..]), decoded);
    }

    fn filter(&mut self, keep: &BooleanBuffer, decoded: &mut Decoded) {
        let mask = BooleanArray::new(keep.clone(), None);
        let select = |column: &ArrayRef| {
            columns::recoded(arrow_select::filter::filter(column, &mask).expect("the mask has as many rows"))
        };
        decoded.columns = decoded.columns.iter().map(select).collect();
        decoded.rows = keep.count_set_bits();
        let kept = |all: &[u32]| keep.set_indices().filter_map(|row| all.get(row).copied()).collect();
        self.bytes = kept(&self.bytes);
        self.ordinals = kept(&self.ordinals);
    }

    fn starts(&mut self) -> Starts {
        let consecutive = self.ordinals.iter().enumerate().all(|(row, &ordinal)| row as u32 == ordinal);
        let lines = if consecutive && self.text.is_one_line_a_row() { Vec::new() } else { self.lines() };
        Starts {
            bytes: std::mem::take(&mut self.bytes),
            lines,
            rows: if consecutive { Vec::new() } else { std::mem::take(&mut self.ordinals) },
        }
    }

    /// The line of each row, relative to the text's first.
    fn lines(&self) -> Vec<u32> {
        let (text, mut at, mut line) = (self.text.bytes(), 0, 0);
        let mut line_of = |&start: &u32| {
            line += memchr::memchr_iter(b'\n', &text[at..start as usize]).count() as u32;
            at = start as usize;
            line
        };
        self.bytes.iter().map(&mut line_of).collect()
    }
}
