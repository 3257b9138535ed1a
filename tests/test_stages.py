"""Stages: expressions, select, filter, with_columns, map_batches, rebatch, limit, group_by, chains."""

import copy
import datetime
import io
import math
import pickle

import numpy as np
import pyarrow as pa
import pytest

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference import group_by, keep, stream, window
from reference_aggregates import Agg

DATA = [
    {"t": 1, "i": 7, "f": 0.5, "s": "x", "b": True},
    {"t": 2, "i": -7, "f": -0.0, "s": "", "b": False},
    {"t": 3, "i": None, "f": None, "s": None, "b": None},
    {"t": 4, "i": 0, "f": math.nan, "s": "é", "b": True},
]
SCHEMA = {"t": "int64", "i": "int64", "f": "float64", "s": "string", "b": "bool"}


def table(**options):
    return rl.from_rows(DATA, time="t", schema=SCHEMA, **options)


N, F, S, B = map(rl.col, "ifsb")

EXPRESSIONS = {
    "add": (N + 1, "int64", [8, -6, None, 1]),
    "radd": (1 + N, "int64", [8, -6, None, 1]),
    "subtract": (10 - N, "int64", [3, 17, None, 10]),
    "multiply": (N * 2.0, "float64", [14.0, -14.0, None, 0.0]),
    "divide": (N / 2, "float64", [3.5, -3.5, None, 0.0]),
    "floor divide": (N // 2, "int64", [3, -4, None, 0]),
    "floor divide by a negative": (N // -2, "int64", [-4, 3, None, 0]),
    "modulo": (N % 3, "int64", [1, 2, None, 0]),
    "modulo of a negative": (N % -3, "int64", [-2, -1, None, 0]),
    "negate": (-N, "int64", [-7, 7, None, 0]),
    "negate a float": (-F, "float64", [-0.5, 0.0, None, math.nan]),
    "equal": (N == 7, "bool", [True, False, None, False]),
    "not equal": (N != 7, "bool", [False, True, None, True]),
    "less": (F < 0.5, "bool", [False, True, None, False]),
    "greater or equal": (F >= 0, "bool", [True, True, None, False]),
    "text": (S == "x", "bool", [True, False, None, False]),
    "text order": (S > "a", "bool", [True, False, None, True]),
    "and": (B & (N > 0), "bool", [True, False, None, False]),
    "or": (B | (N < 0), "bool", [True, True, None, True]),
    "kleene and": (rl.lit(False) & B, "bool", [False] * 4),
    "kleene or": (rl.lit(True) | B, "bool", [True] * 4),
    "not": (~B, "bool", [False, True, None, False]),
    "is null": (F.is_null(), "bool", [False, False, True, False]),
    "is not null": (N.is_not_null(), "bool", [True, True, False, True]),
    "fill null": (N.fill_null(5), "int64", [7, -7, 5, 0]),
    "cast": (N.cast("float64"), "float64", [7.0, -7.0, None, 0.0]),
    "cast to text": (N.cast("string"), "string", ["7", "-7", None, "0"]),
    "literal": (rl.lit("z"), "string", ["z"] * 4),
    "nested": ((N + 1) * (N - 1), "int64", [48, 48, None, -1]),
}


@pytest.mark.parametrize(("expression", "dtype", "want"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_expressions(expression, dtype, want):
    for batch_rows in (1, 100):
        out = table(batch_rows=batch_rows).select(y=expression)
        assert out.schema["y"] == dtype
        assert exact(rows(out)) == exact([(value,) for value in want])


@pytest.mark.parametrize(
    ("expression", "row"),
    [(N // 0, 0), (N % 0, 0), (7 // N, 3), (N * 2**62, 0), (N.cast("uint8"), 1)],
)
def test_expressions_that_fail_are_located(expression, row):
    with pytest.raises(rl.DataError) as caught:
        rows(table().select(y=expression))
    assert caught.value.row == row


def test_overflow_in_an_expression_is_an_overflow_error():
    with pytest.raises(OverflowError):
        rows(table().select(y=N * 2**62))


def test_unknown_columns_and_types_are_errors_before_reading():
    with pytest.raises(rl.ColumnNotFoundError, match="nope") as caught:
        iter(table().select("nope"))
    assert caught.value.column == "nope" and "i" in caught.value.known
    with pytest.raises(rl.SchemaError):
        iter(table().select(y=S + 1))
    with pytest.raises(rl.SchemaError):
        iter(table().filter(N + 1))


def test_an_expression_has_no_truth():
    with pytest.raises(TypeError, match="&"):
        if (N > 0) and (N < 5):
            pass


def test_select():
    out = table().select("s", N.alias("j"), twice=N * 2)
    assert list(out.schema.items()) == [("s", "string"), ("j", "int64"), ("twice", "int64")]
    assert rows(out)[0] == ("x", 7, 14)
    with pytest.raises(rl.ArgumentError):
        table().select(N + 1, y=N).schema  # noqa: B018 - a name is missing
    with pytest.raises(rl.ArgumentError):
        table().select("i", i=F)


def test_with_columns():
    out = table().with_columns(N.alias("j"), i=N + 1)
    assert list(out.schema) == ["t", "i", "f", "s", "b", "j"]
    assert [(row["i"], row["j"]) for row in dicts(out)] == [(8, 7), (-6, -7), (None, None), (1, 0)]


def test_filter_drops_null_and_counts():
    it = iter(table(batch_rows=1).filter(N >= 0))
    assert [row["i"] for row in dicts(it)] == [7, 0]
    assert list(it.stats)[-1]["filtered"] == 2
    assert all(len(batch) for batch in table(batch_rows=1).filter(N > 100)) and rows(table().filter(N > 100)) == []


def test_a_filter_moves_the_watermark_on():
    data = [{"t": t, "x": x} for t, x in ((0, 1), (50, 0), (5, 1), (60, 1))]
    source = rl.from_rows(data, time="t", schema={"t": "int64", "x": "int64"})
    filtered = source.filter(rl.col("x") == 1).window(rl.tumbling(10), late="keep")
    it = iter(filtered.agg(n=rl.count()))
    want = window(keep(stream(data), lambda row: row["x"] == 1), {"n": Agg("count")}, size=10)
    assert_rows(dicts(it), want.rows)
    assert [row["t"] for row in dicts(it.late)] == [5]


def test_map_batches():
    def double(batch):
        return {"i": batch.fill("i", 0) * 2}

    assert rows(table().map_batches(double)) == [(14,), (-14,), (0,), (0,)]
    assert exact(rows(table(batch_rows=1).map_batches(lambda batch: batch))) == exact(DATA)
    assert rows(table().map_batches(lambda batch: batch[:1])) == [(1, 7, 0.5, "x", True)]


def test_map_batches_with_a_schema_knows_its_types_without_a_call():
    calls = []

    def function(batch):
        calls.append(len(batch))
        return {"y": np.zeros(len(batch))}

    out = table().map_batches(function, schema={"y": "float64"})
    assert dict(out.schema) == {"y": "float64"} and calls == []
    assert rows(out) == [(0.0,)] * 4


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_rebatch_cuts_exactly(size, batch_rows):
    batches = list(table(batch_rows=batch_rows).rebatch(size))
    lengths = [len(batch) for batch in batches]
    assert lengths == [min(size, 4 - at) for at in range(0, 4, size)]
    assert exact(rows(batches)) == exact(DATA)


@pytest.mark.parametrize("batch_rows", [1, 3, 100])
@pytest.mark.parametrize("limit", [0, 1, 3, 4, 9])
def test_limit(limit, batch_rows):
    it = iter(table(batch_rows=batch_rows).limit(limit))
    assert exact(rows(it)) == exact(DATA[:limit])


def test_limit_reads_no_further():
    def source():
        yield from ({"x": np.array([n])} for n in range(3))
        raise AssertionError("read too far")

    assert rows(rl.from_batches(source, schema={"x": "int64"}).limit(3)) == [(0,), (1,), (2,)]


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_group_by(batch_rows):
    data = [
        {"k": k, "f": f, "x": n} for n, (k, f) in enumerate([("b", 0.0), ("a", math.nan), ("b", -0.0), (None, None)])
    ]
    schema = {"k": "string", "f": "float64", "x": "int64"}
    source = rl.from_rows(data, schema=schema, batch_rows=batch_rows)
    aggs = {"n": rl.count(), "s": rl.sum("x")}
    want = {"n": Agg("count"), "s": Agg("sum", "x")}
    for keys in (["k"], ["f"], ["k", "f"], []):
        assert_rows(dicts(source.group_by(*keys).agg(**aggs)), group_by(data, keys, want))


def test_group_by_an_expression():
    out = table().group_by((N > 0).alias("positive")).agg(n=rl.count())
    assert rows(out) == [(True, 1), (False, 2), (None, 1)]


def test_group_by_without_rows():
    assert rows(rl.from_rows([], schema=SCHEMA).group_by("s").agg(n=rl.count())) == []


def test_a_sum_that_overflows_says_of_which_rows():
    big = rl.read_csv(b"k,x\n" + b"a,9223372036854775807\n" * 2)
    for keys, what in (((), "total of all rows: "), (("k",), 'total of the group ("a"): ')):
        with pytest.raises(rl.ResultOverflowError) as caught:
            rows(big.group_by(*keys).agg(total=rl.sum("x")))
        assert str(caught.value).startswith(what)


def test_group_by_has_a_limit():
    source = rl.from_rows(({"k": n} for n in range(100_000)), schema={"k": "int64"})
    with pytest.raises(rl.StateLimitError):
        rows(source.group_by("k", max_state_bytes=50_000).agg(n=rl.count()))


@pytest.mark.parametrize("batch_rows", [1, 4, 1000])
def test_windows_of_windows(batch_rows):
    data = [{"t": (n * 7919) % 50 + n, "k": "ab"[n % 2], "x": n} for n in range(300)]
    schema = {"t": "int64", "k": "string", "x": "int64"}
    source = rl.from_rows(data, time="t", schema=schema, batch_rows=batch_rows)
    bars = source.window(rl.tumbling(10), by="k", lateness=60).agg(s=rl.sum("x"), n=rl.count())
    wide = bars.window(rl.tumbling(30), by="k").agg(s=rl.sum("s"), n=rl.sum("n"))
    direct = source.window(rl.tumbling(30), by="k", lateness=60).agg(s=rl.sum("x"), n=rl.count())
    assert sorted(rows(wide)) == sorted(rows(direct))
    first = window(stream(data), {"s": Agg("sum", "x")}, size=10, by=["k"], lateness=60)
    second = window(first.items, {"s": Agg("sum", "s")}, size=30, by=["k"], time=lambda row: row["window_end"] - 1)
    assert_rows([{name: row[name] for name in row if name != "n"} for row in dicts(wide)], second.rows)


def test_stages_after_windows():
    bars = (
        table()
        .window(rl.tumbling(2))
        .agg(n=rl.count())
        .filter(rl.col("n") > 1)
        .select("window_end", m=rl.col("n") * 10)
    )
    assert rows(bars) == [(4, 20)]


def test_the_ledger_balances_after_every_step():
    data = [{"t": t, "x": n} for n, t in enumerate([0, 12, 3, 25, 24, 9, 31, 44, 40, 7] * 3)]
    source = rl.from_rows(data, time="t", schema={"t": "int64", "x": "int64"}, batch_rows=2)
    plan = source.filter(rl.col("x") % 3 != 0).window(rl.hopping(3, 5), late="drop").agg(n=rl.count()).limit(4)
    it = iter(plan)
    for _ in it:
        for stage in it.stats:
            others = sum(stage[name] for name in ("held", "late", "rejected", "filtered", "windowless", "cut"))
            passed = stage["aggregated"] if stage["name"].startswith("window") else stage["rows_out"]
            assert stage["rows_in"] == passed + others, stage


def test_streams_are_values():
    def plan():
        return rl.read_csv("a.csv", time="t").filter(N > 0).window(rl.tumbling("1m"), by="k").agg(n=rl.count())

    assert plan() == plan()
    assert plan() != plan().limit(5)
    assert pickle.loads(pickle.dumps(plan())) == plan()
    for word in ("read_csv", "a.csv", "filter", "tumbling", "limit"):
        assert word in repr(plan().limit(5))


VALUES = [
    (rl.col("x") * 2.5 + rl.lit(None)).cast("float32").alias("a b"),
    rl.col("t") > datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    rl.mean("x", weight="w", where=rl.col("k") == "é\n"),
    rl.last("x", skip_nulls=False),
    rl.tumbling("1mo", tz="Europe/Berlin", closed="right"),
    rl.session(rl.col("gap"), until=rl.col("x") > 3),
    rl.count(3, 2),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_values_that_plans_are_made_of_are_pickled_and_copied(value):
    for again in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert type(again) is type(value) and repr(again) == repr(value)
    for damaged in ("", "{}", "[]", '["Window"]', '[{"Column": 5}]'):
        with pytest.raises(rl.ArgumentError, match="not a pickled value"):
            rl._core.restore(type(value).__name__, damaged)


COUNT = rl.count()
CALLS = [
    lambda read: read.select("a b", rl.col("x").alias("y z"), n=rl.col("x") + 1, **{"a\"b": "x", "class": rl.col("y")}),
    lambda read: read.select(rl.col("x").alias("y"), "z", x="x", _1=rl.col("w").alias("_1")),
    lambda read: read.with_columns(**{"": rl.lit("ü"), "é": rl.col("x") / 2, "1x": "x"}),
    lambda read: read.group_by(rl.col("k").alias("a b"), "x").agg(**{"from": rl.count(), "a b c": rl.sum("x")}),
    lambda read: read.window(rl.tumbling("1d", tz="Asia/Tokyo"), by=rl.col("k").alias("a b"), fill="null").agg(n=COUNT),
    lambda read: read.window(rl.hopping(20, 5), by=["k", (rl.col("x") % 3).alias("m")], time="t").agg(n=rl.count()),
    lambda read: read.windows({"a b": rl.tumbling(5), "é": rl.cumulate(10, 5)}, late="drop", max_ahead=5).agg(n=COUNT),
    lambda read: read.rolling("1h", by=rl.col("k").alias("x y"), closed="both").agg(**{"a b": rl.max("x", where="z")}),
    lambda read: read.rolling(rows=3, center=True).agg(n=rl.count()).filter((rl.col("x") > 3) & ~rl.col("z")).limit(3),
    lambda read: read.window(rl.session("5m", max_length="1h"), lateness="1m").agg(n=rl.count()).rebatch(5),
    lambda read: read.window(rl.tumbling(5), early_rows=3, refine_for=4).agg(n=rl.count()).filter("is_final"),
    lambda read: rl.merge(read, rl.read_csv("b.csv", time="t")).group_by(every="1h").agg(n=rl.count()),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_a_plan_is_shown_as_the_calls_that_make_it(number):
    plan = CALLS[number](rl.read_csv("a.csv", time="t", schema={"t": "timestamp[us]"}, null_values=["-"]))
    names = {name: getattr(rl, name) for name in rl.__all__}
    assert eval("(" + repr(plan) + ")", names) == plan


def test_a_pickled_stream_runs():
    plan = rl.read_csv(b"t,x\n1,2\n3,4\n", time="t").window(rl.tumbling(10)).agg(s=rl.sum("x"))
    assert rows(pickle.loads(pickle.dumps(plan))) == rows(plan) == [(0, 10, 6)]


def test_a_schema_is_a_mapping():
    schema = table().schema
    assert dict(schema) == SCHEMA and list(schema) == list(SCHEMA) and len(schema) == 5
    assert schema == SCHEMA and "i" in schema and "nope" not in schema
    assert "int64" in repr(schema)


@pytest.mark.parametrize(
    "make",
    [
        lambda: table().limit(-1),
        lambda: table().rebatch(0),
        lambda: rl.from_rows([], batch_rows=0),
        lambda: rl.read_csv(b"", threads=0),
        lambda: rl.read_csv(b"", on_error="ignore"),
        lambda: rl.read_csv(b"", delimiter=""),
        lambda: rl.read_csv(b"", delimiter="ab"),
        lambda: rl.read_csv(b"", quote=","),
        lambda: rl.read_csv(b"", schema={"a": "int65"}),
    ],
)
def test_bad_arguments_are_errors_at_the_call(make):
    with pytest.raises(rl.ArgumentError):
        make()


ROWS = [{"a": 1}, {"a": 2}]
BATCHES = [{"a": np.array([1]), "b": [2]}, {"a": np.array([2]), "b": [3]}]
ARROW = pa.table({"a": [1, 2]})


class Numbers:
    """Has a method that gives rows."""

    def rows(self):
        return iter(ROWS)


def numbers():
    return iter(ROWS)


NUMBERS = Numbers()
TWICE = {
    "rows": lambda: rl.from_rows(ROWS, batch_rows=1),
    "typed rows": lambda: rl.from_rows(ROWS, schema={"a": "int32"}),
    "function": lambda: rl.from_rows(numbers),
    "method": lambda: rl.from_rows(NUMBERS.rows),
    "batches": lambda: rl.from_batches(BATCHES).select("a"),
    "typed batches": lambda: rl.from_batches(BATCHES, schema={"a": "int64", "b": "int64"}).select("a"),
    "arrow": lambda: rl.from_arrow(ARROW),
    "push": lambda: rl.from_push({"a": "int64"}),
    "mapped": lambda: rl.from_rows(ROWS).map_batches(len, schema={"a": "int64"}),
}


@pytest.mark.parametrize("make", TWICE.values(), ids=TWICE)
def test_streams_over_objects_are_values(make):
    one, other = make(), make()
    assert one == other and hash(one) == hash(other) and one.limit(1) == other.limit(1)
    one.schema  # noqa: B018
    again = pickle.loads(pickle.dumps(one))
    assert repr(again) == repr(one) and again.schema == one.schema
    assert one == other and one != other.limit(1)


@pytest.mark.parametrize("name", [name for name in TWICE if name not in ("push", "mapped")])
def test_a_pickled_stream_over_objects_runs(name):
    stream = TWICE[name]()
    next(iter(stream))
    assert rows(pickle.loads(pickle.dumps(stream))) == rows(stream) == [(1,), (2,)]


def test_streams_over_other_objects_differ():
    made = [make() for make in TWICE.values()]
    # What Python calls equal may have other types.
    made += [rl.from_rows(ROWS), rl.from_rows([{"a": 1.0}, {"a": 2}], batch_rows=1)]
    made += [rl.from_rows(iter(ROWS)), rl.from_rows(iter(ROWS)), rl.from_rows(Numbers().rows)]
    made += [rl.from_batches([{"a": np.array([1, 3])}]).select("a"), rl.from_push({"a": "int32"})]
    made += [rl.read_csv(io.BytesIO(b"a\n")), rl.read_csv(io.BytesIO(b"a\n"))]
    for at, one in enumerate(made):
        assert [one == other for other in made] == [at == other for other in range(len(made))]
    file = io.BytesIO(b"a\n1\n")
    assert rl.read_csv(file) == rl.read_csv(file) != rl.read_csv(file, time="a")


def test_what_can_be_read_only_once_is_not_pickled():
    for plan in (rl.from_rows(iter(ROWS)), rl.read_csv(io.BytesIO(b"a\n1\n"))):
        with pytest.raises(rl.ArgumentTypeError, match="can be read only once, and cannot be pickled"):
            pickle.dumps(plan)
