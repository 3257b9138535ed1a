"""Functions that make streams out of files and objects."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from rillet import _core
from rillet._checks import check_count, check_time, schema_items
from rillet._core import Schema
from rillet._errors import ArgumentError, ArgumentTypeError
from rillet._hosts import ArrowHost, Batches, FileHost, IterableHost, PushHost, Rows
from rillet._stream import Stream


def read_csv(
    source: Any,
    /,
    *,
    time: str | None = None,
    schema: Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    delimiter: str = ",",
    quote: str | None = '"',
    comment: str | None = None,
    skip_rows: int = 0,
    null_values: str | Sequence[str] = (),
    infer_rows: int = 10_000,
    on_error: Literal["error", "skip", "keep"] = "error",
    check: Literal["used", "all"] = "used",
    max_kept: int = 100_000,
    batch_rows: int = 65_536,
    threads: int | None = None,
    prefetch: int | None = None,
    max_line: int = 16 << 20,
    max_columns: int = 100_000,
) -> Stream:
    """Read CSV in batches.

    Parameters
    ----------
    source
        A path, a glob (its files in the order of their paths), a list of them, ``"-"`` for standard input, bytes,
        or a binary file object. Of several files, all have the same header; one without a byte has no rows.
    time
        The column that is the event time: a timestamp, a date or an integer. A null in it makes a bad row.
    schema
        Types of columns, such as ``{"price": "float64", "ts": "timestamp[ms]"}``; those of the others are inferred
        from the first ``infer_rows`` rows of the first file that has rows, and then held. A column that is declared
        a timestamp may have numbers, too: whole ones count its unit since 1970, and those with a point seconds.
    columns, names
        The columns to read; and the names of the columns of a file without a header.
    delimiter, quote, comment, skip_rows
        What separates and quotes fields (``None``: nothing quotes); what lines to skip begin with (``None``: no line
        is skipped), each one ASCII character; how many lines to skip before the header (0).
    null_values
        Texts that mean null, besides an empty field. They count only where they are not quoted.
    on_error
        What becomes of a row that does not split into its fields or does not convert: ``"error"``, ``"skip"``
        (they are counted), ``"keep"`` (they are in ``it.rejects``, at most ``max_kept`` at a time; one more is a
        ``KeptRowsError``).
    check
        Which columns can make a row bad: those that the plan uses, or ``"all"``.
    batch_rows
        How many rows a batch has, exactly, but for the last. Windows, groups and merges see rows of a pipe, or of
        standard input, as they come, however few.
    threads, prefetch
        How many threads decode, and how many the windows after it work on (as many as there are cores), and how
        many batches each that decodes may be ahead (2). The
        result is the same to the bit.
    max_line, max_columns
        Limits on what a hostile file may ask for: bytes of a row, and columns. Beyond them is a ``LimitError``. The
        header and what stands before it may have 64 MiB, or ``max_line`` if that is more.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        At the call. What is wrong with the file is raised when it is opened: at ``.schema`` or ``iter()``, a
        ``SourceNotFoundError`` for example; what is wrong with a row, a ``BadRowError``, after all rows before it,
        and so is an exception of a file object, unchanged.

    Examples
    --------
    >>> import rillet as rl
    >>> stream = rl.read_csv(b"name,age\\nAda,36\\nAlan,41\\n")
    >>> next(iter(stream))["age"]
    array([36, 41])
    """
    check_time(time)
    options: dict[str, Any] = {
        "time": time,
        "schema": schema_items(schema),
        "columns": None if columns is None else _texts(columns, "columns"),
        "names": None if names is None else _texts(names, "names"),
        "delimiter": delimiter,
        "quote": quote,
        "comment": comment,
        "skip_rows": skip_rows,
        "null_values": [null_values] if isinstance(null_values, str) else _texts(null_values, "null_values"),
        "infer_rows": infer_rows,
        "on_error": on_error,
        "check": check,
        "max_kept": max_kept,
        "batch_rows": batch_rows,
        "threads": threads,
        "prefetch": prefetch,
        "max_line": max_line,
        "max_columns": max_columns,
    }
    for name in ("skip_rows", "infer_rows", "max_kept", "batch_rows", "threads", "prefetch", "max_line", "max_columns"):
        check_count(name, options[name])
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Stream(_core.Plan.read_csv(data=bytes(source), **options))
    if isinstance(source, str) and source == "-":
        return Stream(_core.Plan.read_csv(**options))
    if callable(getattr(source, "read", None)) and not isinstance(source, type):
        plan = _core.Plan.read_csv(host=0, **options)
        return Stream(plan, (FileHost(source, plan),))
    return Stream(_core.Plan.read_csv(paths=_paths(source), **options))


def from_batches(
    batches_: Iterable[Any] | Callable[[], Iterable[Any]],
    /,
    *,
    time: str | None = None,
    schema: Mapping[str, str] | None = None,
    batch_rows: int | None = None,
) -> Stream:
    """A stream over an iterable of batches: mappings of arrays, Arrow batches, or batches of rillet.

    The iterable is asked for one batch at a time, on the thread that calls ``next()``. An iterator can be read
    once; a function without arguments that returns one is a source that can be read again. ``schema`` declares
    the columns; without it the first batch tells. ``batch_rows`` cuts the rows anew; by default batches stay as
    they are. ``time`` names the column that is the event time, in which a null is a ``BadRowError``.

    A batch with other columns is an ``ArgumentError``, and one with values that do not fit a ``BadRowError``, which
    name the batch, counted from 0. Exceptions of the iterable pass through unchanged. All come after the rows before
    them.

    >>> import rillet as rl
    >>> stream = rl.from_batches([{"x": [1, 2]}, {"x": [3]}])
    >>> [len(batch) for batch in stream]
    [2, 1]
    """
    check_time(time)
    check_count("batch_rows", batch_rows)
    declared = None if schema is None else Schema(schema)
    host = IterableHost(batches_, Batches(declared), "from_batches")
    return Stream(_core.Plan.host(0, "from_batches", time=time, schema=declared, batch_rows=batch_rows), (host,))


def from_rows(
    rows_: Iterable[Any] | Callable[[], Iterable[Any]],
    /,
    *,
    time: str | None = None,
    schema: Mapping[str, str] | None = None,
    batch_rows: int = 65_536,
) -> Stream:
    """A stream over an iterable of rows: tuples, dicts, dataclasses or namedtuples.

    ``batch_rows`` rows are gathered into a batch. ``schema`` declares the columns; without it the first batch
    tells, and tuples get the names ``column_1``, ``column_2`` and so on. Times have the zone that all of the batch
    have, if it has a name, else UTC. ``None`` is null, and so are the ``NaT`` and ``NA`` of pandas and a key that a
    dict lacks. ``time`` names the column that is the event time, in which a null is a ``BadRowError``.

    A row that is of another kind than the first, or has values that do not fit, is a ``BadRowError`` with its number.
    Exceptions of the iterable pass through unchanged. Both come after the rows before them.

    >>> import rillet as rl
    >>> stream = rl.from_rows(({"x": i, "even": i % 2 == 0} for i in range(3)))
    >>> [row for batch in stream for row in batch.rows()]
    [(0, True), (1, False), (2, True)]
    """
    check_time(time)
    check_count("batch_rows", batch_rows)
    declared = None if schema is None else Schema(schema)
    host = IterableHost(rows_, Rows(declared, batch_rows), "from_rows")
    return Stream(_core.Plan.host(0, "from_rows", time=time, schema=declared, batch_rows=batch_rows), (host,))


def from_arrow(data: Any, /, *, time: str | None = None, batch_rows: int = 65_536) -> Stream:
    """A stream over Arrow data: anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``.

    That is a polars ``DataFrame``, a pyarrow ``Table`` or ``RecordBatchReader``, a pandas ``DataFrame``, a duckdb
    relation and more. Columns are not copied where the type allows it. ``time`` names the column that is the event
    time, in which a null is a ``BadRowError``; ``batch_rows`` is how many rows a batch has at most. Types that rillet
    does not take (unions, maps, intervals) are a ``SchemaError``.

    >>> import pyarrow as pa, rillet as rl
    >>> [len(batch) for batch in rl.from_arrow(pa.table({"x": [1, 2, 3]}), batch_rows=2)]
    [2, 1]
    """
    check_time(time)
    check_count("batch_rows", batch_rows)
    return Stream(_core.Plan.host(0, "from_arrow", time=time, batch_rows=batch_rows), (ArrowHost(data),))


def from_push(schema: Mapping[str, str] | None = None, /, *, time: str | None = None) -> Stream:
    """A stream without a source, for a loop of one's own: its rows are pushed into ``stream.operator()``.

    ``schema`` declares the columns; without it, ``operator(schema)`` does. ``time`` names the column that is the event
    time. Iterating the stream is an ``ArgumentTypeError``.

    >>> import rillet as rl
    >>> ticks = rl.from_push({"t": "int64", "x": "float64"}, time="t")
    >>> with ticks.rolling(rows=2).agg(mean=rl.mean("x")).operator() as op:
    ...     [op.push_row(1, 0.5), op.push_row(2, 1.5)]
    [[(1, 0.5, 0.5)], [(2, 1.5, 1.0)]]
    """
    check_time(time)
    declared = None if schema is None else Schema(schema)
    return Stream(_core.Plan.host(0, "from_push", time=time, schema=declared), (PushHost(declared),))


def _paths(source: Any) -> list[str]:
    if isinstance(source, (str, os.PathLike)):
        source = [source]
    elif not isinstance(source, Iterable):
        raise ArgumentTypeError(
            "read_csv takes a path, a glob, a list of them, \"-\" for standard input, bytes or a binary file object, "
            f"not {type(source).__name__}"
        )
    paths = [os.fspath(path) if isinstance(path, os.PathLike) else path for path in source]
    for path in paths:
        _check_path(path)
    if not paths:
        raise ArgumentError("there is no file to read: the list is empty")
    return paths


def _check_path(path: Any) -> None:
    if not isinstance(path, str):
        raise ArgumentTypeError(f"a path must be a text or a path object, not {type(path).__name__}")
    if "\0" in path:
        raise ArgumentError(f"a path cannot have a NUL character: {path!r}")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ArgumentError(
            f"{os.fsencode(path)!r}: the name of the file is not UTF-8; rename it, or pass a binary file object, "
            "open(path, \"rb\")"
        ) from None


def _texts(value: Any, name: str) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ArgumentTypeError(f"{name} takes a list of texts, not {type(value).__name__}")
    texts = list(value)
    for text in texts:
        if not isinstance(text, str):
            raise ArgumentTypeError(f"{name} takes a list of texts, and {text!r} is not one")
    return texts
