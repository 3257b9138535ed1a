//! The rules of quoting, one byte at a time: what every faster way must agree with.

use super::block::Block;
use super::dialect::Dialect;

/// What is known before a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A line starts.
    LineStart,
    /// A line has begun with a carriage return: blank, if a newline follows.
    LineStartReturn,
    /// A field starts, after a delimiter.
    FieldStart,
    /// In a field without quotes, where quotes are ordinary.
    Unquoted,
    /// Between quotes.
    Quoted,
    /// After a quote between quotes: the closing one, or the first of two.
    Quote,
    /// After a closing quote and a carriage return: fine, if a newline follows.
    QuoteReturn,
    /// In a comment.
    Comment,
}

/// What a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Part of a field, a comment or a blank line.
    Inner,
    /// The first byte after a closing quote that may not stand there.
    Stray,
    /// Ends a field. The flag: and it may not stand there.
    Delimiter,
    /// Ends a row.
    RowEnd,
    /// Ends a line that is no row.
    VoidEnd,
}

/// One step of the automaton.
fn step(state: State, byte: u8, dialect: &Dialect) -> (State, Class) {
    use State::*;
    let newline = byte == b'\n';
    match state {
        Comment if newline => (LineStart, Class::VoidEnd),
        Comment => (Comment, Class::Inner),
        Quoted if dialect.is_quote(byte) => (Quote, Class::Inner),
        Quoted => (Quoted, Class::Inner),
        Quote if dialect.is_quote(byte) => (Quoted, Class::Inner),
        Quote if byte == b'\r' => (QuoteReturn, Class::Inner),
        LineStart | LineStartReturn if newline => (LineStart, Class::VoidEnd),
        LineStart if byte == b'\r' => (LineStartReturn, Class::Inner),
        LineStart if dialect.is_comment(byte) => (Comment, Class::Inner),
        LineStart | FieldStart if dialect.is_quote(byte) => (Quoted, Class::Inner),
        _ if newline => (LineStart, Class::RowEnd),
        _ if byte == dialect.delimiter() => (FieldStart, Class::Delimiter),
        Quote | QuoteReturn => (Unquoted, Class::Stray),
        _ => (Unquoted, Class::Inner),
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
