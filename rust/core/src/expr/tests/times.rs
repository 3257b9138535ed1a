//! Timestamps, durations, dates and times of day.

use arrow_array::*;

use super::*;
use crate::types::TimeUnit::{self, Micro, Milli, Nano, Second};

fn at(ticks: i64, unit: TimeUnit, zone: Option<&str>) -> Expr {
    Expr::literal(Literal::Timestamp { ticks, unit, zone: zone.map(Arc::from) })
}

fn length(ticks: i64, unit: TimeUnit) -> Expr {
    Expr::literal(Literal::Duration { ticks, unit })
}

fn stream() -> Batch {
    batch(vec![
        ("s", Arc::new(TimestampSecondArray::from(vec![Some(1), Some(-1), None, Some(i64::MAX / 1000)]))),
        ("us", Arc::new(TimestampMicrosecondArray::from(vec![1_000_001, -1_000_000, 0, i64::MAX]))),
        ("utc", Arc::new(TimestampMillisecondArray::from(vec![1_000; 4]).with_timezone("UTC"))),
        ("paris", Arc::new(TimestampSecondArray::from(vec![1; 4]).with_timezone("Europe/Paris"))),
        ("len", Arc::new(DurationMillisecondArray::from(vec![1_500, -1_500, 0, 1]))),
        ("day", Arc::new(Date32Array::from(vec![0, 1, -1, i32::MAX]))),
        ("time", Arc::new(Time32SecondArray::from(vec![0, 1, 2, 3]))),
        ("n", ints([Some(2), Some(3), Some(0), Some(1)])),
    ])
}

#[test]
fn times_compare_across_units_exactly() {
    let stream = stream();
    let of = |a: Expr, symbol, b: Expr| values(&op(a, symbol, b), &stream);
    assert_eq!(&of(col("s"), "<", col("us")), &bools([Some(true), Some(false), None, Some(false)]));
    assert_eq!(&of(col("s"), "==", col("us")), &bools([Some(false), Some(true), None, Some(false)]));
    assert_eq!(&of(col("utc"), "==", col("paris")), &is([1; 4]));
    assert_eq!(&of(col("us"), ">=", at(1_000_001_000, Nano, None)), &is([1, 0, 0, 1]));
    assert_eq!(&of(col("us"), ">", at(1_000_000_999, Nano, None)), &is([1, 0, 0, 1]));
    assert_eq!(&of(at(1, Second, None), "<", col("us")), &is([1, 0, 0, 1]));
    assert_eq!(&of(col("us"), "<", at(i64::MAX, Second, None)), &is([1; 4]));
    assert_eq!(&of(col("len"), "==", length(1_500_000, Micro)), &is([1, 0, 0, 0]));
    assert_eq!(&of(col("day"), "<", Expr::literal(Literal::Date(1))), &is([1, 0, 1, 0]));
    let second = Expr::literal(Literal::Time { ticks: 1_000, unit: Milli });
    assert_eq!(&of(col("time"), "<=", second), &is([1, 1, 0, 0]));
}

#[test]
fn times_and_lengths_add_and_subtract() {
    let stream = stream().slice(0, 3);
    let of = |a: Expr, symbol, b: Expr| values(&op(a, symbol, b), &stream);
    let lengths: ArrayRef = Arc::new(DurationMicrosecondArray::from(vec![Some(1), Some(0), None]));
    assert_eq!(&of(col("us"), "-", col("s")), &lengths);
    let later: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![Some(2_500), Some(-2_500), None]));
    assert_eq!(&of(col("s"), "+", col("len")), &later);
    assert_eq!(&of(col("len"), "+", col("s")), &later);
    let minute: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(61), Some(59), None]));
    assert_eq!(&of(col("s"), "+", length(60_000_000, Micro)), &minute);
    let zoned: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![999; 3]).with_timezone("UTC"));
    assert_eq!(&of(col("utc"), "-", length(1, Milli)), &zoned);
    let tripled: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![3_000, -4_500, 0]));
    assert_eq!(&of(col("len"), "*", col("n")), &tripled);
    assert_eq!(&of(col("n"), "*", col("len")), &tripled);
    assert_eq!(&of(col("len"), "/", length(1, Second)), &floats([1.5, -1.5, 0.0]));
    assert_eq!(&of(col("len"), "//", length(1, Second)), &ints([Some(1), Some(-2), Some(0)]));
    let rest: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![500, 500, 0]));
    assert_eq!(&of(col("len"), "%", length(1, Second)), &rest);
    let third: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![500, -500, 0]));
    assert_eq!(&of(col("len"), "//", lit(3)), &third);
    let back: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![-1_500, 1_500, 0]));
    assert_eq!(&values(&col("len").unary(super::super::UnaryOp::Negate), &stream), &back);
}

#[test]
fn a_time_that_does_not_fit_is_a_fault() {
    let stream = stream();
    assert_eq!(fault(&op(col("us"), "+", length(1, Second)), &stream).row, 3);
    let finer = fault(&op(col("s"), "-", col("us")), &stream);
    assert_eq!((finer.row, finer.what.as_str()), (3, r#"col("s")"#));
    assert!(finer.reason.ends_with("does not fit timestamp[us]"), "{}", finer.reason);
    assert_eq!(fault(&op(col("len"), "//", col("n")), &stream).row, 2);
}

#[test]
fn times_that_do_not_go_together_are_an_error() {
    let stream = stream();
    let table = [
        (op(col("s"), "<", col("utc")), "has a zone"),
        (op(col("s"), "-", col("utc")), "has a zone"),
        (op(col("day"), "<", at(0, Second, None)), "cast(\"timestamp[us]\")"),
        (op(col("s"), ">", lit("2024-01-01")), "write the time as a datetime"),
        (op(col("s"), "+", lit(60)), "timedelta"),
        (op(col("s"), "+", col("s")), "timestamp - timestamp"),
        (op(col("len"), "*", lit(0.5)), "integers only"),
        (op(length(1, Second), "-", col("s")), "does not go with"),
        (op(col("day"), "+", lit(1)), "cast(\"timestamp[us]\")"),
        (op(col("day"), "+", length(1, Second)), "cast(\"timestamp[us]\")"),
    ];
    for (expr, text) in table {
        let complaint = complaint(&expr, &stream);
        assert!(complaint.contains(text), "{complaint}");
    }
}
