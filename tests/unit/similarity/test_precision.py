"""Which Grams are float64."""

import numpy as np
import pytest
import torch
from measuring import HARD, expected, found
from scipy.spatial import distance
from scipy.stats import rankdata
from synthetic import PLENTY, Arrays, outlying, spread, trajectory

from repdyn.config.sections import ChosenMeasure
from repdyn.similarity import gram, measured, precision
from repdyn.similarity.gram_torch import Torch

N = 300


def collapsed(X):
    """Two classes, whose examples differ by a thousandth of the distance between the classes."""
    return 1e-3 * X + np.where(np.arange(len(X)) % 2, np.float32(20), 0)[:, None]


def ten(X):
    """Ten distinct examples, each of them often."""
    return X[np.arange(len(X)) % 10]


def lattice(X):
    """Integers, many of whose distances are equal."""
    return np.round(2 * X)


COARSE = {"far out": lambda X: outlying(outlying(X)), "twice": HARD["each example twice"]}
COARSE |= {"collapsed": collapsed, "ten": ten, "lattice": lattice, "half dead": HARD["half of the examples dead"]}


@pytest.mark.parametrize("backend", [gram.Numpy(), Torch(torch.device("cpu"))], ids=["NumPy", "torch"])
def test_distances_that_float32_loses_are_noticed_and_others_cost_nothing(backend):
    def too_coarse(X):
        return precision.too_coarse(backend, gram.whole(Arrays([X]), 0, X.shape[1], backend))

    for p in (20, 300):
        X = spread(N, p, E=1)[0]
        assert {name: too_coarse(change(X)) for name, change in COARSE.items()} == dict.fromkeys(COARSE, True)
        for ordinary in (X, trajectory(N, p, E=1)[0], trajectory(1000, p, E=1)[0], X + 1000, np.ones_like(X)):
            assert not too_coarse(ordinary)


@pytest.mark.parametrize("change", COARSE)
@pytest.mark.parametrize("p", [30, 400])
def test_what_float32_loses_is_right_to_1e_6(change, p):
    X = [COARSE[change](x) for x in spread(N, p)]
    measures = found(X, names=("knn", "rsa")).matrices
    raw = [rankdata(distance.pdist(x.astype(np.float64), "sqeuclidean")) for x in X]
    np.testing.assert_allclose(measures["rsa"], np.corrcoef(raw), rtol=0, atol=1e-6)
    nearest = [distance.squareform(distance.pdist(x.astype(np.float64), "sqeuclidean")) for x in X]
    for d in nearest:
        np.fill_diagonal(d, np.inf)
    sets = [[{*row[:10].tolist()} for row in np.argsort(d, axis=1, kind="stable")] for d in nearest]
    shares = [[np.mean([len(a & b) / 10 for a, b in zip(x, y, strict=True)]) for y in sets] for x in sets]
    np.testing.assert_allclose(measures["knn"], shares, rtol=0, atol=1e-6)


def test_features_are_read_again_only_where_distances_need_it():
    X, reads = spread(N, 20), {}
    for name in ("ordinary", "ten"):
        source = Arrays([ten(x) for x in X] if name == "ten" else X)
        measured.similarities(source, [ChosenMeasure(name="rsa")], PLENTY)
        reads[name] = [e for e, *_ in source.reads]
    assert sorted(reads["ordinary"]) == [0, 1, 2]
    assert sorted(reads["ten"]) == [0, 0, 1, 1, 2, 2]


def test_few_examples_are_float64_unless_memory_is_short():
    few, many = Arrays(spread(precision.FEW - 1, 20)), Arrays(spread(precision.FEW, 20))
    torch_backend = Torch(torch.device("cpu"))
    assert precision.suited(few, PLENTY, torch_backend).dtype == np.float64
    assert precision.suited(many, PLENTY, torch_backend) is torch_backend
    assert precision.suited(many, PLENTY, None).dtype == np.float32
    assert precision.suited(few, 4 * 4 * few.examples**2, torch_backend) is torch_backend


@pytest.mark.parametrize(("n", "p"), [(4, 6), (12, 30), (60, 700), (200, 20)])
def test_one_example_far_out_of_few_is_right_to_1e_9(n, p):
    X, inputs = [outlying(x) for x in spread(n, p)], spread(n, 20, E=1, seed=5)[0]
    names = ["cka", "cka_debiased", "cka_deconfounded", "rsa"]
    measures, values = found(X, names, inputs=inputs).matrices, expected(X, inputs, names=names)
    for name in names:
        np.testing.assert_allclose(measures[name], values[name], rtol=0, atol=1e-9, err_msg=name)
