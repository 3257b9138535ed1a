"""Lengths of windows: their units, and what is said of those that do not fit."""

import datetime

import numpy as np
import pytest

import rillet as rl
from compare import rows

LENGTHS = [
    ("90s", "timestamp[s]", 90),
    ("90s", "timestamp[ms]", 90_000),
    ("1m", "timestamp[us]", 60_000_000),
    ("1h", "timestamp[ns]", 3_600 * 10**9),
    ("1d", "timestamp[s]", 86_400),
    ("24h", "timestamp[s]", 86_400),
    ("250ms", "timestamp[ms]", 250),
    ("5us", "timestamp[us]", 5),
    ("7ns", "timestamp[ns]", 7),
    (datetime.timedelta(minutes=2), "timestamp[ms]", 120_000),
    (45, "timestamp[ms]", 45),
]


@pytest.mark.parametrize(("every", "dtype", "ticks"), LENGTHS)
def test_lengths(every, dtype, ticks):
    data = [{"t": t} for t in (-1, 0, ticks - 1, ticks)]
    text = "t\n" + "".join(f"{row['t']}\n" for row in data)
    stream_ = rl.read_csv(text.encode(), schema={"t": dtype}, time="t")
    out = stream_.window(rl.tumbling(every)).agg(n=rl.count())
    assert out.schema["window_start"] == out.schema["window_end"] == dtype
    assert rows(out) == [(-ticks, 0, 1), (0, ticks, 2), (ticks, 2 * ticks, 1)]


def test_lengths_of_numpy_are_lengths():
    assert rl.tumbling(np.int32(5)) == rl.tumbling(5)
    assert rl.hopping(np.timedelta64(90, "m"), np.timedelta64(1, "h")) == rl.hopping("90m", "1h")
    for other in (np.float64(1), np.bool_(True), np.timedelta64("NaT"), np.datetime64("2024-01-01"), np.array([1, 2])):
        with pytest.raises(rl.ArgumentTypeError, match="every must be a text such as"):
            rl.tumbling(other)


def test_weeks_begin_on_monday():
    data = b"t\n2024-01-01T00:00:00\n2024-01-07T23:59:59\n2024-01-08T00:00:00\n"
    out = rl.read_csv(data, time="t").window(rl.tumbling("1w")).agg(n=rl.count())
    got = [(str(start)[:10], n) for batch in out for start, n in zip(batch["window_start"], batch["n"], strict=True)]
    assert got == [("2024-01-01", 2), ("2024-01-08", 1)]


def test_lengths_as_text_also_measure_offset_and_lateness():
    data = b"t\n1970-01-01T00:00:10\n1970-01-01T00:01:20\n1970-01-01T00:00:50\n"
    grouped = rl.read_csv(data, time="t").window(rl.tumbling("1m", offset="15s"), lateness="30s")
    got = rows(grouped.agg(n=rl.count()))
    assert [(start // 10**6, n) for start, _, n in got] == [(-45, 1), (15, 1), (75, 1)]


@pytest.mark.parametrize(("every", "dtype"), [("1ms", "timestamp[s]"), ("1500ms", "timestamp[s]"), ("1s", "int64")])
def test_a_length_that_the_unit_does_not_hold_is_an_error(every, dtype):
    grouped = rl.read_csv(b"t\n1\n", schema={"t": dtype}, time="t").window(rl.tumbling(every))
    with pytest.raises(rl.ArgumentError, match=str(every)):
        iter(grouped.agg(n=rl.count()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: rl.tumbling(0),
        lambda: rl.tumbling(-5),
        lambda: rl.tumbling("0s"),
        lambda: rl.tumbling("5 parsecs"),
        lambda: rl.tumbling(""),
        lambda: rl.hopping(10, 0),
        lambda: rl.hopping(0, 10),
        lambda: rl.tumbling(datetime.timedelta(0)),
    ],
)
def test_bad_lengths_are_errors_at_the_call(make):
    with pytest.raises(rl.ArgumentError):
        make()


@pytest.mark.parametrize("make", [lambda: rl.tumbling(1.5), lambda: rl.tumbling(None), lambda: rl.tumbling(True)])
def test_lengths_of_the_wrong_type_are_errors_at_the_call(make):
    with pytest.raises(rl.ArgumentTypeError):
        make()


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: rl.tumbling(0), "every=0"),
        (lambda: rl.tumbling("-5m"), 'every="-5m"'),
        (lambda: rl.tumbling("5 parsecs"), "every: "),
        (lambda: rl.tumbling(1 << 70), "every does"),
        (lambda: rl.tumbling(1.5), "every must"),
        (lambda: rl.tumbling(5, offset=1.5), "offset must"),
        (lambda: rl.tumbling(5, offset="x"), "offset: "),
        (lambda: rl.hopping(0, 5), "size=0"),
        (lambda: rl.hopping(5, 0), "every=0"),
        (lambda: rl.hopping("x", 5), "size: "),
        (lambda: rl.hopping(5, "x"), "every: "),
        (lambda: rl.hopping(None, 5), "size must"),
        (lambda: rl.hopping(5, None), "every must"),
        (lambda: over(rl.tumbling("1h")), 'every="1h"'),
        (lambda: over(rl.tumbling(1 << 62)), f"every={1 << 62}"),
        (lambda: over(rl.hopping("1h", 5)), 'size="1h"'),
        (lambda: over(rl.hopping(5, "1h")), 'every="1h"'),
        (lambda: over(rl.hopping(1 << 62, 5)), f"size={1 << 62}"),
        (lambda: over(rl.tumbling(5, offset="1h")), 'offset="1h"'),
        (lambda: over(rl.tumbling(5), lateness="1h"), 'lateness="1h"'),
        (lambda: over(rl.tumbling(5), lateness=-1), "lateness"),
    ],
)
def test_errors_name_the_argument_as_the_caller_does(make, argument):
    with pytest.raises((rl.ArgumentError, rl.ArgumentTypeError)) as caught:
        make()
    assert str(caught.value).startswith(argument)


def over(spec, **options):
    return rl.read_csv(b"t\n1\n", time="t").window(spec, **options).agg(n=rl.count()).schema
