"""Synchrony, rates of change and probes, by depth and time."""

import numpy as np
import pandas as pd
import pytest
from in_figures import marks, panel
from sample_tables import EPOCHS, EVENTS, LAYERS, STEPS, accuracy, pairs

from repdyn.analysis import phases
from repdyn.catalogue.measures import MEASURES
from repdyn.errors import RepdynError
from repdyn.figures import dynamics, epoch_axis


def test_synchrony_is_that_of_the_scores():
    cka, regions = pairs(["a", "b", "c"]), pairs(["a", "b", "c", "output"], "similarity", ["test"])
    found = dynamics.synchronies(cka.assign(cka_debiased=cka["cka"]), regions, MEASURES)
    assert list(found) == ["cka", "cka_debiased", "regions:test"]
    body = [t for t in phases.trajectories(cka, regions) if t.measure == "cka" and t.depth > 0]
    rows = phases.together("cka", body, dict.fromkeys("bc", np.array([])), None)
    (of_run,) = [value for *_, name, value in rows if name == "synchrony"]
    assert found["cka"].loc["b", "c"] == pytest.approx(of_run)
    figure = dynamics.synchrony(cka, regions, MEASURES)
    axes = panel(figure, "DRS, test")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b", "c", "output"]
    assert f"{found['regions:test'].loc['a', 'b']:.2f}".lstrip("0") in [text.get_text() for text in axes.texts]


def test_a_layer_that_never_changes_has_no_synchrony():
    still = pairs(["a", "b", "c"])
    still.loc[still["layer"] == "b", "cka"] = 1.0
    found = dynamics.synchronies(still, pairs(["a"], "similarity", ["test"]), MEASURES)["cka"]
    assert np.isnan(found.loc["a", "b"]) and np.isfinite(found.loc["a", "c"])


def test_the_rate_of_change_is_per_tenfold_of_epochs():
    found = dynamics.rates(pairs(["a", "b"]), "cka")
    apart = np.log10(2)  # of all checkpoints but the first, which stands as far before the second
    assert found.loc["a"].to_numpy() == pytest.approx(np.full(len(EPOCHS) - 1, (1 - 1 / 2) / apart))
    assert found.loc["b"].iloc[0] == pytest.approx((1 - 1 / 3) / apart)


def test_the_output_s_rate_does_not_set_the_colours_of_layers():
    cka, regions = pairs(["a", "b"]), pairs(["a", "output"], "similarity", ["test"])
    regions.loc[(regions["layer"] == "output") & (regions["step_a"] != regions["step_b"]), "similarity"] = 0.0
    mesh = panel(dynamics.change(cka, regions, MEASURES), "DRS, test").images[0]
    of_layers = dynamics.rates(regions[regions["layer"] == "a"], "similarity")
    assert mesh.get_array().max() > mesh.norm.vmax >= of_layers.to_numpy().max()


def test_small_changes_of_one_measure_are_not_drowned_by_large_ones_of_another():
    cka, regions = pairs(["a", "b"], speed=0.01), pairs(["a", "b"], "similarity", ["test", "clean"], speed=10.0)
    figure = dynamics.change(cka, regions, MEASURES)
    of_cka = panel(figure, "CKA").images[0]
    assert of_cka.get_array().max() > of_cka.norm.vmax / 2, "seen on the scale of its own"
    limits = {panel(figure, name).images[0].norm.vmax for name in ("DRS, test", "DRS, clean")}
    assert len(limits) == 1 and limits.pop() > of_cka.norm.vmax
    bars = [axes for axes in figure.axes if axes.get_ylabel().startswith("change per tenfold")]
    assert len(bars) == 1, "one label says what both colour bars show"


def test_two_checkpoints_have_no_speed_and_one_sentence_says_so():
    cka = pairs(LAYERS)
    two = cka[(cka["epoch_a"] <= EPOCHS[1]) & (cka["epoch_b"] <= EPOCHS[1])]
    with pytest.raises(RepdynError, match=r"takes three checkpoints or more, and there are 2\."):
        dynamics.change(two, two.iloc[:0].assign(planes="test"), MEASURES)


def test_probes_show_given_labels_true_labels_and_unseen_images():
    table = accuracy(LAYERS[3])
    figure = dynamics.probes(table, events=EVENTS)
    titles = ["training images, given labels", "the same, true labels", "test images, true labels"]
    assert [axes.get_title() for axes in figure.axes[:3]] == titles
    shown = np.asarray(panel(figure, titles[0]).images[0].get_array()).reshape(3, -1)
    of_last = table[(table["layer"] == LAYERS[3][2]) & (table["split"] == "probe")]
    np.testing.assert_allclose(shown[2], of_last["accuracy"])
    onset = marks(panel(figure, titles[0]))["memorization_onset"].get_xdata()[0]
    assert onset == pytest.approx(epoch_axis.CheckpointAxis(EPOCHS).position(5.0))


def test_probes_without_wrong_labels_have_no_panel_for_true_ones():
    table = accuracy(LAYERS[3])
    figure = dynamics.probes(table.assign(true_accuracy=table["accuracy"]))
    assert [axes.get_title() for axes in figure.axes[:2]] == [
        "training images, given labels", "test images, true labels",
    ]  # fmt: skip


def test_layers_of_too_few_checkpoints_have_no_synchrony_and_are_drawn_without():
    few = pairs(["a", "b"])
    few = few[(few["step_a"] < 10) & (few["step_b"] < 10)]
    figure = dynamics.synchrony(few, few.rename(columns={"cka": "similarity"}).assign(planes="test"), MEASURES)
    assert panel(figure, "CKA").images[0].get_array().mask.all()


def test_synchrony_of_a_layer_with_itself_is_1_and_is_symmetric_and_of_the_measures_that_have_phases():
    frame = pairs(["a", "b"]).assign(procrustes=0.5)
    found = dynamics.synchronies(frame, pairs(["a"], "similarity", ["test"]), MEASURES)
    assert list(found) == ["cka", "regions:test"]
    np.testing.assert_allclose(np.diag(found["cka"]), 1)
    np.testing.assert_allclose(found["cka"], found["cka"].T)
    assert found["regions:test"].shape == (1, 1)


def test_rates_stand_by_depth_and_are_undefined_where_similarity_is():
    frame = pairs(["a", "b"])
    frame.loc[(frame["layer"] == "b") & ((frame["step_a"] == STEPS[3]) | (frame["step_b"] == STEPS[3])), "cka"] = None
    found = dynamics.rates(frame.sample(frac=1, random_state=0), "cka")
    assert list(found.index) == ["a", "b"]
    assert np.isfinite(found.loc["a"]).all()
    assert np.flatnonzero(np.isnan(found.loc["b"])).tolist() == [2, 3], "the intervals on either side"


def test_a_column_is_as_wide_as_a_checkpoint_and_stands_between_its_two():
    change = dynamics.change(pairs(["a"]), pairs(["a"], "similarity", ["test"]), MEASURES)
    axes = panel(change, "CKA")
    assert axes.images[0].get_extent()[:2] == [0, len(EPOCHS) - 1] == list(axes.get_xlim())
    axes = dynamics.probes(accuracy(LAYERS[3])).axes[0]
    assert axes.images[0].get_extent()[:2] == [-0.5, len(EPOCHS) - 0.5] == list(axes.get_xlim())
    assert axes.get_ylim() == (2.5, -0.5), "the first layer is uppermost"


def test_a_layer_missing_from_a_panel_stays_white_and_others_keep_their_rows():
    whole = pd.DataFrame([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], ["a", "b", "output"])
    scales = [dynamics.Scale({"of all": whole}, (0, 1)), dynamics.Scale({"of two": whole.iloc[:2]}, (0, 1), "label")]
    figure = dynamics.layers_by_time(scales, first=0.0, epochs=[0.0, 1.0, 10.0])
    assert panel(figure, "of two").get_ylim() == panel(figure, "of all").get_ylim() == (2.5, -0.5)
    assert panel(figure, "of two").images[0].get_extent()[2:] == [-0.5, 1.5]
    assert [text.get_text() for text in panel(figure, "of all").get_yticklabels()] == ["a", "b", "output"]
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["label"]


def test_jumps_of_one_layer_in_a_hundred_do_not_set_the_colours_and_none_is_below_a_tenth():
    cka, regions = pairs([f"l{i}" for i in range(30)], speed=0.0), pairs(["a"], "similarity", ["test"], speed=0.0)
    assert panel(dynamics.change(cka, regions, MEASURES), "CKA").images[0].norm.vmax == pytest.approx(0.1)
    once = (cka["layer"] == "l7") & (cka["step_a"] == STEPS[4]) & (cka["step_b"] == STEPS[5])
    axes = panel(dynamics.change(cka.assign(cka=cka["cka"].where(~once, 0.0)), regions, MEASURES), "CKA")
    assert axes.images[0].norm.vmax == pytest.approx(0.1)
    assert axes.images[0].get_array()[7, 4] == pytest.approx(1 / np.log10(2))


def test_a_study_that_compares_no_regions_has_panels_of_activations_alone():
    cka, none = pairs(["a", "b", "c"]), pairs(["a"], "similarity", ["test"]).iloc[:0]
    for figure in (dynamics.change(cka, none, MEASURES), dynamics.synchrony(cka, none, MEASURES)):
        assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["CKA"]


def test_probes_on_further_training_images_are_called_by_their_name():
    titles = [axes.get_title() for axes in dynamics.probes(accuracy(["a"]), unseen="other training images").axes]
    assert "other training images, true labels" in titles and "test images, true labels" not in titles
