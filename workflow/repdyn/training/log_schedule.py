"""A log-spaced grid of epochs, and the optimizer steps at its points. Imports nothing, because recorders use it.

The grid is anchored at epoch 1 and has a fixed number of points per decade of epochs. So it does not depend on the
length of training: 300 epochs contain the checkpoints of 150.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator


def spaced(per_decade: int, first: float) -> Iterator[float]:
    """An endless log-spaced grid of epochs from ``first`` on that contains epoch 1."""
    lowest = math.ceil(per_decade * math.log10(first) - 1e-9)
    return (10 ** (k / per_decade) for k in itertools.count(lowest))


def steps(times: Iterable[float], steps_per_epoch: float) -> Iterator[int]:
    """Epochs as optimizer steps, each rounded to the nearest step, at least 1; two may be one step."""
    return (max(1, round(time * steps_per_epoch)) for time in times)


def up_to(times: Iterable[float], epochs: float, steps_per_epoch: int) -> list[int]:
    """Epochs as steps up to the end of training, ascending, distinct, 0 first."""
    # Compare steps, not epochs before rounding: else longer training could add steps to the shorter one's range.
    last = round(epochs * steps_per_epoch)
    return sorted({0, *itertools.takewhile(lambda step: step <= last, steps(times, steps_per_epoch))})
