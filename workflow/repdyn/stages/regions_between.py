"""Reproducibility of decision regions: their similarity (DRS) between runs, at the same layer and checkpoint.

Turns the labels of all runs of a study into one table. All pairs of runs of one architecture, which differ in optimizer
or seed, are compared at each layer and checkpoint. This extends the reproducibility score of Somepalli et al. 2022, who
compare the outputs of trained networks, to probes and to all of training. All runs are labelled on the same planes
through test images, so points correspond. Planes through training images are shared by the runs of one seed, if seeds
draw their training examples, and only these are compared on them.

Time: a comparison of bytes for each pair and point. Memory: one block of labels of each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..catalogue.plane_sets import COMMON
from ..data import datasets
from ..records.regions import LABELS
from ..records.regions_between import BETWEEN
from ..regions import agreement
from ..regions.label_table import RegionLabels
from ..runtime.progress import LOG, track
from ..storage import tables

if TYPE_CHECKING:
    from ..config.study import Run
    from ..pipeline.jobs import Job


def compare(
    runs: Sequence[Run], labels: Sequence[RegionLabels], step: int, classes: int, name: str
) -> Iterator[dict[str, Any]]:
    """All pairs of runs of one architecture at one checkpoint, on one set of planes: a piece of the table a layer.

    Args:
        runs: R of them.
        labels: of each.
        step: of the checkpoint.
        classes: number of classes.
        name: of the set of planes, which are the same for these runs.
    """
    first, R = labels[0], len(runs)
    pairs = {
        "optimizer_a": [run.optimizer for run in runs for _ in runs],
        "seed_a": [run.seed for run in runs for _ in runs],
        "optimizer_b": [run.optimizer for run in runs] * R,
        "seed_b": [run.seed for run in runs] * R,
    }
    counts = [agreement.nothing(R, classes) for _ in first.layers]
    for block in range(first.blocks[name]):
        seen = [of_run.read(step, name, block).labels for of_run in labels]  # R times (L, P, R²)
        for depth in range(len(first.layers)):
            counts[depth] += agreement.count([of_run[depth].ravel() for of_run in seen], classes)
    for depth, (layer, count) in enumerate(zip(first.layers, counts, strict=True)):
        same = {"arch": runs[0].arch, "layer": layer, "depth": depth, "step": step, "epoch": first.epochs[step]}
        yield (
            pairs
            | {key: [value] * R**2 for key, value in (same | {"planes": name}).items()}
            | {"similarity": count.similarity.ravel(), "kappa": count.kappa.ravel()}
        )


def main(job: Job) -> None:
    """Write the agreement between all runs of each architecture that see the same planes."""
    study = job.study
    classes = datasets.source(study.data).classes
    pieces: list[pa.Table] = []
    for arch in study.archs:
        labels = {run: RegionLabels(*job.place(LABELS, run)) for run in study.runs if run.arch == arch}
        first = next(iter(labels.values()))
        groups = [(name, runs) for name in first.blocks for runs in study.comparable(arch, common=name == COMMON)]
        for step in track(first.epochs, len(first.epochs), "checkpoint"):
            for name, runs in groups:
                for piece in compare(runs, [labels[run] for run in runs], step, classes, name):
                    piece["kappa"] = tables.nullable(piece["kappa"])
                    pieces.append(pa.table({name: piece[name] for name in BETWEEN.names}, schema=BETWEEN.schema))
        LOG.info("%s: %d runs at %d checkpoints", arch, len(labels), len(first.epochs))
    table = pa.concat_tables(pieces).combine_chunks()
    tables.write(job.path(BETWEEN), table, BETWEEN.schema, job.metadata(BETWEEN))
