//! The reader once more: one byte at a time, after the rules in words.

use std::ops::Range;

use super::Table;
use crate::error::BadRow;
use crate::types::DataType;

struct Twin<'a> {
    bytes: &'a [u8],
    at: usize,
}

#[derive(Debug)]
struct TwinRow {
    range: Range<usize>,
    /// Quoted or not, and the text.
    fields: Vec<(bool, Vec<u8>)>,
    broken: bool,
}

impl Twin<'_> {
    fn ends_field(&self, at: usize) -> bool {
        let rest = &self.bytes[at.min(self.bytes.len())..];
        rest.is_empty() || rest[0] == b',' || rest[0] == b'\n' || rest.starts_with(b"\r\n")
    }

    /// The next line: a row, or `None` in it if it is blank or a comment.
    fn line(&mut self, comment: bool) -> Option<Option<TwinRow>> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return None;
        }
        let length = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |i| i + 1);
        let line = rest[..length].strip_suffix(b"\n").unwrap_or(&rest[..length]);
        if line.is_empty() || line == b"\r" || (comment && line[0] == b'#') {
            self.at += length;
            return Some(None);
        }
        Some(Some(self.row()))
    }

    fn row(&mut self) -> TwinRow {
        let (start, mut at) = (self.at, self.at);
        let (mut fields, mut broken) = (Vec::new(), false);
        loop {
            let (quoted, mut text) = (self.bytes.get(at) == Some(&b'"'), Vec::new());
            if quoted {
                at += 1;
                while self.bytes.get(at).is_some_and(|&b| b != b'"')
                    || self.bytes[at.min(self.bytes.len())..].starts_with(b"\"\"")
                {
                    text.push(self.bytes[at]);
                    at += if self.bytes[at] == b'"' { 2 } else { 1 };
                }
                if at >= self.bytes.len() {
                    self.at = at;
                    // What looks like the end of the line is within the quotes.
                    return TwinRow { range: start..at, fields, broken: true };
                }
                at += 1;
                broken |= !self.ends_field(at);
            }
            while !self.ends_field(at) {
                text.push(self.bytes[at]);
                at += 1;
            }
            fields.push((quoted, text));
            if self.bytes.get(at) != Some(&b',') {
                break;
            }
            at += 1;
        }
        let end = at;
        let rest = &self.bytes[at..];
        self.at = at + rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |i| i + 1);
        TwinRow { range: start..end, fields, broken }
    }
}

fn twin_value(quoted: bool, text: &[u8], dtype: &DataType) -> Result<Option<String>, ()> {
    if !quoted && text.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(text).map_err(|_| ())?;
    match dtype {
        DataType::Int64 => text.parse::<i64>().map(|v| Some(v.to_string())).map_err(|_| ()),
        DataType::Float64 => text.parse::<f64>().map(|v| Some(v.to_bits().to_string())).map_err(|_| ()),
        _ => Ok(Some(text.to_owned())),
    }
}

pub(super) fn twin(bytes: &[u8], dtypes: &[DataType], comment: bool) -> Table {
    let mut table = Table { columns: vec![Vec::new(); dtypes.len()], ..Table::default() };
    let (mut twin, mut number) = (Twin { bytes, at: 0 }, 0);
    while let Some(line) = twin.line(comment) {
        let Some(row) = line else {
            table.skipped += 1;
            continue;
        };
        let start = row.range.start;
        let values: Result<Vec<_>, _> = row
            .fields
            .iter()
            .zip(dtypes)
            .map(|((quoted, text), dtype)| twin_value(*quoted, text, dtype))
            .collect();
        match values {
            Ok(values) if !row.broken && row.fields.len() == dtypes.len() => {
                let lines = bytes[..start].iter().filter(|&&b| b == b'\n').count() as u64;
                table.starts.push((start as u64, 1 + lines, number));
                table.columns.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
            }
            _ => {
                let value = String::from_utf8_lossy(&bytes[row.range]).into_owned();
                let place = crate::error::Place { row: Some(number), ..Default::default() };
                table.rejects.push(BadRow { place, column: None, value, reason: String::new() });
            }
        }
        number += 1;
    }
    table
}
