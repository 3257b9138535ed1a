"""Checks of arguments that several functions share."""

from collections.abc import Mapping
from typing import Any

from rillet._errors import ArgumentError, ArgumentTypeError

_MAY_BE_NONE = ("threads", "prefetch", "batch_rows", "early_rows", "max_fill", "max_state_bytes")
_MAY_BE_ZERO = ("skip_rows", "infer_rows", "max_kept", "prefetch", "max_state_bytes")


def check_count(name: str, value: Any) -> None:
    """Refuses what is not a sensible number of rows, bytes or threads."""
    if value is None and name in _MAY_BE_NONE:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(f"{name} must be an integer, not {type(value).__name__}")
    least = 0 if name in _MAY_BE_ZERO else 1
    if not least <= value.__index__() < 1 << 63:
        raise ArgumentError(f"{name} must be at least {least} and fit in 64 bits, not {value}")


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
