"""Similarity between the layers of one run, at each checkpoint.

Turns a run's activations into one table: each measure of the study for every pair of layers, with p and the calibrated
value of a permutation null over examples (``similarity/compared.py``). Kornblith et al. 2019 (section 6) compare the
layers of a trained network so; here they are followed through training. Layers differ in the number of features, on
which raw similarity depends, so only the calibrated values of pairs can be compared. A layer with itself has neither p
nor calibrated value.

Time and memory, once for each checkpoint: those of ``measured.py`` and, times 1 + ``comparisons.permutations``, of
``permuted.py``, with one representation for each layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..records import compared as columns_of
from ..records.activations import ACTIVATIONS
from ..records.cka_layers import CKA_LAYERS
from ..records.inputs import INPUTS
from ..representations import inputs as stored_inputs
from ..representations.selection import Place, StoredRepresentations
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import backends, compared
from ..storage import tables

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def columns(step: int, epoch: float, layers: list[str], found: compared.Pairs) -> dict[str, Any]:
    """The (L, L) matrices of a checkpoint as rows, one for each ordered pair of layers."""
    L = len(layers)
    return {
        "step": np.full(L**2, step),
        "epoch": np.full(L**2, epoch),
        "layer_a": [layer for layer in layers for _ in layers],
        "layer_b": layers * L,
        "depth_a": np.repeat(np.arange(L), L),
        "depth_b": np.tile(np.arange(L), L),
    } | columns_of.rows(found.found.matrices, found.p, found.calibrated)


def main(job: Job) -> None:
    """Write the table of a run, one row group for each checkpoint."""
    study = job.study
    table = Representations(*job.place(ACTIVATIONS))
    inputs = stored_inputs.read(*job.place(INPUTS), table)
    backend, budget = backends.choose(study.execution.device, study.execution.memory_gib, study.cka.tf32)
    layout = pa.schema([*CKA_LAYERS.schema, *columns_of.of_measures(study.all_measures.values())])
    with tables.writer(job.path(CKA_LAYERS), layout, job.metadata(CKA_LAYERS)) as append:
        checkpoints = list(zip(table.steps.tolist(), table.epochs.tolist(), strict=True))
        for step, epoch in track(checkpoints, len(checkpoints), "checkpoint"):
            source = StoredRepresentations([Place(table, layer, step) for layer in table.layers])
            found = compared.all_pairs(source, study.chosen_measures, study.comparisons, budget, backend, inputs)
            constant = found.found.constant
            if constant.any():
                names = ", ".join(layer for layer, same in zip(table.layers, constant, strict=True) if same)
                LOG.warning("step %d: the same for all examples, so without CKA: layer %s", step, names)
            append(columns(step, epoch, table.layers, found))
    LOG.info("%d layers at %d checkpoints", len(table.layers), len(table.steps))
