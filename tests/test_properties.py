"""Properties: the library is the oracle, whatever the data, the cuts, the threads and the source."""

import io
import math
import pathlib
import tempfile

from hypothesis import example, given, settings
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact
from reference import group_by, keep, stream, window
from reference_aggregates import Agg
from reference_csv import read_csv
from sources import FORMS, Cuts, Trickle, close

# --------------------------------------------------------------- strategies

SCHEMA = {
    "t": "int64",
    "k": "string",
    "f": "float64",
    "i": "int64",
    "x": "float64",
    "s": "string",
    "b": "bool",
}

times = st.integers(-30, 30) | st.integers(-300, 300)
smooth = st.floats(-1e100, 1e100, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-100)
wild = smooth | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 2.0**53, 1e8 + math.ulp(1e8)])
wide = st.integers(-(2**59), 2**59) | st.integers(-5, 5)
keys = st.sampled_from(["a", "b", "", "é", None])
float_keys = st.sampled_from([0.0, -0.0, math.nan, 1.5, None])

row = st.fixed_dictionaries(
    {
        "t": times,
        "k": keys,
        "f": float_keys,
        "i": st.none() | wide,
        "x": st.none() | wild,
        "s": st.none() | st.text(max_size=3),
        "b": st.none() | st.booleans(),
    }
).map(lambda row: {name: row[name] for name in SCHEMA})
tables = st.lists(row, max_size=14)
batch_rows = st.sampled_from([1, 2, 3, 7, 100])
threads = st.sampled_from([None, 1, 2, 5])
shapes = st.fixed_dictionaries(
    {
        "size": st.integers(1, 40),
        "step": st.integers(1, 25),
        "offset": st.integers(-30, 30),
    }
)
by = st.sampled_from([[], ["k"], ["f"], ["k", "f"], ["i"], ["b", "s"]])

CONDITIONS = {
    "i > 0": (rl.col("i") > 0, lambda row: row["i"] is not None and row["i"] > 0),
    "b": (rl.col("b"), lambda row: row["b"] is True),
    "k == a": (rl.col("k") == "a", lambda row: row["k"] == "a"),
    "x is null": (rl.col("x").is_null(), lambda row: row["x"] is None),
}


@st.composite
def one_aggregate(draw):
    """The same aggregate twice: of the library and of the oracle."""
    column = draw(st.sampled_from(["i", "x", "s", "b"]))
    kinds = ["count", "min", "max", "first", "last"] + (
        ["sum", "mean", "var", "std"] if column in "ix" else []
    )
    kind, options = draw(st.sampled_from(kinds)), {}
    condition = draw(st.none() | st.sampled_from(sorted(CONDITIONS)))
    if kind in ("var", "std"):
        options["ddof"] = draw(st.integers(0, 2))
    if kind in ("first", "last"):
        options["skip_nulls"] = draw(st.booleans())
    ours, theirs = CONDITIONS[condition] if condition else (None, None)
    return getattr(rl, kind)(column, where=ours, **options), Agg(kind, column, where=theirs, **options)


@st.composite
def aggregates(draw):
    """Several of them, named, and a count of rows."""
    pairs = [(rl.count(), Agg("count")), *draw(st.lists(one_aggregate(), max_size=5))]
    ours = {f"a{n}": pair[0] for n, pair in enumerate(pairs)}
    return ours, {f"a{n}": pair[1] for n, pair in enumerate(pairs)}


def spec(shape):
    """The window of the library for a shape of the oracle."""
    if shape["size"] == shape["step"]:
        return rl.tumbling(shape["size"], offset=shape["offset"])
    return rl.hopping(shape["size"], shape["step"], offset=shape["offset"])


def source(data, **options):
    return rl.from_rows(data, time="t", schema=SCHEMA, **options)


# ------------------------------------------------------------------ windows


@given(tables, shapes, by, st.integers(0, 60), aggregates(), batch_rows)
def test_windows_are_those_of_the_oracle(data, shape, by, lateness, aggs, batch_rows):
    ours, theirs = aggs
    plan = source(data, batch_rows=batch_rows).window(
        spec(shape), by=by or None, lateness=lateness, late="keep"
    )
    it = iter(plan.agg(**ours))
    want = window(stream(data), theirs, by=by, lateness=lateness, **shape)
    assert_rows(dicts(it), want.rows)
    late = dicts(it.late)
    assert exact(late) == exact(want.late) and [list(row) for row in late] == [list(row) for row in want.late]
    last = list(it.stats)[-1]
    missed_all = sum(row["_reason"] == "late" for row in want.late)
    assert last["rows_in"] == len(data) == last["aggregated"] + last["late"] + last["windowless"]
    assert (last["late"], last["windowless"]) == (missed_all, want.windowless)


@given(tables, shapes, by, aggregates(), batch_rows, st.sampled_from(sorted(CONDITIONS)))
def test_filters_before_windows(data, shape, by, aggs, batch_rows, condition):
    ours, theirs = aggs
    expression, predicate = CONDITIONS[condition]
    filtered = source(data, batch_rows=batch_rows).filter(expression)
    got = dicts(filtered.window(spec(shape), by=by or None, late="drop").agg(**ours))
    assert_rows(got, window(keep(stream(data), predicate), theirs, by=by, **shape).rows)


@given(tables, by, aggregates(), batch_rows, st.booleans())
def test_groups_are_those_of_the_oracle(data, by, aggs, batch_rows, timed):
    ours, theirs = aggs
    plan = rl.from_rows(data, time="t" if timed else None, schema=SCHEMA, batch_rows=batch_rows)
    got = dicts(plan.group_by(*by).agg(**ours))
    if by or data:
        assert_rows(got, group_by(data, by, theirs, time="t" if timed else None))


@given(
    tables,
    shapes,
    by,
    st.integers(0, 60),
    aggregates(),
    st.lists(batch_rows, min_size=2, max_size=2),
    threads,
)
def test_no_bit_depends_on_where_the_input_was_cut(data, shape, by, lateness, aggs, cuts, threads):
    ours, _ = aggs

    def run(rows_of, count):
        text = io.BytesIO(as_csv(data))
        read = rl.read_csv(text, time="t", schema=SCHEMA, batch_rows=rows_of, threads=count)
        return exact(
            dicts(read.window(spec(shape), by=by or None, lateness=lateness, late="drop").agg(**ours))
        )

    assert run(cuts[0], 1) == run(cuts[1], threads)


@given(tables, shapes, by, st.randoms(use_true_random=False), aggregates())
def test_any_order_within_the_lateness_gives_the_same_rows(data, shape, by, random, aggs):
    ours, theirs = aggs
    lateness = max((row["t"] for row in data), default=0) - min((row["t"] for row in data), default=0)
    shuffled = random.sample(data, len(data))
    got = dicts(source(shuffled).window(spec(shape), by=by or None, lateness=lateness).agg(**ours))
    want = window(stream(shuffled), theirs, by=by, lateness=lateness, **shape).rows
    assert_rows(got, want)

    def places(rows):
        ends = ("window_start", "window_end", *by, "a0")
        return sorted(exact([{name: row[name] for name in ends} for row in rows]), key=repr)

    in_order = sorted(data, key=lambda row: row["t"])
    assert places(got) == places(dicts(source(in_order).window(spec(shape), by=by or None).agg(**ours)))


@given(st.lists(st.tuples(smooth, st.floats(1e-3, 1e3)), max_size=9))
def test_weighted_means_are_those_of_the_oracle(pairs):
    data = [{"t": n, "x": x, "w": w} for n, (x, w) in enumerate(pairs)]
    rows = rl.from_rows(data, time="t", schema={"t": "int64", "x": "float64", "w": "float64"})
    got = dicts(rows.group_by().agg(m=rl.mean("x", weight="w")))
    if data:
        assert_rows(got, group_by(data, [], {"m": Agg("mean", "x", weight="w")}))


# ---------------------------------------------------------------------- CSV


def as_csv(data):
    """Rows as CSV with every text quoted, so that null and the empty text differ."""

    def cell(value):
        if value is None:
            return ""
        if isinstance(value, str):
            return '"' + value.replace('"', '""') + '"'
        return repr(value)

    lines = [",".join(SCHEMA), *(",".join(map(cell, row.values())) for row in data)]
    return ("\n".join(lines) + "\n").encode()


PIECES = [
    "1",
    "-2.5",
    "x",
    "",
    '"',
    '""',
    ",",
    ",",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "#",
    " ",
    "é",
    "true",
    "nan",
    "2020-01-01",
    '"a,b"',
    '"\n"',
]
scraps = st.lists(st.sampled_from(PIECES), max_size=16).map("".join)
dialects = st.fixed_dictionaries(
    {}, optional={"comment": st.just("#"), "null_values": st.just(("x", "-2.5"))}
)


def well_ended(data):
    """Whether the text leaves open no question that the rules leave open."""
    return not data.endswith("\r")


@given(scraps.filter(well_ended), dialects, batch_rows, threads)
@example('""x",\n1,2\n', {}, 1, None)
@example("\r\n\n1,\n", {}, 1, None)
def test_any_text_is_read_as_by_the_oracle(text, dialect, batch_rows, threads):
    data = b"a,b\n" + text.encode()
    want = read_csv(data, **dialect)
    it = iter(rl.read_csv(data, on_error="keep", batch_rows=batch_rows, threads=threads, **dialect))
    assert exact(dicts(it)) == exact(want.rows)
    rejects = [(row["line"], row["byte"], row["column"], row["text"]) for row in dicts(it.rejects)]
    assert rejects == [(bad.line, bad.byte, bad.column, bad.text.decode()) for bad in want.rejects]
    reader = next(iter(it.stats))
    assert (reader["rows_in"], reader["rejected"]) == (len(want.rows) + len(rejects), len(rejects))
    assert reader["skipped_lines"] == want.skipped


@given(scraps.filter(well_ended), batch_rows, threads)
def test_the_rows_before_an_error_and_the_error_depend_on_no_cut(text, batch_rows, threads):
    data = b"a,b\n" + text.encode()
    want = read_csv(data)
    got, error = [], None
    try:
        for batch in rl.read_csv(Trickle(data, 3), batch_rows=batch_rows, threads=threads):
            got += dicts([batch])
    except rl.BadRowError as caught:
        error = caught
    assert exact(got) == exact(want.before_error())
    first = want.rejects[0] if want.rejects else None
    assert (error is None) == (first is None)
    if error:
        place = (error.line, error.byte, error.row, error.column, error.value)
        assert place == (first.line, first.byte, first.row, first.column, first.value)


@given(scraps.filter(well_ended))
@settings(max_examples=20)
def test_every_split_of_the_bytes_gives_the_same_rows(text):
    data = b"\xef\xbb\xbfa,b\r\n" + text.encode()
    want = exact(read_csv(data).rows)
    for size in range(1, len(data) + 1):
        assert exact(dicts(rl.read_csv(Trickle(data, size), on_error="skip"))) == want
    for cut in range(1, len(data)):
        assert exact(dicts(rl.read_csv(Cuts(data, cut), on_error="skip"))) == want


@given(tables, st.sampled_from(sorted(FORMS)), batch_rows, threads)
def test_every_source_gives_back_what_was_written(data, form, batch_rows, threads):
    with tempfile.TemporaryDirectory() as folder:
        written = FORMS[form](as_csv(data), pathlib.Path(folder))
        got = dicts(rl.read_csv(written, schema=SCHEMA, batch_rows=batch_rows, threads=threads))
        close(written)
    assert exact(got) == exact(data)


@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_floats_come_back_to_the_bit(values):
    data = "x\n" + "".join(f"{value!r}\n" for value in values)
    assert exact(dicts(rl.read_csv(data.encode(), schema={"x": "float64"}))) == exact(
        [(value,) for value in values]
    )


@given(st.from_regex(r"[+-]?[0-9]{0,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).filter(bool))
@settings(max_examples=300)
def test_decimals_are_read_as_python_reads_them(text):
    it = iter(rl.read_csv(f"x,y\n{text},1\n".encode(), schema={"x": "float64"}, on_error="skip"))
    try:
        want = [(float(text), 1)]
    except ValueError:
        want = []
    assert exact(dicts(it)) == exact(want)


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_no_bytes_break_the_reader(data):
    for options in ({}, {"on_error": "skip"}, {"on_error": "keep"}):
        try:
            dicts(rl.read_csv(data, **options))
        except rl.Error as error:
            assert not isinstance(error, rl.InternalError)
            assert str(error)
