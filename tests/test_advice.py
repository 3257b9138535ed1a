"""Errors that say what to write instead; and what they say, written."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import rillet as rl
from compare import rows

N = {"n": rl.count()}


def read(*times):
    return rl.from_rows([{"t": t, "x": n, "s": "a", "b": True} for n, t in enumerate(times)], time="t")


def says(make, kind):
    """What the error says that comes of it."""
    with pytest.raises(kind) as caught:
        make()
    return str(caught.value)


# -------------------------------------------------------------- choices


CHOICES = {
    "late": (lambda value: read().window(rl.tumbling(5), late=value), '"error", "drop" or "keep"'),
    "ahead": (lambda value: read().rolling(5, max_ahead=5, ahead=value), '"error", "drop" or "keep"'),
    "fill": (lambda value: read().window(rl.tumbling(5), fill=value), '"null", "zero", "previous" or "linear"'),
    "closed": (lambda value: read().rolling(5, closed=value), '"right", "left", "both" or "neither"'),
    "closed of a kind": (lambda value: rl.tumbling(5, closed=value), '"left", "right" or "both"'),
    "label": (lambda value: rl.tumbling(5, label=value), '"left" or "right"'),
    "on_error": (lambda value: rl.read_csv(b"", on_error=value), '"error", "skip" or "keep"'),
    "check": (lambda value: rl.read_csv(b"", check=value), '"used" or "all"'),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_listed_as_they_are_written(name):
    make, listed = CHOICES[name]
    argument = name.split()[0]
    assert says(lambda: make("maybe"), rl.ArgumentError) == f'{argument} must be {listed}, not "maybe"'
    assert says(lambda: make(5), rl.ArgumentTypeError) == f"{argument} must be {listed}, not int"
    for choice in listed.replace(" or ", ", ").split(", "):
        make(choice.strip('"'))


@pytest.mark.parametrize("option", ["delimiter", "quote", "comment"])
def test_a_character_of_another_type_is_an_error_at_the_call(option):
    message = says(lambda: rl.read_csv(b"", **{option: 5}), rl.ArgumentTypeError)
    assert message == f"{option} must be one ASCII character, not int"


def test_names_and_types_of_another_type_are_errors_at_the_call():
    assert says(lambda: rl.col("x").alias(5), rl.ArgumentTypeError) == "alias takes a name, not int"
    assert says(lambda: rl.col("x").cast(float), rl.ArgumentTypeError).startswith('cast takes a type such as "float64"')


# ---------------------------------------------------------- expressions


def test_a_minus_sign_is_called_what_it_is():
    message = says(lambda: iter(read(1).select(y=-rl.col("s"))), rl.SchemaError)
    assert message.startswith('column "s" is string: - takes numbers and durations; declare it as a number')
    assert says(lambda: iter(read(1).select(y=-rl.col("b"))), rl.SchemaError).endswith('cast("int64") it first')
    assert rows(read(1).select(y=-rl.col("b").cast("int64"))) == [(-1,)]
    for dtype in ("date", "timestamp[us]", "time[us]"):
        moment = rl.col("x").cast("int32").cast(dtype)
        message = says(lambda moment=moment: iter(read(1, 2).select(y=-moment)), rl.SchemaError)
        assert message.endswith('- takes numbers and durations; cast("int64") gives its ticks')
        assert rows(read(1, 2).select(y=-moment.cast("int64"))) == [(0,), (-1,)]


def test_values_of_numpy_are_values_and_arrays_are_none():
    for missing in (np.datetime64("NaT"), np.timedelta64("NaT")):
        assert repr(rl.lit(missing)) == "lit(None)"
    for array in (np.array([1, 2]), np.array(["2024-01-01", "2024-01-02"], "M8[D]")):
        message = says(lambda array=array: rl.col("x") + array, rl.ArgumentTypeError)
        assert message == "ndarray is not a value that a column can hold"


# ---------------------------------------------------------- windows


WAITING = {
    "window": lambda: read(1).window(rl.tumbling(5)),
    "windows": lambda: read(1).windows({"a": rl.tumbling(5)}),
    "rolling": lambda: read(1).rolling(5),
    "group_by": lambda: read(1).group_by("s"),
}


@pytest.mark.parametrize("make", WAITING.values(), ids=WAITING)
def test_a_forgotten_agg_is_asked_for(make):
    waiting = make()
    for attempt in (iter, next, list, len, pl.DataFrame, pa.table, lambda it: it["n"], lambda it: it.__enter__()):
        message = says(lambda attempt=attempt: attempt(waiting), rl.ArgumentTypeError)
        assert message == (
            "windows and groups have no rows yet; add .agg(...), which says what is computed of them, "
            "such as .agg(n=rl.count())"
        )
    for name in ("schema", "filter", "operator", "sum", "columns"):
        message = says(lambda name=name: getattr(waiting, name), AttributeError)
        assert message.startswith(f"windows and groups have no '{name}'; add .agg(...)")
        assert not hasattr(waiting, name)
    assert rows(waiting.agg(n=rl.count()))[0][-1] == 1


def test_several_kinds_say_what_only_one_takes():
    arguments = {"fill": "zero", "max_fill": 3, "early": 2, "early_rows": 2, "refine_for": 1, "idle_timeout": "1s"}
    for name, value in arguments.items():
        with pytest.raises(rl.ArgumentTypeError) as caught:
            read().windows({"a": rl.tumbling(5)}, **{name: value})
        assert str(caught.value) == (
            f"windows has no argument {name}=; give each kind that needs it a stream of its own, with window(...)"
        )
    assert says(lambda: read().windows({}, fil=1), rl.ArgumentTypeError) == "windows has no argument fil="


def test_a_kind_of_windows_is_asked_for():
    message = says(lambda: read().window("1m"), rl.ArgumentTypeError)
    assert message == 'window takes a kind of windows such as rl.tumbling("1m"), not str'
    message = says(lambda: read().window({"a": rl.tumbling(5)}), rl.ArgumentTypeError)
    assert message.endswith("not dict; several kinds go to windows({…})")


# ------------------------------------------------------------- no times


UNTIMED = {
    "a value": (b"t,x\n0,a\n\n1,a\nsix,b\nseven,c\n", 'because of "six" in line 5'),
    "its first value": (b'#\nt,x\n"\na",1\n', 'because of "\\na" in line 3'),
    "no rows": (b"t,x\n", "since no row has a value to tell its type from"),
    "nulls": (b"t,x\n,1\nNA,1\n", "since no row has a value to tell its type from"),
    "bad rows": (
        b"t,x\n1,2,3\n1\n",
        "since no row has a value to tell its type from, and line 2 does not split into columns",
    ),
    "a quote": (
        b't,x\n1,"abc\n2,b\n',
        "since no row has a value to tell its type from, and line 2 does not split into columns",
    ),
}


@pytest.mark.parametrize("what", UNTIMED)
def test_an_event_time_that_is_text_says_why(what):
    data, reason = UNTIMED[what]
    plan = rl.read_csv(data, time="t", on_error="keep", null_values="NA", comment="#")
    assert says(lambda: plan.schema, rl.SchemaError) == (
        f'column "t" is string: it cannot be the event time: it is text {reason}; '
        'declare what it is, as in schema={"t": "timestamp[us]"}'
    )
    declared = rl.read_csv(data, time="t", schema={"t": "int64"}, on_error="skip", null_values="NA", comment="#")
    assert declared.schema["t"] == "int64"
    rows(declared)


def test_a_time_with_a_zone_too_many_or_too_few_says_so():
    for text, dtype, why in [
        ("2024-01-02T09:00:00", "timestamp[us, UTC]", "a time without a zone, where the column has one"),
        ("2024-01-02T09:00:00Z", "timestamp[us]", "a time with a zone, where the column has none"),
        ("2024-01-02T25:00:00Z", "timestamp[us]", "not a timestamp[us]"),
    ]:
        message = says(lambda text=text, dtype=dtype: rows(rl.read_csv(f"t\n{text}\n".encode(), schema={"t": dtype})),
                       rl.BadRowError)  # fmt: skip
        assert message.startswith(f'<bytes>, line 2, byte 2: column "t": "{text}" is {why}; ')


@pytest.mark.parametrize(
    "dtype", ["timestamp[us, Mars/Base]", "list<timestamp[us, ]>", "struct<a: timestamp[s, +99:99]>"]
)
def test_a_zone_that_nobody_knows_is_an_error_at_the_call(dtype):
    with pytest.raises(rl.ArgumentError, match="there is no time zone"):
        rl.read_csv(b"t\n", schema={"t": dtype})
    with pytest.raises(rl.ArgumentError, match="there is no time zone"):
        rl.from_push({"t": dtype})


def test_a_file_of_one_column_may_have_another_delimiter():
    message = says(lambda: rl.read_csv(b"t;x\n0;a\n", time="t").schema, rl.ColumnNotFoundError)
    assert message == 'no column "t"; the only column is "t;x"; if that is several, set delimiter='
    assert says(lambda: rl.read_csv(b"x\n0\n", time="t").schema, rl.ColumnNotFoundError).endswith('column is "x"')


def test_a_schema_says_what_it_maps_wrongly():
    what = 'a schema is a mapping of column names to type strings such as "float64"'
    assert says(lambda: rl.from_push({"at": int}), rl.ArgumentTypeError) == (
        f"{what}; this one maps 'at' to <class 'int'>"
    )
    assert says(lambda: rl.from_push(5), rl.ArgumentTypeError) == f"{what}, not int"


def test_what_must_be_longer_than_nothing_is_named():
    assert says(lambda: rl.hopping("5m", "-1m"), rl.ArgumentError).startswith('every="-1m": the step must be')
    assert says(lambda: rl.hopping("0s", "1m"), rl.ArgumentError).startswith('size="0s": a window must be')
    assert says(lambda: rl.tumbling("-1m"), rl.ArgumentError).startswith('every="-1m": a window must be')


# ------------------------------------------------------- missing times


def missing(column):
    """How a row without this event time is left out."""
    return f'.filter(rl.col("{column}").is_not_null()).window(…, time="{column}"), with no time= before it'


def nulls():
    """Sources with a row whose time is null, by what names them in errors."""
    data = {"t": [1, None, 8], "u": [1, 2, 3]}
    each = [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]

    def function(_):
        return data

    return {
        "from_rows, row 1": lambda **time: rl.from_rows(each, **time),
        "from_batches, row 1": lambda **time: rl.from_batches([data], **time),
        "from_arrow, row 1": lambda **time: rl.from_arrow(pa.table(data), **time),
        "batch 0 of map_batches(function), row 1": lambda **time: rl.from_rows(
            [{"t": 0, "u": 1}], **time
        ).map_batches(function, schema={"t": "int64", "u": "int64"}),
    }


@pytest.mark.parametrize("place", nulls())
def test_a_row_without_event_time_says_how_to_leave_it_out(place):
    make = nulls()[place]
    for plan in (make(time="t").window(rl.tumbling(5)), make().window(rl.tumbling(5), time="t")):
        it, got = iter(plan.agg(n=rl.count())), []
        message = says(lambda it=it, got=got: got.extend(rows(it)), rl.BadRowError)
        assert message == f'{place}: column "t": "null" is not an event time; leave such rows out first: {missing("t")}'
    left = make().filter(rl.col("t").is_not_null()).window(rl.tumbling(5), time="t")
    assert rows(left.agg(n=rl.count())) == [(0, 5, 1), (5, 10, 1)]


def test_an_expression_without_event_time_says_so_too():
    plan = read(1).window(rl.tumbling(5), time=rl.col("t") + rl.lit(None)).agg(**N)
    message = says(lambda: rows(plan), rl.BadRowError)
    assert message == (
        'from_rows, row 0: "null" is not an event time; leave such rows out first: .filter(….is_not_null())'
    )


# ------------------------------------------------- decided at the call


ROWS = ["a", "b"]
AT_THE_CALL = {
    "names twice": (
        lambda: rl.read_csv(b"1,2\n", names=["a", "a"]),
        rl.ArgumentError, 'names= has "a" twice; name one of the columns otherwise',
    ),
    "a made-up name twice": (
        lambda: rl.read_csv(b"1,2\n", names=["column_2", ""]),
        rl.ArgumentError, 'names= has "column_2" twice; name one of the columns otherwise',
    ),
    "no names": (
        lambda: rl.read_csv(b"1,2\n", names=[]), rl.ArgumentError, "names= must have 1 to 100000 names, not 0",
    ),
    "columns twice": (
        lambda: rl.read_csv(b"a\n", columns=["a", "a"]),
        rl.ArgumentError, 'columns= has "a" twice; leave one of them out',
    ),
    "time not in columns": (
        lambda: rl.read_csv(b"a,t\n", columns=["a"], time="t"),
        rl.ArgumentError, 'time="t" is not among columns=; add it there',
    ),
    "time not in names": (
        lambda: rl.read_csv(b"1,2\n", names=ROWS, time="t"),
        rl.ColumnNotFoundError, 'no column "t"; the columns are a, b',
    ),
    "columns not in names": (
        lambda: rl.read_csv(b"1,2\n", names=ROWS, columns=["c"]),
        rl.ColumnNotFoundError, 'no column "c"; the columns are a, b',
    ),
    "schema not in names": (
        lambda: rl.read_csv(b"1,2\n", names=ROWS, schema={"price": "int64"}),
        rl.ColumnNotFoundError, 'no column "price"; the columns are a, b',
    ),
    "a float for time": (
        lambda: rl.read_csv(b"t\n", time="t", schema={"t": "float64"}),
        rl.SchemaError, 'column "t" is float64: it cannot be the event time',
    ),
    "a list": (
        lambda: rl.read_csv(b"x\n", schema={"x": "list<int64>"}),
        rl.SchemaError, 'column "x" is list<int64>: CSV has no form for this type; declare it as string',
    ),
    "time of batches": (
        lambda: rl.from_batches([], time="t", schema={"x": "int64"}),
        rl.ColumnNotFoundError, 'no column "t"; the only column is "x"',
    ),
    "time of rows": (
        lambda: rl.from_rows([], time="t", schema={"x": "int64"}),
        rl.ColumnNotFoundError, 'no column "t"; the only column is "x"',
    ),
    "a float for the time of rows": (
        lambda: rl.from_rows([], time="x", schema={"x": "float64"}),
        rl.SchemaError, 'column "x" is float64: it cannot be the event time',
    ),
    "time of pushed rows": (
        lambda: rl.from_push({"x": "int64"}, time="t"),
        rl.ColumnNotFoundError, 'no column "t"; the only column is "x"',
    ),
    "with_columns twice": (
        lambda: rl.from_rows([(1,)]).with_columns((rl.col("column_1") + 5).alias("z"), z=rl.col("column_1")),
        rl.ArgumentError, 'there are two columns named "z"; name one of them otherwise',
    ),
    "too many rows": (
        lambda: read().limit(2**70),
        rl.ArgumentError, f"limit takes a number of rows that fits in 64 bits, not {2**70}",
    ),
    "too many rows in a batch": (
        lambda: read().rebatch(2**70),
        rl.ArgumentError, f"rebatch takes a number of rows that fits in 64 bits, not {2**70}",
    ),
    "no truth": (
        lambda: rl.first("x", skip_nulls="no"), rl.ArgumentTypeError, "skip_nulls must be True or False, not str",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", AT_THE_CALL)
def test_what_cannot_be_right_is_an_error_at_the_call(what):
    make, kind, message = AT_THE_CALL[what]
    assert says(make, kind).startswith(message)


@pytest.mark.parametrize("make", [rl.from_batches, rl.from_rows, lambda _, **time: rl.from_push(**time), rl.from_arrow])
def test_a_time_that_is_no_name_is_an_error_at_the_call(make):
    message = says(lambda: make([], time=5), rl.ArgumentTypeError)
    assert message == "time must be the name of a column, not int"


AGGREGATES = [rl.sum, rl.mean, rl.min, rl.max, rl.first, rl.last, rl.var, rl.std]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_an_aggregate_of_nothing_is_an_error_at_the_call(aggregate):
    message = says(lambda: aggregate(None), rl.ArgumentTypeError)
    assert message == f"{aggregate.__name__} takes a column, by its name or as an expression, not None"


def test_names_that_are_made_up_may_be_named():
    stream = rl.read_csv(b"1,2\n", names=["a", ""], columns=["column_2"], time="column_2")
    assert rows(stream) == [(2,)]


# -------------------------------------------------------- what is wrong


def test_a_row_that_does_not_split_names_no_header_that_there_is_not():
    for data, options in ((b"1,2,3\n", {"names": ["a", "b"]}), (b"a,b\n1,2,3\n", {})):
        message = says(lambda data=data, options=options: rows(rl.read_csv(data, **options)), rl.BadRowError)
        assert '"1,2,3" is a row of 3 fields, not of 2; ' in message


def test_a_file_that_has_nothing_yet_says_so():
    class Waiting:
        def read(self, size):
            return None

    message = says(lambda: iter(rl.read_csv(Waiting())), rl.ArgumentTypeError)
    assert message == (
        "read() of the file gives None: it does not block and has nothing yet; let it block, "
        "os.set_blocking(file.fileno(), True)"
    )


def test_a_file_with_other_columns_than_before_says_so(tmp_path):
    target, other = tmp_path / "a.csv", tmp_path / "b.csv"
    target.write_bytes(b"a,b\n1,2\n")
    other.write_bytes(b"a,c\n1,2\n")
    stream = rl.read_csv([target, other])
    assert says(lambda: rows(stream), rl.ArgumentError) == (
        f'{other}: the columns differ from those of the first file: "c" instead of "b"'
    )
    assert list(stream.schema) == ["a", "b"]
    target.write_bytes(b"a\n1\n")
    assert says(lambda: rows(stream), rl.ArgumentError) == (
        f"{target}: the columns differ from those that it had when it was looked at first: 1 instead of 2"
    )
