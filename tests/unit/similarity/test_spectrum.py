import numpy as np
import pytest

from repdyn.similarity import spectrum


def with_eigenvalues(values, n=60, p=40, seed=0, shift=0.0):
    """Centred features, whose n × n Gram has these eigenvalues, and a shift."""
    random = np.random.default_rng(seed)
    U = np.linalg.qr(np.column_stack([np.ones(n), random.normal(size=(n, len(values)))]))[0][:, 1:]
    V = np.linalg.qr(random.normal(size=(p, len(values))))[0]
    return (U * np.sqrt(values)) @ V.T + shift


@pytest.mark.parametrize("sizes", [(60, 40), (40, 200)])
@pytest.mark.parametrize("d", [1, 3, 12])
def test_equal_variance_in_d_directions_has_d_dimensions(sizes, d):
    found = spectrum.of_features(with_eigenvalues(np.full(d, 5.0), *sizes).astype(np.float32))
    assert found.participation_ratio == pytest.approx(d, rel=1e-4)
    assert found.effective_rank == pytest.approx(d, rel=2e-2)  # float32 leaves a little in the other directions
    assert found.top == pytest.approx(1 / d, rel=1e-4)
    assert found.norm == pytest.approx(np.sqrt(5 * d / sizes[0]), rel=1e-5)


def test_the_numbers_are_those_of_the_formulas():
    values = np.array([9.0, 4.0, 1.0])
    found = spectrum.of_features(with_eigenvalues(values, shift=1000.0))
    s = np.array([3, 2, 1]) / 6
    assert found.participation_ratio == pytest.approx(14**2 / 98, rel=1e-6)
    assert found.effective_rank == pytest.approx(np.exp(-(s * np.log(s)).sum()), rel=1e-3)
    assert found.top == pytest.approx(9 / 14, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(alpha):
    values = np.arange(1, 101.0) ** -alpha
    assert spectrum.decay(values, 100) == pytest.approx(alpha, abs=1e-9)
    # Whatever lies beyond half of the ranks.
    assert spectrum.decay(np.where(np.arange(100) < 50, values, 1e-9), 100) == pytest.approx(alpha, abs=1e-9)


def test_too_few_components_have_no_exponent_and_a_constant_has_nothing_but_its_size():
    assert np.isnan(spectrum.decay(np.ones(20), 20))
    constant = spectrum.of_features(np.tile(np.linspace(0, 9, 8, dtype=np.float32), (30, 1)))
    assert constant.norm == 0
    assert np.isnan([constant.participation_ratio, constant.effective_rank, constant.decay, constant.top]).all()


def test_blocks_and_the_side_that_is_multiplied_change_nothing(monkeypatch):
    X = np.random.default_rng(0).normal(size=(30, 50))
    X -= X.mean(axis=0)
    whole = spectrum.eigenvalues(X)
    monkeypatch.setattr(spectrum, "BLOCK", 100)
    np.testing.assert_allclose(spectrum.eigenvalues(X), whole, rtol=1e-9)
    np.testing.assert_allclose(spectrum.eigenvalues(X.T), whole, rtol=1e-9, atol=1e-9)


def test_rotation_and_permutation_change_nothing_and_scale_only_the_size():
    X = np.random.default_rng(1).normal(size=(50, 20)).astype(np.float32)
    random = np.random.default_rng(2)
    turned = X @ np.linalg.qr(random.normal(size=(20, 20)))[0].astype(np.float32) * 8
    before, after = spectrum.of_features(X), spectrum.of_features(turned[random.permutation(50)] + 3)
    assert after.norm == pytest.approx(8 * before.norm, rel=1e-4)
    for name in ("participation_ratio", "effective_rank", "top"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-4)
