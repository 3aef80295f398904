"""Estimate a study's cost: the bytes of each table and the peak memory of each stage's jobs, from shapes and settings.

Disk. Activations take examples × features × bytes of a number, for each checkpoint; checkpoints and probes take their
numbers. Small tables take rows times a row's compressed bytes, plus what Parquet writes for each column of each row
group. The constants below were measured on the default study. State takes what training needs to continue; the
checkpoints in it are hard links and counted once.

Memory. A base, the interpreter with the stage's imports, plus the arrays that its module's docstring names, within
``execution.memory_gib`` where the stage observes it. Bases without torch are measured constants; the base with torch
depends on its build, so the estimating process measures its own. GPU memory is not estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..catalogue.measures import ACTIVATIONS, ALWAYS
from ..config.recorded_runs import RecordedOptimizer
from ..config.runs import Run
from ..data import datasets
from ..pipeline.counts import StudyCounts
from ..regions import label_table, labelling
from ..representations import coordinates
from ..similarity import gram, measured
from ..training import checkpoint_schedule
from .model_size import Extent

if TYPE_CHECKING:
    import torch

    from ..config.sections import Data
    from ..config.study import Study

MIB = 2**20
ZSTD = 0.85  # compression of coordinates by zstd, bytes sorted by significance
LZ4 = 0.9  # compression of activations by lz4: 0.79 for a ResNet's, with many zeros after ReLU, 0.94 for a ViT's
CHUNK = 95  # bytes that Parquet writes for a column of a row group besides its values
FILE = 4000  # bytes of a file's schema and metadata
STATE = 330  # bytes of a tensor in a state besides its numbers
PNG = 150_000  # bytes of a figure
# Bytes of a row, compressed.
ROW = {
    "history": 75, "change": 32, "cka": 1.5, "measure": 5.0, "accuracy": 11, "floor": 16, "similarity": 6.5,
    "fragmentation": 2.0, "moments": 11.7, "boundaries": 50, "batch_norm": 16, "example": 12,
}  # fmt: skip
LAYERS, EVENTS, SCORES, SEGMENTS = 6_400, 9_300, 8_000, 7_900  # bytes of a file
FINDINGS = 137_000  # bytes of the eight files: 131 000 with two seeds, 144 000 with six
# MiB of the interpreter with a stage's imports and libraries, without and with pandas and scikit-learn.
ARROW, PANDAS, SKLEARN, DRAWING = 150, 215, 90, 260
SCIPY = 40  # MiB of scipy.stats, which PANDAS counts too, in a process that has torch


@dataclass(frozen=True)
class Grid:
    """The inputs that the estimates of a study, on one level of its data, share.

    Attributes:
        study: the study.
        level: of its data; None where they have no names.
        extents: architecture -> the extent of its network.
        base: bytes of a process that has imported torch and timm.
    """

    study: Study
    level: str | None
    extents: Mapping[str, Extent]
    base: float

    @property
    def data(self) -> Data:
        """The data."""
        return self.study.data_levels[self.level]

    @property
    def counts(self) -> StudyCounts:
        """How many there are of each part of what the runs of a seed share."""
        return StudyCounts(self.study, self.study.replicate(self.study.seeds[0], self.level))

    @property
    def classes(self) -> int:
        """Classes of the data set; 0 if it has none, and then nothing that takes classes."""
        return datasets.source(self.data).classes or 0

    @property
    def sets(self) -> int:
        """Sets of planes."""
        return 3 if self.data.mislabels else 2

    @property
    def number(self) -> int:
        """Bytes of a stored activation."""
        return 2 if self.study.activations.dtype == "float16" else 4

    def wide(self, arch: str) -> list[str]:
        """The layers of an architecture that are stored as coordinates."""
        whole = self.study.activations.whole
        return coordinates.wide(self.extents[arch].features, self.counts.compared, self.counts.probed, whole)

    def checkpoints(self, arch: str, optimizer: str) -> int:
        """Checkpoints of a run; of runs that were recorded elsewhere, of the one that has most."""
        return checkpoint_schedule.numbers(
            self.study, [Run(arch, optimizer, seed, self.level) for seed in self.study.seeds]
        )[-1]

    def moments(self, optimizer: str) -> int | None:
        """Numbers that an optimizer keeps for each weight: one for SGD's momentum, two moments for others.

        None for an optimizer whose runs are not trained here.
        """
        found = self.study.optimizers[optimizer]
        if isinstance(found, RecordedOptimizer):
            return None
        return 1 if found.opt in ("sgd", "momentum", "nesterov") else 2


def parquet(rows: float, row: float, groups: int, columns: int) -> float:
    """Bytes of a table with ``rows`` rows of ``row`` bytes, in ``groups`` row groups of ``columns`` columns."""
    return rows * row + groups * columns * CHUNK + FILE


def disk_of_run(grid: Grid, arch: str, optimizer: str) -> dict[str, float]:
    """Table -> bytes, for one run."""
    study, extent, E = grid.study, grid.extents[arch], grid.checkpoints(arch, optimizer)
    L, n, m = len(extent.features), grid.counts.compared, grid.counts.probed
    wide = grid.wide(arch)
    p = sum(size for layer, size in extent.features.items() if layer not in wide)  # of layers that are whole
    moments = grid.moments(optimizer)
    # Three classifiers, each feature's mean and scale, and a header entry for each tensor; of wide layers a coefficient
    # and a score of each class for each example.
    numbers = p * (3 * grid.classes + 2) + len(wide) * m * 6 * grid.classes + L * 3 * (grid.classes + 1)
    probes = 4 * E * numbers + 95 * 9 * L * E
    measures = len(study.chosen_measures) + 2 * (study.cka.resamples > 0)
    kernels = sum(measure.kernel and measure.table == ACTIVATIONS for measure in study.all_measures.values())
    S, P, C = grid.sets, study.planes.count, grid.classes
    intervals = grid.counts.evaluations - 1 if moments is not None and study.change.examples else 0
    return {
        "history": parquet(max(E, grid.counts.evaluations), ROW["history"], 1, 11),
        "change": parquet(L * intervals, ROW["change"], 1, 8),
        "checkpoints": E * (extent.stored + 100 * extent.tensors + 1500),
        "state": 0 if moments is None else (extent.stored + STATE * extent.tensors) * (1 + moments),
        "activations": E * (LZ4 * (n + m) * p * grid.number + ZSTD * 4 * len(wide) * n**2)
        + parquet(0, 0, 2 * E, 6 + L),
        "probe_view": ZSTD * 4 * E * len(wide) * (n + m) * m
        + parquet(E * (n + m), ROW["example"], 2 * E, 6 + len(wide)),
        "layers": LAYERS,
        "batch_norm": LAYERS + ROW["batch_norm"] * (L + 1) * E * (extent.norms > 0),
        "inputs": 4 * grid.counts.compared * datasets.inputs(grid.data).size + FILE,
        "cka": parquet(L * E**2, ROW["cka"] + ROW["measure"] * measures, L, 6 + measures),
        "probes/weights": probes,
        "probes/accuracy": parquet(2 * L * E, ROW["accuracy"], 1, 7),
        "regions/labels": labels(E, S, L + 1, P, study.planes.resolution, C),
        "regions/pictures": labels(E, S, L + 1, study.planes.pictures, study.planes.picture_resolution, C),
        "regions/similarity": parquet((L + 1) * S * E**2, ROW["similarity"], S, 9),
        "regions/floor": parquet(L * S * E, ROW["floor"], 1, 7),
        "regions/fragmentation": parquet((L + 1) * S * E * P, ROW["fragmentation"], S, 8),
        "events": EVENTS,
        "phases": SCORES
        + SEGMENTS
        + parquet((E - 1) * (kernels * L + S * (L + 1)), ROW["moments"], 1, 6)
        + FILE
        + ROW["boundaries"] * 4 * (kernels * L + S * (L + 1)),
    }


def labels(steps: int, sets: int, layers: int, planes: int, resolution: int, classes: int) -> float:
    """Bytes of a table of region labels.

    The share of points on borders between regions falls with the resolution: compressed, a label takes about one byte
    over the square root of the points on a side (0.26 at 16, 0.17 at 36).
    """
    blocks = steps * sets * len(label_table.blocks(planes, layers, resolution))
    plane = resolution**1.5 * label_table.kind(classes).itemsize
    return parquet(steps * sets * layers * planes, plane, blocks, 7) + 50 * 7 * blocks


def disk_of_seeds(grid: Grid) -> dict[str, float]:
    """Table -> bytes, for tables of what the runs of a seed share, all seeds together."""
    study, seeds = grid.study, len(grid.study.seeds)
    planes = grid.sets * (study.planes.count + study.planes.pictures)
    numbers = datasets.inputs(grid.data).size
    # Axes do not compress; the origin, of few distinct values, mostly does.
    return {
        "examples": seeds * parquet(grid.counts.train + grid.counts.test, 4, 1, 4),
        "planes": seeds * parquet(planes, 2.2 * 4 * numbers + 120, 1, 13),
    }


def memory(grid: Grid, arch: str, optimizer: str, device: torch.device) -> dict[str, float]:
    """Stage -> peak bytes of a job, for the stages of a run."""
    study, extent, E = grid.study, grid.extents[arch], grid.checkpoints(arch, optimizer)
    features = list(extent.features.values())
    L, p, n, m = len(features), sum(features), grid.counts.compared, grid.counts.probed
    wide = grid.wide(arch)
    # The most numbers of an example that a table has of a layer: of whole ones, and of coordinates, for either split.
    whole = max((size for layer, size in extent.features.items() if layer not in wide), default=1)
    compared, probed = (max(whole, of_split if wide else 1) for of_split in (n, m))
    budget = study.execution.memory_gib * 2**30
    pixels = datasets.inputs(grid.data).size
    images = dataset(grid.data)
    batch = study.training.batch_size
    # The backward pass keeps modules' outputs, and a third as much from functions between them (sums, attention).
    passes = 4 * max(batch * (1.3 * extent.outputs + 5 * extent.widest), 256 * 4 * extent.widest)
    # Reading a column of a row group: compressed, decompressed, and twice in one piece.
    read = 4 * grid.number
    held = (gram.FLOATS + read) * n
    # The inputs are one representation more, and measures of whole Grams need some beside those that are held.
    beside = measured.needed_beside(n, [choice.name for choice in study.chosen_measures if choice.name not in ALWAYS])
    grams = min(budget, 4 * (E + 2) * n**2 + beside + held * min(compared, budget / 2 / held)) + 25 * MIB
    thin = min(m, probed)
    solved = (2 * (n + m) * 4 + read * max(n, m)) * probed + 8 * (m * thin * 3 + 4 * thin**2 + m * min(probed, 4096))
    # Regions rebuild the probes of wide layers from activations of the examples that they were trained on, which are in
    # memory twice when batches are put together, and hold the data set for that, or for batch norm.
    rebuilt = sum(8 * m * extent.features[layer] for layer in wide)
    kept = images if wide or extent.norms else 0
    batch = labelling.batch_size(features, pixels, device, budget)
    points = 4 * batch * (2 * p + 8 * extent.widest + 8 * pixels)
    block = label_table.blocks(study.planes.count, L + 1, study.planes.resolution)[0].stop
    seen = (L + 1) * block * study.planes.resolution**2 * (E * label_table.kind(grid.classes).itemsize + 10)
    readout = 4 * 2 * p * 3 * grid.classes
    normed = 4 * min(study.activations.batch_norm_images, grid.counts.train) * 3 * extent.widest * (extent.norms > 0)
    observed = max(16 * max(n, m) * p + 4 * 512 * 4 * extent.widest, normed + 4 * n * p)
    moments = grid.moments(optimizer)
    if moments is None:  # a checkpoint as it was found, and the network; history is measured in batches
        source = {"record": grid.base + images + 2 * extent.stored + 4 * 256 * 4 * extent.widest}
    else:
        source = {"train": grid.base + images + extent.stored * (2 + moments) + passes}
    return source | {
        "activations": grid.base + images + extent.stored + observed,
        "cka": ARROW * MIB + grams,
        "probes": ARROW * MIB + SCIPY * MIB + solved,
        "regions": grid.base + SCIPY * MIB + extent.stored + readout + kept + max(points, seen, normed, rebuilt),
        "events": ARROW * MIB,
        "phases": (PANDAS - SCIPY) * MIB + 8 * 20 * E**2,
    }


def memory_of_study(grid: Grid) -> dict[str, float]:
    """Stage -> peak bytes of a job, for the stages of the whole study."""
    reading = ARROW * MIB + dataset(grid.data)
    most = checkpoint_schedule.numbers(grid.study, grid.study.runs)[-1]
    return {
        "examples": reading,
        "planes": reading,
        "findings": PANDAS * MIB,
        "figures": DRAWING * MIB + 8 * 20 * most**2,
    }


def dataset(data: Data) -> float:
    """Bytes of a data set while it is read and used: its numbers as stored, twice, and the library that reads it."""
    known, facts = datasets.source(data), data.facts
    number = 1 if facts is None else np.dtype(facts.dtype).itemsize
    return 2 * (known.train + (known.test or 0)) * datasets.inputs(data).size * number + SKLEARN * MIB
