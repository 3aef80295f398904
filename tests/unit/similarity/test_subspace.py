import numpy as np
import pytest
import references
from grams import gram
from synthetic import spread, trajectory

from repdyn.similarity import subspace
from repdyn.similarity.gram import centred


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


def test_a_large_gram_is_decomposed_within_a_krylov_space_or_whole(monkeypatch):
    whole = []
    monkeypatch.setattr(subspace, "_largest", lambda M, r, largest=subspace._largest: whole.append(1) or largest(M, r))
    for X, flat in ((spread(900, 1000, E=1)[0], False), (trajectory(900, 1000, E=1)[0], True)):
        Xc = centred(X)[0]
        K = Xc @ Xc.T  # exactly symmetric, as products of two copies need not be
        V, _ = subspace.components(K, 5)
        values, vectors = np.linalg.eigh(K.astype(np.float64))
        assert np.square(vectors[:, -5:].T @ V).sum() == pytest.approx(5, abs=1e-5)
        assert bool(whole) == flat
        assert values[-5] - values[-6] > subspace.GAP * values[-1]


def turned(r, angles):
    """A basis of r coordinates of 2 r, and that basis turned by these angles out of their space."""
    one, other = np.zeros((2, 2 * r, r))
    one[np.arange(r), np.arange(r)] = 1
    other[np.arange(r), np.arange(r)], other[r + np.arange(r), np.arange(r)] = np.cos(angles), np.sin(angles)
    return one, other @ np.linalg.qr(np.random.default_rng(0).normal(size=(r, r)))[0]


def test_the_overlap_is_the_mean_squared_cosine_of_principal_angles():
    angles = np.radians([0, 30, 60, 90])
    one, other = turned(4, angles)
    undefined = subspace.undefined(8, 4)
    found = subspace.overlaps(np.stack([one, other, undefined]).astype(np.float32))
    np.testing.assert_allclose(found[:2, :2], [[1, 0.5], [0.5, 1]], atol=1e-7)  # (1 + 3/4 + 1/4 + 0) / 4
    assert np.isnan(found[2]).all() and np.isnan(found[:, 2]).all()


@pytest.mark.parametrize(("n", "p", "r"), [(60, 20, 10), (60, 4, 4), (60, 5, 4), (30, 1, 1)])
def test_features_and_their_gram_have_the_same_components_and_gap(n, p, r):
    X = centred(spread(n, p, E=1)[0])[0]
    (U, of_gram), (V, of_features) = subspace.components(X @ X.T, r), subspace.of_features(X, r)
    np.testing.assert_allclose(V @ V.T, U @ U.T, rtol=0, atol=1e-5)
    assert of_features == pytest.approx(of_gram, abs=1e-6)


@pytest.mark.parametrize(("n", "p"), [(60, 3), (3, 60)])
def test_fewer_features_or_examples_than_components_have_none(n, p):
    V, below = subspace.of_features(np.random.default_rng(0).normal(size=(n, p)), 4)
    assert V.shape == (n, 4)
    assert np.isnan(V).all()
    assert below == 0
    V, below = subspace.components(np.eye(4, dtype=np.float32), 4)
    assert V.shape == (4, 4)
    assert np.isnan(V).all()
    assert below == 0


@pytest.mark.parametrize(
    ("values", "gap"),
    [([4.0, 3.0, 1.0], 0.5), ([4.0, 3.0, -0.1], 0.75), ([4.0, 3.0, 3.0], 0), ([0.0, 0.0, 0.0], 0), ([-1.0, -2, -3], 0)],
)
def test_the_gap_is_a_fraction_of_the_largest_and_none_is_below_0(values, gap):
    assert subspace.gap(np.array(values), 2) == gap


@pytest.mark.parametrize(("factor", "there"), [(0.9, False), (1.1, True)])
def test_a_basis_is_there_if_its_gap_is_above_the_least(factor, there):
    V = np.eye(5)[:, :2]
    found, below = subspace.resolved(np.array([1.0, 0.5, 0.5 - factor * subspace.GAP]), V, 2)
    assert below == pytest.approx(factor * subspace.GAP)
    assert np.isfinite(found).all() == there
    assert np.isnan(found).all() != there
