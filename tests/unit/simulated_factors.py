"""Simulated studies over factors of the grid: runs and their twins without wrong labels, and levels of a number.

A run and its twin are random walks whose log pace is a function of log epoch and depth, plus smooth deviations, of
which the two share a part. Scores over levels are numbers. It is known what is there, so false positives and power can
be counted (``tests/benchmarks/calibration.py --factors``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from simulated_studies import DIRECTIONS, cosines, schedule, smooth

from repdyn.analysis import counterfactual, descent, sign_flips, transition, trends, twins

EPOCHS = schedule()
POSITION = np.log10(EPOCHS)
_FINE = np.linspace(POSITION[0], POSITION[-1], 10 * (len(POSITION) - 1) + 1)
MIDDLES = (_FINE[1:] + _FINE[:-1]) / 2  # decades of epochs, at which paces are given
_TIME = (MIDDLES - _FINE[0]) / (_FINE[-1] - _FINE[0])
RATE = 0.15  # squared distance in a decade
LATER = 0.35  # decades by which a run fits later than its twin
LAYERS = 5


def walks(random: np.random.Generator, log_pace: np.ndarray, noise: float) -> np.ndarray:
    """Cosine kernels (…, E, E) of random walks with a log pace (…, len(MIDDLES)) and noise of this variance."""
    steps = RATE * (np.exp(log_pace) * np.diff(_FINE)).reshape(*log_pace.shape[:-1], -1, 10).sum(-1)
    jumps = random.normal(size=(*steps.shape, DIRECTIONS)) * np.sqrt(steps / DIRECTIONS)[..., None]
    way = np.concatenate([np.zeros_like(jumps[..., :1, :]), jumps.cumsum(-2)], axis=-2)
    return cosines(way + np.sqrt(noise / DIRECTIONS) * random.normal(size=way.shape))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What a study of runs and twins is made to follow.

    Attributes:
        deviation: standard deviation of smooth deviations of log pace.
        shared: share of their variance that run and twin have in common; of the rest half is the layers' own.
        noise, jitter: variance of each checkpoint's noise in the twin; times as much in the run.
        slows: by how much the log pace falls in a decade.
        stops: whether change nearly stops at each one's own fit.
        later: whether all of the run's pace is that of its twin, later by the time between their fits.
        fastest: whether the run memorizes where its own deviation makes it fastest.
        more: times as fast while wrong labels are memorized.
    """

    deviation: float = 0.3
    shared: float = 0.5
    noise: float = 2e-3
    jitter: float = 1.0
    slows: float = 0.8
    stops: bool = False
    later: bool = False
    fastest: bool = False
    more: float = 1.0


_ALIKE = Pair()
PAIRS = {
    "the same law": _ALIKE,
    "each with a pace of its own": Pair(deviation=0.8, shared=0.0),
    "memorizes where it is fastest": Pair(deviation=0.8, shared=0.0, fastest=True),
    "change stops at each one's fit": Pair(stops=True, slows=0.0),
    "the same pace, later": Pair(stops=True, later=True),
    "5 × the jitter": Pair(jitter=5.0),
    "1.5 × as fast": Pair(more=1.5),
    "2 × as fast": Pair(more=2.0),
    "the same pace, later, and 2 × as fast": Pair(stops=True, later=True, more=2.0),
}


def pairs_found(law: Pair, studies: int, seeds: int, seed: int = 0) -> tuple[float, float]:
    """Share of studies in which memorization is found to change layers, and of those where it does at every shift."""
    random = np.random.default_rng(seed)
    found, always = [], []
    for _ in range(studies):
        differences = np.array([_pair(law, random).differences for _ in range(seeds)])
        d = differences[:, 0]
        found.append(d.mean() > 0 and sign_flips.p_value(d, 1000, 0) <= 0.05)
        always.append(twins.test(differences, 0.95, 1000, 0).p_value <= 0.05)
    return float(np.mean(found)), float(np.mean(always))


def _pair(law: Pair, random: np.random.Generator) -> twins.Against:
    """One run and its twin."""
    both = smooth(random, (1, 1), _TIME)
    of_run = smooth(random, (2, 1), _TIME)
    of_layer = smooth(random, (2, LAYERS), _TIME)
    own = (1 - law.shared) / 2
    deviations = law.deviation * (np.sqrt(law.shared) * both + np.sqrt(own) * (of_run + of_layer))
    fit = 1.5 + random.normal(0, 0.04)
    if law.fastest:
        inner = (MIDDLES > 0.7) & (MIDDLES < 1.7)
        fit = MIDDLES[inner][of_run[0, 0, inner].argmax()] + 0.175
    fits = np.array([fit, fit - LATER + random.normal(0, 0.04)])
    onset = fit - 0.35 + random.normal(0, 0.03)
    clock = np.stack([MIDDLES, MIDDLES])
    if law.later:
        clock = clock - (fits - fits[1])[:, None]
    pace = -law.slows * clock
    if law.stops:
        pace = pace - 4 / (1 + np.exp(-(MIDDLES - fits[:, None]) / 0.06))
    pace[0] += np.log(law.more) * ((onset < MIDDLES) & (fit > MIDDLES))
    log_pace = pace[:, None] + deviations
    kernels = [
        walks(random, of, noise) for of, noise in zip(log_pace, (law.jitter * law.noise, law.noise), strict=True)
    ]
    layers = [{f"l{i}": (S, EPOCHS) for i, S in enumerate(of)} for of in kernels]
    return counterfactual.counterfactual(*layers, 10**onset, 10 ** fits[0], 10 ** fits[1])


@dataclass(frozen=True, kw_only=True)
class Wave:
    """What the depth trends of runs and twins are made to follow.

    Attributes:
        height: of the wave of the depth trend, decades of the rate from the first layer to the last.
        period: decades of epochs.
        with_fit: share of the wave's place that goes with the run's own fit.
        extra: decades of the rate by which the last layer changes faster than the first, beyond, in the run's dip.
    """

    height: float = 0.4
    period: float = 1.2
    with_fit: float = 0.0
    extra: float = 0.0


WAVES = {
    "no wave": Wave(height=0.0),
    **{f"a wave, μ = {share:g}": Wave(with_fit=share) for share in (0.0, 0.4, 1.0)},
    "a wave of .6 decade, μ = 0.4": Wave(with_fit=0.4, period=0.6),
    **{f"no wave, {extra:g} in the dip": Wave(height=0.0, extra=extra) for extra in (0.3, 0.5)},
    **{f"a wave, μ = {share:g}, 0.5 in the dip": Wave(with_fit=share, extra=0.5) for share in (0.0, 0.4, 1.0)},
    "a wave, μ = 0.4, 1 in the dip": Wave(with_fit=0.4, extra=1.0),
}


def waves_found(law: Wave, studies: int, seeds: int, seed: int = 0) -> float:
    """Share of studies in which deeper layers are found to change more in the dip."""
    random = np.random.default_rng(seed)
    hits = []
    for _ in range(studies):
        phase = random.uniform(0, 2 * np.pi)
        deltas = np.array([_steeper(law, random, phase).differences for _ in range(seeds)])
        hits.append(twins.test(deltas, 0.95, 1000, 0).p_value <= 0.05)
    return float(np.mean(hits))


@dataclass(frozen=True)
class Seed:
    """Runs of one seed with wrong labels, alike but for their walks, and their twin.

    Attributes:
        kernels: (runs and the twin, layers, E, E).
        onset, dip, recovery: of the runs, decades of epochs.
        fits: of the runs and the twin, decades of epochs.
    """

    kernels: np.ndarray
    onset: float
    dip: float
    recovery: float
    fits: np.ndarray


def waved(law: Wave, random: np.random.Generator, phase: float, runs: int = 1) -> Seed:
    """Runs and their twin, whose wave begins at ``phase``."""
    depths = np.linspace(0, 1, LAYERS)
    fit = 1.5 + random.normal(0, 0.04)
    fits = np.array([*[fit] * runs, fit - LATER + random.normal(0, 0.04)])
    dip, recovery = fit - 0.2 + random.normal(0, 0.03), fit + 0.15 + random.normal(0, 0.03)
    at = MIDDLES - law.with_fit * (fits[:, None] - 1.5)
    slope = np.log(10) * (0.4 + law.height * np.sin(2 * np.pi * at / law.period + phase))
    slope[:-1] += np.log(10) * law.extra * ((dip < MIDDLES) & (recovery > MIDDLES))
    both = smooth(random, (1, LAYERS), _TIME)
    deviations = 0.2 * (both + smooth(random, (runs + 1, LAYERS), _TIME)) / np.sqrt(2)
    kernels = walks(random, -0.8 * MIDDLES + slope[:, None] * depths[:, None] + deviations, 1e-4)
    return Seed(kernels, fit - 0.35, dip, recovery, fits)


def _steeper(law: Wave, random: np.random.Generator, phase: float) -> twins.Against:
    """One run and its twin."""
    seed = waved(law, random, phase)
    spacing = POSITION[1] - POSITION[0]
    middles = (POSITION[1:] + POSITION[:-1]) / 2
    run, twin = (
        descent.Speeds(np.linspace(0, 1, LAYERS), np.stack([transition.log_speed(S, spacing) for S in of]), middles)
        for of in seed.kernels
    )
    return descent.steeper(run, twin, 10**seed.dip, 10**seed.recovery, *10**seed.fits)


@dataclass(frozen=True, kw_only=True)
class Numeric:
    """What scores over the levels of a number are made to follow; a run's own deviation is 1.

    Attributes:
        levels: how many, each twice the one before.
        rise: from the smallest level to the largest.
        of_levels: standard deviation of each level's own effect, the same in all seeds.
        of_seeds: standard deviation of each seed's own slope over the whole range.
    """

    levels: int
    rise: float = 0.0
    of_levels: float = 0.0
    of_seeds: float = 0.0


NUMERIC = {
    "nothing": Numeric(levels=0),
    "slopes of seeds, 1": Numeric(levels=0, of_seeds=1.0),
    "effects of levels, 0.5": Numeric(levels=0, of_levels=0.5),
    "effects of levels, 2": Numeric(levels=0, of_levels=2.0),
    "a trend of 2": Numeric(levels=0, rise=2.0),
    "a trend of 4": Numeric(levels=0, rise=4.0),
    "a trend of 4, effects of levels, 0.5": Numeric(levels=0, rise=4.0, of_levels=0.5),
}
LEVELS = (3, 4, 5, 6)


def scores(law: Numeric, random: np.random.Generator, seeds: int) -> pd.DataFrame:
    """Seed, level and value of the runs of a study."""
    place = np.linspace(0, 1, law.levels)
    own = law.of_seeds * random.normal(size=(seeds, 1))
    values = (law.rise + own) * place + law.of_levels * random.normal(size=law.levels)
    values = values + 3 * random.normal(size=(seeds, 1)) + random.normal(size=(seeds, law.levels))
    seed, level = np.indices(values.shape)
    return pd.DataFrame({"seed": seed.ravel(), "level": 2.0 ** level.ravel(), "value": values.ravel()})


def trends_found(
    law: Numeric, levels: int, studies: int, seeds: int, seed: int = 0, *, rising: bool = False
) -> tuple[float, float]:
    """Share of studies in which a trend is found, and of those in which sign flips of seeds alone find one."""
    random = np.random.default_rng(seed)
    results = [
        trends.trend(scores(replace(law, levels=levels), random, seeds), 0.95, 1000, 0, rising=rising)
        for _ in range(studies)
    ]
    found = [result.p_value <= 0.05 for result in results]
    return float(np.mean(found)), float(np.mean([result.p_flips <= 0.05 for result in results]))
