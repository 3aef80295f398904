"""Rates of change between evaluated epochs."""

import numpy as np
import pandas as pd
import pytest
from in_figures import marks, panel, words
from sample_tables import EVENTS, between_epochs

from repdyn.figures import by_epoch, epoch_axis, style


def test_change_by_epoch_is_the_logarithm_of_the_rate_and_what_was_not_measured_has_none():
    change = pd.DataFrame(
        [(1.0, 10.0, "a", 0, 0.5, 0.9), (10.0, 100.0, "a", 0, None, 1.0), (1000.0, 10_000.0, "a", 0, 0.0, 0.99)],
        columns=["epoch_a", "epoch_b", "layer", "depth", "weights", "cka"],
    )
    epochs = np.array([1.0, 10.0, 100.0, 1000.0, 10_000.0])
    found = by_epoch.rates(change, epochs, change["weights"])
    np.testing.assert_allclose(found.loc["a"], [np.log10(0.5), np.nan, np.nan, -7])  # what stands still has the least
    found = by_epoch.rates(change, epochs, 1 - change["cka"])
    np.testing.assert_allclose(found.loc["a"], [-1, -7, np.nan, -2])


def test_without_measured_change_its_figure_says_why():
    empty = pd.DataFrame(columns=["epoch_a", "epoch_b", "layer", "depth", "weights", "cka"])
    said = " ".join(text.get_text() for text in by_epoch.through_training(empty, "Change").texts)
    assert "No change between evaluated epochs was measured: `change.examples` is 0" in said


def test_layers_stand_by_depth_and_a_rate_is_of_its_own_row_whatever_their_order():
    table = between_epochs(["a", "b", "c"])
    epochs = np.unique(table[["epoch_a", "epoch_b"]])
    ordered, shuffled = (
        by_epoch.rates(frame, epochs, 1 - frame["cka"]) for frame in (table, table.sample(frac=1, random_state=0))
    )
    pd.testing.assert_frame_equal(ordered, shuffled)
    assert list(ordered.index) == ["a", "b", "c"] and ordered.shape[1] == len(epochs) - 1
    by_hand = table[(table["layer"] == "b") & (table["epoch_a"] == 4)]["cka"].iloc[0]
    assert ordered.loc["b"].iloc[4] == pytest.approx(np.log10((1 - by_hand) / np.log10(5 / 4)))


@pytest.mark.parametrize("epochs", [[0.0, 1.0], [5.0, 5.0]])
def test_one_trained_epoch_has_no_rate_and_a_sentence_says_so(epochs):
    table = between_epochs(["a"]).iloc[:1].assign(epoch_a=epochs[0], epoch_b=epochs[1])
    said = words(by_epoch.through_training(table, "Change"))
    assert by_epoch.TOO_FEW in said and by_epoch.NONE not in said


def test_weights_and_activations_have_panels_and_colours_of_their_own_that_end_at_half_decades():
    table = between_epochs([f"layer{i}" for i in range(6)])
    figure = by_epoch.through_training(table, "Change")
    for title, moved in (("weights: distance moved", table["weights"]), ("activations: 1 − CKA", 1 - table["cka"])):
        image = panel(figure, title).images[0]
        rates = by_epoch.rates(table, np.unique(table[["epoch_a", "epoch_b"]]), moved).to_numpy()
        low, high = np.nanpercentile(rates, [1, 99])
        assert image.norm.vmin <= low < image.norm.vmin + 0.5 and image.norm.vmax - 0.5 < high <= image.norm.vmax
        assert (2 * image.norm.vmin, 2 * image.norm.vmax) == (round(2 * image.norm.vmin), round(2 * image.norm.vmax))
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == [
        "log10 of change\nper tenfold of epochs"
    ]


def test_a_layer_without_weights_is_undefined_and_so_are_weights_that_were_never_measured():
    table = between_epochs(["a", "b"])
    of_weights = panel(by_epoch.through_training(table), "weights: distance moved").images[0].get_array()
    assert of_weights.mask[1].all() and not of_weights.mask[0].any()
    figure = by_epoch.through_training(table.assign(weights=np.nan))
    assert panel(figure, "weights: distance moved").images[0].get_array().mask.all()
    assert not panel(figure, "activations: 1 − CKA").images[0].get_array().mask.any()


def test_colours_of_layers_that_all_change_alike_still_have_a_range():
    table = between_epochs(["a", "b"]).assign(cka=1.0)
    norm = panel(by_epoch.through_training(table), "activations: 1 − CKA").images[0].norm
    assert norm.vmax - norm.vmin >= 0.5


def test_events_stand_where_they_took_place_among_evaluated_epochs():
    table = between_epochs(["a"])
    axes = panel(by_epoch.through_training(table, events=EVENTS), "activations: 1 − CKA")
    epochs = np.unique(table[["epoch_a", "epoch_b"]])
    at = {name: epoch_axis.CheckpointAxis(epochs).position(epoch) for name, epoch in style.few(EVENTS).items()}
    assert {name: line.get_xdata()[0] for name, line in marks(axes).items()} == pytest.approx(at)
