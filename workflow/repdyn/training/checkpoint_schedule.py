"""The optimizer steps at which checkpoints are taken.

Step 0, initialisation, is always one. The log schedule is that of ``log_schedule.py``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..data import datasets
from . import log_schedule

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Checkpoints, Data
    from ..config.study import Study


def checkpoint_steps(checkpoints: Checkpoints, epochs: float, steps_per_epoch: int) -> list[int]:
    """Optimizer steps at which a checkpoint is taken, ascending, distinct, 0 first.

    Epochs between two steps are rounded to the nearest step, at least 1.
    """
    times: Iterable[float]
    match checkpoints.schedule:
        case "log":
            times = log_schedule.spaced(checkpoints.per_decade, checkpoints.first)
        case "linear":
            times = (k * checkpoints.every for k in itertools.count(1))
        case "explicit":
            times = sorted(epoch for epoch in checkpoints.epochs if epoch > 0)
    return log_schedule.up_to(times, epochs, steps_per_epoch)


def evaluated_epochs(per_decade: int | None, epochs: int) -> set[int]:
    """Epochs at which training is evaluated: all, or initialisation and ``per_decade`` for each decade of epochs."""
    return set(
        range(epochs + 1)
        if per_decade is None
        else log_schedule.up_to(log_schedule.spaced(per_decade, first=1.0), epochs, 1)
    )


def steps_per_epoch(train_size: int, batch_size: int) -> int:
    """Optimizer steps in an epoch; the last batch may be smaller."""
    return math.ceil(train_size / batch_size)


def trained_steps(study: Study, data: Data) -> list[int]:
    """The checkpoints of every run that is trained here on a level of the data, as optimizer steps."""
    return checkpoint_steps(study.checkpoints, study.training.epochs, trained_steps_per_epoch(study, data))


def trained_steps_per_epoch(study: Study, data: Data) -> int:
    """Optimizer steps in an epoch of the runs that are trained here on a level of the data."""
    return steps_per_epoch(datasets.sizes(data)[0], study.training.batch_size)


def epochs_of(study: Study, run: Run) -> dict[int, float]:
    """The checkpoints of a run: optimizer step -> epoch, ascending."""
    if study.recorded(run.optimizer) is not None:
        return {found.step: found.epoch for found in study.found(run)}
    data = study.data_of(run)
    per_epoch = trained_steps_per_epoch(study, data)
    return {step: step / per_epoch for step in trained_steps(study, data)}


def numbers(study: Study, runs: Collection[Run]) -> list[int]:
    """How many checkpoints some runs have, without repetition, ascending; those trained on the same data as many."""
    found = {len(study.found(run)) for run in runs if study.recorded(run.optimizer) is not None}
    trained = {run.data for run in runs if study.recorded(run.optimizer) is None}
    return sorted(found | {len(trained_steps(study, study.data_levels[level])) for level in trained})


def steps_of(study: Study, run: Run) -> list[int]:
    """The checkpoints of a run, as optimizer steps, ascending."""
    return list(epochs_of(study, run))
