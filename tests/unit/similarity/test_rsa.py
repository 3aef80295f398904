import numpy as np
import pytest
from grams import gram, half_dead
from scipy.spatial import distance
from scipy.stats import rankdata
from synthetic import peak_of, trajectory

from repdyn.similarity import rsa


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
    peak, _ = peak_of(lambda: rsa.ranks(given, out=K))
    assert peak < rsa.SCRATCH * n * (n - 1) / 2


def test_ranks_may_take_the_place_of_the_gram():
    K = gram(trajectory(50, 20, E=1)[0])
    expected = rsa.ranks(K)
    assert rsa.ranks(K, out=K) is K
    np.testing.assert_array_equal(K, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_equal_distances_have_the_ranks_of_scipy_exactly(dtype):
    X = np.random.default_rng(0).integers(0, 4, size=(64, 3)).astype(np.float64)
    X -= X.mean(axis=0)  # of 64 integers, so exact
    expected = rankdata(distance.pdist(X, "sqeuclidean"))
    found = rsa.ranks((X @ X.T).astype(dtype))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[np.triu_indices(64, 1)], expected - expected.mean())


def test_float64_ranks_what_float32_would_count_as_equal():
    x = np.cumsum(1 + 1e-6 * np.arange(30))[:, None]
    x -= x.mean()
    expected = rankdata(np.round(distance.pdist(x, "sqeuclidean"), 9))
    found = rsa.ranks(x @ x.T)[np.triu_indices(30, 1)]
    np.testing.assert_array_equal(found, expected - expected.mean())
    assert len(np.unique(expected)) == len(expected)


@pytest.mark.parametrize("n", [1, 2])
def test_without_two_distances_to_compare_all_ranks_are_0(n):
    np.testing.assert_array_equal(rsa.ranks(np.eye(n, dtype=np.float32)), np.zeros((n, n)))


def test_more_pairs_than_32_bits_count_are_refused_before_anything_is_made():
    many = np.broadcast_to(np.float32(0), (92_683, 92_683))
    with pytest.raises(ValueError, match="92683 examples have too many pairs"):
        rsa.ranks(many)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 600])
def test_the_lower_triangle_becomes_the_mirror_image_of_the_upper(n):
    S = np.random.default_rng(0).normal(size=(n, n))
    upper = np.triu(S)
    rsa.mirror(S)
    np.testing.assert_array_equal(S, upper + np.triu(upper, 1).T)
