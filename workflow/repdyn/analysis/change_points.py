"""Phases of a trajectory, from its checkpoint-by-checkpoint similarity matrix alone.

Linear CKA and the agreement of labels are both cosine kernels: a similarity S[i, j] is an inner product of two unit
vectors, x_i and x_j. So distances, steps v_i = x_{i+1} − x_i and the scatter of segments follow from the matrix, and
kernel change-point detection (Harchaoui & Cappé 2007; Arlot et al. 2019) applies to it.

Segments explain variance of any trajectory that moves: D of them explain 1 − 1 / D² of an even drift along a straight
line, and more if it moves faster in the middle than at its ends. A phase is what has a narrow boundary. So a trajectory
is compared with itself at a smoothed pace (``slowed``): it takes the same way, but a step that is longer than the pace
around it has that pace's length. The pace around a step is a running median of log speed over ``REACH`` decades on
either side, so every pace that changes over more than that is reproduced exactly, whatever the shape of the way, and a
burst that is shorter is left out.

    excess(D) = largest, over segmentations, of variance explained by segments − that of the slowed trajectory

in shares of the trajectory's variance. This is a change-point problem for one matrix, the difference of two kernels,
because scatter is linear in the kernel; dynamic programming solves it exactly. Excess is called distinguishability: 1
for D clean blocks, the share of variance in blocks for blocks on a drift, and exactly 0 where no step sticks out. The
number of phases maximises excess(D) − (D − 1) · ``LEAST``.

A step sticks out if its log length lies ``OUTLYING`` scaled median absolute deviations above the pace around it, and if
it is ``FASTER`` times as long, both less noise. Independent noise of variance σ² at each checkpoint turns neighbouring
steps against each other, ⟨v_i, v_{i+1}⟩ = −σ², which steady drift and walks do not; so it is estimated from these, less
two standard errors, and taken out of the kernel.

Pace is per point of the matrix. Pass the matrix at even distances of log epoch (``trajectory.py``), so that pace is per
unit of log epoch (our choice) and the spacing of checkpoints creates no phases.

All constants were chosen by this table of simulated trajectories (``tests/benchmarks/calibration.py``; 12 points a
decade, 25, 31 and 35 of them, 600 trajectories of each law), before any run was scored by them: share with more than
one phase, and mean distinguishability of two. Beside blocks are an even drift and .05 noise, unless it says else.

============================= ===== ====
simulated                     share two
============================= ===== ====
drift, even                   .00   .00
drift, slows e⁶               .00   .00
drift, hastens e⁶             .00   .00
drift, bell 10 : 1            .01   .00
drift, two waves              .03   .00
drift, lognormal              .01   .00
walk in 3 directions          .07   .01
walk in 5 directions          .05   .01
walk in 10 directions         .00   .00
walk in 20 directions         .00   .00
walk in 50 directions         .00   .00
drift, even, .3 noise         .00   .00
noise alone                   .00   .00
2 blocks, .05 of variance     .36   .03
2 blocks, .1 of variance      .96   .14
2 blocks, .2 of variance      1.00  .25
3 blocks, .05 of variance     .19   .02
3 blocks, .1 of variance      .94   .10
3 blocks, .2 of variance      1.00  .16
2 blocks, .1, drift lognormal .96   .13
2 blocks, .2, drift lognormal 1.00  .25
2 blocks, .1, drift bell      .90   .15
2 blocks, .2, drift bell      1.00  .27
2 blocks, .1, walk in 20      .07   .01
2 blocks, .2, walk in 20      .89   .18
2 blocks, .1, .4 noise        .24   .03
2 blocks, .2, .4 noise        .81   .16
============================= ===== ====

- Fewer points resolve less. At 8 a decade blocks of .1 are found in .57 of the cases and those of .2 in .99, and walks
  in three directions have phases in .19; at 10 a decade .89, 1.00 and .16; at 24 a decade 1, 1 and .06.
- A smooth step (logistic in log epochs) counts if 10–90 % of it takes place within .4 decades. Widths are right, to the
  spacing of points, up to .15 decades; wider ones come out too narrow, because only their middle sticks out.
- The first and the last step cannot stick out, having no pace on one side: a block needs two points or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Array

MOST = 6  # phases
REACH = 0.3  # decades of epochs on either side whose median speed is the pace around a step
FASTER = 2.0  # times the pace around it is the least length of a step that sticks out
OUTLYING = 4.0  # scaled median absolute deviations of log speed from the pace
LEAST = 0.05  # share of the variance that a further phase must explain
NORMAL = 1.4826  # standard deviations of a normal law in one median absolute deviation


@dataclass(frozen=True)
class Phases:
    """The phases of a trajectory.

    Attributes:
        starts: the first point of each phase.
        widths: of each phase but the first, decades of epochs in which 10–90 % of the change beyond drift takes place
            with which it begins.
        distinguishability: for D = 2, 3, … phases.
    """

    starts: list[int]
    widths: list[float]
    distinguishability: dict[int, float]


def segmentations(K: Array, most: int = MOST) -> dict[int, tuple[list[int], float]]:
    """The best segmentation into D = 1 … ``most`` segments: D -> their first points, and how much they explain.

    Args:
        K: (E, E) symmetric, a kernel or a difference of kernels, without missing values.
        most: the largest D.

    Returns:
        What segments explain is the scatter of all points about their mean less that of each segment about its own,
        summed over points, in the units of ``K``.
    """
    E = len(K)
    cost = _costs(K)
    best, came_from = [cost[0]], []
    for _ in range(2, min(most, E) + 1):
        # Ways to end at a point (columns) with the last segment's first point (rows).
        ways = best[-1][:, None] + cost
        came_from.append(ways.argmin(0))
        best.append(ways.min(0))
    found = {}
    for D in range(1, len(best) + 1):
        starts, point = [], E
        for back in came_from[: D - 1][::-1]:
            point = int(back[point])
            starts.append(point)
        found[D] = ([0, *starts[::-1]], float(best[0][E] - best[D - 1][E]))
    return found


def _costs(K: Array) -> Array:
    """(E + 1, E + 1) scatter of points ``start`` to ``end``, excluded, about their mean; infinite if there are none."""
    E = len(K)
    sums = np.pad(K.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    diagonal = np.concatenate([[0.0], np.diagonal(K).cumsum()])
    corner = np.diagonal(sums)
    block = corner[None, :] - sums - sums.T + corner[:, None]
    length = np.subtract.outer(np.arange(E + 1), np.arange(E + 1)).T
    cost: Array = np.where(length > 0, diagonal[None, :] - diagonal[:, None] - block / np.maximum(length, 1), np.inf)
    return cost


def running_median(values: Array, reach: int) -> Array:
    """Medians of windows of up to ``reach`` values on either side, as many as both sides have, of the same length."""
    n = len(values)
    sides = np.minimum(np.minimum(np.arange(n), np.arange(n)[::-1]), reach)
    medians: Array = np.array([np.median(values[i - side : i + side + 1]) for i, side in enumerate(sides)])
    return medians


def pace_around(log_speed: Array, reach: int) -> Array:
    """The log pace around each step: a running median, and once more that of what it leaves (Tukey's twicing)."""
    once = running_median(log_speed, reach)
    return once + running_median(log_speed - once, reach)


def noise(V: Array) -> float:
    """The variance σ² of independent noise at each point, from the (E − 1, E − 1) Gram matrix of steps."""
    against = -np.diagonal(V, 1)
    if not len(against):
        return 0.0
    middle = float(np.median(against))
    error = NORMAL * float(np.median(np.abs(against - middle))) / np.sqrt(len(against))
    return float(max(0.0, middle - 2 * error))


def slowed(S: Array, spacing: float) -> tuple[Array, Array]:
    """Slow steps that stick out down to the pace around them.

    Args:
        S: (E, E) similarity, without missing values.
        spacing: decades of epochs between neighbouring points.

    Returns:
        The (E − 1, E − 1) Gram matrix of steps, less noise, and the factor of each step, at most 1, (E − 1,).
    """
    V = np.diff(np.diff(S, axis=0), axis=1)
    E = len(S)
    if not np.trace(V) > 0:
        return V, np.ones(E - 1)
    variance = noise(V)
    less = V - variance * (2 * np.eye(E - 1) - np.eye(E - 1, k=1) - np.eye(E - 1, k=-1))
    tiny = 1e-9 * np.trace(V)
    log_speed = np.log(np.maximum(np.diagonal(V), tiny)) / 2
    pace = pace_around(log_speed, max(2, round(REACH / spacing)))
    beyond = log_speed - pace
    deviation = NORMAL * float(np.median(np.abs(beyond - np.median(beyond))))
    squares, around = np.diagonal(less), np.maximum(np.exp(2 * pace) - 2 * variance, tiny)
    sticks_out = (beyond > OUTLYING * deviation) & (squares > FASTER**2 * around)
    factors: Array = np.sqrt(np.where(sticks_out, around / np.where(sticks_out, squares, 1.0), 1.0))
    return less, factors


def squared_distances(S: Array) -> Array:
    """(E, E) squared distances between the points of a kernel."""
    diagonal = np.diagonal(S)
    squares: Array = diagonal[:, None] + diagonal - 2 * S
    return squares


def _summed(steps: Array) -> Array:
    """(E, E) inner products of a trajectory's points, the first of them 0, from its steps', (E − 1, E − 1)."""
    K: Array = np.pad(steps.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return K


def width(beyond: Array, start: int, middle: int, end: int) -> float:
    """Points from where 10 % to where 90 % of the change from one segment to the next has taken place.

    Args:
        beyond: (E, E) inner products of what the trajectory has beyond its slowed self.
        start: the first point of the first segment.
        middle: that of the second.
        end: the first point after it.
    """
    along = beyond[:, middle:end].mean(1) - beyond[:, start:middle].mean(1)
    low, high = along[start:middle].mean(), along[middle:end].mean()
    if not high > low:
        return 0.0
    share = (along - low) / (high - low)
    left = next((i for i in range(middle - 1, start - 1, -1) if share[i] <= 0.1), start)
    right = next((i for i in range(middle, end) if share[i] >= 0.9), end - 1)
    # Straight between points.
    first = left + np.clip((0.1 - share[left]) / max(share[left + 1] - share[left], 1e-12), 0, 1)
    last = right - np.clip((share[right] - 0.9) / max(share[right] - share[right - 1], 1e-12), 0, 1)
    return float(max(last - first, 0.0))


def phases(S: Array, spacing: float) -> Phases:
    """The phases of a trajectory.

    Args:
        S: (E, E) similarity, without missing values.
        spacing: decades of epochs between neighbouring points.
    """
    V, factors = slowed(S, spacing)
    total = float(np.trace(S) - S.sum() / len(S))
    if not total > 0 or (factors == 1).all():
        return Phases([0], [], dict.fromkeys(range(2, min(MOST, len(S)) + 1), 0.0))
    difference = _summed(V * (1 - np.outer(factors, factors))) / total
    found = segmentations(difference)
    best = max(found, key=lambda D: found[D][1] - (D - 1) * LEAST)
    edges = [*found[best][0], len(S)]
    beyond = _summed(V * np.outer(1 - factors, 1 - factors))
    widths = [spacing * width(beyond, *edges[i : i + 3]) for i in range(best - 1)]
    return Phases(edges[:-1], widths, {D: explained for D, (_, explained) in found.items() if D > 1})
