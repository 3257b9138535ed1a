"""The tables, as Markdown."""

from __future__ import annotations

import os
import platform
import re
from datetime import date
from importlib import metadata
from pathlib import Path
from statistics import median

from jobs import ENGINES

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def render(contests, lines, options) -> str:
    """Machine and date, the goals, the seconds of every engine, and the other figures."""
    parts = [machine(options)]
    if contests:
        parts += [table(["job", "found", "goal", "peak MB (goal)"], [goal_row(c) for c in contests])]
        parts += ["Seconds, median (least) of the rounds; peak MB:", seconds_table(contests, options.engines)]
    if lines:
        parts.append(table(["figure", "found", "goal"], lines))
    return "\n\n".join(parts)


def machine(options) -> str:
    """Where and when: processor, cores used, versions."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    name = model.group(1) if model else platform.machine()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    versions = ", ".join(f"{e} {v}" for e in options.engines if (v := version(e)))
    return (
        f"{date.today()}: {name}, 2 of {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"
        f" {platform.release()}; {options.rows:,} rows, {options.rounds} rounds; {versions}."
    )


def version(engine: str) -> str | None:
    """The version of an engine."""
    if engine == "python":
        return platform.python_version()
    try:
        return metadata.version(engine)
    except metadata.PackageNotFoundError:
        return None


def goal_row(contest) -> list[str]:
    """A goal, what was found, and whether it was reached."""
    goal = contest.goal
    wanted = f"≥ {goal.reach} × fastest peer" if goal.versus == "peers" else f"≤ {goal.reach} × {goal.versus}"
    return [goal.title, found(contest), wanted, peak_cell(contest)]


def found(contest) -> str:
    """The ratio that the goal asks for, marked where it is missed, or why there is none."""
    if different := contest.runs.disagreeing(contest.goal.job):
        return "answers differ: " + ", ".join(different)
    ratios = contest.ratios()
    if not ratios:
        return "–"
    peers = not contest.own
    engine, ratio = min(ratios.items(), key=lambda item: item[1])
    reached = ratio >= contest.goal.reach if peers else ratio <= contest.goal.reach
    return f"{'' if reached else '**missed** '}{ratio:.2f} ×" + (f" ({engine})" if peers else "")


def peak_cell(contest) -> str:
    """rillet's peak memory in the goal's job, with the limit where there is one."""
    if not contest.results.get((contest.goal.job, "rillet")):
        return "–"
    peak, limit = contest.peak("rillet"), contest.goal.peak
    if limit is None:
        return f"{peak:.0f}"
    return f"{'' if peak <= limit else '**missed** '}{peak:.0f} (≤ {limit:g})"


def seconds_table(contests, engines) -> str:
    """A row per job, a column per engine."""
    used = [engine for engine in ENGINES if engine in engines]
    rows, seen = [], set()
    for contest in contests:
        if contest.goal.job not in seen:
            seen.add(contest.goal.job)
            rows.append([contest.goal.job, *(seconds_cell(contest, engine) for engine in used)])
    return table(["job", *used], rows)


def seconds_cell(contest, engine: str) -> str:
    """Median, least and peak memory of an engine in a job."""
    seconds = contest.seconds().get(engine)
    if not seconds:
        return "–"
    return f"{median(seconds):.3g} ({min(seconds):.3g}); {contest.peak(engine):.0f}"


def table(head, rows) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(path: Path, text: str) -> None:
    """Puts the text between the two marks of the file."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
