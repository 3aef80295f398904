"""Is perfect fit a transition? When change of a run's layers stops, and whether that moment goes with perfect fit.

Turns similarity matrices at even distances of log epoch into one moment of a run, its stop, and the fits and stops of
many runs into a test. What stands out at perfect fit is that change stops. So with

    ls(x) = log10(squared distance of neighbouring points of the even grid / their distance in decades),

averaged over the layers of the body, and [a, b] the mean of ls from x + a to x + b decades,

    stop(x) = min([−.3, 0], [−.6, −.3]) − [0, .3]

says by how many decades the rate of change falls at x, held against both halves of the .6 decades before it, so that a
single burst is no stop. A run's moment is where stop is largest, by a parabola through three points. There is none
where that is at the edge of what can be measured, or where the fall is less than ``LEAST`` decades.

Over runs that reach perfect fit at different times, the moments follow the fit if the slope of log moment on log fit,
centred within each seed, is near 1 and their log ratio near 0. A moment at a fixed epoch has slope 0; one at half of
the fit has slope 1 and log ratio −.3. Fits that hardly differ cannot tell these apart: then the test says so.

The share of 100 simulated studies in which change is found to stop at the fit, with both p at most .05, and in brackets
of those that are not identifiable (``tests/benchmarks/calibration.py``; fits of four levels span .6 decade, of fewer
.32; seeds deviate by .04, and early learning is larger than the event):

======================== =========== =========== =========== =========== =========== ===========
seeds, levels            6, 4        6, 3        6, 2        8, 4        8, 3        8, 2
======================== =========== =========== =========== =========== =========== ===========
no event                 .00 (1.00)  .00 (1.00)  .00 (1.00)  .00 (1.00)  .00 (1.00)  .00 (1.00)
at epoch 10              .00 (.00)   .00 (.00)   .00 (.04)   .00 (.00)   .00 (.00)   .00 (.00)
at epoch 20              .00 (.00)   .00 (.01)   .00 (.23)   .00 (.00)   .00 (.00)   .00 (.02)
at epoch 40              .00 (.02)   .00 (.09)   .00 (.60)   .00 (.02)   .00 (.01)   .00 (.25)
at ⅓ the fit             .00 (.39)   .00 (.59)   .00 (1.00)  .00 (.52)   .00 (.43)   .00 (.96)
at ½ the fit             .00 (.00)   .00 (.00)   .00 (.42)   .00 (.00)   .00 (.00)   .00 (.12)
at 2 × the fit           .00 (.49)   .00 (.04)   .00 (.52)   .00 (.71)   .00 (.00)   .00 (.25)
at each level's own time .01 (.01)   .07 (.03)   .03 (.36)   .01 (.00)   .07 (.02)   .05 (.08)
at each run's own time   .00 (.01)   .00 (.05)   .00 (.30)   .00 (.00)   .00 (.01)   .00 (.03)
at the fit               1.00 (.00)  1.00 (.00)  .76 (.24)   1.00 (.00)  1.00 (.00)  1.00 (.00)
======================== =========== =========== =========== =========== =========== ===========

Without permuted levels, each level's own time gives .09 (six seeds) and .13 (eight) at four levels. So where there are
four levels, both p decide. Time: negligible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Array
from . import sign_flips
from .change_points import squared_distances
from .level_orders import orders

WINDOW = 0.3  # decades
LEAST = 0.7  # decades by which the rate of change falls at a stop
ZERO = 1e-8  # squared distance: the error of CKA
SLOPE, RATIO = (0.5, 1.5), 0.15  # of a moment that follows the fit; decades
SEEDS, USABLE, SPAN = 5, 2 / 3, 0.3  # least seeds with two usable runs, share of usable runs, decades of fits
LEVELS = 4  # least levels that are permuted


@dataclass(frozen=True)
class Stop:
    """When change stops.

    Attributes:
        epoch: of the stop; None without one.
        size: decades by which the rate of change falls where it falls most; None if the run is too short to say.
    """

    epoch: float | None
    size: float | None


def log_speed(S: Array, spacing: float) -> Array:
    """The log rate of change between neighbouring points, (points - 1,).

    Args:
        S: (points, points) similarity, a kernel.
        spacing: decades of epochs between neighbouring points.

    No change at all is taken for half of the smallest change that there is, and at least for ``ZERO``.
    """
    squares = np.diagonal(squared_distances(S), 1)
    changes = squares[squares > ZERO]
    least = changes.min() / 2 if len(changes) else ZERO
    rates: Array = np.log10(np.maximum(squares, max(least, ZERO)) / spacing)
    return rates


def falls(speed: Array, at: Array) -> tuple[Array, Array]:
    """By how many decades the rate of change falls at each moment for which that is known.

    Args:
        speed: (n,) log rates of change.
        at: (n,) their moments, evenly spaced, in decades of epochs.

    Returns:
        Moments in decades of epochs and falls, (m,) each; m is 0 if ``at`` spans less than three windows.
    """
    spacing = at[1] - at[0] if len(at) > 1 else 1.0
    # Up to rounding.
    count = int((at[-1] - at[0] - 3 * WINDOW) / spacing + 1e-6) + 1 if at[-1] - at[0] > 3 * WINDOW - 1e-9 else 0
    x = at[0] + 2 * WINDOW + spacing * np.arange(count)
    # The integral of ls, which is straight between its points, on a grid of which they are part.
    fine = np.linspace(at[0], at[-1], 20 * (len(at) - 1) + 1)
    values = np.interp(fine, at, speed)
    integral = np.concatenate([[0.0], ((values[1:] + values[:-1]) / 2 * np.diff(fine)).cumsum()])
    edges = [np.interp(x + i * WINDOW, fine, integral) for i in (-2, -1, 0, 1)]
    before, just_before, after = (np.diff(edges, axis=0) / WINDOW) if count else np.empty((3, 0))
    return x, np.minimum(before, just_before) - after


def stop(speed: Array, at: Array) -> Stop:
    """The moment of a run at which change stops.

    Args:
        speed: (n,) log rates of change, averaged over layers.
        at: (n,) their moments, evenly spaced, in decades of epochs.
    """
    x, fall = falls(speed, at)
    if not len(x):
        return Stop(None, None)
    top = int(fall.argmax())
    size = float(fall[top])
    if top in (0, len(x) - 1) or size < LEAST:
        return Stop(None, size)
    left, middle, right = fall[top - 1 : top + 2]
    bend = left - 2 * middle + right
    shift = (left - right) / (2 * bend) if bend < 0 else 0.0
    return Stop(float(10 ** (x[top] + shift * (x[1] - x[0]))), size)


@dataclass(frozen=True)
class Following:
    """Whether the moments of runs follow their perfect fits.

    Attributes:
        slope: of log moment on log fit, centred within seed; 1 if they go together, 0 if moments are at one epoch.
        log_ratio: mean over seeds of log10(moment / fit); 0 if change stops at the fit.
        p_value: the largest of four exact one-sided sign-flip tests over seeds, that the slope is above .5 and below
            1.5, and the log ratio above −.15 and below .15.
        p_levels: exact, of a slope as large if the levels' moments are permuted, alike in all seeds; None below four
            levels. Where it is there, a claim needs it to be small, too.
        usable: number of runs with a fit and a moment.
        dropped: index of each other run -> why it is left out.
        reason: why nothing can be said; all numbers but counts are None then.
    """

    slope: float | None
    log_ratio: float | None
    p_value: float | None
    p_levels: float | None
    usable: int
    dropped: dict[int, str]
    reason: str | None = None


def test(
    seeds: Sequence[int],
    fits: Sequence[float],
    moments: Sequence[float],
    levels: Sequence[str],
    resamples: int = 10_000,
    seed: int = 0,
) -> Following:
    """Test whether the moments of runs of one architecture follow their perfect fits.

    Args:
        seeds: of each run.
        fits: epochs of perfect fit; NaN without one.
        moments: epochs; NaN without one.
        levels: what the runs of a seed differ in, such as the optimizer with its rate.
        resamples: number of sign flips or permutations where there are too many for all.
        seed: draws these.
    """
    fit, moment = np.array(fits, dtype=float), np.array(moments, dtype=float)
    dropped = {}
    for run in range(len(fit)):
        if not fit[run] > 0:
            dropped[run] = "no perfect fit"
        elif not moment[run] > 0:
            dropped[run] = "no moment at which change stops"
    names, kinds = list(dict.fromkeys(seeds)), list(dict.fromkeys(levels))
    # (seeds, levels); NaN where there is no run, or none that is usable.
    f, y = (np.full((len(names), len(kinds)), np.nan) for _ in range(2))
    for run, of_run in enumerate(zip(seeds, levels, strict=True)):
        if run not in dropped:
            place = names.index(of_run[0]), kinds.index(of_run[1])
            f[place], y[place] = np.log10(fit[run]), np.log10(moment[run])
    usable = len(fit) - len(dropped)
    reason = _reason(f, usable, len(fit))
    if reason is not None:
        return Following(None, None, None, None, usable, dropped, f"not identifiable: {reason}")
    f, y = (values[np.isfinite(f).sum(1) >= 2] for values in (f, y))
    x, z = _centred(f), _centred(y)
    along, size, ratio = np.nansum(x * z, axis=1), np.nansum(x * x, axis=1), np.nanmean(y - f, axis=1)
    sides = (along - SLOPE[0] * size, SLOPE[1] * size - along, ratio + RATIO, RATIO - ratio)
    return Following(
        float(along.sum() / size.sum()),
        float(ratio.mean()),
        max(sign_flips.p_above(side, resamples, seed) for side in sides),
        permuted(f, y, resamples, seed) if len(kinds) >= LEVELS else None,
        usable,
        dropped,
    )


def _reason(f: Array, usable: int, runs: int) -> str | None:
    """Why (seeds, levels) log fits of usable runs do not tell fits apart; None if they do."""
    enough = f[np.isfinite(f).sum(1) >= 2]
    if len(enough) < SEEDS:
        return f"{len(enough)} seeds have two runs with a perfect fit and a stop of change, {SEEDS} are needed"
    if usable < USABLE * runs - 1e-9:
        return f"{usable} of {runs} runs have a perfect fit and a stop of change, two thirds are needed"
    span = float(np.nanmax(enough) - np.nanmin(enough))
    if span < SPAN:
        return f"fits span {span:.2f} decades of epochs, {SPAN:g} are needed"
    return None


def _centred(values: Array) -> Array:
    centred: Array = values - np.nanmean(values, axis=1, keepdims=True)
    return centred


def permuted(f: Array, y: Array, resamples: int, seed: int) -> float:
    """The p of a slope as large: levels of moments permuted, alike in all seeds.

    Args:
        f: (seeds, levels) log fits, NaN where there is none.
        y: (seeds, levels) log moments, NaN where there is none.
        resamples: if there are more permutations, so many random ones are taken, the observed one among them.
        seed: draws these.

    A permutation that leaves no slope counts as one with a slope as large.
    """
    slopes = []
    for order in orders(f.shape[1], resamples, seed):
        there = np.isfinite(f) & np.isfinite(y[:, order])
        there &= there.sum(1, keepdims=True) >= 2
        rows = there.any(1)
        if not rows.any():
            slopes.append(np.inf)
            continue
        x, z = (_centred(np.where(there, values, np.nan)[rows]) for values in (f, y[:, order]))
        size = np.nansum(x * x)
        slopes.append(float(np.nansum(x * z) / size) if size > 0 else np.inf)
    return float(np.mean(np.array(slopes) >= slopes[0] - 1e-12))
