"""Reproducibility of decision regions: their similarity (DRS) between runs, at the same layer and checkpoint.

Turns the labels of all runs of a study into one table. All pairs of runs of one architecture, which differ in optimizer
or seed, are compared at each layer and checkpoint. This extends the reproducibility score of Somepalli et al. 2022, who
compare the outputs of trained networks, to probes and to all of training. All runs are labelled on the same planes
through test images, so points correspond. Planes through training images are shared by the runs of one seed, if seeds
draw their training examples, and only these are compared on them. Runs with different checkpoints are compared at a
common grid of log epochs (``analysis/common_checkpoints.py``); ``step`` is then that of the first of them, and the
metadata say which steps of the others were taken.

Whether two runs agree more than on planes that have nothing to do with each other, a permutation of whole planes says
(``regions/permuted_planes.py``).

Time: a comparison of bytes for each pair, point and permutation. Memory: one block of labels of each run, and all
labels of a set of planes at a checkpoint for as many layers as fit into ``execution.memory_gib``, at least one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..analysis import common_checkpoints
from ..catalogue.plane_sets import COMMON
from ..data import datasets
from ..errors import RepdynError
from ..records.regions import LABELS
from ..records.regions_between import BETWEEN
from ..regions import agreement, permuted_planes
from ..regions.label_table import RegionLabels
from ..runtime.progress import LOG, track
from ..similarity import null
from ..storage import tables
from ..types import Array

if TYPE_CHECKING:
    from ..analysis.common_checkpoints import Common
    from ..config.runs import Run
    from ..config.sections import Comparisons
    from ..pipeline.jobs import Job


def compare(
    runs: Sequence[Run],
    labels: Sequence[RegionLabels],
    steps: Sequence[int],
    epoch: float,
    classes: int,
    name: str,
    settings: Comparisons,
    budget: float,
) -> Iterator[dict[str, Any]]:
    """All pairs of runs of one architecture at one checkpoint, on one set of planes: a piece of the table a layer.

    Args:
        runs: R of them.
        labels: of each.
        steps: of the checkpoint of each.
        epoch: of the checkpoint.
        classes: number of classes.
        name: of the set of planes, which are the same for these runs.
        settings: how many permutations of the planes there are.
        budget: bytes for labels.

    Raises:
        RepdynError: if the labels of one layer do not fit.
    """
    first, R = labels[0], len(runs)
    pairs = {
        "optimizer_a": [run.optimizer for run in runs for _ in runs],
        "data_a": [run.data for run in runs for _ in runs],
        "seed_a": [run.seed for run in runs for _ in runs],
        "optimizer_b": [run.optimizer for run in runs] * R,
        "data_b": [run.data for run in runs] * R,
        "seed_b": [run.seed for run in runs] * R,
    }
    counts = [agreement.nothing(R, classes) for _ in first.layers]
    for block in range(first.blocks[name]):
        seen = [
            of_run.read(step, name, block).labels for of_run, step in zip(labels, steps, strict=True)
        ]  # R times (L, P, R²)
        for depth in range(len(first.layers)):
            counts[depth] += agreement.count([of_run[depth].ravel() for of_run in seen], classes)
    nulls = against_null(labels, steps, name, settings, budget)
    for depth, (layer, count, (p, calibrated)) in enumerate(zip(first.layers, counts, nulls, strict=True)):
        same = {"arch": runs[0].arch, "layer": layer, "depth": depth, "step": steps[0], "epoch": epoch}
        yield (
            pairs
            | {key: [value] * R**2 for key, value in (same | {"planes": name}).items()}
            | {"similarity": count.similarity.ravel(), "kappa": tables.nullable(count.kappa)}
            | {"similarity_p": tables.nullable(p), "similarity_calibrated": tables.nullable(calibrated)}
        )


def against_null(
    labels: Sequence[RegionLabels], steps: Sequence[int], name: str, settings: Comparisons, budget: float
) -> Iterator[tuple[Array, Array]]:
    """For each layer p and calibrated similarity of all pairs of runs: (R, R) each, NaN on the diagonal.

    Raises:
        RepdynError: if the labels of one layer do not fit into the budget.
    """
    R, L, planes = len(labels), len(labels[0].layers), len(labels[0].planes[name])
    if not settings.permutations or R == 1:
        yield from [(np.full((R, R), np.nan),) * 2] * L
        return
    orders = null.orders(planes, settings.permutations, settings.seed)
    one = labels[0].read(steps[0], name, 0).labels
    of_layer = R * planes * one.shape[2] * one.itemsize
    together = min(L, int(budget // of_layer) - 1)
    if together < 1:
        raise RepdynError(
            f"`execution.memory_gib` is {budget / 2**30:.3g}, but to permute the planes of {R} runs takes "
            f"{2 * of_layer / 2**30:.3g}; raise it, or leave the null out with `comparisons: {{permutations: 0}}`."
        )
    for start in range(0, L, together):
        stop = min(L, start + together)
        held = np.empty((stop - start, R, planes, one.shape[2]), dtype=one.dtype)
        for r, of_run in enumerate(labels):
            place = 0
            for block in range(of_run.blocks[name]):
                seen = of_run.read(steps[r], name, block).labels[start:stop]
                held[:, r, place : place + seen.shape[1]] = seen
                place += seen.shape[1]
        for of_layers in held:
            values = permuted_planes.similarity(of_layers, orders)
            yield null.both_ways(null.p_values(values)), null.both_ways(null.calibrated(values))


def main(job: Job) -> None:
    """Write the agreement between all runs of each architecture that see the same planes."""
    study = job.study
    budget = study.execution.memory_gib * 2**30
    pieces: list[pa.Table] = []
    shared: dict[str, Common] = {}
    for arch in study.archs:
        labels = {run: RegionLabels(*job.place(LABELS, run)) for run in study.runs if run.arch == arch}
        sets = dict.fromkeys(name for of_run in labels.values() for name in of_run.blocks)
        groups = [
            (name, there)
            for name in sets
            for runs in study.comparable(arch, common=name == COMMON)
            if (there := [run for run in runs if name in labels[run].blocks])  # some data have no wrong labels
        ]
        common = shared[arch] = common_checkpoints.needed({run: of_run.epochs for run, of_run in labels.items()})
        for number, epoch in enumerate(track(common.epochs, len(common.epochs), "checkpoint")):
            for name, runs in groups:
                of_runs, steps = [labels[run] for run in runs], [common.steps[run][number] for run in runs]
                classes = datasets.classes(study.data_of(runs[0]))
                for piece in compare(runs, of_runs, steps, epoch, classes, name, study.comparisons, budget):
                    pieces.append(pa.table({name: piece[name] for name in BETWEEN.names}, schema=BETWEEN.schema))
        LOG.info("%s: %d runs at %d checkpoints", arch, len(labels), len(common.epochs))
    table = pa.concat_tables(pieces).combine_chunks()
    metadata = job.metadata(BETWEEN) | common_checkpoints.said(shared)
    tables.write(job.path(BETWEEN), table, BETWEEN.schema, metadata)
