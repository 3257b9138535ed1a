"""Errors: the tree, what each says and carries, and every bad input that we could think of."""

import builtins
import datetime
import errno
import gzip
import inspect
import io
import os
import pickle
import time

import numpy as np
import pytest

import rillet as rl
from compare import rows
from sources import Failing, Trickle

TREE = {
    "ArgumentError": "Error ValueError",
    "ColumnNotFoundError": "ArgumentError KeyError",
    "ArgumentTypeError": "Error TypeError",
    "SchemaError": "Error TypeError",
    "DataError": "Error ValueError",
    "BadRowError": "DataError",
    "LateRowError": "DataError",
    "AheadRowError": "DataError",
    "NullValueError": "DataError",
    "ResultOverflowError": "DataError OverflowError",
    "LimitError": "Error MemoryError",
    "StateLimitError": "LimitError",
    "KeptRowsError": "LimitError",
    "SourceError": "Error OSError",
    "SourceNotFoundError": "SourceError FileNotFoundError",
    "SourceIsDirectoryError": "SourceError IsADirectoryError",
    "SourcePermissionError": "SourceError PermissionError",
    "StreamConsumedError": "Error RuntimeError",
    "ReentrantError": "Error RuntimeError",
    "ForkError": "Error RuntimeError",
    "InternalError": "Error RuntimeError",
}


@pytest.mark.parametrize("name", TREE)
def test_the_tree(name):
    for base in TREE[name].split():
        assert issubclass(getattr(rl, name), getattr(rl, base, None) or getattr(builtins, base))


def test_the_tree_is_whole():
    errors = {n for n, c in vars(rl).items() if inspect.isclass(c) and issubclass(c, rl.Error)}
    assert errors == {*TREE, "Error"}
    assert issubclass(rl.Error, Exception)


def fails(make, kind=rl.Error):
    """The error of reading all of a stream; it is of `kind`, says something, and leaves exhaustion."""
    with pytest.raises(kind) as caught:
        it = iter(make())
        while True:
            try:
                next(it)
            except StopIteration:
                break
            except rl.Error:
                assert list(it) == [], "an iterator is exhausted after its error"
                raise
    assert not isinstance(caught.value, rl.InternalError)
    assert len(str(caught.value)) > 10
    return caught.value


def test_a_bad_value_is_located(tmp_path):
    target = tmp_path / "ticks.csv"
    target.write_bytes(b'a,b\n1,2\n"x\ny",3\n4,oops\n')
    error = fails(lambda: rl.read_csv(target, schema={"b": "int64"}), rl.BadRowError)
    assert error.source == str(target)
    assert (error.line, error.byte, error.row, error.column, error.value) == (5, 18, 2, "b", "oops")
    assert error.reason
    for word in ("ticks.csv", "line 5", "b", "oops", "on_error"):
        assert word in str(error)


def test_a_ragged_row_is_located_at_its_start():
    error = fails(lambda: rl.read_csv(b"a,b\n1,2\n3\n"), rl.BadRowError)
    assert (error.source, error.line, error.byte, error.row) == ("<bytes>", 3, 8, 1)
    assert error.column is None
    error = fails(lambda: rl.read_csv(b"a,b\n1,2\n3,4,5\n"), rl.BadRowError)
    assert (error.line, error.byte, error.row) == (3, 8, 1)


def test_quotes_gone_wrong_are_bad_rows():
    for data, line in ((b'a\n"x"y\n', 2), (b'a\nx\n"y\n', 3), (b'a\n"', 2)):
        assert fails(lambda data=data: rl.read_csv(data), rl.BadRowError).line == line


def test_long_values_are_cut():
    data = b"a\n" + b"x" * 10_000 + b"\n"
    error = fails(lambda: rl.read_csv(data, schema={"a": "int64"}), rl.BadRowError)
    assert error.value.startswith("x" * 97) and len(error.value) <= 101
    assert len(str(error)) < 1000


def test_errors_pickle_with_their_attributes():
    error = fails(lambda: rl.read_csv(b"a,b\n1,2\n3\n"), rl.BadRowError)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == str(error)
    assert (back.line, back.byte, back.row, back.source) == (error.line, error.byte, error.row, error.source)


def test_results_come_before_the_error_and_stats_after_it():
    it = iter(rl.read_csv(b"a\n1\n2\nx\n4\n", schema={"a": "int64"}, batch_rows=1))
    assert rows([next(it), next(it)]) == [(1,), (2,)]
    with pytest.raises(rl.BadRowError):
        next(it)
    assert list(it) == []
    assert next(iter(it.stats))["rows_out"] == 2
    with pytest.raises(StopIteration):
        it.poll()


def test_rows_before_the_error_of_one_batch_come_out_first():
    it = iter(rl.read_csv(b"a\n1\n2\nx\n4\n", schema={"a": "int64"}, batch_rows=100))
    got = []
    with pytest.raises(rl.BadRowError):
        for batch in it:
            got += rows([batch])
    assert got == [(1,), (2,)]


def test_of_several_errors_the_earliest_row_wins():
    data = b"t,a\n1,1\n20,2\n3,3\n30,x\n"
    stream = rl.read_csv(data, time="t", schema={"a": "int64"}).window(rl.tumbling(10))
    assert fails(lambda: stream.agg(s=rl.sum("a")), rl.LateRowError).line == 4
    data = b"t,a\n1,1\n20,x\n3,3\n30,4\n"
    stream = rl.read_csv(data, time="t", schema={"a": "int64"}).window(rl.tumbling(10))
    assert fails(lambda: stream.agg(s=rl.sum("a")), rl.BadRowError).line == 3


# ------------------------------------------------------------- bad inputs


def test_an_empty_file(source):
    fails(lambda: rl.read_csv(source(b"")))


@pytest.mark.parametrize("data", [b"a,b", b"a,b\n", b"a,b\r\n\r\n"])
def test_a_header_alone_is_a_stream_without_rows(source, data):
    stream = rl.read_csv(source(data))
    assert dict(stream.schema) == {"a": "string", "b": "string"}
    assert list(stream) == []


def test_a_missing_file():
    stream = rl.read_csv("/no/such/file.csv")
    error = fails(lambda: stream, FileNotFoundError)
    assert isinstance(error, rl.SourceNotFoundError)
    assert (error.errno, error.filename) == (errno.ENOENT, "/no/such/file.csv") and error.strerror
    assert "/no/such/file.csv" in str(error)


def test_an_empty_glob_and_an_empty_list(tmp_path):
    fails(lambda: rl.read_csv(tmp_path / "*.csv"), FileNotFoundError)
    with pytest.raises(rl.Error):
        list(rl.read_csv([]))


def test_a_directory(tmp_path):
    error = fails(lambda: rl.read_csv(tmp_path), IsADirectoryError)
    assert error.filename == str(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("a\n1\n")
    target.chmod(0)
    fails(lambda: rl.read_csv(target), PermissionError)


def test_a_path_with_a_nul_byte():
    fails(lambda: rl.read_csv("a\0b.csv"))


def test_compressed_data_is_recognised(source):
    assert "gzip" in str(fails(lambda: rl.read_csv(source(gzip.compress(b"a,b\n1,2\n" * 100)))))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_other_encodings_are_errors(encoding):
    fails(lambda: rl.read_csv("a,b\n1,2\n".encode(encoding)))


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"ok\xf5"])
def test_invalid_utf8_is_a_bad_row(text):
    error = fails(lambda: rl.read_csv(b"a,b\n1,fine\n2," + text + b"\n"), rl.BadRowError)
    assert (error.line, error.column, error.byte) == (3, "b", 13)
    assert "UTF-8" in str(error)


def test_invalid_utf8_in_the_header():
    fails(lambda: rl.read_csv(b"a,\xff\n1,2\n"))


def test_a_nul_byte_is_data():
    assert rows(rl.read_csv(b"a,b\nx\0y,1\n")) == [("x\0y", 1)]


def test_an_endless_line_is_a_limit_and_not_a_heap():
    class Endless:
        given = 0

        def read(self, size=-1):
            self.given += 1 << 20
            return b"a\n" if self.given == 1 << 20 else b"x" * (1 << 20)

    source = Endless()
    error = fails(lambda: rl.read_csv(source))
    assert "max_line" in str(error)
    assert source.given < 64 << 20


def test_an_endless_quoted_field_is_a_limit():
    parts = (b"x\n" * 500_000 for _ in range(200))

    class Quoted:
        started = False

        def read(self, size=-1):
            if not self.started:
                self.started = True
                return b'a\n"'
            return next(parts, b"")

    assert "max_line" in str(fails(lambda: rl.read_csv(Quoted())))


def test_many_columns_work_and_take_linear_time():
    names = ",".join(f"c{n}" for n in range(100_000))
    values = ",".join("1" for _ in range(100_000))
    started = time.process_time()
    (batch,) = list(rl.read_csv(f"{names}\n{values}\n".encode()))
    assert len(batch.keys()) == 100_000 and batch["c99999"].tolist() == [1]
    assert time.process_time() - started < 20
    assert "max_columns" in str(fails(lambda: rl.read_csv(f"{names},one\n{values},2\n".encode())))


def test_naming_many_columns_takes_linear_time():
    names = [f"c{n}" for n in range(30_000)]
    data = (",".join(names) + "\n" + ",".join("1" for _ in names) + "\n").encode()
    started = time.process_time()
    stream = rl.read_csv(data, schema=dict.fromkeys(names, "int32"), columns=names).select(*names)
    totals = (
        stream.with_columns(c0=rl.col("c1"), new=rl.lit(1))
        .group_by()
        .agg(**{f"{name}_": rl.sum(name) for name in names})
    )
    (batch,) = rl.from_batches([{name: [1] for name in names}], schema=dict.fromkeys(names, "int64"))
    assert rows(totals) == [(1,) * len(names)] and list(batch[names]) == names
    assert time.process_time() - started < 20


def test_duplicate_names():
    assert '"a"' in str(fails(lambda: rl.read_csv(b"a,b,a\n1,2,3\n")))


def test_unknown_columns():
    stream = rl.read_csv(b"price,t\n1,2\n", time="t")
    windows = stream.window(rl.tumbling(10), by="pricee")
    for make in (
        lambda: windows.agg(n=rl.count()),
        lambda: stream.window(rl.tumbling(10)).agg(n=rl.sum("pricee")),
        lambda: stream.group_by("pricee").agg(n=rl.count()),
        lambda: stream.filter(rl.col("pricee") > 1),
        lambda: rl.read_csv(b"price\n1\n", time="pricee"),
        lambda: rl.read_csv(b"price\n1\n", columns=["pricee"]),
        lambda: rl.read_csv(b"price\n1\n", schema={"pricee": "int64"}),
    ):
        error = fails(make, rl.ColumnNotFoundError)
        assert error.column == "pricee" and "price" in error.known
        assert "price" in str(error).replace("pricee", "")
        assert not str(error).startswith("'"), "KeyError quotes its message"


@pytest.mark.parametrize("values", ["x", "0.5", "true"])
def test_a_time_column_that_is_no_time(values):
    error = fails(lambda: rl.read_csv(f"t\n{values}\n".encode(), time="t"), rl.SchemaError)
    assert error.column == "t" and error.dtype in str(error)


def test_a_time_column_without_values_asks_for_its_type():
    error = fails(lambda: rl.from_batches([{"t": []}], time="t"), rl.SchemaError)
    assert str(error).endswith("there are no values to tell its type from; declare it with schema=")


def test_windows_without_a_time():
    with pytest.raises(rl.ArgumentError, match="time"):
        list(rl.read_csv(b"t,x\n1,2\n").window(rl.tumbling(10)).agg(n=rl.count()))


def test_one_row_from_the_year_9999():
    data = b"t\n2020-01-01T00:00:00\n9999-12-31T23:59:59\n2020-01-01T00:00:01\n"
    stream = rl.read_csv(data, time="t").window(rl.hopping("1h", "1s"))
    error = fails(lambda: stream.agg(n=rl.count()), rl.LateRowError)
    assert (error.line, error.set_by_line) == (4, 3)
    kept = rl.read_csv(data, time="t").window(rl.hopping("1h", "1m"), late="drop").agg(n=rl.count())
    assert len(rows(kept)) == 120


def test_a_text_file_is_refused_at_the_call(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("a\n1\n")
    with target.open() as file, pytest.raises(rl.ArgumentTypeError, match="binary"):
        rl.read_csv(file)
    with pytest.raises(rl.ArgumentTypeError, match="binary"):
        rl.read_csv(io.StringIO("a\n1\n"))


@pytest.mark.parametrize("answer", ["text", None, 5, [b"x"]])
def test_a_file_object_that_reads_no_bytes(answer):
    class Odd:
        def read(self, size=-1):
            return answer

    fails(lambda: rl.read_csv(Odd()))


def test_a_file_that_shrinks(tmp_path):
    target = tmp_path / "a.csv"
    target.write_bytes(b"a\n" + b"1\n" * 2_000_000)
    it = iter(rl.read_csv(target, batch_rows=1000, prefetch=0, threads=1))
    got = [len(next(it))]
    os.truncate(target, 100_000)
    with pytest.raises(rl.SourceError, match="shrank") as caught:
        got.extend(len(batch) for batch in it)
    assert caught.value.filename == str(target)
    assert str(caught.value) == f"The file shrank while it was read, from 4000002 bytes to 100000: {str(target)!r}"
    assert 1000 <= sum(got) < 2_000_000


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "broken"), ValueError("mine"), ZeroDivisionError(), KeyError("k")]
)
def test_an_exception_of_a_file_object_passes_through(error):
    stream = rl.read_csv(Failing(b"a\n1\n2\n", error))
    with pytest.raises(type(error)) as caught:
        list(stream)
    assert caught.value is error


def test_sums_that_overflow_are_located():
    big = np.array([2**63 - 1, 1])
    stream = rl.from_batches([{"t": np.array([1, 2]), "x": big}], time="t")
    error = fails(lambda: stream.window(rl.tumbling(10)).agg(total=rl.sum("x")), rl.ResultOverflowError)
    assert isinstance(error, OverflowError) and "total" in str(error)


BIG = 2**63 - 1
MISFITS = {
    "a sum of a window": (
        lambda read: read.window(rl.tumbling(10), time="t").agg(n=rl.sum("x")), "n", f"{2 * BIG}",
    ),
    "a sum of all": (lambda read: read.group_by().agg(n=rl.sum("x")), "n", f"{2 * BIG}"),
    "a sum of two rows": (lambda read: read.rolling(rows=2).agg(n=rl.sum("x")), "n", f"{2 * BIG}"),
    "a cast": (lambda read: read.select(y=rl.col("x").cast("int8")), "x", f"{BIG}"),
    "a part": (lambda read: read.select(y=rl.col("t") + rl.col("x").cast("int8")), "x", f"{BIG}"),
    "a division": (lambda read: read.filter(rl.col("t") // (rl.col("t") - 1) > 0), "t", "1 // 0"),
    "two columns": (lambda read: read.with_columns(y=rl.col("x") + rl.col("t")), None, f"{BIG} + 1"),
    "a fraction": (lambda read: read.select(y=(rl.col("t") / 2).cast("int64")), "t", "0.5"),
    "an input": (lambda read: read.group_by().agg(n=rl.sum(rl.col("x") * 2)), "x", f"{BIG} * 2"),
    "a gap": (lambda read: read.window(rl.session(rl.col("z")), time="t").agg(n=rl.count()), "z", "0"),
    "an edge": (
        lambda read: read.window(rl.tumbling(10), time="x").agg(n=rl.count()), None, f"{BIG}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISFITS)
def test_what_does_not_fit_is_told(what):
    make, column, value = MISFITS[what]
    error = fails(lambda: make(rl.from_rows([{"t": t, "x": BIG, "z": 0} for t in (1, 2)])), rl.ResultOverflowError)
    assert (error.column, error.value) == (column, value)
    assert value in str(error)


def test_an_integer_that_no_float_holds_is_told():
    (batch,) = rl.read_csv(b"x\n1\n9007199254740993\n")
    with pytest.raises(rl.ResultOverflowError) as caught:
        batch.floats("x")
    assert (caught.value.column, caught.value.value, caught.value.line) == ("x", "9007199254740993", 3)


def test_a_time_that_does_not_fit_is_shown_as_a_time():
    for text, shown, zone in (("9000-01-02T03:04:05", "9000-01-02T03:04:05", ""),
                              ("9000-01-02T03:04:05Z", "9000-01-02T03:04:05Z", ", UTC")):  # fmt: skip
        read = rl.read_csv(f"t\n{text}\n".encode(), schema={"t": f"timestamp[us{zone}]"})
        error = fails(lambda read=read, zone=zone: read.select(n=rl.col("t").cast(f"timestamp[ns{zone}]")))
        assert (error.column, error.value, error.line) == ("t", shown, 2)
        assert str(error).startswith(f'col("t").cast("timestamp[ns{zone}]"): {shown} does not fit timestamp[ns')
    read = rl.read_csv(b"d\n9000-01-02\n").select(t=rl.col("d").cast("timestamp[ns]"))
    assert fails(lambda: read, rl.ResultOverflowError).value == "9000-01-02"


def test_wrong_types_are_errors_at_the_call():
    for make in (
        lambda: rl.read_csv(),
        lambda: rl.read_csv(b"", batch_rows="1"),
        lambda: rl.read_csv(b"", schema=["a"]),
        lambda: rl.read_csv(b"", time=3),
        lambda: rl.from_batches(5),
        lambda: rl.from_rows(5),
        lambda: rl.read_csv(b"").filter(3),
        lambda: rl.read_csv(b"").map_batches(3),
        lambda: rl.read_csv(b"").window("1m"),
        lambda: rl.read_csv(b"").limit(1.5),
    ):
        with pytest.raises(TypeError):
            make()


def test_errors_are_the_same_from_every_form(source):
    data = b"a,b\n" + b"1,2\n" * 10 + b"x,2\n"
    error = fails(lambda: rl.read_csv(source(data), schema={"a": "int64"}), rl.BadRowError)
    assert (error.column, error.value) == ("a", "x")


def test_a_source_is_named_as_it_was_given(tmp_path):
    assert fails(lambda: rl.read_csv(b"a,b\n1\n"), rl.BadRowError).source == "<bytes>"
    assert fails(lambda: rl.read_csv(Trickle(b"a,b\n1\n")), rl.BadRowError).source == "<file>"
    target = tmp_path / "x.csv"
    target.write_bytes(b"a,b\n1\n")
    assert fails(lambda: rl.read_csv(str(target)), rl.BadRowError).source == str(target)


def test_skipping_more_lines_than_there_are():
    assert "no header" in str(fails(lambda: rl.read_csv(b"a,b\n1,2\n", skip_rows=2**63 - 1)))


def test_a_bad_header_is_not_mended_by_skipping_rows():
    assert "on_error" not in str(fails(lambda: rl.read_csv(b"a,\xff\n1,2\n")))


def test_gzip_is_read_through_a_file_object(tmp_path):
    target = tmp_path / "a.csv.gz"
    target.write_bytes(gzip.compress(b"a\n1\n2\n"))
    with gzip.open(target) as file:
        assert [row for batch in rl.read_csv(file) for row in batch.rows()] == [(1,), (2,)]


@pytest.mark.parametrize("batch_rows", [1, 9])
def test_what_comes_after_an_error_is_not_among_the_rejects(batch_rows):
    data = b"t,v\ny,1\n5,1\n10,1\n7,1\n20,x\n"
    stream = rl.read_csv(data, time="t", schema={"t": "int64", "v": "int64"}, on_error="keep", batch_rows=batch_rows)
    it = iter(stream.window(rl.tumbling(2)).agg(n=rl.sum("v")))
    with pytest.raises(rl.LateRowError):
        list(it)
    assert [batch["line"].tolist() for batch in it.rejects] == [[2]]


@pytest.mark.parametrize("depth", [65, 100_000])
def test_a_type_that_nests_without_end_is_refused(depth):
    with pytest.raises(rl.ArgumentError, match="nests deeper than 64"):
        rl.read_csv(b"x\n1\n", schema={"x": "list<" * depth + "int64" + ">" * depth}).schema  # noqa: B018


def test_a_wrong_type_is_shown_in_part():
    with pytest.raises(rl.ArgumentError) as caught:
        rl.read_csv(b"x\n1\n", schema={"x": "fixed_list<int64>[-1]" + " " * 9_999 + "?"}).schema  # noqa: B018
    assert "fixed_list<int64>[-1]" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("dtype", "key", "shown"),
    [
        ("uint64", 2**64 - 1, "18446744073709551615"),
        ("int64", -1, "-1"),
        ("string", "", '""'),
        ("string", None, "null"),
        ("bool", True, "true"),
        ("float64", 0.5, "0.5"),
        ("date", datetime.date(2024, 2, 29), "2024-02-29"),
    ],
)
def test_keys_are_shown_as_they_are_written(dtype, key, shown):
    stream = rl.from_rows([(0, key, 2**63 - 1)] * 2, schema={"t": "int64", "k": dtype, "x": "int64"}, time="t")
    with pytest.raises(rl.ResultOverflowError, match=f"s of k={shown} in the window that ends at 10: the sum"):
        list(stream.window(rl.tumbling(10), by="k").agg(s=rl.sum("x")))
    with pytest.raises(rl.ResultOverflowError, match=rf"s of the group \({shown}\): the sum"):
        list(stream.group_by("k").agg(s=rl.sum("x")))
