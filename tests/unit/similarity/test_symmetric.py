"""Inner products of symmetric matrices in permuted orders, against the matrices permuted one by one."""

import numpy as np
import pytest

from repdyn.similarity import symmetric
from repdyn.similarity.symmetric import Symmetric, cosines


def drawn(count, n, seed=0):
    S = np.random.default_rng(seed).normal(size=(count, n, n)).astype(np.float32)
    return S + S.transpose(0, 2, 1)


def filled(A, B):
    n = A.shape[1]
    both = Symmetric(n, len(A), len(B))
    for i, each in enumerate(A):
        both.fix(i, each)
    for j, each in enumerate(B):
        both.move(j, each)
    return both


@pytest.mark.parametrize("n", [1, 2, 11])
@pytest.mark.parametrize("piece", [1, 7, 2**12])
def test_products_are_those_of_the_permuted_matrices(n, piece, monkeypatch):
    monkeypatch.setattr(symmetric, "PIECE", piece)
    A, B = drawn(3, n), drawn(2, n, seed=1)
    both = filled(A, B)
    random = np.random.default_rng(2)
    for order in (np.arange(n), random.permutation(n), random.permutation(n)):
        moved = B[:, order][:, :, order]
        np.testing.assert_allclose(
            both.products(order), np.einsum("ikl,jkl->ij", A, moved, dtype=np.float64), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("piece", [7, 2**12])
def test_squares_and_products_with_the_last_are_those_of_whole_matrices(piece, monkeypatch):
    monkeypatch.setattr(symmetric, "PIECE", piece)
    A, B = drawn(3, 11), drawn(2, 11, seed=1)
    both = filled(A, B)
    fixed, moved = both.squares()
    np.testing.assert_allclose(fixed, np.square(A.astype(np.float64)).sum(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(moved, np.square(B.astype(np.float64)).sum(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(both.with_last(), (A.astype(np.float64) * A[-1]).sum(axis=(1, 2)), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(both.whole(1), B[1])


def test_a_diagonal_keeps_the_digits_of_float64():
    K = np.eye(3) * (1 + 1e-12)
    both = filled(K[None], np.eye(3)[None])
    assert both.products(np.array([2, 0, 1]))[0, 0] == pytest.approx(3 + 3e-12, abs=1e-14)


def test_a_norm_that_is_not_positive_has_no_cosine():
    found = cosines(np.array([[2.0, 1.0], [3.0, 0.0]]), np.array([4.0, 0.0]), np.array([1.0, -1.0]))
    np.testing.assert_array_equal(found, [[1, np.nan], [np.nan, np.nan]])
