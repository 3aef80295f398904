import numpy as np
import pytest
import torch

from repdyn.similarity import consecutive


def reference(X, Y):
    """CKA as Kornblith et al. 2019 write it, in float64."""
    K, L = (np.asarray(Z, dtype=float) - np.asarray(Z, dtype=float).mean(0) for Z in (X, Y))
    K, L = K @ K.T, L @ L.T
    return (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())


def drawn(n, p, seed=0):
    return torch.randn(n, p, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("p", "q"), [(3, 3), (200, 50), (1, 7)])
@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e18])
def test_it_is_cka_at_any_scale_whatever_the_mean(p, q, scale):
    X, Y = drawn(40, p), drawn(40, q, 1)
    Y[:, 0] += X[:, 0]
    before, after = consecutive.gram((X + 3) * scale), consecutive.gram(Y)
    assert before.shape == (40, 40)
    assert consecutive.cka(before, after) == pytest.approx(reference(X, Y), abs=1e-6)
    assert consecutive.cka(before, before) == 1


def test_changes_that_float32_cannot_say_of_an_inner_product_are_resolved():
    X, D = drawn(60, 30).double(), drawn(60, 30, 1).double()
    for by in (1e-2, 1e-4):
        found = 1 - consecutive.cka(consecutive.gram(X), consecutive.gram(X + by * D))
        assert found == pytest.approx(1 - reference(X, X + by * D), rel=0.01)
    assert found < 1e-7


@pytest.mark.parametrize("X", [torch.ones(9, 4), torch.zeros(9, 4), 1e6 + 1e-2 * drawn(9, 4), drawn(9, 4) * torch.nan,
                               drawn(9, 4) + torch.tensor([torch.inf, 0, 0, 0])])  # fmt: skip
def test_what_is_constant_or_not_finite_has_none(X):
    assert consecutive.gram(X) is None
    assert consecutive.cka(None, consecutive.gram(drawn(9, 4))) is None
