"""``Stream``: a lazy plan that can be iterated."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal, Never, NoReturn

from rillet import _core
from rillet._checks import Column, check_count, check_fill, check_frame, count_of, flag_of, keys_of, names_of
from rillet._core import Aggregate, Batch, BatchIterator, Operator, Schema, Windows
from rillet._errors import ArgumentError, ArgumentTypeError
from rillet._hosts import Host, run_over


class Stream:
    """A lazy stream of batches: nothing is opened or read until it is iterated.

    Streams are made by ``rl.read_csv``, ``rl.from_arrow``, ``rl.from_batches`` and ``rl.from_rows``; their methods
    make new ones. ``iter(stream)`` starts a fresh run over a source that can be read again. Two streams are equal if
    they do the same, over the same Python objects if there are any; they can be pickled if these can.

    >>> import rillet as rl
    >>> stream = rl.read_csv(b"t,x\\n1,2\\n3,4\\n", time="t")
    >>> [list(batch["x"]) for batch in stream.filter(rl.col("x") > 2)]
    [[np.int64(4)]]
    """

    __slots__ = ("_hosts", "_opened", "_plan", "_prepared", "_schema")

    def __init__(
        self, plan: _core.Plan, hosts: tuple[Any, ...] = (), opened: tuple[_core.Opened, ...] | None = None
    ) -> None:
        self._plan = plan
        self._hosts = hosts
        # One for each source, which all streams that are made of it share.
        self._opened = tuple(_core.Opened() for _ in range(plan.sources)) if opened is None else opened
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
        return run_over(self._hosts, prepared.run)

    def _prepare(self) -> _core.Prepared:
        offers = [host.offer() if isinstance(host, Host) else None for host in self._hosts]
        return _core.Prepared(self._plan, offers, self._opened)

    def operator(self, schema: Mapping[str, str] | None = None) -> Operator:
        """The stages of this stream for a loop of one's own: rows are pushed, and what they bring about comes back.

        The rows take the place of those of the source, which is not read; ``rl.from_push(schema, time=...)`` makes a
        stream that has none. Any number of operators can be made of a stream; each has a state of its own.

        ``op.push(batch)`` and ``op.push_row(...)`` give what has become ready, at once. ``op.advance(time)`` moves
        event time on without a row; only so, since an operator looks at no clock. ``op.finish()`` closes the windows
        that are open, and gives an iterator over results that raises an error behind them, if any. The results, their
        order and their bits are those of iterating the stream over the same rows, but for the floats of ``rolling``: so
        that no row waits for the longer the more rows a window has, they are added in another order, with the same
        bound of error.

        Parameters
        ----------
        schema
            The columns of what is pushed, by default those of the source (which is opened to see them).

        Raises
        ------
        ArgumentError
            If the stream has several sources or an ``idle_timeout=``, and what else is wrong with the plan.

        Examples
        --------
        >>> import rillet as rl
        >>> bars = rl.from_push({"t": "int64", "x": "int64"}, time="t").window(rl.tumbling(10)).agg(total=rl.sum("x"))
        >>> op = bars.operator()
        >>> for message in [(1, 2), (8, 3), (12, 5)]:
        ...     print(op.push_row(message))
        []
        []
        [(0, 10, 5)]
        >>> [row for batch in op.finish() for row in batch.rows()]
        [(10, 20, 5)]
        """
        plan = self._plan.pushed(len(self._hosts))
        known = self._prepare().source_schema if schema is None else Schema(schema)
        prepared = _core.Prepared(plan, [*[None] * len(self._hosts), known], [_core.Opened()])
        return prepared.operator([None if isinstance(host, Host) else host for host in self._hosts])

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The stream as an Arrow C stream: polars, pyarrow, pandas, duckdb and others read it directly.

        Of an exception on the way they are told no more than its class and message. Ctrl-C is raised once more when
        they are done.
        """
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

    def __copy__(self) -> "Stream":
        return self._then(self._plan)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Stream":
        # What has been opened is not in the stream, but in the process.
        return Stream(self._plan, deepcopy(self._hosts, memo), self._opened)

    def select(self, /, *columns: Column, **named: Column) -> "Stream":
        """These columns and no others, in this order; ``name=`` gives an expression a name.

        >>> import rillet as rl
        >>> rl.read_csv(b"a,b\\n1,2\\n").select("b", double=rl.col("a") * 2).schema
        Schema({'b': 'int64', 'double': 'int64'})
        """
        return self._then(self._plan.select(names_of(columns, "select") + list(named.items())))

    def with_columns(self, /, *columns: Column, **named: Column) -> "Stream":
        """All columns, with new ones at the end or, under a known name, in its place.

        >>> import rillet as rl
        >>> rl.read_csv(b"a,b\\n1,2\\n").with_columns(a=rl.col("a") / 2, c=rl.col("b") + 1).schema
        Schema({'a': 'float64', 'b': 'int64', 'c': 'int64'})
        """
        return self._then(self._plan.with_columns(names_of(columns, "with_columns") + list(named.items())))

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
        ``BadRowError``, which name the batch, counted from 0. Exceptions of the function pass through unchanged, after
        the rows before that batch, and end the iteration.

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
        return Stream(plan, (*self._hosts, function), self._opened)

    def rebatch(self, n: int) -> "Stream":
        """Batches of exactly ``n`` rows, but for the last.

        >>> import rillet as rl
        >>> [len(batch) for batch in rl.from_batches([{"x": [1, 2, 3]}] * 2).rebatch(4)]
        [4, 2]
        """
        return self._then(self._plan.rebatch(count_of(n, "rebatch")))

    def limit(self, n: int) -> "Stream":
        """The first ``n`` rows; nothing is read beyond them. The end closes open windows, as that of the input does.

        >>> import rillet as rl
        >>> [row for batch in rl.from_batches([{"x": [1, 2, 3]}] * 2).limit(4) for row in batch.rows()]
        [(1,), (2,), (3,), (1,)]
        """
        return self._then(self._plan.limit(count_of(n, "limit")))

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
        fill: Literal["null", "zero", "previous", "linear"] | None = None,
        max_fill: int | None = None,
        early: Any = None,
        early_rows: int | None = None,
        refine_for: Any = 0,
        max_kept: int = 100_000,
        max_state_bytes: int | None = None,
    ) -> "Grouped":
        """Windows over event time; ``.agg(...)`` says what is computed of them.

        Out come ``window_start``, ``window_end``, the keys and the aggregates: a row for each window and key that has
        rows, as soon as the watermark has passed the window's end. The watermark is the latest time so far, less the
        lateness. The edges have the type of the event time; where that is an integer of any width, they are int64.

        With ``early=``, ``early_rows=`` or ``refine_for=`` a window and key may have several rows. Two more columns
        come last: ``revision``, an int64 that counts them from 0, and ``is_final``, a bool that only the last of them
        has. It is, to the bit, what comes out without these arguments and with ``refine_for`` more lateness. There is
        a row when the window closes and one when ``refine_for`` has passed since (the same one if that is 0); before
        and in between there are rows only of windows and keys that got some in the meantime. The end of the input
        gives the final rows at once. Rows come out as they are due, those that are due together in the order of their
        windows. ``.filter("is_final")`` keeps the last ones, which can be windowed or grouped again; without it
        ``window``, ``rolling`` and ``group_by`` are an ``ArgumentError``, since they would count a window several
        times.

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
            is looked at. It does not go with ``early=``, ``early_rows=`` and ``refine_for=``, which is an
            ``ArgumentError``.
        fill
            Gives results to windows without rows too (of ``tumbling``, ``hopping`` and ``cumulate``), for each key
            from its first window on, as the watermark passes their ends. Counts are 0 in them; the others are

            - ``"null"``: null;
            - ``"zero"``: 0, where they are numbers, else null;
            - ``"previous"``: those of the last window of the key that had rows;
            - ``"linear"``: on the straight line from there to the next one that has, in equal steps from window to
              window, integers rounded; null where they are no numbers or where no next one comes. Results wait for
              that, and those of all later windows with them; where an error comes first, none of those come.

            A key then comes out at its place, which it takes with its first result.
        max_fill
            How many windows of a key are filled in a row, 1000 by default. A key that stays away for longer is given
            up: nothing more is filled until it comes again, at the end of the others.
        early
            Gives results of windows before they close: each time the watermark comes to a multiple of this length, of
            the rows before. A text such as ``"10s"``, a ``timedelta``, or ticks of the event time. As the next two,
            only for ``tumbling``, ``hopping`` and ``cumulate``.
        early_rows
            The same after each so many rows that come to the windows, late ones too.
        refine_for
            How long after its close a window still takes rows, as ``lateness`` is given; 0 by default. Refined results
            come at the pace of ``early`` or ``early_rows`` or, without either, at each such row. A row misses a window
            only after that.
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
        >>> gaps = ticks.window(rl.tumbling(4), fill="linear").agg(total=rl.sum("x"), n=rl.count())
        >>> [row for batch in gaps for row in batch.rows()]
        [(0, 4, 6, 2), (4, 8, 6, 0), (8, 12, 5, 0), (12, 16, 5, 1)]
        >>> ticks = rl.read_csv(b"t,x\\n1,2\\n3,4\\n12,5\\n6,1\\n", time="t")
        >>> bars = ticks.window(rl.tumbling(10), early=2, refine_for=60).agg(total=rl.sum("x"))
        >>> for row in [row for batch in bars for row in batch.rows()]: print(row)
        (0, 10, 2, 0, False)
        (0, 10, 6, 1, False)
        (0, 10, 6, 2, False)
        (0, 10, 7, 3, True)
        (10, 20, 5, 0, True)
        """
        if early is not None and early_rows is not None:
            raise ArgumentError("early= and early_rows= are two ways to say how often results come; give one of them")
        for name, value in [("max_fill", max_fill), ("early_rows", early_rows), ("max_kept", max_kept)]:
            check_count(name, value)
        check_count("max_state_bytes", max_state_bytes)
        keys, filled = keys_of(by), check_fill(fill, max_fill)
        revisions, jumps = (early, early_rows, refine_for), (max_ahead, ahead)

        def make(aggregates: list[tuple[str, Aggregate]]) -> _core.Plan:
            extras, limits = (filled, revisions, jumps, idle_timeout), (max_kept, max_state_bytes)
            return self._plan.window(spec, keys, time, lateness, late, *extras, *limits, aggregates)

        make([])
        return Grouped(self, make)

    def windows(
        self,
        specs: Mapping[str, Windows],
        *,
        by: Column | list[Column] | tuple[Column, ...] | None = None,
        time: Column | None = None,
        lateness: Any = 0,
        late: Literal["error", "drop", "keep"] = "error",
        max_ahead: Any = None,
        ahead: Literal["error", "drop", "keep"] = "error",
        max_kept: int = 100_000,
        max_state_bytes: int | None = None,
        **others: Never,
    ) -> "Grouped":
        """Several kinds of windows in one pass: rows are read once, keys and inputs of aggregates made once for all.

        Out comes one stream: ``window``, the name of the kind, then what ``window`` gives. The results of each kind
        are, to the bit and in their order, those that it gives alone. Together they come in the order of the times at
        which windows close, then of ``window_start``, then of ``specs``: of windows that end together, the longest
        first.

        Kinds like ``rl.tumbling("1m")`` and ``rl.hopping("1h", "1m")`` share each minute, if late rows are errors.

        Parameters
        ----------
        specs
            Kinds of windows by name: ``rl.tumbling(...)``, ``rl.hopping(...)`` and ``rl.cumulate(...)``, all with the
            same ``label=``. Other kinds, and the arguments of ``window`` that are not here, are for a stream of their
            own.
        by, time, lateness, max_ahead, ahead, max_kept
            As of ``window``, for all kinds.
        late
            As of ``window``. A row that misses a window of one kind counts in those of the others that are open; in
            ``it.late`` it is once, with the windows it missed of all kinds together.
        max_state_bytes
            How many bytes the open windows of all kinds and their keys may take, as of ``window``.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            At the call. What depends on the types of columns (``ColumnNotFoundError``, ``SchemaError``) is raised at
            ``.schema`` or ``iter()``.

        Examples
        --------
        >>> import rillet as rl
        >>> ticks = rl.read_csv(b"t,x\\n1,2\\n3,4\\n12,5\\n", time="t")
        >>> both = ticks.windows({"short": rl.tumbling(5), "long": rl.tumbling(10)}).agg(total=rl.sum("x"))
        >>> [row for batch in both for row in batch.rows()]
        [('short', 0, 5, 6), ('long', 0, 10, 6), ('short', 10, 15, 5), ('long', 10, 20, 5)]
        """
        if not isinstance(specs, Mapping):
            raise ArgumentTypeError(f"windows takes kinds of windows by name, in a dict, not {type(specs).__name__}")
        for name in specs:
            if not isinstance(name, str):
                raise ArgumentTypeError(f"windows: a name is a text, not {type(name).__name__}: {name!r}")
        for name in others:
            known = name in (Stream.window.__kwdefaults__ or ())
            advice = "; give each kind that needs it a stream of its own, with window(...)" if known else ""
            raise ArgumentTypeError(f"windows has no argument {name}={advice}")
        return self.window(
            Windows.several(list(specs.items())),
            by=by,
            time=time,
            lateness=lateness,
            late=late,
            max_ahead=max_ahead,
            ahead=ahead,
            max_kept=max_kept,
            max_state_bytes=max_state_bytes,
        )

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
            rows of different ``by`` go out as their windows are complete, and event time is not passed on. Only for
            rows in order of arrival: with ``time=`` it is refused.
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
        middle = flag_of("center", center)
        check_frame(size, rows, middle, closed)
        check_count("min_periods", min_periods)
        check_count("max_kept", max_kept)
        check_count("max_state_bytes", max_state_bytes)
        keys, frame, jumps = keys_of(by), (size, rows, middle, closed or "right"), (max_ahead, ahead)

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
        named = names_of(keys, "group_by")

        def make(aggregates: list[tuple[str, Aggregate]]) -> _core.Plan:
            return self._plan.group_by(named, every, max_state_bytes, aggregates)

        make([])
        return Grouped(self, make)

    def _then(self, plan: _core.Plan) -> "Stream":
        return Stream(plan, self._hosts, self._opened)


class Grouped:
    """Windows or groups of a stream, waiting to hear what is computed of them."""

    __slots__ = ("_make", "_stream")

    def __init__(self, stream: Stream, make: Callable[[list[tuple[str, Aggregate]]], _core.Plan]) -> None:
        self._stream = stream
        self._make = make

    def agg(self, /, *unnamed: Any, **aggregates: Aggregate) -> Stream:
        """A stream of the windows or groups, with a column for each aggregate: ``high=rl.max("price")``.

        A name that is given twice, or is that of a key, ``window_start`` or ``window_end`` (of ``rolling``: of a column
        of the input; of windows with revisions: ``revision`` or ``is_final`` too), is an ``ArgumentError``.

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

    # What one might try who has forgotten `agg`; a type checker needs no such advice.
    if not TYPE_CHECKING:

        def _forgotten(self, *_: object, **__: object) -> NoReturn:
            raise ArgumentTypeError(f"windows and groups have no rows yet; {_FORGOTTEN}")

        __iter__ = __next__ = __len__ = __getitem__ = __enter__ = __exit__ = __arrow_c_stream__ = _forgotten

        def __getattr__(self, name: str) -> NoReturn:
            advice = "" if name.startswith("_") else f"; {_FORGOTTEN}"
            raise AttributeError(f"windows and groups have no {name!r}{advice}", name=name, obj=self)


_FORGOTTEN = "add .agg(...), which says what is computed of them, such as .agg(n=rl.count())"


def _restore(plan: str, hosts: tuple[Any, ...]) -> Stream:
    return Stream(_core.Plan.from_json(plan), hosts)
