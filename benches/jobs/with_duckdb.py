"""The jobs in DuckDB, in SQL, with the dialect given so that nothing is sniffed."""

from __future__ import annotations

from functools import partial

import duckdb
import pyarrow.compute as pc

from jobs.answers import BARS, HOPS, PARTS, STATIONS, VISITS, ReadAnswer, sums

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
minutes AS (SELECT unnest(range((SELECT min(minute) FROM panes), (SELECT max(minute) FROM panes) + {size})) AS minute),
symbols AS (SELECT DISTINCT symbol FROM panes),
grid AS (SELECT symbol, minute, n, s, q, max FROM symbols CROSS JOIN minutes LEFT JOIN panes USING (symbol, minute)),
rolled AS (
    SELECT sum(n) OVER hour AS n, sum(s) OVER hour AS s, sum(q) OVER hour AS q, max(max) OVER hour AS max FROM grid
    WINDOW hour AS (PARTITION BY symbol ORDER BY minute ROWS {size} - 1 PRECEDING))
SELECT s / n + 100 AS mean, max, n AS count,
    CASE WHEN n > 1 THEN sqrt(greatest(q - s * s / n, 0) / (n - 1)) END AS std FROM rolled WHERE n > 0
"""


def hopping(path: str) -> dict:
    """Mean, std, max and count over 1 h every 1 min by symbol: panes on a dense grid, then row windows over it."""
    return total(connect(), HOPPING.format(minute=MINUTE, source=ticks(path), size=60), HOPS)


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


def hold(table) -> duckdb.DuckDBPyConnection:
    """A table of the database."""
    connection = connect()
    connection.execute("SET preserve_insertion_order = true")
    connection.register("held", table)
    connection.execute("CREATE TABLE ticks AS SELECT * FROM held")
    if "symbol" in table.column_names:
        connection.execute("CREATE TYPE symbol AS ENUM (SELECT DISTINCT symbol FROM ticks)")
        connection.execute("ALTER TABLE ticks ALTER symbol TYPE symbol")
    connection.execute("SET preserve_insertion_order = false")
    return connection


def parts(window: str, value: str, connection) -> dict:
    """Sum, min, max and count of each window."""
    query = f"""SELECT sum({value}) AS sum, min({value}) AS min, max({value}) AS max, count(*) AS count
        FROM ticks GROUP BY {window}"""
    return total(connection, query, PARTS)


VISIT = "count(*) AS count, sum(value)::BIGINT AS sum, max(value) AS max"

SESSIONS = f"""
WITH ordered AS (SELECT key, ts, value FROM ticks ORDER BY key, ts),
marked AS (
    SELECT value, lag(key) OVER () IS DISTINCT FROM key OR ts - lag(ts) OVER () >= INTERVAL 30 SECONDS AS begins
    FROM ordered),
numbered AS (SELECT value, count(*) FILTER (begins) OVER (ROWS UNBOUNDED PRECEDING) AS session FROM marked)
SELECT {VISIT} FROM numbered GROUP BY session
"""


def session(connection) -> dict:
    """Count, sum and max of sessions: windows without PARTITION BY stream over the rows as they are ordered."""
    connection.execute("SET preserve_insertion_order = true")
    return total(connection, SESSIONS, VISITS)


def keys(connection) -> dict:
    """Count, sum and max of each key: all rows are in one window."""
    return total(connection, f"SELECT {VISIT} FROM ticks GROUP BY key", VISITS)


def hopping_memory(size: int, connection) -> dict:
    """The windows of so many minutes from a table."""
    return total(connection, HOPPING.format(minute=MINUTE, source="ticks", size=size), HOPS)


JOBS = {
    "read": read, "read_one_thread": read, "read_nulls": read, "tumbling": tumbling,
    "disordered": tumbling, "hopping": hopping, "brc": brc, "memory": memory,
    "second": partial(parts, "epoch_us(ts) // 1000000", "price"), "minute": partial(parts, MINUTE, "price"),
    "session": session, "keys": keys,
    "hopping_hour": partial(hopping_memory, 60), "hopping_10h": partial(hopping_memory, 600),
}  # fmt: skip
