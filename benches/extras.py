"""The figures that are no job: memory over length, Python's share, import time, and the size of the wheel."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

PAIRS = 15


def marked(reached: bool, found: str) -> str:
    """What was found, marked where it misses the goal."""
    return found if reached else f"**missed** {found}"


def memory(runs, options) -> tuple | None:
    """Peak memory of the tumbling job on the file of four times the rows against that of a tenth."""
    pairs = [(runs.one("tumbling_tenth", "rillet"), runs.one("tumbling_fourfold", "rillet")) for _ in range(3)]
    if not all(a and b for a, b in pairs):
        return None
    small, large = (median(pair[i]["peak"] for pair in pairs) for i in (0, 1))
    rows = f"{options.rows // 10:,} → {options.rows * 4:,} rows"
    found = marked(large <= 1.1 * small, f"{small:.1f} → {large:.1f} MB, {large / small:.3f} ×")
    return f"peak memory of tumbling, {rows}", found, "≤ 1.1 ×"


def share(runs, options) -> tuple | None:
    """The tumbling job through Python against the same in a Rust program, which prints its seconds."""
    if options.example is None:
        return None
    ratios, extra = [], []
    for _ in range(PAIRS):
        rust = rust_seconds(options.example, options.data / "ticks.csv")
        if (python := runs.one("tumbling", "rillet")) is None:
            return None
        ratios.append(python["seconds"] / rust)
        extra.append(python["seconds"] - rust)
    ratio, each = median(ratios), 1e6 * median(extra) / -(-options.rows // 65_536)
    found = marked(ratio <= 1.1 and each <= 100, f"{100 * (ratio - 1):+.1f} %, {each:.0f} µs a batch read")
    return f"Python's share of tumbling, {PAIRS} pairs", found, "≤ 10 %, ≤ 100 µs"


def rust_seconds(example, path) -> float:
    """The seconds that the example prints as the last word of its output, on the first two cores."""
    from one import pin

    done = subprocess.run([example, path], capture_output=True, text=True, check=True, preexec_fn=pin)
    return float(done.stdout.split()[-1])


IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_seconds(module: str) -> float | None:
    """The time of an import in a fresh process, or None where it fails."""
    command = [sys.executable, "-c", IMPORT.format(module)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def importing(runs, options) -> tuple | None:
    """`import rillet` against `import numpy`, in alternation."""
    pairs = [(import_seconds("numpy"), import_seconds("rillet")) for _ in range(PAIRS)]
    if any(seconds is None for pair in pairs for seconds in pair):
        return None
    numpy, ours = (1000 * median(pair[i] for pair in pairs) for i in (0, 1))
    extra = 1000 * median(b - a for a, b in pairs)
    found = marked(extra <= 30, f"{ours:.0f} ms ({numpy:.0f} ms), {extra:+.0f} ms")
    return "import rillet (numpy)", found, "≤ +30 ms"


def wheel(runs, options) -> tuple | None:
    """The size of the wheel."""
    if options.wheel is None:
        return None
    size = options.wheel.stat().st_size / 1e6
    return "wheel", marked(size <= 6, f"{size:.2f} MB"), "≤ 6 MB"


EXTRAS = {"memory": memory, "share": share, "import": importing, "wheel": wheel}


def measure(wanted, runs, options) -> list[tuple]:
    """The lines (what, found, goal) of the figures asked for, without those that could not be taken."""
    return [line for name in wanted if (line := EXTRAS[name](runs, options)) is not None]
