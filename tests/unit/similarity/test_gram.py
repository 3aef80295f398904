import weakref

import numpy as np
import pytest
from synthetic import PLENTY, Arrays, Drawn, peak_of, similarities, trajectory

from repdyn.errors import RepdynError
from repdyn.similarity import cka, gram, minibatch


@pytest.mark.parametrize(("E", "n", "left"), [(3, 10, 0), (3, 10, 700), (5, 400, 1e6), (5, 400, 1e9)])
def test_bands_cover_all_rows_once_and_fit(E, n, left):
    bands = list(gram.bands(E, n, left))
    assert [row for start, stop in bands for row in range(start, stop)] == list(range(n))
    assert all(stop - start == 1 or 4 * (E + 1) * (stop - start) * (n - start) <= left for start, stop in bands)


@pytest.mark.parametrize(("n", "p", "E"), [(200, 4, 5), (30, 30, 3)])
def test_feature_side_and_example_side_agree(n, p, E):
    X = Arrays(trajectory(n, p, E))
    example_side = gram.products(X, PLENTY, watch=lambda *_: None)
    feature_side = gram._feature_side(X, gram.Numpy())
    scale = np.abs(example_side.G).max()
    np.testing.assert_allclose(feature_side.G, example_side.G, rtol=0, atol=1e-6 * scale)
    np.testing.assert_allclose(feature_side.D, example_side.D, rtol=1e-5, atol=1e-9)


def test_a_backend_that_served_another_layer_gives_the_same_numbers():
    backend = gram.Numpy()
    similarities(trajectory(60, 50, E=5), PLENTY, backend)
    X = trajectory(40, 30, E=4)
    X[1] = np.ones_like(X[1])
    for one, other in zip(similarities(X, 30_000, backend), similarities(X, 30_000), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("E", [30, 1000])
def test_memory_beyond_the_budget_does_not_grow_with_the_number_of_representations(E):
    budget = 16 * 2**20
    peak, _ = peak_of(lambda: gram.products(Drawn(E, 200), budget, watch=lambda *_: None))
    assert peak < budget + 25 * 2**20 + 5 * 8 * E**2  # the matrices asked for, and sums on the way to them


@pytest.mark.parametrize("in_batches", [False, True])
def test_grams_are_let_go_of_before_the_next_take_their_place(in_batches):
    import torch

    from repdyn.similarity.gram_torch import Torch

    class Weighed(Torch):
        given, most, times = [], 0, 0

        def weigh(self, tensor):
            self.given.append(weakref.ref(tensor))
            held = [there for one in self.given if (there := one()) is not None]
            self.most, self.times = max(self.most, sum(each.nbytes for each in held)), self.times + 1
            return tensor

        def stack(self, *shape):
            return self.weigh(super().stack(*shape))

        def zeros(self, *shape):
            return self.weigh(super().zeros(*shape))

    X, backend = Arrays(trajectory(80, 10, E=3)), Weighed(torch.device("cpu"))
    budget = 23_000
    if in_batches:
        minibatch.similarities(X, 20, budget, backend)
    else:
        cka.similarities(X, budget, backend)
    assert backend.times > 2
    assert backend.most < budget - gram.FLOATS * 80 * 10  # the rest is for features


def float64(X):
    """Centred features of one representation."""
    X = X.astype(np.float64)
    return X - X.mean(axis=0)


@pytest.mark.parametrize("change", [np.float16, np.float32, lambda X: X + np.float32(1000), np.float64])
def test_features_are_centred_and_both_norms_are_said(change):
    X = change(trajectory(50, 7, E=1)[0])
    found, before, after = gram.centred(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, float64(X), rtol=0, atol=1e-4 if X.max() > 900 else 1e-6)
    np.testing.assert_allclose(found.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    assert before == pytest.approx(np.square(X.astype(np.float64)).sum(), rel=1e-5)
    assert after == pytest.approx(np.square(float64(X)).sum(), rel=1e-5)


def test_an_exponent_takes_a_power_of_two_out_exactly_and_leaves_what_is_given_alone():
    (X,) = trajectory(20, 5, E=1)
    for power in (100, -100):
        scaled = np.ldexp(X, power)
        before = scaled.copy()
        for found, expected in zip(gram.centred(scaled, power), gram.centred(X), strict=True):
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(scaled, before)


def test_float64_keeps_its_digits_if_it_is_asked_for():
    X = 1 + 1e-12 * np.arange(8.0)[:, None]
    found, *_ = gram.centred(X, dtype=np.float64)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[:, 0], X[:, 0] - 1 - 3.5e-12, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("X", "magnitude"),
    [([[-3.0, 2.0]], 3), ([[1.0, 2.5]], 2.5), ([[-4.0, -5.0]], 5), (np.empty((4, 0)), 0), (np.float16([[7]]), 1)],
)
def test_the_largest_magnitude_has_either_sign_and_float16_needs_none(X, magnitude):
    assert gram.largest(np.asarray(X)) == magnitude


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("bands", [[40], [7, 13, 20], [1] * 40])
def test_bands_of_upper_triangles_say_what_whole_symmetric_matrices_do(rows, bands, monkeypatch):
    monkeypatch.setattr(gram, "rows_at_a_time", lambda *_: rows)
    K = np.random.default_rng(0).normal(size=(3, 40, 40)).astype(np.float32)
    K += K.transpose(0, 2, 1)
    backend, start = gram.Numpy(), 0
    G, D, R = np.zeros((3, 3)), [], np.zeros((3, 40))
    for height in bands:
        S = K[:, start : start + height, start:]
        G += backend.inner(S)
        D.append(backend.diagonals(S))
        R[:, start:] += backend.sums(S)
        start += height
    exact = K.astype(np.float64)
    np.testing.assert_allclose(G, np.einsum("ikl,jkl->ij", exact, exact), rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate(D, axis=1), np.diagonal(exact, axis1=1, axis2=2))
    np.testing.assert_allclose(R, exact.sum(axis=2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("budget", [PLENTY, 30_000])
def test_products_are_those_of_the_grams_in_float64(budget):
    X = trajectory(40, 60, E=4)
    X[2] = np.full_like(X[2], 0.3)
    source = Arrays(X)
    found = gram.products(source, budget)
    assert gram.fits(source, budget) == (budget == PLENTY)
    K = np.stack([float64(x) @ float64(x).T for x in X])
    K[2] = 0
    scale = np.abs(K).max()
    np.testing.assert_allclose(found.G, np.einsum("ikl,jkl->ij", K, K), rtol=0, atol=1e-5 * scale**2)
    np.testing.assert_allclose(found.D, np.diagonal(K, axis1=1, axis2=2), rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(found.R, 0, atol=1e-3 * scale)
    assert found.constant.tolist() == [False, False, True, False]
    assert not found.G[2].any() and not found.D[2].any() and not found.R[2].any()


def test_all_bands_and_all_parts_of_the_features_are_watched():
    X, parts, S = trajectory(30, 50, E=2), [], np.zeros((2, 30, 30))

    def watch(band, start):
        S[:, start : start + band.shape[1], start:] = band

    gram.products(Arrays(X), 12_000, watch=watch, watch_features=lambda part: parts.append((part.e, part.start)))
    K = np.stack([float64(x) @ float64(x).T for x in X])
    np.testing.assert_allclose(np.triu(S), np.triu(K), rtol=0, atol=1e-4)
    width = gram.slice_width(Arrays(X), 12_000)
    bands = len(list(gram.bands(2, 30, 12_000 - gram.FLOATS * 30 * width)))
    assert bands > 1 and width < 50
    assert parts == [(e, start) for e in range(2) for start in range(0, 50, width)] * bands


@pytest.mark.parametrize("width", [1, 4, 11, 50])
def test_slices_are_all_features_in_order_with_the_exponent_of_the_largest(width):
    X = [x * np.float32(scale) for x, scale in zip(trajectory(20, 11, E=3), (1e30, 1, 1e-30), strict=True)]
    X[0][:, :-1] *= np.float32(1e-25)  # the largest is in the last slice
    found = list(gram.parts(Arrays(X), width, gram.Numpy()))
    assert [(part.e, part.start) for part in found] == [(e, start) for e in range(3) for start in range(0, 11, width)]
    for e, x in enumerate(X):
        whole = np.concatenate([part.X for part in found if part.e == e], axis=1)
        power = int(np.frexp(np.abs(x).max())[1])
        expected = np.ldexp(float64(x), -power if abs(power) > gram.SAFE_EXPONENT else 0)
        np.testing.assert_allclose(whole, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
        squares = np.sum([part.squares for part in found if part.e == e], axis=0)
        assert squares[1] == pytest.approx(np.square(expected).sum(), rel=1e-5)


@pytest.mark.parametrize("width", [1, 4, 30])
def test_one_whole_gram_is_that_of_its_representation_and_0_if_that_is_constant(width):
    X, seen = [*trajectory(25, 30, E=2), np.full((25, 30), -7, dtype=np.float32)], []
    K = gram.whole(Arrays(X), 1, width, gram.Numpy(), lambda part: seen.append(part.start))
    np.testing.assert_allclose(K, float64(X[1]) @ float64(X[1]).T, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(K, K.T)
    assert seen == list(range(0, 30, width))
    assert not gram.whole(Arrays(X), 2, width, gram.Numpy()).any()


def test_one_of_the_representations_is_read_and_named_as_itself():
    source = Arrays([np.zeros((4, 2)), np.arange(12.0).reshape(4, 3)])
    one = gram.One(source, 1)
    assert (one.examples, one.features, one.name(0)) == (4, [3], "representation 1")
    np.testing.assert_array_equal(one.read(0, 1, 3), source.X[1][:, 1:3])


def test_constant_is_what_keeps_a_millionth_of_a_millionth_or_less_and_what_is_not_finite_is_named():
    source = Arrays([np.zeros((4, 1))] * 3)
    norms = np.array([[1, 0.9e-12], [1, 1.1e-12], [0, 0]])
    assert gram.is_constant(source, norms).tolist() == [True, False, True]
    for value in (np.inf, np.nan):
        with pytest.raises(RepdynError, match=r"^representation 1 has activations that are NaN or infinite\.$"):
            gram.is_constant(source, np.array([[1, 1], [value, 1], [1, value]]))


def test_half_the_budget_is_for_features_one_at_least():
    source = Arrays([np.zeros((10, 30)), np.zeros((10, 50))])
    of_one = gram.FLOATS * 10
    assert [gram.slice_width(source, budget * of_one) for budget in (0, 1, 2, 9, 99, 1000)] == [1, 1, 1, 4, 49, 50]


def test_rows_are_converted_within_both_bounds_one_at_least():
    for E, width in ((1, 10), (3, 100), (50, 100), (50, 10**6)):
        rows = gram.rows_at_a_time(E, width, 1000, 12_000)
        assert rows == 1 or (rows * width <= 1000 and E * rows * width <= 12_000)
        assert (rows + 1) * width > 1000 or E * (rows + 1) * width > 12_000
        assert rows >= 1


def test_the_feature_side_is_for_few_features_of_one_width_that_fit():
    assert gram.feature_side_pays([4] * 5, 200, PLENTY)
    assert not gram.feature_side_pays([4] * 4 + [5], 200, PLENTY)
    assert not gram.feature_side_pays([4] * 5, 200, 8 * 5 * 4 * (200 + 8))
    assert not gram.feature_side_pays([512] * 20, 2000, PLENTY)


def test_a_backend_reads_single_entries_and_can_have_its_gram_replaced():
    backend = gram.Numpy()
    K = backend.zeros(3, 3)
    assert K.dtype == np.float32
    backend.write(K, np.arange(9.0).reshape(3, 3))
    np.testing.assert_array_equal(backend.entries(K, np.array([0, 2]), np.array([2, 1])), [2, 7])
    assert backend.dot(K, K) == sum(k**2 for k in range(9))
    S = backend.stack(2, 3)
    S[:] = 1
    assert np.shares_memory(backend.stack(3, 2), S)  # the next takes its place
    assert gram.Numpy(np.float64).stack(2, 2).dtype == np.float64
