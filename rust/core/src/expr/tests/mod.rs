//! Expressions: tables for each operator, and a comparison with a naive evaluator of single rows.

mod casts;
mod oracle;
mod plain;
mod tables;
mod times;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array};

use super::{Expr, Fault, Literal};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::types::{DataType, Field, Schema};

fn col(name: &str) -> Expr {
    Expr::column(name)
}

fn lit(value: impl Into<Literal>) -> Expr {
    Expr::literal(value.into())
}

fn op(left: Expr, symbol: &str, right: Expr) -> Expr {
    left.binary(symbol, right).expect("a known operator")
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Batch {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    let field = |(name, column): &(&str, ArrayRef)| {
        Field::new(*name, DataType::from_arrow(column.data_type()).expect("a known type"))
    };
    let schema = Schema::new(columns.iter().map(field).collect()).expect("unique names");
    Batch::new(Arc::new(schema), columns.into_iter().map(|(_, column)| column).collect(), rows)
}

fn evaluate(expr: &Expr, batch: &Batch) -> Result<(ArrayRef, Option<Fault>)> {
    let bound = expr.bind(batch.schema())?;
    let evaluated = bound.evaluate(batch);
    assert_eq!(evaluated.column.len(), batch.rows());
    let arrow = DataType::from_arrow(evaluated.column.data_type());
    assert_eq!(arrow.as_ref(), Some(bound.dtype()), "{expr}");
    Ok((evaluated.column, evaluated.fault))
}

/// The column of an expression that has no fault.
fn values(expr: &Expr, batch: &Batch) -> ArrayRef {
    let (column, fault) = evaluate(expr, batch).unwrap_or_else(|error| panic!("{expr}: {error}"));
    assert_eq!(fault, None, "{expr}");
    column
}

fn fault(expr: &Expr, batch: &Batch) -> Fault {
    evaluate(expr, batch).expect("binds").1.unwrap_or_else(|| panic!("{expr} has no fault"))
}

/// What a user reads if an expression does not bind.
fn complaint(expr: &Expr, batch: &Batch) -> String {
    match expr.bind(batch.schema()) {
        Err(error @ Error::Schema { .. }) => error.to_string(),
        other => panic!("{expr} gives {other:?}"),
    }
}

fn ints<const N: usize>(values: [Option<i64>; N]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn floats<const N: usize>(values: [f64; N]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn bools<const N: usize>(values: [Option<bool>; N]) -> ArrayRef {
    Arc::new(BooleanArray::from(values.to_vec()))
}

fn is<const N: usize>(values: [u8; N]) -> ArrayRef {
    bools(values.map(|value| Some(value == 1)))
}
