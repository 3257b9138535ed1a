"""Python objects as sources: how they are opened, looked at and read.

The native iterator asks a host for what comes next (``next``) and closes it in the end (``close_host``); before
that, ``offer`` tells what is known of it without losing anything, at any time. A host that can be read only once
says so when it is started again.
"""

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Never, Self

from rillet import _core
from rillet._core import BatchIterator, Schema
from rillet._errors import ArgumentTypeError, StreamConsumedError


class Host:
    """A Python object that is a source.

    Two hosts are equal if they are the same object of the user's, of which the same is asked: objects that are equal
    may have other types in them.
    """

    def _key(self) -> tuple[Any, ...]:
        """What it is equal by."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host) and type(self) is type(other) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(type(self))

    def offer(self) -> Any:
        """What is known before reading: a schema, Arrow data, or the first bytes and whether they are all."""
        raise NotImplementedError

    def start(self) -> Any:
        """Starts a run over it."""
        raise NotImplementedError

    def give_back(self) -> None:
        """Hears that the run does not begin."""


class Running:
    """A host that is being read."""

    def next(self) -> Any:
        """A batch, some bytes, or ``None`` at the end."""
        raise NotImplementedError

    def close_host(self) -> None:
        """Lets go of what it holds."""


class Runs:
    """Runs over a source that can be read again: whoever asks has one of his own.

    One that has only been looked at is kept for the next who asks, unless the look failed.
    """

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        # Threads put in and take out in one step.
        self._seen: deque[Any] = deque(maxlen=1)

    def look(self, know: Callable[[Any], Any]) -> Any:
        """What is to be known of a run."""
        run = self.take()
        known = know(run)
        self._seen.append(run)
        return known

    def take(self) -> Any:
        """A run to be read."""
        try:
            return self._seen.pop()
        except IndexError:
            return self._start()

    def give_back(self) -> None:
        """Another is started for whoever asks next."""


class OneRun:
    """The run over a source that can be read only once: if a look at it fails, so does each that follows."""

    def __init__(self, start: Callable[[], Any], name: str, source: str, advice: str) -> None:
        self._start, self._consumed = start, f"{name}: {source} can be read only once, and it has been; {advice}"
        self._turn = _core.Turn(f"{name}: the columns of the stream were asked for from inside its own source")
        self._run: Any = None
        self._failure: Exception | None = None
        self._taken = False

    def look(self, know: Callable[[Any], Any]) -> Any:
        """What is to be known of the run, whether or not it has been taken."""
        with self._turn:
            if self._failure is not None:
                raise self._failure
            try:
                return know(self._opened())
            except Exception as failure:
                self._failure = failure
                raise
            except BaseException:
                # What it had read is lost.
                self._failure = StreamConsumedError(self._consumed)
                raise

    def take(self) -> Any:
        """The run, for the first who asks."""
        with self._turn:
            if self._taken:
                raise StreamConsumedError(self._consumed)
            self._taken = True
            return self._opened()

    def give_back(self) -> None:
        """Lets somebody else have it."""
        self._taken = False

    def _opened(self) -> Any:
        self._run = self._run or self._start()
        return self._run


def run_over(objects: tuple[Any, ...], run: Callable[[list[Any]], BatchIterator]) -> BatchIterator:
    """A run over objects of which some are hosts: all of these are started, or none if it cannot begin."""
    started: list[Any] = []
    try:
        for one in objects:
            started.append(one.start() if isinstance(one, Host) else one)
        return run(started)
    except Exception:
        for one in objects[: len(started)]:
            if isinstance(one, Host):
                one.give_back()
        raise


class FileHost(Host):
    """A binary file object. It is read from where it stands, once."""

    def __init__(self, file: Any, plan: _core.Plan) -> None:
        if isinstance(file, io.TextIOBase):
            raise ArgumentTypeError(
                "the file is open in text mode; open it in binary mode, open(path, 'rb'), or pass the path itself"
            )
        # Of a pipe, what is there is enough: `read` would wait for all that it was asked for.
        self._read = getattr(file, "read1", file.read)
        self._beginning = _core.Beginning(plan)
        self._failure: Exception | None = None
        self._started = False
        self._turn = _core.Turn("read_csv: the columns of the stream were asked for from inside its own read()")
        self._file = file

    def _key(self) -> tuple[Any, ...]:
        return (id(self._file),)

    def __reduce__(self) -> Never:
        raise ArgumentTypeError("a file object can be read only once, and cannot be pickled; pass its path instead")

    def offer(self) -> "_core.Beginning":
        with self._turn:
            while not self._beginning.is_enough():
                self._look_further()
            return self._beginning

    def _look_further(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._beginning.go_on(self._read)
        except Exception as failure:
            # It comes after the rows before it, if the columns are known.
            self._failure = failure
            self._beginning.break_off()
        except BaseException as interrupt:
            if _left_python(interrupt):
                self._failure = StreamConsumedError(
                    "a file object can be read only once, and it was interrupted inside its own read(), which may have "
                    "lost bytes; open it anew"
                )
            raise

    def start(self) -> _core.FileReader:
        with self._turn:
            if self._started:
                raise StreamConsumedError("a file object can be read only once, and it has been; open it anew")
            self._started = True
            return _core.FileReader(self._rest())

    def give_back(self) -> None:
        self._started = False

    def _rest(self) -> Callable[[int], Any]:
        """What reads on where the beginning ends."""
        if self._failure is not None:
            return partial(_fail, self._failure)
        return _nothing if self._beginning.is_all() else self._read


def _fail(failure: Exception, _: int) -> Never:
    raise failure


def _nothing(_: int) -> bytes:
    return b""


def _left_python(interrupt: BaseException) -> bool:
    """Whether it has ended functions of Python below the one that catches it; native ones leave nothing half done."""
    return interrupt.__traceback__ is not None and interrupt.__traceback__.tb_next is not None


class IterableHost(Host):
    """An iterable of batches or rows; or a callable without arguments that returns one."""

    def __init__(self, source: Any, convert: "Batches | Rows", name: str) -> None:
        if not callable(source) and not isinstance(source, Iterable):
            raise ArgumentTypeError(
                f"{name} takes an iterable, or a function that returns one, not {type(source).__name__}"
            )
        if isinstance(source, (str, bytes, Mapping)):
            raise ArgumentTypeError(f"{name} takes an iterable of batches or rows, not {type(source).__name__}")
        self._source, self._convert, self._name = source, convert, name
        self._one_shot = isinstance(source, Iterator)
        start = partial(IterableRun.start, source, convert, name)
        self._runs = OneRun(start, name, "an iterator", _AGAIN) if self._one_shot else Runs(start)

    def _key(self) -> tuple[Any, ...]:
        # A method is another object each time it is asked for.
        return (self._source if callable(self._source) else id(self._source), self._convert, self._name)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._one_shot:
            raise ArgumentTypeError(f"{self._name}: an iterator can be read only once, and cannot be pickled; {_AGAIN}")
        return type(self), (self._source, self._convert, self._name)

    def offer(self) -> Any:
        declared = self._convert.schema
        return self._runs.look(IterableRun.schema) if declared is None else declared

    def start(self) -> Any:
        return self._runs.take()

    def give_back(self) -> None:
        self._runs.give_back()


_AGAIN = "pass a list, or a function that returns a new iterator"


class IterableRun(Running):
    """An iterator of batches that is being read, of which the first may have been looked at."""

    def __init__(self, iterator: Iterator[Any], convert: "Batches | Rows", name: str) -> None:
        self._iterator = iterator
        self._batches = convert.of(iterator)
        self._name = name
        self._first: list[Any] = []
        self._schema: Schema | None = None

    @classmethod
    def start(cls, source: Any, convert: "Batches | Rows", name: str) -> Self:
        """One over an iterable or what a function returns."""
        return cls(iter(source() if callable(source) else source), convert, name)

    def schema(self) -> Schema:
        """The columns of the first batch. If it has none, or there is none, nothing more is to be had of it."""
        if self._schema is None:
            try:
                self._schema = self._look()
            except BaseException:
                self.close_host()
                raise
        return self._schema

    def _look(self) -> Any:
        self._first = list(islice(self._batches, 1))
        if not self._first:
            raise ArgumentTypeError(
                f"{self._name}: there is nothing to tell the columns from; declare them with schema="
            )
        return self._first[0].schema

    def next(self) -> Any:
        return self._first.pop() if self._first else next(self._batches, None)

    def close_host(self) -> None:
        if hasattr(self._iterator, "close"):
            self._iterator.close()


class PushHost(Host):
    """Rows that whoever owns the loop pushes into an operator."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    def _key(self) -> tuple[Any, ...]:
        return (self._schema,)

    def offer(self) -> Any:
        if self._schema is None:
            raise ArgumentTypeError(
                "from_push: there is nothing to tell the columns from; declare them, from_push(schema), "
                "or pass them to operator(schema)"
            )
        return self._schema

    def start(self) -> Running:
        raise ArgumentTypeError(
            "from_push has no rows to iterate over; push them: op = stream.operator(), then op.push(batch)"
        )


class ArrowHost(Host):
    """Anything that gives an Arrow stream or array."""

    def __init__(self, data: Any) -> None:
        if not hasattr(data, "__arrow_c_stream__") and not hasattr(data, "__arrow_c_array__"):
            raise ArgumentTypeError(
                "from_arrow takes what has __arrow_c_stream__ or __arrow_c_array__ (polars, pyarrow, pandas, duckdb …)"
                f", not {type(data).__name__}"
            )
        self._data = data
        start, advice = partial(_core.ArrowStream, data), "pass a table, or make a new reader"
        once = isinstance(data, Iterator)
        self._runs = OneRun(start, "from_arrow", "a reader", advice) if once else Runs(start)

    def _key(self) -> tuple[Any, ...]:
        return (id(self._data),)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._data,)

    def offer(self) -> Any:
        return self._runs.look(lambda run: run)

    def start(self) -> Any:
        return self._runs.take()

    def give_back(self) -> None:
        self._runs.give_back()


class Batches(NamedTuple):
    """Makes batches of rillet of batches of whatever kind."""

    schema: Schema | None

    def of(self, iterator: Iterator[Any]) -> Iterator[Any]:
        """Those of an iterator of batches."""
        known = self.schema
        for number, item in enumerate(iterator):
            batch, bad = _core.batch_from_any(item, f"batch {number} of from_batches", known)
            known = batch.schema
            yield from _told(batch, bad)


class Rows(NamedTuple):
    """Makes batches of rows."""

    schema: Schema | None
    batch_rows: int

    def of(self, iterator: Iterator[Any]) -> Iterator[Any]:
        """Those of an iterator of rows."""
        known, at, failure, like = self.schema, 0, None, None
        while failure is None:
            gathered, failure = _gathered(iterator, self.batch_rows)
            if not gathered and failure is None:
                return
            like = gathered[0] if gathered and at == 0 else like
            batch, bad = _core.batch_from_rows(gathered, like, known, at)
            known, at = batch.schema, at + len(gathered)
            yield from _told(batch, bad or failure)


def _gathered(iterator: Iterator[Any], count: int) -> tuple[list[Any], Exception | None]:
    """So many items, or those before an exception, and that."""
    items: list[Any] = []
    try:
        items.extend(islice(iterator, count))
    except Exception as failure:
        return items, failure
    return items, None


def _told(batch: Any, failure: Exception | None) -> Iterator[Any]:
    """A batch and then the error of the row behind it, if there is one; without rows it is only the error."""
    if failure is None or len(batch):
        yield batch
    if failure is not None:
        raise failure
