//! [`Block`]: what the bytes of 64 bytes of text are, as one bit a byte.

use super::automaton::{State, walk};
use super::dialect::Dialect;
use super::pairs::{Paired, Pairs};
use super::simd::Isa;

/// The classes of 64 bytes, lowest bit first, and the state after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Delimiters between fields, and ends of lines.
    pub separators: u64,
    /// Ends of lines: newlines outside quotes.
    pub ends: u64,
    /// Those ends whose line is blank or a comment.
    pub voids: u64,
    /// All newlines, within quotes too.
    pub newlines: u64,
    /// All quotes, wherever they stand.
    pub quotes: u64,
    /// Second quotes of two between quotes.
    pub doubled: u64,
    /// Quotes that neither open nor close.
    pub ordinary: u64,
    /// Bytes that may not stand where they are, after a closing quote.
    pub broken: u64,
    /// What is known after the block.
    pub state: State,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            separators: 0,
            ends: 0,
            voids: 0,
            newlines: 0,
            quotes: 0,
            doubled: 0,
            ordinary: 0,
            broken: 0,
            state: State::LineStart,
        }
    }
}

/// Classifies the blocks of one dialect, whose bytes it has at hand as needles.
pub(crate) struct Classifier<'a, I: Isa> {
    isa: I,
    dialect: &'a Dialect,
    pairs: Pairs<I>,
    returns: I::Needle,
    comment: Option<I::Needle>,
}

impl<'a, I: Isa> Classifier<'a, I> {
    /// For this dialect.
    #[inline(always)]
    pub fn new(isa: I, dialect: &'a Dialect) -> Self {
        Self {
            isa,
            dialect,
            pairs: Pairs::new(isa, dialect),
            returns: isa.needle(b'\r'),
            comment: dialect.comment().map(|byte| isa.needle(byte)),
        }
    }

    /// Classifies a block: by masks where they are proved right, else by the automaton.
    #[inline(always)]
    pub fn classify(&self, bytes: &[u8; 64], state: State) -> Block {
        match self.by_masks(bytes, state) {
            Some(block) => block,
            None => {
                // Field by field, so that the compiler keeps the usual block out of memory.
                let Block { separators, ends, voids, newlines, quotes, doubled, ordinary, broken, state } =
                    exact(bytes, self.dialect, state);
                let state = state.copied();
                Block { separators, ends, voids, newlines, quotes, doubled, ordinary, broken, state }
            }
        }
    }

    /// The masks of a block whose quotes are as RFC 4180 has them and which has no comment; else `None`.
    ///
    /// With `inside` the inclusive prefix XOR of the quotes, a quote in `inside` opens and one outside
    /// closes. If each opening quote follows a separator or a quote, and each closing one is followed
    /// by a separator, a quote or the end of the line, then the masks agree with the automaton: the
    /// first place where the two could part is always one of these.
    #[inline(always)]
    fn by_masks(&self, bytes: &[u8; 64], state: State) -> Option<Block> {
        if !state.is_simple() {
            return None;
        }
        let State { field_start, line_start, after_quote, inside, .. } = state;
        let pairs = self.pairs.classify(bytes, inside);
        let Paired { separators, newlines, quotes, inner } = pairs;
        let (ends, closing, special) = (pairs.ends(), pairs.closing(), pairs.special());
        let line_starts = (ends << 1) | line_start;
        // What comes right after a closing quote; after one at the end of the block, in the next block.
        let closed = (closing << 1) | after_quote;
        // A return matters after a closing quote, and at the start of a line that is blank with it.
        let careful = (closed & !special) | (ends & (line_starts << 1)) | (line_starts >> 63);
        let returns = if careful == 0 { 0 } else { self.isa.find(bytes, [self.returns])[0] };
        let astray_close = closed & !(special | (returns & (newlines >> 1)));
        if pairs.astray(field_start | after_quote) | astray_close != 0 {
            return None;
        }
        if let Some(comment) = self.comment
            && self.isa.find(bytes, [comment])[0] & line_starts & !inner != 0
        {
            return None;
        }
        let returns_first = returns & line_starts;
        let separators = separators & !inner;
        Some(Block {
            separators,
            ends,
            voids: ends & (line_starts | (returns_first << 1)),
            newlines,
            quotes,
            doubled: quotes & closed,
            ordinary: 0,
            broken: 0,
            state: State::after(separators, ends, closing, inner, returns_first),
        })
    }
}

#[cold]
#[inline(never)]
fn exact(bytes: &[u8; 64], dialect: &Dialect, state: State) -> Block {
    walk(bytes, dialect, state)
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Job, Level};
    use super::*;
    use proptest::prelude::*;

    struct Classify<'a>(&'a [u8; 64], &'a Dialect, State);

    impl Job for Classify<'_> {
        type Output = Block;
        fn run<I: Isa>(self, isa: I) -> Block {
            Classifier::new(isa, self.1).classify(self.0, self.2)
        }
    }

    fn states() -> impl Strategy<Value = State> {
        type S = State;
        prop::sample::select(vec![
            S::LineStart,
            S::LineStartReturn,
            S::FieldStart,
            S::Unquoted,
            S::Quoted,
            S::Quote,
            S::QuoteReturn,
            S::Comment,
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn masks_agree_with_the_automaton(
            bytes in prop::collection::vec(prop::sample::select(b"\"\"\",,\n\n\r#aaaaaaaaaa".to_vec()), 64),
            comment in any::<bool>(),
            state in states(),
        ) {
            let bytes: [u8; 64] = bytes.try_into().expect("64 bytes");
            let dialect = Dialect::new(b',', Some(b'"'), comment.then_some(b'#')).expect("a dialect");
            let expected = walk(&bytes, &dialect, state);
            for level in Level::available() {
                prop_assert_eq!(level.run(Classify(&bytes, &dialect, state)), expected);
            }
        }
    }
}
