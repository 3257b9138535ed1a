"""Rows whose time is too far ahead: against the oracle, and by example."""

import datetime
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact
from reference import Mark, guard, keep, rolling, stream, window
from reference_several import several
from test_properties import CONDITIONS, aggregates, as_csv, batch_rows, by, shapes, source, spec, tables
from test_pushed import marks, pushed
from test_several import kinds

N = {"n": rl.count()}
lengths = st.integers(1, 80)
lateness = st.integers(0, 60)


def at(*times, **options):
    return rl.from_rows([{"t": t, "x": n} for n, t in enumerate(times)], time="t", **options)


def starts(plan):
    return [row["window_start"] for row in dicts(plan)]


# ------------------------------------------------------------------- oracle


@given(tables, shapes, by, lateness, lengths, aggregates(), batch_rows, st.none() | st.sampled_from(sorted(CONDITIONS)))
def test_windows_are_those_of_the_rows_that_pass(data, shape, by, lateness, most, aggs, batch_rows, condition):
    expression, predicate = CONDITIONS[condition] if condition else (rl.lit(True), lambda row: True)
    plan = source(data, batch_rows=batch_rows).filter(expression)
    options = {"late": "drop", "lateness": lateness, "max_ahead": most, "ahead": "keep"}
    it = iter(plan.window(spec(shape), by=by or None, **options).agg(**aggs[0]))
    passed, ahead = guard(data, most)
    items = keep(stream(passed), predicate)
    assert_rows(dicts(it), window(items, aggs[1], by=by, lateness=lateness, **shape).rows)
    assert exact(dicts(it.late)) == exact(ahead)
    judge = list(it.stats)[1]
    assert (judge["rows_in"], judge["passed"], judge["ahead"]) == (len(data), len(passed), len(ahead))
    assert judge["held"] == 0


@given(tables, kinds(), by, lateness, lengths, aggregates(), batch_rows)
def test_several_windows_are_those_of_the_rows_that_pass(data, kinds, by, lateness, most, aggs, batch_rows):
    (ours, theirs), (specs, holdings) = aggs, kinds
    options = {"late": "drop", "lateness": lateness, "max_ahead": most, "ahead": "keep"}
    it = iter(source(data, batch_rows=batch_rows).windows(specs, by=by or None, **options).agg(**ours))
    passed, ahead = guard(data, most)
    assert_rows(dicts(it), several(stream(passed), theirs, kinds=holdings, by=by, lateness=lateness).rows)
    assert exact(dicts(it.late)) == exact(ahead)


@given(tables, by, lateness, lengths, aggregates(), batch_rows)
def test_rolling_windows_are_those_of_the_rows_that_pass(data, by, lateness, most, aggs, batch_rows):
    plan = source(data, batch_rows=batch_rows)
    options = {"late": "drop", "lateness": lateness, "max_ahead": most, "ahead": "drop"}
    got = dicts(plan.rolling(9, by=by or None, **options).agg(**aggs[0]))
    want = rolling(stream(guard(data, most)[0]), aggs[1], size=9, by=by, lateness=lateness)
    assert_rows(got, want.rows)


@given(tables, shapes, lengths, aggregates(), batch_rows)
def test_a_time_of_its_own_is_judged_behind_filters(data, shape, most, aggs, batch_rows):
    expression, predicate = CONDITIONS["i > 0"]
    plan = source(data, batch_rows=batch_rows).filter(expression)
    options = {"time": rl.col("t") * -1, "late": "drop", "max_ahead": most, "ahead": "keep"}
    it = iter(plan.window(spec(shape), **options).agg(**aggs[0]))
    kept = [row for row in data if predicate(row) is True]
    passed, ahead = guard(kept, most, time=lambda row: -row["t"])
    turned = [row | {"minus": -row["t"]} for row in passed]
    want = window(stream(turned, "minus"), aggs[1], time="minus", **shape)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(ahead)


@given(tables, shapes, by, lateness, lengths, aggregates(), marks)
def test_what_advances_by_hand_is_known_to_the_guard(data, shape, by, lateness, most, aggs, marks):
    options = {"late": "drop", "lateness": lateness, "max_ahead": most, "ahead": "keep"}
    op = pushed().window(spec(shape), by=by or None, **options).agg(**aggs[0]).operator()
    items, out = [], []
    for at, row in enumerate([*data, None]):
        if at in marks:
            items.append(Mark(marks[at]))
            out += dicts(op.advance(marks[at]))
        if row:
            items.append(row)
            out += dicts(op.push({name: [value] for name, value in row.items()}))
    out += dicts(op.finish())
    passed, ahead = guard(items, most)
    assert_rows(out, window(stream(passed), aggs[1], by=by, lateness=lateness, **shape).rows)
    assert exact(dicts(op.late)) == exact(ahead)


@given(tables, shapes, lengths, batch_rows, batch_rows, st.sampled_from([1, 2, 5]))
def test_the_error_and_the_rows_before_it_depend_on_no_cut(data, shape, most, one, other, threads):
    def run(batch_rows, threads):
        read = rl.read_csv(as_csv(data), time="t", schema={"t": "int64"}, batch_rows=batch_rows, threads=threads)
        it, got = iter(read.window(spec(shape), late="drop", max_ahead=most).agg(**N)), []
        try:
            got.extend(row for batch in it for row in batch.rows())
        except rl.AheadRowError as error:
            return got, (error.row, error.line, error.time, error.mark, error.set_by_row, error.max_ahead)
        return got, None

    got, error = run(one, 1)
    assert run(other, threads) == (got, error)
    ahead = guard(data, most)[1]
    assert (error is None) == (not ahead)
    if error:
        first = next(n for n, row in enumerate(data) if guard(data[: n + 1], most)[1])
        before = [row["t"] for row in data[:first]]
        assert error[:1] + error[2:5] == (first, data[first]["t"], max(before), before.index(max(before)))
        assert error[5] == data[first]["t"] - max(before)


@given(tables, lengths, batch_rows)
def test_the_ledger_balances_after_every_poll(data, most, batch_rows):
    plan = source(data, batch_rows=batch_rows).window(rl.tumbling(10), late="drop", max_ahead=most)
    it = iter(plan.agg(**N))
    try:
        while True:
            it.poll()
            stage = list(it.stats)[1]
            assert stage["rows_in"] == stage["passed"] + stage["held"] + stage["ahead"]
    except (StopIteration, rl.AheadRowError):
        stage = list(it.stats)[1]
        assert stage["rows_in"] == stage["passed"] + stage["held"] + stage["ahead"]


# ----------------------------------------------------------------- examples


def test_one_row_from_the_year_9999_makes_nothing_late():
    data = b"t,x\n2024-01-01T00:00,1\n9999-01-01T00:00,2\n2024-01-01T00:01,3\n"
    read = rl.read_csv(data, time="t")
    with pytest.raises(rl.LateRowError):
        dicts(read.window(rl.tumbling("1m")).agg(**N))
    it = iter(read.window(rl.tumbling("1m"), max_ahead="1d", ahead="keep").agg(s=rl.sum("x")))
    assert [row["s"] for row in dicts(it)] == [1, 3]
    (batch,) = it.late
    assert batch["x"].tolist() == [2] and [row[2:] for row in batch.rows()] == [("ahead", 0)]
    assert list(it.late) == []


def test_the_error_says_what_to_do():
    data = b"t,x\n2024-01-01T00:00,1\n2024-01-01T00:00:30,1\n2024-03-01T00:00,2\n"
    plan = rl.read_csv(data, time="t").window(rl.tumbling("1m"), max_ahead="1d").agg(**N)
    with pytest.raises(rl.AheadRowError) as caught:
        dicts(plan)
    error = caught.value
    assert str(error) == (
        "<bytes>, line 4, byte 45: the row of 2024-03-01T00:00:00 is far ahead of 2024-01-01T00:00:30 "
        "(<bytes>, line 3, byte 23), the latest before it; set max_ahead=\"1440h\" or more to take it, "
        "or ahead=\"drop\" or \"keep\" to go on without such rows"
    )
    assert error.time == np.datetime64("2024-03-01T00:00:00") and error.mark == np.datetime64("2024-01-01T00:00:30")
    assert (error.line, error.row, error.set_by_line, error.set_by_row) == (4, 2, 3, 1)
    assert isinstance(error, rl.DataError) and pickle.loads(pickle.dumps(error)).max_ahead == error.max_ahead


def advanced(first, **options):
    """An operator with a guard, advanced to 1000 behind these rows."""
    plan = rl.from_push({"t": "int64", "x": "int64"}, time="t").window(rl.tumbling(10), max_ahead=10, **options)
    op = plan.agg(**N).operator()
    out = [op.push_row(t, 1) for t in first]
    assert sum(map(len, out)) == 0
    return op, op.advance(1000)


def test_rows_are_judged_by_what_advances_by_hand():
    op, batches = advanced([1], ahead="drop", late="drop")
    assert [row for batch in batches for row in batch.rows()] == [(0, 10, 1)]
    assert [op.push_row(t, 1) for t in (1000, 1010, 1021, 11)] == [[], [(1000, 1010, 1)], [], []]
    assert [row for batch in op.finish() for row in batch.rows()] == [(1010, 1020, 1)]
    assert (list(op.stats)[1]["ahead"], list(op.stats)[-1]["late"]) == (1, 1)


def test_no_row_but_the_first_may_be_ahead_of_what_advances_by_hand():
    op, _ = advanced([])
    with pytest.raises(rl.AheadRowError, match=r"5000 is far ahead of 1000 \(advance\(\)\)"):
        op.push_row(5000, 1)


def test_the_error_names_what_advanced_by_hand():
    op, _ = advanced([1])
    with pytest.raises(rl.AheadRowError) as caught:
        op.push_row(1011, 1)
    assert (caught.value.mark, caught.value.max_ahead) == (1000, 11) and "(advance())" in str(caught.value)


def test_a_time_of_its_own_does_not_advance_by_hand():
    plan = rl.from_push({"t": "int64", "x": "int64"}, time="t").window(rl.tumbling(10), time="x", max_ahead=10)
    op = plan.agg(**N).operator()
    assert op.push_row(1, 1) == [] and op.advance(1000) == []
    with pytest.raises(rl.AheadRowError, match="1000 is far ahead of 1 "):
        op.push_row(1000, 1000)


def test_the_limit_itself_is_not_ahead_and_the_first_row_never_is():
    assert starts(at(500, 510).window(rl.tumbling(10), max_ahead=10).agg(**N)) == [500, 510]
    with pytest.raises(rl.AheadRowError):
        starts(at(500, 511).window(rl.tumbling(10), max_ahead=10).agg(**N))


def test_rows_ahead_do_not_move_the_mark_for_one_another():
    plan = at(0, 50, 60, 5, 9, 19).window(rl.tumbling(10), max_ahead=10, ahead="drop").agg(**N)
    assert starts(plan) == [0, 10]


def test_the_ends_of_time():
    low, high = -(2**63) + 100, 2**63 - 100
    it = iter(at(low, high, low + 1).window(rl.tumbling(10), max_ahead=2**62, ahead="drop").agg(**N))
    assert [row["n"] for row in dicts(it)] == [2]
    assert starts(at(high - 9, high).window(rl.tumbling(10), max_ahead=2**62).agg(**N))


def test_a_row_that_a_filter_leaves_out_is_judged_too():
    plan = at(0, 900, 1).filter(rl.col("t") < 100).window(rl.tumbling(10), max_ahead=10)
    with pytest.raises(rl.AheadRowError):
        dicts(plan.agg(**N))


def test_what_map_batches_gives_is_judged_behind_it():
    plan = at(0, 1, 2).map_batches(lambda batch: {"t": batch["t"] ** 5, "x": batch["x"]})
    with pytest.raises(rl.AheadRowError, match="far ahead of 1"):
        dicts(plan.window(rl.tumbling(10), max_ahead=10).agg(**N))


def test_rows_kept_are_bounded_and_have_the_columns_of_the_source():
    plan = at(0, *[99] * 9).select("t").window(rl.tumbling(10), max_ahead=10, ahead="keep", max_kept=5)
    it = iter(plan.agg(**N))
    with pytest.raises(rl.KeptRowsError, match="ahead=\"drop\"") as caught:
        dicts(it)
    assert caught.value.row == 6
    assert [list(row) for row in dicts(it.late)] == [["t", "x", "_reason", "_missed"]] * 5


def test_late_and_ahead_are_both_kept():
    plan = at(15, 99, 2, 16).window(rl.tumbling(10), late="keep", max_ahead=10, ahead="keep").agg(**N)
    it = iter(plan)
    assert starts(it) == [10]
    assert sorted((row["t"], row["_reason"]) for row in dicts(it.late)) == [(2, "late"), (99, "ahead")]


def test_the_tighter_of_two_holds():
    both = at(0, 30, 4, 12).rolling(5, max_ahead=20, ahead="drop").agg(y=rl.count())
    assert [row["t"] for row in dicts(both.window(rl.tumbling(5), time="t").agg(**N).limit(0))] == []
    plan = both.window(rl.tumbling(10), max_ahead=10, ahead="drop").agg(**N)
    assert [(row["window_start"], row["n"]) for row in dicts(plan)] == [(0, 2), (10, 1)]


@pytest.mark.parametrize(
    "options",
    [
        {"max_ahead": 0},
        {"max_ahead": -1},
        {"max_ahead": "a while"},
        {"max_ahead": datetime.timedelta(0)},
        {"max_ahead": 5, "ahead": "maybe"},
        {"ahead": "drop"},
    ],
)
def test_bad_arguments_are_errors_at_the_call(options):
    for make in (lambda: at(0).window(rl.tumbling(10), **options), lambda: at(0).rolling(10, **options)):
        with pytest.raises(rl.ArgumentError, match="ahead"):
            make()


def test_what_has_no_event_time_has_none_ahead():
    with pytest.raises(rl.ArgumentError, match="max_ahead"):
        at(0).rolling(rows=3, max_ahead=5)
    with pytest.raises(rl.ArgumentError, match="no event time"):
        _ = rl.from_rows([{"x": 1}]).window(rl.tumbling(5), max_ahead=5).agg(**N).schema


def test_windows_of_windows_are_guarded_where_they_begin():
    bars = at(0, 1).window(rl.tumbling(10)).agg(**N)
    with pytest.raises(rl.ArgumentError, match="results of windows"):
        _ = bars.window(rl.tumbling(20), max_ahead=5).agg(m=rl.sum("n")).schema
    guarded = at(0, 99, 11).window(rl.tumbling(10), max_ahead=15, ahead="drop").agg(**N)
    assert [row["m"] for row in dicts(guarded.window(rl.tumbling(20)).agg(m=rl.sum("n")))] == [2]


def test_a_plan_shows_it():
    plan = at(0).window(rl.tumbling(10), lateness=5, max_ahead="1h", ahead="keep").agg(**N)
    assert "lateness=5, max_ahead=\"1h\", ahead=\"keep\")" in repr(plan)
    assert plan != at(0).window(rl.tumbling(10), lateness=5).agg(**N)
    assert [row["name"] for row in iter(at(0).window(rl.tumbling(10), max_ahead=7).agg(**N)).stats][1] == "max_ahead=7"
