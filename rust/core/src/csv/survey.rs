//! [`Survey`]: counts the rows of a text as it comes in, and finds where the n-th one ends.

use super::automaton::{State, walk};
use super::block::{Block, Classifier};
use super::dialect::Dialect;
use super::pairs::Pairs;
use super::quoting::Quoting;
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
    /// What the quotes are so far.
    pub quoting: Quoting,
    /// Where the current line starts; if `vague`, the start of 256 plain bytes whose last newline
    /// is just before it.
    line: usize,
    vague: bool,
    /// Blocks to classify before the next try to be fast, and how many the last failure cost.
    patience: usize,
    cost: usize,
}

/// The current line is longer than the limit.
pub(crate) struct LongLine;

const WIDE: usize = 256;
const NARROW: usize = 16;

/// What some blocks have in them.
#[derive(Default)]
struct Sum {
    rows: u32,
    lines: u32,
    skipped: u32,
    quotes: u64,
    ordinary: u64,
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
        self.ordinary |= block.ordinary;
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
            quoting: Quoting::Absent,
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
        let (classifier, pairs) = (Classifier::new(isa, self.dialect), Pairs::new(isa, self.dialect));
        while self.survey.rows < self.goal && self.survey.at < self.filled {
            if self.wide(isa) || self.in_pairs(&pairs) || self.narrow(&classifier) {
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
        survey.state = State::outside([window[256], window[257]], self.dialect);
    }

    /// Some blocks that may be taken in one go: as many as surely have neither the last row that is
    /// wanted nor a line that is too long.
    #[inline(always)]
    fn blocks(&self) -> &[[u8; 64]] {
        let survey = &*self.survey;
        let most = survey.patience.clamp(1, NARROW).min((self.goal - survey.rows - 1) / 64);
        let (blocks, _) = self.buffer[survey.at..self.filled].as_chunks();
        let blocks = &blocks[..blocks.len().min(most)];
        if survey.at + 64 * blocks.len() - survey.line > self.max_line { &[] } else { blocks }
    }

    /// Takes blocks up to one with a blank line, or a quote that neither opens nor closes. A field that
    /// goes on after its closing quote does not matter here: a quote in it would be astray.
    #[inline(always)]
    fn in_pairs<I: Isa>(&mut self, pairs: &Pairs<I>) -> bool {
        let (blocks, state) = (self.blocks(), self.survey.state);
        if !state.is_simple() || self.dialect.comment().is_some() {
            return false;
        }
        let (mut inside, mut opens) = (state.inside, state.field_start | state.after_quote);
        // One bit for each of the next two bytes that would end a line that is blank, or may be so.
        let mut blank = 3 * state.line_start;
        let (mut sum, mut at) = (Sum::default(), self.survey.at);
        for bytes in blocks {
            let block = pairs.classify(bytes, inside);
            let ends = block.ends();
            let short = ends & ((ends << 1) | (ends << 2) | blank);
            if block.astray(opens) | short != 0 {
                break;
            }
            sum.rows += ends.count_ones();
            sum.lines += block.newlines.count_ones();
            sum.quotes |= block.quotes;
            sum.line = if ends != 0 { at + 64 - ends.leading_zeros() as usize } else { sum.line };
            (inside, opens) = (block.inside_next(), block.special() >> 63);
            blank = (ends >> 63) | (ends >> 62);
            at += 64;
        }
        if at == self.survey.at {
            return false;
        }
        let last = [self.buffer[at - 2], self.buffer[at - 1]];
        let state = if inside == 0 { State::outside(last, self.dialect) } else { State::Quoted };
        self.passed(at, state, &sum);
        true
    }

    /// Blocks up to this place have been taken.
    #[inline(always)]
    fn passed(&mut self, at: usize, state: State, sum: &Sum) {
        let survey = &mut *self.survey;
        survey.patience = survey.patience.saturating_sub((at - survey.at) / 64);
        survey.rows += sum.rows as usize;
        survey.lines += u64::from(sum.lines);
        survey.skipped += u64::from(sum.skipped);
        (survey.at, survey.state) = (at, state);
        if sum.line > 0 {
            (survey.line, survey.vague) = (sum.line, false);
        }
        self.note_quotes(sum.quotes, sum.ordinary, u64::from(sum.skipped));
    }

    /// Takes some blocks, whatever is in them. What is known stays in registers meanwhile.
    #[inline(always)]
    fn narrow<I: Isa>(&mut self, classifier: &Classifier<'_, I>) -> bool {
        let blocks = self.blocks();
        let (mut at, mut state, mut sum) = (self.survey.at, self.survey.state, Sum::default());
        if blocks.is_empty() {
            return false;
        }
        for bytes in blocks {
            let block = classifier.classify(bytes, state);
            sum.add(&block, at);
            state = block.state;
            at += 64;
        }
        self.passed(at, state, &sum);
        true
    }

    /// Takes a classified block, or the part of it up to the last row that is wanted.
    #[inline(always)]
    fn take(&mut self, bytes: &[u8], block: &Block) -> Result<(), LongLine> {
        let rows = block.ends & !block.voids;
        let wanted = self.goal - self.survey.rows;
        let holds_last = rows.count_ones() as usize >= wanted;
        let last = || (1..wanted).fold(rows, |rows, _| rows & (rows - 1)).trailing_zeros();
        let upto = if holds_last { u64::MAX >> (63 - last()) } else { u64::MAX };
        if self.survey.at + 64 - self.survey.line > self.max_line {
            self.check_ends(block.ends & upto)?;
        }
        let survey = &mut *self.survey;
        survey.add(block, upto);
        if !holds_last {
            survey.at += bytes.len();
            survey.state = block.state;
            let after_last = survey.at - bytes.len() + 64 - block.ends.leading_zeros() as usize;
            survey.line = if block.ends != 0 { after_last } else { survey.line };
            survey.vague &= block.ends == 0;
            self.note_quotes(block.quotes, block.ordinary, block.voids);
            return Ok(());
        }
        survey.at += 64 - upto.leading_zeros() as usize;
        (survey.line, survey.vague) = (survey.at, false);
        survey.state = State::LineStart;
        self.note_quotes(block.quotes, block.ordinary, block.voids);
        Ok(())
    }

    #[inline(always)]
    fn note_quotes(&mut self, quotes: u64, ordinary: u64, voids: u64) {
        // A comment shows as a line that is no row, or as what is known at the end.
        let comment = self.dialect.comment().is_some() && (voids != 0 || self.survey.state == State::Comment);
        let quoting = match () {
            () if comment || ordinary != 0 => Quoting::Odd,
            () if quotes != 0 => Quoting::Paired,
            () => Quoting::Absent,
        };
        self.survey.quoting = self.survey.quoting.max(quoting);
    }

    /// An error if a line that has one of these ends in the next block is too long; it is the current one then.
    #[cold]
    fn check_ends(&mut self, mut ends: u64) -> Result<(), LongLine> {
        let mut start = self.survey.line_start(self.buffer);
        while ends != 0 {
            let end = self.survey.at + ends.trailing_zeros() as usize;
            if end - start > self.max_line {
                (self.survey.line, self.survey.vague) = (start, false);
                return Err(LongLine);
            }
            start = end + 1;
            ends &= ends - 1;
        }
        Ok(())
    }

    /// An error if the line that has not ended is too long already.
    fn check_line(&self) -> Result<(), LongLine> {
        let survey = &*self.survey;
        let is_short = survey.at - survey.line <= self.max_line;
        if is_short || survey.at - survey.line_start(self.buffer) <= self.max_line {
            Ok(())
        } else {
            Err(LongLine)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::Level;
    use super::super::text::PAD;
    use super::*;
    use proptest::prelude::*;

    /// What a survey knows, without how it came to know it.
    type Known = (usize, State, usize, u64, u64, usize, Quoting);

    /// Feeds the bytes up to each of these ends.
    fn surveyed(bytes: &[u8], ends: &[usize], dialect: &Dialect, level: Level) -> Known {
        let buffer = [&[b'\n'; PAD], bytes, &[b'\n'; PAD]].concat();
        let mut survey = Survey::new(PAD);
        for end in ends {
            let filled = PAD + end;
            let job =
                Advance { survey: &mut survey, buffer: &buffer, filled, goal: 1000, dialect, max_line: 9000 };
            assert!(level.run(job).is_ok(), "no line is that long");
        }
        let line = survey.line_start(&buffer) - PAD;
        let Survey { at, state, rows, lines, skipped, quoting, .. } = survey;
        (at - PAD, state, rows, lines, skipped, line, quoting)
    }

    /// The same, one byte at a time.
    fn walked(bytes: &[u8], dialect: &Dialect) -> Known {
        let mut survey = Survey::new(0);
        for (i, byte) in bytes.iter().enumerate() {
            let block = walk(&[*byte], dialect, survey.state);
            survey.add(&block, 1);
            survey.line = if block.ends != 0 { i + 1 } else { survey.line };
            // A blank line may pass for a comment where there may be some.
            let comment = dialect.comment().is_some() && block.voids != 0;
            let odd = block.ordinary != 0 || comment || block.state == State::Comment;
            let paired = if block.quotes == 0 { Quoting::Absent } else { Quoting::Paired };
            survey.quoting = survey.quoting.max(if odd { Quoting::Odd } else { paired });
            survey.state = block.state;
        }
        let Survey { state, rows, lines, skipped, line, quoting, .. } = survey;
        (bytes.len(), state, rows, lines, skipped, line, quoting)
    }

    /// Long stretches of one kind, with an odd place here and there.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let kind = prop::sample::select(vec![
            "a,b\n",
            "\"a\",1\r\n",
            "\"a,\nb\",1\n",
            "\"\",\"\"\"\",2\n",
            "1\n",
            "\"a\"\n",
        ]);
        let odd = prop::sample::select(vec![
            "", "", "\n", "\r\n", "\r", "x", "\"", "\"x\"y", "x\"y", "\"\"", "#\"\n", ",\"",
        ]);
        let stretch = (kind, 0..60_usize, odd).prop_map(|(kind, times, odd)| kind.repeat(times) + odd);
        prop::collection::vec(stretch, 0..9).prop_map(|stretches| stretches.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn surveys_agree_with_the_automaton(
            bytes in texts(),
            feeds in prop::collection::vec(1..700_usize, 0..4),
            comment in any::<bool>(),
        ) {
            let dialect = Dialect::new(b',', Some(b'"'), comment.then_some(b'#')).expect("a dialect");
            let mut ends: Vec<usize> = feeds.into_iter().map(|end| end.min(bytes.len())).collect();
            ends.sort_unstable();
            ends.push(bytes.len());
            for level in Level::available() {
                prop_assert_eq!(surveyed(&bytes, &ends, &dialect, level), walked(&bytes, &dialect), "{:?}", level);
            }
        }
    }
}
