"""What windows take: `python benches/memory.py` shows that state follows open windows and keys, and not the rows.

Two questions, each kind of window in a process of its own: whether `state_bytes` is what the process grew by, of states
from 500 MB on (`honest`), and how much the process has grown after 10 to 100 million rows (`flat`). The second is drawn
into benches/memory.svg with `--write`. Memory is VmRSS, less what it was after a run over a few batches.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import rillet as rl

HERE = Path(__file__).parent
ROWS = 65_536
STATS = {"n": rl.count(), "total": rl.sum("x"), "most": rl.max("x")}
LEAST, MOST = 500e6, 1000e6  # the states that are looked at, in bytes
SETTLE = 0.1  # seconds after which the allocator has given back what is free
AT_ONCE = {"MIMALLOC_PURGE_DELAY": "0"}
LONG = 10**12


def ticks(key: Callable, tick: Callable) -> rl.Stream:
    """Endless rows; `key` and `tick` give keys and times of rows from their numbers."""

    def batches() -> Iterator[dict]:
        start = 0
        while True:
            row = np.arange(start, start + ROWS)
            yield {"t": tick(row), "k": key(row), "x": (row % 1000).astype(np.float64)}
            start += ROWS

    return rl.from_batches(batches, time="t")


def distinct(row):
    """A key of its own for each row."""
    return row * 7919


def among(keys: int) -> Callable:
    """As many keys, each seen again and again."""
    return lambda row: row * 7919 % keys


def each(rows: int) -> Callable:
    """As many rows in a tick."""
    return lambda row: row // rows


def texts(row):
    """A text for each row."""
    return np.char.add("customer number ", row.astype(str)).astype(object)


def windows(spec, key=distinct, tick: Callable | None = None, by="k", lateness=0, **aggregates) -> rl.Stream:
    """Windows over endless rows, by default a thousand in a tick."""
    return ticks(key, tick or each(1000)).window(spec, by=by, lateness=lateness).agg(**(aggregates or STATS))


GROWING: dict[str, Callable[[], rl.Stream]] = {
    "tumbling": lambda: windows(rl.tumbling(LONG)),
    "tumbling, texts": lambda: windows(rl.tumbling(LONG), texts),
    "tumbling, two keys": lambda: windows(rl.tumbling(LONG), by=["k", (rl.col("k") + 1).alias("j")]),
    "tumbling, std": lambda: windows(rl.tumbling(LONG), deviation=rl.std("x")),
    "tumbling, last text": lambda: windows(rl.tumbling(LONG), name=rl.last(rl.col("k").cast("string"))),
    "tumbling, many open": lambda: windows(rl.tumbling(1), tick=each(10**6), lateness=LONG),
    "hopping": lambda: windows(rl.hopping(60, 1), among(10**7), lambda row: row // (4 * 10**5)),
    "cumulate": lambda: windows(rl.cumulate(10**6, 10**3), among(10**7)),
    "session": lambda: windows(rl.session(LONG)),
    "session, closing": lambda: windows(rl.session(4000)),
    "rolling": lambda: ticks(among(500), each(1000)).rolling(LONG, by="k").agg(**STATS),
    "rolling, many keys": lambda: ticks(distinct, each(1000)).rolling(LONG, by="k").agg(**STATS),
    "rolling, waiting": lambda: ticks(among(500), each(1000)).rolling(9, by="k", lateness=LONG).agg(**STATS),
    "rolling rows": lambda: ticks(among(10**5), each(1000)).rolling(rows=1000, by="k").agg(**STATS),
    "count": lambda: windows(rl.count(1000)),
    "count, overlapping": lambda: windows(rl.count(100, 10), among(10**6)),
    "group_by": lambda: ticks(distinct, each(1000)).group_by("k").agg(**STATS),
}

STEADY: dict[str, Callable[[], rl.Stream]] = {
    "tumbling": lambda: windows(rl.tumbling(100), among(10**5)),
    "tumbling, ten times the keys": lambda: windows(rl.tumbling(1000), among(10**6)),
    "hopping": lambda: windows(rl.hopping(100, 10), among(10**5)),
    "session": lambda: windows(rl.session(50), among(10**5)),
    "rolling": lambda: ticks(among(10**5), each(1000)).rolling(100, by="k").agg(**STATS),
    "count": lambda: windows(rl.count(10, 5), among(10**5)),
}


def resident() -> int:
    """The memory of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


class Growth:
    """A run, and what its process has grown by since before it."""

    def __init__(self, make: Callable[[], rl.Stream]):
        """Begins a run, after a short one that warms the process up."""
        with iter(make()) as warm:
            warm.poll()
        gc.collect()
        time.sleep(SETTLE)
        self.run = iter(make())
        self.run.poll()
        self.before = resident() - self.state

    @property
    def state(self) -> int:
        """What the run says that it holds, in bytes."""
        return sum(stage["state_bytes"] for stage in self.run.stats)

    @property
    def rows(self) -> int:
        """How many rows have gone in."""
        return self.run.stats[-1]["rows_in"]

    def settled(self) -> tuple[int, int, int]:
        """Rows, state and growth, once what is free has been given back."""
        time.sleep(SETTLE)
        self.run.poll()
        return self.rows, self.state, resident() - self.before


def honest(kind: str) -> list[tuple[int, int, int]]:
    """The state at a few points of its growth, or where it stays in the time given."""
    growth, points, started = Growth(GROWING[kind]), [], time.monotonic()
    due = LEAST
    while growth.state < MOST and time.monotonic() - started < 30:
        growth.run.poll()
        if growth.state >= due:
            points.append(growth.settled())
            due = max(growth.state, points[-1][1]) * 1.12
    return points or [growth.settled()]


def flat(kind: str, rows: int) -> list[tuple[int, int, int]]:
    """The state after each tenth of the rows."""
    growth, points = Growth(STEADY[kind]), []
    for tenth in range(1, 11):
        while growth.rows < rows * tenth // 10:
            growth.run.poll()
        points.append(growth.settled())
    return points


def apart(*arguments: str, **environment: str) -> list[tuple[int, int, int]]:
    """What a process of its own finds."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | environment)
    return json.loads(done.stdout)


def report_honest(kinds: list[str]) -> None:
    """Prints, of each kind, the states and the worst that they are off."""
    for kind in kinds:
        points = apart("--one", "honest", kind, **AT_ONCE)
        worst = max((state / grown - 1 for _, state, grown in points), key=abs)
        shown = "  ".join(f"{state / 1e6:.0f}/{grown / 1e6:.0f}" for _, state, grown in points)
        print(f"{kind:22} {worst:+6.1%}   state/growth in MB: {shown}", flush=True)


def report_flat(rows: int, write: bool) -> None:
    """Prints, of each kind, what it takes in the course of the rows; draws it if asked."""
    lines = {}
    for kind in STEADY:
        lines[kind] = apart("--one", "flat", kind, "--rows", str(rows))
        shown = "  ".join(f"{grown / 1e6:.0f}" for _, _, grown in lines[kind])
        print(f"{kind:28} growth in MB after each tenth of the rows: {shown}", flush=True)
    if write:
        (HERE / "memory.svg").write_text(drawn(lines))


def drawn(lines: dict[str, list[tuple[int, int, int]]]) -> str:
    """The lines as a drawing: rows to the right, growth upwards, the state dotted."""
    width, height, edge = 640, 300, 40
    most = 1.1 * max(max(state, grown) for points in lines.values() for _, state, grown in points)
    rows = max(points[-1][0] for points in lines.values())
    colours = ("#1b6ca8", "#c8553d", "#588157", "#8d5a97", "#d08c00", "#444444")
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 260} {height + 2 * edge}" '
        'font-family="sans-serif" font-size="12">',
        f'<path d="M{edge} {edge}V{height + edge}H{width}" fill="none" stroke="black"/>',
        f'<text x="{edge}" y="{edge - 12}">growth of the process (dotted: state_bytes), '
        f"up to {most / 1e6:.0f} MB</text>",
        f'<text x="{width}" y="{height + edge + 16}" text-anchor="end">{rows / 1e6:.0f} million rows</text>',
    ]
    for number, (kind, points) in enumerate(lines.items()):
        colour = colours[number % len(colours)]
        for which, dashes in ((2, ""), (1, ' stroke-dasharray="2 4"')):
            path = "L".join(
                f"{edge + (width - edge) * point[0] / rows:.0f} {edge + height * (1 - point[which] / most):.0f}"
                for point in points
            )
            text.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        text.append(f'<text x="{width + 12}" y="{edge + 18 * number}" fill="{colour}">{kind}</text>')
    return "\n".join([*text, "</svg>", ""])


def main() -> None:
    """Asks both questions, or the one that was named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", help="of the growing states, these only; separated by semicolons")
    parser.add_argument("--rows", type=int, default=100_000_000, help="how many rows the plot is over; 0 for no plot")
    parser.add_argument("--write", action="store_true", help="draw benches/memory.svg")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        question, kind = options.one
        print(json.dumps(honest(kind) if question == "honest" else flat(kind, options.rows)))
        return
    report_honest(options.kinds.split(";") if options.kinds else list(GROWING))
    if options.rows:
        report_flat(options.rows, options.write)


if __name__ == "__main__":
    main()
