"""Iterables and file objects as sources: whoever asks, in whatever thread, after whatever failure."""

import threading
import time

import pyarrow as pa
import pytest

import rillet as rl
from compare import rows

WANT = [(n,) for n in range(40)]


def at_once(*calls):
    """What calls give that are made by a thread each: the value or the exception, in order."""
    given = [None] * len(calls)

    def call(at):
        try:
            given[at] = calls[at]()
        except Exception as error:
            given[at] = error

    threads = [threading.Thread(target=call, args=[at]) for at in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def slowly(items):
    for item in items:
        time.sleep(0.001)
        yield item


AGAIN = {
    "rows": lambda: rl.from_rows(lambda: slowly(WANT), batch_rows=3),
    "batches": lambda: rl.from_batches(lambda: slowly({"x": [n]} for (n,) in WANT)),
    "arrow": lambda: rl.from_arrow(pa.table({"x": [n for (n,) in WANT]}), batch_rows=3),
}


@pytest.mark.parametrize("stream", AGAIN.values(), ids=AGAIN)
def test_threads_that_iterate_a_stream_have_a_run_each(stream):
    stream = stream()
    assert at_once(*[lambda: rows(stream)] * 3) == [WANT] * 3
    assert at_once(lambda: stream.schema and None, *[lambda: rows(stream)] * 3) == [None, *[WANT] * 3]


ONCE = {
    "rows": lambda: rl.from_rows(slowly({"x": n} for (n,) in WANT), batch_rows=3),
    "batches": lambda: rl.from_batches(slowly({"x": [n]} for (n,) in WANT)),
    "arrow": lambda: rl.from_arrow(pa.table({"x": range(40)}).to_reader(), batch_rows=3),
}


@pytest.mark.parametrize("stream", ONCE.values(), ids=ONCE)
def test_of_threads_that_iterate_what_can_be_read_once_one_has_the_run(stream):
    stream = stream()
    given = at_once(*[lambda: rows(stream)] * 3)
    assert given.count(WANT) == 1
    assert sum(isinstance(one, rl.StreamConsumedError) for one in given) == 2


@pytest.mark.parametrize("stream", ONCE.values(), ids=ONCE)
def test_threads_that_look_at_what_can_be_read_once_lose_nothing(stream):
    stream = stream()
    looks = [lambda one=one: dict(one.schema) for one in (stream, stream.select("x"), stream.limit(99))]
    assert at_once(*looks) == [{"x": "int64"}] * 3
    assert rows(stream) == WANT


FLAKY = {
    "rows": lambda source: rl.from_rows(source),
    "batches": lambda source: rl.from_batches(source),
}
ROW = {"rows": (1,), "batches": {"x": [1]}}


@pytest.mark.parametrize("name", FLAKY)
@pytest.mark.parametrize("error", [ConnectionError("down"), KeyboardInterrupt()], ids=["exception", "interrupt"])
def test_a_function_is_called_anew_after_a_failure(name, error):
    calls = []

    def source():
        calls.append(1)
        if len(calls) < 3:
            raise error
        yield ROW[name]

    stream = FLAKY[name](source)
    for ask in (lambda: stream.schema, lambda: iter(stream)):
        with pytest.raises(type(error)) as caught:
            ask()
        assert caught.value is error
    assert rows(stream) == [(1,)] and len(calls) == 3


@pytest.mark.parametrize("name", FLAKY)
def test_a_first_row_that_is_bad_is_told_each_time(name):
    bad = [object()] if name == "rows" else [{"x": [object()]}]
    for source in (lambda: iter(bad), iter(bad)):
        stream, messages = FLAKY[name](source), set()
        for ask in (lambda: stream.schema, lambda: stream.schema, lambda: rows(stream)):  # noqa: B023
            with pytest.raises(rl.Error) as caught:
                ask()
            messages.add(str(caught.value))
        (message,) = messages
        assert "nothing to tell the columns from" not in message


@pytest.mark.parametrize("name", FLAKY)
def test_an_iterator_that_failed_fails_again(name):
    def source():
        raise ConnectionError("down")
        yield

    stream = FLAKY[name](source())
    for ask in (lambda: stream.schema, lambda: stream.schema, lambda: iter(stream)):
        with pytest.raises(ConnectionError, match=r"^down$"):
            ask()


def test_an_iterator_that_was_interrupted_is_not_read_on():
    class Interrupted:
        at = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.at += 1
            if self.at == 5:
                raise KeyboardInterrupt
            return (self.at,)

    stream = rl.from_rows(Interrupted())
    with pytest.raises(KeyboardInterrupt):
        stream.schema  # noqa: B018
    for ask in (lambda: stream.schema, lambda: iter(stream)):
        with pytest.raises(rl.StreamConsumedError, match="pass a list, or a function"):
            ask()


def test_a_source_that_failed_is_closed():
    closed = []

    def source():
        try:
            yield object()
        finally:
            closed.append(1)

    with pytest.raises(rl.Error) as caught:
        rl.from_rows(source).schema  # noqa: B018
    assert closed == [1], caught


def test_an_iterator_that_asks_for_its_own_columns_is_told():
    def source():
        with pytest.raises(rl.ReentrantError, match=r"from_batches: .* from inside its own source"):
            stream.schema  # noqa: B018
        yield {"x": [1]}
        assert dict(stream.schema) == {"x": "int64"}
        yield {"x": [2]}

    stream = rl.from_batches(source())
    assert rows(stream) == [(1,), (2,)]


class Slow:
    """A file object that gives a little at a time, and lets others in before it returns."""

    def __init__(self, data, size=50):
        self.data, self.size, self.at = data, size, 0

    def read(self, _=-1):
        given = self.data[self.at : self.at + self.size]
        self.at += self.size
        time.sleep(0.0005)
        return given


NUMBERS = b"x\n" + b"".join(b"%d\n" % n for (n,) in WANT * 40)


def test_threads_that_look_at_a_file_object_lose_nothing():
    stream = rl.read_csv(Slow(NUMBERS))
    looks = [lambda one=one: dict(one.schema) for one in (stream, stream.select("x"), stream.limit(9999))]
    assert at_once(*looks) == [{"x": "int64"}] * 3
    assert rows(stream) == WANT * 40


def test_of_threads_that_iterate_a_file_object_one_has_the_rows():
    stream = rl.read_csv(Slow(NUMBERS))
    given = at_once(*[lambda: rows(stream.select("x"))] * 3)
    assert given.count(WANT * 40) == 1
    assert sum(isinstance(one, rl.StreamConsumedError) for one in given) == 2


def test_a_file_object_that_asks_for_its_own_columns_is_told():
    class Asking(Slow):
        def read(self, size=-1):
            with pytest.raises(rl.ReentrantError, match="from inside its own read"):
                stream.schema  # noqa: B018
            return super().read(size)

    stream = rl.read_csv(Asking(b"x\n1\n2\n"))
    assert dict(stream.schema) == {"x": "int64"}
    assert rows(stream) == [(1,), (2,)]
