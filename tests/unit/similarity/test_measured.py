"""All chosen measures of a layer, from one Gram for each checkpoint."""

import time

import numpy as np
import pytest
import references
from measuring import HARD, chosen, expected, found
from synthetic import PLENTY, Arrays, Drawn, outlying, peak_of, spread

from repdyn.catalogue.measures import DEFAULT
from repdyn.config.sections import ChosenMeasure
from repdyn.errors import RepdynError
from repdyn.similarity import gram, measured


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
    budget = 16 * 2**20
    peak, _ = peak_of(lambda: measured.similarities(Drawn(60, 400), chosen(*DEFAULT), budget))
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


def test_a_small_layer_takes_no_time():
    X, inputs = spread(400, 256, E=8), spread(400, 64, E=1)[0]
    backend = gram.Numpy()
    found(X, DEFAULT, inputs=inputs, backend=backend)
    begin = time.process_time()
    found(X, DEFAULT, inputs=inputs, backend=backend)
    assert time.process_time() - begin < 1  # a fifth of a second on one core
