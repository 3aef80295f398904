"""What every measure of the catalogue is and is not changed by: one suite, in which each has a case.

A case takes the same input for all: features of the same examples at some checkpoints, with labels. Region agreement
is that of probes trained on one half of the examples, on the points that the other half are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import PLENTY, Arrays, similarities

from repdyn.catalogue.measures import MEASURES, own
from repdyn.config.sections import ChosenMeasure, Probes
from repdyn.probes import fit
from repdyn.regions import agreement
from repdyn.similarity import measured

CLASSES = 3


@dataclass(frozen=True)
class Case:
    """A measure, by the column that holds it.

    Attributes:
        values: from E arrays (n, p) and labels (n,) to (E, E).
        changed_by: those of ``MAPS`` that it is not invariant to.
        of_constant: whether the similarity of a constant representation is null with itself, and with others.
        rounding: how far from 1 the similarity of a representation with itself may be.
    """

    values: Callable
    changed_by: frozenset[str]
    of_constant: tuple[bool, bool]
    rounding: float = 0.0


def gram_matrix(X):
    """A measure of one's own, from features to a vector."""
    X = X - X.mean(0)
    return X @ X.T


def closeness(X, Y):
    """A measure of one's own, of two arrays of features: how near their Grams are to each other."""
    K, L = (gram_matrix(Z.astype(np.float64)) for Z in (X, Y))
    return 1 / (1 + np.linalg.norm(K / np.linalg.norm(K) - L / np.linalg.norm(L)))


def documented(name):
    """A function of the page about measures, as it stands there."""
    page = (Path(__file__).parents[3] / "docs" / "your-measure.md").read_text(encoding="utf-8")
    names: dict = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    return names[name]


def gaussian(X):
    return documented("gaussian")(X)


def correlation(X, Y):
    return documented("correlation")(X, Y, components=2)


def agreements(X, labels):
    half = len(labels) // 2
    probes = [fit.fit(x[:half], labels[:half], CLASSES, Probes()) for x in X]
    return agreement.count([probe.predict(x[half:]) for probe, x in zip(probes, X, strict=True)], CLASSES)


def of_activations(name, **settings):
    """The case of a measure that sees angles and relative distances of examples alone; labels stand for the inputs."""

    def values(X, labels):
        inputs = labels[:, None].astype(np.float32)
        chosen = [ChosenMeasure(name=name, **settings)]
        return measured.similarities(Arrays(X), chosen, PLENTY, inputs=inputs).matrices[name]

    # What a function of pairs of one's own gives stays as it is.
    return Case(values, frozenset({UNITS}), (True, True), rounding=1e-6 if "pairs" in settings else 0.0)


UNITS, ROTATION = "another scale for each unit", "an orthogonal map"
CASES = {
    ("cka", "cka"): Case(lambda X, _: similarities(X)[0], frozenset({UNITS}), (True, True)),
    ("cka", "cka_debiased"): Case(lambda X, _: similarities(X)[1], frozenset({UNITS}), (True, True)),
    ("cka", "cka_deconfounded"): of_activations("cka_deconfounded"),
    ("cka", "knn"): of_activations("knn", neighbours=3),
    ("cka", "rsa"): of_activations("rsa"),
    ("cka", "subspace"): of_activations("subspace", components=2),
    ("cka", "procrustes"): of_activations("procrustes"),
    # Measures of one's own, as examples of the two kinds.
    ("own", "gram"): of_activations("gram", vector=f"{__name__}:gram_matrix"),
    ("own", "closeness"): of_activations("closeness", pairs=f"{__name__}:closeness"),
    ("own", "gaussian"): of_activations("gaussian", vector=f"{__name__}:gaussian"),
    ("own", "correlation"): of_activations("correlation", pairs=f"{__name__}:correlation"),
    # Probes standardise each unit, so that the axes matter and their scales do not.
    ("regions/similarity", "similarity"): Case(
        lambda *given: agreements(*given).similarity, frozenset({ROTATION}), (False, False)
    ),
    # A constant representation gives all points one class, with which others agree by chance alone.
    ("regions/similarity", "kappa"): Case(
        lambda *given: agreements(*given).kappa, frozenset({ROTATION}), (True, False)
    ),
}
COLUMNS = {(measure.table, measure.column): measure for measure in MEASURES.values()} | {
    ("own", name): own(name, f"test_invariances:{function}", kernel)
    for name, function, kernel in (
        ("gram", "gram_matrix", True),
        ("closeness", "closeness", False),
        ("gaussian", "gaussian", True),
        ("correlation", "correlation", False),
    )
}
OF_EACH = pytest.mark.parametrize("column", CASES, ids=" ".join)


def drawn_sizes(test):
    """Some seeds, numbers of examples and of units."""
    sizes = {"seed": st.integers(0, 10**6), "n": st.integers(12, 60), "p": st.integers(2, 60)}
    return settings(max_examples=8)(given(**sizes)(test))


def _rotated(x, random):
    return x @ np.linalg.qr(random.normal(size=(x.shape[1],) * 2))[0]


def _permuted(x, random):
    return x[:, random.permutation(x.shape[1])] * random.choice([-1, 1], x.shape[1])


# From features (n, p) to features.
MAPS = {
    ROTATION: _rotated,
    "units in another order, some negative": _permuted,
    "another scale": lambda x, random: x * 10 ** random.uniform(-3, 3),
    UNITS: lambda x, random: x * 10 ** random.uniform(-1, 1, x.shape[1]),
    "a shift": lambda x, random: x + random.normal(size=x.shape[1]),
}


def drawn(seed, n, p, E=3):
    """Features that drift over E checkpoints, with labels of which they know something."""
    random = np.random.default_rng(seed)
    start, end = random.normal(size=(2, n, p)) * 10 ** random.uniform(-0.5, 0.5, p)
    labels = (start[:, 0] > start[:, 0].mean()).astype(int) + (random.random(n) < 0.3)
    return [((1 - a) * start + a * end).astype(np.float32) for a in np.linspace(0, 0.6, E)], labels, random


def alike(found, expected, tolerance=1e-4):
    # The unbiased norm of few examples may be close to 0, or negative and the ratio undefined.
    well = np.abs(np.nan_to_num(expected, nan=9)) < 5
    return bool(np.allclose(found[well], expected[well], rtol=0, atol=tolerance))


def test_every_measure_has_a_case_and_every_case_is_of_a_measure():
    assert set(CASES) == set(COLUMNS)


def changed(column, name, seed, n, p):
    """Whether a map of the second of three representations changes the measure's values."""
    X, labels, random = drawn(seed, n, p)
    moved = [X[0], MAPS[name](X[1], random).astype(np.float32), X[2]]
    values = CASES[column].values
    return not alike(values(moved, labels), values(X, labels))


@pytest.mark.parametrize(
    ("column", "name"), [(c, name) for c, case in CASES.items() for name in case.changed_by], ids=str
)
def test_a_measure_is_changed_by_the_maps_that_are_said_to_change_it(column, name):
    assert all(changed(column, name, seed, 100, 60) for seed in range(3))


@pytest.mark.parametrize(
    ("column", "name"),
    [(c, name) for c, case in CASES.items() for name in MAPS if name not in case.changed_by],
    ids=str,
)
@drawn_sizes
def test_a_measure_is_invariant_to_all_other_maps(column, name, seed, n, p):
    assert not changed(column, name, seed, n, p)


@OF_EACH
@drawn_sizes
def test_the_order_of_examples_changes_nothing(column, seed, n, p):
    X, labels, random = drawn(seed, n, p)
    # Those that probes are trained on stay among themselves.
    order = np.concatenate([random.permutation(n // 2), n // 2 + random.permutation(n - n // 2)])
    values = CASES[column].values
    assert alike(values([x[order] for x in X], labels[order]), values(X, labels))


@OF_EACH
def test_the_order_of_checkpoints_permutes_the_matrix(column):
    X, labels, random = drawn(0, 60, 20, E=5)
    order, values = random.permutation(5), CASES[column].values
    found = values([X[e] for e in order], labels)
    np.testing.assert_allclose(found, values(X, labels)[np.ix_(order, order)], rtol=0, atol=1e-6)


@OF_EACH
@drawn_sizes
def test_it_is_symmetric_one_with_itself_within_its_range_and_an_inner_product_if_it_is_a_kernel(column, seed, n, p):
    S = CASES[column].values(*drawn(seed, n, p, E=6)[:2])
    np.testing.assert_array_equal(S, S.T)
    there = ~np.isnan(np.diagonal(S))
    np.testing.assert_allclose(np.diagonal(S)[there], 1, rtol=0, atol=CASES[column].rounding)
    least, most = COLUMNS[column].range
    values = S[~np.isnan(S)]  # none at all where every probe gives everything one and the same class
    assert ((least - 1e-9 <= values) & (values <= most + max(1e-9, CASES[column].rounding))).all()
    if COLUMNS[column].kernel:
        assert np.linalg.eigvalsh(S[np.ix_(there, there)]).min(initial=0) > -1e-5


@OF_EACH
def test_a_constant_representation_is_null_where_it_is_said_to_be_and_spoils_no_other(column):
    X, labels, _ = drawn(0, 80, 20, E=4)
    case = CASES[column]
    expected = case.values([X[0], X[2], X[3]], labels)
    X[1] = np.tile(np.linspace(0, 0.1, 20, dtype=np.float32), (80, 1))
    found = case.values(X, labels)
    itself, others = case.of_constant
    assert np.isnan(found[1, 1]) == itself
    assert (np.isnan(np.delete(found[1], 1)) == others).all()
    np.testing.assert_array_equal(np.delete(np.delete(found, 1, 0), 1, 1), expected)
