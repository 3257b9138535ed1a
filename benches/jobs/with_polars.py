"""The jobs in polars.

Its CSV reader takes times 5 × slower than text: the fast forms read `ts` as text and cut it up.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from jobs.answers import BARS, HOPS, PARTS, ROLLED, STATIONS, VISITS, ReadAnswer, sums

SCHEMA = {"ts": pl.String, "symbol": pl.String, "price": pl.Float64, "size": pl.Int64, "side": pl.String}
TS, PRICE = pl.col("ts"), pl.col("price")
MINUTE = TS.str.slice(0, 16)


def whole_time() -> pl.Expr:
    """The typed time: the minute by a cached parser, seconds and microseconds as integers."""
    minute = MINUTE.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us", cache=True).to_physical()
    second, micros = TS.str.slice(17, 2).cast(pl.Int64), TS.str.slice(20, 6).cast(pl.Int64)
    return (minute + second * 1_000_000 + micros).cast(pl.Datetime("us"))


def read(path: str) -> dict:
    """All five columns in batches, the time typed."""
    answer = ReadAnswer()
    for batch in pl.scan_csv(path, schema=SCHEMA).with_columns(ts=whole_time()).collect_batches():
        ts = batch["ts"].to_physical().to_numpy()

        def texts(i, batch=batch):
            return batch["symbol"][i], batch["side"][i]

        answer.add(len(batch), batch["price"].sum(), batch["size"].sum(), ts, texts)
    return answer.dict()


def bars(frame: pl.LazyFrame, minute: pl.Expr, first: pl.Expr, last: pl.Expr) -> dict:
    """Open, high, low, close, volume, count and mean per minute and symbol."""
    made = frame.group_by(minute, "symbol").agg(
        open=first, high=PRICE.max(), low=PRICE.min(), close=last,
        volume=pl.col("size").sum(), count=pl.len(), mean=PRICE.mean(),
    ).collect(engine="streaming")  # fmt: skip
    return total(made, BARS)


def total(frame: pl.DataFrame, names) -> dict:
    """The rows of a frame and the sums of its columns."""
    return sums(len(frame), {name: frame[name].sum() for name in names})


def tumbling(path: str) -> dict:
    """Bars from the ordered file."""
    return bars(pl.scan_csv(path, schema=SCHEMA), MINUTE, PRICE.first(), PRICE.last())


def disordered(path: str) -> dict:
    """Bars from the disordered file: the first by time, not by arrival."""
    return bars(pl.scan_csv(path, schema=SCHEMA), MINUTE, PRICE.min_by("ts"), PRICE.max_by("ts"))


def panes(frame: pl.LazyFrame, minute: pl.Expr) -> pl.LazyFrame:
    """Per symbol and minute: count, sum, sum of squares and maximum of the price (around 100, for the squares)."""
    moved = PRICE - 100
    return frame.group_by(minute, "symbol").agg(n=pl.len(), s=moved.sum(), q=(moved * moved).sum(), max=moved.max())


def file_panes(path: str) -> pl.LazyFrame:
    """The panes of a file, symbols as numbers."""
    minute = MINUTE.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us").to_physical() // 60_000_000
    text_panes = panes(pl.scan_csv(path, schema=SCHEMA), MINUTE)
    return text_panes.with_columns(minute=minute, symbol=pl.col("symbol").rank("dense") - 1)


def grid(made: pl.DataFrame, size: int) -> pl.DataFrame:
    """The panes as a dense table, symbol by symbol, with empty minutes after each so that no window spans two."""
    first, last = made["minute"].min(), made["minute"].max()
    width = last - first + size
    place = pl.col("symbol").cast(pl.Int64) * width + pl.col("minute") - first
    made = made.select(place.alias("place"), "n", "s", "q", "max").sort("place")
    every = pl.select(place=pl.int_range((made["place"].max() // width + 1) * width))
    return every.join(made, on="place", how="left", maintain_order="left")


def hops(made: pl.LazyFrame, size: int) -> dict:
    """Mean, std, max and count over windows of so many minutes, every 1 min by symbol: row windows over the panes."""
    dense = grid(made.collect(engine="streaming"), size).lazy()
    roll = lambda name: pl.col(name).fill_null(0).cast(pl.Float64).rolling_sum(size, min_samples=1)  # noqa: E731
    rolled = dense.select(
        n=roll("n"), s=roll("s"), q=roll("q"), max=pl.col("max").rolling_max(size, min_samples=1)
    ).filter(pl.col("n") > 0.5)  # fmt: skip
    n, s, q = pl.col("n"), pl.col("s"), pl.col("q")
    variance = pl.when(n > 1).then((q - s * s / n).clip(0) / (n - 1))
    made = rolled.select(mean=s / n + 100, std=variance.sqrt(), max=pl.col("max") + 100, count=n.cast(pl.Int64))
    return total(made.collect(), HOPS)


def hopping(path: str) -> dict:
    """The windows of 1 h from a file."""
    return hops(file_panes(path), 60)


def brc(path: str) -> dict:
    """Min, mean and max per station."""
    schema = {"station": pl.String, "temp": pl.Float64}
    temp = pl.col("temp")
    made = pl.scan_csv(path, separator=";", has_header=False, quote_char=None, schema=schema)
    made = made.group_by("station").agg(min=temp.min(), mean=temp.mean(), max=temp.max())
    return total(made.collect(engine="streaming"), STATIONS)


def load(path: str, form: str) -> pl.DataFrame:
    """The file as a frame in one chunk, with symbols as text or as a Categorical."""
    frame = pl.scan_csv(path, schema=SCHEMA).with_columns(ts=whole_time()).collect()
    if form == "dictionary":
        frame = frame.with_columns(pl.col("symbol").cast(pl.Categorical))
    return frame.rechunk()


def memory(frame: pl.DataFrame) -> dict:
    """Bars from a frame in memory."""
    return bars(frame.lazy(), TS.to_physical() // 60_000_000, PRICE.first(), PRICE.last())


def hold(table) -> pl.DataFrame:
    """A table as a frame in one chunk, known to be in order of time; symbols as numbers beside the Categorical."""
    frame = pl.from_arrow(table).with_columns(TS.set_sorted())
    if "symbol" in frame.columns:
        frame = frame.with_columns(pl.col("symbol").to_physical().cast(pl.Int64))
    return frame.rechunk()


def parts(column: str, every: str, frame: pl.DataFrame) -> dict:
    """Sum, min, max and count of each window."""
    value = pl.col(column)
    made = frame.lazy().group_by_dynamic("ts", every=every).agg(
        sum=value.sum(), min=value.min(), max=value.max(), count=pl.len()
    )  # fmt: skip
    return total(made.collect(), PARTS)


VISIT = {"count": pl.len(), "sum": pl.col("value").sum(), "max": pl.col("value").max()}


def session(frame: pl.DataFrame) -> dict:
    """Count, sum and max of sessions: each begins, of rows in order of keys and time, where the key or a gap does."""
    key, gap = pl.col("key"), pl.duration(seconds=30)
    ordered = frame.lazy().sort("key", maintain_order=True)
    begins = (key != key.shift()) | (TS.diff() >= gap)
    made = ordered.select(begins.fill_null(True).cum_sum().set_sorted().alias("session"), "value")
    return total(made.group_by("session").agg(**VISIT).collect(), VISITS)


def keys(frame: pl.DataFrame) -> dict:
    """Count, sum and max of each key: all rows are in one window."""
    return total(frame.lazy().group_by("key").agg(**VISIT).collect(engine="streaming"), VISITS)


def hopping_memory(size: int, frame: pl.DataFrame) -> dict:
    """The windows of so many minutes from a frame."""
    return hops(panes(frame.lazy(), (TS.to_physical() // 60_000_000).alias("minute")), size)


def rolled(rows: int, frame: pl.DataFrame) -> dict:
    """Mean and max of each row's last ones."""
    made = frame.lazy().select(
        mean=PRICE.rolling_mean(rows, min_samples=1), max=PRICE.rolling_max(rows, min_samples=1)
    )
    return total(made.collect(), ROLLED)


def rolling_std(frame: pl.DataFrame) -> dict:
    """The standard deviation of each row's last 100."""
    return total(frame.lazy().select(std=PRICE.rolling_std(100, min_samples=2)).collect(), ("std",))


def rolling_hour(frame: pl.DataFrame) -> dict:
    """Mean and max of each row's last hour, by symbol."""
    made = frame.lazy().rolling("ts", period="1h", group_by="symbol").agg(mean=PRICE.mean(), max=PRICE.max())
    return total(made.collect(), ROLLED)


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read, "tumbling": tumbling,
    "disordered": disordered, "hopping": hopping, "brc": brc, "memory": memory,
    "second": partial(parts, "price", "1s"), "minute": partial(parts, "price", "1m"), "session": session, "keys": keys,
    "hopping_hour": partial(hopping_memory, 60), "hopping_10h": partial(hopping_memory, 600),
    "rolling_100": partial(rolled, 100), "rolling_100000": partial(rolled, 100_000), "rolling_std": rolling_std,
    "rolling_hour": rolling_hour, "days": partial(parts, "value", "1d"), "months": partial(parts, "value", "1mo"),
}  # fmt: skip
