import numpy as np
import pytest

from repdyn.similarity import pairwise


def test_pairs_are_compared_once_however_many_are_held():
    for held in (1, 2, 3, 7, 9):
        loaded, compared = [], []

        def compare(i, j, compared=compared):
            compared.append((i, j))
            return 10 * i + j

        values = pairwise.all_pairs(7, held, lambda e, loaded=loaded: loaded.append(e) or e, compare)
        assert sorted(compared) == [(i, j) for i in range(7) for j in range(i, 7)]
        assert len(loaded) == sum(7 - first for first in range(0, 7, held))
        np.testing.assert_array_equal(values, values.T)


@pytest.mark.parametrize("E", [0, 1])
def test_of_none_or_one_there_is_nothing_but_itself(E):
    values = pairwise.all_pairs(E, 3, lambda e: e + 5.0, lambda one, other: one * other)
    np.testing.assert_array_equal(values, np.full((E, E), 25.0))


def test_an_inner_product_of_float32_is_summed_in_float64():
    x = np.zeros((4, 5 * pairwise.CHUNK), dtype=np.float32)
    x[:, :: pairwise.CHUNK] = 1
    x[0, 0] = 2**13  # beside whose square, 2**26, float32 holds no 1
    assert pairwise.dot(x, x) == 2**26 + 19
    assert pairwise.dot(x[:, :0], x[:, :0]) == 0


def test_an_inner_product_is_that_of_entries_at_the_same_place_whatever_the_layout():
    x = np.arange(12.0).reshape(3, 4)
    y = np.asfortranarray(x + 1)
    assert pairwise.dot(x, y) == sum(k * (k + 1) for k in range(12))
    assert pairwise.dot(x.T, y.T) == pairwise.dot(x, y)


def test_no_more_than_are_held_and_one_that_passes_by_are_in_memory():
    living, most = [0], [0]

    class Large:
        def __init__(self):
            living[0] += 1
            most[0] = max(most[0], living[0])

        def __del__(self):
            living[0] -= 1

    for held in (1, 2, 3):
        most[0] = 0
        pairwise.all_pairs(7, held, lambda _: Large(), lambda _one, _other: 0.0)
        assert most[0] == held + 1
