//! P17: once a stream has settled, what is asked of the allocator goes back to it with the batches that were handed
//! out, and how often it is asked does not depend on how many rows a batch has.
//!
//! A file of its own, with one test: whatever else runs in the process is counted too.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use arrow_array::{ArrayRef, Float64Array, Int64Array};
use rillet_core::expr::Expr;
use rillet_core::plan::{Ends, Every, Frame, Gap, GroupSpec, Hopping, Host, Node, RollingSpec};
use rillet_core::plan::{Session, WindowSpec, Windows};
use rillet_core::{
    Aggregate, Batch, DataType, Field, Function, Length, Offer, Plan, Prepared, Schema, Step, Supply,
};

/// The system's allocator, which counts how often it is asked for memory, and how much of it is held.
struct Counting;

static ASKED: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicI64 = AtomicI64::new(0);

// SAFETY: all is left to the system's allocator; the counters need no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        HELD.fetch_add(layout.size() as i64, Relaxed);
        // SAFETY: what the caller has promised is what this one asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Rows to a batch, of 50 keys, one a tick.
fn batches(rows: i64) -> Vec<Batch> {
    let field = |name, dtype| Field::new(name, dtype);
    let fields = vec![field("t", DataType::Int64), field("k", DataType::Int64), field("x", DataType::Float64)];
    let schema = Arc::new(Schema::new(fields).expect("unique names"));
    let batch = |number: i64| {
        let all = number * rows..(number + 1) * rows;
        let columns: [ArrayRef; 3] = [
            Arc::new(all.clone().collect::<Int64Array>()),
            Arc::new(all.clone().map(|row| row % 50).collect::<Int64Array>()),
            Arc::new(all.map(|row| (row * 7 % 1000) as f64 / 3.0).collect::<Float64Array>()),
        ];
        Batch::new(Arc::clone(&schema), columns.into(), rows as usize)
    };
    (0..30).map(batch).collect()
}

fn aggregates() -> Vec<(String, Aggregate)> {
    let of = |name: &str, function| (name.to_owned(), Aggregate::new(function, Some(Expr::column("x"))));
    let count = ("count".to_owned(), Aggregate::new(Function::Count, None));
    vec![of("mean", Function::Mean), of("max", Function::Max), of("std", Function::Std { ddof: 1 }), count]
}

fn by(keyed: bool) -> Vec<(String, Expr)> {
    if keyed { vec![("k".into(), Expr::column("k"))] } else { Vec::new() }
}

fn window(windows: Windows, keyed: bool) -> Node {
    Node::Window(Box::new(WindowSpec { by: by(keyed), ..WindowSpec::new(windows, aggregates()) }))
}

fn rolling(frame: Frame, keyed: bool) -> Node {
    Node::Rolling(Box::new(RollingSpec { by: by(keyed), ..RollingSpec::new(frame, aggregates()) }))
}

/// A stage of each kind, whose windows are as long as a batch or half as long.
fn stages(rows: i64) -> Vec<(&'static str, Node)> {
    let ticks = Length::Ticks;
    let hopping = |size, every| Windows::Hopping(Hopping::new(ticks(size), ticks(every)));
    let gap = Gap::Fixed(ticks(rows));
    let session = Session { gap, gap_closed: false, max_length: Some(ticks(rows / 2)), until: None };
    let several = [("one", hopping(rows / 2, rows / 2)), ("two", hopping(rows, rows / 2))];
    let several = several.map(|(name, windows)| (name.to_owned(), windows)).into();
    let group = GroupSpec {
        by: by(true),
        every: Some(Every::Rows(rows / 2)),
        max_state_bytes: None,
        aggregates: aggregates(),
    };
    let last = Frame::Rows { rows: rows as u64 / 100, center: false };
    let time = Frame::Time { size: ticks(rows / 2), closed: Ends::Right };
    vec![
        ("tumbling", window(hopping(rows / 2, rows / 2), true)),
        ("tumbling without keys", window(hopping(rows / 2, rows / 2), false)),
        ("hopping", window(hopping(rows, rows / 2), true)),
        (
            "cumulate",
            window(Windows::Cumulate { size: ticks(rows), step: ticks(rows / 2), offset: ticks(0) }, true),
        ),
        ("count", window(Windows::Count { size: rows / 100, every: rows / 100 }, true)),
        ("session", window(Windows::Session(session), true)),
        ("several", window(Windows::Several(several), true)),
        ("running", Node::GroupBy(Box::new(group))),
        ("rolling", rolling(time, true)),
        ("rolling rows", rolling(last, true)),
        ("rolling rows without keys", rolling(last, false)),
    ]
}

/// How often memory is asked for in the course of the last ten batches, which leave no more of it held than those
/// before them.
fn asked(name: &str, node: &Node, batches: &[Batch]) -> u64 {
    let host = Host { id: 0, name: "rows".into(), time: Some("t".into()), batch_rows: None };
    let plan = Plan::source(Node::Host(host)).then(node.clone()).expect("a good plan");
    let offer = |_| Ok(Offer::Schema(Schema::clone(batches[0].schema())));
    let mut run = Prepared::new(plan, offer).expect("a good plan").run().expect("a source");
    let (mut left, mut seen) = (batches.iter(), Vec::new());
    loop {
        match run.step().expect("good rows") {
            Step::Supply(_) => {
                seen.push((ASKED.load(Relaxed), HELD.load(Relaxed)));
                let Some(batch) = left.next() else { break };
                run.supply(Supply::Batch(batch.clone())).expect("it was asked for");
            }
            step => drop(step),
        }
    }
    let most = |batches: &[(u64, i64)]| batches.iter().map(|(_, held)| *held).max();
    assert!(most(&seen[20..]) <= most(&seen[10..20]), "{name}: {seen:?}");
    seen[30].0 - seen[20].0
}

#[test]
fn p17_memory_goes_back_with_the_batches_that_were_handed_out() {
    let (few, many) = (batches(1000), batches(8000));
    for ((name, small), (_, large)) in stages(1000).into_iter().zip(stages(8000)) {
        let (small, large) = (asked(name, &small, &few), asked(name, &large, &many));
        assert!(4 * large <= 5 * small, "{name}: {small} times for 10 batches, and {large} for longer ones");
    }
}
