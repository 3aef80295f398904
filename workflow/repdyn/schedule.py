"""When checkpoints are taken, as optimizer steps.

The log schedule is anchored at epoch 1, with a fixed number of checkpoints per decade of epochs, so that it does
not depend on the length of training: 300 epochs contain the checkpoints of 150. Initialisation is always step 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .study import Checkpoints


def checkpoint_steps(checkpoints: Checkpoints, epochs: float, steps_per_epoch: int) -> list[int]:
    """Optimizer steps at which a checkpoint is taken, ascending, without repeats, 0 first.

    Epochs between two steps are rounded to the nearest step, at least 1.
    """
    times: list[float]
    match checkpoints.schedule:
        case "log":
            # A hair of tolerance, so that epoch 100 is not lost to 10 ** (20 / 10) = 100.00000000000001.
            lowest = math.ceil(checkpoints.per_decade * math.log10(checkpoints.first) - 1e-9)
            highest = math.floor(checkpoints.per_decade * math.log10(epochs) + 1e-9)
            times = [10 ** (k / checkpoints.per_decade) for k in range(lowest, highest + 1)]
        case "linear":
            times = [k * checkpoints.every for k in range(1, math.floor(epochs / checkpoints.every + 1e-9) + 1)]
        case "explicit":
            times = [epoch for epoch in checkpoints.epochs if 0 < epoch <= epochs]
    last = round(epochs * steps_per_epoch)
    return sorted({0} | {min(last, max(1, round(time * steps_per_epoch))) for time in times})


def steps_per_epoch(train_size: int, batch_size: int) -> int:
    """Optimizer steps in an epoch; the last batch may be smaller."""
    return math.ceil(train_size / batch_size)
