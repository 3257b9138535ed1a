"""What `state_bytes` says, against what the process has grown by; benches/memory.py asks the same of larger states."""

import os

import pytest

SCRIPT = """
import sys
import numpy as np
import rillet as rl

def grown():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) * 1024

def batches():
    for start in range(0, 10**9, 65_536):
        row = np.arange(start, start + 65_536)
        yield {"t": row // 1000, "k": row, "x": row.astype("float64")}

rows, aggs = rl.from_batches(batches, time="t"), {"n": rl.count(), "mean": rl.mean("x"), "most": rl.max("x")}
it = iter(eval(sys.argv[1]).agg(**aggs))
it.poll()
before = grown() - it.stats[-1]["state_bytes"]
ratios, due = [], 120e6
while due < 300e6:
    it.poll()
    if (state := it.stats[-1]["state_bytes"]) > due:
        ratios.append(state / (grown() - before))
        due = state * 1.1
print(min(ratios), max(ratios))
"""

LINUX = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only there a process says what it takes")

KINDS = {
    "tumbling": 'rows.window(rl.tumbling(10**9), by="k")',
    "hopping": 'rows.window(rl.hopping(300, 100), by="k", lateness=1000)',
    "session": 'rows.window(rl.session(10**9), by="k")',
    "rolling": 'rows.rolling(10**9, by=(rl.col("k") % 100).alias("j"))',
    "count": 'rows.window(rl.count(2, 1), by="k")',
    "group_by": 'rows.group_by("k")',
}


@LINUX
@pytest.mark.parametrize("kind", KINDS)
def test_state_bytes_are_what_the_process_grew_by(run, kind):
    # Else the allocator keeps what is free for a while.
    done = run(SCRIPT, KINDS[kind], env=os.environ | {"MIMALLOC_PURGE_DELAY": "0"}, timeout=60)
    least, most = map(float, done.stdout.split())
    assert not done.stderr and least > 0.9 and most < 1.1


GIVEN_BACK = """
import time
import rillet as rl

def resident():
    return int(open("/proc/self/statm").read().split()[1])

def soon():
    before = resident()
    batches = list(rl.from_batches([{"x": list(range(1_000_000))}]).select(y=rl.col("x") * 2))
    held = resident() - before
    del batches
    if held < 1000:
        return False  # it had been there all the time
    freed = time.monotonic()
    while resident() - before > held // 2:
        if time.monotonic() - freed > 0.9:
            return False
        list(rl.from_batches([{"x": [1]}] * 50))
    return True

print(any(soon() for _ in range(5)))
"""


STATE_GIVEN_BACK = """
import numpy as np
import rillet as rl

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def batches():
    for _ in range(2):
        for start in range(0, 4_000_000, 65_536):
            key = np.arange(start, min(start + 65_536, 4_000_000))
            yield {"k": key, "x": key * 3}

it = iter(rl.from_batches(batches).group_by("k").agg(n=rl.count(), x=rl.sum("x")))
first = next(it)
held, rows, wrong = resident(), len(first), 0
for batch in it:
    wrong += int((batch["x"] != batch["k"] * 6).sum() + (batch["n"] != 2).sum())
    rows += len(batch)
it.close()
print(rows, wrong, held - resident() > 50e6)
"""


@LINUX
def test_the_memory_of_large_state_goes_back_to_the_system_at_once(run):
    # However long the allocator of all else is told to keep it.
    done = run(STATE_GIVEN_BACK, env=os.environ | {"MIMALLOC_PURGE_DELAY": "60000"}, timeout=60)
    assert (done.stdout, done.stderr) == ("4000000 0 True\n", "")


@LINUX
@pytest.mark.parametrize(("delay", "soon"), [({}, True), ({"MIMALLOC_PURGE_DELAY": "60000"}, False)])
def test_memory_that_nobody_uses_goes_back_to_the_system_within_a_second(run, delay, soon):
    done = run(GIVEN_BACK, env=os.environ | delay, timeout=60)
    assert (done.stdout, done.stderr) == (f"{soon}\n", "")
