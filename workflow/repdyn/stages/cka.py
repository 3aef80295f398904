"""CKA of each layer with itself at every pair of checkpoints.

Turns activations X_e of shape (n examples, p features) at E checkpoints into two (E, E) matrices for each layer: linear
CKA (Kornblith et al. 2019, eq. 4) and its debiased form, with the unbiased HSIC of Song et al. 2012 in all three
places (Nguyen et al. 2021, eq. 3).

The arithmetic is in ``similarity/gram.py`` and ``similarity/cka.py``. Debiased CKA may leave [0, 1] and is not clamped.
CKA of a representation that is the same for all examples is null, on the diagonal too, and the log names it.

Time: E n² p + E² n² / 2 for each layer. Memory: ``execution.memory_gib``, for any E, n and p. If the Grams do not fit,
features are read more often, at no extra arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..records.activations import ACTIVATIONS
from ..records.cka import CKA, INTERVAL
from ..representations.selection import Place, StoredRepresentations
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import backends, bootstrap, cka, minibatch
from ..storage import tables
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import Cka
    from ..pipeline.jobs import Job
    from ..similarity import gram


def columns(layer: str, depth: int, steps: Array, epochs: Array, found: cka.Similarities) -> dict[str, Any]:
    """Both (E, E) matrices of a layer as rows, one for each ordered pair of checkpoints."""
    E = len(steps)
    rows = {
        "layer": [layer] * E**2,
        "depth": np.full(E**2, depth),
        "step_a": np.repeat(steps, E),
        "step_b": np.tile(steps, E),
        "epoch_a": np.repeat(epochs, E),
        "epoch_b": np.tile(epochs, E),
        "cka": tables.nullable(found.biased),
        "cka_debiased": tables.nullable(found.debiased),
    }
    if found.interval is not None:
        rows |= dict(zip(INTERVAL.names, map(tables.nullable, found.interval), strict=True))
    return rows


def compare(source: StoredRepresentations, settings: Cka, backend: gram.Backend, budget: float) -> cka.Similarities:
    """CKA of all pairs of representations, as configured."""
    if settings.batch_examples is not None:
        return minibatch.similarities(source, settings.batch_examples, budget, backend)
    if settings.resamples:
        return bootstrap.similarities(source, budget, backend, settings.resamples, settings.confidence, settings.seed)
    return cka.similarities(source, budget, backend)


def log_undefined(layer: str, steps: Array, found: cka.Similarities) -> None:
    """Log the checkpoints at which a layer has no CKA, or only the biased one."""
    negative = np.isnan(np.diagonal(found.debiased)) & ~found.constant
    for which, why in ((found.constant, "is the same for all examples: no CKA"), (negative, "has no debiased CKA")):
        if which.any():
            LOG.warning("layer %s %s, at step %s", layer, why, ", ".join(map(str, steps[which])))


def main(job: Job) -> None:
    """Write the CKA table of a run, one row group for each layer."""
    settings = job.study.cka
    table = Representations(*job.place(ACTIVATIONS))
    backend, budget = backends.choose(job.study.execution.device, job.study.execution.memory_gib, settings.tf32)
    layout = pa.schema([*CKA.schema, *INTERVAL]) if settings.resamples else CKA.schema
    with tables.writer(job.path(CKA), layout, job.metadata(CKA)) as append:
        for depth, layer in enumerate(track(table.layers, len(table.layers), "layer")):
            source = StoredRepresentations([Place(table, layer, int(step)) for step in table.steps])
            found = compare(source, settings, backend, budget)
            log_undefined(layer, table.steps, found)
            append(columns(layer, depth, table.steps, table.epochs, found))
    LOG.info("%d layers at %d checkpoints, %d examples", len(table.layers), len(table.steps), source.examples)
