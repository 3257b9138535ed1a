"""Makes the benchmark data, the same bytes every time: `python benches/data.py --data DIR --rows N`.

Every text column is taken from a small table of byte strings, padded with NUL; a row is a record of such strings, and
the file is the records without their NULs. Files that exist with the wanted number of rows are left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROWS = 10_000_000
CHUNK = 500_000
START = np.datetime64("2024-01-02T09:30:00", "us").astype("i8")
MINUTE, DAY = 60_000_000, 86_400_000_000
STATIONS = 413
TWINS = ("quoted", "quoted_time", "crlf", "nulls", "minutes", "digits17")


class Ticks(NamedTuple):
    """The columns of a tick file: µs since 1970, symbol number, price in 1/10,000, size, and 1 for a sale."""

    ts: np.ndarray
    symbol: np.ndarray
    price: np.ndarray
    size: np.ndarray
    side: np.ndarray

    def take(self, index) -> Ticks:
        """The rows at `index`, an array or a slice."""
        return Ticks(*(column[index] for column in self))


def make_ticks(rows: int, seed: int = 1) -> Ticks:
    """Ticks in order of a strictly increasing time, 50 ms apart on average."""
    rng = np.random.default_rng(seed)
    gaps = np.maximum(rng.exponential(50_000, rows), 1).astype("i8")
    price = np.maximum(np.rint(rng.normal(1_000_000, 200_000, rows)), 10_000)
    return Ticks(
        ts=START + np.cumsum(gaps),
        symbol=(rng.zipf(1.3, rows) % 500).astype("i2"),
        price=price.astype("i4"),
        size=rng.integers(1, 5000, rows, dtype="i2"),
        side=rng.integers(0, 2, rows, dtype="i1"),
    )


def disorder(ticks: Ticks, seed: int = 2) -> Ticks:
    """The same rows, each delayed by a time of exponential(3 s) that is cut at 30 s."""
    delay = np.random.default_rng(seed).exponential(3e6, len(ticks.ts))
    arrival = ticks.ts + np.minimum(delay, 30e6).astype("i8")
    return ticks.take(np.argsort(arrival, kind="stable"))


def scatter(ticks: Ticks, seed: int = 3) -> Ticks:
    """The same rows, each at a random time between 1980 and 2049."""
    rng = np.random.default_rng(seed)
    return ticks._replace(ts=rng.integers(10 * 365 * DAY, 80 * 365 * DAY, len(ticks.ts)))


def table(strings) -> np.ndarray:
    """A table of byte strings, with the empty string (a null) at its end."""
    return np.array([s.encode() for s in strings] + [b""])


FIRST_DAY = -365
DATES = table(str(np.datetime64(day, "D")) for day in range(FIRST_DAY, 90 * 365))
CLOCK = table(f"T{m // 60:02}:{m % 60:02}:" for m in range(1440))
SECONDS = table(f"{s:02}." for s in range(60))
THOUSANDS = table(f"{n:03}" for n in range(1000))
SYMBOLS = table(f"SYM{n:03}" for n in range(500))
SIDES = table("BS")
NUMBERS = table(str(n) for n in range(5000))
FRACTIONS = table(f"{n / 10_000:.4f}"[1:].rstrip("0").ljust(2, "0") for n in range(10_000))


def quoted(strings: np.ndarray) -> np.ndarray:
    """The table with every string in quotes, the null still empty."""
    return table(f'"{s.decode()}"' for s in strings[:-1])


def write_time(ts: np.ndarray, quote: str = "") -> list[tuple]:
    """The parts of an ISO-8601 time with microseconds, each a table and the places taken from it."""
    day, rest = np.divmod(ts, DAY)
    minute, rest = np.divmod(rest, MINUTE)
    second, micros = np.divmod(rest, 1_000_000)
    high, low = np.divmod(micros, 1000)
    parts = [(DATES, day - FIRST_DAY), (CLOCK, minute), (SECONDS, second), (THOUSANDS, high), (THOUSANDS, low)]
    return [quote, *parts, quote] if quote else parts


def write_digits(price: np.ndarray, rng) -> list[tuple]:
    """The parts of a price of 17 significant digits: the whole part, and a random fraction."""
    whole = price // 10_000
    last = rng.integers(0, 1000, len(price))
    ends = table([f"{n:03}" for n in range(1000)] + [f"{n:02}" for n in range(100)])
    groups = [(THOUSANDS, rng.integers(0, 1000, len(price))) for _ in range(4)]
    return [(NUMBERS, whole), ".", *groups, (ends, np.where(whole >= 100, 1000 + last // 10, last))]


def write_price(price: np.ndarray) -> list[tuple]:
    """The parts of a price of one to four decimals; -1 is a null."""
    whole, fraction = np.divmod(price, 10_000)
    return [(NUMBERS, whole), (FRACTIONS, np.where(price < 0, -1, fraction))]


def with_nulls(ticks: Ticks, rng) -> Ticks:
    """The same rows, with 5 % of each column but the time set to -1: the place of the null in each table."""
    columns = [np.where(rng.random(len(c)) < 0.05, -1, c) for c in ticks[1:]]
    return Ticks(ticks.ts, *columns)


def tick_lines(ticks: Ticks, twin: str, rng) -> bytes:
    """The lines of the ticks, written as the twin wants them ("" is the clean file)."""
    if twin == "nulls":
        ticks = with_nulls(ticks, rng)
    tidy = not twin.startswith("quoted")
    symbols, sides = (SYMBOLS, SIDES) if tidy else (quoted(SYMBOLS), quoted(SIDES))
    return lines([
        *write_time(ticks.ts, '"' if twin == "quoted_time" else ""), ",", (symbols, ticks.symbol), ",",
        *(write_digits(ticks.price, rng) if twin == "digits17" else write_price(ticks.price)), ",",
        (NUMBERS, ticks.size), ",", (sides, ticks.side), "\r\n" if twin == "crlf" else "\n",
    ])  # fmt: skip


def lines(parts: list) -> bytes:
    """Joins the parts, strings or (table, places), row by row."""
    columns = [part.encode() if isinstance(part, str) else part[0][part[1]] for part in parts]
    length = next(len(c) for c in columns if isinstance(c, np.ndarray))
    kinds = [(f"f{i}", c.dtype if isinstance(c, np.ndarray) else f"S{len(c)}") for i, c in enumerate(columns)]
    rows = np.empty(length, kinds)
    for (name, _), column in zip(kinds, columns, strict=True):
        rows[name] = column
    return rows.tobytes().translate(None, b"\0")


def write_ticks(path: Path, ticks: Ticks, twin: str = "") -> None:
    """Writes a tick file with its header, chunk by chunk."""
    rng = np.random.default_rng(4)
    end = "\r\n" if twin == "crlf" else "\n"
    with path.open("wb") as file:
        file.write(("ts,symbol,price,size,side" + end).encode())
        for start in range(0, len(ticks.ts), CHUNK):
            file.write(tick_lines(ticks.take(slice(start, start + CHUNK)), twin, rng))


def write_brc(path: Path, rows: int) -> None:
    """Writes the file of the One Billion Row Challenge: a station and a temperature with one decimal."""
    rng = np.random.default_rng(5)
    stations = table(f"Station{n}" for n in range(STATIONS))
    temperatures = table(f"{n / 10:.1f}" for n in range(-999, 1000))
    normal = rng.normal(10, 10, STATIONS)
    with path.open("wb") as file:
        for start in range(0, rows, CHUNK):
            station = rng.integers(0, STATIONS, min(CHUNK, rows - start))
            tenths = np.rint(rng.normal(normal[station], 10) * 10).astype("i8")
            place = np.clip(tenths, -999, 999) + 999
            file.write(lines([(stations, station), ";", (temperatures, place), "\n"]))


class Shelf:
    """A directory of data files that knows how many rows each was made with."""

    def __init__(self, folder: Path):
        """Opens the directory, making it where it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.list = folder, folder / "made.json"
        self.made = json.loads(self.list.read_text()) if self.list.exists() else {}

    def has(self, name: str, rows: int) -> bool:
        """Whether the file is there with so many rows."""
        return self.made.get(name) == rows and (self.folder / name).exists()

    def add(self, name: str, rows: int, write) -> None:
        """Makes a file by `write(path)`; a file is either whole or not there."""
        if self.has(name, rows):
            return
        clock, part = time.perf_counter(), self.folder / (name + ".part")
        write(part)
        os.replace(part, self.folder / name)
        self.made[name] = rows
        self.list.write_text(json.dumps(self.made, indent=1))
        print(f"{name}: {rows:,} rows in {time.perf_counter() - clock:.1f} s", flush=True)


def make(folder: Path, rows: int = ROWS, fourfold: bool = False) -> None:
    """Makes all files that are missing; `fourfold` adds the one of 4 × `rows` for the memory job."""
    shelf = Shelf(folder)
    plan = {"ticks.csv": "", "ticks_disordered.csv": "", **{f"ticks_{twin}.csv": twin for twin in TWINS}}
    if any(not shelf.has(name, rows) for name in plan):
        ticks = make_ticks(rows)
        forms = {"ticks_disordered.csv": disorder, "ticks_minutes.csv": scatter}
        for name, twin in plan.items():
            form = forms.get(name, lambda same: same)
            shelf.add(name, rows, lambda path, form=form, twin=twin: write_ticks(path, form(ticks), twin))
    sizes = {"ticks_head.csv": 2000, "ticks_tenth.csv": rows // 10}
    if fourfold:
        sizes["ticks_fourfold.csv"] = rows * 4
    for name, count in sizes.items():
        shelf.add(name, count, lambda path, count=count: write_ticks(path, make_ticks(count)))
    shelf.add("brc.txt", rows * 3, lambda path: write_brc(path, rows * 3))
    shelf.add("brc_head.txt", 2000, lambda path: write_brc(path, 2000))


def main() -> None:
    """Reads the command line and makes the data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--fourfold", action="store_true", help="also the file of four times the rows (2 GB)")
    options = parser.parse_args()
    make(options.data, options.rows, options.fourfold)


if __name__ == "__main__":
    main()
