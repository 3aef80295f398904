"""Simulated studies, for which it is known what is there: drifts, blocks, events and timing by a stated law.

A run's layers move through a space of features, at a pace that is a function of log epoch. Their checkpoints' cosine
kernels are what the tables of a study hold. Nothing is trained, so that hundreds of studies take seconds, and false
positives and power can be counted (``tests/benchmarks/calibration.py``).

A layer's trajectory is offset + √share · blocks + √(1 − share − noise) · drift + √noise · noise, each part with a total
variance of 1 before its share, in directions of its own. The drift goes along a smooth curve or a random walk. Its log
pace is that of the law, plus smooth deviations of the seed, of which ``common`` is shared by the layers of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repdyn.analysis import change_points, sign_flips, synchrony, transition

DIRECTIONS = 100  # of noise, and of the drift of a run with an event
VARIANCE = 0.3  # of a trajectory, beside an offset of length 1
FITS = (10.0, 15.8, 25.1, 39.8)  # epochs: four levels over .6 decade
FEW_FITS = {2: (12.0, 25.0), 3: (12.0, 17.3, 25.0)}  # over .32 decade


def schedule(per_decade: int = 12, first: float = 0.5, last: float = 160.0) -> np.ndarray:
    """Epochs of log-spaced checkpoints, (E,)."""
    return first * 10 ** (np.arange(int(np.log10(last / first) * per_decade + 1e-9) + 1) / per_decade)


def monotone(rate):
    """Speed changes e^rate-fold over training."""
    return lambda t: rate * t


def bell(t):
    """Fastest in mid-training, 10 : 1, with the shape of a cosine."""
    return -np.log(10) / 2 * np.cos(2 * np.pi * t)


def waves(t):
    """Fastest twice, 10 : 1."""
    return -np.log(10) / 2 * np.cos(4 * np.pi * t)


def even(t):
    """Always as fast."""
    return 0 * t


# Log pace as a function of the share of log epochs that is over.
PACES = {"even": even, "slows e⁶": monotone(-6.0), "hastens e⁶": monotone(6.0), "bell 10 : 1": bell, "two waves": waves}
LOGNORMAL = 1.0  # standard deviation of a lognormal pace, whose correlation length is a fifth of training


@dataclass(frozen=True, kw_only=True)
class Law:
    """What a study is made to follow.

    Attributes:
        pace: of ``PACES``, or ``lognormal``.
        directions: of a random walk; 0 for a smooth curve.
        phases: blocks, of equal length give or take a fifth of it.
        share: of the variance that lies in blocks.
        noise: share of the variance that is noise of each checkpoint.
        deviation: standard deviation of the seed's smooth deviations from the law's log pace.
        common: share of the deviations' variance that a run's layers have in common.
    """

    pace: str = "even"
    directions: int = 0
    phases: int = 2
    share: float = 0.0
    noise: float = 0.02
    deviation: float = 0.2
    common: float = 0.5


def smooth(random: np.random.Generator, shape: Sequence[int], t: np.ndarray, length: float = 0.2) -> np.ndarray:
    """Smooth random functions of t in [0, 1], of mean 0 and variance 1 at each t: (*shape, len(t))."""
    frequencies = random.normal(size=(*shape, 24)) / length
    phases = random.uniform(0, 2 * np.pi, size=(*shape, 24))
    return np.cos(frequencies[..., None] * t + phases[..., None]).sum(-2) / np.sqrt(12)


def cosines(X: np.ndarray) -> np.ndarray:
    """Cosine kernels (…, E, E) of points (…, E, p) seen from an offset of length 1 in a direction of its own."""
    K = 1 + X @ np.swapaxes(X, -1, -2)
    norms = np.sqrt(np.diagonal(K, axis1=-2, axis2=-1))
    return K / norms[..., :, None] / norms[..., None, :]


def _unit(X: np.ndarray) -> np.ndarray:
    """Trajectories with a total variance of 1."""
    X = X - X.mean(-2, keepdims=True)
    scatter = np.sqrt(np.square(X).sum(-1).mean(-1))[..., None, None]
    return X / np.where(scatter > 0, scatter, 1.0)


def _log_pace(law: Law, random, shape, t, position, stops) -> np.ndarray:
    """Log speed per decade at each t, (runs, layers, len(t))."""
    runs, layers = shape
    if law.pace == "lognormal":
        of_law = LOGNORMAL * smooth(random, (runs, 1), t)
    else:
        of_law = np.broadcast_to(PACES[law.pace](t), (runs, 1, len(t)))
    if stops is not None:
        # Early learning, larger than what follows; then change that stops, by 1.8 decades of squared distance.
        at = np.log10(stops)[:, None, None] + random.normal(0, 0.02, (runs, layers, 1))
        early = 6 * np.exp(-np.square((position - 0.1) / 0.35) / 2)
        of_law = of_law + np.log(early + 1 / (1 + np.exp((position - at) / 0.03)) + 10**-0.9)
    shared = smooth(random, (runs, 1), t)
    own = smooth(random, (runs, layers), t)
    return of_law + law.deviation * (np.sqrt(law.common) * shared + np.sqrt(1 - law.common) * own)


def kernels(
    law: Law,
    random: np.random.Generator,
    runs: int,
    layers: int = 4,
    epochs: np.ndarray | None = None,
    stops: np.ndarray | None = None,
) -> np.ndarray:
    """The similarity matrices of the layers of runs: (runs, layers, E, E).

    Args:
        law: what they follow.
        random: the generator.
        runs: how many; those of a seed, and those of different seeds, are alike independent.
        layers: of each run.
        epochs: of the checkpoints; ``schedule()`` if None.
        stops: epochs at which the change of each run stops, after early learning, which is larger; None for no stop.
    """
    epochs = schedule() if epochs is None else epochs
    position, shape = np.log10(epochs), (runs, layers)
    E = len(position)
    # The pace is integrated on a grid ten times as fine.
    fine = np.linspace(position[0], position[-1], 10 * (E - 1) + 1)
    middles = (fine[1:] + fine[:-1]) / 2
    t = (middles - fine[0]) / (fine[-1] - fine[0])
    steps = np.exp(_log_pace(law, random, shape, t, middles, stops)).cumsum(-1)[..., 9::10]
    way = np.concatenate([np.zeros((*shape, 1)), steps], axis=-1)
    way = way / way[..., -1:]
    if law.directions:
        jumps = random.normal(size=(*shape, E - 1, law.directions)) * np.sqrt(np.diff(way))[..., None]
        drift = np.concatenate([np.zeros((*shape, 1, law.directions)), jumps.cumsum(-2)], axis=-2)
    else:
        bends = 0.3 * random.normal(size=(*shape, 1, 3)) / np.arange(1, 4)
        waves_ = bends * np.sin(np.pi * np.arange(1, 4) * way[..., None])
        drift = np.concatenate([way[..., None], waves_], axis=-1)
    parts = [np.sqrt(1 - law.share - law.noise) * _unit(drift)]
    if law.share:
        moved = random.uniform(-0.2, 0.2, size=(*shape[:1], 1, law.phases - 1))
        edges = np.rint((np.arange(1, law.phases) + moved) / law.phases * E)
        index = (np.arange(E)[:, None] >= edges[..., None, :]).sum(-1)
        blocks = np.broadcast_to(np.eye(law.phases)[index], (*shape, E, law.phases))
        parts.append(np.sqrt(law.share) * _unit(blocks))
    noise = random.normal(size=(*shape, E, DIRECTIONS))
    parts.append(np.sqrt(law.noise) * _unit(noise))
    return cosines(np.sqrt(VARIANCE) * np.concatenate(parts, axis=-1))


# ---- laws ---------------------------------------------------------------------------------------------------------

# No phases: drift at every pace, walks in few directions, noise.
DRIFTS = {
    **{f"drift, {pace}": Law(pace=pace) for pace in (*PACES, "lognormal")},
    **{f"walk in {n} directions": Law(directions=n) for n in (3, 5, 10, 20, 50)},
    "drift, even, .3 noise": Law(noise=0.3),
    "noise alone": Law(noise=0.98),
}
BLOCKS = {
    **{
        f"{n} blocks, {share:g} of variance": Law(phases=n, share=share, noise=0.05)
        for n in (2, 3)
        for share in (0.05, 0.1, 0.2)
    },
    **{
        f"2 blocks, {share:g}, {name}": Law(share=share, **more)
        for name, more in (
            ("drift lognormal", {"pace": "lognormal", "noise": 0.05}),
            ("drift bell", {"pace": "bell 10 : 1", "noise": 0.05}),
            ("walk in 20", {"directions": 20, "noise": 0.05}),
            (".4 noise", {"noise": 0.4}),
        )
        for share in (0.1, 0.2)
    },
}

EVENT = Law(directions=20, noise=1e-4)


def _own_times(random, fits):
    """A time for each level, the same in all seeds, whatever the fits."""
    return np.broadcast_to(10 ** random.uniform(np.log10(6), np.log10(60), fits.shape[1]), fits.shape)


def _any_times(random, fits):
    """A time for each run, whatever the fits."""
    return 10 ** random.uniform(np.log10(6), np.log10(60), fits.shape)


def _at(epoch=0.0, by=0.0):
    """At an epoch, or at so many times the fit."""
    return lambda _, fits: epoch + by * fits


# From a generator and fits (seeds, levels) to the epochs at which change stops; None for no such moment.
EVENTS = {
    "no event": lambda *_: None,
    **{f"at epoch {epoch:g}": _at(epoch) for epoch in (10.0, 20.0, 40.0)},
    **{f"at {word} the fit": _at(by=by) for word, by in (("⅓", 1 / 3), ("½", 0.5), ("2 ×", 2.0))},
    "at each level's own time": _own_times,
    "at each run's own time": _any_times,
    "at the fit": _at(by=1.0),
}


# ---- studies ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Study:
    """Runs of one architecture: seeds × levels.

    Attributes:
        seeds, levels: of each run, (runs,).
        fits: epochs of perfect fit, (runs,).
        epochs: of the checkpoints, (E,).
        S: similarity of each run's layers, (runs, layers, E, E).
    """

    seeds: np.ndarray
    levels: np.ndarray
    fits: np.ndarray
    epochs: np.ndarray
    S: np.ndarray

    def __len__(self) -> int:
        return len(self.seeds)

    def cka(self, run: int) -> pd.DataFrame:
        """A run's CKA table."""
        frames = []
        E = len(self.epochs)
        a, b = np.divmod(np.arange(E * E), E)
        for depth, S in enumerate(self.S[run]):
            columns = {"layer": f"l{depth}", "depth": depth, "step_a": 100 * a, "step_b": 100 * b}
            columns |= {"epoch_a": self.epochs[a], "epoch_b": self.epochs[b], "cka": S.ravel()}
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True)

    def parts(self) -> dict[str, str]:
        """All layers are of the body."""
        return {f"l{depth}": "body" for depth in range(self.S.shape[1])}

    def history(self, run: int) -> dict[str, np.ndarray]:
        """A run's history: accuracy rises to 1 at its fit, wrong labels are fitted in the last third of a decade."""
        epochs = np.concatenate([[0.0], 10 ** np.arange(-0.3, np.log10(self.epochs[-1]) + 1e-9, 1 / 60)])
        way = np.log10(np.maximum(epochs, 1e-3) / self.fits[run])
        wrong = np.clip(1 + 3 * way, 0, 1)
        train = 0.8 * np.clip(1 + way / 2, 0, 1) + 0.2 * wrong
        test = 0.8 * np.clip(1 + way / 2, 0, 1)
        return {"epoch": epochs, "train_accuracy": train, "mislabelled_accuracy": wrong, "test_accuracy": test}


def study(
    law: Law, random: np.random.Generator, seeds: int, fits: Sequence[float] = FITS, event=None, layers: int = 4
) -> Study:
    """Simulate a study.

    Args:
        law: of all runs.
        random: the generator.
        seeds: how many.
        fits: epochs of perfect fit of each level; seeds deviate from them by .04 decades.
        event: of ``EVENTS``; None for none.
        layers: of each run.
    """
    of_runs = np.array(fits) * 10 ** random.normal(0, 0.04, (seeds, len(fits)))
    stops = None if event is None else EVENTS[event](random, of_runs)
    flat = None if stops is None else stops.ravel()
    S = kernels(law, random, of_runs.size, layers, stops=flat)
    index = np.indices(of_runs.shape)
    return Study(index[0].ravel(), index[1].ravel(), of_runs.ravel(), schedule(), S)


# ---- what is found ------------------------------------------------------------------------------------------------


def phases_found(law: Law, layers: int, seed: int = 0, per_decade: int = 12) -> tuple[float, float, float]:
    """Share of layers with more than one phase, and mean distinguishability of two and three, over three lengths."""
    random = np.random.default_rng(seed)
    found = [
        change_points.phases(S, 1 / per_decade)
        for last in (50.0, 160.0, 400.0)
        for S in kernels(law, random, layers // 3, 1, schedule(per_decade, last=last))[:, 0]
    ]
    of_D = [float(np.mean([phases.distinguishability[D] for phases in found])) for D in (2, 3)]
    return float(np.mean([len(phases.starts) > 1 for phases in found])), *of_D


def stops_of(simulated: Study) -> list[float]:
    """The moment at which the change of each run stops, NaN without one."""
    at = np.log10(simulated.epochs)
    spacing = at[1] - at[0]
    found = []
    for of_run in simulated.S:
        speed = np.mean([transition.log_speed(S, spacing) for S in of_run], axis=0)
        stop = transition.stop(speed, (at[1:] + at[:-1]) / 2)
        found.append(np.nan if stop.epoch is None else stop.epoch)
    return found


def transitions_found(
    event: str, studies: int, seeds: int, fits: Sequence[float] = FITS, seed: int = 0
) -> tuple[float, float, float]:
    """Share of studies in which change is found to stop at the fit, that with permuted levels too, not identifiable."""
    random = np.random.default_rng(seed)
    results = []
    for _ in range(studies):
        simulated = study(EVENT, random, seeds, fits, event)
        results.append(transition.test(simulated.seeds, simulated.fits, stops_of(simulated), simulated.levels))
    found = np.array([r.p_value is not None and r.p_value <= 0.05 for r in results])
    also = np.array([r.p_levels is None or r.p_levels <= 0.05 for r in results])
    return float(found.mean()), float((found & also).mean()), float(np.mean([r.reason is not None for r in results]))


# Layers that change at times of their own, and those of a run that do so together.
TIMES = {share: Law(directions=20, noise=0.02, deviation=1.0, common=share) for share in (0.0, 0.3, 0.6)}


def synchrony_found(law: Law, studies: int, seeds: int, seed: int = 0) -> tuple[float, float]:
    """Share of cells whose layers are found to change in synchrony, and their mean synchrony beyond other seeds."""
    random = np.random.default_rng(seed)
    alike = [synchrony.likeness(kernels(law, random, seeds)) for _ in range(studies)]
    p = np.array([synchrony.p_value(of_cell, 1000, 0) for of_cell in alike])
    return float((p <= 0.05).mean()), float(np.mean([synchrony.beyond(synchrony.of_seeds(of)) for of in alike]))


def synchrony_differs(
    first: tuple[Law, int], second: tuple[Law, int], studies: int, seeds: int, seed: int = 0
) -> float:
    """Share of pairs of cells, each a law and a number of layers, whose synchrony is found to differ."""
    random = np.random.default_rng(seed)
    hits = []
    for _ in range(studies):
        one, other = (
            synchrony.pseudo_values(synchrony.of_seeds(synchrony.likeness(kernels(law, random, seeds, layers))))
            for law, layers in (first, second)
        )
        hits.append(sign_flips.p_value(one - other, 1000, 0) <= 0.05)
    return float(np.mean(hits))


def contrasts_found(laws: dict[tuple[str, str], Law], studies: int, seeds: int, seed: int = 0) -> tuple[float, float]:
    """How often contrasts of phases are decided in studies of two architectures and optimizers, by max-T over five.

    Args:
        laws: (architecture, optimizer) -> the law of its runs.
        studies: how many.
        seeds: of each.
        seed: of the generator.

    Returns:
        The share of studies with any decision, and the mean share of decided contrasts among those of cells whose laws
        have different shares in blocks.
    """
    random = np.random.default_rng(seed)
    any_of, right = [], []
    pairs = [(("a", o), ("b", o)) for o in "xy"] + [((a, "x"), (a, "y")) for a in "ab"]
    for _ in range(studies):
        of_cell = {
            cell: np.array(
                [np.mean([change_points.phases(S, 1 / 12).distinguishability[2] for S in run])
                 for run in kernels(law, random, seeds)]
            )
            for cell, law in laws.items()
        }  # fmt: skip
        d = [of_cell[one] - of_cell[other] for one, other in pairs]
        d.append(d[2] - d[3])
        p = sign_flips.adjusted([pd.Series(x) for x in d], 1000, 0)
        any_of.append(min(p) <= 0.05)
        true = [laws[one].share != laws[other].share for one, other in pairs]
        right += [value <= 0.05 for value, is_true in zip(p, true, strict=False) if is_true]
    return float(np.mean(any_of)), float(np.mean(right)) if right else float("nan")


def covered(law: str, seeds: int, studies: int, seed: int = 0) -> tuple[float, float]:
    """How often intervals at .95 hold the mean, and the median, of a law of the seeds' differences."""
    random = np.random.default_rng(seed)
    draw, mean, median = {
        "normal": (random.normal, 0.0, 0.0),
        "uniform": (lambda size: random.uniform(-1, 1, size), 0.0, 0.0),
        "heavy (t of 3)": (lambda size: random.standard_t(3, size), 0.0, 0.0),
        "exponential": (lambda size: random.exponential(size=size), 1.0, np.log(2)),
        "lognormal": (lambda size: np.exp(random.normal(size=size)), np.exp(0.5), 1.0),
    }[law]
    ends = np.array([sign_flips.interval(draw(size=seeds), 0.95, 1000, 0) for _ in range(studies)])
    return tuple(float(((ends[:, 0] <= centre) & (centre <= ends[:, 1])).mean()) for centre in (mean, median))


def at_most(studies, rate=0.05):
    """The share that a test of this rate exceeds in one of seven hundred simulations."""
    return rate + 3 * np.sqrt(rate * (1 - rate) / studies)
