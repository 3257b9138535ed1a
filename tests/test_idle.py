"""Live sources that have nothing for a while: what has rows is closed."""

import signal
import threading
import time

import pytest

import rillet as rl
from live import Pipe, polled

N = {"n": rl.count()}


@pytest.fixture(params=[{"batch_rows": 1}, {}], ids=str)
def pipe(request, tmp_path):
    pipe = Pipe(tmp_path, "pipe", **request.param)
    yield pipe
    pipe.file.close()


WINDOWS = {
    "tumbling": (rl.tumbling(10), [(0, 10, 2), (10, 20, 1)], 20),
    "hopping": (rl.hopping(20, 10), [(-10, 10, 2), (0, 20, 3), (10, 30, 1)], 30),
    "closed": (rl.tumbling(10, closed="right"), [(0, 10, 2), (10, 20, 1)], 21),
    "cumulate": (rl.cumulate(20, 10), [(0, 10, 2), (0, 20, 3)], 20),
    "session": (rl.session(5), [(1, 8, 2), (12, 17, 1)], 17),
    "cut session": (rl.session(5, max_length=100), [(1, 8, 2), (12, 17, 1)], 17),
}


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("lateness", [0, 7])
def test_windows_that_have_rows_close(pipe, kind, lateness):
    spec, want, watermark = WINDOWS[kind]
    plan = pipe.stream().window(spec, lateness=lateness, late="keep", idle_timeout="300ms").agg(**N)
    with iter(plan) as it:
        pipe.write("1,a\n3,b\n12,c\n")
        got = []
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            batch = it.poll()
            got += list(batch.rows()) if batch is not None else []
        assert got == want and it.watermark == watermark
        pipe.write("2,d\n")
        assert polled(it, 0.2) == []
        assert [row[:3] for batch in it.late for row in batch.rows()] == [(2, "d", "late")]
        pipe.write("41,e\n")
        assert set(polled(it, 1.0)) == {1}
        assert list(it.stats)[-1]["open_windows"] == 0


def test_next_wakes_up(pipe):
    with iter(pipe.stream().window(rl.tumbling(10), idle_timeout="200ms").agg(**N)) as it:
        for t in (1, 11, 35):
            pipe.write(f"{t},a\n")
            assert list(next(it).rows()) == [(t // 10 * 10, t // 10 * 10 + 10, 1)]


def test_rows_of_rolling_windows_go_out(pipe):
    with iter(pipe.stream().rolling(10, late="drop", idle_timeout="200ms").agg(**N)) as it:
        pipe.write("1,a\n5,b\n5,c\n")
        assert polled(it, 1.0) == [1, 3, 3]
        assert it.watermark == 6
        pipe.write("5,d\n6,e\n")
        assert polled(it, 1.0) == [4]
        assert list(it.stats)[-1]["late"] == 1


def test_rows_are_counted(pipe):
    plan = pipe.stream().window(rl.count(2), lateness=10, late="drop", idle_timeout="200ms").agg(**N)
    with iter(plan) as it:
        pipe.write("1,a\n5,b\n3,c\n")
        assert polled(it, 1.0) == [True]
        pipe.write("4,d\n6,e\n")
        assert polled(it, 1.0) == [True]
        assert list(it.stats)[-1]["late"] == 1


def test_windows_of_windows_close_with_them(pipe):
    bars = pipe.stream().window(rl.tumbling(10), idle_timeout="200ms").agg(**N)
    with iter(bars.window(rl.tumbling(20), idle_timeout="500ms").agg(m=rl.sum("n"))) as it:
        pipe.write("1,a\n3,b\n")
        assert polled(it, 1.5) == [2]


def test_a_row_that_comes_after_all_names_what_closed_its_window(pipe):
    with iter(pipe.stream().window(rl.tumbling(10), idle_timeout="200ms").agg(**N)) as it:
        pipe.write("1,a\n")
        assert polled(it, 1.0) == [1]
        pipe.write("2,b\n")
        with pytest.raises(rl.LateRowError, match="set by idle_timeout"):
            polled(it, 1.0)


def test_without_it_windows_wait(pipe):
    with iter(pipe.stream().window(rl.tumbling(10)).agg(**N)) as it:
        pipe.write("1,a\n")
        assert polled(it, 0.5) == []


def test_a_pause_of_who_reads_closes_nothing(pipe):
    with iter(pipe.stream().window(rl.tumbling(10), idle_timeout="300ms").agg(**N)) as it:
        pipe.write("1,a\n2,b\n")
        assert polled(it, 0.1) == []
        pipe.write("3,c\n")
        time.sleep(0.5)
        assert polled(it, 0.1) == []


def test_ctrl_c_is_answered_meanwhile(pipe):
    with iter(pipe.stream().window(rl.tumbling(10), idle_timeout="10s").agg(**N)) as it:
        threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            next(it)


@pytest.mark.parametrize("timeout", [0, 5, "1mo", "0s", "-5s", "soon"])
def test_it_is_a_length_on_the_wall(timeout):
    rows = rl.from_rows([{"t": 1}], time="t")
    for make in (lambda: rows.window(rl.tumbling(10), idle_timeout=timeout),
                 lambda: rows.rolling(10, idle_timeout=timeout)):
        with pytest.raises(rl.ArgumentError, match=r"idle_timeout|soon"):
            make()
    with pytest.raises(rl.ArgumentError, match="idle_timeout"):
        rows.rolling(rows=3, idle_timeout="5s")
    assert 'idle_timeout="5s"' in repr(rows.window(rl.tumbling(10), idle_timeout="5s").agg(**N))
