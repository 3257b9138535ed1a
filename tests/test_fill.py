"""Windows without rows, filled: against the oracle, and by example."""

import datetime
import math
import pickle
import zoneinfo
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import Mark, fixed, starts, window
from reference_aggregates import Agg
from reference_calendar import calendar
from reference_fill import fill
from test_properties import CONDITIONS, aggregates, batch_rows, by, source, tables

HOW = ["null", "zero", "previous", "linear"]
how = st.sampled_from(HOW)
most = st.integers(1, 6) | st.just(1000)


@st.composite
def kind(draw):
    """One kind of windows twice: of the library, and of the oracle."""
    step, offset = draw(st.integers(3, 25)), draw(st.integers(-30, 30))
    if draw(st.booleans()):
        size, closed = draw(st.integers(1, 60)), draw(st.sampled_from(["left", "left", "right", "both"]))
        made = rl.hopping(size, step, offset=offset, closed=closed)
        return made, (fixed(size, step, offset, closed), closed)
    size = step * draw(st.integers(1, 4))

    def holding(t):
        [start] = starts(t, size, size, offset)
        return [(start, end) for end in range(start + step, start + size + 1, step) if t < end]

    return rl.cumulate(size, step, offset=offset), (holding, "left")


def types_of(aggs):
    """Of each aggregate of the oracle, the type that `fill` wants to know."""

    def one(agg):
        if agg.kind == "count":
            return "count"
        if agg.kind in ("mean", "var", "std") or agg.column == "x":
            return "float"
        return {"i": "int"}.get(agg.column, "other")

    return {name: one(agg) for name, agg in aggs.items()}


def all_windows(holding, first, last):
    """All windows that hold one of these times, in order."""
    windows = {edges for t in range(first, last + 1) for edges in holding(t)}
    return sorted(windows, key=lambda edges: (edges[1], edges[0]))


def filled(results, data, lateness, holding, closed, **options):
    """What the oracle makes of the results of windows over rows with these times."""
    times = [row["t"] for row in data] or [0]
    windows = all_windows(holding, min(times), max(times) + 60)
    return fill(results, windows, watermark=max(times) - lateness, closed=closed, **options)


@given(tables, kind(), by, st.integers(0, 60), aggregates(), batch_rows, how, most)
def test_windows_are_filled_as_the_oracle_does(data, kind, by, lateness, aggs, batch_rows, how, most):
    (ours, theirs), (spec, (holding, closed)) = aggs, kind
    options = {"by": by or None, "lateness": lateness, "late": "keep"}
    read = source(data, batch_rows=batch_rows)
    it = iter(read.window(spec, fill=how, max_fill=most, **options).agg(**ours))
    plain = iter(read.window(spec, **options).agg(**ours))
    shape = {"how": how, "most": most, "by": by, "types": types_of(theirs)}
    want = filled(dicts(plain), data, lateness, holding, closed, **shape)
    got = dicts(it)
    assert exact(got) == exact(want) and [list(row) for row in got] == [list(row) for row in want]
    assert exact(dicts(it.late)) == exact(dicts(plain.late))
    ours, theirs = list(it.stats)[-1], list(plain.stats)[-1]
    assert ours["rows_out"] == len(got)
    for name in ("rows_in", "aggregated", "late", "partly_late", "windowless", "held"):
        assert ours[name] == theirs[name]


@given(tables, kind(), by, aggregates(), batch_rows, how, most, st.sampled_from(sorted(CONDITIONS)))
def test_time_that_only_rows_filtered_out_tell_fills_too(data, kind, by, aggs, batch_rows, how, most, condition):
    (ours, theirs), (spec, (holding, closed)) = aggs, kind
    read = source(data, batch_rows=batch_rows).filter(CONDITIONS[condition][0])
    plain = dicts(read.window(spec, by=by or None, late="drop").agg(**ours))
    shape = {"how": how, "most": most, "by": by, "types": types_of(theirs)}
    want = filled(plain, data, 0, holding, closed, **shape)
    got = dicts(read.window(spec, by=by or None, late="drop", fill=how, max_fill=most).agg(**ours))
    assert exact(got) == exact(want)


@given(
    tables,
    kind(),
    by,
    st.integers(0, 60),
    aggregates(),
    st.lists(batch_rows, min_size=2, max_size=2),
    how,
    most,
    st.integers(1, 40),
)
def test_no_bit_depends_on_batches(data, kind, by, lateness, aggs, cuts, how, most, every):
    (ours, _), (spec, _) = aggs, kind

    def run(rows_of):
        plan = source(data, batch_rows=rows_of)
        plan = plan.window(spec, by=by or None, lateness=lateness, late="drop", fill=how, max_fill=most).agg(**ours)
        return exact(dicts(plan)), exact(dicts(plan.group_by(every=every).agg(n=rl.sum("a0"))))

    assert run(cuts[0]) == run(cuts[1])


@given(tables, kind(), by, batch_rows, how, most, st.integers(1, 50))
def test_filled_results_can_be_windowed_again(data, kind, by, batch_rows, how, most, size):
    spec, (_, closed) = kind
    inner = source(data, batch_rows=batch_rows).window(spec, by=by or None, late="drop", fill=how, max_fill=most)
    inner = inner.agg(n=rl.count(), total=rl.sum("i"))

    def when(row):
        return row["window_end"] - (closed == "left")

    items = [item for row in dicts(inner) for item in (row, Mark(when(row)))]
    outer = {"n": Agg("sum", "n"), "windows": Agg("count"), "last": Agg("last", "total")}
    got = dicts(inner.window(rl.tumbling(size)).agg(n=rl.sum("n"), windows=rl.count(), last=rl.last("total")))
    assert_rows(got, window(items, outer, size=size, time=when).rows)


def bars(*pairs, **options):
    """Rows (t, k, x)."""
    return rl.from_rows([dict(zip("tkx", pair, strict=True)) for pair in pairs], time="t", **options)


def test_each_way_of_filling_by_example():
    read = bars((0, "a", 1), (1, "b", 10), (12, "a", 2), (45, "a", 8), (46, "b", 20))
    aggs = {"n": rl.count(), "x": rl.sum("x"), "k2": rl.last("k")}
    got = {how: rows(read.window(rl.tumbling(10), by="k", fill=how).agg(**aggs)) for how in HOW}
    head = [(0, 10, "a", 1, 1, "a"), (0, 10, "b", 1, 10, "b"), (10, 20, "a", 1, 2, "a")]
    tail = [(40, 50, "a", 1, 8, "a"), (40, 50, "b", 1, 20, "b")]

    def between(*values):
        keys = [(10, 20, "b"), (20, 30, "a"), (20, 30, "b"), (30, 40, "a"), (30, 40, "b")]
        return [(*key, 0, *value) for key, value in zip(keys, values, strict=True)]

    assert got["null"] == head + between(*[(None, None)] * 5) + tail
    assert got["zero"] == head + between(*[(0, None)] * 5) + tail
    assert got["previous"] == head + between((10, "b"), (2, "a"), (10, "b"), (2, "a"), (10, "b")) + tail
    assert got["linear"] == head + between((12, None), (4, None), (15, None), (6, None), (18, None)) + tail


def test_a_key_that_stays_away_is_given_up_and_comes_again_at_the_end():
    read = bars((0, "a", 1), (0, "b", 1), *((t, "b", 1) for t in range(10, 60, 10)), (65, "a", 1), (66, "b", 1))
    got = rows(read.window(rl.tumbling(10), by="k", fill="null", max_fill=2).agg(n=rl.count()))
    assert [row[1:] for row in got] == [
        (10, "a", 1),
        (10, "b", 1),
        (20, "a", 0),
        (20, "b", 1),
        (30, "a", 0),
        (30, "b", 1),
        (40, "b", 1),
        (50, "b", 1),
        (60, "b", 1),
        (70, "b", 1),
        (70, "a", 1),
    ]


def test_without_keys_and_with_the_default_bound():
    read = bars((0, "a", 1), (20_000, "a", 3))
    got = rows(read.window(rl.tumbling(10), fill="previous").agg(n=rl.count(), x=rl.sum("x")))
    assert len(got) == 1002 and got[1000] == (10_000, 10_010, 0, 1) and got[1001] == (20_000, 20_010, 1, 3)
    got = rows(read.window(rl.tumbling(10), fill="linear").agg(x=rl.mean("x")))
    assert {row[2] for row in got[1:-1]} == {None}


def test_empty_stretches_of_centuries_cost_nothing():
    text = b"t,x\n1700-01-01T00:00:00,1\n2200-01-01T00:00:00,2\n"
    plan = rl.read_csv(text, time="t").window(rl.tumbling("1ms"), fill="zero", max_fill=50).agg(n=rl.count())
    assert sum(len(batch) for batch in plan) == 52
    ends = bars((-(2**62), "a", 1), (2**62, "a", 1))
    assert len(rows(ends.window(rl.tumbling(12), fill="null").agg(n=rl.count()))) == 1002
    last = bars((2**63 - 100, "a", 1), (2**63 - 50, "a", 1))
    assert [row[2] for row in rows(last.window(rl.tumbling(12), fill="null").agg(n=rl.count()))] == [1, 0, 0, 0, 1]


def test_fill_rows_come_as_time_passes():
    def batches():
        for t, k in [(0, "a"), (31, "b"), (32, "b"), (55, "b")]:
            yield {"t": [t], "k": [k], "x": [t]}

    it = iter(rl.from_batches(batches, time="t").window(rl.tumbling(10), by="k", fill="null").agg(n=rl.count()))
    assert [(row[0], *row[2:]) for row in next(it).rows()] == [(0, "a", 1), (10, "a", 0), (20, "a", 0)]
    assert [(row[0], *row[2:]) for row in next(it).rows()] == [(30, "a", 0), (30, "b", 2), (40, "a", 0), (40, "b", 0)]


def test_linear_results_wait_for_the_next_one_and_others_with_them():
    def batches():
        for t, k in [(0, "a"), (1, "b"), (11, "b"), (21, "b"), (31, "a"), (41, "b")]:
            yield {"t": [t], "k": [k], "x": [t]}

    def run(**options):
        it = iter(rl.from_batches(batches, time="t").window(rl.tumbling(10), by="k", **options).agg(x=rl.sum("x")))
        return [[(row[0], *row[2:]) for row in batch.rows()] for batch in it]

    assert run(fill="linear") == [
        [(0, "a", 0), (0, "b", 1)],
        [(10, "a", 10), (10, "b", 11)],
        [(20, "a", 21), (20, "b", 21)],
        [(30, "a", 31), (30, "b", 31)],
        [(40, "a", None), (40, "b", 41)],
    ]
    assert run(fill="linear", max_fill=1)[1] == [(10, "a", None), (10, "b", 11)]


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abc")), min_size=1), batch_rows, how, most)
def test_results_that_wait_can_be_windowed_and_grouped_again(pairs, batch_rows, how, most):
    schema = {"t": "timestamp[s]", "k": "string", "x": "int64"}

    def run(rows_of, after):
        at = [(datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=t), k, t) for t, k in sorted(pairs)]
        read = bars(*at, schema=schema, batch_rows=rows_of)
        inner = read.window(rl.tumbling("10s"), by="k", fill=how, max_fill=most).agg(x=rl.sum("x"))
        return rows(after(inner).agg(x=rl.sum("x"), n=rl.count()))

    for after in (
        lambda inner: inner.window(rl.hopping("30s", "10s"), by="k"),
        lambda inner: inner.group_by("k", every="20s"),
    ):
        assert run(batch_rows, after) == run(100, after)


def test_every_type():
    moment = datetime.datetime(2024, 1, 1)
    columns = {
        "t": pa.array([0, 35], pa.int64()),
        "u8": pa.array([250, 7], pa.uint8()),
        "u64": pa.array([2**64 - 1, 0], pa.uint64()),
        "f32": pa.array([1.0, 2.0], pa.float32()),
        "dec": pa.array([Decimal("1.00"), Decimal("2.50")], pa.decimal128(10, 2)),
        "dur": pa.array([10, 20], pa.duration("s")),
        "ts": pa.array([moment, moment], pa.timestamp("us")),
        "b": pa.array([True, False]),
        "s": pa.array(["x", "y"]),
        "l": pa.array([[1], [2]], pa.list_(pa.int64())),
        "null": pa.array([None, 5], pa.int64()),
    }
    read = rl.from_arrow(pa.table(columns), time="t")
    aggs = {name: rl.first(name) for name in columns if name != "t"}
    want = {
        "null": [None] * 10,
        "zero": [0, 0, 0.0, Decimal("0.00"), 0, None, None, None, None, 0],
        "previous": [250, 2**64 - 1, 1.0, Decimal("1.00"), 10, 1704067200000000, True, "x", [1], None],
        "linear": [169, (2**64 - 1) // 3 * 2, 1 + 1 / 3, Decimal("1.50"), 13, None, None, None, None, None],
    }
    for how, values in want.items():
        plan = read.window(rl.tumbling(10), fill=how).agg(**aggs)
        assert plan.schema == read.window(rl.tumbling(10)).agg(**aggs).schema
        got = rows(plan)
        assert len(got) == 4
        for one, value in zip(got[1][2:], values, strict=True):
            assert one == (float(np.float32(value)) if isinstance(value, float) else value)


def test_floats_that_are_not_finite():
    read = bars((0, "a", 1e308), (20, "a", -1e308), (40, "a", math.inf), (60, "a", math.inf), (80, "a", math.nan))
    got = [row[2] for row in rows(read.window(rl.tumbling(10), fill="linear").agg(x=rl.first("x")))]
    assert got[1] == 0.0 and got[3] == math.inf
    assert all(math.isnan(value) for value in (got[5], got[7], got[8]))


def test_days_of_a_zone_that_skipped_one():
    zone = zoneinfo.ZoneInfo("Pacific/Apia")
    text = b"t\n2011-12-28T20:00Z\n2012-01-03T20:00Z\n"
    read = rl.read_csv(text, time="t", schema={"t": "timestamp[s, UTC]"})
    for size, closed in [(1, "left"), (2, "left"), (2, "right"), (2, "both"), (1, "both")]:
        spec = rl.hopping(f"{size}d", "1d", tz="Pacific/Apia", closed=closed)
        plain = read.window(spec).agg(n=rl.count())
        got = dicts(read.window(spec, fill="null").agg(n=rl.count()))
        seconds = [row["window_start"] for row in dicts(plain)]
        of = calendar("d", size, 1, zone, closed=closed)
        hours = range(min(seconds) - 86_400, max(seconds) + 4 * 86_400, 1800)
        windows = sorted({edges for t in hours for edges in of(t)}, key=lambda edges: (edges[1], edges[0]))
        stamps = [1325102400, 1325620800]
        shape = {"how": "null", "most": 1000, "by": [], "types": {"n": "count"}}
        assert got == fill(dicts(plain), windows, watermark=stamps[1], closed=closed, **shape)
        assert len(got) >= 6


def test_months():
    text = b"t\n2024-01-31T12:00Z\n2024-06-01T12:00Z\n"
    plan = rl.read_csv(text, time="t").window(rl.tumbling("1mo", tz="Europe/Berlin", label="right"), fill="zero")
    ends = [str(end)[:16] for batch in plan.agg(n=rl.count()) for end in batch["window_end"]]
    assert ends == [
        "2024-01-31T23:00",
        "2024-02-29T23:00",
        "2024-03-31T22:00",
        "2024-04-30T22:00",
        "2024-05-31T22:00",
        "2024-06-30T22:00",
    ]


def test_keys_are_forgotten_and_their_numbers_given_to_others():
    count = 20_000
    data = {"t": np.arange(count), "k": [f"key {n}" for n in range(count)], "x": np.arange(count)}
    read = rl.from_batches([data], time="t", batch_rows=500)
    it = iter(read.window(rl.tumbling(10), by="k", fill="previous", max_fill=2).agg(x=rl.sum("x")))
    most, got = 0, []
    for batch in it:
        most = max(most, list(it.stats)[-1]["state_bytes"])
        got += batch.rows()
    assert len(got) == 10 * 3 * (count // 10 - 2) + 30 and most < 1_000_000
    assert all(key == f"key {x}" for _, _, key, x in got)


def test_more_results_than_a_batch_has_rows():
    keys = np.tile(np.arange(1000), 2)
    data = {"t": np.repeat([0, 2000], 1000), "k": keys, "x": np.arange(2000)}
    read = rl.from_batches([data], time="t")
    for how in HOW:
        batches = list(read.window(rl.tumbling(10), by="k", fill=how).agg(x=rl.sum("x"), n=rl.count()))
        assert max(len(batch) for batch in batches) == 65_536
        assert sum(len(batch) for batch in batches) == 201_000
        got = np.concatenate([batch.floats("x") for batch in batches]).reshape(201, 1000)
        if how == "linear":
            assert (got == np.arange(1000) + np.arange(0, 1001, 5)[:, None]).all()


def test_what_waits_counts_as_state():
    data = {"t": np.arange(100_000), "k": ["a", *["b"] * 99_999]}
    read = rl.from_batches([data], time="t", batch_rows=1000)
    options = {"by": "k", "max_fill": 10**6, "max_state_bytes": 1_000_000}
    for how in HOW[:3]:
        assert sum(len(batch) for batch in read.window(rl.tumbling(1), fill=how, **options).agg(n=rl.count()))
    with pytest.raises(rl.StateLimitError, match="max_state_bytes"):
        list(read.window(rl.tumbling(1), fill="linear", **options).agg(n=rl.count()))


@given(tables, kind(), by, batch_rows, how)
def test_an_error_comes_after_the_results_of_the_rows_before_it(data, kind, by, batch_rows, how):
    spec, _ = kind

    def run(data, rows_of):
        plan = source(data, batch_rows=rows_of).window(spec, by=by or None, fill=how)
        it = iter(plan.agg(n=rl.count(), x=rl.sum("i")))
        got = []
        try:
            for batch in it:
                got += dicts([batch])
        except rl.LateRowError as error:
            return exact(got), error.row
        return exact(got), None

    assert run(data, batch_rows) == run(data, 100)


FAILURES = {
    "late": [(3, "a", 1)],
    "ahead": [(1000, "a", 1)],
    "bad": [(41, "a", "z")],
    "expression": [(41, "a", 0)],
    "sum of b": [(42, "b", 2**62), (43, "b", 2**62), (60, "a", 1)],
}


@pytest.mark.parametrize("failure", [*FAILURES.values(), None], ids=[*FAILURES, "exception"])
@pytest.mark.parametrize("how", HOW)
def test_an_error_comes_after_the_results_that_are_known_and_completes_none(how, failure):
    schema = {"t": "int64", "k": "string", "x": "int64"}

    def supplied():
        yield from [(1, "a", 1), (2, "b", 1), (10, "b", 1), (40, "a", 1), *(failure or ())]
        if failure is None:
            raise ZeroDivisionError

    def run(batch_rows, after=lambda plan: plan):
        read = rl.from_rows(supplied, time="t", schema=schema, batch_rows=batch_rows).with_columns(y=1 // rl.col("x"))
        plan = read.window(rl.tumbling(10), by="k", fill=how, max_ahead=100).agg(n=rl.count(), x=rl.sum("x"))
        got = []
        with pytest.raises((rl.Error, ZeroDivisionError)):
            for batch in after(plan):
                got += rows([batch])
        return [(row[0], *row[2:]) for row in got]

    last = {"null": None, "zero": 0}.get(how, 1)
    want = [(0, "a", 1, 1), (0, "b", 1, 1), (10, "a", 0, last), (10, "b", 1, 1)]
    want += [(t, k, 0, last) for t in (20, 30) for k in "ab"]
    closed = 3
    if failure is FAILURES["sum of b"]:
        # That of a, which comes before it, does fit, and so a line leads to it.
        want, closed = ([*want, (40, "a", 1, 1)], 4) if how != "linear" else (want[:5], 2)
    elif how == "linear":
        want, closed = want[:2], 1
    for cut in (1, 2, 3, 4, 100):
        assert run(cut) == want
        again = run(cut, lambda plan: plan.window(rl.tumbling(12)).agg(n=rl.sum("n")))
        assert again == [(0, 2), (12, 1), (24, 0), (36, 0)][:closed]


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
def test_an_error_parts_a_long_gap_where_a_key_is_not_known(batch_rows):
    last = 700_000
    data = [(0, "b", 0), (1, "a", 5), (last, "b", last), (last + 10, "c", 1), (3, "a", 1)]
    read = rl.from_rows(data, time="t", schema={"t": "int64", "k": "string", "x": "int64"}, batch_rows=batch_rows)
    got = []
    with pytest.raises(rl.LateRowError):
        for batch in read.window(rl.tumbling(10), by="k", fill="linear", max_fill=last).agg(x=rl.sum("x")):
            got += rows([batch])
    assert [(row[0], *row[2:]) for row in got] == [(0, "b", 0), (0, "a", 5), (10, "b", 10)]


@pytest.mark.parametrize("how", HOW)
def test_a_gap_of_a_billion_windows_is_filled_piece_by_piece(how):
    last = 10**9
    read = bars((0, "a", 1), (last, "a", last + 1), (last + 5, "a", 0))
    it = iter(read.window(rl.tumbling(1), fill=how, max_fill=last).agg(x=rl.sum("x"), n=rl.count()))
    found = []
    while len(found) < 3:
        batch = it.poll()
        assert list(it.stats)[-1]["state_bytes"] < 2_000_000
        found += [batch] if batch is not None and len(batch) else []
    stand_in = {"null": lambda t: None, "zero": lambda t: 0, "previous": lambda t: 1, "linear": lambda t: t + 1}[how]
    got = [row for batch in found for row in rows([batch])]
    assert max(map(len, found)) <= 65_536 and len(got) > 65_536
    assert got == [(0, 1, 1, 1), *((t, t + 1, stand_in(t), 0) for t in range(1, len(got)))]


@pytest.mark.parametrize(
    ("size", "step", "closed", "most", "batch_rows"),
    [(1, 1, "left", 24_000, 100), (1, 1, "left", 10**6, 1), (3, 2, "right", 38_000, 100), (2, 1, "both", 33_000, 2)],
)
def test_long_gaps_are_filled_as_the_oracle_does(size, step, closed, most, batch_rows):
    # Keys that are silent for as long as others, for longer, and to the end, and one that comes in the midst of it.
    times = {"a": (0, 35_000, 70_000), "b": (1, 40_000), "c": (2,), "d": (35_003,)}
    data = [{"t": t * step, "k": k, "x": t // 3} for k, all_of_it in times.items() for t in all_of_it]
    data.sort(key=lambda row: row["t"])
    read = rl.from_rows(data, time="t", batch_rows=batch_rows)
    plain, plan = (
        read.window(rl.hopping(size, step, closed=closed), by="k", **filled).agg(x=rl.sum("x"), n=rl.count())
        for filled in ({}, {"fill": "linear", "max_fill": most})
    )
    holding = fixed(size, step, 0, closed)
    options = {"how": "linear", "most": most, "by": ["k"], "types": {"x": "int", "n": "count"}}
    assert dicts(plan) == filled(dicts(plain), data, 0, holding, closed, **options)


def test_arguments():
    read = bars((0, "a", 1))
    with pytest.raises(rl.ArgumentError, match=r"fill must be .null., .zero., .previous. or .linear., not .none."):
        read.window(rl.tumbling(10), fill="none")
    with pytest.raises(rl.ArgumentTypeError, match=r"fill must be .*, not int"):
        read.window(rl.tumbling(10), fill=0)
    with pytest.raises(rl.ArgumentError, match="max_fill must be at least 1"):
        read.window(rl.tumbling(10), fill="null", max_fill=0)
    with pytest.raises(rl.ArgumentError, match="max_fill= bounds what fill= gives; set fill= too"):
        read.window(rl.tumbling(10), max_fill=10)
    for spec in (rl.session(10), rl.count(10)):
        with pytest.raises(rl.ArgumentError, match=r"fill=\"zero\": (session|count)\(10\) has no windows without rows"):
            read.window(spec, fill="zero")


def test_plans_are_values():
    stream = rl.read_csv(b"t,x\n1,1\n", time="t")
    plan = stream.window(rl.tumbling(10), fill="linear", max_fill=7).agg(n=rl.count())
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan != stream.window(rl.tumbling(10), fill="linear").agg(n=rl.count())
    assert repr(plan).endswith('.window(tumbling(10), fill="linear", max_fill=7).agg(n=count())')
    assert rows(pickle.loads(pickle.dumps(plan))) == rows(plan)
