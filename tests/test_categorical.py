"""Categorical columns: codes that hold for the whole stream, whatever the source and the batches."""

import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rillet as rl
from compare import rows

KIND = rl.categorical(max=4)
TEXTS = ["b", None, "a", "b", "", "c", None, "a", "c"]
CODES = [0, -1, 1, 0, 2, 3, -1, 1, 3]
CATEGORIES = ["b", "a", "", "c"]
DATA = b"t,s\n" + b"".join(
    b"%d,%s\n" % (t, b"" if text is None else b'"%s"' % text.encode()) for t, text in enumerate(TEXTS)
)
SCHEMA = {"t": "int64", "s": KIND}
ROWS = [{"t": t, "s": text} for t, text in enumerate(TEXTS)]


def cut(size):
    """The rows as mappings of lists of `size` rows."""
    for at in range(0, len(ROWS), size):
        yield {name: [row[name] for row in ROWS[at : at + size]] for name in SCHEMA}


def check(batches, codes=tuple(CODES), categories=tuple(CATEGORIES)):
    """Holds codes and categories of all batches against those of the whole stream."""
    seen = []
    for batch in batches:
        assert batch.schema["s"] == KIND
        known = list(batch.categories("s"))
        assert known == list(categories[: len(known)])
        assert list(batch["s"]) == [None if code < 0 else known[code] for code in batch.codes("s")]
        seen += list(batch.codes("s"))
    assert seen == list(codes)


@pytest.mark.parametrize("batch_rows", [1, 2, 4, 100])
@pytest.mark.parametrize("threads", [1, 4])
def test_codes_are_those_of_the_stream(source, batch_rows, threads):
    stream = rl.read_csv(source(DATA), schema={"s": KIND}, batch_rows=batch_rows, threads=threads)
    assert stream.schema["s"] == KIND
    check(stream)


def made_by(size):
    """The same stream from every source of Python."""
    arrow = [pa.table(piece, schema=pa.schema({"t": pa.int64(), "s": pa.string()})) for piece in cut(size)]
    coded = [table.set_column(1, "s", table["s"].dictionary_encode()) for table in arrow]
    texts = [{"t": np.array(piece["t"]), "s": np.array(piece["s"], object)} for piece in cut(size)]
    lists = rl.from_batches(cut(size))
    return {
        "rows": rl.from_rows(ROWS, schema=SCHEMA, batch_rows=size),
        "lists": rl.from_batches(list(cut(size)), schema=SCHEMA),
        "arrays": rl.from_batches(texts, schema=SCHEMA),
        "arrow": rl.from_batches(arrow, schema=SCHEMA),
        "arrow dictionaries": rl.from_batches(coded, schema=SCHEMA),
        "a function": lists.map_batches(lambda batch: batch, schema=SCHEMA),
        "a function of lists": rl.from_batches(list(cut(size))).map_batches(
            lambda batch: {name: list(batch[name]) for name in batch}, schema=SCHEMA
        ),
    }


@pytest.mark.parametrize("size", [2, 3, 100])
@pytest.mark.parametrize("name", made_by(2))
def test_codes_of_python_sources_are_those_of_the_stream(name, size):
    check(made_by(size)[name])


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_codes_stay_what_they_are_in_batches_of_another_size(size, batch_rows):
    stream = rl.read_csv(DATA, schema={"s": KIND}, batch_rows=batch_rows)
    check(stream.rebatch(size))
    check(rl.from_rows(ROWS, schema=SCHEMA, batch_rows=batch_rows).rebatch(size))


@pytest.mark.parametrize("batch_rows", [1, 3, 100])
def test_codes_hold_over_several_files_and_bad_rows(tmp_path, batch_rows):
    lines = DATA.splitlines(keepends=True)
    (tmp_path / "1.csv").write_bytes(b"".join([*lines[:5], b"x,b\n"]))
    (tmp_path / "2.csv").write_bytes(b"".join([lines[0], b"x,a\n", *lines[5:]]))
    stream = rl.read_csv(
        tmp_path / "*.csv", schema={"t": "int64", "s": KIND}, on_error="skip", batch_rows=batch_rows, check="all"
    )
    check(stream)


def test_codes_go_through_stages():
    stream = rl.read_csv(DATA, schema={"s": KIND}, batch_rows=2)
    check(stream.select("s"))
    check(stream.filter(rl.col("t") > 3), codes=CODES[4:])
    check(stream.limit(5), codes=CODES[:5])
    check(stream.with_columns(u=rl.col("t") + 1).map_batches(lambda batch: batch))


def test_a_column_of_nulls_has_no_categories():
    for stream in (rl.read_csv(b"s,t\n,1\n,2\n", schema={"s": KIND}), rl.from_rows([(None,)] * 2, schema={"s": KIND})):
        (batch,) = stream
        assert list(batch.codes("s")) == [-1, -1] and list(batch.categories("s")) == []
        assert list(batch["s"]) == [None, None]


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_a_categorical_key_is_text(batch_rows):
    texts = rl.read_csv(DATA, time="t", schema={"s": "string"}, batch_rows=batch_rows)
    coded = rl.read_csv(DATA, time="t", schema={"s": KIND}, batch_rows=batch_rows)
    aggregates = {"n": rl.count(), "first": rl.first("s"), "last": rl.last("t"), "most": rl.max("s")}
    for make in (
        lambda stream: stream.window(rl.tumbling(4), by="s").agg(**aggregates),
        lambda stream: stream.window(rl.hopping(4, 2), by=["s", "t"]).agg(**aggregates),
        lambda stream: stream.group_by("s").agg(**aggregates),
        lambda stream: stream.filter(rl.col("s") == "b").select("t", u=rl.col("s").fill_null("?")),
        lambda stream: stream.select(same=rl.col("s") < "b", text=rl.col("s").cast("string")),
    ):
        assert rows(make(coded)) == rows(make(texts))
        assert make(coded).schema == make(texts).schema


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_a_category_too_many_is_an_error_after_the_rows_before_it(batch_rows):
    schema = {"t": "int64", "s": rl.categorical(max=2)}
    for name, stream in {
        "<bytes>": rl.read_csv(DATA, schema=schema, batch_rows=batch_rows),
        "from_rows": rl.from_rows(ROWS, schema=schema, batch_rows=batch_rows),
        "from_batches": rl.from_batches(list(cut(batch_rows)), schema=schema),
    }.items():
        it, seen = iter(stream), []
        with pytest.raises(rl.LimitError, match='"s" has more than the 2 categories declared; raise max=') as caught:
            seen.extend(row for batch in it for row in batch.rows())
        error = caught.value
        assert (error.source, error.row, error.argument, error.limit) == (name, 4, "max", 2)
        assert batch_rows == 100 or len(seen) == 4
        (stats,) = it.stats
        assert stats["rows_in"] >= 4


def test_a_category_too_many_of_a_function_names_its_batch():
    schema = {"t": "int64", "s": rl.categorical(max=2)}
    stream = rl.from_batches(cut(3)).map_batches(lambda batch: batch, schema=schema)
    with pytest.raises(rl.LimitError, match=r"^batch 1 of map_batches\(<lambda>\), row 1: ") as caught:
        list(stream)
    assert caught.value.row == 1


@pytest.mark.parametrize("max_", [0, -1, 1 << 31, 1 << 70])
def test_a_number_of_categories_out_of_range(max_):
    with pytest.raises(rl.ArgumentError, match="max must be from 1 to"):
        rl.categorical(max=max_)
    with pytest.raises(rl.ArgumentError, match="unknown type"):
        rl.read_csv(b"s\n", schema={"s": f"categorical[{max_}]"})


@pytest.mark.parametrize("max_", ["5", 1.0, None, True])
def test_a_number_of_categories_that_is_none(max_):
    with pytest.raises(rl.ArgumentTypeError, match="max must be an integer"):
        rl.categorical(max=max_)


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_round_trips(batch_rows):
    stream = rl.read_csv(DATA, schema={"s": KIND}, batch_rows=batch_rows)
    table = pa.table(stream)
    assert table.schema.field("s").type == pa.dictionary(pa.int32(), pa.string())
    assert table["s"].to_pylist() == TEXTS
    frame = pl.DataFrame(stream)
    assert frame["s"].to_list() == TEXTS
    pandas = table.to_pandas()
    assert isinstance(pandas["s"].dtype, pd.CategoricalDtype)
    assert pandas["s"].astype(object).where(pandas["s"].notna(), None).tolist() == TEXTS
    for data in (table, frame, pandas):
        back = rl.from_arrow(data)
        assert back.schema["s"] == "string"
        assert rows(back) == list(enumerate(TEXTS))
        check(rl.from_batches(back, schema=SCHEMA))


def test_categories_are_shared_by_threads():
    it = iter(rl.read_csv(DATA, schema={"s": KIND}, batch_rows=1, threads=4))
    found = []
    threads = [threading.Thread(target=lambda: found.extend(it)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(sorted(found, key=lambda batch: int(batch["t"][0])))
