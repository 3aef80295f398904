"""What measuring change between evaluated epochs costs, as a part of training.

    python tests/benchmarks/change.py [--epochs 200] [--study config.yaml]

For each architecture of a study, with its first optimizer, one run in one process of one thread: the seconds spent in
measuring change over those spent in optimizer steps, which are the same run's, so that nothing else on the machine
counts. It should be a tenth at most.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from training import timed

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.pipeline.jobs import Job
from repdyn.records.train import STATE
from repdyn.training.resume import StateFolder
from repdyn.training.trainer import Trainer

DEFAULT = Path(__file__).parents[2] / "config.yaml"


def share(job: Job) -> tuple[float, float]:
    """Seconds of measuring change over seconds of training, and the same of evaluating."""
    spent = {"change": 0.0, "evaluate": 0.0, "train": 0.0, "checkpoint": 0.0}
    examples = subsets.load(job.data, job.data_root, job.run.seed)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(job.study, job.run, examples, StateFolder(Path(folder), job.origin(STATE), "benchmark"))
        assert trainer.change is not None
        trainer.change.measure = timed(trainer.change.measure, spent, "change")
        for name, method in (("evaluate", "_evaluate"), ("train", "_train_epoch"), ("checkpoint", "_take_checkpoint")):
            setattr(trainer, method, timed(getattr(trainer, method), spent, name))
        trainer.run({})
    training = spent["train"] - spent["checkpoint"]
    return spent["change"] / training, (spent["evaluate"] - spent["change"]) / training


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=DEFAULT, help="a study")
    parser.add_argument("--epochs", type=int, help="of training (default: the study's)")
    arguments = parser.parse_args()
    study = studies.load(arguments.study)
    if arguments.epochs:
        length = study.training.model_copy(update={"epochs": arguments.epochs})
        study = study.model_copy(update={"training": length})
    for arch in study.archs:
        job = Job("train", study, Paths("results/benchmark"), study.run(arch, next(iter(study.optimizers)), 0))
        change, evaluation = share(job)
        print(f"{arch}: change takes {change:.1%} of training, evaluation {evaluation:.1%}", flush=True)


if __name__ == "__main__":
    main()
