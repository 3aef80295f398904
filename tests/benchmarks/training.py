"""Training beside a plain loop over a torch DataLoader, and what part of a run goes into anything but training.

    python tests/benchmarks/training.py [--epochs 6] [--rounds 5]

For the ResNet and the ViT of config.yaml, with batches of one size and SGD: epochs per second of the trainer, of a loop
over a DataLoader of a TensorDataset (no workers, default collation), and of one whose data set standardises each image
as torchvision's transforms do, one image at a time. Rounds alternate, in one process of one thread; medians are printed
as ratios. Then the same for all cores of the machine, as each uses them: the workflow trains a run on each core, the
loop leaves its one run to torch's threads. Last, what part of a whole run, at the study's own schedule, goes into
evaluation, checkpoints and saving state.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import v2

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.models import architectures
from repdyn.pipeline.jobs import Job
from repdyn.records.train import STATE
from repdyn.training import trainer
from repdyn.training.resume import StateFolder
from repdyn.types import Inputs

DEFAULT = Path(__file__).parents[2] / "config.yaml"


def trainer_of(job: Job, folder: Path) -> trainer.Trainer:
    """A run at its start; its state and checkpoints go to a folder of its own."""
    examples = subsets.load(job.study.data, job.data_root, job.run.seed)
    return trainer.Trainer(job.study, job.run, examples, StateFolder(folder, job.origin(STATE), "benchmark"))


class Transformed(Dataset[tuple[torch.Tensor, int]]):
    """Images as bytes, each scaled and standardised when it is asked for, as a torchvision data set does it."""

    def __init__(self, examples: subsets.StudyData) -> None:
        mean, std = examples.mean.tolist(), examples.std.tolist()
        back = torch.from_numpy(examples.train.inputs[:]) * torch.tensor(std)[:, None, None]
        self.inputs = ((back + torch.tensor(mean)[:, None, None]) * 255).round().to(torch.uint8)
        self.labels = examples.train.given_labels.tolist()
        self.transform = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.inputs[index]), self.labels[index]


def plain_loop(job: Job, dataset: Dataset[Any]) -> Callable[[], None]:
    """An epoch of the loop that everybody writes."""
    study, run = job.study, job.run
    model = architectures.build(study.archs[run.arch], Inputs((1, 8, 8)), 10, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=study.learning_rate(run), momentum=0.9)
    loader = DataLoader(dataset, batch_size=study.training.batch_size, shuffle=True)

    def epoch() -> None:
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()

    return epoch


def contenders_of(job: Job, folder: Path) -> dict[str, Callable[[], None]]:
    """An epoch of training each, without checkpoints, which are measured apart."""
    trainer = trainer_of(job, folder)
    trainer.steps = []
    done = iter(range(10**9))
    examples = subsets.load(job.study.data, job.data_root, job.run.seed)
    tensors = TensorDataset(torch.from_numpy(examples.train.inputs[:]), torch.from_numpy(examples.train.given_labels))
    return {
        "repdyn": lambda: trainer._train_epoch(next(done), {}),
        "DataLoader of tensors": plain_loop(job, tensors),
        "DataLoader with transforms": plain_loop(job, Transformed(examples)),
    }


def compare(job: Job, epochs: int, rounds: int) -> None:
    """Print epochs per second, interleaved."""
    with tempfile.TemporaryDirectory() as folder:
        contenders = contenders_of(job, Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for round_number in range(rounds + 1):
            for name, epoch in contenders.items():
                start = time.perf_counter()
                for _ in range(epochs):
                    epoch()
                if round_number:  # the first is for warming up
                    seconds[name].append((time.perf_counter() - start) / epochs)
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        for name, median in medians.items():
            ratio = median / medians["repdyn"]
            print(f"  {name:28s} {1 / median:6.2f} epochs/s; repdyn is {ratio:.2f} times as fast")


def epochs_per_second(job: Job, name: str, threads: int, seconds: float) -> float:
    """Of one contender in this process, from its second epoch on."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        epoch = contenders_of(job, Path(folder))[name]
        epoch()
        torch.set_num_threads(threads)  # a trainer sets its own when it is made
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            epoch()
            done += 1
        return done / (time.perf_counter() - start)


def compare_on_all_cores(job: Job, seconds: float, rounds: int) -> None:
    """Print epochs per second of the whole machine: a run on each core, or a loop that has all cores."""
    cores = len(os.sched_getaffinity(0))
    ways = {"repdyn": (cores, 1), "DataLoader of tensors": (1, cores), "DataLoader with transforms": (1, cores)}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        for _ in range(rounds):
            for name, (runs, threads) in ways.items():
                at_once = [pool.submit(epochs_per_second, job, name, threads, seconds) for _ in range(runs)]
                rates[name].append(sum(run.result() for run in at_once))
    medians = {name: statistics.median(of_rounds) for name, of_rounds in rates.items()}
    for name, (runs, threads) in ways.items():
        title = f"{name}, {runs} × {threads} thread{'s' if threads > 1 else ''}"
        ratio = medians["repdyn"] / medians[name]
        print(f"  {title:40s} {medians[name]:6.2f} epochs/s; repdyn is {ratio:.2f} times as fast")


def overhead(job: Job) -> None:
    """Print which part of a run is not training."""
    spent = {"_evaluate": 0.0, "_take_checkpoint": 0.0, "_save": 0.0, "_train_epoch": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(job, Path(folder))
        for name in spent:
            setattr(trainer, name, timed(getattr(trainer, name), spent, name))
        trainer.run({})
    training_alone = spent["_train_epoch"] - spent["_take_checkpoint"]
    for name in ("_evaluate", "_take_checkpoint", "_save"):
        print(f"  {name.strip('_'):28s} {spent[name] / training_alone:6.1%} of training time")


def timed(function: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    """A function that adds the seconds of each call to ``spent[name]``."""

    def called(*arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            spent[name] += time.perf_counter() - start

    return called


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6, help="epochs of a contender in a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a contender in a round that uses all cores")
    parser.add_argument("--whole-run", type=int, help="epochs of the whole run (default: the study's)")
    arguments = parser.parse_args()
    study = studies.load(DEFAULT)
    if arguments.whole_run:
        length = study.training.model_copy(update={"epochs": arguments.whole_run})
        study = study.model_copy(update={"training": length})
    for arch in study.archs:
        job = Job("train", study, Paths("results/benchmark"), study.run(arch, "sgd", 0))
        print(f"{arch}, {study.data.train_size} images, batches of {study.training.batch_size}, one thread:")
        compare(job, arguments.epochs, arguments.rounds)
        print("  all cores:")
        compare_on_all_cores(job, arguments.seconds, arguments.rounds)
        print(f"  a run of {study.training.epochs} epochs:")
        overhead(job)


if __name__ == "__main__":
    main()
