"""The jobs in rillet."""

from __future__ import annotations

from functools import partial

import numpy as np

import rillet as rl
from jobs.answers import BARS, HOPS, PARTS, ROLLED, STATIONS, VISITS, ReadAnswer, sums


def read(path: str, threads: int | None = None) -> dict:
    """All five columns: ts, price and size as numpy, symbol and side as codes."""
    answer = ReadAnswer()
    for batch in rl.read_csv(path, threads=threads):
        add(answer, batch, batch["price"], batch["size"])
    return answer.dict()


def read_one_thread(path: str) -> dict:
    """The same on one thread."""
    return read(path, threads=1)


def read_nulls(path: str) -> dict:
    """The same with nulls: numpy wants something in their place."""
    answer = ReadAnswer()
    for batch in rl.read_csv(path):
        add(answer, batch, batch.fill("price", 0.0), batch.fill("size", 0))
    return answer.dict()


def add(answer: ReadAnswer, batch, price, size) -> None:
    """Adds a batch to the answer."""
    symbol, side = batch.codes("symbol"), batch.codes("side")
    texts = lambda i: (text(batch, "symbol", symbol[i]), text(batch, "side", side[i]))  # noqa: E731
    answer.add(len(batch), price.sum(), size.sum(), batch["ts"].view("i8"), texts)


def text(batch, name: str, code) -> str | None:
    """The text of a code; a null has a negative one."""
    return None if code < 0 else str(batch.categories(name)[code])


def bars(stream, **options) -> dict:
    """Open, high, low, close, volume, count and mean per minute and symbol."""
    stream = stream.window(rl.tumbling("1m"), by="symbol", **options).agg(
        open=rl.first("price"), high=rl.max("price"), low=rl.min("price"), close=rl.last("price"),
        volume=rl.sum("size"), count=rl.count(), mean=rl.mean("price"),
    )  # fmt: skip
    return total(stream, BARS)


def total(stream, names) -> dict:
    """The rows of a stream and the sums of its columns, batch by batch."""
    rows, values = 0, dict.fromkeys(names, 0)
    for batch in stream:
        rows += len(batch)
        for name in names:
            values[name] += np.nansum(batch[name]) if name == "std" else batch[name].sum()
    return sums(rows, values)


def tumbling(path: str) -> dict:
    """Bars from the ordered file."""
    return bars(rl.read_csv(path, time="ts"))


def disordered(path: str) -> dict:
    """Bars from the disordered file: a row may be 30 s late."""
    return bars(rl.read_csv(path, time="ts"), lateness="30s")


def hops(stream, size: str) -> dict:
    """Mean, std, max and count over windows of a size every 1 min by symbol."""
    windows = stream.window(rl.hopping(size, "1m"), by="symbol")
    return total(windows.agg(mean=rl.mean("price"), std=rl.std("price"), max=rl.max("price"), count=rl.count()), HOPS)


def hopping(path: str) -> dict:
    """The windows of 1 h from a file."""
    return hops(rl.read_csv(path, time="ts"), "1h")


def brc(path: str) -> dict:
    """Min, mean and max per station."""
    rows = rl.read_csv(path, delimiter=";", names=["station", "temp"])
    return total(rows.group_by("station").agg(min=rl.min("temp"), mean=rl.mean("temp"), max=rl.max("temp")), STATIONS)


def load(path: str, form: str):
    """A pyarrow table with symbols as text or as a dictionary, or a polars frame."""
    if form == "frame":
        from jobs.with_polars import load as load_polars

        return load_polars(path, form)
    from jobs.with_pyarrow import load as load_arrow

    return load_arrow(path, form)


def memory(table) -> dict:
    """Bars from a table in memory."""
    return bars(rl.from_arrow(table, time="ts"))


def hold(table):
    """A table as a stream."""
    return rl.from_arrow(table, time="ts")


def parts(column: str, windows, stream, **options) -> dict:
    """Sum, min, max and count of each window, of one kind or of several in one pass."""
    grouped = (stream.windows if isinstance(windows, dict) else stream.window)(windows, **options)
    made = grouped.agg(sum=rl.sum(column), min=rl.min(column), max=rl.max(column), count=rl.count())
    return total(made, PARTS)


def visits(windows, stream) -> dict:
    """Count, sum and max of each window and key."""
    return total(
        stream.window(windows, by="key").agg(count=rl.count(), sum=rl.sum("value"), max=rl.max("value")), VISITS
    )


def rolled(stream, *size, **options) -> dict:
    """Mean and max of each row's window."""
    return total(stream.rolling(*size, **options).agg(mean=rl.mean("price"), max=rl.max("price")), ROLLED)


def rolling_rows(rows: int, stream) -> dict:
    """Mean and max of each row's last ones."""
    return rolled(stream.select("price"), rows=rows)


def rolling_std(stream) -> dict:
    """The standard deviation of each row's last 100."""
    return total(stream.select("price").rolling(rows=100).agg(std=rl.std("price")), ("std",))


def rolling_hour(stream) -> dict:
    """Mean and max of each row's last hour, by symbol."""
    return rolled(stream, "1h", by="symbol")


THREE = {length: rl.tumbling(length) for length in ("1s", "1m", "1h")}
HORIZONS = {length: rl.hopping(length, "1m") for length in ("1m", "15m", "1h")}

JOBS = {
    "read": read, "read_one_thread": read_one_thread, "read_nulls": read_nulls, "tumbling": tumbling,
    "disordered": disordered, "hopping": hopping, "brc": brc, "memory": memory,
    "second": partial(parts, "price", rl.tumbling("1s")), "minute": partial(parts, "price", rl.tumbling("1m")),
    "second_by_symbol": partial(parts, "price", rl.tumbling("1s"), by="symbol"),
    "three": partial(parts, "price", THREE), "three_by_symbol": partial(parts, "price", THREE, by="symbol"),
    "horizon": partial(parts, "price", HORIZONS["1h"]), "horizons": partial(parts, "price", HORIZONS),
    "horizon_by_symbol": partial(parts, "price", HORIZONS["1h"], by="symbol"),
    "horizons_by_symbol": partial(parts, "price", HORIZONS, by="symbol"),
    "session": partial(visits, rl.session("30s")), "keys": partial(visits, rl.tumbling("10000h")),
    "hopping_hour": partial(hops, size="1h"), "hopping_10h": partial(hops, size="10h"),
    "rolling_100": partial(rolling_rows, 100), "rolling_100000": partial(rolling_rows, 100_000),
    "rolling_std": rolling_std, "rolling_hour": rolling_hour,
    "days": partial(parts, "value", rl.tumbling("1d")), "days_fixed": partial(parts, "value", rl.tumbling("24h")),
    "months": partial(parts, "value", rl.tumbling("1mo")), "months_fixed": partial(parts, "value", rl.tumbling("730h")),
}  # fmt: skip
