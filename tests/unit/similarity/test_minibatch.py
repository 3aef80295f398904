import numpy as np
import pytest
from synthetic import Arrays, trajectory

from repdyn.errors import RepdynError
from repdyn.similarity import cka, gram, minibatch

PLENTY = 1e9


def test_one_batch_of_all_examples_is_plain_cka():
    X = Arrays(trajectory(60, 30))
    one, other = minibatch.similarities(X, 60, PLENTY), cka.similarities(X, PLENTY)
    np.testing.assert_allclose(one.biased, other.biased, atol=1e-6)
    np.testing.assert_allclose(one.debiased, other.debiased, atol=1e-6)


def test_batches_are_averaged_before_they_are_normalised():
    X = trajectory(61, 30)
    found = minibatch.similarities(Arrays(X), 20, PLENTY).debiased

    def unbiased(x, y):
        n = len(x)
        K, L = ((z - z.mean(0)) @ (z - z.mean(0)).T for z in (x.astype(np.float64), y.astype(np.float64)))
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        sums = K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (K.sum(0) @ L.sum(0))
        return (np.sum(K * L) + sums) / (n * (n - 3))

    def mean(x, y):
        return np.mean([unbiased(x[batch], y[batch]) for batch in minibatch.batches(61, 20)])

    expected = [[mean(x, y) / np.sqrt(mean(x, x) * mean(y, y)) for y in X] for x in X]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_example_is_in_one_batch_of_about_the_size():
    found = minibatch.batches(103, 25)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(103))
    assert {len(batch) for batch in found} <= {25, 26}


def test_small_batches_estimate_what_all_examples_give():
    X = trajectory(2000, 20, E=3)
    found = minibatch.similarities(Arrays(X), 100, PLENTY)
    np.testing.assert_allclose(found.debiased, cka.similarities(Arrays(X), PLENTY).debiased, atol=0.02)


def test_a_budget_for_a_few_batches_gives_the_same_numbers_and_a_smaller_one_says_so():
    X = trajectory(80, 10, E=3)
    X[1] = np.ones_like(X[1])
    needed = 12 * 80 * 10 + 4 * 20 * (2 * 10 + 20)
    few = minibatch.similarities(Arrays(X), 20, 2 * needed)
    np.testing.assert_array_equal(few.debiased, minibatch.similarities(Arrays(X), 20, PLENTY).debiased)
    assert few.constant.tolist() == [False, True, False]
    assert np.isnan(few.biased[1]).all()
    with pytest.raises(RepdynError, match="but a batch needs"):
        minibatch.similarities(Arrays(X), 20, 4 * 3 * 20**2)
    with pytest.raises(RepdynError, match="at least 4 examples, and there are 2"):
        minibatch.similarities(Arrays(X), 2, PLENTY)


def test_features_too_wide_for_the_budget_come_in_slices_with_the_same_numbers():
    X = trajectory(60, 5000, E=3)
    X[1] = np.full_like(X[1], 3.0)
    budget = 2**20
    assert gram.slice_width(Arrays(X), budget) < 1000
    few, all_at_once = (minibatch.similarities(Arrays(X), 20, b) for b in (budget, PLENTY))
    np.testing.assert_allclose(few.debiased, all_at_once.debiased, atol=1e-6)
    np.testing.assert_allclose(few.biased, all_at_once.biased, atol=1e-6)
    assert few.constant.tolist() == [False, True, False]
