"""Rows that are pushed, in every way, against iterating the same stream and against the oracle."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, batch_dicts, dicts, exact
from reference import Mark, rolling, window
from test_properties import CONDITIONS, SCHEMA, aggregates, batch_rows, by, shapes, source, spec, tables
from test_rolling import frames, ours

lateness = st.integers(0, 60)
ways = st.lists(st.sampled_from(["dict", "tuple", "names", 1, 2, 5]), min_size=1, max_size=6)
"""How rows are pushed, in turns: one by one, or so many in a batch."""


def pushed(schema=SCHEMA, time="t"):
    return rl.from_push(schema, time=time)


def columns(rows):
    return {name: [row[name] for row in rows] for name in SCHEMA}


def one(op, row, way):
    """The results of pushing a row in one of the ways, as tuples."""
    if way == "dict":
        return op.push_row(row)
    return op.push_row(**row) if way == "names" else op.push_row(*row.values())


def run(op, rows, ways, names):
    """Pushes rows in turns of ways; gives the rows that come out, and the error that ends them."""
    out, at, turns = [], 0, itertools.cycle(ways)
    try:
        while at < len(rows):
            way = next(turns)
            if isinstance(way, int):
                out += dicts(op.push(columns(rows[at : at + way])))
                at += way
            else:
                out += [dict(zip(names, row, strict=True)) for row in one(op, rows[at], way)]
                at += 1
        for batch in op.finish():
            out += batch_dicts(batch)
    except rl.Error as error:
        return out, error
    return out, None


def iterated(plan):
    out = []
    try:
        for batch in plan:
            out += batch_dicts(batch)
    except rl.Error as error:
        return out, error
    return out, None


def told(error):
    """What an error says of the row."""
    return error and (type(error), error.row, getattr(error, "time", None), getattr(error, "missed", None))


def windows(data, aggs):
    """A stream of windows or groups over a source, whatever the source is."""
    keys, late = data.draw(by), data.draw(st.sampled_from(["error", "drop", "keep"]))
    lag = data.draw(lateness)
    kind = data.draw(st.sampled_from(["grid", "session", "cumulate", "count", "group", "running", "windows"]))
    if kind in ("group", "running"):
        every = {} if kind == "group" else {"every": data.draw(st.integers(1, 9))}
        return lambda rows: rows.group_by(*keys, **every).agg(**aggs)
    spec_of = {
        "grid": lambda: spec(data.draw(shapes)),
        "session": lambda: rl.session(data.draw(st.integers(1, 20))),
        "cumulate": lambda: rl.cumulate(12, 3),
        "count": lambda: rl.count(3, 2),
        "windows": lambda: rl.tumbling(7),
    }
    made = spec_of[kind]()

    def plan(rows):
        once = rows.window(made, by=keys or None, lateness=lag, late=late).agg(**aggs)
        return once.window(rl.tumbling(10)).agg(n=rl.count(), most=rl.max("a0")) if kind == "windows" else once

    return plan


STAGES = {
    "nothing": lambda rows: rows,
    "filter": lambda rows: rows.filter(rl.col("i") > 0),
    "columns": lambda rows: rows.with_columns(i=rl.col("i") + 1),
    "function": lambda rows: rows.map_batches(lambda batch: batch),
    "rebatch": lambda rows: rows.rebatch(3),
    "limit": lambda rows: rows.limit(5),
}


@given(tables, aggregates(), ways, st.sampled_from(sorted(STAGES)), st.data())
def test_what_is_pushed_comes_to_what_iterating_gives(table, aggs, ways, stage, data):
    """P3 and P7: whatever the cuts, the same rows, order, bits, errors and ledger."""
    make = windows(data, aggs[0])
    want, error = iterated(it := iter(make(STAGES[stage](source(table)))))
    plan = make(STAGES[stage](pushed()))
    names = list(make(STAGES["nothing"](pushed())).schema)
    op = plan.operator()
    got, raised = run(op, table, ways, names)
    assert exact(got) == exact(want)
    if isinstance(raised, rl.StreamConsumedError):
        assert stage == "limit" and op.ended
        return
    assert told(raised) == told(error)
    if not error:
        counts = ("rows_in", "rows_out", "aggregated", "late", "windowless", "filtered", "held", "cut")
        for ours, theirs in zip(op.stats, it.stats, strict=True):
            assert [ours[name] for name in counts] == [theirs[name] for name in counts]
    assert exact(dicts(op.late)) == exact(dicts(it.late))
    assert op.ended and list(op.finish()) == []


@given(tables, by, lateness, aggregates(), ways, st.data())
def test_rolling_windows_are_those_of_the_oracle(table, keys, lateness, aggs, ways, data):
    frame = frames(data, keys)
    late = {} if frame.get("time", "t") is None else {"lateness": lateness, "late": "keep"}
    plan = ours(pushed(), frame, aggs[0], **late)
    op = plan.operator()
    got, error = run(op, table, ways, list(plan.schema))
    items = [item for row in marked(table, {}) for item in row]
    want = rolling(items, aggs[1], lateness=late.get("lateness", 0), **frame)
    assert error is None
    assert_rows(got, want.rows)
    if late:
        assert exact(dicts(op.late)) == exact(want.late)
    last = list(op.stats)[-1]
    assert last["rows_in"] == len(table) == last["passed"] + last["late"]


def marked(table, advances):
    """The items of a source, row by row, and the marks that come before some rows."""
    mark, out = None, []
    for at, row in enumerate([*table, None]):
        items = []
        if at in advances:
            mark = advances[at] if mark is None else max(mark, advances[at])
            items.append(Mark(mark))
        if row:
            mark = row["t"] if mark is None else max(mark, row["t"])
            items += [row, Mark(mark)]
        out.append(items)
    return out


marks = st.dictionaries(st.integers(0, 14), st.integers(-60, 60) | st.integers(-400, 400), max_size=5)


@given(tables, shapes, by, lateness, aggregates(), marks, st.booleans())
def test_advance_is_a_mark_of_the_oracle(table, shape, keys, lateness, aggs, marks, single):
    plan = pushed().window(spec(shape), by=keys or None, lateness=lateness, late="keep").agg(**aggs[0])
    op, out = plan.operator(), []
    for at, row in enumerate([*table, None]):
        if at in marks:
            out += dicts(op.advance(marks[at]))
        if row and single:
            out += [dict(zip(plan.schema, made, strict=True)) for made in op.push_row(row)]
        elif row:
            out += dicts(op.push(columns([row])))
    out += dicts(op.finish())
    items = [item for items in marked(table, marks) for item in items]
    want = window(items, aggs[1], by=keys, lateness=lateness, **shape)
    assert_rows(out, want.rows)
    assert exact(dicts(op.late)) == exact(want.late)


@given(tables, by, lateness, aggregates(), marks, st.integers(1, 40))
def test_advance_lets_rows_roll(table, keys, lateness, aggs, marks, size):
    plan = pushed().rolling(size, by=keys or None, lateness=lateness, late="drop").agg(**aggs[0])
    op, out = plan.operator(), []
    for at, row in enumerate([*table, None]):
        if at in marks:
            out += dicts(op.advance(marks[at]))
        if row:
            out += dicts(op.push(columns([row])))
    out += dicts(op.finish())
    items = [item for items in marked(table, marks) for item in items]
    assert_rows(out, rolling(items, aggs[1], size=size, by=keys, lateness=lateness).rows)


@given(tables, aggregates(), st.data())
def test_a_row_gives_at_once_what_a_batch_of_it_gives(table, aggs, data):
    """No result waits because rows are put aside while nothing can come of them."""
    make = data.draw(st.sampled_from([windows(data, aggs[0]), lambda rows: ours(rows, frames(data, []), aggs[0])]))
    plan = make(pushed())
    slow, fast = plan.operator(), plan.operator()
    for row in table:
        try:
            want = [tuple(row.values()) for row in dicts(slow.push(columns([row])))]
        except rl.Error as error:
            with pytest.raises(type(error)) as caught:
                fast.push_row(row)
            assert told(caught.value) == told(error)
            return
        assert exact(fast.push_row(row)) == exact(want)
        if data.draw(st.booleans()):
            assert fast.watermark == slow.watermark
            assert next(iter(fast.stats))["rows_in"] == next(iter(slow.stats))["rows_in"]
    assert exact(dicts(fast.finish())) == exact(dicts(slow.finish()))


def test_pushing_many_rows_puts_few_aside():
    op = pushed({"t": "int64", "x": "float64"}).window(rl.tumbling(10_000)).agg(n=rl.count(), y=rl.sum("x")).operator()
    out = [row for t in range(25_000) for row in op.push_row(t, 0.5)]
    assert out == [(0, 10_000, 10_000, 5_000.0), (10_000, 20_000, 10_000, 5_000.0)]
    reader, windows = op.stats
    assert (reader["rows_in"], windows["aggregated"], windows["held"]) == (25_000, 25_000, 0)
    assert op.watermark == 24_999


@given(tables, batch_rows, st.sampled_from(sorted(CONDITIONS)))
def test_filters_pass_event_time_on(table, size, condition):
    def plan(rows):
        kept = rows.filter(CONDITIONS[condition][0])
        return kept.window(rl.tumbling(10), late="drop").agg(n=rl.count())

    got, _ = run(plan(pushed()).operator(), table, [size, "tuple"], list(plan(pushed()).schema))
    assert exact(got) == exact(dicts(plan(source(table))))
