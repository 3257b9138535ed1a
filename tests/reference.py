"""The windows of rillet in plain Python: obvious, slow and right.

The oracle of the tests and the specification in one: where the library and this
file disagree, one of them has a bug (`reference_csv.py` is the reading half,
`reference_aggregates.py` what becomes of the rows of a window). Only the
standard library is used, and nothing here is fast: a window keeps its rows in a
list.

A row is a dict. Times are integers, ticks of the column's unit. A stream is a
list of *items*: rows, and `Mark`s that say how far event time has come.
"""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mark:
    """Event time has come this far: no row, but it moves every watermark."""

    time: int


def stream(rows, time="t"):
    """The items of a source: each row, then the mark that it makes. A mark among them is one that no row made."""
    items, mark = [], -math.inf
    for row in rows:
        is_mark = isinstance(row, Mark)
        mark = max(mark, row.time if is_mark else row[time])
        items += [Mark(mark)] if is_mark else [row, Mark(mark)]
    return items


def keep(items, predicate):
    """A filter: it drops rows whose predicate is not True, and no mark."""
    return [item for item in items if isinstance(item, Mark) or predicate(item) is True]


def guard(rows, most, time="t"):
    """The rows that are no more than `most` ahead of the latest before them; and the others.

    A mark among them that no row made is as good as a row, and never too far ahead.
    """
    when = time if callable(time) else lambda row: row[time]
    passed, ahead, latest = [], [], math.inf
    for row in rows:
        is_mark = isinstance(row, Mark)
        at = row.time if is_mark else when(row)
        if at > latest + most and not is_mark:
            ahead.append(row | {"_reason": "ahead", "_missed": 0})
            continue
        passed.append(row)
        latest = at if latest == math.inf else max(latest, at)
    return passed, ahead


def merge(*streams, time="t", passive=False):
    """The items of several streams as one.

    A row's place is how far its own stream has come with it; at one place, rows are in the order of the
    streams. Before it event time has come as far as in its stream, and it moves that on unless it is `passive`.
    """
    when, rows = time if callable(time) else lambda row: row[time], []
    for number, items in enumerate(streams):
        mark = place = -math.inf
        for arrival, item in enumerate(items):
            if isinstance(item, Mark):
                mark = max(mark, item.time)
            else:
                place = max(place, mark, when(item))
                rows.append(((place, number, arrival), Mark(mark), item))
    rows.sort(key=lambda row: row[0])
    return [item for _, mark, row in rows for item in ([mark, row] if passive else [mark, row, Mark(when(row))])]


@dataclass
class Windowed:
    """What a window operator hands out, sets aside and counts."""

    items: list = field(default_factory=list)
    late: list = field(default_factory=list)
    windowless: int = 0

    @property
    def rows(self):
        """The rows that came out, in their order."""
        return [item for item in self.items if not isinstance(item, Mark)]


def starts(time, size, step, offset=0):
    """Starts of all windows [s, s + size), s = offset + k * step, that hold `time`."""
    last = time - (time - offset) % step
    return sorted(s for s in range(last, time - size, -step))


HOLDS = {
    "left": lambda start, time, end: start <= time < end,
    "right": lambda start, time, end: start < time <= end,
    "both": lambda start, time, end: start <= time <= end,
}


def fixed(size, step, offset, closed):
    """Of a time, the windows (start, end) that hold it."""

    def of(time):
        near = {s for t in (time - 1, time) for s in starts(t, size, step, offset)}
        return sorted((s, s + size) for s in near if HOLDS[closed](s, time, s + size))

    return of


def cumulate(items, aggs, *, size, step, offset=0, **options):
    """One row per window and key, of windows that expand step by step to `size`."""

    def holding(t):
        [start] = starts(t, size, size, offset)
        return [(start, end) for end in range(start + step, start + size + 1, step) if t < end]

    return window(items, aggs, holding=holding, **options)


def window(
    items, aggs, *, size=1, step=None, offset=0, by=(), time="t", lateness=0, closed="left", label=None, holding=None
):
    """One row per window and key. `time` is a column, or a function of the row.

    `holding` gives, of a time, the windows (start, end) that hold it: by
    default those of `size` and `step`. Edges are integers as large as they
    come to, however narrow the column. A row is accepted by the windows that
    have not closed; then its mark moves the watermark; then the windows with
    end <= watermark close, or < where they have their end, in order of their
    ends: event time comes to all instants, however far a mark is from the one
    before. A key has its place from the first row accepted while no open
    window held it until the last window that holds it closes.
    """
    holding = holding or fixed(size, step or size, offset, closed)
    shown = {None: ["window_start", "window_end"], "left": ["window_start"], "right": ["window_end"]}[label]
    when = time if callable(time) else lambda row: row[time]
    done, opened, places, watermark = Windowed(), {}, {}, -math.inf

    def has_closed(end):
        return end <= watermark if closed == "left" else end < watermark

    def close():
        for start, end in sorted((edges for edges in opened if has_closed(edges[1])), key=lambda e: (e[1], e[0])):
            groups = opened.pop((start, end))
            done.items.append(Mark(end - (closed == "left")))
            for key in sorted(groups, key=places.__getitem__):
                edges = {"window_start": start, "window_end": end}
                edges = {name: edges[name] for name in shown}
                values = {name: agg(groups[key]) for name, agg in aggs.items()}
                done.items.append(edges | dict(zip(by, key, strict=True)) | values)
                if not any(key in others for others in opened.values()):
                    del places[key]

    for arrival, item in enumerate(items):
        if isinstance(item, Mark):
            watermark = max(watermark, item.time - lateness)
            close()
            done.items.append(Mark(watermark))
            continue
        windows = holding(when(item))
        live = [(start, end) for start, end in windows if not has_closed(end)]
        missed = len(windows) - len(live)
        if missed:
            reason = "partly late" if live else "late"
            done.late.append(item | {"_reason": reason, "_missed": missed})
        done.windowless += not windows
        key = tuple(as_key(item[name]) for name in by)
        for edges in live:
            places.setdefault(key, arrival)
            opened.setdefault(edges, {}).setdefault(key, []).append((when(item), arrival, item))
    watermark = math.inf
    close()
    return done


def session(items, aggs, *, gap, gap_closed=False, by=(), time="t", lateness=0):
    """One row per session: the rows of a key that follow one another in less than `gap`.

    A row that closed sessions should have held missed one, and so did a row that
    would have been a session by itself which had closed by now. It is accepted by
    the open sessions that it touches all the same, which become one.
    """
    done, opened, gone, places, watermark = Windowed(), {}, {}, {}, -math.inf
    near = (lambda way: way <= gap) if gap_closed else (lambda way: way < gap)

    def has_closed(last):
        return last + gap < watermark if gap_closed else last + gap <= watermark

    def touches(entries, t):
        times = [when for when, _, _ in entries]
        return near(min(times) - t) and near(t - max(times))

    def close():
        due = []
        for key, sessions in opened.items():
            over = [entries for entries in sessions if has_closed(max(when for when, _, _ in entries))]
            due += [(max(e)[0] + gap, min(e)[0], places[key], key, e) for e in over]
        for end, start, _, key, entries in sorted(due, key=lambda one: one[:3]):
            opened[key].remove(entries)
            gone.setdefault(key, []).append(entries)
            if not opened[key]:
                del opened[key], places[key]
            edges = {"window_start": start, "window_end": end}
            values = {name: agg(entries) for name, agg in aggs.items()}
            done.items += [Mark(end - (not gap_closed)), edges | dict(zip(by, key, strict=True)) | values]

    for arrival, item in enumerate(items):
        if isinstance(item, Mark):
            watermark = max(watermark, item.time - lateness)
            close()
            done.items.append(Mark(watermark))
            continue
        t, key = item[time], tuple(as_key(item[name]) for name in by)
        touched = [entries for entries in opened.get(key, []) if touches(entries, t)]
        missed = any(touches(entries, t) for entries in gone.get(key, [])) or (not touched and has_closed(t))
        if missed:
            done.late.append(item | {"_reason": "partly late" if touched else "late", "_missed": 1})
        if touched or not missed:
            others = [entries for entries in opened.get(key, []) if entries not in touched]
            places.setdefault(key, arrival)
            opened[key] = [*others, [*(entry for entries in touched for entry in entries), (t, arrival, item)]]
    watermark = math.inf
    close()
    return done


def cut_session(items, aggs, *, gap, gap_closed=False, max_length=None, until=None, by=(), time="t", lateness=0):
    """One row per session of rows that are in order of time, then of arrival.

    A row goes by once the watermark is at its time. It is in the latest session of its
    key if a row of that reaches it, unless that session has ended with a row for which
    `until` is True, or would last longer than `max_length`. `gap` may be a function of
    the row.
    """
    done, waiting, opened, places, watermark = Windowed(), [], {}, {}, -math.inf
    gap_of, closed = gap if callable(gap) else lambda row: gap, int(gap_closed)

    def has_ended(entries):
        return until is not None and until(entries[-1][2]) is True

    def end_of(entries):
        if has_ended(entries):
            return entries[-1][0] + 1
        reach = max(t + gap_of(row) + closed for t, _, row in entries)
        return reach if max_length is None else min(reach, entries[0][0] + max_length + closed)

    def let_by():
        for entry in sorted((entry for entry in waiting if entry[0] <= watermark), key=lambda entry: entry[:2]):
            close(entry[0] - 1)
            waiting.remove(entry)
            key = tuple(as_key(entry[2][name]) for name in by)
            places.setdefault(key, (entry[0], entry[1]))
            sessions = opened.setdefault(key, [])
            if sessions and not has_ended(sessions[-1]) and entry[0] < end_of(sessions[-1]):
                sessions[-1].append(entry)
            else:
                sessions.append([entry])

    def close(until):
        due = []
        for key, sessions in opened.items():
            over = [entries for entries in sessions if end_of(entries) <= until]
            due += [(end_of(e), e[0][0], places[key], n, key, e) for n, e in enumerate(over)]
        for end, start, _, _, key, entries in sorted(due, key=lambda one: one[:4]):
            opened[key].remove(entries)
            if not opened[key]:
                del opened[key], places[key]
            edges = {"window_start": start, "window_end": end - closed}
            values = {name: agg(entries) for name, agg in aggs.items()}
            done.items += [Mark(end - 1), edges | dict(zip(by, key, strict=True)) | values]

    for arrival, item in enumerate(items):
        if isinstance(item, Mark):
            watermark = max(watermark, item.time - lateness)
            let_by()
            close(watermark)
            done.items.append(Mark(watermark))
        elif item[time] < watermark:
            done.late.append(item | {"_reason": "late", "_missed": 1})
        else:
            waiting.append((item[time], arrival, item))
            let_by()
    watermark = math.inf
    let_by()
    close(watermark)
    return done


def rolling(
    items,
    aggs,
    *,
    size=None,
    rows=None,
    by=(),
    time="t",
    lateness=0,
    closed="right",
    center=False,
    min_periods=1,
):
    """Every row, with the aggregates of its own window: of the time up to its own, or of the last rows.

    In order of time the rows of a key wait in a list until the watermark is past
    them (of windows of rows: has reached them); a row behind the watermark is late.
    With `time=None` rows come in the order of their arrival, each as soon as the
    rows after it that its window has are there, or cannot come any more.
    """
    done, lists, waiting, watermark = Windowed(), {}, [], -math.inf
    ahead = (rows - 1) // 2 if center else 0

    def key_of(row):
        return tuple(as_key(row[name]) for name in by)

    def own_window(entry):
        same = sorted(lists[key_of(entry[2])], key=lambda other: other[:2])
        if rows:
            end = next(n for n, other in enumerate(same) if other[1] == entry[1]) + ahead + 1
            return same[max(end - rows, 0) : end]
        start, end = entry[0] - size, entry[0]
        return [
            other
            for other in same
            if start < other[0] < end
            or (closed in ("left", "both") and other[0] == start)
            or (closed in ("right", "both") and other[0] == end)
        ]

    def hand_out(entry):
        entries = own_window(entry)
        done.items.extend([Mark(entry[0])] if time else [])
        enough = {name: agg.kind == "count" or agg.values_of(entries) >= min_periods for name, agg in aggs.items()}
        done.items.append(entry[2] | {name: agg(entries) if enough[name] else None for name, agg in aggs.items()})

    def release(ready):
        for entry in sorted(ready, key=lambda entry: entry[:2]):
            waiting.remove(entry)
            hand_out(entry)

    for arrival, item in enumerate(items):
        if isinstance(item, Mark):
            watermark = max(watermark, item.time - lateness)
            if time:
                release([entry for entry in waiting if entry[0] < watermark or (rows and entry[0] == watermark)])
                done.items.append(Mark(watermark))
            continue
        if time and item[time] < watermark:
            done.late.append(item | {"_reason": "late", "_missed": 1})
            continue
        entry = (item[time] if time else 0, arrival, item)
        same = lists.setdefault(key_of(item), [])
        same.append(entry)
        waiting.append(entry)
        if not time:
            release(same[-1 - ahead :][:1] if len(same) > ahead else [])
    release(list(waiting))
    return done


class Timed(dict):
    """A row that has an event time which no column shows."""

    def __init__(self, row, time):
        super().__init__(row)
        self.time = time


def count(items, aggs, *, size, every=None, by=(), time="t", lateness=0):
    """One row per `size` rows of a key, beginning at every `every`-th row of it.

    A row is numbered once the watermark is at its time: in the order of times,
    then of arrival. With `time=None` rows are numbered as they come.
    """
    every = every or size
    when = time if callable(time) else lambda row: row[time] if time else 0
    done, waiting, numbered, opened, places = Windowed(), [], {}, {}, {}
    high, latest, watermark = -math.inf, -math.inf, -math.inf if time else 0

    def send(start, key, entries, at, complete):
        edges = {"window_start": start, "window_end": start + size}
        values = {name: agg(entries) for name, agg in aggs.items()} | {"complete": complete}
        done.items.append(Timed(edges | dict(zip(by, key, strict=True)) | values, at))

    def number(until):
        nonlocal latest
        for entry in sorted((entry for entry in waiting if entry[0] <= until), key=lambda entry: entry[:2]):
            waiting.remove(entry)
            key = tuple(as_key(entry[2][name]) for name in by)
            row = numbered.get(key, 0)
            numbered[key] = row + 1
            windows = opened.setdefault(key, {})
            if not windows:
                places[key] = sum(numbered.values())
            if row % every == 0:
                windows[row] = []
            done.windowless += not windows
            for entries in windows.values():
                entries.append(entry)
            for start in [start for start in windows if start + size == row + 1]:
                done.items.extend([Mark(entry[0] - 1)] if time else [])
                send(start, key, windows.pop(start), entry[0], complete=True)
            latest = entry[0]

    for arrival, item in enumerate(items):
        if isinstance(item, Mark):
            high, watermark = max(high, item.time), max(watermark, item.time - lateness)
        elif when(item) < watermark:
            done.late.append(item | {"_reason": "late", "_missed": 1})
        else:
            waiting.append((when(item), arrival, item))
        number(watermark)
        if isinstance(item, Mark):
            done.items.append(Mark(watermark))
    number(math.inf)
    for key in sorted(opened, key=places.__getitem__):
        for start, entries in opened[key].items():
            send(start, key, entries, max(high, latest), complete=False)
    return done


def group_by(rows, keys, aggs, time=None):
    """One row per key, in order of first appearance."""
    groups = {}
    for arrival, row in enumerate(rows):
        key = tuple(as_key(row[name]) for name in keys)
        groups.setdefault(key, []).append((row[time] if time else 0, arrival, row))
    return [
        dict(zip(keys, key, strict=True)) | {name: agg(group) for name, agg in aggs.items()}
        for key, group in groups.items()
    ]


def running(items, keys, aggs, *, every, by_rows=False, time="t"):
    """The groups so far, each time the mark passes a multiple of `every` or after so many rows; then all.

    A multiple is left out if no row came since the one before.
    """
    rows, out, high, due = [], [], -math.inf, math.inf

    def send(until):
        groups = group_by(rows, keys, aggs, time=None if by_rows else time)
        out.extend({"until": until} | group for group in groups)

    def reach(mark):
        nonlocal high, due
        high = max(high, mark)
        if due <= high:
            send(due)
            due = math.inf

    for item in items:
        if not by_rows:
            reach(item.time if isinstance(item, Mark) else item[time])
        if isinstance(item, Mark):
            continue
        rows.append(item)
        if by_rows and len(rows) % every == 0:
            send(len(rows))
        elif not by_rows:
            due = high // every * every + every
    send(None)
    return out


def as_key(value):
    """`value` as a key: all NaN are one, and so are 0.0 and -0.0."""
    if isinstance(value, float):
        return math.nan if math.isnan(value) else value + 0.0
    return value
