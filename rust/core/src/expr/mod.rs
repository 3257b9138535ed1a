//! Expressions: what is computed from the columns of a batch, row by row.
//!
//! An [`Expr`] is plain data. [`Expr::bind`] checks it against a schema when the plan is made and gives a
//! [`Bound`], which computes one column (or, for a filter, one mask) per batch. All errors of type are found
//! when binding; what is left for evaluation are the faults of single rows, such as an overflow, and those
//! carry the row.
//!
//! # Examples
//!
//! ```
//! use rillet_core::expr::{Expr, Literal};
//! use rillet_core::{DataType, Field, Schema};
//!
//! let turnover = Expr::column("size").binary("*", Expr::column("price"))?;
//! let large = turnover.binary(">", Expr::literal(Literal::from(100_i64)))?;
//! assert_eq!(large.to_string(), r#"(col("size") * col("price")) > 100"#);
//!
//! let schema = Schema::new(vec![Field::new("size", DataType::Int64), Field::new("price", DataType::Float64)])?;
//! assert_eq!(*large.bind(&schema)?.dtype(), DataType::Bool);
//! # Ok::<(), rillet_core::Error>(())
//! ```

mod arithmetic;
mod ast;
mod bind;
mod cast;
mod compare;
mod decimal;
mod display;
mod eval;
mod fill;
mod lane;
mod literal;
mod logic;
mod numbers;
mod operator;
mod temporal;
mod text;

#[cfg(test)]
mod tests;

pub use ast::{Expr, MAX_PARTS, Part};
pub use bind::Bound;
pub(crate) use eval::evaluate_all;
pub use eval::{Evaluated, Fault};
pub use literal::{Literal, Real};
pub use operator::{BinaryOp, Comparison, Logic, Math, UnaryOp};
