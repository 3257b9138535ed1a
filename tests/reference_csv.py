"""The CSV reader of rillet in plain Python: obvious, slow and right.

The reading half of the oracle; `reference.py` is the window half. One byte at a
time is looked at, and only the standard library is used. Dates are days and
times are ticks of the column's unit, both integers since the epoch.
"""

import datetime
import re
from dataclasses import dataclass
from fractions import Fraction

TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Ticks in a second, by unit."""

UNCLOSED = "unclosed quote"

# --------------------------------------------------------------- splitting


@dataclass
class Field:
    """One field of a record: its bytes without quotes, and where it starts."""

    text: bytes
    quoted: bool
    byte: int


@dataclass
class Record:
    """One row of text: where it starts, its fields, and why it is bad, if it is."""

    line: int
    byte: int
    raw: bytes
    fields: list
    reason: str | None = None


def split(data, *, delimiter=",", quote='"', comment=None, skip_rows=0):
    """The records of `data`, header included, and the number of skipped lines.

    Skipped are blank lines and comments; `skip_rows` leaves out physical lines,
    whatever they hold. A byte order mark is no part of the first field.
    """
    delimiter, quote = delimiter.encode(), quote.encode()
    position = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    records, skipped, line = [], 0, 1
    while position < len(data):
        end_of_line = (data.find(b"\n", position) + 1) or len(data)
        text = data[position:end_of_line].rstrip(b"\n")
        blank = text in (b"", b"\r")
        if line <= skip_rows:
            position = end_of_line
        elif blank or (comment and text.startswith(comment.encode())):
            position, skipped = end_of_line, skipped + 1
        else:
            record = _record(data, position, line, delimiter, quote)
            records.append(record)
            position += len(record.raw)
            line += record.raw.count(b"\n")
            if record.reason != UNCLOSED:  # there the last line feed is data
                record.raw = _without_ending(record.raw)
            continue
        line += 1
    return records, skipped


def _record(data, start, line, delimiter, quote):
    """The record that starts at `start`; `raw` still has its end of line."""
    fields, position, reason = [], start, None
    while True:
        first, text, quoted = position, bytearray(), data.startswith(quote, position)
        if quoted:
            position += 1
            while not _closes(data, position, quote):
                if position >= len(data):
                    return Record(line, start, data[start:], fields, UNCLOSED)
                text += data[position : position + 1]
                position += 2 if data.startswith(quote, position) else 1
            position += 1
            if not _ends_field(data, position, delimiter):
                reason = "text after the closing quote"
        while not _ends_field(data, position, delimiter):
            text += data[position : position + 1]
            position += 1
        fields.append(Field(bytes(text), quoted, first))
        if not data.startswith(delimiter, position):
            break
        position += 1
    end = data.find(b"\n", position) + 1 or len(data)
    return Record(line, start, data[start:end], fields, reason)


def _closes(data, position, quote):
    """Whether the quote that ends a quoted field is at `position`."""
    return data.startswith(quote, position) and not data.startswith(quote * 2, position)


def _ends_field(data, position, delimiter):
    """Whether a delimiter, an end of line or the end of the file is at `position`."""
    return position >= len(data) or data.startswith((delimiter, b"\n", b"\r\n"), position)


def _without_ending(raw):
    """`raw` without its end of line; a lone carriage return is none."""
    return raw[:-2] if raw.endswith(b"\r\n") else raw.removesuffix(b"\n")


# -------------------------------------------------------------- converting

_INT = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)", re.ASCII)
_WORD = re.compile(r"[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_EPOCH = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def convert(text, dtype, *, inferring=False):
    """The value that `text` stands for in a column of `dtype`, or a ValueError.

    A column that is declared a timestamp also takes epochs; inference does not.
    """
    if dtype == "string":
        return text
    if dtype == "bool":
        _need(text in _BOOLS)
        return _BOOLS[text]
    if dtype == "date":
        return _days(text)
    if dtype.startswith("timestamp"):
        return _timestamp(text, dtype, inferring)
    if dtype.startswith("float"):
        _need(_FLOAT.fullmatch(text) or _WORD.fullmatch(text))
        return float(text)
    low, high = int_range(dtype)
    _need(_INT.fullmatch(text))
    return _within(int(text), low, high)


def int_range(dtype):
    """The least and the greatest value of an integer type."""
    bits = int(dtype.lstrip("uint"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _timestamp(text, dtype, inferring):
    """Ticks since the epoch. Text with an offset needs a zoned column, and back."""
    unit, _, zone = dtype[len("timestamp[") : -1].partition(", ")
    if _EPOCH.fullmatch(text) and not inferring:
        ticks = Fraction(text) * (TICKS[unit] if "." in text else 1)
    else:
        day, hour, minute, second, fraction, offset = _need(_TIME.fullmatch(text)).groups()
        _need(bool(offset) == bool(zone))
        _need(not inferring or unit == "ns" or len(fraction or "") <= 6)
        seconds = _days(day) * 86400 - _offset(offset or "Z")
        for digits, limit, length in ((hour, 24, 3600), (minute, 60, 60), (second, 60, 1)):
            seconds += _within(int(digits or 0), 0, limit - 1) * length
        ticks = (seconds + Fraction(f"0.{fraction or 0}")) * TICKS[unit]
    _need(ticks.denominator == 1)
    return _within(int(ticks), *int_range("int64"))


def _days(text):
    """Days since the epoch of YYYY-MM-DD."""
    _need(re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII))
    return datetime.date.fromisoformat(text).toordinal() - datetime.date(1970, 1, 1).toordinal()


def _offset(text):
    """Seconds east of UTC of Z, +HH, +HHMM or +HH:MM."""
    if text == "Z":
        return 0
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    seconds = _within(hours, 0, 23) * 3600 + _within(minutes, 0, 59) * 60
    return -seconds if text[0] == "-" else seconds


def _need(found):
    if found is None or found is False:
        raise ValueError
    return found


def _within(number, low, high):
    if not low <= number <= high:
        raise ValueError
    return number


_ZONES = ("timestamp[us]", "timestamp[ns]", "timestamp[us, UTC]", "timestamp[ns, UTC]")


def infer(texts):
    """The first type, in the fixed order, that every text of the sample fits."""
    for dtype in ("bool", "int64", "float64", "date", *_ZONES) if texts else ():
        try:
            for text in texts:
                convert(text, dtype, inferring=True)
        except ValueError:
            continue
        return dtype
    return "string"


# ----------------------------------------------------------------- reading


@dataclass
class Reject:
    """A bad row: `column` is None where it does not even split, and `value` then is the row."""

    line: int
    byte: int
    row: int
    column: str | None
    value: str | None
    text: bytes


@dataclass
class Table:
    """What `read_csv` finds: the types by name, the good rows, the bad, the lines skipped."""

    schema: dict
    rows: list
    rejects: list
    skipped: int

    def before_error(self):
        """The rows that come out before the first bad one."""
        if not self.rejects:
            return self.rows
        return self.rows[: self.rejects[0].row]


def read_csv(data, *, schema=None, time=None, null_values=(), infer_rows=10_000, **dialect):
    """Rows of `data` (bytes) as dicts of typed values, and the bad rows."""
    records, skipped = split(data, **dialect)
    names = [cell.text.decode() for cell in records[0].fields]
    body = records[1:]
    sample = [record for record in body[:infer_rows] if _splits(record, names)]
    types = {}
    for place, name in enumerate(names):
        cells = [record.fields[place] for record in sample]
        texts = [cell.text.decode(errors="replace") for cell in cells if not _is_null(cell, null_values)]
        types[name] = (schema or {}).get(name) or infer(texts)
    table = Table(types, [], [], skipped)
    for number, record in enumerate(body):
        row = _typed(record, number, types, time, null_values)
        (table.rejects if isinstance(row, Reject) else table.rows).append(row)
    return table


def _splits(record, names):
    return record.reason is None and len(record.fields) == len(names)


def _is_null(cell, null_values):
    return not cell.quoted and (cell.text == b"" or cell.text.decode(errors="replace") in null_values)


def _typed(record, number, types, time, null_values):
    """The row as a dict, or a Reject at the first column that does not convert."""
    if not _splits(record, types):
        return Reject(record.line, record.byte, number, None, record.raw.decode(errors="replace")[:100], record.raw)
    row = {}
    for cell, (name, dtype) in zip(record.fields, types.items(), strict=True):
        try:
            null = _is_null(cell, null_values)
            row[name] = None if null else convert(cell.text.decode(), dtype)
            _need(name != time or not null)
        except ValueError:
            text = cell.text.decode(errors="replace")
            return Reject(record.line, cell.byte, number, name, text, record.raw)
    return row
