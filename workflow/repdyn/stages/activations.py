"""The stage ``activations``: activations of every observed layer at every checkpoint, on a fixed set of examples.

Before anything is measured at a checkpoint, batch-norm statistics are re-estimated; how much this changes is a table.
Another says which layers there are, a third holds the examples on which similarity is measured. Layers that are left
out, because they always hold the numbers of another one, are observed too, and compared with it at each checkpoint.

Wide layers are stored as coordinates of the examples, in a basis for similarity and in one for probes
(``representations/coordinates.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from ..data import datasets, subsets
from ..errors import RepdynError
from ..models.observation import Copy, Observation
from ..records.activations import ACTIVATIONS, PROBE_VIEW
from ..records.batch_norm import BATCH_NORM
from ..records.inputs import INPUTS, input_column
from ..records.layer_names import OUTPUT
from ..records.layers import LAYERS
from ..records.train import CHECKPOINT
from ..representations import batch_norm, coordinates, extract
from ..runtime import devices
from ..runtime.progress import LOG, track
from ..storage import tables
from ..storage.tables import Table
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
    """The rows of a split at a checkpoint; a layer of the table that is not given is null."""
    n = len(examples)
    row_group: dict[str, Any] = {
        "step": np.full(n, step),
        "epoch": np.full(n, epoch),
        "split": [split] * n,
        "example": examples.examples,
        "label": tables.known(examples.labels, examples.labels),
        "given_label": tables.known(examples.given_labels, examples.labels),
    }
    for field in table:
        if field.name in row_group:
            continue
        if field.name not in activations:
            row_group[field.name] = pa.nulls(n, field.type)
            continue
        tensor = activations[field.name]
        if field.type.value_type == pa.float16() and not extract.fits_float16(tensor):
            raise _DoesNotFit([field.name])
        row_group[field.name] = extract.column(tensor, field.type)
    return row_group


def check_finite(activations: Mapping[str, torch.Tensor], step: int) -> None:
    """Raise a RepdynError if a layer holds NaN or infinity."""
    for layer, tensor in activations.items():
        if not tensor.isfinite().all():
            raise RepdynError(f"Layer `{layer}` has activations that are NaN or infinite at step {step}.")


Split = dict[str, torch.Tensor]  # layer -> its activations or coordinates


def _as_coordinates(activations: Mapping[str, Split], wide: Sequence[str], probed: bool) -> dict[str, Split]:
    """Replace wide layers by coordinates, in place; return how probes see them, by split."""
    view: dict[str, Split] = {split: {} for split in activations}
    for layer in wide:
        compared, trained_on = (activations[split].pop(layer).numpy() for split in ("similarity", "probe"))
        activations["similarity"][layer] = torch.from_numpy(coordinates.centred(compared))
        if probed:
            of_splits = coordinates.as_probed(compared, trained_on)
            for split, found in zip(("similarity", "probe"), of_splits, strict=True):
                view[split][layer] = torch.from_numpy(found)
    return view


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


@dataclass(frozen=True)
class _Observed:
    """What is written of a run.

    Attributes:
        job: of the stage.
        device: to compute on.
        model: the network, whose weights change from checkpoint to checkpoint.
        observation: its layers.
        splits: the examples.
        epochs: checkpoint -> its epoch.
    """

    job: Job
    device: torch.device
    model: nn.Module
    observation: Observation
    splits: Mapping[str, subsets.Examples]
    epochs: Mapping[int, float]

    @cached_property
    def features(self) -> dict[str, int]:
        """Layer -> number of its features, in order of depth."""
        return {layer.name: layer.features for layer in self.observation.layers}

    @cached_property
    def wide(self) -> list[str]:
        """The layers that are stored as coordinates."""
        n, m = len(self.splits["similarity"]), len(self.splits["probe"])
        return coordinates.wide(self.features, n, m, self.job.study.activations.whole)

    @property
    def probed(self) -> bool:
        """Whether there are probes."""
        return datasets.source(self.job.data).classes is not None

    def layouts(self, float32: set[str]) -> dict[Table, pa.Schema]:
        """The columns of the tables, with some layers in float32."""
        n, m = len(self.splits["similarity"]), len(self.splits["probe"])
        dtype = self.job.study.activations.dtype
        return {
            ACTIVATIONS: extract.layout(self.features, float32, dtype, dict.fromkeys(self.wide, n)),
            PROBE_VIEW: extract.probe_layout(dict.fromkeys(self.wide if self.probed else [], m)),
        }

    def write(self, float32: set[str], reestimate: batch_norm.Reestimation | None) -> list[dict[str, Any]]:
        """Write all checkpoints, and return how much re-estimated statistics change.

        Raises:
            _DoesNotFit: if float16 cannot hold a layer, which is not among ``float32``.
            RepdynError: if activations are not finite, or a layer is not the copy that it was taken for.
        """
        study, changes = self.job.study, []
        reduction = extract.reducer(study, self.job.run.arch, self.model)
        paths = self.observation.paths | {layer: copy.path for layer, copy in self.observation.copies.items()}
        if reestimate is not None and self.probed:
            paths |= {OUTPUT: ""}  # the network itself
        layouts = self.layouts(float32)
        with ExitStack() as stack:
            append = {
                record: stack.enter_context(
                    tables.writer(self.job.path(record), table, self.job.metadata(record), **extract.writing(table))
                )
                for record, table in layouts.items()
            }
            for step, epoch in track(self.epochs.items(), len(self.epochs), "checkpoint"):
                path, wanted = self.job.place(CHECKPOINT, step=step)
                checkpoints.load(path, self.model, wanted)
                stored = {}
                if reestimate is not None:
                    inputs = self.splits["similarity"].inputs
                    stored = extract.forward(self.model, paths, inputs, self.device, reduction)
                    reestimate(self.model)
                activations: dict[str, Split] = {}
                for split, chosen in self.splits.items():
                    found = extract.forward(self.model, paths, chosen.inputs, self.device, reduction)
                    kept = without_copies(found, self.observation.copies, step)
                    if stored and split == "similarity":
                        changes += _changes(step, epoch, stored, kept, study.execution.memory_gib)
                    kept.pop(OUTPUT, None)
                    check_finite(kept, step)
                    activations[split] = kept
                view = _as_coordinates(activations, self.wide, self.probed)
                for record, of_splits in ((ACTIVATIONS, activations), (PROBE_VIEW, view)):
                    for split, chosen in self.splits.items():
                        append[record](_row_group(step, epoch, split, chosen, of_splits[split], layouts[record]))
        return changes


def main(job: Job) -> None:
    """Write a run's activations, how its probes see them, its layers, and what batch norm changes."""
    study, run, settings = job.study, job.run, job.study.activations
    device = devices.prepare(study.execution.device)
    examples = subsets.load(job.data, job.data_root, run.seed)
    splits = extract.choose(settings, examples, job.data.seed)
    model, observation = extract.model_of(study, run, device), extract.observed(study, run.arch, job.data)
    run_observed = _Observed(job, device, model, observation, splits, checkpoint_schedule.epochs_of(study, run))
    for layer, path in observation.paths.items():
        if layer != path:
            LOG.info("the module %s is called %s in tables", path, layer)
    if observation.remark is not None:
        LOG.info("%s", observation.remark)
    if run_observed.wide:
        LOG.info("as coordinates of the examples, not unit by unit: %s", ", ".join(run_observed.wide))
    reestimate = batch_norm.prepare(settings, model, lambda: examples, job.data.seed, device)
    if reestimate is not None:
        LOG.info(
            "batch-norm statistics of %d modules, of %d training images",
            len(reestimate.norms),
            len(reestimate.inputs),
        )
    float32: set[str] = set()
    while True:
        try:
            changes = run_observed.write(float32, reestimate)
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
    sizes = ", ".join(f"{layer} ({size})" for layer, size in run_observed.features.items())
    LOG.info("%d checkpoints, layers %s", len(run_observed.epochs), sizes)
