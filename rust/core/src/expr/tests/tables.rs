//! Arithmetic, comparisons and logic of numbers, bools and text.

use arrow_array::types::Int32Type;
use arrow_array::{
    DictionaryArray, Float32Array, Int8Array, Int32Array, LargeStringArray, NullArray, StringArray,
    StringViewArray, UInt8Array, UInt64Array,
};

use super::super::UnaryOp;
use super::*;

#[test]
fn integers_divide_as_in_python() {
    let stream = batch(vec![
        ("a", ints([Some(7), Some(-7), Some(7), Some(-7), None])),
        ("b", ints([Some(2), Some(2), Some(-2), Some(-2), Some(0)])),
    ]);
    let of = |symbol| values(&op(col("a"), symbol, col("b")), &stream);
    assert_eq!(&of("//"), &ints([Some(3), Some(-4), Some(-4), Some(3), None]));
    assert_eq!(&of("%"), &ints([Some(1), Some(1), Some(-1), Some(-1), None]));
    assert_eq!(&of("+"), &ints([Some(9), Some(-5), Some(5), Some(-9), None]));
    assert_eq!(&of("-"), &ints([Some(5), Some(-9), Some(9), Some(-5), None]));
    assert_eq!(&of("*"), &ints([Some(14), Some(-14), Some(-14), Some(14), None]));
    let ratio: ArrayRef = Arc::new(Float64Array::from(vec![Some(3.5), Some(-3.5), Some(-3.5), Some(3.5), None]));
    assert_eq!(&of("/"), &ratio);
}

#[test]
fn floats_divide_as_in_python() {
    let inf = f64::INFINITY;
    // a, b, a // b, a % b
    let table = [
        (7.5, 2.0, 3.0, 1.5),
        (-7.5, 2.0, -4.0, 0.5),
        (7.5, -2.0, -4.0, -0.5),
        (-1.0, inf, -1.0, inf),
        (1.0, 0.1, 9.0, 0.09999999999999995),
        (-0.0, 3.0, -0.0, 0.0),
        (6.0, -3.0, -2.0, -0.0),
        (1.0, 0.0, inf, f64::NAN),
        (inf, 2.0, f64::NAN, f64::NAN),
    ];
    let stream = batch(vec![("a", floats(table.map(|row| row.0))), ("b", floats(table.map(|row| row.1)))]);
    let bits = |array: ArrayRef| -> Vec<String> {
        array.as_any().downcast_ref::<Float64Array>().expect("floats").iter().map(|x| format!("{x:?}")).collect()
    };
    let same =
        |symbol, expected| assert_eq!(bits(values(&op(col("a"), symbol, col("b")), &stream)), bits(expected));
    same("//", floats(table.map(|row| row.2)));
    same("%", floats(table.map(|row| row.3)));
}

#[test]
fn types_meet_as_promised() {
    let stream = batch(vec![
        ("i8", Arc::new(Int8Array::from(vec![-128]))),
        ("i64", ints([Some(3)])),
        ("u8", Arc::new(UInt8Array::from(vec![200]))),
        ("u64", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        ("f32", Arc::new(Float32Array::from(vec![0.5]))),
        ("f64", floats([0.25])),
    ]);
    let table = [
        (op(col("i8"), "*", col("i8")), "int64"),
        (op(col("i8"), "+", col("u8")), "int64"),
        (op(col("u8"), "+", col("u8")), "uint64"),
        (op(col("u64"), "-", lit(1)), "uint64"),
        (op(col("u8"), "+", lit(-1)), "int64"),
        (op(col("i64"), "+", col("f64")), "float64"),
        (op(col("f32"), "*", col("f32")), "float32"),
        (op(col("f32"), "*", lit(1.5)), "float32"),
        (op(lit(2), "*", col("f32")), "float32"),
        (op(col("f32"), "*", lit(1e300)), "float64"),
        (op(col("f32"), "*", col("f64")), "float64"),
        (op(col("f32"), "*", col("i8")), "float64"),
        (op(col("i8"), "/", col("u8")), "float64"),
        (op(lit(1), "+", lit(2)), "int64"),
        (col("u8").unary(UnaryOp::Negate), "int64"),
        (col("f32").unary(UnaryOp::Negate), "float32"),
        (op(col("i8"), "+", Expr::literal(Literal::Null)), "int64"),
        (op(col("i8"), "/", Expr::literal(Literal::Null)), "float64"),
    ];
    for (expr, dtype) in table {
        assert_eq!(expr.bind(stream.schema()).expect("binds").dtype().to_string(), dtype, "{expr}");
        values(&expr, &stream);
    }
    assert_eq!(&values(&col("i8").unary(UnaryOp::Negate), &stream), &ints([Some(128)]));
    let mixed = op(col("u64"), "+", col("i64"));
    assert_eq!(fault(&mixed, &stream).reason, "18446744073709551615 + 3 does not fit int64");
}

#[test]
fn the_earliest_fault_is_reported_and_none_under_a_null() {
    let stream = batch(vec![
        ("a", ints([None, Some(1), Some(i64::MAX), Some(2), Some(i64::MAX)])),
        ("b", ints([Some(0), Some(1), Some(0), Some(0), Some(1)])),
    ]);
    let sum = op(col("a"), "+", col("b"));
    let expected = Fault {
        row: 4,
        column: None,
        what: r#"col("a") + col("b")"#.into(),
        value: format!("{} + 1", i64::MAX),
        reason: format!("{} + 1 does not fit int64", i64::MAX),
    };
    assert_eq!(fault(&sum, &stream), expected);
    let rest = op(col("a"), "%", col("b"));
    assert_eq!(fault(&rest, &stream).row, 2);
    assert!(fault(&rest, &stream).reason.ends_with("% 0 is an integer division by zero"));
    let both = op(sum, "*", rest);
    assert_eq!((fault(&both, &stream).row, fault(&both, &stream).what), (2, r#"col("a") % col("b")"#.into()));
    let nulled = op(op(col("a"), "//", lit(0)), "+", Expr::literal(Literal::Null));
    assert_eq!(fault(&nulled, &stream).row, 1);
    let error = fault(&both, &stream).into_error(&stream);
    assert!(error.to_string().contains("row 2"), "{error}");
    let least = batch(vec![("a", ints([Some(i64::MIN)]))]);
    assert_eq!(fault(&op(col("a"), "//", lit(-1)), &least).row, 0);
    assert_eq!(fault(&col("a").unary(UnaryOp::Negate), &least).what, r#"-col("a")"#);
    assert_eq!(&values(&op(col("a"), "%", lit(-1)), &least), &ints([Some(0)]));
}

#[test]
fn logic_is_that_of_kleene() {
    let (t, f, n) = (Some(true), Some(false), None);
    let stream = batch(vec![
        ("a", bools([t, t, t, f, f, f, n, n, n])),
        ("b", bools([t, f, n, t, f, n, t, f, n])),
        ("null", Arc::new(NullArray::new(9))),
    ]);
    let of = |symbol| values(&op(col("a"), symbol, col("b")), &stream);
    assert_eq!(&of("&"), &bools([t, f, n, f, f, f, n, f, n]));
    assert_eq!(&of("|"), &bools([t, t, t, t, f, n, t, n, n]));
    assert_eq!(&of("=="), &bools([t, f, n, f, t, n, n, n, n]));
    assert_eq!(&of("<"), &bools([f, f, n, t, f, n, n, n, n]));
    assert_eq!(&of(">="), &bools([t, t, n, f, t, n, n, n, n]));
    let single = |unary| values(&col("a").unary(unary), &stream);
    assert_eq!(&single(UnaryOp::Not), &bools([f, f, f, t, t, t, n, n, n]));
    assert_eq!(&single(UnaryOp::IsNull), &bools([f, f, f, f, f, f, t, t, t]));
    assert_eq!(&single(UnaryOp::IsNotNull), &bools([t, t, t, t, t, t, f, f, f]));
    let with = |symbol, literal| values(&op(col("a"), symbol, Expr::literal(literal)), &stream);
    assert_eq!(&with("&", Literal::Bool(false)), &bools([f; 9]));
    assert_eq!(&with("|", Literal::Null), &bools([t, t, t, n, n, n, n, n, n]));
    assert_eq!(&with("==", Literal::Bool(true)), &bools([t, t, t, f, f, f, n, n, n]));
    assert_eq!(&values(&op(col("null"), "&", col("b")), &stream), &bools([n, f, n, n, f, n, n, f, n]));
}

#[test]
fn numbers_of_different_types_compare_exactly() {
    let big = 1_i64 << 53;
    let stream = batch(vec![
        ("i", ints([Some(big + 1), Some(big), Some(i64::MAX), Some(-1), Some(2)])),
        ("f", floats([big as f64, big as f64, 2_f64.powi(63), f64::NAN, 2.5])),
        ("u", Arc::new(UInt64Array::from(vec![(big + 1) as u64, 0, 1 << 63, u64::MAX, 2]))),
    ]);
    let of = |a, symbol, b| values(&op(col(a), symbol, col(b)), &stream);
    assert_eq!(&of("i", "==", "f"), &is([0, 1, 0, 0, 0]));
    assert_eq!(&of("i", ">", "f"), &is([1, 0, 0, 0, 0]));
    assert_eq!(&of("f", ">", "i"), &is([0, 0, 1, 0, 1]));
    assert_eq!(&of("f", "!=", "i"), &is([1, 0, 1, 1, 1]));
    assert_eq!(&of("u", "==", "i"), &is([1, 0, 0, 0, 1]));
    assert_eq!(&of("u", ">", "i"), &is([0, 0, 1, 1, 0]));
    assert_eq!(&of("u", "==", "f"), &is([0, 0, 1, 0, 0]));
    let with = |a, symbol, literal: Expr| values(&op(col(a), symbol, literal), &stream);
    assert_eq!(&with("i", "==", lit(big as f64)), &is([0, 1, 0, 0, 0]));
    assert_eq!(&with("f", "<", lit(big + 1)), &is([1, 1, 0, 0, 1]));
    assert_eq!(&with("i", ">", lit(1.5)), &is([1, 1, 1, 0, 1]));
    assert_eq!(&with("u", ">", lit(-1)), &is([1, 1, 1, 1, 1]));
    assert_eq!(&with("i", "<", Expr::literal(Literal::Int(1 << 63))), &is([1, 1, 1, 1, 1]));
    assert_eq!(&with("i", "<", lit(f64::NAN)), &is([0, 0, 0, 0, 0]));
    assert_eq!(&with("i", "<", lit(f64::INFINITY)), &is([1, 1, 1, 1, 1]));
    assert_eq!(&values(&op(lit(2), "<=", col("i")), &stream), &is([1, 1, 1, 0, 1]));
}

#[test]
fn a_literal_takes_the_type_of_a_float32_column() {
    let stream = batch(vec![("x", Arc::new(Float32Array::from(vec![0.1, f32::INFINITY])))]);
    assert_eq!(&values(&op(col("x"), "==", lit(0.1)), &stream), &is([1, 0]));
    assert_eq!(&values(&op(col("x"), "<", lit(1e300)), &stream), &is([1, 0]));
    assert_eq!(&values(&op(col("x"), "==", lit(1e300)), &stream), &is([0, 0]));
}

fn texts() -> [(&'static str, ArrayRef); 4] {
    let values = vec![Some("b"), None, Some("a"), Some("é"), Some("a text longer than a view holds")];
    let coded: DictionaryArray<Int32Type> = values.clone().into_iter().collect();
    [
        ("plain", Arc::new(StringArray::from(values.clone()))),
        ("large", Arc::new(LargeStringArray::from(values.clone()))),
        ("view", Arc::new(StringViewArray::from(values))),
        ("coded", Arc::new(coded)),
    ]
}

#[test]
fn text_compares_by_code_point_in_every_form() {
    let stream = batch(texts().to_vec());
    let n = None;
    for (name, _) in texts() {
        let with = |symbol| values(&op(col(name), symbol, lit("b")), &stream);
        assert_eq!(&with("=="), &bools([Some(true), n, Some(false), Some(false), Some(false)]), "{name}");
        assert_eq!(&with("!="), &bools([Some(false), n, Some(true), Some(true), Some(true)]), "{name}");
        assert_eq!(&with("<"), &bools([Some(false), n, Some(true), Some(false), Some(true)]), "{name}");
        assert_eq!(&with(">="), &bools([Some(true), n, Some(false), Some(true), Some(false)]), "{name}");
        assert_eq!(&with("<="), &bools([Some(true), n, Some(true), Some(false), Some(true)]), "{name}");
        assert_eq!(&with(">"), &bools([Some(false), n, Some(false), Some(true), Some(false)]), "{name}");
        let left = values(&op(lit("b"), ">", col(name)), &stream);
        assert_eq!(&left, &with("<"));
        for (other, _) in texts() {
            let same = values(&op(col(name), "==", col(other)), &stream);
            assert_eq!(&same, &bools([Some(true), n, Some(true), Some(true), Some(true)]), "{name} {other}");
        }
    }
    assert_eq!(&values(&op(lit("a"), "<", lit("b")), &stream), &is([1; 5]));
}

#[test]
fn codes_under_nulls_and_slices_of_long_dictionaries_do_no_harm() {
    let keys = Int32Array::new(vec![0, 99, -5, 2].into(), Some(vec![true, false, false, true].into()));
    let values_of = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let dictionary = values_of(vec![Some("x"), Some("y"), Some("z")]);
    let coded = keys_with(keys, dictionary);
    let stream = batch(vec![("c", coded)]);
    let expected = bools([Some(true), None, None, Some(false)]);
    assert_eq!(&values(&op(col("c"), "==", lit("x")), &stream), &expected);
    assert_eq!(&values(&op(col("c"), "==", lit("x")), &stream.slice(3, 1)), &expected.slice(3, 1));
    assert_eq!(&values(&op(col("c"), "==", col("c")), &stream), &bools([Some(true), None, None, Some(true)]));
    let with_null = DictionaryArray::new(Int32Array::from(vec![0, 1]), values_of(vec![None, Some("x")]));
    let stream = batch(vec![("c", Arc::new(with_null))]);
    assert_eq!(&values(&op(col("c"), "==", lit("x")), &stream), &bools([None, Some(true)]));
    assert_eq!(&values(&col("c").unary(UnaryOp::IsNull), &stream), &is([1, 0]));
}

fn keys_with(keys: Int32Array, dictionary: ArrayRef) -> ArrayRef {
    Arc::new(DictionaryArray::new(keys, dictionary))
}

#[test]
fn what_does_not_go_is_said_when_binding() {
    let stream = batch(vec![
        ("name", Arc::new(StringArray::from(vec!["x"]))),
        ("flag", bools([Some(true)])),
        ("x", ints([Some(1)])),
    ]);
    let table = [
        (op(col("name"), "+", lit(1)), r#"column "name" is string: + takes numbers and times"#),
        (op(col("flag"), "*", col("x")), r#"cast("int64")"#),
        (op(col("x"), "<", col("name")), "schema= of the reader"),
        (
            op(lit("a"), "==", col("x")),
            r#"column "x" is int64: it cannot be compared with lit("a"), which is string"#,
        ),
        (op(col("flag"), "==", lit(1)), "cast one to the type of the other"),
        (op(col("x"), "&", col("flag")), "in parentheses"),
        (op(col("x"), "+", lit(1)).unary(UnaryOp::Not), r#"col(\"x\") + 1"#),
        (col("name").cast(DataType::Int64), "schema= of the reader"),
        (col("x").fill_null(Literal::Float(0.5.into())), "fill_null(0.5) does not fit"),
    ];
    for (expr, text) in table {
        let complaint = complaint(&expr, &stream);
        assert!(complaint.contains(text), "{complaint}");
    }
    let missing = op(col("nam"), "==", lit("x")).bind(stream.schema());
    assert!(matches!(missing, Err(Error::ColumnNotFound { .. })));
}
