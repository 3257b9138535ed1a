"""The jobs in numpy: windows of ordered rows are slices, whose edges are searched for, and folded by `reduceat`."""

from __future__ import annotations

from functools import partial

import numpy as np

from jobs.answers import sums


def hold(table) -> tuple[np.ndarray, np.ndarray]:
    """The times in µs and the values of a table."""
    value = "price" if "price" in table.column_names else "value"
    return table["ts"].chunk(0).cast("int64").to_numpy(), table[value].chunk(0).to_numpy()


def parts(every: int, columns) -> dict:
    """Sum, min, max and count of each window of so many µs."""
    ts, values = columns
    edges = np.arange(ts[0] // every, ts[-1] // every + 2) * every
    starts = np.searchsorted(ts, edges)
    count = np.diff(starts)
    starts, count = starts[:-1][count > 0], count[count > 0]
    made = {
        "sum": np.add.reduceat(values, starts), "min": np.minimum.reduceat(values, starts),
        "max": np.maximum.reduceat(values, starts), "count": count,
    }  # fmt: skip
    return sums(len(starts), {name: column.sum() for name, column in made.items()})


HOUR = 3_600_000_000

JOBS = {
    "second": partial(parts, 1_000_000), "minute": partial(parts, 60_000_000),
    "days_fixed": partial(parts, 24 * HOUR), "months_fixed": partial(parts, 730 * HOUR),
}  # fmt: skip
