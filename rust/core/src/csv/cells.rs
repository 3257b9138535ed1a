//! [`Cells`]: the fields of one column in one piece.

use std::borrow::Cow;
use std::iter::Zip;
use std::slice;

use super::layout::Column;
use super::piece::Piece;
pub(crate) use super::simd::{Four, ODD};
use super::simd::{Isa, Job, Level};

/// The fields of one column in one piece, as places in the text.
///
/// The first ones may be left to their marks, because a cell that is read once is cheaper found than
/// found, stored and read again. The others are stored, without returns and quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    /// The text, and at least 64 bytes more behind each cell.
    pub text: &'a [u8],
    /// The marks of the first cells, a multiple of four rows of them, each row from this column's on.
    marks: &'a [u32],
    /// These cells may have quotes, which are taken off. Otherwise what has quotes is left as it is.
    quotes: bool,
    /// Where each of the others starts; and, so that four can be done at a time, up to three more
    /// that are [`ODD`].
    starts: &'a [u32],
    /// How long each is: 0 if it is empty; [`ODD`] for those that are not simply so many bytes of text.
    lens: &'a [u32],
    /// The first eight bytes of each, with what stands behind it.
    words: &'a [u64],
    pub piece: &'a Piece<'a>,
    pub column: &'a Column,
}

type Quads<'a, T> = slice::Iter<'a, [T; 4]>;

/// See [`Cells::fours`].
pub(crate) struct Fours<'a, I, const QUOTES: bool> {
    isa: I,
    about: About<'a>,
    stride: usize,
    marks: &'a [u32],
    stored: Zip<Zip<Quads<'a, u32>, Quads<'a, u32>>, Quads<'a, u64>>,
}

impl<I: Isa, const QUOTES: bool> Iterator for Fours<'_, I, QUOTES> {
    type Item = Four;

    #[inline(always)]
    fn next(&mut self) -> Option<Four> {
        let Some((marks, rest)) = self.marks.split_at_checked(4 * self.stride) else {
            return self.stored.next().map(|((&starts, &lens), &words)| Four { starts, lens, words });
        };
        self.marks = rest;
        // Not with something else instead: the four would go through memory.
        let four = self.isa.four(self.about.text, marks, self.stride).expect("cells are in the text");
        Some(if QUOTES { unquoted(&self.about, &four) } else { four })
    }
}

/// Four cells without their quotes, which have none within.
#[inline(always)]
fn unquoted(about: &About<'_>, four: &Four) -> Four {
    let ([a, b, c, d], [i, j, k, l]) = (four.starts, four.lens);
    let [v, w, x, y] = four.words.map(|word| u32::from(word as u8 == about.quote));
    let starts = [a + v, b + w, c + x, d + y];
    let lens = [(i, v), (j, w), (k, x), (l, y)].map(|(len, quoted)| len.wrapping_sub(2 * quoted));
    let words = starts.map(|start| word_at(about.text, start));
    Four { starts, lens, words }
}

/// How a column wants its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// Unquoted null spellings are [`ODD`].
    pub spelled: bool,
    /// Quotes are taken off. Otherwise they may be left on: what has quotes around it must not look
    /// like a value.
    pub unquoted: bool,
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
        let (about, quotes) = (About::new(self.piece), self.quotes);
        let marked = move |marks| match (between(marks), quotes) {
            ((start, len), true) => without_quotes(&about, start, len),
            (place, false) => place,
        };
        let marked = self.marks.chunks_exact(self.piece.stride).map(marked);
        let stored = self.starts.iter().copied().zip(self.lens.iter().copied());
        marked.chain(stored).take(self.piece.rows)
    }

    /// Whether cells that are left to their marks may have quotes, which are to be taken off.
    pub fn may_have_quotes(&self) -> bool {
        self.quotes
    }

    /// All cells, four at a time; up to three at the end are [`ODD`] ones too many. `QUOTES` if some
    /// may have quotes.
    #[inline(always)]
    pub fn fours<I: Isa, const QUOTES: bool>(&self, isa: I) -> Fours<'a, I, QUOTES> {
        let (starts, lens, words) = (self.starts.as_chunks().0, self.lens.as_chunks().0, self.words.as_chunks().0);
        let stored = starts.iter().zip(lens).zip(words);
        Fours { isa, about: About::new(self.piece), stride: self.piece.stride, marks: self.marks, stored }
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
    rows: usize,
}

/// Whether cells may be left to their marks.
fn may_be_marked(piece: &Piece<'_>, reader: Reader) -> bool {
    let quotes = match reader.unquoted {
        true => !piece.doubled,
        // Other quotes could be a digit, or a sign.
        false => !piece.quotes || piece.dialect.quote() == Some(b'"'),
    };
    !reader.spelled && quotes && piece.stride > 1
}

/// The start and length of the cell between the first two marks.
#[inline(always)]
fn between(marks: &[u32]) -> (u32, u32) {
    match *marks {
        [before, end, ..] => (before.wrapping_add(1), end.wrapping_sub(before.wrapping_add(1))),
        _ => (0, ODD),
    }
}

impl Spans {
    /// Finds the cells of a column.
    pub fn cells<'a>(
        &'a mut self,
        level: Level,
        piece: &'a Piece<'a>,
        column: &'a Column,
        reader: Reader,
    ) -> Cells<'a> {
        let returns = piece.returns && column.index + 1 == piece.fields;
        let marks = &piece.marks[column.index..];
        let marked = if returns || !may_be_marked(piece, reader) { 0 } else { marks.len() / (4 * piece.stride) };
        let (marks, rest) = marks.split_at(4 * piece.stride * marked);
        self.resize(piece.rows - 4 * marked);
        match (returns, piece.quotes) {
            (false, false) => level.run(Measure::<false, false> { spans: self, piece, marks: rest }),
            (true, false) => level.run(Measure::<true, false> { spans: self, piece, marks: rest }),
            (false, true) => level.run(Measure::<false, true> { spans: self, piece, marks: rest }),
            (true, true) => level.run(Measure::<true, true> { spans: self, piece, marks: rest }),
        }
        if reader.spelled {
            self.find_spellings(piece, column);
        }
        let Self { starts, lens, words, .. } = self;
        let quotes = piece.quotes && reader.unquoted;
        Cells { text: piece.text, marks, quotes, starts, lens, words, piece, column }
    }

    /// Makes room for so many cells, and the odd ones behind them.
    fn resize(&mut self, rows: usize) {
        let padded = rows.next_multiple_of(4);
        self.rows = rows;
        self.starts.resize(padded, 0);
        self.lens.resize(padded, 0);
        self.words.resize(padded, 0);
        self.starts[rows..].fill(0);
        self.lens[rows..].fill(ODD);
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
    /// From the column's mark of the first row that is looked at on.
    marks: &'a [u32],
}

impl<const RETURNS: bool, const QUOTES: bool> Job for Measure<'_, RETURNS, QUOTES> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { spans, piece, marks } = self;
        let (starts, lens, words) = (&mut spans.starts, &mut spans.lens, &mut spans.words);
        let mut cells = starts[..spans.rows].iter_mut().zip(lens).zip(words);
        let about = About::new(piece);
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
#[derive(Clone, Copy)]
struct About<'a> {
    text: &'a [u8],
    quote: u8,
    /// Some quoted cell may have quotes in it.
    doubled: bool,
}

impl<'a> About<'a> {
    #[inline(always)]
    fn new(piece: &Piece<'a>) -> Self {
        let quote = piece.dialect.quote().unwrap_or_default();
        Self { text: piece.text, quote, doubled: piece.doubled }
    }
}

/// Stores the cell between two marks.
#[inline(always)]
fn place<const RETURNS: bool, const QUOTES: bool>(
    about: &About<'_>,
    marks: &[u32],
    ((start, len), word): ((&mut u32, &mut u32), &mut u64),
) {
    let (mut first, mut length) = between(marks);
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

/// Where a cell without its quotes starts, and how long it is; odd if there are some within. The empty
/// text, which is not null, is told from an empty cell by what stands in the text.
#[inline(always)]
fn without_quotes(about: &About<'_>, start: u32, len: u32) -> (u32, u32) {
    let quoted = about.text[start as usize] == about.quote;
    let (start, inner) = (start + u32::from(quoted), len.wrapping_sub(2 * u32::from(quoted)));
    let odd = about.doubled && quoted && has_quote(about, start, inner);
    (start, if odd { ODD } else { inner })
}

#[cold]
fn has_quote(about: &About<'_>, start: u32, len: u32) -> bool {
    let inner = about.text.get(start as usize..).and_then(|rest| rest.get(..len as usize));
    inner.is_none_or(|inner| memchr::memchr(about.quote, inner).is_some())
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
