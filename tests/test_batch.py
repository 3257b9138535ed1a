"""The batch: numpy views, nulls, text, slices, equality, and what it looks like."""

import datetime
import gc
import math

import numpy as np
import pyarrow as pa
import pytest

import rillet as rl

CSV = (
    b"i,f,s,b,d,t\n"
    b"1,0.5,x,true,2020-01-01,2020-01-01T00:00:00.5\n"
    b"2,,,,,\n"
    b"3,nan,y,false,1969-12-31,1969-12-31T23:59:59\n"
    b"4,-0.0,x,true,2020-01-02,2020-01-02T00:00:00\n"
)


def batch(**options):
    (one,) = list(rl.read_csv(CSV, **options))
    return one


def test_a_batch_is_a_mapping_of_columns():
    one = batch()
    assert list(one) == list(one.keys()) == ["i", "f", "s", "b", "d", "t"]
    assert len(one) == 4
    assert "f" in one and "nope" not in one and 3 not in one
    columns = dict(batch(columns=["i", "f"]))
    assert list(columns) == ["i", "f"] and columns["i"].tolist() == [1, 2, 3, 4]


def test_columns_are_numpy_arrays():
    one = batch()
    assert one["i"].dtype == np.int64 and one["i"].tolist() == [1, 2, 3, 4]
    assert one["f"].dtype == np.float64
    assert np.array_equal(one["f"], [0.5, math.nan, math.nan, -0.0], equal_nan=True)
    assert np.signbit(one["f"][3])
    assert one["t"].dtype == np.dtype("datetime64[us]")
    assert one["t"][0] == np.datetime64("2020-01-01T00:00:00.5") and np.isnat(one["t"][1])
    assert one["d"][2].item() == datetime.date(1969, 12, 31)


def test_arrays_are_read_only():
    one = batch()
    for name in ("i", "f", "t"):
        assert not one[name].flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            one[name][0] = 0
        with pytest.raises(ValueError):
            one[name].flags.writeable = True


def test_arrays_are_views_of_the_batch():
    one = batch()
    for name in ("i", "f", "t"):
        address = pa.record_batch(one)[name].buffers()[1].address
        assert one[name].__array_interface__["data"][0] == address
        assert np.shares_memory(one[1:3][name], one[name])


def test_arrays_outlive_their_batch_and_iterator():
    it = iter(rl.read_csv(b"x\n" + b"".join(b"%d\n" % n for n in range(5000)), batch_rows=1000))
    arrays = [one["x"] for one in it]
    it.close()
    del it
    gc.collect()
    noise = [np.full(1000, -1) for _ in range(50)]
    assert np.concatenate(arrays).tolist() == list(range(5000))
    assert len(noise) == 50


def test_an_integer_column_with_nulls_names_the_ways():
    (one,) = list(rl.read_csv(b"x,y\n1,a\n,b\n3,c\n"))
    with pytest.raises(rl.NullValueError) as caught:
        one["x"]
    for way in ("fill", "masked", "floats"):
        assert way in str(caught.value)
    assert caught.value.column == "x"
    assert one.fill("x", -1).tolist() == [1, -1, 3] and one.fill("x", -1).dtype == np.int64
    masked = one.masked("x")
    assert isinstance(masked, np.ma.MaskedArray)
    assert masked.mask.tolist() == [False, True, False] and masked.sum() == 4
    assert np.array_equal(one.floats("x"), [1.0, math.nan, 3.0], equal_nan=True)
    assert one.validity("x").tolist() == [True, False, True]


def test_floats_refuses_integers_that_no_float_holds():
    (one,) = list(rl.read_csv(b"x,y\n9007199254740993,a\n,b\n"))
    with pytest.raises(rl.DataError) as caught:
        one.floats("x")
    assert caught.value.column == "x"


def test_validity_tells_null_from_nan():
    one = batch()
    assert one.validity("f").tolist() == [True, False, True, True]
    assert one.validity("i").tolist() == [True] * 4
    assert one.validity("s").tolist() == [True, False, True, True]


def test_text_is_a_string_array_made_once():
    (one,) = list(rl.read_csv("s\nx\néé\n".encode()))
    assert isinstance(one["s"].dtype, np.dtypes.StringDType)
    assert one["s"].tolist() == ["x", "éé"]
    assert one["s"] is one["s"]
    assert not one["s"].flags.writeable


def test_codes_and_categories():
    one = batch()
    codes, categories = one.codes("s"), one.categories("s")
    assert codes.dtype.kind == "i" and len(codes) == 4
    assert len(categories) == 2 and sorted(categories) == ["x", "y"]
    assert [categories[code] if code >= 0 else None for code in codes] == ["x", None, "y", "x"]


@pytest.mark.parametrize("texts", [["a"] * 200, ["b", *["a"] * 200], [*["a"] * 200, "b"], [*"ab" * 100, *"cba"]])
def test_codes_are_in_the_order_in_which_texts_first_appear(texts):
    for stream in (
        rl.read_csv("".join(f"{text}\n" for text in ["s", *texts]).encode()),
        rl.from_arrow(pa.table({"s": pa.array(texts).dictionary_encode()})),
        rl.from_arrow(pa.table({"s": pa.DictionaryArray.from_arrays([ord(t) - 97 for t in texts], ["a", "b", "c"])})),
        rl.from_arrow(pa.table({"s": pa.DictionaryArray.from_arrays([ord(t) - 97 for t in texts], ["a", "a", "a"])})),
    ):
        (one,) = list(stream)
        known, seen = list(one["s"]), {}
        codes = [seen.setdefault(text, len(seen)) for text in known]
        assert one.codes("s").tolist() == codes and list(one.categories("s")) == list(seen)


def test_bools():
    (one,) = list(rl.read_csv(b"b\ntrue\nfalse\ntrue\n"))
    assert one["b"].dtype == np.bool_ and one["b"].tolist() == [True, False, True]
    assert batch().fill("b", False).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    "piece",
    [slice(None), slice(1, 3), slice(2, None), slice(-2, None), slice(3, 1), slice(0, 99), slice(1, 1)],
)
def test_slices_are_batches(piece):
    one = batch()
    part = one[piece]
    assert type(part) is type(one) and len(part) == len(range(4)[piece])
    assert part["i"].tolist() == [1, 2, 3, 4][piece]
    assert part.validity("f").tolist() == [True, False, True, True][piece]
    assert [row[2] for row in part.rows()] == ["x", None, "y", "x"][piece]


def test_a_slice_with_a_step_is_an_error_or_right():
    try:
        part = batch()[::2]
    except rl.Error as error:
        assert "step" in str(error)
    else:
        assert part["i"].tolist() == [1, 3]


def test_a_list_of_names_is_a_batch():
    part = batch()[["s", "i"]]
    assert list(part) == ["s", "i"] and len(part) == 4
    with pytest.raises(rl.ColumnNotFoundError):
        batch()[["i", "nope"]]


def test_a_row_number_is_a_type_error_that_names_rows():
    with pytest.raises(TypeError, match=r"rows\(\)") as caught:
        batch()[3]
    assert isinstance(caught.value, rl.ArgumentTypeError)


def test_an_unknown_column_is_a_key_error_that_helps():
    (one,) = list(rl.read_csv(b"price,size\n1,2\n"))
    with pytest.raises(KeyError, match="price") as caught:
        one["prise"]
    assert isinstance(caught.value, rl.ColumnNotFoundError)
    assert (caught.value.column, list(caught.value.known)) == ("prise", ["price", "size"])
    for method in (one.validity, one.codes, one.masked, one.floats):
        with pytest.raises(rl.ColumnNotFoundError):
            method("prise")


def test_rows_are_tuples_of_python_values():
    first, second, third, _ = batch().rows()
    assert first[:4] == (1, 0.5, "x", True) and type(first[0]) is int and type(first[3]) is bool
    assert first[4] == datetime.date(2020, 1, 1)
    assert first[5] == datetime.datetime(2020, 1, 1, 0, 0, 0, 500_000)
    assert second == (2, None, None, None, None, None)
    assert math.isnan(third[1])


def test_equality_is_one_bool():
    assert (batch() == batch()) is True
    assert (batch() != batch()) is False
    assert (batch() == batch()[:3]) is False
    assert (batch()[["i", "f"]] == batch()[["f", "i"]]) is False
    assert (batch() == 3) is False
    (ints,), (floats,) = list(rl.read_csv(b"x\n1\n")), list(rl.read_csv(b"x\n1.0\n"))
    assert (ints == floats) is False


def test_batches_are_not_hashable_as_no_table_is():
    with pytest.raises(TypeError):
        hash(batch())


def test_what_it_looks_like():
    text = repr(batch())
    for word in ("4", "i", "int64", "s", "string", "null"):
        assert word in text
    assert len(repr(next(iter(rl.read_csv(b"x\n" + b"1\n" * 10_000)))).splitlines()) < 40
    html = batch()._repr_html_()
    assert "<table" in html and "int64" in html


def test_columns_that_are_not_shown_are_told():
    wide = b",".join(b"column %d" % n for n in range(60)) + b"\n" + b",".join(b"%d" % n for n in range(60)) + b"\n"
    (one,) = rl.read_csv(wide)
    *_, last = repr(one).splitlines()
    assert last.startswith("  … 50 more columns: column 10, column 11, ") and last.endswith(", …")
    assert max(map(len, repr(one).splitlines())) <= 105
    assert "<p>… 10 more columns: column 50, column 51, " in one._repr_html_()
    few = one[[f"column {n}" for n in range(12)]]
    assert repr(few).endswith("\n  … 2 more columns: column 10, column 11")
    assert repr(few[["column 1"]]).count("…") == 0
    (long,) = rl.read_csv(b",".join(b"c%d" % n * 20 for n in range(3)) + b"\n" + b"1,2,3\n" * 11)
    assert repr(long).splitlines()[-2:] == ["  …", "  … 1 more column: " + "c2" * 16 + "…"]


def test_html_is_escaped():
    (one,) = list(rl.read_csv(b"<b>,y\n<script>,&\n"))
    html = one._repr_html_()
    assert "<script>" not in html and "<b>" not in html and "&lt;script&gt;" in html


def test_a_batch_tells_its_schema_and_origin():
    one = batch()
    assert dict(one.schema) == {
        "i": "int64",
        "f": "float64",
        "s": "string",
        "b": "bool",
        "d": "date",
        "t": "timestamp[us]",
    }
    assert "<bytes>" in str(one.origin)


def test_lists_and_fixed_lists():
    table = pa.table(
        {
            "l": pa.array([[1], [], None], pa.list_(pa.int64())),
            "v": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float32(), 2)),
        }
    )
    (one,) = list(rl.from_arrow(table))
    assert dict(one.schema) == {"l": "list<int64>", "v": "fixed_list<float32>[2]"}
    assert one["v"].shape == (3, 2) and one["v"].dtype == np.float32
    assert one[1:]["v"].tolist() == [[3.0, 4.0], [5.0, 6.0]]
