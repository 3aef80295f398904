"""Labels of plane points by the paper-scale ResNet and a probe on each layer: in large batches, in small, and bare.

The large batch is what ``regions`` takes by the memory that is free; the small one is what a budget of 2 GiB holds, as
it would be on a CPU. Weights, probes and planes are drawn at random: only time, memory and agreement are measured.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from paper_scale import seconds, study
from reporting import Report

from repdyn.data import datasets
from repdyn.regions import labelling
from repdyn.regions.planes import PlaneSet
from repdyn.representations import extract
from repdyn.runtime import devices

SMALL = 2 * 2.0**30  # bytes of the budget
DIFFER = 1e-4  # labels of points where two scores are equal up to rounding


def main(report: Report, device: str, tiny: bool) -> None:
    """Measure."""
    of = study(device, tiny)
    run = of.run("resnet", "sgd", 0)
    place, data = devices.prepare(device), of.data_of(run)
    model, layers = extract.network(of, run, place)
    shape, pixels = datasets.inputs(data).shape, datasets.inputs(data).size
    random = torch.Generator().manual_seed(0)
    side = 8 if tiny else 128
    axis = np.linspace(0, 1, side)[None]
    vectors = [torch.randn(1, pixels, generator=random).numpy() for _ in range(3)]
    grid = labelling.Points(PlaneSet("test", np.arange(1), *vectors, axis, axis), place)
    with torch.inference_mode(), extract.tap(model, layers) as outputs:
        model(torch.zeros(2, *shape, device=place))
        sizes = {layer: output.shape[1] for layer, output in outputs.items()}
    readout = labelling.Readout(
        tuple(sizes),
        tuple((torch.randn(30, p, generator=random) / p**0.5).to(place) for p in sizes.values()),
        tuple(torch.zeros(30, 1, device=place) for _ in sizes),
        10,
    )
    small = labelling.batch_size(list(sizes.values()), pixels, torch.device("cpu"), SMALL)
    large = labelling.batch_size(list(sizes.values()), pixels, place, SMALL)
    small = min(small, side**2 // 2)  # so that tiny ones differ, too
    report.row("points in a batch, of 2 GiB", small)
    report.row("points in a batch, by free memory", large)

    labels = {}

    def label(batch: int) -> None:
        labeller = labelling.Labeller(model, layers, shape, batch)
        found, _ = labeller.label(readout, grid.batches(slice(0, 1), batch), side**2, with_halves=True)
        labels[batch] = found

    @torch.inference_mode()
    def bare() -> None:
        for points in grid.batches(slice(0, 1), large):
            model(points.unflatten(1, shape))

    free = torch.cuda.mem_get_info(place)[0] if device == "cuda" else 0
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    ways: dict[str, Callable[[], None]] = {
        "labels, batches by free memory": lambda: label(large),
        "labels, batches of 2 GiB": lambda: label(small),
        "bare forward passes": bare,
    }
    for name, way in ways.items():
        took = seconds(way, device, 1, 2)
        report.row(name, side**2 / took, "points/s")
        if way is ways["labels, batches by free memory"] and device == "cuda":
            most = torch.cuda.max_memory_allocated() - before
            report.check("most memory, of what is free", most / free, at_most=0.25)
    apart = float((labels[small] != labels[large]).mean())
    report.check("labels that differ, of the two sizes of batches", apart, at_most=DIFFER)
