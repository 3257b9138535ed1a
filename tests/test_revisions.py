"""Early, refined and final results of windows: against the oracle, and by example."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import keep, stream
from reference_revisions import expanding, revised
from test_properties import CONDITIONS, aggregates, batch_rows, by, shapes, smooth, source, tables
from test_properties import spec as hopping

LAST = ("revision", "is_final")


@st.composite
def windows(draw):
    """Windows twice: of the library, and the arguments of the oracle."""
    shape, kind = draw(shapes), draw(st.sampled_from(["hopping", "closed", "cumulate"]))
    if kind == "hopping":
        return hopping(shape), shape
    if kind == "closed":
        closed = draw(st.sampled_from(["right", "both"]))
        ours = rl.hopping(shape["size"], shape["step"], offset=shape["offset"], closed=closed)
        return ours, shape | {"closed": closed}
    step, size = shape["step"], shape["step"] * draw(st.integers(1, 5))
    ours = rl.cumulate(size, step, offset=shape["offset"])
    return ours, {"holding": expanding(size, step, shape["offset"])}


refining = st.integers(1, 80).map(lambda ticks: {"refine_for": ticks})
early = st.integers(1, 30).map(lambda ticks: {"early": ticks}) | st.integers(1, 6).map(lambda n: {"early_rows": n})
revisions = refining | early | st.tuples(refining, early).map(lambda two: two[0] | two[1])
lateness = st.integers(0, 60)


def last_of(results):
    """The final rows, without what says so."""
    return [{name: row[name] for name in row if name not in LAST} for row in results if row["is_final"]]


@given(tables, windows(), revisions, by, lateness, aggregates(), batch_rows)
def test_revisions_are_those_of_the_oracle(data, spec, revisions, by, lateness, aggs, batch_rows):
    (ours, theirs), (spec, shape) = aggs, spec
    plan = source(data, batch_rows=batch_rows).window(spec, by=by or None, lateness=lateness, late="keep", **revisions)
    it = iter(plan.agg(**ours))
    want = revised(stream(data), theirs, by=by, lateness=lateness, **shape, **revisions)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)
    last = list(it.stats)[-1]
    missed_all = sum(row["_reason"] == "late" for row in want.late)
    assert (last["rows_in"], last["rows_out"]) == (len(data), len(want.rows))
    assert last["rows_in"] == last["aggregated"] + last["late"] + last["windowless"]
    assert (last["late"], last["windowless"]) == (missed_all, want.windowless)
    assert last["partly_late"] == len(want.late) - missed_all
    assert (last["open_windows"], last["live_keys"]) == (0, 0)


@given(tables, windows(), revisions, by, lateness, aggregates(), batch_rows)
def test_the_last_revision_is_the_answer(data, spec, revisions, by, lateness, aggs, batch_rows):
    read, (ours, _), (spec, _) = source(data, batch_rows=batch_rows), aggs, spec
    options = {"by": by or None, "late": "drop"}
    got = dicts(read.window(spec, lateness=lateness, **options, **revisions).agg(**ours))
    enough = lateness + revisions.get("refine_for", 0)
    assert exact(last_of(got)) == exact(dicts(read.window(spec, lateness=enough, **options).agg(**ours)))
    assert_revisions_are_counted(got, by)


def assert_revisions_are_counted(results, by):
    """Asserts that each window and key counts its results, of which the last one alone is final."""
    counted = {}
    for row in results:
        one = exact([[row["window_start"], row["window_end"], *(row[name] for name in by)]])[0]
        counted.setdefault(one, []).append((row["revision"], row["is_final"]))
    for found in counted.values():
        assert found == [(n, n == len(found) - 1) for n in range(len(found))]


@given(tables, windows(), revisions, by, lateness, aggregates(), batch_rows, st.sampled_from(sorted(CONDITIONS)))
def test_filters_before_windows_with_revisions(data, spec, revisions, by, lateness, aggs, batch_rows, condition):
    (ours, theirs), (spec, shape), (expression, predicate) = aggs, spec, CONDITIONS[condition]
    filtered = source(data, batch_rows=batch_rows).filter(expression)
    plan = filtered.window(spec, by=by or None, lateness=lateness, late="drop", **revisions)
    want = revised(keep(stream(data), predicate), theirs, by=by, lateness=lateness, **shape, **revisions)
    assert_rows(dicts(plan.agg(**ours)), want.rows)


@given(tables, windows(), revisions, by, lateness, aggregates(), st.lists(batch_rows, min_size=2, max_size=2))
def test_no_bit_depends_on_batches(data, spec, revisions, by, lateness, aggs, cuts):
    def run(rows_of):
        filtered = source(data, batch_rows=rows_of).filter(CONDITIONS["b"][0])
        plan = filtered.window(spec[0], by=by or None, lateness=lateness, late="drop", **revisions)
        return exact(dicts(plan.agg(**aggs[0])))

    assert run(cuts[0]) == run(cuts[1])


@given(tables, windows(), revisions, windows(), by, lateness, batch_rows)
def test_final_results_can_be_windowed_again(data, spec, revisions, outer, by, lateness, batch_rows):
    read, options = source(data, batch_rows=batch_rows), {"by": by or None, "late": "drop"}
    enough = lateness + revisions.get("refine_for", 0)

    def chained(inner):
        return exact(dicts(inner.window(outer[0]).agg(n=rl.sum("n"), windows=rl.count(), last=rl.last("x"))))

    aggs = {"n": rl.count(), "x": rl.sum("x")}
    inner = read.window(spec[0], lateness=lateness, **options, **revisions).agg(**aggs)
    assert chained(inner.filter("is_final")) == chained(read.window(spec[0], lateness=enough, **options).agg(**aggs))


@given(tables, windows(), revisions, windows(), revisions, st.lists(batch_rows, min_size=2, max_size=2))
def test_no_bit_of_a_chain_depends_on_batches(data, spec, revisions, outer, outer_revisions, cuts):
    def run(rows_of):
        filtered = source(data, batch_rows=rows_of).filter(CONDITIONS["b"][0])
        inner = filtered.window(spec[0], by="k", late="drop", **revisions).agg(n=rl.count()).filter("is_final")
        return exact(dicts(inner.window(outer[0], by="k", **outer_revisions).agg(n=rl.sum("n"))))

    assert run(cuts[0]) == run(cuts[1])


@given(st.lists(st.tuples(st.integers(0, 90), smooth), min_size=20, max_size=60), st.integers(1, 30), early)
def test_final_floats_are_those_of_the_same_tree(pairs, step, pace):
    data = [{"t": 10 * n - back, "x": x} for n, (back, x) in enumerate(pairs)]
    read = rl.from_rows(data, time="t", schema={"t": "int64", "x": "float64"}, batch_rows=7)
    aggs = {kind: getattr(rl, kind)("x") for kind in ("sum", "mean", "var", "std")}
    got = dicts(read.window(rl.hopping(8 * step - 3, step), late="drop", refine_for=70, **pace).agg(**aggs))
    want = dicts(read.window(rl.hopping(8 * step - 3, step), late="drop", lateness=70).agg(**aggs))
    assert exact(last_of(got)) == exact(want)


@pytest.mark.parametrize("batch_rows", [1, 3, 100])
def test_final_results_bring_event_time_with_them(batch_rows):
    inner = at(5, 15, 25, 35, 45, batch_rows=batch_rows).window(rl.tumbling(10), early_rows=1, refine_for=3)
    outer = inner.agg(n=rl.count()).filter("is_final").window(rl.tumbling(100), early=10)
    assert [row[2:] for row in counted(outer)] == [
        (1, 0, False),
        (2, 1, False),
        (3, 2, False),
        (4, 3, False),
        (5, 4, True),
    ]


@given(tables, windows(), revisions, st.integers(0, 14))
def test_more_rows_change_no_earlier_revision(data, spec, revisions, count):
    def run(rows):
        plan = source(rows).window(spec[0], late="drop", **revisions).agg(n=rl.count(), total=rl.sum("i"))
        return exact(dicts(plan))

    head = run(data[:count])
    while head and head[-1][-1]:
        head.pop()  # The end of the input may have made it final.
    assert run(data)[: len(head)] == head


@given(tables, windows(), revisions, by, batch_rows)
def test_the_ledger_balances_at_every_poll(data, spec, revisions, by, batch_rows):
    plan = source(data, batch_rows=batch_rows).window(spec[0], by=by or None, late="drop", **revisions)
    it, handed_out = iter(plan.agg(n=rl.count())), 0
    for batch in it:
        handed_out += len(batch)
        last = list(it.stats)[-1]
        where = ("aggregated", "held", "late", "windowless")
        assert last["rows_in"] == sum(last[name] for name in where)
        assert last["rows_out"] == handed_out


# ----------------------------------------------------------------- examples


def at(*times, **options):
    return rl.from_rows([{"t": t, "x": n} for n, t in enumerate(times)], time="t", **options)


def counted(plan):
    return rows(plan.agg(n=rl.count()))


def test_early_results_are_of_the_rows_before_the_watermark_came_to_a_multiple():
    plan = at(0, 3, 5, 6, 22, 31).window(rl.tumbling(30), early=10)
    assert counted(plan) == [(0, 30, 4, 0, False), (0, 30, 5, 1, True), (30, 60, 1, 0, True)]
    # Lateness holds the watermark back: 22 brings it to 13, and 31 to 22.
    plan = at(0, 3, 5, 6, 22, 31).window(rl.tumbling(30), early=10, lateness=9)
    assert counted(plan) == [(0, 30, 4, 0, False), (0, 30, 5, 1, False), (0, 30, 5, 2, True), (30, 60, 1, 0, True)]


def test_only_windows_and_keys_with_new_rows_give_early_results():
    data = [{"t": t, "k": k} for t, k in ((0, "a"), (1, "b"), (11, "b"), (12, "b"), (35, "a"))]
    plan = rl.from_rows(data, time="t").window(rl.tumbling(30), by="k", early=10)
    assert counted(plan) == [
        (0, 30, "a", 1, 0, False),
        (0, 30, "b", 1, 0, False),
        (0, 30, "b", 3, 1, False),
        (0, 30, "a", 1, 1, True),
        (0, 30, "b", 3, 2, True),
        (30, 60, "a", 1, 0, True),
    ]


def test_early_results_after_so_many_rows():
    plan = at(0, 1, 2, 3, 4, 35).window(rl.tumbling(30), early_rows=2)
    assert counted(plan) == [
        (0, 30, 2, 0, False),
        (0, 30, 4, 1, False),
        (0, 30, 5, 2, True),
        (30, 60, 1, 0, False),
        (30, 60, 1, 1, True),
    ]


def test_refined_results_come_at_once_and_the_final_one_when_none_can_follow():
    plan = at(5, 12, 7, 14, 8, 21, 9, 40).window(rl.tumbling(10), refine_for=11, late="keep")
    it = iter(plan.agg(n=rl.count(), last=rl.last("x")))
    assert rows(it) == [
        (0, 10, 1, 0, 0, False),
        (0, 10, 2, 2, 1, False),
        (0, 10, 3, 4, 2, False),
        (10, 20, 2, 3, 0, False),
        (0, 10, 3, 4, 3, True),
        (20, 30, 1, 5, 0, False),
        (10, 20, 2, 3, 1, True),
        (20, 30, 1, 5, 1, True),
        (40, 50, 1, 7, 0, True),
    ]
    assert rows(it.late) == [(9, 6, "late", 1)]


def test_a_window_closes_as_the_watermark_comes_to_its_end():
    plan = at(5, 10, 7, 15, 8).window(rl.tumbling(10), refine_for=5, late="drop")
    assert counted(plan) == [
        (0, 10, 1, 0, False),
        (0, 10, 2, 1, False),
        (0, 10, 2, 2, True),
        (10, 20, 2, 0, True),
    ]


def test_refined_results_keep_the_pace_of_early_ones():
    plan = at(5, 12, 7, 8, 14, 16, 40).window(rl.tumbling(10), refine_for=20, early=5)
    first = [row for row in counted(plan) if row[0] == 0]
    assert first == [(0, 10, 1, 0, False), (0, 10, 3, 1, False), (0, 10, 3, 2, True)]


def test_a_window_whose_first_row_comes_after_its_close():
    plan = at(25, 7, 50).window(rl.tumbling(10), refine_for=30)
    assert counted(plan)[:2] == [(0, 10, 1, 0, False), (20, 30, 1, 0, False)]


def test_a_row_takes_the_place_of_its_key_before_it_closes_windows():
    data = [{"t": t, "k": k} for t, k in ((5, "c"), (6, "b"), (11, "a"), (7, "a"))]
    plan = rl.from_rows(data, time="t").window(rl.tumbling(10), by="k", refine_for=5)
    assert [row[2] for row in counted(plan) if row[0] == 0 and row[-1]] == ["c", "b", "a"]
    data = [{"t": t, "k": k} for t, k in ((5, "a"), (6, "b"), (12, "b"), (13, "a"))]
    plan = rl.from_rows(data, time="t").window(rl.tumbling(10), by="k", early=100)
    assert [row[2] for row in counted(plan)] == ["a", "b", "b", "a"]


def test_a_late_row_says_what_would_have_been_enough():
    with pytest.raises(rl.LateRowError) as caught:
        counted(at(5, 40, 7).window(rl.tumbling(10), lateness=4, refine_for=20))
    error = caught.value
    assert (error.time, error.watermark, error.missed) == (7, 36, 1)
    assert "lateness=11 or more" in str(error)
    assert counted(at(5, 40, 7).window(rl.tumbling(10), lateness=11, refine_for=20))[-2:] == [
        (0, 10, 2, 2, True),
        (40, 50, 1, 0, True),
    ]


def test_lengths_of_time():
    start = datetime(2024, 1, 2, 9, 30)
    data = [{"t": start + timedelta(seconds=s)} for s in (0, 5, 12, 31, 65)]
    plan = rl.from_rows(data, time="t").window(rl.tumbling("1m"), early="10s", refine_for=timedelta(minutes=5))
    found = [row[2:] for row in rows(plan.agg(n=rl.count()))]
    assert found == [(2, 0, False), (3, 1, False), (4, 2, False), (4, 3, False), (4, 4, True), (1, 0, True)]


@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/Sao_Paulo", "Europe/Paris"])
@pytest.mark.parametrize("windows", [("1d", "1d"), ("3d", "1d"), ("1mo", "1mo")])
@pytest.mark.parametrize("closed", ["left", "both"])
def test_calendar_windows(zone, windows, closed):
    # Apia went from 29 December to 31 December at hour 250.
    day, hours = datetime(2011, 12, 20, tzinfo=UTC), [0, 7, 99, 30, 200, 250, 228, 233, 260, 210, 300, 290, 400, 350]
    data = [{"t": day + timedelta(hours=h), "k": h % 3, "x": h / 7} for h in hours * 2]
    read = rl.from_rows(data, time="t", schema={"t": f"timestamp[us, {zone}]", "k": "int64", "x": "float64"})
    spec, aggs = rl.hopping(*windows, closed=closed), {"n": rl.count(), "x": rl.sum("x")}
    for size in (3, 100):
        again = rl.from_arrow(read, time="t", batch_rows=size)
        got = dicts(again.window(spec, by="k", late="drop", refine_for="100h", early="6h").agg(**aggs))
        want = dicts(again.window(spec, by="k", late="drop", lateness="100h").agg(**aggs))
        assert exact(last_of(got)) == exact(want)
        assert_revisions_are_counted(got, ["k"])


def test_labels_and_schema():
    plan = at(1).window(rl.tumbling(10, label="left"), early=1).agg(n=rl.count())
    assert dict(plan.schema) == {"window_start": "int64", "n": "int64", "revision": "int64", "is_final": "bool"}
    assert rows(plan) == [(0, 1, 0, True)]
    assert "revision" not in at(1).window(rl.tumbling(10), refine_for="0s").agg(n=rl.count()).schema


def test_a_sum_that_does_not_fit_comes_after_the_results_before_it():
    data = [{"t": t, "x": 2**62} for t in (0, 3, 6, 9)]
    it = iter(rl.from_rows(data, time="t").window(rl.tumbling(10), early_rows=1).agg(total=rl.sum("x")))
    assert rows([next(it)]) == [(0, 10, 2**62, 0, False)]
    with pytest.raises(rl.ResultOverflowError, match="total in the window that ends at 10"):
        next(it)
    last = list(it.stats)[-1]
    assert last["rows_in"] == last["aggregated"] + last["held"] == 4


def test_state_is_bounded_and_let_go_of():
    data = ({"t": t, "k": t % 1000} for t in range(30_000))
    plan = rl.from_rows(data, time="t", batch_rows=1000).window(rl.hopping(20, 10), by="k", early=5, refine_for=50)
    it = iter(plan.agg(n=rl.count()))
    stats = [
        (last["open_windows"], last["live_keys"], last["state_bytes"]) for _ in it for last in [list(it.stats)[-1]]
    ]
    assert max(one[0] for one in stats) <= 2 + 5 + 1
    assert max(one[1] for one in stats) <= 90
    assert max(one[2] for one in stats[10:]) <= 2 * max(one[2] for one in stats[:10])


def test_state_has_a_limit():
    data = [{"t": t, "k": t} for t in range(10_000)]
    plan = rl.from_rows(data, time="t").window(rl.tumbling(5), by="k", refine_for=10**6, max_state_bytes=100_000)
    with pytest.raises(rl.StateLimitError):
        counted(plan)


@pytest.mark.parametrize("options", [{"early": 10}, {"early_rows": 1}, {"refine_for": 10}])
def test_state_has_a_limit_for_the_windows_of_one_row(options):
    plan = at(5, 10**6).window(rl.hopping(3 * 10**6, 1), max_state_bytes=2_500_000, **options)
    it = iter(plan.agg(n=rl.count()))
    with pytest.raises(rl.StateLimitError, match="max_state_bytes"):
        next(it)
    assert list(it.stats)[-1]["open_windows"] < 50_000


@pytest.mark.parametrize("cut", [1, 2, 100])
@pytest.mark.parametrize("options", [{"early": 7}, {"early_rows": 2}, {"refine_for": 10}])
def test_rows_that_are_in_very_many_windows(options, cut):
    size, times = 40_000, [5, 9, 50_000, 50_001, 200_000]
    plan = at(*times, batch_rows=cut).window(rl.hopping(size, 1), **options).agg(n=rl.count())
    got = {row[0]: row[2] for row in rows(plan.filter("is_final"))}
    starts = {start for t in times for start in range(t - size + 1, t + 1)}
    counts = {start: sum(start <= t < start + size for t in times) for start in starts}
    assert got == counts


def test_empty_stretches_cost_nothing():
    plan = at(0, 2**61, 2**61 + 1).window(rl.hopping(10, 5), early=1, refine_for=10)
    assert len(counted(plan)) == 2 * 3 + 2 * 2
    for end in (2**63 - 1, -(2**63)):
        with pytest.raises(rl.ResultOverflowError):
            counted(at(end).window(rl.tumbling(12), early=5))


def test_results_with_revisions_are_not_counted_again():
    plan = at(1, 2, 3).window(rl.tumbling(10), early=1).agg(n=rl.count())
    for again in (plan, plan.filter(rl.col("n") > 1), plan.select("n", "is_final"), plan.limit(9).rebatch(2)):
        for stage, refused in [
            ("window", lambda again=again: again.window(rl.tumbling(20)).agg(n=rl.sum("n"))),
            ("rolling", lambda again=again: again.rolling(20)),
            ("group_by", lambda again=again: again.group_by()),
        ]:
            with pytest.raises(rl.ArgumentError, match=f"{stage}: its input has several results of each window"):
                refused()
    assert rows(plan.filter("is_final").limit(3).group_by().agg(n=rl.sum("n"))) == [(3,)]
    assert rows(plan.filter(rl.col("is_final")).filter(rl.col("n") > 1).group_by().agg(n=rl.sum("n"))) == [(3,)]
    assert rows(plan.map_batches(lambda batch: batch).group_by().agg(n=rl.count())) == [(3,)]


def test_arguments():
    read, tiles = at(1), rl.tumbling(10)
    with pytest.raises(rl.ArgumentError, match="give one of them"):
        read.window(tiles, early=1, early_rows=1)
    for options, message in [
        ({"early": 0}, "early=0: it must be longer than nothing"),
        ({"early": "-5s"}, "early"),
        ({"early_rows": 0}, "early_rows must be at least 1"),
        ({"refine_for": -1}, "refine_for=-1: it must not be negative"),
    ]:
        with pytest.raises(rl.ArgumentError, match=message):
            read.window(tiles, **options)
    for options in ({"early": 1.5}, {"early_rows": "5"}, {"refine_for": None}, {"early": True}):
        with pytest.raises(rl.ArgumentTypeError):
            read.window(tiles, **options)
    for spec in (rl.session(5), rl.count(5)):
        with pytest.raises(rl.ArgumentError, match=r"and cumulate windows, not for (session|count)"):
            read.window(spec, refine_for=1)
    with pytest.raises(rl.ArgumentError, match='two outputs named "revision"'):
        read.window(tiles, early=1).agg(revision=rl.count())
    for options in ({"early": "1s"}, {"refine_for": "1s"}):
        with pytest.raises(rl.ArgumentError, match="without a unit"):
            _ = read.window(tiles, **options).agg(n=rl.count()).schema
    assert rows(read.window(tiles).agg(revision=rl.count(), is_final=rl.count())) == [(0, 10, 1, 1)]


def test_plans_are_values():
    read = rl.read_csv(b"t\n1\n", time="t")
    plan = read.window(rl.tumbling("1m"), early="10s", refine_for="1h").agg(n=rl.count())
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan != read.window(rl.tumbling("1m"), early="10s").agg(n=rl.count())
    assert repr(plan).endswith('.window(tumbling("1m"), early="10s", refine_for="1h").agg(n=count())')
    assert repr(read.window(rl.tumbling(5), early_rows=7).agg(n=rl.count())).endswith("early_rows=7).agg(n=count())")
