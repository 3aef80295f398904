"""Similarities with what their null says of them, against CKA and its null written out."""

import math

import numpy as np
import pytest
from measuring import chosen
from synthetic import PLENTY, Arrays, reference

from repdyn.config.sections import Comparisons
from repdyn.similarity import compared, gram, null
from repdyn.similarity.permuted import Sides

N = 16
SETTINGS = Comparisons(permutations=39, seed=3)
ORDERS = null.orders(N, 39, 3)
NO_NULL = Comparisons(permutations=0)


def related():
    """Two representations that are alike, one that is related to them, and one that is not."""
    random = np.random.default_rng(1)
    X = random.normal(size=(N, 5))
    others = [X + share * random.normal(size=X.shape) for share in (0.3, 0.8)]
    return [each.astype(np.float32) for each in (X, *others, random.normal(size=(N, 7)))]


def permuted(X, Y):
    """CKA in each order of the examples of the second."""
    return np.array([reference(X, Y[order])[0] for order in ORDERS])


def of_null(values):
    """p and the calibrated value, as Gröger et al. 2026 define them."""
    threshold = sorted(values)[math.ceil(0.95 * len(values)) - 1]
    return np.mean(values >= values[0] - 1e-7), max(0, (values[0] - threshold) / (1 - threshold))


def all_pairs(X, settings=SETTINGS, names=("cka",), inputs=None):
    return compared.all_pairs(Arrays(X), chosen(*names), settings, PLENTY, gram.Numpy(), inputs)


def best(X, fixed, moved, settings=SETTINGS, names=("cka",)):
    return compared.best(Arrays(X), Sides(fixed, moved), chosen(*names), settings, PLENTY, gram.Numpy(), None)


def test_each_pair_has_its_similarity_and_that_of_the_later_one_permuted_for_a_null():
    X = related()
    found = all_pairs(X)
    calibrated = []
    for i, j in zip(*np.triu_indices(4, 1), strict=True):
        values = permuted(X[i], X[j])
        p, above = of_null(values)
        assert found.found.matrices["cka"][i, j] == pytest.approx(values[0], abs=1e-6)
        assert found.p["cka"][i, j] == found.p["cka"][j, i] == pytest.approx(p)
        assert found.calibrated["cka"][i, j] == pytest.approx(above, abs=1e-5)
        assert found.calibrated["cka"][j, i] == found.calibrated["cka"][i, j]
        calibrated.append(above)
    assert calibrated[0] > calibrated[1] > 0, "the case has something to find"
    for each in (found.p["cka"], found.calibrated["cka"]):
        assert np.isnan(np.diagonal(each)).all()


def test_every_chosen_measure_has_a_null_and_what_has_no_similarity_has_none():
    X = related()
    X[1] = np.ones_like(X[1])
    names = ("cka", "cka_debiased", "cka_deconfounded", "rsa", "procrustes")
    found = all_pairs(X, names=names, inputs=np.random.default_rng(0).normal(size=(N, 4)))
    assert list(found.p) == list(found.calibrated) == list(found.found.matrices) == list(names)
    for name in names:
        undefined = np.isnan(found.found.matrices[name]) | np.eye(4, dtype=bool)
        assert undefined[1].all() and not undefined[0, 2], name
        np.testing.assert_array_equal(np.isnan(found.p[name]), undefined, err_msg=name)
        np.testing.assert_array_equal(np.isnan(found.calibrated[name]), undefined, err_msg=name)


@pytest.mark.parametrize(("X", "settings"), [(related()[:1], SETTINGS), (related(), NO_NULL)], ids=["one", "no null"])
def test_one_representation_or_no_permutations_have_similarities_and_no_null(X, settings):
    found = all_pairs(X, settings)
    assert np.isfinite(found.found.matrices["cka"]).all()
    for name in ("cka", "cka_debiased"):
        assert found.p[name].shape == found.calibrated[name].shape == (len(X), len(X))
        assert np.isnan(found.p[name]).all() and np.isnan(found.calibrated[name]).all()


def test_the_seed_alone_decides_what_is_drawn():
    X = related()
    one, again, other = (all_pairs(X, Comparisons(permutations=39, seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.calibrated["cka"], again.calibrated["cka"])
    assert not np.array_equal(one.calibrated["cka"], other.calibrated["cka"], equal_nan=True)


@pytest.mark.parametrize(("fixed", "moved", "place"), [([3, 0], [2, 1], (1, 1)), ([2, 1, 3], [3, 0], (2, 0))])
def test_the_best_pair_is_named_by_its_places_and_has_the_null_of_the_largest(fixed, moved, place):
    X = related()
    values = np.stack([[permuted(X[i], X[j]) for j in moved] for i in fixed])
    largest = values.max(axis=(0, 1))
    p, above = of_null(largest)
    found = best(X, fixed, moved)["cka"]
    assert (found.fixed, found.moved) == place
    assert found.similarity == pytest.approx(largest[0], abs=1e-6)
    assert found.p == pytest.approx(p)
    assert found.calibrated == pytest.approx(above, abs=1e-5)


def test_pairs_without_a_similarity_are_no_candidates_and_without_any_there_is_no_best():
    X = related()
    X[1] = np.ones_like(X[1])
    found, without = best(X, [1, 0], [1, 3, 2])["cka"], best(X, [0], [3, 2])["cka"]
    assert (found.fixed, found.moved) == (1, 2)
    assert (found.similarity, found.p) == pytest.approx((without.similarity, without.p))
    assert found.calibrated == pytest.approx(without.calibrated, abs=1e-6)
    assert best(X, [1], [0, 2]) == {"cka": None, "cka_debiased": None}


def test_without_permutations_the_best_has_a_similarity_alone():
    found = best(related(), [0], [1, 2], NO_NULL)["cka"]
    assert (found.fixed, found.moved) == (0, 0)
    assert found.similarity > 0.9
    assert np.isnan([found.p, found.calibrated]).all()
