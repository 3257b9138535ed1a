"""Several kinds of windows in one pass: against the oracle, each kind alone, and by example."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import fixed, starts, stream, window
from reference_aggregates import Agg
from reference_several import several
from test_properties import CONDITIONS, aggregates, batch_rows, by, source, tables

grids = st.tuples(st.integers(1, 15), st.integers(-30, 30), st.sampled_from(["left", "left", "right", "both"]))


@st.composite
def kind(draw, grids):
    """One kind of windows twice: of the library, and of the oracle."""
    step, offset, closed = draw(grids)
    size = step * draw(st.integers(1, 4))
    if draw(st.booleans()):
        size = draw(st.one_of(st.just(size), st.integers(1, 40)))
        made = rl.hopping(size, step, offset=offset, closed=closed)
        return made, (fixed(size, step, offset, closed), closed)

    def holding(t):
        [start] = starts(t, size, size, offset)
        return [(start, end) for end in range(start + step, start + size + 1, step) if t < end]

    return rl.cumulate(size, step, offset=offset), (holding, "left")


@st.composite
def kinds(draw):
    """Kinds of windows by name, often of one grid, so that they have the same panes."""
    of = draw(st.one_of(st.just(grids), grids.map(st.just)))
    pairs = draw(st.lists(kind(of), min_size=1, max_size=3))
    names = draw(st.permutations(["a", "b", "ü"]))[: len(pairs)]
    return ({name: pair[number] for name, pair in zip(names, pairs, strict=True)} for number in (0, 1))


def at(*times, **options):
    return rl.from_rows([{"t": t, "x": n} for n, t in enumerate(times)], time="t", **options)


def counted(plan):
    return rows(plan.agg(n=rl.count()))


@given(tables, kinds(), by, st.integers(0, 60), aggregates(), batch_rows)
def test_several_windows_are_those_of_the_oracle(data, kinds, by, lateness, aggs, batch_rows):
    (ours, theirs), (specs, holdings) = aggs, kinds
    plan = source(data, batch_rows=batch_rows).windows(specs, by=by or None, lateness=lateness, late="keep")
    it = iter(plan.agg(**ours))
    want = several(stream(data), theirs, kinds=holdings, by=by, lateness=lateness)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)
    last = list(it.stats)[-1]
    assert last["rows_in"] == len(data) == last["aggregated"] + last["late"] + last["windowless"]
    assert (last["rows_out"], last["windowless"]) == (len(want.rows), want.windowless)
    assert last["late"] == sum(row["_reason"] == "late" for row in want.late)
    assert last["partly_late"] == sum(row["_reason"] == "partly late" for row in want.late)


@given(tables, kinds(), by, st.integers(0, 60), aggregates(), batch_rows, st.sampled_from([None, *sorted(CONDITIONS)]))
def test_each_kind_gives_what_it_gives_alone(data, kinds, by, lateness, aggs, batch_rows, condition):
    (ours, _), (specs, _) = aggs, kinds
    read = source(data, batch_rows=batch_rows)
    read = read.filter(CONDITIONS[condition][0]) if condition else read
    options = {"by": by or None, "lateness": lateness, "late": "drop"}
    together = dicts(read.windows(specs, **options).agg(**ours))
    for name, spec in specs.items():
        own = [row for row in together if row["window"] == name]
        own = [{key: value for key, value in row.items() if key != "window"} for row in own]
        assert exact(own) == exact(dicts(read.window(spec, **options).agg(**ours)))


@given(st.data(), st.integers(0, 9), batch_rows)
def test_kinds_that_share_panes_give_what_they_give_alone(data, lateness, batch_rows):
    step, offset, closed = data.draw(grids)
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=4, unique=True))
    specs = {str(size): rl.hopping(size * step, step, offset=offset, closed=closed) for size in sizes}
    if closed == "left":
        specs["all"] = rl.cumulate(sizes[0] * step, step, offset=offset)
    columns = {"t": st.integers(0, 40) | st.integers(0, 400), "k": st.sampled_from("abc"), "x": st.floats(-9, 9)}
    drawn = data.draw(st.lists(st.fixed_dictionaries(columns), max_size=30))
    # Each row is a little late at most.
    delayed = [(row["t"] + data.draw(st.integers(0, lateness)), n) for n, row in enumerate(drawn)]
    come = [drawn[n] for _, n in sorted(delayed)]
    read = rl.from_rows(come, time="t", batch_rows=batch_rows, schema={"t": "int64", "k": "string", "x": "float64"})
    options = {"by": data.draw(st.sampled_from([None, "k"])), "lateness": lateness}
    aggs = {"sum": rl.sum("x"), "std": rl.std("x"), "first": rl.first("x"), "n": rl.count()}
    it = iter(read.windows(specs, **options).agg(**aggs))
    together, last = dicts(it), list(it.stats)[-1]
    for name, spec in specs.items():
        own = [dict(list(row.items())[1:]) for row in together if row["window"] == name]
        assert exact(own) == exact(dicts(read.window(spec, **options).agg(**aggs)))
    assert (last["open_windows"], last["live_keys"]) == (0, 0)


@given(tables, kinds(), by, st.integers(0, 60), aggregates(), st.lists(batch_rows, min_size=2, max_size=2))
def test_no_bit_depends_on_batches(data, kinds, by, lateness, aggs, cuts):
    (ours, _), (specs, _) = aggs, kinds

    def run(rows_of):
        plan = source(data, batch_rows=rows_of).windows(specs, by=by or None, lateness=lateness, late="drop")
        return exact(dicts(plan.agg(**ours)))

    assert run(cuts[0]) == run(cuts[1])


@given(tables, kinds(), by, st.integers(0, 60), aggregates(), batch_rows)
def test_a_late_row_is_an_error_after_the_results_of_those_before_it(data, kinds, by, lateness, aggs, batch_rows):
    (ours, theirs), (specs, holdings) = aggs, kinds
    it = iter(source(data, batch_rows=batch_rows).windows(specs, by=by or None, lateness=lateness).agg(**ours))
    want = several(stream(data), theirs, kinds=holdings, by=by, lateness=lateness)
    got, error = [], None
    try:
        got += [row for batch in it for row in dicts([batch])]
    except rl.LateRowError as caught:
        error = caught
    assert (error is not None) == bool(want.late)
    if error:
        good = dicts(iter(source(data[: error.row]).windows(specs, by=by or None, lateness=lateness).agg(**ours)))
        assert exact(got) == exact(good[: len(got)])
        assert (error.missed, error.time) == (want.late[0]["_missed"], want.late[0]["t"])
        lateness = int(str(error).split("lateness=")[1].split(" ")[0])
        retried = several(stream(data[: error.row + 1]), theirs, kinds=holdings, by=by, lateness=lateness)
        assert not retried.late


@given(tables, kinds(), st.integers(1, 50), by, batch_rows)
def test_results_can_be_windowed_again(data, kinds, size, by, batch_rows):
    specs, holdings = kinds
    inner = source(data, batch_rows=batch_rows).windows(specs, by=by or None, late="drop").agg(n=rl.count())
    got = dicts(inner.window(rl.tumbling(size), by="window").agg(n=rl.sum("n"), windows=rl.count()))

    def when(row):
        return row["window_end"] - (holdings[row["window"]][1] == "left")

    middle = several(stream(data), {"n": Agg("count")}, kinds=holdings, by=by)
    outer = {"n": Agg("sum", "n"), "windows": Agg("count")}
    assert_rows(got, window(middle.items, outer, size=size, by=["window"], time=when).rows)


def test_windows_that_end_together_come_longest_first_then_as_given():
    specs = {"b": rl.tumbling(10), "a": rl.tumbling(10), "c": rl.tumbling(5), "d": rl.hopping(20, 5)}
    assert [row[:3] for row in counted(at(7, 30).windows(specs))][:5] == [
        ("d", -10, 10),
        ("b", 0, 10),
        ("a", 0, 10),
        ("c", 5, 10),
        ("d", -5, 15),
    ]


def test_a_row_that_misses_one_kind_counts_in_the_others():
    specs = {"short": rl.tumbling(10), "long": rl.tumbling(40)}
    it = iter(at(1, 12, 3, 40).windows(specs, late="keep").agg(n=rl.count()))
    assert rows(it) == [
        ("short", 0, 10, 1),
        ("short", 10, 20, 1),
        ("long", 0, 40, 3),
        ("short", 40, 50, 1),
        ("long", 40, 80, 1),
    ]
    assert rows(it.late) == [(3, 2, "partly late", 1)]
    with pytest.raises(rl.LateRowError, match="lateness=3 or more") as caught:
        counted(at(1, 12, 3).windows({"long": rl.tumbling(40), "short": rl.tumbling(10)}))
    assert (caught.value.row, caught.value.time, caught.value.watermark, caught.value.missed) == (2, 3, 12, 1)


def test_keys_times_and_edges_of_every_type():
    text = b"t,k,n\n2024-03-30T22:30Z,a,1\n2024-03-31T01:30Z,,2\n2024-03-31T23:30Z,a,3\n"
    read = rl.read_csv(text, time="t")
    specs = {"day": rl.tumbling("1d", tz="Europe/Berlin"), "hours": rl.tumbling("12h")}
    plan = read.windows(specs, by=["k", rl.col("n").alias("m")]).agg(total=rl.sum("n"))
    assert dict(plan.schema) == {
        "window": "string",
        "window_start": "timestamp[us, UTC]",
        "window_end": "timestamp[us, UTC]",
        "k": "string",
        "m": "int64",
        "total": "int64",
    }
    assert [(row[0], *row[3:]) for row in rows(plan)] == [
        ("day", "a", 1, 1),
        ("hours", "a", 1, 1),
        ("hours", None, 2, 2),
        ("day", None, 2, 2),
        ("hours", "a", 3, 3),
        ("day", "a", 3, 3),
    ]
    one = next(iter(read.windows(specs).agg(n=rl.count())))
    assert list(one.categories("window")) == ["day", "hours"]


def test_labels():
    specs = {"a": rl.tumbling(10, label="right"), "b": rl.tumbling(20, label="right")}
    assert counted(at(3).windows(specs)) == [("a", 10, 1), ("b", 20, 1)]
    with pytest.raises(rl.ArgumentError, match=r".b. does not have the label= of .a.; all results show"):
        at(3).windows({"a": rl.tumbling(10, label="right"), "b": rl.tumbling(20)})
    free = at(3).windows({"a": rl.tumbling(10, label="right")}).agg(window_start=rl.count())
    assert rows(free) == [("a", 10, 1)]


def test_rows_between_the_windows_of_all_kinds_are_told():
    for times, between in [((0, 5, 6, 12), 2), ((0, 2, 11, 23), 1), ((3, 4), 2), ((0, 1), 0)]:
        it = iter(at(*times).windows({"a": rl.hopping(2, 10), "b": rl.hopping(3, 10)}).agg(n=rl.count()))
        list(it)
        last = it.stats[-1]
        assert (last["windowless"], last["aggregated"]) == (between, len(times) - between), times


def test_keys_are_forgotten_and_their_numbers_given_to_others():
    count = 40_000
    data = {"t": np.arange(count), "k": [f"key {n}" for n in range(count)], "x": np.arange(count)}
    read = rl.from_batches([data], time="t", batch_rows=1000)
    specs = {"short": rl.tumbling(10), "long": rl.hopping(600, 200)}
    it = iter(read.windows(specs, by="k").agg(total=rl.sum("x")))
    most, state, got = 0, 0, []
    for batch in it:
        most, state = max(most, it.stats[-1]["live_keys"]), max(state, it.stats[-1]["state_bytes"])
        got += batch.rows()
    assert most < 2000 and len(got) == 4 * count
    assert state < 1_000_000  # all keys would take more
    for name, spec in specs.items():
        alone = rows(read.window(spec, by="k").agg(total=rl.sum("x")))
        assert [row[1:] for row in got if row[0] == name] == alone


def test_more_results_than_a_batch_has_rows():
    data = {"t": np.repeat([0, 1000], [70_000, 1]), "k": np.arange(70_001)}
    specs = {"a": rl.tumbling(10), "b": rl.cumulate(10, 5)}
    plan = rl.from_batches([data], time="t").windows(specs, by="k").agg(n=rl.count())
    batches = list(plan)
    assert [len(batch) for batch in batches[:4]] == [65_536] * 3 + [3 * 70_000 - 3 * 65_536]
    got = [row[:4] for batch in batches for row in batch.rows()]
    assert got[69_999:70_001] == [("b", 0, 5, 69_999), ("a", 0, 10, 0)]


def test_a_result_that_does_not_fit_is_an_error_after_the_results_before_it():
    data = [{"t": t, "x": 2**62} for t in (0, 5, 10, 15)]
    specs = {"long": rl.tumbling(20), "short": rl.tumbling(5)}
    it = iter(rl.from_rows(data, time="t").windows(specs).agg(total=rl.sum("x")))
    got = []
    with pytest.raises(rl.ResultOverflowError, match="total in the window that ends at 20 of \"long\""):
        for batch in it:
            got += batch.rows()
    assert [row[2] for row in got] == [5, 10, 15]


def test_an_error_says_of_which_key_the_result_is():
    data = [{"t": t, "k": key, "x": x} for t, key, x in ((0, "a", 1), (0, "b", 2**62), (1, "b", 2**62), (2, "a", 1))]
    plan = rl.from_rows(data, time="t").windows({"one": rl.tumbling(1), "two": rl.tumbling(2)}, by="k")
    got = []
    with pytest.raises(rl.ResultOverflowError, match='total of k="b" in the window that ends at 2 of "two"'):
        for batch in plan.agg(total=rl.sum("x")):
            got += batch.rows()
    assert [(row[0], row[2], row[3]) for row in got] == [("one", 1, "a"), ("one", 1, "b"), ("two", 2, "a")]


def test_an_error_says_of_which_kind_the_result_is_of_those_that_share_panes():
    plan = rl.from_rows([{"t": t, "x": 2**62} for t in range(3)], time="t")
    plan = plan.windows({"two": rl.hopping(2, 1), "one": rl.tumbling(1)})
    got = []
    with pytest.raises(rl.ResultOverflowError, match='total in the window that ends at 2 of "two"'):
        for batch in plan.agg(total=rl.sum("x")):
            got += batch.rows()
    assert [row[:3] for row in got] == [("two", -1, 1), ("one", 0, 1)]


def test_kinds_that_work_side_by_side_give_what_they_give_alone():
    size, rng = 50_000, np.random.default_rng(5)
    data = {"t": np.sort(rng.integers(0, 20_000, size)), "k": rng.integers(0, 40, size), "x": rng.normal(size=size)}
    specs = {"long": rl.tumbling(1000), "short": rl.tumbling(10), "over": rl.hopping(500, 50)}
    # Those have the panes of the last, and share them.
    specs |= {"half": rl.hopping(250, 50), "one": rl.tumbling(50), "all": rl.cumulate(5000, 50)}
    aggs = {"sum": rl.sum("x"), "std": rl.std("x"), "last": rl.last("x"), "n": rl.count()}

    def read(rows_of):
        cut = range(0, size, rows_of)
        return rl.from_batches([{n: column[i : i + rows_of] for n, column in data.items()} for i in cut], time="t")

    together = dicts(read(size).windows(specs, by="k").agg(**aggs))
    assert exact(together) == exact(dicts(read(700).windows(specs, by="k").agg(**aggs)))
    for name, spec in specs.items():
        own = [dict(list(row.items())[1:]) for row in together if row["window"] == name]
        assert exact(own) == exact(dicts(read(size).window(spec, by="k").agg(**aggs)))


@pytest.mark.parametrize("closed", ["left", "right", "both"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Apia"])  # an hour is skipped, and a day
def test_days_and_weeks_that_share_panes_give_what_they_give_alone(zone, closed):
    start = {"Europe/Berlin": 1_711_600_000, "Pacific/Apia": 1_325_000_000}[zone]
    hours = np.arange(0, 30 * 24, 7) * 3600 + start
    data = pa.table({"t": pa.array(hours, pa.timestamp("s", "UTC")), "k": hours // 3600 % 3, "x": np.sin(hours)})
    specs = {f"{n}d": rl.hopping(f"{n}d", "1d", tz=zone, closed=closed) for n in (7, 1, 2)}
    read = rl.from_arrow(data, time="t")
    together = dicts(read.windows(specs, by="k").agg(sum=rl.sum("x"), n=rl.count()))
    for name, spec in specs.items():
        own = [dict(list(row.items())[1:]) for row in together if row["window"] == name]
        assert exact(own) == exact(dicts(read.window(spec, by="k").agg(sum=rl.sum("x"), n=rl.count())))


def test_days_of_different_zones_have_panes_of_their_own():
    data = pa.table({"t": pa.array(np.arange(0, 60, 5) * 3600, pa.timestamp("s", "UTC"))})
    read, zones = rl.from_arrow(data, time="t"), ("UTC", "Asia/Tokyo", "America/New_York")
    specs = {zone: rl.tumbling("1d", tz=zone) for zone in zones} | {"noon": rl.tumbling("1d", tz="UTC", offset="12h")}
    specs["month"] = rl.tumbling("1mo", tz="UTC")
    together = dicts(read.windows(specs).agg(n=rl.count()))
    for name, spec in specs.items():
        own = [dict(list(row.items())[1:]) for row in together if row["window"] == name]
        assert exact(own) == exact(dicts(read.window(spec).agg(n=rl.count())))


def test_a_row_may_miss_the_shorter_of_windows_that_share_panes():
    specs = {"short": rl.tumbling(10), "long": rl.hopping(40, 10)}
    it = iter(at(1, 45, 12, 62).windows(specs, late="keep").agg(n=rl.count()))
    got = rows(it)
    assert [row[1:] for row in got if row[0] == "short"] == [(0, 10, 1), (40, 50, 1), (60, 70, 1)]
    assert [row[3] for row in got if row[0] == "long"] == [1, 1, 1, 1, 2, 1, 2, 2, 1, 1]
    assert [(row["t"], row["_reason"], row["_missed"]) for row in dicts(it.late)] == [(12, "partly late", 4)]


def test_the_state_has_a_limit():
    data = {"t": np.zeros(100_000, int), "k": np.arange(100_000)}
    plan = rl.from_batches([data], time="t").windows(
        {"a": rl.tumbling(10), "b": rl.tumbling(20)}, by="k", max_state_bytes=1_000_000
    )
    with pytest.raises(rl.StateLimitError):
        list(plan.agg(n=rl.count()))


def test_arguments():
    read = at(1)
    tumbling = rl.tumbling(10)
    with pytest.raises(rl.ArgumentError, match="at least one kind"):
        read.windows({})
    with pytest.raises(rl.ArgumentTypeError, match="in a dict, not Windows"):
        read.windows(tumbling)
    with pytest.raises(rl.ArgumentTypeError, match="a name is a text, not int: 1"):
        read.windows({1: tumbling})
    with pytest.raises(rl.ArgumentTypeError, match="not str, which \"a\" is"):
        read.windows({"a": "1m"})
    for other in (rl.session(10), rl.count(10)):
        with pytest.raises(rl.ArgumentError, match=r"\"b\": (session|count)\(10\): in one pass go tumbling"):
            read.windows({"a": tumbling, "b": other})
    with pytest.raises(rl.ArgumentError, match="two outputs named \"window\""):
        read.windows({"a": tumbling}, by=rl.col("x").alias("window"))
    with pytest.raises(rl.ArgumentError, match="two outputs named \"window\""):
        read.windows({"a": tumbling}).agg(window=rl.count())
    with pytest.raises(rl.ArgumentError, match="windows, \"b\": every=\"1m\""):
        _ = read.windows({"a": tumbling, "b": rl.tumbling("1m")}).agg(n=rl.count()).schema
    with pytest.raises(rl.ResultOverflowError):
        counted(at(2**63 - 1).windows({"a": tumbling}))


def test_plans_are_values():
    stream = rl.read_csv(b"t\n1\n", time="t")
    plan = stream.windows({"a": rl.tumbling(10), "b": rl.hopping(20, 5)}, lateness=3).agg(n=rl.count())
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan != stream.windows({"b": rl.hopping(20, 5), "a": rl.tumbling(10)}, lateness=3).agg(n=rl.count())
    assert repr(plan).endswith('.windows({"a": tumbling(10), "b": hopping(20, 5)}, lateness=3).agg(n=count())')
    assert rows(pickle.loads(pickle.dumps(plan))) == rows(plan)
    assert counted(rl.from_rows([], time="t", schema={"t": "int64"}).windows({"a": rl.tumbling(10)})) == []
