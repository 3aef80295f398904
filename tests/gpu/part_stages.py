"""A small study of digits, all its stages on the GPU, on the CPU, again, and killed and continued.

Folders of results, each made in a process of its own, at the same time:

    cpu        every stage on the CPU
    once       every stage on the GPU
    again      the same: the same bytes
    killed     the same, but training is killed when it has saved a state, and continued: the same bytes
    measured   checkpoints of ``cpu``, measured on the GPU: within BOUNDS of what the CPU measures

Training is compared at its beginning alone. Later on it amplifies rounding, so that the two go ways of their own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import pandas as pd
    from reporting import Report

TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"
STAGES = ("planes", "train", "activations", "cka", "probes", "regions")
RUNS = ("resnet/sgd", "vit/adam")
LEAST = 2  # epochs of which a state is saved before the kill
# How far what is measured on the GPU may be from the same on the CPU. docs/gpu.md has, beside them, what a change of
# all weights by a part in a million does on a CPU, of which these are ten times and more.
BOUNDS = {
    "initial weights that differ": 0.0,
    "loss after an epoch, relative difference": 1e-3,
    "activations, relative difference": 5e-4,
    "CKA, largest difference": 5e-5,
    "further measures, mean difference": 5e-4,
    "probe accuracy, largest difference": 2e-2,
    "labels of plane points that differ": 1e-3,
    "decision regions similarity, mean difference": 5e-4,
}
SAME = ("files that differ, twice on the GPU", "files that differ, killed and continued")
CONTINUED = "epochs from which training continued"
CHECKS = (*BOUNDS, *SAME, CONTINUED)


def config(device: str, tiny: bool) -> dict[str, Any]:
    """The tiny study of the tests, with enough examples that a GPU compares them, unless ``tiny``."""
    found: dict[str, Any] = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    if tiny:
        found["training"]["epochs"] = 8
    else:
        found["data"] |= {"train_size": 600, "test_size": 500, "common": 300}
        found["activations"] |= {"similarity_examples": 300, "probe_examples": 300}
        found["planes"] |= {"count": 6, "resolution": 20}
    found["execution"] = {"device": device, "save_state_seconds": 0.0}
    return found


# ---- a process that makes one folder ---------------------------------------------------------------------------------


def work(study_file: Path, results: Path, stages: Sequence[str], runs: Sequence[str]) -> None:
    """Do stages of some runs as their commands do; write how long each took."""
    import logging

    from repdyn.__main__ import module_of
    from repdyn.catalogue.paths import Paths
    from repdyn.catalogue.stages import STAGES as ALL
    from repdyn.config import study as studies
    from repdyn.pipeline.jobs import Job
    from repdyn.runtime.progress import LOG

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    LOG.setLevel(logging.INFO)
    study = studies.load(study_file)
    paths = Paths(str(results / study.name))
    took: dict[str, float] = {}
    for stage in stages:
        of = [study.run(*run.split("/"), 0) for run in runs] if ALL[stage].scope == "run" else [study.replicate(0)]
        module = module_of(stage)
        begin = time.perf_counter()
        for run in of:
            module.main(Job(stage, study, paths, run))
        took[stage] = time.perf_counter() - begin
    (results / "seconds.json").write_text(json.dumps(took), encoding="utf-8")


class Worker:
    """A process that does stages in a folder of results."""

    def __init__(self, root: Path, name: str, device: str, stages: Sequence[str], runs: Sequence[str], tiny: bool):
        self.name, self.results, self._root = name, root / name, root
        self.results.mkdir(exist_ok=True)
        study = root / f"{device}.yaml"
        if not study.exists():
            study.write_text(yaml.safe_dump(config(device, tiny)), encoding="utf-8")
        self._words = [sys.executable, __file__, str(study), str(self.results), ",".join(stages), ",".join(runs)]
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self._root / f"{self.name}.log").open("ab") as log:
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            return subprocess.Popen(self._words, stdout=log, stderr=log, env=environment)

    def log(self) -> str:
        return (self._root / f"{self.name}.log").read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait for its end; a RuntimeError says how it failed."""
        if status := self.process.wait():
            raise RuntimeError(
                f"the process of the folder `{self.name}` ended with status {status}: {last(self.log())}"
            )

    def kill_and_continue(self) -> None:
        """Kill it when it has saved a state of some epochs, and start it again.

        Raises:
            RuntimeError: if it ended before.
        """
        states = 0.0, 0
        while states[1] < LEAST:
            if self.process.poll() is not None:
                raise RuntimeError(f"training ended before it could be killed: {last(self.log())}")
            newest = max((path.stat().st_mtime_ns for path in self.results.rglob("state.pt")), default=0)
            states = (newest, states[1] + 1) if newest > states[0] else states
            time.sleep(0.002)
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = self._start()


def last(log: str) -> str:
    """The last line of a log."""
    return [line for line in ("it said nothing", *log.splitlines()) if line.strip()][-1]


# ---- what is compared ------------------------------------------------------------------------------------------------


def tables(results: Path, table: str) -> pd.DataFrame:
    """A table of all runs."""
    import pandas as pd

    return pd.read_parquet(results / "tiny" / table)


def training(cpu: Path, gpu: Path) -> Iterator[tuple[str, float]]:
    """How far two trainings are apart at their beginning."""
    from safetensors.numpy import load_file

    differ = 0
    for path in cpu.rglob("checkpoints/**/step=0.safetensors"):
        one, other = load_file(path), load_file(gpu / path.relative_to(cpu))
        differ += sum(int((one[name] != other[name]).sum()) for name in one)
    yield "initial weights that differ", differ
    one, other = (tables(results, "history").sort_values(["arch", "step"]) for results in (cpu, gpu))
    first = one["epoch"].to_numpy() == 1.0
    assert first.any(), "there is an evaluation after the first epoch"
    losses = [of["train_loss"].to_numpy()[first] for of in (one, other)]
    yield "loss after an epoch, relative difference", float((abs(losses[1] - losses[0]) / losses[0]).max())


def measurements(cpu: Path, gpu: Path) -> Iterator[tuple[str, float]]:
    """How far measurements of the same checkpoints are apart."""
    import numpy as np
    import pyarrow.parquet as pq

    apart_by_layer = []
    for path in (cpu / "tiny" / "activations").rglob("activations.parquet"):
        one, other = (pq.read_table(file, partitioning=None) for file in (path, gpu / path.relative_to(cpu)))
        for name in one.column_names:
            if "list" not in str(one.schema.field(name).type):
                assert one[name].equals(other[name]), f"{name} is the same"
                continue
            x, y = (of[name].combine_chunks().flatten().to_numpy().astype(np.float64) for of in (one, other))
            apart_by_layer.append(np.linalg.norm(x - y) / np.linalg.norm(x))
    yield "activations, relative difference", float(np.max(apart_by_layer))  # NaN if any is

    keys = ["arch", "optimizer", "layer", "step_a", "step_b"]
    one, other = (tables(results, "cka").sort_values(keys) for results in (cpu, gpu))
    shown = {name: np.abs(one[name].to_numpy(float) - other[name].to_numpy(float)) for name in one.columns
             if one[name].dtype.kind == "f" and not name.startswith("epoch")}  # fmt: skip
    undefined = sum(int((one[name].isna().to_numpy() != other[name].isna().to_numpy()).sum()) for name in shown)
    assert not undefined, f"{undefined} similarities are defined on one device alone"
    decided = ("cka", "cka_debiased")
    yield "CKA, largest difference", max(float(np.nanmax(shown[name])) for name in decided)
    yield (
        "further measures, mean difference",
        max(float(np.nanmean(apart)) for name, apart in shown.items() if name not in decided),
    )

    keys = ["arch", "optimizer", "layer", "step", "split"]
    one, other = (tables(results, "probes/accuracy").sort_values(keys) for results in (cpu, gpu))
    yield "probe accuracy, largest difference", float(np.abs(one["accuracy"].values - other["accuracy"].values).max())

    keys = ["arch", "optimizer", "layer", "step", "planes", "plane"]
    one, other = (tables(results, "regions/labels").sort_values(keys) for results in (cpu, gpu))
    seen = [np.concatenate(of["labels"].to_list()) for of in (one, other)]
    yield "labels of plane points that differ", float((seen[0] != seen[1]).mean())
    keys = ["arch", "optimizer", "layer", "planes", "step_a", "step_b"]
    one, other = (tables(results, "regions/similarity").sort_values(keys) for results in (cpu, gpu))
    apart = np.abs(one["similarity"].values - other["similarity"].values)
    yield "decision regions similarity, mean difference", float(apart.mean())


def lend_checkpoints(cpu: Path, to: Path) -> None:
    """Put what training and ``planes`` left into another folder of results."""
    for name in ("checkpoints", "history", "change", "planes"):
        shutil.copytree(cpu / "tiny" / name, to / "tiny" / name)


def same_bytes(report: Report, name: str, one: Path, other: Path) -> None:
    from running import content, differences

    apart = differences(content(other / "tiny"), content(one / "tiny"))
    report.check(name, len(apart), at_most=0)
    if apart:
        report.failed(f"{name}: {', '.join(apart[:5])}{' …' if len(apart) > 5 else ''}")


def continued_from(log: str) -> int:
    """The epoch from which the first run continued; 0 if it did not."""
    found = re.search(r"continues from epoch (\d+)", log)
    return int(found[1]) if found else 0


def main(report: Report, device: str, tiny: bool) -> None:
    """Measure."""
    runs = RUNS[1:] if tiny else RUNS
    with TemporaryDirectory() as folder:
        root = Path(folder)
        workers: dict[str, Worker] = {}
        try:
            for name in ("cpu", "once", "again", "killed"):
                on = "cpu" if name == "cpu" else device
                workers[name] = Worker(root, name, on, STAGES, runs, tiny)
            workers["killed"].kill_and_continue()
            workers["cpu"].wait()
            (root / "measured").mkdir()
            lend_checkpoints(root / "cpu", root / "measured")
            workers["measured"] = Worker(root, "measured", device, STAGES[2:], runs, tiny)
            for worker in workers.values():
                worker.wait()
        finally:
            for worker in workers.values():
                worker.process.kill()
        _compare(report, root, workers)


def _compare(report: Report, root: Path, workers: Mapping[str, Worker]) -> None:
    report.check(CONTINUED, continued_from(workers["killed"].log()), at_least=1)
    for name, other in zip(SAME, ("again", "killed"), strict=True):
        same_bytes(report, name, root / "once", root / other)
    for pairs in (training(root / "cpu", root / "once"), measurements(root / "cpu", root / "measured")):
        for name, apart in pairs:
            report.check(name, apart, at_most=BOUNDS[name])
    for name in ("cpu", "once"):
        took = json.loads((root / name / "seconds.json").read_text(encoding="utf-8"))
        for stage, seconds in took.items():
            report.row(f"{stage}, {'on the CPU' if name == 'cpu' else 'on the device'}", seconds, "s")


if __name__ == "__main__":
    work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","), sys.argv[4].split(","))
