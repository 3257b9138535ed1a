"""What it costs to push a row: `op.push_row` from Python, `python benches/push.py`.

Prints, for each kind of stream, the median and the 99.9th percentile of the nanoseconds of a call. Each call is timed
by itself, which takes time too: so does a call of a function that does nothing, in the first line. Rows are of a
hundred symbols, ten ticks apart. The lines are gone through several times, and the least of each is told: a machine
drifts.
"""

import time

import rillet as rl

ROUNDS = 5
ROWS = 50_000
SCHEMA = {"t": "int64", "symbol": "string", "price": "float64", "size": "int64"}
SYMBOLS = [f"S{i:03}" for i in range(100)]
AGGREGATES = {"mean": rl.mean("price"), "high": rl.max("price")}


def rows(each):
    """Rows, so many of each time."""
    return [(i // each * 10, SYMBOLS[i * 37 % 100], 100 + i * 7919 % 1000 / 10, i % 500 + 1) for i in range(ROWS)]


def windows(spec, **options):
    return rl.from_push(SCHEMA, time="t").window(spec, **options).agg(**AGGREGATES)


def rolling(size=None, **options):
    return rl.from_push(SCHEMA, time="t").rolling(size, **options).agg(**AGGREGATES)


STREAMS = {
    "tumbling, 1,000 ticks": windows(rl.tumbling(1_000)),
    "the same by symbol": windows(rl.tumbling(1_000), by="symbol"),
    "hopping, 60,000 ticks every 1,000, by symbol": windows(rl.hopping(60_000, 1_000), by="symbol"),
    "hopping, 600,000 ticks every 1,000, by symbol": windows(rl.hopping(600_000, 1_000), by="symbol"),
    "rolling, the last 100 rows": rolling(rows=100),
    "rolling, the last 10,000 rows": rolling(rows=10_000),
    "rolling, the last 100 rows by symbol": rolling(rows=100, by="symbol"),
    "rolling, 10,000 ticks": rolling(10_000),
    "rolling, 100,000 ticks": rolling(100_000),
    "rolling, 10,000 ticks by symbol": rolling(10_000, by="symbol"),
    "rolling, 10,000 ticks, closed='left'": rolling(10_000, closed="left"),
    "rolling, 10,000 ticks, three rows of each time": rolling(10_000),
}


def timed(push, table):
    """The median and the 99.9th percentile of the nanoseconds of a call."""
    clock, nanos = time.perf_counter_ns, []
    for row in table:
        start = clock()
        push(*row)
        nanos.append(clock() - start)
    nanos.sort()
    return nanos[len(nanos) // 2], nanos[len(nanos) * 999 // 1000]


def main():
    single, several = rows(1), rows(3)
    least = {}
    for _ in range(ROUNDS):
        found = {"nothing": timed(lambda *_: None, single)}
        for name, stream in STREAMS.items():
            found[name] = timed(stream.operator().push_row, several if "three" in name else single)
        least = {name: tuple(map(min, nanos, least.get(name, nanos))) for name, nanos in found.items()}
    print("| pushed to | median, ns | 99.9th percentile, ns |\n| --- | --- | --- |")
    for name, (median, rare) in least.items():
        print(f"| {name} | {median:,} | {rare:,} |")


if __name__ == "__main__":
    main()
