"""The jobs in pandas: blocks of whole lines, parsed by a pool of two."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from jobs.answers import BARS, HOPS, STATIONS, ReadAnswer, sums
from jobs.blocks import parsed

TICKS = {"symbol": "category", "price": "float64", "size": "int64", "side": "category"}
TEXTS = {**TICKS, "symbol": "object", "side": "object"}
PADS = 59


def parser(names, types: dict, **options):
    """A function from a block of lines to a frame."""
    return lambda block: pd.read_csv(io.BytesIO(block), names=names, dtype=types, engine="c", **options)


def ticks(path: str, types: dict = TICKS):
    """The frames of a tick file, the time typed."""
    return parsed(path, parser(["ts", *types], types, parse_dates=["ts"], keep_default_na=False, na_values=[""]))


def micros(times: pd.Series) -> np.ndarray:
    """The µs since 1970."""
    return times.to_numpy().astype("datetime64[us]", copy=False).view("i8")


def read(path: str, types: dict = TEXTS) -> dict:
    """All five columns in batches, the time typed."""
    answer = ReadAnswer()
    for frame in ticks(path, types):

        def texts(i, frame=frame):
            return tuple(text(frame[name].iat[i]) for name in ("symbol", "side"))

        answer.add(len(frame), frame["price"].sum(), frame["size"].sum(), micros(frame["ts"]), texts)
    return answer.dict()


def text(value) -> str | None:
    """A text, or None for a null."""
    return None if pd.isna(value) else value


def read_nulls(path: str) -> dict:
    """The same with nulls: sizes become floats."""
    return read(path, {**TEXTS, "size": "float64"})


def whole(path: str) -> pd.DataFrame:
    """The whole file, by minute, with symbols as one category."""
    frames = [frame.drop(columns="side") for frame in ticks(path)]
    symbol = pd.api.types.union_categoricals([frame["symbol"] for frame in frames])
    made = pd.concat([frame.drop(columns="symbol") for frame in frames], ignore_index=True)
    return made.assign(symbol=symbol, minute=micros(made["ts"]) // 60_000_000)


def bars(frame: pd.DataFrame) -> dict:
    """Open, high, low, close, volume, count and mean per minute and symbol."""
    made = frame.groupby(["minute", "symbol"], sort=False, observed=True).agg(
        open=("price", "first"), high=("price", "max"), low=("price", "min"), close=("price", "last"),
        volume=("size", "sum"), count=("price", "size"), mean=("price", "mean"),
    )  # fmt: skip
    return total(made, BARS)


def total(frame: pd.DataFrame, names) -> dict:
    """The rows of a frame and the sums of its columns."""
    return sums(len(frame), {name: frame[name].sum() for name in names})


def tumbling(path: str) -> dict:
    """Bars from the ordered file."""
    return bars(whole(path))


def disordered(path: str) -> dict:
    """Bars from the disordered file: sorted by time first."""
    return bars(whole(path).sort_values("ts"))


def hopping(path: str) -> dict:
    """Mean, std, max and count over 1 h every 1 min by symbol: panes on a dense grid, then row windows over it."""
    frame = whole(path)
    moved = frame["price"] - 100
    panes = frame.assign(s=moved, q=moved * moved).groupby(["symbol", "minute"], observed=True)
    panes = panes.agg(n=("s", "size"), s=("s", "sum"), q=("q", "sum"), max=("price", "max"))
    minutes = np.arange(frame["minute"].min(), frame["minute"].max() + 1 + PADS)
    dense = panes.reindex(pd.MultiIndex.from_product([panes.index.levels[0], minutes])).reset_index(drop=True)
    rolled = dense[["n", "s", "q"]].fillna(0).rolling(60, min_periods=1).sum()
    rolled = rolled.assign(max=dense["max"].rolling(60, min_periods=1).max())[rolled["n"] > 0.5]
    n, s = rolled["n"].round(), rolled["s"]
    std = np.sqrt((rolled["q"] - s * s / n).clip(lower=0) / (n - 1).where(n > 1))
    return total(pd.DataFrame({"mean": s / n + 100, "std": std, "max": rolled["max"], "count": n.astype("i8")}), HOPS)


def brc(path: str) -> dict:
    """Min, mean and max per station."""
    parse = parser(["station", "temp"], {"station": "category", "temp": "float64"}, sep=";", quoting=3, na_filter=False)
    wanted = ["min", "sum", "count", "max"]
    part = lambda block: parse(block).groupby("station", sort=False, observed=True)["temp"].agg(wanted)  # noqa: E731
    parts = pd.concat([made.set_axis(made.index.astype("str")) for made in parsed(path, part, header=False)])
    made = parts.groupby(level=0).agg({"min": "min", "sum": "sum", "count": "sum", "max": "max"})
    return total(made.assign(mean=made["sum"] / made["count"]), STATIONS)


def load(path: str, form: str) -> pd.DataFrame:
    """The file as a frame, with symbols as text or as a category."""
    frame = whole(path).drop(columns="minute")
    return frame if form == "dictionary" else frame.astype({"symbol": "str"})


def memory(frame: pd.DataFrame) -> dict:
    """Bars from a frame in memory."""
    return bars(frame.assign(minute=micros(frame["ts"]) // 60_000_000))


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read_nulls, "tumbling": tumbling,
    "disordered": disordered, "hopping": hopping, "brc": brc, "memory": memory,
}  # fmt: skip
