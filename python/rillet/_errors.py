"""What can go wrong.

::

    Error(Exception)
    ├── ArgumentError(ValueError)               a bad value of an argument
    │   └── ColumnNotFoundError(KeyError)       a column that is not there
    ├── ArgumentTypeError(TypeError)            an argument of a wrong type
    ├── SchemaError(TypeError)                  an operation that a column's type does not know
    ├── DataError(ValueError)                   something wrong with the data
    │   ├── BadRowError                         a row that does not split or convert
    │   ├── LateRowError                        a row that missed a window
    │   ├── AheadRowError                       a row whose time is too far ahead
    │   ├── NullValueError                      nulls where there is no place for them
    │   └── ResultOverflowError(OverflowError)  a result that does not fit its type
    ├── LimitError(MemoryError)                 a declared limit was reached
    │   ├── StateLimitError                     by the state of windows or groups
    │   └── KeptRowsError                       by rows that were set aside and not read
    ├── SourceError(OSError)                    the operating system said no
    │   ├── SourceNotFoundError(FileNotFoundError)
    │   ├── SourceIsDirectoryError(IsADirectoryError)
    │   └── SourcePermissionError(PermissionError)
    ├── StreamConsumedError(RuntimeError)       a one-shot source was asked to start again
    ├── ReentrantError(RuntimeError)            a stream was asked from inside its own callback
    ├── ForkError(RuntimeError)                 a forked child used what belongs to its parent
    └── InternalError(RuntimeError)             a bug in rillet

Each carries what it knows as attributes; what it does not know is ``None``.
"""


class Error(Exception):
    """The root of all errors of rillet."""

    _attributes: tuple[str, ...] = ()

    def __init__(self, message: str = "", **attributes: object) -> None:
        super().__init__(message)
        for name in self._attributes:
            setattr(self, name, attributes.get(name))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, dict(self.__dict__)

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ArgumentError(Error, ValueError):
    """A bad value of an argument."""


class ColumnNotFoundError(ArgumentError, KeyError):
    """A column that is not there: ``column``, and the ``known`` ones."""

    _attributes = ("column", "known")


class ArgumentTypeError(Error, TypeError):
    """An argument of a wrong type."""


class SchemaError(Error, TypeError):
    """An operation that a column's type does not know: ``column`` and its ``dtype``."""

    _attributes = ("column", "dtype")


class DataError(Error, ValueError):
    """Something wrong with the data.

    ``source``, ``line`` (from 1), ``byte`` (from 0) and ``row`` (from 0) say where; ``column``, ``value`` and
    ``reason`` say what.
    """

    _attributes: tuple[str, ...] = ("source", "line", "byte", "row", "column", "value", "reason")


class BadRowError(DataError):
    """A row that does not split into its fields (``column`` is ``None``) or does not convert."""


class LateRowError(DataError):
    """A row that missed a window.

    Besides the place: its ``time``, the ``watermark`` when it came, how many windows it ``missed``, and the
    row that set the watermark (``set_by_line``, ``set_by_row``).
    """

    _attributes = (*DataError._attributes, "time", "watermark", "missed", "lateness", "set_by_line", "set_by_row")


class AheadRowError(DataError):
    """A row whose time is further ahead than ``max_ahead`` allows.

    Besides the place: its ``time``, the ``mark``, which is the latest time before it, the row that has that
    (``set_by_line``, ``set_by_row``), and the ``max_ahead``, in ticks, with which it would have been taken.
    """

    _attributes = (*DataError._attributes, "time", "mark", "max_ahead", "set_by_line", "set_by_row")


class NullValueError(DataError):
    """Nulls in a column that numpy has no null for."""


class ResultOverflowError(DataError, OverflowError):
    """A sum, or an expression, whose result does not fit its type.

    ``column`` is the name of the sum; of an expression, the column that it reads, if it is one. ``value`` is what does
    not fit, as text: the sum, the value to be cast, or what was to be computed, such as ``"7 // 0"``.
    """


class LimitError(Error, MemoryError):
    """A declared ``limit`` was reached; ``argument`` is what sets it."""

    _attributes = ("argument", "limit", "source", "line", "byte", "row")


class StateLimitError(LimitError):
    """The state of windows or groups has outgrown ``max_state_bytes``."""


class KeptRowsError(LimitError):
    """More rows than ``max_kept`` were set aside and not read."""


class SourceError(Error, OSError):
    """The operating system said no: ``errno``, ``strerror`` and ``filename`` as for any ``OSError``."""

    def __init__(self, *arguments: object) -> None:
        OSError.__init__(self, *arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.errno, self.strerror, self.filename)

    def __str__(self) -> str:
        if self.errno is None and self.strerror is not None:  # it is not of the system
            return f"{self.strerror}: {self.filename!r}"
        return OSError.__str__(self)


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is no such file."""


class SourceIsDirectoryError(SourceError, IsADirectoryError):
    """It is a directory."""


class SourcePermissionError(SourceError, PermissionError):
    """The file may not be read."""


class StreamConsumedError(Error, RuntimeError):
    """A source that can be read only once was asked to start again."""


class ReentrantError(Error, RuntimeError):
    """``next()``, or the columns, were asked for from inside the stream's own source or function."""


class ForkError(Error, RuntimeError):
    """A forked child used an iterator of its parent, or a source that another thread was just opening."""


class InternalError(Error, RuntimeError):
    """A bug in rillet. Please report it."""
