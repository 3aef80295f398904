"""The stage ``geometry``: the size and dimension of each layer by itself, and how far its weights have moved.

What similarity does not say. Two tables: of each layer at each checkpoint, on the examples that are compared, its norm
and what its spectrum says (``similarity/spectrum.py``); and, as a control, cosine and distance of each layer's weights
at every pair of checkpoints (``similarity/weights.py``). ``models/owners.py`` says which weights are a layer's.

Memory: ``execution.memory_gib`` for the weights of all checkpoints; where they do not fit, checkpoints are read once
for each part of the layers that does. A layer alone takes its features in float32 and their products.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import RepdynError
from ..models import owners
from ..pipeline import stored
from ..records.activations import ACTIVATIONS
from ..records.geometry import LAYER_GEOMETRY, WEIGHT_GEOMETRY
from ..records.layer_names import OUTPUT
from ..records.layers import LAYERS
from ..records.train import CHECKPOINT
from ..representations import extract
from ..representations.selection import SPLIT
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import spectrum, weights
from ..storage import tables
from ..training import checkpoints

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def _of_layers(job: Job, table: Representations, parts: Mapping[str, str]) -> None:
    """Write what each layer is by itself."""
    with tables.writer(job.path(LAYER_GEOMETRY), LAYER_GEOMETRY.schema, job.metadata(LAYER_GEOMETRY)) as append:
        for depth, layer in enumerate(track(table.layers, len(table.layers), "layer")):
            found = [spectrum.of_features(table.read(layer, int(step), SPLIT)) for step in table.steps]
            E = len(found)
            rows: dict[str, Any] = {
                "layer": [layer] * E, "depth": [depth] * E, "part": [parts[layer]] * E,
                "step": table.steps, "epoch": table.epochs,
            }  # fmt: skip
            for name in ("norm", "participation_ratio", "effective_rank", "decay", "top"):
                rows[name] = tables.nullable([getattr(of_step, name) for of_step in found])
            append(rows)


def in_passes(sizes: Mapping[str, int], room: float) -> Iterator[list[str]]:
    """Divide layers into groups, in order, whose weights fit.

    Args:
        sizes: layer -> bytes.
        room: bytes.

    Raises:
        RepdynError: if one layer alone does not fit.
    """
    group: list[str] = []
    for layer, size in sizes.items():
        if size > room:
            raise RepdynError(
                f"`execution.memory_gib` is {room / 2**30:.3g}, but the weights of layer `{layer}` at all checkpoints "
                f"take {size / 2**30:.3g}; raise it."
            )
        if group and sum(sizes[other] for other in group) + size > room:
            yield group
            group = []
        group.append(layer)
    if group:
        yield group


def _weights(job: Job, steps: Sequence[int], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some parameters at all checkpoints, by name: (E, size), float32 or the type that they have."""
    kept: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for step in steps:
        tensors = checkpoints.read(*job.place(CHECKPOINT, step=step))
        for name in names:
            tensor = tensors[name].flatten()
            if tensor.is_complex():
                tensor = torch.view_as_real(tensor).flatten()
            kept[name].append(tensor.float().numpy() if tensor.dtype != torch.float64 else tensor.numpy())
    return {name: np.stack(rows) for name, rows in kept.items()}


def _of_weights(job: Job, table: Representations, parts: Mapping[str, str]) -> None:
    """Write how far the weights of each layer are apart at every two checkpoints."""
    model, layers = extract.network(job.study, job.run, torch.device("cpu"))
    of_layer: dict[str, list[str]] = {layer: [] for layer in (*layers, OUTPUT)}
    for name, layer in owners.owners(model, layers).items():
        of_layer[layer].append(name)
    steps, E = [int(step) for step in table.steps], len(table.steps)
    shapes = dict(model.named_parameters())
    sizes = {layer: sum(8 * E * shapes[name].numel() for name in names) for layer, names in of_layer.items() if names}
    depths = {layer: depth for depth, layer in enumerate(of_layer)}
    without = [layer for layer, names in of_layer.items() if not names and layer != OUTPUT]
    if without:
        LOG.info("without weights of their own: %s", ", ".join(without))
    with tables.writer(job.path(WEIGHT_GEOMETRY), WEIGHT_GEOMETRY.schema, job.metadata(WEIGHT_GEOMETRY)) as append:
        for group in in_passes(sizes, job.study.execution.memory_gib * 2**30):
            found = _weights(job, steps, [name for layer in group for name in of_layer[layer]])
            for layer in group:
                moved = weights.moves(found[name] for name in of_layer[layer])
                append(
                    {
                        "layer": [layer] * E**2,
                        "depth": np.full(E**2, depths[layer]),
                        "part": [parts[layer]] * E**2,
                        "step_a": np.repeat(table.steps, E),
                        "step_b": np.tile(table.steps, E),
                        "epoch_a": np.repeat(table.epochs, E),
                        "epoch_b": np.tile(table.epochs, E),
                        "parameters": np.full(E**2, moved.parameters),
                        "norm_a": np.repeat(moved.norm, E),
                        "cosine": tables.nullable(moved.cosine),
                        "distance": moved.distance.ravel(),
                    }
                )


def main(job: Job) -> None:
    """Write the tables of a run."""
    table = Representations(*job.place(ACTIVATIONS))
    layers = stored.read(job, LAYERS)
    parts = dict(zip(layers["layer"], layers["part"], strict=True)) | {OUTPUT: OUTPUT}
    _of_layers(job, table, parts)
    _of_weights(job, table, parts)
    LOG.info("%d layers at %d checkpoints", len(table.layers), len(table.steps))
