"""Sessions that end by more than one gap: a greatest length, a condition, gaps of a column."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, dicts, exact
from reference import cut_session, keep, session, stream
from test_properties import CONDITIONS, SCHEMA, aggregates, batch_rows, by, source, tables

GAP = rl.col("i") % 40 + 1


def own_gap(row):
    return row["i"] % 40 + 1


@st.composite
def cuts(draw):
    """What ends sessions, twice: for the library and for the oracle."""
    ours, theirs = {"gap_closed": draw(st.booleans())}, {}
    length = draw(st.none() | st.integers(1, 60))
    condition = draw(st.none() | st.sampled_from(sorted(CONDITIONS)))
    own = draw(st.booleans())
    if length is not None:
        ours["max_length"] = theirs["max_length"] = length
    if condition:
        ours["until"], theirs["until"] = CONDITIONS[condition]
    if own or not (length or condition):
        ours["gap"], theirs["gap"] = GAP, own_gap
    else:
        ours["gap"] = theirs["gap"] = draw(st.integers(1, 40))
    return ours, theirs | {"gap_closed": ours["gap_closed"]}


whole = tables.map(lambda rows: [row | {"i": row["i"] or 0} for row in rows])


def windows(ours):
    return rl.session(ours["gap"], **{name: value for name, value in ours.items() if name != "gap"})


def pieces(plan, gap, *, by=None, lateness=0, **options):
    made = plan.window(rl.session(gap, **options), by=by, lateness=lateness).agg(n=rl.count())
    return [(row["window_start"], row["window_end"], row["n"]) for row in dicts(made)]


def at(*rows, **options):
    return rl.from_rows([{"t": t, "a": action} for t, action in rows], time="t", **options)


# ------------------------------------------------------------- the oracle


@given(whole, cuts(), by, st.integers(0, 60), aggregates(), batch_rows)
def test_cut_sessions_are_those_of_the_oracle(data, cuts, by, lateness, aggs, batch_rows):
    ours, theirs = aggs
    plan = source(data, batch_rows=batch_rows).window(windows(cuts[0]), by=by or None, lateness=lateness, late="keep")
    it = iter(plan.agg(**ours))
    want = cut_session(stream(data), theirs, by=by, lateness=lateness, **cuts[1])
    assert_rows(dicts(it), want.rows)
    assert exact(dicts(it.late)) == exact(want.late)
    last = list(it.stats)[-1]
    assert last["rows_in"] == len(data) == last["aggregated"] + last["late"]


@given(whole, cuts(), by, aggregates(), batch_rows, st.sampled_from(sorted(CONDITIONS)))
def test_filters_before_cut_sessions(data, cuts, by, aggs, batch_rows, condition):
    ours, theirs = aggs
    expression, predicate = CONDITIONS[condition]
    got = dicts(
        source(data, batch_rows=batch_rows)
        .filter(expression)
        .window(windows(cuts[0]), by=by or None, late="drop")
        .agg(**ours)
    )
    assert_rows(got, cut_session(keep(stream(data), predicate), theirs, by=by, **cuts[1]).rows)


@given(whole, cuts(), by, st.integers(0, 60), aggregates(), st.lists(batch_rows, min_size=2, max_size=2))
def test_no_bit_depends_on_batches(data, cuts, by, lateness, aggs, cut_at):
    def run(rows_of):
        plan = source(data, batch_rows=rows_of).window(windows(cuts[0]), by=by or None, lateness=lateness, late="drop")
        return exact(dicts(plan.agg(**aggs[0])))

    assert run(cut_at[0]) == run(cut_at[1])


@given(whole, cuts(), st.integers(1, 50), by, batch_rows)
def test_cut_sessions_can_be_windowed_again(data, cuts, size, by, batch_rows):
    plan = source(data, batch_rows=batch_rows).window(windows(cuts[0]), by=by or None, late="drop")
    got = dicts(plan.agg(n=rl.count()).window(rl.tumbling(size)).agg(n=rl.sum("n"), sessions=rl.count()))
    want = cut_session(stream(data), {"n": len}, by=by, **cuts[1]).rows
    assert sum(row["n"] for row in got) == sum(row["n"] for row in want)
    assert sum(row["sessions"] for row in got) == len(want)


# --------------------------------------------------------------------- P12


def lateness_of(data):
    return max((row["t"] for row in data), default=0) - min((row["t"] for row in data), default=0)


@given(whole, cuts(), by, aggregates(), st.randoms(use_true_random=False))
def test_p12_any_order_within_the_lateness_gives_the_same_sessions(data, cuts, by, aggs, random):
    """Merge closure. Rows of one time stay in their order, which is that of their arrival."""
    ordered, of_time = sorted(data, key=lambda row: row["t"]), {}
    for row in ordered:
        of_time.setdefault(row["t"], []).append(row)
    shuffled = [of_time[row["t"]].pop(0) for row in random.sample(data, len(data))]

    def run(rows, lateness):
        plan = source(rows).window(windows(cuts[0]), by=by or None, lateness=lateness)
        return sorted(exact(dicts(plan.agg(**aggs[0]))), key=repr)

    assert run(shuffled, lateness_of(data)) == run(ordered, 0)


@given(whole, cuts(), st.integers(0, 60))
def test_p12_sessions_part_the_rows_and_obey_their_rules(data, cuts, lateness):
    """Every internal gap is less than the row's own, no session is too long or goes on after its end."""
    plan = source(data).window(windows(cuts[0]), by="k", lateness=lateness, late="drop")
    late = cut_session(stream(data), {}, by=["k"], lateness=lateness, **cuts[1]).late
    rows = dicts(plan.agg(n=rl.count(), first=rl.min("t"), last=rl.max("t")))
    assert sum(row["n"] for row in rows) == len(data) - len(late)
    longest = cuts[0].get("max_length")
    for row in rows:
        assert row["window_start"] == row["first"] <= row["last"] <= row["window_end"]
        assert longest is None or row["window_end"] - row["window_start"] <= longest
    for key in {row["k"] for row in rows}:
        mine = sorted(row["window_start"] for row in rows if row["k"] == key)
        ends = sorted(row["last"] for row in rows if row["k"] == key)
        assert all(end <= start for end, start in zip(ends, mine[1:], strict=False))


@given(tables, st.integers(1, 30), st.integers(1, 10), by)
def test_p12_a_smaller_gap_refines_the_sessions(data, gap, less, by):
    def run(gap):
        plan = source(data).window(rl.session(gap), by=by or None, lateness=lateness_of(data))
        return dicts(plan.agg(n=rl.count(), last=rl.max("t")))

    coarse, fine = run(gap + less), run(gap)
    for row in fine:
        inside = [
            other
            for other in coarse
            if all(repr(other[name]) == repr(row[name]) for name in by)
            and other["window_start"] <= row["window_start"]
            and row["last"] <= other["last"]
        ]
        assert len(inside) == 1
    assert sum(row["n"] for row in fine) == sum(row["n"] for row in coarse)


@given(tables, st.integers(1, 40), by)
def test_p12_sessions_are_a_gap_apart(data, gap, by):
    plan = source(data).window(rl.session(gap), by=by or None, lateness=lateness_of(data)).agg(n=rl.count())
    starts = {}
    for row in sorted(dicts(plan), key=lambda row: row["window_start"]):
        key = repr([row[name] for name in by])
        assert starts.get(key, row["window_start"]) <= row["window_start"]
        starts[key] = row["window_end"]


@given(tables, st.integers(1, 40), st.booleans(), by, aggregates())
def test_gaps_that_are_all_the_same_are_one_gap(data, gap, gap_closed, by, aggs):
    """The two operators of sessions agree where both have an answer: on rows in order, and with time to wait."""
    ours, theirs = aggs

    def run(gap):
        windows = rl.session(gap, gap_closed=gap_closed)
        return dicts(source(data).window(windows, by=by or None, lateness=lateness_of(data)).agg(**ours))

    want = session(stream(data), theirs, gap=gap, gap_closed=gap_closed, by=by, lateness=lateness_of(data)).rows
    own = run(rl.col("t") * 0 + gap)
    assert_rows(own, want) if not by else assert_rows(sorted_rows(own), sorted_rows(want))


def sorted_rows(rows):
    return sorted(rows, key=lambda row: (row["window_end"], row["window_start"], repr(list(row.values())[2:4])))


# -------------------------------------------------------------- by example


def test_a_session_is_cut_at_its_greatest_length():
    rows = [(t, "") for t in (0, 4, 8, 12, 16, 40)]
    assert pieces(at(*rows), 5, max_length=10) == [(0, 10, 3), (12, 21, 2), (40, 45, 1)]
    assert pieces(at(*rows), 5, max_length=8) == [(0, 8, 2), (8, 16, 2), (16, 21, 1), (40, 45, 1)]
    assert pieces(at(*rows), 5, max_length=8, gap_closed=True) == [(0, 8, 3), (12, 20, 2), (40, 45, 1)]
    assert pieces(at((0, ""), (3, "")), 5, max_length=2) == [(0, 2, 1), (3, 5, 1)]


def test_a_session_is_cut_alike_whatever_the_order_of_its_rows():
    rows = [(t, "") for t in (12, 4, 16, 0, 8, 40)]
    assert pieces(at(*rows), 5, max_length=10, lateness=20) == [(0, 10, 3), (12, 21, 2), (40, 45, 1)]


def test_a_row_ends_its_session():
    out = rl.col("a") == "out"
    rows = [(0, "in"), (3, "out"), (3, "in"), (5, "x"), (9, "out"), (9, "out"), (10, "in")]
    want = [(0, 4, 2), (3, 10, 3), (9, 10, 1), (10, 20, 1)]
    assert pieces(at(*rows), 10, until=out) == want
    assert pieces(at(*rows, batch_rows=1), 10, until=out) == want
    closed = [(start, end - 1, n) for start, end, n in want[:3]] + [(10, 20, 1)]
    assert pieces(at(*rows), 10, until=out, gap_closed=True) == closed
    assert pieces(rl.from_rows([{"t": 1, "b": True}, {"t": 2, "b": None}], time="t"), 10, until="b") == [
        (1, 2, 1),
        (2, 12, 1),
    ]


def test_a_session_that_has_ended_goes_out_when_time_moves_on():
    it = iter(
        at((0, "in"), (3, "out"), (4, "in"), batch_rows=1)
        .window(rl.session(100, until=rl.col("a") == "out"))
        .agg(n=rl.count())
    )
    assert it.poll() is it.poll() is None
    assert list(it.stats)[-1]["open_windows"] == 1
    assert list(next(it)["n"]) == [2]


def test_each_row_has_its_own_gap():
    rows = [{"t": 0, "g": 100}, {"t": 5, "g": 1}, {"t": 90, "g": 1}, {"t": 100, "g": 3}, {"t": 102, "g": 7}]
    plan = rl.from_rows(rows, time="t")
    assert pieces(plan, rl.col("g")) == [(0, 100, 3), (100, 109, 2)]
    assert pieces(plan, rl.col("g"), gap_closed=True) == [(0, 109, 5)]
    assert pieces(plan, rl.col("g"), max_length=50) == [(0, 50, 2), (90, 91, 1), (100, 109, 2)]


def test_gaps_are_durations_too():
    text = b"t,g\n2024-01-01T00:00:00,2\n2024-01-01T00:00:01,2\n2024-01-01T00:00:03,1\n"
    plan = rl.read_csv(text, time="t", schema={"t": "timestamp[ms]"})
    in_seconds = rl.col("g").cast("duration[s]")
    made = plan.window(rl.session(in_seconds)).agg(n=rl.count())
    assert [row["n"] for row in dicts(made)] == [2, 1]
    with pytest.raises(rl.SchemaError, match=r'finer than the time column; cast it to "duration\[ms\]"'):
        _ = plan.window(rl.session(rl.col("g").cast("duration[us]"))).agg(n=rl.count()).schema
    with pytest.raises(rl.SchemaError, match="give its ticks as an integer"):
        _ = rl.from_rows([{"t": 1, "g": 2}], time="t").window(rl.session(in_seconds)).agg(n=rl.count()).schema
    with pytest.raises(rl.SchemaError, match="a duration, or an integer"):
        _ = rl.from_rows([{"t": 1, "g": "2"}], time="t").window(rl.session(rl.col("g"))).agg(n=rl.count()).schema


@pytest.mark.parametrize("bad", ["0", "-3", ""])
def test_a_row_without_a_gap_is_an_error_after_all_results_before_it(bad):
    text = f"t,g\n1,2\n9,2\n20,{bad}\n30,2\n".encode()
    it = iter(rl.read_csv(text, time="t").window(rl.session(rl.col("g"))).agg(n=rl.count()))
    assert list(next(it)["window_start"]) == [1]
    with pytest.raises(rl.ResultOverflowError, match=rf'col\("g"\): {bad or "null"} is no gap.*line 4') as caught:
        next(it)
    assert caught.value.line == 4


def test_a_row_behind_the_watermark_is_late():
    rows = at((0, ""), (20, ""), (15, ""))
    with pytest.raises(rl.LateRowError, match="lateness=5 or more"):
        pieces(rows, 10, max_length=100)
    assert pieces(rows, 10, max_length=100, lateness=5) == [(0, 10, 1), (15, 30, 2)]


def test_keys_come_and_go_without_end():
    def rows():
        for wave in range(30):
            for i in range(2000):
                yield {"t": wave * 1000, "k": f"key {wave * 2000 + i}"}

    windows = rl.session(10, max_length=500)
    plan = rl.from_rows(rows(), time="t", batch_rows=1000).window(windows, by="k", lateness=100)
    it = iter(plan.agg(n=rl.count()))
    assert sum(int(batch["n"].sum()) for batch in it) == 60_000
    assert list(it.stats)[-1]["state_bytes"] < 1_500_000


def test_arguments():
    until = rl.col("a") == "out"
    windows = rl.session("30m", gap_closed=True, max_length="2h", until=until)
    assert repr(windows) == 'session("30m", gap_closed=True, max_length="2h", until=col("a") == "out")'
    assert repr(rl.session(rl.col("g"))) == 'session(col("g"))'
    assert windows == rl.session("30m", gap_closed=True, max_length="120m", until=until)
    assert rl.session(5, max_length=9) != rl.session(5) != rl.session(5, until="b")
    plan = at((0, "x")).window(rl.session(5, max_length=9, until=until), by="a").agg(n=rl.count())
    assert pickle.loads(pickle.dumps(rl.Stream(plan._plan, ())))._plan == plan._plan
    with pytest.raises(rl.ArgumentError, match="max_length=0: a window must be longer than nothing"):
        rl.session(5, max_length=0)
    with pytest.raises(rl.ArgumentError, match="gap=0: a gap must be longer than nothing"):
        rl.session(0, max_length=5)
    with pytest.raises(rl.ArgumentError, match=r"max_length.*without a unit"):
        _ = source([]).window(rl.session(5, max_length="5m")).agg(n=rl.count()).schema
    with pytest.raises(rl.SchemaError, match="has to be a bool"):
        _ = source([]).window(rl.session(5, until="i")).agg(n=rl.count()).schema
    with pytest.raises(rl.ColumnNotFoundError, match="nope"):
        _ = source([]).window(rl.session(rl.col("nope"))).agg(n=rl.count()).schema
    with pytest.raises(rl.ArgumentTypeError, match="gap must be"):
        rl.session(None)
    assert SCHEMA["i"] == "int64"


def test_only_the_columns_that_are_used_are_read():
    text = b"t,g,b,bad\n1,5,true,1\n2,5,false,x\n"
    plan = rl.read_csv(text, time="t", schema={"bad": "int64"})
    assert pieces(plan, rl.col("g"), until="b") == [(1, 2, 1), (2, 7, 1)]
