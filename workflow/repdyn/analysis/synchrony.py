"""Do the layers of a run change at the same times, more than layers of different runs do?

Any two layers that change fast at first and slowly later have similar times of change: the synchrony of independent
random walks is .96. So a run's layers are compared with those of other seeds, of the same architecture and optimizer,
which share the pace of training but no events of their own.

- s_ij: the mean, over ordered pairs of *different* layers, of the CKA of the double-centred checkpoint-by-checkpoint
  matrices, one layer of seed i against the other of seed j (symmetric in i and j).
- Synchrony beyond other seeds: x = (mean s_ii − mean s_ij) / (1 − mean s_ij), i ≠ j: 0 if layers of one run are no more
  alike than those of different runs, 1 if they change at exactly the same times.
- Is x above 0? If layers are independent, the seeds of each can be permuted without those of the others. The share of
  such permutations with an x at least as great is exact for any number of seeds and layers; beyond the configured
  number of permutations it is that of random ones, the observed one included.
- Between levels of a factor x is compared by the seeds' jackknife pseudo-values (Tukey 1958), n x − (n − 1) x₋ᵢ,
  because a seed alone has no x.

A single spike that all layers share carries x. So x is also computed without checkpoints at which training accuracy had
collapsed (``steady``), and every pair of seeds has its own x beside it (``pair_table``).

Time: one product of the (seeds × layers, points²) centred matrices for each cell. Memory: these matrices, in float64.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..catalogue.scores import SYNCHRONY_BEYOND, SYNCHRONY_STEADY
from ..types import Array
from . import common_checkpoints
from . import trajectory as paths_in_time
from .phases import LEAST_CHECKPOINTS, Trajectory

if TYPE_CHECKING:
    from ..config.sections import Findings

PAIR_COLUMNS = ["score", "seed_a", "seed_b", "synchrony", "beyond"]
LEAST_SEEDS = 3  # without one of them, a pair is left to be held against each other
COLLAPSED = 0.5  # share of the best training accuracy so far, below which it has collapsed


def likeness(matrices: Array) -> Array:
    """The CKA of the double-centred matrices of every two layers of any two seeds.

    Args:
        matrices: (seeds, layers, points, points), on the same checkpoints or grid.

    Returns:
        (seeds, layers, seeds, layers); NaN for a layer that never changes.
    """
    n, layers = matrices.shape[:2]
    centred = matrices - matrices.mean(-1, keepdims=True) - matrices.mean(-2, keepdims=True)
    centred = centred + matrices.mean((-1, -2), keepdims=True)
    flat = centred.reshape(n * layers, -1)
    norms = np.linalg.norm(flat, axis=1)
    units = flat / np.where(norms > 0, norms, np.nan)[:, None]
    found: Array = (units @ units.T).reshape(n, layers, n, layers)
    return found


def of_seeds(likenesses: Array) -> Array:
    """s_ij, (seeds, seeds): the mean of :func:`likeness` over pairs of different layers."""
    layers = likenesses.shape[1]
    by_pair = np.moveaxis(likenesses, 2, 1)  # (seeds, seeds, layers, layers)
    different = ~np.eye(layers, dtype=bool)
    s: Array = by_pair[:, :, different].mean(-1)
    return s


def beyond(s: Array) -> float:
    """x, the synchrony beyond other seeds, from s_ij, (seeds, seeds); at least two seeds."""
    n = len(s)
    own = np.trace(s) / n
    others = (s.sum() - np.trace(s)) / (n * (n - 1))
    return float((own - others) / (1 - others))


def pseudo_values(s: Array) -> Array:
    """Jackknife pseudo-values of x, (seeds,); at least three seeds."""
    n, x = len(s), beyond(s)
    without = [beyond(np.delete(np.delete(s, i, 0), i, 1)) for i in range(n)]
    return n * x - (n - 1) * np.array(without)


def p_value(likenesses: Array, resamples: int, seed: int) -> float:
    """The one-sided p-value of x > 0, from permutations of each layer's seeds."""
    n, layers = likenesses.shape[:2]
    # The sum over all pairs of seeds is the same under every permutation, so own pairs alone order them.
    if math.factorial(n) ** (layers - 1) <= resamples:
        one = np.array(list(itertools.permutations(range(n))))
        chosen = np.array(list(itertools.product(range(len(one)), repeat=layers - 1)))
        orders = np.concatenate([np.broadcast_to(np.arange(n), (len(chosen), 1, n)), one[chosen]], axis=1)
    else:
        random = np.random.default_rng(seed)
        orders = random.permuted(np.broadcast_to(np.arange(n), (resamples, layers, n)), axis=2)
        orders[0] = np.arange(n)
    own = np.zeros(len(orders))
    for one_layer, other in itertools.combinations(range(layers), 2):
        between = likenesses[:, one_layer, :, other]
        own += between[orders[:, one_layer], orders[:, other]].mean(1)
    return float((own >= own[_observed(orders)] - 1e-12).mean())


def _observed(orders: Array) -> int:
    """The place of the permutations that leave every seed where it is."""
    return int(np.flatnonzero((orders == np.arange(orders.shape[2])).all((1, 2)))[0])


def steady(epochs: Array, accuracy: Array, checkpoints: Array) -> Array:
    """Which checkpoints, (checkpoints,) bool, lie where training accuracy had not collapsed.

    Accuracy at a checkpoint is that of the last evaluation before it, or else of the first one. It has collapsed below
    ``COLLAPSED`` times the best until then.

    Args:
        epochs: (evaluations,) of the history, ascending.
        accuracy: (evaluations,), training accuracy.
        checkpoints: (checkpoints,) epochs.
    """
    best = np.maximum.accumulate(accuracy)
    last = np.maximum(0, np.searchsorted(epochs, checkpoints, side="right") - 1)
    found: Array = accuracy[last] >= COLLAPSED * best[last]
    return found


def pair_table(s: Array, seeds: Sequence[int]) -> pd.DataFrame:
    """One row for each pair of seeds: seed_a, seed_b, synchrony (s_ij), and beyond, their own x; null where a = b."""
    rows = []
    for (i, a), (j, b) in itertools.product(enumerate(seeds), repeat=2):
        pair = s[np.ix_([i, j], [i, j])]
        rows.append((a, b, float(s[i, j]), None if i == j else beyond(pair)))
    return pd.DataFrame(rows, columns=["seed_a", "seed_b", "synchrony", "beyond"])


def matrices(runs: Sequence[Sequence[Trajectory]], kept: Sequence[Array] | None = None) -> Array | None:
    """The layers' matrices at even distances of log epoch, (seeds, layers, points, points).

    Only checkpoints at which every layer of every run has a similarity are used, so that all have the same points; of
    runs with different checkpoints, those nearest to a common grid of log epochs (``common_checkpoints.py``).

    Args:
        runs: the layers of each seed's run, the same ones in the same order.
        kept: for each run, the steps of the checkpoints to use; None for all.

    Returns:
        None if fewer than ``LEAST_CHECKPOINTS`` are left.
    """
    usable: dict[int, dict[int, float]] = {}
    for seed, run in enumerate(runs):
        steps = [set(layer.steps.tolist()) for layer in run] + ([] if kept is None else [set(kept[seed].tolist())])
        everywhere = set.intersection(*steps)
        at = zip(run[0].steps.tolist(), run[0].epochs.tolist(), strict=True)
        usable[seed] = {step: epoch for step, epoch in at if step in everywhere}
    shared = common_checkpoints.common(usable)
    if len(shared.epochs) < LEAST_CHECKPOINTS:
        return None
    position = paths_in_time.positions(np.array(shared.epochs))
    found = []
    for seed, run in enumerate(runs):
        there = [np.flatnonzero(np.isin(layer.steps, shared.steps[seed])) for layer in run]
        found.append(
            [paths_in_time.even(layer.S[np.ix_(at, at)], position) for layer, at in zip(run, there, strict=True)]
        )
    return np.array(found)


def of_cell(
    runs: Mapping[int, Sequence[Trajectory]], steady_steps: Mapping[int, Array], settings: Findings
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Synchrony beyond other seeds of one architecture and optimizer under one measure, with and without collapses.

    Args:
        runs: seed -> the layers of its body; at least two layers, the same for each seed.
        steady_steps: seed -> the steps of checkpoints at which training accuracy had not collapsed.
        settings: the section ``findings`` of the config.

    Returns:
        The seeds' pseudo-values (seed, score, value), a row for each pair of seeds (score and the columns of
        :func:`pair_table`), and score -> p; all empty below ``LEAST_SEEDS``.
    """
    of_seeds_rows, of_pairs, p_values = [], [], {}
    seeds = sorted(runs)
    for score, kept in ((SYNCHRONY_BEYOND, None), (SYNCHRONY_STEADY, [steady_steps[seed] for seed in seeds])):
        there = matrices([runs[seed] for seed in seeds], kept) if len(seeds) >= LEAST_SEEDS else None
        if there is None or there.shape[1] < 2:
            continue
        alike = likeness(there)
        if np.isnan(alike).any():  # a layer that never changes has no times of change
            continue
        s = of_seeds(alike)
        of_seeds_rows.append(pd.DataFrame({"seed": seeds, "score": score, "value": pseudo_values(s)}))
        of_pairs.append(pair_table(s, seeds).assign(score=score))
        p_values[score] = p_value(alike, settings.resamples, settings.seed)
    return _joined(of_seeds_rows, ["seed", "score", "value"]), _joined(of_pairs, PAIR_COLUMNS), p_values


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
