"""Draws the windows of docs/windows.md from what rillet gives: `python docs/draw.py` puts the drawings there.

Each drawing follows a piece of Python whose last line is a stream of windows with the aggregates `first` and `last`,
times, and others. Time runs to the right; a line is a result, which reaches over its window, or over its rows where
windows are no stretches of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import rillet as rl

PAGE = Path(__file__).parent / "windows.md"
PIECE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```\n", re.DOTALL)
WIDTH = 48
EDGES = ("window_start", "window_end", "until", "first", "last", "complete")


def results(code: str) -> tuple[list[dict], list[int]]:
    """The rows that come out of a piece of code, and the times of those that go in."""
    names = {"rl": rl}
    *lines, plan = code.strip().splitlines()
    exec("\n".join(lines), names)
    rows = [row for batch in eval(plan, names) for row in named(batch)]
    return rows, [row["t"] for batch in names["rows"] for row in named(batch)]


def named(batch: rl.Batch) -> Iterator[dict]:
    """The rows of a batch; times are numbers."""
    return (dict(zip(batch, map(number, row), strict=True)) for row in batch.rows())


def number(value):
    """A time as seconds, anything else as it is."""
    return int(value.timestamp()) if hasattr(value, "timestamp") else value


def edges(row: dict) -> tuple[int, int]:
    """What a result reaches over: the end is not part of it."""
    if "window_start" in row and "complete" not in row:
        return row["window_start"], row["window_end"]
    return row["first"], row["last"] + 1


def drawing(code: str) -> str:
    """The drawing of what a piece of code gives."""
    rows, times = results(code)
    reach = [edges(row) for row in rows]
    low, high = min(start for start, _ in reach), max(end for _, end in reach)
    scale = -(-(high - low) // WIDTH)

    def column(time: int) -> int:
        return (time - low) // scale

    marks = [" "] * (column(high) + 1)
    for time in times:
        marks[column(time)] = "•"
    lines = ["".join(marks).rstrip()]
    for row, (start, end) in zip(rows, reach, strict=True):
        bar = "╶" if end - start == scale else "├" + "─" * (column(end) - column(start) - 2) + "┤"
        shown = "  ".join(f"{name}={value}" for name, value in row.items() if name not in EDGES and name not in "tx")
        part = "" if row.get("complete", True) else "  (cut short)"
        lines.append(f"{' ' * column(start)}{bar}".ljust(WIDTH + 2) + shown + part)
    return "\n".join(lines) + "\n"


def drawn(page: str) -> str:
    """The page with its drawings made anew."""
    return PIECE.sub(lambda piece: f"```python\n{piece[1]}```\n\n```text\n{drawing(piece[1])}```\n", page)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
