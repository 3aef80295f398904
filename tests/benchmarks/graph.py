"""How long Snakemake takes to plan a large grid, and what of it is ours.

    PYTHONPATH=workflow python tests/benchmarks/graph.py [--runs 1000] [--profile]

The tiny study of the tests, with as many seeds as make the runs, is planned by `snakemake --dry-run` in an empty
folder, where every job is still to be run. The first planning also checks the study, in a process of its own; later
ones find it checked. In turns with these, Snakemake plans a bare workflow: the same jobs and files, by rules that have
inputs, outputs and a command alone, each a list or a pattern. That is the floor of any workflow of this size. What is
ours is measured in one more planning under a profiler, which slows it about twofold: the share of time below functions
of this repository, and with ``--profile`` the functions that took most.

The aim is 1.25 times the bare workflow; the exit status is 1 if that is missed. Times are processor time, which other
work on the machine disturbs less than elapsed time, and the ratio is that of medians.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import io
import json
import os
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "pipeline" / "tiny.yaml"
OURS = tuple(str(ROOT / place) for place in ("Snakefile", "workflow"))
AIM = 1.25  # times a bare workflow of the same jobs and files
BARE = """import json

with open("bare.json", encoding="utf-8") as file:
    FILES = json.load(file)


rule all:
    default_target: True
    input:
        FILES["all"]["input"],

"""
BARE_RULE = """
rule {name}:
    input:
        FILES["{name}"]["input"],
    output:
        FILES["{name}"]["output"],
    shell:
        "touch {{output}}"

"""


def write_grid(folder: Path, runs: int) -> int:
    """Write a study of at least so many runs; returns how many it has."""
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    cells = len(study["archs"]) * len(study["optimizers"])
    study["seeds"] = list(range(-(-runs // cells)))
    (folder / "grid.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return cells * len(study["seeds"])


def write_bare(folder: Path) -> None:
    """Write ``bare.smk``, which has the jobs and files of the grid and nothing else of this workflow.

    Jobs of a rule whose wildcards make their files are one rule of patterns. A figure is a rule of its own, because its
    name decides its inputs.
    """
    rules: dict[str, dict[str, list[str]]] = {}
    for job in planned(folder):
        levels = {name: level for name, level in job.wildcards.items() if name in ("arch", "optimizer", "seed")}
        files = {"input": list(map(str, job.input)), "output": list(map(str, job.output))}
        if levels:
            of_job, pattern = (
                "/".join(f"{name}={level}" for name, level in given.items())
                for given in (levels, {name: f"{{{name}}}" for name in levels})
            )
            of_seed = f"/seed={levels['seed']}/"
            files = {
                which: [path.replace(of_job, pattern).replace(of_seed, "/seed={seed}/") for path in paths]
                for which, paths in files.items()
            }
        figure = job.wildcards.get("figure")
        rules[job.rule.name if figure is None else f"{job.rule.name}_{figure.replace('-', '_')}"] = files
    (folder / "bare.json").write_text(json.dumps(rules), encoding="utf-8")
    written = BARE + "".join(BARE_RULE.format(name=name) for name in rules if name != "all")
    (folder / "bare.smk").write_text(written, encoding="utf-8")


def planned(folder: Path) -> list[Any]:
    """The jobs of the grid, as Snakemake has them."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    os.environ.pop("REPDYN_STUDIES", None)
    with contextlib.chdir(folder), SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=2),
            config_settings=ConfigSettings(configfiles=[folder / "grid.yaml"]),
            snakefile=ROOT / "Snakefile",
        )
        with contextlib.redirect_stdout(io.StringIO()):
            workflow.dag(DAGSettings()).printrulegraph()
        return list(workflow._workflow.dag.jobs)  # type: ignore[attr-defined]


def arguments(bare: bool = False) -> list[str]:
    grid = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "grid.yaml"]
    return [*(["--snakefile", "bare.smk"] if bare else grid), "--cores", "2", "--dry-run", "--quiet"]


def plan(folder: Path, bare: bool = False) -> tuple[float, float, str]:
    """Elapsed and processor seconds of a planning in a process of its own, and what it printed."""
    environment = {key: value for key, value in os.environ.items() if key != "REPDYN_STUDIES"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments(bare), "rules"],
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
        if path.startswith(OURS):
            entered = (took for (caller, *_), took in callers.items() if not caller.startswith(OURS))
            seconds += sum(cumulative for _, _, _, cumulative in entered)
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3, help="plannings of each")
    parser.add_argument("--profile", action="store_true", help="print what took most")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        print(f"a grid of {write_grid(folder, given.runs)} runs")
        write_bare(folder)
        busy: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(given.repeats):
            for bare, seconds in busy.items():
                elapsed, processor, printed = plan(folder, bare)
                jobs = next(line.split()[1] for line in printed.splitlines() if line.startswith("total"))
                what = "of a bare workflow" if bare else "of ours"
                print(f"  {jobs} jobs {what} planned in {elapsed:.1f} s, {processor:.1f} s of processor time")
                seconds.append(processor)
        ratio = statistics.median(busy[False]) / statistics.median(busy[True])
        stats = profiled(folder)
        share = ours(stats) / stats.total_tt  # type: ignore[attr-defined]
        print(f"  under the profiler {share:.0%} of the time is spent in functions of this repository")
        if given.profile:
            stats.sort_stats("cumtime").print_stats(60)
    print(f"  {ratio:.2f} times the bare workflow; aim: {AIM:g}; {'met' if ratio <= AIM else 'missed'}")
    return int(ratio > AIM)


if __name__ == "__main__":
    sys.exit(main())
