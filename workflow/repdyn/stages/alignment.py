"""The layers of two architectures that are most alike, at each checkpoint: architectures proper, or widths of one.

Turns the activations of all runs of a study into one table. Two architectures are compared at the same optimizer, seed
and checkpoint, so that they have seen the same examples with the same wrong labels. Runs with different checkpoints are
compared at a common grid of log epochs (``analysis/common_checkpoints.py``); ``step`` is then that of the first. Under
each measure of the study the best of all pairs of layers is kept, with p and the calibrated value of that maximum: the
examples of the second architecture are permuted, alike for all of its layers, and the largest similarity of each
permutation makes the null (``similarity/compared.py``; Gröger et al. 2026, algorithm 2).

Layers of different architectures differ in features, and the best of many pairs is large by itself, so the largest raw
similarity says little: on independent representations of 50 examples, CKA is .5 at one feature for each example and .99
at a hundred (``tests/benchmarks/null.py``).

Time and memory, once for each two architectures, optimizer, seed and checkpoint: those of ``measured.py`` with the
layers of both and, times 1 + ``comparisons.permutations``, of ``permuted.py``.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis import common_checkpoints
from ..records.activations import ACTIVATIONS
from ..records.alignment import ALIGNMENT
from ..records.inputs import INPUTS
from ..representations import inputs as stored_inputs
from ..representations.selection import Place, StoredRepresentations
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import backends, compared, permuted
from ..storage import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config.runs import Run
    from ..pipeline.jobs import Job


def columns(
    runs: tuple[Run, Run],
    of_runs: tuple[Representations, Representations],
    step: int,
    epoch: float,
    found: Mapping[str, compared.Best | None],
) -> dict[str, Any]:
    """The best pair of layers of two runs at a checkpoint, one row for each measure."""
    best = list(found.values())
    same = {
        "arch_a": runs[0].arch,
        "arch_b": runs[1].arch,
        "optimizer": runs[0].optimizer,
        "data": runs[0].data,
        "seed": runs[0].seed,
        "step": step,
        "epoch": epoch,
    }
    return {key: [value] * len(best) for key, value in same.items()} | {
        "measure": list(found),
        "layer_a": [None if pair is None else of_runs[0].layers[pair.fixed] for pair in best],
        "layer_b": [None if pair is None else of_runs[1].layers[pair.moved] for pair in best],
        "depth_a": [None if pair is None else pair.fixed for pair in best],
        "depth_b": [None if pair is None else pair.moved for pair in best],
        "similarity": tables.nullable([np.nan if pair is None else pair.similarity for pair in best]),
        "similarity_p": tables.nullable([np.nan if pair is None else pair.p for pair in best]),
        "similarity_calibrated": tables.nullable([np.nan if pair is None else pair.calibrated for pair in best]),
    }


def main(job: Job) -> None:
    """Write the table of the study, a row group for each two architectures, optimizer, seed and checkpoint."""
    study = job.study
    backend, budget = backends.choose(study.execution.device, study.execution.memory_gib, study.cka.tf32)
    pairs = [
        (study.run(one, optimizer, seed, data), study.run(other, optimizer, seed, data))
        for (one, other), optimizer, data, seed in itertools.product(
            itertools.combinations(study.archs, 2), study.optimizers, study.data_levels, study.seeds
        )
    ]
    tables_of = {run: Representations(*job.place(ACTIVATIONS, run)) for run in study.runs}
    shared = {runs: common_checkpoints.needed({run: tables_of[run].checkpoints for run in runs}) for runs in pairs}
    grids = common_checkpoints.said({f"{one} and {other}": common for (one, other), common in shared.items()})
    with tables.writer(job.path(ALIGNMENT), ALIGNMENT.schema, job.metadata(ALIGNMENT) | grids) as append:
        for runs, common in track(shared.items(), len(shared), "pair of runs"):
            first, second = (tables_of[run] for run in runs)
            inputs = stored_inputs.read(*job.place(INPUTS, runs[0]), first)
            sides = permuted.Sides(
                range(len(first.layers)), range(len(first.layers), len(first.layers + second.layers))
            )
            of_both = zip(common.epochs, *(common.steps[run] for run in runs), strict=True)
            for epoch, step, other_step in of_both:
                at = ((first, step), (second, other_step))
                places = [Place(table, layer, there) for table, there in at for layer in table.layers]
                found = compared.best(
                    StoredRepresentations(places),
                    sides,
                    study.chosen_measures,
                    study.comparisons,
                    budget,
                    backend,
                    inputs,
                )
                append(columns(runs, (first, second), step, epoch, found))
    LOG.info("%d pairs of runs of different architectures", len(pairs))
