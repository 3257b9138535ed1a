"""Windows of rows: against the oracle, and by example."""

import io
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import count, keep, stream, window
from reference_aggregates import Agg
from test_properties import CONDITIONS, SCHEMA, aggregates, as_csv, batch_rows, by, source, tables

lengths = st.fixed_dictionaries({"size": st.integers(1, 7), "every": st.integers(1, 7)})
lateness = st.just(0) | st.integers(0, 60) | st.just(1000)


def spec(shape):
    return rl.count(shape["size"], shape["every"])


def numbered(plan):
    return rows(plan.agg(n=rl.count(), total=rl.sum("x")))


def arriving(n, **options):
    return rl.from_rows([{"x": 2**i} for i in range(n)], **options)


@given(tables, lengths, by, lateness, aggregates(), batch_rows)
def test_windows_of_rows_are_those_of_the_oracle(data, shape, by, lateness, aggs, batch_rows):
    ours, theirs = aggs
    plan = source(data, batch_rows=batch_rows).window(spec(shape), by=by or None, lateness=lateness, late="keep")
    it = iter(plan.agg(**ours))
    want = count(stream(data), theirs, by=by, lateness=lateness, **shape)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)
    last = list(it.stats)[-1]
    assert last["rows_in"] == len(data) == last["aggregated"] + last["late"] + last["windowless"]
    assert (last["late"], last["windowless"], last["held"]) == (len(want.late), want.windowless, 0)


@given(tables, lengths, by, aggregates(), batch_rows)
def test_without_event_time_rows_count_as_they_come(data, shape, by, aggs, batch_rows):
    ours, theirs = aggs
    plan = rl.from_rows(data, schema=SCHEMA, batch_rows=batch_rows).window(spec(shape), by=by or None)
    assert_rows(dicts(plan.agg(**ours)), count(data, theirs, by=by, time=None, **shape).rows)


@given(tables, lengths, by, aggregates(), batch_rows, lateness, st.sampled_from(sorted(CONDITIONS)))
def test_filters_before_windows_of_rows(data, shape, by, aggs, batch_rows, lateness, condition):
    ours, theirs = aggs
    expression, predicate = CONDITIONS[condition]
    filtered = source(data, batch_rows=batch_rows).filter(expression)
    got = dicts(filtered.window(spec(shape), by=by or None, lateness=lateness, late="drop").agg(**ours))
    assert_rows(got, count(keep(stream(data), predicate), theirs, by=by, lateness=lateness, **shape).rows)


@given(tables, lengths, by, lateness, aggregates(), st.lists(batch_rows, min_size=2, max_size=2), st.booleans())
def test_no_bit_depends_on_batches(data, shape, by, lateness, aggs, cuts, timed):
    ours, _ = aggs

    def run(rows_of, threads):
        time = "t" if timed else None
        read = rl.read_csv(io.BytesIO(as_csv(data)), time=time, schema=SCHEMA, batch_rows=rows_of, threads=threads)
        options = {"lateness": lateness, "late": "drop"} if timed else {}
        return exact(dicts(read.window(spec(shape), by=by or None, **options).agg(**ours)))

    assert run(cuts[0], 1) == run(cuts[1], 2)


@given(tables, lengths, by, st.randoms(use_true_random=False), aggregates())
def test_any_order_within_the_lateness_is_put_in_order(data, shape, by, random, aggs):
    ours, _ = aggs
    data = [row | {"t": n // 2} for n, row in enumerate(data)]  # at most two at a time
    shuffled = random.sample(data, len(data))
    shuffled.sort(key=lambda row: (row["t"] // 5, row["t"] if random.random() < 0.5 else 0))
    ties = {id(row): n for n, row in enumerate(shuffled)}
    in_order = sorted(shuffled, key=lambda row: (row["t"], ties[id(row)]))

    def run(rows, lateness):
        return exact(dicts(source(rows).window(spec(shape), by=by or None, lateness=lateness).agg(**ours)))

    assert run(shuffled, 10) == run(in_order, 0)


@given(tables, lengths, st.integers(1, 50), by, lateness, batch_rows)
def test_windows_of_rows_can_be_windowed_again(data, shape, size, by, lateness, batch_rows):
    plan = source(data, batch_rows=batch_rows).window(spec(shape), by=by or None, lateness=lateness, late="drop")
    inner = count(stream(data), {"n": Agg("count")}, by=by, lateness=lateness, **shape)
    got = dicts(plan.agg(n=rl.count()).window(rl.tumbling(size), by=by or None).agg(n=rl.sum("n"), all=rl.count()))
    outer = {"n": Agg("sum", "n"), "all": Agg("count")}
    assert_rows(got, window(inner.items, outer, by=by, size=size, time=lambda row: row.time).rows)


@given(tables, st.integers(1, 30), lengths, by, lateness, batch_rows)
def test_windows_of_rows_over_windows(data, size, shape, by, lateness, batch_rows):
    bars = source(data, batch_rows=batch_rows).window(rl.tumbling(size), by=by or None, late="drop")
    got = dicts(bars.agg(n=rl.count()).window(spec(shape), by=by or None, lateness=lateness).agg(n=rl.sum("n")))
    inner = window(stream(data), {"n": Agg("count")}, by=by, size=size)
    outer = count(
        inner.items,
        {"n": Agg("sum", "n")},
        by=by,
        lateness=lateness,
        time=lambda row: row["window_end"] - 1,
        **shape,
    )
    assert_rows(got, outer.rows)


@given(tables, lengths, aggregates(), st.integers(0, 14), batch_rows)
def test_a_window_knows_nothing_of_those_before_it(data, shape, aggs, cut, batch_rows):
    ours, _ = aggs
    cut = min(cut, len(data)) // (shape["every"] * 2) * shape["every"] * 2

    def run(rows):
        plan = rl.from_rows(rows, schema=SCHEMA, batch_rows=batch_rows).window(spec(shape))
        return dicts(plan.agg(**ours))

    whole = [row for row in run(data) if row["window_start"] >= cut]
    other = [row | {"x": 1e300, "i": -7} for row in data[:cut]] + data[cut:]
    assert exact(whole) == exact(row for row in run(other) if row["window_start"] >= cut)


def test_windows_number_the_rows_of_their_key():
    data = [{"k": k, "x": n} for n, k in enumerate("abaab")]
    plan = rl.from_rows(data).window(rl.count(2), by="k")
    assert numbered(plan) == [(0, 2, "a", 2, 2, True), (0, 2, "b", 2, 5, True), (2, 4, "a", 1, 3, False)]


def test_windows_overlap_or_leave_gaps():
    assert numbered(arriving(5).window(rl.count(3, 2))) == [
        (0, 3, 3, 7, True),
        (2, 5, 3, 28, True),
        (4, 7, 1, 16, False),
    ]
    it = iter(arriving(8).window(rl.count(2, 3)).agg(total=rl.sum("x")))
    assert rows(it) == [(0, 2, 3, True), (3, 5, 24, True), (6, 8, 192, True)]
    assert list(it.stats)[-1]["windowless"] == 2


def test_unfinished_windows_come_by_the_place_of_their_key():
    data = [{"k": k, "x": 1} for k in "abaabb" + "cab"]
    plan = rl.from_rows(data).window(rl.count(3), by="k")
    assert [row[2:] for row in numbered(plan)] == [
        ("a", 3, 3, True),
        ("b", 3, 3, True),
        ("c", 1, 1, False),
        ("a", 1, 1, False),
        ("b", 1, 1, False),
    ]


def test_limit_ends_windows_and_nothing_makes_none():
    assert numbered(arriving(9).limit(3).window(rl.count(2))) == [(0, 2, 2, 3, True), (2, 4, 1, 4, False)]
    assert numbered(rl.from_rows([], schema={"x": "int64"}).window(rl.count(2))) == []


def test_rows_wait_for_the_watermark():
    data = [{"t": t, "x": t} for t in (5, 3, 9, 4, 20)]
    plan = rl.from_rows(data, time="t", batch_rows=1).window(rl.count(2), lateness=5)
    it = iter(plan.agg(first=rl.first("x"), last=rl.last("x")))
    assert list(next(it).rows()) == [(0, 2, 3, 4, True)]
    last = list(it.stats)[-1]
    assert (last["aggregated"], last["held"]) == (2, 2)
    assert [row for batch in it for row in batch.rows()] == [(2, 4, 5, 9, True), (4, 6, 20, 20, False)]


def test_a_late_row_is_an_error_that_says_how_to_wait():
    data = [{"t": t, "x": t} for t in (5, 9, 6)]
    with pytest.raises(rl.LateRowError) as caught:
        numbered(rl.from_rows(data, time="t").window(rl.count(2)))
    error = caught.value
    assert (error.time, error.watermark, error.missed) == (6, 9, 1)
    assert "lateness=3 or more" in str(error)
    assert numbered(rl.from_rows(data, time="t").window(rl.count(2), lateness=3))[0] == (0, 2, 2, 11, True)
    with pytest.raises(rl.LateRowError):
        numbered(rl.from_rows(data, time="t").window(rl.count(2), lateness=2))


def test_results_before_an_error_come_first():
    data = [{"t": t, "x": t} for t in (1, 2, 3, 4, 0)]
    it = iter(rl.from_rows(data, time="t").window(rl.count(2)).agg(n=rl.count()))
    assert len(next(it)) == 2
    with pytest.raises(rl.LateRowError):
        next(it)


@pytest.mark.parametrize("windows", [rl.count(2), rl.count(2, 1)])
def test_a_result_that_does_not_fit_comes_after_those_before_it(windows):
    big = [{"x": 1}, {"x": 2}, {"x": 2**62}, {"x": 2**62}, {"x": 3}]
    it = iter(rl.from_rows(big).window(windows).agg(total=rl.sum("x")))
    assert next(it)["total"][0] == 3
    with pytest.raises(rl.ResultOverflowError, match="total in the window that ends at 4"):
        next(it)


def test_many_rows_and_keys_are_batches_of_the_usual_size():
    plan = rl.from_batches([{"k": list(range(1000)) * 50, "x": [1] * 50_000}] * 3).window(rl.count(4, 1), by="k")
    sizes = [len(batch) for batch in plan.agg(total=rl.sum("x"))]
    assert sum(sizes) == 1000 * 150
    assert max(sizes) <= 65_536


def test_open_windows_are_counted_and_limited():
    data = {"k": list(range(20_000)), "x": [1.0] * 20_000}
    plan = rl.from_batches([data, data, data]).window(rl.count(4, 2), by="k", max_state_bytes=10_000)
    with pytest.raises(rl.StateLimitError):
        list(plan.agg(total=rl.sum("x")))
    it = iter(rl.from_batches([{"x": [1] * 5}] * 2).window(rl.count(4, 2)).agg(n=rl.count()))
    next(it)
    last = list(it.stats)[-1]
    assert (last["open_windows"], last["live_keys"]) == (2, 1)


def test_types_of_the_columns():
    plan = rl.read_csv(b"t,k,x\n2024-01-01T00:00:00,a,1\n", time="t").window(rl.count(2), by="k")
    assert list(plan.agg(n=rl.count()).schema.items()) == [
        ("window_start", "int64"),
        ("window_end", "int64"),
        ("k", "string"),
        ("n", "int64"),
        ("complete", "bool"),
    ]


def test_count_is_an_aggregate_or_windows():
    assert isinstance(rl.count(), rl.Aggregate) and isinstance(rl.count("x"), rl.Aggregate)
    assert isinstance(rl.count(rl.col("x") + 1), rl.Aggregate) and isinstance(rl.count(column="x"), rl.Aggregate)
    assert isinstance(rl.count(100), rl.Windows) and isinstance(rl.count(100, every=10), rl.Windows)
    assert repr(rl.count(100)) == "count(100)" and repr(rl.count(100, 10)) == "count(100, 10)"
    assert rl.count(5) == rl.count(5, 5) != rl.count(5, 1)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: rl.count(0), rl.ArgumentError, "size must be at least 1"),
        (lambda: rl.count(5, -1), rl.ArgumentError, "every must be at least 1"),
        (lambda: rl.count(2**61), rl.ArgumentError, "a number of rows, from 1 to"),
        (lambda: rl.count(2**63 - 1), rl.ArgumentError, "size=9223372036854775807: it must be"),
        (lambda: rl.count(2**70), rl.ArgumentError, "fit in 64 bits"),
        (lambda: rl.count(5, 1.5), rl.ArgumentTypeError, "every must be an integer, not float"),
        (lambda: rl.count(5, True), rl.ArgumentTypeError, "every must be an integer, not bool"),
        (lambda: rl.count(1.5), rl.ArgumentTypeError, "not as float"),
        (lambda: rl.count(True), rl.ArgumentTypeError, "not as bool"),
        (lambda: rl.count(5, where="b"), rl.ArgumentTypeError, "have no where="),
        (lambda: rl.count("x", 5), rl.ArgumentTypeError, "every= is for windows of rows"),
        (lambda: rl.count(every=5), rl.ArgumentTypeError, "every= is for windows of rows"),
        (lambda: arriving(3).window(rl.count()), rl.ArgumentTypeError, "not Aggregate"),
        (lambda: arriving(3).group_by().agg(n=rl.count(3)), rl.ArgumentTypeError, "n= must be an aggregate"),
        (
            lambda: arriving(3).window(rl.count(3)).agg(complete=rl.count()),
            rl.ArgumentError,
            'two outputs named "complete"',
        ),
        (
            lambda: arriving(3).window(rl.count(3), by=rl.col("x").alias("complete")),
            rl.ArgumentError,
            'two outputs named "complete"',
        ),
        (
            lambda: arriving(3).window(rl.count(3), lateness=5).agg(n=rl.count()).schema,
            rl.ArgumentError,
            "there is no event time",
        ),
        (
            lambda: arriving(3).window(rl.count(3)).agg(n=rl.count()).window(rl.tumbling(5)).agg(n=rl.count()).schema,
            rl.ArgumentError,
            "there is no event time",
        ),
    ],
)
def test_errors(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)


def test_complete_is_a_name_like_others_elsewhere():
    plan = rl.from_rows([{"t": 1, "x": 2}], time="t").window(rl.tumbling(5)).agg(complete=rl.count())
    assert rows(plan) == [(0, 5, 1)]


def test_plans_are_values():
    plan = rl.read_csv(b"x\n1\n2\n3\n").window(rl.count(2, 1)).agg(n=rl.count())
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan != rl.read_csv(b"x\n1\n2\n3\n").window(rl.count(2)).agg(n=rl.count())
    assert repr(plan).endswith(".window(count(2, 1)).agg(n=count())")
    assert rows(pickle.loads(pickle.dumps(plan))) == rows(plan) == [(0, 2, 2, True), (1, 3, 2, True), (2, 4, 1, False)]


def test_windows_of_rows_of_a_time_of_their_own():
    data = [{"t": 1, "u": u, "x": u} for u in (5, 3, 4)]
    plan = rl.from_rows(data, time="t").window(rl.count(2), time="u", lateness=2)
    assert [row[3] for row in numbered(plan)] == [7, 5]
