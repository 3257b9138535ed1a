"""The native half of rillet."""

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from datetime import date, timedelta
from typing import Any, ClassVar, Literal, NoReturn, Protocol, Self, TypeAlias, TypedDict, TypeVar, final, overload
from typing import type_check_only as _type_check_only

import numpy as np
from numpy.typing import NDArray

from rillet._stats import Stats

__all__ = [
    "Aggregate",
    "ArrowStream",
    "Batch",
    "BatchIterator",
    "Beginning",
    "Expr",
    "FileReader",
    "Opened",
    "Operator",
    "Plan",
    "Prepared",
    "Results",
    "Schema",
    "SetAside",
    "Turn",
    "Windows",
    "__version__",
    "batch_from_any",
    "batch_from_rows",
    "categorical",
    "col",
    "export_stream",
    "lit",
    "restore",
]

_Default = TypeVar("_Default")
_Text: TypeAlias = np.ndarray[tuple[int], np.dtypes.StringDType]
_Column: TypeAlias = str | Expr
# A datetime is a date, and a bool an int.
_Value: TypeAlias = float | str | date | timedelta | np.generic | None
_Operand: TypeAlias = Expr | _Value
_Length: TypeAlias = str | timedelta | int
_Named: TypeAlias = Sequence[tuple[str, _Column]]
_Aggregates: TypeAlias = Sequence[tuple[str, Aggregate]]

__version__: str

@_type_check_only
class _Origin(TypedDict):
    source: str | None
    row: int | None
    line: int | None
    byte: int | None

@_type_check_only
class _Batches(Protocol):
    def __next__(self, /) -> Batch: ...

@final
class Schema(Mapping[str, str]):
    """The names and types of columns, in order: a mapping from names to type strings.

    Examples
    --------
    >>> import rillet as rl
    >>> schema = rl.Schema({"ts": "timestamp[us, UTC]", "price": "float64"})
    >>> schema["price"]
    'float64'
    >>> list(schema)
    ['ts', 'price']
    """

    def __new__(cls, columns: Mapping[str, str]) -> Self: ...
    def __getitem__(self, name: str, /) -> str: ...
    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    @overload
    def get(self, name: str, default: _Default) -> str | _Default: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def keys(self) -> KeysView[str]: ...
    def values(self) -> ValuesView[str]: ...
    def items(self) -> ItemsView[str, str]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __arrow_c_schema__(self) -> object: ...

@final
class Batch:
    """An immutable bundle of equal-length named columns.

    ``batch["x"]`` is a numpy array, read-only and without a copy where numpy has the type; iteration gives names,
    ``len`` is rows, ``batch[i:j]`` and ``batch[["a", "b"]]`` are batches, ``rows()`` gives tuples.

    Examples
    --------
    >>> import rillet as rl
    >>> batch = next(iter(rl.from_rows([{"x": 1, "y": 0.5}, {"x": 2, "y": None}])))
    >>> batch["x"]
    array([1, 2])
    >>> list(batch), len(batch)
    (['x', 'y'], 2)
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, name: object, /) -> bool: ...
    @overload
    def __getitem__(self, key: str, /) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: slice | list[str] | tuple[str, ...], /) -> Batch: ...
    def keys(self) -> list[str]:
        """The names of the columns, in order."""

    def _ipython_key_completions_(self) -> list[str]: ...
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples of Python values, with ``None`` for null.

        Times of nanoseconds, which Python does not have, are numpy scalars.
        """

    def fill(self, name: str, value: Any) -> NDArray[Any]:
        """The column as an array, with ``value`` in place of null.

        Raises
        ------
        ArgumentTypeError, ArgumentError
            If the column's type cannot hold ``value``.
        """

    def masked(self, name: str) -> np.ma.MaskedArray[Any, np.dtype[Any]]:
        """The column as a ``numpy.ma.MaskedArray`` over the same memory, masked where it is null."""

    def floats(self, name: str) -> NDArray[np.float64]:
        """The column's numbers as float64, with NaN for null.

        Raises
        ------
        ResultOverflowError
            If an integer is beyond 2**53, where floats no longer hold every integer.
        SchemaError
            If the column holds no numbers.
        """

    def validity(self, name: str) -> NDArray[np.bool_]:
        """A bool array that is true where the column has a value, false where it is null."""

    def codes(self, name: str) -> NDArray[np.int32]:
        """The codes of a text column: places in ``categories(name)``, -1 for null.

        They number the texts in order of first appearance in this batch; those of a categorical column are the same
        over the whole stream.
        """

    def categories(self, name: str) -> _Text:
        """The texts that the ``codes(name)`` of a text column stand for."""

    @property
    def schema(self) -> Schema:
        """The names and types of the columns."""

    @property
    def origin(self) -> _Origin:
        """Where the first row came from.

        A dict of ``source``, ``row`` (from 0), ``line`` (from 1) and ``byte`` (from 0), each ``None`` where it is not
        known.
        """

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def _repr_html_(self) -> str: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

@final
class Expr:
    """An expression over the columns of a stream, computed row by row.

    Made with ``rl.col`` and ``rl.lit``, and combined with ``+ - * / // %``, comparisons, ``& | ~`` and the methods
    below. It computes nothing by itself.

    >>> import rillet as rl
    >>> rl.col("size") * rl.col("price") > 100
    (col("size") * col("price")) > 100
    """

    def __bool__(self) -> NoReturn: ...
    def __eq__(self, other: _Operand, /) -> Expr: ...  # type: ignore[override]
    def __ne__(self, other: _Operand, /) -> Expr: ...  # type: ignore[override]
    def __lt__(self, other: _Operand, /) -> Expr: ...
    def __le__(self, other: _Operand, /) -> Expr: ...
    def __gt__(self, other: _Operand, /) -> Expr: ...
    def __ge__(self, other: _Operand, /) -> Expr: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __add__(self, other: _Operand, /) -> Expr: ...
    def __radd__(self, other: _Operand, /) -> Expr: ...
    def __sub__(self, other: _Operand, /) -> Expr: ...
    def __rsub__(self, other: _Operand, /) -> Expr: ...
    def __mul__(self, other: _Operand, /) -> Expr: ...
    def __rmul__(self, other: _Operand, /) -> Expr: ...
    def __truediv__(self, other: _Operand, /) -> Expr: ...
    def __rtruediv__(self, other: _Operand, /) -> Expr: ...
    def __floordiv__(self, other: _Operand, /) -> Expr: ...
    def __rfloordiv__(self, other: _Operand, /) -> Expr: ...
    def __mod__(self, other: _Operand, /) -> Expr: ...
    def __rmod__(self, other: _Operand, /) -> Expr: ...
    def __and__(self, other: _Operand, /) -> Expr: ...
    def __rand__(self, other: _Operand, /) -> Expr: ...
    def __or__(self, other: _Operand, /) -> Expr: ...
    def __ror__(self, other: _Operand, /) -> Expr: ...
    def __neg__(self) -> Expr: ...
    def __invert__(self) -> Expr: ...
    def is_null(self) -> Expr:
        """Whether the value is null. Never null itself."""

    def is_not_null(self) -> Expr:
        """Whether the value is not null. Never null itself."""

    def cast(self, dtype: str) -> Expr:
        """The value as another type, such as ``"float64"`` or ``"timestamp[ms]"``.

        A value that does not fit is an error at its row.
        """

    def fill_null(self, value: _Value) -> Expr:
        """The value, or this one where it is null."""

    @property
    def name(self) -> str | None:
        """The name of the column that it becomes; ``None`` if it needs one."""

    def alias(self, name: str) -> Expr:
        """The same under a name, which is that of the column it becomes."""

@final
class Aggregate:
    """An aggregate: what is computed of the rows of a window or group.

    Made with ``rl.count``, ``rl.sum``, ``rl.mean``, ``rl.min``, ``rl.max``, ``rl.first``, ``rl.last``, ``rl.var`` and
    ``rl.std``.
    """

    def __new__(
        cls,
        function: Literal["count", "sum", "mean", "min", "max", "first", "last", "var", "std"],
        column: _Column | None = None,
        *,
        weight: _Column | None = None,
        filter: _Column | None = None,
        skip_nulls: bool = True,
        ddof: int = 1,
    ) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Windows:
    """Windows over event time or of rows.

    Made with ``rl.tumbling``, ``rl.hopping``, ``rl.cumulate``, ``rl.session`` and ``rl.count``.
    """

    def __new__(
        cls,
        size: _Length,
        every: _Length,
        offset: _Length,
        tz: str | None,
        closed: Literal["left", "right", "both"],
        label: Literal["left", "right"] | None,
    ) -> Self: ...
    @staticmethod
    def cumulate(size: _Length, step: _Length, offset: _Length) -> Windows: ...
    @staticmethod
    def session(
        gap: _Length | Expr, gap_closed: bool, max_length: _Length | None, until: _Column | None
    ) -> Windows: ...
    @staticmethod
    def count(size: int, every: int) -> Windows: ...
    @staticmethod
    def several(windows: list[tuple[str, Windows]]) -> Windows: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class BatchIterator:
    """An iterator over the batches of a running stream, made by ``iter(stream)``.

    ``next()`` gives the next batch and ``poll()`` does a bounded amount of work. It is its own iterator, can be shared
    by threads, and is closed by ``close()``, by ``with``, and when it is dropped.
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> Batch: ...
    def poll(self) -> Batch | None:
        """Does at most one input batch of work and gives a batch, or ``None`` if there is none yet.

        Raises ``StopIteration`` at the end.
        """

    def close(self) -> None:
        """Ends the iteration and lets go of files, threads and memory. No window that is open is closed."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...
    @property
    def stats(self) -> Stats:
        """What became of the rows so far, stage by stage."""

    @property
    def watermark(self) -> np.datetime64 | int | None:
        """How far event time has come, less the lateness.

        A numpy ``datetime64``, or an integer where the time column is one. ``None`` before the first row, and for
        streams without windows.
        """

    @property
    def late(self) -> SetAside:
        """The late rows set aside with ``late="keep"``.

        Iterating gives batches of those not read yet, and does not advance the run.
        """

    @property
    def rejects(self) -> SetAside:
        """The bad rows set aside with ``on_error="keep"``.

        Iterating gives batches of those not read yet, and does not advance the run.
        """

@final
class Operator:
    """The stages of a stream, to which rows are pushed, made by ``stream.operator()``.

    Each call gives what its rows brought about, in the order in which the stream itself would. An error comes after the
    results of the rows before it: if there are some, they are given, and the next call raises, which may be ``close()``
    or the end of a ``with``; what ``finish()`` gives raises it itself, behind them. After an error, ``finish()`` or
    ``close()`` it takes nothing more, and calls raise a ``StreamConsumedError``; what does not fit the schema, or lacks
    its event time, is refused, and changes nothing. It can be shared by threads.
    """

    def push(self, batch: Any) -> list[Batch]:
        """Takes a batch: a mapping of names to arrays, Arrow data, or a ``Batch``. Gives the batches of results.

        Raises
        ------
        ArgumentError, BadRowError
            If it has other columns than the schema, or values that do not fit.
        LateRowError, ResultOverflowError, StateLimitError…
            As iterating the stream would.
        StreamConsumedError
            If the operator has ended.
        """

    def push_row(self, *values: Any, **named: Any) -> list[tuple[Any, ...]]:
        """Takes one row, and gives the rows of results as tuples, as ``Batch.rows()`` does.

        The row is its values in the order of the columns, or by name (a column left out is null), or a dict, tuple,
        namedtuple or dataclass.

        Raises
        ------
        BadRowError
            If the row has other fields than the schema, or values that do not fit.
        LateRowError, ResultOverflowError, StateLimitError…
            As iterating the stream would.
        StreamConsumedError
            If the operator has ended.
        """

    def advance(self, time: Any) -> list[Batch]:
        """Moves event time on without a row, as if one of this time had come and been filtered out.

        Windows close as far as that, less their lateness. ``time`` is a value of the time column (``datetime``,
        ``date``, numpy's ``datetime64``, an integer) or its ticks as an integer. One that event time has reached
        already changes nothing, and none is too far ahead for ``max_ahead=``: the rows that come next are judged by it.
        Gives the batches of results.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If the source has no event time, or ``time`` is none.
        StreamConsumedError
            If the operator has ended.
        """

    def finish(self) -> Results:
        """Closes every open window, as the end of the input does, and ends.

        Gives an iterator over the batches of results that are left, of which there are none if it had ended; it raises
        the error that comes behind them, if one does.

        Raises
        ------
        LateRowError, ResultOverflowError, StateLimitError…
            As iterating the stream would, where no results come before it.
        """

    def close(self) -> None:
        """Ends, and lets go of memory. No window that is open is closed.

        Raises the error that the results of the last call came before, if there is one.
        """

    def __enter__(self) -> Self: ...
    def __exit__(self, exception: object, *_more: object) -> None:
        """As ``close()``, but that an exception which is on its way is not replaced."""

    @property
    def ended(self) -> bool:
        """Whether it takes nothing more.

        That is after an error, ``finish()`` or ``close()``, and when ``limit(n)`` has its rows.
        """

    @property
    def stats(self) -> Stats:
        """What became of the rows so far, stage by stage."""

    @property
    def watermark(self) -> np.datetime64 | int | None:
        """How far event time has come, less the lateness.

        A numpy ``datetime64``, or an integer where the time column is one. ``None`` before the first row, and for
        streams without windows.
        """

    @property
    def late(self) -> SetAside:
        """The late rows set aside with ``late="keep"``: iterating gives batches of those not read yet."""

@final
class SetAside:
    """Rows that an iterator has set aside. Iterating gives those not read yet."""

    def __iter__(self) -> Iterator[Batch]: ...

@final
class Results:
    """The batches of results that ``finish()`` gives, and behind them the error, if there is one."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Batch: ...

@final
class Plan:
    """What a stream does, as plain data. Python objects in it are named by number."""

    @staticmethod
    def read_csv(
        *, paths: Sequence[str] | None = None, data: bytes | None = None, host: int | None = None, **options: Any
    ) -> Plan:
        """Reads CSV from paths, bytes, standard input or a file of the host."""

    @staticmethod
    def host(
        host: int, name: str, *, time: str | None = None, schema: Schema | None = None, batch_rows: int | None = None
    ) -> Plan:
        """Takes batches from the object of this number, of which these columns are declared."""

    @staticmethod
    def merge(streams: list[Plan], idle_timeout: _Length | None) -> Plan: ...
    def select(self, columns: _Named) -> Plan: ...
    def with_columns(self, columns: _Named) -> Plan: ...
    def filter(self, condition: _Column) -> Plan: ...
    def map_batches(self, id: int, name: str, schema: Schema | None) -> Plan: ...
    def rebatch(self, rows: int) -> Plan: ...
    def limit(self, rows: int) -> Plan: ...
    def window(
        self,
        windows: Windows,
        by: _Named,
        time: _Column | None,
        lateness: _Length,
        late: Literal["error", "drop", "keep"],
        fill: tuple[str, int] | None,
        revisions: tuple[_Length | None, int | None, _Length],
        ahead: tuple[_Length | None, Literal["error", "drop", "keep"]],
        idle_timeout: _Length | None,
        max_kept: int,
        max_state_bytes: int | None,
        aggs: _Aggregates,
    ) -> Plan: ...
    def rolling(
        self,
        frame: tuple[_Length | None, int | None, bool, str],
        by: _Named,
        time: _Column | None,
        lateness: _Length,
        late: Literal["error", "drop", "keep"],
        ahead: tuple[_Length | None, Literal["error", "drop", "keep"]],
        idle_timeout: _Length | None,
        limits: tuple[int, int, int | None],
        aggs: _Aggregates,
    ) -> Plan: ...
    def group_by(self, by: _Named, every: _Length | None, max_state_bytes: int | None, aggs: _Aggregates) -> Plan: ...
    @property
    def sources(self) -> int:
        """How many sources it has."""

    def pushed(self, host: int) -> Plan:
        """The same stages over the object of this number, instead of their source."""

    def to_json(self) -> str: ...
    @staticmethod
    def from_json(text: str) -> Plan: ...
    def fingerprint(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Opened:
    """What has been opened of a source that can be read only once: all streams that are made of the source share it."""

    def __new__(cls) -> Self: ...

@final
class Turn:
    """Lets in one thread at a time; others wait, and answer Ctrl-C, and whoever is inside cannot come once more."""

    def __new__(cls, reentered: str) -> Self:
        """``reentered`` is what the ``ReentrantError`` says."""

    def __enter__(self) -> None: ...
    def __exit__(self, *exception: object) -> None: ...

@final
class Beginning:
    """What has been read of a file object to know its columns."""

    def __new__(cls, plan: Plan) -> Self: ...
    def go_on(self, read: Callable[[int], Any]) -> None:
        """Takes what ``read`` of the file gives next; nothing means the end. No Ctrl-C comes between the two."""

    def break_off(self) -> None:
        """Hears that reading on failed: what is here must do."""

    def is_enough(self) -> bool:
        """Whether it tells the columns, or more is needed."""

    def is_all(self) -> bool:
        """Whether it is the whole file."""

@final
class FileReader:
    """A file object that is being read."""

    def __new__(cls, read: Callable[[int], Any]) -> Self: ...
    def next(self) -> bytes:
        """The next bytes; none at the end."""

@final
class Prepared:
    """A plan that has been checked against the schemas of its sources."""

    def __new__(
        cls,
        plan: Plan,
        offers: Sequence[Schema | ArrowStream | Beginning | None],
        opened: Sequence[Opened],
    ) -> Self:
        """Opens the sources.

        ``offers`` has, for each Python object of the plan, its schema, Arrow data as it is, the beginning of a
        file, or ``None`` for a function; ``opened`` has what is open of each source.
        """

    @property
    def schema(self) -> Schema:
        """The columns that come out."""

    @property
    def source_schema(self) -> Schema:
        """The columns of the only source."""

    def operator(self, hosts: Sequence[Any]) -> Operator:
        """Starts a run whose only source is what is pushed."""

    def run(self, hosts: Sequence[Any]) -> BatchIterator:
        """Starts a run.

        ``hosts`` are the Python objects of the plan: functions of batches, and sources, which have ``next()`` and may
        have ``close_host()``.
        """

@final
class ArrowStream:
    """Arrow data that is being read: a source for a ``BatchIterator``."""

    def __new__(cls, object: Any) -> Self:
        """Takes the data of an object with ``__arrow_c_stream__`` or ``__arrow_c_array__``."""

    def next(self) -> Batch | None:
        """The next batch, or ``None`` at the end. Columns are not copied where that can be."""

    def close_host(self) -> None:
        """Lets go of the data."""

def col(name: str) -> Expr:
    """The column of this name.

    >>> import rillet as rl
    >>> rl.col("size") > 100
    col("size") > 100
    """

def lit(value: _Value) -> Expr:
    """The same value in every row: a bool, number, text, date, datetime or timedelta, a scalar of numpy, or null.

    An integer beyond 64 bits, or a time finer than a microsecond, is an ``ArgumentError``.

    >>> import rillet as rl
    >>> rl.read_csv(b"x\\n1\\n").with_columns(unit=rl.lit("km")).schema
    Schema({'x': 'int64', 'unit': 'string'})
    """

def categorical(*, max: int) -> str:
    """The type of a text column whose codes are stable over the whole stream.

    ``schema={"city": rl.categorical(max=1000)}``, in ``read_csv``, ``from_batches``, ``from_rows`` and ``map_batches``.
    Codes number the texts in the order in which they first appear. More than ``max``, which is from 1 to 2**31 - 1, are
    a ``LimitError``. Keys and results of aggregates are plain text.

    >>> import rillet as rl
    >>> cities = [("Rome",), ("Oslo",), ("Rome",)]
    >>> [batch.codes("city") for batch in rl.from_rows(cities, schema={"city": rl.categorical(max=9)}, batch_rows=2)]
    [array([0, 1], dtype=int32), array([0], dtype=int32)]
    """

def batch_from_any(object: Any, name: str, schema: Schema | None = None) -> tuple[Batch, Exception | None]:
    """The batch of a mapping of arrays, of Arrow data, or of a batch, up to the first bad row, and the error of that
    one; ``name`` is what errors call it."""

def batch_from_rows(
    rows: Sequence[Any], like: Any | None, schema: Schema | None = None, first: int = 0
) -> tuple[Batch, Exception | None]:
    """The batch of a list of rows, of which the first has this number, up to the first bad one, and the error of
    that. They are of the kind of the row that they must be like."""

def restore(class_: str, text: str, /) -> Expr | Aggregate | Windows:
    """The value of the class of this name that was pickled as this text."""

def export_stream(schema: Schema, batches: _Batches) -> object:
    """An iterator of batches as an ``arrow_array_stream`` capsule."""
