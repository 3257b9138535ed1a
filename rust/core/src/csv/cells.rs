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
    starts: &'a [u32],
    /// How long each cell is: 0 if it is an unquoted empty one; [`ODD`] for those that are not
    /// simply so many bytes of text.
    lens: &'a [u32],
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

    /// The starts and lengths of four cells each; behind the last cell, odd ones.
    #[inline(always)]
    pub fn quads(&self) -> (&'a [[u32; 4]], &'a [[u32; 4]]) {
        (self.starts.as_chunks().0, self.lens.as_chunks().0)
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
        self.starts[piece.rows..].fill(0);
        self.lens[piece.rows..].fill(ODD);
        level.run(Measure { spans: self, piece, column, spelled });
        Cells { text: piece.text, starts: &self.starts, lens: &self.lens, piece, column }
    }
}

struct Measure<'a> {
    spans: &'a mut Spans,
    piece: &'a Piece<'a>,
    column: &'a Column,
    spelled: bool,
}

impl Job for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, _isa: I) {
        self.measure();
        if self.piece.returns && self.column.index + 1 == self.piece.fields {
            self.trim_returns();
        }
        if self.spelled {
            self.find_spellings();
        }
        if let (true, Some(quote)) = (self.piece.quotes, self.piece.dialect.quote()) {
            self.strip_quotes(quote);
        }
    }
}

impl Measure<'_> {
    #[inline(always)]
    fn rows(&mut self) -> impl Iterator<Item = (&mut u32, &mut u32)> {
        let rows = self.piece.rows;
        self.spans.starts[..rows].iter_mut().zip(&mut self.spans.lens[..rows])
    }

    #[inline(always)]
    fn measure(&mut self) {
        let (mut marks, stride) = (&self.piece.marks[self.column.index..], self.piece.stride);
        for (start, len) in self.rows() {
            let Some(&[before, end]) = marks.first_chunk() else { return };
            *start = before.wrapping_add(1);
            *len = end.wrapping_sub(*start);
            marks = marks.get(stride..).unwrap_or_default();
        }
    }

    #[inline(always)]
    fn trim_returns(&mut self) {
        let text = self.piece.text;
        for (start, len) in self.rows() {
            // For an empty cell this looks at the byte of its own end, a newline.
            let last = text[(*start + len.saturating_sub(1)) as usize];
            *len -= u32::from(last == b'\r');
        }
    }

    fn find_spellings(&mut self) {
        let (text, column) = (self.piece.text, self.column);
        for (start, len) in self.rows() {
            let raw = &text[*start as usize..][..*len as usize];
            if *len > 0 && column.is_null(raw) {
                *len = ODD;
            }
        }
    }

    /// Takes the quotes off. Cells with a quote within become odd, and so does the empty text,
    /// which is not null.
    #[inline(always)]
    fn strip_quotes(&mut self, quote: u8) {
        let (text, doubled) = (self.piece.text, self.piece.doubled);
        for (start, len) in self.rows() {
            if text[*start as usize] != quote || *len == 0 || *len == ODD {
                continue;
            }
            let inner = len.saturating_sub(2);
            let plain = inner != 0 && !(doubled && text[*start as usize + 1..][..inner as usize].contains(&quote));
            *len = if plain { inner } else { ODD };
            *start += 1;
        }
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
