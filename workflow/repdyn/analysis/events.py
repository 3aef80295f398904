"""Events of a run: perfect fit, memorization, and the dip of test accuracy in epoch-wise double descent.

Turns a history into one epoch for each event, None if the event does not take place. Thresholds come from the config;
that of the dip is chosen here.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from ..catalogue.scores import TEST_ACCURACY_BEST, TEST_DIP_DEPTH
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import Phases

# Least fall and rise of test accuracy that count as a dip: about two standard errors of an accuracy of .8 on 1,000
# examples.
DIP = 0.025
# The second descent of the error ends when accuracy has regained this share of its loss.
RECOVERED = 0.9


def perfect_fit_first(epochs: Array, accuracy: Array) -> float | None:
    """The first epoch at which training accuracy is 1."""
    return _first(epochs, accuracy == 1.0)


def perfect_fit_sustained(epochs: Array, accuracy: Array, tolerance: float) -> float | None:
    """The first epoch of perfect fit from which training accuracy stays at ``tolerance`` or above."""
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


def dip(epochs: Array, accuracy: Array) -> tuple[float | None, float | None, float]:
    """The dip of epoch-wise double descent: the epochs of the dip and of the recovery, and the dip's depth.

    Accuracy is smoothed by a running median of five evaluations. The depth of a moment is how far it lies below both
    the best before and the best after it. The dip is the deepest moment, if its depth is at least ``DIP``: test error
    peaks there. Its second descent ends when accuracy has risen ``RECOVERED`` of the way from the dip to the best after
    it. Both epochs are None if there is no dip.
    """
    padded = np.pad(accuracy, 2, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    before = np.maximum.accumulate(smooth)
    after = np.maximum.accumulate(smooth[::-1])[::-1]
    depth = np.minimum(before, after) - smooth
    deepest = int(depth.argmax())
    if not depth[deepest] >= DIP:
        return None, None, float(depth[deepest])
    enough = smooth[deepest] + RECOVERED * (after[deepest] - smooth[deepest])
    recovered = deepest + int(np.argmax(smooth[deepest:] >= enough - 1e-12))
    return float(epochs[deepest]), float(epochs[recovered]), float(depth[deepest])


def events(history: Mapping[str, Array], settings: Phases) -> dict[str, float | None]:
    """All events of a run.

    Args:
        history: the columns epoch, train_accuracy, mislabelled_accuracy (NaN where nothing is mislabelled) and
            test_accuracy.
        settings: the section ``phases`` of the config.

    Returns:
        Event -> epoch, and score of the history -> value; ``catalogue`` declares the names.
    """
    epochs, train, wrong = history["epoch"], history["train_accuracy"], history["mislabelled_accuracy"]
    dip_epoch, recovered, depth = dip(epochs, history["test_accuracy"])
    return {
        PERFECT_FIT_FIRST: perfect_fit_first(epochs, train),
        PERFECT_FIT_SUSTAINED: perfect_fit_sustained(epochs, train, settings.sustained),
        MEMORIZATION_ONSET: reaches(epochs, wrong, settings.onset),
        MEMORIZATION_END: reaches(epochs, wrong, settings.end),
        TEST_DIP: dip_epoch,
        SECOND_DESCENT_END: recovered,
        TEST_DIP_DEPTH: depth,
        TEST_ACCURACY_BEST: float(np.nanmax(history["test_accuracy"])),
    }
