"""Phases of a trajectory, from its checkpoint-by-checkpoint similarity matrix alone.

Linear CKA and the agreement of labels are both cosine kernels: a similarity S[i, j] is an inner product of two unit
vectors, so ‖x_i − x_j‖² = 2 − 2 S[i, j]. So kernel change-point detection (Harchaoui & Cappé 2007; Arlot et al. 2019)
applies to the matrix directly. The cost of a segment is its scatter about its mean, Σ S[i, i] − Σ S[i, j] / length.
Dynamic programming (ruptures) finds the best segmentation for every number of segments D.

Explained variance alone misleads: D segments explain about 1 − 1 / D² of an even drift along a straight line. So every
matrix is compared with a null model: a smooth drift with the same total change, whose pace rises or falls evenly
(``smooth_drift``). Its squared distances depend only on the path length between two moments, so no moment stands out.

    excess(D) = R²(D) − R²_drift(D),   distinguishability(D) = excess(D) / (1 − R²_drift(D))

Distinguishability is 1 for D clean blocks, less for noisy ones, about 0 for smooth drift, and negative if segments
explain less of the trajectory than of the drift. The number of phases maximises excess(D) − (D − 1) · price. The price
of a phase is ``LEAST`` of the variance or, if greater, the variance that a phase could explain of noise alone:
2 f log(E) / (E − 1) (the form of Arlot et al.), where f is the share of the variance that is noise between neighbouring
checkpoints. The price guards against drift and against noise.

Pace is per point of the matrix. Pass the matrix at even distances of log epoch (``trajectory.py``), so that pace is per
unit of log epoch (our choice) and the spacing of checkpoints creates no phases.

Limits, measured on synthetic trajectories of 30 points (28 for the walks):

- Drift without breaks whose speed changes by a factor of up to e⁶ = 400 has one phase, and distinguishability of at
  most .02 for two phases and .03 for three. A smooth S (logistic in time) scores as two phases according to its
  steepness: .25, .55 and .80 for a width of a fifth, a tenth and a twentieth of training.
- Three clean blocks are all found if each has 3 points or more; if the shortest has 2 points, in .61 of the cases; if
  it has 1, in .14. Distinguishability does not depend on that choice.
- Random walks in few directions linger: the share with more than one phase is .88 in 3 directions, .82 in 5, .50 in
  10, .17 in 20, .01 in 50. Mean two-phase distinguishability is .23 in 3 directions, .09 in 10, .00 in 50, −.04 in 300.
- The null's distances need not be those of any points. In the trials its R² stayed below 1.
"""

from __future__ import annotations

import numpy as np
import ruptures
from ruptures.base import BaseCost

from ..types import Array

MOST = 6  # phases
# Log ratios of the speeds of smooth drift at its two ends; beyond e⁶ = 400 it is a jump.
PACES = np.linspace(-6.0, 6.0, 49)
# Least share of the variance that a further phase must explain beyond drift. Chosen on synthetic drift, before any run:
# about 1 in 20 random walks of 24 to 60 steps in 50 or more directions, with or without straight drift, has more than
# one phase; up to 1 in 6 walks in 20 directions, which do linger.
LEAST = 0.05


class KernelCost(BaseCost):  # type: ignore[misc]
    """Scatter of a segment about its mean, from a precomputed kernel, in constant time by cumulative sums."""

    model = "precomputed kernel"
    min_size = 1

    def fit(self, signal: Array) -> KernelCost:
        """Set the (E, E) kernel, ``signal``."""
        self.signal = signal
        self._sums = np.pad(signal.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        self._diagonal = np.concatenate([[0.0], np.diagonal(signal).cumsum()])
        return self

    def error(self, start: int, end: int) -> float:
        """Cost of checkpoints ``start`` to ``end``, ``end`` excluded."""
        sums = self._sums
        block = sums[end, end] - sums[start, end] - sums[end, start] + sums[start, start]
        return float(self._diagonal[end] - self._diagonal[start] - block / (end - start))


def segmentations(S: Array, most: int = MOST) -> dict[int, tuple[list[int], float]]:
    """The best segmentation into D = 1 … ``most`` phases: D -> the phases' first checkpoints, and R².

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
    """Fit a drift with the same total change, at a pace that rises or falls evenly.

    The position of a drift at time t in [0, 1] is u(t) = (1 − exp(−k t)) / (1 − exp(−k)): its speed falls exp(k)-fold
    over the trajectory. For each k, squared distances are averaged over pairs with the same distance in u, and
    interpolated at the points. The k that comes closest to the matrix in least squares is chosen. k = 0 is even drift.

    The fit is of distances, not similarities: points on the line between two unit vectors are shorter than one. Returns
    −1/2 times the squared distances, (E, E): every segment has the same cost as with a kernel of these distances.
    """
    squares = squared_distances(S)
    candidates = [_drift(squares, _places(k, len(S))) for k in PACES]
    best = min(candidates, key=lambda drift: float(np.square(drift - squares).sum()))
    return -best / 2


def _places(k: float, E: int) -> Array:
    """(E,) positions, from 0 to 1, of a drift whose speed falls exp(k)-fold."""
    t = np.linspace(0.0, 1.0, E)
    places: Array = t if k == 0 else np.expm1(-k * t) / np.expm1(-k)
    return places


def _drift(squares: Array, places: Array) -> Array:
    """(E, E) squared distances, averaged over pairs of places at the same distance."""
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

    Second differences do not count even drift as noise, and their median does not count jumps.
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
