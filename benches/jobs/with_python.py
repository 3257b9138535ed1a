"""The jobs as plain Python: the csv module, generators and dicts."""

from __future__ import annotations

import csv
import math
from collections import deque
from datetime import UTC, datetime

from jobs.answers import BARS, HOPS, STATIONS, ReadAnswer, sums


def ticks(path: str):
    """The rows of a tick file, as texts."""
    with open(path, newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


def micros(text: str) -> int:
    """The µs since 1970 of a time in text."""
    made = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(made.timestamp()) * 1_000_000 + made.microsecond


def read(path: str) -> dict:
    """All five columns, row by row."""
    answer = ReadAnswer()
    rows, total, volume, newest, latest, typed = 0, 0.0, 0, datetime.min, (), datetime.fromisoformat
    for ts, symbol, price, size, side in ticks(path):
        when = typed(ts)
        rows += 1
        total += float(price or 0)
        volume += int(size or 0)
        if when > newest:
            newest, latest = when, (ts, symbol or None, side or None)
    answer.rows, answer.price, answer.size, answer.latest = rows, total, volume, (micros(latest[0]), *latest[1:])
    return answer.dict()


def minutes(path: str):
    """The rows of each minute in turn: (minute, [(symbol, price, size)])."""
    now, held = None, []
    for ts, symbol, price, size, _ in ticks(path):
        if ts[:16] != now:
            if held:
                yield now, held
            now, held = ts[:16], []
        held.append((symbol, float(price), int(size)))
    yield now, held


def bars(path: str):
    """Open, high, low, close, volume, count and mean per minute and symbol, each bar when its minute is over."""
    for _, rows in minutes(path):
        state = {}
        for symbol, price, size in rows:
            bar = state.get(symbol)
            if bar is None:
                state[symbol] = [price, price, price, price, size, 1, price]
                continue
            if price > bar[1]:
                bar[1] = price
            elif price < bar[2]:
                bar[2] = price
            bar[3] = price
            bar[4] += size
            bar[5] += 1
            bar[6] += price
        for bar in state.values():
            yield (*bar[:6], bar[6] / bar[5])


def total(rows, names) -> dict:
    """The number of rows and the sums of their values."""
    count, values = 0, [0] * len(names)
    for row in rows:
        count += 1
        values = [a + b for a, b in zip(values, row, strict=True)]
    return sums(count, dict(zip(names, values, strict=True)))


def tumbling(path: str) -> dict:
    """Bars from the ordered file."""
    return total(bars(path), BARS)


def panes(path: str) -> dict:
    """Per symbol: (minute, count, sum, sum of squares, maximum), the price counted from 100."""
    made = {}
    for minute, rows in minutes(path):
        state, number = {}, micros(minute) // 60_000_000
        for symbol, price, _ in rows:
            moved = price - 100
            pane = state.setdefault(symbol, [0, 0.0, 0.0, moved])
            pane[0] += 1
            pane[1] += moved
            pane[2] += moved * moved
            if moved > pane[3]:
                pane[3] = moved
        for symbol, pane in state.items():
            made.setdefault(symbol, {})[number] = pane
    return made


def hours(by_minute: dict):
    """The windows of one symbol, from its panes: running sums, and a falling queue for the maximum."""
    n, s, q, peaks, none = 0, 0.0, 0.0, deque(), (0, 0.0, 0.0, None)
    for minute in range(min(by_minute), max(by_minute) + 60):
        new, old = by_minute.get(minute, none), by_minute.get(minute - 60, none)
        n, s, q = n + new[0] - old[0], s + new[1] - old[1], q + new[2] - old[2]
        if new[0]:
            while peaks and peaks[-1][1] <= new[3]:
                peaks.pop()
            peaks.append((minute, new[3]))
        while peaks and peaks[0][0] <= minute - 60:
            peaks.popleft()
        if n:
            std = math.sqrt(max(q - s * s / n, 0) / (n - 1)) if n > 1 else 0
            yield s / n + 100, std, peaks[0][1] + 100, n


def hopping(path: str) -> dict:
    """Mean, std, max and count over 1 h every 1 min by symbol."""
    return total((row for by_minute in panes(path).values() for row in hours(by_minute)), HOPS)


def brc(path: str) -> dict:
    """Min, mean and max per station."""
    state = {}
    with open(path) as file:
        for line in file:
            station, _, text = line.partition(";")
            temp = float(text)
            row = state.setdefault(station, [temp, 0.0, temp, 0])
            if temp < row[0]:
                row[0] = temp
            elif temp > row[2]:
                row[2] = temp
            row[1] += temp
            row[3] += 1
    return total(((low, sum_ / n, high) for low, sum_, high, n in state.values()), STATIONS)


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read, "tumbling": tumbling, "hopping": hopping, "brc": brc,
}  # fmt: skip
