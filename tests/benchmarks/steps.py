"""Where an optimizer step's time goes, beside what its multiplications need at the speed of a core.

    PYTHONPATH=workflow python tests/benchmarks/steps.py [--study config.yaml] [--rounds 7]
    ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 PYTHONPATH=workflow python tests/benchmarks/steps.py

For each architecture of a study, with its first optimizer, on one thread: the processor time of a step, a median over
rounds of an epoch; the time that the step's multiplications and additions (``torch.utils.flop_counter``, forward and
backward) would take at the speed of the fastest of some square matrix products, measured in the same rounds; and the
share of each kind of operation in an epoch under torch's profiler. *Python and dispatch* is what is left there: time in
which no kernel runs. The second line does the same with the instructions of processors that have AVX2 alone.

Then other ways, in turns with the step as it is: the plain formula for attention, maps in the other memory layout, the
network compiled, each with whether it leaves the same weights to the bit; and evaluation in batches of other sizes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from training import trainer_of

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.config.study import Study
from repdyn.pipeline.jobs import Job
from repdyn.training import trainer
from repdyn.training.trainer import Trainer

DEFAULT = Path(__file__).parents[2] / "config.yaml"
PRODUCTS = (256, 512, 1024)  # sides of square matrices
SIZES = (128, trainer.EVALUATION_BATCH, 1024)
LEAST = 0.01  # share of a step, from which a kind of operation is shown
AS_IT_IS = "as it is"
# Kinds of operations, by the first of these that an operator's name contains.
KINDS = {
    "convolution_backward": "convolution, backward",
    "conv": "convolution, forward",
    "batch_norm": "batch norm",
    "layer_norm": "layer norm",
    "attention": "attention",
    "mm": "matrix products",
    "gelu": "GELU",
    "fused_": "optimizer",
    "threshold": "ReLU",
    "clamp": "ReLU",
    "relu": "ReLU",
    "copy": "copies",
    "softmax": "softmax and loss",
    "nll": "softmax and loss",
}


def processor(work: Callable[[], object], repeats: int = 1) -> float:
    """Seconds of processor time that something takes."""
    start = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - start) / repeats


def core() -> float:
    """Multiplications and additions a second, by the fastest of some matrix products."""
    speeds = []
    for side in PRODUCTS:
        A, B = torch.randn(side, side), torch.randn(side, side)
        repeats = max(1, 1024**3 // side**3)
        speeds.append(2 * side**3 / processor(lambda A=A, B=B: A @ B, repeats))
    return max(speeds)


class Steps:
    """The steps of an epoch of a run."""

    def __init__(self, study: Study, arch: str, folder: Path) -> None:
        run = study.run(arch, next(iter(study.trained_optimizers)), study.seeds[0])
        self.trainer: Trainer = trainer_of(Job("train", study, Paths(str(folder)), run), folder)
        self.trainer.steps = []
        self.trainer.change = None
        self._epoch = 0

    def epoch(self) -> None:
        """Train an epoch."""
        self.trainer._train_epoch(self._epoch, {})
        self._epoch += 1

    def flops(self) -> float:
        """Multiplications and additions of a step."""
        with FlopCounterMode(display=False) as counter:
            self.epoch()
        return counter.get_total_flops() / self.trainer.steps_per_epoch

    def kinds(self) -> dict[str, float]:
        """Kind of operation -> its share of the time of an epoch, largest first."""
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            start = time.perf_counter()
            self.epoch()
            whole = time.perf_counter() - start
        seconds: dict[str, float] = defaultdict(float)
        for event in profiler.key_averages():
            if event.key.startswith("aten::"):
                kind = next((kind for name, kind in KINDS.items() if name in event.key), "other operations")
                seconds[kind] += event.self_cpu_time_total * 1e-6
        seconds["Python and dispatch"] = whole - sum(seconds.values())
        return {kind: seconds[kind] / whole for kind in sorted(seconds, key=lambda kind: -seconds[kind])}

    def weights(self) -> torch.Tensor:
        """All weights, in a row."""
        return torch.cat([value.detach().flatten() for value in self.trainer.model.parameters()])


@contextmanager
def batches_of(size: int) -> Iterator[None]:
    """Evaluate in batches of this size."""
    before, trainer.EVALUATION_BATCH = trainer.EVALUATION_BATCH, size
    try:
        yield
    finally:
        trainer.EVALUATION_BATCH = before


def evaluation(of: Trainer) -> float:
    """Processor seconds of an evaluation."""
    return processor(lambda: trainer.measure(of.model, of.train, of.test))


def show(study: Study, arch: str, rounds: int) -> None:
    """Print what an architecture's steps take."""
    training = study.training
    with tempfile.TemporaryDirectory() as root:
        ways = {
            AS_IT_IS: training,
            "plain attention": training,
            "the other memory layout": training.model_copy(update={"channels_last": not training.channels_last}),
            "compiled": training.model_copy(update={"compile": True}),
        }
        steps = {
            way: Steps(study.model_copy(update={"training": of}), arch, Path(root, way)) for way, of in ways.items()
        }
        busy: dict[str, list[float]] = defaultdict(list)
        speeds = []
        for round_number in range(rounds + 1):
            speeds.append(core())
            taken = {}
            for way, each in steps.items():
                with sdpa_kernel(SDPBackend.MATH) if way == "plain attention" else nullcontext():
                    taken[way] = processor(each.epoch) / each.trainer.steps_per_epoch
            for size in SIZES:
                with batches_of(size):
                    taken[f"evaluation by {size}"] = evaluation(steps[AS_IT_IS].trainer)
            if round_number:  # the first is for warming up
                for way, seconds in taken.items():
                    busy[way].append(seconds)
        medians = {way: statistics.median(seconds) for way, seconds in busy.items()}
        weights = steps[AS_IT_IS].weights()
        same = {way: torch.equal(each.weights(), weights) for way, each in steps.items()}
        ours, speed, flops = medians[AS_IT_IS], statistics.median(speeds), steps[AS_IT_IS].flops()
        print(
            f"{arch}: {ours * 1e3:.2f} ms a step, {ours * speed / flops:.1f} times what its {flops / 1e6:.0f} MFLOP "
            f"take at {speed / 1e9:.0f} GFLOP/s"
        )
        for way, seconds in medians.items():
            if way.startswith("evaluation"):
                print(f"  {way:28s} {seconds / medians[f'evaluation by {trainer.EVALUATION_BATCH}']:5.2f}")
            elif way != AS_IT_IS:
                print(f"  {way:28s} {seconds / ours:5.2f}, {'the same' if same[way] else 'other'} weights")
        for kind, share in steps[AS_IT_IS].kinds().items():
            if share > LEAST:
                print(f"  {kind:28s} {share:5.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    study = studies.load(given.study)
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, one thread, {given.rounds} rounds")
    for arch in study.archs:
        show(study, arch, given.rounds)


if __name__ == "__main__":
    main()
