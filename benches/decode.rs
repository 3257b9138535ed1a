//! How fast CSV in memory becomes batches, on one thread: `cargo bench -p rillet-core --bench decode`.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rillet_core::plan::{CsvInput, Node, ReadCsv};
use rillet_core::{Plan, Prepared};

const ROWS: u32 = 200_000;

fn text(quote: &str, end: &str) -> String {
    let mut text = format!("ts,symbol,price,size{end}");
    for i in 0..ROWS {
        let (second, price) = (i / 20 % 60, 10_000 + i.wrapping_mul(2_654_435_761) % 9_999);
        let minute = i / 1200 % 60;
        let symbol = format!("SYM{:03}", i.wrapping_mul(40_503) % 500);
        let hour = i / 72_000;
        let _ = write!(
            text,
            "2024-01-01T{hour:02}:{minute:02}:{second:02}.{:06},{quote}{symbol}{quote},{}.{:02},{}{end}",
            i % 20 * 50_000,
            price / 100,
            price % 100,
            1 + i % 4999
        );
    }
    text
}

fn rows(bytes: &Arc<[u8]>) -> usize {
    let mut read = ReadCsv::new(CsvInput::Bytes(Arc::clone(bytes)));
    read.time = Some("ts".into());
    read.threads = Some(1);
    let plan = Plan::source(Node::ReadCsv(Box::new(read)));
    let run = Prepared::new(plan, |_| unreachable!("there is no host")).and_then(|prepared| prepared.run());
    run.expect("good text").map(|batch| black_box(batch.expect("good rows")).rows()).sum()
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, quote, end) in [("plain", "", "\n"), ("quoted", "\"", "\n"), ("crlf", "", "\r\n")] {
        let bytes: Arc<[u8]> = text(quote, end).into_bytes().into();
        assert_eq!(rows(&bytes), ROWS as usize);
        group.throughput(Throughput::Elements(u64::from(ROWS)));
        group.bench_function(name, |bench| bench.iter(|| rows(&bytes)));
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
