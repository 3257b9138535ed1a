"""Signals, exits and forks, whatever the iterator is doing."""

import os
import signal
import threading
import time

import pytest

import rillet as rl
from sources import SQUARES


def test_exit_with_a_live_iterator_is_silent(run, tmp_path):
    target = tmp_path / "a.csv"
    target.write_bytes(SQUARES * 200)
    script = """
import sys, rillet as rl
it = iter(rl.read_csv(sys.argv[1], batch_rows=100))
next(it)
held = [next(it) for _ in range(3)]
"""
    for ending in (
        "",
        "sys.exit(0)",
        "import threading; threading.Thread(target=list, args=[it], daemon=True).start()",
    ):
        done = run(script + ending, target)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


INTERRUPTED = """
import sys, time, rillet as rl
it = iter(rl.read_csv({source}, schema={{"x": "int64"}}, batch_rows=1000))
print("ready", flush=True)
try:
    for batch in it:
        pass
    print("ended")
except KeyboardInterrupt:
    print("interrupted")
"""


def interrupt(child, after):
    """Sends Ctrl-C to a child that is ready; gives its output and how long it took."""
    assert child.stdout.readline() == "ready\n", child.stderr.read()
    time.sleep(after)
    sent = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(10)
    return child.stdout.read(), time.monotonic() - sent


def test_ctrl_c_is_answered_while_blocked_on_a_pipe(start):
    reading, writing = os.pipe()
    try:
        os.write(writing, b"x\n" + b"1\n" * 20_000)
        child = start(INTERRUPTED.format(source="'-'"), stdin=reading)
        output, seconds = interrupt(child, 0.5)
    finally:
        os.close(reading)
        os.close(writing)
    assert output == "interrupted\n" and seconds < 2


def test_ctrl_c_is_answered_while_reading(start, tmp_path):
    target = tmp_path / "large.csv"
    with target.open("wb") as file:
        file.write(b"x\n")
        for _ in range(100):
            file.write(b"1234567\n" * 100_000)
    child = start(INTERRUPTED.format(source=f"[{str(target)!r}] * 50"))
    output, seconds = interrupt(child, 0.3)
    assert output == "interrupted\n" and seconds < 2


def test_a_keyboard_interrupt_loses_nothing(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    writing = os.open(tmp_path / "fifo", os.O_RDWR)  # so that neither end waits for the other
    main = threading.get_ident()
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT))
    got = []
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"x\n" + b"7\n" * 50)
        pipe.flush()
        it = iter(rl.read_csv(tmp_path / "fifo", schema={"x": "int64"}, batch_rows=1))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            for batch in it:
                got += batch["x"].tolist()
        pipe.write(b"8\n")
        pipe.flush()
        got += next(it)["x"].tolist()
    got += [x for batch in it for x in batch["x"].tolist()]
    assert got == [7] * 50 + [8]


def test_a_forked_child_gets_an_error_or_works(run, tmp_path):
    target = tmp_path / "a.csv"
    target.write_bytes(SQUARES * 100)
    script = """
import os, sys, warnings
warnings.simplefilter("ignore")
import rillet as rl
stream = rl.read_csv(sys.argv[1], batch_rows=100, check="used", schema={"t": "string", "x": "string"})
it = iter(stream)
next(it)
child = os.fork()
if child == 0:
    try:
        next(it)
    except rl.ForkError:
        pass
    fresh = sum(map(len, stream))
    os._exit(0 if fresh > 1000 else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), 100 + sum(map(len, it)))
"""
    done = run(script, target)
    lines = SQUARES.count(b"\n") * 100 - 1
    assert (done.stdout, done.stderr) == (f"0 {lines}\n", "")


ASKED = {
    "next": "next(it)",
    "poll": "it.poll()",
    "watermark": "it.watermark",
    "stats": "it.stats",
    "repr": "repr(it)",
    "late": "list(it.late)",
    "close": "it.close()",
    "dropped": "del globals()['it']",
}


@pytest.mark.parametrize("what", ASKED)
def test_a_child_that_was_forked_in_the_middle_of_a_step_does_not_hang(run, what):
    script = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np
import rillet as rl

def batches():
    for n in range(10**9):
        yield {"t": np.arange(n * 50_000, (n + 1) * 50_000), "k": np.arange(50_000) % 5000}

it = iter(rl.from_batches(batches, time="t").window(rl.hopping(500, 10), by="k").agg(n=rl.count()))

def fork():
    for _ in range(10):
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            try:
                exec(sys.argv[1])
            except rl.ForkError:
                pass
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

codes, forks = [], threading.Thread(target=fork)
next(it)
forks.start()
while forks.is_alive():
    next(it)
print(codes)
"""
    done = run(script, ASKED[what], timeout=150)
    assert (done.stdout, done.stderr) == (f"{[0] * 10}\n", "")


OPENED = {
    "pipe": "sys.argv[1]",
    "standard input": "'-'",
    "file object": "os.fdopen(os.open(sys.argv[1], os.O_RDWR), 'rb')",
    "iterator": "None",
}


@pytest.mark.parametrize("source", OPENED)
def test_a_child_that_was_forked_while_a_source_is_opened_does_not_hang(start, source, tmp_path):
    script = f"""
import faulthandler, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")
import rillet as rl

def forever():
    time.sleep(60)
    yield

held = os.open(sys.argv[1], os.O_RDWR)
source = {OPENED[source]}
stream = rl.read_csv(source) if source else rl.from_rows(forever())
threading.Thread(target=lambda: stream.schema, daemon=True).start()
time.sleep(0.3)
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(10, exit=True)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(1)
    try:
        stream.schema
    except rl.ForkError as error:
        os._exit(0 if "the process was forked" in str(error) else 2)
    except KeyboardInterrupt:
        # Nobody was at the pipe at that moment, and the child waits for it as well.
        os._exit(0 if source in ("-", sys.argv[1]) else 3)
    os._exit(4)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading, writing = os.pipe()
    child = start(script, pipe, stdin=reading)
    assert child.communicate(timeout=20) == ("0\n", "")
    os.close(reading)
    os.close(writing)
