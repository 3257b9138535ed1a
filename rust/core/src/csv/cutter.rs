//! [`Cutter`]: cuts a stream of bytes into texts of exactly so many rows.

use super::automaton::State;
use super::dialect::Dialect;
use super::simd::Level;
use super::survey::{Advance, LongLine, Survey};
use super::text::{PAD, Start, Text};
use crate::error::{Error, Place, Result};

/// What a cutter may hold in memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The bytes of a line, the end of line not counted.
    pub max_line: usize,
    /// The bytes of a text; at most 2 GiB.
    pub max_text: usize,
}

impl Default for Limits {
    /// 16 MiB a line, 1 GiB a text.
    fn default() -> Self {
        Self { max_line: 16 << 20, max_text: 1 << 30 }
    }
}

/// Cuts a stream of bytes into texts of exactly so many rows. Does no input itself:
/// fill [`Cutter::space`], say how much with [`Cutter::filled`], then call [`Cutter::cut`] until it
/// has no more; at the end of the input call [`Cutter::finish`] until it has no more.
///
/// Where it cuts depends on the bytes alone, never on how they were fed, but for [`Cutter::cut_short`].
#[derive(Debug)]
pub struct Cutter {
    dialect: Dialect,
    limits: Limits,
    level: Level,
    goal: usize,
    first: Start,
    buffer: Vec<u8>,
    /// Where the next text starts, and where the bytes end.
    begin: usize,
    end: usize,
    survey: Survey,
    added: usize,
    unclosed: bool,
    ended: bool,
    pool: Vec<Vec<u8>>,
}

/// Reads are fast into memory that starts on a page.
const PAGE: usize = 4096;
/// Texts that are given back are kept up to this number.
const POOL: usize = 16;

impl Cutter {
    /// A cutter for texts of `rows` rows whose first byte is at `start` of its source, a line's start.
    pub fn new(dialect: Dialect, limits: Limits, rows: usize, start: Start) -> Self {
        Self {
            dialect,
            limits: Limits { max_text: limits.max_text.min(1 << 31), ..limits },
            level: Level::best(),
            goal: rows.max(1),
            first: start,
            buffer: vec![b'\n'; 2 * PAD],
            begin: PAD,
            end: PAD,
            survey: Survey::new(PAD),
            added: 0,
            unclosed: false,
            ended: false,
            pool: Vec::new(),
        }
    }

    /// The same with this instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Where the next text starts.
    pub fn position(&self) -> Start {
        self.first
    }

    /// Memory for at least `want` more bytes; on a page's start where that is possible.
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        if self.end + want + PAD > self.buffer.len() {
            self.make_room(want);
        }
        let end = self.buffer.len() - PAD;
        &mut self.buffer[self.end..end]
    }

    /// So many bytes of the space were filled.
    ///
    /// # Panics
    /// If there was not that much space.
    pub fn filled(&mut self, n: usize) {
        assert!(self.end + n + PAD <= self.buffer.len(), "more bytes than there was space for");
        self.end += n;
    }

    /// A text of exactly so many rows, if the bytes so far hold one.
    ///
    /// # Errors
    /// [`Error::Limit`] if a line or a text is too long.
    pub fn cut(&mut self) -> Result<Option<Text>> {
        self.advance()?;
        if self.survey.at - self.begin > self.limits.max_text {
            return Err(self.too_much_text());
        }
        Ok((self.survey.rows == self.goal).then(|| self.take()))
    }

    /// A text of the whole rows that the bytes so far hold, fewer than it should have, for whoever cannot wait for more;
    /// `None` if they hold none.
    ///
    /// # Errors
    /// As [`Cutter::cut`].
    pub fn cut_short(&mut self) -> Result<Option<Text>> {
        if self.survey.rows == 0 {
            return Ok(None);
        }
        let goal = std::mem::replace(&mut self.goal, self.survey.rows);
        self.survey = Survey::new(self.begin);
        let text = self.cut();
        self.goal = goal;
        text
    }

    /// The next of the last texts, the input being at its end. A last one may have fewer rows, and
    /// none at all if only blank lines are left. A last line without a newline is given one; one
    /// with an unclosed quote is a bad row.
    ///
    /// # Errors
    /// As [`Cutter::cut`].
    pub fn finish(&mut self) -> Result<Option<Text>> {
        if let Some(text) = self.cut()? {
            return Ok(Some(text));
        }
        if !self.ended {
            self.end_last_line();
            if let Some(text) = self.cut()? {
                return Ok(Some(text));
            }
        }
        Ok((self.end > self.begin).then(|| self.take()))
    }

    /// Hears that the input does not go on though it is not at its end, when [`Cutter::cut`] has no more, or that what
    /// [`Cutter::cut`] found wrong is to come last: the line where it stands, and all after it, is left out, and
    /// [`Cutter::finish`] gives the rows before it.
    pub fn break_off(&mut self) {
        self.end = self.survey.line_start(&self.buffer);
        self.survey = Survey::new(self.begin);
    }

    /// Takes memory back for later texts.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.pool.len() < POOL {
            self.pool.push(buffer);
        }
    }

    fn advance(&mut self) -> Result<()> {
        let job = Advance {
            survey: &mut self.survey,
            buffer: &self.buffer,
            filled: self.end,
            goal: self.goal,
            dialect: &self.dialect,
            max_line: self.limits.max_line,
        };
        self.level.run(job).map_err(|LongLine| self.too_long())
    }

    /// Adds what is missing at the end of the last line.
    fn end_last_line(&mut self) {
        self.ended = true;
        let state = self.survey.state;
        if self.end == self.begin || state == State::LineStart {
            return;
        }
        // A return at the very end ends no line: it is data, so it gets an end of line of its own.
        let field = matches!(state, State::Unquoted | State::QuoteReturn);
        let missing: &[u8] = if field && self.buffer[self.end - 1] == b'\r' { b"\r\n" } else { b"\n" };
        self.space(missing.len())[..missing.len()].copy_from_slice(missing);
        self.filled(missing.len());
        self.added = missing.len();
        if state == State::Quoted {
            self.unclosed = true;
            self.survey.rows += 1;
            self.survey.at = self.end;
        }
    }

    /// The text up to the survey, which ends at a row's end or at the end of the input.
    fn take(&mut self) -> Text {
        let cut = self.survey.at;
        let (rows, lines, skipped) = (self.survey.rows, self.survey.lines, self.survey.skipped);
        let quoting = self.survey.quoting;
        let at_end = cut == self.end;
        let (buffer, range) =
            if cut - self.begin < self.end - cut { self.copy_out(cut) } else { self.move_out(cut) };
        let text = Text {
            buffer,
            range,
            rows,
            first: self.first,
            lines,
            skipped,
            quoting,
            added: if at_end { self.added } else { 0 },
            unclosed: at_end && self.unclosed,
        };
        self.first = text.next();
        text
    }

    /// The text in other memory: cheaper where more bytes follow it than are in it.
    fn copy_out(&mut self, cut: usize) -> (Vec<u8>, std::ops::Range<usize>) {
        let text = &self.buffer[self.begin..cut];
        // With some room, so that it does for a later text that is a little longer too.
        let mut buffer = pooled(&mut self.pool, text.len() + text.len() / 8 + 2 * PAD);
        buffer[PAD..PAD + text.len()].copy_from_slice(text);
        let range = PAD..PAD + text.len();
        self.begin = cut;
        self.survey = Survey::new(cut);
        (buffer, range)
    }

    /// The memory itself; the bytes that follow the text go to other memory.
    fn move_out(&mut self, cut: usize) -> (Vec<u8>, std::ops::Range<usize>) {
        let rest = self.end - cut;
        let size = self.buffer.len().max(rest + 2 * PAD + 2 * PAGE);
        let fresh = pooled(&mut self.pool, size);
        let buffer = std::mem::replace(&mut self.buffer, fresh);
        let range = self.begin..cut;
        self.begin = place(&mut self.buffer, rest);
        self.end = self.begin + rest;
        self.buffer[self.begin..self.end].copy_from_slice(&buffer[cut..cut + rest]);
        self.survey = Survey::new(self.begin);
        (buffer, range)
    }

    /// Moves the bytes so that `want` more fit behind them.
    #[cold]
    fn make_room(&mut self, want: usize) {
        let (begin, held) = (self.begin, self.end - self.begin);
        let need = held + want + 2 * PAD + 2 * PAGE;
        if need <= self.buffer.len() && held <= self.buffer.len() / 2 {
            self.begin = place(&mut self.buffer, held);
            self.buffer.copy_within(begin..begin + held, self.begin);
        } else {
            let mut larger = pooled(&mut self.pool, need.max(2 * self.buffer.len()));
            self.begin = place(&mut larger, held);
            larger[self.begin..self.begin + held].copy_from_slice(&self.buffer[begin..begin + held]);
            self.buffer = larger;
        }
        self.end = self.begin + held;
        self.survey.moved(begin, self.begin);
    }

    /// The error for the current line.
    fn too_long(&self) -> Error {
        let start = self.survey.line_start(&self.buffer);
        let limit = self.limits.max_line as u64;
        let message = format!(
            "a line is longer than max_line={limit} bytes; a quote that never closes makes one line of \
             all that follows; set max_line= higher if lines are really that long"
        );
        let byte = self.first.byte + (start - self.begin) as u64;
        let newlines = memchr::memchr_iter(b'\n', &self.buffer[self.begin..start]).count() as u64;
        let place = Place { byte: Some(byte), line: Some(self.first.line + newlines), ..Place::default() };
        Error::Limit { argument: "max_line", limit, message, place }
    }

    fn too_much_text(&self) -> Error {
        let limit = self.limits.max_text as u64;
        let message =
            format!("a batch of {} rows is longer than {limit} bytes of text; set batch_rows= lower", self.goal);
        let place = Place { byte: Some(self.first.byte), line: Some(self.first.line), ..Place::default() };
        Error::Limit { argument: "batch_rows", limit, message, place }
    }
}

/// Where `held` bytes go in a buffer so that they end, and the next read starts, on a page.
/// Puts a newline before them, for those who look at what stands before a line.
fn place(buffer: &mut [u8], held: usize) -> usize {
    let end = buffer.as_ptr().addr() + PAD + held;
    let begin = PAD + (end.next_multiple_of(PAGE) - end);
    buffer[begin - 1] = b'\n';
    begin
}

/// Memory of at least this size, from the pool if it has some.
fn pooled(pool: &mut Vec<Vec<u8>>, size: usize) -> Vec<u8> {
    match pool.iter().position(|buffer| buffer.len() >= size) {
        Some(i) => pool.swap_remove(i),
        None => vec![0; size],
    }
}
