//! [`Cells`]: the fields of one column in one piece.

use std::borrow::Cow;

use super::layout::Column;
use super::piece::Piece;
use super::simd::{Isa, Job, Level};

/// The length of a cell that a fast kernel must leave to the scalar twin.
pub(crate) const ODD: u32 = u32::MAX;

/// The fields of one column in one piece, as places in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    /// The text, and at least 64 bytes more behind each cell.
    pub text: &'a [u8],
    /// Where each cell starts, without simple quotes; and, so that four can be done at a time, up
    /// to three more that are [`ODD`].
    pub starts: &'a [u32],
    /// How long each cell is: 0 if it is an unquoted empty one; [`ODD`] for those that are not
    /// simply so many bytes of text.
    pub lens: &'a [u32],
    /// The first eight bytes of each cell, with what stands behind it.
    pub words: &'a [u64],
    pub piece: &'a Piece<'a>,
    pub column: &'a Column,
}

/// What a cell says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Null,
    /// A text, without quotes.
    Text(Cow<'a, [u8]>),
}

impl<'a> Cells<'a> {
    /// How many there are.
    pub fn rows(&self) -> usize {
        self.piece.rows
    }

    /// The start and length of each cell.
    #[inline(always)]
    pub fn spans(&self) -> impl Iterator<Item = (u32, u32)> + 'a {
        let rows = self.piece.rows;
        self.starts[..rows].iter().copied().zip(self.lens[..rows].iter().copied())
    }

    /// What a cell says, exactly.
    pub fn get(&self, row: usize) -> Cell<'a> {
        let (start, end) = self.piece.span(row, self.column.index);
        let raw = &self.text[start..end];
        let quote = self.piece.dialect.quote();
        match (raw, quote) {
            ([first, inner @ .., _], Some(quote)) if *first == quote => Cell::Text(unescape(inner, quote)),
            _ if self.column.is_null(raw) => Cell::Null,
            _ => Cell::Text(Cow::Borrowed(raw)),
        }
    }
}

/// What stands between quotes, with each doubled quote as one.
pub(crate) fn unescape(inner: &[u8], quote: u8) -> Cow<'_, [u8]> {
    if memchr::memchr(quote, inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(i) = memchr::memchr(quote, rest) {
        text.extend_from_slice(&rest[..=i]);
        rest = rest.get(i + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

/// Memory for the places of cells.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    starts: Vec<u32>,
    lens: Vec<u32>,
    words: Vec<u64>,
}

impl Spans {
    /// Finds the cells of a column. With `spelled`, unquoted null spellings become odd.
    pub fn cells<'a>(
        &'a mut self,
        level: Level,
        piece: &'a Piece<'a>,
        column: &'a Column,
        spelled: bool,
    ) -> Cells<'a> {
        let padded = piece.rows.next_multiple_of(4);
        self.starts.resize(padded, 0);
        self.lens.resize(padded, 0);
        self.words.resize(padded, 0);
        self.starts[piece.rows..].fill(0);
        self.lens[piece.rows..].fill(ODD);
        let returns = piece.returns && column.index + 1 == piece.fields;
        match (returns, piece.quotes) {
            (false, false) => level.run(Measure::<false, false> { spans: self, piece, column }),
            (true, false) => level.run(Measure::<true, false> { spans: self, piece, column }),
            (false, true) => level.run(Measure::<false, true> { spans: self, piece, column }),
            (true, true) => level.run(Measure::<true, true> { spans: self, piece, column }),
        }
        if spelled {
            self.find_spellings(piece, column);
        }
        Cells { text: piece.text, starts: &self.starts, lens: &self.lens, words: &self.words, piece, column }
    }

    #[cold]
    fn find_spellings(&mut self, piece: &Piece<'_>, column: &Column) {
        for (row, len) in self.lens[..piece.rows].iter_mut().enumerate() {
            let (start, end) = piece.span(row, column.index);
            if column.is_null(&piece.text[start..end]) && end > start {
                *len = ODD;
            }
        }
    }
}

/// Finds where the cells of a column are, which may have returns at their ends, or quotes.
struct Measure<'a, const RETURNS: bool, const QUOTES: bool> {
    spans: &'a mut Spans,
    piece: &'a Piece<'a>,
    column: &'a Column,
}

impl<const RETURNS: bool, const QUOTES: bool> Job for Measure<'_, RETURNS, QUOTES> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { spans, piece, column } = self;
        let (starts, lens, words) = (&mut spans.starts, &mut spans.lens, &mut spans.words);
        let mut cells = starts[..piece.rows].iter_mut().zip(lens).zip(words);
        let quote = piece.dialect.quote().unwrap_or_default();
        let about = About { text: piece.text, quote, doubled: piece.doubled };
        let marks = &piece.marks[column.index..];
        if piece.stride == 1 {
            for (marks, cell) in marks.windows(2).zip(cells) {
                place::<RETURNS, QUOTES>(&about, marks, cell);
            }
            return;
        }
        let exact = marks.chunks_exact(piece.stride);
        let rest = exact.remainder();
        for (marks, cell) in exact.zip(&mut cells) {
            place::<RETURNS, QUOTES>(&about, marks, cell);
        }
        // The last row need not have a whole stride.
        if let Some(cell) = cells.next() {
            place::<RETURNS, QUOTES>(&about, rest, cell);
        }
    }
}

/// What matters of a piece where cells are found one by one.
struct About<'a> {
    text: &'a [u8],
    quote: u8,
    /// Some quoted cell may have quotes in it.
    doubled: bool,
}

/// Notes the start, the length and the first word of the cell between two marks.
#[inline(always)]
fn place<const RETURNS: bool, const QUOTES: bool>(
    about: &About<'_>,
    marks: &[u32],
    ((start, len), word): ((&mut u32, &mut u32), &mut u64),
) {
    let [before, end, ..] = *marks else { return };
    let mut first = before.wrapping_add(1);
    let mut length = end.wrapping_sub(first);
    if RETURNS {
        // For an empty cell this looks at the byte of its own end, a newline.
        let last = about.text[(first + length.saturating_sub(1)) as usize];
        length -= u32::from(last == b'\r');
    }
    if QUOTES {
        (first, length) = without_quotes(about, first, length);
    }
    (*start, *len, *word) = (first, length, word_at(about.text, first));
}

/// Takes the quotes off a cell. Cells with a quote within become odd, and so does the empty text,
/// which is not null.
#[inline(always)]
fn without_quotes(about: &About<'_>, start: u32, len: u32) -> (u32, u32) {
    let quoted = (about.text[start as usize] == about.quote) & (len > 1);
    let (start, inner) = (start + u32::from(quoted), len - 2 * u32::from(quoted));
    if quoted && about.doubled && has_quote(about, start, inner) {
        return (start, ODD);
    }
    (start, if quoted & (inner == 0) { ODD } else { inner })
}

#[cold]
fn has_quote(about: &About<'_>, start: u32, len: u32) -> bool {
    memchr::memchr(about.quote, &about.text[start as usize..][..len as usize]).is_some()
}

/// Eight bytes of a text, which has more than that behind every cell.
#[inline(always)]
fn word_at(text: &[u8], start: u32) -> u64 {
    match text.get(start as usize..start as usize + 8).and_then(<[u8]>::first_chunk) {
        Some(word) => u64::from_le_bytes(*word),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_quotes_become_one() {
        for (inner, text) in [("", ""), ("a", "a"), ("\"\"", "\""), ("a\"\"b\"\"", "a\"b\""), ("\"\"\"\"", "\"\"")]
        {
            assert_eq!(unescape(inner.as_bytes(), b'"').as_ref(), text.as_bytes(), "{inner:?}");
        }
    }
}
