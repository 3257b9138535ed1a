"""Reading CSV: one content in every form of source, dialect, types, good and bad rows."""

import glob
import io
import math
import os
import pathlib
import sys
import tempfile
import types
import zipfile

import pytest

import rillet as rl
from compare import assert_rows, dicts, exact, rows
from reference_csv import read_csv
from sources import FORMS

TABLE = (
    b"t,k,x,flag,day,at\n"
    b"1,a,1.5,true,2020-01-01,2020-01-01T00:00:00Z\n"
    b'2,"b, c",,false,2020-01-02,2020-01-01 00:00:01+01:00\n'
    b'3,"",nan,TRUE,,2020-01-01T00:00:00.000001Z\n'
    b'4,"x\ny ""z""",-0.0,,1969-12-31,\n'
    b",,1e400,False,2020-01-05,1960-01-01T00:00Z\n"
)


def test_every_form_of_source_gives_the_same_rows(source):
    stream = rl.read_csv(source(TABLE))
    want = read_csv(TABLE)
    assert dict(stream.schema) == want.schema
    assert_rows(dicts(stream), want.rows)


@pytest.mark.parametrize("data", [bytearray(TABLE), memoryview(TABLE)], ids=["bytearray", "memoryview"])
def test_bytes_like_objects_are_sources(data):
    assert_rows(dicts(rl.read_csv(data)), read_csv(TABLE).rows)


DIALECTS = {
    "no newline at the end": (b"a,b\n1,2", {}, [(1, 2)]),
    "crlf": (b"a,b\r\n1,2\r\n3,4\r\n", {}, [(1, 2), (3, 4)]),
    "mixed ends of line": (b"a,b\n1,2\r\n3,4\n", {}, [(1, 2), (3, 4)]),
    "a lone carriage return is data": (b"a,b\nx\ry,2\n", {}, [("x\ry", 2)]),
    "byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", {}, [(1, 2)]),
    "blank lines": (b"\n\r\na,b\n\n1,2\n\r\n\n3,4\n\n", {}, [(1, 2), (3, 4)]),
    "blanks are not blank": (b"a\n \n", {}, [(" ",)]),
    "comments": (b"#x\na,b\n#1,2\n3,4\n5,#6\n", {"comment": "#"}, [(3, "4"), (5, "#6")]),
    "no comment inside quotes": (b'a\n"x\n#y"\n', {"comment": "#"}, [("x\n#y",)]),
    "skip rows": (b'any"thing\n\na,b\n1,2\n', {"skip_rows": 2}, [(1, 2)]),
    "semicolons": (b"a;b\n1;2,5\n", {"delimiter": ";"}, [(1, "2,5")]),
    "tabs": (b"a\tb\n1\t2\n", {"delimiter": "\t"}, [(1, 2)]),
    "other quote": (b"a,b\n'x,''y',\"\n", {"quote": "'"}, [("x,'y", '"')]),
    "quote inside a field": (b'a,b\nx"y"z,5" pipe\n', {}, [('x"y"z', '5" pipe')]),
    "doubled quotes": (b'a\n"x ""y"""\n""""\n', {}, [('x "y"',), ('"',)]),
    "quoted newlines": (b'a,b\n"1\n2","3\r\n4"\n', {}, [("1\n2", "3\r\n4")]),
    "unquoted empty is null, quoted is empty": (b'a,b\nx,""\n,y\n', {}, [("x", ""), (None, "y")]),
    "null values": (b'a,b\nNA,1\n"NA",-\n', {"null_values": ("NA", "-")}, [(None, 1), ("NA", None)]),
    "no trimming": (b"a,b\n x , 1\n", {}, [(" x ", " 1")]),
    "quoted numbers are numbers": (b'a,b\n"1","2.5"\n', {}, [(1, 2.5)]),
    "quoted header": (b'"a ""b""","c,\nd"\n1,2\n', {}, [(1, 2)]),
    "text": ("a\nÿ€😀\n".encode(), {}, [("ÿ€😀",)]),
}


@pytest.mark.parametrize(("data", "options", "want"), DIALECTS.values(), ids=DIALECTS)
def test_dialects(data, options, want):
    assert rows(rl.read_csv(data, **options)) == want


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("true,FALSE", "bool"),
        ("0,1", "int64"),
        ("+1,-0,007", "int64"),
        ("-9223372036854775808,9223372036854775807", "int64"),
        ("9223372036854775808", "float64"),
        ("1,.5,5.,1e3,-1E-3", "float64"),
        ("inf,-Infinity,NaN,1", "float64"),
        ("1e999,5e-324,1e-400", "float64"),
        ("0.1,123456789012345678,2.2250738585072011e-308", "float64"),
        ("2020-02-29,0001-01-01,9999-12-31", "date"),
        ("2020-01-01 00:00,2020-01-01T00:00:00.5,2020-01-01", "timestamp[us]"),
        ("2020-01-01T00:00:00.1234567", "timestamp[ns]"),
        ("2020-01-01T00:00:00Z,2020-01-01T00:00:00-0330", "timestamp[us, UTC]"),
        ("2020-01-01T00:00:00.123456789+01", "timestamp[ns, UTC]"),
        ("2020-01-01T00:00:00Z,2020-01-01T00:00:00", "string"),
        ("2021-02-29", "string"),
        ("1,true", "string"),
        ("tRUE", "string"),
        ("1_000", "string"),
        ("0x10", "string"),
        ("1e", "string"),
        ("infinit", "string"),
        ("--1", "string"),
        ("\u0661", "string"),
    ],
)
def test_inference(text, dtype):
    data = ("n,x\n" + "".join(f"0,{value}\n" for value in text.split(","))).encode()
    stream = rl.read_csv(data)
    assert stream.schema["x"] == dtype
    assert exact(rows(stream)) == exact(read_csv(data).rows)


def test_a_column_of_nulls_is_text():
    assert rl.read_csv(b"a,b\n1,\n2,\n").schema["b"] == "string"


def test_the_sample_decides_and_then_holds():
    data = b"a\n1\n2\n3.5\n"
    assert rl.read_csv(data).schema["a"] == "float64"
    stream = rl.read_csv(data, infer_rows=2)
    assert stream.schema["a"] == "int64"
    with pytest.raises(rl.BadRowError) as caught:
        rows(stream)
    assert (caught.value.row, caught.value.column, caught.value.value) == (2, "a", "3.5")


@pytest.mark.parametrize(
    ("text", "dtype", "want"),
    [
        ("2020-01-01", "timestamp[s]", 1577836800),
        ("1969-12-31T23:59:59.999", "timestamp[ms]", -1),
        ("2020-01-01T01:30+01:30", "timestamp[s, UTC]", 1577836800),
        ("1700000000", "timestamp[s]", 1700000000),
        ("1700000000.25", "timestamp[ms]", 1700000000250),
        ("0.1", "timestamp[us]", 100000),
        ("-0.000000001", "timestamp[ns]", -1),
        ("1970-01-01T00:00:00.120000", "timestamp[ms]", 120),
        ("255", "uint8", 255),
        ("-128", "int8", -128),
        ("18446744073709551615", "uint64", 2**64 - 1),
        ("0.1", "float32", 0.10000000149011612),
        ("1", "string", "1"),
        ("1", "float64", 1.0),
    ],
)
def test_declared_types(text, dtype, want):
    stream = rl.read_csv(f"a\n{text}\n".encode(), schema={"a": dtype})
    assert stream.schema["a"] == dtype
    assert rows(stream) == [(want,)]


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("1970-01-01T00:00:00.1234", "timestamp[ms]"),
        ("0.0001", "timestamp[ms]"),
        ("1970-01-01T00:00:00Z", "timestamp[ms]"),
        ("1970-01-01T00:00:00", "timestamp[ms, UTC]"),
        ("2300-01-01", "timestamp[ns]"),
        ("1970-01-01T24:00:00", "timestamp[s]"),
        ("1970-01-01T00:60:00", "timestamp[s]"),
        ("1970-13-01", "timestamp[s]"),
        ("256", "uint8"),
        ("-1", "uint64"),
        ("9223372036854775808", "int64"),
        ("1.0", "int64"),
        ("yes", "bool"),
        ("1970-02-30", "date"),
    ],
)
def test_texts_that_a_declared_type_refuses(text, dtype):
    with pytest.raises(rl.BadRowError) as caught:
        rows(rl.read_csv(f"a\n{text}\n".encode(), schema={"a": dtype}))
    assert (caught.value.column, caught.value.value, caught.value.line) == ("a", text, 2)


def test_columns_select_and_convert_no_others():
    stream = rl.read_csv(b"a,b,c\n1,2,x\n3,y,z\n", columns=["c", "a"], infer_rows=1)
    assert list(stream.schema) == ["c", "a"]
    assert rows(stream) == [("x", 1), ("z", 3)]


PLACES = {
    "plain": [b"1,a\n", b"2,b\n", b"3,c\n", b"4,d\n", b"5,e\n"],
    "quotes": [b'1,"a\nb"\n', b'2,"\n\n"\n', b'"3",c\n', b'4,"d\n"\n', b"5,e\n"],
    "blank lines": [b"\n", b"1,a\n", b"\r\n\n", b"2,b\r\n", b"3,c\n", b"\n\n", b"4,d\n", b"\n", b"5,e\n", b"\n"],
    "bad rows": [b"x,a\n", b"1,a\n", b'2,"\nb"\n', b"z,\n", b"1,2,3\n", b"3,c\n", b"4,d\n", b"y,y\n", b"5,e\n"],
}


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
def test_rows_tell_their_places(what, batch_rows):
    head, places = b"i,s\n", []
    for line in PLACES[what]:
        if line.strip():
            places.append((head.count(b"\n") + 1, len(head), len(places)))
        head += line
    good = [line.strip(b'"')[:1] in b"12345" and line != b"1,2,3\n" for line in PLACES[what] if line.strip()]
    places = [place for place, is_good in zip(places, good, strict=True) if is_good]
    seen = []

    def see(batch):
        assert batch.origin == batch[:1].origin
        seen.extend(batch[row : row + 1].origin for row in range(len(batch)))
        return batch

    for then, want in ((lambda s: s, places), (lambda s: s.filter(rl.col("i") > 2), places[2:]),
                       (lambda s: s.limit(4), places[:4]), (lambda s: s.rebatch(4).select("s"), places)):  # fmt: skip
        seen.clear()
        read = rl.read_csv(head, batch_rows=batch_rows, schema={"i": "int64"}, on_error="skip", check="all")
        list(then(read).map_batches(see))
        assert [(origin["line"], origin["byte"], origin["row"]) for origin in seen] == want


def test_errors_after_reading_tell_their_places():
    head = b'a,s\n1,"x\ny"\n7,z\n2,\n'
    for stream in (
        rl.read_csv(head).select(z=rl.col("a") // (rl.col("a") - 7)),
        rl.read_csv(head).filter(1 % (rl.col("a") - 7) > 5),
        rl.read_csv(head).group_by((rl.col("a") // (rl.col("a") - 7)).alias("k")).agg(n=rl.count()),
    ):
        with pytest.raises(rl.ResultOverflowError) as caught:
            rows(stream)
        error = caught.value
        assert (error.source, error.line, error.byte, error.row) == ("<bytes>", 4, 12, 1)
        assert str(error).endswith("is an integer division by zero (<bytes>, line 4, byte 12)")
    (batch,) = rl.read_csv(b"a,s\n1,\n,x\n")
    with pytest.raises(rl.NullValueError) as caught:
        batch["a"]
    assert (caught.value.line, caught.value.byte, caught.value.row) == (3, 7, 1)


def test_an_unused_column_cannot_make_a_row_bad():
    stream = rl.read_csv(b"a,b\n1,2\n3,y\n", infer_rows=1)
    assert rows(stream.select("a")) == [(1,), (3,)]
    with pytest.raises(rl.BadRowError, match="b"):
        rows(rl.read_csv(b"a,b\n1,2\n3,y\n", infer_rows=1, check="all").select("a"))


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("threads", [1, 3])
def test_batches_are_cut_exactly_at_batch_rows(source, batch_rows, threads):
    data = b"a\n" + b"".join(b"%d\n" % n for n in range(20))
    batches = list(rl.read_csv(source(data), batch_rows=batch_rows, threads=threads))
    lengths = [len(batch) for batch in batches]
    assert lengths[:-1] == [batch_rows] * (len(lengths) - 1)
    assert 1 <= lengths[-1] <= batch_rows
    assert rows(batches) == [(n,) for n in range(20)]


def test_globs_are_sorted_by_path(tmp_path):
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.csv").write_text(f"x\n{name}\n")
    assert rows(rl.read_csv(tmp_path / "*.csv")) == [("a",), ("b",), ("c",)]


GLOBS = ["*.csv", "?.csv", "[ab].csv", "[!a].csv", "*/*.csv", "*/a.csv", "d/*", "./d/../*.csv", "d//[a-c].csv",
         "**/*.csv", "**/a.csv", "d/**/*.csv", "**/**/e/*.csv", ".*/*.csv", "*/e/../*.csv"]  # fmt: skip


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("pattern", GLOBS)
def test_globs_match_as_those_of_python_do(tmp_path, monkeypatch, pattern, absolute):
    for name in ("a.csv", "b.csv", ".c.csv", "ab.csv", "d/a.csv", "d/é.csv", "d/e/a.csv", "d/e/b.csv", ".f/a.csv"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_text(f"x\n{name}\n")
    monkeypatch.chdir(tmp_path)
    if absolute:
        pattern = f"{tmp_path}/{pattern}"
    found = map(pathlib.Path, sorted(set(glob.glob(pattern, recursive=True, include_hidden=True))))
    want = [path.read_text()[2:-1] for path in found if path.is_file()]
    if pattern.endswith("d/*"):
        with pytest.raises(IsADirectoryError):
            rows(rl.read_csv(pattern))
        pattern += ".csv"
    assert want and rows(rl.read_csv(pattern)) == [(name,) for name in want]


NOT_UTF8 = os.fsdecode(b"\xff.csv")


def test_names_that_are_not_utf8_are_refused_and_not_passed_over(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / NOT_UTF8).write_text("x\n2\n")
    (tmp_path / os.fsdecode(b"d\xff")).mkdir()
    (tmp_path / os.fsdecode(b"d\xff") / "b.txt").write_text("x\n3\n")
    for pattern in ("*.csv", "?.csv", "**/*.csv", "*/b.txt", "**/b.txt"):
        with pytest.raises(rl.ArgumentError, match=r"\\xFF.*: the name of the file is not UTF-8; rename it"):
            rows(rl.read_csv(tmp_path / pattern))
    assert rows(rl.read_csv(tmp_path / "a*.csv")) == [(1,)]
    for path in (tmp_path / NOT_UTF8, str(tmp_path / NOT_UTF8), [tmp_path / "a.csv", tmp_path / NOT_UTF8]):
        with pytest.raises(rl.ArgumentError, match=r"\\xff.csv': the name of the file is not UTF-8; rename it"):
            rl.read_csv(path)
    with open(tmp_path / NOT_UTF8, "rb") as file:
        assert rows(rl.read_csv(file)) == [(2,)]


def test_a_glob_does_not_go_round_in_circles(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    for name in "pq":
        (tmp_path / name).symlink_to(tmp_path)
    assert rows(rl.read_csv(tmp_path / "**" / "*.csv")) == [(1,)]


def test_what_is_no_glob_is_refused(tmp_path):
    for pattern in ("a[.csv", "a**.csv"):
        with pytest.raises(rl.ArgumentError, match="is not a glob"):
            rows(rl.read_csv(tmp_path / pattern))


def test_a_path_that_exists_is_no_glob(tmp_path):
    target = tmp_path / "a[1].csv"
    target.write_text("x\n1\n")
    assert rows(rl.read_csv(target)) == [(1,)]


def test_later_files_must_have_the_same_columns(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("a,c\n3,4\n")
    stream = rl.read_csv([tmp_path / "1.csv", tmp_path / "2.csv"], batch_rows=1)
    it = iter(stream)
    assert rows([next(it)]) == [(1, 2)]
    with pytest.raises(rl.Error, match=r"2\.csv"):
        next(it)


EMPTY = {
    "no bytes": b"",
    "a header": b"a,b\n",
    "no rows": b"a,b\n\n#x\n\n",
    "only a mark": b"\xef\xbb\xbf",
    "blank": b"\n\n",
}


@pytest.mark.parametrize("first", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("last", EMPTY.values(), ids=EMPTY)
def test_files_without_rows_tell_no_types_and_do_no_harm(tmp_path, first, last):
    for name, data in {"1": first, "2": b"a,b\n1,2.5\n", "3": last, "4": b"a,b\n3,4\n", "5": last}.items():
        (tmp_path / f"{name}.csv").write_bytes(data)
    stream = rl.read_csv(tmp_path / "*.csv", comment="#")
    assert dict(stream.schema) == {"a": "int64", "b": "float64"}
    it = iter(stream)
    assert rows(it) == [(1, 2.5), (3, 4.0)]
    lines = sum(data.count(b"\n") - data.count(b"a,b") for data in (first, last, last))
    (stats,) = it.stats
    assert stats["skipped_lines"] == lines
    assert stats["bytes_read"] == stats["bytes_total"] == sum(file.stat().st_size for file in tmp_path.iterdir())


def test_types_are_those_of_the_first_file_that_has_rows(tmp_path):
    (tmp_path / "1.csv").write_text("")
    (tmp_path / "2.csv").write_text("1,a\n2,b\n")
    (tmp_path / "3.csv").write_text("x,c\n")
    stream = rl.read_csv(tmp_path / "*.csv", names=["n", "k"])
    assert dict(stream.schema) == {"n": "int64", "k": "string"}
    with pytest.raises(rl.BadRowError, match=r"3\.csv"):
        rows(stream)


def test_files_without_rows_of_pipes(tmp_path):
    def fifo(name, data):
        (tmp_path / name).mkdir()
        return FORMS["fifo"](data, tmp_path / name)

    first, second = fifo("1", b"a\n"), fifo("2", b"a\n7\n")
    stream = rl.read_csv([first, second])
    assert dict(stream.schema) == {"a": "int64"}
    assert rows(stream) == [(7,)]


def test_files_of_which_none_has_a_header(tmp_path):
    for name in ("1", "2"):
        (tmp_path / f"{name}.csv").write_bytes(b"")
    with pytest.raises(rl.ArgumentError, match=r"1\.csv and 1 more: there is no header"):
        rows(rl.read_csv(tmp_path / "*.csv"))


def test_a_later_header_that_differs_is_told_though_the_first_file_has_no_rows(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n")
    (tmp_path / "2.csv").write_text("a,c\n1,2\n")
    with pytest.raises(rl.ArgumentError, match=r"2\.csv: the columns differ"):
        rows(rl.read_csv(tmp_path / "*.csv"))


def test_positions_start_anew_in_each_file(tmp_path):
    (tmp_path / "1.csv").write_text("a\n1\n2\n")
    (tmp_path / "2.csv").write_text("a\n3\n\nx\n")
    with pytest.raises(rl.BadRowError) as caught:
        rows(rl.read_csv(tmp_path / "*.csv", infer_rows=2))
    error = caught.value
    assert error.source.endswith("2.csv")
    assert (error.line, error.byte, error.row) == (4, 5, 1)


def test_standard_input(run):
    script = "import rillet as rl; print([row for b in rl.read_csv('-') for row in b.rows()])"
    done = run(script, input="a,b\n1,x\n")
    assert (done.stdout, done.stderr) == ("[(1, 'x')]\n", "")


BAD = b'a,b\n1,2\n3\n4,x\n"5"6,7\n8,9,10\n11,12\n"13,14\n'


def test_bad_rows_are_errors_by_default(source):
    it = iter(rl.read_csv(source(BAD), schema={"a": "int64", "b": "int64"}, batch_rows=1))
    assert rows([next(it)]) == [(1, 2)]
    with pytest.raises(rl.BadRowError) as caught:
        next(it)
    assert caught.value.line is not None and "on_error" in str(caught.value)
    assert list(it) == []


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_bad_rows_skipped_are_counted(batch_rows):
    stream = rl.read_csv(BAD, schema={"a": "int64", "b": "int64"}, on_error="skip", batch_rows=batch_rows)
    it = iter(stream)
    assert rows(it) == [(1, 2), (11, 12)]
    assert next(iter(it.stats))["rejected"] == 5


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_bad_rows_kept_are_told_with_their_place(batch_rows):
    schema = {"a": "int64", "b": "int64"}
    it = iter(rl.read_csv(BAD, schema=schema, on_error="keep", batch_rows=batch_rows))
    assert rows(it) == [(1, 2), (11, 12)]
    rejects = dicts(it.rejects)
    want = read_csv(BAD, schema=schema).rejects
    assert [list(row) for row in rejects] == [["source", "line", "byte", "column", "reason", "text"]] * 5
    got = [(row["source"], row["line"], row["byte"], row["column"], row["text"]) for row in rejects]
    assert got == [("<bytes>", bad.line, bad.byte, bad.column, bad.text.decode()) for bad in want]
    assert all(row["reason"] for row in rejects)
    assert dicts(it.rejects) == []


def test_too_many_rejects_are_an_error():
    data = b"a\n" + b"x\n" * 11
    it = iter(rl.read_csv(data, schema={"a": "int64"}, on_error="keep", max_kept=10))
    with pytest.raises(rl.KeptRowsError, match="max_kept") as caught:
        list(it)
    assert caught.value.limit == 10
    assert len(dicts(it.rejects)) == 10


def test_a_null_event_time_is_a_bad_row():
    data = b"t,x\n1,a\n,b\n3,c\n"
    with pytest.raises(rl.BadRowError) as caught:
        rows(rl.read_csv(data, time="t"))
    assert (caught.value.column, caught.value.row, caught.value.line) == ("t", 1, 3)
    assert rows(rl.read_csv(data, time="t", on_error="skip")) == [(1, "a"), (3, "c")]


def test_skipped_lines_are_counted():
    it = iter(rl.read_csv(b"#c\na\n\n1\n#d\n\r\n2\n", comment="#"))
    assert rows(it) == [(1,), (2,)]
    assert next(iter(it.stats))["skipped_lines"] == 4


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_large_file_is_read_alike_by_any_number_of_threads(tmp_path, threads):
    lines = [f'{n},"k{n % 7}\n",{n / 3!r}' for n in range(60_000)]
    target = tmp_path / "large.csv"
    target.write_text("n,k,x\n" + "\n".join(lines))
    stream = rl.read_csv(target, batch_rows=1000, threads=threads)
    want = [(n, f"k{n % 7}\n", n / 3) for n in range(60_000)]
    assert rows(stream) == want


def test_reading_stays_within_declared_limits():
    with pytest.raises(rl.Error, match="max_line"):
        rows(rl.read_csv(b"a\n" + b"x" * 1000 + b"\n", max_line=100))
    with pytest.raises(rl.Error, match="max_columns"):
        rows(rl.read_csv(b"a,b,c\n1,2,3\n", max_columns=2))


def test_nan_and_null_stay_apart():
    ((one,), (other,), (third,)) = rows(rl.read_csv(b'a\nnan\n""\n1\n', null_values=["x"], schema={"a": "string"}))
    assert (one, other, third) == ("nan", "", "1")
    (nan, null) = dicts(rl.read_csv(b"a,b\nnan,1\n,2\n"))
    assert math.isnan(nan["a"]) and null["a"] is None


@pytest.mark.parametrize("comment", ["", "//", "é", "\n", "\r", "\0", "# "])
def test_a_comment_begins_with_one_character(comment):
    with pytest.raises(rl.ArgumentError, match=r"^comment must be one ASCII character that is not a line end, or None"):
        rl.read_csv(b"a\n1\n", comment=comment)


def test_a_text_file_and_a_number_are_no_sources():
    for source in (io.StringIO("a\n1\n"), 5, None, sys):
        with pytest.raises(rl.ArgumentTypeError):
            rl.read_csv(source)


@pytest.mark.parametrize("source", [io.BytesIO, types.SimpleNamespace(read=None)], ids=["a class", "no function"])
def test_what_only_looks_like_a_file_is_refused_at_the_call(source):
    with pytest.raises(rl.ArgumentTypeError, match=f"or a binary file object, not {type(source).__name__}$"):
        rl.read_csv(source)


def test_a_binary_file_is_known_by_what_it_gives(tmp_path):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as packed:
        packed.writestr("1.csv", "a\n1\n2\n")
    with zipfile.ZipFile(tmp_path / "z.zip") as packed, packed.open("1.csv") as file:
        assert file.mode == "r"
        assert rows(rl.read_csv(file)) == [(1,), (2,)]


def test_a_text_file_in_disguise_is_refused_when_it_is_read():
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("a\n1\n")
        file.seek(0)
        with pytest.raises(rl.ArgumentTypeError, match=r"gives str, not bytes; open it in binary mode"):
            iter(rl.read_csv(file))
