//! [`Reject`]: tells where a bad row is and what is wrong with it.

use super::cells::unescape;
use super::columns::{Failed, NoValue};
use super::layout::{Layout, OnError};
use super::moment;
use super::piece::{Piece, Unsplit, Why};
use super::text::Text;
use crate::error::{BadRow, Place};
use crate::types::DataType;

/// A bad row, as places in its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// Its number in the text, bad rows counted.
    pub ordinal: u32,
    /// Its number among the rows that split.
    pub row: Option<u32>,
    /// The place in the file of the column at fault, by which the leftmost is found.
    pub field: usize,
    start: u32,
    end: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Unsplit(Why),
    Cell { column: usize, start: u32, end: u32, why: NoValue },
}

impl Fault {
    /// A row that does not split.
    pub fn unsplit(row: &Unsplit) -> Self {
        let Unsplit { ordinal, start, end, why } = *row;
        Self { ordinal, row: None, field: 0, start, end, kind: Kind::Unsplit(why) }
    }

    /// A row whose cell in `column` of the layout does not convert; `first` rows came before the piece.
    pub fn cell(piece: &Piece<'_>, first: usize, column: usize, field: usize, failed: Failed) -> Self {
        let row = failed.row as usize;
        let ((start, end), (cell, cell_end)) = (piece.row_span(row), piece.span(row, field));
        Self {
            ordinal: piece.ordinal_of(row),
            row: Some((first + row) as u32),
            field,
            start: start as u32,
            end: end as u32,
            kind: Kind::Cell { column, start: cell as u32, end: cell_end as u32, why: failed.why },
        }
    }
}

/// Characters of a text that are shown.
const SHOWN: usize = 100;

/// Writes bad rows out; in order, so that lines are counted once.
pub(crate) struct Reject<'a> {
    text: &'a Text,
    layout: &'a Layout,
    at: usize,
    line: u64,
}

impl<'a> Reject<'a> {
    /// For the bad rows of this text.
    pub fn new(text: &'a Text, layout: &'a Layout) -> Self {
        Self { text, layout, at: 0, line: 0 }
    }

    /// A bad row that comes after those before.
    pub fn bad_row(&mut self, fault: &Fault) -> BadRow {
        let bytes = self.text.bytes();
        self.line += memchr::memchr_iter(b'\n', &bytes[self.at..fault.start as usize]).count() as u64;
        self.at = fault.start as usize;
        let (byte, column, value, reason) = match fault.kind {
            Kind::Unsplit(why) => {
                (fault.start, None, shown(self.row(fault)), split_reason(why, self.layout.fields))
            }
            Kind::Cell { column, start, end, why } => {
                let column = &self.layout.columns[column];
                let value = self.value(&bytes[start as usize..end as usize]);
                let reason = reason(why, &column.dtype, &value);
                (start, Some(column.name.clone()), value, reason)
            }
        };
        let value = match self.layout.on_error {
            OnError::Keep => String::from_utf8_lossy(self.row(fault)).into_owned(),
            _ => value,
        };
        let first = self.text.first();
        let place = Place {
            source: None,
            line: Some(first.line + self.line),
            byte: Some(first.byte + u64::from(byte)),
            row: Some(first.row + u64::from(fault.ordinal)),
        };
        BadRow { place, column, value, reason }
    }

    /// The bytes of a row, without its end of line.
    fn row(&self, fault: &Fault) -> &'a [u8] {
        &self.text.bytes()[fault.start as usize..fault.end as usize]
    }

    fn value(&self, raw: &[u8]) -> String {
        match (self.layout.dialect.quote(), raw) {
            (Some(quote), [first, inner @ .., _]) if *first == quote => shown(&unescape(inner, quote)),
            _ => shown(raw),
        }
    }
}

/// The first characters of a text.
pub(super) fn shown(text: &[u8]) -> String {
    // No character is longer than four bytes.
    let head = &text[..text.len().min(4 * SHOWN)];
    let head = String::from_utf8_lossy(head);
    head.chars().take(SHOWN).collect()
}

/// What is wrong with a cell of this text, in words.
fn reason(why: NoValue, dtype: &DataType, text: &str) -> String {
    let zone_differs = |zone: bool| moment::moment(text.as_bytes()).is_some_and(|moment| moment.zoned != zone);
    match (why, dtype) {
        (NoValue::Null, _) => "null, but it is the event time".into(),
        (NoValue::NotUtf8, _) => "not UTF-8".into(),
        (NoValue::Unlike, DataType::Timestamp(_, zone)) if zone_differs(zone.is_some()) => match zone {
            Some(_) => "a time without a zone, where the column has one".into(),
            None => "a time with a zone, where the column has none".into(),
        },
        (NoValue::Unlike, _) => {
            let name = dtype.to_string();
            let article = if name.starts_with(['i', 'u']) && !name.starts_with("ui") { "an" } else { "a" };
            format!("not {article} {name}")
        }
    }
}

/// What is wrong with a row that does not split, in words.
fn split_reason(why: Why, fields: usize) -> String {
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    match why {
        Why::Fields(n) => format!("a row of {n} field{}, not of {fields}", plural(n)),
        Why::AfterQuote => "a row with text after a closing quote".into(),
        Why::Unclosed => "a row with a quote that never closes".into(),
    }
}
