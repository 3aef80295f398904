"""All chosen measures of a layer, from one Gram for each checkpoint."""

import time
import tracemalloc

import numpy as np
import pytest
import references
from measuring import HARD, chosen, expected, found
from synthetic import PLENTY, Arrays, outlying, spread, trajectory

from repdyn.catalogue.measures import DEFAULT
from repdyn.config.sections import ChosenMeasure
from repdyn.errors import RepdynError
from repdyn.similarity import gram, measured, own, pairwise, procrustes


@pytest.mark.parametrize("change", HARD)
@pytest.mark.parametrize(("n", "p"), [(400, 30), (120, 300), (24, 40)])
def test_every_measure_equals_a_float64_reference_on_hard_features(change, n, p):
    X = [HARD[change](x).astype(np.float16 if change == "float16" else np.float32) for x in spread(n, p)]
    inputs = spread(n, 20, E=1, seed=5)[0]
    measures = found(X, inputs=inputs)
    for name, values in expected(X, inputs).items():
        np.testing.assert_allclose(measures.matrices[name], values, rtol=0, atol=1e-6, err_msg=name)
    assert measures.reasons == {}


@pytest.mark.parametrize(("n", "p"), [(400, 30), (400, 300), (64, 300)])
def test_one_example_far_out_moves_no_measure_but_takes_the_gap_below_the_subspace(n, p):
    X, inputs = [outlying(x) for x in spread(n, p)], spread(n, 20, E=1, seed=5)[0]
    names = ("cka", "cka_debiased", "cka_deconfounded", "knn", "rsa", "procrustes")
    measures, values = found(X, inputs=inputs), expected(X, inputs, names=names)
    for name in names:
        np.testing.assert_allclose(measures.matrices[name], values[name], rtol=0, atol=1e-6, err_msg=name)
    # All components but the first are smaller than a millionth of it.
    assert {name: why for name, (_, why) in measures.reasons.items()} == {
        "subspace": "there is no gap below component 10"
    }


@pytest.mark.parametrize("p", [30, 300])
def test_grams_that_do_not_fit_give_the_same_numbers(p):
    n, E = 120, 6
    X, inputs = spread(n, p, E), spread(n, 20, E=1, seed=5)[0]
    whole = found(X, inputs=inputs)
    for grams in (13, 11, 10):  # whole Grams' worth of memory; six are in use
        source = Arrays(X)
        small = measured.similarities(source, chosen(*DEFAULT), grams * 4 * n**2, None, inputs)
        assert len(source.reads) > E
        for name in DEFAULT:
            np.testing.assert_allclose(small.matrices[name], whole.matrices[name], rtol=0, atol=1e-6, err_msg=name)


def test_what_needs_more_memory_than_there_is_is_refused_before_anything_is_read():
    source = Arrays(spread(120, 30))
    for name in ("knn", "rsa", "subspace", "procrustes"):
        with pytest.raises(RepdynError, match=rf"`execution.memory_gib` is .*, but {name} of 120 examples needs .*;"):
            measured.similarities(source, chosen(name), 100_000)
    assert source.reads == []
    assert list(measured.similarities(source, chosen("cka"), 100_000).matrices) == ["cka", "cka_debiased"]


def test_memory_beyond_the_budget_is_bounded():
    class Drawn:
        examples, features = 400, [50] * 60

        def read(self, e, start, stop):
            return np.random.default_rng(e).normal(size=(400, 50)).astype(np.float16)[:, start:stop]

        def name(self, e):
            return str(e)

    budget = 16 * 2**20
    tracemalloc.start()
    try:
        measured.similarities(Drawn(), chosen(*DEFAULT), budget)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < budget + 25 * 2**20


def test_a_constant_representation_is_null_in_every_measure_and_spoils_no_other():
    X, inputs = spread(80, 30, E=4), spread(80, 20, E=1, seed=5)[0]
    without = found([X[0], X[2], X[3]], inputs=inputs)
    X[1] = np.tile(np.linspace(0, 0.1, 30, dtype=np.float32), (80, 1))
    measures = found(X, inputs=inputs)
    assert measures.constant.tolist() == [False, True, False, False]
    assert measures.reasons == {}
    for name, values in measures.matrices.items():
        assert np.isnan(values[1]).all()
        assert np.isnan(values[:, 1]).all()
        others = np.delete(np.delete(values, 1, 0), 1, 1)
        np.testing.assert_allclose(others, without.matrices[name], rtol=0, atol=1e-12, err_msg=name)


def test_what_is_undefined_is_nan_and_says_why():
    X, inputs = spread(8, 6, E=2), spread(8, 5, E=1, seed=5)[0]
    measures = found([*X, 2 * inputs], inputs=inputs)
    assert np.isnan(measures.matrices["knn"]).all()
    assert np.isnan(measures.matrices["subspace"]).all()
    assert np.isnan(np.diagonal(measures.matrices["cka_deconfounded"])).tolist() == [False, False, True]
    assert np.isfinite(measures.matrices["rsa"]).all()
    assert {name: why for name, (_, why) in measures.reasons.items()} == {
        "cka_deconfounded": "the inputs explain all of it",
        "knn": "8 examples have fewer than 10 neighbours",
        "subspace": "there is no gap below component 10",
    }
    assert measures.reasons["cka_deconfounded"][0].tolist() == [False, False, True]
    assert found(X).reasons["cka_deconfounded"][1] == "there are no inputs to compare with"
    assert np.isnan(found(X, inputs=np.ones((8, 3), dtype=np.float32)).matrices["cka_deconfounded"]).all()
    alike = found([np.eye(12, dtype=np.float32)])  # every two examples are as far apart
    assert alike.reasons["rsa"][1] == "all distances are equal"
    with pytest.raises(RepdynError, match="at least 4 examples, and there are 3"):
        found(spread(3, 5))


def test_the_gap_below_the_subspace_is_that_of_the_eigenvalues():
    (X,) = spread(60, 30, E=1)
    values = np.linalg.svd(references.centred(X), compute_uv=False) ** 2
    (gap,) = found([X]).gaps
    assert gap == pytest.approx((values[9] - values[10]) / values[0], rel=1e-4)
    assert np.isnan(found([X], names=("knn",)).gaps).all()


def test_a_large_gram_is_decomposed_within_a_krylov_space_or_whole(monkeypatch):
    from repdyn.similarity import subspace

    whole = []
    monkeypatch.setattr(subspace, "_largest", lambda M, r, largest=subspace._largest: whole.append(1) or largest(M, r))
    for X, flat in ((spread(900, 1000, E=1)[0], False), (trajectory(900, 1000, E=1)[0], True)):
        Xc = gram.centred(X)[0]
        K = Xc @ Xc.T  # exactly symmetric, as products of two copies need not be
        V, _ = subspace.components(K, 5)
        values, vectors = np.linalg.eigh(K.astype(np.float64))
        assert np.square(vectors[:, -5:].T @ V).sum() == pytest.approx(5, abs=1e-5)
        assert bool(whole) == flat
        assert values[-5] - values[-6] > subspace.GAP * values[-1]


def test_settings_are_those_of_the_config():
    X = spread(60, 30)
    settings = [ChosenMeasure(name="subspace", components=3), ChosenMeasure(name="knn", neighbours=4)]
    measures = measured.similarities(Arrays(X), settings, PLENTY)
    assert list(measures.matrices) == ["cka", "cka_debiased", "subspace", "knn"]
    values = expected(X, X[0], k=4, r=3)
    for name in ("knn", "subspace"):
        np.testing.assert_allclose(measures.matrices[name], values[name], rtol=0, atol=1e-6)


def test_unrelated_representations_have_the_chance_level_that_is_documented():
    random = np.random.default_rng(0)
    X = [random.normal(size=(300, 400)).astype(np.float32) for _ in range(6)]
    above = np.triu_indices(6, 1)
    measures = found(X).matrices
    assert measures["knn"][above].mean() == pytest.approx(10 / 299, abs=0.004)
    assert measures["subspace"][above].mean() == pytest.approx(10 / 299, abs=0.004)
    assert measures["rsa"][above].mean() == pytest.approx(0, abs=0.01)


def test_nan_is_refused_by_name():
    X = spread(60, 30)
    X[1][3, 4] = np.nan
    with pytest.raises(RepdynError, match="representation 1 has activations that are NaN"):
        found(X)


@pytest.mark.parametrize("budget", [PLENTY, 3_300_000])
def test_torch_gives_the_numbers_of_numpy(budget):
    import torch

    from repdyn.similarity.gram_torch import Torch

    inputs = spread(260, 20, E=1, seed=5)[0]
    for p in (30, 300):
        X = [HARD[change](x) for change, x in zip(HARD, spread(260, p, E=len(HARD)), strict=True)]
        X[4][:] = 3
        one = found(X, DEFAULT, budget, inputs, Torch(torch.device("cpu")))
        other = found(X, DEFAULT, PLENTY, inputs)
        for name in DEFAULT:
            np.testing.assert_allclose(
                one.matrices[name], other.matrices[name], rtol=0, atol=2e-6, err_msg=f"{name} {p}"
            )
        assert one.reasons.keys() == other.reasons.keys()


def test_pairs_are_compared_once_however_many_are_held():
    for held in (1, 2, 3, 7, 9):
        loaded, compared = [], []

        def compare(i, j, compared=compared):
            compared.append((i, j))
            return 10 * i + j

        values = pairwise.all_pairs(7, held, lambda e, loaded=loaded: loaded.append(e) or e, compare)
        assert sorted(compared) == [(i, j) for i in range(7) for j in range(i, 7)]
        assert len(loaded) == sum(7 - first for first in range(0, 7, held))
        np.testing.assert_array_equal(values, values.T)


def test_procrustes_compares_features_of_other_widths_within_a_budget():
    X = [spread(60, p, E=2)[1] for p in (30, 90, 60, 5)]
    for budget in (PLENTY, 7 * 8 * 60**2):
        values = procrustes.similarities(Arrays(X), budget)
        np.testing.assert_allclose(values, expected(X, X[0])["procrustes"], rtol=0, atol=1e-6)
    turned = X[0] @ np.linalg.qr(np.random.default_rng(0).normal(size=(30, 30)))[0] * 3 + 1
    assert procrustes.similarities(Arrays([X[0], turned.astype(np.float32)]), PLENTY)[0, 1] == pytest.approx(
        1, abs=1e-6
    )


def test_a_small_layer_takes_no_time():
    X, inputs = spread(400, 256, E=8), spread(400, 64, E=1)[0]
    backend = gram.Numpy()
    found(X, DEFAULT, inputs=inputs, backend=backend)
    begin = time.process_time()
    found(X, DEFAULT, inputs=inputs, backend=backend)
    assert time.process_time() - begin < 1  # a fifth of a second on one core


# Own measures, which tests name by import path.


def gaussian(X):
    d = np.square(X[:, None] - X[None]).sum(-1)
    return np.exp(-d / np.median(d))


def first_column(X):
    return X[:, 0]


def zeros(_):
    return np.zeros(3)


def of_its_width(X):
    return X[0]


def nan(_):
    return np.full(3, np.nan)


def words(_):
    return np.array(["a"])


def failing(_):
    raise ValueError("no")


def centring_in_place(X):
    X -= X.mean(0)
    return X @ X.T


def first_example(X):
    return X[0]


def alignment(X, Y):
    X, Y = X - X.mean(0), Y - Y.mean(0)
    return np.square(X.T @ Y).sum() / (np.linalg.norm(X.T @ X) * np.linalg.norm(Y.T @ Y))


def one_sided(X, _):
    return float(X.sum())


def distance(X, Y):
    return np.linalg.norm(X @ X.T - Y @ Y.T)


def shaped(*_):
    return np.ones(2)


def vector(function, name="mine"):
    return ChosenMeasure(name=name, vector=f"{__name__}:{function.__name__}")


def pairs(function, name="mine"):
    return ChosenMeasure(name=name, pairs=f"{__name__}:{function.__name__}")


def test_a_vector_of_ones_own_is_compared_by_its_cosine():
    X = spread(40, 10)
    K = [gaussian(x).ravel() for x in X]
    values = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in K] for a in K]
    for budget in (PLENTY, 90_000):
        measures = measured.similarities(Arrays(X), [vector(gaussian)], budget)
        np.testing.assert_allclose(measures.matrices["mine"], values, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(np.diagonal(measures.matrices["mine"]), 1)


def test_a_function_of_pairs_of_ones_own_is_called_once_for_each_two():
    X = spread(40, 10)
    measures = measured.similarities(Arrays(X), [pairs(alignment)], PLENTY)
    np.testing.assert_allclose(measures.matrices["mine"], measures.matrices["cka"], rtol=0, atol=1e-5)
    values = measured.similarities(Arrays(X), [pairs(one_sided)], PLENTY).matrices["mine"]
    np.testing.assert_array_equal(values, values.T)
    np.testing.assert_allclose(values[0], X[0].sum(), rtol=1e-5)


def test_own_measures_are_null_for_a_constant_representation_and_for_a_vector_of_zeros():
    X = spread(40, 10)
    X[1] = np.ones_like(X[1])
    for choice in (vector(gaussian), pairs(alignment)):
        values = measured.similarities(Arrays(X), [choice], PLENTY).matrices["mine"]
        np.testing.assert_array_equal(np.isnan(values), [[False, True, False], [True] * 3, [False, True, False]])
    measures = measured.similarities(Arrays(X), [vector(zeros)], PLENTY)
    assert np.isnan(measures.matrices["mine"]).all()
    assert measures.reasons["mine"][1] == "its function gives no value"


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (vector(of_its_width), "returned 10 numbers for one representation and 9 for another"),
        (vector(nan), r"returned NaN or infinite numbers for features of shape \(40, 10\)"),
        (vector(words), "returned <U1, and `mine` needs real numbers"),
        (vector(failing), r"`[\w.]+:failing` failed: ValueError: no \(.*test_measured.py, line \d+\)"),
        (vector(centring_in_place), "read-only"),
        (pairs(shaped), r"returned an array of shape \(2,\); `mine` needs one number"),
        (ChosenMeasure(name="mine", vector=f"{__name__}:nothing"), "has no `nothing`"),
    ],
    ids=str,
)
def test_a_function_that_returns_something_else_is_refused_in_a_sentence(choice, words):
    X = spread(40, 10)
    with pytest.raises(RepdynError, match=words):
        measured.similarities(Arrays([X[0], X[1][:, :9]]), [choice], PLENTY)


@pytest.mark.parametrize(
    ("choice", "what"),
    [
        (pairs(one_sided), "depends on which of two representations is the first"),
        (vector(first_example), "depends on the order of examples, where both have the same"),
        (vector(zeros), "gives NaN for random features"),
        (vector(nan), "returned NaN or infinite numbers"),
        (vector(centring_in_place), "read-only"),
        (pairs(shaped), r"returned an array of shape \(2,\)"),
        (ChosenMeasure(name="mine", vector="nowhere:nothing"), "there is no module `nowhere`"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_function_is_found_on_random_features(choice, what):
    with pytest.raises(RepdynError, match=what):
        own.check(choice)


def test_a_function_that_measures_something_passes_and_a_distance_is_remarked_upon():
    assert own.check(vector(gaussian)) is own.check(pairs(alignment)) is None
    assert own.check(pairs(distance)).endswith("is not 1 for a representation with itself.")
