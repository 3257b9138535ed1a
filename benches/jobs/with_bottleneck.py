"""The jobs in bottleneck: windows of rows over one column."""

from __future__ import annotations

from functools import partial

import bottleneck as bn
import numpy as np

from jobs.answers import sums


def hold(table) -> np.ndarray:
    """The prices of a table."""
    return table["price"].chunk(0).to_numpy()


def rolled(rows: int, price: np.ndarray) -> dict:
    """Mean and max of each row's last ones."""
    rows = min(rows, len(price))  # it takes no window that is longer than the column
    mean, most = bn.move_mean(price, rows, min_count=1), bn.move_max(price, rows, min_count=1)
    return sums(len(price), {"mean": mean.sum(), "max": most.sum()})


def rolling_std(price: np.ndarray) -> dict:
    """The standard deviation of each row's last 100."""
    return sums(len(price), {"std": np.nansum(bn.move_std(price, 100, min_count=2, ddof=1))})


JOBS = {
    "rolling_100": partial(rolled, 100), "rolling_100000": partial(rolled, 100_000), "rolling_std": rolling_std,
}  # fmt: skip
