//! Casts and fill_null.

use arrow_array::types::Int32Type;
use arrow_array::*;

use super::*;

fn cast(column: ArrayRef, to: &str) -> Result<(ArrayRef, Option<Fault>)> {
    let stream = batch(vec![("x", column)]);
    evaluate(&col("x").cast(to.parse().expect("a type")), &stream)
}

/// The cast column, or the row and the reason of the fault.
fn shown(column: ArrayRef, to: &str) -> Result<ArrayRef, String> {
    let (column, fault) = cast(column, to).map_err(|error| error.to_string())?;
    fault.map_or(Ok(column), |fault| Err(format!("{}: {}", fault.row, fault.reason)))
}

fn decimals<const N: usize>(digits: [i128; N], precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(digits.to_vec());
    Arc::new(array.with_precision_and_scale(precision, scale).expect("fits"))
}

#[test]
fn numbers_cast_if_they_fit() {
    let ok = |column, to, expected: ArrayRef| assert_eq!(shown(column, to), Ok(expected));
    let no = |column, to, reason: &str| assert_eq!(shown(column, to), Err(reason.into()));
    ok(ints([Some(-128), None]), "int8", Arc::new(Int8Array::from(vec![Some(-128), None])));
    no(ints([None, Some(128)]), "int8", "1: 128 does not fit int8");
    no(ints([Some(-1)]), "uint64", "0: -1 does not fit uint64");
    ok(ints([Some(i64::MAX)]), "uint64", Arc::new(UInt64Array::from(vec![i64::MAX as u64])));
    no(Arc::new(UInt64Array::from(vec![1, u64::MAX])), "int64", "1: 18446744073709551615 does not fit int64");
    ok(Arc::new(UInt64Array::from(vec![255])), "uint8", Arc::new(UInt8Array::from(vec![255])));
    ok(floats([2.0, -0.0]), "int32", Arc::new(Int32Array::from(vec![2, 0])));
    no(floats([2.0, 2.5]), "int32", "1: 2.5 is not a whole number");
    no(floats([f64::NAN]), "int64", "0: NaN does not fit int64");
    no(floats([2_f64.powi(63)]), "int64", "0: 9.223372036854776e18 does not fit int64");
    ok(floats([2_f64.powi(63)]), "uint64", Arc::new(UInt64Array::from(vec![1 << 63])));
    ok(floats([0.1, f64::INFINITY]), "float32", Arc::new(Float32Array::from(vec![0.1, f32::INFINITY])));
    no(floats([1e39]), "float32", "0: 1e39 does not fit float32");
    ok(ints([Some(3)]), "float64", floats([3.0]));
    ok(Arc::new(UInt64Array::from(vec![u64::MAX])), "float32", Arc::new(Float32Array::from(vec![2_f32.powi(64)])));
    ok(bools([Some(true), None]), "int64", ints([Some(1), None]));
    ok(bools([Some(true)]), "float64", floats([1.0]));
}

#[test]
fn ticks_cast_to_integers_and_to_other_units() {
    let ok = |column, to, expected: ArrayRef| assert_eq!(shown(column, to), Ok(expected));
    let ms = || -> ArrayRef { Arc::new(TimestampMillisecondArray::from(vec![1_500, -1])) };
    ok(ints([Some(5)]), "timestamp[s, UTC]", Arc::new(TimestampSecondArray::from(vec![5]).with_timezone("UTC")));
    ok(ints([Some(5)]), "date", Arc::new(Date32Array::from(vec![5])));
    ok(ints([Some(5)]), "duration[ns]", Arc::new(DurationNanosecondArray::from(vec![5])));
    ok(ms(), "int64", ints([Some(1_500), Some(-1)]));
    ok(ms(), "timestamp[s]", Arc::new(TimestampSecondArray::from(vec![1, -1])));
    ok(ms(), "timestamp[us]", Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, -1_000])));
    ok(
        ms(),
        "timestamp[ms, UTC]",
        Arc::new(TimestampMillisecondArray::from(vec![1_500, -1]).with_timezone("UTC")),
    );
    ok(ms(), "date", Arc::new(Date32Array::from(vec![0, -1])));
    ok(Arc::new(Date32Array::from(vec![1])), "timestamp[s]", Arc::new(TimestampSecondArray::from(vec![86_400])));
    ok(
        Arc::new(Time32SecondArray::from(vec![1])),
        "time[us]",
        Arc::new(Time64MicrosecondArray::from(vec![1_000_000])),
    );
    assert!(shown(ints([Some(86_400)]), "time[s]").is_err());
    assert!(shown(Arc::new(TimestampSecondArray::from(vec![i64::MAX])), "timestamp[ns]").is_err());
    let refused = |column, to, text: &str| {
        let complaint = shown(column, to).expect_err("no such cast");
        assert!(complaint.contains(text), "{complaint}");
    };
    refused(floats([1.0]), "timestamp[s]", "floats are not exact times");
    refused(ms(), "float64", "which gives its ticks");
    refused(ms(), "timestamp[ms, Europe/Paris]", "rules of its zone");
    refused(ints([Some(1)]), "bool", "!= 0");
    refused(floats([1.0]), "string", "map_batches");
    let text = |text: &str| Arc::new(arrow_array::StringArray::from(vec![Some(text), None])) as ArrayRef;
    ok(ints([Some(-7), None]), "string", text("-7"));
    ok(
        Arc::new(arrow_array::UInt64Array::from(vec![Some(u64::MAX), None])),
        "string",
        text("18446744073709551615"),
    );
}

#[test]
fn decimals_cast_and_compare() {
    let ok = |column, to, expected: ArrayRef| assert_eq!(shown(column, to), Ok(expected));
    let price = || decimals([150, -25], 10, 2);
    ok(price(), "float64", floats([1.5, -0.25]));
    ok(price(), "decimal[12,3]", decimals([1500, -250], 12, 3));
    ok(floats([0.125, -1.005]), "decimal[10,2]", decimals([12, -100], 10, 2));
    ok(ints([Some(7)]), "decimal[5,2]", decimals([700], 5, 2));
    ok(decimals([700], 5, 2), "int8", Arc::new(Int8Array::from(vec![7])));
    for (column, to) in [
        (price(), "int64"),
        (price(), "decimal[10,1]"),
        (ints([Some(1_000)]), "decimal[5,2]"),
        (floats([f64::NAN]), "decimal[5,2]"),
        (floats([1e30]), "decimal[5,2]"),
    ] {
        assert!(matches!(cast(column, to), Ok((_, Some(_)))), "{to}");
    }
    let stream = batch(vec![("d", price()), ("e", decimals([15, -3], 38, 1)), ("n", ints([Some(1), Some(-1)]))]);
    let of = |symbol, other| values(&op(col("d"), symbol, other), &stream);
    assert_eq!(&of("==", col("e")), &is([1, 0]));
    assert_eq!(&of(">", col("e")), &is([0, 1]));
    assert_eq!(&of(">", col("n")), &is([1, 1]));
    assert_eq!(&of("<=", lit(1)), &is([0, 1]));
    assert_eq!(&of("==", Expr::literal(Literal::Decimal { digits: 15, scale: 1 })), &is([1, 0]));
    assert!(complaint(&op(col("d"), ">", lit(1.5)), &stream).contains("Decimal"));
    assert!(complaint(&op(col("d"), "+", lit(1)), &stream).contains("float64"));
}

#[test]
fn nulls_are_filled() {
    let fill = |column, value: Literal| values(&col("x").fill_null(value), &batch(vec![("x", column)]));
    assert_eq!(&fill(ints([Some(1), None]), Literal::Int(9)), &ints([Some(1), Some(9)]));
    let narrow: ArrayRef = Arc::new(UInt8Array::from(vec![None, Some(1)]));
    assert_eq!(&fill(narrow, Literal::Int(255)), &(Arc::new(UInt8Array::from(vec![255, 1])) as ArrayRef));
    let wide: ArrayRef = Arc::new(UInt64Array::from(vec![None, Some(1)]));
    let full = Literal::Int(u64::MAX.into());
    assert_eq!(&fill(wide, full), &(Arc::new(UInt64Array::from(vec![u64::MAX, 1])) as ArrayRef));
    let holes: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(1.0)]));
    assert_eq!(&fill(holes, Literal::Int(2)), &floats([2.0, 1.0]));
    assert_eq!(&fill(bools([None, Some(false)]), Literal::Bool(true)), &is([1, 0]));
    let coded: DictionaryArray<Int32Type> = vec![Some("a"), None].into_iter().collect();
    assert_eq!(&fill(Arc::new(coded), "b".into()), &(Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef));
    assert_eq!(&fill(Arc::new(NullArray::new(2)), Literal::Int(3)), &ints([Some(3); 2]));
    let money: ArrayRef =
        Arc::new(Decimal128Array::from(vec![None, Some(1)]).with_precision_and_scale(5, 2).expect("fits"));
    assert_eq!(&fill(money, Literal::Int(2)), &decimals([200, 1], 5, 2));
    let time: ArrayRef = Arc::new(TimestampSecondArray::from(vec![None, Some(1)]));
    let at = Literal::Timestamp { ticks: 2_000, unit: crate::TimeUnit::Milli, zone: None };
    assert_eq!(&fill(time, at), &(Arc::new(TimestampSecondArray::from(vec![2, 1])) as ArrayRef));
    let whole = ints([Some(1)]);
    assert!(Arc::ptr_eq(&fill(Arc::clone(&whole), Literal::Int(1)), &whole));
    assert!(Arc::ptr_eq(&fill(Arc::clone(&whole), Literal::Null), &whole));
    let narrow = batch(vec![("x", Arc::new(Int8Array::from(vec![1])))]);
    assert!(complaint(&col("x").fill_null(Literal::Int(128)), &narrow).contains("does not fit"));
}
