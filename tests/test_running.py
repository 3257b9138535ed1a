"""Running results of groups: against the oracle, and by example."""

import pickle
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import keep, running, stream
from test_properties import CONDITIONS, SCHEMA, aggregates, batch_rows, by, tables

EPOCH = datetime(1970, 1, 1)
MICROS = SCHEMA | {"t": "timestamp[us]"}


def source(data, **options):
    """Rows whose times are microseconds: a length of time needs a unit."""
    rows = [row | {"t": EPOCH + timedelta(microseconds=row["t"])} for row in data]
    return rl.from_rows(rows, time="t", schema=MICROS, **options)


@given(tables, st.integers(1, 60), by, aggregates(), batch_rows)
def test_running_results_are_those_of_the_oracle(data, every, by, aggs, batch_rows):
    ours, theirs = aggs
    it = iter(source(data, batch_rows=batch_rows).group_by(*by, every=f"{every}us").agg(**ours))
    got = dicts(it)
    if by or data:
        assert_rows(got, running(stream(data), by, theirs, every=every))
    last = list(it.stats)[-1]
    assert (last["rows_in"], last["aggregated"], last["held"]) == (len(data), len(data), 0)


@given(tables, st.integers(1, 20), by, aggregates(), batch_rows)
def test_running_results_after_so_many_rows(data, every, by, aggs, batch_rows):
    ours, theirs = aggs
    plan = rl.from_rows(data, schema=SCHEMA, batch_rows=batch_rows).group_by(*by, every=every).agg(**ours)
    got = dicts(plan)
    if by or data:
        assert_rows(got, running(data, by, theirs, every=every, by_rows=True))


@given(tables, st.integers(1, 60), by, aggregates(), batch_rows, st.sampled_from(sorted(CONDITIONS)))
def test_filters_before_running_results(data, every, by, aggs, batch_rows, condition):
    ours, theirs = aggs
    expression, predicate = CONDITIONS[condition]
    filtered = source(data, batch_rows=batch_rows).filter(expression)
    got = dicts(filtered.group_by(*by, every=timedelta(microseconds=every)).agg(**ours))
    if by or keep(data, predicate):
        assert_rows(got, running(keep(stream(data), predicate), by, theirs, every=every))


@given(tables, st.integers(1, 30), st.integers(1, 60), by, st.lists(batch_rows, min_size=2, max_size=2))
def test_running_results_of_windows_do_not_depend_on_batches(data, size, every, by, cuts):
    def run(rows_of):
        bars = source(data, batch_rows=rows_of).window(rl.tumbling(size), by=by or None, late="drop")
        plan = bars.agg(n=rl.count(), x=rl.sum("x")).group_by(*by, every=f"{every}us")
        return exact(dicts(plan.agg(n=rl.sum("n"), x=rl.sum("x"))))

    assert run(cuts[0]) == run(cuts[1])


def test_results_come_on_the_way_and_once_at_the_end():
    text = b"t,k\n2024-01-01T00:10:00,a\n2024-01-01T00:50:00,b\n2024-01-01T03:00:00,a\n2024-01-01T03:10:00,a\n"
    plan = rl.read_csv(text, time="t").group_by("k", every="1h").agg(n=rl.count())
    assert next(iter(plan.schema.items())) == ("until", "timestamp[us]")
    out = [(None if t is None else str(t)[11:16], k, n) for batch in plan for t, k, n in batch.rows()]
    assert out == [("01:00", "a", 1), ("01:00", "b", 1), (None, "a", 3), (None, "b", 1)]


def test_results_are_handed_out_while_rows_arrive():
    def data():
        for x in range(1000):
            yield {"x": x}

    it = iter(rl.from_rows(data, batch_rows=1).group_by(every=3).agg(total=rl.sum("x")))
    assert list(next(it).rows()) == [(3, 3)]
    last = list(it.stats)[-1]
    assert last["rows_in"] == last["aggregated"] == 3


def test_a_sum_that_does_not_fit_comes_after_the_results_before_it():
    it = iter(rl.from_rows([{"x": 2**62}] * 4).group_by(every=1).agg(total=rl.sum("x")))
    assert list(next(it)["total"]) == [2**62]
    with pytest.raises(rl.ResultOverflowError, match="total of all rows"):
        next(it)
    assert list(it) == []


def test_arguments():
    stream = rl.from_rows([{"x": 1, "until": 2}])
    for every, says in [(0, "every=0"), (-5, "every=-5"), ("0s", "longer than nothing"), ("5 cats", "not a length")]:
        with pytest.raises(rl.ArgumentError, match=says):
            stream.group_by("x", every=every)
    for every in (1.5, True):
        with pytest.raises(rl.ArgumentTypeError, match="every must be"):
            stream.group_by("x", every=every)
    with pytest.raises(rl.ArgumentError, match='two outputs named "until"'):
        stream.group_by("until", every=5)
    with pytest.raises(rl.ArgumentError, match="there is no event time"):
        _ = stream.group_by("x", every="1h").agg(n=rl.count()).schema
    assert rows(stream.group_by("until").agg(n=rl.count())) == [(2, 1)]


def test_plans_are_values():
    stream = rl.read_csv(b"k,x\na,1\n")
    plan = stream.group_by("k", every=5).agg(n=rl.count())
    assert pickle.loads(pickle.dumps(plan)) == plan != stream.group_by("k").agg(n=rl.count())
    assert repr(plan).endswith('.group_by("k", every=5).agg(n=count())')
    assert repr(stream.group_by(every="90m").agg(n=rl.count())).endswith('.group_by(every="90m").agg(n=count())')
