"""Matrices of every layer of a run."""

import numpy as np
import pandas as pd
import pytest
from drawn_studies import FULL, OWN, STUDY, study_with
from in_figures import marks, matrix_of, panel, words
from matplotlib.backends.backend_agg import FigureCanvasAgg
from sample_tables import EPOCHS, EVENTS, LAYERS, pairs, segments

from repdyn.catalogue import measures
from repdyn.catalogue.events import EVENTS as DECLARED
from repdyn.catalogue.plane_sets import IMAGES, SETS
from repdyn.figures import epoch_axis, similarity, style


def test_a_matrix_is_the_table_s_with_initialisation_in_the_lower_left():
    axes = panel(similarity.matrices(pairs(["a", "b"]), "cka"), "a")
    assert matrix_of(axes)[0, 2] == pytest.approx(1 / 3)
    assert axes.get_ylim()[0] < axes.get_ylim()[1]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "10", "100"]
    assert axes.get_xticks()[:2] == pytest.approx([0, EPOCHS.index(1)])


def test_a_dollar_sign_in_a_layer_s_name_is_no_mathematics():
    figure = similarity.matrices(pairs(["gate_$a_$", "b"]), "cka")
    FigureCanvasAgg(figure).draw()
    assert not panel(figure, "gate_$a_$").title.get_parse_math()


def test_undefined_similarity_is_shown_as_such():
    frame = pairs(["a", "b"])
    frame.loc[frame["epoch_a"].eq(0) | frame["epoch_b"].eq(0), "cka"] = None
    figure = similarity.matrices(frame, "cka")
    shown = panel(figure, "a").images[0].get_array()
    assert shown.mask.sum() == 2 * len(EPOCHS) - 1
    assert "undefined" in [text.get_text() for text in figure.legends[0].texts]


def test_events_are_below_the_diagonal_and_phases_above():
    figure = similarity.matrices(pairs(["a", "b"]), "cka", segments=segments(["a", "b"]), events=EVENTS)
    axes = panel(figure, "b")
    onset = marks(axes)["memorization_onset"]
    assert onset.get_xdata()[0] == pytest.approx(epoch_axis.CheckpointAxis(EPOCHS).position(5.0))
    assert all(x >= y for x, y in zip(onset.get_xdata(), onset.get_ydata(), strict=True))
    phases = [line for line in axes.lines if line.get_gid() == "phase"]
    assert [tuple(line.get_xdata()) for line in phases] == [(-0.5, -0.5, 4.5), (4.5, 4.5, 10.5)]
    assert all(x <= y for line in phases for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert not [line for line in panel(figure, "a").lines if line.get_gid() == "phase"], "a layer of one phase"


def test_regions_have_a_row_for_each_set_of_planes():
    figure = similarity.matrices(pairs(LAYERS[3], sets=SETS), "cka")
    assert len(figure.axes) == 3 * 3 + 1
    rows = {round(axes.get_position().y0, 4) for axes in figure.axes[:-1]}
    assert len(rows) == 3


def test_a_square_has_epochs_in_order_and_is_the_mean_over_seeds():
    rows = [(10.0, 0.0, 0.5), (0.0, 10.0, 0.5), (0.0, 0.0, 1.0), (10.0, 10.0, 1.0), (0.0, 10.0, 0.9)]
    frame = pd.DataFrame(rows, columns=["epoch_a", "epoch_b", "cka"])
    found = similarity.square(frame, "cka")
    assert list(found.index) == list(found.columns) == [0.0, 10.0]
    np.testing.assert_allclose(found, [[1.0, 0.7], [0.5, 1.0]])
    np.testing.assert_allclose(similarity.square(frame.iloc[:4], "cka"), [[1.0, 0.5], [0.5, 1.0]])


def test_a_square_keeps_what_is_undefined_unless_another_seed_defines_it():
    frame = pd.DataFrame([(0.0, 0.0, np.nan), (0.0, 0.0, 0.5)], columns=["epoch_a", "epoch_b", "cka"])
    assert similarity.square(frame, "cka").loc[0.0, 0.0] == 0.5
    assert np.isnan(similarity.square(frame.iloc[:1], "cka").loc[0.0, 0.0])


@pytest.mark.parametrize(("lowest", "end"), [(-0.1, "min"), (0.0, "neither"), (0.4, "neither"), (np.nan, "neither")])
def test_the_colour_bar_has_an_arrow_where_a_value_is_below_0(lowest, end):
    assert similarity.extent(lowest) == end
    frame = pairs(["a"])
    frame.loc[0, "cka"] = lowest
    bar = similarity.matrices(frame, "cka").axes[-1]
    assert bool(bar._colorbar._extend_patches) == (end == "min")


def test_layers_are_in_order_of_depth_from_the_upper_left_whatever_the_order_of_rows():
    layers = [f"layer{i}" for i in range(10)]
    figure = similarity.matrices(pairs(layers).sample(frac=1, random_state=0), "cka")
    titled = [axes for axes in figure.axes if axes.get_title()]
    by_place = sorted(titled, key=lambda axes: (-round(axes.get_position().y0, 3), axes.get_position().x0))
    assert [axes.get_title() for axes in by_place] == layers
    assert len({round(axes.get_position().y0, 3) for axes in titled}) == 2
    assert matrix_of(by_place[3])[0, 1] == pytest.approx(1 / (1 + 4))


def test_phases_of_a_set_of_planes_are_outlined_in_its_row_alone():
    phases = segments(["a", "b"]).assign(planes="clean")
    figure = similarity.matrices(pairs(["a", "b"], sets=SETS), "cka", segments=phases)
    outlined = [sum(line.get_gid() == "phase" for line in axes.lines) for axes in figure.axes[:-1]]
    assert outlined == [0, 0, 0, 2, 0, 0], "two phases of layer b in the second of three rows"
    headings = [word for word in words(figure) if word.startswith("planes through")]
    assert headings == [f"planes through {IMAGES[name]}" for name in SETS]


def test_small_panels_show_the_few_events_that_they_have_room_for():
    figure = similarity.matrices(pairs(["a", "b"]), "cka", events=EVENTS)
    assert set(marks(figure.axes[0])) == set(style.few(EVENTS))
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {DECLARED[name].label for name in style.few(EVENTS)}


def test_a_study_has_a_figure_for_each_measure_of_activations_and_one_of_regions():
    assert list(similarity.figures(FULL)) == [*measures.OF_ACTIVATIONS, "regions"]
    assert OWN in similarity.figures(STUDY) and "procrustes" not in similarity.figures(study_with(measures=[]))
