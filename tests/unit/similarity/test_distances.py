"""Half the squared distances of examples, against SciPy's."""

import numpy as np
import pytest
from scipy.spatial import distance

from repdyn.similarity import distances

LEAST = {np.float32: distances.ZERO, np.float64: distances.FINE_ZERO}


@pytest.mark.parametrize("dtype", LEAST)
@pytest.mark.parametrize(("first", "stop"), [(0, 20), (5, 9), (19, 20)])
def test_a_block_of_all_columns_or_of_the_last_has_half_the_squared_distances_and_none_to_itself(dtype, first, stop):
    X = np.random.default_rng(0).normal(size=(20, 6))
    K = (X @ X.T).astype(dtype)
    expected = distance.squareform(distance.pdist(X, "sqeuclidean")) / 2
    np.fill_diagonal(expected, np.inf)
    for column in (0, first):
        found = distances.halved(K[first:stop, column:], np.diagonal(K), first)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected[first:stop, column:], rtol=1e-5)


@pytest.mark.parametrize("dtype", LEAST)
@pytest.mark.parametrize("scale", [1, 2.0**-60, 2.0**40])
def test_what_is_within_rounding_of_the_norms_is_0_and_what_is_beyond_is_not(dtype, scale):
    least = LEAST[dtype]
    K = np.array([[1, 1 - least / 2, 1 - 2 * least], [1 - least / 2, 1, 0.5], [1 - 2 * least, 0.5, 1]]) * scale
    found = distances.halved(K.astype(dtype), np.full(3, dtype(scale)), 0)
    assert found[0, 1] == found[1, 0] == 0
    assert found[0, 2] == pytest.approx(2 * least * scale, rel=0.1)
    assert found[1, 2] == scale / 2


def test_examples_that_are_alike_are_0_apart_whatever_rounding_says_of_them():
    X = np.random.default_rng(0).normal(size=(40, 300)).astype(np.float32) * np.geomspace(1, 100, 40)[:, None]
    X = np.concatenate([X, X]).astype(np.float32)
    K = X @ X.T
    K[np.arange(40), 40 + np.arange(40)] *= np.float32(1 - 2**-23)  # a bit that rounding has left
    found = distances.halved(K, np.diagonal(K), 0)
    np.testing.assert_array_equal(found[np.arange(40), 40 + np.arange(40)], 0)
    assert (found > 0).sum() == 80 * 78 + 80  # the others, and the infinite ones of each with itself


def test_both_orders_of_a_pair_are_as_far_to_the_last_bit():
    X = np.random.default_rng(0).normal(size=(50, 30)) * np.geomspace(1e-3, 1e3, 50)[:, None]
    for dtype in LEAST:
        K = (X @ X.T).astype(dtype)
        K = np.triu(K) + np.triu(K, 1).T
        found = distances.halved(K, np.diagonal(K), 0)
        np.testing.assert_array_equal(found, found.T)


def test_no_distance_is_below_0():
    K = np.array([[1, 1 + 1e-3], [1 + 1e-3, 1]])
    for dtype in LEAST:
        found = distances.halved(K.astype(dtype), np.ones(2, dtype=dtype), 0)
        assert found[0, 1] == 0


def test_rounding_makes_equal_what_the_last_digits_tell_apart_and_changes_no_digit_that_counts():
    d = np.array([0.1 * 3, 0.3, 1 + 2.0**-30, 0.0, np.inf, 2.0**-1000])
    before = d.copy()
    distances.round_(d)
    assert before[0] != before[1]
    assert d[0] == d[1]
    np.testing.assert_array_equal(d[2:], before[2:])
    drawn = np.random.default_rng(0).uniform(1, 2, size=1000) * 2.0 ** np.arange(1000)
    rounded = drawn.copy()
    distances.round_(rounded)
    off = np.abs(rounded - drawn) / drawn
    assert 0 < off.max() <= 2.0 ** -(distances.DIGITS + 1)
    again = rounded.copy()
    distances.round_(again)
    np.testing.assert_array_equal(again, rounded)
