import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repdyn.training import log_schedule


def first(n, times):
    return list(itertools.islice(times, n))


@given(per_decade=st.integers(1, 50), start=st.floats(1e-3, 1e3))
def test_a_grid_has_so_many_points_a_decade_and_begins_with_the_first_that_is_wanted(per_decade, start):
    grid = first(per_decade + 1, log_schedule.spaced(per_decade, start))
    assert grid[per_decade] / grid[0] == pytest.approx(10)
    assert grid[0] >= start * (1 - 1e-9)
    assert grid[0] / 10 ** (1 / per_decade) < start
    # Anchored at epoch 1: an integer number of points lies between any of the grid and that.
    assert math.log10(grid[0]) * per_decade == pytest.approx(round(math.log10(grid[0]) * per_decade), abs=1e-6)


@pytest.mark.parametrize("per_decade", [1, 3, 7, 10, 40])
def test_a_grid_that_begins_at_one_of_its_points_has_it_whatever_was_rounded(per_decade):
    for k in range(-3 * per_decade, 3 * per_decade):
        assert next(log_schedule.spaced(per_decade, 10 ** (k / per_decade))) == 10 ** (k / per_decade)


def test_powers_of_ten_are_exact():
    assert first(31, log_schedule.spaced(10, 1.0))[::10] == [1, 10, 100, 1000]
    assert first(3, log_schedule.spaced(1, 0.1)) == [0.1, 1, 10]


def test_steps_are_the_nearest_and_never_the_initial_one():
    times = [0.01, 0.26, 0.24, 1.0, 1.6, 2.0]
    assert list(log_schedule.steps(times, 4)) == [1, 1, 1, 4, 6, 8]
    assert list(log_schedule.steps([1.0, 2.0], 2.5)) == [2, 5]
    assert list(log_schedule.steps([], 4)) == []


@pytest.mark.parametrize(
    ("times", "epochs", "per_epoch", "found"),
    [
        ([], 5, 4, [0]),
        ([0.01, 0.02, 0.3], 1, 4, [0, 1]),
        ([1, 2, 3], 2, 4, [0, 4, 8]),
        ([1, 2, 3], 0, 4, [0]),
        ([1.0, 2.1], 2, 4, [0, 4, 8]),  # which is rounded to the last step
        ([1.0, 2.2], 2, 4, [0, 4]),
        ([0.5, 1.0, 1.5], 1.5, 2, [0, 1, 2, 3]),
    ],
)
def test_initialisation_and_all_steps_to_the_end_are_there_once(times, epochs, per_epoch, found):
    assert log_schedule.up_to(times, epochs, per_epoch) == found


def test_a_grid_without_end_ends_with_training():
    assert log_schedule.up_to(log_schedule.spaced(3, 1.0), 12, 1) == [0, 1, 2, 5, 10]
    assert log_schedule.up_to(itertools.count(1), 3, 2) == [0, 2, 4, 6]
