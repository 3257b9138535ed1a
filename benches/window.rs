//! How fast batches in memory become windows, on one thread: `cargo bench -p rillet-core --bench window`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rillet_core::expr::Expr;
use rillet_core::plan::{Hopping, Host, Node, WindowSpec, Windows};
use rillet_core::{
    Aggregate, Batch, DataType, Field, Function, Length, Offer, Plan, Prepared, Schema, Step, Supply,
};

const ROWS: i64 = 500_000;
const BATCH: i64 = 65_536;

fn schema() -> Arc<Schema> {
    let field = |name, dtype| Field::new(name, dtype);
    let fields = vec![field("t", DataType::Int64), field("k", DataType::Int64), field("x", DataType::Float64)];
    Arc::new(Schema::new(fields).expect("unique names"))
}

/// Rows 50 ticks apart, each up to `disorder` ticks late.
fn batches(disorder: i64) -> Vec<Batch> {
    let mixed = |i: i64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> 33).rem_euclid(1 << 30);
    let batch = |rows: std::ops::Range<i64>| {
        let late = |i: i64| if disorder == 0 { 0 } else { mixed(i) % disorder };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.clone().map(|i| i * 50 - late(i)).collect::<Int64Array>()),
            Arc::new(rows.clone().map(|i| mixed(i + 7) % 500).collect::<Int64Array>()),
            Arc::new(rows.clone().map(|i| mixed(i) as f64 * 1e-7).collect::<Float64Array>()),
        ];
        Batch::new(schema(), columns, (rows.end - rows.start) as usize)
    };
    (0..ROWS).step_by(BATCH as usize).map(|start| batch(start..(start + BATCH).min(ROWS))).collect()
}

fn plan(size: i64, every: i64, lateness: i64) -> Arc<Plan> {
    let of = |function| Aggregate::new(function, Some(Expr::column("x")));
    let aggregates = vec![
        ("mean".into(), of(Function::Mean)),
        ("std".into(), of(Function::Std { ddof: 1 })),
        ("max".into(), of(Function::Max)),
        ("n".into(), Aggregate::new(Function::Count, None)),
    ];
    let windows = Windows::Hopping(Hopping::new(Length::Ticks(size), Length::Ticks(every)));
    let spec = WindowSpec {
        by: vec![("k".into(), Expr::column("k"))],
        lateness: Length::Ticks(lateness),
        ..WindowSpec::new(windows, aggregates)
    };
    let host = Host { id: 0, name: "rows".into(), time: Some("t".into()), batch_rows: None };
    Plan::source(Node::Host(host)).then(Node::Window(Box::new(spec))).expect("a good plan")
}

fn results(plan: &Arc<Plan>, batches: &[Batch]) -> usize {
    let offer = |_| Ok(Offer::Schema(Schema::clone(&schema())));
    let mut run = Prepared::new(Arc::clone(plan), offer).and_then(|prepared| prepared.run()).expect("a good plan");
    let (mut left, mut rows) = (batches.iter(), 0);
    loop {
        match run.step().expect("no row is late") {
            Step::Batch(batch) => rows += batch.rows(),
            Step::Supply(_) => {
                run.supply(left.next().map_or(Supply::End, |b| Supply::Batch(b.clone()))).expect("asked for");
            }
            Step::End => return rows,
            Step::Idle | Step::Map(..) => {}
        }
    }
}

fn window(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window");
    let cases = [
        ("tumbling", 60_000, 60_000, 0),
        ("tumbling, disordered", 60_000, 60_000, 30_000),
        ("hopping", 3_600_000, 60_000, 0),
    ];
    for (name, size, every, lateness) in cases {
        let (plan, batches) = (plan(size, every, lateness), batches(lateness));
        assert!(results(&plan, &batches) > 0);
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function(name, |bench| bench.iter(|| results(&plan, &batches)));
    }
}

criterion_group!(benches, window);
criterion_main!(benches);
