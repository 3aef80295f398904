"""Coordinates of examples stand for activations: in every measure, in probes, and in decision regions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repdyn.config.sections import ChosenMeasure
from repdyn.representations import coordinates
from repdyn.similarity import measured

N, M, P = 40, 50, 700
ALL = ("cka_deconfounded", "knn", "rsa", "subspace", "procrustes")


class Held:
    """Representations in memory; a ``gram.RepresentationSource``."""

    def __init__(self, *found):
        self.found, self.examples, self.features = found, len(found[0]), [X.shape[1] for X in found]

    def read(self, e, start, stop):
        return self.found[e][:, start:stop]

    def name(self, e):
        return str(e)


def spectra(n, p, seed, decay):
    generator = np.random.default_rng(seed)
    basis = generator.normal(size=(n, n)) * np.arange(1, n + 1.0) ** -decay
    return (basis @ generator.normal(size=(n, p)) / np.sqrt(n) + generator.normal(size=p)).astype(np.float32)


def all_of(*found, inputs):
    chosen = [ChosenMeasure(name=name) for name in ALL]
    return measured.similarities(Held(*found), chosen, 2**30, inputs=inputs).matrices


@pytest.mark.parametrize("decay", [0, 1, 2.5])
def test_every_measure_is_the_same_on_coordinates(decay):
    inputs = np.random.default_rng(9).normal(size=(N, 64)).astype(np.float32)
    whole = [spectra(N, P, 0, decay), spectra(N, P, 1, decay), spectra(N, P, 2, 0.5)]
    whole.append((whole[0] + 0.3 * whole[1]).astype(np.float32))
    expected = all_of(*(X.astype(np.float64) for X in whole), inputs=inputs)
    found = all_of(*map(coordinates.centred, whole), inputs=inputs)
    assert found.keys() == expected.keys() >= {"cka", "cka_debiased", *ALL}
    for name, matrix in expected.items():
        np.testing.assert_allclose(found[name], matrix, atol=1e-7, err_msg=name)


def test_distances_that_are_equal_do_not_stay_so_which_matters_to_their_order_alone():
    """By about as much as ``docs/wide-layers.md`` says; and not at all where examples are alike."""
    off = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        whole = [random.normal(size=(120, 480)), random.random(size=(120, 480)) < 0.01]
        whole.append(np.repeat(whole[0][:60], 2, axis=0))
        single = [X.astype(np.float32) for X in whole]
        chosen = [ChosenMeasure(name=name) for name in ("knn", "rsa")]
        exact, found = (
            measured.similarities(Held(*of), chosen, 2**30, inputs=np.zeros((120, 1))).matrices
            for of in ([X.astype(np.float64) for X in single], [*map(coordinates.centred, single)])
        )
        off.append({name: np.abs(found[name] - exact[name]) for name in exact})
    largest = {name: max(of[name][:, 1].max() for of in off) for name in off[0]}
    assert largest["cka"] < 1e-7
    assert largest["cka_debiased"] < 1e-7
    assert 0.01 < largest["knn"] < 0.1  # which of them is nearer depends on the processor's rounding
    assert 0.002 < largest["rsa"] < 0.02
    assert max(matrix[0, 2] for of in off for matrix in of.values()) < 1e-6


@pytest.mark.parametrize("change", ["shift", "tiny", "huge", "outlier", "twins", "rank"])
def test_gram_matrices_are_those_of_float64_on_hard_input(change):
    X = spectra(N, P, 3, 1)
    if change == "shift":
        X += 1000
    elif change in ("tiny", "huge"):
        X *= np.float32(1e-12 if change == "tiny" else 1e12)
    elif change == "outlier":
        X[0] *= 1000
    elif change == "twins":
        X[N // 2 :] = X[: N // 2]
    else:
        X = X[:, :5].repeat(P // 5, axis=1)
    exact = X.astype(np.float64) - X.astype(np.float64).mean(axis=0)
    K = exact @ exact.T
    T = coordinates.centred(X).astype(np.float64)
    assert T.shape == (N, N)
    np.testing.assert_allclose(T @ T.T, K, atol=3e-7 * np.abs(K).max())
    norms = np.linalg.norm(T, axis=0)
    assert (np.diff(norms) <= 1e-6 * norms[0]).all(), "the first coordinate varies most"


def test_a_constant_layer_stays_one():
    for level in (0, 3.7, 1e20):
        assert not coordinates.centred(np.full((N, P), level, dtype=np.float32)).any()
    nearly = np.full((N, P), 1000, dtype=np.float32) + np.float32(1e-4) * spectra(N, P, 0, 0)
    assert not coordinates.centred(nearly).any(), "constant but for rounding, as whole activations are"
    assert coordinates.centred(nearly - 1000 + spectra(N, P, 1, 0)).any()


@given(seed=st.integers(0, 1000), decay=st.floats(0, 2))
def test_probes_see_the_inner_products_of_standardised_examples(seed, decay):
    compared, probed = spectra(N, P, seed, decay), spectra(M, P, seed + 1, decay)
    mean, scale = probed.astype(np.float64).mean(axis=0), probed.astype(np.float64).std(axis=0)
    Z_s, Z_p = (compared - mean) / scale, (probed - mean) / scale
    T_s, T_p = coordinates.as_probed(compared, probed)
    assert T_s.shape == (N, M)
    assert T_p.shape == (M, M)
    np.testing.assert_allclose(T_p.astype(np.float64) @ T_p.T, Z_p @ Z_p.T, atol=1e-6 * P)
    np.testing.assert_allclose(T_s.astype(np.float64) @ T_p.T, Z_s @ Z_p.T, atol=1e-6 * P)


def test_dead_units_stay_dead():
    probed, compared = spectra(M, P, 0, 0), spectra(N, P, 1, 0)
    probed[:, ::2] = 4  # and the compared examples vary there
    T_s, T_p = coordinates.as_probed(compared, probed)
    alive = coordinates.as_probed(compared[:, 1::2], probed[:, 1::2])
    np.testing.assert_allclose(T_p @ T_p.T, alive[1] @ alive[1].T, atol=1e-3)
    np.testing.assert_allclose(T_s @ T_p.T, alive[0] @ alive[1].T, atol=1e-3)


def test_layers_are_wide_from_three_times_as_many_features_as_examples_on():
    features = {"layer1.0": 301, "layer1.1": 300, "layer2.0": 5000, "head": 10}
    assert coordinates.wide(features, 100, 80, []) == ["layer1.0", "layer2.0"]
    assert coordinates.wide(features, 80, 100, []) == ["layer1.0", "layer2.0"]
    assert coordinates.wide(features, 100, 80, ["layer1.*"]) == ["layer2.0"]
    assert coordinates.wide(features, 100, 80, ["*"]) == []
    assert coordinates.unmatched(["layer1.*", "layer9.*", "head"], features) == ["layer9.*"]
