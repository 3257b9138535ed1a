"""Rolling windows: against the oracle, against pandas, and by example."""

import math
import random
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact
from reference import Mark, keep, rolling, stream, window
from reference_aggregates import Agg
from test_properties import CONDITIONS, aggregates, batch_rows, by, source, tables

sizes = st.integers(1, 40)
closed = st.sampled_from(["right", "left", "both", "neither"])
lateness = st.integers(0, 60)


def frames(data, keys, timed=True):
    """The arguments of a window that have the same meaning here and in the oracle."""
    kind = data.draw(st.sampled_from(["time", "rows", "centred"] + ["timed rows"] * timed))
    rows = {"rows": data.draw(st.integers(1, 12)), "by": keys}
    if kind == "time":
        ends = data.draw(closed)
        size = data.draw(sizes if ends != "neither" else sizes.map(lambda size: size + 1))
        return {"size": size, "closed": ends, "by": keys, "min_periods": data.draw(st.integers(1, 4))}
    rows["min_periods"] = data.draw(st.integers(1, rows["rows"]))
    return rows | ({"time": "t"} if kind == "timed rows" else {"time": None, "center": kind == "centred"})


def ours(plan, frame, aggs, **options):
    """The same windows of the library."""
    frame = dict(frame)
    size = frame.pop("size", None)
    return plan.rolling(*[] if size is None else [size], **frame | {"by": frame["by"] or None}, **options).agg(**aggs)


def at(*times, **options):
    return rl.from_rows([{"t": t, "x": n} for n, t in enumerate(times)], time="t", **options)


def values(plan, name="y"):
    return [row[name] for row in dicts(plan)]


def column(numbers, **options):
    return rl.from_batches([{"x": np.array(numbers)}], **options)


@given(tables, by, lateness, aggregates(), batch_rows, st.data())
def test_rows_and_windows_are_those_of_the_oracle(table, keys, lateness, aggs, batch_rows, data):
    frame = frames(data, keys)
    late = {} if frame.get("time", "t") is None else {"lateness": lateness, "late": "keep"}
    it = iter(ours(source(table, batch_rows=batch_rows), frame, aggs[0], **late))
    want = rolling(stream(table), aggs[1], lateness=late.get("lateness", 0), **frame)
    assert_rows(dicts(it), want.rows)
    if late:
        assert exact(dicts(it.late)) == exact(want.late)
    last = list(it.stats)[-1]
    assert last["rows_in"] == len(table) == last["passed"] + last["late"]
    assert last["held"] == 0


@given(tables, by, aggregates(), batch_rows, st.sampled_from(sorted(CONDITIONS)), st.data())
def test_filters_before_and_limits_after(table, keys, aggs, batch_rows, condition, data):
    expression, predicate = CONDITIONS[condition]
    frame, rows = frames(data, keys), data.draw(st.integers(0, 20))
    late = {} if frame.get("time", "t") is None else {"late": "drop"}
    plan = ours(source(table, batch_rows=batch_rows).filter(expression), frame, aggs[0], **late)
    # Another event time is made anew from the rows that are left.
    anew = "time" in frame and frame["time"]
    items = stream([row for row in table if predicate(row) is True]) if anew else keep(stream(table), predicate)
    want = rolling(items, aggs[1], **frame).rows
    assert_rows(dicts(plan), want)
    assert_rows(dicts(plan.limit(rows)), want[:rows])
    assert_rows(dicts(plan.filter(rl.col("a0") > 1)), [row for row in want if row["a0"] > 1])


@given(tables, by, lateness, aggregates(), st.lists(batch_rows, min_size=2, max_size=2), st.data())
def test_no_bit_depends_on_batches(table, keys, lateness, aggs, cuts, data):
    frame = frames(data, keys)
    late = {} if frame.get("time", "t") is None else {"lateness": lateness, "late": "drop"}
    one, other = (exact(dicts(ours(source(table, batch_rows=rows), frame, aggs[0], **late))) for rows in cuts)
    assert one == other


@given(tables, sizes, st.integers(1, 50), by, lateness, st.integers(0, 9), aggregates(), batch_rows)
def test_rolling_windows_can_be_windowed_again(table, size, every, keys, lateness, filtered, aggs, batch_rows):
    plan = source(table, batch_rows=batch_rows)
    items = stream(table)
    if filtered < 3:
        plan, items = plan.filter(rl.col("i") > 0), keep(items, CONDITIONS["i > 0"][1])
    inner = ours(plan, {"size": size, "by": keys}, aggs[0], lateness=lateness, late="drop")
    middle = rolling(items, aggs[1], size=size, by=keys, lateness=lateness)
    counts = {"n": rl.count(), "most": rl.max("a0")}, {"n": Agg("count"), "most": Agg("max", "a0")}
    it = iter(inner.window(rl.tumbling(every), late="keep").agg(**counts[0]))
    want = window(middle.items, counts[1], size=every)
    assert_rows(dicts(it), want.rows)
    assert not want.late and not dicts(it.late)


@given(tables, st.integers(1, 30), sizes, aggregates(), batch_rows)
def test_windows_can_be_rolled_over(table, every, size, aggs, batch_rows):
    bars = source(table, batch_rows=batch_rows).window(rl.tumbling(every), by="k", late="drop").agg(n=rl.count())
    got = dicts(bars.rolling(size, by="k").agg(total=rl.sum("n")))
    inner = window(stream(table), {"n": Agg("count")}, size=every, by=["k"])
    for row in inner.rows:
        row["end"] = row["window_end"] - 1
    items = [item for item in inner.items]
    want = rolling(items, {"total": Agg("sum", "n")}, size=size, by=["k"], time="end")
    strip = [{name: value for name, value in row.items() if name != "end"} for row in want.rows]
    assert_rows(got, strip)


POISON = [1e308, 1e308, -1e308, math.inf, -math.inf, math.nan, 1e16, 1.0]
FLOATS = {name: getattr(rl, name)("x") for name in ["sum", "mean", "min", "max", "var", "std", "first", "last"]}


odd_numbers = st.one_of(st.none(), st.floats(), st.sampled_from(POISON), st.integers(-3, 3).map(float))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), odd_numbers), max_size=60),
    st.integers(1, 12),
    st.booleans(),
    st.booleans(),
    batch_rows,
)
def test_rows_swept_together_come_to_the_bits_of_rows_one_by_one(steps, size, by_rows, keyed, batch_rows):
    time, rows = 0, []
    for n, (step, k, x) in enumerate(steps):
        time += step
        rows.append({"t": time, "n": n, "k": k, "x": x, "i": step})
    aggs = FLOATS | {"few": rl.sum("x", where=rl.col("k") == "a"), "n_": rl.count("x"), "total": rl.sum("i")}
    schema = {"t": "int64", "n": "int64", "k": "string", "x": "float64", "i": "int64"}
    frame = ([], {"rows": size}) if by_rows else ([size], {})

    def run(**options):
        plan = rl.from_rows(rows, time="t", schema=schema, batch_rows=batch_rows)
        return exact(dicts(plan.rolling(*frame[0], by="k" if keyed else None, **frame[1], **options).agg(**aggs)))

    # Rows that may have to wait for earlier ones are dealt with one by one.
    assert run(time="t") == run(time="t", lateness=1)
    if by_rows:
        assert run() == run(time="n", lateness=1)


MANY = {"t": "int64", "n": "int64", "k": "string", "x": "float64", "i": "int64"}
SUMS = FLOATS | {"few": rl.sum("x", where=rl.col("k") == "a"), "all": rl.count(), "total": rl.sum("i")}
LARGE = [(0, 1), (5_000, 5_090), (16_380, 16_390), (18_000, 18_001), (50, 60, 19_000, 19_001)]


def many(rows=20_000, large=()):
    """Rows of three keys in order, as CSV; at some places with integers of which no two fit in a sum."""
    chance, time, lines = random.Random(rows), 0, ["t,n,k,x,i"]
    for n in range(rows):
        time += chance.choice([0, 1, 1, 2, 400])
        x = chance.choice(["", "nan", "inf", "1e308", "-0.0"]) if chance.random() < 0.001 else chance.uniform(-9, 9)
        k, i = ("a", 2**62) if n in large else (chance.choice("aabbbbc"), n)
        lines.append(f"{time},{n},{k},{x},{i}")
    return "\n".join(lines).encode()


@pytest.mark.parametrize("min_periods", [1, 3])
@pytest.mark.parametrize("by", [None, "k"])
@pytest.mark.parametrize("frame", [{"size": 300}, {"size": 90_000}, {"rows": 40}, {"rows": 3_000}])
def test_many_rows_swept_on_any_number_of_threads_come_to_the_bits_of_rows_one_by_one(frame, by, min_periods):
    text, size = many(), [frame["size"]] if "size" in frame else []
    rest = {name: value for name, value in frame.items() if name != "size"}

    def run(threads, **options):
        read = rl.read_csv(text, time="t", schema=MANY, threads=threads)
        plan = read.rolling(*size, by=by, time="t", min_periods=min_periods, **rest, **options)
        return exact(dicts(plan.agg(**SUMS)))

    one_by_one = run(1, lateness=1)
    for threads in (1, 2, 3, 16):
        assert run(threads) == one_by_one, threads


@pytest.mark.parametrize("large", LARGE)
def test_a_sum_that_does_not_fit_ends_rows_swept_together_where_it_ends_rows_one_by_one(large):
    text = many(large=large)

    def run(threads, most, **options):
        read = rl.read_csv(text, time="t", schema=MANY, threads=threads, batch_rows=most)
        it, rows = iter(read.rolling(40_000, by="k", **options).agg(total=rl.sum("i"), mean=rl.mean("x"))), []
        with pytest.raises(rl.ResultOverflowError) as error:
            for batch in it:
                rows.extend(batch.rows())
        return exact(rows), str(error.value)

    rows, message = run(1, 65_536, lateness=1)
    assert large[0] < len(rows) <= large[1]
    for threads in (1, 2, 3, 16):
        for most in (65_536, 6_000):
            assert run(threads, most) == (rows, message)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(1, 8), st.integers(1, 4))
def test_what_has_left_a_window_leaves_no_trace(numbers, size, blocks):
    before = [POISON[n % len(POISON)] for n in range(size * blocks)]

    def run(numbers, start, **frame):
        rows = [{"t": start + n, "x": x} for n, x in enumerate(numbers)]
        return exact(dicts(ours(rl.from_rows(rows, time="t"), {"by": []} | frame, FLOATS)))

    alone, behind = run(numbers, 0, size=size), run(before + numbers, -len(before), size=size)
    assert behind[len(before) + size - 1 :] == alone[size - 1 :]
    alone, behind = run(numbers, 0, rows=size), run(before + numbers, 0, rows=size)
    assert [row[2:] for row in behind[len(before) + size - 1 :]] == [row[2:] for row in alone[size - 1 :]]


@pytest.mark.parametrize(
    ("numbers", "rows", "want"),
    [
        ([-1e33, 1e50, 1e33, 7e15, 0.0, 0.0, 0.0], 2, [-1e33, 1e50, 1e50 + 1e33, 1e33 + 7e15, 7e15, 0.0, 0.0]),
        ([1e50, 1e33, 7e15, -1.0, -1.0, 0.0, 0.0], 2, [1e50, 1e50 + 1e33, 1e33 + 7e15, 7e15 - 1, -2.0, -1.0, 0.0]),
        ([1e308, 1e308, -1e308, 1.0, 2.0, 3.0], 2, [1e308, math.inf, 0.0, -1e308, 3.0, 5.0]),
        ([1.0, math.inf, 2.0, 3.0, 4.0], 2, [1.0, math.inf, math.inf, 5.0, 7.0]),
        ([1.0, math.nan, 2.0, 3.0, 4.0], 2, [1.0, math.nan, math.nan, 5.0, 7.0]),
    ],
)
def test_sums_that_others_get_wrong(numbers, rows, want):
    got = values(column(numbers).rolling(rows=rows).agg(y=rl.sum("x")))
    assert exact([{"y": y} for y in got]) == exact([{"y": y} for y in want])


def test_zeros_after_large_values_add_up_to_zero():
    numbers = [random.Random(1).random() * 1e6 for _ in range(10)] + [0.0] * 10
    assert values(column(numbers).rolling(rows=6).agg(y=rl.sum("x")))[-5:] == [0.0] * 5


def test_a_sum_of_integers_does_not_wrap():
    it = iter(rl.from_batches([{"x": np.array([1, 2**63 - 1, 1, 1])}]).rolling(rows=2).agg(y=rl.sum("x")))
    assert list(next(it)["y"]) == [1]
    with pytest.raises(rl.ResultOverflowError, match="y in the window of a row"):
        next(it)


def test_variances_that_others_get_wrong():
    whole = [2**53 + 1, 2**53 + 2, 2**53 + 3]
    assert values(column(whole).rolling(rows=3).agg(y=rl.var("x")))[-1] == 1.0
    near = [1e8]
    for _ in range(50):
        near.append(math.nextafter(near[-1], math.inf))
    ulp = math.ulp(1e8)
    for y in values(column(near).rolling(rows=4).agg(y=rl.var("x")))[3:]:
        assert y == pytest.approx(5 / 3 * ulp**2, rel=1e-13)
    spiky = [1e12 if n % 37 == 0 else float(n % 7) for n in range(400)]
    got = values(column(spiky).rolling(rows=10).agg(y=rl.var("x")))
    for end, y in enumerate(got[9:], 10):
        assert y == pytest.approx(
            float(np.var(np.array(spiky[end - 10 : end], dtype=np.longdouble), ddof=1)), rel=1e-12
        )


neighbours = st.builds(
    lambda base, ulps: base + ulps * math.ulp(base), st.sampled_from([1e8, 1.0, -3e15]), st.integers(0, 9)
)
spread_out = st.builds(lambda x, e: x * 10.0**e, st.integers(-(10**6), 10**6), st.integers(-20, 60))
large_and_small = neighbours | spread_out | st.sampled_from([0.0, 1e60, -1e60])


@given(st.lists(large_and_small, min_size=2, max_size=150), st.integers(2, 60))
def test_variances_are_right_whatever_the_data(numbers, rows):
    got = values(column(numbers, batch_rows=70).rolling(rows=rows).agg(y=rl.var("x")))
    exact_numbers = [Fraction(x) for x in numbers]
    for end, y in enumerate(got[1:], 2):
        window = exact_numbers[max(0, end - rows) : end]
        want = (sum(x * x for x in window) - sum(window) ** 2 / len(window)) / (len(window) - 1)
        assert abs(Fraction(y) - want) <= want * Fraction(1, 10**14)


def test_variances_are_right_for_many_numbers():
    generator = np.random.default_rng(1)
    numbers = generator.normal(0, 1, 30_000) + np.where(generator.random(30_000) < 1e-3, 1e9, 1e6)
    got = values(column(numbers).rolling(rows=1000).agg(y=rl.var("x")))
    exact_numbers = [Fraction(x) for x in numbers]
    for end in range(1000, 30_001, 997):
        window = exact_numbers[end - 1000 : end]
        want = (sum(x * x for x in window) - sum(window) ** 2 / 1000) / 999
        assert abs(Fraction(got[end - 1]) - want) <= want * Fraction(1, 10**14)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 50])
def test_windows_of_rows_are_those_of_pandas(rows, center):
    numbers = [None if n % 5 == 0 else float(n * n % 17) for n in range(40)]
    least = min(rows, 2)
    want = pd.Series(numbers, dtype="float64").rolling(rows, center=center, min_periods=least).sum()
    plan = rl.from_rows([{"x": x} for x in numbers], batch_rows=7).rolling(rows=rows, center=center, min_periods=least)
    got = values(plan.agg(y=rl.sum("x")))
    assert [math.nan if y is None else y for y in got] == pytest.approx(want.tolist(), nan_ok=True)


@pytest.mark.parametrize("ends", ["right", "left", "both", "neither"])
def test_windows_of_time_are_those_of_pandas(ends):
    times = sorted(random.Random(7).sample(range(200), 60))
    index = pd.to_datetime(times, unit="s")
    want = pd.Series(range(60), index=index, dtype="float64").rolling("9s", closed=ends).sum()
    got = values(at(*times, batch_rows=11).rolling(9, closed=ends).agg(y=rl.sum("x")))
    assert [math.nan if y is None else y for y in got] == pytest.approx(want.tolist(), nan_ok=True)


def test_rows_of_one_time_share_a_window():
    plan = at(0, 5, 5, 5, 8, batch_rows=2)
    assert values(plan.rolling(4).agg(y=rl.count())) == [1, 3, 3, 3, 4]
    assert values(plan.rolling(rows=2).agg(y=rl.count())) == [1, 2, 2, 2, 2]
    assert values(plan.rolling(rows=2, time="t").agg(y=rl.sum("x"))) == [0, 1, 3, 5, 7]


def test_a_row_waits_until_the_watermark_is_past_its_time():
    it = iter(at(0, 5, 5, 8, batch_rows=1).rolling(4, lateness=1).agg(y=rl.count()))
    assert [list(batch["t"]) for batch in it if len(batch)] == [[0], [5, 5], [8]]
    it = iter(at(0, 5, 5, 8, batch_rows=1).rolling(rows=2).agg(y=rl.count()))
    assert list(next(it)["t"]) == [0]
    assert dict(list(it.stats)[-1])["held"] == 0


def test_columns_pass_without_a_copy_where_the_order_is_that_of_the_input():
    table = pa.table({"t": np.arange(10_000), "x": np.arange(10_000, dtype="float64")})
    [batch] = rl.from_arrow(table).rolling(rows=3).agg(y=rl.sum("x"))
    assert np.shares_memory(batch["x"], table["x"].to_numpy())
    first, last = rl.from_arrow(table, time="t").rolling(3).agg(y=rl.sum("x"))
    assert np.shares_memory(first["x"], table["x"].to_numpy())
    assert (len(first), len(last)) == (9_999, 1)


def test_late_rows():
    plan = at(0, 10, 8, 20)
    with pytest.raises(rl.LateRowError, match="lateness=2 or more") as caught:
        dicts(plan.rolling(5).agg(y=rl.count()))
    assert (caught.value.time, caught.value.watermark) == (8, 10)
    assert [row["t"] for row in dicts(plan.rolling(5, lateness=2).agg(y=rl.count()))] == [0, 8, 10, 20]
    it = iter(plan.rolling(5, late="keep").agg(y=rl.count()))
    assert [row["t"] for row in dicts(it)] == [0, 10, 20]
    assert dicts(it.late) == [{"t": 8, "x": 2, "_reason": "late", "_missed": 1}]
    with pytest.raises(rl.KeptRowsError):
        dicts(plan.rolling(5, late="keep", max_kept=0).agg(y=rl.count()))


def test_results_before_an_error_come_first():
    it = iter(at(0, 1, 2, 1, 3).rolling(5).agg(y=rl.count()))
    assert list(next(it)["t"]) == [0, 1]
    with pytest.raises(rl.LateRowError):
        next(it)
    assert list(it.stats)[-1]["held"] == 3


def test_names_of_columns_are_taken():
    with pytest.raises(rl.ArgumentError, match="two columns named"):
        _ = at(0).rolling(5).agg(x=rl.count()).schema
    assert list(at(0).rolling(5).agg(window_start=rl.count()).schema) == ["t", "x", "window_start"]


def test_arguments():
    plan = at(0)
    for call, error in [
        (lambda: plan.rolling(), rl.ArgumentTypeError),
        (lambda: plan.rolling(5, rows=3), rl.ArgumentTypeError),
        (lambda: plan.rolling(0), rl.ArgumentError),
        (lambda: plan.rolling(rows=0), rl.ArgumentError),
        (lambda: plan.rolling(rows=2, min_periods=3), rl.ArgumentError),
        (lambda: plan.rolling(rows=2, closed="both"), rl.ArgumentError),
        (lambda: plan.rolling(rows=2, lateness=3), rl.ArgumentError),
        (lambda: plan.rolling(rows=2, late="drop"), rl.ArgumentError),
        (lambda: plan.rolling(rows=2, center=True, time="t"), rl.ArgumentError),
        (lambda: plan.rolling(5, center=True), rl.ArgumentError),
        (lambda: plan.rolling(rows=3, center="x"), rl.ArgumentTypeError),
        (lambda: plan.rolling(rows=3, center=None), rl.ArgumentTypeError),
        (lambda: plan.rolling(5, closed="up"), rl.ArgumentError),
        (lambda: plan.rolling(5, min_periods=0), rl.ArgumentError),
        (lambda: plan.rolling(5, lateness=-1), rl.ArgumentError),
    ]:
        with pytest.raises(error):
            call()
    with pytest.raises(rl.ArgumentError, match="no row is in such a window"):
        _ = plan.rolling(1, closed="neither").agg(y=rl.count()).schema
    with pytest.raises(rl.ArgumentError, match="no event time"):
        _ = rl.from_rows([{"x": 1}]).rolling("5m").agg(y=rl.count()).schema
    with pytest.raises(rl.ArgumentError, match="without a unit"):
        _ = plan.rolling("5m").agg(y=rl.count()).schema


def test_plans_show_their_windows():
    plan = at(0)
    shown = repr(plan.rolling("1h", by=["x", "t"], closed="both", lateness="5s", min_periods=3).agg(y=rl.count()))
    want = 'rolling("1h", closed="both", by=["x", "t"], lateness="5s", min_periods=3).agg(y=count())'
    assert shown.endswith(want)
    assert repr(plan.rolling(rows=5, center=True, by="x").agg(y=rl.count())).endswith(
        'rolling(rows=5, center=True, by="x").agg(y=count())'
    )


def test_windows_near_the_ends_of_time_are_an_error():
    for tick in (2**63 - 2, -(2**63) + 2):
        with pytest.raises(rl.ResultOverflowError, match="near the end of its range"):
            dicts(at(tick).rolling(5).agg(y=rl.count()))


def test_memory_has_a_limit():
    rows = [{"t": n, "x": float(n)} for n in range(100_000)]
    with pytest.raises(rl.StateLimitError):
        dicts(rl.from_rows(rows, time="t").rolling(100_000, max_state_bytes=100_000).agg(y=rl.std("x")))
    with pytest.raises(rl.StateLimitError):
        dicts(rl.from_rows(rows).rolling(rows=100_000, max_state_bytes=100_000).agg(y=rl.std("x")))


def test_keys_come_and_go_without_end():
    def rows():
        for wave in range(60):
            for i in range(2000):
                yield {"t": wave * 1000, "k": f"key {wave * 2000 + i}"}

    it = iter(rl.from_rows(rows(), time="t", batch_rows=1000).rolling(10, by="k").agg(n=rl.count()))
    assert sum(int(batch["n"].sum()) for batch in it) == 120_000
    last = list(it.stats)[-1]
    assert last["live_keys"] < 10_000 and last["state_bytes"] < 3_000_000


def test_a_key_that_was_forgotten_starts_anew():
    rows = [{"t": t, "k": k, "x": 1.0} for wave in range(50) for t, k in [(wave * 40 + i, i % 9) for i in range(20)]]
    want = rolling(stream(rows), {"y": Agg("sum", "x")}, size=7, by=["k"]).rows
    assert_rows(dicts(rl.from_rows(rows, time="t", batch_rows=5).rolling(7, by="k").agg(y=rl.sum("x"))), want)


def test_centred_windows_have_no_event_time_to_pass_on():
    plan = at(0, 1, 2).rolling(rows=3, center=True).agg(y=rl.count())
    with pytest.raises(rl.ArgumentError, match="no event time"):
        _ = plan.window(rl.tumbling(5)).agg(n=rl.count()).schema
    assert dicts(plan.window(rl.tumbling(5), time="t").agg(n=rl.count()))[0]["n"] == 3


def test_batches_without_rows_carry_event_time_on():
    rows = [{"t": t, "x": x} for t, x in [(0, 1), (50, -1), (51, -1), (52, 1)]]
    plan = rl.from_rows(rows, time="t", batch_rows=1).filter(rl.col("x") > 0).rolling(rows=2).agg(y=rl.count())
    it = iter(plan.window(rl.tumbling(10)).agg(n=rl.count()))
    assert list(next(it)["window_end"]) == [10]
    assert list(it.stats)[-1]["rows_in"] == 1


@given(tables, st.integers(1, 6), batch_rows)
def test_categories_keep_their_codes(table, size, batch_rows):
    data = [{"t": row["t"], "c": row["k"]} for row in table]
    schema = {"t": "int64", "c": rl.categorical(max=4)}
    plan = rl.from_rows(data, time="t", schema=schema, batch_rows=batch_rows)
    plan = plan.rolling(size, by="c", lateness=30, late="drop").agg(y=rl.count())
    want = rolling(stream(data), {"y": Agg("count")}, size=size, by=["c"], lateness=30).rows
    assert_rows(dicts(plan), want)
    codes = {}
    for batch in plan:
        for code, row in zip(batch.codes("c"), batch.rows(), strict=True):
            assert codes.setdefault(int(code), row[1]) == row[1]


@pytest.mark.parametrize("by", [None, "k"])
@pytest.mark.parametrize("x", [1.5, math.nan, None])
def test_rows_have_a_live_key_however_their_windows_are_made(by, x):
    batches = [{"x": np.array([1.0, 2.0]), "k": [7, 7]}, {"x": [x, 2.0], "k": [7, 7]}]
    it = iter(rl.from_batches(batches).rolling(rows=2, by=by).agg(y=rl.sum("x")))
    assert [list(it.stats)[-1]["live_keys"] for _ in it] == [1, 1]


@pytest.mark.parametrize("by", [None, "k"])
@pytest.mark.parametrize("each", [700, 2048, 2049, 7000])
def test_rows_of_one_time_have_one_window_however_many_they_are(each, by):
    times, rows = np.repeat(np.arange(9), each), np.arange(9 * each)
    stream = rl.from_batches([{"t": times, "k": rows % 2, "x": rows}], time="t")
    got = pa.table(stream.rolling(3, by=by).agg(n=rl.count(), first=rl.first("x"), last=rl.last("x")))
    keys = 2 if by else 1
    last = (times + 1) * each - keys + (rows - (times + 1) * each) % keys
    first = np.maximum(times - 2, 0) * each
    first += (rows - first) % keys
    assert got["n"].to_pylist() == ((last - first) // keys + 1).tolist()
    assert got["first"].to_pylist() == first.tolist()
    assert got["last"].to_pylist() == last.tolist()


def test_many_rows_in_disorder():
    chance = random.Random(3)
    rows = [{"t": t + chance.randrange(500), "k": chance.choice("abc"), "x": chance.random()} for t in range(20_000)]
    aggs = {"y": rl.sum("x"), "n": rl.count(), "low": rl.min("x")}

    def run(rows, **options):
        return dicts(rl.from_rows(rows, time="t", **options).rolling(300, by="k", lateness=500).agg(**aggs))

    got = run(rows, batch_rows=1000)
    assert [row["t"] for row in got] == sorted(row["t"] for row in rows)
    assert exact(got) == exact(run(rows, batch_rows=7)) == exact(run(sorted(rows, key=lambda row: row["t"])))
    for row in got[::500]:
        same = [other["x"] for other in rows if other["k"] == row["k"] and row["t"] - 300 < other["t"] <= row["t"]]
        assert (row["n"], row["low"]) == (len(same), min(same))
        assert row["y"] == pytest.approx(math.fsum(same), rel=1e-14)


def test_marks_are_of_the_oracle_too():
    want = rolling(stream([{"t": 0}, {"t": 3}]), {"y": Agg("count")}, size=5)
    assert want.items == [Mark(0), Mark(0), {"t": 0, "y": 1}, Mark(3), Mark(3), {"t": 3, "y": 2}]
