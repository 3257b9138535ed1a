"""Rolling windows over what is hard for them: values, nulls, times and keys from a list of what others got wrong."""

import math
import random
import struct

import pyarrow as pa
import pytest

import rillet as rl
from compare import assert_rows, dicts
from reference import rolling, stream
from reference_aggregates import Agg

COUNT = 33
WAYS = ["sum", "mean", "min", "max", "first", "last", "var", "std", "count"]
CHANCE = random.Random(5)


def ulps(start):
    """Values that are one unit in the last place apart."""
    found = [start]
    while len(found) < COUNT:
        found.append(math.nextafter(found[-1], math.inf))
    return found


def of(rule):
    return [rule(n) for n in range(COUNT)]


PAYLOAD = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_DEAD_BEEF))[0]

FLOATS = {
    "zeros of either sign": of(lambda n: -0.0 if n % 3 else 0.0),
    "negative zeros": of(lambda n: -0.0),
    "infinities": of(lambda n: {5: math.inf, 17: -math.inf, 19: math.inf}.get(n, n / 3)),
    "NaN with payloads": of(lambda n: {4: PAYLOAD, 20: math.nan, 21: -math.nan}.get(n, n / 3)),
    "subnormal": of(lambda n: (-1) ** n * (n + 1) * 5e-324),
    "as large as can be": of(lambda n: 1e308 if n % 5 < 3 else -1e308),
    "large, then small": of(lambda n: 1.7e308 if n < 3 else n / 7),
    "beyond 2**53": of(lambda n: 2.0**53 + 2 * (n % 3 - 1)),
    "1e16 and 1": of(lambda n: 1e16 if n % 7 == 0 else 1.0),
    "ulps at 1e8": ulps(1e8),
    "ulps at 1e-8": ulps(1e-8),
    "ulps at -1e15": ulps(-1e15),
    "any exponent": of(lambda n: CHANCE.uniform(-1, 1) * 10.0 ** CHANCE.randint(-300, 300)),
    "spikes": of(lambda n: 1e12 if n % 11 == 3 else n / 37),
    "shifts of level": of(lambda n: (n // 8) * 1e9 + CHANCE.random()),
    "constant": of(lambda n: 0.1),
    "alternating": of(lambda n: 1e300 if n % 2 else -1e300),
    "rising": of(lambda n: n * 1.1),
    "falling": of(lambda n: -n * 1.1),
    "a long rise, then a drop": of(lambda n: float(n) if n < 28 else -1.0),
    "neighbours swapped": of(lambda n: float(n ^ 1)),
}
MOST, LEAST = 2**63 - 1, -(2**63)
INTS = {
    "least and most": of(lambda n: [LEAST, MOST, MOST - 1, LEAST + 1][n % 4]),
    "most": of(lambda n: MOST - n % 2),
    "least": of(lambda n: LEAST + n % 2),
    "beyond 2**53": of(lambda n: 2**53 + 1 + n),
    "mixed": of(lambda n: CHANCE.randint(-(2 ** CHANCE.randint(0, 62)), 2 ** CHANCE.randint(0, 62))),
}
NULLS = {
    "none": lambda n: False,
    "all": lambda n: True,
    "alternating": lambda n: n % 2 == 0,
    "the first": lambda n: n == 0,
    "the last": lambda n: n == COUNT - 1,
    "a stretch": lambda n: 8 <= n < 20,
    "a key": lambda n: n % 3 == 1,
}
TIMES = {
    "one by one": of(lambda n: n),
    "all at once": of(lambda n: 7),
    "runs": of(lambda n: n // 5 * 3),
    "exactly on edges": of(lambda n: n * 7 - 70),
    "just before and on edges": of(lambda n: n // 2 * 7 - n % 2),
    "long gaps": of(lambda n: n + n // 6 * 10**15),
    "before 1970": of(lambda n: -(10**17) + n * 2),
    "at the least": of(lambda n: LEAST + 200 + n),
    "at the most": of(lambda n: MOST - 300 + n),
    "from the least to the most": of(lambda n: (n - 16) * (MOST // 17)),
    "shuffled nearby": [time for at in range(0, COUNT, 3) for time in CHANCE.sample(range(at, at + 3), 3)],
}
KEYS = {
    "one": of(lambda n: "a"),
    "each its own": of(lambda n: f"k{n}"),
    "zipf": of(lambda n: "abcdefgh"[min(int(CHANCE.paretovariate(1)) - 1, 7)]),
    "in turns": of(lambda n: "abc"[n % 3]),
    "equal low bits": of(lambda n: (n % 5) << 48),
    "equal high bits": of(lambda n: (7 << 48) + n % 5),
    "odd floats": of(lambda n: [math.nan, -math.nan, 0.0, -0.0, None][n % 5]),
    "nulls and empty texts": of(lambda n: [None, "", "a"][n % 3]),
    "long texts": of(lambda n: "x" * 100_000 + "ab"[n % 2]),
}
ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string()}

FRAMES = {
    "1 row": {"rows": 1},
    "3 rows": {"rows": 3},
    "8 rows, of which 3 are needed": {"rows": 8, "min_periods": 3},
    "all rows": {"rows": COUNT},
    "more rows than there are": {"rows": 1000, "min_periods": 2},
    "4 rows, centred": {"rows": 4, "center": True},
    "5 rows by time": {"rows": 5, "time": "t"},
    "1 tick": {"size": 1},
    "7 ticks": {"size": 7},
    "7 ticks, left": {"size": 7, "closed": "left", "min_periods": 2},
    "7 ticks, both": {"size": 7, "closed": "both"},
    "7 ticks, neither": {"size": 7, "closed": "neither"},
    "all ticks": {"size": 60},
}
every_frame = pytest.mark.parametrize("frame", FRAMES)


def table(values=None, nulls="none", times="one by one", keys="in turns"):
    """The rows as dicts."""
    values = of(lambda n: n / 7) if values is None else values
    columns = zip(TIMES[times], KEYS[keys], values, strict=True)
    return [{"t": t, "k": k, "x": None if NULLS[nulls](n) else x} for n, (t, k, x) in enumerate(columns)]


def batches(rows, batch_rows):
    """The rows as Arrow tables: slices with offsets, and some without rows."""
    types = {name: next((ARROW[type(r[name])] for r in rows if r[name] is not None), pa.float64()) for name in "tkx"}
    columns = {name: pa.array([row[name] for row in rows], dtype) for name, dtype in types.items()}
    whole = pa.table(columns)
    return [whole.slice(at, length) for at in range(0, len(rows), batch_rows) for length in (0, batch_rows)]


def check(rows, frame, batch_rows, by, ways=WAYS):
    """Holds windows over rows to the oracle."""
    frame = {"time": None if "rows" in frame else "t"} | frame
    late = {"lateness": 3} if frame["time"] else {}
    sized = [frame["size"]] if "size" in frame else []
    options = {name: value for name, value in frame.items() if name != "size"} | late
    if "size" in frame:
        del options["time"]
    pieces = batches(rows, batch_rows)
    read = rl.from_batches(pieces, time="t")
    got = read.rolling(*sized, by=by or None, **options).agg(**{way: getattr(rl, way)("x") for way in ways})
    want = rolling(stream(rows), {way: Agg(way, "x") for way in ways}, by=by, **frame, **late)
    assert_rows(dicts(got), want.rows)


@every_frame
@pytest.mark.parametrize("values", FLOATS)
def test_floats(values, frame):
    nulls = list(NULLS)[(len(values) + len(frame)) % len(NULLS)]
    check(table(FLOATS[values]), FRAMES[frame], 100, [])
    check(table(FLOATS[values], nulls), FRAMES[frame], 5, ["k"])


@every_frame
@pytest.mark.parametrize("values", INTS)
def test_integers(values, frame):
    ways = [way for way in WAYS if way != "sum"]
    check(table(INTS[values]), FRAMES[frame], 4, [], ways)
    check(table(INTS[values], "alternating"), FRAMES[frame], 100, ["k"], ways)


@every_frame
@pytest.mark.parametrize("nulls", NULLS)
def test_nulls(nulls, frame):
    for by, batch_rows in [([], 100), (["k"], 1)]:
        check(table(FLOATS["spikes"], nulls), FRAMES[frame], batch_rows, by)


@every_frame
@pytest.mark.parametrize("times", TIMES)
def test_times(times, frame):
    for by, batch_rows in [([], 100), (["k"], 1), (["k"], 6)]:
        check(table(times=times), FRAMES[frame], batch_rows, by, ["sum", "max", "last", "var"])


@every_frame
@pytest.mark.parametrize("keys", KEYS)
def test_keys(keys, frame):
    for batch_rows in (1, 7, 100):
        check(table(keys=keys), FRAMES[frame], batch_rows, ["k"], ["sum", "min", "first", "std"])
