"""Aggregates: what each gives for which values and types."""

import math

import pytest

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import group_by
from reference_aggregates import Agg

NAN, INF = math.nan, math.inf


def fold(aggregate, values, dtype):
    """One aggregate over one window of the values x, given in event-time order."""
    data = [{"t": t, "x": x} for t, x in enumerate(values)]
    stream = rl.from_rows(data, time="t", schema={"t": "int64", "x": dtype})
    ((_, _, answer),) = rows(stream.window(rl.tumbling(1000)).agg(y=aggregate))
    (grouped,) = rows(stream.group_by().agg(y=aggregate))
    assert exact([grouped]) == exact([(answer,)])
    return answer


VALUES = {
    "int64": [
        [3, 1, None, 2],
        [5],
        [None, None],
        [-(2**63), 2**63 - 1, 0],
        [2**53 + 1, 2**53 + 2, 2**53 + 3],
        [-3, None, -1, -2],
    ],
    "int8": [[127, 127, -128], [None, 1], [-128, -1]],
    "uint64": [[7, 2**62, None, 5]],
    "float64": [
        [1.5, -2.25, None, 4.0],
        [-1.5, -2.25, None],
        [0.0, -0.0],
        [-0.0, 0.0],
        [NAN, 1.0, None],
        [1.0, NAN],
        [INF, 1.0],
        [INF, -INF],
        [-INF, -1.0],
        [None],
        [1e308, 1e308],
        [0.1] * 10,
        [5e-324, -5e-324, 5e-324],
    ],
    "string": [["b", "a", "", None], ["é", "z", "Z", "😀", "\uffee"], [None]],
    "bool": [[True, False, None], [False], [None]],
}

KINDS = {
    "string": ["count", "min", "max", "first", "last"],
    "bool": ["count", "sum", "min", "max", "first", "last"],
}
NUMBERS = ["count", "sum", "mean", "min", "max", "first", "last", "var", "std"]

CASES = [
    (dtype, kind, values)
    for dtype, samples in VALUES.items()
    for kind in KINDS.get(dtype, NUMBERS)
    for values in samples
]


@pytest.mark.parametrize(("dtype", "kind", "values"), CASES)
def test_every_aggregate_of_every_type(dtype, kind, values):
    got = fold(getattr(rl, kind)("x"), values, dtype)
    (want,) = group_by([{"x": x} for x in values], [], {"y": Agg(kind, "x")})
    assert_rows([{"y": got}], [want])


@pytest.mark.parametrize("ddof", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["var", "std"])
def test_ddof(kind, ddof):
    values = [1.0, 2.0, None, 4.0]
    got = fold(getattr(rl, kind)("x", ddof=ddof), values, "float64")
    (want,) = group_by([{"x": x} for x in values], [], {"y": Agg(kind, "x", ddof=ddof)})
    assert_rows([{"y": got}], [want])


@pytest.mark.parametrize("kind", ["first", "last"])
def test_first_and_last_can_keep_nulls(kind):
    make = getattr(rl, kind)
    values = [None, 1, 2, None]
    assert fold(make("x", skip_nulls=False), values, "int64") is None
    with pytest.raises(rl.ArgumentTypeError, match="skip_nulls must be True or False"):
        make("x", skip_nulls=1)
    assert fold(make("x"), values, "int64") == {"first": 1, "last": 2}[kind]


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_first_and_last_follow_event_time_and_then_arrival(batch_rows):
    data = [{"t": t, "x": x} for t, x in ((5, "a"), (3, "b"), (3, "c"), (5, "d"), (4, "e"))]
    schema = {"t": "int64", "x": "string"}
    stream = rl.from_rows(data, time="t", schema=schema, batch_rows=batch_rows)
    both = {"first": rl.first("x"), "last": rl.last("x")}
    assert rows(stream.window(rl.tumbling(10)).agg(**both)) == [(0, 10, "b", "d")]
    assert rows(stream.window(rl.hopping(10, 5), lateness=9).agg(**both)) == [
        (-5, 5, "b", "e"),
        (0, 10, "b", "d"),
        (5, 15, "a", "d"),
    ]
    assert rows(stream.group_by().agg(**both)) == [("b", "d")]
    untimed = rl.from_rows(data, schema=schema, batch_rows=batch_rows)
    assert rows(untimed.group_by().agg(**both)) == [("a", "e")]


@pytest.mark.parametrize("kind", ["sum", "mean", "min", "max", "first", "last", "var", "std", "count"])
def test_where_counts_null_as_false(kind):
    data = [{"t": t, "x": x, "w": w} for t, (x, w) in enumerate([(1, 5), (2, None), (3, 7), (4, 0), (8, 9)])]
    stream = rl.from_rows(data, time="t", schema={"t": "int64", "x": "int64", "w": "int64"})
    got = dicts(stream.window(rl.tumbling(100)).agg(y=getattr(rl, kind)("x", where=rl.col("w") > 1)))
    want = Agg(kind, "x", where=lambda row: row["w"] is not None and row["w"] > 1)
    (want,) = group_by(data, [], {"y": want})
    assert_rows([{"y": got[0]["y"]}], [want])


def test_a_row_comes_out_though_nothing_was_counted():
    data = [{"t": 1, "x": 1}]
    stream = rl.from_rows(data, time="t", schema={"t": "int64", "x": "int64"})
    none = rl.col("x") > 5
    out = stream.window(rl.tumbling(10)).agg(n=rl.count(where=none), s=rl.sum("x", where=none))
    assert rows(out) == [(0, 10, 0, None)]


def test_count_counts_rows_and_count_of_a_column_its_values():
    data = [{"t": t, "x": x} for t, x in enumerate([1, None, 3])]
    stream = rl.from_rows(data, time="t", schema={"t": "int64", "x": "int64"})
    assert rows(stream.window(rl.tumbling(10)).agg(all=rl.count(), some=rl.count("x"))) == [(0, 10, 3, 2)]


@pytest.mark.parametrize(
    ("pairs", "want"),
    [
        ([(10.0, 1.0), (20.0, 3.0)], 17.5),
        ([(10.0, 1.0), (None, 5.0), (20.0, None), (30.0, 1.0)], 20.0),
        ([(10.0, 0.0), (20.0, 0.0)], None),
        ([(10.0, 1.0), (20.0, -1.0)], None),
        ([(None, 1.0)], None),
        ([(1.0, 2.0), (5.0, 0.0)], 1.0),
    ],
)
def test_weighted_mean(pairs, want):
    data = [{"t": t, "x": x, "w": w} for t, (x, w) in enumerate(pairs)]
    stream = rl.from_rows(data, time="t", schema={"t": "int64", "x": "float64", "w": "float64"})
    ((_, _, got),) = rows(stream.window(rl.tumbling(100)).agg(y=rl.mean("x", weight="w")))
    assert got == want


@pytest.mark.parametrize(
    ("kind", "dtype", "result"),
    [
        ("count", "string", "int64"),
        ("sum", "int8", "int64"),
        ("sum", "uint8", "uint64"),
        ("sum", "bool", "int64"),
        ("sum", "float32", "float64"),
        ("sum", "float64", "float64"),
        ("sum", "decimal[10,2]", "decimal[38,2]"),
        ("mean", "int64", "float64"),
        ("mean", "float32", "float64"),
        ("mean", "decimal[10,2]", "float64"),
        ("var", "int64", "float64"),
        ("std", "float32", "float64"),
        ("min", "int8", "int8"),
        ("max", "float32", "float32"),
        ("max", "date", "date"),
        ("min", "timestamp[us, UTC]", "timestamp[us, UTC]"),
        ("first", "string", "string"),
        ("last", "binary", "binary"),
        ("last", "list<int64>", "list<int64>"),
    ],
)
def test_types_of_results(kind, dtype, result):
    stream = rl.from_rows([], time="t", schema={"t": "int64", "x": dtype})
    assert stream.window(rl.tumbling(10)).agg(y=getattr(rl, kind)("x")).schema["y"] == result
    assert stream.group_by("t").agg(y=getattr(rl, kind)("x")).schema["y"] == result


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("sum", "string"),
        ("mean", "string"),
        ("var", "string"),
        ("sum", "timestamp[us]"),
        ("mean", "date"),
        ("min", "list<int64>"),
    ],
)
def test_types_that_an_aggregate_does_not_know(kind, dtype):
    stream = rl.from_rows([], time="t", schema={"t": "int64", "x": dtype})
    with pytest.raises(rl.SchemaError, match="x") as caught:
        iter(stream.window(rl.tumbling(10)).agg(y=getattr(rl, kind)("x")))
    assert (caught.value.column, caught.value.dtype) == ("x", dtype)


def test_aggregates_take_expressions():
    data = [{"t": t, "x": t, "y": 2.0} for t in range(4)]
    stream = rl.from_rows(data, time="t", schema={"t": "int64", "x": "int64", "y": "float64"})
    out = stream.window(rl.tumbling(10)).agg(
        s=rl.sum(rl.col("x") * rl.col("y")),
        n=rl.count(where=(rl.col("x") > 0) & (rl.col("x") < 3)),
        m=rl.mean("x", weight=rl.col("x") + 1),
    )
    assert rows(out) == [(0, 10, 12.0, 2, 2.0)]


def test_a_long_sum_of_floats_is_near_and_one_tree():
    values = [math.sin(n) * 10.0 ** (n % 17) for n in range(100_000)]
    data = [{"t": 0, "x": x} for x in values]
    answers = {
        rows(
            rl.from_rows(data, time="t", schema={"t": "int64", "x": "float64"}, batch_rows=batch_rows)
            .window(rl.tumbling(10))
            .agg(s=rl.sum("x"))
        )[0][2]
        for batch_rows in (7_001, 65_536, 100_000)
    }
    (answer,) = answers
    assert abs(answer - math.fsum(values)) <= 4 * 2**-53 * math.fsum(map(abs, values))


def test_aggregates_are_values():
    assert rl.sum("x") == rl.sum("x")
    assert rl.sum("x") != rl.sum("y")
    assert rl.var("x", ddof=0) != rl.var("x")
    assert "sum" in repr(rl.sum("x")) and "x" in repr(rl.sum("x"))


def test_bad_arguments_of_aggregates_are_errors_at_the_call():
    with pytest.raises(rl.ArgumentTypeError):
        rl.sum(3)
    with pytest.raises(rl.ArgumentError):
        rl.var("x", ddof=-1)
    with pytest.raises(rl.ArgumentTypeError):
        rl.from_rows([]).group_by("k").agg(y="sum")
    with pytest.raises(rl.ArgumentError):
        rl.from_rows([], time="t").window(rl.tumbling(10)).agg()
