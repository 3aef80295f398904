import itertools
import math

import pytest

from repdyn.analysis.level_orders import orders


@pytest.mark.parametrize("levels", [0, 1, 2, 3, 4])
def test_few_levels_have_each_order_once_the_observed_one_first(levels):
    found = [tuple(order) for order in orders(levels, 24, seed=0)]
    assert found[0] == tuple(range(levels))
    assert sorted(found) == sorted(itertools.permutations(range(levels)))


@pytest.mark.parametrize(("resamples", "number"), [(23, 23), (24, 24), (25, 24), (1000, 24)])
def test_there_are_never_more_than_asked_for_nor_than_there_can_be(resamples, number):
    found = [tuple(order) for order in orders(4, resamples, seed=0)]
    assert len(found) == number
    assert found[0] == (0, 1, 2, 3)
    assert (len(set(found)) == 24) == (number == 24)


def test_drawn_orders_are_permutations_in_which_each_level_comes_to_each_place_alike():
    found = [tuple(order) for order in orders(7, 4000, seed=1)]
    assert len(found) == 4000 < math.factorial(7)
    assert {tuple(sorted(order)) for order in found} == {tuple(range(7))}
    for place, level in itertools.product(range(7), repeat=2):
        count = sum(order[place] == level for order in found[1:])
        assert abs(count - 4000 / 7) < 5 * math.sqrt(4000 / 7 * 6 / 7), (place, level)


def test_the_seed_decides_which_are_drawn():
    first, again, other = ([tuple(order) for order in orders(8, 50, seed)] for seed in (3, 3, 4))
    assert first == again != other
    assert first[0] == other[0] == tuple(range(8))
