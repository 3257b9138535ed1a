//! [`Nulls`]: the few rows of a column that are null.

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};

/// The rows of a column that are null, in any order.
#[derive(Debug, Default)]
pub(crate) struct Nulls(Vec<u32>);

impl Nulls {
    /// A row is null.
    pub fn push(&mut self, row: usize) {
        self.0.push(row as u32);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Those after the first `n`.
    pub fn since(&self, n: usize) -> &[u32] {
        &self.0[n..]
    }

    /// The mask for so many rows; `None` if none is null.
    pub fn finish(self, rows: usize) -> Option<NullBuffer> {
        if self.0.is_empty() {
            return None;
        }
        let mut bits = BooleanBufferBuilder::new(rows);
        bits.append_n(rows, true);
        for row in self.0 {
            bits.set_bit(row as usize, false);
        }
        let bits: BooleanBuffer = bits.finish();
        Some(NullBuffer::new(bits))
    }
}
