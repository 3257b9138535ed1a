"""``Stream``: a lazy plan that can be iterated."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from rillet import _core
from rillet._checks import check_count
from rillet._core import Aggregate, Batch, BatchIterator, Expr, Schema, Windows
from rillet._errors import ArgumentError, ArgumentTypeError
from rillet._hosts import Host

Column = str | Expr


class Stream:
    """A lazy stream of batches: nothing is opened or read until it is iterated.

    Streams are made by ``rl.read_csv``, ``rl.from_arrow``, ``rl.from_batches`` and ``rl.from_rows``; their methods
    make new ones. ``iter(stream)`` starts a fresh run over a source that can be read again.

    >>> import rillet as rl
    >>> stream = rl.read_csv(b"t,x\\n1,2\\n3,4\\n", time="t")
    >>> [list(batch["x"]) for batch in stream.filter(rl.col("x") > 2)]
    [[np.int64(4)]]
    """

    __slots__ = ("_hosts", "_plan", "_prepared", "_schema")

    def __init__(self, plan: _core.Plan, hosts: tuple[Any, ...] = ()) -> None:
        self._plan = plan
        self._hosts = hosts
        self._prepared: _core.Prepared | None = None
        self._schema: Schema | None = None

    @property
    def schema(self) -> Schema:
        """The columns that come out: a mapping of names to types.

        Opens the source and reads a sample of it; of a source that can be read only once, the sample is kept
        for the run. Raises what is wrong with the source or the plan.
        """
        if self._schema is None:
            self._prepared = self._prepare()
            self._schema = self._prepared.schema
        return self._schema

    def __iter__(self) -> BatchIterator:
        prepared, self._prepared = self._prepared or self._prepare(), None
        return prepared.run([host.start() if isinstance(host, Host) else host for host in self._hosts])

    def _prepare(self) -> _core.Prepared:
        return _core.Prepared(self._plan, [host.offer() if isinstance(host, Host) else None for host in self._hosts])

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The stream as an Arrow C stream: polars, pyarrow, pandas, duckdb and others read it directly."""
        return _core.export_stream(self.schema, iter(self))

    def __repr__(self) -> str:
        return repr(self._plan)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return self._plan == other._plan and self._hosts == other._hosts

    def __hash__(self) -> int:
        return hash((self._plan.to_json(), self._hosts))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._plan.to_json(), self._hosts)

    def select(self, /, *columns: Column, **named: Column) -> "Stream":
        """These columns and no others, in this order; ``name=`` gives an expression a name.

        >>> import rillet as rl
        >>> rl.read_csv(b"a,b\\n1,2\\n").select("b", double=rl.col("a") * 2).schema
        Schema({'b': 'int64', 'double': 'int64'})
        """
        return self._then(self._plan.select(_named(columns, "select") + list(named.items())))

    def with_columns(self, /, *columns: Column, **named: Column) -> "Stream":
        """All columns, with new ones at the end or, under a known name, in its place.

        >>> import rillet as rl
        >>> rl.read_csv(b"a,b\\n1,2\\n").with_columns(a=rl.col("a") / 2, c=rl.col("b") + 1).schema
        Schema({'a': 'float64', 'b': 'int64', 'c': 'int64'})
        """
        return self._then(self._plan.with_columns(_named(columns, "with_columns") + list(named.items())))

    def filter(self, condition: Column) -> "Stream":
        """The rows for which the condition, a bool column or expression, is true: false and null are left out.

        Event time goes on as if all rows were there.

        >>> import rillet as rl
        >>> [row for batch in rl.read_csv(b"x\\n1\\n5\\n").filter(rl.col("x") > 2) for row in batch.rows()]
        [(5,)]
        """
        return self._then(self._plan.filter(condition))

    def map_batches(self, function: Callable[[Batch], Any], schema: Mapping[str, str] | None = None) -> "Stream":
        """What a Python function makes of each batch: a batch, a mapping of arrays, or Arrow data.

        ``schema`` declares what it gives; without it, that is found out from the first batch, and ``.schema`` is
        an ``ArgumentError``. Other columns than those are an ``ArgumentError``, and values that do not fit a
        ``BadRowError``, which name the batch, counted from 0. Exceptions of the function pass through unchanged and
        end the iteration.

        >>> import rillet as rl
        >>> doubled = rl.from_batches([{"x": [1, 2]}]).map_batches(lambda batch: {"y": batch["x"] * 2})
        >>> [row for batch in doubled for row in batch.rows()]
        [(2,), (4,)]
        """
        if not callable(function):
            raise ArgumentTypeError(f"map_batches takes a function, not {type(function).__name__}")
        name = getattr(function, "__name__", type(function).__name__)
        declared = None if schema is None else Schema(schema)
        plan = self._plan.map_batches(len(self._hosts), name, declared)
        return Stream(plan, (*self._hosts, function))

    def rebatch(self, n: int) -> "Stream":
        """Batches of exactly ``n`` rows, but for the last.

        >>> import rillet as rl
        >>> [len(batch) for batch in rl.from_batches([{"x": [1, 2, 3]}] * 2).rebatch(4)]
        [4, 2]
        """
        return self._then(self._plan.rebatch(_count(n, "rebatch")))

    def limit(self, n: int) -> "Stream":
        """The first ``n`` rows; nothing is read beyond them. The end closes open windows, as that of the input does.

        >>> import rillet as rl
        >>> [row for batch in rl.from_batches([{"x": [1, 2, 3]}] * 2).limit(4) for row in batch.rows()]
        [(1,), (2,), (3,), (1,)]
        """
        return self._then(self._plan.limit(_count(n, "limit")))

    def window(
        self,
        spec: Windows,
        *,
        by: Column | list[Column] | tuple[Column, ...] | None = None,
        time: Column | None = None,
        lateness: Any = 0,
        late: Literal["error", "drop", "keep"] = "error",
        max_ahead: Any = None,
        ahead: Literal["error", "drop", "keep"] = "error",
        idle_timeout: Any = None,
        max_kept: int = 100_000,
        max_state_bytes: int | None = None,
    ) -> "Grouped":
        """Windows over event time; ``.agg(...)`` says what is computed of them.

        Out come ``window_start``, ``window_end``, the keys and the aggregates: a row for each window and key that has
        rows, as soon as the watermark has passed the window's end.

        Parameters
        ----------
        spec
            ``rl.tumbling(...)``, ``rl.hopping(...)``, ``rl.cumulate(...)`` or another kind of windows.
        by
            The keys: the name of a column, an expression with a name, or several of them. None by default.
        time
            The event time, by default that of the source: a column or expression that is a timestamp, a date or an
            integer.
        lateness
            How far a row may lag behind the latest time so far: a text such as ``"30s"``, a ``timedelta``, or ticks
            of the event time. 0 by default.
        late
            What becomes of rows that miss a window all the same: ``"error"`` (the default: a ``LateRowError`` names
            the first), ``"drop"`` (they are counted), ``"keep"`` (they are in ``it.late``, and counted).
        max_ahead
            How far a row's time may be ahead of the latest before it, so that one from the year 9999 does not make
            all others late: a text such as ``"1d"``, a ``timedelta``, or ticks of the event time. As far as it likes
            by default. It is more than any pause, since rows after a longer one would be ahead for ever. Rows are
            judged where event time is made, at the source and before any filter, or here with ``time=``; windows of
            windows have no ``max_ahead``.
        ahead
            What becomes of a row that is further ahead, which moves no watermark: ``"error"`` (the default: an
            ``AheadRowError`` names the first), ``"drop"`` (they are counted), ``"keep"`` (they are in ``it.late``, with
            the columns they have there, and counted).
        idle_timeout
            How long, by the clock on the wall, a live source may have nothing before all windows that have rows close:
            a text such as ``"5s"`` or a ``timedelta``. The watermark moves on to the end of the last of them, so that
            rows of theirs that come after all are late. Asking a Python iterable or a file object waits for its answer;
            the paths of pipes, and standard input, are seen to be idle. By default windows wait for rows, and no clock
            is looked at.
        max_kept
            How many late rows, and how many rows ahead, may wait in ``it.late`` to be read; one more is a
            ``KeptRowsError``.
        max_state_bytes
            How many bytes open windows and their keys may take; more are a ``StateLimitError``. By default half of
            the memory that the process may use.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            At the call. What depends on the types of columns (``ColumnNotFoundError``, ``SchemaError``) is raised at
            ``.schema`` or ``iter()``.

        Examples
        --------
        >>> import rillet as rl
        >>> ticks = rl.read_csv(b"t,x\\n1,2\\n3,4\\n12,5\\n", time="t")
        >>> bars = ticks.window(rl.tumbling(10)).agg(total=rl.sum("x"))
        >>> [row for batch in bars for row in batch.rows()]
        [(0, 10, 6), (10, 20, 5)]
        """
        check_count("max_kept", max_kept)
        check_count("max_state_bytes", max_state_bytes)
        keys, jumps = _keys(by), (max_ahead, ahead)

        def make(aggregates: list[tuple[str, Aggregate]]) -> _core.Plan:
            limits = (max_kept, max_state_bytes)
            return self._plan.window(spec, keys, time, lateness, late, jumps, idle_timeout, *limits, aggregates)

        make([])
        return Grouped(self, make)

    def rolling(
        self,
        size: Any = None,
        /,
        *,
        rows: int | None = None,
        by: Column | list[Column] | tuple[Column, ...] | None = None,
        time: Column | None = None,
        lateness: Any = 0,
        late: Literal["error", "drop", "keep"] = "error",
        max_ahead: Any = None,
        ahead: Literal["error", "drop", "keep"] = "error",
        idle_timeout: Any = None,
        closed: Literal["right", "left", "both", "neither"] | None = None,
        center: bool = False,
        min_periods: int = 1,
        max_kept: int = 100_000,
        max_state_bytes: int | None = None,
    ) -> "Grouped":
        """A window for each row: the time up to its own, or the last rows; ``.agg(...)`` says what is computed of it.

        Out come all rows with their columns and the aggregates. Rows of one time (and key) share a window of time,
        ``(t - size, t]``, and none of them is missing in it: a row goes out as soon as the watermark is past its
        time, in the order of times and, within one time, of arrival. Windows of rows go out at once, in the order of
        arrival; with ``time=`` they are of rows in the order of that time, and go out once the watermark has reached
        it. A window's answer depends on its own rows alone, to the bit: what has left it leaves no trace.

        Parameters
        ----------
        size
            How long a window is: a text such as ``"1h"``, a ``timedelta``, or ticks of the event time.
        rows
            Or how many rows it has, with the row itself.
        by
            The keys, of which each has windows of its own: the name of a column, an expression with a name, or
            several of them. None by default.
        time
            The event time, by default that of the source, by which windows of time are; ``rows`` are in order of
            arrival without it.
        lateness
            How far a row may lag behind the latest time so far: a text such as ``"30s"``, a ``timedelta``, or ticks
            of the event time. 0 by default.
        late
            What becomes of rows that lag further, behind the watermark: ``"error"`` (the default: a ``LateRowError``
            names the first), ``"drop"`` (they are counted), ``"keep"`` (they are in ``it.late``, and counted). They
            are in no window.
        max_ahead, ahead
            How far a row's time may be ahead of the latest before it, and what becomes of rows that are further ahead,
            as in ``window``.
        idle_timeout
            How long, by the clock on the wall, a live source may have nothing before all rows that wait for those of
            their time go out; rows that are not later than they are then late. As in ``window``.
        closed
            Which ends of a window of time belong to it: ``"right"`` (the default), ``"left"``, ``"both"`` or
            ``"neither"``.
        center
            Of ``rows``: whether the row is in the middle of its window (just behind it, if ``rows`` is even) rather
            than at its end. It then waits for the rows that come after it, the last ones for the end of the input;
            rows of different ``by`` go out as their windows are complete, and event time is not passed on.
        min_periods
            How many values an aggregate needs in a window: of fewer (nulls do not count) it is null. Counts are
            always numbers.
        max_kept
            How many late rows, and how many rows ahead, may wait in ``it.late`` to be read; one more is a
            ``KeptRowsError``.
        max_state_bytes
            How many bytes the rows in windows, those that wait, and keys may take; more are a ``StateLimitError``. By
            default half of the memory that the process may use. Of windows of time, keys without rows in them are
            forgotten; of ``rows``, each key holds its last ones.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            At the call. What depends on the columns (``ColumnNotFoundError``, ``SchemaError``, an aggregate with the
            name of a column) is raised at ``.schema`` or ``iter()``.

        Examples
        --------
        >>> import rillet as rl
        >>> ticks = rl.read_csv(b"t,x\\n1,2\\n3,4\\n12,5\\n", time="t")
        >>> [row for batch in ticks.rolling(10).agg(total=rl.sum("x")) for row in batch.rows()]
        [(1, 2, 2), (3, 4, 6), (12, 5, 9)]
        >>> [row for batch in ticks.rolling(rows=2).agg(most=rl.max("x")) for row in batch.rows()]
        [(1, 2, 2), (3, 4, 4), (12, 5, 5)]
        """
        _check_frame(size, rows, center, closed)
        check_count("min_periods", min_periods)
        check_count("max_kept", max_kept)
        check_count("max_state_bytes", max_state_bytes)
        keys, frame, jumps = _keys(by), (size, rows, bool(center), closed or "right"), (max_ahead, ahead)

        def make(aggregates: list[tuple[str, Aggregate]]) -> _core.Plan:
            limits = (min_periods, max_kept, max_state_bytes)
            return self._plan.rolling(frame, keys, time, lateness, late, jumps, idle_timeout, limits, aggregates)

        make([])
        return Grouped(self, make)

    def group_by(self, /, *keys: Column, every: Any = None, max_state_bytes: int | None = None) -> "Grouped":
        """Groups of rows with the same keys; ``.agg(...)`` says what is computed of them, at the end.

        Out come the keys and the aggregates, a row for each group, in the order in which the groups first appeared.
        Without ``keys`` there is one group, of all rows, even of none.

        Parameters
        ----------
        keys
            Names of columns, or expressions with a name.
        every
            Gives running results too: those of all groups so far, each time event time passes a multiple of a length
            such as ``"1h"`` or a ``timedelta``, or after each so many rows, an integer. A column ``until`` comes first,
            which is that multiple or the number of rows so far, and null in the results at the end. A multiple is left
            out if there is no row since the one before it.
        max_state_bytes
            How many bytes the groups may take; more are a ``StateLimitError``. By default half of the memory that the
            process may use.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            At the call. What depends on the types of columns (``ColumnNotFoundError``, ``SchemaError``) is raised at
            ``.schema`` or ``iter()``.

        Examples
        --------
        >>> import rillet as rl
        >>> pets = rl.read_csv(b"kind,age\\ncat,2\\ndog,3\\ncat,4\\n").group_by("kind").agg(oldest=rl.max("age"))
        >>> [row for batch in pets for row in batch.rows()]
        [('cat', 4), ('dog', 3)]
        >>> numbers = rl.read_csv(b"x\\n1\\n2\\n4\\n8\\n16\\n").group_by(every=2).agg(total=rl.sum("x"))
        >>> [row for batch in numbers for row in batch.rows()]
        [(2, 3), (4, 15), (None, 31)]
        """
        check_count("max_state_bytes", max_state_bytes)
        named = _named(keys, "group_by")

        def make(aggregates: list[tuple[str, Aggregate]]) -> _core.Plan:
            return self._plan.group_by(named, every, max_state_bytes, aggregates)

        make([])
        return Grouped(self, make)

    def _then(self, plan: _core.Plan) -> "Stream":
        return Stream(plan, self._hosts)


class Grouped:
    """Windows or groups of a stream, waiting to hear what is computed of them."""

    __slots__ = ("_make", "_stream")

    def __init__(self, stream: Stream, make: Callable[[list[tuple[str, Aggregate]]], _core.Plan]) -> None:
        self._stream = stream
        self._make = make

    def agg(self, /, *unnamed: Any, **aggregates: Aggregate) -> Stream:
        """A stream of the windows or groups, with a column for each aggregate: ``high=rl.max("price")``.

        A name that is given twice, or is that of a key, ``window_start`` or ``window_end`` (of ``rolling``: of a column
        of the input), is an ``ArgumentError``.

        >>> import rillet as rl
        >>> rl.read_csv(b"k,x\\na,1\\n").group_by("k").agg(n=rl.count(), mean=rl.mean("x")).schema
        Schema({'k': 'string', 'n': 'int64', 'mean': 'float64'})
        """
        if unnamed:
            raise ArgumentTypeError(f"an aggregate needs a name, which is that of its column: agg(name={unnamed[0]!r})")
        if not aggregates:
            raise ArgumentError("agg needs at least one aggregate, such as n=rl.count()")
        return self._stream._then(self._make(list(aggregates.items())))

    def __repr__(self) -> str:
        return repr(self._make([])).removesuffix(".agg()") + "  # waits for .agg(...)"


def _restore(plan: str, hosts: tuple[Any, ...]) -> Stream:
    return Stream(_core.Plan.from_json(plan), hosts)


def _check_frame(size: Any, rows: int | None, center: bool, closed: str | None) -> None:
    if (size is None) == (rows is None):
        raise ArgumentTypeError("rolling takes either a size, such as \"1h\", or rows=")
    if rows is None:
        if center:
            raise ArgumentError("center=True is for windows of rows=, not of time")
        return
    check_count("rows", rows)
    if closed is not None:
        raise ArgumentError("closed= is for windows of time, not of rows=")


def _keys(by: Any) -> list[tuple[str, Column]]:
    return _named([] if by is None else by if isinstance(by, (list, tuple)) else [by], "by")


def _named(columns: Any, where: str) -> list[tuple[str, Column]]:
    return [(_name(column, where), column) for column in columns]


def _name(column: Column, where: str) -> str:
    if isinstance(column, str):
        return column
    if not isinstance(column, Expr):
        raise ArgumentTypeError(
            f"{where}: a column is given by its name or as an expression, not {type(column).__name__}"
        )
    name = column.name
    if name is None:
        raise ArgumentError(f"{where}: {column!r} needs a name; give it one with .alias(\"name\")")
    return name


def _count(n: Any, where: str) -> int:
    try:
        count = n.__index__()
    except AttributeError:
        raise ArgumentTypeError(f"{where} takes a number of rows, not {type(n).__name__}") from None
    if count < 0:
        raise ArgumentError(f"{where} takes a number of rows that is not negative, not {count}")
    return int(count)
