"""Phases of a trajectory, from its checkpoint-by-checkpoint similarity matrix alone.

Linear CKA and the agreement of labels are both cosine kernels: a similarity S[i, j] is an inner product of two unit
vectors, so ‖x_i − x_j‖² = 2 − 2 S[i, j]. Kernel change-point detection (Harchaoui & Cappé 2007; Arlot et al. 2019)
therefore applies to the matrix as it stands: the cost of a segment is its scatter about its mean,
Σ S[i, i] − Σ S[i, j] / length, and dynamic programming (ruptures) finds the best segmentation for every number of
segments D.

Explained variance alone misleads: an even drift along a straight line is explained to about 1 − 1 / D² by D segments.
So every matrix is held against a smooth drift with the same total change, whose pace rises or falls evenly
(``smooth_drift``): squared distances depend on the way between two moments alone, and no moment is unlike another.

    excess(D) = R²(D) − R²_drift(D),   distinguishability(D) = excess(D) / (1 − R²_drift(D))

is 1 for D clean blocks, less for noisy ones, about 0 for smooth drift, and negative where change is more even than its
mean. The number of phases maximises excess(D) − (D − 1) · price, where another phase costs ``LEAST`` of the variance,
or, if that is more, what it could explain of noise alone: 2 f log(E) / (E − 1), of the form of Arlot et al., with f the
share of the variance that is noise from one checkpoint to the next. It is a criterion against drift and against noise.

Pace is that over the points of the matrix: hand it in as it is at even distances of log epoch (``trajectory.py``), so
that a rate of change is per unit of log epoch (chosen) and the spacing of checkpoints makes no phases.

Limits, measured on synthetic trajectories of 30 points (28 for the walks):

- Drift without any break whose speed falls or rises by a factor of up to e⁶ = 400 has one phase, and distinguishability
  of at most .02 for two phases, .03 for three. A smooth S (logistic in time) counts as two phases by its steepness:
  .25, .55 and .80 for a width of a fifth, a tenth and a twentieth of training.
- Of three clean blocks all are found if each has 3 points or more; with a shortest block of 2 points in .61 of the
  cases, of 1 in .14. Distinguishability does not depend on that choice.
- Random walks in few directions linger: the share with more than one phase is .88 in 3 directions, .82 in 5, .50 in
  10, .17 in 20, .01 in 50; two-phase distinguishability is .23 on average in 3 directions, .09 in 10, .00 in 50, −.04
  in 300.
- The null's distances need not be those of any points. In the trials its R² stayed below 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import ruptures
from ruptures.base import BaseCost

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 6  # phases
# Logarithms of how many times faster smooth drift may be at one end than at the other; beyond e⁶ = 400 it is a jump.
PACES = np.linspace(-6.0, 6.0, 49)
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


def squared_distances(S: Array) -> Array:
    """(E, E) squared distances between the points of a kernel."""
    diagonal = np.diagonal(S)
    squares: Array = diagonal[:, None] + diagonal - 2 * S
    return squares


def smooth_drift(S: Array) -> Array:
    """A drift that changes as much over all, at a pace that rises or falls evenly.

    Where a drift stands at time t in [0, 1] is u(t) = (1 − exp(−k t)) / (1 − exp(−k)): its speed falls exp(k)-fold over
    the trajectory. For a given k the matrix is read at even distances of u, squared distances are replaced by the means
    of their diagonals, and are read back at the points' own places; k is the one that comes closest to the matrix, by
    least squares. k = 0 is even drift.

    Distances, not similarities: on the straight way between two unit vectors, points are shorter than one. What is
    returned is −1/2 times the squared distances, of which every segment has the cost that its kernel has.
    """
    squares = squared_distances(S)
    candidates = [_drift(squares, _places(k, len(S))) for k in PACES]
    best = min(candidates, key=lambda drift: float(np.square(drift - squares).sum()))
    return -best / 2


def _places(k: float, E: int) -> Array:
    """(E,) where a drift stands, from 0 to 1, whose speed falls exp(k)-fold."""
    t = np.linspace(0.0, 1.0, E)
    places: Array = t if k == 0 else np.expm1(-k * t) / np.expm1(-k)
    return places


def _drift(squares: Array, places: Array) -> Array:
    """(E, E) squared distances that depend on the way between two places alone: their means over ways as long."""
    ways = np.abs(places[:, None] - places)
    lag = np.rint(ways * (len(places) - 1)).astype(int).ravel()
    lag[ways.ravel() == 0] = -1
    counts = np.bincount(lag + 1)
    there = counts > 0
    mean_way, mean_square = (np.bincount(lag + 1, values.ravel())[there] / counts[there] for values in (ways, squares))
    drift: Array = np.interp(ways, mean_way, mean_square)
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
