//! Windows against a reference that tries every window for every row.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, Int64Array};
use proptest::prelude::*;
use rillet_core::expr::Expr;
use rillet_core::plan::{Hopping, Host, Node, WindowSpec, Windows};
use rillet_core::{
    Aggregate, Batch, DataType, Field, Function, Late, Length, Offer, Plan, Prepared, Schema, Step, Supply,
};

/// Time, key, value.
type Row = (i64, i64, i64);
/// End, key, count, sum, first, last, variance.
type Answer = (i64, i64, i64, i64, i64, i64, Option<u64>);

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<Row>,
    size: i64,
    every: i64,
    offset: i64,
    lateness: i64,
    cut: usize,
}

fn schema() -> Schema {
    Schema::new(["t", "k", "v"].map(|name| Field::new(name, DataType::Int64)).to_vec()).expect("unique names")
}

fn plan(case: &Case) -> Arc<Plan> {
    let of = |function, column: &str| Aggregate::new(function, Some(Expr::column(column)));
    let windows = Windows::Hopping(Hopping {
        offset: Length::Ticks(case.offset),
        ..Hopping::new(Length::Ticks(case.size), Length::Ticks(case.every))
    });
    let aggregates = vec![
        ("n".into(), Aggregate::new(Function::Count, None)),
        ("sum".into(), of(Function::Sum, "v")),
        ("first".into(), of(Function::First { skip_nulls: true }, "v")),
        ("last".into(), of(Function::Last { skip_nulls: true }, "v")),
        ("var".into(), of(Function::Var { ddof: 1 }, "v")),
    ];
    let spec = WindowSpec {
        by: vec![("k".into(), Expr::column("k"))],
        lateness: Length::Ticks(case.lateness),
        late: Late::Drop,
        ..WindowSpec::new(windows, aggregates)
    };
    let host = Host { id: 0, name: "rows".into(), time: Some("t".into()), batch_rows: None };
    Plan::source(Node::Host(host)).then(Node::Window(Box::new(spec))).expect("a good plan")
}

fn batch(rows: &[Row]) -> Batch {
    let column = |of: fn(&Row) -> i64| Arc::new(rows.iter().map(of).collect::<Int64Array>()) as ArrayRef;
    Batch::new(Arc::new(schema()), vec![column(|r| r.0), column(|r| r.1), column(|r| r.2)], rows.len())
}

/// What rillet makes of the rows, cut into batches of `cut`; and how many rows it says were late.
fn run(case: &Case) -> (Vec<Answer>, u64) {
    let prepared = Prepared::new(plan(case), |_| Ok(Offer::Schema(schema()))).expect("a good plan");
    let mut run = prepared.run().expect("a source that can be read");
    let mut chunks = case.rows.chunks(case.cut);
    let mut answers = Vec::new();
    loop {
        match run.step().expect("no error in this data") {
            Step::Batch(batch) => answers.extend(read(&batch)),
            Step::Supply(_) => {
                let supply = chunks.next().map_or(Supply::End, |rows| Supply::Batch(batch(rows)));
                run.supply(supply).expect("what was asked for");
            }
            Step::Idle => {}
            Step::Map(..) => unreachable!("there is no function"),
            Step::End => break,
        }
        for ledger in run.ledgers().iter().skip(1) {
            let accounted = ledger.aggregated + ledger.held + ledger.late + ledger.windowless;
            assert_eq!(ledger.rows_in, accounted, "{ledger:?}");
        }
    }
    (answers, run.ledgers()[1].late)
}

fn read(batch: &Batch) -> Vec<Answer> {
    let ints = |name: &str| batch.column(name).expect(name).as_primitive::<Int64Type>().clone();
    let var = batch.column("var").expect("var").as_primitive::<Float64Type>().clone();
    let (end, key, n, sum) = (ints("window_end"), ints("k"), ints("n"), ints("sum"));
    let (first, last) = (ints("first"), ints("last"));
    (0..batch.rows())
        .map(|i| {
            let var = var.iter().nth(i).flatten().map(f64::to_bits);
            (end.value(i), key.value(i), n.value(i), sum.value(i), first.value(i), last.value(i), var)
        })
        .collect()
}

/// The same by the definition: every window, every row.
fn reference(case: &Case) -> (Vec<Answer>, u64) {
    let windows = |t: i64| {
        (t - case.size + 1..=t)
            .filter(|start| (start - case.offset).rem_euclid(case.every) == 0)
            .map(|start| start + case.size)
            .collect::<Vec<_>>()
    };
    let mut open: BTreeMap<i64, Vec<(usize, Row)>> = BTreeMap::new();
    let mut places: Vec<i64> = Vec::new();
    let (mut watermark, mut late, mut answers) = (i64::MIN, 0, Vec::new());
    for (i, &row) in case.rows.iter().enumerate() {
        let ends = windows(row.0);
        let live: Vec<i64> = ends.iter().copied().filter(|&end| end > watermark).collect();
        late += u64::from(live.is_empty() && !ends.is_empty());
        if !live.is_empty() && !places.contains(&row.1) {
            places.push(row.1);
        }
        live.iter().for_each(|end| open.entry(*end).or_default().push((i, row)));
        watermark = watermark.max(row.0 - case.lateness);
        close(&mut open, &mut places, watermark, &mut answers);
    }
    close(&mut open, &mut places, i64::MAX, &mut answers);
    (answers, late)
}

fn close(
    open: &mut BTreeMap<i64, Vec<(usize, Row)>>,
    places: &mut Vec<i64>,
    watermark: i64,
    answers: &mut Vec<Answer>,
) {
    while let Some((&end, _)) = open.first_key_value().filter(|(end, _)| **end <= watermark) {
        let rows = open.remove(&end).expect("it was just seen");
        for &key in places.iter() {
            let mut of_key: Vec<(i64, usize, i64)> =
                rows.iter().filter(|(_, row)| row.1 == key).map(|&(i, row)| (row.0, i, row.2)).collect();
            if of_key.is_empty() {
                continue;
            }
            of_key.sort_unstable();
            let values: Vec<i64> = of_key.iter().map(|row| row.2).collect();
            let (n, sum) = (values.len() as i64, values.iter().sum::<i64>());
            // Exact, and rounded as the division of two exact numbers is.
            let spread = n * values.iter().map(|v| v * v).sum::<i64>() - sum * sum;
            let var = (n > 1).then(|| (spread as f64 / n as f64 / (n - 1) as f64).to_bits());
            answers.push((end, key, n, sum, values[0], *values.last().expect("not empty"), var));
        }
        let held: Vec<i64> = open.values().flatten().map(|(_, row)| row.1).collect();
        places.retain(|key| held.contains(key));
    }
}

/// Answers that differ in the last bits of the variance are the same.
fn same(ours: &[Answer], theirs: &[Answer]) -> bool {
    let near = |a: Option<u64>, b: Option<u64>| match (a.map(f64::from_bits), b.map(f64::from_bits)) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-14 * b.abs(),
        (a, b) => a.is_none() && b.is_none(),
    };
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|(a, b)| (a.0, a.1, a.2, a.3, a.4, a.5) == (b.0, b.1, b.2, b.3, b.4, b.5) && near(a.6, b.6))
}

fn cases() -> impl Strategy<Value = Case> {
    let step = prop_oneof![8 => -3..6i64, 1 => -30..60i64, 1 => 100..400i64];
    let rows = prop::collection::vec((step, 0..5i64, -9..10i64), 1..120);
    (rows, 1..25i64, 1..12i64, -20..20i64, 0..15i64, 1..40usize, -50..50i64).prop_map(
        |(steps, size, every, offset, lateness, cut, start)| {
            let mut t = start;
            let rows = steps
                .into_iter()
                .map(|(step, key, value)| {
                    t += step;
                    (t, key, value)
                })
                .collect();
            Case { rows, size, every, offset, lateness, cut }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_what_their_definition_says(case in cases()) {
        let (ours, late) = run(&case);
        let (theirs, expected_late) = reference(&case);
        prop_assert!(same(&ours, &theirs), "{case:?}\n ours {ours:?}\ntheirs {theirs:?}");
        prop_assert_eq!(late, expected_late);
    }

    #[test]
    fn no_bit_depends_on_where_the_input_is_cut(case in cases()) {
        let whole = run(&Case { cut: usize::MAX, ..case.clone() });
        prop_assert_eq!(run(&case), whole);
    }

    #[test]
    fn rows_in_order_give_the_same_on_either_path(case in cases()) {
        let mut sorted = case;
        sorted.rows.sort_by_key(|row| row.0);
        let (ours, late) = run(&sorted);
        let (theirs, _) = reference(&sorted);
        prop_assert!(same(&ours, &theirs), "{sorted:?}\n ours {ours:?}\ntheirs {theirs:?}");
        prop_assert_eq!(late, 0);
    }
}
