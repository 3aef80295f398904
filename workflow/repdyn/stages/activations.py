"""The stage ``activations``: activations of every observed layer at every checkpoint, on a fixed set of examples.

Before anything is measured at a checkpoint, batch-norm statistics are re-estimated; how much this changes is a table.
Another says which layers there are, a third holds the examples on which similarity is measured. Layers that are left
out, because they always hold the numbers of another one, are observed too, and compared with it at each checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch

from ..data import subsets
from ..errors import RepdynError
from ..models.observation import Copy, Observation
from ..models.pooling import Reducer
from ..records.activations import ACTIVATIONS
from ..records.batch_norm import BATCH_NORM
from ..records.inputs import INPUTS, input_column
from ..records.layer_names import OUTPUT
from ..records.layers import LAYERS
from ..records.train import CHECKPOINT
from ..representations import batch_norm, extract
from ..runtime import devices
from ..runtime.progress import LOG, track
from ..storage import tables
from ..training import checkpoint_schedule, checkpoints

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


class _DoesNotFit(Exception):
    """Float16 cannot hold some layers."""

    def __init__(self, layers: list[str]) -> None:
        super().__init__(layers)
        self.layers = layers


def _row_group(
    step: int,
    epoch: float,
    split: str,
    examples: subsets.Examples,
    activations: Mapping[str, torch.Tensor],
    table: pa.Schema,
) -> dict[str, Any]:
    n = len(examples)
    row_group: dict[str, Any] = {
        "step": np.full(n, step),
        "epoch": np.full(n, epoch),
        "split": [split] * n,
        "example": examples.examples,
        "label": tables.known(examples.labels, examples.labels),
        "given_label": tables.known(examples.given_labels, examples.labels),
    }
    for layer, tensor in activations.items():
        if not tensor.isfinite().all():
            raise RepdynError(f"Layer `{layer}` has activations that are NaN or infinite at step {step}.")
        kind = table.field(layer).type
        if kind.value_type == pa.float16() and not extract.fits_float16(tensor):
            raise _DoesNotFit([layer])
        row_group[layer] = extract.column(tensor, kind)
    return row_group


def without_copies(
    activations: Mapping[str, torch.Tensor], copies: Mapping[str, Copy], step: int
) -> dict[str, torch.Tensor]:
    """The activations of the layers that are kept.

    Raises:
        RepdynError: if a layer does not hold the numbers of the one that it was taken for.
    """
    for layer, copy in copies.items():
        found, of = activations[layer], activations[copy.of]
        if not ((found == of) | (found.isnan() & of.isnan())).all():
            raise RepdynError(
                f"Layer `{layer}` was to be left out, as the same as `{copy.of}`, but gives other numbers at step "
                f"{step}; to keep it, list `{copy.path}`, without wildcards, and the other layers under `layers`."
            )
    return {layer: tensor for layer, tensor in activations.items() if layer not in copies}


def _changes(
    step: int,
    epoch: float,
    stored: Mapping[str, torch.Tensor],
    reestimated: Mapping[str, torch.Tensor],
    memory_gib: float,
) -> list[dict[str, Any]]:
    """Rows of the table of batch norm at a checkpoint: one for each layer and, if it gives classes, for the output."""
    similar = batch_norm.similarity(stored, reestimated, memory_gib * 2**30)
    rows: list[dict[str, Any]] = [
        {"layer": layer, "depth": depth, "step": step, "epoch": epoch, "cka": similar[layer], "same_class": None}
        for depth, layer in enumerate(reestimated)
    ]
    if OUTPUT in reestimated:
        classes = [of[OUTPUT].argmax(dim=1) for of in (stored, reestimated)]
        rows[-1]["same_class"] = float((classes[0] == classes[1]).double().mean())
    return rows


def _write_changes(job: Job, changes: list[dict[str, Any]]) -> None:
    """Write how much re-estimated statistics change."""
    columns: dict[str, Any] = {name: [row[name] for row in changes] for name in BATCH_NORM.names}
    columns["cka"] = tables.nullable(columns["cka"])
    tables.write(job.path(BATCH_NORM), columns, BATCH_NORM.schema, job.metadata(BATCH_NORM))


def _write_inputs(job: Job, examples: subsets.Examples) -> None:
    """Write the examples that similarity is measured on, as the network gets them."""
    flat = torch.from_numpy(examples.inputs[:]).flatten(1)
    table = pa.schema([*INPUTS.schema, *input_column(flat.shape[1], tokens=not flat.is_floating_point())])
    rows = {"example": examples.examples, "input": extract.column(flat, table.field("input").type)}
    options: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    tables.write(job.path(INPUTS), rows, table, job.metadata(INPUTS), **options)


def _write_layers(job: Job, observation: Observation) -> None:
    """Write which layers are observed."""
    rows = {
        "layer": [layer.name for layer in observation.layers],
        "depth": list(range(len(observation.layers))),
        "module": [layer.path for layer in observation.layers],
        "kind": [layer.kind for layer in observation.layers],
        "features": [layer.features for layer in observation.layers],
        "part": [layer.part for layer in observation.layers],
    }
    tables.write(job.path(LAYERS), rows, LAYERS.schema, job.metadata(LAYERS))


def main(job: Job) -> None:
    """Write the activations table of a run, that of its layers, and that of what batch norm changes."""
    study, run, settings = job.study, job.run, job.study.activations
    device = devices.prepare(study.execution.device)
    examples = subsets.load(job.data, job.data_root, run.seed)
    splits = extract.choose(settings, examples, job.data.seed)
    model, observation = extract.model_of(study, run, device), extract.observed(study, run.arch, job.data)
    layers = observation.paths
    for layer, path in layers.items():
        if layer != path:
            LOG.info("the module %s is called %s in tables", path, layer)
    if observation.remark is not None:
        LOG.info("%s", observation.remark)
    reduction = Reducer(settings.reduction, model, study.archs[run.arch].batch_dimension)
    epochs = checkpoint_schedule.epochs_of(study, run)
    features = {layer.name: layer.features for layer in observation.layers}
    observed = layers | {layer: copy.path for layer, copy in observation.copies.items()}
    reestimate = batch_norm.prepare(settings, model, lambda: examples, job.data.seed, device)
    if reestimate is not None:
        observed |= {OUTPUT: ""} if examples.classes is not None else {}  # the network itself
        LOG.info(
            "batch-norm statistics of %d modules, of %d training images",
            len(reestimate.norms),
            len(reestimate.inputs),
        )

    def write(float32: set[str]) -> list[dict[str, Any]]:
        changes: list[dict[str, Any]] = []
        table = extract.layout(features, float32, settings.dtype)
        # A dictionary does not compress activations, and nobody filters on them.
        options = {"compression": "lz4", "use_dictionary": ["split"], "write_statistics": False}
        with tables.writer(job.path(ACTIVATIONS), table, job.metadata(ACTIVATIONS), **options) as append:
            for step, epoch in track(epochs.items(), len(epochs), "checkpoint"):
                path, wanted = job.place(CHECKPOINT, step=step)
                checkpoints.load(path, model, wanted)
                stored = {}
                if reestimate is not None:
                    stored = extract.forward(model, observed, splits["similarity"].inputs, device, reduction)
                    reestimate(model)
                for split, chosen in splits.items():
                    found = extract.forward(model, observed, chosen.inputs, device, reduction)
                    activations = without_copies(found, observation.copies, step)
                    if stored and split == "similarity":
                        changes += _changes(step, epoch, stored, activations, study.execution.memory_gib)
                    activations.pop(OUTPUT, None)
                    append(_row_group(step, epoch, split, chosen, activations, table))

        return changes

    float32: set[str] = set()
    while True:
        try:
            changes = write(float32)
        except _DoesNotFit as overflow:
            float32 |= set(overflow.layers)
            LOG.info(
                "layer %s does not fit into float16 and is stored as float32; starting again",
                overflow.layers[0],
            )
        else:
            break
    _write_inputs(job, splits["similarity"])
    _write_layers(job, observation)
    _write_changes(job, changes)
    LOG.info(
        "%d checkpoints, layers %s", len(epochs), ", ".join(f"{layer} ({size})" for layer, size in features.items())
    )
