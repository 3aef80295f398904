import grams
import numpy as np
import pandas as pd
import pytest
import references
from synthetic import HARD as COMMON
from synthetic import PLENTY, Arrays, reference, similarities, trajectory

from repdyn.errors import RepdynError
from repdyn.similarity import cka, gram
from repdyn.stages import activations as activations_stage
from repdyn.stages import cka as cka_stage
from repdyn.stages import train as train_stage

HARD = COMMON | {
    "scale 1e-12": lambda X: X * np.float32(1e-12),
    "scale 1e10": lambda X: X * np.float32(1e10),
    "dead units": lambda X: X * (np.arange(X.shape[1]) % 3 == 0),
    "one unit a million times the others": lambda X: X * np.where(np.arange(X.shape[1]) == 0, np.float32(1e6), 1),
    "rank one": lambda X: np.outer(X[:, 0], np.ones(X.shape[1], dtype=np.float32)),
}


@pytest.mark.parametrize("change", HARD)
@pytest.mark.parametrize(("n", "p"), [(64, 16), (64, 64), (64, 700), (5, 40), (300, 3)])
def test_both_estimators_equal_a_float64_reference_on_hard_features(change, n, p):
    X = [HARD[change](x) for x in trajectory(n, p)]
    found = similarities(X)
    expected = np.array([[reference(a, b) for b in X] for a in X])
    np.testing.assert_allclose(found[0], expected[..., 0], rtol=0, atol=1e-6)
    # At n = 5 the debiased norms can be close to 0 and the ratio large: relative there.
    np.testing.assert_allclose(found[1], expected[..., 1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("p", [30, 700])
@pytest.mark.parametrize("budget", [20_000, 30_000, 45_000])
def test_grams_or_features_that_do_not_fit_the_budget_give_the_same_numbers(p, budget):
    n = 40
    X = [x * np.float32(10.0 ** (e - 3)) for e, x in enumerate(trajectory(n, p, E=7))]
    X[2] = X[2] * np.where(np.arange(p) < 10, np.float32(1e-15), np.float32(1e15))  # scales differ between slices
    small = Arrays(X)
    found = cka.similarities(small, budget)
    for one, other in zip(similarities(X), (found.biased, found.debiased), strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-6)
    assert len(small.reads) > 7
    assert max(stop - start for _, start, stop in small.reads) <= max(1, budget / 2 / (gram.FLOATS * n))


def test_nan_is_refused_by_name():
    for dtype in (np.float16, np.float32):
        X = [x.astype(dtype) for x in trajectory(20, 10)]
        X[2][3, 4] = np.nan
        with pytest.raises(RepdynError, match="representation 2 has activations that are NaN"):
            similarities(X)


@pytest.mark.parametrize("value", [0.0, 0.1, 1000.3, 1e-20])
def test_a_constant_representation_has_no_cka_and_spoils_no_other(value):
    X = trajectory(50, 20, E=4)
    expected = similarities([X[0], X[2], X[3]])
    X[1] = np.tile(np.linspace(0, value, 20, dtype=np.float32), (50, 1))
    for found, other in zip(similarities(X), expected, strict=True):
        assert np.isnan(found[1]).all()
        assert np.isnan(found[:, 1]).all()
        np.testing.assert_array_equal(np.delete(np.delete(found, 1, 0), 1, 1), other)


@pytest.mark.parametrize("p", [64, 700])
@pytest.mark.parametrize("n", [100, 500])
def test_where_one_example_differs_the_debiased_norm_is_nothing_and_rounding_gives_it_no_value(n, p):
    random = np.random.default_rng(0)
    X = [random.normal(size=(n, p)).astype(np.float32)]
    for example in (0, 0, 1, 2):
        X.append(np.zeros((n, p), dtype=np.float32))
        X[-1][example] = random.random(p)
    biased, debiased = similarities(X)
    assert np.isfinite(biased).all()
    assert debiased[0, 0] == 1
    assert np.isnan(debiased[1:]).all()
    assert np.isnan(debiased[:, 1:]).all()


def test_independent_gaussians_are_far_apart_only_for_the_debiased():
    random = np.random.default_rng(0)
    n, p = 400, 200
    biased, debiased = similarities([random.normal(size=(n, p)).astype(np.float32) for _ in range(2)])
    assert biased[0, 1] == pytest.approx(p / (p + n), abs=0.01)
    assert abs(debiased[0, 1]) < 0.02


def test_orthogonal_directions_have_no_similarity_in_closed_form():
    one, other = np.zeros((8, 3), dtype=np.float32), np.zeros((8, 2), dtype=np.float32)
    one[:, 0], other[:, 1] = [1, -1] * 4, [1, 1, -1, -1] * 2
    assert similarities([one, other])[0][0, 1] == pytest.approx(0, abs=1e-12)


def test_too_few_examples_or_other_examples_are_refused():
    with pytest.raises(RepdynError, match="at least 4 examples, and there are 3"):
        similarities(trajectory(3, 5))
    with pytest.raises(RepdynError, match="representation 1 has 9 examples, the first has 10"):
        similarities([np.ones((10, 2)), np.ones((9, 2))])


def test_the_table_is_whole_in_order_and_null_where_there_is_no_cka(make_job, config):
    config["training"]["epochs"] = 2
    train_stage.main(make_job("train", config))
    activations_stage.main(make_job("activations", config))
    job = make_job("cka", config)
    cka_stage.main(job)
    frame = pd.read_parquet(job.paths.cka(job.run.path))
    steps = frame.step_a.unique()
    assert len(frame) == 5 * len(steps) ** 2
    assert list(frame.layer.unique()) == ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0"]
    assert (frame.epoch_a == frame.step_a / 4).all()
    found = {"cka": np.array([[1, np.nan], [np.nan, np.nan]]), "cka_debiased": np.eye(2)}
    rows = cka_stage.columns("x", 3, np.array([0, 7]), np.array([0, 1.0]), found)
    assert rows["cka"].to_pylist() == [1, None, None, None]
    assert rows["step_a"].tolist() == [0, 0, 7, 7]
    assert rows["step_b"].tolist() == [0, 7, 0, 7]


def test_torch_gives_the_numbers_of_numpy():
    import torch

    from repdyn.similarity.gram_torch import Torch

    X = [HARD[change](x) for change, x in zip(HARD, trajectory(260, 30, E=len(HARD)), strict=True)]
    X[4][:] = 3
    for budget in (PLENTY, 1_600_000):
        for one, other in zip(similarities(X, budget, Torch(torch.device("cpu"))), similarities(X), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-6)


def test_two_packages_agree_where_they_are_right():
    import repsim
    import torch
    from ckatorch import core as ckatorch

    X = [x.astype(np.float64) for x in trajectory(40, 25, E=3)]
    biased, debiased = similarities(X)
    np.testing.assert_allclose(repsim.cka(X, kernel_type="linear", estimator="gretton"), biased, atol=1e-6)
    for i, x in enumerate(X):
        for j, y in enumerate(X):
            pair = torch.from_numpy(x - x.mean(0)), torch.from_numpy(y - y.mean(0))
            assert float(ckatorch.cka_base(*pair)) == pytest.approx(biased[i, j], abs=1e-6)
            assert float(ckatorch.cka_base(*pair, unbiased=True)) == pytest.approx(debiased[i, j], abs=1e-5)


def test_the_u_centred_gram_has_the_unbiased_hsic_for_an_inner_product():
    for n, p in ((60, 20), (5, 40)):
        X, Y = trajectory(n, p, E=2)
        U, V = references.u_centred(grams.gram(X)), references.u_centred(grams.gram(Y))
        np.testing.assert_array_equal(np.diagonal(U), 0)
        np.testing.assert_allclose(U.sum(axis=1), 0, atol=1e-5 * np.abs(U).max() * n)
        found = (U * V).sum() / np.sqrt((U * U).sum() * (V * V).sum())
        assert found == pytest.approx(reference(X, Y)[1], rel=1e-5, abs=1e-5)
        assert similarities([X, Y])[1][0, 1] == pytest.approx(found, rel=1e-5, abs=1e-5)


def without_inputs(X, Y, inputs):
    """What the library makes of the products of the Grams of all three."""
    flat = np.stack([grams.gram(Z).astype(np.float64).ravel() for Z in (X, Y, inputs)])
    return cka.without_inputs(flat @ flat.T)


def test_a_deconfounded_gram_has_nothing_of_the_inputs_and_is_nothing_where_only_these_are_left():
    X, Y, inputs = trajectory(60, 20, E=3)
    inputs = inputs[:, :7]
    M = grams.gram(inputs).astype(np.float64)
    K, L = (references.residual(grams.gram(Z).astype(np.float64), M) for Z in (X, Y))
    assert (K * M).sum() == pytest.approx(0, abs=1e-3)
    found = (K * L).sum() / (np.linalg.norm(K) * np.linalg.norm(L))
    assert found == pytest.approx(references.deconfounded(X, Y, inputs), abs=1e-6)
    assert without_inputs(X, Y, inputs)[0, 1] == pytest.approx(found, abs=1e-6)
    for one, other in ((3 * inputs, inputs), (np.ones_like(X), inputs), (X, np.ones_like(inputs))):
        assert np.isnan(without_inputs(one, Y, other)[0]).all()
