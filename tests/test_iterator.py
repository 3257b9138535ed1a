"""The iterator among the best of the standard library: lazy, exhausted for good, safe to share and drop."""

import contextlib
import gc
import io
import itertools
import os
import threading
import time
import weakref

import numpy as np
import pyarrow as pa
import pytest

import rillet as rl
from compare import rows
from sources import SQUARES, Watched

COUNTING = {"x": "int64"}


def batches(count, seen=None):
    """A generator of one-row batches that notes what was asked of it and whether it was closed."""
    seen = [] if seen is None else seen
    try:
        for n in range(count):
            seen.append(n)
            yield {"x": np.array([n])}
        seen.append("end")
    finally:
        seen.append("closed")


# -------------------------------------------------------------- laziness


def test_building_a_stream_opens_and_reads_nothing(tmp_path):
    file = Watched(SQUARES)
    calls = []

    def source():
        calls.append("called")
        return batches(3)

    plans = [
        rl.read_csv(tmp_path / "later.csv", time="t"),
        rl.read_csv(file, time="t"),
        rl.from_batches(source, time="x", schema=COUNTING),
    ]
    grown = [plan.filter(rl.col("x") > 0).window(rl.tumbling(10)).agg(n=rl.count()) for plan in plans]
    assert [repr(plan) for plan in grown] and file.reads == 0 and calls == []
    (tmp_path / "later.csv").write_bytes(SQUARES)
    assert rows(grown[0])[0] == (0, 10, 9)


def test_generators_are_read_no_further_than_asked_for():
    seen = []
    it = iter(rl.from_batches(batches(10, seen), schema=COUNTING))
    assert rows([next(it)]) == [(0,)] and seen == [0]
    assert rows([next(it)]) == [(1,)] and seen == [0, 1]


def test_iterables_are_only_called_on_the_thread_inside_next():
    threads = set()

    def source():
        for batch in batches(5):
            threads.add(threading.get_ident())
            yield batch

    assert len(rows(rl.from_batches(source(), schema=COUNTING))) == 5
    assert threads == {threading.get_ident()}


def test_files_are_read_ahead_no_further_than_declared(tmp_path):
    file = Watched(b"x\n" + b"1234567\n" * 2_000_000)
    it = iter(rl.read_csv(file, batch_rows=1000, infer_rows=100, prefetch=1, threads=1))
    next(it)
    time.sleep(0.1)
    assert file.tell() < 8 << 20


# --------------------------------------------------- iterables, iterators


def test_a_re_readable_source_starts_anew(tmp_path):
    target = tmp_path / "a.csv"
    target.write_bytes(SQUARES)
    for stream in (
        rl.read_csv(target),
        rl.read_csv(SQUARES),
        rl.from_rows([{"x": 1}] * 3),
        rl.from_batches(lambda: batches(3)),
        rl.from_batches([{"x": np.arange(3)}]),
    ):
        one, other = iter(stream), iter(stream)
        assert one is not other and rows(one) == rows(other) == rows(stream) != []


def test_a_one_shot_source_says_so(tmp_path):
    for stream in (
        rl.read_csv(Watched(SQUARES)),
        rl.from_batches(batches(3)),
        rl.from_rows(row for row in [{"x": 1}]),
    ):
        assert rows(stream)
        with pytest.raises(rl.StreamConsumedError):
            iter(stream)


def test_a_schema_of_a_one_shot_source_costs_no_rows():
    for stream in (
        rl.read_csv(Watched(SQUARES)),
        rl.from_batches(batches(1000)),
        rl.from_rows({"x": n} for n in range(1000)),
    ):
        assert "x" in stream.schema
        assert len(rows(stream)) == 1000


def test_an_iterator_is_its_own_iterator_and_stays_exhausted():
    it = iter(rl.read_csv(SQUARES, batch_rows=400))
    assert iter(it) is it
    assert [len(batch) for batch in it] == [400, 400, 200]
    for _ in range(3):
        with pytest.raises(StopIteration):
            next(it)
    with pytest.raises(StopIteration):
        it.poll()
    assert next(it, "default") == "default"


def test_next_of_a_closed_iterator_ends():
    it = iter(rl.read_csv(SQUARES, batch_rows=10))
    next(it)
    it.close()
    it.close()
    assert list(it) == []
    assert next(iter(it.stats))["rows_out"] == 10


def test_with_closes(tmp_path):
    seen = []
    with iter(rl.from_batches(batches(10, seen), schema=COUNTING)) as it:
        next(it)
    assert seen == [0, "closed"] and list(it) == []
    with pytest.raises(ZeroDivisionError), iter(rl.read_csv(SQUARES)) as it:
        raise ZeroDivisionError
    assert list(it) == []


def test_break_closes_the_generator_of_the_user():
    seen = []
    for _ in rl.from_batches(batches(10, seen), schema=COUNTING):
        break
    gc.collect()
    assert seen == [0, "closed"]


def test_files_that_were_given_stay_open_and_files_that_were_opened_are_closed(tmp_path):
    target = tmp_path / "a.csv"
    target.write_bytes(SQUARES * 100)
    with target.open("rb") as file:
        list(rl.read_csv(file))
        assert not file.closed
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        it = iter(rl.read_csv(target, batch_rows=10))
        next(it)
        it.close()
        del it
    gc.collect()
    time.sleep(0.1)
    assert len(os.listdir("/dev/fd")) <= before + 1


def test_a_dropped_iterator_is_collected_even_in_a_cycle():
    class Source:
        def __iter__(self):
            return self

        def __next__(self):
            return {"x": np.array([1])}

    source = Source()
    source.it = iter(rl.from_batches(source, schema=COUNTING))
    next(source.it)
    gone = weakref.ref(source)
    del source
    gc.collect()
    assert gone() is None


def test_a_callback_in_a_cycle_is_collected():
    class Function:
        def __call__(self, batch):
            return batch

    function = Function()
    function.stream = rl.read_csv(SQUARES).map_batches(function)
    next(iter(function.stream))
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


# --------------------------------------------------- the code of the user


class Mine(Exception):
    """An exception that rillet has never heard of."""


def test_an_exception_of_a_generator_passes_through_and_ends_the_run():
    error = Mine("words")

    def source():
        yield {"x": np.array([1])}
        raise error

    it = iter(rl.from_batches(source(), schema=COUNTING))
    next(it)
    with pytest.raises(Mine) as caught:
        next(it)
    assert caught.value is error and "source" in [frame.name for frame in caught.traceback]
    assert list(it) == []


def test_an_exception_of_a_function_passes_through_and_closes_the_source():
    seen, error = [], Mine("words")

    def function(batch):
        raise error

    it = iter(rl.from_batches(batches(5, seen), schema=COUNTING).map_batches(function, schema=COUNTING))
    with pytest.raises(Mine) as caught:
        next(it)
    assert caught.value is error and list(it) == []
    gc.collect()
    assert seen == [0, "closed"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_base_exceptions_of_a_function_pass_through(error):
    def function(batch):
        raise error

    it = iter(rl.read_csv(SQUARES).map_batches(function, schema={"x": "int64"}))
    with pytest.raises(error):
        next(it)
    assert list(it) == []


def test_a_stop_iteration_of_a_function_is_no_silent_end():
    def function(batch):
        raise StopIteration

    with pytest.raises(RuntimeError):
        list(rl.read_csv(SQUARES).map_batches(function, schema={"x": "int64"}))


def test_next_from_inside_its_own_callback_is_an_error():
    caught = []

    def function(batch):
        with pytest.raises(rl.ReentrantError) as error:
            next(it)
        caught.append(error.value)
        return batch

    it = iter(rl.read_csv(SQUARES, batch_rows=500).map_batches(function, schema={"t": "int64", "x": "int64"}))
    assert len(list(it)) == 2 and len(caught) == 2


def test_next_from_inside_the_generator_is_an_error():
    def source():
        yield {"x": np.array([1])}
        next(it)

    it = iter(rl.from_batches(source(), schema=COUNTING))
    next(it)
    with pytest.raises(rl.ReentrantError):
        next(it)


# ---------------------------------------------------------------- threads


def share(it, count):
    """Drains one iterator from several threads; gives what each got."""
    got, errors = [[] for _ in range(count)], []

    def drain(mine):
        try:
            for batch in it:
                mine.extend(batch["x"].tolist())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=drain, args=[mine], daemon=True) for mine in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "a thread hangs"
    assert errors == []
    return got


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_that_share_an_iterator_get_each_item_once(threads):
    for stream in (
        rl.read_csv(b"x\n" + b"".join(b"%d\n" % n for n in range(3000)), batch_rows=10),
        rl.read_csv(Watched(b"x\n" + b"".join(b"%d\n" % n for n in range(3000))), batch_rows=10),
        rl.from_batches(({"x": np.arange(n, n + 10)} for n in range(0, 3000, 10)), schema=COUNTING),
        rl.from_rows({"x": n} for n in range(3000)).map_batches(lambda batch: batch, schema=COUNTING).rebatch(10),
    ):
        got = share(iter(stream), threads)
        assert sorted(x for mine in got for x in mine) == list(range(3000))


def test_stats_and_close_answer_while_another_thread_waits():
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"x\n1\n2\n")
        pipe.flush()
        file = os.fdopen(reading, "rb")
        it = iter(rl.read_csv(file, schema={"x": "int64"}, infer_rows=1, batch_rows=1))
        thread = threading.Thread(target=list, args=[it], daemon=True)
        thread.start()
        time.sleep(0.2)
        started = time.monotonic()
        list(it.stats)
        it.close()
        assert time.monotonic() - started < 2
    thread.join(5)
    assert not thread.is_alive()
    file.close()


def test_many_iterators_at_once(tmp_path):
    target = tmp_path / "a.csv"
    target.write_bytes(SQUARES)
    runs = [iter(rl.read_csv(target, batch_rows=100)) for _ in range(50)]
    sums = [0] * len(runs)
    for _ in range(10):
        for number, it in enumerate(runs):
            sums[number] += int(next(it)["x"].sum())
    assert set(sums) == {sum(n * n for n in range(1000))}


LARGE = 200_000
"""Rows of a batch that is larger than any step should take in."""

SOURCES_OF_LARGE = {
    "from_arrow": lambda: rl.from_arrow(pa.table({"t": range(LARGE)}), time="t", batch_rows=LARGE),
    "from_batches": lambda: rl.from_batches([{"t": np.arange(LARGE)}], time="t"),
    "read_csv": lambda: rl.read_csv(
        b"t\n" + b"".join(b"%d\n" % t for t in range(LARGE)), time="t", batch_rows=LARGE, threads=1
    ),
    "map_batches": lambda: rl.from_batches([{"t": [0]}], time="t").map_batches(lambda _: {"t": np.arange(LARGE)}),
    "rebatch": lambda: rl.from_arrow(pa.table({"t": range(LARGE)}), time="t").rebatch(LARGE),
}


@pytest.mark.parametrize("source", SOURCES_OF_LARGE)
def test_a_step_takes_in_no_more_rows_than_usual_where_nobody_sees_the_batches(source):
    make = SOURCES_OF_LARGE[source]
    assert [len(batch) for batch in make()] == [LARGE]
    assert [len(batch) for batch in make().filter(rl.col("t") >= 0)] == [LARGE]
    it, taken = iter(make().window(rl.tumbling(1000)).agg(n=rl.count())), [0]
    with contextlib.suppress(StopIteration):
        while True:
            it.poll()
            taken.append(it.stats[-1]["rows_in"])
    assert taken[-1] == LARGE
    assert max(b - a for a, b in itertools.pairwise(taken)) <= 65_536


# ----------------------------------------------------------- bookkeeping


def test_the_ledger_of_a_reader():
    it = iter(rl.read_csv(b"x\n1\ny\n\n3\n", schema={"x": "int64"}, on_error="skip"))
    assert rows(it) == [(1,), (3,)]
    (stage,) = it.stats
    assert (
        stage["name"],
        stage["rows_in"],
        stage["rows_out"],
        stage["rejected"],
        stage["skipped_lines"],
    ) == (
        "read_csv",
        3,
        2,
        1,
        1,
    )


def test_stats_look_like_a_table():
    it = iter(rl.read_csv(SQUARES, time="t").filter(rl.col("x") > 10).window(rl.tumbling(10)).agg(n=rl.count()))
    list(it)
    names = [stage["name"] for stage in it.stats]
    assert len(names) == 3 and names[0] == "read_csv" and "filter" in names[1] and "window" in names[2]
    for name in names:
        assert name in repr(it.stats)
    assert [stage["rows_in"] for stage in it.stats] == [1000, 1000, 996]


def test_reading_rejects_and_late_rows_never_advances_the_run():
    seen = []
    it = iter(
        rl.from_batches(batches(5, seen), time="x", schema=COUNTING)
        .window(rl.tumbling(10), late="keep")
        .agg(n=rl.count())
    )
    assert list(it.late) == [] and list(it.rejects) == [] and seen in ([], [0])


def test_memory_does_not_grow_with_the_input(run):
    script = """
import resource, rillet as rl
class Endless:
    left = 0
    def read(self, size=-1):
        self.left -= 1
        return b"1234,567,abc\\n" * 5000 if self.left >= 0 else b""
def peak(blocks):
    source = Endless()
    source.left = blocks
    columns = dict.fromkeys(("a", "b"), "int64") | {"c": "string"}
    class Header:
        first = True
        def read(self, size=-1):
            if self.first:
                self.first = False
                return b"a,b,c\\n"
            return source.read()
    stream = rl.read_csv(Header(), schema=columns, batch_rows=10_000)
    assert sum(map(len, stream)) == blocks * 5000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small = peak(60)
print(peak(1500) - small)
"""
    done = run(script, timeout=50)
    assert done.stderr == "" and int(done.stdout) < 32 * 1024


@pytest.mark.parametrize(
    "make",
    [
        lambda: rl.read_csv(io.BytesIO(b"a\n1\n")),
        lambda: rl.from_rows(row for row in [{"a": 1}]),
        lambda: rl.from_batches(iter([{"a": [1]}])),
        lambda: rl.from_arrow(pa.table({"a": [1]}).to_reader()),
    ],
    ids=["file", "rows", "batches", "arrow"],
)
def test_the_schema_of_a_one_shot_source_stays_known(make):
    stream = make()
    it = iter(stream)
    assert stream.schema == stream.limit(1).schema == {"a": "int64"}
    assert rows(it) == [(1,)]
    assert stream.schema == {"a": "int64"} and stream.select(b="a").schema == {"b": "int64"}
    for again in (stream, stream.limit(1)):
        with pytest.raises(rl.StreamConsumedError):
            iter(again)
