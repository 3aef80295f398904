"""Decision regions beside the reference approach, and beside bare forward passes.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/regions.py --study config.yaml

The reference approach is that of the code of Somepalli et al. 2022 (github.com/somepago/dbViz), applied to probes: each
layer's probe is a model of its own, network and standardisation included; a loop goes over planes; a data set makes the
points of a plane one by one, a loader with two processes gathers 256 of them; outputs are collected point by point;
pairs of checkpoints are compared one by one, components counted class by class. Two stricter variants are timed too: in
one process, and moreover with the points of a plane made at once and outputs collected by batch. All are spared
reading, writing and the probes of the noise floor, which the stage's time includes.

Everything runs in one process, in turns; ratios are those of medians, of elapsed time and of processor time, which
other work on the machine disturbs less. The network is trained for a few epochs in a temporary folder, with the study's
own data, probes and planes.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy import ndimage
from torch import nn
from torch.utils.data import DataLoader, Dataset

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.config.sections import Architecture
from repdyn.data import datasets
from repdyn.models import architectures, memory_layouts, observed_layers
from repdyn.pipeline.jobs import Job
from repdyn.probes import probe_weights
from repdyn.records.planes import PLANES
from repdyn.regions import labelling, planes
from repdyn.representations import extract
from repdyn.runtime import devices
from repdyn.stages import activations as activations_stage
from repdyn.stages import planes as planes_stage
from repdyn.stages import probes as probes_stage
from repdyn.stages import regions as regions_stage
from repdyn.stages import train as train_stage
from repdyn.storage import tables
from repdyn.training import checkpoints


class PointByPoint(Dataset):
    """The points of a plane, each computed when the loader asks for it, as in the reference code."""

    def __init__(self, chosen: planes.PlaneSet, number: int, shape: tuple[int, int, int]) -> None:
        x, y = np.meshgrid(chosen.x[number].astype(np.float32), chosen.y[number].astype(np.float32))
        self.x, self.y = torch.from_numpy(x.ravel()), torch.from_numpy(y.ravel())
        self.origin, self.a, self.b = (torch.tensor(v[number]).view(shape) for v in (chosen.origin, chosen.a, chosen.b))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.origin + self.x[i] * self.a + self.y[i] * self.b

    def at_once(self) -> torch.Tensor:
        x, y = (v[:, None, None, None] for v in (self.x, self.y))
        return self.origin + x * self.a + y * self.b


def label_point_by_point(model: nn.Module, plane: PointByPoint, processes: int) -> np.ndarray:
    outputs = []
    for images in DataLoader(plane, batch_size=256, num_workers=processes):
        for output in model(images):
            outputs.append(output)
    return torch.stack(outputs).argmax(dim=1).numpy()


def label_in_one_process(model: nn.Module, plane: PointByPoint) -> np.ndarray:
    return label_point_by_point(model, plane, processes=0)


def label_as_published(model: nn.Module, plane: PointByPoint) -> np.ndarray:
    return label_point_by_point(model, plane, processes=2)


def label_at_once(model: nn.Module, plane: PointByPoint) -> np.ndarray:
    return torch.cat([model(images).argmax(dim=1) for images in plane.at_once().split(512)]).numpy()


class ProbeModel(nn.Module):
    """A network, one of its layers, and the probe on it: a classifier of images of its own."""

    def __init__(self, network: nn.Module, path: str, probe: probe_weights.Probe) -> None:
        super().__init__()
        self.network = network
        network.get_submodule(path).register_forward_hook(self.keep)
        self.mean, self.scale, self.weight, self.bias = (
            torch.from_numpy(array.copy()) for array in (probe.mean, probe.scale, probe.weight[0], probe.bias[0])
        )

    def keep(self, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        self.seen = output.flatten(1).clone()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.network(x)
        return (self.seen - self.mean) / self.scale @ self.weight.T + self.bias


class Bench:
    """One trained run of a study, and the ways to label its planes."""

    def __init__(self, study: studies.Study, arch: str, root: str) -> None:
        optimizer, seed = next(iter(study.optimizers)), study.seeds[0]
        run = study.run(arch, optimizer, seed)
        self.job = Job("regions", study, Paths(f"{root}/{study.name}"), run)
        planes_stage.main(Job("planes", study, self.job.paths, self.job.replicate))
        for module, stage in ((train_stage, "train"), (activations_stage, "activations"), (probes_stage, "probes")):
            module.main(Job(stage, study, self.job.paths, run))
        self.sets = [s for use in ("scores", "picture") for s in planes.read(self.job.path(PLANES), use)]
        self.paths = extract.observed(study, arch, study.data).paths
        with probe_weights.reading(self.job.paths.probe_weights(run.path)) as reader:
            self.steps, self.layers = list(reader.epochs), reader.layers

    def network(self, step: int) -> tuple[nn.Module, dict[str, str], tuple[int, int, int]]:
        # Without a look for the observed layers, which the reference approach does not take each time.
        study, shape = self.job.study, datasets.inputs(self.job.study.data).shape
        model = architectures.of_run(study, self.job.run, shape, datasets.source(study.data).classes).eval()
        memory_layouts.lay_out(model, torch.contiguous_format)
        checkpoints.load(self.job.paths.checkpoint(self.job.run.path, step), model)
        return model, self.paths, shape

    def models(self, step: int) -> Iterator[nn.Module]:
        with probe_weights.reading(self.job.paths.probe_weights(self.job.run.path)) as reader:
            for layer in self.layers:
                model, layers, _ = self.network(step)
                yield ProbeModel(model, layers[layer], reader.read(layer, step))
        yield self.network(step)[0]

    def stage(self) -> None:
        """What the workflow runs."""
        regions_stage.main(self.job)

    @torch.inference_mode()
    def reference(self, label: Callable[[nn.Module, PointByPoint], np.ndarray]) -> dict[str, np.ndarray]:
        """Labels by layer, (steps, points of all scored planes), after labelling, comparing and counting everything."""
        labels: dict[str, list[np.ndarray]] = {layer: [] for layer in [*self.layers, "output"]}
        shape = self.network(self.steps[0])[2]
        scored = len(self.sets) // 2  # the rest are pictures
        for step in self.steps:
            for layer, model in zip(labels, self.models(step), strict=True):
                found = [
                    label(model, plane)
                    for chosen in self.sets
                    for plane in (PointByPoint(chosen, number, shape) for number in range(len(chosen)))
                ]
                labels[layer].append(np.concatenate(found[: sum(map(len, self.sets[:scored]))]))
        side = self.sets[0].resolution
        for of_layer in labels.values():
            for one, other in itertools.product(of_layer, of_layer):
                float((one == other).mean())
            for plane in itertools.chain(*(seen.reshape(-1, side, side) for seen in of_layer)):
                sum(ndimage.label(plane == c, structure=np.ones((3, 3)))[1] for c in np.unique(plane))
        return {layer: np.stack(seen) for layer, seen in labels.items()}

    @torch.inference_mode()
    def bare(self, batch: int = labelling.BATCH["cpu"]) -> None:
        """All points through the network once per checkpoint, and nothing else."""
        for step in self.steps:
            model, _, shape = self.network(step)
            for chosen in self.sets:
                points = labelling.Points(chosen, torch.device("cpu"))
                for images in points.batches(slice(0, len(chosen)), batch):
                    model(images.unflatten(1, shape))

    def differing(self, reference: dict[str, np.ndarray]) -> tuple[int, int]:
        """Labels of the last ``stage()`` that are not the reference's, of how many."""
        table = tables.read(self.job.paths.region_labels(self.job.run.path)).to_pandas()
        wrong = total = 0
        for layer, of_layer in table.groupby("layer"):
            for step, seen in of_layer.groupby("step"):
                ours = np.concatenate(seen["labels"].to_list())
                wrong += int((ours != reference[layer][self.steps.index(step)]).sum())
                total += len(ours)
        return wrong, total


def timed(function: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds elapsed, seconds of the processor (child processes included), and what the function returned."""
    start, before = time.perf_counter(), sum(os.times()[:4])
    result = function()
    return (time.perf_counter() - start, sum(os.times()[:4]) - before), result


def ratios(took: list[tuple[float, float]], reference: list[tuple[float, float]]) -> str:
    elapsed, processor = (
        statistics.median(of_turn[kind] for of_turn in took) / statistics.median(of_turn[kind] for of_turn in reference)
        for kind in (0, 1)
    )
    return f"{elapsed:6.2f} (processor {processor:6.2f})"


def default_study(path: Path, epochs: int, repeats: int, per_decade: int, published: bool) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["training"]["epochs"] = epochs
    content["checkpoints"]["per_decade"] = per_decade
    content["activations"]["batch_norm"] = "stored"  # as the reference approach sees a network
    content["execution"]["device"] = "cpu"
    study = studies.parse(content)
    for arch in study.archs:
        with tempfile.TemporaryDirectory() as root:
            bench = Bench(study, arch, root)
            ways: dict[str, Callable[[], Any]] = {
                "stage": bench.stage,
                "bare forward passes": bench.bare,
                "reference as published": lambda bench=bench: bench.reference(label_as_published),
                "reference in one process": lambda bench=bench: bench.reference(label_in_one_process),
                "reference, points at once": lambda bench=bench: bench.reference(label_at_once),
            }
            if not published:
                del ways["reference as published"]
            bench.stage()  # what is imported late is not timed
            seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for _, (way, function) in itertools.product(range(repeats), ways.items()):
                took, result = timed(function)
                seconds[way].append(took)
            points = sum(len(chosen) * chosen.resolution**2 for chosen in bench.sets)
            title = f"{arch}: {len(bench.steps)} checkpoints, {len(bench.layers)} layers, {points} points"
            print(f"\n{title}, {repeats} turns")
            for way, took in seconds.items():
                each = ", ".join(f"{elapsed:.1f}" for elapsed, _ in took)
                print(f"  {way:<26} {ratios(took, seconds['stage'])} × the stage; {each} s")
            wrong, total = bench.differing(result)
            print(f"  labels that differ: {wrong} of {total}")


@torch.inference_mode()
def wide_network(points: int, repeats: int) -> None:
    """ResNet-18 for 32 × 32 images, with random weights and images: only time is measured."""
    shape, device = (3, 32, 32), torch.device("cpu")
    model = architectures.build(Architecture(model="resnet18", stem="small"), shape, 10, seed=0).eval()
    layers = observed_layers.observed(model, None)
    generator = torch.Generator().manual_seed(0)
    side = round(points**0.5)
    axis = np.linspace(0, 1, side)[None]
    vectors = torch.randn(3, 1, 3072, generator=generator).numpy()
    chosen = planes.PlaneSet("test", np.arange(1), *vectors, axis, axis)
    with extract.tap(model, layers) as outputs:
        model(torch.zeros(1, *shape))
        features = {layer: output.shape[1] for layer, output in outputs.items()}
    readout = labelling.Readout(
        tuple(features),
        tuple(torch.randn(30, p, generator=generator) / p**0.5 for p in features.values()),
        tuple(torch.zeros(30, 1) for _ in features),
        10,
    )
    batch = labelling.batch_size(list(features.values()), 3072, device, budget=2 * 2**30)
    labeller = labelling.Labeller(model, layers, shape, batch)
    grid = labelling.Points(chosen, device)
    bare, ours = [], []
    for _ in range(repeats):
        took, _ = timed(lambda: [model(x.unflatten(1, shape)) for x in grid.batches(slice(0, 1), batch)])
        bare.append(took)
        took, _ = timed(lambda: labeller.label(readout, grid.batches(slice(0, 1), batch), side**2, True))
        ours.append(took)
    print(f"\nResNet-18 on 32 × 32: {len(features)} layers of {sum(features.values())} features, {side**2} points")
    print(f"  labelling {ratios(ours, bare)} × a bare forward pass, {repeats} turns")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("config.yaml"))
    parser.add_argument("--epochs", type=int, default=10, help="of training")
    parser.add_argument("--per-decade", type=int, default=3, help="checkpoints")
    parser.add_argument("--points", type=int, default=400, help="of the wide network")
    parser.add_argument("--published", action="store_true", help="also the reference as published: many minutes")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    devices.prepare("cpu")
    default_study(arguments.study, arguments.epochs, arguments.repeats, arguments.per_decade, arguments.published)
    wide_network(arguments.points, arguments.repeats)


if __name__ == "__main__":
    main()
