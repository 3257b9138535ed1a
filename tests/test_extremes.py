"""Spreads and weighted means at both ends of the range of doubles, in every kind of window."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rillet as rl
from compare import assert_rows, batch_dicts, dicts, exact
from reference import count, group_by, rolling, session, stream, window
from reference_aggregates import Agg

SIZES = [5e-324, 1e-310, 1e-200, 1e-170, 1e-160, 3e-154, 1e-146, 1e-130, 1e-100, 1.0, 0.1, 7e99, 1e144, 1e145, 1e154]
EXTREMES = [0.0, *SIZES, 2e154, 1e200, 3e200, 1e300, 1e308, 1.7e308]
numbers = st.sampled_from([*EXTREMES, *(-x for x in EXTREMES)]) | st.floats(-1.7e308, 1.7e308)
SCHEMA = {"t": "int64", "k": "string", "x": "float64", "w": "float64"}
cells = st.tuples(st.integers(0, 30), st.sampled_from("ab"), numbers, numbers.map(abs))
tables = st.lists(cells, max_size=25).map(lambda rows: [dict(zip(SCHEMA, row, strict=True)) for row in sorted(rows)])
OURS = {"v": rl.var("x"), "s": rl.std("x"), "p": rl.std("x", ddof=0), "m": rl.mean("x", weight="w")}
THEIRS = {
    "v": Agg("var", "x"),
    "s": Agg("std", "x"),
    "p": Agg("std", "x", ddof=0),
    "m": Agg("mean", "x", weight="w"),
}
KINDS = {
    "tumbling": (lambda s: s.window(rl.tumbling(9), by="k"), lambda i: window(i, THEIRS, size=9, by=["k"]).rows),
    "hopping": (lambda s: s.window(rl.hopping(12, 2)), lambda i: window(i, THEIRS, size=12, step=2).rows),
    "session": (lambda s: s.window(rl.session(3), by="k"), lambda i: session(i, THEIRS, gap=3, by=["k"]).rows),
    "count": (lambda s: s.window(rl.count(5, 2)), lambda i: count(i, THEIRS, size=5, every=2).rows),
    "rolling": (lambda s: s.rolling(8, by="k"), lambda i: rolling(i, THEIRS, size=8, by=["k"]).rows),
    "rows": (lambda s: s.rolling(rows=4), lambda i: rolling(i, THEIRS, rows=4, time=None).rows),
}


def source(rows, batch_rows=7):
    return rl.from_rows(rows, time="t", schema=SCHEMA, batch_rows=batch_rows)


@pytest.mark.parametrize("kind", KINDS)
@given(data=tables, batch_rows=st.sampled_from([1, 4, 100]))
def test_results_are_those_of_the_oracle(kind, data, batch_rows):
    ours, theirs = KINDS[kind]
    got = dicts(ours(source(data, batch_rows)).agg(**OURS))
    assert_rows(got, theirs(stream(data)))
    assert exact(got) == exact(dicts(ours(source(data)).agg(**OURS)))


@given(tables)
def test_results_of_groups_are_those_of_the_oracle(data):
    assert_rows(dicts(source(data).group_by("k").agg(**OURS)), group_by(data, ["k"], THEIRS))


@pytest.mark.parametrize("kind", ["hopping", "session", "rolling", "rows"])
@given(data=tables)
def test_rows_that_are_pushed_have_results_as_good(kind, data):
    ours, theirs = KINDS[kind]
    plan = ours(rl.from_push(SCHEMA, time="t")).agg(**OURS)
    op = plan.operator()
    out = [dict(zip(plan.schema, made, strict=True)) for row in data for made in op.push_row(row)]
    assert_rows(out + [row for batch in op.finish() for row in batch_dicts(batch)], theirs(stream(data)))


@pytest.mark.parametrize("kind", ["tumbling", "session", "rolling"])
def test_a_key_does_not_know_what_others_have(kind):
    """To the bit: that squares of others are out of range changes no result."""
    chance = np.random.default_rng(3)
    usual = [{"t": t // 9, "k": "a", "x": x, "w": 1 / (t + 3)} for t, x in enumerate(chance.normal(5, 2, 400).tolist())]
    extreme = [{"t": t, "k": "b", "x": (-1e300, 1e-200)[t % 2], "w": 1e-200} for t in range(20, 40)]
    both = sorted(usual + extreme, key=lambda row: row["t"])
    got = [row for row in dicts(KINDS[kind][0](source(both)).agg(**OURS)) if row["k"] == "a"]
    assert exact(got) == exact(dicts(KINDS[kind][0](source(usual)).agg(**OURS)))


def test_many_rows_that_roll_by_before_and_behind_extreme_ones():
    chance = np.random.default_rng(5)
    xs = np.concatenate([chance.normal(0, 1, 30_000), [1e200, -1e-300, 1e308], chance.normal(0, 1, 30_000)])
    plan = rl.from_batches([{"x": part} for part in np.array_split(xs, 7)]).rolling(rows=50).agg(s=rl.std("x"))
    got = np.concatenate([batch["s"] for batch in plan])
    for at in (60, 29_999, 30_000, 30_002, 30_020, 30_051, 30_052, 30_053, 59_000):
        want = Agg("std", "x")([(0, n, {"x": float(x)}) for n, x in enumerate(xs[max(at - 49, 0) : at + 1])])
        assert abs(got[at] / want - 1) <= 1e-14
    alone = rl.from_batches([{"x": xs[30_003:]}]).rolling(rows=50).agg(s=rl.std("x"))
    assert np.allclose(np.concatenate([batch["s"] for batch in alone])[50:], got[30_053:], rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([1e308, -1e308, 1e308], 1.1547005383792515e308),
        ([0, 1e200, 3e200], 1.5275252316519466e200),
        ([0, 1e-170], 7.071067811865476e-171),
        ([0, 1e-160], 7.071067811865476e-161),
    ],
)
def test_the_range_of_spreads_is_that_of_doubles(values, want):
    rows = [{"t": n, "x": float(x)} for n, x in enumerate(values)]
    (row,) = dicts(rl.from_rows(rows, time="t").window(rl.tumbling(10)).agg(s=rl.std("x"), v=rl.var("x")))
    assert math.isclose(row["s"], want, rel_tol=1e-15)
    assert row["v"] == (math.inf if want > 1 else pytest.approx(want * want, abs=0, rel=1e-4))


@pytest.mark.parametrize(
    ("pairs", "want"),
    [
        ([(1e200, 1e200)], 1e200),
        ([(1e308, 1e308)], 1e308),
        ([(1e308, 1e308), (1e308, 1.7e308)], 1e308),
        ([(1e-200, 1e-200), (3e-200, 1e-200)], 2e-200),
        ([(1e300, 1e300), (1.0, 1e-300)], 1e300),
    ],
)
def test_the_range_of_weighted_means_is_that_of_doubles(pairs, want):
    rows = [{"t": n, "x": x, "w": w} for n, (x, w) in enumerate(pairs)]
    (row,) = dicts(rl.from_rows(rows, time="t").window(rl.tumbling(10)).agg(m=rl.mean("x", weight="w")))
    assert math.isclose(row["m"], want, rel_tol=1e-15)
