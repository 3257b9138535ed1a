"""The benchmark: `python benches/run.py` makes the data, runs the jobs in every engine and prints the table.

Every run of a job is a process of its own (see one.py). A round runs each contestant once, one after the other; a
ratio is the median of the ratios within the rounds, for the machine drifts. Engines whose answers differ have no ratio.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

import data
import extras
import report
from goals import GOALS, Goal
from jobs import ENGINES, JOBS, SLOW
from jobs.answers import equal
from one import NOT_WRITTEN

HERE = Path(__file__).parent


class Runs:
    """Runs jobs in processes of their own; keeps the first answer of each (job, engine), and what went wrong."""

    def __init__(self, folder: Path, rows: int):
        """Starts with none; `folder` holds the data, and tables in memory have so many rows."""
        self.folder, self.rows, self.failed, self.unsteady = folder, rows, set(), set()
        self.answers: dict[tuple[str, str], dict] = {}

    def one(self, job: str, engine: str) -> dict | None:
        """Runs a job once: seconds, peak and answer, or None where it failed or is not written."""
        if (job, engine) in self.failed:
            return None
        command = [sys.executable, str(HERE / "one.py"), job, engine, str(self.folder), str(self.rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.failed.add((job, engine))
            if done.returncode != NOT_WRITTEN:
                reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
                print(f"  {job} in {engine} failed: {reason}", file=sys.stderr, flush=True)
            return None
        result = json.loads(done.stdout.splitlines()[-1])
        print(f"  {job:18} {engine:11} {result['seconds']:8.3f} s {result['peak']:7.0f} MB", flush=True)
        if not equal(self.answers.setdefault((job, engine), result["answer"]), result["answer"]):
            self.unsteady.add((job, engine))
        return result

    def disagreeing(self, job: str) -> list[str]:
        """The engines whose answer changes, or is not that of most engines; without a majority, all."""
        answers = {engine: answer for (name, engine), answer in self.answers.items() if name == job}
        backing = {e: sum(equal(mine, other) for other in answers.values()) for e, mine in answers.items()}
        return [e for e in answers if 2 * backing[e] <= len(answers) or (job, e) in self.unsteady]


class Contest:
    """The rounds of one goal: for each contestant its runs, in order."""

    def __init__(self, goal: Goal, runs: Runs):
        """Starts with no rounds."""
        self.goal, self.runs = goal, runs
        self.results: dict[tuple[str, str], list[dict]] = defaultdict(list)

    def play(self, engines: list[str], rounds: int) -> None:
        """Plays the rounds."""
        print(self.goal.title, flush=True)
        rivals = [(self.goal.job, engine) for engine in engines]
        if self.own and "rillet" in engines:
            rivals.insert(1, (self.goal.versus, "rillet"))
        for number in range(rounds):
            for job, engine in rivals:
                if self.needs(job, engine, number) and (result := self.runs.one(job, engine)) is not None:
                    self.results[job, engine].append(result)

    @property
    def own(self) -> bool:
        """Whether the goal compares rillet with itself."""
        return self.goal.versus != "peers"

    @property
    def compared(self) -> tuple[str, ...]:
        """The peers whose time counts."""
        return () if self.own else self.goal.among or ENGINES

    def needs(self, job: str, engine: str, number: int) -> bool:
        """Whether this round needs the run: slow engines run once, and so do peers that only check an answer."""
        if engine not in ("rillet", *self.compared):
            return (job, engine) not in self.runs.answers
        return number == 0 or engine not in SLOW

    def ratios(self) -> dict[str, float]:
        """For each peer, how many times as long as rillet it took; for a goal of our own, rillet against itself."""
        ours = self.results.get((self.goal.job, "rillet"), [])
        if not ours or self.runs.disagreeing(self.goal.job):
            return {}
        if self.own:
            base = self.results[self.goal.versus, "rillet"]
            return {"rillet": paired(ours, base)}
        theirs = {e: results for (_, e), results in self.results.items() if e != "rillet" and e in self.compared}
        return {engine: paired(results, ours) for engine, results in theirs.items()}

    def seconds(self) -> dict[str, list[float]]:
        """The times of each engine in this goal's job."""
        return {e: [r["seconds"] for r in rs] for (job, e), rs in self.results.items() if job == self.goal.job}

    def peak(self, engine: str) -> float:
        """The median peak memory of an engine in this goal's job, in MB."""
        return median(r["peak"] for r in self.results[self.goal.job, engine])


def paired(numerators: list[dict], denominators: list[dict]) -> float:
    """The median over the rounds of the ratio of two contestants' times."""
    pairs = zip(numerators, denominators, strict=False)
    return median(a["seconds"] / b["seconds"] for a, b in pairs)


def chosen(options) -> list[Goal]:
    """The goals whose job was asked for."""
    return [goal for goal in GOALS if not options.jobs or goal.job in options.jobs]


def listed(known) -> Callable[[str], list[str]]:
    """A parser of comma-separated names that are known."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name, n in Counter(names).items() if name not in known or n > 1]:
            raise argparse.ArgumentTypeError(f"unknown or repeated: {', '.join(unknown)}; known: {', '.join(known)}")
        return names

    return parse


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE / "data", help="directory of the data, made if missing")
    parser.add_argument("--rows", type=int, default=data.ROWS, help="rows of the tick files and of tables")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=listed([*dict.fromkeys(g.job for g in GOALS)]), help="comma-separated")
    parser.add_argument("--engines", type=listed(ENGINES), default=list(ENGINES), help="comma-separated")
    parser.add_argument("--extras", type=listed(extras.EXTRAS), help="comma-separated; no goals, without --jobs")
    parser.add_argument("--example", type=Path, help="the compiled example `tumbling` of rillet-core")
    parser.add_argument("--wheel", type=Path, help="the wheel to weigh")
    parser.add_argument("--write", action="store_true", help="put the table into benches/README.md")
    return parser.parse_args()


def main() -> None:
    """Runs what was asked for and prints the tables."""
    options = arguments()
    wanted = options.extras or ([] if options.jobs or "rillet" not in options.engines else list(extras.EXTRAS))
    goals = chosen(options) if options.jobs or not options.extras else []
    if wanted or any(JOBS[goal.job].file for goal in goals):
        data.make(options.data, options.rows, fourfold="memory" in wanted)
    runs, contests = Runs(options.data, options.rows), []
    for goal in goals:
        contest = Contest(goal, runs)
        contest.play(options.engines, options.rounds)
        contests.append(contest)
    lines = extras.measure(wanted, runs, options)
    text = report.render(contests, lines, options)
    print("\n" + text)
    if options.write:
        report.write(HERE / "README.md", text)


if __name__ == "__main__":
    main()
