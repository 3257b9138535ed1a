"""Aggregates, window kinds, and columns: plain values that plans are made of.

Nulls are skipped. Of no values, a count is 0 and everything else null.
"""

from typing import Any, Literal, SupportsIndex, overload

from rillet._checks import Column, check_count, flag_of
from rillet._core import Aggregate, Windows
from rillet._errors import ArgumentError, ArgumentTypeError


@overload
def count(size: SupportsIndex, /, every: SupportsIndex | None = None) -> Windows: ...
@overload
def count(column: Column | None = None, *, where: Column | None = None) -> Aggregate: ...
def count(column: Any = None, every: Any = None, *, where: Any = None) -> Aggregate | Windows:
    """Two things, by the first argument: of rows or values how many there are, or, of a number, windows of rows.

    **An aggregate**, ``count()``, ``count("x")``: how many rows, or, of a column, how many values that are not null;
    int64.

    >>> import rillet as rl
    >>> rl.count(where=rl.col("side") == "B")
    count(where=col("side") == "B")

    **Windows**, ``count(size)``, ``count(size, every)``, for ``Stream.window``: windows of ``size`` rows of a key that
    begin ``every`` rows, by default ``size``. ``window_start`` and ``window_end`` number the key's rows, from 0 on; the
    end is the first row behind. ``complete``, a column after the aggregates, is false in the windows that the end of
    the input cut short. If ``every`` is more than ``size``, the rows between belong to no window.

    Rows count in the order of their event time and, at one time, of their arrival: each once the watermark is there,
    so that a ``lateness`` puts rows in order, and a row is late if its time is before the watermark. Without event time
    the order is that of arrival. Results come in the order of the rows that complete them, with the event time of
    those rows; windows that are cut short come last, key by key. How many rows a key has had is kept for every key.

    >>> steps = rl.read_csv(b"x\\n1\\n2\\n4\\n8\\n16\\n")
    >>> [row for batch in steps.window(rl.count(2)).agg(total=rl.sum("x")) for row in batch.rows()]
    [(0, 2, 3, True), (2, 4, 12, True), (4, 6, 16, False)]
    >>> [row for batch in steps.window(rl.count(3, 1)).agg(total=rl.sum("x")).limit(3) for row in batch.rows()]
    [(0, 3, 7, True), (1, 4, 14, True), (2, 5, 28, True)]

    A number of rows below 1 is an ``ArgumentError``; ``where=`` with a number, or ``every`` with a column, is an
    ``ArgumentTypeError``.
    """
    if not isinstance(column, bool) and hasattr(column, "__index__"):
        if where is not None:
            raise ArgumentTypeError("count of a number makes windows of rows, which have no where=; filter the stream")
        every = column if every is None else every
        check_count("size", column)
        check_count("every", every)
        return Windows.count(column, every)
    if every is not None:
        raise ArgumentTypeError(f"every= is for windows of rows, such as count(100, 10), not for count({column!r})")
    return Aggregate("count", column, filter=where)


def sum(column: Column, *, where: Column | None = None) -> Aggregate:
    """The sum: int64, uint64 for unsigned integers, float64 for floats.

    Integers are summed exactly, and a sum that does not fit is a ``ResultOverflowError``. The error of a sum of
    floats is about one rounding, whatever their number. A column that holds no numbers is a ``SchemaError``.

    >>> import rillet as rl
    >>> sizes = rl.read_csv(b"size\\n1\\n2\\n4\\n").group_by()
    >>> big = rl.sum("size", where=rl.col("size") > 2)
    >>> [row for batch in sizes.agg(total=rl.sum("size"), big=big) for row in batch.rows()]
    [(7, 4)]
    """
    return Aggregate("sum", column, filter=where)


def mean(column: Column, *, weight: Column | None = None, where: Column | None = None) -> Aggregate:
    """The arithmetic mean, float64; with ``weight``, the sum of weight times value by the sum of weights.

    Null if there is no value, or if the weights sum to 0. Sums and products may be out of the range of a float where
    the mean is not. A column that holds no numbers is a ``SchemaError``.

    >>> import rillet as rl
    >>> trades = rl.read_csv(b"price,size\\n10,1\\n20,3\\n").group_by()
    >>> means = trades.agg(plain=rl.mean("price"), vwap=rl.mean("price", weight="size"))
    >>> [row for batch in means for row in batch.rows()]
    [(15.0, 17.5)]
    """
    return Aggregate("mean", column, weight=weight, filter=where)


def min(column: Column, *, where: Column | None = None) -> Aggregate:
    """The least value, of the column's type. NaN if there is one; -0.0 is less than 0.0; text by code point.

    >>> import rillet as rl
    >>> table = rl.read_csv(b"t,x\\n2,5\\n1,\\n3,7\\n", time="t").group_by()
    >>> [row for batch in table.agg(least=rl.min("x")) for row in batch.rows()]
    [(5,)]
    """
    return Aggregate("min", column, filter=where)


def max(column: Column, *, where: Column | None = None) -> Aggregate:
    """The greatest value, of the column's type. NaN if there is one; -0.0 is less than 0.0; text by code point.

    >>> import rillet as rl
    >>> table = rl.read_csv(b"t,x\\n2,5\\n1,\\n3,7\\n", time="t").group_by()
    >>> [row for batch in table.agg(most=rl.max("x")) for row in batch.rows()]
    [(7,)]
    """
    return Aggregate("max", column, filter=where)


def first(column: Column, *, skip_nulls: bool = True, where: Column | None = None) -> Aggregate:
    """The value of the earliest row by event time; of rows of one time, that of the first to arrive.

    Nulls are passed over; with ``skip_nulls=False`` it is that row's own value, null or not.

    >>> import rillet as rl
    >>> table = rl.read_csv(b"t,x\\n2,5\\n1,\\n3,7\\n", time="t").group_by()
    >>> [row for batch in table.agg(value=rl.first("x"), own=rl.first("x", skip_nulls=False)) for row in batch.rows()]
    [(5, None)]
    """
    return Aggregate("first", column, skip_nulls=flag_of("skip_nulls", skip_nulls), filter=where)


def last(column: Column, *, skip_nulls: bool = True, where: Column | None = None) -> Aggregate:
    """The value of the latest row by event time; of rows of one time, that of the last to arrive.

    Nulls are passed over; with ``skip_nulls=False`` it is that row's own value, null or not.

    >>> import rillet as rl
    >>> table = rl.read_csv(b"t,x\\n2,5\\n1,\\n3,7\\n", time="t").group_by()
    >>> [row for batch in table.agg(value=rl.last("x")) for row in batch.rows()]
    [(7,)]
    """
    return Aggregate("last", column, skip_nulls=flag_of("skip_nulls", skip_nulls), filter=where)


def var(column: Column, *, ddof: int = 1, where: Column | None = None) -> Aggregate:
    """The variance, float64: the sum of squared distances from the mean by ``n - ddof``; null if ``n <= ddof``.

    Right to about 1e-15 whatever the data, since it is computed about one of the values in twice the precision, also
    where squares are out of the range of a float; infinite only if it is itself out of that range. A column that holds
    no numbers is a ``SchemaError``; a negative ``ddof``, at the call, an ``ArgumentError``.

    >>> import rillet as rl
    >>> table = rl.read_csv(b"t,x\\n2,5\\n1,\\n3,7\\n", time="t").group_by()
    >>> [row for batch in table.agg(sample=rl.var("x"), population=rl.var("x", ddof=0)) for row in batch.rows()]
    [(2.0, 1.0)]
    """
    return Aggregate("var", column, ddof=_ddof(ddof), filter=where)


def std(column: Column, *, ddof: int = 1, where: Column | None = None) -> Aggregate:
    """The standard deviation, float64: the square root of the variance, as ``var`` in all else.

    Where the variance is out of the range of a float, it need not be: of 0.0 and 1e200 it is 7.07e199.

    >>> import rillet as rl
    >>> table = rl.read_csv(b"t,x\\n2,5\\n1,\\n3,7\\n", time="t").group_by()
    >>> [row for batch in table.agg(spread=rl.std("x", ddof=0)) for row in batch.rows()]
    [(1.0,)]
    """
    return Aggregate("std", column, ddof=_ddof(ddof), filter=where)


def tumbling(
    every: Any,
    *,
    offset: Any = 0,
    tz: str | None = None,
    closed: Literal["left", "right", "both"] = "left",
    label: Literal["left", "right"] | None = None,
) -> Windows:
    """Windows ``[start, start + every)`` that follow one another, from the epoch (Monday for weeks) on.

    Parameters
    ----------
    every
        A fixed length: a text such as ``"90s"``, ``"1h"`` or ``"24h"``, a ``timedelta``, or ticks of the time column.
        Or a length of the calendar: ``"1d"``, ``"1w"``, ``"1mo"``, ``"1q"``, ``"1y"`` and multiples, counted from
        1970-01-01. A day starts at its first instant, which is midnight where clocks show it, and lasts until the next
        one starts: 23 or 25 hours where they change. A day that a zone skipped has no window.
    offset
        Shifts the starts, either way. Of calendar windows it shifts what clocks show at the start: ``offset="5h"`` is
        5 o'clock also on days of 23 hours, ``tumbling("1w", offset="-1d")`` starts on Sundays, and
        ``tumbling("1y", offset="3mo")`` in April.
    tz
        The zone of calendar lengths, such as ``"Europe/Berlin"``: by default that of the time column, or UTC if it has
        none. A time column without a zone takes ``tz="UTC"`` only, and dates need none.
    closed
        Which of its edges a window has: ``"left"``, ``[start, end)``; ``"right"``, ``(start, end]``; or ``"both"``,
        ``[start, end]``, so that a row at an edge is in two windows. A window that has its end closes once the
        watermark is past it. (Where a zone skipped a day, ``"both"`` has an exception: a row at the very instant of the
        jump is not in the windows whose last day is the one before the skipped one.)
    label
        ``"left"`` gives ``window_start`` only, ``"right"`` ``window_end`` only; both by default.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A length that is none or not positive, or a zone that there is not; what depends on the type of the time column,
        at ``.schema`` or ``iter()``.

    Examples
    --------
    >>> import rillet as rl
    >>> rl.tumbling("1m")
    tumbling("1m")
    >>> text = b"t,x\\n2024-03-31T01:30:00+01:00,1\\n2024-03-31T23:30:00+02:00,2\\n2024-04-01T00:00:00+02:00,4\\n"
    >>> stream = rl.read_csv(text, time="t", schema={"t": "timestamp[s, UTC]"})
    >>> days = stream.window(rl.tumbling("1d", tz="Europe/Berlin", label="left")).agg(x=rl.sum("x"))
    >>> [row for batch in days for row in zip(batch["window_start"].astype(str).tolist(), batch["x"].tolist())]
    [('2024-03-30T23:00:00', 3), ('2024-03-31T22:00:00', 4)]
    """
    return Windows(every, every, offset, _tz(tz), closed, label)


def hopping(
    size: Any,
    every: Any,
    *,
    offset: Any = 0,
    tz: str | None = None,
    closed: Literal["left", "right", "both"] = "left",
    label: Literal["left", "right"] | None = None,
) -> Windows:
    """Windows of ``size`` that start ``every`` so often, so that they overlap if ``every`` is shorter.

    If it is longer, rows between windows belong to none. Lengths, options and errors are those of ``tumbling``. Both
    lengths are in months, quarters or years, or none is; and, in a zone whose clocks change, in days or weeks.

    >>> import rillet as rl
    >>> rl.hopping("1h", "5m")
    hopping("1h", "5m")
    >>> rl.hopping("1q", "1mo", tz="Asia/Tokyo", closed="right")
    hopping("1q", "1mo", tz="Asia/Tokyo", closed="right")
    """
    return Windows(size, every, offset, _tz(tz), closed, label)


def cumulate(size: Any, step: Any, *, offset: Any = 0) -> Windows:
    """Windows that expand: ``[s, s + step)``, ``[s, s + 2 * step)`` and so on to ``[s, s + size)``, then from there on.

    A window comes out for every key that has a row since ``s``, also if its last step brought none. A row counts in
    those windows that end after it, and misses those that have closed before it came. ``size`` must be a multiple of
    ``step``. Both are fixed lengths, as of ``tumbling``, or days and weeks where all days are of one length: in UTC, at
    a fixed offset such as ``+02:00``, of dates and of times without a zone. There is no ``tz=``, and there are no
    months. ``offset`` shifts the starts, and errors are those of ``tumbling``.

    >>> import rillet as rl
    >>> sales = rl.read_csv(b"t,amount\\n1,5\\n4,2\\n12,1\\n", time="t")
    >>> so_far = sales.window(rl.cumulate(9, 3)).agg(total=rl.sum("amount"))
    >>> [row for batch in so_far for row in batch.rows()]
    [(0, 3, 5), (0, 6, 7), (0, 9, 7), (9, 15, 1), (9, 18, 1)]
    """
    return Windows.cumulate(size, step, offset)


def session(gap: Any, *, gap_closed: bool = False, max_length: Any = None, until: Column | None = None) -> Windows:
    """Windows that last, per key, as long as rows follow one another in less than ``gap``.

    ``window_start`` is the time of the first row, ``window_end`` that of the last plus ``gap``. A row exactly ``gap``
    after the last one starts a new session, unless ``gap_closed``. Rows that come late, but before the session has
    closed, extend it, and join two sessions that they lie between.

    Where a session ends for another reason depends on the order of its rows. With ``max_length``, ``until`` or gaps of
    a column, rows therefore count in the order of their time and, at one time, of their arrival, each once the
    watermark is there: a ``lateness`` puts rows in order, and a row is late if its time is before the watermark.

    Parameters
    ----------
    gap
        A text such as ``"30m"``, a ``timedelta``, or ticks of the time column. Or an expression, ``rl.col("gap")``,
        that gives each row its own: a duration, or an integer that counts ticks. Such a row covers the time from its
        own to ``gap`` later, rows whose times meet are one session, and ``window_end`` is the latest of their ends.
    gap_closed
        Whether a row exactly ``gap`` (or ``max_length``) after another still belongs to its session.
    max_length
        How long a session is at most: a row this much after the first one starts a new session, and ``window_end`` is
        no later than that. Unlimited by default.
    until
        A column or condition: a row for which it is true ends its session, which it belongs to, and the next row
        starts another. ``window_end`` is then the tick after that row (with ``gap_closed`` its own).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A length that is none or not positive, at the call; what depends on columns and their types, at ``.schema`` or
        ``iter()``. A row whose own gap is null or not positive is a ``ResultOverflowError`` when it comes.

    Examples
    --------
    >>> import rillet as rl
    >>> clicks = rl.read_csv(b"t,page\\n1,a\\n4,b\\n7,bye\\n8,a\\n30,a\\n", time="t")
    >>> visits = clicks.window(rl.session(10)).agg(pages=rl.count())
    >>> [row for batch in visits for row in batch.rows()]
    [(1, 18, 4), (30, 40, 1)]
    >>> visits = clicks.window(rl.session(10, until=rl.col("page") == "bye")).agg(pages=rl.count())
    >>> [row for batch in visits for row in batch.rows()]
    [(1, 8, 3), (8, 18, 1), (30, 40, 1)]
    >>> visits = clicks.window(rl.session(10, max_length=5)).agg(pages=rl.count())
    >>> [row for batch in visits for row in batch.rows()]
    [(1, 6, 2), (7, 12, 2), (30, 35, 1)]
    """
    return Windows.session(gap, flag_of("gap_closed", gap_closed), max_length, until)


def _tz(tz: Any) -> str | None:
    if tz is not None and not isinstance(tz, str):
        raise ArgumentTypeError(f'tz must be the name of a zone, such as "Europe/Berlin", not {type(tz).__name__}')
    return tz


def _ddof(ddof: Any) -> int:
    if isinstance(ddof, bool) or not hasattr(ddof, "__index__"):
        raise ArgumentTypeError(f"ddof must be an integer, not {type(ddof).__name__}")
    if not 0 <= ddof < 1 << 32:
        raise ArgumentError(f"ddof must not be negative, not {ddof}")
    return int(ddof)
