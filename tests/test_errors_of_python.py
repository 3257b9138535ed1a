"""Errors of what Python supplies: rows, batches and functions that do not fit, raise, or are interrupted."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rillet as rl
from compare import rows
from test_errors import fails


def test_rows_of_python_that_do_not_fit():
    for data in ([{"a": 1}, {"a": "x"}], [{"a": 1}, {"b": 1}], [(1, 2), (1,)], [{"a": object()}], [3]):
        fails(lambda data=data: rl.from_rows(data))


def test_a_number_that_no_type_holds():
    fails(lambda: rl.from_rows([{"a": 2**70}], schema={"a": "int64"}))
    fails(lambda: rl.from_rows([{"a": 300}], schema={"a": "uint8"}), rl.DataError)


def test_lengths_of_a_batch_differ():
    fails(lambda: rl.from_batches([{"a": np.array([1]), "b": np.array([1, 2])}]))


def test_a_row_of_python_is_located():
    rows_ = [(1, 2)] * 5 + [(1, "x")]
    error = fails(lambda: rl.from_rows(rows_, batch_rows=2), rl.BadRowError)
    assert (error.source, error.row, error.column, error.value) == ("from_rows", 5, "column_2", "'x'")
    advice = "declare another type in the schema"
    assert str(error) == f"from_rows, row 5: column \"column_2\": \"'x'\" is not an int64; {advice}"
    error = fails(lambda: rl.from_rows([*rows_[:5], (1,)], batch_rows=2), rl.BadRowError)
    assert (error.source, error.row, error.column) == ("from_rows", 5, None)


GOOD = {"x": [1, 2]}
BAD = {
    "a value": ({"x": [3, "y"]}, rl.BadRowError, 'row 1: column "x": "\'y\'" is not an int64'),
    "a column": ({"y": [1]}, rl.ArgumentError, "the columns are y: int64 instead of x: int64"),
    "near": ({"xs": [1]}, rl.ArgumentError, 'the columns are xs: int64 instead of x: int64; did you mean "x" by "xs"?'),
    "lengths": ({"x": [1], "y": [1, 2]}, rl.ArgumentError, 'column "y" has 2 rows, but column "x" has 1'),
    "no batch": (5, rl.ArgumentTypeError, "an object of type int is no batch"),
    "arrow": (pa.table({"x": ["y"]}), rl.ArgumentError, "the columns are x: string instead of x: int64"),
}


@pytest.mark.parametrize("schema", [None, {"x": "int64"}], ids=["inferred", "declared"])
@pytest.mark.parametrize(("batch", "kind", "message"), BAD.values(), ids=BAD)
def test_a_bad_batch_of_python_is_named(batch, kind, message, schema):
    def third(_):
        seen.append(1)
        return batch if len(seen) == 3 else GOOD

    seen = []
    streams = {
        "from_batches": rl.from_batches([GOOD, GOOD, batch], schema=schema),
        "map_batches(third)": rl.from_batches([GOOD] * 3).map_batches(third, schema=schema),
    }
    for name, stream in streams.items():
        it = iter(stream)
        assert rows([next(it), next(it)]) == [(1,), (2,)] * 2
        if kind is rl.BadRowError:
            assert rows([next(it)]) == [(3,)]
        with pytest.raises(kind) as caught:
            next(it)
        assert str(caught.value).startswith(f"batch 2 of {name}: {message}")
        assert kind is not rl.BadRowError or (caught.value.row, caught.value.column, caught.value.value) == (
            1,
            "x",
            "'y'",
        )


def test_batches_after_the_first_have_its_types():
    batches = [{"x": [1.5]}, {"x": []}, {"x": [None]}, {"x": [2]}]
    given = iter(batches)
    for stream in (
        rl.from_batches(batches),
        rl.from_batches(GOOD for _ in batches).map_batches(lambda _: next(given)),
    ):
        assert rows(stream) == [(1.5,), (None,), (2.0,)]


def test_what_a_function_makes_is_named_in_the_errors_of_later_stages():
    stream = rl.from_rows([{"t": t} for t in (1, 5, 30, 2)], time="t", batch_rows=2)
    late = stream.map_batches(lambda batch: {"t": batch["t"]}).window(rl.tumbling(5)).agg(n=rl.count())
    error = fails(lambda: late, rl.LateRowError)
    assert str(error).startswith("batch 1 of map_batches(<lambda>), row 1: the row of 2 came after")
    assert "(set by batch 1 of map_batches(<lambda>), row 0)" in str(error)
    as_it_was = stream.map_batches(lambda batch: batch[:]).window(rl.tumbling(5)).agg(n=rl.count())
    assert str(fails(lambda: as_it_was)).startswith("from_rows, row 3: the row of 2 came after")


def test_a_category_too_many_comes_after_the_rows_before_it():
    schema = {"s": rl.categorical(max=1)}
    stream = rl.from_rows([(1,)]).map_batches(lambda _: {"s": ["a", "a", "b", "a"]}, schema=schema)
    it, got = iter(stream), []
    with pytest.raises(rl.LimitError, match=r"^batch 0 of map_batches\(<lambda>\), row 2: column \"s\" has more"):
        got.extend(rows(it))
    assert rows([next(iter(stream))]) == [("a",), ("a",)]


def test_map_batches_gives_what_it_declares():
    stream = rl.from_batches([GOOD]).map_batches(lambda _: {"y": np.array([1], "int8")}, schema={"y": "float64"})
    (batch,) = stream
    assert dict(batch.schema) == dict(stream.schema) == {"y": "float64"}


def test_an_exception_inside_a_batch_passes_through():
    class Broken:
        def __array__(self, *_, **__):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match=r"^mine$"):
        list(rl.from_batches([{"x": Broken()}]))


class Exploding:
    """Raises whenever Python asks it for anything that a conversion may ask for."""

    def __init__(self, error):
        self.error = error

    def explode(self, *_):
        raise self.error

    __float__ = __index__ = __repr__ = tolist = explode

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.error


class ExplodingZone(datetime.tzinfo):
    error: BaseException

    def utcoffset(self, _):
        raise self.error


class Exit(BaseException):
    pass


FATAL = [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), Exit(), MemoryError("mine")]
TYPES = [
    None,
    "int64",
    "float64",
    "string",
    "bool",
    "date",
    "timestamp[us]",
    "duration[us]",
    "decimal[5,1]",
    "list<int64>",
]


@pytest.mark.parametrize("error", FATAL, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("dtype", TYPES)
def test_an_interrupt_inside_a_conversion_passes_through(error, dtype):
    schema = dtype and {"x": dtype}
    value = Exploding(error)
    for stream in (
        rl.from_rows([{"x": value}], schema=schema),
        rl.from_batches([{"x": [value]}], schema=schema),
        rl.from_rows([{"x": [value]}], schema=dtype and {"x": f"list<{dtype}>"}),
    ):
        with pytest.raises(type(error)) as caught:
            list(stream)
        assert caught.value is error


@pytest.mark.parametrize("error", FATAL, ids=lambda error: type(error).__name__)
def test_an_interrupt_inside_a_zone_or_a_row_passes_through(error):
    zone = ExplodingZone()
    zone.error = error
    for value in ({"x": datetime.datetime(2020, 1, 1, tzinfo=zone)}, Exploding(error)):
        with pytest.raises(type(error)) as caught:
            list(rl.from_rows([value]))
        assert caught.value is error


def test_an_interrupt_inside_fill_passes_through():
    (batch,) = rl.from_rows([{"x": 1.5}, {"x": None}])
    with pytest.raises(KeyboardInterrupt):
        batch.fill("x", Exploding(KeyboardInterrupt()))


@pytest.mark.parametrize("dtype", TYPES[:-1])
def test_other_exceptions_of_a_value_make_it_a_bad_one(dtype):
    error = fails(
        lambda: rl.from_rows([{"x": Exploding(ZeroDivisionError())}], schema=dtype and {"x": dtype}), rl.BadRowError
    )
    assert (error.column, error.row, error.value) == ("x", 0, "Exploding")


NOTHING = [None, pd.NaT, pd.NA, np.datetime64("NaT"), np.timedelta64("NaT", "s")]


@pytest.mark.parametrize(
    "value",
    [
        1,
        2.5,
        "a",
        True,
        b"b",
        datetime.date(2020, 1, 1),
        datetime.datetime(2020, 1, 1),
        datetime.timedelta(1),
        [1],
        {"a": 1},
        decimal.Decimal(1),
    ],
    ids=str,
)
def test_the_missing_values_of_other_libraries_are_null(value):
    (want,) = rl.from_rows([{"x": x} for x in [value] + [None] * 5])
    for schema in (None, want.schema):
        (got,) = rl.from_rows([{"x": x} for x in [value, *NOTHING]], schema=schema)
        assert got == want and list(got.rows()) == [(value,), *[(None,)] * 5]
        (got,) = rl.from_batches([{"x": [value, *NOTHING]}], schema=schema)
        assert got == want
    (got,) = rl.from_rows([{"x": [value, *NOTHING]}, {"x": pd.NA}])
    assert list(got.rows()) == [([value] + [None] * 5,), (None,)]
    (got,) = rl.from_rows([{"x": {"a": value}}, {"x": {"a": pd.NaT}}])
    assert list(got.rows()) == [({"a": value},), ({"a": None},)]


def test_pandas_is_not_imported_for_its_missing_values(run):
    rows_ = "[r for b in rl.from_rows([(None,), (1,)]) for r in b.rows()]"
    script = f"import sys, rillet as rl; print({rows_}, 'pandas' in sys.modules)"
    assert run(script).stdout == "[(None,), (1,)] False\n"
