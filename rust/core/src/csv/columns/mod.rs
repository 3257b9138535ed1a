//! Builders of columns: one is made for each column of a text, and fed its pieces in order.

mod coded;
mod nulls;
mod parse;
mod primitive;
mod text;
mod timestamp;
mod words;

use arrow_array::ArrayRef;

use super::cells::{Cells, Reader};
use super::layout::Column;
use super::simd::Level;
use crate::error::{Error, Result};
use crate::types::DataType;

pub(crate) use parse::truth;
use primitive::Primitive;
pub(crate) use text::recoded;
pub(crate) use words::Words;

/// What a builder may use while it reads a piece.
pub(crate) struct Tools<'a> {
    pub level: Level,
    /// Memory for rows that a fast kernel left to the scalar twin.
    pub odd: &'a mut Vec<u32>,
    /// Takes the rows of the piece that do not convert.
    pub failed: &'a mut Vec<Failed>,
}

/// A cell that makes its row bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// The row in the piece.
    pub row: u32,
    pub why: NoValue,
}

/// Why a cell makes its row bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// It does not convert.
    Unlike,
    /// It is null and may not be.
    Null,
    /// It is not UTF-8.
    NotUtf8,
}

/// Builds one column of one text.
pub(crate) trait Builder: Send {
    /// How it wants its cells.
    fn reader(&self) -> Reader;

    /// Adds the rows of a piece; rubbish for those that fail.
    fn read(&mut self, cells: &Cells<'_>, tools: &mut Tools<'_>);

    /// The column of all rows. Memory worth keeping goes to `words`.
    fn finish(self: Box<Self>, words: &mut Vec<Words>) -> ArrayRef;
}

/// The builder of a column that will have about so many rows.
///
/// # Errors
/// [`Error::Schema`] for types that have no form in text.
pub(crate) fn builder(column: &Column, rows: usize, words: &mut Vec<Words>) -> Result<Box<dyn Builder>> {
    use crate::types::TimeUnit::{Milli, Second};
    macro_rules! primitive {
        ($parse:expr) => {
            Box::new(Primitive::new($parse, column, rows))
        };
    }
    Ok(match &column.dtype {
        DataType::Bool => primitive!(parse::Bool),
        DataType::Int8 => primitive!(parse::Int::<i8>::new(&column.dtype)),
        DataType::Int16 => primitive!(parse::Int::<i16>::new(&column.dtype)),
        DataType::Int32 => primitive!(parse::Int::<i32>::new(&column.dtype)),
        DataType::Int64 | DataType::Duration(_) => primitive!(parse::Int::<i64>::new(&column.dtype)),
        DataType::UInt8 => primitive!(parse::Int::<u8>::new(&column.dtype)),
        DataType::UInt16 => primitive!(parse::Int::<u16>::new(&column.dtype)),
        DataType::UInt32 => primitive!(parse::Int::<u32>::new(&column.dtype)),
        DataType::UInt64 => primitive!(parse::Int::<u64>::new(&column.dtype)),
        DataType::Float32 => primitive!(parse::Single),
        DataType::Float64 => primitive!(parse::Double),
        DataType::Decimal(precision, scale) => primitive!(parse::Fixed(*precision, *scale)),
        DataType::Date => primitive!(parse::Date),
        DataType::Time(unit @ (Second | Milli)) => primitive!(parse::Time::<i32>::new(*unit)),
        DataType::Time(unit) => primitive!(parse::Time::<i64>::new(*unit)),
        DataType::Timestamp(unit, zone) => primitive!(timestamp::Timestamp::new(*unit, zone.clone())),
        DataType::Text | DataType::Categorical(_) => {
            Box::new(text::Text::coded(column, rows, words.pop().unwrap_or_default()))
        }
        DataType::Binary => Box::new(text::Text::binary(column, rows)),
        other => {
            let message = "CSV has no form for this type; declare it as string";
            return Err(Error::schema(&column.name, other, message));
        }
    })
}
