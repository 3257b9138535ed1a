"""Numbers: the wrong answers of other libraries, recast as windows, and data made to break variances."""

import decimal
import itertools
import math
import random
import sys
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

import rillet as rl
from compare import bits, close, dicts
from reference import group_by
from reference_aggregates import Agg, rounded

NAN, INF, MAX = math.nan, math.inf, sys.float_info.max


def source(values, dtype="float64", first=0):
    """A stream of `values`, each at its own tick of time, counted from `first`."""
    data = [{"t": t, "x": x} for t, x in enumerate(values, first)]
    return rl.from_rows(data, time="t", schema={"t": "int64", "x": dtype}, batch_rows=3)


def sliding(kind, values, width, first=0):
    """One aggregate over every window of `width` rows that is full."""
    out = dicts(source(values, first=first).window(rl.hopping(width, 1)).agg(y=getattr(rl, kind)("x")))
    last = first + len(values)
    return [row["y"] for row in out if row["window_start"] >= first and row["window_end"] <= last]


def contents(values, width):
    """The values of each full window."""
    return [values[at : at + width] for at in range(len(values) - width + 1)]


def forgetful(kind, values, width):
    """`sliding`, by a stream for each window that holds the rows of that window alone."""
    windows = enumerate(contents(values, width))
    return [answer for first, window in windows for answer in sliding(kind, window, width, first)]


def alone(kind, values, dtype="float64"):
    """One aggregate over one window that holds `values` and nothing else."""
    (row,) = dicts(source(values, dtype).window(rl.tumbling(len(values))).agg(y=getattr(rl, kind)("x")))
    return row["y"]


def same_bits(got, want):
    return [bits(float(value)) for value in got] == [bits(float(value)) for value in want]


# ----------------------------------------------- the wrong answers of others


@pytest.mark.parametrize(
    ("values", "width", "want"),
    [
        ([-1e33, 1e50, 1e33, 7e15, 0.0, 0.0, 0.0], 2, [1e50, 1e50, 1e33, 7e15, 0.0, 0.0]),
        ([1e50, 1e33, 7e15, -1.0, -1.0, 0.0, 0.0], 2, [1e50, 1e33, 7e15 - 1, -2.0, -1.0, 0.0]),
        ([1e308, 1e308, -1e308, 1.0, 2.0, 3.0], 2, [INF, 0.0, -1e308, 3.0, 5.0]),
        ([1.0, INF, 2.0, 3.0, 4.0], 2, [INF, INF, 5.0, 7.0]),
        ([INF, -INF, 1.0, 2.0], 2, [NAN, -INF, 3.0]),
        ([1.0, NAN, 2.0, 3.0], 2, [NAN, NAN, 5.0]),
        ([0.1, 0.2, 0.3, 1e16, 0.0, 0.0, 0.0], 3, [0.6, 1e16, 1e16, 1e16, 0.0]),
    ],
)
def test_what_has_left_a_sum_leaves_no_trace(values, width, want):
    assert sliding("sum", values, width) == pytest.approx(want, rel=1e-15, abs=0, nan_ok=True)


def test_zeros_after_large_numbers_sum_to_zero():
    values = [random.Random(5).random() * 1e6 for _ in range(10)] + [0.0] * 10
    assert same_bits(sliding("sum", values, 6)[-5:], [0.0] * 5)
    assert same_bits(sliding("mean", values, 6)[-5:], [0.0] * 5)
    assert same_bits(sliding("var", values, 6)[-5:], [0.0] * 5)


def test_means_stay_finite_where_sums_do_not():
    assert sliding("mean", [1e308, 1e308, -1e308, 1.0, 2.0], 2) == [1e308, 0.0, -5e307, 1.5]
    assert alone("mean", [1.7e308] * 7) == pytest.approx(1.7e308, rel=1e-15)


def test_sums_of_integers_never_wrap():
    big = 2**63 - 1
    assert alone("sum", [big, 1, -1], "int64") == big
    assert alone("sum", [-(2**63), big], "int64") == -1
    assert alone("sum", [big, big, -big, -big], "int64") == 0
    assert alone("sum", [2**64 - 1, 0], "uint64") == 2**64 - 1
    assert alone("sum", [127] * 1000, "int8") == 127_000
    assert alone("mean", [big, big], "int64") == float(big)
    assert alone("mean", [-(2**63)] * 3, "int64") == -(2.0**63)
    for values, dtype in (([big, 1], "int64"), ([-(2**63), -1], "int64"), ([2**64 - 1, 1], "uint64")):
        with pytest.raises(rl.ResultOverflowError):
            alone("sum", values, dtype)


def test_an_overflow_in_one_window_comes_after_the_windows_before_it():
    big = 2**63 - 1
    data = [{"t": t, "x": x} for t, x in ((0, 1), (10, big), (11, big), (20, 5))]
    stream = rl.from_rows(data, time="t", schema={"t": "int64", "x": "int64"})
    it = iter(stream.window(rl.tumbling(10)).agg(s=rl.sum("x")))
    got = []
    with pytest.raises(rl.ResultOverflowError):
        for batch in it:
            got += [row["s"] for row in dicts([batch])]
    assert got == [1]


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
@pytest.mark.parametrize("kind", ["var", "std", "mean"])
@pytest.mark.parametrize(
    "values",
    [
        [2**53 + 1, 2**53 + 2, 2**53 + 3],
        [2**62 + 1, 2**62 + 4, 2**62 + 9, 2**62],
        [2**63 - 1, 2**63 - 2, 2**63 - 3, 2**63 - 1],
        [0, 2**63 - 1],
        [0, 0, 1],
        [10**15 + n for n in (3, 1, 4, 1, 5, 9, 2, 6)],
    ],
)
def test_moments_of_integers_are_exact_before_the_last_rounding(kind, dtype, values):
    got = alone(kind, values, dtype)
    middle = Fraction(sum(values), len(values))
    squares = sum((Fraction(x) - middle) ** 2 for x in values) / (len(values) - 1)
    if kind == "std":
        assert close(got * Fraction(got), squares, 2**-50)
    else:
        assert got == rounded({"mean": middle, "var": squares}[kind])


def test_moments_of_the_extremes_of_int64():
    assert alone("var", [-(2**63), 2**63 - 1], "int64") == rounded(Fraction((2**64 - 1) ** 2, 2))
    assert alone("std", [-(2**63), 2**63 - 1], "int64") == pytest.approx(
        (2**64 - 1) / math.sqrt(2), rel=1e-15
    )


# ---------------------------------------------------------------- variances


def ulps(center, count, seed=1):
    """Values one unit in the last place apart around a center."""
    step = math.ulp(center)
    return [center + step * random.Random(seed + n).randrange(3) for n in range(count)]


def noise(count, low, high, seed=2):
    generator = random.Random(seed)
    return [generator.uniform(low, high) for _ in range(count)]


CLUSTERS = {
    "one ulp apart at 1e8": (ulps(1e8, 200), 4),
    "one ulp apart at 1e15": (ulps(1e15, 200), 7),
    "1e15 and small integers": ([1e15 + n % 10 for n in range(300)], 20),
    "1e9 and a uniform": ([1e9 + x for x in noise(300, 0, 1)], 20),
    "spikes of 1e12": ([1e12 if n % 37 == 0 else x for n, x in enumerate(noise(300, 0, 1))], 10),
    "an outlier first": ([1e16, *noise(100, 1, 2)], 50),
    "an outlier last": ([*noise(100, 1, 2), -1e16], 50),
    "level shifts": ([10.0 ** (n // 50) + x for n, x in enumerate(noise(300, 0, 1e-3))], 33),
    "alternating signs": ([(-1) ** n * 1e10 + x for n, x in enumerate(noise(200, 0, 1))], 8),
    "exponents from -100 to 100": (
        [x * 10.0 ** (n * 7 % 200 - 100) for n, x in enumerate(noise(200, 1, 2))],
        5,
    ),
    "a ramp": ([1e6 + n / 7 for n in range(300)], 64),
    "tiny": ([x * 1e-140 for x in noise(100, 0, 1)], 10),
}


@pytest.mark.parametrize("kind", ["var", "std"])
@pytest.mark.parametrize("name", CLUSTERS)
def test_spreads_of_adversarial_data(name, kind):
    values, width = CLUSTERS[name]
    for got, window in zip(sliding(kind, values, width), contents(values, width), strict=True):
        (want,) = group_by([{"x": x} for x in window], [], {"y": Agg("var", "x")})
        middle = sum(map(Fraction, window)) / width
        squares = sum((Fraction(x) - middle) ** 2 for x in window) / (width - 1)
        assert want["y"] == rounded(squares)
        if kind == "std":
            assert close(Fraction(got) ** 2, squares, 4e-14)
        else:
            assert close(got, squares, 1e-14)


def test_a_long_group_with_an_outlier_first():
    values = [1e16, *noise(20_000, 1, 2)]
    for drop in (0, 1):
        window = values[drop:]
        middle = sum(map(Fraction, window)) / len(window)
        squares = sum((Fraction(x) - middle) ** 2 for x in window) / (len(window) - 1)
        stream = rl.from_batches([{"t": np.zeros(len(window), "int64"), "x": np.array(window)}], time="t")
        (row,) = dicts(stream.window(rl.tumbling(5)).agg(v=rl.var("x"), m=rl.mean("x")))
        assert close(row["v"], squares, 1e-12)
        assert close(row["m"], middle, 1e-12)


@pytest.mark.parametrize("value", [0.1, -1e300, 5e-324, 1e8 / 3, 0.0])
def test_equal_values_have_no_spread_at_all(value):
    assert same_bits(sliding("var", [value] * 30, 7), [0.0] * 24)
    assert same_bits(sliding("std", [value] * 30, 7), [0.0] * 24)


@pytest.mark.parametrize("kind", ["var", "std"])
def test_spreads_are_never_negative_and_forget(kind):
    values = [1e20, -1e20, INF, NAN, 1e308, *noise(40, 0, 1e-3)]
    got = sliding(kind, values, 4)
    assert all(answer != answer or answer >= 0 for answer in got)
    assert same_bits(got, forgetful(kind, values, 4))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 9, 17])
def test_the_sum_of_negative_zeros_is_one_beside_longer_sums_too(length):
    lengths = [length, 1, 20, 2, length, 33, length]
    times = np.repeat(np.arange(len(lengths)), lengths)
    values = np.where(np.isin(np.array(lengths)[times], [20, 33]), 1.5, -0.0)
    for batch_rows in (3, 1000):
        stream = rl.from_batches([{"t": times, "x": values}], time="t", batch_rows=batch_rows)
        got = [row["s"] for row in dicts(stream.window(rl.tumbling(1)).agg(s=rl.sum("x")))]
        assert same_bits(got, [1.5 * n if n in (20, 33) else -0.0 for n in lengths])


def test_sums_that_were_beyond_the_range_of_doubles_are_as_good_as_others():
    chance = random.Random(5)
    for _ in range(300):
        large = [chance.choice([-1, 1]) * chance.uniform(1e307, 1.7e308) for _ in range(chance.randrange(1, 8))]
        small = [chance.uniform(-1, 1) * 10 ** chance.randrange(-320, 306) for _ in range(chance.randrange(1, 8))]
        values = [*large, *small, *(-x for x in large)]
        chance.shuffle(values)
        total, size = sum(map(Fraction, values)), sum(map(abs, map(Fraction, values)))
        bound = abs(total) / 2**53 + len(values) ** 2 * size / 2**106
        for panes in (1, 7):
            rows = [{"t": n * panes // len(values), "x": x} for n, x in enumerate(values)]
            aggs = {"s": rl.sum("x"), "m": rl.mean("x"), "n": rl.count()}
            made = dicts(rl.from_rows(rows, time="t").window(rl.hopping(50, 1)).agg(**aggs))
            whole = [row for row in made if row["n"] == len(values)]
            assert abs(Fraction(whole[0]["s"]) - total) <= bound
            assert abs(Fraction(whole[0]["m"]) * len(values) - total) <= bound + abs(total) / 2**52


EDGES = [sign * size for size in (MAX, MAX / 2, 3 * 2.0**970, 2.0**970, 1.0) for sign in (1, -1)]


def at_the_edge():
    """Lists of values at the very end of the range of doubles, where sums are rounded out of it and back."""
    chance = random.Random(8)
    longer = [chance.choices(EDGES[: chance.choice([4, 10])], k=chance.randrange(3, 40)) for _ in range(200)]
    return [*map(list, itertools.product(EDGES, repeat=2)), *longer]


BEYOND = 2**1024
"""What doubles would have next, and are infinite from there on."""


def exactly(number):
    """A float as a fraction."""
    return Fraction(number) if math.isfinite(number) else Fraction(math.copysign(1, number)) * BEYOND


def right(got, values):
    """Whether a sum and a mean are as near as they are to be to those of these values."""
    total, size = sum(map(Fraction, values)), sum(map(abs, map(Fraction, values)))
    bound = abs(total) / 2**53 + len(values) ** 2 * size / 2**106
    is_sum = not math.isnan(got["s"]) and abs(exactly(got["s"]) - max(-BEYOND, min(total, BEYOND))) <= bound
    return is_sum and math.isfinite(got["m"]) and abs(exactly(got["m"]) * len(values) - total) <= 3 * bound


@pytest.mark.parametrize("batch_rows", [1, 7, 5000])
@pytest.mark.parametrize("streaks", [True, False])
def test_sums_at_the_edge_of_the_range_of_doubles(streaks, batch_rows):
    lists = at_the_edge()
    rows = [{"k": k, "n": n, "x": x} for k, values in enumerate(lists) for n, x in enumerate(values)]
    rows.sort(key=lambda row: (row["k"], row["n"]) if streaks else (row["n"], row["k"]))
    stream = rl.from_rows(rows, batch_rows=batch_rows)
    got = dicts(stream.group_by("k").agg(s=rl.sum("x"), m=rl.mean("x")))
    assert all(right(row, lists[row["k"]]) for row in got)


@pytest.mark.parametrize("width", [2, 3, 5, 16])
@pytest.mark.parametrize("over", ["hopping", "rolling", "keys", "count"])
def test_sums_at_the_edge_in_windows(over, width):
    values = list(itertools.chain.from_iterable(at_the_edge()))
    stream = rl.from_batches([{"t": range(len(values)), "k": [1] * len(values), "x": values}], time="t", batch_rows=97)
    windows = {
        "hopping": lambda: stream.window(rl.hopping(width, 1)),
        "rolling": lambda: stream.rolling(rows=width),
        "keys": lambda: stream.rolling(rows=width, by="k"),
        "count": lambda: stream.window(rl.count(width, 1)),
    }
    made = dicts(windows[over]().agg(s=rl.sum("x"), m=rl.mean("x"), n=rl.count()))
    full = [row for row in made if row["n"] == width]
    assert len(full) == len(values) - width + 1
    assert all(right(row, window) for row, window in zip(full, contents(values, width), strict=True))


# -------------------------------------------- a window knows its rows alone


HISTORIES = {
    "overflow": [1e308, 1e308, 1e308],
    "infinity": [INF, -INF, INF],
    "nan": [NAN, NAN, 1.0],
    "large": [1e300, -1e300, 7.0],
    "nothing": [0.0, -0.0, 0.0],
}


@pytest.mark.parametrize("kind", ["sum", "mean", "min", "max", "first", "last", "var", "std"])
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("width", [2, 3, 8])
def test_history_leaves_no_trace(kind, history, width):
    values = history + [0.1 * n - 0.7 for n in range(16)]
    got, want = sliding(kind, values, width), forgetful(kind, values, width)
    assert [bits(answer) for answer in got] == [bits(answer) for answer in want]


@pytest.mark.parametrize("kind", ["sum", "mean", "var", "std"])
@pytest.mark.parametrize("width", [2, 5, 8])
def test_shifting_time_by_whole_windows_changes_no_bit(kind, width):
    values = noise(40, -1, 1)
    want = [bits(answer) for answer in sliding(kind, values, width)]
    for shift in (width * 1000, -width * 1000):
        assert [bits(answer) for answer in sliding(kind, values, width, shift)] == want


def test_keys_do_not_touch_each_other():
    values = noise(300, -1e9, 1e9)
    data = [{"t": n // 6, "k": n % 3, "x": x} for n, x in enumerate(values)]
    shape = {"schema": {"t": "int64", "k": "int64", "x": "float64"}, "time": "t"}
    aggs = {"s": rl.sum("x"), "v": rl.var("x")}
    together = dicts(rl.from_rows(data, **shape).window(rl.hopping(10, 4), by="k").agg(**aggs))
    for key in range(3):
        alone_ = dicts(
            rl.from_rows([r for r in data if r["k"] == key], **shape)
            .window(rl.hopping(10, 4), by="k")
            .agg(**aggs)
        )
        assert [row for row in together if row["k"] == key] == alone_


# --------------------------------------------------------- signs and order


def test_signed_zeros():
    assert bits(alone("min", [0.0, -0.0])) == bits(alone("min", [-0.0, 0.0])) == bits(-0.0)
    assert bits(alone("max", [0.0, -0.0])) == bits(alone("max", [-0.0, 0.0])) == bits(0.0)
    assert bits(alone("sum", [-0.0, -0.0])) == bits(-0.0)
    assert bits(alone("sum", [0.0, -0.0])) == bits(0.0)


@pytest.mark.parametrize("kind", ["min", "max"])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 16])
def test_nan_propagates_in_every_path_alike(kind, width):
    values = [NAN if n % 11 == 3 else math.sin(n) for n in range(100)]
    want = [
        NAN if any(x != x for x in window) else {"min": min, "max": max}[kind](window)
        for window in contents(values, width)
    ]
    assert same_bits(sliding(kind, values, width), want)
    ramps = sorted(values, key=lambda x: (x != x, x))
    assert math.isnan(alone(kind, ramps)) and math.isnan(alone(kind, ramps[::-1]))
    assert alone(kind, ramps[:90]) == {"min": min, "max": max}[kind](ramps[:90])


def test_negation_mirrors_and_powers_of_two_scale():
    values = noise(500, -1e5, 1e5)
    assert bits(alone("sum", [-x for x in values])) == bits(-alone("sum", values))
    assert bits(alone("sum", [x * 1024 for x in values])) == bits(alone("sum", values) * 1024)
    assert bits(alone("var", [-x for x in values])) == bits(alone("var", values))
    assert alone("max", [-x for x in values]) == -alone("min", values)


# ------------------------------------------------------------------ decimals


MOST = 10**38 - 1
"""The greatest decimal there is: two of them, added, are beyond 128 bits."""


def scaled(digits, scale):
    """The decimal of these digits."""
    return decimal.Decimal(digits).scaleb(-scale, decimal.Context(prec=50))


def decimals(values, scale=0):
    """A stream of decimals, which these integers are the digits of."""
    column = pa.array([scaled(value, scale) for value in values], pa.decimal128(38, scale))
    return rl.from_arrow(pa.table({"t": range(len(values)), "x": column}), time="t", batch_rows=3)


WIDE = {
    "group": lambda stream: stream.group_by(),
    "tumbling": lambda stream: stream.window(rl.tumbling(100)),
    "hopping": lambda stream: stream.window(rl.hopping(100, 25)),
    "session": lambda stream: stream.window(rl.session(100)),
    "rolling": lambda stream: stream.rolling(rows=100),
    "count": lambda stream: stream.window(rl.count(100)),
}


@pytest.mark.parametrize("over", WIDE.values(), ids=WIDE)
@pytest.mark.parametrize("values", [[MOST, MOST, -MOST], [-MOST] * 5 + [MOST] * 5, [MOST] * 3 + [-MOST, -MOST, -7]])
def test_decimal_sums_are_exact_on_the_way(over, values):
    aggs = {"m": rl.mean("x")} if over is WIDE["rolling"] else {"m": rl.mean("x"), "s": rl.sum("x")}
    row = dicts(over(decimals(values, 2)).agg(**aggs))[-1]
    assert close(row["m"], Fraction(sum(values), 100 * len(values)), 1e-15)
    assert row.get("s") in (None, scaled(sum(values), 2))


@pytest.mark.parametrize("over", WIDE.values(), ids=WIDE)
@pytest.mark.parametrize("values", [[MOST, 1], [MOST, MOST], [-MOST] * 7])
def test_decimal_sums_of_too_many_digits_are_errors(over, values):
    with pytest.raises(rl.ResultOverflowError, match=r"the sum has more than 38 digits; cast the column to float64"):
        list(over(decimals(values)).agg(s=rl.sum("x")))


@pytest.mark.parametrize("over", WIDE.values(), ids=WIDE)
@pytest.mark.parametrize("size", [1e-300, 1e-20, 1.0, 1e300])
def test_weighted_means_at_the_edge_are_infinite_only_where_the_result_is(over, size):
    chance = random.Random(16)
    for count in (2, 3, 20):
        for _ in range(20):
            weights = [size * chance.uniform(0.1, 9) for _ in range(count)]
            data = {"t": range(count), "x": [MAX] * count, "y": [-MAX] * count, "w": weights}
            stream = rl.from_batches([data], time="t", batch_rows=3)
            aggs = {"up": rl.mean("x", weight="w"), "down": rl.mean("y", weight="w"), "n": rl.count()}
            row = next(row for row in dicts(over(stream).agg(**aggs)) if row["n"] == count)
            assert 0 <= MAX - row["up"] <= 2 * math.ulp(MAX) and row["down"] == -row["up"]


SPREADS = {
    "near": ([9_999_999_999, 9_999_999_998, 9_999_999_998], 3),
    "nearer": ([123_456_789_012_340_001, 123_456_789_012_340_002, 123_456_789_012_340_004], 4),
    "long": ([MOST, MOST - 1, MOST - 5, MOST - 9], 10),
    "far": ([MOST, -MOST, MOST, -MOST + 7, 3], 38),
    "level": ([MOST, MOST], 38),
}


@pytest.mark.parametrize("over", WIDE.values(), ids=WIDE)
@pytest.mark.parametrize("name", SPREADS)
def test_spreads_of_decimals_are_as_exact_as_those_of_integers(name, over):
    values, scale = SPREADS[name]
    row = dicts(over(decimals(values, scale)).agg(v=rl.var("x"), s=rl.std("x"), w=rl.var("x", ddof=0)))[-1]
    exact = [Fraction(value, 10**scale) for value in values]
    middle = sum(exact) / len(exact)
    squares = sum((value - middle) ** 2 for value in exact)
    assert close(row["v"], squares / (len(values) - 1), 1e-15)
    assert close(row["w"], squares / len(values), 1e-15)
    assert close(Fraction(row["s"]) ** 2, squares / (len(values) - 1), 2e-15)
