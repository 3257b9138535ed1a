"""Checks of arguments that several functions share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rillet._core import Expr
from rillet._errors import ArgumentError, ArgumentTypeError

_MAY_BE_NONE = ("threads", "prefetch", "batch_rows", "early_rows", "max_fill", "max_state_bytes")
_MAY_BE_ZERO = ("skip_rows", "infer_rows", "max_kept", "prefetch", "max_state_bytes")

Column = str | Expr


def check_count(name: str, value: Any) -> None:
    """Refuses what is not a sensible number of rows, bytes or threads."""
    if value is None and name in _MAY_BE_NONE:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(f"{name} must be an integer, not {type(value).__name__}")
    least = 0 if name in _MAY_BE_ZERO else 1
    if not least <= value.__index__() < 1 << 63:
        raise ArgumentError(f"{name} must be at least {least} and fit in 64 bits, not {value}")


def check_time(time: Any) -> None:
    """Refuses an event time that is not the name of a column."""
    if time is not None and not isinstance(time, str):
        raise ArgumentTypeError(f"time must be the name of a column, not {type(time).__name__}")


def flag_of(name: str, value: Any) -> bool:
    """What an argument that is on or off is."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentTypeError(f"{name} must be True or False, not {type(value).__name__}: {value!r}")
    return bool(value)


def schema_items(schema: Any) -> list[tuple[str, str]]:
    """The pairs of name and type of a declared schema."""
    if schema is None:
        return []
    if not isinstance(schema, Mapping):
        raise ArgumentTypeError(f"schema must be a mapping of names to types, not {type(schema).__name__}")
    for name, dtype in schema.items():
        if not isinstance(name, str) or not isinstance(dtype, str):
            raise ArgumentTypeError(f"schema must map names to types such as \"float64\", not {name!r} to {dtype!r}")
    return list(schema.items())


def check_fill(fill: str | None, max_fill: int | None) -> tuple[str, int] | None:
    """What ``fill=`` and ``max_fill=`` ask for."""
    if fill is None:
        if max_fill is not None:
            raise ArgumentError("max_fill= bounds what fill= gives; set fill= too")
        return None
    return fill, 1000 if max_fill is None else max_fill


def check_frame(size: Any, rows: int | None, center: bool, closed: str | None) -> None:
    """Refuses arguments of ``rolling`` that do not go together."""
    if (size is None) == (rows is None):
        raise ArgumentTypeError("rolling takes either a size, such as \"1h\", or rows=")
    if rows is None:
        if center:
            raise ArgumentError("center=True is for windows of rows=, not of time")
        return
    check_count("rows", rows)
    if closed is not None:
        raise ArgumentError("closed= is for windows of time, not of rows=")


def keys_of(by: Any) -> list[tuple[str, Column]]:
    """The keys of ``by=``, each with its name."""
    return names_of([] if by is None else by if isinstance(by, (list, tuple)) else [by], "by")


def names_of(columns: Any, where: str) -> list[tuple[str, Column]]:
    """Columns, each with its name."""
    return [(name_of(column, where), column) for column in columns]


def name_of(column: Column, where: str) -> str:
    """The name of a column, or of an expression that has one."""
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


def count_of(n: Any, where: str) -> int:
    """A number of rows."""
    try:
        count = n.__index__()
    except AttributeError:
        raise ArgumentTypeError(f"{where} takes a number of rows, not {type(n).__name__}") from None
    if count < 0:
        raise ArgumentError(f"{where} takes a number of rows that is not negative, not {count}")
    if count >= 1 << 63:
        raise ArgumentError(f"{where} takes a number of rows that fits in 64 bits, not {count}")
    return int(count)
