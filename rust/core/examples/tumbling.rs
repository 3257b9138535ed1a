//! The main job without Python: bars of a minute by symbol from `ticks.csv`.
//!
//! `cargo run --release --example tumbling -p rillet-core -- ticks.csv [read|tumbling|hopping] [threads]`
//! prints the rows that came out, a checksum, and the seconds it took.

use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use rillet_core::expr::Expr;
use rillet_core::plan::{CsvInput, Hopping, Node, ReadCsv, WindowSpec, Windows};
use rillet_core::{Aggregate, Function, Plan, Prepared, Result};

/// The allocator of the Python package, so that both can be compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn aggregate(function: Function, column: Option<&str>) -> Aggregate {
    Aggregate::new(function, column.map(Expr::column))
}

fn window(size: &str, every: &str, aggregates: Vec<(String, Aggregate)>) -> Result<Node> {
    let windows = Windows::Hopping(Hopping::new(size.parse()?, every.parse()?));
    let by = vec![("symbol".into(), Expr::column("symbol"))];
    Ok(Node::Window(Box::new(WindowSpec { by, ..WindowSpec::new(windows, aggregates) })))
}

fn tumbling() -> Result<Node> {
    let price = |function| aggregate(function, Some("price"));
    window(
        "1m",
        "1m",
        vec![
            ("open".into(), price(Function::First { skip_nulls: true })),
            ("high".into(), price(Function::Max)),
            ("low".into(), price(Function::Min)),
            ("close".into(), price(Function::Last { skip_nulls: true })),
            ("volume".into(), aggregate(Function::Sum, Some("size"))),
            ("trades".into(), aggregate(Function::Count, None)),
            ("mean".into(), price(Function::Mean)),
        ],
    )
}

fn hopping() -> Result<Node> {
    let price = |function| aggregate(function, Some("price"));
    window(
        "1h",
        "1m",
        vec![
            ("mean".into(), price(Function::Mean)),
            ("std".into(), price(Function::Std { ddof: 1 })),
            ("max".into(), price(Function::Max)),
            ("trades".into(), aggregate(Function::Count, None)),
        ],
    )
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let path = arguments.get(1).map_or("ticks.csv", String::as_str);
    let job = arguments.get(2).map_or("tumbling", String::as_str);
    let mut read = ReadCsv::new(CsvInput::Paths(vec![path.into()]));
    read.time = Some("ts".into());
    read.threads = arguments.get(3).and_then(|threads| threads.parse().ok());
    let start = Instant::now();
    let source = Plan::source(Node::ReadCsv(Box::new(read)));
    let plan = match job {
        "read" => source,
        "hopping" => source.then(hopping()?)?,
        _ => source.then(tumbling()?)?,
    };
    let name = if job == "read" { "price" } else { "mean" };
    let (mut rows, mut sum) = (0, 0.0);
    for batch in Prepared::new(plan, |_| unreachable!("there is no host"))?.run()? {
        let batch = batch?;
        rows += batch.rows();
        sum += batch.column(name)?.as_primitive::<Float64Type>().values().iter().sum::<f64>();
    }
    // The seconds come last: whoever times this reads them.
    #[allow(clippy::print_stdout, reason = "it is what the example is for")]
    {
        println!("{rows} {sum} {:.6}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
