"""What is compared with what, and the figures to reach."""

from __future__ import annotations

from typing import NamedTuple


class Goal(NamedTuple):
    """A line of the table.

    `versus` is "peers" (rillet must be at least `reach` times as fast as the fastest of them, or of those `among` them)
    or another job of rillet (the job may take at most `reach` times as long as that one). `peak` limits the memory, in
    MB.
    """

    job: str
    title: str
    versus: str
    reach: float
    peak: float | None = None
    among: tuple[str, ...] = ()


GOALS = (
    Goal("read", "read CSV in batches, five columns decoded", "peers", 6, 96),
    Goal("read_one_thread", "the same on one thread (peers on two)", "peers", 4),
    Goal("read_quoted", "messy twin: every string quoted", "read", 1.5),
    Goal("read_quoted_time", "messy twin: times quoted too", "read", 1.5),
    Goal("read_crlf", "messy twin: CRLF", "read", 1.5),
    Goal("read_nulls", "messy twin: 5 % nulls in four columns", "read", 1.5),
    Goal("read_minutes", "messy twin: random minutes", "read", 1.5),
    Goal("read_digits17", "messy twin: 17-digit floats", "read", 2.5),
    Goal("tumbling", "tumbling 1 min by symbol, 7 aggregates, from CSV", "peers", 8, 96),
    Goal("disordered", "the same, disordered file, lateness 30 s", "tumbling", 1.6),
    Goal("hopping", "hopping 1 h every 1 min by symbol, from CSV", "peers", 15),
    Goal("hopping", "the same against our own tumbling job", "tumbling", 1.6),
    Goal("brc", "1BRC: group_by min, mean, max", "peers", 5),
    Goal("memory_text", "tumbling over a table in memory, symbol as text", "peers", 8),
    Goal("memory_dictionary", "the same, symbol as a dictionary", "peers", 5),
    Goal("memory_frame", "the same, a polars frame, symbol as text", "peers", 8),
    Goal("second", "tumbling 1 s without key: sum, min, max, count", "peers", 8, among=("polars", "duckdb")),
    Goal("second", "the same against numpy's reduceat", "peers", 1, among=("numpy",)),
    Goal("minute", "tumbling 1 min without key: sum, min, max, count", "peers", 3, among=("polars", "duckdb")),
    Goal("minute", "the same against numpy's reduceat", "peers", 1, among=("numpy",)),
    Goal("three", "tumbling 1 s, 1 min and 1 h in one pass", "second", 1.5),
    Goal("three_by_symbol", "the same by symbol", "second_by_symbol", 1.5),
    Goal("horizons", "1 min, 15 min and 1 h, each every 1 min, in one pass", "horizon", 1.5),
    Goal("horizons_by_symbol", "the same by symbol", "horizon_by_symbol", 1.5),
    Goal("session_uniform", "sessions, gap 30 s, 100,000 keys: count, sum, max", "peers", 15),
    Goal("session_zipf", "the same, zipf(1.3) keys", "peers", 15),
    Goal("hopping_hour", "hopping 1 h every 1 min by symbol: mean, std, max, count", "peers", 15),
    Goal("hopping_10h", "hopping 10 h every 1 min", "hopping_hour", 1.3),
    Goal("rolling_100", "each row: mean and max of the last 100", "peers", 3),
    Goal("rolling_100000", "each row: mean and max of the last 100,000", "peers", 3),
    Goal("rolling_std", "each row: std of the last 100", "peers", 1),
    Goal("rolling_hour", "each row: mean and max of the last hour by symbol", "peers", 8),
    Goal("keys_integer", "tumbling over 5 M integer keys", "peers", 2.5),
    Goal("keys_string", "tumbling over 5 M text keys", "peers", 2.5),
    Goal("days", "days in a zone whose clocks change", "days_fixed", 1.3),
    Goal("months", "months there", "months_fixed", 1.3),
)
