"""Permutation null: its p and calibrated values are right where there is nothing, and where there is something."""

import itertools
import math

import numpy as np
import pytest
from synthetic import Arrays

from repdyn.config.sections import ChosenMeasure
from repdyn.similarity import null, permuted


def algorithm(seen, permuted_ones, alpha=0.05):
    """Algorithms 1 and 2 of Gröger et al. 2026, written out: p and the calibrated value."""
    B = len(permuted_ones)
    threshold = sorted([seen, *permuted_ones])[math.ceil((1 - alpha) * (B + 1)) - 1]
    return (1 + sum(other >= seen for other in permuted_ones)) / (B + 1), max(0, (seen - threshold) / (1 - threshold))


@pytest.mark.parametrize("seen", [0.05, 0.48, 0.9])
@pytest.mark.parametrize("B", [1, 19, 40, 200])
def test_p_and_calibrated_values_are_those_of_the_paper(seen, B):
    values = np.concatenate([[seen], np.random.default_rng(B).uniform(0, 0.5, B)])
    p, calibrated = algorithm(values[0], values[1:])
    np.testing.assert_allclose(null.p_values(values), p, rtol=1e-15)
    np.testing.assert_allclose(null.calibrated(values), calibrated, atol=1e-12)


def test_the_largest_has_a_null_of_its_own():
    values = np.random.default_rng(0).uniform(0, 0.5, size=(41, 3, 4))
    values[0, 1, 2] = 0.49
    largest = [matrix.max() for matrix in values]
    p, calibrated = algorithm(largest[0], largest[1:])
    np.testing.assert_allclose(null.p_values(null.maxima(values)), p)
    np.testing.assert_allclose(null.calibrated(null.maxima(values)), calibrated, atol=1e-12)
    assert null.p_values(values)[1, 2] < p, "a pair is surprising more easily than the largest of twelve"


def test_what_is_undefined_has_no_p_and_is_left_out_of_maxima():
    values = np.full((5, 2, 2), np.nan)
    values[:, 0, 1] = [0.5, 0.1, 0.2, 0.6, 0.3]
    expected = np.array([[np.nan, 0.4], [np.nan, np.nan]])
    np.testing.assert_array_equal(null.p_values(values), expected)
    np.testing.assert_array_equal(np.isnan(null.calibrated(values)), np.isnan(expected))
    np.testing.assert_array_equal(null.maxima(values), values[:, 0, 1])
    assert np.isnan(null.p_values(null.maxima(values * np.nan)))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_things_have_each_order_once_the_first_as_they_are(n):
    found = null.orders(n, permutations=200, seed=3)
    assert [tuple(order) for order in found] == list(itertools.permutations(range(n)))


def test_orders_are_permutations_drawn_by_the_seed():
    found = null.orders(30, 50, seed=1)
    assert (found[0] == np.arange(30)).all() and len({tuple(order) for order in found}) == 51
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(np.arange(30), (51, 1)))
    np.testing.assert_array_equal(found, null.orders(30, 50, seed=1))
    assert not np.array_equal(found, null.orders(30, 50, seed=2))
    # Each thing comes to each place.
    assert len({int(order[0]) for order in null.orders(5 * 3, 400, seed=0)[1:]}) == 15


CHOSEN = [
    *(ChosenMeasure(name=name) for name in ("cka", "cka_debiased", "cka_deconfounded", "rsa")),
    ChosenMeasure(name="knn", neighbours=4),
    ChosenMeasure(name="subspace", components=3),
]
DRAWS = 150


@pytest.mark.parametrize(("law", "ratios"), [("normal", (0.2, 30)), ("heavy", (3, 3))])
def test_independent_representations_have_small_p_no_more_often_than_they_should(law, ratios):
    """Of single pairs and of the largest similarity of four, while raw CKA is far above 0."""
    n, B = 24, 19
    p, largest, similarity = ({measure.name: [] for measure in CHOSEN} for _ in range(3))
    random = np.random.default_rng(5)

    def layers(features):
        shape = (n, max(6, round(features * n)))
        X = random.standard_t(2, size=shape) if law == "heavy" else random.normal(size=shape)
        return [X, X + 0.5 * random.normal(size=shape)]

    for seed in range(DRAWS):
        source = Arrays([*layers(ratios[0]), *layers(ratios[1])])
        sides = permuted.Sides([0, 1], [2, 3])
        orders = null.orders(n, B, seed)
        found = permuted.similarities(source, CHOSEN, orders, 1e9, inputs=random.normal(size=(n, 9)), sides=sides)
        for name, values in found.items():
            p[name].append(null.p_values(values)[0, 1])
            largest[name].append(null.p_values(null.maxima(values)))
            similarity[name].append(values[0, 0, 1])
    assert np.mean(similarity["cka"]) > 0.15
    for name, where in itertools.product(p, (p, largest)):
        for level in (0.1, 0.5):
            share = np.mean(np.array(where[name]) <= level + 1e-9)
            # Equal counts of neighbours in common make the test of k-NN cautious.
            bound = 3.5 * math.sqrt(level * (1 - level) / DRAWS)
            assert level - bound - 0.15 * (name == "knn") < share < level + bound, (name, level, share)


def test_representations_with_half_of_their_variance_in_common_have_a_small_p_under_every_measure():
    random = np.random.default_rng(0)
    shared = random.normal(size=(60, 6))
    X = [shared @ random.normal(size=(6, p)) / 6**0.5 + random.normal(size=(60, p)) for p in (40, 300)]
    found = permuted.similarities(Arrays(X), CHOSEN, null.orders(60, 99, 0), 1e9, inputs=random.normal(size=(60, 9)))
    for name, values in found.items():
        assert null.p_values(values)[0, 1] == 0.01, name
        assert 0.05 < null.calibrated(values)[0, 1] < values[0, 0, 1], name
