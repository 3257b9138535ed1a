//! [`Local`]: the keys of a batch numbered among themselves, column by column.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as Arrow;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::code::{encode, words};
use super::near::Word;
use crate::column::Texts;

/// The rows of a batch numbered among themselves.
pub(super) struct Local {
    /// Of each row: the number of its key.
    pub(super) codes: Vec<u32>,
    /// They are less than this.
    pub(super) codes_len: usize,
}

impl Local {
    /// Some rows of these columns.
    pub(super) fn of(columns: &[ArrayRef], rows: usize) -> Self {
        let mut columns = columns.iter().map(Self::of_column);
        match columns.next() {
            None => Self { codes: vec![0; rows], codes_len: 1 },
            Some(first) => columns.fold(first, Self::with),
        }
    }

    /// One column: the codes that it has, or a number for each distinct value.
    fn of_column(column: &ArrayRef) -> Self {
        let nulls = column.logical_nulls();
        let null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        match column.data_type() {
            Arrow::Dictionary(..) => {
                let Texts::Coded { codes, values } = Texts::of(column) else { unreachable!("it is coded") };
                let null_code = values.len() as u32;
                let code = |(row, &code): (usize, &i32)| if null(row) { null_code } else { code as u32 };
                let codes = match nulls {
                    None => codes.iter().map(|&code| code as u32).collect(),
                    Some(_) => codes.iter().enumerate().map(code).collect(),
                };
                Self { codes, codes_len: values.len() + 1 }
            }
            Arrow::Boolean => {
                let values = column.as_boolean().values();
                let code = |row| if null(row) { 2 } else { u32::from(values.value(row)) };
                Self { codes: (0..column.len()).map(code).collect(), codes_len: 3 }
            }
            Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => {
                let texts = Texts::of(column);
                Self::of_texts(column.len(), |row| (!null(row)).then(|| texts.span(row)))
            }
            _ => match words(column) {
                Some(words) => Self::distinct(column.len(), |row| (!null(row)).then(|| words[row])),
                None => {
                    let bytes = |row| {
                        let mut bytes = Vec::new();
                        encode(column, row, &mut bytes);
                        bytes
                    };
                    Self::distinct(column.len(), bytes)
                }
            },
        }
    }

    /// A number for each distinct text.
    fn of_texts<'a>(rows: usize, span: impl Fn(usize) -> Option<(&'a [u8], usize, usize)>) -> Self {
        let mut short: HashMap<u64, u32, RandomState> = HashMap::default();
        let mut long: HashMap<&[u8], u32, RandomState> = HashMap::default();
        let mut next = 0;
        let codes = (0..rows)
            .map(|row| {
                let code = match span(row) {
                    None => *short.entry(u64::NULL).or_insert(next),
                    Some((bytes, start, len @ 0..8)) => *short.entry(u64::of(bytes, start, len)).or_insert(next),
                    Some((bytes, start, len)) => *long.entry(&bytes[start..start + len]).or_insert(next),
                };
                next += u32::from(code == next);
                code
            })
            .collect();
        Self { codes, codes_len: next as usize }
    }

    fn distinct<T: std::hash::Hash + Eq>(rows: usize, value: impl Fn(usize) -> T) -> Self {
        let mut seen: HashMap<T, u32, RandomState> = HashMap::default();
        let codes = (0..rows)
            .map(|row| {
                let next = seen.len() as u32;
                *seen.entry(value(row)).or_insert(next)
            })
            .collect();
        Self { codes, codes_len: seen.len() }
    }

    /// Two columns: a number for each distinct pair.
    fn with(self, other: Self) -> Self {
        let pairs = self.codes_len.saturating_mul(other.codes_len);
        if pairs <= 1 << 16 {
            let width = other.codes_len as u32;
            let codes = self.codes.iter().zip(&other.codes).map(|(a, b)| a * width + b).collect();
            return Self { codes, codes_len: pairs };
        }
        Self::distinct(self.codes.len(), |row| (self.codes[row], other.codes[row]))
    }
}
