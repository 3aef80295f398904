"""Probes of wide layers: trained on coordinates, and rebuilt on features."""

from dataclasses import replace

import numpy as np
import pytest

from repdyn.config.sections import Probes
from repdyn.errors import RepdynError
from repdyn.probes import fit, rebuilt
from repdyn.representations import coordinates

N, M, P, CLASSES = 60, 50, 400, 4


@pytest.fixture(scope="module")
def layer():
    """Activations of compared and of probed examples, and the labels of the latter; some units are dead."""
    generator = np.random.default_rng(0)
    labels = np.arange(N + M) % CLASSES
    X = generator.normal(size=(CLASSES, P))[labels] + 2 * generator.normal(size=(N + M, P))
    X = (X * generator.uniform(0.1, 10, size=P) + generator.normal(size=P)).astype(np.float32)
    X[:, :7] = 2.5
    return X[:N], X[N:], labels[N:]


@pytest.mark.parametrize(
    "settings",
    [
        Probes(),
        Probes(penalty=1e-3),
        Probes(kind="logistic"),
        Probes(kind="logistic", penalty=1e-3),
        Probes(kind="sgd"),
    ],
    ids=["ridge", "weak ridge", "logistic", "weak logistic", "sgd"],
)
def test_a_probe_on_coordinates_is_the_one_on_features(layer, settings):
    compared, probed, labels = layer
    direct = fit.fit(probed, labels, CLASSES, settings)
    T_s, T_p = coordinates.as_probed(compared, probed)
    dual = fit.fit_coordinates(T_p, labels, CLASSES, settings)
    assert (dual.predict(T_s, T_p) == direct.predict(compared)).all()
    assert (dual.predict(T_p, T_p) == direct.predict(probed)).all()
    found = rebuilt.probe(dual, probed, "layer")
    # L-BFGS stops at another point within its tolerance.
    near = 3e-3 if settings.kind == "logistic" else 1e-5
    scale = np.abs(direct.weight).max()
    np.testing.assert_allclose(found.weight, direct.weight, atol=near * scale)
    np.testing.assert_allclose(found.bias, direct.bias, atol=near)
    np.testing.assert_array_equal(found.mean, direct.mean)
    np.testing.assert_array_equal(found.scale, direct.scale)
    unseen = np.random.default_rng(1).normal(size=(5000, P)).astype(np.float32) * compared.std(axis=0)
    unseen += compared.mean(axis=0)
    agree = (found.predict(unseen) == direct.predict(unseen)).mean()
    assert agree >= (0.999 if settings.kind == "logistic" else 0.9999)


@pytest.fixture(scope="module")
def steep(layer):
    """The same with a factor that all units share, which has nearly all of the variance."""
    compared, probed, labels = layer
    shared = 10_000 * np.random.default_rng(4).normal(size=(N + M, 1)) * probed.std(axis=0)
    return (compared + shared[:N]).astype(np.float32), (probed + shared[N:]).astype(np.float32), labels


@pytest.mark.parametrize(
    "settings",
    [Probes(penalty=1e-6), Probes(kind="logistic", penalty=1e-6), Probes(kind="sgd")],
    ids=["weak ridge", "weak logistic", "sgd"],
)
def test_a_probe_that_uses_directions_of_little_variance_keeps_its_digits(steep, settings, monkeypatch):
    compared, probed, labels = steep
    trained, classifiers = [], fit._classifiers
    monkeypatch.setattr(
        fit, "_classifiers", lambda *given, **more: trained.append(classifiers(*given, **more)) or trained[0]
    )
    T_s, T_p = coordinates.as_probed(compared, probed)
    dual = fit.fit_coordinates(T_p, labels, CLASSES, settings)
    weight, bias, _ = trained[0]
    used = T_p.any(axis=0)
    expected = (T_s[:, used] @ weight[:, :CLASSES] + bias[0]).argmax(axis=1)
    assert (dual.predict(T_s, T_p) == expected).all()
    assert (rebuilt.probe(dual, probed, "layer").predict(compared) == expected).mean() >= 0.98
    with pytest.raises(RepdynError, match="are not those that its probe was trained on"):
        rebuilt.probe(dual, probed[::-1], "layer")


def test_nearly_equal_features_give_nearly_equal_probes_of_sgd():
    """Also where no direction has more variance than another, so that principal components are arbitrary."""
    X = np.random.default_rng(0).normal(size=(N + M, P))
    classes, labels = 10, np.arange(M) % 10
    on_features, on_coordinates = [], []
    for seed in (1, 2):
        near = (X + 0.01 * np.random.default_rng(seed).normal(size=X.shape)).astype(np.float32)
        on_features.append(fit.fit(near[N:], labels, classes, Probes(kind="sgd")).predict(near[:N]))
        T_s, T_p = coordinates.as_probed(near[:N], near[N:])
        on_coordinates.append(fit.fit_coordinates(T_p, labels, classes, Probes(kind="sgd")).predict(T_s, T_p))
    for one, other in (on_features, on_coordinates):
        assert len(set(one)) > 3
        assert (one == other).mean() > 0.9


def test_logistic_probes_start_from_those_of_the_checkpoint_before(layer, monkeypatch):
    compared, probed, labels = layer
    settings = Probes(kind="logistic")
    _, before = coordinates.as_probed(compared, probed)
    first = fit.fit_coordinates(before, labels, CLASSES, settings)
    begun = []
    solve = fit.solvers.logistic

    def watched(features, labels, classes, penalty, tolerance, iterations, start):
        begun.append(None if start is None else features @ start[0] + start[1])
        return solve(features, labels, classes, penalty, tolerance, iterations, start)

    monkeypatch.setattr(fit.solvers, "logistic", watched)
    fit.fit_coordinates(before, labels, CLASSES, settings, first)
    expected = first.scores[0].T  # of the whole probe on all examples, where it starts again
    np.testing.assert_allclose(begun[0], expected, atol=1e-4)


@pytest.mark.parametrize("change", ["order", "network", "labels"])
def test_activations_that_are_not_those_of_training_are_refused(layer, change):
    compared, probed, labels = layer
    _, T_p = coordinates.as_probed(compared, probed)
    dual = fit.fit_coordinates(T_p, labels, CLASSES, Probes())
    if change == "order":
        probed = probed[::-1]
    elif change == "network":
        probed = probed + 0.05 * probed.std(axis=0) * np.random.default_rng(3).normal(size=probed.shape)
        probed = probed.astype(np.float32)
    else:
        dual = replace(dual, weight=fit.fit_coordinates(T_p, labels[::-1], CLASSES, Probes()).weight)
    with pytest.raises(RepdynError, match=r"activations of layer `layer4\.1` are not those that its probe was trained"):
        rebuilt.probe(dual, probed, "layer4.1")


def test_rounding_of_another_device_is_not_refused(layer):
    compared, probed, labels = layer
    _, T_p = coordinates.as_probed(compared, probed)
    dual = fit.fit_coordinates(T_p, labels, CLASSES, Probes())
    noise = 1e-5 * np.random.default_rng(3).normal(size=probed.shape)
    noise[:, :7] = 0  # what is the same for all examples is so on any device
    rebuilt.probe(dual, (probed * (1 + noise)).astype(np.float32), "layer")


def test_a_layer_that_is_the_same_for_all_examples_predicts_the_most_frequent_class():
    same = np.full((M, P), 3.0, dtype=np.float32)
    T_s, T_p = coordinates.as_probed(same[:N], same)
    labels = np.minimum(np.arange(M) % 6, CLASSES - 1)
    dual = fit.fit_coordinates(T_p, labels, CLASSES, Probes())
    assert (dual.predict(T_s, T_p) == CLASSES - 1).all()
    assert (rebuilt.probe(dual, same, "layer").predict(same) == CLASSES - 1).all()
