import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repdyn.probes import low_rank


@settings(max_examples=30)
@given(n=st.integers(1, 20), extra=st.integers(1, 40), rank=st.integers(1, 20), seed=st.integers(0, 1000))
def test_thin_coordinates_keep_all_inner_products(n, extra, rank, seed):
    generator = np.random.default_rng(seed)
    p = n + extra
    Z = generator.normal(size=(n, min(rank, n))) @ generator.normal(size=(min(rank, n), p))

    def blocks():
        for start in range(0, p, 7):
            yield slice(start, start + 7), Z[:, start : start + 7]

    found = low_rank.factorise(blocks, n)
    assert found.coordinates.shape == (n, min(rank, n))
    np.testing.assert_allclose(found.coordinates @ found.coordinates.T, Z @ Z.T, atol=1e-8)
    weight = generator.normal(size=(found.coordinates.shape[1], 3))
    wide = found.to_features(weight, p)
    np.testing.assert_allclose(Z @ wide, found.coordinates @ weight, atol=1e-6)
    np.testing.assert_allclose(wide.T @ wide, weight.T @ weight, atol=1e-6)
    np.testing.assert_allclose(found.to_coordinates(wide), weight, atol=1e-6)


def thin(Z, width=7):
    """Features in the coordinates that their examples span, from blocks of some width."""
    p = Z.shape[1]
    return low_rank.factorise(lambda: ((slice(k, k + width), Z[:, k : k + width]) for k in range(0, p, width)), len(Z))


def test_a_gram_matrix_in_blocks_is_that_of_all_features():
    Z = np.random.default_rng(0).normal(size=(6, 20))
    for width in (1, 7, 20, 99):
        blocks = ((slice(k, k + width), Z[:, k : k + width]) for k in range(0, 20, width))
        np.testing.assert_allclose(low_rank.gram(blocks, 6), Z @ Z.T, rtol=1e-12)
    np.testing.assert_array_equal(low_rank.gram(iter(()), 3), np.zeros((3, 3)))


def test_examples_that_are_sums_of_others_add_no_dimension_and_pivots_span_them_all():
    generator = np.random.default_rng(0)
    Z = generator.normal(size=(8, 40))
    Z[3], Z[5], Z[6] = Z[0], 2 * Z[1] - Z[2], 0
    found = thin(Z)
    assert found.coordinates.shape == (8, 5)
    np.testing.assert_allclose(found.coordinates[3], found.coordinates[0], atol=1e-7)
    np.testing.assert_allclose(found.coordinates[6], 0, atol=1e-7)
    np.testing.assert_array_equal(found.triangle, np.tril(found.coordinates[found.pivots]))
    weight = generator.normal(size=(5, 3))
    wide = found.to_features(weight, 40)
    np.testing.assert_allclose(Z @ wide, found.coordinates @ weight, atol=1e-7)
    np.testing.assert_allclose(wide.T @ wide, weight.T @ weight, atol=1e-7)
    spanned = Z[found.pivots].T @ np.linalg.lstsq(Z[found.pivots].T, Z.T, rcond=None)[0]
    np.testing.assert_allclose(spanned, Z.T, atol=1e-10)


def test_what_of_a_weight_no_example_sees_is_projected_away():
    generator = np.random.default_rng(0)
    Z, weight = generator.normal(size=(5, 30)), generator.normal(size=(30, 2))
    found = thin(Z)
    seen = found.to_features(found.to_coordinates(weight), 30)
    np.testing.assert_allclose(Z @ seen, Z @ weight, atol=1e-10)
    np.testing.assert_allclose(seen, np.linalg.pinv(Z) @ (Z @ weight), atol=1e-10)


def test_examples_that_are_all_the_same_leave_no_coordinate_and_a_weight_of_zeros():
    found = thin(np.zeros((4, 9)))
    assert found.coordinates.shape == (4, 0)
    assert found.to_coordinates(np.ones((9, 2))).shape == (0, 2)
    np.testing.assert_array_equal(found.to_features(np.empty((0, 2)), 9), np.zeros((9, 2)))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_rank_does_not_depend_on_the_scale(scale):
    generator = np.random.default_rng(0)
    Z = scale * generator.normal(size=(10, 4)) @ generator.normal(size=(4, 50))
    found = thin(Z)
    assert found.coordinates.shape == (10, 4)
    np.testing.assert_allclose(found.coordinates @ found.coordinates.T, Z @ Z.T, atol=1e-12 * np.abs(Z @ Z.T).max())
