"""The optimizer steps at which checkpoints are taken.

The log schedule is anchored at epoch 1 and has a fixed number of checkpoints per decade of epochs. So it does not
depend on the length of training: 300 epochs contain the checkpoints of 150. Step 0, initialisation, is always one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..data import datasets

if TYPE_CHECKING:
    from ..config.sections import Checkpoints
    from ..config.study import Run, Study


def checkpoint_steps(checkpoints: Checkpoints, epochs: float, steps_per_epoch: int) -> list[int]:
    """Optimizer steps at which a checkpoint is taken, ascending, distinct, 0 first.

    Epochs between two steps are rounded to the nearest step, at least 1.
    """
    times: Iterable[float]
    match checkpoints.schedule:
        case "log":
            times = _log_spaced(checkpoints.per_decade, checkpoints.first)
        case "linear":
            times = (k * checkpoints.every for k in itertools.count(1))
        case "explicit":
            times = sorted(epoch for epoch in checkpoints.epochs if epoch > 0)
    return _up_to(times, epochs, steps_per_epoch)


def evaluated_epochs(per_decade: int | None, epochs: int) -> set[int]:
    """Epochs at which training is evaluated: all, or initialisation and ``per_decade`` for each decade of epochs."""
    return set(range(epochs + 1) if per_decade is None else _up_to(_log_spaced(per_decade, first=1.0), epochs, 1))


def _log_spaced(per_decade: int, first: float) -> Iterator[float]:
    """An endless log-spaced grid of epochs from ``first`` on that contains epoch 1."""
    lowest = math.ceil(per_decade * math.log10(first) - 1e-9)
    return (10 ** (k / per_decade) for k in itertools.count(lowest))


def _up_to(times: Iterable[float], epochs: float, steps_per_epoch: int) -> list[int]:
    """Epochs as steps up to the end of training, ascending, distinct, 0 first."""
    steps = (max(1, round(time * steps_per_epoch)) for time in times)
    # Compare steps, not epochs before rounding: else longer training could add steps to the shorter one's range.
    last = round(epochs * steps_per_epoch)
    return sorted({0, *itertools.takewhile(lambda step: step <= last, steps)})


def steps_per_epoch(train_size: int, batch_size: int) -> int:
    """Optimizer steps in an epoch; the last batch may be smaller."""
    return math.ceil(train_size / batch_size)


def trained_steps(study: Study) -> list[int]:
    """The checkpoints of every run that is trained here, as optimizer steps."""
    return checkpoint_steps(study.checkpoints, study.training.epochs, trained_steps_per_epoch(study))


def trained_steps_per_epoch(study: Study) -> int:
    """Optimizer steps in an epoch of the runs that are trained here."""
    return steps_per_epoch(datasets.sizes(study.data)[0], study.training.batch_size)


def epochs_of(study: Study, run: Run) -> dict[int, float]:
    """The checkpoints of a run: optimizer step -> epoch, ascending."""
    if study.recorded(run.optimizer) is not None:
        return {found.step: found.epoch for found in study.found(run)}
    per_epoch = trained_steps_per_epoch(study)
    return {step: step / per_epoch for step in trained_steps(study)}


def steps_of(study: Study, run: Run) -> list[int]:
    """The checkpoints of a run, as optimizer steps, ascending."""
    return list(epochs_of(study, run))
