"""Event times of few bits: the edges of windows and what else is computed of them never wrap."""

import datetime as dt

import numpy as np
import pytest

import rillet as rl
from compare import exact, rows

KINDS = {
    "tumbling": lambda s: s.window(rl.tumbling(100), by="k"),
    "right": lambda s: s.window(rl.tumbling(100, closed="right"), by="k"),
    "both": lambda s: s.window(rl.hopping(100, 30, closed="both")),
    "labelled": lambda s: s.window(rl.hopping(200, 90, offset=-7, label="right")),
    "hopping": lambda s: s.window(rl.hopping(70_000, 35_000), by="k"),
    "cumulate": lambda s: s.window(rl.cumulate(300, 100)),
    "session": lambda s: s.window(rl.session(20), by="k"),
    "closed session": lambda s: s.window(rl.session(20, gap_closed=True), by="k"),
    "cut session": lambda s: s.window(rl.session(300, max_length=90), by="k"),
    "ended session": lambda s: s.window(rl.session(rl.col("x") + 200, until=rl.col("x") > 3)),
    "count": lambda s: s.window(rl.count(2, 1), by="k"),
    "filled": lambda s: s.window(rl.tumbling(30), by="k", fill="linear"),
    "early": lambda s: s.window(rl.hopping(100, 50), early=40),
    "refined": lambda s: s.window(rl.tumbling(100), refine_for=60, lateness=5),
    "several": lambda s: s.windows({"long": rl.tumbling(300), "short": rl.hopping(20, 10)}, by="k"),
    "rolling": lambda s: s.rolling(300, by="k"),
}
NARROW = ["int8", "int16", "int32", "uint8", "uint16", "uint32"]


def range_of(dtype):
    return (np.iinfo(dtype).min, np.iinfo(dtype).max)


def times_of(dtype):
    """Times at both ends of what such a column holds, and a few between."""
    first, last = range_of(dtype)
    return [first, first + 3, first + 7, first + 50, (first + last) // 2, last - 90, last - 5, last - 1, last]


def table(dtype, times):
    columns = {"t": dtype, "k": "string", "x": "int64"}
    data = [(t, "ab"[n % 2], n) for n, t in enumerate(times)]
    return rl.from_rows(data, time="t", schema=columns, batch_rows=2)


@pytest.fixture(params=NARROW)
def dtype(request):
    return request.param


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def aggregated(grouped):
    return grouped.agg(n=rl.count(), total=rl.sum("x"), latest=rl.last("x"))


def test_results_are_those_of_int64(kind, dtype):
    narrow, wide = (aggregated(kind(table(name, times_of(dtype)))) for name in (dtype, "int64"))
    assert exact(rows(narrow)) == exact(rows(wide))


def test_edges_of_integers_are_int64(kind, dtype):
    out = aggregated(kind(table(dtype, times_of(dtype))))
    computed = [name for name in ("window_start", "window_end") if name in out.schema]
    assert all(out.schema[name] == "int64" for name in computed)
    assert all(batch[name].dtype == np.int64 for batch in out for name in computed)


def test_rows_that_are_pushed_give_the_same(kind, dtype):
    stream = aggregated(kind(table(dtype, times_of(dtype))))
    op = aggregated(kind(rl.from_push({"t": dtype, "k": "string", "x": "int64"}, time="t"))).operator()
    out = [row for n, t in enumerate(times_of(dtype)) for row in op.push_row(t, "ab"[n % 2], n)]
    assert exact(out + [row for batch in op.finish() for row in batch.rows()]) == exact(rows(stream))


@pytest.mark.parametrize("time", [None, "window_end", "window_start"])
def test_windows_of_windows_go_on_in_int64(dtype, time):
    def chained(name):
        bars = table(name, times_of(dtype)).window(rl.tumbling(30)).agg(total=rl.sum("x"))
        return bars.window(rl.tumbling(1000), time=time).agg(total=rl.sum("total"))

    assert chained(dtype).schema["window_end"] == "int64"
    assert exact(rows(chained(dtype))) == exact(rows(chained("int64")))


def test_windows_of_narrow_times_merge_with_those_of_int64():
    bars = [table(name, [1, 5, 120]).window(rl.tumbling(100)).agg(n=rl.count()) for name in ("uint8", "int64")]
    assert rows(rl.merge(*bars)) == [(0, 100, 2), (0, 100, 2), (100, 200, 1), (100, 200, 1)]


def test_uint64_times_are_refused():
    with pytest.raises(rl.SchemaError, match="cast it to int64"):
        table("uint64", [1])


# -------------------------------------------------------------------- dates

LAST = 2**31 - 1
DAY = np.datetime64(0, "D")
DATED = [
    lambda s: s.window(rl.tumbling(10)),
    lambda s: s.window(rl.tumbling("1w", closed="right"), by="k"),
    lambda s: s.window(rl.hopping(20, 7)),
    lambda s: s.window(rl.cumulate(30, 10)),
    lambda s: s.window(rl.session(20)),
    lambda s: s.window(rl.session(20, gap_closed=True), by="k"),
    lambda s: s.window(rl.session(20, max_length=40)),
    lambda s: s.window(rl.session(rl.col("x") + 20)),
    lambda s: s.window(rl.tumbling(10), fill="null"),
    lambda s: s.window(rl.tumbling(10), early=3),
    lambda s: s.windows({"one": rl.tumbling(10), "other": rl.hopping(20, 5)}),
]


def dated(days):
    data = [{"t": np.array(days, "int32").astype("datetime64[D]"), "x": np.arange(len(days)), "k": ["a"] * len(days)}]
    return rl.from_batches(data, time="t", schema={"t": "date", "x": "int64", "k": "string"})


@pytest.mark.parametrize("kind", DATED)
def test_a_date_whose_window_ends_beyond_all_dates_is_an_error(kind):
    plan = kind(dated([0, 1, LAST - 2])).agg(n=rl.count())
    assert plan.schema.get("window_end") == "date"
    got = []
    with pytest.raises(rl.ResultOverflowError, match="so near the end of its range"):
        got += [row for batch in plan for row in batch.rows()]


@pytest.mark.parametrize("kind", DATED[:4])
def test_a_date_whose_window_starts_before_all_dates_is_an_error(kind):
    with pytest.raises(rl.ResultOverflowError, match="so near the end of its range"):
        list(kind(dated([-LAST])).agg(n=rl.count()))


def test_windows_of_dates_far_from_the_ends_are_theirs():
    plan = dated([0, 11, LAST - 100]).window(rl.tumbling(10), late="drop").agg(n=rl.count())
    starts = [start for batch in plan for start in batch["window_start"].astype("int64").tolist()]
    assert starts == [0, 10, (LAST - 100) // 10 * 10]


def test_a_length_beyond_all_dates_is_an_error():
    with pytest.raises(rl.ArgumentError, match="out of the range of a window"):
        _ = dated([0]).window(rl.tumbling(2**31)).agg(n=rl.count()).schema


def test_dates_do_not_advance_beyond_themselves():
    op = rl.from_push({"t": "date"}, time="t").group_by(every="7d").agg(n=rl.count()).operator()
    assert op.push_row(dt.date(1970, 1, 2)) == []
    with pytest.raises(rl.ArgumentError, match="32 bits"):
        op.advance(LAST + 1)
    assert [row for batch in op.advance(LAST) for row in batch.rows()] == [(dt.date(1970, 1, 8), 1)]
