"""The stage ``regions``: decision regions of probes and network, and their similarity (DRS) between checkpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch

from ..data import datasets, subsets
from ..probes import probe_weights, rebuilt
from ..probes.probe_weights import Coefficients, Probe
from ..records.planes import PLANES
from ..records.probes import WEIGHTS
from ..records.regions import FLOOR, FRAGMENTATION, LABELS, PICTURES, SIMILARITY
from ..records.train import CHECKPOINT
from ..regions import compare, label_table, planes
from ..regions.compare import Target
from ..regions.label_table import RegionLabels
from ..regions.labelling import Labeller, Points, Readout, batch_size
from ..regions.planes import Purpose
from ..representations import batch_norm, extract
from ..runtime import devices
from ..runtime.progress import track
from ..storage import tables
from ..storage.tables import Table
from ..training import checkpoints

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def rebuild(
    stored: Mapping[str, probe_weights.Stored], activations: Callable[[list[str]], Mapping[str, torch.Tensor]]
) -> dict[str, Probe]:
    """The probes of a checkpoint on features, by layer, those of wide layers from their coefficients.

    Args:
        stored: layer -> probe, in order of depth.
        activations: gives those of some layers for the examples that probes are trained on, by layer.
    """
    wide = [layer for layer, probe in stored.items() if isinstance(probe, Coefficients)]
    found = activations(wide) if wide else {}
    return {
        layer: rebuilt.probe(probe, found[layer].numpy(), layer) if isinstance(probe, Coefficients) else probe
        for layer, probe in stored.items()
    }


def label_run(job: Job, reader: probe_weights.Reader) -> dict[str, list[Any]]:
    """Write labels and pictures of all checkpoints; return the columns of the noise floor."""
    study = job.study
    device = devices.prepare(study.execution.device)
    inputs, classes = datasets.inputs(job.data), datasets.classes(job.data)
    model, observation = extract.model_of(study, job.run, device), extract.observed(study, job.run.arch, job.data)
    layers = observation.paths
    budget = study.execution.memory_gib * 2**30
    features = [layer.features for layer in observation.layers]
    reduction = extract.reducer(study, job.run.arch, model)
    batch = batch_size(features, inputs.size, device, budget)
    load = functools.cache(lambda: subsets.load(job.data, job.data_root, job.run.seed))
    reestimate = batch_norm.prepare(study.activations, model, load, job.data.seed, device)

    def trained_on(wanted: list[str]) -> dict[str, torch.Tensor]:
        chosen = extract.choose(study.activations, load(), job.data.seed)["probe"]
        found: dict[str, torch.Tensor] = extract.forward(
            model, {layer: layers[layer] for layer in wanted}, chosen.inputs, device, reduction
        )
        return found

    labeller = Labeller(model, layers, inputs.shape, batch, reduction)
    floor: dict[str, list[Any]] = {column: [] for column in FLOOR.names}
    with ExitStack() as stack:
        targets: list[Target] = []
        purposes: dict[Purpose, Table] = {"scores": LABELS, "picture": PICTURES}
        for purpose, record in purposes.items():
            path, wanted = job.place(PLANES)
            sets = planes.read(path, purpose, wanted)
            compare.check_memory(sets, len(layers) + 1, len(reader.epochs), classes, budget)
            layout = label_table.layout(classes, sets[0].resolution)
            writer = tables.writer(job.path(record), layout, job.metadata(record), **label_table.WRITING)
            append = stack.enter_context(writer)
            targets += [Target(chosen, Points(chosen, device), layout, append, purpose == "scores") for chosen in sets]
        for step, epoch in track(reader.epochs.items(), len(reader.epochs), "checkpoint"):
            path, wanted = job.place(CHECKPOINT, step=step)
            checkpoints.load(path, model, wanted)
            if reestimate is not None:
                reestimate(model)
            stored = {layer: reader.read(layer, step) for layer in reader.layers}
            readout = Readout.of(rebuild(stored, trained_on), device)
            for target in targets:
                for depth, count in enumerate(compare.label_planes(labeller, readout, target, step, epoch)):
                    row = [readout.layers[depth], depth, step, epoch, target.planes.name]
                    row += [count.similarity[0, 1], count.kappa[0, 1]]
                    for column, value in zip(FLOOR.names, row, strict=True):
                        floor[column].append(value)
    return floor


def main(job: Job) -> None:
    """Write labels, pictures, similarity, noise floor and fragmentation of a run."""
    with probe_weights.reading(*job.place(WEIGHTS)) as reader:
        floor = label_run(job, reader)
    labels = RegionLabels(*job.place(LABELS))
    classes = datasets.classes(job.data)
    with tables.writer(job.path(SIMILARITY), SIMILARITY.schema, job.metadata(SIMILARITY)) as append:
        for piece in compare.similarity(labels, classes):
            append(piece)
    with tables.writer(job.path(FRAGMENTATION), FRAGMENTATION.schema, job.metadata(FRAGMENTATION)) as append:
        for piece in compare.fragments(labels):
            append(piece)
    floor["kappa"] = tables.nullable(floor["kappa"])
    tables.write(job.path(FLOOR), floor, FLOOR.schema, job.metadata(FLOOR))
