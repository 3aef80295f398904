"""The stage ``cka``: similarity of each layer with itself at every pair of checkpoints, by CKA and other measures.

Turns activations X_e of shape (n examples, p features) at E checkpoints into an (E, E) matrix for each layer and
measure. CKA (Kornblith et al. 2019, eq. 4) and its debiased form (Nguyen et al. 2021, eq. 3) are always there; the
study chooses the others (``catalogue/measures.py``). The arithmetic is in ``similarity/measured.py``.

Similarity of a representation that is the same for all examples is null, on the diagonal too, and the log names it and
whatever else has no value. It names the least gap that any subspace rests on, too.

Time: E n² p + E² n² / 2 for each layer, and what ``tests/benchmarks/measures.py`` prints for further measures. Memory:
``execution.memory_gib``, for any E, n and p. If the Grams do not fit, features are read more often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..records.activations import ACTIVATIONS
from ..records.cka import CKA, INTERVAL, further
from ..records.inputs import INPUTS
from ..representations import inputs as stored_inputs
from ..representations.selection import Place, StoredRepresentations
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import backends, bootstrap, measured, minibatch, subspace
from ..storage import tables
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import ChosenMeasure, Cka
    from ..pipeline.jobs import Job
    from ..similarity import gram

Interval = tuple[Array, Array]  # lower and upper ends, each (E, E)


def columns(
    layer: str, depth: int, steps: Array, epochs: Array, matrices: Mapping[str, Array], interval: Interval | None = None
) -> dict[str, Any]:
    """The (E, E) matrices of a layer, by measure, as rows, one for each ordered pair of checkpoints."""
    E = len(steps)
    rows = {
        "layer": [layer] * E**2,
        "depth": np.full(E**2, depth),
        "step_a": np.repeat(steps, E),
        "step_b": np.tile(steps, E),
        "epoch_a": np.repeat(epochs, E),
        "epoch_b": np.tile(epochs, E),
    }
    rows |= {name: tables.nullable(found) for name, found in matrices.items()}
    if interval is not None:
        rows |= dict(zip(INTERVAL.names, map(tables.nullable, interval), strict=True))
    return rows


def compare(
    source: StoredRepresentations,
    settings: Cka,
    chosen: Sequence[ChosenMeasure],
    backend: gram.Backend,
    budget: float,
    inputs: Array | None,
) -> tuple[measured.Measured, Interval | None]:
    """Similarity of all pairs of representations, as configured, and the interval for CKA if one is asked for."""
    if settings.batch_examples is not None:
        found = minibatch.similarities(source, settings.batch_examples, budget, backend)
        return measured.of_batches(found), None
    interval = None
    if settings.resamples:
        interval = bootstrap.similarities(
            source, budget, backend, settings.resamples, settings.confidence, settings.seed
        ).interval
    return measured.similarities(source, chosen, budget, backend, inputs), interval


def log_undefined(layer: str, steps: Array, found: measured.Measured) -> None:
    """Log the checkpoints at which a layer has no similarity, or not that of some measure."""

    def at(which: Array) -> str:
        return "all checkpoints" if which.all() else f"step {', '.join(map(str, steps[which]))}"

    if found.constant.any():
        LOG.warning("layer %s is the same for all examples, so without similarity, at %s", layer, at(found.constant))
    for name, (which, why) in found.reasons.items():
        LOG.warning("layer %s has no %s at %s: %s", layer, name, at(which), why)


def log_gap(components: int, gaps: Sequence[tuple[str, int, float]]) -> None:
    """Log the least gap below the last component of subspaces, which decides whether these are defined.

    Args:
        components: how many components there are.
        gaps: layer, step and gap of each representation, as a fraction of the first eigenvalue.
    """
    if gaps:
        layer, step, gap = min(gaps, key=lambda place: place[2])
        words = "least gap below component %d: %.2g of the first eigenvalue, of layer %s at step %d; null up to %.0e"
        LOG.info(words, components, gap, layer, step, subspace.GAP)


def main(job: Job) -> None:
    """Write the table of a run, one row group for each layer."""
    settings, chosen = job.study.cka, job.study.chosen_measures
    table = Representations(*job.place(ACTIVATIONS))
    backend, budget = backends.choose(job.study.execution.device, job.study.execution.memory_gib, settings.tf32)
    inputs = (
        stored_inputs.read(*job.place(INPUTS), table)
        if any(choice.name == "cka_deconfounded" for choice in chosen)
        else None
    )
    interval = INTERVAL if settings.resamples else []
    gaps: list[tuple[str, int, float]] = []
    layout = pa.schema([*CKA.schema, *interval, *further(job.study.all_measures.values())])
    with tables.writer(job.path(CKA), layout, job.metadata(CKA)) as append:
        for depth, layer in enumerate(track(table.layers, len(table.layers), "layer")):
            source = StoredRepresentations([Place(table, layer, int(step)) for step in table.steps])
            found, ends = compare(source, settings, chosen, backend, budget, inputs)
            log_undefined(layer, table.steps, found)
            gaps += [(layer, int(table.steps[e]), float(found.gaps[e])) for e in np.flatnonzero(~found.constant)]
            append(columns(layer, depth, table.steps, table.epochs, found.matrices, ends))
    for choice in chosen:
        if choice.name == "subspace" and settings.batch_examples is None:
            log_gap(choice.components, gaps)
    LOG.info("%d layers at %d checkpoints, %d examples", len(table.layers), len(table.steps), source.examples)
