"""Operators, to which rows are pushed, by example."""

import datetime as dt
import gc
import pickle
import re
import threading
import weakref
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

import rillet as rl
from test_pushed import pushed

SIMPLE = {"t": "int64", "x": "int64"}


def bars(**options):
    return pushed(SIMPLE).window(rl.tumbling(10), **options).agg(total=rl.sum("x"))


def tuples(batches):
    return [row for batch in batches for row in batch.rows()]


def test_an_operator_of_any_stream_reads_nothing_of_its_source():
    def rows():
        yield (1, 2)
        pytest.fail("it was read beyond its first row")

    plan = rl.from_rows(rows, time="t", schema=SIMPLE).window(rl.tumbling(10)).agg(total=rl.sum("x"))
    op = plan.operator()
    assert tuples([*op.push({"t": [1, 12], "x": [5, 7]}), *op.finish()]) == [(0, 10, 5), (10, 20, 7)]
    csv = rl.read_csv(b"t,x\n1,2\n", time="t").window(rl.tumbling(10)).agg(total=rl.sum("x"))
    op = csv.operator()
    assert tuples([*op.push({"t": [3], "x": [4]}), *op.finish()]) == [(0, 10, 4)]
    assert tuples(csv) == [(0, 10, 2)]


def test_the_schema_may_come_with_the_operator():
    plan = rl.from_push(time="t").rolling(rows=2).agg(m=rl.mean("x"))
    op = plan.operator({"t": "int64", "x": "float64"})
    assert [op.push_row(1, 0.5), op.push_row(t=2, x=1.5)] == [[(1, 0.5, 0.5)], [(2, 1.5, 1.0)]]
    with pytest.raises(rl.ArgumentTypeError, match="declare them"):
        plan.operator()
    with pytest.raises(rl.ColumnNotFoundError):
        plan.operator({"t": "int64"})


def test_operators_of_one_stream_have_states_of_their_own():
    plan = bars()
    one, other = plan.operator(), plan.operator()
    one.push_row(1, 1)
    other.push_row(1, 10)
    assert (tuples(one.finish()), tuples(other.finish())) == ([(0, 10, 1)], [(0, 10, 10)])


def test_a_stream_without_a_source_is_not_iterated():
    with pytest.raises(rl.ArgumentTypeError, match="push them"):
        iter(bars())
    assert list(bars().schema) == ["window_start", "window_end", "total"]
    assert repr(bars()).startswith("from_push(") and 'time="t"' in repr(bars())
    again = pickle.loads(pickle.dumps(bars()._plan.to_json()))
    assert again == bars()._plan.to_json()


Tick = namedtuple("Tick", "t x")


@dataclass
class Record:
    t: int
    x: int


@pytest.mark.parametrize(
    "push",
    [
        lambda op, t, x: op.push_row(t, x),
        lambda op, t, x: op.push_row((t, x)),
        lambda op, t, x: op.push_row([t, x]),
        lambda op, t, x: op.push_row(t=t, x=x),
        lambda op, t, x: op.push_row({"x": x, "t": t}),
        lambda op, t, x: op.push_row(Tick(t, x)),
        lambda op, t, x: op.push_row(Record(t, x)),
        lambda op, t, x: op.push_row(np.int64(t), np.int32(x)),
        lambda op, t, x: tuples(op.push({"t": [t], "x": np.array([x])})),
        lambda op, t, x: tuples(op.push(pa.record_batch({"t": [t], "x": [x]}))),
    ],
)
def test_rows_come_in_every_shape(push):
    op = bars().operator()
    assert push(op, 1, 5) == [] and push(op, 3, 2) == [] and push(op, 12, 1) == [(0, 10, 7)]


VALUES = {
    "bool": [True, False],
    "int8": [-128, 127],
    "uint8": [0, 255],
    "uint64": [0, 2**64 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "float64": [0.5, -0.0, 3, 1e308, np.float64(2.5)],
    "float32": [0.1, 2, np.float32(0.3)],
    "string": ["", "é", "x" * 300],
    "date": [dt.date(1960, 2, 29)],
    "timestamp[s]": [dt.datetime(1950, 1, 1)],
    "timestamp[us]": [dt.datetime(2024, 1, 1, 12, 30, 1, 5), np.datetime64("2024-01-01")],
    "timestamp[ns]": [dt.datetime(2024, 1, 1, 12, 30, 1, 5), np.datetime64("2024-01-01", "ns")],
    "timestamp[us, Europe/Paris]": [dt.datetime(2024, 7, 1, tzinfo=dt.UTC)],
    "duration[ms]": [dt.timedelta(hours=1)],
    "binary": [b"\x00"],
    "decimal[10,2]": [1],
    "list<int64>": [[1, 2]],
}


@pytest.mark.parametrize("dtype", VALUES)
def test_a_row_gives_back_what_a_batch_gives(dtype):
    plan = rl.from_push({"v": dtype, "k": "int64"}).rolling(rows=2).agg(n=rl.count("v"), last=rl.last("v"))
    fast, slow = plan.operator(), plan.operator()
    for value in [*VALUES[dtype], None]:
        got, want = fast.push_row(value, 1), tuples(slow.push({"v": [value], "k": [1]}))
        assert got == want and [type(x) for x in got[0]] == [type(x) for x in want[0]]
        assert repr(got) == repr(want)


@pytest.mark.parametrize(
    ("size", "options"), [((1,), {}), ((5,), {"closed": "left"}), ((), {"rows": 3, "center": True})]
)
@pytest.mark.parametrize("dtype", VALUES)
def test_a_row_that_has_waited_is_what_it_was(dtype, size, options):
    rows = rl.from_push({"t": "int64", "v": dtype}, time="t")
    plan = rows.rolling(*size, **options).agg(n=rl.count("v"), last=rl.last("v"))
    fast, slow = plan.operator(), plan.operator()
    for t, value in enumerate([*VALUES[dtype], None] * 3):
        got, want = fast.push_row(t // 2, value), tuples(slow.push({"t": [t // 2], "v": [value]}))
        assert repr(got) == repr(want)
        assert [[type(x) for x in row] for row in got] == [[type(x) for x in row] for row in want]
    assert repr(tuples(fast.finish())) == repr(tuples(slow.finish()))


@pytest.mark.parametrize(
    ("time", "start", "day"),
    [
        ("timestamp[us]", dt.datetime(2024, 1, 1), "24h"),
        ("timestamp[ms, Europe/Paris]", dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "24h"),
        ("date", dt.date(2024, 1, 1), "1d"),
    ],
)
def test_rows_wait_for_any_kind_of_time(time, start, day):
    rows = rl.from_push({"x": "int64", "at": time})
    for plan in (
        rl.from_push({"x": "int64", "at": time}, time="at").rolling(day),
        rows.rolling(day, time="at"),
        rows.rolling(rows=2, time="at", lateness=day),
    ):
        fast, slow = plan.agg(n=rl.sum("x")).operator(), plan.agg(n=rl.sum("x")).operator()
        for i, days in enumerate([0, 0, 1, 3, 1, 3, 7]):
            at = start + dt.timedelta(days=days)
            try:
                want = tuples(slow.push({"x": [i], "at": [at]}))
            except rl.LateRowError as error:
                with pytest.raises(rl.LateRowError) as caught:
                    fast.push_row(i, at)
                assert (caught.value.row, caught.value.set_by_row) == (error.row, error.set_by_row) == (4, 3)
                break
            assert repr(fast.push_row(i, at)) == repr(want)
        assert fast.ended == slow.ended and repr(tuples(fast.finish())) == repr(tuples(slow.finish()))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("int8", 128),
        ("uint8", -1),
        ("int64", 2**63),
        ("int64", 1.5),
        ("int64", True),
        ("bool", 1),
        ("float64", "x"),
        ("string", 1),
        ("timestamp[s]", dt.datetime(2024, 1, 1, 0, 0, 0, 5)),
        ("timestamp[us]", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("timestamp[us]", 5),
        ("date", dt.datetime(2024, 1, 1)),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_changes_nothing(dtype, value):
    plan = rl.from_push({"v": dtype, "k": "int64"}).group_by().agg(n=rl.count())
    op, other = plan.operator(), plan.operator()
    op.push_row(None, 0)
    try:
        other.push({"v": [value], "k": [1]})
    except rl.BadRowError:
        with pytest.raises(rl.BadRowError, match="push_row, row 1") as caught:
            op.push_row(value, 1)
        assert (caught.value.row, caught.value.column, caught.value.source) == (1, "v", "push_row")
    else:
        op.push_row(value, 1)
        op.push_row(value, 1)
        assert tuples(op.finish()) == [(3,)]
        return
    assert not op.ended
    op.push_row(None, 2)
    assert tuples(op.finish()) == [(2,)]


@pytest.mark.parametrize("row", [(1,), (1, 2, 3), {"q": 1}, 5, "ab", object()])
def test_what_is_no_row_of_the_schema_is_refused(row):
    op = bars().operator()
    with pytest.raises(rl.BadRowError, match="push_row, row 0"):
        op.push_row(row)
    with pytest.raises(rl.ArgumentTypeError, match="not both"):
        op.push_row(1, x=2)
    with pytest.raises(rl.ArgumentError, match="batch 0 of push"):
        op.push({"t": [1]})
    with pytest.raises(rl.ArgumentTypeError, match="batch 0 of push"):
        op.push(5)
    assert op.push_row(1, 2) == [] and tuples(op.finish()) == [(0, 10, 2)]


@pytest.mark.parametrize("push", [lambda op: op.push_row(None, 7), lambda op: op.push_row(x=7), None])
def test_a_row_without_event_time_is_refused_and_changes_nothing(push):
    op = bars().operator()
    assert op.push_row(1, 2) == []
    push, place = (push, "push_row") if push else (lambda op: op.push({"t": [3, None], "x": [1, 7]}), "batch 0 of push")
    for _ in range(2):
        with pytest.raises(rl.BadRowError) as caught:
            push(op)
        assert str(caught.value) == (
            f'{place}, row 1: column "t": "null" is not an event time, and each row must have one'
        )
        assert not op.ended
    assert op.push_row(12, 3) == [(0, 10, 2)] and tuples(op.finish()) == [(10, 20, 3)]


def test_an_operator_says_why_it_takes_nothing_more():
    def ended(stream, end):
        op = stream.operator()
        op.push_row(1, 2)
        end(op)
        with pytest.raises(rl.StreamConsumedError) as caught:
            op.push_row(2, 3)
        return str(caught.value).removeprefix("this operator takes nothing more: ").partition(";")[0]

    assert ended(bars(), lambda op: op.finish()) == "it has ended, after finish()"
    assert ended(bars(), lambda op: op.close()) == "it has ended, after close()"
    assert ended(pushed(SIMPLE).limit(1), lambda op: list(op.finish()) or op.close()) == "limit(n) has its rows"
    assert ended(pushed(SIMPLE).limit(1), lambda op: None) == "limit(n) has its rows"


@pytest.mark.parametrize("plan", [lambda rows: rows, lambda rows: rows.filter("x"), lambda rows: rows.rebatch(2)])
def test_an_operator_that_wants_no_row_has_ended(plan):
    op = plan(pushed({"t": "int64", "x": "bool"})).limit(0).operator()
    assert op.ended
    with pytest.raises(rl.StreamConsumedError, match=r"limit\(n\) has its rows"):
        op.push_row(1, True)
    assert tuples(op.finish()) == []
    counts = rl.from_rows([], schema=SIMPLE).group_by().agg(n=rl.count())
    counted = pushed(SIMPLE).limit(0).group_by().agg(n=rl.count()).operator()
    assert counted.ended and tuples(counted.finish()) == tuples(counts)


def test_a_bool_is_no_time_and_no_number():
    op = pushed({"t": "int64", "x": "float64"}).operator()
    for row in ((True, 1.0), (1, True), (np.int64(1), False)):
        with pytest.raises(rl.BadRowError, match="not a"):
            op.push_row(*row)
    with pytest.raises(rl.ArgumentTypeError):
        op.advance(True)
    assert op.push_row(1, 2) == [(1, 2.0)]


def test_rows_of_batches_and_rows_that_came_by_themselves_wait_together():
    op = pushed(SIMPLE).rolling(10, lateness=5).agg(total=rl.sum("x")).operator()
    assert op.push_row(1, 1) == [] and tuples(op.push({"t": [3, 2], "x": [2, 3]})) == []
    assert op.push_row(4, 4) == [] and op.push_row(7, 5) == [(1, 1, 1)]
    assert tuples(op.advance(9)) == [(2, 3, 4), (3, 2, 6)]
    assert op.push_row(10, 6) == [(4, 4, 10)]
    assert list(op.stats)[-1]["held"] == 2
    assert tuples(op.finish()) == [(7, 5, 15), (10, 6, 21)]


def test_the_state_has_a_limit():
    op = pushed(SIMPLE).rolling(rows=100_000, max_state_bytes=200_000).agg(n=rl.count()).operator()
    with pytest.raises(rl.StateLimitError):
        for t in range(100_000):
            op.push_row(t, 1)
    op = pushed(SIMPLE).rolling(10, lateness=10**6, max_state_bytes=200_000).agg(n=rl.count()).operator()
    with pytest.raises(rl.StateLimitError):
        for t in range(100_000):
            op.push_row(t, 1)
    op = pushed(SIMPLE).window(rl.tumbling(10**9), by="x", max_state_bytes=200_000).agg(n=rl.count()).operator()
    with pytest.raises(rl.StateLimitError):
        for t in range(100_000):
            op.push_row(t, t)


@pytest.mark.parametrize(
    ("dtype", "time"),
    [
        ("int64", 60),
        ("int64", np.int32(60)),
        ("timestamp[s]", 60),
        ("timestamp[s]", dt.datetime(1970, 1, 1, 0, 1)),
        ("timestamp[s]", np.datetime64("1970-01-01T00:01")),
        ("timestamp[s, Europe/Paris]", dt.datetime(1970, 1, 1, 0, 1, tzinfo=dt.UTC)),
        ("date", dt.date(1970, 3, 2)),
        ("date", np.datetime64("1970-03-02")),
    ],
)
def test_event_time_is_moved_on(dtype, time):
    size, sixty = {
        "int64": (10, 60),
        "date": ("10d", np.datetime64(60, "D")),
    }.get(dtype, ("10s", np.datetime64(60, "s")))
    op = rl.from_push({"t": dtype}, time="t").window(rl.tumbling(size)).agg(n=rl.count()).operator()
    assert op.advance(time) == [] and op.watermark == sixty
    assert op.advance(time) == [] and op.watermark == sixty


@pytest.mark.parametrize("time", ["60", 1.5, None, True, 2**63, dt.date(2024, 1, 1), object()])
def test_what_is_no_time_is_refused(time):
    op = bars().operator()
    with pytest.raises((rl.ArgumentTypeError, rl.ArgumentError), match="advance"):
        op.advance(time)
    assert op.push_row(1, 1) == []
    with pytest.raises(rl.ArgumentError, match="there is no event time"):
        rl.from_push(SIMPLE).group_by().agg(n=rl.count()).operator().advance(1)


def test_advancing_to_the_ends_of_time():
    for end in (-(2**63), 2**63 - 1):
        op = bars(lateness=5).operator()
        op.push_row(1, 1)
        out = tuples([*op.advance(end), *op.finish()])
        assert out == [(0, 10, 1)]


def test_an_ended_operator_says_so():
    op = bars().operator()
    with op as same:
        assert same is op and not op.ended
    for call in (lambda: op.push_row(1, 1), lambda: op.push({"t": [1], "x": [1]}), lambda: op.advance(1)):
        with pytest.raises(rl.StreamConsumedError):
            call()
    assert list(op.finish()) == [] and op.ended and op.close() is None
    limited = pushed(SIMPLE).limit(2).operator()
    assert tuples(limited.push({"t": [1, 2, 3], "x": [1, 2, 3]})) == [(1, 1), (2, 2)] and limited.ended
    assert "Operator closed" in repr(limited)
    with pytest.raises(rl.ArgumentTypeError, match="cannot be pickled"):
        pickle.dumps(op)


def test_names_may_be_none():
    with pushed(SIMPLE).rolling(rows=2).agg(n=rl.count()).operator() as op:
        assert op.push_row(*(1, 2), **{}) == [(1, 2, 1)]


def test_a_time_of_another_zone_says_so():
    op = rl.from_push({"t": "timestamp[us, UTC]"}, time="t").window(rl.tumbling("1h")).agg(n=rl.count()).operator()
    with pytest.raises(rl.ArgumentTypeError, match="or its ticks, not datetime: a time without a zone"):
        op.advance(dt.datetime(2024, 1, 1))
    with pytest.raises(rl.ArgumentTypeError, match=r"or its ticks, not date$"):
        op.advance(dt.date(2024, 1, 1))


@pytest.mark.parametrize(
    ("dtype", "time", "wrong"),
    [
        ("timestamp[ms, UTC]", dt.datetime(2024, 1, 1, 0, 0, 0, 15, dt.UTC), "finer than a timestamp[ms, UTC]"),
        ("timestamp[s]", np.datetime64("2024-01-01T00:00:00.5"), "finer than a timestamp[s], or out of its range"),
        ("timestamp[ns]", dt.datetime(2400, 1, 1), "out of the range of a timestamp[ns]"),
        ("timestamp[ns]", np.datetime64("2400-01-01", "s"), "finer than a timestamp[ns], or out of its range"),
        ("date", np.datetime64("2024-01-01T12"), "finer than a date, or out of its range"),
    ],
)
def test_a_time_between_ticks_or_beyond_them_says_so(dtype, time, wrong):
    op = rl.from_push({"t": dtype}, time="t").operator()
    said = f'^advance: the time is {re.escape(wrong)}, which is the type of column "t"$'
    with pytest.raises(rl.ArgumentError, match=said):
        op.advance(time)
    with pytest.raises(rl.BadRowError, match=re.escape(wrong)):
        op.push_row(time)


def test_an_operator_has_no_clock():
    rows = rl.from_push(SIMPLE, time="t")
    for plan in (rows.window(rl.tumbling(5), idle_timeout="5s"), rows.rolling(5, idle_timeout="5s")):
        with pytest.raises(rl.ArgumentError, match=r'idle_timeout="5s": .* advance\('):
            plan.agg(n=rl.count()).filter(rl.col("n") > 0).operator()


def test_functions_of_the_user_are_called():
    seen = []

    def double(batch):
        seen.append(len(batch))
        return {"t": batch["t"], "x": batch["x"] * 2}

    plan = pushed(SIMPLE).map_batches(double, SIMPLE).window(rl.tumbling(10)).agg(total=rl.sum("x"))
    op = plan.operator()
    assert op.push_row(1, 5) == [] and op.push_row(11, 1) == [(0, 10, 10)] and seen == [1, 1]


def test_an_exception_of_a_function_passes_through_and_ends_the_operator():
    def fail(batch):
        raise ZeroDivisionError

    op = pushed(SIMPLE).map_batches(fail).operator()
    with pytest.raises(ZeroDivisionError):
        op.push_row(1, 1)
    assert op.ended


def test_an_operator_called_from_inside_its_own_function_is_an_error():
    caught = []

    def again(batch):
        for call in (lambda: op.push_row(1, 1), lambda: op.finish(), lambda: op.advance(1)):
            with pytest.raises(rl.ReentrantError, match="this operator"):
                call()
        caught.append((op.ended, len(list(op.stats)), repr(op)))
        return batch

    op = pushed(SIMPLE).map_batches(again).operator()
    assert op.push_row(1, 1) == [(1, 1)] and caught[0][:2] == (False, 2)


def test_threads_that_share_an_operator_lose_no_row():
    op = pushed(SIMPLE).rolling(rows=3).agg(n=rl.count()).operator()
    counted = pushed(SIMPLE).group_by("t").agg(n=rl.count()).operator()
    out = []

    def push(thread):
        for number in range(500):
            out.extend(op.push_row(thread, number) if number % 3 else tuples(op.push({"t": [thread], "x": [number]})))
            counted.push_row(thread, number)

    threads = [threading.Thread(target=push, args=[thread]) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row[:2] for row in out) == [(thread, n) for thread in range(4) for n in range(500)]
    assert sorted(tuples(counted.finish())) == [(thread, 500) for thread in range(4)]


def test_a_dropped_operator_is_collected_even_in_a_cycle():
    def function(batch):
        return batch

    op = pushed(SIMPLE).map_batches(function).operator()
    function.op = op
    gone = weakref.ref(op)
    del op, function
    gc.collect()
    assert gone() is None


def test_a_forked_child_gets_an_error_or_works(run):
    script = """
import os, rillet as rl
op = rl.from_push({"x": "int64"}).rolling(rows=2).agg(n=rl.count()).operator()
op.push_row(1)
pid = os.fork()
if not pid:
    try:
        assert op.push_row(3) == [(3, 2)]
        op.push({"x": [4, 5]})
    except rl.ForkError:
        os._exit(7)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert op.push_row(2) == [(2, 2)]
"""
    done = run(script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("time", [2**63 - 20, -(2**63) + 19])
def test_a_row_near_the_ends_of_time_is_located_however_it_is_pushed(time):
    pushed = rl.from_push({"t": "int64"}, time="t").rolling(10).agg(n=rl.count())
    for push in ("push_row", "push"):
        with pytest.raises(rl.ResultOverflowError, match=f"event time {time}: it is so near the end") as caught:
            getattr(pushed.operator(), push)({"t": time if push == "push_row" else [time]})
        assert caught.value.row == 0


@pytest.mark.parametrize("in_batches", [0, 10])
def test_rows_that_have_gone_take_no_memory(in_batches):
    op = rl.from_push({"t": "int64", "s": "string"}, time="t").rolling(10).agg(n=rl.count()).operator()
    most = {}
    for start in range(0, 20_000, 20):
        single = start + 20 - in_batches
        for t in range(start, single):
            op.push_row(t, "some text")
        if in_batches:
            op.push({"t": range(single, start + 20), "s": ["some text"] * in_batches})
        half = start // 10_000
        most[half] = max(most.get(half, 0), list(op.stats)[-1]["state_bytes"])
    assert most[1] < 1.5 * most[0]
