//! [`Lines`]: goes through the lines of a sample, and on where it has grown.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use super::automaton::{State, walk};
use super::block::Block;
use super::dialect::Dialect;
use super::text::Start;

/// Goes through the lines of a sample, and on where it has grown: looks at no byte again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// Where the next line starts.
    start: Start,
    /// It, if the sample held only its beginning.
    open: Option<Box<Open>>,
}

impl From<Start> for Lines {
    fn from(start: Start) -> Self {
        Self { start, open: None }
    }
}

impl Lines {
    /// Where the next line starts.
    pub(crate) fn next_start(&self) -> Start {
        self.start
    }

    /// The next line; empty at the end. `None` if the sample does not hold its end.
    pub(crate) fn next(&mut self, sample: &[u8], complete: bool, dialect: &Dialect) -> Option<Line> {
        let open = self.open.take();
        let plain = if open.is_none() { plain_line(sample, dialect, self.start) } else { None };
        let open = || open.map_or_else(|| Open::new(self.start), |open| *open);
        match plain.map_or_else(|| open().go_on(sample, complete, dialect), Ok) {
            Ok(line) => {
                self.start = line.next;
                Some(line)
            }
            Err(open) => {
                self.open = Some(open);
                None
            }
        }
    }
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

impl Line {
    /// Where the newline is that ends it, or the file ends.
    pub(crate) fn end(&self) -> usize {
        let next = self.next.byte as usize;
        if self.bytes.end < next { next - 1 } else { next }
    }
}

/// The line that starts at `start`, if every delimiter in it separates: most are such.
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

/// A line as far as it has been looked at.
#[derive(Clone, Debug)]
struct Open {
    start: Start,
    from: usize,
    /// How far it has been looked at, and what is known there.
    at: usize,
    state: State,
    fields: Vec<Range<usize>>,
    /// Where the field that has not ended yet begins.
    first: usize,
    broken: bool,
    newlines: u64,
}

impl Open {
    fn new(start: Start) -> Self {
        let from = start.byte as usize;
        Self {
            start,
            from,
            at: from,
            state: State::LineStart,
            fields: Vec::new(),
            first: from,
            broken: false,
            newlines: 0,
        }
    }

    /// The line, if the sample holds its end; else as far as it holds it.
    fn go_on(mut self, sample: &[u8], complete: bool, dialect: &Dialect) -> Result<Line, Box<Self>> {
        while self.at < sample.len() {
            let chunk = &sample[self.at..sample.len().min(self.at + 64)];
            // Not beyond what is mostly the end of the line.
            let chunk = memchr(b'\n', chunk).map_or(chunk, |newline| &chunk[..=newline]);
            let block = walk(chunk, dialect, self.state);
            self.take(&block);
            if block.ends != 0 {
                let upto = block.ends ^ (block.ends - 1);
                return Ok(self.ended(sample, block.voids & upto != 0));
            }
            (self.at, self.state) = (self.at + chunk.len(), block.state);
        }
        if complete { Ok(self.at_end()) } else { Err(Box::new(self)) }
    }

    /// Takes what the next block has of the line.
    fn take(&mut self, block: &Block) {
        let upto = if block.ends == 0 { u64::MAX } else { block.ends ^ (block.ends - 1) };
        let mut separators = block.separators & upto;
        while separators != 0 {
            let separator = self.at + separators.trailing_zeros() as usize;
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
    fn at_end(mut self) -> Line {
        let (end, state) = (self.at, self.state);
        self.fields.push(self.first..end);
        self.broken |= matches!(state, State::Quoted | State::QuoteReturn);
        self.line(end, end, matches!(state, State::LineStart | State::LineStartReturn | State::Comment))
    }

    fn line(self, end: usize, next: usize, void: bool) -> Line {
        let next = Start { byte: next as u64, line: self.start.line + self.newlines, row: self.start.row };
        Line { bytes: self.from..end, fields: self.fields, void, broken: self.broken, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                    let any = Open::new(Start::default()).go_on(&sample, false, &dialect).ok();
                    assert_eq!(Some(line), any, "{sample:?}");
                }
            }
        }
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_the_line() {
        let sample = b"a,\"b\"\"\r\n\n\",c\r\n\"\"\r\n\r\n,x";
        let all = |cuts: &[usize]| {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for &cut in cuts {
                while let Some(line) = lines.next(&sample[..cut], cut == sample.len(), &Dialect::default()) {
                    if line.bytes.is_empty() {
                        break;
                    }
                    found.push(line);
                }
            }
            found
        };
        let whole = all(&[sample.len()]);
        assert_eq!(whole.len(), 4);
        assert_eq!(all(&(0..=sample.len()).collect::<Vec<_>>()), whole);
    }
}
