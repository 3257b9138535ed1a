"""Windows that give several results, in plain Python: obvious, slow and right.

The watermark is moved tick by tick, and at each tick every window is asked
whether it has something to say. A row moves the watermark before it is in any
window, but its key has its place already; results that are due because of a row
are those of the rows before it.
"""

import math

from reference import Mark, Windowed, as_key, fixed


def expanding(size, step, offset=0):
    """Of a time, the windows (start, end) that hold it, which expand step by step to `size`."""

    def of(time):
        start = time - (time - offset) % size
        return [(start, end) for end in range(start + step, start + size + 1, step) if time < end]

    return of


def revised(
    items,
    aggs,
    *,
    holding=None,
    size=1,
    step=None,
    offset=0,
    closed="left",
    by=(),
    lateness=0,
    refine_for=0,
    early=None,
    early_rows=None,
):
    """One row per result of a window and key, with its `revision` and whether it `is_final`.

    A window gives results of all its keys as it closes, and final ones `refine_for` later; in between and
    before, of the keys that have got rows since: at the multiples of `early`, after each `early_rows` rows or,
    without either, at each row that comes after its close.
    """
    holding = holding or fixed(size, step or size, offset, closed)
    paced = early is not None or early_rows is not None
    done, opened, places, told, changed = Windowed(), {}, {}, {}, set()
    watermark, rows, arriving = -math.inf, 0, None

    def closes_at(edges):
        return edges[1] + (closed != "left")

    def due(edges, is_due):
        """The results of a window, of the keys for which `is_due`."""
        return [(edges[1], edges[0], places[key], edges, key) for key in opened[edges] if is_due(edges, key)]

    def is_changed(edges, key):
        return (edges, key) in changed

    def send(results, is_final):
        for end, start, _, edges, key in sorted(results, key=lambda one: one[:3]):
            revision = told[edges, key] = told.get((edges, key), -1) + 1
            changed.discard((edges, key))
            values = {name: agg(opened[edges][key]) for name, agg in aggs.items()}
            head = {"window_start": start, "window_end": end} | dict(zip(by, key, strict=True))
            done.items.append(head | values | {"revision": revision, "is_final": is_final})

    def forget(edges):
        for key in opened.pop(edges):
            if key != arriving and not any(key in others for others in opened.values()):
                del places[key]

    def tick(now):
        for edges in sorted(opened, key=lambda edges: (edges[1], edges[0])):
            if closes_at(edges) + refine_for == now:
                send(due(edges, lambda *_: True), is_final=True)
                forget(edges)
            elif closes_at(edges) == now:
                send(due(edges, lambda *_: True), is_final=False)
            elif early and now % early == 0:
                send(due(edges, is_changed), is_final=False)

    def move(mark):
        nonlocal watermark
        if watermark > -math.inf:
            for now in range(watermark + 1, mark - lateness + 1):
                watermark = now
                tick(now)
        watermark = max(watermark, mark - lateness)

    def send_changed():
        send([result for edges in opened for result in due(edges, is_changed)], is_final=False)

    for arrival, item in enumerate(items):
        if isinstance(item, Mark):
            move(item.time)
            continue
        t, key = item["t"], tuple(as_key(item[name]) for name in by)
        windows = holding(t)
        if windows and t - lateness > watermark:
            places.setdefault(key, arrival)
            arriving = key
        move(t)
        arriving = None
        live = [edges for edges in windows if closes_at(edges) + refine_for > watermark]
        missed = len(windows) - len(live)
        if missed:
            done.late.append(item | {"_reason": "partly late" if live else "late", "_missed": missed})
        done.windowless += not windows
        for edges in live:
            places.setdefault(key, arrival)
            opened.setdefault(edges, {}).setdefault(key, []).append((t, arrival, item))
            if paced or closes_at(edges) <= watermark:
                changed.add((edges, key))
        rows += 1
        if not paced or (early_rows and rows % early_rows == 0):
            send_changed()
    send([result for edges in opened for result in due(edges, lambda *_: True)], is_final=True)
    return done
