"""What is compared with what, and the figures to reach."""

from __future__ import annotations

from typing import NamedTuple


class Goal(NamedTuple):
    """A line of the table.

    `versus` is "peers" (rillet must be at least `reach` times as fast as the fastest of them) or another job of rillet
    (the job may take at most `reach` times as long as that one). `peak` limits the memory, in MB.
    """

    job: str
    title: str
    versus: str
    reach: float
    peak: float | None = None


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
)
