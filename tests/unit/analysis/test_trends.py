"""Trends against scipy's regression, enumeration of orders, and hand-made scores."""

import itertools
from math import factorial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from repdyn.analysis import sign_flips, trends

WIDTHS = [4, 8, 16, 32, 64]


def frame(values, levels=WIDTHS):
    """Rows of (seeds, levels) values."""
    seed, level = np.indices(values.shape)
    return pd.DataFrame({"seed": seed.ravel(), "level": np.array(levels)[level.ravel()], "value": values.ravel()})


def scores(slope=1.0, seeds=6, levels=WIDTHS):
    random = np.random.default_rng(0)
    return slope * np.log10(levels) + random.normal(0, 0.1, (seeds, len(levels))) + random.normal(0, 5, (seeds, 1))


def found(values, levels=WIDTHS, **kwargs):
    return trends.trend(frame(values, levels), 0.95, 1000, 0, **kwargs)


def test_the_estimate_is_the_mean_of_the_seeds_slopes_for_a_decade():
    values = scores()
    expected = [stats.linregress(np.log10(WIDTHS), row).slope for row in values]
    of = found(values)
    np.testing.assert_allclose(list(of.of_seeds.values()), expected)
    assert of.estimate == pytest.approx(np.mean(expected))
    assert of.estimate == pytest.approx(1, abs=0.1)
    assert (of.ci_low, of.ci_high) == pytest.approx(sign_flips.interval(np.array(expected), 0.95, 1000, 0))
    assert of.p_flips == 2 / 2**6
    assert of.p_levels == 2 / factorial(5)
    assert of.p_value == max(of.p_flips, of.p_levels)
    assert of.reason is None


@pytest.mark.parametrize("rising", [False, True])
def test_the_levels_p_is_the_share_of_orders_with_a_slope_as_large(rising):
    values = np.random.default_rng(3).normal(size=(4, 5)) + 0.4 * np.arange(5)
    means = [
        np.mean([stats.linregress(np.log10(WIDTHS), row[list(order)]).slope for row in values])
        for order in itertools.permutations(range(5))
    ]
    size = np.array(means) if rising else np.abs(means)
    assert found(values, rising=rising).p_levels == pytest.approx(np.mean(size >= size[0] - 1e-12))
    assert found(-values, rising=rising).p_levels == pytest.approx(
        np.mean((-np.array(means) if rising else np.abs(means)) >= (-means[0] if rising else size[0]) - 1e-12)
    )


def test_a_declared_direction_halves_the_least_p_and_does_not_find_the_other_one():
    up = found(scores(), rising=True)
    assert (up.p_flips, up.p_levels) == (1 / 2**6, 1 / factorial(5))
    down = found(-scores(), rising=True)
    assert down.p_value == 1


def test_what_is_random_among_many_orders_counts_the_observed_one():
    levels = 2.0 ** np.arange(12)  # which have half a billion orders
    assert found(scores(levels=levels), levels).p_levels == 1 / 1000


def test_a_level_without_a_logarithm_is_left_out_and_named():
    levels = [0.0, 0.05, 0.1, 0.2, 0.4, 0.8]
    values = np.concatenate([np.full((6, 1), 100.0), scores()], axis=1)
    of = found(values, levels)
    assert of.left_out == (0.0,)
    assert of.levels == (0.05, 0.1, 0.2, 0.4, 0.8)
    assert of.estimate == pytest.approx(found(values[:, 1:], levels[1:]).estimate)


def test_missing_runs_leave_a_seed_its_other_levels_and_fewer_than_three_leave_it_out():
    values = scores()
    values[1, 4] = np.nan
    values[2, :3] = np.nan
    of = found(values)
    assert list(of.of_seeds) == [0, 1, 3, 4, 5]
    assert of.of_seeds[1] == pytest.approx(stats.linregress(np.log10(WIDTHS[:4]), values[1, :4]).slope)
    assert 2 / factorial(5) <= of.p_levels < 0.1


def test_two_runs_of_a_seed_at_a_level_are_averaged():
    values = scores()
    twice = pd.concat([frame(values - 1), frame(values + 1)])
    assert trends.trend(twice, 0.95, 1000, 0).estimate == pytest.approx(found(values).estimate)


def test_equal_scores_have_a_slope_of_0_and_p_1():
    of = found(np.ones((6, 5)))
    assert of.estimate == pytest.approx(0, abs=1e-12)
    assert of.p_levels == 1


@pytest.mark.parametrize(
    ("values", "levels", "reason"),
    [
        (scores(levels=[4, 8]), [4, 8], "not testable: 2 levels above 0, 3 are needed"),
        (scores(levels=[1, 2, 4]), [0, 2, 4], "not testable: 2 levels above 0, 3 are needed"),
        (np.where(np.eye(4, 5) + np.eye(4, 5, 1), 1.0, np.nan), WIDTHS, "not testable: no seed has 3 levels above 0"),
        (np.full((6, 5), np.nan), WIDTHS, "not testable: 0 levels above 0, 3 are needed"),
    ],
)
def test_without_three_levels_nothing_is_tested_and_the_reason_is_said(values, levels, reason):
    of = found(values, levels)
    assert of.reason == reason
    assert (of.estimate, of.p_value, of.ci_low, of.of_seeds) == (None, None, None, {})


@pytest.mark.parametrize(
    ("seeds", "levels", "rising", "reason"),
    [
        (6, 3, False, "too few levels: with 3 of them p is at least 0.33"),
        (6, 4, False, "too few levels: with 4 of them p is at least 0.083"),
        (6, 4, True, None),
        (6, 5, False, None),
        (5, 5, False, "too few seeds: with 5 of them p is at least 0.062"),
        (5, 5, True, None),
        (1, 5, False, "too few seeds: with 1 of them p is at least 1"),
    ],
)
def test_where_p_cannot_be_small_it_is_said_by_how_much(seeds, levels, rising, reason):
    of = found(scores(10, seeds, WIDTHS[:levels]), WIDTHS[:levels], rising=rising)
    assert of.reason == reason
    assert of.estimate is not None
    assert (of.p_value is None) == (seeds == 1)
    assert of.p_value is None or (of.p_value <= 0.05) == (reason is None)


def test_the_peak_is_where_each_seeds_score_is_largest():
    values = np.array([[0, 1, 3, 2, 0], [0, 4, 3, 2, 0], [0, 1, 3, 2, 9], [0, 5, 5, 1, np.nan]], dtype=float)
    of = trends.peak(frame(values))
    assert of.of_seeds == {0: 16, 1: 8, 2: 64, 3: 8}
    assert (of.median, of.least, of.greatest, of.at_edge) == (8, 8, 64, 1)


def test_a_level_of_0_may_be_a_peak_and_without_three_levels_there_is_none():
    values = np.array([[9.0, 1, 2]])
    assert trends.peak(frame(values, [0, 1, 2])).of_seeds == {0: 0}
    assert trends.peak(frame(values[:, :2], [0, 1])) is None
    assert trends.peak(frame(np.full((2, 3), np.nan), [0, 1, 2])) is None
