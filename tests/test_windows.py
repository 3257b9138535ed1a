"""Windows: assignment, lateness, order and closing."""

import math
import random

import numpy as np
import pytest

import rillet as rl
from compare import assert_rows, dicts, rows
from reference import stream, window
from reference_aggregates import Agg

SCHEMA = {"t": "int64", "k": "string", "x": "int64"}
AGGS = {"n": rl.count(), "s": rl.sum("x")}
WANTED = {"n": Agg("count"), "s": Agg("sum", "x")}


def table(*cells):
    """Rows of t, k, x from tuples; x counts up where it is not given."""
    return [
        {"t": t, "k": more[0] if more else "a", "x": more[1] if len(more) > 1 else number}
        for number, (t, *more) in enumerate(cells)
    ]


def read(data, **options):
    return rl.from_rows(data, time="t", schema=SCHEMA, **options)


SPECS = {
    "tumbling": (rl.tumbling(10), {"size": 10}),
    "tumbling with an offset": (rl.tumbling(10, offset=3), {"size": 10, "offset": 3}),
    "an offset beyond the step": (rl.tumbling(10, offset=-27), {"size": 10, "offset": -27}),
    "hopping": (rl.hopping(10, 5), {"size": 10, "step": 5}),
    "hopping unevenly": (rl.hopping(10, 4), {"size": 10, "step": 4}),
    "hopping with an offset": (rl.hopping(7, 3, offset=1), {"size": 7, "step": 3, "offset": 1}),
    "step beyond size": (rl.hopping(3, 10), {"size": 3, "step": 10}),
    "step beyond size, offset": (rl.hopping(3, 10, offset=4), {"size": 3, "step": 10, "offset": 4}),
    "one tick": (rl.tumbling(1), {"size": 1}),
    "longer than the data": (rl.tumbling(10**6), {"size": 10**6}),
}

EDGES = [-21, -20, -11, -10, -9, -1, 0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 19, 20, 21, 1000]


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
@pytest.mark.parametrize(("spec", "shape"), SPECS.values(), ids=SPECS)
def test_assignment(spec, shape, batch_rows):
    data = table(*[(t, "ab"[t % 2]) for t in EDGES])
    got = dicts(read(data, batch_rows=batch_rows).window(spec, by="k").agg(**AGGS))
    assert_rows(got, window(stream(data), WANTED, by=["k"], **shape).rows)


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
@pytest.mark.parametrize("late", ["drop", "keep"])
@pytest.mark.parametrize("lateness", [0, 1, 5, 100])
@pytest.mark.parametrize(("spec", "shape"), SPECS.values(), ids=SPECS)
def test_lateness(spec, shape, lateness, late, batch_rows):
    data = table(*[(t,) for t in (0, 9, 10, 4, 15, 9, 10, 14, 30, 29, 20, 19, 31, -5, 40, 33)])
    grouped = read(data, batch_rows=batch_rows).window(spec, lateness=lateness, late=late)
    it = iter(grouped.agg(**AGGS))
    want = window(stream(data), WANTED, lateness=lateness, **shape)
    assert_rows(dicts(it), want.rows)
    assert dicts(it.late) == (want.late if late == "keep" else [])
    counts = list(it.stats)[-1]
    partly = [row for row in want.late if row["_reason"] == "partly late"]
    assert counts["late"] == len(want.late) - len(partly)
    assert (counts["partly_late"], counts["windowless"]) == (len(partly), want.windowless)


@pytest.mark.parametrize("size", [16, 40, 100])
@pytest.mark.parametrize("lateness", [0, 20])
def test_rows_that_are_partly_late_go_to_the_windows_that_are_open(size, lateness):
    chance = random.Random(size + lateness)
    data = table(*[(t + chance.randrange(-size - 10, 3), chance.choice("abc")) for t in range(3 * size)])
    it = iter(read(data, batch_rows=7).window(rl.hopping(size, 1), by="k", lateness=lateness, late="keep").agg(**AGGS))
    want = window(stream(data), WANTED, by=["k"], size=size, step=1, lateness=lateness)
    assert_rows(dicts(it), want.rows)
    assert dicts(it.late) == want.late


@pytest.mark.parametrize("by", [None, "k"])
@pytest.mark.parametrize("batch_rows", [1, 7, 1000])
def test_rows_between_windows_are_counted(by, batch_rows):
    data = table(*[(t, "ab"[t % 2]) for t in range(100)])
    it = iter(read(data, batch_rows=batch_rows).window(rl.hopping(3, 10), by=by).agg(**AGGS))
    assert sum(row["n"] for row in dicts(it)) == 30
    last = list(it.stats)[-1]
    assert (last["rows_in"], last["aggregated"], last["windowless"]) == (100, 30, 70)


def test_late_rows_are_errors_by_default():
    data = table((5,), (20,), (3,), (99,))
    it = iter(read(data, batch_rows=1).window(rl.tumbling(10)).agg(**AGGS))
    assert rows([next(it)]) == [(0, 10, 1, 0)]
    with pytest.raises(rl.LateRowError, match="lateness") as caught:
        next(it)
    error = caught.value
    assert (error.time, error.watermark, error.missed) == (3, 20, 1)
    assert list(it) == []


def test_a_late_row_names_the_row_that_set_the_watermark():
    with pytest.raises(rl.LateRowError) as caught:
        rows(rl.read_csv(b"t\n5\n20\n3\n", time="t").window(rl.tumbling(10)).agg(n=rl.count()))
    assert (caught.value.line, caught.value.set_by_line) == (4, 3)


def test_results_before_a_late_row_come_first_whatever_the_batches():
    data = table((5,), (20,), (31,), (3,), (99,))
    for batch_rows in (1, 2, 3, 100):
        it = iter(read(data, batch_rows=batch_rows).window(rl.tumbling(10)).agg(**AGGS))
        got = []
        with pytest.raises(rl.LateRowError):
            for batch in it:
                got += rows([batch])
        assert got == [(0, 10, 1, 0), (20, 30, 1, 1)]


def test_a_partly_late_row_is_an_error_too_but_can_be_kept():
    data = table((0,), (12,), (8,))
    with pytest.raises(rl.LateRowError) as caught:
        rows(read(data).window(rl.hopping(10, 5)).agg(**AGGS))
    assert caught.value.missed == 1
    it = iter(read(data).window(rl.hopping(10, 5), late="keep").agg(**AGGS))
    assert rows(it) == [(-5, 5, 1, 0), (0, 10, 1, 0), (5, 15, 2, 3), (10, 20, 1, 1)]
    assert dicts(it.late) == [{"t": 8, "k": "a", "x": 2, "_reason": "partly late", "_missed": 1}]


def test_late_rows_are_drained_and_bounded():
    data = table((100,), *[(t,) for t in range(8)])
    it = iter(read(data, batch_rows=1).window(rl.tumbling(10), late="keep", max_kept=5).agg(**AGGS))
    with pytest.raises(rl.KeptRowsError, match="max_kept"):
        list(it)
    assert [row["t"] for row in dicts(it.late)] == [0, 1, 2, 3, 4]
    assert dicts(it.late) == []


PLACES = [
    [(1, "b"), (2, "a"), (11, "a"), (12, "b"), (21, "b"), (22, "a"), (41, "a"), (42, "b")],
    [(1, "b"), (2, "a"), (35, "c"), (36, "a"), (37, "b")],
    [(8, "c"), (9, "b"), (9, "a"), (10, "a"), (11, "b"), (12, "c"), (13, "d"), (25, "d"), (26, "c")],
    [(0, "b"), (5, "a"), (10, "a"), (15, "b"), (16, "c"), (20, "c"), (21, "b"), (22, "a")],
]


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
@pytest.mark.parametrize("cells", PLACES)
@pytest.mark.parametrize("name", ["tumbling", "hopping", "step beyond size"])
@pytest.mark.parametrize("lateness", [0, 3, 30])
def test_keys_come_by_their_place(cells, name, lateness, batch_rows):
    spec, shape = SPECS[name]
    data = table(*cells)
    got = dicts(read(data, batch_rows=batch_rows).window(spec, by="k", lateness=lateness).agg(**AGGS))
    assert_rows(got, window(stream(data), WANTED, by=["k"], lateness=lateness, **shape).rows)


@pytest.mark.parametrize("batch_rows", [1, 2, 4])
def test_a_key_gives_its_place_up_though_a_row_of_it_is_in_no_window(batch_rows):
    data = table((1, "a"), (7, "a"), (12, "b"), (13, "a"))
    got = dicts(read(data, batch_rows=batch_rows).window(rl.hopping(5, 10), by="k").agg(**AGGS))
    assert [row["k"] for row in got] == ["a", "b", "a"]
    assert_rows(got, window(stream(data), WANTED, by=["k"], size=5, step=10).rows)


@pytest.mark.parametrize("keys", [2047, 2048, 2049, 4096, 6001])
def test_a_window_of_many_keys_has_one_result_of_each(keys):
    times = {"t": [*range(10)] + [3] * keys + [10] * 2}
    columns = times | {"k": [7] * 10 + [*range(keys)] + [5, 6]}
    it = iter(rl.from_batches([columns], time="t").window(rl.tumbling(10), by="k", lateness=9).agg(n=rl.count()))
    got = [row["k"] for row in dicts(it)]
    assert got == [7, *(k for k in range(keys) if k != 7), 5, 6]
    assert list(it.stats)[-1]["live_keys"] == 0


@pytest.mark.parametrize("shape", ["{:x}", "{:012x}", "{:020x}"])
def test_texts_that_come_back_after_they_were_forgotten_are_themselves(shape):
    # Those of the first window are let go of while the second is open, and their numbers are given to others.
    of_windows = [range(2000), range(2000, 2300), range(3000, 3200), range(2000), range(4000, 4100), range(3500)]
    texts = [[shape.format(number) for number in numbers] for numbers in of_windows]
    batches = [{"t": [10 * at] * len(keys), "k": keys} for at, keys in enumerate(texts)]
    windows = rl.from_batches(batches, time="t").window(rl.tumbling(10), by="k")
    got = [(row["window_start"] // 10, row["k"]) for row in dicts(windows.agg(n=rl.count()))]
    assert sorted(got) == sorted((at, key) for at, keys in enumerate(texts) for key in keys)


@pytest.mark.parametrize("spec", [rl.tumbling(10), rl.hopping(20, 10)], ids=repr)
@pytest.mark.parametrize("shape", ["key {} of {}", ""])
def test_keys_that_are_forgotten_take_no_memory(shape, spec):
    def key(n, at):
        return shape.format(n, at) if shape else n + 1500 * at

    batches = ({"t": [10 * at] * 1500, "k": [key(n, at) for n in range(1500)]} for at in range(60))
    it = iter(rl.from_batches(batches, time="t").window(spec, by="k").agg(n=rl.count()))
    taken = [list(it.stats)[-1]["state_bytes"] for _ in it]
    assert max(taken[30:]) < 1.2 * max(taken[:30])


@pytest.mark.parametrize(("size", "every"), [(20, 10), (3, 1), (8, 1)])
@pytest.mark.parametrize("gap", [0, 1, 5])
def test_keys_that_all_go_at_once_and_come_back(size, every, gap):
    data, starts = [], range(0, 5 * (size + gap), size + gap)
    for at, t in enumerate(starts):
        data += [{"t": t, "k": k, "kept": True} for k in range(700 * at, 700 * at + 1400)]
        data.append({"t": t + size, "k": 0, "kept": False})  # all windows close, while no key has come
    plan = rl.from_rows(data, time="t", batch_rows=1401).filter("kept").window(rl.hopping(size, every), by="k")
    it = iter(plan.agg(n=rl.count()))
    got = dicts(it)
    assert list(it.stats)[-1]["live_keys"] == 0
    holding = [[start for start in range(-size * every, t + 1, every) if start <= t < start + size] for t in starts]
    want = [(start, k, 1) for at, own in enumerate(holding) for start in own for k in range(700 * at, 700 * at + 1400)]
    assert sorted((row["window_start"], row["k"], row["n"]) for row in got) == sorted(want)


def test_several_keys_of_several_types():
    cells = [
        (0.0, None),
        (-0.0, None),
        (math.nan, "x"),
        (-math.nan, "x"),
        (None, "x"),
        (None, None),
        (0.0, ""),
    ]
    data = [{"t": 0, "f": f, "k": k} for f, k in cells]
    schema = {"t": "int64", "f": "float64", "k": "string"}
    batches = rl.from_rows(data, time="t", schema=schema).window(rl.tumbling(10), by=["f", "k"]).agg(n=rl.count())
    got = dicts(batches)
    assert_rows(got, window(stream(data), {"n": Agg("count")}, size=10, by=["f", "k"]).rows)
    assert [row["n"] for row in got] == [2, 2, 1, 1, 1]


def test_a_key_may_be_an_expression():
    data = table(*[(t, "a", t) for t in range(6)])
    got = dicts(read(data).window(rl.tumbling(10), by=(rl.col("x") % 2).alias("odd")).agg(n=rl.count()))
    assert [(row["odd"], row["n"]) for row in got] == [(0, 3), (1, 3)]


def test_windows_come_out_with_the_batch_that_closes_them():
    taken = []

    def source():
        for t in (1, 2, 11, 12, 25, 26):
            taken.append(t)
            yield {"t": np.array([t]), "x": np.array([t])}

    schema = {"t": "int64", "x": "int64"}
    it = iter(rl.from_batches(source, time="t", schema=schema).window(rl.tumbling(10)).agg(s=rl.sum("x")))
    assert rows([next(it)]) == [(0, 10, 3)]
    assert taken == [1, 2, 11]
    assert rows([next(it)]) == [(10, 20, 23)]
    assert taken == [1, 2, 11, 12, 25]
    assert rows(it) == [(20, 30, 51)]


def test_the_watermark_is_a_mark_minus_the_lateness():
    it = iter(read(table((1,), (25,), (22,)), batch_rows=1).window(rl.tumbling(10), lateness=4).agg(**AGGS))
    assert it.watermark is None
    next(it)
    assert it.watermark == 21
    list(it)
    assert it.watermark == 21


def test_poll_says_not_yet():
    it = iter(read(table((1,), (2,), (25,)), batch_rows=1).window(rl.tumbling(10)).agg(**AGGS))
    answers = []
    with pytest.raises(StopIteration):
        while True:
            answers.append(it.poll())
    assert None in answers
    assert rows(batch for batch in answers if batch is not None) == [(0, 10, 2, 1), (20, 30, 1, 2)]


def test_the_end_closes_windows_but_close_does_not():
    stream_ = read(table((1,), (2,))).window(rl.tumbling(10)).agg(**AGGS)
    assert rows(stream_) == [(0, 10, 2, 1)]
    it = iter(stream_)
    it.close()
    assert list(it) == []


def test_the_end_of_a_limit_closes_windows():
    limited = read(table((1,), (2,), (3,), (25,))).limit(3).window(rl.tumbling(10)).agg(**AGGS)
    assert rows(limited) == [(0, 10, 3, 3)]


def test_no_rows_give_no_windows():
    assert rows(read([]).window(rl.hopping(10, 5)).agg(**AGGS)) == []


def test_one_row_in_the_far_future_costs_no_memory():
    data = table((0,), (2**62,), (2**62 + 1,))
    got = dicts(read(data).window(rl.hopping(10, 5)).agg(**AGGS))
    assert_rows(got, window(stream(data), WANTED, size=10, step=5).rows)


@pytest.mark.parametrize("time", [2**63 - 1, -(2**63)])
def test_times_at_the_ends_of_the_range_work_or_are_located(time):
    data = table((0,), (time,)) if time > 0 else table((time,), (0,))
    try:
        got = dicts(read(data).window(rl.tumbling(10)).agg(**AGGS))
    except rl.DataError as error:
        assert error.row == data.index(next(row for row in data if row["t"] == time))
    else:
        assert_rows(got, window(stream(data), WANTED, size=10).rows)


@pytest.mark.parametrize("options", [{"lateness": -1}, {"late": "maybe"}, {"max_kept": -1}])
def test_bad_options_are_errors_at_the_call(options):
    with pytest.raises(rl.ArgumentError):
        read([]).window(rl.tumbling(10), **options)


@pytest.mark.parametrize("name", ["window_start", "window_end", "k"])
def test_names_given_twice_are_errors_at_the_call(name):
    with pytest.raises(rl.ArgumentError, match=name):
        read([]).window(rl.tumbling(10), by="k").agg(**{name: rl.count()})


def test_any_other_name_of_a_result_works():
    names = ["self", "s", "spec", "by", "not an identifier", "", "é", "_missed"]
    out = read(table((1,))).window(rl.tumbling(10)).agg(**{name: rl.count() for name in names})
    assert list(out.schema)[2:] == names and rows(out) == [(0, 10, *[1] * len(names))]


def test_another_time_column_makes_the_marks_anew():
    data = [{"t": 100 - n, "u": n} for n in range(20)]
    stream_ = rl.from_rows(data, time="t", schema={"t": "int64", "u": "int64"})
    got = rows(stream_.window(rl.tumbling(10), time="u").agg(n=rl.count(), last=rl.last("t")))
    assert got == [(0, 10, 10, 91), (10, 20, 10, 81)]


def test_the_error_of_the_limit_shows_sizes_in_units_that_fit():
    for limit, shown in ((0, "the 0 B of"), (1000, "the 1000 B of"), (10_240, "the 10 KiB of")):
        grouped = read({"t": 0, "k": str(n), "x": n} for n in range(10_000)).window(
            rl.tumbling(10), by="k", max_state_bytes=limit
        )
        with pytest.raises(rl.StateLimitError, match=rf"hold [1-9][0-9.]* [KM]?i?B, more than {shown} max_state_bytes"):
            rows(grouped.agg(n=rl.count()))


def test_state_has_a_limit():
    data = ({"t": 0, "k": str(n), "x": n} for n in range(100_000))
    grouped = read(data).window(rl.tumbling(10), by="k", max_state_bytes=100_000)
    with pytest.raises(rl.StateLimitError, match="max_state_bytes") as caught:
        rows(grouped.agg(**AGGS))
    assert caught.value.limit == 100_000


def test_state_has_a_limit_before_there_are_results():
    batches = ({"t": [0] * 1000, "k": list(range(at, at + 1000))} for at in range(0, 10**6, 1000))
    windows = rl.from_batches(batches, time="t").window(rl.tumbling(10), by="k", max_state_bytes=1 << 20)
    with pytest.raises(rl.StateLimitError):
        next(iter(windows.agg(n=rl.count())))


def test_state_has_a_limit_while_results_go_out():
    keys = np.arange(60_000)
    batches = [{"t": keys * 0, "k": keys}, {"t": keys * 0, "k": keys + 60_000}, {"t": [100], "k": [0]}]

    def run(**limit):
        windows = rl.from_batches(batches, time="t").window(rl.tumbling(10), by="k", **limit)
        return iter(windows.agg(n=rl.count()))

    it = run()
    while it.stats[-1]["aggregated"] < 120_000:
        it.poll()
    it = run(max_state_bytes=it.stats[-1]["state_bytes"] + 1000)
    assert len(next(it)) == 65_536
    with pytest.raises(rl.StateLimitError):
        next(it)


def test_a_window_that_goes_out_piece_by_piece_is_counted_until_it_has():
    keys = np.arange(200_000) * 1_000_003
    batches = [{"t": keys * 0, "k": keys}, {"t": [100], "k": [0]}]
    it = iter(rl.from_batches(batches, time="t").window(rl.tumbling(10), by="k").agg(n=rl.count()))
    while list(it.stats)[-1]["aggregated"] < len(keys):
        assert it.poll() is None
    states = [it.stats[-1]["state_bytes"]]
    states += [it.stats[-1]["state_bytes"] for batch in it for _ in range(len(batch) > 1)]
    assert states[1] > 1.1 * states[0] and states[-1] < 0.9 * states[0]


@pytest.mark.parametrize("spec", [rl.tumbling(10), rl.hopping(20, 10)], ids=repr)
@pytest.mark.parametrize("lateness", [0, 40])
@pytest.mark.parametrize("later", [100, 100_000])
def test_after_a_result_that_does_not_fit_nothing_comes(spec, lateness, later):
    # More results than go out together, and windows that close later, or with it, of rows of the same round or others.
    keys, more = np.arange(100_000), np.arange(later)
    batch = {
        "t": np.concatenate([keys * 0, [5, 5], more * 0 + 10, [40, 80]]),
        "k": np.concatenate([keys, [7, 7], more, [1, 2]]),
        "x": np.concatenate([keys * 0, [2**62, 2**62], more * 0, [0, 0]]),
    }
    windows = rl.from_batches([batch], time="t").window(spec, by="k", lateness=lateness)
    it, got = iter(windows.agg(s=rl.sum("x"))), []
    with pytest.raises(rl.ResultOverflowError, match="s of k=7 in the window that ends at 10"):
        for batch in it:
            got += batch.rows()
    assert [row[2] for row in got] == list(range(7)) and list(it) == []


def test_closing_many_windows_holds_no_more_than_a_batch_of_them():
    row = [{"t": 0, "k": "a", "x": 1}]
    it = iter(read(row).window(rl.hopping(10**9, 1)).agg(**AGGS))
    sizes = [it.stats[-1]["state_bytes"] for _ in range(30) if len(next(it)) == 65_536]
    assert len(sizes) == 30 and sizes[-1] <= 2 * sizes[1]


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_a_chained_window_hears_of_each_step_of_time(batch_rows):
    data = b"t,v\n-10,1\n-9,1\n-8,1\n1,2,3\n"
    stream = rl.read_csv(data, time="t", batch_rows=batch_rows, threads=1, schema={"t": "int64", "v": "int64"})
    first = stream.window(rl.hopping(17, 4, offset=-2), late="drop").agg(n=rl.count())
    it, got = iter(first.window(rl.hopping(12, 1, offset=-3), late="drop").agg(s=rl.sum("n"))), []
    with pytest.raises(rl.BadRowError):
        for batch in it:
            got += batch.rows()
    assert got == [(-21, -9, 1), (-20, -8, 1)]


@pytest.mark.parametrize("batch_rows", [1, 2, 9])
def test_a_late_row_names_the_first_row_that_set_the_watermark(batch_rows):
    stream = rl.read_csv(b"t,v\n5,1\n10,1\n10,1\n7,1\n", time="t", batch_rows=batch_rows)
    with pytest.raises(rl.LateRowError) as caught:
        list(stream.window(rl.tumbling(2)).agg(n=rl.count()))
    assert (caught.value.line, caught.value.set_by_line) == (5, 3)


def test_results_come_out_before_the_state_is_too_big():
    def batches():
        yield {"t": [0, 1, 2], "k": ["a", "a", "b"]}
        yield {"t": [100] * 50_000, "k": [f"a key of some length {i}" for i in range(50_000)]}

    stream = rl.from_batches(batches, time="t").window(rl.tumbling(10), by="k", max_state_bytes=1 << 20)
    it = iter(stream.agg(n=rl.count()))
    assert [row for row in next(it).rows()] == [(0, 10, "a", 2), (0, 10, "b", 1)]
    with pytest.raises(rl.LimitError, match="max_state_bytes"):
        next(it)


# ---------------------------------------------------------------- threads


def ticks(rows):
    """A file of rows, some without a value."""
    rng = np.random.default_rng(5)
    keys, values = rng.integers(0, 40, rows), rng.normal(100, 30, rows)
    lines = (
        f"{t},{key},{'' if t % 11 == 0 else value}\n" for t, (key, value) in enumerate(zip(keys, values, strict=True))
    )
    return ("t,k,x\n" + "".join(lines)).encode()


def test_threads_make_no_difference():
    data = ticks(150_000)

    def run(threads, spec, batch_rows):
        stream = rl.read_csv(data, time="t", threads=threads, batch_rows=batch_rows).window(spec, by="k")
        stream = stream.agg(
            n=rl.count("x"), mean=rl.mean("x"), std=rl.std("x"), low=rl.min("x"), last=rl.last("x", skip_nulls=False)
        )
        return [row for batch in stream for row in zip(*(batch.floats(name).tobytes() for name in batch), strict=True)]

    for spec in [rl.tumbling(1000), rl.hopping(3000, 50), rl.cumulate(4000, 500)]:
        alone = run(1, spec, 65_536)
        assert len(alone) > 40
        assert run(2, spec, 65_536) == alone
        assert run(7, spec, 30_000) == alone


def test_results_before_one_that_does_not_fit_come_out_whatever_the_threads():
    big = np.where(np.arange(200_000) == 150_000, np.iinfo(np.int64).max, 1)
    data = ("t,x,y\n" + "".join(f"{t},{x},{t}\n" for t, x in enumerate(big))).encode()
    for threads in [1, 3]:
        windows = rl.read_csv(data, time="t", threads=threads).window(rl.hopping(100, 10))
        it, ends = iter(windows.agg(sum=rl.sum("x"), mean=rl.mean("y"), n=rl.count())), []
        with pytest.raises(rl.ResultOverflowError, match=r"sum in the window that ends at 150010: the sum"):
            for batch in it:
                ends += list(batch["window_end"])
        assert ends == list(range(10, 150_001, 10)), threads


@pytest.mark.parametrize("by", [None, "k"])
def test_the_ledger_balances_in_the_midst_of_a_batch_and_after_an_error(by):
    times = [*range(0, 180_000, 3), 7, 8]
    rows = rl.from_batches([{"t": times, "k": [1, 2] * 30_001}], time="t")
    it, seen = iter(rows.window(rl.hopping(3, 1), by=by).agg(n=rl.count())), []

    def check():
        last = list(it.stats)[-1]
        assert last["rows_in"] == last["aggregated"] + last["held"] == len(times)
        seen.append(last["held"])

    with pytest.raises(rl.LateRowError):
        for _ in it:
            check()
    check()
    assert seen[0] > 20_000 and seen[-1] == 2
