"""Neighbours, of which float64 has the same."""

import grams
import numpy as np
import pytest
import references
import torch
from scipy.spatial import distance
from synthetic import PLENTY, Arrays, peak_of, trajectory

from repdyn.config.sections import ChosenMeasure
from repdyn.similarity import distances, gram, measured, nearest, null, permuted, precision
from repdyn.similarity.gram_torch import Torch

K = 10
BACKENDS = {"NumPy": gram.Numpy(), "torch": Torch(torch.device("cpu"))}
TOLD_APART = 1e-10  # distances closer than this share of them count as equal in float64, too


def nearly_tied(n, p, seed, decay=0.0, rows=20, among=None):
    """Features in which the last neighbour of some examples and the next one are as far to 1e-9 … 1e-7.

    Args:
        n: examples.
        p: features.
        seed: of what is drawn.
        decay: the components have the size i^-decay.
        rows: how many examples have such neighbours.
        among: the features to change, instead of some that are drawn.
    """
    random = np.random.default_rng(seed)
    scales = (1 + np.arange(p)) ** -decay
    x = random.normal(size=(n, p)) * scales if among is None else among.astype(np.float64)
    changed = random.permutation(n)
    for i, other in zip(changed[:rows], changed[-rows:], strict=True):
        last = np.argsort(np.square(x - x[i]).sum(1), kind="stable")[K]  # the first is i
        beyond = 1 + random.choice([-1, 1]) * 10 ** random.uniform(-9, -7)
        x[other] = x[i] + beyond * random.choice([-1, 1], p) * (x[last] - x[i])
    return x.astype(np.float32)


def exactly_tied(n, p, seed, rows=20):
    """The same in float16, on a grid, where these neighbours are exactly as far: the differences are permuted."""
    random = np.random.default_rng(seed)
    x = np.round(64 * random.normal(size=(n, p))) / 64
    changed = random.permutation(n)
    for i, other in zip(changed[:rows], changed[-rows:], strict=True):
        last = np.argsort(np.square(x - x[i]).sum(1), kind="stable")[K]
        x[other] = x[i] + random.permutation(x[last] - x[i])
    assert np.array_equal(x, x.astype(np.float16))
    return x.astype(np.float16)


def outlying(x):
    """One example thirty times as far out, which float32 can bear."""
    return x * np.where(np.arange(len(x)) == 3, np.float32(30), 1)[:, None]


def twice(x):
    """The last of some examples once more, at the lowest index."""
    x = x.copy()
    x[:5] = x[-5:]
    return x


HARD = {
    "plain": nearly_tied,
    "decaying": lambda n, p, seed: nearly_tied(n, p, seed, decay=1.0),
    "far from 0": lambda n, p, seed: nearly_tied(n, p, seed) + np.float32(1000),
    "far from 0, ties": lambda n, p, seed: exactly_tied(n, p, seed).astype(np.float32) + np.float32(1000),
    "one far out": lambda n, p, seed: outlying(nearly_tied(n, p, seed)),
    "some twice": lambda n, p, seed: twice(nearly_tied(n, p, seed)),
    "tiny": lambda n, p, seed: np.float32(1e-30) * nearly_tied(n, p, seed),
    "float16": lambda n, p, seed: nearly_tied(n, p, seed).astype(np.float16),
    "float16, ties": exactly_tied,
    "float64": lambda n, p, seed: nearly_tied(n, p, seed).astype(np.float64) * (1 + 1e-9),
}
SIZES = [(256, 8), (300, 64), (411, 512), (600, 2048), (257, 700)]


def by_definition(X, k=K):
    """The k nearest neighbours of each example in float64, and of which examples rounding there decides nothing."""
    X = X.astype(np.float64)
    d = distance.squareform(distance.pdist(np.ldexp(X, -np.frexp(np.abs(X).max())[1]), "sqeuclidean"))
    np.fill_diagonal(d, np.inf)
    order = np.argsort(d, axis=1, kind="stable")
    last, following = np.take_along_axis(d, order[:, k - 1 : k + 1], axis=1).T
    return np.sort(order[:, :k], axis=1), (following == last) | (following - last > TOLD_APART * last)


def neighbours(backend, X, k=K, budget=PLENTY):
    source = Arrays([X])
    whole = gram.whole(source, 0, X.shape[1], backend)
    return precision.neighbours(backend, whole, k, source, 0, budget)


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize(("n", "p"), SIZES)
def test_neighbours_are_those_of_float64_where_float32_does_not_tell(kind, n, p, backend):
    for seed in range(2):
        X = HARD[kind](n, p, seed)
        found, _ = neighbours(backend, X)
        expected, told_apart = by_definition(X)
        assert told_apart.mean() > 0.99
        np.testing.assert_array_equal(found[told_apart], expected[told_apart])


def test_what_float32_alone_says_is_wrong_there():
    wrong = {}
    rounded = ["float16"]  # to so few digits that the distances are told apart
    for kind, drawn in HARD.items():
        X = drawn(300, 64, 0)
        expected, told_apart = by_definition(X)
        alone, _ = nearest.neighbours(gram.whole(Arrays([X]), 0, 64, gram.Numpy()), K)
        wrong[kind] = bool((alone[told_apart] != expected[told_apart]).any())
    assert wrong == dict.fromkeys(HARD, True) | dict.fromkeys(rounded, False)


@pytest.mark.parametrize("change", [lambda x: x, np.float16], ids=["float32", "float16"])
def test_neighbours_of_random_features_are_those_of_float64(change):
    random = np.random.default_rng(0)
    for seed in range(40):
        n, p = int(random.integers(256, 601)), int(2 ** random.uniform(3, 11))
        X = change(np.random.default_rng(seed).normal(size=(n, p)).astype(np.float32))
        found = {name: neighbours(backend, X)[0] for name, backend in BACKENDS.items()}
        expected, told_apart = by_definition(X)
        assert told_apart.all()
        for each in found.values():
            np.testing.assert_array_equal(each, expected)


def representations(n, p):
    """The same examples thrice, the neighbours of which differ where float32 does not tell."""
    first = nearly_tied(n, p, 0)
    return [first, nearly_tied(n, p, 0, among=first), nearly_tied(n, p, 1, among=first)]


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
@pytest.mark.parametrize("budget", [PLENTY, 12 * 4 * 300**2], ids=["plenty", "little"])
def test_the_measure_is_right_where_float32_does_not_tell(budget, backend):
    X = representations(300, 64)
    chosen = [ChosenMeasure(name="knn"), ChosenMeasure(name="rsa")]
    expected = [[references.knn(x, y, K) for y in X] for x in X]
    for measures in (chosen[:1], chosen):
        found = measured.similarities(Arrays(X), measures, budget, backend)
        np.testing.assert_allclose(found.matrices["knn"], expected, rtol=0, atol=1e-9)


def test_the_measure_of_permuted_examples_is_right_where_float32_does_not_tell():
    X = [*representations(300, 64), exactly_tied(300, 64, 0)]
    orders = null.orders(300, 3, 0)
    found = permuted.similarities(Arrays(X), [ChosenMeasure(name="knn")], orders, PLENTY)["knn"]
    for order, values in zip(orders, found, strict=True):
        expected = [[references.knn(x, y[order], K) for y in X] for x in X]
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)


def test_it_is_said_whether_the_index_decides():
    for X, tied in ((nearly_tied(300, 64, 0), False), (exactly_tied(300, 64, 0), True)):
        source = Arrays([X])
        for backend in BACKENDS.values():
            assert neighbours(backend, X)[1] is tied
        assert nearest.neighbours(precision.exact(source, 0, 64), K)[1] is tied


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
@pytest.mark.parametrize("p", [1, 8, 64, 512, 3000, 16384])
def test_no_distance_of_a_float32_gram_is_off_by_more_than_its_slack(p, backend):
    random = np.random.default_rng(p)
    normal, classes = random.normal(size=(100, p)), np.where(np.arange(100) % 2, 1, -1)[:, None]
    kinds = {"normal": normal, "relu": np.maximum(normal, 0), "far": normal + 1000}
    kinds |= {"decaying": normal / (1 + np.arange(p)), "classes": 0.01 * normal + classes}
    # Products that are all the same number, whose roundings add up instead of cancelling.
    kinds["one number"] = np.repeat(0.1 * classes + 0.01 * normal[:, :1], p, axis=1)
    for name, drawn in kinds.items():
        X = drawn.astype(np.float32)
        rounded = backend.array(gram.whole(Arrays([X]), 0, p, backend))
        found = distances.halved(rounded, norms := np.diagonal(rounded), 0).astype(np.float64)
        np.fill_diagonal(found, 0)
        # What K_ii is off by is in all distances of an example.
        centred = backend.array(backend.centred(X, 0)[0]).astype(np.float64)
        found -= (norms - np.square(centred).sum(1))[:, None] / 2
        expected = distance.squareform(distance.pdist(X.astype(np.float64), "sqeuclidean")) / 2
        of_norms = np.abs(found - expected) / (norms[:, None] / 2 + norms / 2)
        assert of_norms.max() < nearest.slack(p), name


def test_features_are_read_again_only_where_someone_is_open_and_then_in_parts():
    random = np.random.default_rng(0)
    of_two = np.repeat(random.normal(size=(150, 64)), 2, axis=0) + 0.1 * random.normal(size=(300, 64))
    source = Arrays([of_two.astype(np.float32)])
    whole = gram.whole(source, 0, 64, gram.Numpy())
    found, _ = precision.neighbours(gram.Numpy(), whole, 1, source, 0, PLENTY)
    np.testing.assert_array_equal(found[:, 0], np.arange(300) ^ 1)
    assert len(source.reads) == 1  # for the Gram

    source = Arrays([nearly_tied(300, 64, 0)])
    whole = gram.whole(source, 0, 64, gram.Numpy())
    source.reads.clear()
    small, _ = precision.neighbours(gram.Numpy(), whole, K, source, 0, 2 * 20 * gram.FLOATS * 300)
    assert source.reads == [(0, 0, 20), (0, 20, 40), (0, 40, 60), (0, 60, 64)]
    np.testing.assert_array_equal(small, neighbours(gram.Numpy(), source.X[0])[0])


def test_a_gram_that_leaves_too_much_open_is_made_anew_within_its_memory():
    (X,) = trajectory(1000, 20, E=1)
    X = X[np.arange(1000) % 10]  # a tenth of all pairs are equal
    for backend in BACKENDS.values():
        whole = gram.whole(Arrays([X]), 0, 20, backend)
        assert backend.candidates(whole, K, nearest.slack(20)) is None
    peak, (found, tied) = peak_of(lambda: neighbours(gram.Numpy(), X))
    assert tied
    assert peak < (1 + measured.GRAMS_IN_USE) * 4 * 1000**2
    np.testing.assert_array_equal(found, by_definition(X)[0])


@pytest.mark.parametrize(("n", "p", "k"), [(60, 20, 10), (300, 50, 10), (12, 30, 11), (1300, 30, 5)])
def test_neighbours_are_those_of_a_stable_sort_of_distances(n, p, k):
    (X,) = trajectory(n, p, E=1)
    found = nearest.neighbours(grams.gram(X), k)[0]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, references.neighbours(X, k))


def test_neighbours_at_equal_distances_are_those_of_the_lowest_index():
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2).astype(np.float32)
    for X in (grid, grams.half_dead(50, 30), np.repeat(grams.half_dead(25, 8), 2, axis=0)):
        np.testing.assert_array_equal(nearest.neighbours(grams.gram(X), 5)[0], references.neighbours(X, 5))


def test_shares_of_neighbours_are_counted_by_hand():
    one = np.array([[1, 2], [0, 2], [0, 1], [0, 1]])
    other = np.array([[1, 2], [2, 3], [0, 3], [2, 1]])
    np.testing.assert_array_equal(nearest.shared(np.stack([one, other])), [[1, 5 / 8], [5 / 8, 1]])
