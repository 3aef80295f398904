"""CKA between runs, at the same layer and checkpoint: two seeds, or two optimizers from one initialisation.

Turns the activations of all runs of a study into one table: both estimators of ``similarity/cka.py`` for every pair of
runs of one architecture. All runs store the activations of the same test examples, so representations correspond. With
``similarity_from: train`` only runs of one seed do, if seeds draw their training examples, and only these are compared.

Time and memory: those of ``cka.py`` with one representation for each run, once for each layer and checkpoint.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RepdynError
from ..records.activations import ACTIVATIONS
from ..records.cka_between import CKA_BETWEEN
from ..representations.selection import Place, StoredRepresentations
from ..representations.table import Representations
from ..runtime.progress import LOG, track
from ..similarity import backends, cka
from ..storage import tables

if TYPE_CHECKING:
    from ..config.study import Run
    from ..pipeline.jobs import Job


def columns(
    runs: Sequence[Run], layer: str, depth: int, step: int, epoch: float, found: cka.Similarities
) -> dict[str, Any]:
    """Both (R, R) matrices of a layer at a checkpoint as rows, one for each ordered pair of runs."""
    R = len(runs)
    same = {"arch": runs[0].arch, "layer": layer, "depth": depth, "step": step, "epoch": epoch}
    return {key: [value] * R**2 for key, value in same.items()} | {
        "optimizer_a": [run.optimizer for run in runs for _ in runs],
        "seed_a": [run.seed for run in runs for _ in runs],
        "optimizer_b": [run.optimizer for run in runs] * R,
        "seed_b": [run.seed for run in runs] * R,
        "cka": tables.nullable(found.biased),
        "cka_debiased": tables.nullable(found.debiased),
    }


def check_alike(of_runs: Sequence[Representations]) -> None:
    """Raise a RepdynError unless all runs hold the same layers at the same checkpoints."""
    first = of_runs[0]
    for other in of_runs[1:]:
        if other.layers != first.layers or not np.array_equal(other.steps, first.steps):
            raise RepdynError(f"`{other.path}` holds other layers or checkpoints than `{first.path}`; make both again.")


def main(job: Job) -> None:
    """Write the table of the study, a row group for each layer, checkpoint and group of runs that can be compared."""
    study = job.study
    backend, budget = backends.choose(study.execution.device, study.execution.memory_gib, study.cka.tf32)
    with tables.writer(job.path(CKA_BETWEEN), CKA_BETWEEN.schema, job.metadata(CKA_BETWEEN)) as append:
        for arch in study.archs:
            of_runs = {run: Representations(*job.place(ACTIVATIONS, run)) for run in study.runs if run.arch == arch}
            check_alike(list(of_runs.values()))
            first = next(iter(of_runs.values()))
            groups = study.comparable(arch, common=study.activations.similarity_from == "test")
            checkpoints = list(zip(first.steps.tolist(), first.epochs.tolist(), strict=True))
            for depth, layer in enumerate(track(first.layers, len(first.layers), "layer")):
                for (step, epoch), runs in itertools.product(checkpoints, groups):
                    source = StoredRepresentations([Place(of_runs[run], layer, step) for run in runs])
                    found = cka.similarities(source, budget, backend)
                    for run, same in zip(runs, found.constant, strict=True):
                        if same:
                            LOG.warning(
                                "%s, layer %s is the same for all examples at step %d: no CKA", run, layer, step
                            )
                    append(columns(runs, layer, depth, step, epoch, found))
            LOG.info(
                "%s: %d runs, %d layers at %d checkpoints", arch, len(of_runs), len(first.layers), len(checkpoints)
            )
