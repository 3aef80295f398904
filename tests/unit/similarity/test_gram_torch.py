import grams
import numpy as np
import pytest
import torch
from synthetic import trajectory

from repdyn.runtime import devices
from repdyn.similarity import gram, gram_torch

TORCH, NUMPY = gram_torch.Torch(torch.device("cpu")), gram.Numpy()


def test_torch_leaves_what_it_centres_as_it_was_and_does_not_mind_that_it_is_read_only(recwarn, monkeypatch):
    (X,) = trajectory(50, 30, E=1)
    X.flags.writeable = False
    before = X.copy()
    backend = gram_torch.Torch(torch.device("cpu"))
    whole, *norms = backend.centred(X, 0)
    monkeypatch.setattr(gram_torch, "CHUNKS", 350)  # 7 features at a time
    parts, *sums = backend.centred(X, 0)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)
    np.testing.assert_allclose(sums, norms, rtol=1e-6)
    np.testing.assert_allclose(norms, gram.centred(X)[1:], rtol=1e-6)
    assert not recwarn


def grid():
    """A lattice, whose distances are often equal, and exact in float32."""
    return np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2).astype(np.float32)


@pytest.mark.parametrize("chunk", [60, 2**20])
@pytest.mark.parametrize("bands", [[20], [6, 1, 13]])
def test_bands_say_what_they_do_in_numpy(chunk, bands, monkeypatch):
    monkeypatch.setattr(gram_torch, "CHUNK", chunk)
    X, start = np.stack([gram.centred(x)[0] for x in trajectory(20, 8, E=3)]), 0
    for height in bands:
        here, there = TORCH.stack(3, height, 20 - start), NUMPY.stack(3, height, 20 - start)
        for e, x in enumerate(X):
            TORCH.gram(torch.from_numpy(x), start, here[e])
            NUMPY.gram(x, start, there[e])
        np.testing.assert_allclose(TORCH.array(here), there, rtol=0, atol=1e-5)
        for name in ("inner", "diagonals", "sums"):
            found, expected = getattr(TORCH, name)(here), getattr(NUMPY, name)(there)
            assert found.dtype == np.float64
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4, err_msg=name)
        start += height


@pytest.mark.parametrize("X", [grid(), trajectory(40, 6, E=1)[0], np.eye(7, dtype=np.float32)], ids=len)
def test_ranks_are_those_of_numpy_ties_included(X):
    K, expected = torch.from_numpy(grams.gram(X)), grams.gram(X)
    TORCH.rank(K)
    NUMPY.rank(expected)
    np.testing.assert_array_equal(K.numpy(), expected)


@pytest.mark.parametrize("chunk", [50, 2**25])
def test_candidates_are_those_of_numpy(chunk, monkeypatch):
    monkeypatch.setattr(gram_torch, "CHUNKS", chunk)
    for X, slack in ((trajectory(50, 6, E=1)[0], 1e-6), (grid(), 1e-6)):
        K = grams.gram(X)
        found, expected = TORCH.candidates(torch.from_numpy(K), 4, slack), NUMPY.candidates(K, 4, slack)
        if expected is None:
            assert found is None
            continue
        assert (found.n, found.k) == (len(X), 4)
        np.testing.assert_array_equal(np.sort(found.sure), np.sort(expected.sure))
        np.testing.assert_array_equal(found.open, expected.open)


@pytest.mark.parametrize(("n", "p", "r"), [(40, 12, 5), (40, 5, 5), (40, 4, 5), (5, 9, 5), (6, 9, 5)])
def test_components_are_those_of_numpy_and_there_are_none_where_it_has_none(n, p, r):
    X = gram.centred(trajectory(n, p, E=1)[0] * (1 + np.arange(p, dtype=np.float32)))[0]
    K = X @ X.T
    of_gram = TORCH.components(torch.from_numpy(K), r), NUMPY.components(K, r)
    of_features = TORCH.components_of_features(torch.from_numpy(X), r), NUMPY.components_of_features(X, r)
    for (V, gap), (expected, gap_expected) in (of_gram, of_features) if p < n else (of_gram,):
        assert V.shape == (n, r)
        assert np.isnan(V).all() == np.isnan(expected).all()
        np.testing.assert_allclose(V @ V.T, expected @ expected.T, rtol=0, atol=1e-4)
        assert gap == pytest.approx(gap_expected, abs=1e-6)


def test_inner_products_are_summed_in_float64_some_entries_at_a_time(monkeypatch):
    monkeypatch.setattr(gram_torch, "CHUNKS", 7)
    K = torch.ones(5, 5)
    K[0, 0] = 2**13  # beside whose square, 2**26, float32 holds no 1
    assert TORCH.dot(K, K) == 2**26 + 24


def test_entries_are_read_and_a_gram_is_replaced_in_place():
    K = TORCH.zeros(3, 3)
    assert K.dtype == torch.float32
    assert not K.any()
    TORCH.write(K, np.arange(9.0).reshape(3, 3))
    found = TORCH.entries(K, np.array([0, 2]), np.array([2, 1]))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [2, 7])


@pytest.fixture
def of_products():
    """Where torch keeps the precision of products, which is as it was after the test."""
    settings = torch.backends.cuda.matmul
    before = settings.allow_tf32
    yield settings
    settings.allow_tf32 = before


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_a_product_has_the_precision_asked_for_and_leaves_that_of_others_as_it_was(tf32, before, of_products):
    seen = []

    class Watched(torch.Tensor):
        def copy_(self, *given):
            seen.append(of_products.allow_tf32)
            return super().copy_(*given)

    of_products.allow_tf32 = before
    backend = gram_torch.Torch(torch.device("cpu"), tf32)
    backend.gram(torch.eye(3), 0, torch.empty(3, 3).as_subclass(Watched))
    assert seen == [tf32]
    assert of_products.allow_tf32 == before
    with pytest.raises(RuntimeError):
        backend.gram(torch.eye(3), 0, torch.empty(3, 7))
    assert of_products.allow_tf32 == before


@pytest.mark.parametrize(("budget", "given"), [(100.0, 100.0), (1e9, 800.0)])
def test_a_gpu_may_use_the_budget_or_four_fifths_of_what_is_free(budget, given, monkeypatch):
    monkeypatch.setattr(devices, "prepare", torch.device)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 9999))
    backend, found = gram_torch.choose("cuda:1", budget, True)
    assert (backend.device, backend.tf32, found) == (torch.device("cuda:1"), True, given)
    backend, found = gram_torch.choose("cpu", 1e9, True)
    assert (type(backend), found) == (gram.Numpy, 1e9)
