"""The memory that figures of large grids take, as a job of the workflow draws them.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/figures.py [--figures regions-grid] [--grids 8x5]

Tables of made-up similarities stand for measured ones: as many checkpoints as the default study has, eight layers,
three sets of planes and three seeds. Each figure is drawn by the command, in a process of its own, as PNG, SVG and PDF.
It prints seconds, the peak resident memory and the size of the file.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from repdyn.catalogue.paths import Paths
from repdyn.catalogue.plane_sets import SETS
from repdyn.config import study as studies
from repdyn.config.study import Study
from repdyn.pipeline.jobs import Job
from repdyn.records import phases, regions
from repdyn.storage import tables
from repdyn.storage.tables import Table
from repdyn.training import checkpoint_schedule

DEFAULT = Path(__file__).parents[2] / "config.yaml"
LAYERS = [f"layer{i}" for i in range(8)]
SEEDS = 3


def study(archs: int, optimizers: int) -> dict[str, object]:
    """The default study with so many architectures and optimizers."""
    content: dict[str, object] = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    sgd = {"opt": "momentum", "lr": 0.05, "momentum": 0.9}
    return content | {
        "archs": {f"resnet-{i}": {"model": "resnet18"} for i in range(archs)},
        "optimizers": {f"sgd-{i}": sgd for i in range(optimizers)},
        "seeds": list(range(SEEDS)),
        "findings": {},
    }


def write(job: Job, table: Table, frame: pd.DataFrame) -> None:
    """Write a table of a run as its stage would."""
    signed = Job(table.stage, job.study, job.paths, job.grid_run)
    path = Path(signed.path(table))
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: frame[name] if name in frame else [None] * len(frame) for name in table.names}
    tables.write(path, columns, table.schema, signed.metadata(table))


def make(config: Study, root: Path) -> None:
    """Tables of all runs."""
    paths, random = Paths(str(root / "results" / config.name)), np.random.default_rng(0)
    for run in config.runs:
        job = Job("figure", config, paths, run)
        epochs = checkpoint_schedule.epochs_of(config, run)
        pairs = list(itertools.product(epochs.items(), repeat=2))
        rows = [
            (layer, depth, name, a, b, x, y)
            for (depth, layer), name, ((a, x), (b, y)) in itertools.product(enumerate(LAYERS), SETS, pairs)
        ]
        frame = pd.DataFrame(rows, columns=["layer", "depth", "planes", "step_a", "step_b", "epoch_a", "epoch_b"])
        values = random.random(len(frame))
        write(job, regions.SIMILARITY, frame.assign(similarity=values, kappa=values))
        write(job, phases.SCORES, pd.DataFrame(columns=phases.SCORES.names))


def drawn(config: Path, figure: str, extension: str, root: Path) -> tuple[float, float, float]:
    """Seconds, peak MiB of memory and MiB of the file of a figure that the command draws."""
    output = root / f"{figure}.{extension}"
    command = [sys.executable, "-P", "-m", "repdyn", "figure", figure, str(output), "--study", str(config)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--results", str(root / "results")], stderr=subprocess.PIPE, encoding="utf-8")
    _, said = process.communicate()
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(said)
    peak = float(said.rsplit("peak memory ", 1)[1].split()[0])
    return seconds, peak, output.stat().st_size / 2**20


def main() -> None:
    """Print a line for each figure, grid and format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", nargs="+", default=["regions-grid"])
    parser.add_argument("--grids", nargs="+", default=["2x2", "4x5", "8x5"])
    parser.add_argument("--formats", nargs="+", default=["png", "svg", "pdf"])
    arguments = parser.parse_args()
    print("grid  figure               format  seconds  peak MiB  file MiB")
    for grid in arguments.grids:
        with tempfile.TemporaryDirectory() as folder:
            root, config = Path(folder), Path(folder, "config.yaml")
            config.write_text(yaml.safe_dump(study(*map(int, grid.split("x")))), encoding="utf-8")
            make(studies.load(config), root)
            for figure, extension in itertools.product(arguments.figures, arguments.formats):
                seconds, peak, size = drawn(config, figure, extension, root)
                print(f"{grid:<5} {figure:<20} {extension:<6} {seconds:8.1f} {peak:9.0f} {size:9.2f}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
