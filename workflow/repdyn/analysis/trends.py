"""Trends of a score over a numeric factor: width, fraction of wrong labels, learning rate, patch size.

Turns one number for each seed and level into the mean slope over seeds on log10 of the level. Each seed has its own
least-squares slope, so what seeds differ in by a constant does not matter. A slope is per decade of the level.

Two things can make a slope that is no trend, and each has a test that is exact for it:

- *Seeds.* The slopes' signs are flipped. That is exact if slopes are symmetric about 0. It says whether these very
  levels have a slope. The interval, from subset means, is of this kind, too.
- *Levels.* If each level has an effect of its own, the same in all seeds and whatever its value, some slope is there in
  every seed. Flips then find a "trend" in most studies, and so would permutations of the levels within each seed, which
  are exact only without such effects. So the levels are permuted alike in all seeds. That is exact if the levels could
  be exchanged, with effects of their own or without.

p is the larger of the two: it is small only where the levels' values, not the levels alone, order the scores. Few
levels have few orders, so that p is at least 2 / 3! = .33 for three levels, .083 for four, .017 for five, and half of
that for a trend of a declared direction. Three levels, and four without a declared direction, can show a slope, with
its interval, but not that it is a trend.

A level of 0 or below has no logarithm. It is left out of the trend and named; such a level is compared apart.

Counted on simulated studies of six and of eight seeds (``tests/benchmarks/calibration.py --factors``;
``docs/factors.md`` has the table): where levels have effects of their own, of two standard deviations of a run, flips
alone find a trend in .5 to .7 of the studies, and p is at most .05 as often as it may be. A trend of two standard
deviations from the smallest level to the largest is found in .5 and .8 of the studies with five levels, and in .7 and
.9 with six.

A score that rises and falls again has no trend. Where it is largest is described (``peak``), and not tested: of a flat
score, too, the largest of several noisy levels lies somewhere inside in most seeds.

Time: negligible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..types import Array
from . import sign_flips
from .level_orders import orders
from .numeric_factors import LEAST_LEVELS

_TIE = 1e-9  # differences of rounding between slopes, relative to the largest


@dataclass(frozen=True)
class Trend:
    """The trend of a score over a numeric factor.

    Attributes:
        estimate: mean over seeds of the slope, in units of the score per decade of the level; None without seeds.
        ci_low, ci_high: of the slope over these levels; None with too few seeds.
        p_value: the larger of the next two; None where one is.
        p_flips: of the seeds' slopes, by sign flips; None below two seeds.
        p_levels: of the mean slope, levels permuted alike in all seeds.
        of_seeds: each seed's slope.
        levels: that the trend is over, ascending.
        left_out: levels without a logarithm, ascending.
        reason: why p cannot be small enough; None if it can.
    """

    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    p_flips: float | None
    p_levels: float | None
    of_seeds: dict[int, float]
    levels: tuple[float, ...]
    left_out: tuple[float, ...]
    reason: str | None


def trend(frame: pd.DataFrame, confidence: float, resamples: int, seed: int, *, rising: bool = False) -> Trend:
    """Test whether a score goes up or down with the logarithm of a factor.

    Args:
        frame: ``seed``, ``level`` (a number) and ``value``; several values of a seed at a level are averaged, and rows
            without a value are left out. Seeds with fewer than ``LEAST_LEVELS`` levels above 0 are left out.
        confidence: of the interval; p is to be at most 1 − confidence.
        resamples: number of sign flips or permutations where there are too many for all.
        seed: draws these.
        rising: whether the trend was declared to rise before the runs; p is one-sided then.
    """
    wide = _wide(frame)
    at = wide.columns.to_numpy(dtype=float)
    left_out = tuple(at[at <= 0].tolist())
    wide = wide.loc[:, at > 0]
    of_enough = wide[wide.notna().sum(axis=1) >= LEAST_LEVELS].dropna(axis="columns", how="all")
    levels = tuple(of_enough.columns.to_numpy(dtype=float).tolist())
    if not levels:
        few = f"{wide.shape[1]} levels above 0, {LEAST_LEVELS} are needed"
        reason = few if wide.shape[1] < LEAST_LEVELS else f"no seed has {LEAST_LEVELS} levels above 0"
        return Trend(None, None, None, None, None, None, {}, levels, left_out, f"not testable: {reason}")
    x, Y = np.log10(levels), of_enough.to_numpy(dtype=float)
    of_seeds = slopes(x, Y)
    n = len(of_seeds)
    flips = sign_flips.p_above if rising else sign_flips.p_value
    p_flips = flips(of_seeds, resamples, seed) if n > 1 else None
    p_levels = permuted(x, Y, resamples, seed, rising=rising)
    low, high = sign_flips.interval(of_seeds, confidence, resamples, seed) or (None, None)
    return Trend(
        float(of_seeds.mean()),
        low,
        high,
        None if p_flips is None else max(p_flips, p_levels),
        p_flips,
        p_levels,
        dict(zip(of_enough.index.tolist(), of_seeds.tolist(), strict=True)),
        levels,
        left_out,
        _reason(n, len(levels), confidence, rising),
    )


def _wide(frame: pd.DataFrame) -> pd.DataFrame:
    """Seeds × levels, both ascending, without rows and columns that have no value at all."""
    return frame.pivot_table(index="seed", columns="level", values="value", aggfunc="mean")


def _reason(seeds: int, levels: int, confidence: float, rising: bool) -> str | None:
    """Why p cannot be at most 1 − confidence; None if it can."""
    sides = 1 if rising else 2
    least = {"seeds": sides / 2**seeds, "levels": sides / math.factorial(levels)}
    for of, number in (("seeds", seeds), ("levels", levels)):
        if least[of] > 1 - confidence + 1e-12:
            return f"too few {of}: with {number} of them p is at least {min(least[of], 1.0):.2g}"
    return None


def slopes(x: Array, Y: Array) -> Array:
    """Least-squares slopes of the rows of Y on x: (…,).

    Args:
        x: (levels,).
        Y: (…, levels), NaN where there is no value; two values of a row at least are needed.
    """
    there = np.isfinite(Y)
    X = np.where(there, x, 0.0)
    centred = np.where(there, X - X.sum(-1, keepdims=True) / there.sum(-1, keepdims=True), 0.0)
    found: Array = (centred * np.where(there, Y, 0.0)).sum(-1) / np.square(centred).sum(-1)
    return found


def permuted(x: Array, Y: Array, resamples: int, seed: int, *, rising: bool) -> float:
    """The p of a mean slope as large if the levels are permuted, alike in all seeds.

    Args:
        x: (levels,) log levels.
        Y: (seeds, levels), NaN where there is no value; two values of a seed at least are needed.
        resamples: if there are more orders, so many random ones are taken, the observed one among them.
        seed: draws these.
        rising: whether only a slope upwards counts.
    """
    permutations = np.array(list(orders(len(x), resamples, seed)))
    of_orders = slopes(x, Y[:, permutations]).mean(axis=0)
    size = of_orders if rising else np.abs(of_orders)
    return float((size >= size[0] - _TIE * np.abs(of_orders).max()).mean())


@dataclass(frozen=True)
class Peak:
    """Where a score is largest over the levels of a numeric factor. A description: it has no test.

    Attributes:
        of_seeds: each seed's level of the largest value; of equal ones the smallest.
        median: level; of two middle ones the smaller.
        least, greatest: levels.
        at_edge: number of seeds whose largest value lies at the smallest or largest level that they have, so that it
            may be no peak.
    """

    of_seeds: dict[int, float]
    median: float
    least: float
    greatest: float
    at_edge: int


def peak(frame: pd.DataFrame) -> Peak | None:
    """Where each seed's score is largest; None if no seed has three levels.

    Args:
        frame: as that of :func:`trend`; levels of 0 and below count.
    """
    wide = _wide(frame)
    wide = wide[wide.notna().sum(axis=1) >= LEAST_LEVELS]
    if wide.empty:
        return None
    top = wide.idxmax(axis=1).astype(float)
    edges = [{float(row.dropna().index[0]), float(row.dropna().index[-1])} for _, row in wide.iterrows()]
    at_edge = sum(level in of_seed for level, of_seed in zip(top, edges, strict=True))
    median = float(np.quantile(top.to_numpy(), 0.5, method="lower"))
    return Peak(dict(zip(top.index.tolist(), top.tolist(), strict=True)), median, top.min(), top.max(), at_edge)
