import numpy as np
import pytest

from repdyn.similarity import weights


def drawn(E=5, sizes=(7, 300, 1)):
    random = np.random.default_rng(0)
    return [random.normal(size=(E, size)).astype(np.float32) for size in sizes]


def test_cosine_and_distance_are_those_of_all_weights_of_the_layer_together():
    tensors = drawn()
    W = np.concatenate(tensors, axis=1).astype(np.float64)
    found = weights.moves(tensors)
    assert found.parameters == 308
    np.testing.assert_allclose(found.norm, np.linalg.norm(W, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.distance, np.linalg.norm(W[:, None] - W, axis=2), atol=1e-6)
    np.testing.assert_allclose(found.cosine, W @ W.T / np.outer(found.norm, found.norm), atol=1e-12)
    np.testing.assert_array_equal(np.diagonal(found.cosine), 1)
    np.testing.assert_array_equal(np.diagonal(found.distance), 0)


def test_blocks_change_nothing(monkeypatch):
    whole = weights.moves(drawn())
    monkeypatch.setattr(weights, "BLOCK", 11)
    parts = weights.moves(drawn())
    np.testing.assert_allclose(parts.distance, whole.distance, atol=1e-12)
    np.testing.assert_allclose(parts.cosine, whole.cosine, atol=1e-12)


def test_a_move_of_a_millionth_is_not_lost_in_the_length_of_the_weights():
    W = np.full((2, 1000), 1.0)
    W[1] += 1e-9
    assert weights.moves([W]).distance[0, 1] == pytest.approx(1e-9 * np.sqrt(1000), rel=1e-6)


def test_weights_that_are_all_zero_have_no_direction():
    W = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
    found = weights.moves([W])
    assert np.isnan(found.cosine[0]).all() and np.isnan(found.cosine[:, 0]).all()
    assert found.cosine[1, 2] == pytest.approx(1)
    assert found.distance[0, 1] == pytest.approx(np.sqrt(5))
