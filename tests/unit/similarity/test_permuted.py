"""Similarities with permuted examples: those of the representation whose rows are permuted, written out in float64."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from synthetic import Arrays, reference

from repdyn.config.sections import ChosenMeasure
from repdyn.errors import RepdynError
from repdyn.similarity import null, permuted

NEIGHBOURS, COMPONENTS = 4, 3
CHOSEN = [
    *(ChosenMeasure(name=name) for name in ("cka", "cka_debiased", "cka_deconfounded", "rsa", "procrustes")),
    ChosenMeasure(name="knn", neighbours=NEIGHBOURS),
    ChosenMeasure(name="subspace", components=COMPONENTS),
]


def centred(X):
    X = X.astype(np.float64)
    return X - X.mean(axis=0)


def nearest(X):
    X = centred(X)
    d = np.square(X[:, None] - X[None]).sum(axis=2)
    np.fill_diagonal(d, np.inf)
    return np.argsort(d, axis=1, kind="stable")[:, :NEIGHBOURS]


def written_out(X, Y, inputs):
    X, Y, Z = map(centred, (X, Y, inputs))
    K, L, M = (each @ each.T for each in (X, Y, Z))
    left = [K - (K * M).sum() / (M * M).sum() * M for K in (K, L)]
    components = [np.linalg.eigh(K)[1][:, -COMPONENTS:] for K in (K, L)]
    biased, debiased = reference(X, Y)
    return {
        "cka": biased,
        "cka_debiased": debiased,
        "cka_deconfounded": (left[0] * left[1]).sum() / np.linalg.norm(left[0]) / np.linalg.norm(left[1]),
        "rsa": spearmanr(pdist(X), pdist(Y)).statistic,
        "procrustes": np.linalg.norm(X.T @ Y, "nuc") / np.linalg.norm(X) / np.linalg.norm(Y),
        "knn": np.mean([len({*a} & {*b}) / NEIGHBOURS for a, b in zip(nearest(X), nearest(Y), strict=True)]),
        "subspace": np.square(components[0].T @ components[1]).sum() / COMPONENTS,
    }


def representations(n=25):
    random = np.random.default_rng(2)
    dead = random.normal(size=(n, 7)).astype(np.float32)
    dead[::2] = dead[0]  # ties, which go to the lowest index in whichever order the examples are
    return [
        random.normal(size=(n, 6)).astype(np.float32),
        (1000 + random.normal(size=(n, 80))).astype(np.float32),
        dead,
        (1e-6 * random.normal(size=(n, 30))).astype(np.float32),
    ], random.normal(size=(n, 10)).astype(np.float32)


@pytest.mark.parametrize("budget", [1e9, 82_000])
def test_similarities_in_an_order_are_those_of_the_permuted_representation(budget):
    X, inputs = representations()
    orders = null.orders(25, 6, 0)
    found = permuted.similarities(Arrays(X), CHOSEN, orders, budget, inputs=inputs)
    assert set(found) == {measure.name for measure in CHOSEN}
    for b, i, j in np.ndindex(len(orders), len(X), len(X)):
        for name, value in written_out(X[i], X[j][orders[b]], inputs).items():
            # Features about 1,000 lose digits in float32 before they come here, and these enter the ranks.
            np.testing.assert_allclose(found[name][b, i, j], value, atol=2e-6, err_msg=f"{name} {b} {i} {j}")


def test_two_sides_are_a_part_of_all_pairs():
    X, inputs = representations()
    orders = null.orders(25, 4, 1)
    whole = permuted.similarities(Arrays(X), CHOSEN, orders, 1e9, inputs=inputs)
    part = permuted.similarities(Arrays(X), CHOSEN, orders, 1e9, inputs=inputs, sides=permuted.Sides([2, 0], [1, 3, 0]))
    for name, values in part.items():
        np.testing.assert_allclose(values, whole[name][:, [[2], [0]], [1, 3, 0]], atol=1e-7)


def test_what_is_undefined_is_nan():
    X, inputs = representations()
    X[1] = np.full_like(X[1], 3)
    found = permuted.similarities(Arrays(X), CHOSEN, null.orders(25, 3, 0), 1e9, inputs=inputs)
    for name, values in found.items():
        assert np.isnan(values[:, 1]).all() and np.isnan(values[:, :, 1]).all(), name
        assert not np.isnan(values[:, [0, 2]][:, :, [0, 2]]).any(), name
    few = [X[0][:4], X[3][:4]]
    found = permuted.similarities(Arrays(few), CHOSEN, null.orders(4, 3, 0), 1e9)
    assert np.isnan(found["knn"]).all() and np.isnan(found["cka_deconfounded"]).all()
    assert not np.isnan(found["cka"]).any()


def norms(X):
    return np.square(X).sum(axis=1)


def first_pair(X, Y):
    return float(X[0] @ X[1] * (Y[0] @ Y[1]))


def test_a_measure_of_ones_own_is_called_with_permuted_examples():
    X, _ = representations()
    X = [X[0], X[3], X[2]]
    here = __name__
    own = [
        ChosenMeasure(name="norms", vector=f"{here}:norms"),
        ChosenMeasure(name="first", pairs=f"{here}:first_pair"),
    ]
    orders = null.orders(25, 4, 0)
    above = np.triu(np.ones((3, 3), dtype=bool), 1)
    found = permuted.similarities(Arrays(X), own, orders, 1e9, wanted=above)
    for b, (i, j) in ((b, pair) for b in range(5) for pair in np.argwhere(above)):
        Y = X[j][orders[b]]
        expected = norms(X[i]) @ norms(Y) / np.linalg.norm(norms(X[i])) / np.linalg.norm(norms(Y))
        np.testing.assert_allclose(found["norms"][b, i, j], expected, rtol=1e-5)
        np.testing.assert_allclose(found["first"][b, i, j], first_pair(X[i], Y), rtol=1e-5)
    assert np.isnan(found["first"][:, ~above]).all()


def test_what_does_not_fit_is_refused_in_a_sentence():
    X, inputs = representations()
    with pytest.raises(RepdynError, match=r"25 examples of 4 representations takes .*permutations: 0"):
        permuted.similarities(Arrays(X), CHOSEN, null.orders(25, 3, 0), 30_000, inputs=inputs)
