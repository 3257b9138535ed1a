"""Ctrl-C in the midst of work: it is answered, and no row is lost or comes twice."""

import _thread
import functools
import itertools
import operator
import os
import signal
import threading
import types

import numpy as np
import pyarrow as pa
import pytest

import rillet as rl
from compare import rows

LARGE = pa.table({"t": np.arange(600_000), "x": np.arange(600_000) % 1001 * 0.1})
AGGREGATES = {"v": rl.var("x"), "s": rl.sum("x")}
STREAMS = {
    "hopping": lambda rows: rows.window(rl.hopping(100, 10)).agg(**AGGREGATES),
    "tumbling": lambda rows: rows.window(rl.tumbling(2)).agg(**AGGREGATES),
    "rolling": lambda rows: rows.rolling(100).agg(**AGGREGATES),
}


def table(batches):
    """Batches as one table; `None` if there are none."""
    made = [pa.record_batch(batch) for batch in batches]
    return pa.Table.from_batches(made).combine_chunks() if made else None


SOONER = [0.002, 0.001, 0.0005, 0.0002, 0.0001]
"""Seconds that a call has until Ctrl-C comes: on a machine that is done before, less."""


def interrupted(calls, seconds):
    """What calls give, each of which has so long until Ctrl-C comes; and how often it did."""
    main, given, interrupts = threading.get_ident(), [], 0
    for call in calls:
        timer, before = threading.Timer(seconds, lambda: signal.pthread_kill(main, signal.SIGINT)), len(given)
        try:
            timer.start()
            # Called and kept in one step: Python raises Ctrl-C between steps, and drops what a call has just given.
            given.extend(map(operator.call, [call]))
            if len(given) == before:
                break
        except KeyboardInterrupt:
            interrupts += 1
        finally:
            timer.cancel()
            timer.join()
    return given, interrupts


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("way", ["__next__", "poll"])
def test_no_batch_is_lost_that_is_being_made(name, way):
    stream = STREAMS[name](rl.from_arrow(LARGE, time="t", batch_rows=200_000))
    interrupts, sooner = 0, iter(SOONER)
    while not interrupts:
        given, interrupts = interrupted(itertools.repeat(getattr(iter(stream), way)), next(sooner))
        assert table(filter(None, given)) == table(stream)


@pytest.mark.parametrize("name", STREAMS)
def test_no_batch_is_lost_of_what_is_pushed(name):
    stream = STREAMS[name](rl.from_arrow(LARGE, time="t"))
    interrupts, sooner = 0, iter(SOONER)
    while not interrupts:
        whole, parts = stream.operator(), stream.operator()
        given, interrupts = interrupted([functools.partial(parts.push, LARGE), parts.finish], next(sooner))
        got = [*itertools.chain(*given), *parts.finish()]
        # Ctrl-C may have come before any row was taken.
        taken = parts.stats[0]["rows_in"]
        assert taken in (0, len(LARGE))
        assert table(got) == table([*(whole.push(LARGE) if taken else []), *whole.finish()])


def test_a_closed_iterator_gives_nothing_that_was_kept():
    interrupts, sooner = 0, iter(SOONER)
    while not interrupts:
        it = iter(STREAMS["hopping"](rl.from_arrow(LARGE, time="t", batch_rows=600_000)))
        interrupts = interrupted([it.__next__], next(sooner))[1]
    it.close()
    assert list(it) == []


NUMBERS = b"x\n" + b"".join(b"%d\n" % n for n in range(1000))
PIECES = [NUMBERS[at : at + 100] for at in range(0, len(NUMBERS), 100)]


def interrupting():
    """A file object that is all native: Python hears of Ctrl-C once `read` has come back, with a piece."""
    ctrl_c = itertools.starmap(_thread.interrupt_main, itertools.repeat((), len(PIECES)))
    given = zip(itertools.chain(ctrl_c, itertools.repeat(None)), itertools.chain(PIECES, itertools.repeat(b"")))
    return types.SimpleNamespace(read=functools.partial(next, map(operator.itemgetter(1), given)))


def test_no_bytes_are_lost_of_a_file_object_that_is_looked_at():
    stream = rl.read_csv(interrupting())
    for _ in PIECES:
        with pytest.raises(KeyboardInterrupt):
            stream.schema  # noqa: B018
    assert dict(stream.schema) == {"x": "int64"}
    assert rows(stream) == [(n,) for n in range(1000)]


@pytest.mark.parametrize("options", [{"early": 10}, {"early_rows": 1}, {"refine_for": 10}])
def test_a_row_of_very_many_windows_is_broken_off(options):
    rows = rl.from_rows([{"t": 5}, {"t": 6}], time="t")
    it = iter(rows.window(rl.hopping(10**9, 1), max_state_bytes=2 * 10**9, **options).agg(n=rl.count()))
    assert interrupted([it.__next__], 0.2) == ([], 1)


def test_no_bytes_are_lost_of_a_file_object_that_is_read():
    stream = rl.read_csv(interrupting(), infer_rows=1, batch_rows=70)
    with pytest.raises(KeyboardInterrupt):
        stream.schema  # noqa: B018
    it, got, interrupts = iter(stream), [], 0
    while len(got) < 15:
        try:
            got.append(next(it))
        except KeyboardInterrupt:
            interrupts += 1
    assert interrupts > 5
    assert rows([*got, *it]) == [(n,) for n in range(1000)]


def test_a_file_that_is_waited_for_goes_on_after_ctrl_c():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file, os.fdopen(writing, "wb", 0) as pipe:
        pipe.write(b"x\n" + b"7\n" * 50)
        it = iter(rl.read_csv(file, schema={"x": "int64"}, infer_rows=1, batch_rows=50))
        assert rows([next(it)]) == [(7,)] * 50
        # The first may come just before Python waits, which it then does not hear.
        ctrl_c = [threading.Timer(s, signal.pthread_kill, [threading.get_ident(), signal.SIGINT]) for s in (0.3, 5)]
        for timer in ctrl_c:
            timer.start()
        with pytest.raises(KeyboardInterrupt):
            next(it)
        ctrl_c[1].cancel()
        pipe.write(b"8\n")
        pipe.close()
        assert rows(it) == [(8,)]


def test_a_read_of_python_that_is_interrupted_ends_the_run():
    def read(_):
        if pieces:
            return pieces.pop(0)
        raise KeyboardInterrupt

    pieces = [b"x\n1\n", b"2\n"]
    it = iter(rl.read_csv(types.SimpleNamespace(read=read), infer_rows=1, batch_rows=1))
    with pytest.raises(KeyboardInterrupt):
        rows(it)
    assert list(it) == []


def test_a_file_object_that_was_interrupted_inside_its_own_read_is_not_read_on():
    pieces = iter([b"x\n1\n", b"2\n", b"3\n", b""])

    def read(_):
        piece = next(pieces)
        if piece == b"2\n":
            raise KeyboardInterrupt
        return piece

    stream = rl.read_csv(types.SimpleNamespace(read=read))
    with pytest.raises(KeyboardInterrupt):
        stream.schema  # noqa: B018
    for ask in (lambda: stream.schema, lambda: iter(stream)):
        with pytest.raises(rl.StreamConsumedError, match="interrupted inside its own read"):
            ask()
