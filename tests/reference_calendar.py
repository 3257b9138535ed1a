"""Days, weeks and months of time zones in plain Python: what `reference.py` is for fixed lengths.

Instants are whole seconds since 1970. Zones are those of the standard library.
"""

import datetime

from reference import HOLDS

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MONDAY = 4
"""The first Monday of 1970, in days."""


def clock(instant, zone):
    """What clocks show at an instant, as a datetime without a zone."""
    return (EPOCH + datetime.timedelta(seconds=instant)).astimezone(zone).replace(tzinfo=None)


def first_instant(wall, zone):
    """The first instant at which clocks show `wall` or, if they jump over it, more."""
    after, before = (round((wall.replace(tzinfo=zone, fold=fold) - EPOCH).total_seconds()) for fold in (1, 0))
    if clock(before, zone) == wall:
        return before
    while after + 1 < before:
        middle = (after + before) // 2
        if clock(middle, zone) < wall:
            after = middle
        else:
            before = middle
    return before


def start(unit, number, offset, zone):
    """The instant at which day or month `number` since January 1970 starts, `offset` seconds on the clock later."""
    if unit == "d":
        midnight = datetime.datetime(1970, 1, 1) + datetime.timedelta(days=number)
    else:
        midnight = datetime.datetime(1970 + number // 12, number % 12 + 1, 1)
    return first_instant(midnight + datetime.timedelta(seconds=offset), zone)


def calendar(unit, size, step, zone, *, first=0, offset=0, closed="left"):
    """Of an instant, the windows (start, end) that hold it: `size` days or months, every `step`, from `first` on.

    A window that lasts no time, because the zone skipped its day, is none.
    """

    def of(instant):
        wall = clock(instant, zone) - datetime.timedelta(seconds=offset)
        near = (wall - datetime.datetime(1970, 1, 1)).days
        if unit == "mo":
            near = (wall.year - 1970) * 12 + wall.month - 1
        numbers = [number for number in range(near - size - 3, near + 4) if (number - first) % step == 0]
        edges = [(start(unit, n, offset, zone), start(unit, n + size, offset, zone)) for n in numbers]
        return sorted(((s, e) for s, e in edges if s < e and HOLDS[closed](s, instant, e)), key=lambda e: (e[1], e[0]))

    return of
