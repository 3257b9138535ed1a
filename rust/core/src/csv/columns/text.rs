//! [`Text`]: builds columns of text, with codes into a dictionary while that is worth it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BinaryArray, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::super::cells::{Cell, Cells, ODD, Reader};
use super::super::layout::Column;
use super::super::simd::{Isa, Job};
use super::nulls::Nulls;
use super::{Builder, Failed, NoValue, Tools, Words};

/// Builds a column of text, or of bytes.
///
/// Text starts as codes into a dictionary of the texts seen in this batch. Where more than half of
/// the rows are distinct after the first few thousand, it goes on as plain text.
pub(crate) struct Text {
    form: Form,
    nulls: Nulls,
    rows: usize,
    expected: usize,
    spelled: bool,
    required: bool,
    /// Bytes, which need not be UTF-8.
    binary: bool,
}

enum Form {
    Coded { codes: Vec<i32>, words: Words, checked: usize },
    Plain { ends: Vec<i32>, bytes: Vec<u8> },
}

/// Rows before it is decided whether a dictionary is worth it.
const TRIAL: usize = 4096;

impl Text {
    /// A builder of text with this memory for its words.
    pub fn coded(column: &Column, rows: usize, mut words: Words) -> Self {
        words.clear();
        // Codes are added four at a time, up to three too many.
        let codes = Vec::with_capacity(rows + 3);
        Self::new(column, rows, false, Form::Coded { codes, words, checked: 0 })
    }

    /// A builder of bytes.
    pub fn binary(column: &Column, rows: usize) -> Self {
        Self::new(column, rows, true, plain(rows))
    }

    fn new(column: &Column, rows: usize, binary: bool, form: Form) -> Self {
        Self {
            form,
            nulls: Nulls::default(),
            rows: 0,
            expected: rows,
            spelled: !column.nulls.is_empty(),
            required: column.required,
            binary,
        }
    }

    /// Goes on without a dictionary.
    #[cold]
    fn expand(&mut self) {
        let Form::Coded { codes, words, .. } = std::mem::replace(&mut self.form, plain(self.expected)) else {
            return;
        };
        let Form::Plain { ends, bytes } = &mut self.form else { return };
        for code in codes {
            // Nulls have code 0, whatever that is; what stands behind a null does not matter.
            bytes.extend_from_slice(if words.len() == 0 { &[] } else { words.get(code) });
            ends.push(bytes.len() as i32);
        }
    }

    /// Lists the rows of the piece that are not UTF-8. Each distinct text is looked at once.
    fn check(&mut self, cells: &Cells<'_>, tools: &mut Tools<'_>) {
        let first = self.rows;
        let fine = match &mut self.form {
            _ if self.binary => true,
            Form::Coded { words, checked, .. } => {
                let (bytes, ends) = words.texts();
                let fine = is_text(bytes, &ends[*checked..], ends.get(checked.wrapping_sub(1)));
                // Words that are no text stay unchecked, so that later rows with them fail too.
                *checked = if fine { words.len() } else { *checked };
                fine
            }
            Form::Plain { ends, bytes } => is_text(bytes, &ends[first..], ends.get(first.wrapping_sub(1))),
        };
        if !fine {
            self.list_failed(cells, tools);
        }
    }

    #[cold]
    fn list_failed(&mut self, cells: &Cells<'_>, tools: &mut Tools<'_>) {
        for row in 0..cells.rows() {
            if let Cell::Text(text) = cells.get(row)
                && simdutf8::basic::from_utf8(&text).is_err()
            {
                tools.failed.push(Failed { row: row as u32, why: NoValue::NotUtf8 });
            }
        }
    }
}

fn plain(rows: usize) -> Form {
    Form::Plain { ends: Vec::with_capacity(rows), bytes: Vec::with_capacity(rows.saturating_mul(8)) }
}

/// Whether the texts that end at `ends`, the first after `before`, are all UTF-8.
fn is_text(bytes: &[u8], ends: &[i32], before: Option<&i32>) -> bool {
    let start = before.map_or(0, |&end| end as usize);
    match simdutf8::basic::from_utf8(&bytes[start..]) {
        Ok(text) => text.is_ascii() || ends.iter().all(|&end| text.is_char_boundary(end as usize - start)),
        Err(_) => false,
    }
}

impl Builder for Text {
    fn reader(&self) -> Reader {
        Reader { spelled: self.spelled, unquoted: true }
    }

    fn read(&mut self, cells: &Cells<'_>, tools: &mut Tools<'_>) {
        let nulls = self.nulls.len();
        match &mut self.form {
            Form::Coded { codes, words, .. } => {
                let (first, nulls) = (self.rows, &mut self.nulls);
                tools.level.run(Code { cells, codes, words, nulls, first });
            }
            Form::Plain { ends, bytes } => copy(cells, ends, bytes, &mut self.nulls, self.rows),
        }
        if self.required {
            let fail = |&row: &u32| Failed { row: row - self.rows as u32, why: NoValue::Null };
            tools.failed.extend(self.nulls.since(nulls).iter().map(fail));
        }
        self.check(cells, tools);
        self.rows += cells.rows();
        if let Form::Coded { words, .. } = &self.form
            && self.rows >= TRIAL
            && words.len() > self.rows / 2
        {
            self.expand();
        }
    }

    fn finish(self: Box<Self>, spare: &mut Vec<Words>) -> ArrayRef {
        let Self { form, nulls, rows, binary, .. } = *self;
        let nulls = nulls.finish(rows);
        match form {
            Form::Coded { codes, words, .. } => {
                let array = coded(codes, &words, nulls);
                spare.push(words);
                array
            }
            Form::Plain { ends, bytes } if binary => {
                Arc::new(BinaryArray::new(offsets(&ends), Buffer::from_vec(bytes), nulls))
            }
            Form::Plain { ends, bytes } => Arc::new(strings(&ends, bytes, nulls)),
        }
    }
}

/// The array of codes that these words gave.
fn coded(codes: Vec<i32>, words: &Words, nulls: Option<NullBuffer>) -> ArrayRef {
    let (bytes, ends) = words.texts();
    let highest = (words.len() > 0).then(|| words.len() as i32 - 1);
    super::coded::coded(codes, highest, strings(ends, bytes.to_vec(), None), nulls)
}

/// An array of strings; if some are not UTF-8, which are in rows that have been found bad, they
/// are replaced.
fn strings(ends: &[i32], bytes: Vec<u8>, nulls: Option<NullBuffer>) -> StringArray {
    let bytes = Buffer::from_vec(bytes);
    StringArray::try_new(offsets(ends), bytes.clone(), nulls.clone()).unwrap_or_else(|_| {
        let raw = BinaryArray::new(offsets(ends), bytes, nulls);
        raw.iter().map(|text| text.map(String::from_utf8_lossy)).collect()
    })
}

fn offsets(ends: &[i32]) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend_from_slice(ends);
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

/// Codes the cells of a piece.
struct Code<'a> {
    cells: &'a Cells<'a>,
    codes: &'a mut Vec<i32>,
    words: &'a mut Words,
    nulls: &'a mut Nulls,
    /// The number of the piece's first row in the column.
    first: usize,
}

impl Job for Code<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        if self.cells.may_have_quotes() { self.all::<I, true>(isa) } else { self.all::<I, false>(isa) }
    }
}

impl Code<'_> {
    #[inline(always)]
    fn all<I: Isa, const QUOTES: bool>(self, isa: I) {
        let Self { cells, codes, words, nulls, first } = self;
        let (before, mut row) = (codes.len(), 0);
        codes.resize(before + cells.rows().next_multiple_of(4), 0);
        // Each to its place at once: four put together elsewhere would have to wait to be read as one.
        let mut fours = cells.fours::<I, QUOTES>(isa);
        for codes in codes[before..].as_chunks_mut::<4>().0 {
            let Some(four) = fours.next() else { break };
            if !words.singles(&four, codes) {
                for (lane, code) in codes.iter_mut().enumerate() {
                    let rest = || &cells.text[four.starts[lane] as usize..];
                    *code = match words.code(isa, four.words[lane], four.lens[lane], rest) {
                        Some(code) => code,
                        None => odd_code(isa, cells, row + lane, words).unwrap_or_else(|| {
                            nulls.push(first + row + lane);
                            0
                        }),
                    };
                }
            }
            row += 4;
        }
        codes.truncate(before + cells.rows());
    }
}

/// The code of a cell that may be null, or have quotes within; any for one behind the last.
#[cold]
#[inline(never)]
fn odd_code<I: Isa>(isa: I, cells: &Cells<'_>, row: usize, words: &mut Words) -> Option<i32> {
    if row >= cells.rows() {
        return Some(0);
    }
    match cells.get(row) {
        Cell::Null => None,
        Cell::Text(text) => Some(words.code_of(isa, &text)),
    }
}

/// Copies the cells of a piece.
fn copy(cells: &Cells<'_>, ends: &mut Vec<i32>, bytes: &mut Vec<u8>, nulls: &mut Nulls, first: usize) {
    for (row, (start, len)) in cells.spans().enumerate() {
        if len.wrapping_sub(1) < ODD - 1 {
            bytes.extend_from_slice(&cells.text[start as usize..][..len as usize]);
        } else if let Cell::Text(text) = cells.get(row) {
            bytes.extend_from_slice(&text);
        } else {
            nulls.push(first + row);
        }
        ends.push(bytes.len() as i32);
    }
}

/// A coded column whose codes are again in order of first appearance, without unused texts,
/// after rows have been taken out of it. Other columns stay as they are.
pub(crate) fn recoded(array: ArrayRef) -> ArrayRef {
    let Some(coded) = array.as_dictionary_opt::<Int32Type>() else { return array };
    let (mut fresh, mut used) = (vec![-1; coded.values().len()], Vec::new());
    let mut recode = |row: usize| {
        let code = &mut fresh[coded.keys().value(row) as usize];
        if *code < 0 {
            *code = used.len() as i32;
            used.push(coded.keys().value(row));
        }
        *code
    };
    let codes: Vec<i32> = (0..coded.len()).map(|row| if coded.is_valid(row) { recode(row) } else { 0 }).collect();
    let texts = coded.values().as_string::<i32>();
    let values: StringArray = used.iter().map(|&code| Some(texts.value(code as usize))).collect();
    Arc::new(DictionaryArray::new(Int32Array::new(codes.into(), coded.nulls().cloned()), Arc::new(values)))
}
