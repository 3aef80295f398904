"""A layer's trajectory through training: its similarity matrix at even distances of log epoch.

The schedule, and rounding to optimizer steps, decide where checkpoints lie. Even if change is even, a wide gap between
two of them looks like a jump, and a cluster like a phase. So a trajectory is the path that goes straight from each
checkpoint to the next in the kernel's feature space, sampled at even distances of log epoch: K = W S Wᵀ, where W are
the weights of linear interpolation. Change in a gap becomes a slope as wide as the gap; the data resolve nothing
sharper. If S is positive semidefinite, so is K. On an exactly log-spaced schedule K is S. Initialisation has no place
on a log axis; it is put one median distance before the first trained checkpoint (our choice).
"""

from __future__ import annotations

import numpy as np

from ..types import Array

MOST_POINTS = 200


def positions(epochs: Array) -> Array:
    """Positions of checkpoints, in decades of epochs.

    Args:
        epochs: (E,) ascending; the first may be 0, and at least two must be greater.
    """
    trained = np.log10(epochs[epochs > 0])
    if len(trained) == len(epochs):
        return trained
    before: Array = np.concatenate([[trained[0] - np.median(np.diff(trained))], trained])
    return before


def even_grid(position: Array) -> Array:
    """Evenly spaced points from the first position to the last, about the median distance of neighbours apart."""
    span = position[-1] - position[0]
    points = min(MOST_POINTS, max(4, round(float(span / np.median(np.diff(position)))) + 1))
    grid: Array = np.linspace(position[0], position[-1], points)
    return grid


def weights(grid: Array, position: Array) -> Array:
    """(points, E) weights of linear interpolation between checkpoints; rows sum to 1."""
    columns = [np.interp(grid, position, unit) for unit in np.eye(len(position))]
    W: Array = np.stack(columns, axis=1)
    return W


def even(S: Array, position: Array, grid: Array | None = None) -> Array:
    """A similarity matrix (E, E), interpolated at even distances: (points, points)."""
    W = weights(even_grid(position) if grid is None else grid, position)
    K: Array = W @ S @ W.T
    return K


def starts(of_grid: list[int], widths: list[float], grid: Array, position: Array) -> tuple[list[int], list[float]]:
    """The first checkpoints of phases, from their first grid points; drops phases without a checkpoint.

    A boundary lies half way between the last grid point of a phase and the first of the next.

    Args:
        of_grid: the first grid point of each phase.
        widths: of the boundary before each phase but the first; of two that become one, the narrower is kept.
        grid: (points,).
        position: (E,) of checkpoints.

    Returns:
        The first checkpoint of each phase, and widths as above.
    """
    first: dict[int, float] = {}
    for point, width in zip(of_grid[1:], widths, strict=True):
        index = int(np.searchsorted(position, (grid[point - 1] + grid[point]) / 2))
        if 0 < index < len(position):
            first[index] = min(width, first.get(index, width))
    return [0, *sorted(first)], [first[index] for index in sorted(first)]
