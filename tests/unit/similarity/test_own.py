import numpy as np
import pytest
from synthetic import PLENTY, Arrays, spread

from repdyn.config.sections import ChosenMeasure
from repdyn.errors import RepdynError
from repdyn.similarity import measured, own

# Measures of one's own, which tests name by import path.


def gaussian(X):
    d = np.square(X[:, None] - X[None]).sum(-1)
    return np.exp(-d / np.median(d))


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
        (vector(failing), r"`[\w.]+:failing` failed: ValueError: no \(.*test_own.py, line \d+\)"),
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


# And more of them, for what `own` alone makes of them.


def cubed(X):
    """As centred features have it, an array of three dimensions."""
    X = X - X.mean(0)
    return np.einsum("ia,ja,ka->ijk", X, X, X)


def huge(X):
    return np.array([X[:, 0].sum(), X[:, 1].sum()], dtype=np.float64) * 1e300


def counts(X):
    return (X > 0).sum(axis=0)


def empty(_):
    return []


def imaginary(_):
    return np.array([1j])


def of_chance(_):
    return np.random.default_rng().normal(size=3)


def not_centred(X):
    return X @ X.T


def of_units(X):
    """What centred features have in their own basis."""
    return np.square(X - X.mean(0)).sum(0)


def earlier_first(X, Y):
    return 10 * X.shape[1] + Y.shape[1]


def test_an_array_is_one_vector_of_all_its_entries_whose_size_does_not_matter():
    X = spread(12, 4)[0]
    found = own.vector(vector(cubed), cubed, X)
    assert found.shape == (12**3,)
    assert np.abs(found).max() == 1
    whole = cubed(X).ravel()
    np.testing.assert_allclose(found * np.abs(whole).max(), whole, rtol=1e-6)
    X = spread(12, 4)
    values = own.similarities(vector(huge), Arrays(X), np.zeros(3, dtype=bool), PLENTY)
    sums = [x[:, :2].sum(0) for x in X]
    expected = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in sums] for a in sums]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_whole_numbers_are_numbers_and_become_floats():
    assert own.vector(vector(counts), counts, spread(12, 4)[0]).dtype == np.float64
    assert own.pair(pairs(earlier_first), earlier_first, np.ones((3, 2)), np.ones((3, 4))) == 24.0


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (empty, r"`[\w.]+:empty` returned nothing for features of shape \(12, 4\); `mine` needs a vector\.$"),
        (imaginary, r"`[\w.]+:imaginary` returned complex128, and `mine` needs real numbers\.$"),
    ],
)
def test_nothing_and_complex_numbers_are_no_vector(function, words):
    with pytest.raises(RepdynError, match=words):
        own.vector(vector(function), function, spread(12, 4)[0])


def test_the_earlier_one_comes_first_and_only_those_that_vary_are_compared():
    X = [x[:, :p] for x, p in zip(spread(12, 5, E=4), (1, 2, 3, 4), strict=True)]
    constant = np.array([False, True, False, False])
    for budget in (PLENTY, 0):
        source = Arrays(X)
        found = own.similarities(pairs(earlier_first), source, constant, budget)
        nan = np.nan
        expected = [[11, nan, 13, 14], [nan] * 4, [13, nan, 33, 34], [14, nan, 34, 44]]
        np.testing.assert_array_equal(found, expected)
        assert {e for e, *_ in source.reads} == {0, 2, 3}
    assert np.isnan(own.similarities(pairs(earlier_first), Arrays(X), ~np.zeros(4, dtype=bool), PLENTY)).all()


def test_all_features_are_float32_that_cannot_be_written_to():
    X = np.arange(12.0).reshape(3, 4).astype(np.float16)
    found = own.features(Arrays([X]), 0)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous and not found.flags.writeable
    np.testing.assert_array_equal(found, X)


@pytest.mark.parametrize(
    ("x", "y", "expected"), [([3, 0], [1, 1], 0.5**0.5), ([1, 2], [-2, -4], -1), ([0, 0], [1, 1], None)]
)
def test_a_cosine_is_that_of_the_angle_and_there_is_none_with_0(x, y, expected):
    found = own.cosine(np.array(x, dtype=float), np.array(y, dtype=float))
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


def test_a_function_that_draws_numbers_is_found_out():
    with pytest.raises(RepdynError, match=r"`[\w.]+:of_chance` gives another value when it is called again\.$"):
        own.check(vector(of_chance))


def rotated(X):
    """Principal coordinates of centred features."""
    U, s, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    return (U * s).astype(np.float32)


@pytest.mark.parametrize("choice", [pairs(alignment), vector(gaussian)], ids=lambda choice: choice.function)
def test_what_means_and_basis_do_not_change_passes_on_principal_coordinates(choice):
    own.check_held(choice, rotated, "head")


@pytest.mark.parametrize("choice", [vector(not_centred), vector(of_units)], ids=lambda choice: choice.function)
def test_what_they_change_is_refused_with_both_values_and_the_layer(choice):
    with pytest.raises(
        RepdynError, match=r"gives [-\d.e]+ for features and [-\d.e]+ for .* layer `head` would be stored"
    ):
        own.check_held(choice, rotated, "head")
    own.check_held(choice, lambda X: X, "head")
