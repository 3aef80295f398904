"""Statistics of batch norms are re-estimated from images that are the same whenever they are drawn."""

import math

import numpy as np
import pytest
import torch
from synthetic import reference
from torch import nn

from repdyn.config.sections import Activations
from repdyn.data import subsets
from repdyn.data.numbers import Numbers
from repdyn.errors import RepdynError
from repdyn.representations import batch_norm
from repdyn.types import Array

CPU = torch.device("cpu")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)).eval()


def examples(n: int = 40) -> subsets.StudyData:
    """Data whose training images are told apart by their first number."""
    inputs = np.random.default_rng(0).normal(size=(n, 3, 2, 2)).astype(np.float32)
    inputs[:, 0, 0, 0] = np.arange(n)
    labels = np.zeros(n, dtype=np.int64)
    part = subsets.Examples(Numbers(inputs, np.arange(n)), labels, labels, np.arange(n))
    return subsets.StudyData(part, part, classes=1, n_common=n, mean=np.zeros(3), std=np.ones(3))


def drawn(settings: Activations, seed: int, n: int = 40) -> list[int]:
    found = batch_norm.prepare(settings, network(), lambda: examples(n), seed, CPU)
    assert found is not None
    return [int(number) for number in found.inputs[:, 0, 0, 0]]


def test_images_are_drawn_by_the_seed_of_the_data_each_once_and_in_order() -> None:
    few, more = (Activations(batch_norm_images=count) for count in (10, 25))
    chosen = drawn(few, 3)
    assert chosen == drawn(few, 3) == sorted(set(chosen)) and len(chosen) == 10
    assert chosen != drawn(few, 4)
    assert set(chosen) < set(drawn(more, 3))
    assert drawn(Activations(), 3) == drawn(Activations(), 4) == [*range(40)], "all where there are fewer"


def test_statistics_become_those_of_the_images_under_the_present_weights() -> None:
    model, data = network(), examples()
    found = batch_norm.prepare(Activations(), model, lambda: data, 0, CPU)
    assert found is not None and found.norms == [model[2]]
    with torch.no_grad():
        model[1].weight.mul_(3)
    found(model)
    before = data.train.inputs[:].reshape(40, 12).astype(np.float64) @ model[1].weight.detach().double().numpy().T
    before += model[1].bias.detach().numpy()
    np.testing.assert_allclose(model[2].running_mean, before.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model[2].running_var, before.var(axis=0, ddof=1), rtol=1e-4)
    assert not model.training


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        (Activations(batch_norm="stored"), network()),
        (Activations(), nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)).eval()),
    ],
    ids=["stored", "none"],
)
def test_where_nothing_is_re_estimated_no_image_is_read(settings: Activations, model: nn.Module) -> None:
    def read() -> subsets.StudyData:
        raise AssertionError("the images were read")

    assert batch_norm.norms(settings, model) == []
    assert batch_norm.prepare(settings, model, read, 0, CPU) is None


def activations(seed: int, n: int = 30, p: int = 8) -> Array:
    return np.random.default_rng(seed).normal(size=(n, p)).astype(np.float32)


def test_what_re_estimation_changes_is_said_by_cka_of_each_layer() -> None:
    X, Y = activations(0), activations(1) + activations(0)
    turned = X @ np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))[0].astype(np.float32)
    stored = {"same": X, "turned": X, "other é": X, "dead": np.ones_like(X), "beside": X}
    found = {"other é": Y, "same": X, "turned": 3 * turned + 1, "dead": X}
    similarity = batch_norm.similarity(
        {layer: torch.from_numpy(values) for layer, values in stored.items()},
        {layer: torch.from_numpy(values) for layer, values in found.items()},
        budget=1e9,
    )
    assert list(similarity) == list(found)
    assert similarity["same"] == pytest.approx(1, abs=1e-6) and similarity["turned"] == pytest.approx(1, abs=1e-5)
    assert similarity["other é"] == pytest.approx(reference(X, Y)[0], abs=1e-6)
    assert 0.3 < similarity["other é"] < 0.95
    assert math.isnan(similarity["dead"])


def test_a_layer_that_is_not_finite_is_named_with_the_statistics_that_it_had() -> None:
    X = activations(0)
    broken = X.copy()
    broken[3, 2] = np.nan
    for stored, found, said in ((X, broken, "re-estimated"), (broken, X, "stored")):
        with pytest.raises(RepdynError, match=f"a layer with {said} batch-norm statistics"):
            batch_norm.similarity({"a": torch.from_numpy(stored)}, {"a": torch.from_numpy(found)}, 1e9)
