//! [`Primitive`]: builds columns of values of a fixed size.

use arrow_array::ArrayRef;

use super::super::cells::{Cell, Cells, Reader};
use super::super::layout::Column;
use super::super::simd::{Isa, Job};
use super::nulls::Nulls;
use super::parse::Parse;
use super::{Builder, Failed, NoValue, Tools, Words};

/// Builds a column of values of a fixed size: a fast kernel does what it can, and what it leaves
/// (nulls, quotes, long or odd texts, bad ones) is done one by one.
pub(crate) struct Primitive<P: Parse> {
    parse: P,
    values: Vec<P::Value>,
    nulls: Nulls,
    /// Null spellings must be found beforehand, because they convert.
    spelled: bool,
    /// Many cells have quotes, which the kernel must not see.
    quoted: bool,
    required: bool,
}

impl<P: Parse> Primitive<P> {
    /// A builder for about so many rows.
    pub fn new(mut parse: P, column: &Column, rows: usize) -> Self {
        let spelled = column.nulls.iter().any(|null| parse.one(null).is_some());
        // Kernels write up to three values too many.
        let values = Vec::with_capacity(rows + 3);
        Self { parse, values, nulls: Nulls::default(), spelled, quoted: false, required: column.required }
    }

    fn read_one(&mut self, cells: &Cells<'_>, row: u32, first: usize) -> Option<NoValue> {
        match cells.get(row as usize) {
            Cell::Null if self.required => return Some(NoValue::Null),
            Cell::Null => {
                self.values[first + row as usize] = self.parse.null();
                self.nulls.push(first + row as usize);
            }
            Cell::Text(text) => match self.parse.one(&text) {
                Some(value) => self.values[first + row as usize] = value,
                None => return Some(NoValue::Unlike),
            },
        }
        None
    }
}

impl<P: Parse> Builder for Primitive<P> {
    fn reader(&self) -> Reader {
        Reader { spelled: self.spelled, unquoted: self.quoted }
    }

    fn read(&mut self, cells: &Cells<'_>, tools: &mut Tools<'_>) {
        let first = self.values.len();
        tools.odd.clear();
        tools.level.run(Many { parse: &mut self.parse, cells, values: &mut self.values, odd: tools.odd });
        self.quoted |= tools.odd.len() > cells.rows() / 8;
        for &row in tools.odd.iter() {
            if let Some(why) = self.read_one(cells, row, first) {
                tools.failed.push(Failed { row, why });
            }
        }
    }

    fn finish(self: Box<Self>, _words: &mut Vec<Words>) -> ArrayRef {
        let nulls = self.nulls.finish(self.values.len());
        self.parse.array(self.values, nulls)
    }
}

struct Many<'a, P: Parse> {
    parse: &'a mut P,
    cells: &'a Cells<'a>,
    values: &'a mut Vec<P::Value>,
    odd: &'a mut Vec<u32>,
}

impl<P: Parse> Job for Many<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        self.parse.many(isa, self.cells, self.values, self.odd);
    }
}
