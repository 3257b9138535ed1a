//! Reads anything in chunks and aggregates it over windows while it arrives.

mod batch;
mod column;
pub mod error;
pub mod types;

pub use batch::{Batch, EventTime, High, Origin, Starts};
pub use column::plain_text;
pub use error::{Error, Result};
pub use types::{DataType, Field, Schema, TimeUnit};
