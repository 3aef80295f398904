"""The checkpoints at which runs can be compared: all of them, or those nearest to a common grid of log epochs.

Runs that are trained here have the same checkpoints. Runs that were recorded elsewhere may have different ones, and
gaps. The grid then has the epochs of the run that has fewest in the span that all have, and each run its checkpoint
that is nearest in log epoch. An epoch of the grid is left out if a run's nearest checkpoint is further from it than
``FURTHEST``, or than half the way to the next epoch of the grid, so that no checkpoint stands for two epochs. Of runs
with the same schedule, some of whose checkpoints are missing, those that all have are left.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..errors import RepdynError
from ..types import Array

Key = TypeVar("Key", bound=Hashable)
FURTHEST = 0.1  # decades of epochs


@dataclass(frozen=True)
class Common:
    """Checkpoints at which runs are compared.

    Attributes:
        epochs: of the grid, ascending.
        steps: run -> its optimizer steps, one for each epoch.
        is_grid: whether runs have different checkpoints, so that ``epochs`` are those of a grid.
    """

    epochs: tuple[float, ...]
    steps: Mapping[Any, tuple[int, ...]]
    is_grid: bool


def common(runs: Mapping[Key, Mapping[int, float]]) -> Common:
    """Find the checkpoints at which runs can be compared.

    Args:
        runs: run -> optimizer step -> epoch, ascending; initialisation is epoch 0.

    Returns:
        No epochs at all where none is common.
    """
    of_runs = {run: (list(steps), np.array(list(steps.values()), dtype=np.float64)) for run, steps in runs.items()}
    first = next(iter(of_runs.values()))
    if all(steps == first[0] and np.array_equal(epochs, first[1]) for steps, epochs in of_runs.values()):
        return Common(tuple(first[1].tolist()), {run: tuple(steps) for run, (steps, _) in of_runs.items()}, False)
    later = {run: epochs[epochs > 0] for run, (_, epochs) in of_runs.items()}
    near_enough = 10**FURTHEST
    start = max(epochs[0] if len(epochs) else np.inf for epochs in later.values()) / near_enough
    end = min((epochs[-1] if len(epochs) else 0.0) for epochs in later.values()) * near_enough
    grid = min((epochs[(epochs >= start) & (epochs <= end)] for epochs in later.values()), key=len)
    near = {run: _nearest(epochs, grid) for run, epochs in later.items()}
    kept = np.all([of_run >= 0 for of_run in near.values()], axis=0)
    with_start = all(len(epochs) and epochs[0] == 0 for _, epochs in of_runs.values())
    steps = {}
    for run, (all_steps, epochs) in of_runs.items():
        positions = near[run][kept] + int((epochs == 0).sum())
        steps[run] = tuple(all_steps[place] for place in [*([0] if with_start else []), *positions])
    return Common((*([0.0] if with_start else []), *grid[kept].tolist()), steps, True)


def needed(runs: Mapping[Key, Mapping[int, float]]) -> Common:
    """As :func:`common`; raises a RepdynError where runs have no epoch in common."""
    found = common(runs)
    if not found.epochs:
        spans = [f"{run}, epoch {min(of.values()):g} to {max(of.values()):g}" for run, of in runs.items()]
        raise RepdynError(
            f"These runs have checkpoints at no common epoch, so they cannot be compared: {'; '.join(spans)}; put them "
            "into studies of their own."
        )
    return found


def _nearest(epochs: Array, grid: Array) -> Array:
    """The positions in ``epochs`` that are nearest to the grid in log epoch; -1 where none is near enough."""
    if not len(grid):
        return np.empty(0, dtype=np.int64)
    distance = np.abs(np.log(grid)[:, None] - np.log(epochs)[None])
    gaps = np.diff(np.log(grid))
    half = np.minimum(np.append(np.inf, gaps), np.append(gaps, np.inf)) / 2
    found: Array = np.where(distance.min(axis=1) < np.minimum(half, FURTHEST * np.log(10)), distance.argmin(axis=1), -1)
    return found


def said(commons: Mapping[str, Common]) -> dict[str, Any]:
    """What a table that compares runs says of its grids in its metadata: nothing where all have the same checkpoints.

    Args:
        commons: what was compared, in words -> at which checkpoints.
    """
    grids = {
        words: {"epochs": list(found.epochs), "steps": {str(run): list(steps) for run, steps in found.steps.items()}}
        for words, found in commons.items()
        if found.is_grid
    }
    return {"common_checkpoints": grids} if grids else {}
