"""The oracle itself, against tables worked out by hand or taken from other systems."""

import math
from fractions import Fraction

import pytest

from reference import Mark, group_by, keep, starts, stream, window
from reference_aggregates import Agg, Near
from reference_csv import convert, infer, read_csv, split

COUNT = {"n": Agg("count")}


def spans(result):
    """(start, end, count) of the rows of a window."""
    return [(row["window_start"], row["window_end"], row["n"]) for row in result.rows]


@pytest.mark.parametrize(
    ("time", "size", "step", "offset", "want"),
    [
        (0, 10, 10, 0, [0]),
        (9, 10, 10, 0, [0]),
        (10, 10, 10, 0, [10]),
        (-1, 10, 10, 0, [-10]),
        (-10, 10, 10, 0, [-10]),
        (5, 10, 5, 0, [0, 5]),
        (-1, 10, 5, 0, [-10, -5]),
        (7, 10, 4, 0, [0, 4]),
        (8, 10, 4, 0, [0, 4, 8]),
        (4, 3, 5, 0, []),
        (7, 3, 5, 0, [5]),
        (-1, 3, 5, 0, []),
        (-3, 3, 5, 0, [-5]),
        (3, 10, 10, 4, [-6]),
        (4, 10, 10, 4, [4]),
        (0, 10, 10, 24, [-6]),
    ],
)
def test_starts(time, size, step, offset, want):
    assert starts(time, size, step, offset) == want


def test_starts_are_those_windows_that_hold_the_time():
    for time in range(-12, 13):
        for size in range(1, 8):
            for step in range(1, 8):
                for offset in range(-3, 4):
                    edges = [offset + k * step for k in range(-40, 41)]
                    want = [s for s in edges if s <= time < s + size]
                    assert starts(time, size, step, offset) == want


def test_lateness_is_judged_per_window_as_in_flink():
    """WindowOperatorTest.testDropDueToLatenessSliding: size 3 s, slide 1 s, in ms."""
    items = [{"t": 1000}, Mark(1999), {"t": 2000}, {"t": 2400}, Mark(3000), {"t": 2400}]
    result = window(items, COUNT, size=3000, step=1000)
    assert spans(result) == [
        (-1000, 2000, 1),
        (0, 3000, 3),
        (1000, 4000, 4),
        (2000, 5000, 3),
    ]
    assert result.late == [{"t": 2400, "_reason": "partly late", "_missed": 1}]


def test_a_row_is_accepted_before_it_moves_the_watermark():
    result = window(stream([{"t": 0}, {"t": 30}, {"t": 19}, {"t": 30}, {"t": 29}]), COUNT, size=10)
    assert spans(result) == [(0, 10, 1), (30, 40, 2)]
    assert [row["t"] for row in result.late] == [19, 29]


def test_lateness_holds_windows_open():
    result = window(stream([{"t": 0}, {"t": 14}, {"t": 9}, {"t": 15}, {"t": 9}]), COUNT, size=10, lateness=5)
    assert spans(result) == [(0, 10, 2), (10, 20, 2)]
    assert result.late == [{"t": 9, "_reason": "late", "_missed": 1}]


def test_a_row_between_windows_is_windowless_and_never_late():
    result = window(stream([{"t": 100}, {"t": 8}, {"t": 104}]), COUNT, size=3, step=10)
    assert spans(result) == [(100, 103, 1)]
    assert (result.windowless, result.late) == (2, [])


def test_a_key_keeps_its_place_while_a_window_holds_it():
    keys = [(1, "b"), (2, "a"), (11, "a"), (12, "b"), (21, "b"), (22, "a"), (41, "a"), (42, "b")]
    result = window(stream([{"t": t, "k": k} for t, k in keys]), COUNT, size=10, by=["k"])
    places = [(row["window_start"], row["k"]) for row in result.rows]
    # At 11, `a` comes while [0, 10) still holds it: it keeps its place, and b loses its own
    # when [0, 10) closes. At 21 it is the other way round. At 41 both have been let go.
    assert places == [
        (0, "b"),
        (0, "a"),
        (10, "a"),
        (10, "b"),
        (20, "b"),
        (20, "a"),
        (40, "a"),
        (40, "b"),
    ]


def test_a_key_seen_again_after_its_last_window_goes_to_the_end():
    keys = [(1, "b"), (2, "a"), (35, "c"), (36, "a"), (37, "b")]
    result = window(stream([{"t": t, "k": k} for t, k in keys]), COUNT, size=10, by=["k"])
    places = [(row["window_start"], row["k"]) for row in result.rows]
    assert places == [(0, "b"), (0, "a"), (30, "c"), (30, "a"), (30, "b")]


def test_hopping_windows_come_by_end_then_start_then_key():
    rows = [{"t": -1, "k": "x"}, {"t": 3, "k": "y"}]
    result = window(stream(rows), COUNT, size=10, step=5, by=["k"])
    got = [(row["window_start"], row["k"]) for row in result.rows]
    assert got == [(-10, "x"), (-5, "x"), (-5, "y"), (0, "y")]


def test_keys_that_are_one():
    rows = [{"t": 0, "k": k} for k in (0.0, -0.0, math.nan, -math.nan, None, None)]
    result = window(stream(rows), COUNT, size=10, by=["k"])
    assert [row["n"] for row in result.rows] == [2, 2, 2]
    assert math.copysign(1, result.rows[0]["k"]) == 1


def test_a_filter_drops_rows_but_no_marks():
    rows = [{"t": 0, "x": 1}, {"t": 50, "x": 0}, {"t": 5, "x": 1}]
    result = window(keep(stream(rows), lambda row: row["x"] == 1), COUNT, size=10)
    assert spans(result) == [(0, 10, 1)]
    assert [row["t"] for row in result.late] == [5]


def test_windows_of_windows():
    rows = [{"t": t, "x": t} for t in (0, 9, 11, 25, 19, 47, 31, 60)]
    first = window(stream(rows), {"s": Agg("sum", "x")}, size=10, lateness=20)
    second = window(first.items, {"s": Agg("sum", "s")}, size=30, time=lambda row: row["window_end"] - 1)
    assert [(row["window_start"], row["s"]) for row in second.rows] == [(0, 64), (30, 78), (60, 60)]
    assert second.late == []


def test_group_by_is_in_order_of_first_appearance():
    rows = [{"k": k, "x": x} for k, x in (("b", 1), ("a", 2), ("b", 3))]
    assert group_by(rows, ["k"], {"s": Agg("sum", "x")}) == [{"k": "b", "s": 4}, {"k": "a", "s": 2}]


def fold(kind, values, **options):
    """One aggregate over one group of values, in event-time order."""
    return group_by([{"x": x} for x in values], [], {"y": Agg(kind, "x", **options)})[0]["y"]


def test_aggregates_of_small_groups():
    assert fold("sum", [1, None, 3]) == 4
    assert fold("mean", [2**62, 2**62 + 2]) == float(2**62 + 1)
    assert fold("var", [2**53 + 1, 2**53 + 2, 2**53 + 3]) == 1.0
    assert fold("std", [1.0, 3.0]) == pytest.approx(math.sqrt(2))
    assert fold("var", [1.0]) is None
    assert fold("var", [1.0], ddof=0) == 0.0
    assert fold("sum", [None]) is None
    assert fold("count", [None]) == 0
    assert fold("sum", [1e308, 1e308]) == math.inf
    assert fold("mean", [1e308, 1e308]) == 1e308
    assert math.isnan(fold("sum", [math.inf, -math.inf]))
    assert fold("sum", [math.inf, 1.0]) == math.inf
    assert math.isnan(fold("var", [math.inf, 1.0]))
    with pytest.raises(OverflowError):
        fold("sum", [2**63 - 1, 1])


def test_selections_of_small_groups():
    assert math.copysign(1, fold("min", [0.0, -0.0])) == -1
    assert math.copysign(1, fold("max", [-0.0, 0.0])) == 1
    assert math.isnan(fold("min", [1.0, math.nan]))
    assert math.isnan(fold("max", [math.nan, None, 1.0]))
    assert fold("min", ["b", "B", "é"]) == "B"
    assert fold("first", [None, 1]) == 1
    assert fold("first", [None, 1], skip_nulls=False) is None


def test_first_and_last_follow_event_time_and_then_arrival():
    rows = [{"t": 5, "x": "a"}, {"t": 3, "x": "b"}, {"t": 3, "x": "c"}, {"t": 5, "x": "d"}]
    aggs = {"first": Agg("first", "x"), "last": Agg("last", "x")}
    assert group_by(rows, [], aggs, time="t") == [{"first": "b", "last": "d"}]
    assert group_by(rows, [], aggs) == [{"first": "a", "last": "d"}]


def test_sums_say_how_far_another_answer_may_be():
    near = fold("sum", [1.0, -1.0])
    assert isinstance(near, Near)
    assert near.slack >= 8 * Fraction(1, 2**53)


@pytest.mark.parametrize(
    ("text", "fields", "bad"),
    [
        (b"a,b\n", [b"a", b"b"], False),
        (b"a,b", [b"a", b"b"], False),
        (b"a,b\r\n", [b"a", b"b"], False),
        (b"a,", [b"a", b""], False),
        (b",", [b"", b""], False),
        (b"a\rb,c\n", [b"a\rb", b"c"], False),
        (b'"a,\n""b""",c\n', [b'a,\n"b"', b"c"], False),
        (b'a"b"",c\n', [b'a"b""', b"c"], False),
        (b'"",x\n', [b"", b"x"], False),
        (b'"a"b,c\n', [b"ab", b"c"], True),
        (b'"a,b\n', [], True),
    ],
)
def test_split(text, fields, bad):
    (record,), _ = split(text)
    assert [cell.text for cell in record.fields] == fields
    assert (record.reason is not None) == bad


def test_positions_and_skipped_lines():
    data = b'\xef\xbb\xbfjunk\n#c\nx,y\r\n\r\n"1\n2",3\n#d\n4,5'
    records, skipped = split(data, comment="#", skip_rows=1)
    assert [(record.line, record.byte) for record in records] == [(3, 11), (5, 18), (8, 29)]
    assert [record.raw for record in records] == [b"x,y", b'"1\n2",3', b"4,5"]
    assert skipped == 3


@pytest.mark.parametrize(
    ("texts", "dtype"),
    [
        ([], "string"),
        (["true", "FALSE"], "bool"),
        (["1", "+2", "-3"], "int64"),
        (["007"], "int64"),
        (["9223372036854775808"], "float64"),
        (["1", "2.5", "nan", "-inf"], "float64"),
        (["1", "true"], "string"),
        (["2020-01-02"], "date"),
        (["2020-01-02", "2020-01-02 03:04"], "timestamp[us]"),
        (["2020-01-02T03:04:05.1234567"], "timestamp[ns]"),
        (["2020-01-02T03:04:05Z", "2020-01-02 03:04:05+05:30"], "timestamp[us, UTC]"),
        (["2020-01-02T03:04:05Z", "2020-01-02T03:04:05"], "string"),
        (["2020-01-02", "5"], "string"),
        (["2020-02-30"], "string"),
        ([" 1"], "string"),
        (["1_0"], "string"),
    ],
)
def test_infer(texts, dtype):
    assert infer(texts) == dtype


@pytest.mark.parametrize(
    ("text", "dtype", "want"),
    [
        ("1970-01-01T00:00:01", "timestamp[ms]", 1000),
        ("1969-12-31 23:59:59.5", "timestamp[ms]", -500),
        ("1970-01-01T01:00+01:00", "timestamp[s, UTC]", 0),
        ("1970-01-01T00:00:00.100000", "timestamp[ms]", 100),
        ("1970-01-01T00:00:00.1001", "timestamp[ms]", ValueError),
        ("1700000000.25", "timestamp[ms]", 1700000000250),
        ("-7", "timestamp[ms]", -7),
        ("0.0001", "timestamp[ms]", ValueError),
        ("2300-01-01", "timestamp[ns]", ValueError),
        ("1970-01-01T00:00:00Z", "timestamp[ms]", ValueError),
        ("1970-01-01T24:00", "timestamp[ms]", ValueError),
        ("-129", "int8", ValueError),
        ("255", "uint8", 255),
        ("1970-01-03", "date", 2),
    ],
)
def test_convert(text, dtype, want):
    if want is ValueError:
        with pytest.raises(ValueError):
            convert(text, dtype)
    else:
        assert convert(text, dtype) == want


def test_a_bad_row_is_located():
    table = read_csv(b'a,b\n1,2\n"x\ny",3\n4\n,6\n', schema={"a": "int64"}, time="a")
    assert table.rows == [{"a": 1, "b": 2}]
    places = [(bad.line, bad.byte, bad.row, bad.column) for bad in table.rejects]
    assert places == [(3, 8, 1, "a"), (5, 16, 2, None), (6, 18, 3, "a")]
    assert table.before_error() == table.rows
