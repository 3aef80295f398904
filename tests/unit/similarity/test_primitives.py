"""What each measure makes of one representation's Gram matrix."""

import tracemalloc

import numpy as np
import pytest
import references
from scipy.spatial import distance
from scipy.stats import rankdata
from synthetic import reference, similarities, trajectory

from repdyn.similarity import cka, nearest, rsa, subspace


def gram(X):
    X = (X - X.mean(0)).astype(np.float32)
    return X @ X.T


def half_dead(n, p, seed=0):
    """Features of which the second half of the examples has none."""
    X = np.random.default_rng(seed).normal(size=(n, p)).astype(np.float32)
    X[n // 2 :] = 0
    return X


@pytest.mark.parametrize(("n", "p", "k"), [(60, 20, 10), (300, 50, 10), (12, 30, 11), (1300, 30, 5)])
def test_neighbours_are_those_of_a_stable_sort_of_distances(n, p, k):
    (X,) = trajectory(n, p, E=1)
    found = nearest.neighbours(gram(X), k)[0]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, references.neighbours(X, k))


def test_neighbours_at_equal_distances_are_those_of_the_lowest_index():
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2).astype(np.float32)
    for X in (grid, half_dead(50, 30), np.repeat(half_dead(25, 8), 2, axis=0)):
        np.testing.assert_array_equal(nearest.neighbours(gram(X), 5)[0], references.neighbours(X, 5))


def test_shares_of_neighbours_are_counted_by_hand():
    one = np.array([[1, 2], [0, 2], [0, 1], [0, 1]])
    other = np.array([[1, 2], [2, 3], [0, 3], [2, 1]])
    np.testing.assert_array_equal(nearest.shared(np.stack([one, other])), [[1, 5 / 8], [5 / 8, 1]])


@pytest.mark.parametrize("X", [trajectory(70, 20, E=1)[0], trajectory(600, 5, E=1)[0], half_dead(60, 30)], ids=len)
def test_ranks_are_those_of_scipy_centred_and_symmetric(X):
    ranks = rsa.ranks(gram(X))
    np.testing.assert_array_equal(ranks, ranks.T)
    np.testing.assert_array_equal(np.diagonal(ranks), 0)
    expected = rankdata(distance.pdist(X.astype(np.float64)))
    above = ranks[np.triu_indices(len(X), 1)]
    # Pairs that are closer to each other than rounding may change places.
    np.testing.assert_allclose(above, expected - expected.mean(), rtol=0, atol=1e-6 * len(above) ** 2)
    assert above.astype(np.float64).mean() == pytest.approx(0, abs=1e-6 * len(above))
    np.testing.assert_array_equal(np.unique(above[above == above.min()]).size, 1)


def test_equal_distances_share_the_mean_of_their_ranks_exactly():
    X = np.array([[0.0], [1], [2], [4]], dtype=np.float32)  # distances 1 2 4 / 1 3 / 2
    above = rsa.ranks(gram(X))[np.triu_indices(4, 1)]
    np.testing.assert_array_equal(above + 3.5, [1.5, 3.5, 6, 1.5, 5, 3.5])
    np.testing.assert_array_equal(rsa.ranks(np.zeros((9, 9), dtype=np.float32)), 0)


@pytest.mark.parametrize("dead", [0, 50])
def test_ranks_of_bins_are_those_of_a_sort_but_for_what_bins_merge(dead):
    (X,) = trajectory(1100, 60, E=1)
    X[1100 - dead :] = 0
    bits = rsa._bits(gram(X), N := 1100 * 1099 // 2)
    binned = rsa._binned(bits, int(bits.max()))
    exact = rsa._sorted(bits)
    assert N >= rsa.MANY
    assert 1 - np.corrcoef(binned, exact)[0, 1] < rsa.MERGED
    np.testing.assert_allclose(binned, exact, rtol=0, atol=1e-4 * N)
    assert len(np.unique(binned)) > 1e4


def test_distances_that_bins_would_merge_are_sorted():
    (X,) = trajectory(1100, 60, E=1)
    X[7] *= 1e5
    bits = rsa._bits(gram(X), 1100 * 1099 // 2)
    assert rsa._binned(bits, int(bits.max())) is None
    np.testing.assert_array_equal(rsa.ranks(gram(X))[np.triu_indices(1100, 1)], rsa._sorted(bits))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [700, 1200])
def test_ranks_take_the_memory_that_they_are_said_to_take(n, dtype):
    K = gram(trajectory(n, 60, E=1)[0])
    given = K.astype(dtype, copy=False)
    tracemalloc.start()
    try:
        rsa.ranks(given, out=K)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < rsa.SCRATCH * n * (n - 1) / 2


def test_ranks_may_take_the_place_of_the_gram():
    K = gram(trajectory(50, 20, E=1)[0])
    expected = rsa.ranks(K)
    assert rsa.ranks(K, out=K) is K
    np.testing.assert_array_equal(K, expected)


@pytest.mark.parametrize(("n", "p", "r"), [(60, 20, 10), (40, 200, 10), (300, 10, 10), (12, 30, 10), (9, 20, 8)])
def test_a_basis_is_orthonormal_and_spans_the_first_components(n, p, r):
    (X,) = trajectory(n, p, E=1)
    V = subspace.basis(gram(X), r)
    assert V.shape == (n, r)
    np.testing.assert_allclose(V.T @ V, np.eye(r), rtol=0, atol=1e-5)
    U = np.linalg.svd(references.centred(X), full_matrices=False)[0][:, :r]
    assert np.square(U.T @ V).sum() == pytest.approx(r, abs=1e-5)


def test_there_is_no_basis_without_a_gap_below_its_last_component():
    (X,) = trajectory(60, 20, E=1)
    assert np.isnan(subspace.basis(gram(X[:, :9]), 10)).all()  # 9 dimensions
    assert np.isnan(subspace.basis(gram(X[:10]), 10)).all()  # 9 dimensions of 10 examples
    assert np.isnan(subspace.basis(np.zeros((60, 60), dtype=np.float32), 10)).all()
    equal = np.kron(np.array([[1, 1], [-1, 1], [1, -1], [-1, -1]]), np.ones((8, 1))).astype(np.float32)
    assert np.isnan(subspace.basis(gram(equal), 1)).all()
    assert np.isfinite(subspace.basis(gram(equal), 2)).all()


def test_the_u_centred_gram_has_the_unbiased_hsic_for_an_inner_product():
    for n, p in ((60, 20), (5, 40)):
        X, Y = trajectory(n, p, E=2)
        U, V = references.u_centred(gram(X)), references.u_centred(gram(Y))
        np.testing.assert_array_equal(np.diagonal(U), 0)
        np.testing.assert_allclose(U.sum(axis=1), 0, atol=1e-5 * np.abs(U).max() * n)
        found = (U * V).sum() / np.sqrt((U * U).sum() * (V * V).sum())
        assert found == pytest.approx(reference(X, Y)[1], rel=1e-5, abs=1e-5)
        assert similarities([X, Y])[1][0, 1] == pytest.approx(found, rel=1e-5, abs=1e-5)


def without_inputs(X, Y, inputs):
    """What the library makes of the products of the Grams of all three."""
    grams = np.stack([gram(Z).astype(np.float64).ravel() for Z in (X, Y, inputs)])
    return cka.without_inputs(grams @ grams.T)


def test_a_deconfounded_gram_has_nothing_of_the_inputs_and_is_nothing_where_only_these_are_left():
    X, Y, inputs = trajectory(60, 20, E=3)
    inputs = inputs[:, :7]
    M = gram(inputs).astype(np.float64)
    K, L = (references.residual(gram(Z).astype(np.float64), M) for Z in (X, Y))
    assert (K * M).sum() == pytest.approx(0, abs=1e-3)
    found = (K * L).sum() / (np.linalg.norm(K) * np.linalg.norm(L))
    assert found == pytest.approx(references.deconfounded(X, Y, inputs), abs=1e-6)
    assert without_inputs(X, Y, inputs)[0, 1] == pytest.approx(found, abs=1e-6)
    for one, other in ((3 * inputs, inputs), (np.ones_like(X), inputs), (X, np.ones_like(inputs))):
        assert np.isnan(without_inputs(one, Y, other)[0]).all()
