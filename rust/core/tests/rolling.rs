//! Windows of which each row has its own: many rows at once against row by row, to the bit.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use proptest::prelude::*;
use rillet_core::expr::{Expr, Literal};
use rillet_core::plan::{Ends, Frame, Host, Node, RollingSpec};
use rillet_core::{
    Aggregate, Batch, DataType, Field, Function, Length, Offer, Plan, Prepared, Schema, Step, Supply,
};

type Row = (Option<f64>, Option<i64>);

fn schema() -> Schema {
    let field = |name, dtype| Field::new(name, dtype);
    let fields = vec![field("n", DataType::Int64), field("x", DataType::Float64), field("i", DataType::Int64)];
    Schema::new(fields).expect("unique names")
}

fn aggregates(filtered: bool) -> Vec<(String, Aggregate)> {
    let of = |function, column: &str| Aggregate::new(function, Some(Expr::column(column)));
    let (var, std) = (|ddof| Function::Var { ddof }, |ddof| Function::Std { ddof });
    let mut all = vec![
        of(Function::Sum, "x"),
        of(Function::Mean, "x"),
        of(Function::Min, "x"),
        of(Function::Max, "x"),
        of(var(0), "x"),
        of(std(2), "x"),
        of(Function::Min, "i"),
        of(Function::Max, "i"),
        of(Function::Count, "x"),
        Aggregate::new(Function::Count, None),
    ];
    if filtered {
        let large = Expr::column("i").binary(">", Expr::literal(Literal::Int(0))).expect("an operator");
        all.push(Aggregate { filter: Some(large), ..of(var(1), "x") });
    }
    all.into_iter().enumerate().map(|(i, aggregate)| (format!("a{i}"), aggregate)).collect()
}

/// Which rows are in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The last so many.
    Rows,
    /// The last so many of a key.
    RowsOfKeys,
    /// Those of a key in so much time.
    TimeOfKeys,
}

const KINDS: [Kind; 3] = [Kind::Rows, Kind::RowsOfKeys, Kind::TimeOfKeys];

/// The windows, of rows that have their results at once; or of rows that may have to wait for others, and so are
/// dealt with one by one.
fn plan(kind: Kind, size: u64, least: u64, filtered: bool, waits: bool) -> Arc<Plan> {
    let key = Expr::column("n").binary("%", Expr::literal(Literal::Int(3))).expect("an operator");
    let frame = match kind {
        Kind::TimeOfKeys => Frame::Time { size: Length::Ticks(size as i64), closed: Ends::Right },
        _ => Frame::Rows { rows: size, center: false },
    };
    let spec = RollingSpec {
        by: if kind == Kind::Rows { Vec::new() } else { vec![("k".into(), key)] },
        time: (waits || kind == Kind::TimeOfKeys).then(|| Expr::column("n")),
        lateness: Length::Ticks(i64::from(waits)),
        min_periods: least.min(size),
        ..RollingSpec::new(frame, aggregates(filtered))
    };
    let host = Host { id: 0, name: "rows".into(), time: None, batch_rows: None };
    Plan::source(Node::Host(host)).then(Node::Rolling(Box::new(spec))).expect("a good plan")
}

fn batch(first: usize, rows: &[Row]) -> Batch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new((first as i64..).take(rows.len()).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
    ];
    Batch::new(Arc::new(schema()), columns, rows.len())
}

/// Of each result, its bits; nothing if it is null.
fn bits(column: &ArrayRef) -> Vec<Option<i64>> {
    let is_null = |row| column.is_null(row);
    let floats = column.as_any().downcast_ref::<Float64Array>();
    let ints = column.as_any().downcast_ref::<Int64Array>();
    let bits = |row| match (floats, ints) {
        (Some(floats), _) if floats.value(row).is_nan() => f64::NAN.to_bits() as i64,
        (Some(floats), _) => floats.value(row).to_bits() as i64,
        (_, Some(ints)) => ints.value(row),
        _ => unreachable!("there are no other types"),
    };
    (0..column.len()).map(|row| (!is_null(row)).then(|| bits(row))).collect()
}

/// The results, by column, of rows that come in batches which end there.
fn results(plan: Arc<Plan>, rows: &[Row], ends: &[usize]) -> Vec<Vec<Option<i64>>> {
    let run = Prepared::new(plan, |_| Ok(Offer::Schema(schema()))).and_then(|prepared| prepared.run());
    let mut run = run.expect("a good plan");
    let (mut ends, mut start, mut made) = (ends.iter(), 0, Vec::new());
    loop {
        match run.step().expect("no error in this data") {
            Step::Batch(batch) => {
                made.resize(batch.columns().len(), Vec::new());
                batch.columns().iter().zip(&mut made).for_each(|(column, made)| made.extend(bits(column)));
            }
            Step::Supply(_) => {
                let next = ends.next().map(|&end| batch(start, &rows[std::mem::replace(&mut start, end)..end]));
                run.supply(next.map_or(Supply::End, Supply::Batch)).expect("what was asked for");
            }
            Step::End => return made,
            Step::Idle | Step::Map(..) => {}
        }
    }
}

/// The column and the row of the first result that is not the same, and both results.
fn difference(ours: &[Vec<Option<i64>>], theirs: &[Vec<Option<i64>>]) -> Option<(usize, usize, [Option<i64>; 2])> {
    let columns = ours.iter().zip(theirs).enumerate().map(|(at, (ours, theirs))| (at, ours, theirs));
    let mut differences = columns.filter_map(|(at, ours, theirs)| {
        let row = (0..ours.len().max(theirs.len())).find(|&row| ours.get(row) != theirs.get(row))?;
        Some((at, row, [ours, theirs].map(|results| results.get(row).copied().flatten())))
    });
    differences.next()
}

/// Values that are easy, but for one in so many that is null, not finite, or huge.
fn rows(len: usize, odd: u32) -> impl Strategy<Value = Vec<Row>> {
    let hard = prop_oneof![
        Just(None),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, -0.0, 5e-324])
            .prop_map(Some),
    ];
    // Some are so far apart that what is left of them tells in which order they were added.
    let apart = prop::sample::select(vec![1e200, -1e200, 1e100, -1e100, 1.0]);
    let plain = (-100i32..100).prop_map(f64::from);
    let easy = prop_oneof![plain, any::<f32>().prop_map(f64::from), -1e9..1e9, Just(-0.0), apart];
    let easy = easy.prop_map(|x| Some(if x.is_finite() { x } else { 0.5 }));
    let x = prop_oneof![1 => hard, odd => easy];
    let i = prop_oneof![1 => Just(None), odd => any::<i64>().prop_map(Some)];
    prop::collection::vec((x, i), 0..len)
}

/// Ends of batches, which go on in steps of up to so many rows.
fn ends(rows: usize, steps: &[usize]) -> Vec<usize> {
    let mut ends: Vec<usize> = steps
        .iter()
        .cycle()
        .scan(0, |end, step| {
            *end += step;
            Some((*end).min(rows))
        })
        .take_while(|&end| end < rows)
        .collect();
    ends.push(rows);
    ends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn many_rows_at_once_come_to_the_bits_of_rows_one_by_one(
        (rows, steps) in (prop::sample::select(vec![3u32, 60, 2000, 100_000]), prop::sample::select(vec![1usize, 7, 90, 400]))
            .prop_flat_map(|(odd, most)| (rows(600, odd), prop::collection::vec(1..=most, 1..20))),
        window in prop_oneof![1u64..5, 1u64..70, Just(1 << 40)],
        least in 1u64..4,
        filtered in prop::bool::weighted(0.2),
        kind in prop::sample::select(&KINDS[..]),
    ) {
        let ends = ends(rows.len(), &steps);
        let at_once = results(plan(kind, window, least, filtered, false), &rows, &ends);
        let one_by_one = results(plan(kind, window, least, filtered, true), &rows, &ends);
        prop_assert_eq!(difference(&at_once, &one_by_one), None);
    }
}

#[test]
fn so_do_many_blocks_side_by_side_on_several_threads() {
    let mixed = |i: usize| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let mut rows: Vec<Row> =
        (0..150_000).map(|i| (Some(mixed(i) as f64 / 3e9 - 1000.0), Some(mixed(i + 7) as i64))).collect();
    // Here others take over for a while.
    rows[100_000] = (Some(f64::INFINITY), None);
    for window in [1, 2, 3, 100, 1023, 5000, 40_000, 90_000] {
        for steps in [&[65_536][..], &[70_001, 17, 1, 30_000], &[200_000]] {
            let ends = ends(rows.len(), steps);
            let at_once = results(plan(Kind::Rows, window, 1, false, false), &rows, &ends);
            let one_by_one = results(plan(Kind::Rows, window, 1, false, true), &rows, &ends);
            assert_eq!(
                difference(&at_once, &one_by_one),
                None,
                "windows of {window} rows in batches of {steps:?}"
            );
        }
    }
}

#[test]
fn so_do_rows_of_keys_on_several_threads() {
    let mixed = |i: usize| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let value = |i: usize| (!mixed(i).is_multiple_of(900)).then(|| mixed(i) as f64 / 3e9 - 1000.0);
    let rows: Vec<Row> = (0..100_000).map(|i| (value(i), Some(mixed(i + 7) as i64 - (1 << 42)))).collect();
    for kind in [Kind::RowsOfKeys, Kind::TimeOfKeys] {
        for (window, least) in [(1, 1), (100, 1), (5000, 2000), (90_000, 1)] {
            let one_by_one = results(plan(kind, window, least, true, true), &rows, &[100_000]);
            for steps in [&[65_536][..], &[70_001, 17, 1, 20_000], &[4_500]] {
                let at_once = results(plan(kind, window, least, true, false), &rows, &ends(rows.len(), steps));
                let found = difference(&at_once, &one_by_one);
                assert_eq!(found, None, "{kind:?}, windows of {window} in batches of {steps:?}");
            }
        }
    }
}
