"""A loop of one's own: alerts on a feed that calls back, one event at a time.

    python examples/own_loop.py
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import rillet as rl

SCHEMA = {"time": "timestamp[ms]", "sensor": "string", "level": "float64"}


def messages(count: int) -> Iterator[tuple[datetime, str, float]]:
    """What a broker would hand out: two sensors, one of which jumps now and then."""
    start = datetime(2024, 1, 1)
    for n in range(count):
        jump = 3.0 if n % 997 == 996 else 0.0
        yield start + timedelta(milliseconds=40 * n), "ab"[n % 2], math.sin(n / 50) / 10 + n % 7 / 100 + jump


def main() -> None:
    """Warns of each level far from the last hundred of its sensor; sums every sensor up once a minute."""
    readings = rl.from_push(SCHEMA, time="time")
    near = readings.rolling(rows=100, by="sensor").agg(mean=rl.mean("level"), spread=rl.std("level")).operator()
    minutes = readings.window(rl.tumbling("1m"), by="sensor").agg(n=rl.count(), top=rl.max("level")).operator()
    for message in messages(5_000):
        for time, sensor, level, mean, spread in near.push_row(message):
            if spread and abs(level - mean) > 6 * spread:
                print(f"{time:%H:%M:%S}  {sensor}: {level:.2f}, where {mean:.2f} ± {spread:.2f} is usual")
        for start, _end, sensor, n, top in minutes.push_row(message):
            print(f"{start:%H:%M:%S}  {sensor}: {n} readings, up to {top:.2f}")
    print(f"{sum(len(batch) for batch in minutes.finish())} minutes are not over")


if __name__ == "__main__":
    main()
