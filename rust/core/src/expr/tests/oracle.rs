//! A naive evaluator, one row at a time in 128 bits, against the real one.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Float32Array, Int16Array, UInt8Array, UInt64Array};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::UnaryOp;
use super::*;

#[derive(Clone, Debug)]
enum Node {
    Column(usize),
    Int(i64),
    Float(f64),
    Unary(UnaryOp, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
}

/// A type; the flag says that it is that of a literal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Signed,
    Unsigned,
    /// uint64, as a column or computed.
    Unsigned64,
    Single,
    Double,
    Bool,
    LiteralInt(bool),
    LiteralFloat,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Null,
    Int(i128),
    Float(f64),
    Bool(bool),
}

const COLUMNS: [(&str, Kind); 8] = [
    ("i64", Kind::Signed),
    ("j64", Kind::Signed),
    ("i16", Kind::Signed),
    ("u8", Kind::Unsigned),
    ("u64", Kind::Unsigned64),
    ("f32", Kind::Single),
    ("f64", Kind::Double),
    ("bool", Kind::Bool),
];

/// The value of a row, with its type. The outer error is one of type, the inner one a fault.
type Answer = Option<(Kind, Result<Cell, ()>)>;

impl Node {
    fn expr(&self) -> Expr {
        match self {
            Self::Column(index) => col(COLUMNS[*index].0),
            Self::Int(value) => lit(*value),
            Self::Float(value) => lit(*value),
            Self::Unary(op, operand) => operand.expr().unary(*op),
            Self::Binary(symbol, left, right) => op(left.expr(), symbol, right.expr()),
        }
    }

    fn row(&self, row: &[Cell]) -> Answer {
        Some(match self {
            Self::Column(index) => (COLUMNS[*index].1, Ok(row[*index])),
            Self::Int(value) => (Kind::LiteralInt(*value >= 0), Ok(Cell::Int((*value).into()))),
            Self::Float(value) => (Kind::LiteralFloat, Ok(Cell::Float(*value))),
            Self::Unary(op, operand) => unary(*op, operand.row(row)?)?,
            Self::Binary(symbol, left, right) => binary(symbol, left.row(row)?, right.row(row)?)?,
        })
    }
}

fn unary(op: UnaryOp, (kind, cell): (Kind, Result<Cell, ()>)) -> Answer {
    match op {
        UnaryOp::Negate => binary("*", (kind, cell), (Kind::LiteralInt(false), Ok(Cell::Int(-1)))),
        UnaryOp::Not if kind != Kind::Bool => None,
        UnaryOp::Not => {
            Some((kind, cell.map(|cell| if let Cell::Bool(x) = cell { Cell::Bool(!x) } else { cell })))
        }
        UnaryOp::IsNull => Some((Kind::Bool, cell.map(|cell| Cell::Bool(cell == Cell::Null)))),
        UnaryOp::IsNotNull => Some((Kind::Bool, cell.map(|cell| Cell::Bool(cell != Cell::Null)))),
    }
}

fn is_float(kind: Kind) -> bool {
    matches!(kind, Kind::Single | Kind::Double | Kind::LiteralFloat)
}

fn common(a: Kind, b: Kind) -> Kind {
    use Kind::*;
    if is_float(a) || is_float(b) {
        let singles = |kind| matches!(kind, Single | LiteralFloat | LiteralInt(_));
        let single = singles(a) && singles(b) && (a == Single || b == Single);
        return if single { Single } else { Double };
    }
    let unsigned = |kind| matches!(kind, Unsigned | Unsigned64 | LiteralInt(true));
    let strictly = |kind| matches!(kind, Unsigned | Unsigned64);
    if unsigned(a) && unsigned(b) && (strictly(a) || strictly(b)) { Unsigned64 } else { Signed }
}

fn float(cell: Cell) -> f64 {
    match cell {
        Cell::Int(value) => value as f64,
        Cell::Float(value) => value,
        other => panic!("{other:?}"),
    }
}

fn binary(symbol: &str, (a, x): (Kind, Result<Cell, ()>), (b, y): (Kind, Result<Cell, ()>)) -> Answer {
    let logic = matches!(symbol, "&" | "|");
    let compares = matches!(symbol, "==" | "!=" | "<" | "<=" | ">" | ">=");
    if (a == Kind::Bool) != (b == Kind::Bool)
        || (a == Kind::Bool && !logic && !compares)
        || (logic && a != Kind::Bool)
    {
        return None;
    }
    let kind = match () {
        () if logic || compares => Kind::Bool,
        () if symbol == "/" && !is_float(a) && !is_float(b) => Kind::Double,
        () => common(a, b),
    };
    let (Ok(x), Ok(y)) = (x, y) else { return Some((kind, Err(()))) };
    Some((
        kind,
        match (x, y) {
            _ if logic => Ok(kleene(symbol, x, y)),
            (Cell::Null, _) | (_, Cell::Null) => Ok(Cell::Null),
            _ if compares => Ok(Cell::Bool(compare(
                symbol,
                x,
                y,
                a == Kind::Single && b == Kind::LiteralFloat,
                b == Kind::Single && a == Kind::LiteralFloat,
            ))),
            _ if kind == Kind::Double => Ok(Cell::Float(calculate(symbol, float(x), float(y)))),
            _ if kind == Kind::Single => {
                let single = |cell| if let Cell::Int(value) = cell { value as f32 } else { float(cell) as f32 };
                Ok(Cell::Float(calculate_single(symbol, single(x), single(y)).into()))
            }
            (Cell::Int(x), Cell::Int(y)) => integers(symbol, x, y, kind),
            _ => unreachable!(),
        },
    ))
}

fn kleene(symbol: &str, x: Cell, y: Cell) -> Cell {
    let absorbing = Cell::Bool(symbol == "|");
    match (x, y) {
        (x, y) if x == absorbing || y == absorbing => absorbing,
        (Cell::Null, _) | (_, Cell::Null) => Cell::Null,
        _ => Cell::Bool(symbol != "|"),
    }
}

fn compare(symbol: &str, x: Cell, y: Cell, round_y: bool, round_x: bool) -> bool {
    let rounded = |cell, round| if round { Cell::Float(float(cell) as f32 as f64) } else { cell };
    let order = match (rounded(x, round_x), rounded(y, round_y)) {
        (Cell::Int(x), Cell::Int(y)) => Some(x.cmp(&y)),
        (Cell::Float(x), Cell::Float(y)) => x.partial_cmp(&y),
        (Cell::Bool(x), Cell::Bool(y)) => Some(x.cmp(&y)),
        (Cell::Int(x), Cell::Float(y)) => exactly(x, y),
        (Cell::Float(x), Cell::Int(y)) => exactly(y, x).map(std::cmp::Ordering::reverse),
        other => panic!("{other:?}"),
    };
    match symbol {
        "==" => order.is_some_and(|order| order.is_eq()),
        "!=" => !order.is_some_and(|order| order.is_eq()),
        "<" => order.is_some_and(|order| order.is_lt()),
        "<=" => order.is_some_and(|order| order.is_le()),
        ">" => order.is_some_and(|order| order.is_gt()),
        _ => order.is_some_and(|order| order.is_ge()),
    }
}

fn exactly(x: i128, y: f64) -> Option<std::cmp::Ordering> {
    if y.is_nan() {
        return None;
    }
    // All integers here are far below 2¹²⁷, to which the conversion saturates.
    let floor = y.floor();
    Some(x.cmp(&(floor as i128)).then(if y > floor {
        std::cmp::Ordering::Less
    } else {
        std::cmp::Ordering::Equal
    }))
}

fn integers(symbol: &str, x: i128, y: i128, kind: Kind) -> Result<Cell, ()> {
    if y == 0 && matches!(symbol, "//" | "%") {
        return Err(());
    }
    let floor = |x: i128, y: i128| if y < 0 { (-x).div_euclid(-y) } else { x.div_euclid(y) };
    let value = match symbol {
        "+" => x + y,
        "-" => x - y,
        "*" => x.checked_mul(y).ok_or(())?,
        "//" => floor(x, y),
        _ => x - y * floor(x, y),
    };
    let fits = if kind == Kind::Signed { i64::try_from(value).is_ok() } else { u64::try_from(value).is_ok() };
    if fits { Ok(Cell::Int(value)) } else { Err(()) }
}

fn calculate(symbol: &str, x: f64, y: f64) -> f64 {
    match symbol {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        "/" => x / y,
        "//" => python_divide(x, y).0,
        _ => python_divide(x, y).1,
    }
}

/// `//` and `%` of Python's floatobject.c, where numpy goes on for a division by zero.
fn python_divide(x: f64, y: f64) -> (f64, f64) {
    let mut rest = x % y;
    if y == 0.0 {
        return (x / y, rest);
    }
    let mut quotient = (x - rest) / y;
    if rest != 0.0 {
        if (y < 0.0) != (rest < 0.0) {
            rest += y;
            quotient -= 1.0;
        }
    } else {
        rest = 0_f64.copysign(y);
    }
    let floor = quotient.floor();
    match quotient {
        0.0 => (0_f64.copysign(x / y), rest),
        quotient if quotient - floor > 0.5 => (floor + 1.0, rest),
        _ => (floor, rest),
    }
}

fn calculate_single(symbol: &str, x: f32, y: f32) -> f32 {
    match symbol {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        _ => x / y,
    }
}

fn edges() -> impl Strategy<Value = i64> {
    let big = 1_i64 << 53;
    prop_oneof![
        4 => -3..4_i64,
        1 => select(vec![i64::MIN, i64::MAX, i64::MIN + 1, big, big + 1, -big - 1, 1 << 32]),
        1 => any::<i64>(),
    ]
}

fn reals() -> impl Strategy<Value = f64> {
    let big = 2_f64.powi(53);
    let special = vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, big, 2_f64.powi(63), 2_f64.powi(64)];
    prop_oneof![3 => (-6..7_i32).prop_map(|x| f64::from(x) / 2.0), 1 => select(special), 1 => any::<f64>()]
}

fn nodes() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        6 => (0..COLUMNS.len()).prop_map(Node::Column),
        1 => edges().prop_map(Node::Int),
        1 => reals().prop_map(Node::Float),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        let symbols = vec!["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "&", "|"];
        let unary = select(vec![UnaryOp::Negate, UnaryOp::Not, UnaryOp::IsNull, UnaryOp::IsNotNull]);
        prop_oneof![
            1 => (unary, inner.clone()).prop_map(|(op, node)| Node::Unary(op, node.into())),
            4 => (select(symbols), inner.clone(), inner)
                .prop_map(|(symbol, a, b)| Node::Binary(symbol, a.into(), b.into())),
        ]
    })
}

fn rows() -> impl Strategy<Value = Vec<Vec<Cell>>> {
    let int = |cells: BoxedStrategy<i128>| cells.prop_map(Cell::Int).boxed();
    let or_null = |cells: BoxedStrategy<Cell>| prop_oneof![5 => cells, 1 => Just(Cell::Null)];
    let row = (
        or_null(int(edges().prop_map(i128::from).boxed())),
        or_null(int(edges().prop_map(i128::from).boxed())),
        or_null(int(any::<i16>().prop_map(i128::from).boxed())),
        or_null(int(any::<u8>().prop_map(i128::from).boxed())),
        or_null(int(edges().prop_map(|x| i128::from(x as u64)).boxed())),
        or_null(reals().prop_map(|x| Cell::Float(f64::from(x as f32))).boxed()),
        or_null(reals().prop_map(Cell::Float).boxed()),
        or_null(any::<bool>().prop_map(Cell::Bool).boxed()),
    );
    let cells = row.prop_map(|(a, b, c, d, e, f, g, h)| vec![a, b, c, d, e, f, g, h]);
    prop::collection::vec(cells, 1..130)
}

fn columns(rows: &[Vec<Cell>]) -> Batch {
    let ints = |index: usize| {
        rows.iter().map(move |row| if let Cell::Int(value) = row[index] { Some(value) } else { None })
    };
    let floats = |index: usize| {
        rows.iter().map(move |row| if let Cell::Float(value) = row[index] { Some(value) } else { None })
    };
    let flags = rows.iter().map(|row| if let Cell::Bool(value) = row[7] { Some(value) } else { None });
    let columns: [ArrayRef; 8] = [
        Arc::new(ints(0).map(|x| x.map(|x| x as i64)).collect::<Int64Array>()),
        Arc::new(ints(1).map(|x| x.map(|x| x as i64)).collect::<Int64Array>()),
        Arc::new(ints(2).map(|x| x.map(|x| x as i16)).collect::<Int16Array>()),
        Arc::new(ints(3).map(|x| x.map(|x| x as u8)).collect::<UInt8Array>()),
        Arc::new(ints(4).map(|x| x.map(|x| x as u64)).collect::<UInt64Array>()),
        Arc::new(floats(5).map(|x| x.map(|x| x as f32)).collect::<Float32Array>()),
        Arc::new(floats(6).collect::<Float64Array>()),
        Arc::new(flags.collect::<BooleanArray>()),
    ];
    batch(COLUMNS.iter().map(|(name, _)| *name).zip(columns).collect())
}

fn cell(array: &ArrayRef, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match DataType::from_arrow(array.data_type()).expect("a known type") {
        DataType::Bool => Cell::Bool(array.as_boolean().value(row)),
        DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::UInt64 => Cell::Int(array.as_primitive::<UInt64Type>().value(row).into()),
        _ => Cell::Int(crate::column::as_i64(array).expect("integers")[row].into()),
    }
}

/// Equal to the bit, but for the bits of a NaN.
fn same(a: Cell, b: Cell) -> bool {
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (a, b) => a == b,
    }
}

/// float32 has `//` and `%` of its own, and a literal that does not fit it is float64: both have tables.
fn is_told_apart(node: &Node) -> bool {
    match node {
        Node::Binary("//" | "%", a, b) => !uses_single(a) && !uses_single(b),
        Node::Binary(_, a, b) => is_told_apart(a) && is_told_apart(b),
        Node::Unary(_, a) => is_told_apart(a),
        Node::Float(value) => !value.is_finite() || (*value as f32).is_finite(),
        _ => true,
    }
}

fn uses_single(node: &Node) -> bool {
    match node {
        Node::Column(index) => COLUMNS[*index].1 == Kind::Single,
        Node::Binary(_, a, b) => uses_single(a) || uses_single(b),
        Node::Unary(_, a) => uses_single(a),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn columns_give_what_single_rows_give(node in nodes().prop_filter("has tables", is_told_apart), rows in rows()) {
        let (expr, stream) = (node.expr(), columns(&rows));
        let Ok((column, fault)) = evaluate(&expr, &stream) else {
            prop_assert_eq!(node.row(&rows[0]), None, "{} does not bind", expr);
            return Ok(());
        };
        for (row, cells) in rows.iter().enumerate() {
            let Some((_, answer)) = node.row(cells) else { panic!("{expr} binds") };
            match answer {
                Err(()) => {
                    prop_assert_eq!(fault.as_ref().map(|fault| fault.row), Some(row), "{}", expr);
                    return Ok(());
                }
                Ok(expected) => prop_assert!(same(cell(&column, row), expected), "{expr} at {row}: {:?} is not {expected:?}", cell(&column, row)),
            }
        }
        prop_assert_eq!(fault, None, "{}", expr);
    }
}
