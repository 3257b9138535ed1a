"""Runs one job in one engine, once, in this process: `python benches/one.py JOB ENGINE DATA ROWS` prints JSON.

The process is pinned to the first two cores; imports, the first call (on a small file) and reading the input once are
over before the clock starts. Peak memory is that of the whole process, by VmHWM.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

NOT_WRITTEN = 3  # the exit code where an engine does not do this job


def pin() -> None:
    """Keeps the process, and the thread pools that engines make of it, on the first two cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def touch(path: Path) -> None:
    """Reads a file once, so that it is in the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def peak_mb() -> float:
    """The most memory that this process has held, in MB of 2^20 bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def sources(job, module, data: Path, rows: int):
    """The source of the first call, then that of the job."""
    if job.table:
        from tables import make

        yield from (module.hold(make(job.table, count)) for count in (2000, rows))
        return
    load = (lambda path: module.load(str(path), job.form)) if job.form else str
    yield load(data / job.head)
    touch(data / job.file)
    yield load(data / job.file)


def run(job_name: str, engine_name: str, data: Path, rows: int) -> dict:
    """Seconds, peak memory and answer of the job."""
    from jobs import JOBS, engine

    job, module = JOBS[job_name], engine(engine_name)
    if job.kind not in module.JOBS:
        sys.exit(NOT_WRITTEN)
    work, made = module.JOBS[job.kind], sources(job, module, data, rows)
    work(next(made))
    source = next(made)
    start = time.perf_counter()
    answer = work(source)
    return {"seconds": time.perf_counter() - start, "peak": peak_mb(), "answer": answer}


if __name__ == "__main__":
    pin()
    print(json.dumps(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
