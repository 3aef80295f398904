"""CKA against a float64 reference that shares nothing with the code: pairs, centring matrices, plain formulas."""

import numpy as np
import pytest

from repdyn import cka
from repdyn.errors import RepdynError


def reference(X, Y):
    """Biased CKA (Kornblith 2019, eq. 4) and debiased CKA (Song 2012, eq. 5), as their papers write them."""
    n = len(X)
    H = np.eye(n) - np.ones((n, n)) / n
    X, Y = H @ X.astype(np.float64), H @ Y.astype(np.float64)
    K, L = X @ X.T, Y @ Y.T

    def hsic1(K, L):
        K, L, one = K - np.diag(np.diag(K)), L - np.diag(np.diag(L)), np.ones(n)
        middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        return (np.trace(K @ L) + middle - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))

    biased = np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L))
    return biased, hsic1(K, L) / np.sqrt(hsic1(K, K) * hsic1(L, L))


def similarities(representations, budget=1e9):
    return cka.similarities(lambda e: representations[e], len(representations), len(representations[0]), budget)


def test_cka_agrees_with_the_reference_on_badly_conditioned_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 40))
    many = [X, X + rng.normal(size=X.shape), X + 1000 * rng.normal(size=40), X * 1e-12, X * 1e10, X[:, :1]]
    many = [x.astype(np.float32) for x in many]
    biased, debiased = similarities(many)
    truth = np.array([[reference(x, y) for y in many] for x in many])
    np.testing.assert_allclose(biased, truth[..., 0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(debiased, truth[..., 1], rtol=0, atol=1e-5)


def test_fewer_than_four_examples_are_refused():
    with pytest.raises(RepdynError, match="at least 4"):
        similarities([np.ones((3, 2), np.float32)])
