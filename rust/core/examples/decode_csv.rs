//! Times the stages of the CSV decoder: `decode_csv FILE [COLUMN…]` reads a file like `ticks.csv`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::io::{Read, Seek, SeekFrom};

use rillet_core::csv::*;

/// The allocator of the Python package.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds this thread has been on a processor: other processes do not count.
fn now() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

const READ: usize = 256 << 10;

fn run(path: &str, layout: Option<&Layout>, header: &Header, cut: bool) -> (f64, usize) {
    let mut file = std::fs::File::open(path).unwrap();
    file.seek(SeekFrom::Start(header.end.byte)).unwrap();
    let start = now();
    let mut cutter = Cutter::new(Dialect::default(), Limits::default(), 65_536, header.end);
    let (mut scratch, mut rows) = (Scratch::default(), 0);
    if !cut {
        let mut buffer = vec![0; READ];
        while file.read(&mut buffer).unwrap() > 0 {}
        return (now() - start, 1);
    }
    loop {
        let n = file.read(&mut cutter.space(READ)[..READ]).unwrap();
        cutter.filled(n);
        while let Some(text) = if n == 0 { cutter.finish() } else { cutter.cut() }.unwrap() {
            rows += text.rows();
            if let Some(layout) = layout {
                let decoded = decode(&text, layout, &mut scratch);
                assert!(decoded.error.is_none(), "{:?}", decoded.error);
            }
            cutter.recycle(text.into_buffer());
        }
        if n == 0 {
            return (now() - start, rows);
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap();
    let names: Vec<String> = arguments.collect();
    let mut sample = vec![0; 2 << 20];
    let n = std::fs::File::open(&path).unwrap().read(&mut sample).unwrap();
    let inferred = infer(&sample[..n], n < sample.len(), &Head::default(), &Sampling::default()).unwrap().unwrap();
    let layout = |picked: &[&str]| Layout {
        dialect: Dialect::default(),
        fields: inferred.fields.len(),
        columns: (inferred.fields.iter().enumerate())
            .filter(|(_, field)| picked.contains(&&*field.name))
            .map(|(i, field)| Column::new(i, &*field.name, field.dtype.clone()))
            .collect(),
        on_error: OnError::Error,
    };
    let all: Vec<&str> = inferred.fields.iter().map(|field| &*field.name).collect();
    let picked = |pick: &[&str]| Some(layout(pick));
    let mut jobs: Vec<(String, Option<Layout>, bool)> =
        vec![("read".into(), None, false), ("cut".into(), None, true), ("scan".into(), picked(&[]), true)];
    if names.is_empty() {
        jobs.extend(all.iter().map(|name| ((*name).to_owned(), picked(&[name]), true)));
    }
    jobs.push(("all".into(), picked(&all), true));
    if names == ["all"] {
        jobs.drain(..jobs.len() - 1);
    }
    println!(
        "{:?} {}",
        Level::best(),
        inferred.fields.iter().map(|f| f.dtype.to_string()).collect::<Vec<_>>().join(" ")
    );
    let rounds = std::env::var("ROUNDS").map_or(5, |n| n.parse().unwrap());
    let mut best = vec![f64::MAX; jobs.len()];
    let mut rows = 1;
    for _ in 0..rounds {
        for (best, (_, layout, cut)) in best.iter_mut().zip(&jobs) {
            let (seconds, n) = run(&path, layout.as_ref(), &inferred.header, *cut);
            (*best, rows) = (best.min(seconds), rows.max(n));
        }
    }
    let base = |i: usize| match i {
        0 => 0.0,
        1 => best[0],
        2 => best[1],
        _ => best[2],
    };
    for (i, (name, ..)) in jobs.iter().enumerate() {
        let own = if name == "all" { best[i] } else { best[i] - base(i) };
        println!("{name:8} {:7.3} s {:6.2} ns/row", best[i], own * 1e9 / rows as f64);
    }
}
