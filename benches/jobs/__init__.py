"""The jobs, each written once per engine: `with_<engine>.JOBS` maps a job's kind to a function of its source.

A source is the path of a CSV file, or, for the jobs in memory, what the engine's `load(path, form)` made of it, or its
`hold(table)` of an Arrow table from a generator, before the clock started. A function returns its answer: a dict of
counts and sums that must be equal in every engine.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

ENGINES = ("rillet", "polars", "duckdb", "pyarrow", "datafusion", "pandas", "numpy", "bottleneck", "python")
SLOW = frozenset({"python"})  # minutes rather than seconds: run once, for the answer


class Job(NamedTuple):
    """A job: the kind of work, and the file it reads or the table it has.

    `form` is that in which a table read from the file holds its symbols.
    """

    kind: str
    file: str | None = None
    form: str | None = None
    table: str | None = None

    @property
    def head(self) -> str:
        """The small file of the same columns for the first call, which is not measured."""
        return "brc_head.txt" if self.kind == "brc" else "ticks_head.csv"


JOBS = {
    "read": Job("read", "ticks.csv"),
    "read_one_thread": Job("read_one_thread", "ticks.csv"),
    "read_quoted": Job("read", "ticks_quoted.csv"),
    "read_quoted_time": Job("read", "ticks_quoted_time.csv"),
    "read_crlf": Job("read", "ticks_crlf.csv"),
    "read_nulls": Job("read_nulls", "ticks_nulls.csv"),
    "read_minutes": Job("read", "ticks_minutes.csv"),
    "read_digits17": Job("read", "ticks_digits17.csv"),
    "tumbling": Job("tumbling", "ticks.csv"),
    "tumbling_tenth": Job("tumbling", "ticks_tenth.csv"),
    "tumbling_fourfold": Job("tumbling", "ticks_fourfold.csv"),
    "disordered": Job("disordered", "ticks_disordered.csv"),
    "hopping": Job("hopping", "ticks.csv"),
    "brc": Job("brc", "brc.txt"),
    "memory_text": Job("memory", "ticks.csv", "text"),
    "memory_dictionary": Job("memory", "ticks.csv", "dictionary"),
    "memory_frame": Job("memory", "ticks.csv", "frame"),
    "second": Job("second", table="ticks"),
    "minute": Job("minute", table="ticks"),
    "second_by_symbol": Job("second_by_symbol", table="ticks"),
    "three": Job("three", table="ticks"),
    "three_by_symbol": Job("three_by_symbol", table="ticks"),
    "horizon": Job("horizon", table="ticks"),
    "horizon_by_symbol": Job("horizon_by_symbol", table="ticks"),
    "horizons": Job("horizons", table="ticks"),
    "horizons_by_symbol": Job("horizons_by_symbol", table="ticks"),
    "session_uniform": Job("session", table="uniform"),
    "session_zipf": Job("session", table="zipf"),
    "hopping_hour": Job("hopping_hour", table="ticks"),
    "hopping_10h": Job("hopping_10h", table="ticks"),
    "rolling_100": Job("rolling_100", table="ticks"),
    "rolling_100000": Job("rolling_100000", table="ticks"),
    "rolling_std": Job("rolling_std", table="ticks"),
    "rolling_hour": Job("rolling_hour", table="ticks"),
    "keys_integer": Job("keys", table="integers"),
    "keys_string": Job("keys", table="strings"),
    "days": Job("days", table="years"),
    "days_fixed": Job("days_fixed", table="years"),
    "months": Job("months", table="years"),
    "months_fixed": Job("months_fixed", table="years"),
}


def engine(name: str):
    """The module that holds an engine's jobs; importing it imports the engine."""
    return importlib.import_module(f"jobs.with_{name}")
