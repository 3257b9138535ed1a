//! [`Index`]: finds the fields of a text, a [`Piece`] at a time.

use super::automaton::State;
use super::block::Classifier;
use super::dialect::Dialect;
use super::pairs::Pairs;
use super::quoting::Quoting;
use super::simd::{Isa, Job, Level};
use super::text::Text;

/// A piece ends with the run of blocks in which it has this many rows …
const ROWS: usize = 256;
/// … or, if it has one, in which it has this many bytes: text, marks and values stay in the cache.
const BYTES: usize = 128 << 10;
/// Blocks that are looked at in one go, with room for all their marks beforehand.
const RUN: usize = 32;

/// Some rows of a text that split into the right number of fields, and those that do not.
///
/// Field `c` of row `r` spans `marks[r * stride + c] + 1 .. marks[r * stride + c + 1]` of the text.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    /// The text and what is behind it.
    pub text: &'a [u8],
    /// Separators.
    pub marks: &'a [u32],
    pub stride: usize,
    pub rows: usize,
    /// How many fields a row has.
    pub fields: usize,
    /// The first row's number in the text, bad rows counted.
    pub ordinal: usize,
    /// The rows' numbers in the text, where they are not just consecutive.
    pub ordinals: Option<&'a [u32]>,
    /// Rows that do not split, in order.
    pub unsplit: &'a [Unsplit],
    /// Some line may end in `\r\n`.
    pub returns: bool,
    /// Some field may be quoted.
    pub quotes: bool,
    /// Some quoted field may have quotes in it.
    pub doubled: bool,
    pub dialect: Dialect,
}

/// A row that does not split into the right number of fields.
#[derive(Clone, Debug)]
pub(crate) struct Unsplit {
    pub ordinal: u32,
    pub start: u32,
    pub end: u32,
    pub why: Why,
}

/// What is wrong with a row that does not split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has so many fields.
    Fields(usize),
    /// A quoted field goes on after its closing quote.
    AfterQuote,
    /// A quote never closes.
    Unclosed,
}

impl Piece<'_> {
    /// The number of a row in the text, bad rows counted.
    pub fn ordinal_of(&self, row: usize) -> u32 {
        self.ordinals.map_or((self.ordinal + row) as u32, |ordinals| ordinals[row])
    }

    /// Where a field starts and ends, quotes included, the end of line not.
    pub fn span(&self, row: usize, field: usize) -> (usize, usize) {
        let at = row * self.stride + field;
        let (start, end) = (self.marks[at].wrapping_add(1) as usize, self.marks[at + 1] as usize);
        let last = field + 1 == self.fields;
        (start, if last { without_return(self.text, start, end) } else { end })
    }

    /// Where a row starts and ends, the end of line not included.
    pub fn row_span(&self, row: usize) -> (usize, usize) {
        (self.span(row, 0).0, self.span(row, self.fields - 1).1)
    }
}

fn without_return(text: &[u8], start: usize, end: usize) -> usize {
    if end > start && text[end - 1] == b'\r' { end - 1 } else { end }
}

/// The separators of a text, found piece by piece. Kept from text to text for its memory.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The separator before the first row that has not been handed out, and those found after it.
    marks: Vec<u32>,
    len: usize,
    /// Where rows are broken.
    broken: Vec<u32>,
    /// Some quote is doubled.
    doubled: bool,
    /// How many of the marks have been handed out.
    used: usize,
    /// How far the text has been looked at, and what is known there.
    at: usize,
    state: Option<State>,
    ordinal: usize,
    walked: Walked,
}

/// The rows of a piece that is not regular, line by line.
#[derive(Debug, Default)]
struct Walked {
    marks: Vec<u32>,
    ordinals: Vec<u32>,
    unsplit: Vec<Unsplit>,
}

/// The place before the first byte.
const BEFORE: u32 = u32::MAX;

impl Index {
    /// Forgets the text before.
    pub fn reset(&mut self) {
        self.marks.clear();
        self.marks.resize(4096, 0);
        self.marks[0] = BEFORE;
        (self.len, self.used, self.at, self.ordinal) = (1, 0, 0, 0);
        (self.state, self.doubled) = (Some(State::LineStart), false);
        self.broken.clear();
    }

    /// The next rows; `None` at the end.
    pub fn next<'a>(
        &'a mut self,
        level: Level,
        text: &'a Text,
        fields: usize,
        dialect: &Dialect,
    ) -> Option<Piece<'a>> {
        self.let_go();
        let doubled = std::mem::take(&mut self.doubled);
        let bytes = &text.buffer[text.range.start..];
        let lines = level.run(Find { index: self, bytes, end: text.range.len(), dialect, quoting: text.quoting });
        if lines == 0 {
            return None;
        }
        self.used = self.last_end(bytes);
        let regular = (fields > 1 || text.skipped == 0)
            && self.broken.is_empty()
            && !text.unclosed
            && self.used == lines * fields;
        let returns = if regular { self.check(bytes, fields, lines) } else { None };
        let ordinal = self.ordinal;
        let (marks, stride, rows) = match returns {
            Some(_) => {
                self.ordinal += lines;
                (&self.marks[..=self.used], fields, lines)
            }
            None => {
                self.walk(bytes, text, fields, dialect);
                (&self.walked.marks[..], fields + 1, self.walked.ordinals.len())
            }
        };
        Some(Piece {
            text: bytes,
            marks,
            stride,
            rows,
            fields,
            ordinal,
            ordinals: returns.is_none().then_some(&self.walked.ordinals),
            unsplit: if returns.is_some() { &[] } else { &self.walked.unsplit },
            returns: returns.unwrap_or(true),
            quotes: text.quoting != Quoting::Absent && dialect.quote().is_some(),
            doubled: doubled || self.doubled,
            dialect: *dialect,
        })
    }

    /// Lets go of the marks of the piece that was handed out.
    fn let_go(&mut self) {
        self.marks.copy_within(self.used..self.len, 0);
        self.len -= self.used;
        self.used = 0;
        // A row that begins in a piece belongs to the next one if it does not end in it.
        let handed_out = self.marks[0].wrapping_add(1);
        self.broken.retain(|&place| place >= handed_out);
    }

    /// The place, among the marks, of the last end of line.
    fn last_end(&self, bytes: &[u8]) -> usize {
        let is_end = |&mark: &u32| mark != BEFORE && bytes[mark as usize] == b'\n';
        self.marks[..self.len].iter().rposition(is_end).unwrap_or(0)
    }

    /// Whether every row ends where it must; then also whether a return stands before some end.
    fn check(&self, bytes: &[u8], fields: usize, lines: usize) -> Option<bool> {
        let (mut all, mut least) = (0, u16::MAX);
        for row in self.marks[1..=lines * fields].chunks_exact(fields) {
            let [.., end] = *row else { return None };
            let ends = bytes.get((end as usize).wrapping_sub(1)..)?.first_chunk()?;
            // Its high byte is zero for a newline; then all of it is, if a return stands before that.
            let unlike = u16::from_le_bytes(*ends) ^ u16::from_le_bytes(*b"\r\n");
            (all, least) = (all | unlike, least.min(unlike));
        }
        (all >> 8 == 0).then_some(least == 0)
    }

    /// Sorts the lines of the piece into good rows, rows that do not split, and others.
    #[cold]
    fn walk(&mut self, bytes: &[u8], text: &Text, fields: usize, dialect: &Dialect) {
        let walked = &mut self.walked;
        walked.marks.clear();
        walked.ordinals.clear();
        walked.unsplit.clear();
        let mut broken = self.broken.iter().copied().peekable();
        let mut first = 0;
        while first < self.used {
            let ends = |&mark: &u32| bytes[mark as usize] == b'\n';
            let count = 1 + self.marks[first + 1..].iter().position(ends).unwrap_or(0);
            let line = &self.marks[first..=first + count];
            let (start, end) = (line[0].wrapping_add(1), line[count]);
            first += count;
            if is_void(&bytes[start as usize..end as usize], dialect) {
                continue;
            }
            let ordinal = self.ordinal as u32;
            self.ordinal += 1;
            let is_broken = broken.peek().is_some_and(|&at| at <= end);
            while broken.next_if(|&at| at <= end).is_some() {}
            let why = match () {
                () if text.unclosed && end as usize + 1 == text.range.len() => Why::Unclosed,
                () if is_broken => Why::AfterQuote,
                () if count != fields => Why::Fields(count),
                () => {
                    walked.marks.extend_from_slice(line);
                    walked.ordinals.push(ordinal);
                    continue;
                }
            };
            let end = match why {
                // The newline behind it was added: its own end of line, if any, is within the quotes.
                Why::Unclosed => end as usize,
                _ => without_return(bytes, start as usize, end as usize),
            } as u32;
            walked.unsplit.push(Unsplit { ordinal, start, end, why });
        }
    }
}

/// Whether a line, without its newline, is no row.
fn is_void(line: &[u8], dialect: &Dialect) -> bool {
    matches!(line, b"" | b"\r") || dialect.is_comment(line[0])
}

/// Finds separators until there are enough rows; gives the number of lines that end among them.
struct Find<'a> {
    index: &'a mut Index,
    bytes: &'a [u8],
    end: usize,
    dialect: &'a Dialect,
    quoting: Quoting,
}

impl Job for Find<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) -> usize {
        match self.quoting {
            Quoting::Absent => self.simply(isa),
            Quoting::Paired => self.in_pairs(isa),
            Quoting::Odd => self.exactly(isa),
        }
    }
}

/// Blocks that are looked at in one go.
struct Blocks<'a> {
    /// All of them within the text, or one that goes beyond its end.
    blocks: &'a [[u8; 64]],
    /// Which bits of each are of the text.
    valid: u64,
    /// Room for all marks that there can be.
    marks: &'a mut [u32],
}

impl Find<'_> {
    /// The next blocks; `None` if the piece is full.
    #[inline(always)]
    fn blocks(&mut self, from: usize, lines: usize) -> Option<Blocks<'_>> {
        let (at, index) = (self.index.at, &mut *self.index);
        if at >= self.end || lines >= ROWS || (lines > 0 && at - from >= BYTES) {
            return None;
        }
        let left = self.end - at;
        let blocks = &self.bytes[at..].as_chunks().0[..(left / 64).clamp(1, RUN)];
        let room = index.len + 64 * RUN;
        if index.marks.len() < room {
            index.marks.resize(room + room / 2, 0);
        }
        let valid = if left >= 64 { u64::MAX } else { (1 << left) - 1 };
        Some(Blocks { blocks, valid, marks: &mut index.marks[index.len..] })
    }

    /// So many blocks have been looked at and have so many separators.
    #[inline(always)]
    fn passed(&mut self, blocks: usize, marks: usize) {
        self.index.at += 64 * blocks;
        self.index.len += marks;
    }

    /// Without quotes and comments, every delimiter and newline separates.
    #[inline(always)]
    fn simply<I: Isa>(&mut self, isa: I) -> usize {
        let (from, mut lines) = (self.index.at, 0);
        let needles = [isa.needle(self.dialect.delimiter()), isa.needle(b'\n')];
        let mut base = from as u32;
        while let Some(Blocks { blocks, valid, marks }) = self.blocks(from, lines) {
            let (count, mut len) = (blocks.len(), 0);
            for block in blocks {
                let Some(out) = marks[len..].first_chunk_mut() else { break };
                let [delimiters, newlines] = isa.find(block, needles);
                len += isa.positions((delimiters | newlines) & valid, base, out);
                lines += (newlines & valid).count_ones() as usize;
                base += 64;
            }
            self.passed(count, len);
        }
        lines
    }

    /// Where quotes open and close in turn, their number says what separates.
    #[inline(always)]
    fn in_pairs<I: Isa>(&mut self, isa: I) -> usize {
        let (from, mut lines) = (self.index.at, 0);
        let State { mut inside, mut after_quote, .. } = self.index.state.unwrap_or(State::LineStart);
        let (pairs, returns, text) = (Pairs::new(isa, self.dialect), isa.needle(b'\r'), self.bytes);
        let (mut base, mut doubled) = (from as u32, 0);
        let mut broken = std::mem::take(&mut self.index.broken);
        while let Some(Blocks { blocks, valid, marks }) = self.blocks(from, lines) {
            let (count, mut len) = (blocks.len(), 0);
            for bytes in blocks {
                let Some(out) = marks[len..].first_chunk_mut() else { break };
                let block = pairs.classify(bytes, inside);
                len += isa.positions(block.separators & !block.inner & valid, base, out);
                lines += (block.ends() & valid).count_ones() as usize;
                let closed = (block.closing() << 1) | after_quote;
                doubled |= block.quotes & closed;
                let stray = closed & !block.special() & valid;
                if stray != 0 {
                    let next = u64::from(text[base as usize + 64] == b'\n') << 63;
                    let [returns] = isa.find(bytes, [returns]);
                    let stray = stray & !(returns & ((block.newlines >> 1) | next));
                    if stray != 0 {
                        note_broken(&mut broken, stray, base);
                    }
                }
                (inside, after_quote) = (block.inside_next(), block.closing() >> 63);
                base += 64;
            }
            self.passed(count, len);
        }
        self.index.state = Some(State::paired(inside, after_quote));
        self.index.doubled = doubled != 0;
        self.index.broken = broken;
        lines + self.close(self.index.at)
    }

    #[inline(always)]
    fn exactly<I: Isa>(&mut self, isa: I) -> usize {
        let (from, mut lines) = (self.index.at, 0);
        let (mut state, mut doubled) = (self.index.state.unwrap_or(State::LineStart), 0);
        let (classifier, mut base) = (Classifier::new(isa, self.dialect), from as u32);
        let mut broken = std::mem::take(&mut self.index.broken);
        while let Some(Blocks { blocks, valid, marks }) = self.blocks(from, lines) {
            let (count, mut len) = (blocks.len(), 0);
            for bytes in blocks {
                let Some(out) = marks[len..].first_chunk_mut() else { break };
                let block = classifier.classify(bytes, state);
                len += isa.positions(block.separators & valid, base, out);
                lines += (block.ends & valid).count_ones() as usize;
                doubled |= block.doubled;
                if block.broken & valid != 0 {
                    note_broken(&mut broken, block.broken & valid, base);
                }
                state = block.state;
                base += 64;
            }
            self.passed(count, len);
        }
        self.index.state = Some(state);
        self.index.doubled = doubled != 0;
        self.index.broken = broken;
        lines + self.close(self.index.at)
    }

    /// An unclosed quote hides the newline at the end of the text: makes it end its row.
    fn close(&mut self, at: usize) -> usize {
        let index = &mut *self.index;
        let newline = (self.end as u32).wrapping_sub(1);
        if at < self.end || index.marks[index.len - 1] == newline {
            return 0;
        }
        index.marks.truncate(index.len);
        index.marks.resize(index.len + 128, newline);
        index.len += 1;
        1
    }
}

#[cold]
fn note_broken(places: &mut Vec<u32>, mut broken: u64, base: u32) {
    while broken != 0 {
        places.push(base + broken.trailing_zeros());
        broken &= broken - 1;
    }
}
