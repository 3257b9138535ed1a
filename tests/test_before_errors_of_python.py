"""All rows and results before an error of what Python supplies come first, wherever batches are cut."""

import gzip
import io
import os
from decimal import Decimal

import pyarrow as pa
import pytest

import rillet as rl
from compare import rows
from sources import Cuts, Failing

SIZES = [1, 2, 3, 4, 5, 65_536]
every_size = pytest.mark.parametrize("batch_rows", SIZES)


class Boom(Exception):
    """An error of the user's own."""


BOOM = Boom("mine")


def before_error(stream):
    """The rows that come out, and the error that comes then."""
    got = []
    try:
        for batch in stream:
            got += batch.rows()
    except Exception as error:
        return got, error
    raise AssertionError("no error came")


def error_of(stream):
    """The error that comes before any row."""
    got, error = before_error(stream)
    assert got == []
    return error


def raising(*items):
    """A generator that gives the items and raises."""
    yield from items
    raise BOOM


@every_size
@pytest.mark.parametrize("schema", [None, {"a": "int64"}], ids=["inferred", "declared"])
def test_rows_before_an_exception(batch_rows, schema):
    got, error = before_error(rl.from_rows(raising((0,), (1,), (2,)), batch_rows=batch_rows, schema=schema))
    assert got == [(0,), (1,), (2,)] and error is BOOM


@every_size
def test_batches_before_an_exception(batch_rows):
    source = raising({"a": [0, 1]}, {"a": [2]})
    got, error = before_error(rl.from_batches(source, batch_rows=batch_rows))
    assert got == [(0,), (1,), (2,)] and error is BOOM


def test_an_exception_before_the_first_row_passes_through():
    for stream in (rl.from_rows(raising()), rl.from_batches(raising()), rl.from_rows(raising(), schema={"a": "int64"})):
        assert error_of(stream) is BOOM


def test_an_interrupt_does_not_wait_for_the_rows_before_it():
    def source():
        yield (0,)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(iter(rl.from_rows(source(), schema={"a": "int64"})))


@every_size
@pytest.mark.parametrize("schema", [None, {"a": "int64", "b": "float64"}], ids=["inferred", "declared"])
@pytest.mark.parametrize(
    ("bad", "column"),
    [
        ([(3, "x"), ("x", 1.5)], "b"),
        ([("x", "x"), (3,)], "a"),
        ([(3,), ("x", "x")], None),
        ([3], None),
        ([{"a": 3}], None),
    ],
    ids=str,
)
def test_rows_before_a_bad_row(batch_rows, schema, bad, column):
    names = list(schema or {"column_1": 1, "column_2": 2})
    good = [(0, 0.5), (1, 1.5), (2, 2.5)]
    got, error = before_error(rl.from_rows([*good, *bad, (4, 4.5)], batch_rows=batch_rows, schema=schema))
    assert got == good and isinstance(error, rl.BadRowError)
    assert (error.row, error.column) == (3, column and names["ab".index(column)])


UNFIT = {
    "a text": ([1.5, 2.5], "x", "not a number"),
    "a bool among floats": ([1.5, 2.5], True, "not a number"),
    "a bool among integers": ([1, 2], True, "not an int64"),
    "a bool among decimals": ([Decimal(1), Decimal(2)], True, "neither a Decimal nor an integer"),
    "a large integer": ([1, 2], 2**70, "not an int64"),
    "an object": (["a", "b"], object(), "not text"),
    "an integer": ([True, False], 1, "not a bool"),
    "an item": ([[1], [2]], ["x"], "not an int64"),
}


@every_size
@pytest.mark.parametrize(("good", "bad", "reason"), UNFIT.values(), ids=UNFIT)
def test_a_value_that_does_not_fit_is_told_alike(batch_rows, good, bad, reason):
    values = [*good, bad, good[0]]
    got, error = before_error(rl.from_rows([(value,) for value in values], batch_rows=batch_rows))
    assert got == [(value,) for value in good]
    assert (type(error), error.row, error.reason) == (rl.BadRowError, 2, reason)


@every_size
def test_a_value_that_fits_the_type_of_those_before_it_is_good(batch_rows):
    assert rows(rl.from_rows([(1.5,), (Decimal("2.5"),), (3.5,)], batch_rows=batch_rows)) == [(1.5,), (2.5,), (3.5,)]


def test_what_comes_behind_a_bad_row_has_no_say_in_the_types():
    got, error = before_error(rl.from_rows([(1, 2), ("x", 3.5)]))
    assert [list(map(type, row)) for row in got] == [[int, int]] and error.row == 1


@every_size
def test_a_field_that_raises(batch_rows):
    class Row(tuple):
        _fields = ("a",)
        __slots__ = ()

        @property
        def a(self):
            return 1 // self[0]

    got, error = before_error(rl.from_rows([Row([1]), Row([1]), Row([0])], batch_rows=batch_rows))
    assert got == [(1,), (1,)] and isinstance(error, ZeroDivisionError)


@every_size
@pytest.mark.parametrize("schema", [None, {"a": "int64", "b": "list<int64>"}], ids=["inferred", "declared"])
def test_rows_before_a_bad_value_of_a_batch(batch_rows, schema):
    lists = [[1], [2], ["x"], 4]
    batches = [{"a": [1], "b": [[0]]}, {"a": [1, 2, 3, "x"], "b": lists}]
    got, error = before_error(rl.from_batches(batches, batch_rows=batch_rows, schema=schema))
    assert got == [(1, [0]), (1, [1]), (2, [2])]
    assert isinstance(error, rl.BadRowError) and (error.row, error.column) == (2, "b")
    assert str(error).startswith("batch 1 of from_batches: ")


@every_size
def test_rows_before_a_bad_value_of_the_first_batch(batch_rows):
    for schema in (None, {"a": "int64"}):
        got, error = before_error(rl.from_batches([{"a": [1, 2, 3, "x"]}], batch_rows=batch_rows, schema=schema))
        assert got == [(1,), (2,), (3,)] and error.row == 3


@every_size
def test_rows_before_a_batch_of_other_columns(batch_rows):
    got, error = before_error(rl.from_batches([{"a": [0, 1]}, {"a": [2]}, {"b": [3]}], batch_rows=batch_rows))
    assert got == [(0,), (1,), (2,)] and str(error).startswith("batch 2 of from_batches: the columns are")
    tables = [pa.table({"a": [0, 1]}), pa.table({"a": [2]}), pa.table({"b": [3]})]
    got, error = before_error(rl.from_batches(tables, batch_rows=batch_rows))
    assert got == [(0,), (1,), (2,)] and str(error).startswith("batch 2 of from_batches: the columns are")


@every_size
def test_rows_before_an_exception_of_an_arrow_reader(batch_rows):
    def batches():
        yield pa.record_batch({"a": [0, 1]})
        yield pa.record_batch({"a": [2]})
        raise BOOM

    reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
    got, error = before_error(rl.from_arrow(reader, batch_rows=batch_rows))
    assert got == [(0,), (1,), (2,)] and "mine" in str(error)


@every_size
def test_rows_before_an_error_of_a_function(batch_rows):
    def function(batch):
        if 2 in batch["a"]:
            raise BOOM
        return batch

    def bad(batch):
        return {"a": ["x" if value == 2 else value for value in batch["a"].tolist()]}

    source = [{"a": [value]} for value in range(4)]
    got, error = before_error(rl.from_batches(source).map_batches(function).rebatch(batch_rows))
    assert got == [(0,), (1,)] and error is BOOM
    got, error = before_error(rl.from_batches([{"a": [0, 1, 2, 3]}]).map_batches(bad).rebatch(batch_rows))
    assert got == [(0,), (1,)] and error.row == 2


@every_size
def test_results_before_an_exception(batch_rows):
    source = raising((0, 1), (5, 2), (11, 3), (12, 4))
    stream = rl.from_rows(source, time="t", schema={"t": "int64", "x": "int64"}, batch_rows=batch_rows)
    got, error = before_error(stream.window(rl.tumbling(5)).agg(total=rl.sum("x")))
    assert got == [(0, 5, 1), (5, 10, 2)] and error is BOOM


@every_size
def test_rows_that_wait_to_be_a_batch_before_an_error(batch_rows):
    read = rl.read_csv(b"a\n0\n1\n2\nx\n", schema={"a": "int64"}, batch_rows=batch_rows)
    for stream in (read.rebatch(2), read.rebatch(100), read.rebatch(100).filter(rl.col("a") >= 0)):
        got, error = before_error(stream)
        assert got == [(0,), (1,), (2,)] and error.line == 5


def test_an_earlier_error_comes_instead():
    source = raising((10,), (1,))
    error = before_error(rl.from_rows(source, time="column_1").window(rl.tumbling(5)).agg(n=rl.count()))[1]
    assert isinstance(error, rl.LateRowError)


def test_an_error_behind_a_limit_is_none():
    assert rows(rl.from_rows(raising((0,), (1,))).limit(2)) == [(0,), (1,)]


def test_of_two_sources_the_one_that_is_asked_first_ends_the_stream():
    def source(*times, error):
        yield from ((time,) for time in times)
        raise error

    other = Boom("other")
    schema = {"t": "int64"}
    one = rl.from_rows(source(1, 4, error=BOOM), time="t", schema=schema)
    two = rl.from_rows(source(2, 3, error=other), time="t", schema=schema)
    got, error = before_error(rl.merge(one, two))
    assert got == [(1,), (2,), (3,)] and error is other


@every_size
@pytest.mark.parametrize("tail", [b"", b"4", b'"4\n'], ids=["whole", "half", "quoted"])
@pytest.mark.parametrize("infer_rows", [1, 10_000])
def test_rows_before_an_exception_of_a_file(batch_rows, tail, infer_rows):
    data = b"a\n0\n1\n2\n3\n" + tail
    stream = rl.read_csv(Failing(data, BOOM), batch_rows=batch_rows, infer_rows=infer_rows)
    got, error = before_error(stream)
    assert got == [(0,), (1,), (2,), (3,)] and error is BOOM


def test_a_file_that_raises_before_its_header_ends():
    assert error_of(rl.read_csv(Failing(b"a,b", BOOM))) is BOOM


@every_size
def test_rows_before_the_end_of_what_is_left_of_a_compressed_file(batch_rows):
    data = b"a\n" + b"".join(b"%d\n" % n for n in range(5000))
    packed = gzip.compress(data, compresslevel=0)[:-2000]

    def read(batch_rows):
        with gzip.open(io.BytesIO(packed)) as file:
            return before_error(rl.read_csv(file, batch_rows=batch_rows))

    got, error = read(batch_rows)
    assert got == read(7)[0] != [] and type(error) is EOFError


@every_size
def test_rows_before_a_read_that_is_no_bytes(batch_rows):
    file = Cuts(b"a\n0\n1\n", 2)
    file.pieces.append("text")
    got, error = before_error(rl.read_csv(file, batch_rows=batch_rows, schema={"a": "int64"}))
    assert got == [(0,), (1,)] and isinstance(error, rl.ArgumentTypeError)


@pytest.mark.parametrize("batch_rows", [10, 1000, 65_536])
def test_rows_before_the_end_of_a_file_that_shrinks(batch_rows, tmp_path):
    path = tmp_path / "one.csv"
    path.write_bytes(b"a\n" + b"0\n" * 1_000_000)
    it = iter(rl.read_csv(path, batch_rows=batch_rows, threads=1))
    got = len(next(it))
    os.truncate(path, 600_001)
    with pytest.raises(rl.SourceError, match="shrank"):
        for batch in it:
            got += len(batch)
    assert got == 299_999
