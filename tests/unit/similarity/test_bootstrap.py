import numpy as np
import pytest
from synthetic import Arrays, reference, trajectory

from repdyn.errors import RepdynError
from repdyn.similarity import bootstrap, cka, gram

PLENTY = 1e9


@pytest.mark.parametrize("budget", [PLENTY, 12_000])
def test_a_resample_is_cka_of_the_repeated_examples(budget):
    X = trajectory(30, 12, E=3)
    one = bootstrap.Bootstrap(3, 30, resamples=4, seed=0)
    gram.products(Arrays(X), budget, gram.Numpy(), one.add)
    low, high = one.interval(np.zeros((3, 3)), confidence=0.9999999)
    drawn = [np.repeat(np.arange(30), weights.astype(int)) for weights in one.weights]
    expected = np.array([[[reference(x[i], y[i])[0] for y in X] for x in X] for i in drawn])
    expected -= expected.mean(axis=0)
    np.testing.assert_allclose(low, expected.min(axis=0), atol=1e-6)
    np.testing.assert_allclose(high, expected.max(axis=0), atol=1e-6)


def test_intervals_hold_the_expected_value_about_as_often_as_they_say():
    random = np.random.default_rng(0)
    mix = random.normal(size=(6, 6)) * 0.8
    estimates, inside = [], []
    for _ in range(80):
        x = random.normal(size=(60, 6))
        X = Arrays([x, x @ mix + random.normal(size=(60, 6))])
        found = bootstrap.similarities(X, PLENTY, None, resamples=100, confidence=0.9, seed=1)
        low, high = found.interval
        estimates.append(found.biased[0, 1])
        inside.append((low[0, 1], high[0, 1]))
    expected = np.mean(estimates)
    coverage = np.mean([low <= expected <= high for low, high in inside])
    assert 0.8 <= coverage <= 0.97


def test_estimates_are_those_without_a_bootstrap_and_undefined_ones_have_no_interval():
    X = trajectory(40, 10, E=3)
    X[1] = np.ones_like(X[1])
    found = bootstrap.similarities(Arrays(X), PLENTY, None, resamples=20, confidence=0.9, seed=0)
    low, high = found.interval
    plain = cka.similarities(Arrays(X), PLENTY)
    np.testing.assert_allclose(found.biased, plain.biased, atol=1e-6)
    assert np.isnan(low[1]).all()
    assert np.isnan(high[:, 1]).all()
    assert low[0, 2] < found.biased[0, 2] < high[0, 2]
    np.testing.assert_allclose(low[0, 0], 1)


def test_resamples_beyond_the_budget_are_refused():
    with pytest.raises(RepdynError, match="1000 resamples need"):
        bootstrap.similarities(Arrays(trajectory(40, 10)), 1e6, None, resamples=1000, confidence=0.9, seed=0)
