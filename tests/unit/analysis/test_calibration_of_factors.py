"""The calibration of statistics over factors in small: thresholds that a broken definition fails.

The whole is ``tests/benchmarks/calibration.py --factors``.
"""

import pytest
import simulated_factors as simulated
from simulated_studies import at_most

ALIKE = ("the same law", "each with a pace of its own")


@pytest.mark.parametrize("name", ALIKE)
def test_memorization_is_not_found_to_change_layers_where_wrong_labels_change_nothing(name):
    found, always = simulated.pairs_found(simulated.PAIRS[name], studies=25, seeds=6, seed=2)
    assert found <= at_most(25)
    assert always <= at_most(25)


def test_memorization_that_makes_layers_faster_is_found():
    found, always = simulated.pairs_found(simulated.PAIRS["2 × as fast"], studies=12, seeds=8, seed=2)
    assert found >= 0.9
    assert always >= 0.5


def test_being_later_on_the_same_path_is_an_effect_but_not_at_every_shift():
    found, always = simulated.pairs_found(simulated.PAIRS["the same pace, later"], studies=12, seeds=6, seed=2)
    assert found >= 0.9
    assert always <= 0.2


@pytest.mark.parametrize("name", [name for name, law in simulated.WAVES.items() if not law.extra])
def test_a_wave_of_the_depth_trend_is_not_taken_for_a_dip(name):
    assert simulated.waves_found(simulated.WAVES[name], studies=20, seeds=6, seed=2) <= 0.2


def test_deeper_layers_that_change_more_in_a_dip_are_found():
    assert simulated.waves_found(simulated.WAVES["no wave, 0.5 in the dip"], studies=12, seeds=6, seed=2) >= 0.8
    assert simulated.waves_found(simulated.WAVES["a wave, μ = 0.4, 1 in the dip"], studies=12, seeds=6, seed=2) >= 0.8


@pytest.mark.parametrize("levels", [5, 6])
def test_effects_of_levels_are_a_trend_by_sign_flips_but_not_by_permuted_levels(levels):
    law = simulated.NUMERIC["effects of levels, 2"]
    found, flips = simulated.trends_found(law, levels, studies=60, seeds=6, seed=2)
    assert found <= at_most(60)
    assert flips > 0.3


def test_slopes_of_seeds_that_are_0_on_average_are_no_trend_and_a_trend_is_found():
    law = simulated.NUMERIC["slopes of seeds, 1"]
    assert simulated.trends_found(law, 5, studies=60, seeds=6, seed=2)[0] <= at_most(60)
    rising = simulated.NUMERIC["a trend of 4"]
    assert simulated.trends_found(rising, 5, studies=20, seeds=6, seed=2)[0] >= 0.8
    assert simulated.trends_found(rising, 4, studies=20, seeds=6, seed=2)[0] == 0
    assert simulated.trends_found(rising, 4, studies=20, seeds=6, seed=2, rising=True)[0] >= 0.5
