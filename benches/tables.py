"""Makes the tables of the jobs in memory, from a seed: the same rows every time, as Arrow tables of one chunk."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data import START, SYMBOLS, make_ticks

KEYS = 100_000  # of sessions
YEARS = 20 * 365 * 86_400_000_000


def times(ts: np.ndarray, zone: str | None = None) -> pa.Array:
    """Times in µs."""
    return pa.array(ts).cast(pa.timestamp("us", zone))


def ticks(rows: int) -> pa.Table:
    """Ticks in order of time, 50 ms apart on average; the symbol is a dictionary of 500 very unequal ones."""
    made = make_ticks(rows)
    symbol = pa.DictionaryArray.from_arrays(made.symbol.astype("i4"), [s.decode() for s in SYMBOLS[:-1]])
    return pa.table({"ts": times(made.ts), "symbol": symbol, "price": made.price / 1e4, "size": made.size.astype("i8")})


def visits(rows: int, keys: Callable[[np.random.Generator, int], np.ndarray]) -> pa.Table:
    """Rows in order of time, 50 ms apart on average, of many keys."""
    rng = np.random.default_rng(6)
    ts = START + np.cumsum(np.maximum(rng.exponential(50_000, rows), 1).astype("i8"))
    return pa.table({"ts": times(ts), "key": keys(rng, rows), "value": rng.integers(0, 1000, rows)})


def uniform(rows: int) -> pa.Table:
    """Visits of 100,000 keys that are all alike."""
    return visits(rows, lambda rng, rows: rng.integers(0, KEYS, rows))


def zipf(rows: int) -> pa.Table:
    """Visits of keys of which few have most."""
    return visits(rows, lambda rng, rows: (rng.zipf(1.3, rows) - 1) % KEYS)


def integers(rows: int) -> pa.Table:
    """Visits in which each key comes twice: half as many integers as rows, from all over 64 bits."""

    def keys(rng, rows):
        distinct = rng.permutation(rows // 2).astype("u8") * np.uint64(0x9E3779B97F4A7C15)
        return rng.permutation(np.tile(distinct.view("i8"), 2))

    return visits(rows // 2 * 2, keys)


def strings(rows: int) -> pa.Table:
    """Visits in which each key comes twice: half as many texts as rows."""

    def keys(rng, rows):
        numbers = rng.permutation(np.tile(np.arange(rows // 2), 2))
        return pc.binary_join_element_wise("user-", pa.array(numbers).cast(pa.string()), "")

    return visits(rows // 2 * 2, keys)


def years(rows: int) -> pa.Table:
    """Values over twenty years, in order of time, in a zone whose clocks change."""
    rng = np.random.default_rng(7)
    ts = START + np.sort(rng.integers(0, YEARS, rows))
    return pa.table({"ts": times(ts, "Europe/Berlin"), "value": rng.normal(100, 20, rows)})


MAKERS = {
    "ticks": ticks, "uniform": uniform, "zipf": zipf, "integers": integers, "strings": strings, "years": years,
}  # fmt: skip


def make(name: str, rows: int) -> pa.Table:
    """The table of this name."""
    return MAKERS[name](rows).combine_chunks()
