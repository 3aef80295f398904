"""A layer's way through training: its similarity matrix, read at even distances of log epoch.

Where checkpoints lie is a matter of the schedule and of rounding to optimizer steps; a wide gap between two of them
shows as a jump, and a crowd of them as a phase, even where change is even. So a trajectory is read as the path, in the
kernel's feature space, that goes straight from each checkpoint to the next, and that path is read at even distances of
log epoch: K = W S Wᵀ, with W the weights of linear interpolation. Change that falls in a gap becomes a slope as wide as
the gap; nothing sharper is known of it. K of a positive semidefinite S is positive semidefinite. On an exactly
log-spaced schedule K is S. Initialisation, which no log axis has a place for, stands one typical distance before the
first trained checkpoint (chosen).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
MOST_POINTS = 200


def positions(epochs: Array) -> Array:
    """Where checkpoints stand, in decades of epochs.

    Args:
        epochs: (E,) ascending; the first may be 0, and two must be more than that.
    """
    trained = np.log10(epochs[epochs > 0])
    if len(trained) == len(epochs):
        return trained
    before: Array = np.concatenate([[trained[0] - np.median(np.diff(trained))], trained])
    return before


def even_grid(position: Array) -> Array:
    """Points at even distances from the first position to the last, about the median distance of neighbours apart."""
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
    """A similarity matrix (E, E) as it would be at even distances: (points, points)."""
    W = weights(even_grid(position) if grid is None else grid, position)
    K: Array = W @ S @ W.T
    return K


def starts(of_grid: list[int], grid: Array, position: Array) -> list[int]:
    """The first checkpoints of phases, from the first grid points of phases; a phase without a checkpoint is none.

    A boundary lies half way between the last grid point of a phase and the first of the next.
    """
    middles = [(grid[point - 1] + grid[point]) / 2 for point in of_grid[1:]]
    first = {int(np.searchsorted(position, middle)) for middle in middles}
    return [0, *sorted(index for index in first if 0 < index < len(position))]
