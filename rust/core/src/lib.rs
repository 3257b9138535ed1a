//! Reads anything in chunks and aggregates it over windows while it arrives.

mod aggregate;
mod batch;
mod bell;
mod column;
pub mod csv;
pub mod error;
pub mod expr;
mod helpers;
mod memory;
pub mod plan;
mod pool;
mod prefetch;
mod row;
mod run;
mod setters;
mod show;
mod source;
mod stage;
mod threads;
mod time;
pub mod types;
mod value;
mod window;
mod zone;

pub use aggregate::{Aggregate, Function};
pub use batch::{Batch, EventTime, High, Mixed, Origin, Starts};
pub use column::plain_text;
pub use error::{Error, Result};
pub use plan::Plan;
pub use row::Scalar;
pub use run::{Call, Offer, Prepared, Pushed, Run, Step};
pub use source::{Beginning, Opened, Supply};
pub use stage::Ledger;
pub use types::{DataType, Field, Schema, TimeUnit};
pub use value::Value;
pub use window::{Closed, Combiner, Daba, Label, Late, Length, Monoid, Themselves};
