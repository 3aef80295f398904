from dataclasses import replace

import numpy as np
import pytest
from simulated_studies import EVENT, study

from repdyn.analysis import descent, phases, transition
from repdyn.analysis.descent import Speeds

AT = np.arange(-0.5, 2.01, 0.05)
DEPTHS = np.array([0.2, 0.4, 0.6, 0.8])
MOMENTS = {"dip": 15.0, "recovery": 40.0, "fit": 30.0, "fit_of_twin": 15.0}


def speeds(slope, depths=DEPTHS):
    """Rates that fall with time and grow with depth by ``slope`` of the time."""
    return Speeds(depths, -0.5 * AT + slope(AT) * depths[:, None], AT)


def even(slope):
    return lambda x: np.full_like(x, slope)


def test_the_trend_is_the_slope_on_relative_depth_of_the_mean_log_rate():
    random = np.random.default_rng(0)
    of = Speeds(DEPTHS, random.normal(size=(4, len(AT))), AT)
    start, end = 0.31, 1.17
    fine = np.linspace(start, end, 100_001)
    means = [np.interp(fine, AT, rate).mean() for rate in of.rates]
    assert descent.trend(of, start, end) == pytest.approx(np.polyfit(DEPTHS, means, 1)[0], abs=5e-3)
    assert descent.trend(speeds(even(1.3)), start, end) == pytest.approx(1.3)


def test_a_window_must_lie_within_the_moments_and_have_a_length():
    assert descent.trend(speeds(even(1)), -0.6, 1.0) is None
    assert descent.trend(speeds(even(1)), 0.0, 2.1) is None
    assert descent.trend(speeds(even(1)), 1.0, 1.0) is None


def test_what_the_twin_has_at_every_shift_is_taken_away():
    found = descent.steeper(speeds(even(0.7)), speeds(even(0.4)), **MOMENTS)
    assert found.differences == pytest.approx((0.3,) * 5)
    assert found.reason is None


def test_a_wave_that_goes_with_the_fit_is_in_the_twin_at_the_last_shift_and_one_by_the_epoch_at_the_first():
    def wave(shift):
        return lambda x: np.sin(4 * (x - shift))

    ahead = np.log10(MOMENTS["fit_of_twin"] / MOMENTS["fit"])
    run = speeds(wave(0.0))
    with_fit = descent.steeper(run, speeds(wave(ahead)), **MOMENTS).differences
    assert with_fit[-1] == pytest.approx(0, abs=1e-3)
    assert abs(with_fit[0]) > 0.2
    by_epoch = descent.steeper(run, speeds(wave(0.0)), **MOMENTS).differences
    assert by_epoch[0] == pytest.approx(0, abs=1e-12)
    assert abs(by_epoch[-1]) > 0.2


def test_layers_that_both_have_are_compared():
    more = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    run, twin = speeds(np.sin, more), speeds(even(0.1))
    found = descent.steeper(run, twin, **MOMENTS)
    assert found.differences == pytest.approx(descent.steeper(speeds(np.sin), twin, **MOMENTS).differences)
    few = speeds(even(0.1), DEPTHS[:2])
    assert descent.steeper(run, few, **MOMENTS).reason == "run and twin have 2 layers in common, 3 are needed"


@pytest.mark.parametrize(
    ("moments", "reason"),
    [
        ({"dip": None, "recovery": None}, "no dip of test accuracy"),
        ({"fit": None}, "no sustained perfect fit"),
        ({"fit_of_twin": None}, "no sustained perfect fit without wrong labels"),
        ({"recovery": 15.0}, "dip and recovery do not lie within the checkpoints, or coincide"),
        ({"recovery": 150.0}, "dip and recovery do not lie within the checkpoints, or coincide"),
        (
            {"fit_of_twin": 0.3},
            "the shifted window does not lie within the checkpoints of the run without wrong labels",
        ),
    ],
)
def test_without_moments_nothing_is_said_but_why(moments, reason):
    found = descent.steeper(speeds(even(1)), speeds(even(1)), **(MOMENTS | moments))
    assert (found.differences, found.reason) == (None, reason)


def test_without_rates_nothing_is_said_but_why():
    assert descent.steeper(None, speeds(even(1)), **MOMENTS).reason == "too few checkpoints"
    assert descent.steeper(speeds(even(1)), None, **MOMENTS).reason == "too few checkpoints"
    assert descent.speeds([], 6) is None


def test_the_rates_of_a_run_are_those_of_its_layers_with_most_checkpoints():
    simulated = study(replace(EVENT, noise=0.01), np.random.default_rng(0), 1, layers=4)
    cka = simulated.cka(0)
    cka.loc[(cka["layer"] == "l2") & ((cka["step_a"] == 0) | (cka["step_b"] == 0)), "cka"] = np.nan
    none = cka.iloc[:0].assign(planes="test", similarity=1.0)
    body = list(phases.trajectories(cka, none))
    found = descent.speeds(body, layers=6)
    np.testing.assert_allclose(found.depths, [0, 1 / 5, 3 / 5])
    np.testing.assert_allclose(found.rates[1], transition.log_speed(body[1].even, body[1].spacing))
    assert found.at.shape == found.rates[0].shape
    few = cka[(cka["step_a"] < 300) & (cka["step_b"] < 300)]
    assert descent.speeds(list(phases.trajectories(few, none)), 6) is None
