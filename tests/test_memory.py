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
while it.stats[-1]["state_bytes"] < 120e6:
    it.poll()
print(it.stats[-1]["state_bytes"] / (grown() - before))
"""

KINDS = {
    "tumbling": 'rows.window(rl.tumbling(10**9), by="k")',
    "hopping": 'rows.window(rl.hopping(300, 100), by="k", lateness=1000)',
    "session": 'rows.window(rl.session(10**9), by="k")',
    "rolling": 'rows.rolling(10**9, by=(rl.col("k") % 100).alias("j"))',
    "count": 'rows.window(rl.count(2, 1), by="k")',
    "group_by": 'rows.group_by("k")',
}


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system does not say what a process takes")
@pytest.mark.parametrize("kind", KINDS)
def test_state_bytes_are_what_the_process_grew_by(run, kind):
    # Else the allocator keeps what is free for a while.
    done = run(SCRIPT, KINDS[kind], env=os.environ | {"MIMALLOC_PURGE_DELAY": "0"}, timeout=60)
    assert done.stderr == "" and 0.9 < float(done.stdout) < 1.1
