"""The properties of windows, by their numbers in the literature that the project keeps, each for every kind of window.

P1 and P2 to P13 and P17 of windows are here, P14 to P16 and the containers beside the code of the core; P20 is in
`test_calendar.py`. What is right at all is said by the oracle, in the tests of each kind.
"""

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rillet as rl
from compare import dicts, exact
from kinds import KINDS, arrow, stream
from reference import as_key

moments = st.integers(-60, 60) | st.integers(-300, 300)
numbers = st.none() | st.integers(-50, 50)
floats = st.none() | st.floats(-1e6, 1e6)
cells = st.tuples(st.sampled_from("abc") | st.none(), numbers, floats)
drawn = st.lists(st.tuples(moments, cells), max_size=14)
apart = st.lists(st.tuples(moments, cells), max_size=14, unique_by=lambda one: one[0])

FORGETFUL = {kind: getattr(rl, kind)("x") for kind in ("sum", "mean", "min", "max", "first", "last", "var", "std")}
FORGETFUL |= {"n": rl.count(), "whole": rl.sum("i"), "spread": rl.var("i")}
ORDERLESS = {
    "n": rl.count(),
    "total": rl.sum("i"),
    "most": rl.max("x"),
    "first": rl.first("x"),
    "eighths": rl.sum("id"),
}
MEMBERS = {"members": rl.sum("id")}

every_kind = pytest.mark.parametrize("name", KINDS)


def kinds(holds):
    """A test of the kinds of which this holds."""
    return pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if holds(kind)])



def made(kind, pairs, base=1):
    """Rows of drawn pairs; the `id` of the n-th is a digit that a sum shows, if it is as small as `base` says."""
    return [
        {"t": kind.at(t), "k": k, "i": i, "x": x, "id": base**n if base > 1 else n}
        for n, (t, (k, i, x)) in enumerate(pairs)
    ]


def in_order(rows):
    return sorted(rows, key=lambda row: row["t"])


def span(rows):
    """Lateness enough for any order."""
    return max((row["t"] for row in rows), default=0) - min((row["t"] for row in rows), default=0)


def digits(members):
    """How often each row is in a sum of `16 ** number`, which is null if none is."""
    members = members or 0
    return Counter({n: members >> 4 * n & 15 for n in range(14) if members >> 4 * n & 15})


def final(rows):
    """Of running results those at the end, of revisions the last, of others all."""
    last = [row for row in rows if row.get("until") is None and row.get("is_final", True)]
    return [{name: row[name] for name in row if name not in ("revision", "is_final")} for row in last]


def unordered(rows):
    return sorted(exact(rows), key=repr)


# ------------------------------------------------- P2 to P8: which rows, and nothing else


@every_kind
@given(drawn, st.data())
def test_p02_every_row_is_in_as_many_windows_as_hold_it(name, pairs, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    # Without a lateness rows have to come in order.
    rows = made(kind, pairs if kind.late else sorted(pairs, key=lambda one: one[0]), base=16)
    found = Counter()
    for row in final(dicts(kind.over(stream(rows), shape, lateness=span(rows), **MEMBERS))):
        inside = digits(row["members"])
        assert all(times == 1 for times in inside.values()), "a row counts once in a window"
        assert {as_key(rows[n]["k"]) for n in inside} <= {as_key(row["k"])}
        found.update(inside)
    lines = defaultdict(list)
    for n, row in sorted(enumerate(rows), key=lambda one: one[1]["t"]):
        lines[row["k"]].append(n)
    for line in lines.values():
        times = [rows[n]["t"] for n in line]
        for place, n in enumerate(line):
            assert found[n] == kind.holding(shape, times, place), f"row {n}"


@every_kind
@given(drawn, st.integers(0, 60), st.lists(st.sampled_from([1, 2, 3, 7, 100]), min_size=2, max_size=2), st.data())
def test_p03_p04_no_bit_depends_on_cuts_or_threads(name, pairs, lateness, sizes, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    rows = made(kind, pairs)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    threads = data.draw(st.sampled_from([1, 2, 5]))

    def run(source):
        return exact(dicts(kind.over(source, shape, lateness=lateness, late="drop", **FORGETFUL)))

    whole = run(stream(rows, batch_rows=sizes[0]))
    table, edges = arrow(rows), [0, *cuts, len(rows)]
    pieces = [table.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    assert run(rl.from_batches(pieces, time="t", schema=stream([]).schema)) == whole
    lines = [",".join("" if value is None else repr(value) for value in row.values()) for row in rows]
    lines = [line.replace("'", "") for line in lines]
    text = "\n".join(["t,k,i,x,id", *lines, ""]).encode()
    schema = {"t": "timestamp[s, UTC]", "k": "string", "i": "int64", "x": "float64", "id": "int64"}
    assert run(rl.read_csv(text, time="t", schema=schema, batch_rows=sizes[1], threads=threads)) == whole


@every_kind
@given(drawn, st.integers(0, 60), st.data())
def test_p05_a_key_alone_gets_the_results_that_it_gets_among_others(name, pairs, lateness, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    # A `time=` of its own has a mark of its own, which the filter changes.
    rows = made(kind, pairs)
    source = stream(in_order(rows) if kind.numbered else rows)
    among = final(dicts(kind.over(source, shape, lateness=lateness, late="drop", **FORGETFUL)))
    for key in "abc":
        alone = kind.over(source.filter(rl.col("k") == key), shape, lateness=lateness, late="drop", **FORGETFUL)
        assert exact(final(dicts(alone))) == exact(row for row in among if row["k"] == key)


@every_kind
@given(drawn, st.integers(0, 60), st.data())
def test_p05_keys_can_change_their_names(name, pairs, lateness, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    names = {"a": "long enough to be stored elsewhere", "b": None, "c": "", None: "a"}

    def renamed(rows):
        return [row | {"k": names[row["k"]]} for row in rows]

    def run(rows):
        return dicts(kind.over(stream(rows), shape, lateness=lateness, late="drop", **FORGETFUL))

    rows = made(kind, pairs)
    assert exact(run(renamed(rows))) == exact(renamed(run(rows)))


@kinds(lambda kind: kind.late)
@given(apart, st.randoms(use_true_random=False), st.data())
def test_p06_any_order_within_the_lateness_gives_the_same_results(name, pairs, chance, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    rows = made(kind, pairs)
    shuffled = chance.sample(rows, len(rows))

    def run(rows, lateness):
        return unordered(final(dicts(kind.over(stream(rows), shape, lateness=lateness, **ORDERLESS))))

    # How far windows are filled at the end is told by the watermark.
    assert run(shuffled, span(rows)) == run(in_order(rows), span(rows) if kind.filled else 0)


POISON = [1e308, 1e308, math.inf, -math.inf, math.nan, -1e308, 1e16, 5e-324]


@kinds(lambda kind: kind.late and not kind.numbered and not kind.filled)
@given(drawn, st.permutations(POISON), st.data())
def test_p07_a_window_knows_nothing_of_those_before_it(name, pairs, poison, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    rows = in_order(made(kind, pairs))
    before = [{"t": kind.at(-2000 + n), "k": "ab"[n % 2], "i": 2**40, "x": x, "id": n} for n, x in enumerate(poison)]

    def run(rows):
        return final(dicts(kind.over(stream(rows), shape, **FORGETFUL)))

    assert unordered(run(before + rows)) == unordered(run(before) + run(rows))


@kinds(lambda kind: kind.numbered)
@given(drawn, st.integers(1, 3), st.data())
def test_p07_a_window_of_rows_knows_nothing_of_those_before_it(name, pairs, blocks, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    rows, size = in_order(made(kind, pairs)), math.prod(shape.values())
    # A whole number of blocks, so that the rows behind them are numbered alike.
    count = size * blocks
    before = [{"t": -1000, "k": "a", "i": 2**40, "x": POISON[n % len(POISON)], "id": n} for n in range(count)]

    def run(rows, start):
        results = dicts(kind.over(stream(rows), shape, by=None, **FORGETFUL))
        if name == "count":
            return [list(row.values())[2:] for row in results if row["window_start"] >= start]
        return [list(row.values())[5:] for row in results[start + shape["rows"] - 1 :]]

    assert [exact([row]) for row in run(before + rows, count)] == [exact([row]) for row in run(rows, 0)]


@every_kind
@given(drawn, st.integers(0, 60), st.integers(0, 14), st.data())
def test_p08_more_rows_change_no_earlier_result(name, pairs, lateness, count, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    table = arrow(made(kind, pairs))
    count = min(count, len(pairs))

    class Enough(Exception):
        pass

    def head():
        yield table.slice(0, count)
        raise Enough

    def run(source):
        results = []
        try:
            for batch in kind.over(source, shape, lateness=lateness, late="drop", **FORGETFUL):
                results += dicts([batch])
        except Enough:
            pass
        return exact(results)

    early = run(rl.from_batches(head, time="t", schema=stream([]).schema))
    assert early == run(rl.from_arrow(table, time="t"))[: len(early)]


# ----------------------------------------------- P9 to P12: other data, and known results


@every_kind
@given(drawn, st.integers(0, 60), st.data())
def test_p09_shifting_time_shifts_windows(name, pairs, lateness, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    by = data.draw(st.integers(0 if name == "calendar" else -3, 3))  # There were no such clocks 400 years ago.
    shift, rows = by * kind.period(shape), made(kind, pairs)

    def run(rows):
        return dicts(kind.over(stream(rows), shape, lateness=lateness, late="drop", **FORGETFUL))

    def shifted(row):
        shown = ("window_start", "window_end") if kind.windowed else ("t", "until")
        return {c: value + shift if c in shown and value is not None else value for c, value in row.items()}

    assert exact(run([row | {"t": row["t"] + shift} for row in rows])) == exact(map(shifted, run(rows)))


@every_kind
@given(drawn, st.integers(0, 60), st.sampled_from(["ms", "us"]), st.data())
def test_p09_finer_units_change_nothing(name, pairs, lateness, unit, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    rows = made(kind, pairs)
    coarse, fine = (
        [list(row.values()) for batch in results for row in dicts([batch[list(FORGETFUL)]])]
        for results in (
            kind.over(stream(rows, unit), shape, lateness=lateness, late="drop", **FORGETFUL) for unit in ("s", unit)
        )
    )
    assert exact(map(tuple, coarse)) == exact(map(tuple, fine))


@every_kind
@given(drawn, st.integers(0, 60), st.sampled_from([-3, 1, 8]), st.data())
def test_p10_negation_mirrors_and_powers_of_two_scale(name, pairs, lateness, power, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    rows = made(kind, pairs)
    assume(all(row["x"] is None or row["x"] == 0 or abs(row["x"]) > 1e-100 for row in rows))

    def run(scale):
        scaled = [row | {"x": None if row["x"] is None else row["x"] * scale} for row in rows]
        return dicts(kind.over(stream(scaled), shape, lateness=lateness, late="drop", **FORGETFUL))

    def times(value, scale):
        return None if value is None else value * scale

    for row, minus, more in zip(run(1.0), run(-1.0), run(2.0**power), strict=True):
        for agg, mirror in [("mean", "mean"), ("first", "first"), ("last", "last"), ("min", "max"), ("max", "min")]:
            assert exact([{agg: minus[agg]}]) == exact([{agg: times(row[mirror], -1)}])
            assert exact([{agg: more[agg]}]) == exact([{agg: times(row[agg], 2.0**power)}])
        # The sum of nothing but zeros has a sign of its own.
        assert minus["sum"] == times(row["sum"], -1) and more["sum"] == times(row["sum"], 2.0**power)
        assert minus["var"] == row["var"] and more["var"] == times(row["var"], 4.0**power)
        assert row["var"] is None or row["var"] >= 0
        assert row["min"] is None or row["min"] <= row["first"] <= row["max"]
        assert row["mean"] is None or row["min"] * (1 - 1e-15) - 1e-300 <= row["mean"] or row["min"] < 0


WHOLE = {"n": rl.count(), "total": rl.sum("i"), "least": rl.min("i"), "last": rl.last("x")}


def results(plan, *shown):
    return [tuple(row[name] for name in shown) for row in dicts(plan)]


@given(drawn, st.integers(1, 20), st.integers(-30, 30), st.integers(0, 60))
def test_p11_hops_as_long_as_windows_are_tumbling_windows(pairs, size, offset, lateness):
    source = stream(made(KINDS["hopping"], pairs))
    one, other = (
        source.window(spec, by="k", lateness=lateness, late="drop").agg(**FORGETFUL)
        for spec in (rl.hopping(size, size, offset=offset), rl.tumbling(size, offset=offset))
    )
    assert exact(dicts(one)) == exact(dicts(other))


@given(drawn, st.integers(1, 20), st.integers(1, 6), st.integers(-30, 30))
def test_p11_hopping_windows_are_unions_of_tumbling_ones(pairs, step, steps, offset):
    source = stream(in_order(made(KINDS["hopping"], pairs)))
    tiles = results(source.window(rl.tumbling(step, offset=offset)).agg(**WHOLE), "window_start", "n", "total", "least")
    for row in dicts(source.window(rl.hopping(step * steps, step, offset=offset)).agg(**WHOLE)):
        inside = [tile for tile in tiles if row["window_start"] <= tile[0] < row["window_end"]]
        totals, leasts = ([tile[at] for tile in inside if tile[at] is not None] for at in (2, 3))
        assert row["n"] == sum(tile[1] for tile in inside)
        assert row["total"] == (sum(totals) if totals else None)
        assert row["least"] == min(leasts, default=None)


@given(drawn, st.integers(1, 20))
def test_p11_rolling_windows_at_ends_of_tumbling_ones_are_those(pairs, size):
    rows = in_order(made(KINDS["rolling"], pairs))
    ends = {row["t"] // size * size + size - 1 for row in rows}
    probes = [{"t": end, "k": None, "i": None, "x": None, "id": None} for end in ends]
    rolled = dicts(stream(in_order(rows + probes)).rolling(size).agg(**WHOLE))
    tiles = {
        row["window_end"]: row for row in dicts(stream(in_order(rows + probes)).window(rl.tumbling(size)).agg(**WHOLE))
    }
    for row in rolled:
        if row["t"] in ends:
            assert [row[agg] for agg in WHOLE] == [tiles[row["t"] + 1][agg] for agg in WHOLE]


@given(drawn, st.integers(1, 8))
def test_p11_every_nth_window_of_n_rows_is_one_of_count(pairs, rows):
    source = stream(in_order(made(KINDS["count"], pairs)))
    rolled = results(source.rolling(rows=rows).agg(**FORGETFUL), *FORGETFUL)
    counted = source.window(rl.count(rows)).agg(**FORGETFUL).filter(rl.col("complete"))
    assert exact(rolled[rows - 1 :: rows]) == exact(results(counted, *FORGETFUL))


@given(drawn, st.integers(1, 12), st.integers(1, 6), st.integers(-30, 30))
def test_p11_the_longest_expanding_windows_are_tumbling_ones(pairs, step, steps, offset):
    source = stream(in_order(made(KINDS["cumulate"], pairs)))
    size = step * steps
    longest = source.window(rl.cumulate(size, step, offset=offset), by="k").agg(**WHOLE)
    tiles = source.window(rl.tumbling(size, offset=offset), by="k").agg(**WHOLE)
    assert exact(row for row in dicts(longest) if row["window_end"] - row["window_start"] == size) == exact(
        dicts(tiles)
    )


@given(drawn, st.integers(0, 60))
def test_p11_days_of_utc_are_24_hours(pairs, lateness):
    source = stream(made(KINDS["calendar"], pairs))
    one, other = (
        source.window(rl.hopping(f"2{day}", f"1{day}", **tz), by="k", lateness=f"{lateness}h", late="drop").agg(
            **FORGETFUL
        )
        for day, tz in (("d", {"tz": "UTC"}), ("d", {}))
    )
    fixed = source.window(rl.hopping("48h", "24h"), by="k", lateness=f"{lateness}h", late="drop").agg(**FORGETFUL)
    assert exact(dicts(one)) == exact(dicts(other)) == exact(dicts(fixed))


def visits(rows, gap):
    """Of each key the sessions: start, end, and the numbers of the rows."""
    found = defaultdict(list)
    for row in dicts(stream(rows).window(rl.session(gap), by="k", lateness=span(rows)).agg(**MEMBERS)):
        found[row["k"]].append((row["window_start"], row["window_end"], sorted(digits(row["members"]))))
    return found


@given(drawn, st.integers(1, 40), st.integers(1, 40))
def test_p12_sessions_are_apart_and_hang_together(pairs, gap, more):
    rows = made(KINDS["session"], pairs, base=16)
    longer = visits(rows, gap + more)
    for key, sessions in visits(rows, gap).items():
        for (_, end, _), (start, _, _) in itertools.pairwise(sessions):
            assert start >= end
        for start, end, inside in sessions:
            times = sorted(rows[n]["t"] for n in inside)
            assert (start, end) == (times[0], times[-1] + gap)
            assert all(later - earlier < gap for earlier, later in itertools.pairwise(times))
            # With a longer gap sessions are unions of these.
            assert sum(set(inside) <= set(other) for _, _, other in longer[key]) == 1


# --------------------------------------------------------- P13 and P17: as time goes on


@kinds(lambda kind: not kind.pushed)
@given(drawn, st.integers(0, 60), st.data())
def test_p13_the_watermark_and_the_ledger_hold_at_every_poll(name, pairs, lateness, data):
    kind, shape = KINDS[name], data.draw(KINDS[name].shape)
    rows = made(kind, pairs, base=16)
    late = {"lateness": lateness, "late": "keep"} if kind.late else {}
    it = iter(kind.over(stream(rows, batch_rows=1), shape, **late, **MEMBERS))
    before, seen, found = -math.inf, set(), Counter()
    while True:
        try:
            batch = it.poll()
        except StopIteration:
            break
        last, mark = it.stats[-1], it.watermark
        ways = ("passed", "aggregated", "held", "late", "rejected", "filtered", "windowless", "cut")
        assert last["rows_in"] == sum(last[way] for way in ways)
        now = -math.inf if mark is None else np.datetime64(mark, "s").astype(int)
        assert now >= before, "the watermark never goes back"
        before, is_over = now, last["rows_in"] == len(rows)
        for row in final(dicts([batch] if batch is not None else [])):
            if kind.windowed:
                # Sessions that rows of one time end and begin have the same edges.
                result = row["window_start"], row["window_end"], row["k"], row.get("window"), row["members"]
                assert result not in seen, "no result comes twice"
                assert is_over or row["window_end"] <= now, "nor before its time"
                seen.add(result)
            found.update(digits(row["members"]))
    if kind.late:
        missed = {row["id"] for row in dicts(it.late) if row["_reason"] == "late"}
        windowless = it.stats[-1]["windowless"]
        lost = sum(row["id"] not in missed and not found[n] for n, row in enumerate(rows))
        assert lost == windowless, "each row is in a window, late or in none"
        assert not any(found[n] for n, row in enumerate(rows) if row["id"] in missed)


STEADY = {
    "tumbling": {"size": 50, "offset": 0},
    "hopping": {"size": 50, "step": 5, "offset": 3},
    "cumulate": {"size": 50, "step": 5, "offset": 0},
    "session": {"gap": 5},
    "cut session": {"gap": 5, "most": 3},
    "calendar": {"size": 3, "step": 1},
    "rolling": {"size": 50},
    "rolling rows": {"rows": 20},
    "count": {"size": 20, "every": 3},
    "running": {"every": 10_000},
    "filled": {"size": 50, "step": 5, "offset": 3},
    "early": {"size": 50, "step": 5, "offset": 3},
    "refined": {"size": 50, "offset": 0},
    "several": {"size": 50, "step": 5, "offset": 3},
}


@kinds(lambda kind: not kind.pushed)
def test_p17_state_follows_open_windows_and_not_rows(name):
    kind, size = KINDS[name], 2_000

    def batches():
        for batch in range(120):
            row = np.arange(batch * size, (batch + 1) * size)
            # A second has ten rows; of the keys, some rest while others come.
            time = row // 10 if name != "calendar" else row * 60
            key = pa.array(row % 40 + row // 4000 % 7 * 40).cast(pa.string())
            times = pa.array(time).cast(pa.timestamp("s", tz="UTC"))
            yield pa.table({"t": times, "k": key, "i": row, "x": row / 3, "id": row})

    it = iter(kind.over(rl.from_batches(batches, time="t"), STEADY[name], **FORGETFUL))
    held, windows = [], []
    while it.stats[0]["rows_in"] < 119 * size:
        it.poll()
        held.append(it.stats[-1]["state_bytes"])
        windows.append(it.stats[-1]["open_windows"])
    half = len(held) // 2
    assert max(held[half:]) <= 1.05 * max(held[:half])
    assert max(windows[half:]) <= max(windows[:half])
