//! [`Survey`]: counts the rows of a text as it comes in, and finds where the n-th one ends.

use super::automaton::{State, walk};
use super::block::{Block, Classifier};
use super::dialect::Dialect;
use super::simd::{Isa, Job};

/// What is known of a text whose end has not been found yet. Positions are places in the buffer.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// How far the bytes have been looked at.
    pub at: usize,
    /// What is known there.
    pub state: State,
    /// Rows that have ended.
    pub rows: usize,
    /// Newlines.
    pub lines: u64,
    /// Blank lines and comments that have ended.
    pub skipped: u64,
    /// No quote and no comment so far.
    pub simple: bool,
    /// Where the current line starts; if `vague`, the start of 256 plain bytes whose last newline
    /// is just before it.
    line: usize,
    vague: bool,
    /// Blocks to classify before the next try to be fast, and how many the last failure cost.
    patience: usize,
    cost: usize,
}

/// A line longer than the limit; it starts at this place.
pub(crate) struct LongLine(pub usize);

const WIDE: usize = 256;
const NARROW: usize = 16;

/// What some blocks have in them.
#[derive(Default)]
struct Sum {
    rows: u32,
    lines: u32,
    skipped: u32,
    quotes: u64,
    /// Where the last line starts, if one ends.
    line: usize,
}

impl Sum {
    #[inline(always)]
    fn add(&mut self, block: &Block, base: usize) {
        self.rows += (block.ends & !block.voids).count_ones();
        self.lines += block.newlines.count_ones();
        self.skipped += block.voids.count_ones();
        self.quotes |= block.quotes;
        let line = base + 64 - block.ends.leading_zeros() as usize;
        self.line = if block.ends != 0 { line } else { self.line };
    }
}

impl Survey {
    /// Nothing is known but that a line starts at this place.
    pub fn new(at: usize) -> Self {
        Self {
            at,
            state: State::LineStart,
            rows: 0,
            lines: 0,
            skipped: 0,
            simple: true,
            line: at,
            vague: false,
            patience: 0,
            cost: 1,
        }
    }

    /// The same knowledge after the bytes have been moved.
    pub fn moved(&mut self, from: usize, to: usize) {
        self.at = self.at - from + to;
        self.line = self.line - from + to;
    }

    /// The place where the current line starts.
    pub fn line_start(&self, buffer: &[u8]) -> usize {
        if !self.vague {
            return self.line;
        }
        let plain = &buffer[self.line..self.line + WIDE];
        memchr::memrchr(b'\n', plain).map_or(self.line, |i| self.line + i + 1)
    }

    fn add(&mut self, block: &Block, upto: u64) {
        self.rows += (block.ends & !block.voids & upto).count_ones() as usize;
        self.lines += u64::from((block.newlines & upto).count_ones());
        self.skipped += u64::from((block.voids & upto).count_ones());
    }
}

/// Goes on with a survey until `goal` rows have ended or the bytes are used up.
pub(crate) struct Advance<'a> {
    pub survey: &'a mut Survey,
    pub buffer: &'a [u8],
    pub filled: usize,
    pub goal: usize,
    pub dialect: &'a Dialect,
    pub max_line: usize,
}

impl Job for Advance<'_> {
    type Output = Result<(), LongLine>;

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) -> Self::Output {
        let classifier = Classifier::new(isa, self.dialect);
        while self.survey.rows < self.goal && self.survey.at < self.filled {
            if self.wide(isa) || self.narrow(&classifier) {
                continue;
            }
            let rest = &self.buffer[self.survey.at..self.filled];
            match rest.first_chunk() {
                Some(bytes) => {
                    let block = classifier.classify(bytes, self.survey.state);
                    self.take(bytes, &block)?;
                }
                None => self.take(rest, &walk(rest, self.dialect, self.survey.state))?,
            }
        }
        self.check_line()
    }
}

impl Advance<'_> {
    /// Takes 256 bytes at once if they are plain: no quotes, no comments, no blank lines.
    #[inline(always)]
    fn wide<I: Isa>(&mut self, isa: I) -> bool {
        let (at, survey) = (self.survey.at, &mut *self.survey);
        // First, because between quotes the state is anybody's guess, and costs a wrong one.
        if survey.patience > 0 {
            return false;
        }
        let plain = !matches!(survey.state, State::Quoted | State::Quote | State::QuoteReturn | State::Comment);
        if !plain || self.goal - survey.rows < WIDE || self.max_line < 2 * WIDE {
            return false;
        }
        let Some(window) = self.buffer[at - 2..self.filled].first_chunk() else { return false };
        let quote = self.dialect.quote().unwrap_or(u8::MAX);
        let comment = self.dialect.comment().unwrap_or(u8::MAX);
        match isa.survey(window, quote, comment) {
            Some(newlines) if newlines == 0 || at + WIDE - survey.line <= self.max_line => {
                self.pass(newlines, window);
                true
            }
            _ => {
                survey.cost = (survey.cost * 2).min(256);
                survey.patience = survey.cost;
                false
            }
        }
    }

    #[inline(always)]
    fn pass(&mut self, newlines: u32, window: &[u8; 258]) {
        let survey = &mut *self.survey;
        survey.cost = 2;
        survey.rows += newlines as usize;
        survey.lines += u64::from(newlines);
        if newlines > 0 {
            (survey.line, survey.vague) = (survey.at, true);
        }
        survey.at += WIDE;
        survey.state = match [window[256], window[257]] {
            [_, b'\n'] => State::LineStart,
            [b'\n', b'\r'] => State::LineStartReturn,
            [_, byte] if byte == self.dialect.delimiter() => State::FieldStart,
            _ => State::Unquoted,
        };
    }

    /// Takes some blocks, as many as surely have neither the last row that is wanted nor a line
    /// that is too long. What is known stays in registers meanwhile.
    #[inline(always)]
    fn narrow<I: Isa>(&mut self, classifier: &Classifier<'_, I>) -> bool {
        let (at, survey) = (self.survey.at, &mut *self.survey);
        let most = survey.patience.clamp(1, NARROW).min((self.goal - survey.rows - 1) / 64);
        let (blocks, _) = self.buffer[at..self.filled].as_chunks();
        let blocks = &blocks[..blocks.len().min(most)];
        let end = at + 64 * blocks.len();
        if blocks.is_empty() || end - survey.line > self.max_line {
            return false;
        }
        let (mut state, mut sum) = (survey.state, Sum::default());
        for (bytes, base) in blocks.iter().zip((at..).step_by(64)) {
            let block = classifier.classify(bytes, state);
            sum.add(&block, base);
            state = block.state;
        }
        survey.patience = survey.patience.saturating_sub(blocks.len());
        survey.rows += sum.rows as usize;
        survey.lines += u64::from(sum.lines);
        survey.skipped += u64::from(sum.skipped);
        (survey.at, survey.state) = (end, state);
        if sum.line > 0 {
            (survey.line, survey.vague) = (sum.line, false);
        }
        self.note_simple(sum.quotes, u64::from(sum.skipped));
        true
    }

    /// Takes a classified block, or the part of it up to the last row that is wanted.
    #[inline(always)]
    fn take(&mut self, bytes: &[u8], block: &Block) -> Result<(), LongLine> {
        if self.survey.at + 64 - self.survey.line > self.max_line {
            self.check_ends(block)?;
        }
        let survey = &mut *self.survey;
        let rows = block.ends & !block.voids;
        let wanted = self.goal - survey.rows;
        if (rows.count_ones() as usize) < wanted {
            survey.add(block, u64::MAX);
            survey.at += bytes.len();
            survey.state = block.state;
            let after_last = survey.at - bytes.len() + 64 - block.ends.leading_zeros() as usize;
            survey.line = if block.ends != 0 { after_last } else { survey.line };
            survey.vague &= block.ends == 0;
            self.note_simple(block.quotes, block.voids);
            return Ok(());
        }
        let last = (1..wanted).fold(rows, |rows, _| rows & (rows - 1)).trailing_zeros();
        survey.add(block, u64::MAX >> (63 - last));
        survey.at += last as usize + 1;
        (survey.line, survey.vague) = (survey.at, false);
        survey.state = State::LineStart;
        self.note_simple(block.quotes, block.voids);
        Ok(())
    }

    #[inline(always)]
    fn note_simple(&mut self, quotes: u64, voids: u64) {
        // A comment shows as a line that is no row, or as what is known at the end.
        let comment = self.dialect.comment().is_some() && (voids != 0 || self.survey.state == State::Comment);
        self.survey.simple &= quotes == 0 && !comment;
    }

    /// An error if a line that ends in the block is too long.
    #[cold]
    fn check_ends(&mut self, block: &Block) -> Result<(), LongLine> {
        let at = self.survey.at;
        let mut start = self.survey.line_start(self.buffer);
        let mut ends = block.ends;
        while ends != 0 {
            let end = at + ends.trailing_zeros() as usize;
            if end - start > self.max_line {
                return Err(LongLine(start));
            }
            start = end + 1;
            ends &= ends - 1;
        }
        Ok(())
    }

    /// An error if the line that has not ended is too long already.
    fn check_line(&mut self) -> Result<(), LongLine> {
        if self.survey.at - self.survey.line <= self.max_line {
            return Ok(());
        }
        let start = self.survey.line_start(self.buffer);
        if self.survey.at - start > self.max_line {
            return Err(LongLine(start));
        }
        Ok(())
    }
}
