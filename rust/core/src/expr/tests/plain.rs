//! Expressions as data: text, names, copies, limits.

use super::super::{MAX_PARTS, Part, UnaryOp};
use super::*;
use crate::types::TimeUnit;

#[test]
fn an_expression_reads_as_it_was_written() {
    let turnover = op(col("size"), "*", col("price"));
    let table = [
        (op(turnover.clone(), ">", lit(100)), r#"(col("size") * col("price")) > 100"#),
        (op(lit(1), "-", col("x")), r#"1 - col("x")"#),
        (op(lit(1), "-", lit(2.5)), "lit(1) - 2.5"),
        (lit("a").alias("b"), r#"lit("a").alias("b")"#),
        (
            turnover.clone().unary(UnaryOp::IsNull).unary(UnaryOp::Not),
            r#"~(col("size") * col("price")).is_null()"#,
        ),
        (turnover.unary(UnaryOp::Negate).cast(DataType::Int8), r#"(-(col("size") * col("price"))).cast("int8")"#),
        (col("x").fill_null(Literal::Bool(true)), r#"col("x").fill_null(True)"#),
        (op(col("x"), "==", lit(f64::NAN)), r#"col("x") == float("nan")"#),
        (op(col("x"), "|", Expr::literal(Literal::Null)), r#"col("x") | None"#),
    ];
    for (expr, text) in table {
        assert_eq!(expr.to_string(), text);
    }
}

#[test]
fn a_time_reads_as_a_time() {
    let at =
        |ticks, zone: Option<&str>| Literal::Timestamp { ticks, unit: TimeUnit::Milli, zone: zone.map(Arc::from) };
    let table = [
        (at(1_709_164_800_000, None), r#"datetime("2024-02-29T00:00:00")"#),
        (at(-1, Some("UTC")), r#"datetime("1969-12-31T23:59:59.999Z")"#),
        (at(1_000, Some("Europe/Paris")), r#"datetime("1970-01-01T00:00:01Z", "Europe/Paris")"#),
        (Literal::Date(-719_162), r#"date("0001-01-01")"#),
        (Literal::Time { ticks: 5_025_000_000, unit: TimeUnit::Micro }, r#"time("01:23:45")"#),
        (Literal::Duration { ticks: 90, unit: TimeUnit::Second }, r#"timedelta("90s")"#),
        (Literal::Decimal { digits: 150, scale: 2 }, r#"Decimal("150e-2")"#),
    ];
    for (literal, text) in table {
        assert_eq!(literal.to_string(), text);
    }
}

#[test]
fn a_name_is_an_alias_or_a_plain_column() {
    assert_eq!(col("x").name(), Some("x"));
    assert_eq!(op(col("x"), "+", lit(1)).name(), None);
    assert_eq!(op(col("x"), "+", lit(1)).alias("y").name(), Some("y"));
    assert_eq!(op(col("x"), "+", col("z")).columns().collect::<Vec<_>>(), ["x", "z"]);
}

#[test]
fn an_expression_survives_json_however_deep_it_is() {
    let deep = (0..3_000).fold(col("x"), |expr, _| op(expr, "+", lit(f64::NAN)));
    let json = serde_json::to_string(&deep).expect("json");
    assert_eq!(serde_json::from_str::<Expr>(&json).expect("an expression"), deep);
    let huge = Expr::literal(Literal::Int(u64::MAX.into())).cast(DataType::Decimal(38, 2));
    assert_eq!(serde_json::from_str(&serde_json::to_string(&huge).expect("json")).ok(), Some(huge));
    assert!(serde_json::from_str::<Expr>(r#"[{"Unary": "Not"}]"#).is_err());
    assert!(Expr::try_from(vec![Part::Column("x".into()), Part::Column("y".into())]).is_err());
}

#[test]
fn the_size_of_an_expression_has_a_limit() {
    let doubled = (0..40).try_fold(col("x"), |expr, _| expr.clone().binary("+", expr));
    assert!(doubled.expect_err("too large").to_string().contains(&MAX_PARTS.to_string()));
    let stream = batch(vec![("x", ints([Some(1)]))]);
    let deep = (0..4_000).fold(col("x"), |expr, _| op(lit(1), "+", expr));
    assert_eq!(&values(&deep, &stream), &ints([Some(4_001)]));
}

#[test]
fn a_plain_column_is_not_copied() {
    let column = ints([Some(1), None]);
    let stream = batch(vec![("x", Arc::clone(&column))]);
    let bound = col("x").alias("y").bind(stream.schema()).expect("binds");
    assert!(Arc::ptr_eq(&bound.evaluate(&stream).column, &column));
    assert_eq!(bound.as_column(), Some(0));
    assert_eq!(op(col("x"), "+", lit(1)).bind(stream.schema()).expect("binds").as_column(), None);
}

#[test]
fn a_literal_alone_fills_a_column() {
    let stream = batch(vec![("x", ints([None, None]))]);
    assert_eq!(&values(&lit(7), &stream), &ints([Some(7); 2]));
    assert_eq!(values(&Expr::literal(Literal::Null), &stream).logical_null_count(), 2);
    assert_eq!(&values(&op(lit(7), "/", lit(2)), &stream), &floats([3.5, 3.5]));
    let huge = Expr::literal(Literal::Int(i128::from(u64::MAX)));
    assert_eq!(*huge.bind(stream.schema()).expect("binds").dtype(), DataType::UInt64);
    assert!(Literal::int(1 << 70).is_err());
    assert!(Expr::literal(Literal::Int(1 << 70)).bind(stream.schema()).is_err());
}

#[test]
fn a_mask_takes_null_for_false() {
    let stream = batch(vec![("x", ints([Some(1), None, Some(9)]))]);
    let mask = |expr: Expr| {
        expr.bind_condition(stream.schema()).map(|bound| bound.mask(&stream).0.iter().collect::<Vec<_>>())
    };
    assert_eq!(mask(op(col("x"), "<", lit(5))), Ok(vec![true, false, false]));
    assert_eq!(mask(Expr::literal(Literal::Null)), Ok(vec![false; 3]));
    assert!(mask(col("x")).expect_err("not a bool").to_string().contains("has to be a bool"));
    let (_, fault) = op(op(lit(1), "//", op(col("x"), "-", lit(9))), "==", lit(1))
        .bind_condition(stream.schema())
        .expect("binds")
        .mask(&stream);
    assert_eq!(fault.map(|fault| fault.row), Some(2));
}
