"""Events of a representation: when its rate of change steps up or down, from change between neighbouring epochs.

Phases say how a trajectory is divided, and hold it against drift; they date nothing. Here a date is asked for. With x =
log10 epoch, and i the intervals between neighbouring evaluated epochs from epoch 1 on,

    y_i = log10(c_i / (x_{i+1} − x_i))

is the log rate of change, in decades. c is a squared distance: 1 − S(i, i + 1) of a similarity that is a cosine, or the
squared relative displacement of a layer's weights, so that one learning rate on another scale moves both alike. At a
boundary between intervals, let L be the ``REACH`` intervals before it and R those after it; or the event lies inside an
interval, which is skipped. The sharp margin

    M = max(min R − max L, min L − max R) − ``PENALTY`` · (middle of R's first − middle of L's last)

is by how many decades all of R exceed all of L, or fall below them, beyond what a drift of ``PENALTY`` decades of rate
in a decade of epochs does: the collapse of the rate after perfect fit. An event is where M is greatest and above
``THRESHOLD``, and no other within ``REACH`` intervals is greater. M does not change if all change is multiplied by a
constant, as long as it stays above the floor. It is never divided by the run's own noise, which after fit is so small
that everything would be an event.

Where one of the intervals is wider than ``WIDEST`` decades, a natural fall looks like a step: no verdict. That is so
before epoch 14 even if every epoch is evaluated, and everywhere at 24 evaluations a decade or fewer.

The constants are our choice. In simulations (``tests/benchmarks/dating.py``, 200 runs of 100 epochs of each law) no run
without an event has one, of 2,600: drift at smooth paces, walks in 5 to 20 directions, collapses of 2 and 3 decades.
Events are dated with their sign at this rate, by a median of .003 decades or less; their intervals hold the true date
in .91 to 1.00 of them:

====================================== =====
step of the rate, decades              found
====================================== =====
+2, -2                                 1.00
+1.5, -1.5                             .95
+1, -1: too little                     .01
-1.5, in a walk in 10 directions       .63
+2, that wears off by 4 a decade       1.00
+2, collapse of 2.5 elsewhere          .93
-1.5, collapse of 2.5 elsewhere        1.00
====================================== =====

A tenth of the learning rate is a step of -2. In networks that were trained, runs without an event are not that smooth:
``docs/events.md`` has what is found there. Time: negligible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Array

REACH = 3  # intervals on either side
PENALTY = 10.0  # decades of rate per decade of epochs
WIDEST = 0.04  # decades of epochs
# Decades of rate. One in a hundred runs without an event exceeds .91 in some layer by CKA, by a Gumbel law of the
# greatest margins of ten tuning runs (mean .57, greatest .73; by weights .42 and .60). All layers count, stems too.
THRESHOLD = 0.9
# Of 1 − CKA, a hundred times what differences of Grams resolve (``similarity/consecutive.py``). 1e-7 hid steps where
# little changes: after fit, a drop of the rate in the ResNet's stem had a margin of .1, and has 1.8.
SIMILARITY_FLOOR = 1e-10
DISPLACEMENT_FLOOR = 1e-7  # of the relative displacement of weights: its error in float32


@dataclass(frozen=True)
class Margins:
    """The sharp margin at each place at which an event could be, in order of epochs.

    Attributes:
        position: (n,) in half intervals from the first: an even one is an evaluated epoch, an odd one is inside the
            interval that is skipped.
        epoch: (n,) of the place; inside an interval, its middle on the log axis.
        low, high: (n,) the neighbouring evaluated epochs, between which an event lies whose margin is greatest here.
        up: (n,) whether the rate is greater after than before.
        margin: (n,) decades of rate.
        widest: (n,) decades of epochs, of the intervals that are compared.
    """

    position: Array
    epoch: Array
    low: Array
    high: Array
    up: Array
    margin: Array
    widest: Array


@dataclass(frozen=True)
class Event:
    """A step of the rate of change.

    Attributes:
        epoch: of the step.
        low, high: epochs between which it lies.
        sign: 1 if the rate steps up, -1 if it steps down.
        height: the sharp margin, decades of rate.
    """

    epoch: float
    low: float
    high: float
    sign: int
    height: float


@dataclass(frozen=True)
class Dated:
    """The events of a series, and where they were looked for.

    Attributes:
        events: in order of epochs.
        searched: the first and the last epoch at which one could be dated, but for wide gaps between; None if change is
            too sparse or undefined.
        undefined: whether there is no place at all at which change is known on both sides.
    """

    events: list[Event]
    searched: tuple[float, float] | None
    undefined: bool


def of_similarity(S: Array) -> Array:
    """Change as a squared distance, from similarities that are cosines, such as CKA; NaN stays."""
    change: Array = np.maximum(1 - S, SIMILARITY_FLOOR)
    return change


def of_displacement(distance: Array) -> Array:
    """Change as a squared distance, from relative displacements of weights; NaN stays."""
    change: Array = np.square(np.maximum(distance, DISPLACEMENT_FLOOR))
    return change


def log_rate(epochs: Array, change: Array) -> Array:
    """The log rate of change in each interval, (E - 1,), in decades; NaN where change is.

    Args:
        epochs: (E,) evaluated, ascending, all above 0.
        change: (E - 1,) from each to the next, above 0; NaN where it is undefined.
    """
    rate: Array = np.log10(change / np.diff(np.log10(epochs)))
    return rate


def margins(epochs: Array, change: Array, reach: int = REACH, penalty: float = PENALTY) -> Margins:
    """The sharp margin at all places that have ``reach`` intervals with known change on either side.

    Args:
        epochs: (E,) evaluated, ascending; what lies before epoch 1 is left out.
        change: (E - 1,) from each to the next, of ``of_similarity`` or ``of_displacement``.
        reach: intervals on either side.
        penalty: decades of rate per decade of epochs that are no event.

    Raises:
        ValueError: if there is not one change less than epochs, or epochs do not ascend.
    """
    if len(change) != len(epochs) - 1 or (np.diff(epochs) <= 0).any():
        raise ValueError(f"{len(epochs)} epochs, which must ascend, need {len(epochs) - 1} changes, not {len(change)}")
    first = int(np.searchsorted(epochs, 1.0))
    epochs, change = np.asarray(epochs, dtype=float)[first:], np.asarray(change, dtype=float)[first:]
    x = np.log10(epochs)
    y, middle, wide = log_rate(epochs, change), (x[1:] + x[:-1]) / 2, np.diff(x)
    rows = []
    for position in range(2 * reach, 2 * (len(y) - reach) + 1):
        # An odd position is inside interval `left`, which is skipped; an even one is where it begins.
        left, right = position // 2, (position + 1) // 2
        if right + reach > len(y):
            break
        L, R = y[left - reach : left], y[right : right + reach]
        rise, fall = R.min() - L.max(), L.min() - R.max()
        sharp = max(rise, fall) - penalty * (middle[right] - middle[left - 1])
        if np.isfinite(sharp):
            inside = left != right
            low, high = (epochs[left], epochs[right]) if inside else (epochs[left - 1], epochs[left + 1])
            epoch = np.sqrt(epochs[left] * epochs[right])
            rows.append((position, epoch, low, high, rise > fall, sharp, wide[left - reach : right + reach].max()))
    columns = np.array(rows, dtype=float).reshape(-1, 7).T
    at, epoch, low, high, up, margin, widest = columns
    return Margins(at.astype(int), epoch, low, high, up.astype(bool), margin, widest)


def events_of(epochs: Array, change: Array) -> Dated:
    """The events of one layer under one measure.

    Args:
        epochs: (E,) evaluated, ascending.
        change: (E - 1,) from each to the next, of ``of_similarity`` or ``of_displacement``.
    """
    found = margins(epochs, change)
    dense = np.flatnonzero(found.widest <= WIDEST)
    if not len(dense):
        return Dated([], None, undefined=not len(found.margin))
    events: dict[int, Event] = {}
    for i in dense[np.argsort(-found.margin[dense], kind="stable")]:
        position = int(found.position[i])
        if found.margin[i] <= THRESHOLD:
            break
        if all(abs(position - other) >= 2 * REACH for other in events):
            events[position] = Event(
                float(found.epoch[i]),
                float(found.low[i]),
                float(found.high[i]),
                1 if found.up[i] else -1,
                float(found.margin[i]),
            )
    searched = float(found.epoch[dense[0]]), float(found.epoch[dense[-1]])
    return Dated([events[position] for position in sorted(events)], searched, undefined=False)
