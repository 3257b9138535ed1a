//! CSV: bytes to columns, without any input of its own.
//!
//! A [`Cutter`] is fed bytes and cuts them into [`Text`]s of exactly so many rows; that is quick,
//! and done by one thread at a time. [`decode`] makes columns of a text, on any thread. What the
//! columns are is said by a [`Layout`], which [`infer`] finds out from a sample.
//!
//! ```
//! use rillet_core::csv::{self, Column, Cutter, Layout, Scratch};
//! use rillet_core::DataType;
//!
//! let mut cutter = Cutter::new(csv::Dialect::default(), csv::Limits::default(), 1000, csv::Start::default());
//! cutter.space(8)[..8].copy_from_slice(b"1,a\n2,b\n");
//! cutter.filled(8);
//! let text = cutter.finish()?.expect("a text");
//! let layout = Layout {
//!     dialect: csv::Dialect::default(),
//!     fields: 2,
//!     columns: vec![Column::new(0, "n", DataType::Int64)],
//!     on_error: csv::OnError::Error,
//! };
//! assert_eq!(csv::decode(&text, &layout, &mut Scratch::default()).rows, 2);
//! # Ok::<(), rillet_core::Error>(())
//! ```

mod automaton;
mod block;
mod cells;
mod columns;
mod cutter;
mod decode;
mod dialect;
mod header;
mod infer;
mod layout;
mod lines;
mod moment;
mod number;
mod pairs;
mod piece;
mod quoting;
mod reject;
mod simd;
mod survey;
mod text;

#[cfg(test)]
mod tests;

pub use cutter::{Cutter, Limits};
pub use decode::{Decoded, Scratch, decode};
pub use dialect::Dialect;
pub(crate) use header::named;
pub use header::{Head, Header, Opening, no_header};
pub use infer::{Inference, Inferred, Sampling, infer};
pub use layout::{Column, Layout, OnError};
pub use simd::Level;
pub use text::{Start, Text};
