"""Windows without rows, filled, in plain Python: results of windows in, more results out."""

import math
from fractions import Fraction

from compare import exact


def fill(results, windows, *, how, most, by, types, watermark, closed="left"):
    """The results, in their windows, and one for each key that has none in a window.

    `windows` are all (start, end) that there may be, in order, and `types` tells of each aggregate whether it is
    a "count", an "int", a "float" or something else. A key is held, at its place, from its first result until it
    has had none in more than `most` windows. Windows are filled as far as the watermark or the results go.
    """
    left, out, held = list(results), [], {}
    for start, end in windows:
        if not left and not (end <= watermark if closed == "left" else end < watermark):
            break
        found = {}
        while left and (left[0]["window_start"], left[0]["window_end"]) == (start, end):
            row = left.pop(0)
            [key] = exact([[row[name] for name in by]])
            found[key] = row
            held.setdefault(key, (row, []))
        for key, (last, empty) in list(held.items()):
            if key in found:
                if how == "linear":
                    join(last, empty, found[key], types)
                held[key] = (found[key], [])
                out.append(found[key])
            elif len(empty) == most:
                del held[key]
            else:
                values = {name: stand_in(how, dtype, last[name]) for name, dtype in types.items()}
                row = {"window_start": start, "window_end": end} | {name: last[name] for name in by} | values
                out.append(row)
                empty.append(row)
    assert not left
    return out


def stand_in(how, dtype, last):
    """What stands in a column of a window without rows, until more is known."""
    if dtype == "count":
        return 0
    if how == "previous":
        return last
    return {"int": 0, "float": 0.0}.get(dtype) if how == "zero" else None


def join(last, empty, new, types):
    """Puts the rows between two results on the line between them."""
    steps = len(empty) + 1
    for name, dtype in types.items():
        a, b = last[name], new[name]
        if dtype in ("int", "float") and a is not None and b is not None:
            for step, row in enumerate(empty, 1):
                row[name] = between(a, b, step, steps)


def between(a, b, step, steps):
    """`a + (b - a) * step / steps`: rounded, halves to the even, or in floats without overflow on the way."""
    if isinstance(a, int):
        return round(a + Fraction((b - a) * step, steps))
    share = step / steps
    if math.isfinite(a) and math.isfinite(b) and math.isinf(b - a):
        return a * (1 - share) + b * share
    return a + (b - a) * share
