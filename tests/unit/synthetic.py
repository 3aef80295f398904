"""Representations and images that are drawn at random, and CKA of them written out."""

import tracemalloc

import numpy as np

from repdyn.data.images import Images, Standardisation
from repdyn.similarity import cka

PLENTY = 1e9


class Arrays:
    """Representations in memory, which remember what was read."""

    def __init__(self, X):
        self.X, self.examples, self.features = X, len(X[0]), [x.shape[1] for x in X]
        self.reads = []

    def read(self, e, start, stop):
        self.reads.append((e, start, stop))
        return self.X[e][:, start:stop]

    def name(self, e):
        return f"representation {e}"


class Drawn:
    """Representations of 50 features that are drawn whenever they are read, so that none is in memory."""

    def __init__(self, E, examples):
        self.examples, self.features = examples, [50] * E

    def read(self, e, start, stop):
        return np.random.default_rng(e).normal(size=(self.examples, 50)).astype(np.float16)[:, start:stop]

    def name(self, e):
        return str(e)


def peak_of(compute):
    """The most bytes that are allocated while something is computed, and what that is."""
    tracemalloc.start()
    try:
        found = compute()
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


def similarities(X, budget=PLENTY, backend=None):
    found = cka.similarities(Arrays(X), budget, backend)
    return found.biased, found.debiased


def reference(X, Y):
    """Both CKAs in float64, straight from the papers: Kornblith et al. 2019, eqs. 3-4, and Song et al. 2012, eq. 5."""
    n = len(X)
    X, Y = (Z.astype(np.float64) / np.abs(Z).max() for Z in (X, Y))
    H = np.eye(n) - np.ones((n, n)) / n

    def biased(K, L):
        return np.trace(H @ K @ H @ H @ L @ H) / (n - 1) ** 2

    def unbiased(K, L):
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        one = np.ones(n)
        middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        return (np.trace(K @ L) + middle - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))

    # HSIC does not change with the means, but float64 does.
    K, L = ((Z - Z.mean(0)) @ (Z - Z.mean(0)).T for Z in (X, Y))
    return tuple(hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L)) for hsic in (biased, unbiased))


def trajectory(n, p, E=4, seed=0):
    random = np.random.default_rng(seed)
    start, end = random.normal(size=(2, n, p))
    return [((1 - a) * start + a * end).astype(np.float32) for a in np.linspace(0, 0.9, E)]


def some(channels, size=8):
    stored = np.random.default_rng(channels).integers(0, 256, size=(50, channels, 8, 8), dtype=np.uint8)
    index = np.random.default_rng(0).permutation(50)[:41]
    return Images(stored, index, size, Standardisation.of(stored, index, size, 255).table)


def spread(n, p, E=3, seed=0):
    """Features that drift, with well separated principal components, as layers have them."""
    scales = (1 + np.arange(p, dtype=np.float32)) ** -0.7
    return [x * scales for x in trajectory(n, p, E, seed)]


HARD = {
    "plain": lambda X: X,
    "means a thousand times the spread": lambda X: X + np.float32(1000),
    "scale 1e-6": lambda X: X * np.float32(1e-6),
    "scale 1e6": lambda X: X * np.float32(1e6),
    "scale 1e-30": lambda X: X * np.float32(1e-30),
    "float16": lambda X: X.astype(np.float16),
    "float64": lambda X: X.astype(np.float64),
}


def outlying(X):
    """One example a thousand times as far out as it was."""
    return X * np.where(np.arange(len(X)) == 3, np.float32(1000), 1)[:, None]
