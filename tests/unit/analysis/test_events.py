import numpy as np
import pytest

from repdyn.analysis import events
from repdyn.config.sections import Phases

EPOCHS = np.arange(10.0)
SETTINGS = Phases()


def test_perfect_fit_is_first_where_it_is_reached_and_sustained_where_it_stays():
    accuracy = np.array([0.1, 0.5, 1.0, 0.9, 1.0, 0.996, 1.0, 1.0, 0.9951, 1.0])
    assert events.perfect_fit_first(EPOCHS, accuracy) == 2
    assert events.perfect_fit_sustained(EPOCHS, accuracy, 0.995) == 4


def test_what_does_not_take_place_is_none():
    accuracy = np.linspace(0, 0.9, 10)
    history = {
        "epoch": EPOCHS,
        "train_accuracy": accuracy,
        "mislabelled_accuracy": EPOCHS * np.nan,
        "test_accuracy": accuracy,
    }
    found = events.events(history, SETTINGS)
    assert found.pop("test_dip_depth") == pytest.approx(0)
    assert found.pop("test_accuracy_best") == pytest.approx(0.9)
    assert set(found.values()) == {None}


def test_a_spike_at_the_end_leaves_perfect_fit_unsustained():
    assert events.perfect_fit_sustained(EPOCHS, np.array([1.0] * 9 + [0.9]), 0.995) is None


def test_memorization_begins_and_ends_where_its_thresholds_are_reached():
    wrong = np.array([0.1, 0.1, 0.2, 0.3, 0.2, 0.6, 0.95, 0.9, 1.0, 1.0])
    assert events.reaches(EPOCHS, wrong, SETTINGS.onset) == 3
    assert events.reaches(EPOCHS, wrong, SETTINGS.end) == 6


def test_a_dip_between_two_heights_is_found_with_its_depth():
    epochs = np.arange(60.0)
    accuracy = np.interp(epochs, [0, 10, 30, 50, 59], [0.1, 0.89, 0.75, 0.84, 0.84])
    epoch, recovered, depth = events.dip(epochs, accuracy)
    assert epoch == pytest.approx(30, abs=1)
    assert recovered == pytest.approx(48, abs=1)  # nine tenths of the way from 30 to 50
    assert depth == pytest.approx(0.09, abs=0.01)


@pytest.mark.parametrize("shape", [[0.1, 0.9, 0.9], [0.1, 0.9, 0.7], [0.5, 0.5, 0.51]])
def test_rising_or_falling_for_good_is_no_dip(shape):
    epochs = np.arange(60.0)
    assert events.dip(epochs, np.interp(epochs, [0, 30, 59], shape))[:2] == (None, None)


def test_a_single_low_evaluation_is_no_dip():
    accuracy = np.full(40, 0.8)
    accuracy[20] = 0.5
    assert events.dip(np.arange(40.0), accuracy)[0] is None


def test_wrong_labels_that_chance_gives_right_are_not_memorized():
    epochs = np.arange(8.0)
    two_classes = np.array([0.5, 0.45, 0.2, 0.1, 0.1, 0.3, 0.8, 1.0])
    assert events.reaches(epochs, two_classes, 0.25) == 5
    assert events.reaches(epochs, np.full(8, 0.5), 0.25) is None
    assert events.reaches(epochs, np.full(8, np.nan), 0.25) is None
