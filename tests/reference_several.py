"""Several kinds of windows in one pass, in plain Python: each kind is a run of `reference.window` by itself."""

import math

from reference import Mark, Windowed, window


def several(items, aggs, *, kinds, by=(), time="t", lateness=0):
    """The results of all kinds of windows, and the rows that missed some, each once.

    `kinds` gives by name what `window` takes as `holding` and `closed`. Results are in the order of the times
    at which their windows close, of their starts, and of the kinds.
    """
    done, placed = Windowed(), []
    for number, (name, (holding, closed)) in enumerate(kinds.items()):
        alone = window(items, aggs, holding=holding, closed=closed, by=by, time=time, lateness=lateness)
        for row in alone.rows:
            at = row["window_end"] - (closed == "left")
            placed.append(((at, row["window_start"], number), {"window": name} | row))
    placed.sort(key=lambda pair: pair[0])
    watermark = -math.inf
    for item in items:
        if isinstance(item, Mark):
            watermark = max(watermark, item.time - lateness)
            while placed and placed[0][0][0] < watermark:
                (at, *_), row = placed.pop(0)
                done.items += [Mark(at), row]
            done.items.append(Mark(watermark))
            continue
        held = [end + (closed != "left") for holding, closed in kinds.values() for _, end in holding(item[time])]
        missed = sum(end <= watermark for end in held)
        if missed:
            reason = "late" if missed == len(held) else "partly late"
            done.late.append(item | {"_reason": reason, "_missed": missed})
        done.windowless += not held
    done.items += [item for (at, *_), row in placed for item in (Mark(at), row)]
    return done
