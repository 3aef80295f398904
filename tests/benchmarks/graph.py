"""How long Snakemake takes to plan a large grid, and what of it is ours.

    PYTHONPATH=workflow python tests/benchmarks/graph.py [--runs 1000] [--profile]

The tiny study of the tests, with as many seeds as make the runs, is planned by `snakemake --dry-run` in an empty
folder, where every job is still to be run. The first planning also checks the study, in a process of its own; later
ones find it checked. What is ours is measured in one more planning under a profiler, which slows it about twofold: the
share of time below functions of this repository, and with ``--profile`` the functions that took most.

The aim is 30 s for 1,000 runs; the exit status is 1 if that is missed, by processor time, which other work on the
machine disturbs less than elapsed time.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import io
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "pipeline" / "tiny.yaml"
AIM = 30.0  # seconds


def write_grid(folder: Path, runs: int) -> int:
    """Write a study of at least so many runs; returns how many it has."""
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    cells = len(study["archs"]) * len(study["optimizers"])
    study["seeds"] = list(range(-(-runs // cells)))
    (folder / "grid.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return cells * len(study["seeds"])


def arguments() -> list[str]:
    return ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "grid.yaml", "--cores", "2", "--dry-run", "--quiet"]


def plan(folder: Path) -> tuple[float, float, str]:
    """Elapsed and processor seconds of a planning in a process of its own, and what it printed."""
    environment = {key: value for key, value in os.environ.items() if key != "REPDYN_STUDIES"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments(), "rules"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, busy, done.stdout + done.stderr


def profiled(folder: Path) -> pstats.Stats:
    """A planning in this process, under the profiler."""
    from snakemake.cli import main

    os.chdir(folder)
    os.environ.pop("REPDYN_STUDIES", None)
    profile = cProfile.Profile()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            profile.runcall(main, [*arguments(), "all"])
        except SystemExit as end:
            assert not end.code, "snakemake failed"
    return pstats.Stats(profile)


def ours(stats: pstats.Stats) -> float:
    """Seconds below functions of this repository, entered from others."""
    seconds = 0.0
    for (path, *_), (_, _, _, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if path.startswith(str(ROOT)):
            entered = (took for (caller, *_), took in callers.items() if not caller.startswith(str(ROOT)))
            seconds += sum(cumulative for _, _, _, cumulative in entered)
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=2, help="plannings after the first")
    parser.add_argument("--profile", action="store_true", help="print what took most")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        print(f"a grid of {write_grid(folder, given.runs)} runs")
        measured = []
        for turn in range(1 + given.repeats):
            elapsed, busy, printed = plan(folder)
            jobs = next(line.split()[1] for line in printed.splitlines() if line.startswith("total"))
            what = "planned and the study checked" if turn == 0 else "planned"
            print(f"  {jobs} jobs {what} in {elapsed:.1f} s, {busy:.1f} s of processor time")
            measured.append(busy)
        stats = profiled(folder)
        share = ours(stats) / stats.total_tt  # type: ignore[attr-defined]
        print(f"  under the profiler {share:.0%} of the time is spent in functions of this repository")
        if given.profile:
            stats.sort_stats("cumtime").print_stats(60)
    print(f"  aim: {AIM:g} s of processor time; {'met' if max(measured) <= AIM else 'missed'}")
    return int(max(measured) > AIM)


if __name__ == "__main__":
    sys.exit(main())
