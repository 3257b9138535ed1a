"""What pushing one row costs: `op.push_row` from Python, row by row.

    python benches/push.py

prints, for each kind of stream, the median and the 99.9th percentile of a call in nanoseconds, less nothing: a call of
a Python function that does nothing is in the first line, timed the same way. Each call is timed by itself.
"""

import statistics
import time

import rillet as rl

ROWS = 200_000
SCHEMA = {"t": "int64", "symbol": "string", "price": "float64", "size": "int64"}
SYMBOLS = [f"S{i:03}" for i in range(100)]


def rows(each=1):
    """Rows of a hundred symbols, so many of each time."""
    return [(i // each * 10, SYMBOLS[i * 37 % 100], 100 + i * 7919 % 1000 / 10, i % 500 + 1) for i in range(ROWS)]


def pushed():
    return rl.from_push(SCHEMA, time="t")


BARS = {"high": rl.max("price"), "volume": rl.sum("size"), "vwap": rl.mean("price", weight="size")}
PLAIN = {"total": rl.sum("price"), "high": rl.max("price")}
STREAMS = {
    "tumbling 1,000 ticks: sum, max": lambda: pushed().window(rl.tumbling(1_000)).agg(**PLAIN),
    "tumbling, by symbol: sum, max": lambda: pushed().window(rl.tumbling(1_000), by="symbol").agg(**PLAIN),
    "hopping 60,000 every 1,000, by symbol": lambda: pushed()
    .window(rl.hopping(60_000, 1_000), by="symbol")
    .agg(**PLAIN),
    "hopping 600,000 every 1,000, by symbol": lambda: pushed()
    .window(rl.hopping(600_000, 1_000), by="symbol")
    .agg(**PLAIN),
    "rolling, the last 100 rows: mean, max": lambda: pushed()
    .rolling(rows=100)
    .agg(mean=rl.mean("price"), high=rl.max("price")),
    "rolling, the last 10,000 rows: mean, max": lambda: pushed()
    .rolling(rows=10_000)
    .agg(mean=rl.mean("price"), high=rl.max("price")),
    "rolling, 100 rows by symbol: mean, max": lambda: pushed()
    .rolling(rows=100, by="symbol")
    .agg(mean=rl.mean("price"), high=rl.max("price")),
    "rolling, 10,000 ticks: mean, max": lambda: pushed()
    .rolling(10_000)
    .agg(mean=rl.mean("price"), high=rl.max("price")),
    "rolling, 10,000 ticks by symbol: mean, max": lambda: pushed()
    .rolling(10_000, by="symbol")
    .agg(mean=rl.mean("price"), high=rl.max("price")),
    "rolling, 10,000 ticks, closed=left": lambda: pushed()
    .rolling(10_000, closed="left")
    .agg(mean=rl.mean("price"), high=rl.max("price")),
}


def timed(push, table):
    """The nanoseconds of each call."""
    clock, out = time.perf_counter_ns, []
    for row in table:
        start = clock()
        push(*row)
        out.append(clock() - start)
    return out


def report(name, nanos):
    nanos.sort()
    print(f"| {name} | {statistics.median(nanos):,.0f} | {nanos[int(len(nanos) * 0.999)]:,} |")


def main():
    print("| stream | median, ns | 99.9th percentile, ns |\n|---|---|---|")
    table = rows()
    report("a function that does nothing", timed(lambda *_: None, table))
    for name, stream in STREAMS.items():
        report(name, timed(stream().operator().push_row, table))
    several = rows(3)
    report(
        "rolling, 10,000 ticks, three rows of each time",
        timed(STREAMS["rolling, 10,000 ticks: mean, max"]().operator().push_row, several),
    )


if __name__ == "__main__":
    main()
