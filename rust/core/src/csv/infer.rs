//! [`infer`]: the columns of a file, from a sample of it.

use std::collections::HashSet;

use super::columns::truth;
use super::header::{Head, Header, Opening, unquoted};
use super::lines::{Line, Lines};
use super::moment::{self, Moment};
use super::number;
use super::reject::shown;
use crate::error::Result;
use crate::types::{DataType, Field, TimeUnit};

/// What types are inferred from.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// The rows that are looked at, bad ones counted.
    pub rows: usize,
    /// The bytes after the header that are enough, however few rows they hold.
    pub max_bytes: usize,
    /// Unquoted texts that mean null, besides the empty one.
    pub nulls: Vec<Vec<u8>>,
    /// Columns whose types are known: if all are, no row is looked at.
    pub known: HashSet<String>,
}

impl Default for Sampling {
    /// 10,000 rows, at most 1 GiB, no other null than the empty field.
    fn default() -> Self {
        Self { rows: 10_000, max_bytes: 1 << 30, nulls: Vec::new(), known: HashSet::new() }
    }
}

/// What a sample says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// The columns; none if the file is empty.
    pub fields: Vec<Field>,
    /// Of each that is text: why it is.
    pub reasons: Vec<Option<String>>,
    /// Whether there was a row to infer from, or none was asked for.
    pub settled: bool,
    /// The start of the file.
    pub header: Header,
}

/// The columns of a file. `complete` says that the sample is the whole file; `None` that more of
/// it is needed, so that what is inferred depends on the file alone.
///
/// # Errors
/// As [`Opening::go_on`].
pub fn infer(sample: &[u8], complete: bool, options: &Head, sampling: &Sampling) -> Result<Option<Inferred>> {
    Inference::default().go_on(sample, complete, options, sampling)
}

/// What is known of the columns of a file so far: goes on where the sample has grown.
#[derive(Clone, Debug, Default)]
pub struct Inference {
    opening: Opening,
    rows: Option<Rows>,
}

/// The rows of a sample, as far as they have been looked at.
#[derive(Clone, Debug)]
struct Rows {
    header: Header,
    lines: Lines,
    /// How many there were, and how many are wanted.
    seen: usize,
    wanted: usize,
    guesses: Vec<Guess>,
    /// The line of the first that did not split.
    unsplit: Option<u64>,
}

impl Inference {
    /// The columns of a file, of which the sample holds more than the last one; the rest as for [`infer`].
    ///
    /// # Errors
    /// As [`Opening::go_on`].
    pub fn go_on(
        &mut self,
        sample: &[u8],
        complete: bool,
        options: &Head,
        sampling: &Sampling,
    ) -> Result<Option<Inferred>> {
        if self.rows.is_none() {
            let header = self.opening.go_on(sample, complete, options)?;
            self.rows = header.map(|header| Rows::after(header, sampling));
        }
        let Some(rows) = &mut self.rows else { return Ok(None) };
        Ok(rows.go_on(sample, complete, options, sampling).then(|| rows.inferred()))
    }

    /// The columns by what has been seen so far; `None` if the header is not known.
    pub fn so_far(&self) -> Option<Inferred> {
        self.rows.as_ref().map(Rows::inferred)
    }
}

impl Rows {
    fn after(header: Header, sampling: &Sampling) -> Self {
        let known = header.names.iter().all(|name| sampling.known.contains(name));
        let wanted = if known { 0 } else { sampling.rows };
        let guesses = vec![Guess::default(); header.names.len()];
        Self { lines: Lines::from(header.end), header, seen: 0, wanted, guesses, unsplit: None }
    }

    /// Looks at the rows of a sample; tells whether they are enough.
    fn go_on(&mut self, sample: &[u8], complete: bool, options: &Head, sampling: &Sampling) -> bool {
        let far = self.header.end.byte as usize + sampling.max_bytes;
        while self.seen < self.wanted {
            let start = self.lines.next_start();
            // A line that is too long is told by the one who cuts, with its place.
            let far = far.min((start.byte as usize).saturating_add(options.max_line).saturating_add(1));
            let Some(line) = self.lines.next(sample, complete, &options.dialect) else {
                return sample.len() >= far;
            };
            if line.bytes.is_empty() || line.end() >= far {
                break;
            }
            if !line.void {
                self.look(&line, start.line, sample, options, sampling);
            }
        }
        true
    }

    /// Looks at a row, which starts in the line of this number.
    fn look(&mut self, line: &Line, number: u64, sample: &[u8], options: &Head, sampling: &Sampling) {
        self.seen += 1;
        if line.broken || line.fields.len() != self.guesses.len() {
            self.unsplit.get_or_insert(number);
            return;
        }
        for (range, guess) in line.fields.iter().zip(&mut self.guesses) {
            let raw = &sample[range.clone()];
            if !raw.is_empty() && !sampling.nulls.iter().any(|null| null == raw) {
                guess.see(&unquoted(raw, &options.dialect), number);
            }
        }
    }

    fn inferred(&self) -> Inferred {
        let field = |(name, guess): (&String, &Guess)| Field::new(name.as_str(), guess.dtype());
        Inferred {
            fields: self.header.names.iter().zip(&self.guesses).map(field).collect(),
            reasons: self.guesses.iter().map(|guess| guess.reason(self.unsplit)).collect(),
            settled: !self.header.names.is_empty() && (self.seen > 0 || self.wanted == 0),
            header: self.header.clone(),
        }
    }
}

/// The types that all texts of a column fit, so far.
#[derive(Clone, Debug)]
struct Guess {
    seen: bool,
    bool: bool,
    int: bool,
    float: bool,
    date: bool,
    naive: bool,
    zoned: bool,
    fine: bool,
    /// In nanoseconds, all texts fit.
    nano: bool,
    /// The first text after which no other type was left, and its line.
    odd: Option<(String, u64)>,
}

impl Default for Guess {
    fn default() -> Self {
        Self {
            seen: false,
            bool: true,
            int: true,
            float: true,
            date: true,
            naive: true,
            zoned: true,
            fine: false,
            nano: true,
            odd: None,
        }
    }
}

impl Guess {
    fn see(&mut self, text: &[u8], line: u64) {
        if self.odd.is_some() {
            return;
        }
        self.seen = true;
        self.bool = self.bool && truth(text).is_some();
        self.int = self.int && number::integer(text).is_some_and(|value| i64::try_from(value).is_ok());
        self.float = self.float && number::double(text).is_some();
        self.date = self.date && moment::date(text).is_some();
        if self.naive || self.zoned {
            self.see_moment(text);
        }
        if self.is_text() {
            self.odd = Some((shown(text), line));
        }
    }

    fn see_moment(&mut self, text: &[u8]) {
        let moment = moment::moment(text);
        self.naive &= moment.is_some_and(|moment| !moment.zoned);
        self.zoned &= moment.is_some_and(|moment| moment.zoned);
        self.fine |= Moment::is_finer_than_micros(text);
        self.nano &= moment.is_some_and(|moment| moment.ticks(TimeUnit::Nano).is_some());
    }

    /// Why it is text, if it is; `unsplit` is the line of the first row that did not split.
    fn reason(&self, unsplit: Option<u64>) -> Option<String> {
        if let Some((text, line)) = &self.odd {
            return Some(format!("because of {text:?} in line {line}"));
        }
        let unsplit =
            unsplit.map_or(String::new(), |line| format!(", and line {line} does not split into columns"));
        (!self.seen).then(|| format!("since no row has a value to tell its type from{unsplit}"))
    }

    fn is_text(&self) -> bool {
        let time = (self.naive || self.zoned) && (!self.fine || self.nano);
        !(self.bool || self.int || self.float || self.date || time)
    }

    fn dtype(&self) -> DataType {
        let zone = || if self.zoned { Some("UTC".into()) } else { None };
        match () {
            () if !self.seen || self.is_text() => DataType::Text,
            () if self.bool => DataType::Bool,
            () if self.int => DataType::Int64,
            () if self.float => DataType::Float64,
            () if self.date => DataType::Date,
            () if !self.fine => DataType::Timestamp(TimeUnit::Micro, zone()),
            () => DataType::Timestamp(TimeUnit::Nano, zone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(column: &str) -> String {
        let sample = format!("x,y\n{}", column.split('|').map(|text| format!("{text},1\n")).collect::<String>());
        let inferred = infer(sample.as_bytes(), true, &Head::default(), &Sampling::default());
        inferred.expect("fine").expect("complete").fields[0].dtype.to_string()
    }

    #[test]
    fn the_first_type_that_all_fit() {
        for (texts, dtype) in [
            ("true|False|", "bool"),
            ("1|-2|+3||", "int64"),
            ("007|012", "int64"),
            ("1|2.5|nan", "float64"),
            ("99999999999999999999", "float64"),
            ("2024-01-01|1999-12-31", "date"),
            ("2024-01-01|1999-12-31T10:00", "timestamp[us]"),
            ("2024-01-01T00:00:00.1234567", "timestamp[ns]"),
            ("2024-01-01T00:00:00Z|2024-01-01 00:00:00+0100", "timestamp[us, UTC]"),
            ("2024-01-01T00:00:00.123456789Z", "timestamp[ns, UTC]"),
            ("2024-01-01T00:00:00Z|2024-01-01T00:00:00", "string"),
            ("3000-01-01T00:00:00.123456789", "string"),
            ("1|a", "string"),
            ("|", "string"),
            ("\"1\"|2", "int64"),
        ] {
            assert_eq!(types(texts), dtype, "{texts}");
        }
    }

    #[test]
    fn a_short_sample_asks_for_more() {
        let sample = b"a,bbbbbbbbbbbbbbbb\n1,2\n3,4\n";
        let rows = |rows| Sampling { rows, ..Sampling::default() };
        assert!(infer(sample, false, &Head::default(), &rows(2)).expect("fine").is_some());
        assert!(infer(sample, false, &Head::default(), &rows(3)).expect("fine").is_none());
        assert!(infer(sample, true, &Head::default(), &rows(3)).expect("fine").is_some());
    }
}
