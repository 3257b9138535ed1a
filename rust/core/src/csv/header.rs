//! The start of a file: what comes before the header, and the names in it.

use std::collections::HashSet;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use super::automaton::{State, walk};
use super::block::Block;
use super::cells::unescape;
use super::dialect::Dialect;
use super::text::Start;
use crate::error::{BadRow, Error, Place, Result};

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

/// Reads the start of a file. `complete` says that the sample is the whole file; `None` that more
/// of it is needed.
///
/// # Errors
/// [`Error::Argument`] for what is not CSV in UTF-8, and for names that are there twice;
/// [`Error::BadRow`] for a header that does not split; [`Error::Limit`] for one too long.
pub fn head(sample: &[u8], complete: bool, head: &Head) -> Result<Option<Header>> {
    check_magic(sample)?;
    if sample.len() < 10 && !complete && !sample.contains(&b'\n') {
        return Ok(None);
    }
    let mut start = Start::default();
    if sample.starts_with(b"\xef\xbb\xbf") {
        start.byte = 3;
    }
    for _ in 0..head.skip_rows {
        match memchr::memchr(b'\n', &sample[start.byte as usize..]) {
            Some(i) => start = Start { byte: start.byte + i as u64 + 1, line: start.line + 1, row: 0 },
            None if complete => {
                start.byte = sample.len() as u64;
                break;
            }
            None => return need_more(sample, start, head),
        }
    }
    if let Some(names) = &head.names {
        return Ok(Some(Header { names: named(names.clone()), end: start, skipped: 0 }));
    }
    let mut skipped = 0;
    loop {
        let Some(line) = line(sample, complete, &head.dialect, start) else {
            return need_more(sample, start, head);
        };
        if line.bytes.is_empty() {
            return Ok(Some(Header { names: Vec::new(), end: start, skipped }));
        }
        if line.void {
            (start, skipped) = (line.next, skipped + 1);
            continue;
        }
        let names = unique(named(line.names(sample, head, start)?))?;
        return Ok(Some(Header { names, end: line.next, skipped }));
    }
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

/// `None`, which asks for more of the file, unless that would be too much.
fn need_more(sample: &[u8], start: Start, head: &Head) -> Result<Option<Header>> {
    if sample.len() - start.byte as usize <= head.max_line {
        return Ok(None);
    }
    let limit = head.max_line as u64;
    let message =
        format!("the header is longer than max_line={limit} bytes; is a quote not closed, or is this not CSV?");
    let place = Place { line: Some(start.line), byte: Some(start.byte), ..Place::default() };
    Err(Error::Limit { argument: "max_line", limit, message, place })
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

/// A line of the sample, quoted newlines included.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    /// Where its bytes are, without the end of line.
    pub bytes: Range<usize>,
    /// Where each of its fields is, quotes included.
    pub fields: Vec<Range<usize>>,
    /// It is blank or a comment.
    pub void: bool,
    /// It does not split.
    pub broken: bool,
    pub next: Start,
}

/// The line that starts at `start`; empty at the end. `None` if the sample does not hold its end.
pub(crate) fn line(sample: &[u8], complete: bool, dialect: &Dialect, start: Start) -> Option<Line> {
    plain_line(sample, dialect, start).or_else(|| any_line(sample, complete, dialect, start))
}

/// The same for a line in which every delimiter separates: most are such.
fn plain_line(sample: &[u8], dialect: &Dialect, start: Start) -> Option<Line> {
    let from = start.byte as usize;
    let end = from + memchr(b'\n', &sample[from..])?;
    let text = &sample[from..end];
    let is_special = memchr2(dialect.quote().unwrap_or(b'\r'), b'\r', text).is_some();
    if is_special || dialect.is_comment(*text.first()?) {
        return None;
    }
    let (mut fields, mut first) = (Vec::new(), from);
    for at in memchr_iter(dialect.delimiter(), text) {
        fields.push(first..from + at);
        first = from + at + 1;
    }
    fields.push(first..end);
    let next = Start { byte: end as u64 + 1, line: start.line + 1, row: start.row };
    Some(Line { bytes: from..end, fields, void: false, broken: false, next })
}

fn any_line(sample: &[u8], complete: bool, dialect: &Dialect, start: Start) -> Option<Line> {
    let mut open = Open::new(start);
    let (mut at, mut state) = (open.from, State::LineStart);
    while at < sample.len() {
        let chunk = &sample[at..sample.len().min(at + 64)];
        // Not beyond what is mostly the end of the line.
        let chunk = memchr(b'\n', chunk).map_or(chunk, |newline| &chunk[..=newline]);
        let block = walk(chunk, dialect, state);
        open.take(&block, at);
        if block.ends != 0 {
            let upto = block.ends ^ (block.ends - 1);
            return Some(open.ended(sample, block.voids & upto != 0));
        }
        (at, state) = (at + chunk.len(), block.state);
    }
    complete.then(|| open.at_end(sample.len(), state))
}

/// A line as far as it has been looked at.
struct Open {
    start: Start,
    from: usize,
    fields: Vec<Range<usize>>,
    /// Where the field that has not ended yet begins.
    first: usize,
    broken: bool,
    newlines: u64,
}

impl Open {
    fn new(start: Start) -> Self {
        let from = start.byte as usize;
        Self { start, from, fields: Vec::new(), first: from, broken: false, newlines: 0 }
    }

    /// Takes what the block, which begins at `at`, has of the line.
    fn take(&mut self, block: &Block, at: usize) {
        let upto = if block.ends == 0 { u64::MAX } else { block.ends ^ (block.ends - 1) };
        let mut separators = block.separators & upto;
        while separators != 0 {
            let separator = at + separators.trailing_zeros() as usize;
            self.fields.push(self.first..separator);
            self.first = separator + 1;
            separators &= separators - 1;
        }
        self.broken |= block.broken & upto != 0;
        self.newlines += u64::from((block.newlines & upto).count_ones());
    }

    /// The line, which a newline has ended.
    fn ended(mut self, sample: &[u8], void: bool) -> Line {
        let mut end = self.first - 1;
        if end > self.from && sample[end - 1] == b'\r' {
            end -= 1;
        }
        if let Some(last) = self.fields.last_mut() {
            last.end = last.end.min(end).max(last.start);
        }
        let (next, end) = (self.first, end.max(self.from + 1));
        self.line(end, next, void)
    }

    /// The line, which the end of the file has ended.
    fn at_end(mut self, end: usize, state: State) -> Line {
        self.fields.push(self.first..end);
        self.broken |= matches!(state, State::Quoted | State::QuoteReturn);
        self.line(end, end, matches!(state, State::LineStart | State::LineStartReturn | State::Comment))
    }

    fn line(self, end: usize, next: usize, void: bool) -> Line {
        let next = Start { byte: next as u64, line: self.start.line + self.newlines, row: self.start.row };
        Line { bytes: self.from..end, fields: self.fields, void, broken: self.broken, next }
    }
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
    let mut seen = HashSet::with_capacity(names.len());
    if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(Error::argument(format!(
            "there are two columns named {name:?}; give other names with names= and leave the header out with skip_rows="
        )));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sample: &[u8], options: &Head) -> Result<Vec<String>> {
        Ok(head(sample, true, options)?.expect("complete").names)
    }

    #[test]
    fn a_plain_line_is_a_line() {
        let mut state = 1u64;
        let dialects = [(b',', Some(b'"'), Some(b'#')), (b';', None, None), (b',', Some(b'\''), None)];
        for (delimiter, quote, comment) in dialects {
            let dialect = Dialect::new(delimiter, quote, comment).expect("good bytes");
            for _ in 0..20_000 {
                let sample: Vec<u8> = (0..state % 90)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        b",;\"'#\r\naaaaaaaa"[(state >> 33) as usize % 15]
                    })
                    .collect();
                state = state.wrapping_add(1 << 7 | 1);
                if let Some(line) = plain_line(&sample, &dialect, Start::default()) {
                    assert_eq!(Some(line), any_line(&sample, false, &dialect, Start::default()), "{sample:?}");
                }
            }
        }
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
        let check = |sample: &[u8]| {
            let header = head(sample, true, &Head::default()).expect("fine").expect("complete");
            header.check(&["a".into(), "b".into()], "those of the first file")
        };
        assert!(check(b"a,b\n").is_ok());
        assert!(check(b"").is_ok());
        assert!(check(b"a,c\n").is_err());
        assert!(check(b"a\n").is_err());
    }
}
