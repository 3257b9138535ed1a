"""Answers that can be compared: what every engine says about a job."""

from __future__ import annotations

import math

BARS = ("open", "high", "low", "close", "volume", "count", "mean")
HOPS = ("mean", "std", "max", "count")
STATIONS = ("min", "mean", "max")
PARTS = ("sum", "min", "max", "count")
VISITS = ("count", "sum", "max")
ROLLED = ("mean", "max")
TOLERANCE = 1e-9  # of float sums, which engines take in different orders


class ReadAnswer:
    """Rows, sum of prices, sum of sizes, and time, symbol and side of the latest row, told batch by batch."""

    def __init__(self):
        """Starts with no rows."""
        self.rows, self.price, self.size, self.latest = 0, 0.0, 0, (-1, None, None)

    def add(self, rows: int, price: float, size: int, ts, texts) -> None:
        """Adds a batch: `ts` is an int64 array of µs, `texts(i)` gives symbol and side of row i."""
        self.rows += rows
        self.price += float(price)
        self.size += int(size)
        place = int(ts.argmax())
        if ts[place] > self.latest[0]:
            self.latest = (int(ts[place]), *texts(place))

    def dict(self) -> dict:
        """The answer."""
        return {"rows": self.rows, "price": self.price, "size": self.size, "latest": list(self.latest)}


def sums(rows: int, values) -> dict:
    """The answer of a job that makes a table: its rows, and the sum of each column."""
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in values.items()}
    return {"rows": rows, **plain}


def equal(a, b) -> bool:
    """Whether two answers agree: floats within the tolerance, anything else exactly."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=TOLERANCE)
    return a == b
