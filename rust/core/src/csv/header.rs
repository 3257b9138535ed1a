//! The start of a file: what comes before the header, and the names in it.

use std::ops::Range;

use memchr::memchr;

use super::cells::unescape;
use super::dialect::Dialect;
use super::lines::{Line, Lines};
use super::text::Start;
use crate::error::{BadRow, Error, Place, Result};
use crate::types::twice;

/// How the start of a file is to be read.
#[derive(Clone, Debug)]
pub struct Head {
    /// What separates and quotes.
    pub dialect: Dialect,
    /// The names of the columns, if the file has no header.
    pub names: Option<Vec<String>>,
    /// Physical lines before the header that are skipped, whatever they hold.
    pub skip_rows: u64,
    /// How many columns there may be.
    pub max_columns: usize,
    /// How long the header may be, in bytes.
    pub max_line: usize,
}

impl Default for Head {
    /// A header on the first line; 100,000 columns; 16 MiB.
    fn default() -> Self {
        Self { dialect: Dialect::default(), names: None, skip_rows: 0, max_columns: 100_000, max_line: 16 << 20 }
    }
}

/// The start of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The names of the columns; none if the file is empty.
    pub names: Vec<String>,
    /// Where the first row after the header starts, or a line that is no row.
    pub end: Start,
    /// Blank lines and comments before the header.
    pub skipped: u64,
}

/// The start of a file as far as it has been read: goes on where the sample has grown.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    lines: Lines,
    /// How many physical lines were skipped, and how far the next has been looked at.
    passed: u64,
    seen: usize,
    /// Blank lines and comments.
    skipped: u64,
}

/// How many bytes the header and what stands before it may have, if `max_line` is not more.
const MAX_HEAD: usize = 64 << 20;

impl Opening {
    /// Reads the start of a file, of which the sample holds more than the last one. `complete` says that it is the whole
    /// file; `None` that more of it is needed.
    ///
    /// # Errors
    /// [`Error::Argument`] for what is not CSV in UTF-8, and for names that are there twice;
    /// [`Error::BadRow`] for a header that does not split; [`Error::Limit`] for one too long, or too far down.
    pub fn go_on(&mut self, sample: &[u8], complete: bool, head: &Head) -> Result<Option<Header>> {
        check_magic(sample)?;
        if sample.len() < 10 && !complete && !sample.contains(&b'\n') {
            return Ok(None);
        }
        if self.lines.next_start().byte == 0 && sample.starts_with(b"\xef\xbb\xbf") {
            self.lines = Lines::from(Start { byte: 3, ..Start::default() });
        }
        if self.pass(sample, complete, head)?
            && let Some(header) = self.header(sample, complete, head)?
        {
            return Ok(Some(header));
        }
        check(self.lines.next_start(), sample.len(), head).map(|()| None)
    }

    /// Passes the lines that are skipped; tells whether the sample holds them all.
    fn pass(&mut self, sample: &[u8], complete: bool, head: &Head) -> Result<bool> {
        while self.passed < head.skip_rows {
            let start = self.lines.next_start();
            self.seen = self.seen.max(start.byte as usize);
            let newline = memchr(b'\n', &sample[self.seen..]).map(|at| self.seen + at);
            self.seen = newline.unwrap_or(sample.len());
            if newline.is_none() && !complete {
                return Ok(false);
            }
            check(start, self.seen, head)?;
            let lines = u64::from(newline.is_some());
            self.lines = Lines::from(Start { byte: self.seen as u64 + lines, line: start.line + lines, row: 0 });
            self.passed = if newline.is_some() { self.passed + 1 } else { head.skip_rows };
        }
        Ok(true)
    }

    /// Reads up to the line with the names.
    fn header(&mut self, sample: &[u8], complete: bool, head: &Head) -> Result<Option<Header>> {
        if let Some(names) = &head.names {
            let names = named(names.clone());
            return Ok(Some(Header { names, end: self.lines.next_start(), skipped: 0 }));
        }
        loop {
            let (start, skipped) = (self.lines.next_start(), self.skipped);
            let Some(line) = self.lines.next(sample, complete, &head.dialect) else { return Ok(None) };
            if line.bytes.is_empty() {
                return Ok(Some(Header { names: Vec::new(), end: start, skipped }));
            }
            check(start, line.end(), head)?;
            if !line.void {
                let names = unique(named(line.names(sample, head, start)?))?;
                return Ok(Some(Header { names, end: line.next, skipped }));
            }
            self.skipped += 1;
        }
    }
}

/// An error if a line that goes on to `end`, or further, is too long or too far down: whichever shows first.
fn check(start: Start, end: usize, head: &Head) -> Result<()> {
    let (long, far) = ((start.byte as usize).saturating_add(head.max_line), MAX_HEAD.max(head.max_line));
    match () {
        () if end <= long.min(far) => Ok(()),
        () if long <= far => Err(too_long(start, head)),
        () => Err(too_far(far)),
    }
}

fn too_long(start: Start, head: &Head) -> Error {
    let limit = head.max_line as u64;
    let message = format!(
        "the header, or a line before it, is longer than max_line={limit} bytes; is a quote not closed, or is this not CSV?"
    );
    let place = Place { line: Some(start.line), byte: Some(start.byte), ..Place::default() };
    Error::Limit { argument: "max_line", limit, message, place }
}

fn too_far(far: usize) -> Error {
    let limit = far as u64;
    let message = format!(
        "the header does not end within the first {limit} bytes; leave out what is before it, or set max_line= higher"
    );
    Error::Limit { argument: "max_line", limit, message, place: Place::default() }
}

/// The error for files that are all empty.
pub fn no_header() -> Error {
    Error::argument("there is no header: the source is empty; give the names of its columns with names=")
}

impl Header {
    /// Refuses names that differ from those known, if both are; an error calls the known ones `those`.
    ///
    /// # Errors
    /// [`Error::Argument`].
    pub fn check(&self, known: &[String], those: &str) -> Result<()> {
        if self.names == known || self.names.is_empty() || known.is_empty() {
            return Ok(());
        }
        let differs = match self.names.iter().zip(known).find(|(a, b)| a != b) {
            Some((name, expected)) => format!("{name:?} instead of {expected:?}"),
            None => format!("{} instead of {}", self.names.len(), known.len()),
        };
        Err(Error::argument(format!("the columns differ from {those}: {differs}")))
    }
}

/// An error for what is clearly not CSV in UTF-8.
fn check_magic(sample: &[u8]) -> Result<()> {
    let is = |magic: &[u8]| sample.starts_with(magic);
    let packed = match () {
        () if is(b"\x1f\x8b") => "gzip",
        () if is(b"\x28\xb5\x2f\xfd") => "zstd",
        () if is(b"BZh") && sample.get(4..10) == Some(b"\x31\x41\x59\x26\x53\x59") => "bzip2",
        () if is(b"\xfd7zXZ\0") => "xz",
        () if is(b"PK\x03\x04") => "zip",
        () if is(b"PAR1\x15") => return Err(Error::argument("this is a Parquet file, not CSV")),
        () if is(b"\xff\xfe") || is(b"\xfe\xff") => {
            let message = "this is UTF-16, not UTF-8; convert it first, for example with iconv -f UTF-16 -t UTF-8";
            return Err(Error::argument(message));
        }
        () => return Ok(()),
    };
    Err(Error::argument(format!(
        "this is compressed with {packed}, which is not supported yet; decompress it first, or pass a binary \
         file object that does so as it is read, such as gzip.open(path)"
    )))
}

impl Line {
    /// The names in a header.
    fn names(&self, sample: &[u8], head: &Head, start: Start) -> Result<Vec<String>> {
        let place = Place { line: Some(start.line), byte: Some(start.byte), ..Place::default() };
        if self.fields.len() > head.max_columns {
            let limit = head.max_columns as u64;
            let message = format!("the header has {} columns, more than max_columns={limit}", self.fields.len());
            return Err(Error::Limit { argument: "max_columns", limit, message, place });
        }
        let bad = |value: &[u8], reason: &str| {
            let value: String = String::from_utf8_lossy(value).chars().take(100).collect();
            Error::BadRow(Box::new(BadRow { place: place.clone(), column: None, value, reason: reason.into() }))
        };
        if self.broken {
            return Err(bad(&sample[self.bytes.clone()], "a header that does not split into fields"));
        }
        let name = |range: &Range<usize>| {
            let raw = &sample[range.clone()];
            let text = unquoted(raw, &head.dialect);
            String::from_utf8(text.into_owned()).map_err(|_| bad(raw, "a header that is not UTF-8"))
        };
        self.fields.iter().map(name).collect()
    }
}

/// A field without its quotes.
pub(crate) fn unquoted<'a>(raw: &'a [u8], dialect: &Dialect) -> std::borrow::Cow<'a, [u8]> {
    match (raw, dialect.quote()) {
        ([first, inner @ .., _], Some(quote)) if *first == quote => unescape(inner, quote),
        _ => raw.into(),
    }
}

/// The names, those that are empty made up.
pub(crate) fn named(mut names: Vec<String>) -> Vec<String> {
    for (i, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
        *name = format!("column_{}", i + 1);
    }
    names
}

/// The names of a header; an error if one is there twice.
fn unique(names: Vec<String>) -> Result<Vec<String>> {
    if let Some(name) = twice(names.iter().map(String::as_str)) {
        return Err(Error::argument(format!(
            "there are two columns named {name:?}; give other names with names= and leave the header out with skip_rows="
        )));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(sample: &[u8], complete: bool, options: &Head) -> Result<Option<Header>> {
        Opening::default().go_on(sample, complete, options)
    }

    fn names(sample: &[u8], options: &Head) -> Result<Vec<String>> {
        Ok(head(sample, true, options)?.expect("complete").names)
    }

    #[test]
    fn headers() {
        let plain = Head::default();
        assert_eq!(names(b"\xef\xbb\xbfa,b\r\n1,2\n", &plain).expect("names"), ["a", "b"]);
        assert_eq!(names(b"\n\r\n\"a\"\"\nx\",,c", &plain).expect("names"), ["a\"\nx", "column_2", "c"]);
        let skipping = Head { skip_rows: 2, ..Head::default() };
        assert_eq!(names(b"\"junk\nmore,\n\na\n", &skipping).expect("names"), ["a"]);
        let dialect = Dialect::new(b',', Some(b'"'), Some(b'#')).expect("a dialect");
        assert_eq!(names(b"#x\"\na\n", &Head { dialect, ..Head::default() }).expect("names"), ["a"]);
    }

    #[test]
    fn where_the_header_ends() {
        let header = head(b"\n\"a\nb\",c\n1,2\n", true, &Head::default()).expect("fine").expect("complete");
        assert_eq!(header.end, Start { byte: 9, line: 4, row: 0 });
        assert_eq!(header.skipped, 1);
    }

    #[test]
    fn bad_headers() {
        let plain = Head::default();
        for sample in [&b"a,a\n"[..], b"\"a\"b,c\n", b"\"a", b"\xff\n", b"\x1f\x8b\x08", b"\xff\xfea"] {
            assert!(names(sample, &plain).is_err(), "{sample:?}");
        }
        assert!(names(b"a,b,c\n", &Head { max_columns: 2, ..Head::default() }).is_err());
        assert!(names(b"BZhello,b\n", &plain).is_ok());
    }

    #[test]
    fn an_empty_file_has_no_names() {
        for sample in [&b""[..], b"\n\n", b"\xef\xbb\xbf"] {
            assert!(names(sample, &Head::default()).expect("fine").is_empty(), "{sample:?}");
        }
    }

    #[test]
    fn an_open_header_asks_for_more() {
        assert_eq!(head(b"aaaaaaaaaaaaaaaaaaaaaaaa,b", false, &Head::default()), Ok(None));
        let short = Head { max_line: 8, ..Head::default() };
        assert!(head(b"aaaaaaaaaaaaaaaaaaaaaaaa,b", false, &short).is_err());
    }

    #[test]
    fn other_files_must_agree() {
        let read = |sample: &[u8]| head(sample, true, &Head::default()).expect("fine").expect("complete");
        let check = |sample: &[u8]| read(sample).check(&["a".into(), "b".into()], "those of the first file");
        assert!(check(b"a,b\n").is_ok());
        assert!(check(b"").is_ok());
        assert!(check(b"a,c\n").is_err());
        assert!(check(b"a\n").is_err());
    }
}
