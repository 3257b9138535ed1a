"""Session windows: against the oracle, and by example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact
from reference import keep, session, stream
from reference_aggregates import Agg
from test_properties import CONDITIONS, SCHEMA, aggregates, batch_rows, by, row, source, tables

gaps = st.integers(1, 40)


@st.composite
def nearly_in_order(draw):
    """Rows in order of time, or all but one of them."""
    rows = sorted(draw(st.lists(row, max_size=40)), key=lambda row: row["t"])
    if rows and draw(st.booleans()):
        rows.append(rows.pop(draw(st.integers(0, len(rows) - 1))))
    return rows


def visits(plan, gap, **options):
    return dicts(plan.window(rl.session(gap), **options).agg(n=rl.count(), first=rl.first("x"), last=rl.last("x")))


def edges(rows):
    return [(row["window_start"], row["window_end"], row["n"]) for row in rows]


def at(*times):
    return rl.from_rows([{"t": t, "x": n} for n, t in enumerate(times)], time="t")


@given(tables | nearly_in_order(), gaps, st.booleans(), by, st.integers(0, 60), aggregates(), batch_rows)
def test_sessions_are_those_of_the_oracle(data, gap, gap_closed, by, lateness, aggs, batch_rows):
    ours, theirs = aggs
    windows = rl.session(gap, gap_closed=gap_closed)
    plan = source(data, batch_rows=batch_rows).window(windows, by=by or None, lateness=lateness, late="keep")
    it = iter(plan.agg(**ours))
    want = session(stream(data), theirs, gap=gap, gap_closed=gap_closed, by=by, lateness=lateness)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)
    last = list(it.stats)[-1]
    assert last["rows_in"] == len(data) == last["aggregated"] + last["late"]
    assert last["partly_late"] == sum(row["_reason"] == "partly late" for row in want.late)


@given(tables, gaps, by, aggregates(), batch_rows, st.sampled_from(sorted(CONDITIONS)))
def test_filters_before_sessions(data, gap, by, aggs, batch_rows, condition):
    ours, theirs = aggs
    expression, predicate = CONDITIONS[condition]
    plan = source(data, batch_rows=batch_rows).filter(expression)
    got = dicts(plan.window(rl.session(gap), by=by or None, late="drop").agg(**ours))
    assert_rows(got, session(keep(stream(data), predicate), theirs, gap=gap, by=by).rows)


@given(tables, gaps, st.integers(1, 50), by, batch_rows)
def test_sessions_can_be_windowed_again(data, gap, size, by, batch_rows):
    inner = source(data, batch_rows=batch_rows).window(rl.session(gap), by=by or None, late="drop").agg(n=rl.count())
    got = dicts(inner.window(rl.tumbling(size)).agg(n=rl.sum("n"), sessions=rl.count()))
    sessions = session(stream(data), {"n": Agg("count")}, gap=gap, by=by)
    assert sum(row["n"] for row in got) == sum(row["n"] for row in sessions.rows)
    assert sum(row["sessions"] for row in got) == len(sessions.rows)


def test_a_row_exactly_the_gap_later_starts_a_session():
    assert edges(visits(at(0, 10, 19), 10)) == [(0, 10, 1), (10, 29, 2)]
    plan = at(0, 10, 20).window(rl.session(10, gap_closed=True)).agg(n=rl.count())
    assert edges(dicts(plan)) == [(0, 30, 3)]
    plan = at(0, 11).window(rl.session(10, gap_closed=True)).agg(n=rl.count())
    assert edges(dicts(plan)) == [(0, 10, 1), (11, 21, 1)]


def test_a_row_between_two_sessions_joins_them():
    assert edges(visits(at(0, 15, 8), 10, lateness=30)) == [(0, 25, 3)]
    [row] = visits(at(0, 15, 8), 10, lateness=30)
    assert (row["first"], row["last"]) == (0, 1)


def test_a_row_behind_the_watermark_still_extends_an_open_session():
    assert edges(visits(at(0, 9, 3, 18), 10)) == [(0, 28, 4)]


def test_a_row_that_missed_its_session_is_an_error_that_says_how_to_wait():
    with pytest.raises(rl.LateRowError) as caught:
        visits(at(0, 100, 5), 10)
    error = caught.value
    assert (error.time, error.watermark, error.missed) == (5, 100, 1)
    assert "lateness=91 or more" in str(error)
    assert edges(visits(at(0, 100, 5), 10, lateness=91)) == [(0, 15, 2), (100, 110, 1)]
    with pytest.raises(rl.LateRowError):
        visits(at(0, 100, 5), 10, lateness=90)


def first_late(times, gap, lateness):
    """The error of the first row that is late; `None` if none is."""
    try:
        visits(at(*times), gap, lateness=lateness)
    except rl.LateRowError as error:
        return error


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(1, 9), st.integers(0, 15))
def test_the_lateness_that_a_late_row_asks_for_is_enough(times, gap, lateness):
    while late := first_late(times, gap, lateness):
        assert late.lateness > lateness
        lateness = late.lateness
        then = first_late(times, gap, lateness)
        assert then is None or then.row > late.row


def test_sessions_of_keys_that_fell_silent_go_out_at_once():
    rows = [{"t": t, "k": k} for t, k in [(0, "a"), (1, "b"), (2, "c"), (50, "d")]]
    it = iter(rl.from_rows(rows, time="t", batch_rows=4).window(rl.session(10), by="k").agg(n=rl.count()))
    assert list(next(it)["k"]) == ["a", "b", "c"]
    stats = list(it.stats)[-1]
    assert (stats["open_windows"], stats["live_keys"]) == (1, 1)


def test_keys_come_and_go_without_end():
    def rows():
        for wave in range(30):
            for i in range(2000):
                yield {"t": wave * 1000, "k": f"key {wave * 2000 + i}"}

    it = iter(rl.from_rows(rows(), time="t", batch_rows=1000).window(rl.session(10), by="k").agg(n=rl.count()))
    assert sum(int(batch["n"].sum()) for batch in it) == 60_000
    assert list(it.stats)[-1]["state_bytes"] < 2_000_000


def test_a_key_is_not_forgotten_while_rows_could_miss_its_session():
    rows = [{"t": 0, "k": k} for k in range(2000)] + [{"t": 10, "k": -1}]
    rows += [{"t": 5, "k": 7}]  # In a batch of its own, when 2,000 keys have no open session.
    plan = rl.from_rows(rows, time="t", batch_rows=2001).window(rl.session(10), by="k", late="keep")
    it = iter(plan.agg(n=rl.count()))
    assert sum(int(batch["n"].sum()) for batch in it) == 2001
    assert [(row["t"], row["k"], row["_reason"]) for row in dicts(it.late)] == [(5, 7, "late")]


def test_session_arguments():
    assert repr(rl.session("30m")) == 'session("30m")'
    assert repr(rl.session(5, gap_closed=True)) == "session(5, gap_closed=True)"
    assert rl.session("60s") == rl.session("1m") != rl.session("1m", gap_closed=True)
    with pytest.raises(rl.ArgumentError, match="gap=0"):
        rl.session(0)
    with pytest.raises(rl.ArgumentTypeError, match="gap_closed must be True or False, not str: 'x'"):
        rl.session(5, gap_closed="x")
    assert rl.session(5, gap_closed=np.bool_(True)) == rl.session(5, gap_closed=True)
    plan = rl.from_rows([], time="t", schema=SCHEMA).window(rl.session("5m")).agg(n=rl.count())
    with pytest.raises(rl.ArgumentError, match="without a unit"):
        _ = plan.schema


def test_a_result_that_does_not_fit_comes_after_those_before_it():
    rows = [{"t": 0, "x": 1}, {"t": 100, "x": 2**62}, {"t": 101, "x": 2**62}, {"t": 200, "x": 3}]
    it = iter(rl.from_rows(rows, time="t").window(rl.session(10)).agg(total=rl.sum("x")))
    assert list(next(it)["total"]) == [1]
    with pytest.raises(rl.ResultOverflowError, match="total"):
        next(it)
