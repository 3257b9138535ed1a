"""All results of the rows before an error come before it, and no others, wherever batches are cut."""

import pytest

import rillet as rl
from compare import dicts, exact
from sources import FORMS, Trickle

SCHEMA = {"t": "int64", "u": "int64", "n": "int64", "kept": "bool"}
LAST = 2**63 - 1

KINDS = {
    "tumbling": lambda read, **time: read.window(rl.tumbling(5), **time),
    "hopping": lambda read, **time: read.window(rl.hopping(7, 3), **time),
    "session": lambda read, **time: read.window(rl.session(5), **time),
    "cut session": lambda read, **time: read.window(rl.session(5, max_length=9), **time),
    "count": lambda read, **time: read.window(rl.count(1), **time),
    "rolling": lambda read, **time: read.rolling(5, **time),
    "several": lambda read, **time: read.windows({"a": rl.tumbling(5), "b": rl.hopping(7, 3)}, **time),
    "refined": lambda read, **time: read.window(rl.tumbling(5), refine_for=2, **time),
    "filled": lambda read, **time: read.window(rl.tumbling(5), fill="zero", max_fill=1, **time),
    "interpolated": lambda read, **time: read.window(rl.tumbling(5), fill="linear", **time),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def row(t, *, u=0, n=1, kept=True):
    return {"t": t, "u": t if u == 0 else u, "n": n, "kept": kept}


def outcome(plan):
    """The rows that come out, and the error that comes then, without who set the mark."""
    got = []
    try:
        for batch in plan:
            got += exact(dicts([batch]))
    except rl.Error as error:
        return got, type(error), str(error).split(" (set by")[0]
    return got, None, None


def same_for_any_cut(rows, plan):
    """What comes out of a plan over rows, which is the same however they come in batches."""

    def run(batch_rows):
        return outcome(plan(rl.from_rows(rows, time="t", schema=SCHEMA, batch_rows=batch_rows)))

    whole = run(len(rows))
    for batch_rows in range(1, len(rows)):
        assert run(batch_rows) == whole
    return whole


# The row that is filtered out closes what the first is in, and the next is in error.
BEFORE = [row(1), row(20, kept=False)]


@every_kind
def test_an_aggregate_that_has_no_value(kind):
    def plan(read):
        return KINDS[kind](read.filter("kept")).agg(m=rl.sum(10 // rl.col("n")))

    rows, error, _ = same_for_any_cut([*BEFORE, row(21, n=0), row(40)], plan)
    assert rows and error is rl.ResultOverflowError


@every_kind
def test_a_column_that_has_no_value(kind):
    def plan(read):
        return KINDS[kind](read.filter("kept").select(m=10 // rl.col("n"))).agg(a=rl.sum("m"))

    rows, error, _ = same_for_any_cut([*BEFORE, row(21, n=0), row(40)], plan)
    assert rows and error is rl.ResultOverflowError


@every_kind
def test_a_condition_that_has_no_value(kind):
    def plan(read):
        return KINDS[kind](read.filter("kept").filter(10 // rl.col("n") > 0)).agg(a=rl.sum("n"))

    rows, error, _ = same_for_any_cut([*BEFORE, row(21, n=0), row(40)], plan)
    assert rows and error is rl.ResultOverflowError


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "count"])
def test_a_time_whose_window_has_no_end(kind):
    def plan(read):
        return KINDS[kind](read.filter("kept")).agg(a=rl.sum("n"))

    rows, error, reason = same_for_any_cut([*BEFORE, row(LAST - 1), row(LAST)], plan)
    assert rows and error is rl.ResultOverflowError and f"event time {LAST - 1}: " in reason


@every_kind
def test_a_row_that_is_late(kind):
    def plan(read):
        return KINDS[kind](read.filter("kept")).agg(a=rl.sum("n"))

    rows, error, _ = same_for_any_cut([*BEFORE, row(2), row(40)], plan)
    assert rows and error is rl.LateRowError


SET_BY = {
    "one that is left out": ([(0, 1), (5, 1), (10, 0), (3, 1)], 2),
    "the first of several": ([(0, 1), (10, 1), (10, 0), (12, 0), (12, 0), (12, 1), (3, 1)], 3),
    "one before one left out": ([(0, 0), (10, 1), (10, 0), (10, 1), (3, 1)], 1),
}
STAGES_BEFORE = {
    "filter": lambda read: read.filter("kept"),
    "filters": lambda read: read.filter("kept").select("t", "n").filter(rl.col("n") > 0),
    "rebatch": lambda read: read.filter("kept").rebatch(2),
    "rebatches": lambda read: read.rebatch(3).filter("kept").rebatch(4).rebatch(3),
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "count"])
@pytest.mark.parametrize("stages", STAGES_BEFORE)
@pytest.mark.parametrize(("times", "setter"), SET_BY.values(), ids=SET_BY)
def test_a_late_row_names_the_row_that_set_the_mark_where_that_was_left_out(kind, stages, times, setter):
    rows = [row(t, kept=bool(kept)) for t, kept in times]
    for batch_rows in range(1, len(rows) + 1):
        read = rl.from_rows(rows, time="t", schema=SCHEMA, batch_rows=batch_rows)
        with pytest.raises(rl.LateRowError) as caught:
            list(KINDS[kind](STAGES_BEFORE[stages](read)).agg(a=rl.sum("n")))
        assert (caught.value.row, caught.value.set_by_row) == (len(rows) - 1, setter)


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 9])
def test_a_late_row_names_the_row_that_set_the_mark_of_its_own_time(batch_rows):
    rows = [row(t, u=u) for t, u in [(1, 30), (2, 2), (3, 1), (4, 3)]]
    read = rl.from_rows(rows, schema=SCHEMA, batch_rows=batch_rows)
    with pytest.raises(rl.LateRowError) as caught:
        list(read.rolling(1, time="u").agg(b=rl.sum("n")))
    assert (caught.value.row, caught.value.set_by_row) == (1, 0)


@every_kind
def test_a_time_that_is_missing(kind):
    def plan(read):
        return KINDS[kind](read, time="u").agg(a=rl.sum("n"))

    rows, error, reason = same_for_any_cut([row(1), row(20), row(30, u=None), row(40)], plan)
    assert rows and error is rl.BadRowError and 'row 2: column "u": "null" is not an' in reason


@every_kind
def test_a_time_that_a_function_leaves_out(kind):
    def plan(read):
        # All rows go to the function at once, wherever they were cut.
        mapped = read.rebatch(10).map_batches(lambda batch: {"t": [1, 20, None, 40], "n": [1] * 4})
        return KINDS[kind](mapped).agg(a=rl.sum("n"))

    rows, error, reason = same_for_any_cut([row(t) for t in (1, 20, 30, 40)], plan)
    assert rows and error is rl.BadRowError and reason.startswith("batch 0 of map_batches(<lambda>), row 2: ")


@every_kind
def test_of_two_errors_the_earlier_one_comes(kind):
    def plan(read):
        return KINDS[kind](read, time="u").agg(a=rl.sum(10 // rl.col("n")))

    def error_of(*rows):
        return same_for_any_cut([row(1), *rows, row(40)], plan)[1]

    assert error_of(row(2, n=0), row(3, u=None)) is rl.ResultOverflowError
    assert error_of(row(2, u=None), row(3, n=0)) is rl.BadRowError


@pytest.mark.parametrize("first", ["tumbling", "hopping", "session", "cut session", "rolling", "several", "refined"])
def test_a_result_that_does_not_fit_closes_no_window_that_the_results_before_it_do_not(first):
    def plan(read):
        inner = KINDS[first](read).agg(sum=rl.sum("n"))
        inner = inner.filter("is_final") if first == "refined" else inner
        return inner.window(rl.tumbling(25)).agg(results=rl.count())

    # The last row would close the second window of results, but the one that does not fit comes first.
    rows, error, _ = same_for_any_cut([row(1), row(26), row(31, n=LAST), row(32, n=LAST), row(200)], plan)
    assert [one[:2] for one in rows] == [(0, 25)] and error is rl.ResultOverflowError


@pytest.mark.parametrize("first", ["tumbling", "hopping", "session", "cut session", "several", "refined"])
def test_a_result_that_does_not_fit_closes_the_windows_that_its_instant_does(first):
    def plan(read):
        inner = KINDS[first](read).agg(sum=rl.sum("n"))
        inner = inner.filter("is_final") if first == "refined" else inner
        return inner.window(rl.tumbling(27)).agg(results=rl.count())

    # No row and no result stand between the window of results and the one that does not fit.
    rows, error, _ = same_for_any_cut([row(1), row(26, n=LAST), row(26, n=LAST), row(200)], plan)
    assert [one[:2] for one in rows] == [(0, 27)] and error is rl.ResultOverflowError


@every_kind
def test_marks_behind_the_last_row_of_a_limit_are_nothing(kind):
    def plan(read):
        inner = KINDS[kind](read.filter("kept").limit(1)).agg(results=rl.count())
        inner = inner.filter("is_final") if kind == "refined" else inner
        return inner.window(rl.tumbling(4)).agg(results=rl.count())

    rows, error, _ = same_for_any_cut([row(1), row(20, kept=False), row(21)], plan)
    assert rows and error is None


@every_kind
def test_times_may_lie_2_to_the_63_apart(kind):
    far = 9 * 10**18

    def plan(read):
        return KINDS[kind](read.filter("kept"), late="drop").agg(a=rl.sum("n"))

    rows, error, _ = same_for_any_cut([row(far), row(-far), row(LAST, kept=False), row(far + 1)], plan)
    alone, _, _ = same_for_any_cut([row(far), row(LAST, kept=False)], plan)
    assert rows == alone != [] and error is None
    with pytest.raises(rl.LateRowError, match=f"set lateness={LAST} or more to wait for it"):
        list(KINDS[kind](rl.from_rows([row(far), row(-far)], time="t", schema=SCHEMA)).agg(a=rl.count()))


LONG = b"4" * 30
CUTS = [1, 2, 3, 4, 65536]
LIKE_FILES = {form: FORMS[form] for form in ("bytes", "path", "fifo", "memory", "generator")}
LIKE_FILES["bytewise"] = lambda data, folder: Trickle(data, 1)


def read_once(source, plan, **options):
    """The rows that come out of a source of integers, and the error that comes then, with its line."""
    got = []
    try:
        for batch in plan(rl.read_csv(source, schema={"x": "int64"}, **options)):
            got += batch.rows()
    except rl.Error as error:
        return got, type(error), error.line
    return got, None, None


@pytest.mark.parametrize("form", LIKE_FILES)
@pytest.mark.parametrize("batch_rows", CUTS)
def test_a_line_that_is_too_long(form, batch_rows, tmp_path):
    def run(name, data, plan=lambda read: read, **options):
        (tmp_path / name).mkdir()
        source = LIKE_FILES[form](data, tmp_path / name)
        return read_once(source, plan, max_line=20, batch_rows=batch_rows, **options)

    long = b"x\n1\n2\n3\n" + LONG + b"\n5\n"
    assert run("long", long) == ([(1,), (2,), (3,)], rl.LimitError, 5)
    assert run("first", long, lambda read: read.limit(2)) == ([(1,), (2,)], None, None)
    assert run("last", b"x\n1\n\n2\n" + LONG) == ([(1,), (2,)], rl.LimitError, 5)
    bad = b"x\n1\noops\n3\n" + LONG + b"\n5\n"
    assert run("bad", bad) == ([(1,)], rl.BadRowError, 3)
    assert run("skipped", bad, on_error="skip") == ([(1,), (3,)], rl.LimitError, 5)


@pytest.mark.parametrize("batch_rows", [1000, 65536, 200_000])
def test_a_quote_that_never_closes(batch_rows):
    good = 100_000
    data = b"x\n" + b"1\n" * good + b'"' + b"1\n" * 5_000
    got, error, line = read_once(data, lambda read: read, batch_rows=batch_rows, max_line=5_000)
    assert (got == [(1,)] * good, error, line) == (True, rl.LimitError, good + 2)


TOO_MANY = {
    "bad rows": (4, 9, rl.KeptRowsError, 13),
    "categories": (4, 7, rl.LimitError, 11),
    "bad rows first": (3, 7, rl.KeptRowsError, 10),
}


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("max_kept", "categories", "error", "row"), TOO_MANY.values(), ids=TOO_MANY)
@pytest.mark.parametrize("windows", [False, True])
def test_a_bad_row_or_a_category_too_many(batch_rows, max_kept, categories, error, row, windows):
    data = b"t,x,c\n" + b"".join(b"%d,%s,c%d\n" % (t, b"z" if t % 3 == 1 else b"1", t) for t in range(30))
    schema = {"t": "int64", "x": "int64", "c": rl.categorical(max=categories)}
    options = {"schema": schema, "on_error": "keep", "max_kept": max_kept, "batch_rows": batch_rows}
    read = rl.read_csv(data, time="t", **options)
    counted = read.window(rl.tumbling(3), by="c").agg(n=rl.sum("x"))
    it, got = iter(counted.select("window_start", "n") if windows else read), []
    with pytest.raises(rl.LimitError) as caught:
        for batch in it:
            got += batch.rows()
    good, bad = ([t for t in range(row) if (t % 3 == 1) == is_bad] for is_bad in (False, True))
    closed = [t for t in good if t // 3 < good[-1] // 3]
    assert (type(caught.value), caught.value.row) == (error, row)
    assert [row[:2] for row in got] == ([(t // 3 * 3, 1) for t in closed] if windows else [(t, 1) for t in good])
    assert [line for batch in it.rejects for line in batch["line"].tolist()] == [t + 2 for t in bad]
    stats = it.stats[0]
    assert (stats["rows_in"], stats["passed"], stats["rejected"]) == (row + 1, len(good), len(bad) + 1)
