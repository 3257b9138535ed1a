//! [`Text`]: a text of whole rows, and [`Start`]: where it starts.

use std::ops::Range;

use super::quoting::Quoting;

/// Bytes that may be read, whatever they hold, after the end of a [`Text`] and before its start:
/// so that wide loads need no care.
pub(crate) const PAD: usize = 64;

/// A place in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The offset of the byte, from 0.
    pub byte: u64,
    /// The physical line, from 1.
    pub line: u64,
    /// The data row, from 0.
    pub row: u64,
}

impl Default for Start {
    /// The start of the source.
    fn default() -> Self {
        Self { byte: 0, line: 1, row: 0 }
    }
}

/// A text of whole rows, as the cutter hands it to the decoder. Each row ends in a newline.
#[derive(Debug)]
pub struct Text {
    /// Holds the text, and at least [`PAD`] bytes on both sides of it.
    pub(crate) buffer: Vec<u8>,
    pub(crate) range: Range<usize>,
    pub(crate) rows: usize,
    pub(crate) first: Start,
    pub(crate) lines: u64,
    pub(crate) skipped: u64,
    /// The newline (and perhaps return) that the source did not have at its end.
    pub(crate) added: usize,
    pub(crate) quoting: Quoting,
    /// The last row's quote never closes.
    pub(crate) unclosed: bool,
}

impl Text {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }

    /// How many rows there are, good or bad; blank lines and comments are none.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Where the text starts, which may be a blank line before its first row.
    pub fn first(&self) -> Start {
        self.first
    }

    /// Where the next text starts.
    pub fn next(&self) -> Start {
        Start {
            byte: self.first.byte + (self.range.len() - self.added) as u64,
            line: self.first.line + self.lines,
            row: self.first.row + self.rows as u64,
        }
    }

    /// How many lines were blank or comments.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The memory, for [`super::Cutter::recycle`].
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Whether each row is on the line after the one before it.
    pub(crate) fn is_one_line_a_row(&self) -> bool {
        self.skipped == 0 && self.lines <= self.rows as u64
    }
}
