"""Linear classifiers on one set of standardised features: closed-form ridge, multinomial logistic, stochastic gradient.

All minimise a loss plus ``λ / 2 · ‖W‖²``. The penalty is relative: λ is the penalty times the mean eigenvalue of the
Gram matrix of the centred features, trace(K) / n. For standardised features this is the number of live ones. So a
penalty means the same at every checkpoint and for layers of any width. The loss, summed over examples, is half the
squared error of one-hot targets for ridge, and the cross-entropy of the softmax for the others. The bias is not
penalised.

Ridge solves the smaller of its primal and dual forms (Saunders et al. 1998). If p is much larger than n, pass the
coordinates of ``low_rank.py``. Multiplications: n p min(n, p) + min(n, p)³ / 3 for ridge; n p C for each pass of the
others over the examples, tens to hundreds of passes. Memory: the features twice, as float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.special import log_softmax

from ..types import Array


@dataclass(frozen=True)
class Solution:
    """A linear classifier: scores are ``features @ weight + bias``, and the largest decides.

    Attributes:
        weight: (p, C) float64.
        bias: (C,) float64.
        gradient: largest component of the mean objective's gradient where the solver stopped; 0 in closed form.
    """

    weight: Array
    bias: Array
    gradient: float = 0.0


def ridge(features: Array, labels: Array, classes: int, penalty: float) -> Solution:
    """Ridge regression on one-hot targets in closed form: the same features always give the same classifier.

    Args:
        features: (n, p), float64.
        labels: (n,), in 0 … classes - 1.
        classes: C.
        penalty: relative to the mean eigenvalue of the Gram matrix.
    """
    n, p = features.shape
    offset, Z = _centred(features)
    targets = np.eye(classes)[labels]
    frequencies = targets.mean(axis=0)
    strength = penalty * mean_eigenvalue(Z)
    if strength == 0.0:  # all units are dead, so predict the most frequent class
        return Solution(np.zeros((p, classes)), frequencies)
    Y = targets - frequencies
    dual = p > n
    gram = Z @ Z.T if dual else Z.T @ Z
    gram[np.diag_indices_from(gram)] += strength
    solved = scipy.linalg.solve(gram, Y if dual else Z.T @ Y, assume_a="pos", overwrite_a=True)
    weight = Z.T @ solved if dual else solved
    return Solution(weight, frequencies - offset @ weight)


def logistic(
    features: Array,
    labels: Array,
    classes: int,
    penalty: float,
    tolerance: float,
    iterations: int,
    start: tuple[Array, Array] | None = None,
) -> Solution:
    """Multinomial logistic regression by L-BFGS.

    Args:
        features: (n, p), float64.
        labels: (n,), in 0 … classes - 1.
        classes: C.
        penalty: relative to the mean eigenvalue of the Gram matrix.
        tolerance: largest component of the mean objective's gradient at convergence.
        iterations: stop after so many; the solution's ``gradient`` says whether it converged.
        start: initial weight (p, C) and bias (C,). The optimum is unique, so this only saves time.
    """
    n = len(features)
    offset, Z = _centred(features)
    decay = penalty * mean_eigenvalue(Z) / n
    targets = np.eye(classes)[labels]
    shape = (Z.shape[1] + 1, classes)

    def objective(flat: Array) -> tuple[float, Array]:
        weight, bias = flat.reshape(shape)[:-1], flat.reshape(shape)[-1]
        log_probabilities = log_softmax(Z @ weight + bias, axis=1)
        loss = -np.vdot(targets, log_probabilities) / n + 0.5 * decay * np.vdot(weight, weight)
        residual = (np.exp(log_probabilities) - targets) / n
        gradient = np.concatenate([Z.T @ residual + decay * weight, residual.sum(axis=0, keepdims=True)])
        return float(loss), gradient.ravel()

    first = np.zeros(shape)
    if start is not None:
        weight, bias = start
        first[:-1], first[-1] = weight, bias + offset @ weight
    options = {"gtol": tolerance, "ftol": 0.0, "maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 20}
    from scipy.optimize import minimize  # slow to import, and ridge does not need it

    found = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    weight, bias = found.x.reshape(shape)[:-1], found.x.reshape(shape)[-1]
    return Solution(weight, bias - offset @ weight, float(np.abs(found.jac).max()))


def sgd(
    features: Array,
    labels: Array,
    classes: int,
    penalty: float,
    epochs: int,
    batch_size: int,
    lr: float,
    momentum: float,
    generator: np.random.Generator,
) -> Solution:
    """Minimise the objective of :func:`logistic` by stochastic gradient descent with momentum, as is usual for probes.

    Args:
        features: (n, p), float64.
        labels: (n,), in 0 … classes - 1.
        classes: C.
        penalty: relative to the mean eigenvalue of the Gram matrix.
        epochs: passes over the examples.
        batch_size: examples in a step.
        lr: step size, which is divided by the mean eigenvalue of the Gram matrix to suit layers of any width.
        momentum: of the steps.
        generator: draws the initial weights (uniform in ±1/√p, torch's default) and the order of the examples.
    """
    n, p = features.shape
    strength = mean_eigenvalue(_centred(features)[1])
    decay, rate = penalty * strength / n, lr / max(strength, 1.0)
    targets = np.eye(classes)[labels]
    parameters = generator.uniform(-1.0, 1.0, size=(p + 1, classes)) / np.sqrt(max(p, 1))
    weight, bias = parameters[:-1], parameters[-1]  # views
    step, gradient = np.zeros_like(parameters), np.empty_like(parameters)
    for _ in range(epochs):
        order = generator.permutation(n)
        for batch in np.split(order, range(batch_size, n, batch_size)):
            Z = features[batch]
            residual = np.exp(log_softmax(Z @ weight + bias, axis=1)) - targets[batch]
            residual /= len(batch)
            gradient[:-1] = Z.T @ residual + decay * weight
            gradient[-1] = residual.sum(axis=0)
            step *= momentum
            step += gradient
            parameters -= rate * step
    residual = (np.exp(log_softmax(features @ weight + bias, axis=1)) - targets) / n
    gradient[:-1], gradient[-1] = features.T @ residual + decay * weight, residual.sum(axis=0)
    return Solution(weight, bias, float(np.abs(gradient).max()))


def mean_eigenvalue(centred: Array) -> float:
    """trace(K) / n of the Gram matrix K = Z Zᵀ of centred features Z, (n, p)."""
    return float(np.vdot(centred, centred) / len(centred))


def _centred(features: Array) -> tuple[Array, Array]:
    """Mean (p,) and centred features (n, p)."""
    offset = features.mean(axis=0)
    return offset, features - offset
