"""Solvers against scikit-learn's, and against equations written out."""

import numpy as np
import pytest
from gaussian_classes import blobs
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from repdyn.probes import solvers


def standardised(n, p, classes, seed=0):
    features, labels = blobs(n, p, classes, seed, spread=3.0)
    return (features - features.mean(axis=0)) / features.std(axis=0), labels


def decisions(solution, features):
    return (features @ solution.weight + solution.bias).argmax(axis=1)


@pytest.mark.parametrize(("n", "p"), [(90, 20), (40, 130)])
def test_ridge_is_sklearns_ridge_classifier_at_the_same_penalty(n, p):
    features, labels = standardised(n, p, 4)
    solution = solvers.ridge(features, labels, 4, penalty=0.1)
    reference = RidgeClassifier(alpha=0.1 * p).fit(features, labels)  # the mean eigenvalue of the Gram matrix is p
    # It fits targets of -1 and 1, ours are 0 and 1.
    np.testing.assert_allclose(2 * solution.weight.T, reference.coef_, atol=1e-10)
    np.testing.assert_allclose(2 * solution.bias - 1, reference.intercept_, atol=1e-10)
    unseen = np.random.default_rng(1).normal(size=(500, p))
    np.testing.assert_array_equal(decisions(solution, unseen), reference.predict(unseen))


@pytest.mark.parametrize(("n", "p"), [(90, 20), (40, 130)])
def test_logistic_is_sklearns_logistic_regression_at_the_same_penalty(n, p):
    features, labels = standardised(n, p, 4)
    solution = solvers.logistic(features, labels, 4, penalty=0.1, tolerance=1e-9, iterations=5000)
    reference = LogisticRegression(C=1 / (0.1 * p), tol=1e-10, max_iter=20_000).fit(features, labels)
    assert solution.gradient <= 1e-9
    np.testing.assert_allclose(solution.weight.T, reference.coef_, atol=2e-6)
    np.testing.assert_allclose(solution.bias - solution.bias.mean(), reference.intercept_, atol=2e-6)
    unseen = np.random.default_rng(1).normal(size=(500, p))
    np.testing.assert_array_equal(decisions(solution, unseen), reference.predict(unseen))


@settings(max_examples=25)
@given(n=st.integers(6, 30), p=st.integers(1, 40), penalty=st.floats(1e-3, 10), seed=st.integers(0, 1000))
def test_the_dual_and_the_primal_solution_of_ridge_are_one(n, p, penalty, seed):
    features, labels = standardised(n, p, 3, seed)
    Z, Y = features - features.mean(axis=0), np.eye(3)[labels] - np.eye(3)[labels].mean(axis=0)
    strength = penalty * np.trace(Z @ Z.T) / n
    primal = np.linalg.solve(Z.T @ Z + strength * np.eye(p), Z.T @ Y)
    np.testing.assert_allclose(solvers.ridge(features, labels, 3, penalty).weight, primal, atol=1e-8)


@pytest.mark.parametrize("p", [15, 80])
def test_a_warm_start_changes_the_time_of_a_logistic_probe_and_not_its_answer(p):
    features, labels = standardised(60, p, 3)
    cold = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-8, iterations=5000)
    near = cold.weight + 0.01, cold.bias - 0.01
    warm = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-8, iterations=5000, start=near)
    np.testing.assert_allclose(warm.weight, cold.weight, atol=1e-6)
    at_optimum = solvers.logistic(features, labels, 3, 0.1, 1e-8, iterations=1, start=(cold.weight, cold.bias))
    assert at_optimum.gradient <= 2e-8


def test_sgd_is_drawn_from_its_seed_and_comes_near_the_optimum():
    features, labels = standardised(200, 10, 3)
    exact = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-8, iterations=5000)

    def solve(seed, epochs=200, lr=0.05):
        return solvers.sgd(features, labels, 3, 0.1, epochs, 50, lr, 0.9, np.random.default_rng(seed))

    np.testing.assert_array_equal(solve(0).weight, solve(0).weight)
    assert not np.array_equal(solve(0).weight, solve(1).weight)
    # What all classes have in common decides nothing, and only the weak penalty draws it to its optimum.
    difference = solve(0).weight - exact.weight
    assert np.abs(difference - difference.mean(axis=1, keepdims=True)).max() < 0.05
    assert (decisions(solve(0), features) == decisions(exact, features)).mean() > 0.98


@pytest.mark.parametrize(("n", "p"), [(50, 6), (8, 30)])
def test_features_need_not_be_centred_and_only_the_bias_sees_where_they_lie(n, p):
    features, labels = standardised(n, p, 3)
    shift = np.random.default_rng(2).normal(size=p)
    for solve in (
        lambda X: solvers.ridge(X, labels, 3, 0.1),
        lambda X: solvers.logistic(X, labels, 3, 0.1, tolerance=1e-9, iterations=5000),
    ):
        there, moved = solve(features), solve(features + shift)
        np.testing.assert_allclose(moved.weight, there.weight, atol=1e-6)
        np.testing.assert_allclose(moved.bias, there.bias - shift @ there.weight, atol=1e-6)


def test_the_mean_eigenvalue_is_that_of_the_gram_matrix():
    Z = np.random.default_rng(0).normal(size=(7, 11))
    assert solvers.mean_eigenvalue(Z) == pytest.approx(np.linalg.eigvalsh(Z @ Z.T).mean())
    features, _ = standardised(40, 9, 3)
    assert solvers.mean_eigenvalue(features) == pytest.approx(9), "the number of live units"
    assert solvers.mean_eigenvalue(np.zeros((4, 3))) == 0


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_penalty_means_the_same_whatever_the_scale_of_the_features(scale):
    features, labels = standardised(60, 8, 3)
    for solve in (
        lambda X: solvers.ridge(X, labels, 3, 0.1),
        lambda X: solvers.logistic(X, labels, 3, 0.1, tolerance=1e-9 * max(1, scale), iterations=5000),
    ):
        one, other = solve(features), solve(scale * features)
        np.testing.assert_allclose(scale * other.weight, one.weight, atol=1e-4)


@pytest.mark.parametrize("p", [0, 3, 30])
def test_where_all_units_are_dead_frequencies_decide(p):
    labels = np.array([2, 2, 1, 2, 0, 1])
    frequencies = np.array([1, 2, 3]) / 6
    features = np.full((6, p), 4.0)
    ridge = solvers.ridge(features, labels, 4, 0.1)
    np.testing.assert_allclose(features @ ridge.weight + ridge.bias, np.tile([*frequencies, 0], (6, 1)), atol=1e-12)
    found = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-10, iterations=1000)
    scores = (features @ found.weight + found.bias)[0]
    np.testing.assert_allclose(np.exp(scores) / np.exp(scores).sum(), frequencies, atol=1e-6)


def test_a_class_without_examples_is_never_decided_for():
    features, labels = standardised(60, 8, 3)
    for solution in (
        solvers.ridge(features, labels, 5, 0.1),
        solvers.logistic(features, labels, 5, 0.1, tolerance=1e-8, iterations=5000),
    ):
        assert solution.weight.shape == (8, 5) and solution.bias.shape == (5,)
        assert set(decisions(solution, features).tolist()) == {0, 1, 2}


def mean_objective(solution, features, labels, penalty):
    """Mean cross-entropy of the softmax with the penalty, from its formula."""
    scores = features @ solution.weight + solution.bias
    loss = -np.log(np.exp(scores)[np.arange(len(labels)), labels] / np.exp(scores).sum(axis=1)).mean()
    eigenvalue = np.square(features - features.mean(axis=0)).sum() / len(features)
    return loss + penalty * eigenvalue / (2 * len(features)) * np.square(solution.weight).sum()


@pytest.mark.parametrize("penalty", [0.2, 20.0])
@pytest.mark.parametrize("kind", ["logistic", "sgd"])
def test_the_recorded_gradient_is_the_slope_of_the_objective_where_the_solver_stopped(kind, penalty):
    features, labels = standardised(30, 5, 3)
    if kind == "logistic":
        found = solvers.logistic(features, labels, 3, penalty, tolerance=1e-12, iterations=3)
    else:
        found = solvers.sgd(features, labels, 3, penalty, 1, 8, 0.05, 0.9, np.random.default_rng(0))
    slopes, flat = [], np.concatenate([found.weight, found.bias[None]]).ravel()
    for k in range(flat.size):
        ends = []
        for step in (1e-6, -1e-6):
            moved = flat.copy()
            moved[k] += step
            moved = moved.reshape(6, 3)
            ends.append(mean_objective(solvers.Solution(moved[:-1], moved[-1]), features, labels, penalty))
        slopes.append((ends[0] - ends[1]) / 2e-6)
    assert found.gradient > 1e-3, "it stopped early"
    assert found.gradient == pytest.approx(np.abs(slopes).max(), rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 7, 30, 100])
def test_sgd_sees_each_example_once_an_epoch_whatever_the_size_of_batches(batch_size):
    features, labels = standardised(30, 4, 3)

    class Watched(np.ndarray):
        def __getitem__(self, key):
            if isinstance(key, np.ndarray):
                seen.append(key)
            return super().__getitem__(key)

    seen: list[np.ndarray] = []
    solvers.sgd(features.view(Watched), labels, 3, 0.1, 2, batch_size, 0.05, 0.9, np.random.default_rng(0))
    assert {len(batch) for batch in seen[:-1]} <= {min(batch_size, 30), 30 % batch_size}
    epochs = np.concatenate(seen).reshape(2, 30)
    assert [sorted(epoch) for epoch in epochs.tolist()] == [[*range(30)]] * 2
    assert not np.array_equal(*epochs)


def test_a_start_at_the_optimum_is_there_wherever_the_features_lie():
    features, labels = standardised(60, 8, 3)
    features += np.random.default_rng(2).normal(0, 5, size=8)
    found = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-8, iterations=5000)
    again = solvers.logistic(features, labels, 3, 0.1, 1e-8, iterations=1, start=(found.weight, found.bias))
    assert again.gradient <= 2e-8
    np.testing.assert_allclose(again.bias, found.bias, atol=1e-6)
