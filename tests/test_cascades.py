"""Windows over windows over rows of which some are filtered out: no cut shows, whatever the kinds of windows.

Rows that are filtered out still move event time, but of several between two that are kept only the last shows where
they are of one batch.
"""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact
from reference import count, cumulate, cut_session, keep, rolling, session, stream, window
from reference_aggregates import Agg

SCHEMA = {"t": "int64", "k": "string", "n": "int64", "kept": "bool"}


def windows(spec, **options):
    """Such windows of a stream, by key."""
    return lambda read, late: read.window(spec, by="k", **options, **late)


def ends(row):
    return row["window_end"] - 1


KINDS = {
    "tumbling": (windows(rl.tumbling(5)), window, {"size": 5}, ends),
    "hopping": (windows(rl.hopping(7, 3)), window, {"size": 7, "step": 3}, ends),
    "cumulate": (windows(rl.cumulate(8, 2)), cumulate, {"size": 8, "step": 2}, ends),
    "session": (windows(rl.session(4)), session, {"gap": 4}, ends),
    "cut session": (
        windows(rl.session(4, max_length=9, until=rl.col("n") > 3)),
        cut_session,
        {"gap": 4, "max_length": 9, "until": lambda row: row["n"] > 3},
        ends,
    ),
    "count": (windows(rl.count(2, 1)), count, {"size": 2, "every": 1}, lambda row: row.time),
    "rolling": (lambda read, late: read.rolling(5, by="k", **late), rolling, {"size": 5}, lambda row: row["t"]),
}
"""Each kind of the library and of the oracle, and how the oracle knows the event time of its results."""

OURS = {name: kind[0] for name, kind in KINDS.items()} | {
    "rows by arrival": lambda read, late: read.rolling(rows=2, by="k"),
    "filled": windows(rl.tumbling(5), fill="zero", max_fill=3),
    "early": windows(rl.hopping(6, 3), early=2, refine_for=3),
    "early by rows": windows(rl.tumbling(8), early_rows=2),
    "several": lambda read, late: read.windows({"a": rl.tumbling(4), "b": rl.hopping(7, 2)}, by="k", **late),
}

# Rows that come closely, so that windows often end between those that are kept, and not all in order.
one = st.tuples(st.integers(0, 6), st.integers(0, 4), st.sampled_from("abc"), st.integers(0, 5), st.booleans())
drawn = st.lists(one, max_size=14)


def made(rows):
    """Rows as dicts: they come after one another, but for a delay."""
    times = itertools.accumulate(later for later, *_ in rows)
    return [
        {"t": time - delay, "k": k, "n": n, "kept": kept}
        for time, (_, delay, k, n, kept) in zip(times, rows, strict=True)
    ]


def cascade(read, first, second, lateness):
    """The windows of one kind over some of those of another, over the rows that are kept."""
    inner = OURS[first](read.filter("kept"), {"lateness": lateness, "late": "drop"}).agg(many=rl.count())
    inner = inner.filter("is_final") if "is_final" in inner.schema else inner
    inner = inner.select("k", n="many").filter(rl.col("n") != 2)
    return OURS[second](inner, {"late": "drop"}).agg(total=rl.sum("n"), of=rl.count())


def source(rows, cuts=None):
    """The rows, one by one or cut at these places."""
    if cuts is None:
        return rl.from_rows(rows, time="t", schema=SCHEMA, batch_rows=1)
    edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    pieces = [rows[a:b] for a, b in itertools.pairwise(edges)]
    batches = [list(rl.from_rows(piece, schema=SCHEMA)) for piece in pieces]
    schema = rl.from_rows([], schema=SCHEMA).schema
    return rl.from_batches([batch for some in batches for batch in some], time="t", schema=schema)


@pytest.mark.parametrize("first", OURS)
@settings(max_examples=settings().max_examples // 2)
@given(st.sampled_from(sorted(OURS)), drawn, st.integers(0, 6), st.lists(st.integers(1, 14), max_size=3))
def test_no_result_depends_on_cuts(first, second, drawn, lateness, cuts):
    rows = made(drawn)
    one, other = (exact(dicts(cascade(source(rows, at), first, second, lateness))) for at in (None, cuts))
    assert one == other


@pytest.mark.parametrize("first", KINDS)
@settings(max_examples=settings().max_examples // 2)
@given(st.sampled_from(sorted(KINDS)), drawn, st.integers(0, 6), st.lists(st.integers(1, 14), max_size=3))
def test_results_are_those_of_the_oracle(first, second, drawn, lateness, cuts):
    rows = made(drawn)
    got = dicts(cascade(source(rows, cuts), first, second, lateness))
    _, over, shape, when = KINDS[first]
    inner = over(
        keep(stream(rows), lambda row: row["kept"]), {"many": Agg("count")}, by=["k"], lateness=lateness, **shape
    )
    for row in inner.rows:
        row.update(n=row["many"], at=when(row))
    _, over, shape, _ = KINDS[second]
    aggs = {"total": Agg("sum", "n"), "of": Agg("count")}
    outer = over(keep(inner.items, lambda row: row["n"] != 2), aggs, by=["k"], time="at", **shape)
    assert_rows(got, [{name: row[name] for name in one} for one, row in zip(got, outer.rows, strict=True)])


def test_windows_close_one_by_one_however_far_a_mark_jumps():
    # Once the rows that are filtered out were of one batch, they closed both windows before 20 at once, and "b" kept
    # the place before "a" that it had from 5 on.
    times = [(5, "b", True), (6, "a", True), (11, "a", False), (21, "a", False), (21, "a", True), (21, "b", True)]
    rows = [{"t": t, "k": k, "n": 0, "kept": kept} for t, k, kept in times]

    def run(cuts):
        bars = source(rows, cuts).filter("kept").window(rl.tumbling(5), by="k").agg(n=rl.count())
        return exact(dicts(bars.window(rl.tumbling(7), by="k").agg(n=rl.sum("n"))))

    assert run([]) == run(None)
