"""Count the parts of a study that its tables have rows for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue.counts import Counts
from ..data import datasets
from ..training import checkpoint_schedule

if TYPE_CHECKING:
    from ..config.study import Study


def of_study(study: Study) -> Counts:
    """Count the parts of a study, before anything is computed."""
    train, test = datasets.sizes(study.data)
    evaluated = checkpoint_schedule.evaluated_epochs(study.training.evaluations_per_decade, study.training.epochs)
    return Counts(
        checkpoints=len(checkpoint_schedule.steps_of(study)),
        evaluations=len(evaluated),
        train=train,
        test=test,
        compared=study.activations.similarity_examples,
        probed=study.activations.probe_examples or train,
        planes=study.planes.count,
        pictures=study.planes.pictures,
        runs_of_arch=len(study.optimizers) * len(study.seeds),
    )
