"""CKA between the layers of one run, at each checkpoint.

Turns a run's activations into one table: both estimators of ``similarity/cka.py`` for every pair of layers. Kornblith
et al. 2019 (section 6) compare the layers of a trained network so; here they are followed through training.

Time and memory: those of ``cka.py`` with one representation for each layer, once for each checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..records.activations import ACTIVATIONS
from ..records.cka_layers import CKA_LAYERS
from ..representations.selection import Place, StoredRepresentations
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import backends, cka
from ..storage import tables

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def columns(step: int, epoch: float, layers: list[str], found: cka.Similarities) -> dict[str, Any]:
    """Both (L, L) matrices of a checkpoint as rows, one for each ordered pair of layers."""
    L = len(layers)
    return {
        "step": np.full(L**2, step),
        "epoch": np.full(L**2, epoch),
        "layer_a": [layer for layer in layers for _ in layers],
        "layer_b": layers * L,
        "depth_a": np.repeat(np.arange(L), L),
        "depth_b": np.tile(np.arange(L), L),
        "cka": tables.nullable(found.biased),
        "cka_debiased": tables.nullable(found.debiased),
    }


def main(job: Job) -> None:
    """Write the table of a run, one row group for each checkpoint."""
    table = Representations(*job.place(ACTIVATIONS))
    backend, budget = backends.choose(job.study.execution.device, job.study.execution.memory_gib, job.study.cka.tf32)
    with tables.writer(job.path(CKA_LAYERS), CKA_LAYERS.schema, job.metadata(CKA_LAYERS)) as append:
        checkpoints = list(zip(table.steps.tolist(), table.epochs.tolist(), strict=True))
        for step, epoch in track(checkpoints, len(checkpoints), "checkpoint"):
            source = StoredRepresentations([Place(table, layer, step) for layer in table.layers])
            found = cka.similarities(source, budget, backend)
            if found.constant.any():
                names = ", ".join(layer for layer, same in zip(table.layers, found.constant, strict=True) if same)
                LOG.warning("step %d: the same for all examples, so without CKA: layer %s", step, names)
            append(columns(step, epoch, table.layers, found))
    LOG.info("%d layers at %d checkpoints", len(table.layers), len(table.steps))
