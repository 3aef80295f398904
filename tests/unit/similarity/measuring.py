"""All chosen measures of features, as found and as written out in float64."""

import numpy as np
import references
from synthetic import HARD as COMMON
from synthetic import PLENTY, Arrays, reference

from repdyn.catalogue.measures import DEFAULT
from repdyn.config.sections import ChosenMeasure
from repdyn.similarity import measured

NAMES = (*DEFAULT, "procrustes")
HARD = COMMON | {
    "dead units": lambda X: X * (np.arange(X.shape[1]) % 3 != 0),
    "half of the examples dead": lambda X: X * (np.arange(len(X)) % 2 == 0)[:, None],
    "each example twice": lambda X: np.repeat(X[: len(X) // 2], 2, axis=0),
}


def chosen(*names, **settings):
    return [ChosenMeasure(name=name, **settings) for name in names or NAMES]


def found(X, names=NAMES, budget=PLENTY, inputs=None, backend=None):
    return measured.similarities(Arrays(X), chosen(*names), budget, backend, inputs)


def expected(X, inputs, k=10, r=10, names=NAMES):
    """Each measure, written out in float64."""
    functions = {
        "cka": lambda x, y: reference(x, y)[0],
        "cka_debiased": lambda x, y: reference(x, y)[1],
        "cka_deconfounded": lambda x, y: references.deconfounded(x, y, inputs),
        "knn": lambda x, y: references.knn(x, y, k),
        "rsa": references.rsa,
        "subspace": lambda x, y: references.subspace(x, y, r),
        "procrustes": references.procrustes,
    }

    def matrix(function):
        values = {(i, j): function(X[i], X[j]) for i in range(len(X)) for j in range(i, len(X))}
        return np.array([[values[min(i, j), max(i, j)] for j in range(len(X))] for i in range(len(X))])

    return {name: matrix(functions[name]) for name in names}
