"""Every kind of window, for the laws that all of them keep: a new kind is one more entry of `KINDS`."""

import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

import rillet as rl
from reference import starts
from reference_calendar import calendar

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SPRING = 1_711_846_800  # 2024-03-31T01:00Z, when clocks in Berlin jump


@dataclass(frozen=True)
class Kind:
    """A kind of window: what is drawn for it, how a stream gets it, and what is special about it.

    `shape` draws its numbers; `ours` puts such windows over a stream; `holding` tells how many windows hold row `n`
    of rows (of one key, in order). All lengths are in seconds. Shifted by multiples of `period` the results are the
    same to the bit. `at` gives the time of a small number.
    """

    shape: st.SearchStrategy[dict[str, int]]
    ours: Callable[..., Any]
    holding: Callable[[dict[str, int], list[int], int], int]
    period: Callable[[dict[str, int]], int]
    at: Callable[[int], int] = lambda time: time
    windowed: bool = True
    """Whether results have `window_start` and `window_end`, in event time."""
    late: bool = True
    """Whether there is a `lateness`."""
    numbered: bool = False
    """Whether windows are of row numbers."""
    filled: bool = False
    """Whether there are results of windows without rows, which other windows or rows bring about."""
    revised: bool = False
    """Whether windows give several results, of which the last `is_final`."""
    pushed: bool = False
    """Whether rows are pushed, so that there is no iterator over the results."""

    def over(self, stream, shape, by="k", lateness=0, late="error", **aggregates):
        """Such windows over a stream."""
        options = {"lateness": f"{lateness}s", "late": late} if self.late else {}
        return self.ours(stream, shape, by, options).agg(**aggregates)


def text(number):
    return f"{number}s"


def windows(spec):
    """Such windows of `Stream.window`."""
    return lambda stream, shape, by, options: stream.window(spec(shape), by=by, **options)


@dataclass(frozen=True)
class Pushed:
    """A stream whose rows are pushed, batch by batch, to an operator of windows over them."""

    rows: Any
    windows: Any

    def agg(self, **aggregates):
        """The batches that come out."""
        op = self.windows.agg(**aggregates).operator()
        for batch in self.rows:
            yield from op.push(batch)
        yield from op.finish()


def numbered(shape, rows, n):
    """How many windows of rows hold row n: those that start at it, or before it but not too long."""
    return sum(start % shape["every"] == 0 for start in range(max(n - shape["size"] + 1, 0), n + 1))


def expanding(shape, times, n):
    """How many windows that expand step by step hold a time: those that end behind it."""
    return (shape["size"] - (times[n] - shape["offset"]) % shape["size"] - 1) // shape["step"] + 1


sizes, offsets = st.integers(1, 40), st.integers(-30, 30)
shaped = st.fixed_dictionaries
hops = shaped({"size": sizes, "step": st.integers(1, 25), "offset": offsets})
steps = st.tuples(st.integers(1, 12), st.integers(1, 6), offsets)
days = shaped({"size": st.integers(1, 4), "step": st.integers(1, 3)})

KINDS = {
    "tumbling": Kind(
        shaped({"size": sizes, "offset": offsets}),
        windows(lambda shape: rl.tumbling(text(shape["size"]), offset=text(shape["offset"]))),
        lambda shape, times, n: 1,
        lambda shape: shape["size"],
    ),
    "hopping": Kind(
        hops,
        windows(lambda shape: rl.hopping(text(shape["size"]), text(shape["step"]), offset=text(shape["offset"]))),
        lambda shape, times, n: len(starts(times[n], **shape)),
        lambda shape: shape["size"] * shape["step"],
    ),
    "cumulate": Kind(
        steps.map(lambda one: {"size": one[0] * one[1], "step": one[0], "offset": one[2]}),
        windows(lambda shape: rl.cumulate(text(shape["size"]), text(shape["step"]), offset=text(shape["offset"]))),
        expanding,
        lambda shape: shape["size"],
    ),
    "session": Kind(
        shaped({"gap": sizes}),
        windows(lambda shape: rl.session(text(shape["gap"]))),
        lambda shape, times, n: 1,
        lambda shape: 1,
    ),
    "cut session": Kind(
        shaped({"gap": sizes, "most": sizes}),
        windows(lambda shape: rl.session(text(shape["gap"]), max_length=text(shape["most"]), until=rl.col("i") > 0)),
        lambda shape, times, n: 1,
        lambda shape: 1,
    ),
    "calendar": Kind(
        days,
        windows(lambda shape: rl.hopping(f"{shape['size']}d", f"{shape['step']}d", tz="Europe/Berlin")),
        lambda shape, times, n: len(calendar("d", shape["size"], shape["step"], BERLIN)(times[n])),
        # Clocks in Berlin change on the same days again after 400 years, which are whole weeks.
        lambda shape: 146_097 * 86_400 * shape["step"],
        at=lambda time: SPRING + time * 3600,
    ),
    "rolling": Kind(
        shaped({"size": sizes}),
        lambda stream, shape, by, options: stream.rolling(text(shape["size"]), by=by, **options),
        lambda shape, times, n: sum(0 <= time - times[n] < shape["size"] for time in times),
        lambda shape: shape["size"],
        windowed=False,
    ),
    "rolling rows": Kind(
        shaped({"rows": st.integers(1, 8)}),
        lambda stream, shape, by, options: stream.rolling(rows=shape["rows"], time="t", by=by, **options),
        lambda shape, times, n: min(shape["rows"], len(times) - n),
        lambda shape: 1,
        windowed=False,
        numbered=True,
    ),
    "count": Kind(
        shaped({"size": st.integers(1, 7), "every": st.integers(1, 7)}),
        windows(lambda shape: rl.count(shape["size"], shape["every"])),
        numbered,
        lambda shape: 1,
        windowed=False,
        numbered=True,
    ),
    "running": Kind(
        shaped({"every": sizes}),
        lambda stream, shape, by, options: stream.group_by(*[by] * (by is not None), every=text(shape["every"])),
        lambda shape, times, n: 1,
        lambda shape: shape["every"],
        windowed=False,
        late=False,
    ),
}

KINDS["filled"] = replace(
    KINDS["hopping"],
    ours=lambda stream, shape, by, options: KINDS["hopping"].ours(
        stream, shape, by, options | {"fill": "null", "max_fill": 3}
    ),
    filled=True,
)
KINDS["early"] = replace(
    KINDS["hopping"],
    ours=lambda stream, shape, by, options: KINDS["hopping"].ours(
        stream, shape, by, options | {"early": text(shape["step"])}
    ),
    revised=True,
)
KINDS["refined"] = replace(
    KINDS["tumbling"],
    ours=lambda stream, shape, by, options: KINDS["tumbling"].ours(
        stream, shape, by, options | {"refine_for": text(shape["size"]), "early_rows": 2}
    ),
    revised=True,
)
KINDS["several"] = replace(
    KINDS["hopping"],
    ours=lambda stream, shape, by, options: stream.windows(
        {
            "tiles": rl.tumbling(text(shape["step"])),
            "hops": rl.hopping(text(shape["size"]), text(shape["step"]), offset=text(shape["offset"])),
        },
        by=by,
        **options,
    ),
    holding=lambda shape, times, n: 1 + len(starts(times[n], **shape)),
)
KINDS["pushed"] = replace(
    KINDS["hopping"],
    ours=lambda stream, shape, by, options: Pushed(stream, KINDS["hopping"].ours(stream, shape, by, options)),
    pushed=True,
)

TICKS = {"s": 1, "ms": 10**3, "us": 10**6}


def arrow(rows, unit="s"):
    """Rows, dicts with the time `t` in seconds, as an Arrow table."""
    column = {name: [row[name] for row in rows] for name in ("t", "k", "i", "x", "id")}
    return pa.table(
        {
            "t": pa.array([t * TICKS[unit] for t in column["t"]], pa.timestamp(unit, tz="UTC")),
            "k": pa.array(column["k"], pa.string()),
            "i": pa.array(column["i"], pa.int64()),
            "x": pa.array(column["x"], pa.float64()),
            "id": pa.array(column["id"], pa.int64()),
        }
    )


def stream(rows, unit="s", batch_rows=3):
    """A stream of such rows."""
    return rl.from_arrow(arrow(rows, unit), time="t", batch_rows=batch_rows)
