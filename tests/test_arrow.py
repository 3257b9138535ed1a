"""Arrow in and out: polars, pyarrow, pandas and duckdb take our batches and streams, and give theirs."""

import contextlib
import gc
import signal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rillet as rl
from compare import dicts, exact, rows

CSV = (
    b"i,f,s,b,d,t\n"
    b"1,0.5,x,true,2020-01-01,2020-01-01T00:00:00.5Z\n"
    b"2,,,,,\n"
    b"3,-0.0,\xc3\xa9,false,1969-12-31,1969-12-31T23:59:59Z\n"
)
TYPES = {
    "i": pa.int64(),
    "f": pa.float64(),
    "b": pa.bool_(),
    "d": pa.date32(),
    "t": pa.timestamp("us", "UTC"),
}


def stream(**options):
    return rl.read_csv(CSV, **options)


def test_pyarrow_takes_a_stream_and_a_batch():
    table = pa.table(stream(batch_rows=2))
    for name, dtype in TYPES.items():
        assert table.schema.field(name).type == dtype
    assert table["s"].to_pylist() == ["x", None, "é"]
    assert table["t"].to_pylist()[1] is None
    batches = [pa.record_batch(batch) for batch in stream(batch_rows=2)]
    assert pa.Table.from_batches(batches).equals(table)
    table.validate(full=True)
    reader = pa.RecordBatchReader.from_stream(stream(batch_rows=2))
    assert [batch.num_rows for batch in reader] == [2, 1]


def test_polars_takes_a_stream_and_a_batch():
    frame = pl.DataFrame(stream(batch_rows=2))
    assert frame.columns == ["i", "f", "s", "b", "d", "t"]
    assert frame["s"].to_list() == ["x", None, "é"] and frame["i"].dtype == pl.Int64
    assert frame["t"].dtype == pl.Datetime("us", "UTC")
    parts = [pl.DataFrame(batch) for batch in stream(batch_rows=2)]
    assert pl.concat(parts).equals(frame, null_equal=True)


def test_duckdb_takes_a_stream():
    readings = stream(batch_rows=2)  # noqa: F841 - duckdb finds it by name
    assert duckdb.sql("select sum(i), count(f), max(s) from readings").fetchall() == [(6, 2, "é")]


def test_duckdb_takes_a_batch():
    (batch,) = list(stream())
    readings = batch  # noqa: F841 - duckdb finds it by name
    assert duckdb.sql("select count(*), count(b) from readings").fetchall() == [(3, 2)]


def test_pandas_takes_a_stream():
    frame = pa.table(stream()).to_pandas()
    assert frame["i"].tolist() == [1, 2, 3] and frame["s"].isna().tolist() == [False, True, False]
    assert pd.DataFrame.from_arrow(stream())["i"].tolist() == [1, 2, 3]


def test_exports_share_their_memory():
    (batch,) = list(stream())
    address = pa.record_batch(batch)["f"].buffers()[1].address
    assert batch["f"].__array_interface__["data"][0] == address


def test_exports_outlive_all_else():
    tables = [pa.record_batch(batch) for batch in rl.read_csv(b"x,s\n" + b"7,text\n" * 5000, batch_rows=500)]
    gc.collect()
    assert sum(table["x"].to_numpy().sum() for table in tables) == 35_000
    assert {text for table in tables for text in table["s"].to_pylist()} == {"text"}


def test_capsules_have_the_names_of_the_protocol():
    (batch,) = list(stream())
    schema, array = batch.__arrow_c_array__(None)
    assert "arrow_schema" in repr(schema) and "arrow_array" in repr(array)
    assert "arrow_array_stream" in repr(stream().__arrow_c_stream__())


def test_an_error_in_an_exported_stream_reaches_the_reader():
    with pytest.raises(Exception, match="line 3"):
        pa.table(rl.read_csv(b"a\n1\nx\n", schema={"a": "int64"}))


class BoomError(Exception):
    """An exception of the user's."""


def raising(error):
    """A stream that raises this once it is read."""

    def batches():
        yield {"x": [1]}
        raise error

    return rl.from_batches(batches, schema={"x": "int64"})


READERS = [pa.table, pl.DataFrame, lambda stream: pa.RecordBatchReader.from_stream(stream).read_all()]


@pytest.mark.parametrize("read", READERS)
def test_an_exception_in_an_exported_stream_is_named(read):
    with pytest.raises(Exception, match=r"\bBoomError: hello"):
        read(raising(BoomError("hello")))
    with pytest.raises(Exception, match=r"\bZeroDivisionError$"):
        read(raising(ZeroDivisionError()))


@pytest.mark.parametrize("read", READERS)
def test_an_interrupt_in_an_exported_stream_is_raised_again(read):
    seen = []
    known = signal.signal(signal.SIGINT, lambda *_: seen.append("interrupt"))
    try:
        with pytest.raises(Exception, match=r"\bKeyboardInterrupt$"):
            read(raising(KeyboardInterrupt()))
    finally:
        signal.signal(signal.SIGINT, known)
    assert seen == ["interrupt"]
    with pytest.raises(KeyboardInterrupt), contextlib.suppress(Exception):
        read(raising(KeyboardInterrupt()))


WANT = [(1, 0.5, "x"), (2, None, None), (3, -0.0, "é")]


ARROW = pa.table({"i": [1, 2, 3], "f": [0.5, None, -0.0], "s": ["x", None, "é"]})


def retyped(text):
    """ARROW with another type of text."""
    return ARROW.set_column(2, "s", ARROW["s"].cast(text))


GIVEN = {
    "pyarrow table": lambda: ARROW,
    "pyarrow chunks": lambda: pa.concat_tables([ARROW[:1], ARROW[1:]]),
    "pyarrow batch": lambda: ARROW.to_batches()[0],
    "pyarrow slice": lambda: pa.concat_tables([ARROW, ARROW]).combine_chunks()[3:],
    "pyarrow reader": lambda: ARROW.to_reader(),
    "pyarrow large text": lambda: retyped(pa.large_string()),
    "pyarrow text view": lambda: retyped(pa.string_view()),
    "pyarrow dictionary": lambda: ARROW.set_column(2, "s", ARROW["s"].dictionary_encode()),
    "polars": lambda: pl.from_arrow(ARROW),
    "polars categorical": lambda: pl.from_arrow(ARROW).with_columns(pl.col("s").cast(pl.Categorical)),
    "pandas": lambda: ARROW.to_pandas(types_mapper={pa.float64(): pd.Float64Dtype()}.get),
    "duckdb": lambda: duckdb.from_arrow(ARROW),
    "ours": lambda: rl.from_arrow(ARROW),
    "our batch": lambda: next(iter(rl.from_arrow(ARROW))),
}
"""The rows WANT in every kind of Arrow data, made anew at each call."""


@pytest.mark.parametrize("give", GIVEN.values(), ids=GIVEN)
def test_arrow_data_is_a_source(give):
    out = rl.from_arrow(give())
    assert dict(out.schema) == {"i": "int64", "f": "float64", "s": "string"}
    assert exact(rows(out)) == exact(WANT)


@pytest.mark.parametrize("name", ["pyarrow table", "polars", "pyarrow chunks"])
@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_arrow_sources_are_cut_and_re_readable(name, batch_rows):
    out = rl.from_arrow(GIVEN[name](), batch_rows=batch_rows)
    assert [len(batch) for batch in out] == {1: [1, 1, 1], 2: [2, 1], 100: [3]}[batch_rows]
    assert exact(rows(out)) == exact(WANT)


def test_a_reader_is_read_once():
    out = rl.from_arrow(GIVEN["pyarrow reader"]())
    assert len(rows(out)) == 3
    with pytest.raises(rl.StreamConsumedError):
        iter(out)


def test_batches_of_many_kinds_are_sources():
    batches = [
        {"i": np.array([1]), "f": np.array([0.5])},
        pa.record_batch({"i": [2], "f": [1.5]}),
        pl.DataFrame({"i": [3], "f": [2.5]}),
        next(iter(rl.read_csv(b"i,f\n4,3.5\n"))),
    ]
    assert rows(rl.from_batches(batches)) == [(1, 0.5), (2, 1.5), (3, 2.5), (4, 3.5)]


def test_a_later_batch_with_other_columns_is_an_error():
    batches = [{"i": np.array([1])}, {"j": np.array([1])}]
    with pytest.raises(rl.Error, match="j"):
        rows(rl.from_batches(batches))


PASSING = {
    "decimal": pa.array([1, None], pa.decimal128(10, 2)),
    "binary": pa.array([b"\xff\x00", None]),
    "time": pa.array([1, None], pa.time64("us")),
    "duration": pa.array([1, None], pa.duration("ns")),
    "list": pa.array([[1, 2], None]),
    "struct": pa.array([{"a": 1, "b": "x"}, None]),
    "null": pa.nulls(2),
    "fixed list": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
    "zoned": pa.array([1, None], pa.timestamp("ms", "Europe/Paris")),
    "uint16": pa.array([1, None], pa.uint16()),
}


@pytest.mark.parametrize("column", PASSING.values(), ids=PASSING)
def test_types_that_nothing_computes_on_pass_untouched(column):
    table = pa.table({"t": pa.array([1, 2], pa.int64()), "x": column})
    out = rl.from_arrow(table, time="t").filter(rl.col("t") > 0).rebatch(1)
    back = pa.table(out)
    assert back["x"].type == column.type and back["x"].to_pylist() == column.to_pylist()
    last = pa.table(rl.from_arrow(table, time="t").window(rl.tumbling(1)).agg(x=rl.first("x")))
    assert last["x"].type == column.type and last["x"].to_pylist() == column.to_pylist()


def test_windows_over_polars_and_back():
    frame = pl.DataFrame({"t": [0, 5, 10, 15], "x": [1.0, 2.0, 3.0, 4.0]})
    out = pl.DataFrame(rl.from_arrow(frame, time="t").window(rl.tumbling(10)).agg(s=rl.sum("x")))
    assert out.rows() == [(0, 10, 3.0), (10, 20, 7.0)]


def test_a_float_time_column_names_the_cast():
    source = rl.from_arrow(pa.table({"t": [0.5]}), time="t")
    with pytest.raises(rl.SchemaError, match="cast"):
        dicts(source)


def test_nulls_to_which_polars_gives_a_buffer_are_taken():
    frame = pl.DataFrame({
        "a": [None, None], "b": [1, 2], "c": [[], None], "d": [{"x": None, "y": 5}, None], "e": [[None, None], [None]],
    })  # fmt: skip
    for data in (frame, frame.slice(1), frame.clear(), frame[["a"]]):
        for stream in (rl.from_arrow(data), rl.from_batches([data])):
            assert rows(stream) == data.rows()
            assert pl.DataFrame(stream).equals(data, null_equal=True)
    assert rows(rl.from_arrow(frame).select("b")) == [(1,), (2,)]
    assert rows(rl.from_arrow(frame).group_by().agg(n=rl.count("a"), b=rl.sum("b"))) == [(0, 3)]


def test_what_is_not_arrow_is_refused():
    for wrong in ([1, 2], "path", 3, None):
        with pytest.raises(rl.ArgumentTypeError):
            rl.from_arrow(wrong)


def texts(offsets, data, dtype=None):
    """A text column of these buffers, of which pyarrow only checks the ends."""
    kind = np.int64 if dtype == pa.large_string() else np.int32
    buffers = [None, pa.py_buffer(np.array(offsets, kind).tobytes()), pa.py_buffer(data)]
    return pa.Array.from_buffers(dtype or pa.string(), len(offsets) - 1, buffers)


@pytest.mark.parametrize("dtype", [pa.string(), pa.large_string()])
@pytest.mark.parametrize(
    ("offsets", "data"),
    [
        ([0, 5, 3], b"abc"),  # one ends beyond the bytes
        ([0, 2, 1, 3], b"abc"),  # they descend
        ([0, -1, 3], b"abc"),  # one starts before the bytes
        ([0, 1], b"\xff"),  # it is not UTF-8
        ([0, 1, 3], "éa".encode()),  # it cuts a character
    ],
)
def test_texts_that_break_the_rules_of_arrow_are_refused(dtype, offsets, data):
    table = pa.table({"k": texts(offsets, data, dtype)})
    with pytest.raises(ValueError, match="malformed Arrow data"):
        list(rl.from_arrow(table))


@pytest.mark.parametrize("view", [b"\x02\0\0\0a\xff", b"\x01\0\0\0ab", b"\x02\0\0\0\xc3("])
def test_views_that_break_the_rules_of_arrow_are_refused(view):
    buffers = [None, pa.py_buffer(view.ljust(16, b"\0"))]
    table = pa.table({"k": pa.Array.from_buffers(pa.string_view(), 1, buffers)})
    with pytest.raises(ValueError, match="malformed Arrow data"):
        list(rl.from_arrow(table))


@pytest.mark.parametrize("dtype", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts_that_keep_them_are_taken(dtype):
    for words in (["", "a", "bc"], ["é", "", "日本"], []):
        table = pa.table({"k": pa.array([*words, None, *words], dtype)}).slice(1)
        assert rows(rl.from_arrow(table)) == [(word,) for word in [*words, None, *words][1:]]


@pytest.mark.parametrize("codes", [[0, 2], [-1, 0]])
def test_codes_beyond_their_dictionary_are_refused(codes):
    buffers = [None, pa.py_buffer(np.array(codes, np.int32).tobytes())]
    coded = pa.DictionaryArray.from_buffers(
        pa.dictionary(pa.int32(), pa.string()), len(codes), buffers, pa.array(["a", "b"])
    )
    with pytest.raises(ValueError, match="malformed Arrow data"):
        list(rl.from_arrow(pa.table({"k": coded})))


@pytest.mark.parametrize("give", [pa.table, pa.record_batch, lambda columns: pa.table(columns).to_reader()])
def test_columns_that_nobody_needs_are_not_looked_at(give):
    # A slice, so that rows do not begin where buffers do.
    columns = {
        "t": pa.array(range(6)),
        "k": texts([0, 1, 2, 3, 3, 2, 3], b"abc"),
        "x": pa.array([9, 1, None, 3, 4, 5]),
    }
    wrong = {name: column.slice(1) for name, column in columns.items()}
    windows = rl.from_arrow(give(wrong), time="t").window(rl.tumbling(2))
    assert rows(windows.agg(x=rl.sum("x"), n=rl.count())) == [(0, 2, 1, 1), (2, 4, 3, 2), (4, 6, 9, 2)]
    stream = rl.from_arrow(give(wrong), time="t").filter(rl.col("x") > 3).select(y=rl.col("x") * 2)
    assert rows(stream) == [(8,), (10,)]
    with pytest.raises(ValueError, match="malformed Arrow data"):
        rows(rl.from_arrow(give(wrong), time="t").window(rl.tumbling(2), by="k").agg(n=rl.count()))


def test_columns_that_are_needed_by_way_of_others_are_read():
    table = pa.table({"c": [5, 6, 7], "t": [1, 2, 9], "b": [1, 1, 2], "a": [7, 8, 9], "k": ["x", "y", "x"]})

    def read():
        return rl.from_arrow(table, time="t")

    both = rl.merge(read().select("t", x=rl.col("a")), read().select("t", x=rl.col("c")))
    assert rows(both) == [(1, 7), (1, 5), (2, 8), (2, 6), (9, 9), (9, 7)]
    count = {"n": rl.count()}
    early = rl.from_arrow(table).window(rl.tumbling(3), time=rl.col("t") - rl.col("b"))
    assert rows(early.agg(**count)) == [(0, 3, 2), (6, 9, 1)]
    assert rows(read().window(rl.session(rl.col("b")), by=(rl.col("c") > 5).alias("g")).agg(**count)) == [
        (1, 2, False, 1), (2, 3, True, 1), (9, 11, True, 1),
    ]  # fmt: skip
    weighed = read().group_by().agg(m=rl.mean("a", weight="b"), s=rl.sum("c", where=rl.col("k") == "x"))
    assert rows(weighed) == [(33 / 4, 12)]


def test_rows_that_are_set_aside_have_all_columns():
    table = pa.table({"c": [5, 6, 7], "t": [1, 20, 3], "k": ["x", "y", "x"]})
    it = iter(rl.from_arrow(table, time="t").window(rl.tumbling(5), late="keep").agg(n=rl.count()))
    assert rows(it) == [(0, 5, 1), (20, 25, 1)]
    assert dicts(it.late) == [{"c": 7, "t": 3, "k": "x", "_reason": "late", "_missed": 1}]
    guarded = rl.from_arrow(table, time="t").window(rl.tumbling(5), late="drop", max_ahead=5, ahead="keep")
    it = iter(guarded.agg(n=rl.count()))
    assert rows(it) == [(0, 5, 2)]
    assert [row["k"] for row in dicts(it.late)] == ["y"]


def test_a_slice_of_structs_is_read_from_where_it_begins():
    structs = pa.StructArray.from_arrays([pa.array(range(9)), pa.array(range(100, 109))], ["t", "x"])
    for at, count in [(0, 9), (1, 5), (4, 5), (8, 1), (9, 0)]:
        piece = structs.slice(at, count)
        for chunks in ([piece], [piece, structs.slice(0, 2)]):
            stream = rl.from_arrow(pa.chunked_array(chunks, structs.type))
            want = [row["x"] for chunk in chunks for row in chunk.to_pylist()]
            assert rows(stream.select("x")) == [(x,) for x in want]
            assert rows(stream.group_by().agg(x=rl.sum("x"))) == [(sum(want) if want else None,)]


def test_texts_within_others_that_break_the_rules_are_refused():
    wrong = texts([0, 1, 2], b"a\xff")
    for array in (
        wrong,
        pa.DictionaryArray.from_arrays(pa.array([0, 0]), wrong),
        pa.ListArray.from_arrays([0, 1, 2], wrong),
        pa.StructArray.from_arrays([wrong], ["a"]),
    ):
        table = pa.table({"i": [1, 2], "k": array})
        for stream in (rl.from_arrow(table), rl.from_arrow(table).select("k"), rl.from_batches([table])):
            with pytest.raises(ValueError, match=r'malformed Arrow data: .*column "k"'):
                list(stream)


@pytest.mark.parametrize("batch_rows", [None, 1, 2])
@pytest.mark.parametrize("give", [pa.table, pa.record_batch])
def test_rows_are_counted_where_no_column_is_needed(give, batch_rows):
    data = give({"k": pa.array(list("abcde"))})
    counted = rl.from_arrow(data, batch_rows=batch_rows).window(rl.count(2)).agg(n=rl.count())
    assert rows(counted.select("n")) == [(2,), (2,), (1,)]
    with pytest.raises(rl.ArgumentError, match="rows are null"):
        null = pa.StructArray.from_arrays([pa.array([1, 2])], ["k"], mask=pa.array([True, False]))
        rows(rl.from_arrow(null).window(rl.count(2)).agg(n=rl.count()))


@pytest.mark.parametrize(
    "dtype", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_texts_of_any_length_are_keys(dtype):
    draw = np.random.default_rng(7)
    lengths = [0, 1, 6, 7, 8, 9, 14, 15, 16, 17, 40]
    known = ["".join(draw.choice(list("ab\0é"), n)) for n in lengths for _ in range(8)]
    texts = [None if i == 0 else known[i] for i in draw.integers(0, len(known), 5_000)]
    counted = {}
    for text in texts:
        counted[text] = counted.get(text, 0) + 1
    table = pa.table({"k": pa.array(texts).cast(dtype)})
    stream = rl.from_arrow(table, batch_rows=300).group_by("k").agg(n=rl.count())
    assert rows(stream) == list(counted.items())
    timed = table.append_column("t", pa.array(range(len(texts))))
    windows = rl.from_arrow(timed, time="t").window(rl.tumbling(10_000), by="k").agg(n=rl.count())
    assert [row[2:] for row in rows(windows)] == list(counted.items())
