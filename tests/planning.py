"""What Snakemake would run, asked many times in one process: a process for each question takes seconds.

    python planning.py Snakefile < questions

A question is a line of JSON, ``{"config": path, "targets": […]}``; its answer is a line of JSON, what ``Plan`` holds,
or the sentence with which Snakemake refused. Studies are not checked, nor is their data set looked at: those
that are asked about are sound, and need not have one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running import PYTHON, ROOT, environment

ANSWER = "ANSWER "


@dataclass(frozen=True)
class Plan:
    """The jobs behind some targets, each by its rule and wildcards, such as ``cka arch=vit optimizer=sgd seed=0``.

    Attributes:
        planned: those that would run.
        needs: each job -> the jobs that it takes files from.
        outputs: each file that a job makes -> the job.
        params: each job -> what Snakemake compares of its params.
    """

    planned: set[str]
    needs: dict[str, set[str]] = field(repr=False)
    outputs: dict[str, str] = field(repr=False)
    params: dict[str, list[str]] = field(repr=False)

    def downstream(self, jobs: Iterable[str]) -> set[str]:
        """These jobs and all that take files from them, directly or not."""
        found, waiting = set(jobs), list(jobs)
        while waiting:
            last = waiting.pop()
            more = {job for job, needed in self.needs.items() if last in needed} - found
            found |= more
            waiting += more
        return found


class Planner:
    """A process that answers questions about the study in one folder."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        command = [PYTHON, __file__, str(root / "Snakefile")]
        paths = os.pathsep.join([str(root / "workflow"), str(Path(__file__).parent)])
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment(root) | {"PYTHONPATH": paths},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip

    def plan(self, config: Path, *targets: str) -> Plan:
        """What Snakemake would run for these targets; fails with what it says."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"config": str(config), "targets": targets}) + "\n")
        self._process.stdin.flush()
        line = next(line for line in self._process.stdout if line.startswith(ANSWER))
        answer: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
        assert "refused" not in answer, answer["refused"]
        needs = {job: set(needed) for job, needed in answer["needs"].items()}
        return Plan(set(answer["planned"]), needs, answer["outputs"], answer["params"])

    def close(self) -> None:
        """End the process, which has nothing to lose."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def planner(folder: Path, root: Path = ROOT) -> Iterator[Planner]:
    """A planner that ends with the context."""
    started = Planner(folder, root)
    try:
        yield started
    finally:
        started.close()


def _name(job: Any) -> str:
    return " ".join([job.rule.name, *(f"{name}={value}" for name, value in job.wildcards.items())])


def _answer(snakefile: Path, config: str, targets: list[str]) -> dict[str, Any]:
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
    )  # fmt: skip

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=True)) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[Path(config)]),
            snakefile=snakefile,
        )
        dag = workflow.dag(dag_settings=DAGSettings(targets=set(targets)))
        dag.execute_workflow(executor="dryrun")
        graph = workflow._workflow.dag
        jobs = [job for job in graph.jobs if job.output]
        return {
            "planned": [_name(job) for job in graph.needrun_jobs(exclude_finished=False) if job.output],
            "needs": {_name(job): [_name(other) for other in graph.dependencies[job]] for job in jobs},
            "outputs": {str(file): _name(job) for job in jobs for file in job.output},
            "params": {_name(job): workflow._workflow.persistence._params(job) for job in jobs},
        }


def main() -> None:
    """Answer questions until there are no more."""
    from repdyn.data import datasets
    from repdyn.pipeline import snapshot

    snapshot._apart = lambda *_: None
    datasets.settled = lambda study, *_: study
    for line in sys.stdin:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                answer = _answer(Path(sys.argv[1]), **json.loads(line))
            except (Exception, SystemExit) as error:
                answer = {"refused": f"{said.getvalue()}\n{error}"}
        print(ANSWER + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
