"""Similarity between runs, at the same layer and checkpoint: two seeds, or two optimizers from one initialisation.

Turns the activations of all runs of a study into one table: each measure of the study for every pair of runs of one
architecture, with p and the calibrated value of a permutation null over examples (``similarity/compared.py``). All runs
store the activations of the same test examples, so representations correspond. With ``similarity_from: train`` only
runs of one seed do, if seeds draw their training examples, and only these are compared.

Time and memory, once for each layer and checkpoint: those of ``measured.py`` and, times
1 + ``comparisons.permutations``, of ``permuted.py``, with one representation for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..analysis import common_checkpoints
from ..errors import RepdynError
from ..records import compared as columns_of
from ..records.activations import ACTIVATIONS
from ..records.cka_between import CKA_BETWEEN
from ..records.inputs import INPUTS
from ..representations import inputs as stored_inputs
from ..representations.selection import Place, StoredRepresentations
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import backends, compared
from ..storage import tables

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..pipeline.jobs import Job


def columns(
    runs: Sequence[Run], layer: str, depth: int, step: int, epoch: float, found: compared.Pairs
) -> dict[str, Any]:
    """The (R, R) matrices of a layer at a checkpoint as rows, one for each ordered pair of runs."""
    R = len(runs)
    same = {"arch": runs[0].arch, "layer": layer, "depth": depth, "step": step, "epoch": epoch}
    return (
        {key: [value] * R**2 for key, value in same.items()}
        | {
            "optimizer_a": [run.optimizer for run in runs for _ in runs],
            "data_a": [run.data for run in runs for _ in runs],
            "seed_a": [run.seed for run in runs for _ in runs],
            "optimizer_b": [run.optimizer for run in runs] * R,
            "data_b": [run.data for run in runs] * R,
            "seed_b": [run.seed for run in runs] * R,
        }
        | columns_of.rows(found.found.matrices, found.p, found.calibrated)
    )


def check_layers(of_runs: Sequence[Representations]) -> None:
    """Raise a RepdynError unless all runs hold the same layers."""
    first = of_runs[0]
    for other in of_runs[1:]:
        if other.layers != first.layers:
            raise RepdynError(f"`{other.path}` holds other layers than `{first.path}`; make both again.")


def main(job: Job) -> None:
    """Write the table of the study, a row group for each layer, checkpoint and group of runs that can be compared."""
    study = job.study
    backend, budget = backends.choose(study.execution.device, study.execution.memory_gib, study.cka.tf32)
    layout = pa.schema([*CKA_BETWEEN.schema, *columns_of.of_measures(study.all_measures.values())])
    tables_of = {run: Representations(*job.place(ACTIVATIONS, run)) for run in study.runs}
    shared = {}
    for arch in study.archs:
        of_arch = {run: table.checkpoints for run, table in tables_of.items() if run.arch == arch}
        shared[arch] = common_checkpoints.needed(of_arch)
    metadata = job.metadata(CKA_BETWEEN) | common_checkpoints.said(shared)
    with tables.writer(job.path(CKA_BETWEEN), layout, metadata) as append:
        for arch in study.archs:
            of_runs = {run: table for run, table in tables_of.items() if run.arch == arch}
            check_layers(list(of_runs.values()))
            first, common = next(iter(of_runs.values())), shared[arch]
            for runs in study.comparable(arch, common=study.activations.similarity_from == "test"):
                # Runs that can be compared see the same images.
                inputs = stored_inputs.read(*job.place(INPUTS, runs[0]), of_runs[runs[0]])
                for depth, layer in enumerate(track(first.layers, len(first.layers), "layer")):
                    for number, epoch in enumerate(common.epochs):
                        steps = {run: common.steps[run][number] for run in of_runs}
                        source = StoredRepresentations([Place(of_runs[run], layer, steps[run]) for run in runs])
                        found = compared.all_pairs(
                            source, study.chosen_measures, study.comparisons, budget, backend, inputs
                        )
                        for run, same in zip(runs, found.found.constant, strict=True):
                            if same:
                                LOG.warning(
                                    "%s, layer %s is the same for all examples at step %d: no CKA",
                                    run,
                                    layer,
                                    steps[run],
                                )
                        append(columns(runs, layer, depth, next(iter(steps.values())), epoch, found))
            LOG.info(
                "%s: %d runs, %d layers at %d checkpoints", arch, len(of_runs), len(first.layers), len(common.epochs)
            )
