"""Events of a run: perfect fit, memorization, and the dip of test accuracy in epoch-wise double descent.

Turns a history into one epoch for each event, None if the event does not take place. Thresholds come from the config;
that of the dip is chosen here.

A single bad evaluation, a spike up or down, moves no event by more than one evaluation (the dip, a minimum, by two),
where ten or more follow the event: events are read from a running median, of three evaluations or of five for the dip,
in which the last evaluation counts once like all others, and a fit lasts if nine tenths of what follows are good. The
definitions that one evaluation can move anywhere are beside them. It moved a sustained fit from epoch 9 to 76 once.

Evaluations are counted as they come, not weighed by log epoch. In log epochs an early evaluation has more weight than
ten late ones, so that a single bad one could again decide; and evaluations are even in log epoch already, where the
config asks for so many per decade. Where it asks for every epoch, the share is one of epochs.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..catalogue.events import (
    MEMORIZATION_END,
    MEMORIZATION_ONSET,
    PERFECT_FIT_FIRST,
    PERFECT_FIT_SUSTAINED,
    SECOND_DESCENT_END,
    TEST_DIP,
)
from ..catalogue.scores import (
    MEMORIZATION_END_FIRST,
    MEMORIZATION_ONSET_FIRST,
    PERFECT_FIT_STRICT,
    SECOND_DESCENT_END_EDGE,
    TEST_ACCURACY_BEST,
    TEST_ACCURACY_END,
    TEST_DIP_DEPTH,
    TRAINED_BEYOND_FIT,
)
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import Phases

# Least fall and rise of test accuracy that count as a dip: about two standard errors of an accuracy of .8 on 1,000
# examples.
DIP = 0.025
# The second descent of the error ends when accuracy has regained this share of its loss.
RECOVERED = 0.9
# A fit lasts if this share of the evaluations from it on are good.
LASTING = 0.9
# In the order of the table of scores.
OF_HISTORY = (
    PERFECT_FIT_FIRST,
    PERFECT_FIT_SUSTAINED,
    MEMORIZATION_ONSET,
    MEMORIZATION_END,
    TEST_DIP,
    SECOND_DESCENT_END,
    TEST_DIP_DEPTH,
    TEST_ACCURACY_BEST,
    TEST_ACCURACY_END,
    TRAINED_BEYOND_FIT,
    PERFECT_FIT_STRICT,
    MEMORIZATION_ONSET_FIRST,
    MEMORIZATION_END_FIRST,
    SECOND_DESCENT_END_EDGE,
)
# Training this many times as long as its fit took leaves enough behind it to see what comes after.
ENOUGH = 3.0


def running_median(values: Array, width: int) -> Array:
    """Medians of ``width`` neighbouring evaluations, an odd number, centred: (n,) of (n,).

    Before the first evaluation, initialisation, the values are as it is. The last ``width // 2`` medians repeat the
    last whole one, so that no evaluation but initialisation counts twice.
    """
    half = width // 2
    padded = np.concatenate([np.full(half, values[0]), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, min(width, len(padded)))
    medians = np.median(windows, axis=1)
    repeated: Array = np.concatenate([medians, np.full(half, medians[-1])])[: len(values)]
    return repeated


def perfect_fit_first(epochs: Array, accuracy: Array) -> float | None:
    """The first epoch at which training accuracy is 1."""
    return _first(epochs, accuracy == 1.0)


def perfect_fit_sustained(epochs: Array, accuracy: Array, tolerance: float) -> float | None:
    """The first epoch of perfect fit from which ``LASTING`` of the evaluations are at ``tolerance`` or above.

    Perfect fit is a running median of three evaluations of 1.
    """
    good = np.cumsum((accuracy >= tolerance)[::-1])[::-1]
    lasts = good / np.arange(len(accuracy), 0, -1) >= LASTING
    return _first(epochs, (running_median(accuracy, 3) == 1.0) & lasts)


def perfect_fit_strict(epochs: Array, accuracy: Array, tolerance: float) -> float | None:
    """The first epoch of perfect fit from which every evaluation stays at ``tolerance`` or above."""
    below = np.flatnonzero(accuracy < tolerance)
    start = int(below[-1]) + 1 if len(below) else 0
    return _first(epochs[start:], accuracy[start:] == 1.0)


def reaches(epochs: Array, accuracy: Array, share: float) -> float | None:
    """The first epoch at which an accuracy rises to ``share`` or above.

    The initial value is no rise: with few classes, chance alone fits a quarter or half of the wrong labels.
    """
    from_below = np.logical_or.accumulate(accuracy < share)
    return _first(epochs, (accuracy >= share) & from_below)


def _first(epochs: Array, condition: Array) -> float | None:
    where = np.flatnonzero(condition)
    return float(epochs[where[0]]) if len(where) else None


def dip(epochs: Array, smooth: Array) -> tuple[float | None, float | None, float]:
    """The dip of epoch-wise double descent: the epochs of the dip and of the recovery, and the dip's depth.

    The depth of a moment is how far it lies below both the best before and the best after it. The dip is the deepest
    moment, if its depth is at least ``DIP``: test error peaks there. Its second descent ends when accuracy has risen
    ``RECOVERED`` of the way from the dip to the best after it. Both epochs are None if there is no dip.

    Args:
        epochs: (n,) of the evaluations.
        smooth: (n,) test accuracy, a running median of five.
    """
    before = np.maximum.accumulate(smooth)
    after = np.maximum.accumulate(smooth[::-1])[::-1]
    depth = np.minimum(before, after) - smooth
    deepest = int(depth.argmax())
    if not depth[deepest] >= DIP:
        return None, None, float(depth[deepest])
    enough = smooth[deepest] + RECOVERED * (after[deepest] - smooth[deepest])
    recovered = deepest + int(np.argmax(smooth[deepest:] >= enough - 1e-12))
    return float(epochs[deepest]), float(epochs[recovered]), float(depth[deepest])


def _median_that_repeats_the_last(values: Array) -> Array:
    """The running median of five in which the last evaluation counts three times."""
    padded = np.pad(values, 2, mode="edge")
    smooth: Array = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return smooth


def trained_beyond_fit(epochs: Array, fitted: float | None) -> float | None:
    """The last epoch in units of that of the sustained fit; None without one."""
    return float(epochs[-1]) / fitted if fitted else None


def enough_after_fit(epochs: Sequence[float], accuracy: Sequence[float], settings: Phases) -> tuple[int, str]:
    """A sentence on how long a run was trained after its fit, and the level at which a log says it.

    Args:
        epochs: of its evaluations.
        accuracy: training accuracy at these.
        settings: the section ``phases`` of the config.
    """
    fitted = perfect_fit_sustained(np.asarray(epochs), np.asarray(accuracy), settings.sustained)
    times = trained_beyond_fit(np.asarray(epochs), fitted)
    if fitted is None or times is None:
        return logging.WARNING, (
            f"never fitted perfectly for good, with training accuracy {max(accuracy):.3g} at best, so what needs a fit "
            "will be missing: raise `training.epochs`, or another rate may fit"
        )
    said = f"fitted at epoch {fitted:g}, trained to {epochs[-1]:g}, {times:.1f} times its fit"
    if times >= ENOUGH:
        return logging.INFO, said
    needed = math.ceil(ENOUGH * fitted)
    return logging.WARNING, f"{said}; {needed} epochs would be {ENOUGH:g} times: raise `training.epochs`"


def events(history: Mapping[str, Array], settings: Phases) -> dict[str, float | None]:
    """All events of a run.

    Args:
        history: the columns epoch, train_accuracy, mislabelled_accuracy and test_accuracy, NaN where they are not
            known; nothing may be mislabelled.
        settings: the section ``phases`` of the config.

    Returns:
        Event -> epoch, and score of the history -> value; ``catalogue`` declares the names. None for what did not take
        place, and for what cannot be known, because the history does not have the accuracy.
    """
    # An accuracy that is there at some evaluations only, as in other people's logs, is followed through these.
    train, wrong, test = (_known(history, name) for name in ("train_accuracy", "mislabelled_accuracy", "test_accuracy"))
    found: dict[str, float | None] = dict.fromkeys(OF_HISTORY)
    if len(train[0]):
        fitted = perfect_fit_sustained(*train, settings.sustained)
        found[PERFECT_FIT_FIRST] = perfect_fit_first(*train)
        found[PERFECT_FIT_SUSTAINED] = fitted
        found[PERFECT_FIT_STRICT] = perfect_fit_strict(*train, settings.sustained)
        found[TRAINED_BEYOND_FIT] = trained_beyond_fit(history["epoch"], fitted)
    if len(wrong[0]):
        epochs, accuracy = wrong
        memorized = running_median(accuracy, 3)
        found[MEMORIZATION_ONSET] = reaches(epochs, memorized, settings.onset)
        found[MEMORIZATION_END] = reaches(epochs, memorized, settings.end)
        found[MEMORIZATION_ONSET_FIRST] = reaches(epochs, accuracy, settings.onset)
        found[MEMORIZATION_END_FIRST] = reaches(epochs, accuracy, settings.end)
    if len(test[0]):
        epochs, accuracy = test
        found[TEST_DIP], found[SECOND_DESCENT_END], found[TEST_DIP_DEPTH] = dip(epochs, running_median(accuracy, 5))
        found[TEST_ACCURACY_BEST], found[TEST_ACCURACY_END] = float(accuracy.max()), float(accuracy[-1])
        found[SECOND_DESCENT_END_EDGE] = dip(epochs, _median_that_repeats_the_last(accuracy))[1]
    return found


def _known(history: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    """The evaluations at which an accuracy is known: their epochs, and its values."""
    there = np.isfinite(history[name])
    return history["epoch"][there], history[name][there]
