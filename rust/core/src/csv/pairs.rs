//! [`Pairs`]: what the bytes of 64 bytes of text are, where quotes open and close in turn.

use super::dialect::Dialect;
use super::simd::Isa;

/// Finds separators by the number of quotes before them.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<I: Isa> {
    isa: I,
    delimiter: I::Needle,
    newline: I::Needle,
    quote: I::Needle,
    /// All bits if there is a byte that quotes, else none.
    quotable: u64,
}

/// The classes of 64 bytes, lowest bit first.
#[derive(Clone, Copy)]
pub(crate) struct Paired {
    /// All delimiters and newlines, within quotes too.
    pub separators: u64,
    /// All newlines, within quotes too.
    pub newlines: u64,
    /// All quotes.
    pub quotes: u64,
    /// What stands between quotes, with the opening one.
    pub inner: u64,
}

impl<I: Isa> Pairs<I> {
    /// For this dialect.
    #[inline(always)]
    pub fn new(isa: I, dialect: &Dialect) -> Self {
        Self {
            isa,
            delimiter: isa.needle(dialect.delimiter()),
            newline: isa.needle(b'\n'),
            quote: isa.needle(dialect.quote().unwrap_or_default()),
            quotable: if dialect.quote().is_some() { u64::MAX } else { 0 },
        }
    }

    /// The classes of a block; `inside` is all bits if it starts between quotes.
    #[inline(always)]
    pub fn classify(&self, bytes: &[u8; 64], inside: u64) -> Paired {
        let [delimiters, newlines, quotes] = self.isa.find(bytes, [self.delimiter, self.newline, self.quote]);
        let quotes = quotes & self.quotable;
        let inner = self.isa.prefix_xor(quotes) ^ inside;
        Paired { separators: delimiters | newlines, newlines, quotes, inner }
    }
}

impl Paired {
    /// Newlines that end a line.
    #[inline(always)]
    pub fn ends(&self) -> u64 {
        self.newlines & !self.inner
    }

    /// Quotes that open.
    #[inline(always)]
    pub fn opening(&self) -> u64 {
        self.quotes & self.inner
    }

    /// Quotes that close, or are the first of two.
    #[inline(always)]
    pub fn closing(&self) -> u64 {
        self.quotes & !self.inner
    }

    /// Opening quotes that stand where none may, so that they are ordinary. `opens` is one if one may
    /// stand at the start of the block.
    ///
    /// What stands before an opening quote is not between quotes, unless it is a quote.
    #[inline(always)]
    pub fn astray(&self, opens: u64) -> u64 {
        self.opening() & !((self.special() << 1) | opens)
    }

    /// Separators and quotes, wherever they stand.
    #[inline(always)]
    pub fn special(&self) -> u64 {
        self.separators | self.quotes
    }

    /// All bits if the next block starts between quotes.
    #[inline(always)]
    pub fn inside_next(&self) -> u64 {
        (self.inner as i64 >> 63) as u64
    }
}
