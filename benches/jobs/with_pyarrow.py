"""The jobs in pyarrow: blocks of whole lines, parsed and aggregated in part by a pool of two."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from jobs.answers import BARS, STATIONS, ReadAnswer, sums
from jobs.blocks import BLOCK, parsed

TEXT = pa.string()
TICKS = {"ts": pa.timestamp("us"), "symbol": TEXT, "price": pa.float64(), "size": pa.int64(), "side": TEXT}
TEMPERATURES = {"station": TEXT, "temp": pa.float64()}


def parser(types: dict, delimiter: str = ",", quote: str | bool = '"'):
    """A function from a block of lines to a table."""
    options = {
        "read_options": csv.ReadOptions(column_names=list(types), use_threads=False, block_size=2 * BLOCK),
        "parse_options": csv.ParseOptions(delimiter=delimiter, quote_char=quote),
        "convert_options": csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    }
    return lambda block: csv.read_csv(pa.BufferReader(block), **options)


def read(path: str) -> dict:
    """All five columns in batches, the time typed."""
    answer = ReadAnswer()
    for table in parsed(path, parser(TICKS)):

        def texts(i, table=table):
            return table["symbol"][i].as_py(), table["side"][i].as_py()

        ts = table["ts"].cast("int64").to_numpy()
        answer.add(len(table), pc.sum(table["price"]).as_py(), pc.sum(table["size"]).as_py(), ts, texts)
    return answer.dict()


MINUTE = pa.scalar(60_000_000)
PART = [
    ("price", "first"), ("price", "max"), ("price", "min"), ("price", "last"),
    ("size", "sum"), ("price", "count"), ("price", "sum"),
]  # fmt: skip
WHOLE = [
    ("price_first", "first"), ("price_max", "max"), ("price_min", "min"), ("price_last", "last"),
    ("size_sum", "sum"), ("price_count", "sum"), ("price_sum", "sum"),
]  # fmt: skip


def part_bars(table: pa.Table) -> pa.Table:
    """The bars of a piece of the rows, to be put together."""
    minute = pc.divide(table["ts"].cast("int64"), MINUTE)
    return table.append_column("minute", minute).group_by(["minute", "symbol"], use_threads=False).aggregate(PART)


def whole_bars(parts) -> dict:
    """The bars from those of the pieces, in order."""
    keys = ["minute", "symbol"]
    made = pa.concat_tables(parts).group_by(keys, use_threads=False).aggregate(WHOLE)
    made = made.rename_columns([*keys, "open", "high", "low", "close", "volume", "count", "total"])
    return total(made.append_column("mean", pc.divide(made["total"], made["count"].cast("float64"))), BARS)


def total(table: pa.Table, names) -> dict:
    """The rows of a table and the sums of its columns."""
    return sums(len(table), {name: pc.sum(table[name]).as_py() for name in names})


def tumbling(path: str) -> dict:
    """Bars from the ordered file."""
    parse = parser(TICKS)
    return whole_bars(parsed(path, lambda block: part_bars(parse(block))))


def brc(path: str) -> dict:
    """Min, mean and max per station."""
    parse = parser(TEMPERATURES, ";", False)
    wanted = [("temp", "min"), ("temp", "sum"), ("temp", "count"), ("temp", "max")]
    part = lambda block: parse(block).group_by("station", use_threads=False).aggregate(wanted)  # noqa: E731
    parts = pa.concat_tables(parsed(path, part, header=False)).group_by("station")
    made = parts.aggregate([("temp_min", "min"), ("temp_sum", "sum"), ("temp_count", "sum"), ("temp_max", "max")])
    made = made.rename_columns(["station", "min", "total", "count", "max"])
    return total(made.append_column("mean", pc.divide(made["total"], made["count"].cast("float64"))), STATIONS)


def load(path: str, form: str) -> pa.Table:
    """The file as a table, with symbols as text or as a dictionary."""
    types = {**TICKS, "symbol": pa.dictionary(pa.int32(), pa.string())} if form == "dictionary" else TICKS
    return pa.concat_tables(parsed(path, parser(types))).unify_dictionaries().combine_chunks()


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read, "tumbling": tumbling, "brc": brc,
}  # fmt: skip
