"""Phases of a trajectory, from its checkpoint-by-checkpoint similarity matrix alone.

Linear CKA and the agreement of labels are both cosine kernels: a similarity S[i, j] is an inner product of two unit
vectors, so ‖x_i − x_j‖² = 2 − 2 S[i, j]. Kernel change-point detection (Harchaoui & Cappé 2007; Arlot et al. 2019)
therefore applies to the matrix as it stands: the cost of a segment is its scatter about its mean,
Σ S[i, i] − Σ S[i, j] / length, and dynamic programming (ruptures) finds the best segmentation for every number of
segments D.

Explained variance alone misleads: an even drift along a straight line is explained to about 1 − 1 / D² by D segments.
So every matrix is held against smooth drift with the same total change: squared distances are replaced by the means of
their diagonals, so that they depend on the time between two checkpoints alone, and no moment is unlike another.

    excess(D) = R²(D) − R²_drift(D),   distinguishability(D) = excess(D) / (1 − R²_drift(D))

is 1 for D clean blocks, less for noisy ones, 0 for even drift, and negative where change is more even than its mean.
The number of phases maximises excess(D) − (D − 1) · price, where another phase costs ``LEAST`` of the variance, or, if
that is more, what it could explain of noise alone: 2 f log(E) / (E − 1), of the form of Arlot et al., with f the share
of the variance that is noise from one checkpoint to the next. It is a criterion against drift and against noise.

Evenness is over the points of the matrix: hand it in as it is at even distances of log epoch (``trajectories.py``), so
that a rate of change is per unit of log epoch (chosen) and the spacing of checkpoints makes no phases.

Limits, measured on synthetic trajectories of 30 points (28 for the walks):

- The null is even drift, so a change of speed counts, sudden or smooth. Drift without any break whose speed falls
  smoothly by a factor of e² has one phase and distinguishability_2 .12; by e⁴, two phases and .31; a smooth S (logistic
  in time, width a tenth of training), two phases and .55. A score of that size alone shows no break.
- Of three clean blocks all are found if each has 3 points or more; with a shortest block of 2 points in .60 of the
  cases, of 1 in .28. Distinguishability does not depend on that choice.
- Random walks in few directions linger: the share with more than one phase is .9 in 3 directions, .68 in 5, .45 in
  10, .23 in 20, .03 in 50.
- The null's distances need not be those of any points. In the trials its R² stayed below 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import ruptures
from ruptures.base import BaseCost

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 6  # phases
# Another phase explains at least this share of the variance beyond drift. Chosen on synthetic drift, before any run: of
# random walks of 24 to 60 steps in 50 or more directions, straight drift added or not, about 1 in 20 has more phases
# than one; of walks in 20 directions, which do linger, up to 1 in 6.
LEAST = 0.05


class KernelCost(BaseCost):  # type: ignore[misc]
    """Scatter of a segment about its mean, from a precomputed kernel, in constant time by cumulative sums."""

    model = "precomputed kernel"
    min_size = 1

    def fit(self, signal: Array) -> KernelCost:
        """``signal`` is the (E, E) kernel."""
        self.signal = signal
        self._sums = np.pad(signal.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        self._diagonal = np.concatenate([[0.0], np.diagonal(signal).cumsum()])
        return self

    def error(self, start: int, end: int) -> float:
        """Cost of checkpoints ``start`` to ``end``, the latter excluded."""
        sums = self._sums
        block = sums[end, end] - sums[start, end] - sums[end, start] + sums[start, start]
        return float(self._diagonal[end] - self._diagonal[start] - block / (end - start))


def segmentations(S: Array, most: int = MOST) -> dict[int, tuple[list[int], float]]:
    """The best segmentation into D phases for D = 1 … ``most``: the phases' first checkpoints, and R².

    Args:
        S: (E, E) similarity, without missing values.
        most: the largest D.
    """
    E = len(S)
    cost = KernelCost().fit(S)
    total = cost.error(0, E)
    found = {1: ([0], 0.0)}
    search = ruptures.Dynp(custom_cost=cost, min_size=1, jump=1).fit(S)
    for D in range(2, min(most, E - 1) + 1):
        ends = search.predict(n_bkps=D - 1)
        starts = [0, *ends[:-1]]
        left = sum(cost.error(start, end) for start, end in zip(starts, ends, strict=True))
        found[D] = (starts, 1.0 - left / total if total > 0 else 0.0)
    return found


def smooth_drift(S: Array) -> Array:
    """A drift that is as fast on average, and even: squared distances are the means of their diagonals.

    Distances, not similarities: on the straight way between two unit vectors, points are shorter than one. What is
    returned is −1/2 times the squared distances, of which every segment has the cost that its kernel has.
    """
    E = len(S)
    squares = np.diagonal(S)[:, None] + np.diagonal(S) - 2 * S
    means = np.array([np.diagonal(squares, lag).mean() for lag in range(E)])
    i = np.arange(E)
    drift: Array = -means[np.abs(i[:, None] - i)] / 2
    return drift


def noise(S: Array) -> float:
    """The share of the variance that is noise, from second differences: ‖x₋ − 2 x + x₊‖² is 6 σ² for noise alone.

    Second differences, so that even drift does not count as noise; their median, so that jumps do not.
    """
    variance = KernelCost().fit(S).error(0, len(S)) / (len(S) - 1)
    diagonal, near, far = np.diagonal(S), np.diagonal(S, 1), np.diagonal(S, 2)
    bends = diagonal[:-2] + 4 * diagonal[1:-1] + diagonal[2:] - 4 * near[:-1] - 4 * near[1:] + 2 * far
    return float(min(1.0, max(0.0, np.median(bends)) / 6 / variance)) if variance > 0 else 1.0


def phases(S: Array) -> tuple[list[int], dict[int, float]]:
    """The phases of a trajectory.

    Args:
        S: (E, E) similarity, without missing values.

    Returns:
        The first checkpoint of each phase, and distinguishability for D = 2, 3, … phases.
    """
    E, found, drift = len(S), segmentations(S), segmentations(smooth_drift(S))
    excess = {D: found[D][1] - drift[D][1] for D in found}
    price = max(LEAST, 2 * noise(S) * np.log(E) / (E - 1))
    best = max(excess, key=lambda D: excess[D] - (D - 1) * price)
    scores = {D: excess[D] / (1 - drift[D][1]) for D in found if D > 1 and drift[D][1] < 1}
    return found[best][0], scores
