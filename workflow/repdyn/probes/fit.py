"""Linear probes: a classifier on each layer's activations at each checkpoint (Alain & Bengio 2016).

Turns the activations table into probe weights and a table of their accuracy. Each probe is trained on the split
``probe``, with the labels that the network was trained on. Features are standardised for each layer and checkpoint.
Solvers are in ``solvers.py``. The default is closed-form ridge, because it is deterministic: two stochastic probes of
the same features can disagree more than neighbouring checkpoints do.

Each probe comes with two more, trained on one half of the examples each. Their agreement is the noise floor of the
similarity between checkpoints (``stages/regions.py``). Halves are drawn once per study from ``probes.seed``.

Time: three solves for each layer and checkpoint. With ridge they take 40 ms of one core for 500 examples of 1,024
features, and 2.6 s for 1,000 of 65,536, nearly all of it in matrix products. Solving all checkpoints of a layer as one
batch takes 1.7 to 4.8 times as long as one by one (``tests/benchmarks/probes.py``), and holds them all. Memory: the
stored activations of one layer at one checkpoint; in float64 a few times min(n, p)² numbers, n min(n, p), and one block
of features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..types import Array
from . import low_rank, solvers
from .probe_weights import Coefficients, Probe

if TYPE_CHECKING:
    from ..config.sections import Probes as Settings


BLOCK = 4096  # features that are converted to float64 at a time


def standardisation(activations: Array) -> tuple[Array, Array]:
    """Mean and scale of each unit, (p,) each, float64.

    A dead unit has scale 1. A unit is dead if it varies by less than its stored numbers resolve (machine epsilon times
    the largest absolute value): its variation is rounding noise, which must not be scaled up to unit variance.
    """
    p = activations.shape[1]
    mean, scale = np.empty(p), np.empty(p)
    for start in range(0, p, BLOCK):
        part = slice(start, start + BLOCK)
        wide = activations[:, part].astype(np.float64)
        mean[part], scale[part] = wide.mean(axis=0), wide.std(axis=0)
    resolution = float(np.finfo(activations.dtype).eps) * np.abs(activations).max(axis=0).astype(np.float64)
    return mean, np.where(scale <= resolution, 1.0, scale)


def standardised(activations: Array, mean: Array, scale: Array) -> Iterator[tuple[slice, Array]]:
    """Standardised features in blocks: which features, and their values (n, block) in float64."""
    for start in range(0, activations.shape[1], BLOCK):
        part = slice(start, start + BLOCK)
        yield part, (activations[:, part] - mean[part]) / scale[part]


def halves(n: int, seed: int) -> tuple[Array, Array]:
    """Indices of two random halves of n examples; if n is odd, one example is left out."""
    order = np.random.default_rng([seed, 0]).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 : n // 2 * 2])


def fit(activations: Array, labels: Array, classes: int, settings: Settings, previous: Probe | None = None) -> Probe:
    """Train a probe on all examples, and one on each half of them.

    Args:
        activations: (n, p), float16 or float32.
        labels: (n,), in 0 … classes - 1.
        classes: C.
        settings: the ``probes`` section of the config.
        previous: the probe of the checkpoint before, for solvers that can start from it.
    """
    previous = previous if settings.kind == "logistic" else None  # the other solvers do not
    mean, scale = standardisation(activations)
    n, p = activations.shape

    narrow = low_rank.factorise(lambda: standardised(activations, mean, scale), n) if p > n else None
    features = (activations - mean) / scale if narrow is None else narrow.coordinates
    start = None
    if previous is not None:
        start = previous.weight.reshape(-1, p).T.astype(np.float64)  # (p, K C)
        start = start if narrow is None else narrow.to_coordinates(start)
    weight, bias, gradient = _classifiers(features, labels, classes, settings, start, previous, narrow is not None)
    weight = weight if narrow is None else narrow.to_features(weight, p)
    return Probe(
        weight=np.ascontiguousarray(weight.T.reshape(3, classes, p), dtype=np.float32),
        bias=bias,
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        gradient=gradient,
    )


def fit_coordinates(
    coordinates: Array, labels: Array, classes: int, settings: Settings, previous: Coefficients | None = None
) -> Coefficients:
    """The same from the principal coordinates of standardised features, T = U Λ^½ of their Gram matrix U Λ Uᵀ.

    A weight w on coordinates is Zᵀ α on the features Z, with α = U Λ^−½ w.

    Args:
        coordinates: (m, m), float32, zero beyond the rank; see ``representations/coordinates.py``.
        labels: (m,), in 0 … classes - 1.
        classes: C.
        settings: the ``probes`` section of the config.
        previous: the probe of the checkpoint before, for solvers that can start from it.
    """
    previous = previous if settings.kind == "logistic" else None
    T = coordinates[:, coordinates.any(axis=0)].astype(np.float64)  # (m, r)
    m = len(T)
    start = None if previous is None else T.T @ previous.weight.reshape(-1, m).T
    weight, bias, gradient = _classifiers(T, labels, classes, settings, start, previous, coordinates=True)
    scores = (T @ weight).T.reshape(3, classes, m) + bias[:, :, None]
    dual = T @ (weight / np.square(T).sum(axis=0)[:, None])
    return Coefficients(
        weight=np.ascontiguousarray(dual.T.reshape(3, classes, m), dtype=np.float32),
        bias=bias,
        gradient=gradient,
        scores=scores.astype(np.float32),
    )


def _root(T: Array) -> tuple[Array, Array]:
    """What SGD gets in place of coordinates T, (n, r): K^½, (n, n); and what maps a weight on it to one on T, (r, n).

    SGD draws its first weights in a basis, and that of coordinates jumps: the sign of a component, or the order of the
    examples that span the others, changes with the last bits. The square root of the Gram matrix, K^½ = U S Uᵀ with
    T = U S Wᵀ, changes as little as the features do.
    """
    U, sizes, Wt = np.linalg.svd(T, full_matrices=False)
    return (U * sizes) @ U.T, Wt.T @ U.T


def _classifiers(
    features: Array,
    labels: Array,
    classes: int,
    settings: Settings,
    start: Array | None,
    previous: Probe | Coefficients | None,
    coordinates: bool,
) -> tuple[Array, Array, Array]:
    """The classifiers on all examples and on each half: weight (p, K C), bias (K, C) and gradient (K,).

    Args:
        features: (n, p), float64.
        labels: (n,).
        classes: C.
        settings: the ``probes`` section of the config.
        start: weight (p, K C) to start from.
        previous: the probe that it is of, with its bias.
        coordinates: whether features are coordinates of the examples, whose basis says nothing.
    """
    back = None
    if coordinates and settings.kind == "sgd":
        features, back = _root(features)
    found = []
    for k, part in enumerate((np.arange(len(features)), *halves(len(features), settings.seed))):
        begin = None if start is None or previous is None else (np.split(start, 3, axis=1)[k], previous.bias[k])
        found.append(_solve(features[part], labels[part], classes, settings, k, begin))
    weight = np.concatenate([solution.weight for solution in found], axis=1)
    return (
        weight if back is None else back @ weight,
        np.stack([solution.bias for solution in found]).astype(np.float32),
        np.array([solution.gradient for solution in found], dtype=np.float32),
    )


def _solve(
    features: Array,
    labels: Array,
    classes: int,
    settings: Settings,
    classifier: int,
    start: tuple[Array, Array] | None,
) -> solvers.Solution:
    penalty = settings.penalty
    if settings.kind == "ridge":
        return solvers.ridge(features, labels, classes, penalty)
    if settings.kind == "logistic":
        of_solver = settings.logistic
        return solvers.logistic(features, labels, classes, penalty, of_solver.tolerance, of_solver.iterations, start)
    # The same seed at every layer and checkpoint, so that equal features give equal probes.
    generator = np.random.default_rng([settings.seed, 1, classifier])
    return solvers.sgd(features, labels, classes, penalty, **settings.sgd.model_dump(), generator=generator)
