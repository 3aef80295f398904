"""A ResNet of width 8, whose steps are bound by launching kernels: with and without CUDA graphs.

The graph is of the same step that training takes (``training/stepping.py``), captured once and replayed on each batch.
Training is to have graphs only if they are twice as fast and leave the same bytes; both are measured here. On the CPU
there are no graphs, and the step is called again in place of one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from paper_scale import seconds, study
from reporting import Report

from repdyn.data import datasets
from repdyn.models import architectures
from repdyn.runtime import devices, seeds
from repdyn.training.stepping import Stepper

WIDTH = 8
GAIN = 2.0  # times as fast, for which training would have graphs


class Training:
    """A run at its initialisation, and its batches."""

    def __init__(self, device: str, tiny: bool) -> None:
        of = study(device, tiny, resnet={"width": WIDTH})
        run = of.run("resnet", "sgd", 0)
        self.device, self.size = devices.prepare(device), 8 if tiny else of.training.batch_size
        inputs = datasets.inputs(of.data_of(run))
        self.model = architectures.of_run(of, run, inputs, 10)
        self.step = Stepper(self.model, of.training, of.optimizer(run), self.device, 1000)
        seeds.begin(0)
        random = torch.Generator().manual_seed(0)
        images = torch.randn(4, self.size, *inputs.shape, generator=random).to(self.device)
        self.images = [of_batch.contiguous(memory_format=torch.channels_last) for of_batch in images]
        self.labels = torch.randint(10, (4, self.size), generator=random).to(self.device)

    def bytes(self) -> dict[str, torch.Tensor]:
        """A copy of weights and buffers."""
        return {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def restore(self, before: dict[str, torch.Tensor]) -> None:
        """Put weights and buffers back, and the optimizer's sums to 0, in the memory that a graph has."""
        with torch.no_grad():
            for name, tensor in self.model.state_dict().items():
                tensor.copy_(before[name])
            for of_parameter in self.step.optimizer.state.values():
                for value in of_parameter.values():
                    if isinstance(value, torch.Tensor):
                        value.zero_()


def eager(run: Training) -> Callable[[int], None]:
    """A step on a batch, as training takes it."""

    def step(number: int) -> None:
        run.step(run.images[number % 4], run.labels[number % 4])

    return step


def captured(run: Training) -> Callable[[int], None]:
    """A step on a batch, by replaying a graph; the run is at its initialisation afterwards."""
    before = run.bytes()
    images, labels = run.images[0].clone(), run.labels[0].clone()
    if run.device.type == "cuda":
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                run.step(images, labels)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run.step(images, labels)
        replay = graph.replay
    else:
        run.step(images, labels)

        def replay() -> None:
            run.step(images, labels)

    run.restore(before)

    def step(number: int) -> None:
        images.copy_(run.images[number % 4])
        labels.copy_(run.labels[number % 4])
        replay()

    return step


def after(run: Training, step: Callable[[int], None], steps: int) -> dict[str, torch.Tensor]:
    for number in range(steps):
        step(number)
    return run.bytes()


def main(report: Report, device: str, tiny: bool) -> None:
    """Measure."""
    steps = 3 if tiny else 50
    runs = {"one by one": Training(device, tiny), "by a CUDA graph": Training(device, tiny)}
    ways = dict(zip(runs, (make(run) for make, run in zip((eager, captured), runs.values(), strict=True)), strict=True))
    ended = [after(run, ways[name], steps) for name, run in runs.items()]
    differ = sum(int((one != other).sum()) for one, other in zip(*(end.values() for end in ended), strict=True))
    report.row(f"numbers that differ after {steps} steps, of the two ways", differ)
    took = {}
    for name, step in ways.items():
        took[name] = seconds(lambda step=step: step(0), device, 3, steps * 4)
        report.row(f"kernels launched {name}", runs[name].size / took[name], "images/s")
    gain = took["one by one"] / took["by a CUDA graph"]
    report.row("a CUDA graph", gain, "times as fast")
    report.row(f"{GAIN:g} times at the same bytes", "yes" if gain >= GAIN and differ == 0 else "no")
