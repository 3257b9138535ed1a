//! The rules of quoting, one byte at a time: what every faster way must agree with.

use super::block::Block;
use super::dialect::Dialect;

/// What is known before a byte: a word for each thing that the masks of a block start from, so
/// that going from block to block needs no branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// One if a field starts.
    pub field_start: u64,
    /// One if a line starts, and a field with it.
    pub line_start: u64,
    /// One after a quote between quotes.
    pub after_quote: u64,
    /// All bits between quotes.
    pub inside: u64,
    /// Not zero for what masks cannot start from.
    rare: u64,
}

#[expect(non_upper_case_globals, reason = "they are used as the variants of an enum")]
impl State {
    /// In a field without quotes, where quotes are ordinary.
    pub const Unquoted: Self = Self { field_start: 0, line_start: 0, after_quote: 0, inside: 0, rare: 0 };
    /// A field starts, after a delimiter.
    pub const FieldStart: Self = Self { field_start: 1, ..Self::Unquoted };
    /// A line starts.
    pub const LineStart: Self = Self { line_start: 1, ..Self::FieldStart };
    /// After a quote between quotes: the closing one, or the first of two.
    pub const Quote: Self = Self { after_quote: 1, ..Self::Unquoted };
    /// Between quotes.
    pub const Quoted: Self = Self { inside: u64::MAX, ..Self::Unquoted };
    /// A line has begun with a carriage return: blank, if a newline follows.
    pub const LineStartReturn: Self = Self { rare: 1, ..Self::Unquoted };
    /// After a closing quote and a carriage return: fine, if a newline follows.
    pub const QuoteReturn: Self = Self { rare: 2, ..Self::Unquoted };
    /// In a comment.
    pub const Comment: Self = Self { rare: 3, ..Self::Unquoted };

    /// The state after a block, from the highest bits of its masks.
    #[inline(always)]
    pub fn after(separators: u64, ends: u64, closing: u64, inner: u64, returns_first: u64) -> Self {
        Self {
            field_start: separators >> 63,
            line_start: ends >> 63,
            after_quote: closing >> 63,
            inside: (inner as i64 >> 63) as u64,
            rare: returns_first >> 63,
        }
    }

    /// The same, word by word.
    #[inline(always)]
    pub fn copied(self) -> Self {
        let Self { field_start, line_start, after_quote, inside, rare } = self;
        Self { field_start, line_start, after_quote, inside, rare }
    }

    /// Between quotes, or after one that closes: where a quote leads if it is not ordinary.
    fn is_quoted(self) -> bool {
        matches!(self, Self::Quoted | Self::Quote)
    }

    /// After these bytes, the last two, if the last one is not between quotes and no quote is ordinary.
    #[inline(always)]
    pub fn outside(last: [u8; 2], dialect: &Dialect) -> Self {
        match last {
            [_, b'\n'] => Self::LineStart,
            [b'\n', b'\r'] => Self::LineStartReturn,
            [quote, b'\r'] if dialect.is_quote(quote) => Self::QuoteReturn,
            [_, byte] if byte == dialect.delimiter() => Self::FieldStart,
            [_, byte] if dialect.is_quote(byte) => Self::Quote,
            _ => Self::Unquoted,
        }
    }

    /// In a text whose quotes open and close in turn.
    #[inline(always)]
    pub fn paired(inside: u64, after_quote: u64) -> Self {
        Self { inside, after_quote, ..Self::Unquoted }
    }

    /// Whether masks can start from it.
    #[inline(always)]
    pub fn is_simple(self) -> bool {
        self.rare == 0
    }
}

/// What a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Part of a field, a comment or a blank line.
    Inner,
    /// The first byte after a closing quote that may not stand there.
    Stray,
    /// Ends a field.
    Delimiter,
    /// Ends a row.
    RowEnd,
    /// Ends a line that is no row.
    VoidEnd,
}

/// One step of the automaton.
fn step(state: State, byte: u8, dialect: &Dialect) -> (State, Class) {
    type S = State;
    let newline = byte == b'\n';
    match state {
        S::Comment if newline => (S::LineStart, Class::VoidEnd),
        S::Comment => (S::Comment, Class::Inner),
        S::Quoted if dialect.is_quote(byte) => (S::Quote, Class::Inner),
        S::Quoted => (S::Quoted, Class::Inner),
        S::Quote if dialect.is_quote(byte) => (S::Quoted, Class::Inner),
        S::Quote if byte == b'\r' => (S::QuoteReturn, Class::Inner),
        S::LineStart | S::LineStartReturn if newline => (S::LineStart, Class::VoidEnd),
        S::LineStart if byte == b'\r' => (S::LineStartReturn, Class::Inner),
        S::LineStart if dialect.is_comment(byte) => (S::Comment, Class::Inner),
        S::LineStart | S::FieldStart if dialect.is_quote(byte) => (S::Quoted, Class::Inner),
        _ if newline => (S::LineStart, Class::RowEnd),
        _ if byte == dialect.delimiter() => (S::FieldStart, Class::Delimiter),
        S::Quote | S::QuoteReturn => (S::Unquoted, Class::Stray),
        _ => (S::Unquoted, Class::Inner),
    }
}

/// Classifies up to 64 bytes from a known state. Exact for any input.
pub(crate) fn walk(bytes: &[u8], dialect: &Dialect, mut state: State) -> Block {
    let mut block = Block { state, ..Block::default() };
    for (i, &byte) in bytes.iter().enumerate().take(64) {
        let bit = 1 << i;
        let before = state;
        let class;
        (state, class) = step(state, byte, dialect);
        block.newlines |= if byte == b'\n' { bit } else { 0 };
        block.quotes |= if dialect.is_quote(byte) { bit } else { 0 };
        block.ordinary |= if dialect.is_quote(byte) && !state.is_quoted() { bit } else { 0 };
        if before == State::Quote && state == State::Quoted {
            block.doubled |= bit;
        }
        // A delimiter after `"…"\r` ends the field, but the field is broken all the same.
        if class == Class::Stray || (class == Class::Delimiter && before == State::QuoteReturn) {
            block.broken |= bit;
        }
        match class {
            Class::Delimiter => block.separators |= bit,
            Class::RowEnd => (block.separators, block.ends) = (block.separators | bit, block.ends | bit),
            Class::VoidEnd => {
                block.separators |= bit;
                block.ends |= bit;
                block.voids |= bit;
            }
            Class::Inner | Class::Stray => {}
        }
    }
    block.state = state;
    block
}
