"""The jobs in DuckDB, in SQL, with the dialect given so that nothing is sniffed."""

from __future__ import annotations

import duckdb
import pyarrow.compute as pc

from jobs.answers import BARS, HOPS, STATIONS, ReadAnswer, sums

COLUMNS = "{'ts': 'TIMESTAMP', 'symbol': 'VARCHAR', 'price': 'DOUBLE', 'size': 'BIGINT', 'side': 'VARCHAR'}"
MINUTE = "epoch_us(ts) // 60000000"


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory with two threads."""
    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET preserve_insertion_order = false")
    return connection


def ticks(path: str) -> str:
    """The SQL that reads a tick file."""
    with open(path, "rb") as file:
        newline = r"\r\n" if file.readline().endswith(b"\r\n") else r"\n"
    dialect = f"""header = true, delim = ',', quote = '"', escape = '"', new_line = '{newline}'"""
    return f"read_csv('{path}', auto_detect = false, {dialect}, columns = {COLUMNS})"


def read(path: str) -> dict:
    """All five columns in batches, as Arrow."""
    answer = ReadAnswer()
    for batch in connect().sql(f"SELECT * FROM {ticks(path)}").to_arrow_reader(65_536):

        def texts(i, batch=batch):
            return batch["symbol"][i].as_py(), batch["side"][i].as_py()

        ts = batch["ts"].cast("int64").to_numpy()
        answer.add(len(batch), pc.sum(batch["price"]).as_py(), pc.sum(batch["size"]).as_py(), ts, texts)
    return answer.dict()


def total(connection, query: str, names) -> dict:
    """The rows of a query and the sums of its columns, summed by the database."""
    wanted = ", ".join(f"sum({name})" for name in names)
    rows, *values = connection.execute(f"SELECT count(*), {wanted} FROM ({query})").fetchone()
    values = [int(v) if name in ("count", "volume") else v for name, v in zip(names, values, strict=True)]
    return sums(rows, dict(zip(names, values, strict=True)))


def bars(source: str) -> str:
    """Open, high, low, close, volume, count and mean per minute and symbol: `first` would depend on the threads."""
    return f"""SELECT {MINUTE} AS minute, symbol, arg_min(price, ts) AS open, max(price) AS high, min(price) AS low,
        arg_max(price, ts) AS close, sum(size) AS volume, count(*) AS count, avg(price) AS mean
        FROM {source} GROUP BY ALL"""


def tumbling(path: str) -> dict:
    """Bars from a file, in any order."""
    return total(connect(), bars(ticks(path)), BARS)


HOPPING = """
WITH panes AS MATERIALIZED (
    SELECT {minute} AS minute, symbol, count(*) AS n, sum(price - 100) AS s, sum((price - 100) * (price - 100)) AS q,
        max(price) AS max FROM {source} GROUP BY ALL),
minutes AS (SELECT unnest(range((SELECT min(minute) FROM panes), (SELECT max(minute) FROM panes) + 60)) AS minute),
symbols AS (SELECT DISTINCT symbol FROM panes),
grid AS (SELECT symbol, minute, n, s, q, max FROM symbols CROSS JOIN minutes LEFT JOIN panes USING (symbol, minute)),
rolled AS (
    SELECT sum(n) OVER hour AS n, sum(s) OVER hour AS s, sum(q) OVER hour AS q, max(max) OVER hour AS max FROM grid
    WINDOW hour AS (PARTITION BY symbol ORDER BY minute ROWS 59 PRECEDING))
SELECT s / n + 100 AS mean, max, n AS count,
    CASE WHEN n > 1 THEN sqrt(greatest(q - s * s / n, 0) / (n - 1)) END AS std FROM rolled WHERE n > 0
"""


def hopping(path: str) -> dict:
    """Mean, std, max and count over 1 h every 1 min by symbol: panes on a dense grid, then row windows over it."""
    return total(connect(), HOPPING.format(minute=MINUTE, source=ticks(path)), HOPS)


def brc(path: str) -> dict:
    """Min, mean and max per station."""
    columns = "{'station': 'VARCHAR', 'temp': 'DOUBLE'}"
    dialect = r"header = false, delim = ';', quote = '', escape = '', new_line = '\n'"
    source = f"read_csv('{path}', auto_detect = false, {dialect}, columns = {columns})"
    query = f"SELECT min(temp) AS min, avg(temp) AS mean, max(temp) AS max FROM {source} GROUP BY station"
    return total(connect(), query, STATIONS)


def load(path: str, form: str) -> duckdb.DuckDBPyConnection:
    """The file as a table of the database, with symbols as text or as an ENUM."""
    connection = connect()
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(f"CREATE TABLE ticks AS SELECT * FROM {ticks(path)}")
    if form == "dictionary":
        connection.execute("CREATE TYPE symbol AS ENUM (SELECT DISTINCT symbol FROM ticks)")
        connection.execute("ALTER TABLE ticks ALTER symbol TYPE symbol")
    return connection


def memory(connection) -> dict:
    """Bars from a table in memory."""
    return total(connection, bars("ticks"), BARS)


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read, "tumbling": tumbling,
    "disordered": tumbling, "hopping": hopping, "brc": brc, "memory": memory,
}  # fmt: skip
