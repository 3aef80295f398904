import numpy as np
import pytest
from simulated_kernels import kernel, line

from repdyn.analysis import transition

SPACING = 1 / 12
AT = np.arange(-0.3, 2.2, SPACING)
LEVELS = ["a", "b", "c", "d"]
FITS = np.array([10.0, 16.0, 25.0, 40.0])


def falling(epoch, by=1.8, within=0.05):
    """A log rate of change that falls at an epoch."""
    return -by / (1 + np.exp(-(AT - np.log10(epoch)) / within))


@pytest.mark.parametrize("epoch", [8.0, 11.0, 20.0, 37.0])
def test_change_stops_where_its_rate_falls_by_as_many_decades(epoch):
    found = transition.stop(falling(epoch, within=0.01), AT)
    assert np.log10(found.epoch) == pytest.approx(np.log10(epoch), abs=0.04)
    assert found.size == pytest.approx(1.8, abs=0.25)


def test_the_fall_is_the_smaller_of_two_means_before_less_the_mean_after():
    random = np.random.default_rng(0)
    speed = random.normal(size=len(AT))
    x, fall = transition.falls(speed, AT)
    fine = np.linspace(0, 1, 30001)

    def mean(start, end):
        return np.interp(start + (end - start) * fine, AT, speed).mean()

    assert x[0] == pytest.approx(AT[0] + 0.6)
    assert AT[-1] - 0.3 - SPACING < x[-1] <= AT[-1] - 0.3 + 1e-9
    written_out = [min(mean(m - 0.3, m), mean(m - 0.6, m - 0.3)) - mean(m, m + 0.3) for m in x]
    np.testing.assert_allclose(fall, written_out, atol=0.02)


def test_a_burst_is_no_stop():
    burst = 1.8 * np.exp(-np.square((AT - 1) / 0.08))
    assert transition.stop(burst, AT).epoch is None
    assert transition.stop(burst, AT).size < 0.7


def test_a_fall_at_the_edge_or_a_small_one_is_no_moment_but_has_a_size():
    late = transition.stop(falling(10**1.95), AT)
    assert late.epoch is None
    assert late.size > 0.7
    small = transition.stop(falling(20, by=0.6, within=0.01), AT)
    assert small.epoch is None
    assert small.size == pytest.approx(0.6, abs=0.1)


def test_a_run_shorter_than_three_windows_has_neither():
    assert transition.stop(np.zeros(9), AT[:9]) == transition.Stop(None, None)
    assert transition.stop(np.zeros(1), AT[:1]) == transition.Stop(None, None)


def test_the_rate_of_change_is_the_squared_distance_for_a_decade():
    S = kernel(np.stack([np.ones(30), 0.01 * np.arange(30)], 1))
    expected = np.log10((2 - 2 * np.diagonal(S, 1)) / SPACING)
    np.testing.assert_allclose(transition.log_speed(S, SPACING), expected)


def test_no_change_at_all_is_half_of_the_smallest_change():
    S = kernel(np.stack([np.ones(6), np.array([0, 1, 1, 1, 3, 3.0])], 1))
    rates = transition.log_speed(S, SPACING)
    assert rates[1] == rates[2] == pytest.approx(min(rates[0], rates[3]) - np.log10(2))
    assert np.isfinite(transition.log_speed(np.ones((6, 6)), SPACING)).all()
    assert np.isfinite(transition.log_speed(line(), SPACING)).all()


def study(moment, seeds=6, noise=0.03, fits=FITS):
    """Runs of seeds × levels, and their moments as a function of their fits."""
    random = np.random.default_rng(0)
    of_runs = fits * 10 ** random.normal(0, 0.03, (seeds, len(fits)))
    moments = moment(of_runs) * 10 ** random.normal(0, noise, of_runs.shape)
    seed, level = np.indices(of_runs.shape)
    return seed.ravel(), of_runs.ravel(), moments.ravel(), [LEVELS[i] for i in level.ravel()]


def test_moments_at_the_fit_follow_it():
    found = transition.test(*study(lambda fits: fits))
    assert found.slope == pytest.approx(1, abs=0.1)
    assert found.log_ratio == pytest.approx(0, abs=0.03)
    assert found.p_value == 2**-6
    assert found.p_levels == 1 / 24
    assert (found.usable, found.dropped, found.reason) == (24, {}, None)


@pytest.mark.parametrize("by", [1 / 3, 1 / 2, 2.0])
def test_moments_at_a_multiple_of_the_fit_have_its_slope_but_not_its_place(by):
    found = transition.test(*study(lambda fits: by * fits))
    assert found.slope == pytest.approx(1, abs=0.1)
    assert found.log_ratio == pytest.approx(np.log10(by), abs=0.03)
    assert found.p_value > 0.9


def test_moments_at_a_fixed_epoch_have_no_slope():
    found = transition.test(*study(lambda fits: 0 * fits + 20))
    assert found.slope == pytest.approx(0, abs=0.1)
    assert found.p_value > 0.9


def test_more_levels_than_can_be_permuted_are_permuted_at_random():
    _, fits, moments, _ = study(lambda fits: fits)
    f, y = np.log10(fits).reshape(6, 4), np.log10(moments).reshape(6, 4)
    assert transition.permuted(f, y, 24, 0) == transition.permuted(f, y, 1000, 0) == 1 / 24
    assert transition.permuted(f, y, 23, 0) == pytest.approx(1 / 24, abs=0.1)
    wide = np.tile(np.linspace(0, 1, 12), (6, 1))  # of 12 levels there are half a billion permutations
    assert transition.permuted(wide, wide, 200, 0) == 1 / 200


def test_runs_that_drop_out_are_named_and_do_not_count():
    seeds, fits, moments, levels = study(lambda fits: fits)
    fits[3], moments[5] = np.nan, np.nan
    found = transition.test(seeds, fits, moments, levels)
    assert found.dropped == {3: "no perfect fit", 5: "no moment at which change stops"}
    assert found.usable == 22
    assert found.slope == pytest.approx(1, abs=0.1)
    assert 0 < found.p_levels <= 2 / 24


def test_a_level_without_moments_makes_no_permutation_significant():
    """With two levels left a permutation may leave no slope at all; it counts against the claim."""
    _, fits, moments, _ = study(lambda fits: fits)
    f, y = np.log10(fits).reshape(6, 4), np.log10(moments).reshape(6, 4)
    y[:, 2:] = np.nan
    f[:, :2] += 0.0
    assert transition.permuted(f, y, 1000, 0) > 1 / 24
    y[:, 1] = np.nan
    assert transition.permuted(f, y, 1000, 0) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seeds": 4}, "not identifiable: 4 seeds have two runs with a perfect fit and a stop of change, 5 are needed"),
        ({"fits": np.array([10.0, 11.0, 12.0, 13.0])}, "decades of epochs, 0.3 are needed"),
        ({"fits": np.array([10.0])}, "not identifiable: 0 seeds"),
    ],
)
def test_where_fits_do_not_differ_or_seeds_are_few_nothing_is_said_but_why(change, reason):
    found = transition.test(*study(lambda fits: fits, **change))
    assert reason in found.reason
    assert (found.slope, found.log_ratio, found.p_value, found.p_levels) == (None,) * 4


def test_with_less_than_two_thirds_of_the_runs_nothing_is_said():
    seeds, fits, moments, levels = study(lambda fits: fits)
    moments[np.arange(24) % 4 >= 2] = np.nan
    found = transition.test(seeds, fits, moments, levels)
    assert (
        found.reason == "not identifiable: 12 of 24 runs have a perfect fit and a stop of change, two thirds are needed"
    )
    assert len(found.dropped) == 12
