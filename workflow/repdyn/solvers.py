"""Linear classifiers on one set of standardised features: closed-form ridge, multinomial logistic, SGD.

All three minimise a loss plus ``penalty / 2 * ||W||²`` with one meaning of the relative penalty: it is multiplied by
the mean eigenvalue of the Gram matrix of the centred features, trace(K) / n, which for standardised features is the
number of live ones. So it is the same at every checkpoint and fair between layers of different width.

Wide features (p > n) are solved exactly through the n x n Gram matrix (Saunders et al. 1998, ridge regression in dual
variables). Time of ridge: n p min(n, p) + min(n, p)³ multiplications; memory: the features in float64, and min(n, p)².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Solution:
    """A linear classifier ``features @ weight + bias``, decided by the largest score.

    Attributes:
        weight: (p, C) float64.
        bias: (C,) float64.
        gradient: norm of the mean loss's gradient where the solver stopped; NaN for solvers that do not look.
    """

    weight: Array
    bias: Array
    gradient: float = float("nan")


def ridge(features: Array, labels: Array, classes: int, penalty: float) -> Solution:
    """Ridge regression on one-hot targets in closed form; the same features always give the same classifier.

    Minimises ``||Y - Z W - 1 bᵀ||² + λ ||W||²``, λ = penalty x trace(K) / n, the bias not penalised.

    Args:
        features: (n, p), float64.
        labels: (n,), in 0 … classes - 1.
        classes: C.
        penalty: relative to the mean eigenvalue of the Gram matrix of the centred features.
    """
    n, p = features.shape
    targets = one_hot(labels, classes)
    offset, frequencies = features.mean(axis=0), targets.mean(axis=0)
    Z, Y = features - offset, targets - frequencies
    strength = penalty * mean_eigenvalue(Z)
    if strength == 0.0:  # every unit is dead, so nothing but the most frequent class can be said
        return Solution(np.zeros((p, classes)), frequencies)
    dual = p > n
    gram = Z @ Z.T if dual else Z.T @ Z
    gram[np.diag_indices_from(gram)] += strength
    solved = scipy.linalg.solve(gram, Y if dual else Z.T @ Y, assume_a="pos", overwrite_a=True)
    weight = Z.T @ solved if dual else solved
    return Solution(weight, frequencies - offset @ weight)


def mean_eigenvalue(centred: Array) -> float:
    """trace(K) / n of the Gram matrix K of centred features (n, p)."""
    return float(np.vdot(centred, centred) / len(centred))


def one_hot(labels: Array, classes: int) -> Array:
    """(n,) classes as (n, C) float64."""
    return np.eye(classes)[labels]
