"""The jobs in polars.

Its CSV reader takes times 5 × slower than text: the fast forms read `ts` as text and cut it up.
"""

from __future__ import annotations

import polars as pl

from jobs.answers import BARS, HOPS, STATIONS, ReadAnswer, sums

SCHEMA = {"ts": pl.String, "symbol": pl.String, "price": pl.Float64, "size": pl.Int64, "side": pl.String}
TS, PRICE = pl.col("ts"), pl.col("price")
MINUTE = TS.str.slice(0, 16)
PADS = 59  # panes in a window of 60 besides the last


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


def panes(path: str) -> pl.LazyFrame:
    """Per symbol and minute: count, sum, sum of squares and maximum of the price (around 100, for the squares)."""
    moved = PRICE - 100
    minute = MINUTE.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us").to_physical() // 60_000_000
    text_panes = pl.scan_csv(path, schema=SCHEMA).group_by(MINUTE, "symbol").agg(
        n=pl.len(), s=moved.sum(), q=(moved * moved).sum(), max=moved.max()
    )  # fmt: skip
    return text_panes.with_columns(minute=minute, symbol=pl.col("symbol").rank("dense") - 1)


def grid(made: pl.DataFrame) -> pl.DataFrame:
    """The panes as a dense table, symbol by symbol, 59 empty minutes after each so that no window spans two."""
    first, last = made["minute"].min(), made["minute"].max()
    width = last - first + 1 + PADS
    place = pl.col("symbol").cast(pl.Int64) * width + pl.col("minute") - first
    made = made.select(place.alias("place"), "n", "s", "q", "max").sort("place")
    every = pl.select(place=pl.int_range((made["place"].max() // width + 1) * width))
    return every.join(made, on="place", how="left", maintain_order="left")


def hopping(path: str) -> dict:
    """Mean, std, max and count over 1 h every 1 min by symbol: panes, then row windows over the dense grid."""
    dense = grid(panes(path).collect(engine="streaming")).lazy()
    roll = lambda name: pl.col(name).fill_null(0).cast(pl.Float64).rolling_sum(60, min_samples=1)  # noqa: E731
    rolled = dense.select(
        n=roll("n"), s=roll("s"), q=roll("q"), max=pl.col("max").rolling_max(60, min_samples=1)
    ).filter(pl.col("n") > 0.5)  # fmt: skip
    n, s, q = pl.col("n"), pl.col("s"), pl.col("q")
    variance = pl.when(n > 1).then((q - s * s / n).clip(0) / (n - 1))
    made = rolled.select(mean=s / n + 100, std=variance.sqrt(), max=pl.col("max") + 100, count=n.cast(pl.Int64))
    return total(made.collect(), HOPS)


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


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read, "tumbling": tumbling,
    "disordered": disordered, "hopping": hopping, "brc": brc, "memory": memory,
}  # fmt: skip
