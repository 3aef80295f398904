"""A run against its twin: the same run without wrong labels, with the same initialisation, order and images.

A run with wrong labels fits later than its twin. What is measured in a window of the run is therefore ambiguous in the
twin: at the same epochs, or at the same stage of fitting, or in between. So the twin's window is shifted, in decades of
epochs, by λ (log fit of the twin − log own fit) for each λ of ``SHIFTS``. A difference that is there at every λ is not
made by the twin being ahead.

The test over shifts is an intersection-union test (Berger 1982): each λ has an exact one-sided sign-flip test over
seeds, and p is the largest of the five. So it is at most as often too small as that of the one λ, whichever it is, at
which the difference is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..catalogue.factors import WRONG_LABELS
from ..types import Array
from . import sign_flips

SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # λ: 0 at the same epochs, 1 at the same stage of fitting
NOISE = "label_noise"  # the setting of data that is 0 in a twin


def without_wrong_labels(levels: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The twin of each level of the data with wrong labels: a level without, that is equal to it in all else.

    Args:
        levels: of the data -> their settings, with a fraction ``label_noise`` of wrong labels.

    Runs of such levels with the same architecture, optimizer and seed are twins: what draws images and order does not
    depend on which labels are wrong. A level without a twin is not there; of several twins the first is taken.
    """
    found = {}
    for name, settings in levels.items():
        if settings[NOISE] > 0:
            alike = [other for other, of in levels.items() if of[NOISE] == 0 and _else(of) == _else(settings)]
            if alike:
                found[name] = alike[0]
    return found


def _else(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in WRONG_LABELS}


@dataclass(frozen=True)
class Against:
    """A number of a run in a window, and that of its twin in each of the twin's windows.

    Attributes:
        run: None without a window.
        twin: at each of ``SHIFTS``; None where the window is not within the twin's checkpoints, or its fit is not
            known. The first is at the same epochs.
        reason: why what is needed is not there; None if it is.
    """

    run: float | None
    twin: tuple[float | None, ...]
    reason: str | None

    @classmethod
    def nothing(cls, reason: str) -> Against:
        """No number, and why."""
        return cls(None, (None,) * len(SHIFTS), reason)

    @property
    def value(self) -> float | None:
        """The run's number less the twin's at the same epochs."""
        return None if self.run is None or self.twin[0] is None else self.run - self.twin[0]

    @property
    def differences(self) -> tuple[float, ...] | None:
        """The same at each of ``SHIFTS``; None if one is missing."""
        if self.run is None or None in self.twin:
            return None
        return tuple(self.run - other for other in self.twin if other is not None)


@dataclass(frozen=True)
class AtEveryShift:
    """Whether the seeds' differences are above 0 at every shift of the twin's window.

    Attributes:
        estimate: the least, over shifts, of the mean over seeds; None without seeds.
        shift: at which that is.
        ci_low, ci_high: from the lowest end to the highest of the five intervals, which holds each of the five centres
            with the configured probability; None with too few seeds.
        p_value: the largest of the five; None without seeds.
        n_seeds: replicates.
    """

    estimate: float | None
    shift: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    n_seeds: int


def windows(start: float, end: float, fit: float, fit_of_twin: float) -> list[tuple[float, float]]:
    """The twin's windows, in decades of epochs, one for each of ``SHIFTS``.

    Args:
        start: of the run's window, an epoch above 0.
        end: of the run's window, an epoch.
        fit: of the run, an epoch above 0.
        fit_of_twin: an epoch above 0.
    """
    ahead = np.log10(fit_of_twin) - np.log10(fit)
    first, last = float(np.log10(start)), float(np.log10(end))
    return [(first + shift * ahead, last + shift * ahead) for shift in SHIFTS]


def test(differences: Array, confidence: float, resamples: int, seed: int) -> AtEveryShift:
    """Test whether the differences of run and twin are above 0 at every shift.

    Args:
        differences: (seeds, shifts).
        confidence: of the intervals.
        resamples: number of patterns of signs where there are too many for all.
        seed: draws these.
    """
    if not len(differences):
        return AtEveryShift(None, None, None, None, None, 0)
    means = differences.mean(axis=0)
    least = int(means.argmin())
    ends = [sign_flips.interval(d, confidence, resamples, seed) for d in differences.T]
    there = np.array([end for end in ends if end is not None])
    return AtEveryShift(
        float(means[least]),
        SHIFTS[least],
        float(there[:, 0].min()) if len(there) else None,
        float(there[:, 1].max()) if len(there) else None,
        max(sign_flips.p_above(d, resamples, seed) for d in differences.T),
        len(differences),
    )
