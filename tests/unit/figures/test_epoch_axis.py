"""The axis of epochs."""

import numpy as np
import pytest
from sample_tables import EPOCHS

from repdyn.figures import epoch_axis, sheet


def test_a_checkpoint_s_epoch_lies_on_its_cell_and_others_between():
    axis = epoch_axis.CheckpointAxis(EPOCHS)
    for i, epoch in enumerate(EPOCHS):
        assert axis.position(epoch) == pytest.approx(i)
    assert axis.position(np.sqrt(2 * 4)) == pytest.approx(4.5)


@pytest.mark.parametrize("last", [0.5, 1, 7, 20, 170, 4000])
def test_an_epoch_axis_has_its_ticks_within_what_was_trained(last):
    axis = sheet.panel(sheet.blank(3, 3), 0.5, 0.5, 2, 2)
    epoch_axis.logarithmic(axis, last)
    ticks = axis.get_xticks()
    assert ticks[0] == 0
    assert max(ticks) <= max(last, 1)
    assert all(float(text.get_text()) == tick for text, tick in zip(axis.get_xticklabels(), ticks, strict=True))


@pytest.mark.parametrize(
    ("epoch", "said"),
    [(0, "0"), (0.25, "0.25"), (0.123, "0.12"), (1, "1"), (2.54, "2.5"), (9.96, "10"), (10, "10"), (127.6, "128")],
)
def test_an_epoch_has_two_digits_or_all_before_the_point(epoch, said):
    assert epoch_axis.label(epoch) == said


@pytest.mark.parametrize(
    ("last", "first", "ticks"),
    [
        (1, 1, [0, 1]),
        (999, 1, [0, 1, 10, 100]),
        (1000, 1, [0, 1, 10, 100, 1000]),
        (0.5, 1, [0, 1]),
        (1000, 20, [0, 100, 1000]),
        (90, 20, [0]),
        (100, 100, [0, 100]),
    ],
)
def test_ticks_are_initialisation_and_the_powers_of_ten_that_were_trained(last, first, ticks):
    assert epoch_axis.decades(last, first) == ticks


@pytest.mark.parametrize("epochs", [EPOCHS, [0, 1, 5, 6], [0, 0.5], [0], [3, 40, 400]])
def test_positions_of_epochs_rise_from_the_first_checkpoint_to_the_last_and_stay_there(epochs):
    axis = epoch_axis.CheckpointAxis(epochs)
    found = [axis.position(epoch) for epoch in np.linspace(0, 2 * epochs[-1] + 1, 200)]
    assert (np.diff(found) >= 0).all()
    assert (found[0], found[-1]) == (0, len(epochs) - 1)
    assert [axis.position(epoch) for epoch in epochs] == pytest.approx(range(len(epochs)))


def test_before_the_first_trained_checkpoint_epochs_are_linear_because_0_has_no_logarithm():
    assert epoch_axis.CheckpointAxis([0, 4, 16, 64]).position(1.0) == pytest.approx(0.25)
    assert epoch_axis.CheckpointAxis([0, 4]).position(1.0) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [
        (EPOCHS, [0, 1, 10, 100]),
        ([0, 0.5, 1], [0, 1]),
        ([0, 5, 50, 500], [0, 10, 100]),
        ([0, 20, 40, 80], [0, 80]),
        ([0, 0.25, 0.5], [0, 0.5]),
        ([0], [0]),
    ],
)
def test_a_matrix_has_ticks_at_round_epochs_or_at_the_last_and_words_on_request(epochs, ticks):
    axis = sheet.panel(sheet.blank(5, 5), 0.5, 0.5, 4, 4)
    axis.set(xlim=(-0.5, len(epochs) - 0.5), ylim=(-0.5, len(epochs) - 0.5))
    checkpoints = epoch_axis.CheckpointAxis(epochs)
    checkpoints.tick(axis, "x")
    checkpoints.tick(axis, "y", labelled=False)
    places = [checkpoints.position(epoch) for epoch in ticks]
    assert axis.get_xticks() == pytest.approx(places) and axis.get_yticks() == pytest.approx(places)
    assert [text.get_text() for text in axis.get_xticklabels()] == [f"{epoch:g}" for epoch in ticks]
    assert [text.get_text() for text in axis.get_yticklabels()] == [""] * len(ticks)


def test_a_logarithmic_axis_has_unlabelled_ticks_between_powers_of_ten_and_shows_the_last_epoch():
    axis = sheet.panel(sheet.blank(3, 3), 0.5, 0.5, 2, 2)
    epoch_axis.logarithmic(axis, 35)
    low, high = axis.get_xlim()
    assert low < 0 and high > 35
    assert axis.get_xticks(minor=True).tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 20, 30]
    assert not any(text.get_text() for text in axis.get_xticklabels(minor=True))
    at = axis.transScale.transform([(epoch, 0) for epoch in (1, 10, 100)])[:, 0]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1])
