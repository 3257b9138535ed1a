"""Streams as plain Python rows, and the comparisons that the tests share."""

import math
import struct
from fractions import Fraction

import pyarrow as pa

from reference_aggregates import Near


def dicts(stream):
    """All rows of a stream, or of any iterable of batches, as dicts.

    The values come through Arrow, so that null and NaN stay apart; dates and
    times are integers, in days and in ticks.
    """
    return [row for batch in stream for row in batch_dicts(batch)]


def rows(stream):
    """All rows of a stream as tuples; values as in `dicts`."""
    return [tuple(row.values()) for row in dicts(stream)]


def batch_dicts(batch):
    """The rows of one batch as dicts."""
    arrow = pa.record_batch(batch)
    columns = [plain(column) for column in arrow.columns]
    return [dict(zip(arrow.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def plain(column):
    """An Arrow array as a list of Python values, dates and times as integers."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_date32(column.type) or pa.types.is_time32(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_temporal(column.type):
        column = column.cast(pa.int64())
    return column.to_pylist()


def bits(value):
    """A float as its 64 bits, with one NaN; anything else as it is."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    return value


def exact(rows):
    """Rows with their floats as bits, so that `==` tells -0.0 from 0.0 and NaN is equal."""
    return [tuple(bits(value) for value in (row.values() if isinstance(row, dict) else row)) for row in rows]


def same(got, want):
    """Whether `got` is a right answer: to the bit, or within the slack of a `Near`."""
    if isinstance(want, Near) and isinstance(got, float) and math.isfinite(want):
        return math.isfinite(got) and abs(Fraction(got) - Fraction(want)) <= want.slack
    if isinstance(want, float):
        return isinstance(got, float) and bits(got) == bits(float(want))
    return type(got) is type(want) and got == want


def assert_rows(got, want):
    """Asserts that two lists of dict rows have the same columns and the right values."""
    for number, (one, other) in enumerate(zip(got, want, strict=False)):
        assert list(one) == list(other), f"row {number} has other columns"
        for name in other:
            assert same(one[name], other[name]), f"row {number}, {name}: {one[name]!r} != {other[name]!r}"
    assert len(got) == len(want), f"{len(got)} rows, not {len(want)}"


def close(got, want, relative):
    """Whether a float is within a relative distance of an exact fraction."""
    return abs(Fraction(got) - want) <= abs(want) * Fraction(relative)
