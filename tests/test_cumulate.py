"""Expanding windows: against the oracle, and by example."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import cumulate, keep, stream, window
from reference_aggregates import Agg
from test_properties import CONDITIONS, aggregates, batch_rows, by, source, tables


@st.composite
def shapes(draw):
    step = draw(st.integers(1, 15))
    return {"size": step * draw(st.integers(1, 6)), "step": step, "offset": draw(st.integers(-50, 50))}


def spec(shape):
    return rl.cumulate(shape["size"], shape["step"], offset=shape["offset"])


def at(*times, **options):
    return rl.from_rows([{"t": t, "x": n} for n, t in enumerate(times)], time="t", **options)


def edges(plan):
    return rows(plan.agg(n=rl.count()))


@given(tables, shapes(), by, st.integers(0, 60), aggregates(), batch_rows)
def test_expanding_windows_are_those_of_the_oracle(data, shape, by, lateness, aggs, batch_rows):
    ours, theirs = aggs
    plan = source(data, batch_rows=batch_rows).window(spec(shape), by=by or None, lateness=lateness, late="keep")
    it = iter(plan.agg(**ours))
    want = cumulate(stream(data), theirs, by=by, lateness=lateness, **shape)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)
    last = list(it.stats)[-1]
    assert last["rows_in"] == len(data) == last["aggregated"] + last["late"]
    assert last["late"] == sum(row["_reason"] == "late" for row in want.late)
    assert last["partly_late"] == sum(row["_reason"] == "partly late" for row in want.late)


@given(tables, shapes(), by, aggregates(), batch_rows, st.sampled_from(sorted(CONDITIONS)))
def test_filters_before_expanding_windows(data, shape, by, aggs, batch_rows, condition):
    ours, theirs = aggs
    expression, predicate = CONDITIONS[condition]
    filtered = source(data, batch_rows=batch_rows).filter(expression)
    got = dicts(filtered.window(spec(shape), by=by or None, late="drop").agg(**ours))
    assert_rows(got, cumulate(keep(stream(data), predicate), theirs, by=by, **shape).rows)


@given(tables, shapes(), st.integers(1, 50), by, batch_rows)
def test_expanding_windows_can_be_windowed_again(data, shape, size, by, batch_rows):
    inner = source(data, batch_rows=batch_rows).window(spec(shape), by=by or None, late="drop").agg(n=rl.count())
    got = dicts(inner.window(rl.tumbling(size)).agg(n=rl.sum("n"), windows=rl.count()))
    middle = cumulate(stream(data), {"n": Agg("count")}, by=by, **shape)
    outer = {"n": Agg("sum", "n"), "windows": Agg("count")}
    assert_rows(got, window(middle.items, outer, size=size, time=lambda row: row["window_end"] - 1).rows)


def test_a_key_comes_out_of_every_window_from_its_first_row_on():
    data = [{"t": 0, "k": "a"}, {"t": 7, "k": "b"}, {"t": 14, "k": "c"}]
    plan = rl.from_rows(data, time="t").window(rl.cumulate(12, 4), by="k")
    assert edges(plan) == [
        (0, 4, "a", 1),
        (0, 8, "a", 1),
        (0, 8, "b", 1),
        (0, 12, "a", 1),
        (0, 12, "b", 1),
        (12, 16, "c", 1),
        (12, 20, "c", 1),
        (12, 24, "c", 1),
    ]


def test_a_row_misses_the_windows_that_have_closed_and_counts_in_those_that_are_open():
    plan = at(1, 6, 2, 9).window(rl.cumulate(9, 3), late="keep")
    it = iter(plan.agg(n=rl.count()))
    assert rows(it) == [(0, 3, 1), (0, 6, 1), (0, 9, 3), (9, 12, 1), (9, 15, 1), (9, 18, 1)]
    assert rows(it.late) == [(2, 2, "partly late", 2)]
    with pytest.raises(rl.LateRowError) as caught:
        edges(at(1, 6, 2).window(rl.cumulate(9, 3)))
    error = caught.value
    assert (error.time, error.watermark, error.missed) == (2, 6, 2)
    assert "lateness=4 or more" in str(error)
    assert edges(at(1, 6, 2).window(rl.cumulate(9, 3), lateness=4)) == [(0, 3, 2), (0, 6, 2), (0, 9, 3)]


def test_windows_before_1970_and_offsets():
    assert edges(at(-11, -4).window(rl.cumulate(10, 5))) == [(-20, -10, 1), (-10, 0, 1)]
    assert edges(at(-11).window(rl.cumulate(10, 5, offset=-1))) == [(-11, -6, 1), (-11, -1, 1)]
    assert edges(at(-11).window(rl.cumulate(10, 5, offset=19))) == [(-11, -6, 1), (-11, -1, 1)]


def test_weeks_start_on_monday():
    text = b"t,x\n2024-01-03T12:00:00,1\n"
    plan = rl.read_csv(text, time="t").window(rl.cumulate("1w", "1d")).agg(n=rl.count())
    found = [str(start)[:10] for batch in plan for start in batch["window_start"]]
    assert found == ["2024-01-01"] * 5


def test_empty_stretches_of_years_cost_nothing():
    text = b"t,x\n1700-01-01T00:00:00,1\n2200-01-01T00:00:00,2\n"
    plan = rl.read_csv(text, time="t").window(rl.cumulate("1s", "1ms")).agg(n=rl.count())
    assert sum(len(batch) for batch in plan) == 2000


def test_times_near_the_ends_of_their_range():
    ends = rl.from_rows([{"t": -(2**62), "x": 1}, {"t": 2**62, "x": 1}], time="t")
    assert len(edges(ends.window(rl.cumulate(12, 4, offset=7)))) in range(2, 7)
    with pytest.raises(rl.ResultOverflowError):
        edges(at(2**63 - 1).window(rl.cumulate(12, 4)))
    with pytest.raises(rl.ResultOverflowError):
        edges(at(-(2**63)).window(rl.cumulate(12, 4)))


def test_arguments():
    assert repr(rl.cumulate("1d", "1h")) == 'cumulate("1d", "1h")'
    assert repr(rl.cumulate(10, 5, offset=1)) == "cumulate(10, 5, offset=1)"
    assert rl.cumulate("60s", "1s") == rl.cumulate("1m", "1s") != rl.cumulate("1m", "2s")
    for size, step in [(10, 3), ("1h", "7m"), ("1d", "5h"), ("1w", "2d"), (5, 10)]:
        with pytest.raises(
            rl.ArgumentError, match=r"size=.* is not a multiple of step=.*; windows expand in whole steps"
        ):
            rl.cumulate(size, step)
    with pytest.raises(rl.ArgumentError, match="step=0"):
        rl.cumulate(10, 0)
    with pytest.raises(rl.ArgumentError, match="size=-5"):
        rl.cumulate(-5, 1)
    with pytest.raises(rl.ArgumentTypeError, match="step must be"):
        rl.cumulate(10, 1.5)
    stamped = rl.read_csv(b"t,x\n2024-01-03T12:00:00,1\n", time="t")
    with pytest.raises(rl.ArgumentError, match="is not a multiple of step"):
        _ = stamped.window(rl.cumulate(10, "1s")).agg(n=rl.count()).schema
    with pytest.raises(rl.ArgumentError, match="finer"):
        _ = stamped.window(rl.cumulate("1s", "1ns")).agg(n=rl.count()).schema


def test_plans_are_values():
    stream = rl.read_csv(b"t\n1\n", time="t")
    plan = stream.window(rl.cumulate(10, 5, offset=3)).agg(n=rl.count())
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan != stream.window(rl.cumulate(10, 5)).agg(n=rl.count())
    assert repr(plan).endswith(".window(cumulate(10, 5, offset=3)).agg(n=count())")
    assert rows(pickle.loads(pickle.dumps(plan))) == rows(plan)
