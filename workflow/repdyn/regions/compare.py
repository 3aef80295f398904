"""Decision regions of every layer's probe and of the network, and their agreement between checkpoints.

Turns checkpoints, probes and planes into three things. First, the label of every grid point at every checkpoint, by
every layer's probe and by the network (``layer = "output"``). Second, the similarity of each layer's regions between
all pairs of checkpoints (Somepalli et al. 2022 compare networks so), with its noise floor. Third, the fragmentation of
the regions.

All points pass through the network once per checkpoint (``labelling.py``). Labels are written and read back block by
block, so memory is bounded for any number of planes and any resolution.

Time: the forward passes. Memory: within ``execution.memory_gib``; raises an error if one block does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import RepdynError
from ..records.layer_names import OUTPUT
from ..runtime.progress import LOG
from ..storage import tables
from . import agreement, fragmentation, label_table
from .label_table import Block, RegionLabels
from .labelling import Labeller, Points, Readout
from .planes import PlaneSet


def similarity(labels: RegionLabels, classes: int) -> Iterator[dict[str, Any]]:
    """All pairs of checkpoints, a piece of the table for each set; logs how many kappas are undefined."""
    steps, epochs = np.array(list(labels.epochs), dtype=np.int64), np.array(list(labels.epochs.values()))
    E, L = len(steps), len(labels.layers)
    undefined = 0
    for name, blocks in labels.blocks.items():
        counts = [agreement.nothing(E, classes) for _ in labels.layers]
        for block in range(blocks):
            seen = [labels.read(step, name, block).labels for step in labels.epochs]  # E times (L, P, R²)
            for depth in range(L):
                counts[depth] += agreement.count([checkpoint[depth].ravel() for checkpoint in seen], classes)
        kappa = np.concatenate([count.kappa.ravel() for count in counts])
        undefined += int(np.isnan(kappa).sum())
        yield {
            "layer": np.repeat(np.array(labels.layers, dtype=object), E**2),
            "depth": np.repeat(np.arange(L), E**2),
            "planes": [name] * (L * E**2),
            "step_a": np.tile(np.repeat(steps, E), L),
            "step_b": np.tile(steps, E * L),
            "epoch_a": np.tile(np.repeat(epochs, E), L),
            "epoch_b": np.tile(epochs, E * L),
            "similarity": np.concatenate([count.similarity.ravel() for count in counts]),
            "kappa": tables.nullable(kappa),
        }
    if undefined:
        LOG.info("DRS beyond chance (kappa) is null for %d pairs that give all points the same class", undefined)


def fragments(labels: RegionLabels) -> Iterator[dict[str, Any]]:
    """Fragmentation of every plane at every checkpoint, a piece of the table for each set."""
    L, E = len(labels.layers), len(labels.epochs)
    for name, blocks in labels.blocks.items():
        found = []  # for each checkpoint (2, L, planes): pieces and classes
        for step in labels.epochs:
            parts = []
            for block in range(blocks):
                seen = labels.read(step, name, block).labels  # (L, P, R²)
                side = round(seen.shape[2] ** 0.5)
                parts.append(np.reshape(fragmentation.fragments(seen.reshape(-1, side, side)), (2, L, -1)))
            found.append(np.concatenate(parts, axis=2))
        P = found[0].shape[2]
        pieces, classes = np.stack(found, axis=1)  # (E, L, P) each
        yield {
            "layer": np.tile(np.repeat(np.array(labels.layers, dtype=object), P), E),
            "depth": np.tile(np.repeat(np.arange(L), P), E),
            "step": np.repeat(list(labels.epochs), L * P),
            "epoch": np.repeat(list(labels.epochs.values()), L * P),
            "planes": [name] * (E * L * P),
            "plane": np.tile(labels.planes[name], E * L),
            "fragments": pieces.ravel(),
            "classes": classes.ravel(),
        }


def check_memory(sets: Sequence[PlaneSet], layers: int, steps: int, classes: int, budget: float) -> None:
    """Raise if one block of labels at a time does not fit into three quarters of the budget.

    Args:
        sets: planes of each set, all of one resolution.
        layers: number of layers, the output included.
        steps: number of checkpoints.
        classes: C.
        budget: bytes; the last quarter is for forward passes.

    Raises:
        RepdynError: with the memory that is needed.
    """
    resolution = sets[0].resolution
    most = max(label_table.blocks(len(chosen), layers, resolution)[0].stop for chosen in sets)
    # Comparison holds one block for each checkpoint, labelling three blocks.
    points = layers * most * resolution**2
    needed = points * max(3, steps) * label_table.kind(classes).itemsize
    needed += fragmentation.BYTES * min(points, max(fragmentation.POINTS, resolution**2))
    # The planes are held twice: as read, and on the device.
    needed += sum(2 * (chosen.origin.nbytes + chosen.a.nbytes + chosen.b.nbytes) for chosen in sets)
    if needed > 0.75 * budget:
        raise RepdynError(
            f"`execution.memory_gib` is {budget / 2**30:g}, but regions of {layers - 1} layers and the output at "
            f"{steps} checkpoints on planes of {resolution}² points need {needed / 0.75 / 2**30:.2g}; raise it, or "
            "lower the resolution."
        )


@dataclass(frozen=True)
class Target:
    """One set of planes, and the open table for their labels."""

    planes: PlaneSet
    points: Points
    layout: pa.Schema
    append: Callable[[Mapping[str, Any]], None]
    scored: bool


def label_planes(
    labeller: Labeller, readout: Readout, target: Target, step: int, epoch: float
) -> list[agreement.Counts]:
    """Label one set of planes at one checkpoint, block by block.

    Returns:
        Each layer's agreement between the two halves if the planes are scored, else an empty list.
    """
    chosen, layers = target.planes, [*readout.layers, OUTPUT]
    floor = [agreement.nothing(2, readout.classes) for _ in readout.layers if target.scored]
    for part in label_table.blocks(len(chosen), len(layers), chosen.resolution):
        plane = chosen.plane[part]
        total = len(plane) * chosen.resolution**2
        batches = target.points.batches(part, labeller.batch)
        labels, halves = labeller.label(readout, batches, total, with_halves=target.scored)
        block = Block(step, epoch, chosen.name, plane, labels.reshape(len(layers), len(plane), -1))
        target.append(block.columns(layers, target.layout))
        floor = [count + agreement.count(halves[depth], readout.classes) for depth, count in enumerate(floor)]
    return floor
