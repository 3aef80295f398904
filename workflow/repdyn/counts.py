"""Counts the parts of a study that its tables have rows for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import datasets, schedule
from .catalogue.counts import Counts

if TYPE_CHECKING:
    from .study import Study


def of_study(study: Study) -> Counts:
    """What there is in a study, before anything is computed."""
    train, test = datasets.sizes(study.data)
    evaluated = schedule.evaluated_epochs(study.training.evaluations_per_decade, study.training.epochs)
    return Counts(
        checkpoints=len(schedule.steps_of(study)),
        evaluations=len(evaluated),
        train=train,
        test=test,
        compared=study.activations.similarity_examples,
        probed=study.activations.probe_examples or train,
        planes=study.planes.count,
        pictures=study.planes.pictures,
        runs_of_arch=len(study.optimizers) * len(study.seeds),
    )
