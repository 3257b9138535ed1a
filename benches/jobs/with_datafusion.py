"""The jobs in DataFusion, in SQL, with two partitions."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from datafusion import SessionConfig, SessionContext

from jobs.answers import BARS, HOPS, STATIONS, ReadAnswer, sums

TICKS = pa.schema({
    "ts": pa.timestamp("us"), "symbol": pa.string_view(), "price": pa.float64(), "size": pa.int64(),
    "side": pa.string_view(),
})  # fmt: skip
MINUTE = "arrow_cast(ts, 'Int64') / 60000000"


def connect(path: str, schema: pa.Schema = TICKS, **options) -> SessionContext:
    """A session with the file as the table `source`."""
    context = SessionContext(SessionConfig().with_target_partitions(2))
    context.register_csv("source", path, schema=schema, file_extension=path[-4:], **options)
    return context


def read(path: str) -> dict:
    """All five columns in batches, as Arrow."""
    answer = ReadAnswer()
    for item in connect(path).table("source").execute_stream():
        batch = item.to_pyarrow()

        def texts(i, batch=batch):
            return batch["symbol"][i].as_py(), batch["side"][i].as_py()

        ts = batch["ts"].cast("int64").to_numpy()
        answer.add(len(batch), pc.sum(batch["price"]).as_py(), pc.sum(batch["size"]).as_py(), ts, texts)
    return answer.dict()


def total(context: SessionContext, query: str, names) -> dict:
    """The rows of a query and the sums of its columns, summed by the engine."""
    wanted = ", ".join(f'sum("{name}") AS "{name}"' for name in names)
    row = context.sql(f"SELECT count(*) AS rows, {wanted} FROM ({query})").collect()[0].to_pylist()[0]
    return sums(row.pop("rows"), row)


BARS_QUERY = f"""
SELECT {MINUTE} AS minute, symbol, first_value(price ORDER BY ts) AS "open", max(price) AS "high",
    min(price) AS "low", last_value(price ORDER BY ts) AS "close", sum(size) AS "volume", count(*) AS "count",
    avg(price) AS "mean" FROM source GROUP BY 1, 2
"""


def tumbling(path: str) -> dict:
    """Bars from a file, in any order."""
    return total(connect(path), BARS_QUERY, BARS)


HOPPING_QUERY = f"""
WITH panes AS (
    SELECT {MINUTE} AS minute, symbol, count(*) AS n, sum(price - 100) AS s, sum((price - 100) * (price - 100)) AS q,
        max(price) AS m FROM source GROUP BY 1, 2),
minutes AS (SELECT unnest(range(min(minute), max(minute) + 60)) AS minute FROM panes),
grid AS (
    SELECT symbols.symbol, minutes.minute, n, s, q, m FROM (SELECT DISTINCT symbol FROM panes) AS symbols
    CROSS JOIN minutes LEFT JOIN panes ON panes.symbol = symbols.symbol AND panes.minute = minutes.minute),
rolled AS (
    SELECT sum(n) OVER w AS n, sum(s) OVER w AS s, sum(q) OVER w AS q, max(m) OVER w AS m FROM grid
    WINDOW w AS (PARTITION BY symbol ORDER BY minute ROWS 59 PRECEDING))
SELECT s / n + 100 AS "mean", m AS "max", n AS "count",
    CASE WHEN n > 1 THEN sqrt(greatest(q - s * s / n, 0) / (n - 1)) END AS "std" FROM rolled WHERE n > 0
"""


def hopping(path: str) -> dict:
    """Mean, std, max and count over 1 h every 1 min by symbol: panes on a dense grid, then row windows over it."""
    return total(connect(path), HOPPING_QUERY, HOPS)


def brc(path: str) -> dict:
    """Min, mean and max per station."""
    schema = pa.schema({"station": pa.string_view(), "temp": pa.float64()})
    query = 'SELECT min(temp) AS "min", avg(temp) AS "mean", max(temp) AS "max" FROM source GROUP BY station'
    return total(connect(path, schema, has_header=False, delimiter=";"), query, STATIONS)


def load(path: str, form: str) -> SessionContext:
    """The file as a table in memory of two partitions, with symbols as text or as a dictionary."""
    from jobs.with_pyarrow import load as load_arrow

    batches = load_arrow(path, form).to_batches(max_chunksize=8192)
    context = SessionContext(SessionConfig().with_target_partitions(2))
    context.register_record_batches("source", [batches[: len(batches) // 2], batches[len(batches) // 2 :]])
    return context


def memory(context: SessionContext) -> dict:
    """Bars from a table in memory."""
    return total(context, BARS_QUERY, BARS)


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read, "tumbling": tumbling,
    "disordered": tumbling, "hopping": hopping, "brc": brc, "memory": memory,
}  # fmt: skip
