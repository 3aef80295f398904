"""Tests and intervals from sign flips of seeds, alone and jointly for several contrasts.

A seed's difference is equally likely to have either sign if its two runs are exchangeable, or if the law of differences
is symmetric about 0. So every pattern of signs is equally likely, and p is the share of patterns whose statistic is at
least as large as the observed one (Fisher 1935). With up to ``EXACT`` seeds all patterns are used, else as many random
ones as configured.

- p-value: two-sided; the statistic is ``|Σ d| / √(Σ d²)``, which orders patterns as the mean and as Student's t do.
- Interval: from the means of all subsets of the seeds. If the law is symmetric about its centre, each of the 2ⁿ
  intervals between neighbouring subset means holds the centre with probability 2⁻ⁿ (Hartigan 1969, "Using subsample
  values as typical values"). So the interval between the k-th smallest and the k-th largest covers exactly 1 − 2k / 2ⁿ:
  .969 for 6 seeds at .95 and .953 for 8. It holds the values that the test does not reject. For skewed laws it covers
  neither mean nor median exactly; ``tests/benchmarks/calibration.py`` prints how well.
- Adjusted p-value: step-down max-T (Westfall & Young 1993, algorithm 4.1). All contrasts are flipped by the same signs,
  so their dependence is kept, and the chance that any true null among them has an adjusted p of at most α is at most α.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..types import Array

EXACT = 14  # seeds; beyond them, signs are drawn
_TIE = 1e-9  # differences of rounding between statistics of order 1


def least_seeds(confidence: float) -> int:
    """The least number of seeds whose smallest p-value, 2 / 2ⁿ, is at most 1 − confidence."""
    return 1 + int(np.ceil(-np.log2(1 - confidence) - 1e-9))


def signs(n: int, resamples: int, seed: int) -> Array:
    """Patterns of signs, (patterns, n), the observed one first; each stands for its opposite, too."""
    if n <= EXACT:
        bits = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
        return 1.0 - 2.0 * bits
    drawn = np.random.default_rng(seed).integers(0, 2, (resamples, n))
    drawn[0] = 0
    return 1.0 - 2.0 * drawn


def statistic(d: Array, patterns: Array) -> Array:
    """``|Σ d| / √(Σ d²)`` under each pattern of signs, (patterns,); 0 if all differences are 0."""
    size = np.sqrt(np.square(d).sum())
    found: Array = np.abs(patterns @ d) / size if size > 0 else np.zeros(len(patterns))
    return found


def p_value(d: Array, resamples: int, seed: int) -> float:
    """The two-sided p-value of the mean of the seeds' differences ``d``, (n,)."""
    found = statistic(d, signs(len(d), resamples, seed))
    return float((found >= found[0] - _TIE).mean())


def p_above(d: Array, resamples: int, seed: int) -> float:
    """The one-sided p-value of a mean above 0 of the seeds' differences ``d``, (n,)."""
    sums = signs(len(d), resamples, seed) @ d
    tie = _TIE * np.sqrt(np.square(d).sum())
    return float((np.concatenate([sums, -sums]) >= sums[0] - tie).mean())


def interval(d: Array, confidence: float, resamples: int, seed: int) -> tuple[float, float] | None:
    """The interval of the centre of the seeds' differences ``d``, (n,); None below :func:`least_seeds`."""
    n = len(d)
    if n < least_seeds(confidence):
        return None
    if n <= EXACT:
        chosen = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
    else:
        chosen = np.random.default_rng(seed).integers(0, 2, (resamples, n))
        chosen = chosen[chosen.any(1)]
    means = np.sort(chosen @ d / chosen.sum(1))
    k = int((len(means) + 1) * (1 - confidence) / 2 + 1e-9)
    return float(means[k - 1]), float(means[-k])


def adjusted(contrasts: Sequence[pd.Series], resamples: int, seed: int) -> list[float]:
    """Step-down max-T p-values of several contrasts.

    Args:
        contrasts: the seeds' differences of each, indexed by seed; contrasts may lack seeds.
        resamples: number of patterns of signs, for more than ``EXACT`` seeds.
        seed: draws these.
    """
    if not contrasts:
        return []
    seeds = sorted(set().union(*(d.index for d in contrasts)))
    place = {seed: i for i, seed in enumerate(seeds)}
    patterns = signs(len(seeds), resamples, seed)
    columns = [statistic(d.to_numpy(dtype=float), patterns[:, [place[s] for s in d.index]]) for d in contrasts]
    T = np.stack(columns, axis=1)  # (patterns, contrasts)
    order = np.argsort(-T[0], kind="stable")
    # The largest statistic among a contrast and all those after it.
    largest = np.maximum.accumulate(T[:, order[::-1]], axis=1)[:, ::-1]
    raw = (largest >= T[0, order] - _TIE).mean(0)
    found = np.empty(len(contrasts))
    found[order] = np.maximum.accumulate(raw)
    return [float(p) for p in found]


def holm(p_values: Sequence[float]) -> list[float]:
    """Step-down Bonferroni p-values (Holm 1979), for tests that are not sign flips."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    found = np.empty(len(p))
    found[order] = np.minimum(np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))), 1.0)
    return [float(value) for value in found]
