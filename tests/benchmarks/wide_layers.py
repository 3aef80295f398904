"""What coordinates of the examples cost and save, beside whole activations in float16.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/wide_layers.py [--examples 500] [--width 64]

A ResNet-18 on images of CIFAR-10's shape is trained for a few steps. The stages that write and read activations then
run on its two checkpoints, once each way, in one process. It prints processor seconds and bytes of each checkpoint, and
of wide layers the largest error against activations that were never rounded (float32): of CKA, debiased CKA, RSA and
k-NN, of the share of probes' right answers, and the share of points of planes with another label.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.pipeline import settling
from repdyn.pipeline.jobs import Job
from repdyn.representations.table import Representations
from repdyn.stages import activations, cka, planes, probes, regions, train
from repdyn.user_code import locate

WAYS: dict[str, dict[str, Any]] = {
    "coordinates": {},
    "float16": {"whole": ["*"]},
    "float32": {"whole": ["*"], "dtype": "float32"},
}
STAGES = {"activations": activations, "cka": cka, "probes": probes, "regions": regions}
MEASURES = ("cka", "cka_debiased", "rsa", "knn")


def images() -> dict[str, Any]:
    """Made-up images of ten classes, smooth enough for a network to tell them apart."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(10, 3, 8, 8)).repeat(4, axis=2).repeat(4, axis=3)

    def part(size: int) -> dict[str, Any]:
        labels = np.arange(size) % 10
        noise = random.normal(size=(size, 3, 32, 32))
        return {"inputs": (centres[labels] + noise).astype(np.float32), "labels": labels}

    return {"train": part(600), "test": part(600)}


def study(settings: dict[str, Any], examples: int, width: int) -> Any:
    """The study, with some settings of its activations."""
    given = studies.parse(
        {
            "name": "wide",
            "archs": {"resnet": {"model": "resnet18", "width": width, "stem": "small"}},
            "optimizers": {"sgd": {"opt": "momentum", "lr": 0.05}},
            "seeds": [0],
            "data": {"dataset": f"{Path(__file__).stem}:images", "label_noise": 0.2},
            "training": {"epochs": 1, "batch_size": 128},
            "checkpoints": {"schedule": "explicit", "epochs": [1]},
            "change": {"examples": 0},
            "activations": {
                "similarity_examples": examples,
                "probe_examples": examples,
                "batch_norm": "stored",  # else both ways pay the same for re-estimating it
            }
            | settings,
            "planes": {"count": 3, "resolution": 12, "pictures": 1, "picture_resolution": 4},
            "execution": {"device": "cpu", "memory_gib": 4},
        }
    )
    return settling.settled(given, (str(Path(__file__).parent),))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--width", type=int, default=64)
    arguments = parser.parse_args()
    locate.take_in([Path(__file__).parent])
    with tempfile.TemporaryDirectory() as folder:
        seconds: dict[str, dict[str, float]] = {}
        sizes: dict[str, dict[str, float]] = {}
        found: dict[str, dict[str, pd.DataFrame]] = {}
        trained = study({}, arguments.examples, arguments.width)
        planes.main(Job("planes", trained, Paths(f"{folder}/trained"), trained.replicate(0)))
        train.main(Job("train", trained, Paths(f"{folder}/trained"), trained.run("resnet", "sgd", 0)))
        for way, settings in WAYS.items():
            shutil.copytree(f"{folder}/trained", f"{folder}/{way}")
            paths = Paths(f"{folder}/{way}")
            of = study(settings, arguments.examples, arguments.width)
            run = of.run("resnet", "sgd", 0)
            seconds[way] = {}
            for name, stage in STAGES.items():
                start = time.process_time()
                stage.main(Job(name, of, paths, run))
                seconds[way][name] = (time.process_time() - start) / 2
            files = {"activations": paths.activations, "probe_view": paths.probe_view, "probes": paths.probe_weights}
            sizes[way] = {table: Path(path(run.path)).stat().st_size / 2e6 for table, path in files.items()}
            tables = {
                "cka": paths.cka, "accuracy": paths.probe_accuracy, "labels": paths.region_labels,
            }  # fmt: skip
            found[way] = {table: pd.read_parquet(path(run.path)) for table, path in tables.items()}
            if way == "coordinates":
                wide = Representations(paths.probe_view(run.path)).layers
            found[way] = {table: rows[rows["layer"].isin(wide)] for table, rows in found[way].items()}
    exact = found["float32"]
    for way in WAYS:
        part = seconds[way]
        three = sum(part[name] for name in ("activations", "cka", "probes"))
        print(f"{way}: " + ", ".join(f"{name} {value:.1f} s" for name, value in part.items()), end="")
        print(f"; the first three {three:.1f} s a checkpoint; ", end="")
        print(", ".join(f"{table} {size:.1f} MB" for table, size in sizes[way].items()))
        tables = found[way]
        errors = {name: (tables["cka"][name] - exact["cka"][name]).abs().max() for name in MEASURES}
        errors["accuracy"] = (tables["accuracy"]["accuracy"] - exact["accuracy"]["accuracy"]).abs().max()
        labels = [np.stack(of["labels"]["labels"].to_list()) for of in (tables, exact)]
        errors["labels"] = (labels[0] != labels[1]).mean()
        print("    off by " + ", ".join(f"{name} {error:.1e}" for name, error in errors.items()))


if __name__ == "__main__":
    main()
