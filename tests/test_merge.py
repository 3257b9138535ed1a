"""Several streams as one: against the oracle, by example, and alive."""

import io
import os
import pickle
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from live import Pipe, polled
from reference import Mark, keep, merge, rolling, stream, window
from reference_aggregates import Agg
from test_properties import CONDITIONS, SCHEMA, aggregates, as_csv, batch_rows, by, shapes, source, spec, tables

N = {"n": rl.count()}
conditions = st.none() | st.sampled_from(sorted(CONDITIONS))
several = st.lists(st.tuples(tables, batch_rows, conditions), min_size=1, max_size=4)


def at(*times, name="", **options):
    data = [{"t": t, "x": f"{name}{n}"} for n, t in enumerate(times)]
    return rl.from_rows(data, time="t", schema={"t": "int64", "x": "string"}, **options)


def ours(inputs):
    """The streams of the library: tables in batches of some size, with or without a filter."""
    streams = [(source(data, batch_rows=size), condition) for data, size, condition in inputs]
    return [plan.filter(CONDITIONS[condition][0]) if condition else plan for plan, condition in streams]


def theirs(inputs):
    """The same streams of the oracle."""
    return [
        keep(stream(data), CONDITIONS[condition][1]) if condition else stream(data) for data, _, condition in inputs
    ]


def only_rows(items):
    return [item for item in items if not isinstance(item, Mark)]


# ------------------------------------------------------------------- oracle


@given(several)
def test_the_rows_are_those_of_the_oracle(inputs):
    it = iter(rl.merge(*ours(inputs)))
    want = only_rows(merge(*theirs(inputs)))
    assert exact(dicts(it)) == exact(want)
    last = list(it.stats)[-1]
    assert (last["rows_in"], last["passed"], last["held"]) == (len(want), len(want), 0)


@given(several, shapes, by, st.integers(0, 60), aggregates())
def test_windows_over_a_merge_are_those_of_the_oracle(inputs, shape, by, lateness, aggs):
    options = {"by": by or None, "lateness": lateness, "late": "keep"}
    it = iter(rl.merge(*ours(inputs)).window(spec(shape), **options).agg(**aggs[0]))
    want = window(merge(*theirs(inputs)), aggs[1], by=by, lateness=lateness, **shape)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)


@given(several, st.integers(0, 60), aggregates())
def test_rolling_windows_over_a_merge_are_those_of_the_oracle(inputs, lateness, aggs):
    plan = rl.merge(*ours(inputs)).rolling(9, lateness=lateness, late="drop").agg(**aggs[0])
    assert_rows(dicts(plan), rolling(merge(*theirs(inputs)), aggs[1], size=9, lateness=lateness).rows)


@given(several, shapes, st.integers(1, 30))
def test_windows_over_merged_windows_are_those_of_the_oracle(inputs, shape, size):
    bars = [plan.window(spec(shape), by="k", late="drop").agg(**N) for plan in ours(inputs)]
    it = iter(rl.merge(*bars).window(rl.tumbling(size), by="k", late="keep").agg(s=rl.sum("n")))
    done = [window(items, {"n": Agg("count")}, by=["k"], **shape).items for items in theirs(inputs)]
    both = merge(*done, time=lambda row: row["window_end"] - 1, passive=True)
    want = window(both, {"s": Agg("sum", "n")}, by=["k"], size=size, time=lambda row: row["window_end"] - 1)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)


@given(several, st.lists(batch_rows, min_size=4, max_size=4), shapes, by)
def test_no_bit_depends_on_where_the_inputs_were_cut(inputs, sizes, shape, by):
    def run(inputs):
        merged = rl.merge(*ours(inputs)).filter(rl.col("i").is_null() | (rl.col("i") != 3))
        plan = merged.window(spec(shape), by=by or None, late="drop")
        return exact(dicts(plan.agg(n=rl.count(), total=rl.sum("x"))))

    cut = [(data, size, condition) for (data, _, condition), size in zip(inputs, sizes, strict=False)]
    assert run(inputs) == run(cut)


@given(tables, st.lists(st.integers(0, 2), min_size=14, max_size=14), shapes, by, aggregates())
def test_streams_in_order_are_merged_as_if_they_had_never_been_apart(data, which, shape, by, aggs):
    data = sorted(data, key=lambda row: row["t"])
    parts = [[row for row, one in zip(data, which, strict=False) if one == part] for part in range(3)]
    got = dicts(rl.merge(*[source(part) for part in parts]).window(spec(shape), by=by or None).agg(n=rl.count()))
    whole = dicts(source(data).window(spec(shape), by=by or None).agg(n=rl.count()))
    assert sorted(exact(got), key=repr) == sorted(exact(whole), key=repr)


@given(several, batch_rows)
def test_the_ledger_balances_after_every_poll(inputs, size):
    it = iter(rl.merge(*ours(inputs)).rebatch(size))
    try:
        while True:
            it.poll()
            stage = list(it.stats)[-2]
            assert stage["rows_in"] == stage["passed"] + stage["held"]
    except StopIteration:
        pass


@given(several, st.sampled_from([1, 2, 5]))
def test_files_are_merged_as_rows_are(inputs, threads):
    files = [rl.read_csv(as_csv(data), time="t", schema=SCHEMA, batch_rows=size, threads=threads)
             for data, size, _ in inputs]
    plain = [(data, size, None) for data, size, _ in inputs]
    assert exact(dicts(rl.merge(*files))) == exact(only_rows(merge(*theirs(plain))))


# ----------------------------------------------------------------- examples


def test_ties_are_in_the_order_of_the_streams_then_of_arrival():
    merged = rl.merge(at(1, 1, 2, name="a"), at(1, 2, 2, name="b"), at(1, name="c"))
    assert [x for _, x in rows(merged)] == ["a0", "a1", "b0", "c0", "a2", "b1", "b2"]


def test_a_row_behind_its_stream_comes_where_that_is():
    merged = rl.merge(at(10, 5, 20, name="a"), at(1, 7, 12, name="b"))
    assert [x for _, x in rows(merged)] == ["b0", "b1", "a0", "a1", "b2", "a2"]


@pytest.mark.parametrize("run", [1, 2, 37, 1500])
def test_runs_of_any_length(run):
    """Long ones are slices, short ones are gathered."""
    count = 20_000
    times = np.arange(count)
    which = times // run % 3
    parts = [{"t": times[which == part], "s": times[which == part].astype("U")} for part in range(3)]
    merged = rl.merge(*[rl.from_batches([part], time="t", batch_rows=777) for part in parts])
    batches = list(merged)
    assert np.concatenate([batch["t"] for batch in batches]).tolist() == times.tolist()
    assert [s for batch in batches for s in batch["s"]] == [str(t) for t in times]


def test_one_stream_is_itself_and_no_stream_is_none():
    assert rows(rl.merge(at(3, 1, 2))) == rows(at(3, 1, 2))
    with pytest.raises(rl.ArgumentError, match="at least one"):
        rl.merge()


def test_a_row_ahead_is_kept_out_before_it_blocks_its_stream():
    plan = rl.merge(at(0, 9999, 10, name="a"), at(5, 15, name="b"))
    assert [row[0] for row in rows(plan)] == [0, 5, 15, 9999, 10]
    bars = plan.window(rl.tumbling(10), max_ahead=50, ahead="drop").agg(**N)
    assert rows(bars) == [(0, 10, 2), (10, 20, 2)]


def test_errors_come_after_the_rows_before_them():
    bad = rl.read_csv(b"t,x\n1,a\n5,b\noops,c\n", time="t", schema={"t": "int64", "x": "string"}, batch_rows=1)
    it, got = iter(rl.merge(at(2, 4, 6, name="b"), bad)), []
    with pytest.raises(rl.BadRowError, match="line 4"):
        got.extend(row for batch in it for row in batch.rows())
    assert [x for _, x in got] == ["a", "b0", "b1", "b"]
    assert list(it) == []


def test_a_late_row_of_a_merge_is_located_in_its_own_source():
    one = rl.read_csv(b"t,x\n1,a\n25,b\n3,c\n30,d\n", time="t")
    other = rl.read_csv(b"t,x\n2,a\n24,b\n26,c\n", time="t")
    with pytest.raises(rl.LateRowError) as caught:
        rows(rl.merge(other, one).window(rl.tumbling(10)).agg(**N))
    assert (caught.value.line, caught.value.set_by_line) == (4, 3)


def test_codes_of_categorical_columns_hold_over_all_streams():
    schema = {"t": "int64", "k": rl.categorical(max=3)}
    parts = [[(1, "b"), (3, "a")], [(2, "c"), (4, "b")]]
    streams = [rl.from_rows([dict(zip("tk", row)) for row in part], time="t", schema=schema) for part in parts]
    merged = rl.merge(*streams)
    seen = {}
    for batch in merged:
        for code in batch.codes("k"):
            seen.setdefault(int(code), batch.categories("k")[int(code)])
    assert rows(merged) == [(1, "b"), (2, "c"), (3, "a"), (4, "b")] and len(seen) == 3
    more = rl.from_rows([{"t": 9, "k": "d"}], time="t", schema=schema)
    it, got = iter(rl.merge(*streams, more)), []
    with pytest.raises(rl.LimitError, match="3 categories"):
        got.extend(row for batch in it for row in batch.rows())
    assert len(got) == 4


def test_what_is_not_alike_is_an_error():
    for other, match in [
        (rl.from_rows([{"t": 1, "y": "a"}], time="t"), "stream 1 of merge: the columns are"),
        (rl.from_rows([{"t": 1, "x": "a"}]), "stream 1 of merge: it has no event time"),
        (at(1).map_batches(lambda batch: batch), "stream 1 of merge: what map_batches gives"),
    ]:
        with pytest.raises(rl.ArgumentError, match=match):
            _ = rl.merge(at(1), other).schema
    timed = rl.from_rows([{"t": np.datetime64(5, "s"), "u": 1}], time="t")
    with pytest.raises(rl.ArgumentError, match="is of type int64, and that of stream 0 of type timestamp"):
        _ = rl.merge(timed, rl.from_rows([{"t": np.datetime64(5, "s"), "u": 1}], time="u")).schema


@pytest.mark.parametrize("timeout", [0, 5, -1, "1mo", "0s", "soon", "-5s"])
def test_a_timeout_is_a_length_on_the_wall(timeout):
    with pytest.raises(rl.ArgumentError, match=r"idle_timeout|soon"):
        rl.merge(at(1), idle_timeout=timeout)


def test_only_streams_are_merged():
    with pytest.raises(rl.ArgumentTypeError, match="merge takes streams, not list"):
        rl.merge([at(1)])


def test_a_merge_is_a_plan():
    def plan():
        return rl.merge(rl.read_csv("a.csv", time="t").filter(rl.col("x") > 1), rl.read_csv("b.csv", time="t"),
                        idle_timeout="5s").limit(3)

    assert plan() == plan() and pickle.loads(pickle.dumps(plan())) == plan()
    assert repr(plan()) == (
        'merge(\n  read_csv("a.csv", time="t")\n    .filter(col("x") > 1),\n  read_csv("b.csv", time="t"),\n'
        '  idle_timeout="5s",\n)\n  .limit(3)'
    )


def test_functions_and_sources_keep_their_places():
    doubled = at(1, 3, name="a").map_batches(lambda batch: {"t": batch["t"] * 2, "x": batch["x"]},
                                             schema={"t": "int64", "x": "string"})
    merged = rl.merge(doubled, rl.merge(at(4, name="b"), at(1, name="c"))).map_batches(lambda batch: batch)
    assert [x for _, x in rows(merged)] == ["c0", "a0", "b0", "a1"]


def test_a_source_that_can_be_read_only_once_is_not_read_twice(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,x\n1,a\n")
    with path.open("rb") as file:
        for once in (rl.read_csv(file, time="t"), rl.from_rows(iter([{"t": 1, "x": "a"}]), time="t")):
            with pytest.raises(rl.StreamConsumedError):
                iter(rl.merge(once, once.limit(1)))
    again = rl.read_csv(path, time="t")
    assert rows(rl.merge(again, again)) == [(1, "a")] * 2


def piped(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    threading.Thread(target=path.write_text, args=["t,x\n1,a\n"]).start()
    return path


ONCE = {
    "pipe": lambda tmp_path: rl.read_csv(piped(tmp_path), time="t"),
    "file": lambda _: rl.read_csv(io.BytesIO(b"t,x\n1,a\n"), time="t"),
    "rows": lambda _: rl.from_rows(iter([{"t": 1, "x": "a"}]), time="t"),
    "batches": lambda _: rl.from_batches(iter([{"t": [1], "x": ["a"]}]), time="t"),
    "declared": lambda _: rl.from_rows(iter([(1, "a")]), time="t", schema={"t": "int64", "x": "string"}),
    "arrow": lambda _: rl.from_arrow(pa.table({"t": [1], "x": ["a"]}).to_reader(), time="t"),
}


@pytest.mark.parametrize("name", ONCE)
def test_a_merge_that_cannot_begin_uses_nothing_up(name, tmp_path):
    once, used = ONCE[name](tmp_path), rl.read_csv(io.BytesIO(b"t,x\n1,a\n"), time="t")
    assert rows(used) == [(1, "a")]
    for other in (once, once.filter(rl.col("t") > 0), used, used):
        with pytest.raises(rl.StreamConsumedError):
            iter(rl.merge(once.select("t", "x"), other))
    assert rows(rl.merge(once)) == [(1, "a")]


def test_a_merge_with_a_pipe_that_is_read_uses_nothing_up(tmp_path):
    pipe, once = ONCE["pipe"](tmp_path), ONCE["rows"](tmp_path)
    assert rows(pipe) == [(1, "a")]
    with pytest.raises(rl.StreamConsumedError, match="a pipe can be read only once"):
        iter(rl.merge(once, pipe))
    assert rows(once) == [(1, "a")]


def test_standard_input_that_was_not_read_can_be(run):
    script = """
import rillet as rl
once = rl.read_csv("-", time="t")
try:
    iter(rl.merge(once, once))
except rl.StreamConsumedError as error:
    print(error)
print([row for batch in once for row in batch.rows()])
"""
    message = "standard input can be read only once, and it is being read, or has been"
    assert run(script, input="t\n1\n").stdout == f"{message}\n[(1,)]\n"


def test_memory_is_that_of_one_batch_of_each():
    def batches(first):
        for n in range(200):
            yield {"t": np.arange(n * 10_000, (n + 1) * 10_000) + first}

    merged = rl.merge(*[rl.from_batches(lambda first=first: batches(first), time="t") for first in (0, 1_000)])
    it = iter(merged)
    assert max(list(it.stats)[-1]["held"] for _ in it) <= 20_000


# --------------------------------------------------------------------- live


@pytest.fixture(params=[{"batch_rows": 1}, {}], ids=str)
def pipes(request, tmp_path):
    made = [Pipe(tmp_path, name, **request.param) for name in "ab"]
    yield made
    for pipe in made:
        pipe.file.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_live_stream_that_has_nothing_is_waited_for(pipes, threads):
    a, b = pipes
    with iter(rl.merge(*[pipe.stream(threads=threads) for pipe in pipes])) as it:
        a.write("1,a1\n2,a2\n")
        assert polled(it, 0.4) == []
        b.write("2,b2\n")
        assert polled(it, 0.4) == ["a1", "a2"]
        a.write("9,a9\n")
        assert polled(it, 0.4) == ["b2"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_live_stream_that_is_idle_for_too_long_is_not(pipes, threads):
    a, b = pipes
    streams = [pipe.stream(threads=threads) for pipe in pipes]
    with iter(rl.merge(*streams, idle_timeout="500ms")) as it:
        a.write("1,a1\n2,a2\n")
        assert polled(it, 0.2) == []
        assert polled(it, 1.0) == ["a1", "a2"]
        b.write("3,b3\n")
        a.write("8,a8\n")
        assert sorted(polled(it, 1.5)) == ["a8", "b3"]
        b.write("5,b5\n")
        assert polled(it, 0.5) == ["b5"]


def test_idle_streams_hold_nobody_up(pipes):
    """Many rows of one stream while the other is idle: it is asked now and then, but not waited for."""
    a, _ = pipes
    with iter(rl.merge(*[pipe.stream(threads=1) for pipe in pipes], idle_timeout="100ms")) as it:
        a.write("1,a\n")
        assert polled(it, 0.5) == ["a"]
        a.write("2,a\n" * 500)
        begin, got = time.monotonic(), 0
        while got < 500:
            got += len(next(it))
        assert got == 500 and time.monotonic() - begin < 3
