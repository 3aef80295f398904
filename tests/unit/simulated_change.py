"""Simulated change of a representation between any two epochs, with or without a step of its rate at a known time.

A trajectory moves at a rate that is a law's: change between two epochs is 1 − exp(−the integral of the rate between
them), the cosine kernel of a path that never comes back. Log rates, in decades per decade of epochs, are a smooth pace,
the collapse after fit, noise of each epoch, and a step at an event, which may decay. Nothing is trained, so
that false positives and power can be counted (``tests/benchmarks/dating.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simulated_studies as studies

FINE = 20  # points in an epoch, at which the rate is integrated


@dataclass(frozen=True, kw_only=True)
class Law:
    """What the rate of change of a run follows.

    Attributes:
        pace: of ``simulated_studies.PACES``, or ``lognormal``; ``strength`` times as strong.
        directions: of the random step in each epoch, of which noise is the chi-squared law; 0 for none.
        collapse: decades by which the rate falls after fit.
        within: decades of epochs in which 10-90 % of it does.
        step: decades of rate by which it steps up at an event; negative for down, 0 for no event.
        decay: decades of rate per decade of epochs by which the step wears off.
        level: log10 of the rate per decade of epochs, before all that.
    """

    pace: str = "even"
    strength: float = 1.0
    directions: int = 50
    collapse: float = 0.0
    within: float = 0.3
    step: float = 0.0
    decay: float = 0.0
    level: float = -1.5


@dataclass(frozen=True)
class Series:
    """A simulated run.

    Attributes:
        epochs: (E,) evaluated, from initialisation on.
        change: (E, E) squared distances between any two of them.
        at: the epoch of the event; NaN without one.
    """

    epochs: np.ndarray
    change: np.ndarray
    at: float


def simulate(law: Law, random: np.random.Generator, epochs: int = 100, inside: bool = False) -> Series:
    """One run, evaluated at every epoch.

    Args:
        law: what its rate follows.
        random: draws noise, and the epochs of fit, 15 to 50, and of the event, 18 to 60.
        epochs: its length.
        inside: whether the event lies anywhere inside an epoch, not where one begins.
    """
    fine = (np.arange(epochs * FINE) + 0.5) / FINE
    x = np.log10(fine)
    start = np.log10(0.5)
    t = np.clip((x - start) / (np.log10(epochs) - start), 0, 1)
    if law.pace == "lognormal":
        pace = studies.LOGNORMAL * studies.smooth(random, (1,), t)[0]
    else:
        pace = studies.PACES[law.pace](t)
    log_rate = law.level + law.strength * pace / np.log(10)
    fit, at = 10 ** random.uniform(np.log10(15), np.log10(50)), 10 ** random.uniform(np.log10(18), np.log10(60))
    # A logistic curve takes 4.39 times its scale from 10 to 90 %.
    log_rate -= law.collapse / (1 + np.exp(-(x - np.log10(fit)) * 4.39 / law.within))
    at = float(at) if inside else float(round(at))
    after = fine > at
    log_rate += np.where(after, np.sign(law.step) * np.maximum(abs(law.step) - law.decay * (x - np.log10(at)), 0), 0)
    if law.directions:
        noise = np.log10(random.chisquare(law.directions, epochs) / law.directions)
        log_rate += np.repeat(noise, FINE)
    moved = 10**log_rate * np.log10((fine + 0.5 / FINE) / np.maximum(fine - 0.5 / FINE, 1e-2))
    way = np.concatenate([[0.0], moved.reshape(epochs, FINE).sum(1).cumsum()])
    change = -np.expm1(-np.abs(np.subtract.outer(way, way)))
    return Series(np.arange(epochs + 1.0), change, at if law.step else float("nan"))


# No event: every smooth pace, noise, and the collapse after fit, which was 2-3 decades within .3 in real runs.
SMOOTH = {
    **{f"drift, {pace}": Law(pace=pace) for pace in (*studies.PACES, "lognormal")},
    "drift, two waves, five times as strong": Law(pace="two waves", strength=5.0),
    **{f"walk in {n} directions": Law(directions=n) for n in (5, 10, 20)},
    "collapse of 2 decades": Law(collapse=2.0),
    "collapse of 3 decades": Law(collapse=3.0),
    "collapse of 2.5, walk in 10 directions": Law(collapse=2.5, directions=10),
}
STEPS = {
    **{f"step of {step:+g}": Law(step=step) for step in (-2.0, -1.5, -1.0, 1.0, 1.5, 2.0)},
    "step of -1.5, lognormal": Law(step=-1.5, pace="lognormal"),
    "step of -1.5, walk in 10 directions": Law(step=-1.5, directions=10),
    "step of +2, wears off by 4": Law(step=2.0, decay=4.0),
    "step of +2, collapse of 2.5": Law(step=2.0, collapse=2.5),
    "step of -1.5, collapse of 2.5": Law(step=-1.5, collapse=2.5),
}
