import numpy as np
import pytest

from repdyn.analysis import sign_flips, twins
from repdyn.config.sections import Data


def test_twins_are_levels_that_differ_in_their_wrong_labels_alone():
    levels = {
        "few": Data(label_noise=0.1),
        "none": Data(),
        "none-again": Data(seed=0),
        "pairs": Data(label_noise=0.2, label_noise_kind="pairs", label_noise_pairs={1: 7}),
        "other-images": Data(label_noise=0.2, seed=1),
        "small": Data(train_size=100),
    }
    settings = {name: data.model_dump() for name, data in levels.items()}
    assert twins.without_wrong_labels(settings) == {"few": "none", "pairs": "none"}
    assert twins.without_wrong_labels({"few": settings["few"]}) == {}


def test_the_twins_window_goes_from_the_same_epochs_to_the_same_distance_from_its_own_fit():
    windows = twins.windows(10.0, 40.0, fit=30.0, fit_of_twin=12.0)
    assert windows[0] == pytest.approx((1.0, np.log10(40)))
    start, end = windows[-1]
    assert start - np.log10(12) == pytest.approx(np.log10(10 / 30))
    assert end - np.log10(12) == pytest.approx(np.log10(40 / 30))
    assert np.diff([start for start, _ in windows]) == pytest.approx(np.full(4, np.log10(12 / 30) / 4))


def test_the_largest_p_and_the_least_mean_decide():
    random = np.random.default_rng(0)
    differences = random.normal(2, 0.5, (7, 5))
    differences[:, 2] -= 2
    found = twins.test(differences, 0.95, 1000, 0)
    assert found.p_value == sign_flips.p_above(differences[:, 2], 1000, 0) > 0.05
    assert found.estimate == pytest.approx(differences[:, 2].mean())
    assert (found.shift, found.n_seeds) == (0.5, 7)
    ends = [sign_flips.interval(d, 0.95, 1000, 0) for d in differences.T]
    assert (found.ci_low, found.ci_high) == (min(low for low, _ in ends), max(high for _, high in ends))


def test_a_difference_at_every_shift_is_found_from_five_seeds_on():
    assert twins.test(np.ones((5, 5)), 0.95, 1000, 0).p_value == 1 / 32
    few = twins.test(np.ones((4, 5)), 0.95, 1000, 0)
    assert few.p_value == 1 / 16
    assert (few.ci_low, few.ci_high) == (None, None)


def test_without_seeds_there_is_nothing():
    assert twins.test(np.empty((0, 5)), 0.95, 1000, 0) == twins.AtEveryShift(None, None, None, None, None, 0)
