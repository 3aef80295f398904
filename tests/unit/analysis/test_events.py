import logging

import numpy as np
import pytest

from repdyn.analysis import events
from repdyn.config.sections import Phases

EPOCHS = np.arange(10.0)
SETTINGS = Phases()


def test_perfect_fit_is_first_where_it_is_reached_and_sustained_where_it_stays():
    accuracy = np.array([0.1, 0.5, 1.0, 0.9, 0.9, 1.0, 1.0, 0.996, 0.9951, 1.0])
    assert events.perfect_fit_first(EPOCHS, accuracy) == 2
    assert events.perfect_fit_sustained(EPOCHS, accuracy, 0.995) == 5
    assert events.perfect_fit_strict(EPOCHS, accuracy, 0.995) == 5


def test_a_fit_lasts_while_a_tenth_of_what_follows_is_bad_and_no_longer():
    accuracy = np.array([0.5] + [1.0] * 20)
    accuracy[[8, 9]] = 0.84
    epochs = np.arange(21.0)
    assert events.perfect_fit_sustained(epochs, accuracy, 0.995) == 1  # 18 of 20
    assert events.perfect_fit_strict(epochs, accuracy, 0.995) == 10
    accuracy[10] = 0.84
    assert events.perfect_fit_sustained(epochs, accuracy, 0.995) == 11


def test_one_evaluation_at_1_is_no_lasting_fit():
    accuracy = np.array([0.5] * 4 + [1.0] + [0.98] * 2 + [1.0] * 30)
    assert events.perfect_fit_sustained(np.arange(37.0), accuracy, 0.995) == 7
    assert events.perfect_fit_sustained(np.arange(5.0), accuracy[:5], 0.995) is None


def test_initialisation_is_no_part_of_a_rise_however_fast_it_is():
    assert events.perfect_fit_sustained(np.arange(12.0), np.array([0.1] + [1.0] * 11), 0.995) == 1
    rise = events.running_median(np.array([0.1, 0.5, 0.96, 1.0, 1.0]), 3)
    assert events.reaches(np.arange(5.0), rise, SETTINGS.onset) == 1
    assert events.reaches(np.arange(5.0), rise, SETTINGS.end) == 2


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("width", [3, 5])
def test_a_running_median_of_any_length_is_of_whole_windows_and_keeps_initialisation(n, width):
    values = np.random.default_rng(n).random(n)
    found = events.running_median(values, width)
    half = width // 2
    assert len(found) == n
    assert found[0] == values[0] or n <= half + 1
    for i in range(half, n - half):
        assert found[i] == np.median(values[i - half : i + half + 1])
    assert len(set(found[-half - 1 :])) == 1 or n <= half


# ---- one bad evaluation -------------------------------------------------------------------------------------------

# The event that one evaluation does not move far -> what single evaluations say of it.
STEADY = {
    "perfect_fit_sustained": "perfect_fit_strict",
    "memorization_onset": "memorization_onset_first",
    "memorization_end": "memorization_end_first",
    "second_descent_end": "second_descent_end_edge",
}


def made_up(n: int = 60) -> dict[str, np.ndarray]:
    """A run that fits wrong labels from 12 to 33 and dips from 15 to 24, with ten evaluations or more after each."""
    i = np.arange(float(n))
    return {
        "epoch": np.concatenate([[0.0], np.geomspace(0.25, 100, n - 1)]),
        "train_accuracy": np.minimum(1, np.interp(i, [0, 10, 35], [0.1, 0.8, 1])),
        "mislabelled_accuracy": np.interp(i, [0, 8, 12, 34], [0.1, 0.05, 0.2, 1]),
        "test_accuracy": np.interp(i, [0, 14, 24, 44, 59], [0.1, 0.9, 0.7, 0.85, 0.85]),
    }


@pytest.mark.parametrize(("steady", "moved"), STEADY.items())
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_bad_evaluation_moves_no_event_by_more_than_one_evaluation(steady, moved, value):
    calm = made_up()
    place = {epoch: i for i, epoch in enumerate(calm["epoch"].tolist())}
    before = events.events(calm, SETTINGS)
    assert abs(place[before[steady]] - place[before[moved]]) <= 1
    farthest = 0
    for i in range(1, len(calm["epoch"])):
        spiked = {name: column.copy() for name, column in calm.items()}
        for name in spiked.keys() - {"epoch"}:
            spiked[name][i] = value
        found = events.events(spiked, SETTINGS)
        # The dip is a minimum, which a median of five can move by two.
        for name, most in ((steady, 1), ("test_dip", 2)):
            assert found[name] is not None, i
            assert abs(place[found[name]] - place[before[name]]) <= most, (name, i)
        assert found["trained_beyond_fit"] == pytest.approx(100 / found["perfect_fit_sustained"])
        farthest = max(
            farthest, len(place) if found[moved] is None else abs(place[found[moved]] - place[before[moved]])
        )
    # As single evaluations say it, the same history has an event that a spike in one direction moves anywhere.
    direction = {"perfect_fit_strict": 0.0}.get(moved, 1.0)
    assert (farthest > 1) == (value == direction)


@pytest.mark.parametrize(
    ("last", "level", "sentence"),
    [
        (150, "WARNING", "fitted at epoch 83, trained to 150, 1.8 times its fit; 249 epochs would be 3 times: raise"),
        (249, "INFO", "fitted at epoch 83, trained to 249, 3.0 times its fit"),
        (82, "WARNING", "never fitted perfectly for good, with training accuracy 0.99 at best"),
    ],
)
def test_a_log_says_whether_training_went_on_long_enough_after_the_fit(last, level, sentence):
    epochs = [float(epoch) for epoch in range(last + 1)]
    accuracy = [0.99 if epoch < 83 else 1.0 for epoch in epochs]
    found, said = events.enough_after_fit(epochs, accuracy, SETTINGS)
    assert logging.getLevelName(found) == level
    assert said.startswith(sentence)


# ---- what does not take place, and dips ---------------------------------------------------------------------------


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
    assert found.pop("test_accuracy_best") == found.pop("test_accuracy_end") == pytest.approx(0.9)
    assert set(found.values()) == {None}


def test_two_bad_evaluations_of_ten_at_the_end_leave_perfect_fit_unsustained_and_one_does_not():
    assert events.perfect_fit_sustained(EPOCHS, np.array([1.0] * 9 + [0.9]), 0.995) == 0
    assert events.perfect_fit_sustained(EPOCHS, np.array([1.0] * 8 + [0.9] * 2), 0.995) is None
    assert events.perfect_fit_strict(EPOCHS, np.array([1.0] * 9 + [0.9]), 0.995) is None


def test_memorization_begins_and_ends_where_its_thresholds_are_reached():
    wrong = np.array([0.1, 0.1, 0.2, 0.3, 0.2, 0.6, 0.95, 0.9, 1.0, 1.0])
    assert events.reaches(EPOCHS, wrong, SETTINGS.onset) == 3
    assert events.reaches(EPOCHS, wrong, SETTINGS.end) == 6


def test_a_dip_between_two_heights_is_found_with_its_depth():
    epochs = np.arange(60.0)
    accuracy = np.interp(epochs, [0, 10, 30, 50, 59], [0.1, 0.89, 0.75, 0.84, 0.84])
    epoch, recovered, depth = events.dip(epochs, events.running_median(accuracy, 5))
    assert epoch == pytest.approx(30, abs=1)
    assert recovered == pytest.approx(48, abs=1)  # nine tenths of the way from 30 to 50
    assert depth == pytest.approx(0.09, abs=0.01)


@pytest.mark.parametrize("shape", [[0.1, 0.9, 0.9], [0.1, 0.9, 0.7], [0.5, 0.5, 0.51]])
def test_rising_or_falling_for_good_is_no_dip(shape):
    epochs = np.arange(60.0)
    assert events.dip(epochs, events.running_median(np.interp(epochs, [0, 30, 59], shape), 5))[:2] == (None, None)


def test_a_single_low_evaluation_is_no_dip():
    accuracy = np.full(40, 0.8)
    accuracy[20] = 0.5
    assert events.dip(np.arange(40.0), events.running_median(accuracy, 5))[0] is None


def test_wrong_labels_that_chance_gives_right_are_not_memorized():
    epochs = np.arange(8.0)
    two_classes = np.array([0.5, 0.45, 0.2, 0.1, 0.1, 0.3, 0.8, 1.0])
    assert events.reaches(epochs, two_classes, 0.25) == 5
    assert events.reaches(epochs, np.full(8, 0.5), 0.25) is None
    assert events.reaches(epochs, np.full(8, np.nan), 0.25) is None


# ---- what is not known --------------------------------------------------------------------------------------------

ACCURACIES = ("train_accuracy", "mislabelled_accuracy", "test_accuracy")


def rising(n=40):
    """A history in which everything takes place."""
    epochs = np.arange(float(n))
    test = np.interp(epochs / n, [0, 0.125, 0.25, 0.5, 1], [0.1, 0.8, 0.6, 0.85, 0.85])
    wrong, train = np.interp(epochs, [0, 4, 16, n], [0.1, 0.1, 1, 1]), np.interp(epochs, [0, 16, n], [0.1, 1, 1])
    return {"epoch": epochs, "train_accuracy": train, "mislabelled_accuracy": wrong, "test_accuracy": test}


@pytest.mark.parametrize("unknown", ACCURACIES)
def test_what_an_unknown_accuracy_would_date_is_null_and_all_else_as_it_was(unknown):
    history = rising()
    before = events.events(history, SETTINGS)
    assert all(value is not None for value in before.values())
    found = events.events(history | {unknown: np.full(40, np.nan)}, SETTINGS)
    assert found.keys() == before.keys()
    changed = {name for name, value in found.items() if value != before[name]}
    assert all(found[name] is None for name in changed)
    word = {"train_accuracy": ("fit", "beyond"), "mislabelled_accuracy": ("memor",), "test_accuracy": ("test", "desc")}
    assert changed == {name for name in before if any(part in name for part in word[unknown])}


def test_nothing_is_dated_where_nothing_is_known():
    history = rising() | dict.fromkeys(ACCURACIES, np.full(40, np.nan))
    assert set(events.events(history, SETTINGS).values()) == {None}


def test_accuracies_logged_at_different_moments_are_each_followed_through_their_own():
    whole = rising(80)
    at = {name: np.arange(80) % 2 == i % 2 for i, name in enumerate(ACCURACIES)}
    sparse = {name: np.where(at[name], whole[name], np.nan) for name in ACCURACIES}
    found = events.events(whole | sparse, SETTINGS)
    alone = {
        name: events.events({key: values[at[name]] for key, values in whole.items()}, SETTINGS) for name in ACCURACIES
    }
    for event, name in (
        ("perfect_fit_sustained", "train_accuracy"),
        ("memorization_onset", "mislabelled_accuracy"),
        ("memorization_end", "mislabelled_accuracy"),
        ("test_dip", "test_accuracy"),
        ("second_descent_end", "test_accuracy"),
    ):
        assert found[event] == alone[name][event] is not None, event
