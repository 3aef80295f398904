"""Detectors of one change in a run, each a function of the same arrays: a score, large where there is one, and a date.

They see change between evaluated epochs from ``FROM`` on, before which early learning is larger than any event. That is
to the advantage of all but the sharp margin, which finds no place before anyway. None knows a threshold: it is set
for each on runs without an event, so that all have equal false positives (``dating.py``).

==================== ==================================================================================================
detector             what it is
==================== ==================================================================================================
sharp margin         ``repdyn.analysis.sharp_margin``, at any density
always the middle    half way in log epochs, whatever was measured; it has no score
threshold            the largest jump of the log rate between neighbouring intervals
CUSUM                Page 1954; where the sum of the log rate's deviations from its mean is greatest
PELT                 Killick et al. 2012, on the log rate: the largest penalty at which it has a change point
Foote (MMD)          Foote 2000 without taper: the squared maximum mean discrepancy of the epochs on either side
phases               ``repdyn.analysis.change_points``: excess of the best two phases over drift
hidden Markov model  Hu et al. 2023, arXiv 2308.09543, of statistics of training
==================== ==================================================================================================

Foote's novelty, MMD and phases need similarity of epochs that are not neighbours. They are not computable from the
table ``change``; here they have a matrix of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from repdyn.analysis import change_points, sharp_margin, trajectory

FROM = 10.0  # epochs
SPACING, REACH = 0.04, 0.16  # decades of epochs: between points of a matrix, on either side of a moment
SEGMENTS = 6  # most of PELT's
STATES = 4  # most of a hidden Markov model
ROUNDS, LEAST_VARIANCE = 100, 1e-3  # of EM; of a state, in units of the run's


@dataclass(frozen=True)
class Measured:
    """What detectors see of a run.

    Attributes:
        epochs: (E,) evaluated, ascending.
        change: (E, E) squared distances between any two of them under one measure (``sharp_margin.of_similarity``), 0
            on the diagonal.
        statistics: (E, n) of training, such as norms of weights; what a hidden Markov model sees.
    """

    epochs: np.ndarray
    change: np.ndarray
    statistics: np.ndarray

    @property
    def neighbours(self) -> np.ndarray:
        """(E - 1,) change between consecutive epochs."""
        return np.diagonal(self.change, 1)

    def since(self, epoch: float) -> Measured:
        """The run from an epoch on."""
        kept = self.epochs >= epoch
        return Measured(self.epochs[kept], self.change[np.ix_(kept, kept)], self.statistics[kept])

    def at(self, epochs: np.ndarray) -> Measured:
        """The run evaluated at some of its epochs only."""
        kept = np.isin(self.epochs, epochs)
        return Measured(self.epochs[kept], self.change[np.ix_(kept, kept)], self.statistics[kept])


Found = tuple[float, float]  # score, and the epoch of the date; NaN if there is nothing to date
NOTHING: Found = (-np.inf, np.nan)


def margin(run: Measured, reach: int = sharp_margin.REACH, penalty: float = sharp_margin.PENALTY) -> Found:
    """The greatest sharp margin, whatever the gaps between epochs."""
    found = sharp_margin.margins(run.epochs, run.neighbours, reach, penalty)
    late = np.flatnonzero(found.epoch >= FROM)
    if not len(late):
        return NOTHING
    top = late[found.margin[late].argmax()]
    return float(found.margin[top]), float(found.epoch[top])


def middle(run: Measured) -> Found:
    """Half way in log epochs between ``FROM`` and the end; with any threshold it always fires, or never."""
    return 0.0, float(np.sqrt(FROM * run.epochs[-1]))


def _rates(run: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Log rates from ``FROM`` on, (n,), and the epochs between which they are, (n + 1,)."""
    late = run.since(FROM)
    rates = sharp_margin.log_rate(late.epochs, late.neighbours)
    known = np.isfinite(rates)
    return rates[known], late.epochs[np.concatenate([[True], known])]


def threshold(run: Measured) -> Found:
    """The largest jump of the log rate from one interval to the next, in decades, and the epoch between these."""
    y, epochs = _rates(run)
    if len(y) < 2:
        return NOTHING
    jumps = np.abs(np.diff(y))
    top = int(jumps.argmax())
    return float(jumps[top]), float(epochs[top + 1])


def cusum(run: Measured) -> Found:
    """The largest cumulative sum of deviations of the log rate from its mean, over √n, and where it is.

    It is not divided by the run's standard deviation: that would make a run with an event less remarkable.
    """
    y, epochs = _rates(run)
    if len(y) < 2:
        return NOTHING
    sums = np.abs((y - y.mean()).cumsum())[:-1] / np.sqrt(len(y))
    top = int(sums.argmax())
    return float(sums[top]), float(epochs[top + 1])


def pelt(run: Measured) -> Found:
    """The largest penalty at which PELT finds a change of the log rate's mean, and the largest of its change points.

    PELT minimises the squared error of D + 1 means plus D times the penalty. That is below the error of one mean if the
    penalty is below (error of one − error of D + 1) / D, for the best D.
    """
    y, epochs = _rates(run)
    if len(y) < 2:
        return NOTHING
    found = change_points.segmentations(np.outer(y, y), SEGMENTS)
    del found[1]
    if not found:
        return NOTHING
    best = max(found, key=lambda D: found[D][1] / (D - 1))
    edges = [*found[best][0], len(y)]
    means = [y[a:b].mean() for a, b in itertools.pairwise(edges)]
    largest = int(np.abs(np.diff(means)).argmax()) + 1
    return float(found[best][1] / (best - 1)), float(epochs[edges[largest]])


def _matrix(run: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Similarity at even distances of log epoch from ``FROM`` on, and the points in decades of epochs."""
    late = run.since(FROM)
    position = np.log10(late.epochs)
    spacing = max(SPACING, float(np.median(np.diff(position))))
    grid = np.linspace(position[0], position[-1], round(float(np.ptp(position)) / spacing) + 1)
    return trajectory.even(1 - late.change, position, grid), grid


def foote(run: Measured) -> Found:
    """The largest squared maximum mean discrepancy of the epochs within ``REACH`` decades on either side."""
    S, grid = _matrix(run)
    reach = max(2, round(REACH / (grid[1] - grid[0])))
    if not np.isfinite(S).all() or len(S) < 2 * reach:
        return NOTHING
    found = []
    for point in range(reach, len(S) - reach + 1):
        before, after = slice(point - reach, point), slice(point, point + reach)
        found.append(S[before, before].mean() + S[after, after].mean() - 2 * S[before, after].mean())
    top = int(np.argmax(found))
    return float(found[top]), float(10 ** ((grid[top + reach - 1] + grid[top + reach]) / 2))


def phases(run: Measured) -> Found:
    """The excess of the best two phases over drift, and the boundary between them; nothing if there is no excess."""
    S, grid = _matrix(run)
    if not np.isfinite(S).all() or len(S) < 4:
        return NOTHING
    excess = change_points.phases(S, grid[1] - grid[0]).distinguishability[2]
    first = change_points.segmentations(S, 2)[2][0][1]
    return float(excess), float(10 ** ((grid[first - 1] + grid[first]) / 2))


# ---- a hidden Markov model ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Markov:
    """A hidden Markov model with Gaussian emissions of independent features.

    Attributes:
        start: (K,) log probabilities of the first state.
        moves: (K, K) log probabilities of the next state.
        means, variances: (K, n) of the features in each state.
        likelihood: the log-likelihood of the series it was fitted to.
    """

    start: np.ndarray
    moves: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    likelihood: float

    def emissions(self, X: np.ndarray) -> np.ndarray:
        """(n, K) log densities of observations."""
        away = np.square(X[:, None, :] - self.means) / self.variances
        densities: np.ndarray = -0.5 * (away + np.log(2 * np.pi * self.variances)).sum(-1)
        return densities


def forward_backward(model: Markov, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Posteriors of states (n, K), summed posteriors of moves (K, K), and the log-likelihood (Rabiner 1989, scaled)."""
    emitted, moves, n = model.emissions(X), np.exp(model.moves), len(X)
    highest = emitted.max(1)
    density = np.exp(emitted - highest[:, None])
    forward, backward, scale = np.empty_like(density), np.ones_like(density), np.empty(n)
    before = np.exp(model.start)
    for i in range(n):
        forward[i] = before * density[i]
        scale[i] = forward[i].sum()
        forward[i] /= scale[i]
        before = forward[i] @ moves
    for i in range(n - 2, -1, -1):
        backward[i] = moves @ (density[i + 1] * backward[i + 1]) / scale[i + 1]
    after = density[1:] * backward[1:] / scale[1:, None]
    return forward * backward, moves * (forward[:-1].T @ after), float((np.log(scale) + highest).sum())


def fit(X: np.ndarray, K: int) -> Markov:
    """Fit by expectation maximisation (Baum and Welch), from equal stretches of the series as states.

    Args:
        X: (n, features), of mean 0 and variance 1.
        K: number of states.
    """
    parts = np.array_split(X, K)
    stay = np.full((K, K), 0.1 / max(K - 1, 1))
    np.fill_diagonal(stay, 0.9 if K > 1 else 1.0)
    model = Markov(
        np.log(np.full(K, 1 / K)),
        np.log(stay),
        np.stack([part.mean(0) for part in parts]),
        np.stack([part.var(0) + LEAST_VARIANCE for part in parts]),
        -np.inf,
    )
    for _ in range(ROUNDS):
        weights, moved, likelihood = forward_backward(model, X)
        total = weights.sum(0)[:, None] + 1e-12
        means = weights.T @ X / total
        variances = np.maximum(weights.T @ np.square(X) / total - np.square(means), 0) + LEAST_VARIANCE
        moves = np.log((moved + 1e-6) / (moved + 1e-6).sum(1, keepdims=True))
        done = likelihood - model.likelihood < 1e-4 * abs(likelihood)
        model = Markov(np.log(weights[0] + 1e-12), moves, means, variances, likelihood)
        if done:
            break
    return model


def decoded(model: Markov, X: np.ndarray) -> np.ndarray:
    """The most probable path of states (Viterbi), (n,)."""
    emitted = model.emissions(X)
    best, came = model.start + emitted[0], []
    for row in emitted[1:]:
        ways = best[:, None] + model.moves
        came.append(ways.argmax(0))
        best = ways.max(0) + row
    path = [int(best.argmax())]
    for back in came[::-1]:
        path.append(int(back[path[-1]]))
    return np.array(path[::-1])


def markov(run: Measured) -> Found:
    """A hidden Markov model of the run's statistics: gain of its states in BIC, and its greatest change of state.

    Hu et al. describe whole runs by the path through states that are fitted to statistics of weights, standardised,
    with as many states as the Bayesian information criterion asks for. A date is our reading of it: the move of the
    most probable path between the two states whose means are furthest apart. The score is the gain over one state.
    """
    late = run.since(FROM)
    spread = late.statistics.std(0)
    X = (late.statistics - late.statistics.mean(0))[:, spread > 0] / spread[spread > 0]
    n, features = X.shape
    if not features or n < 4:
        return NOTHING
    models = {K: fit(X, K) for K in range(1, min(STATES, n // 2) + 1)}
    free = {K: K * (K - 1) + (K - 1) + 2 * K * features for K in models}
    criterion = {K: free[K] * np.log(n) - 2 * model.likelihood for K, model in models.items()}
    K = min(criterion, key=lambda K: criterion[K])
    path = decoded(models[K], X)
    moves = np.flatnonzero(np.diff(path)) + 1
    if not len(moves):
        return NOTHING
    apart = np.linalg.norm(models[K].means[path[moves]] - models[K].means[path[moves - 1]], axis=1)
    move = int(moves[apart.argmax()])
    return float(criterion[1] - criterion[K]), float(np.sqrt(late.epochs[move - 1] * late.epochs[move]))


Detector = Callable[[Measured], Found]
SHARP_MARGIN = "sharp margin"
MIDDLE = "always the middle"
DETECTORS: dict[str, Detector] = {
    SHARP_MARGIN: margin,
    MIDDLE: middle,
    "threshold": threshold,
    "CUSUM": cusum,
    "PELT": pelt,
    "Foote (MMD)": foote,
    "phases": phases,
    "hidden Markov model": markov,
}
