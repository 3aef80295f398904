import numpy as np
import pytest
from measuring import expected
from synthetic import PLENTY, Arrays, spread

from repdyn.similarity import procrustes


def test_procrustes_compares_features_of_other_widths_within_a_budget():
    X = [spread(60, p, E=2)[1] for p in (30, 90, 60, 5)]
    for budget in (PLENTY, 7 * 8 * 60**2):
        values = procrustes.similarities(Arrays(X), budget)
        np.testing.assert_allclose(values, expected(X, X[0])["procrustes"], rtol=0, atol=1e-6)
    turned = X[0] @ np.linalg.qr(np.random.default_rng(0).normal(size=(30, 30)))[0] * 3 + 1
    assert procrustes.similarities(Arrays([X[0], turned.astype(np.float32)]), PLENTY)[0, 1] == pytest.approx(
        1, abs=1e-6
    )


def test_what_lies_along_one_of_two_directions_has_the_share_of_its_length():
    u, v = np.array([1, -1, 1, -1, 0, 0]), np.array([1, 1, -1, -1, 0, 0])
    both, one = np.stack([3 * u, 4 * v], axis=1), np.stack([u], axis=1)
    X = [Z.astype(np.float32) for Z in (both, one, np.stack([v, v, v], axis=1))]
    values = procrustes.similarities(Arrays(X), PLENTY)
    np.testing.assert_allclose(values, [[1, 3 / 5, 4 / 5], [3 / 5, 1, 0], [4 / 5, 0, 1]], atol=1e-7)


@pytest.mark.parametrize("p", [5, 20, 90])
@pytest.mark.parametrize("width", [1, 7, 90])
def test_coordinates_are_no_more_than_examples_and_have_the_inner_products_of_features_of_unit_norm(p, width):
    (X,) = spread(20, p, E=1)
    T, constant = procrustes.coordinates(Arrays([X + 3]), 0, width)
    assert T.shape == (20, min(20, p))
    assert not constant
    Z = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(T @ T.T, Z @ Z.T / np.square(Z).sum(), rtol=0, atol=1e-6)


def test_a_constant_representation_has_none_even_with_itself():
    X = spread(20, 30, E=3)
    X[1] = np.full_like(X[1], 0.1)
    values = procrustes.similarities(Arrays(X), PLENTY)
    np.testing.assert_array_equal(np.isnan(values), [[False, True, False], [True] * 3, [False, True, False]])
    np.testing.assert_array_equal(np.diagonal(values)[[0, 2]], 1)


def test_the_nuclear_norm_is_the_sum_of_singular_values_whatever_their_signs():
    assert procrustes.nuclear(np.diag([3.0, -4.0]), np.eye(2)) == pytest.approx(7)
    assert procrustes.nuclear(np.ones((5, 2)), np.ones((5, 3))) == pytest.approx(5 * 6**0.5)
