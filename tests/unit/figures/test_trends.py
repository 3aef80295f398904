"""Scores by numbers."""

import numpy as np
import pytest
from in_figures import panel, words
from overlaps import overlaps
from sample_tables import rates
from sample_tables import trends as numeric_trends

from repdyn.catalogue.measures import MEASURES
from repdyn.figures import trends


def test_trends_have_a_broken_axis_seeds_means_and_slopes_in_words():
    of_trends, values = numeric_trends(archs=("resnet",))
    figure = trends.numeric(of_trends, values, MEASURES)
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left") == "test accuracy at the end"]
    drawn = {gid: [line for line in axes.lines if line.get_gid() == gid] for gid in ("seeds", "mean", "break")}
    assert [len(lines) for lines in drawn.values()] == [1, 2, 2]
    assert len(drawn["seeds"][0].get_xdata()) == 4 * 6
    above, zero = drawn["mean"]
    np.testing.assert_allclose(above.get_xdata(), np.log10([0.1, 0.2, 0.4]))
    np.testing.assert_allclose(above.get_ydata(), 0.9 - 0.5 * np.array([0.1, 0.2, 0.4]))
    assert zero.get_xdata()[0] < -1 - 0.5 and zero.get_ydata()[0] == pytest.approx(0.9)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.1", "0.2", "0.4"]
    assert axes.get_xlabel() == "data: label_noise"
    slope = np.polyfit(np.log10([0.1, 0.2, 0.4]), [0.85, 0.8, 0.7], 1)[0]
    assert f"resnet, sgd: −{abs(slope):.2g} per decade, p = 0.33" in [text.get_text() for text in figure.texts]
    (early,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith("change before")]
    assert early.get_title(loc="left") == "change before memorization, CKA"


def test_trends_over_numbers_above_0_have_no_break_and_without_scores_there_is_a_sentence():
    of_trends, values = numeric_trends(levels=(0.1, 0.2, 0.4))
    figure = trends.numeric(of_trends, values, MEASURES)
    assert not [line for axes in figure.axes for line in axes.lines if line.get_gid() == "break"]
    figure = trends.numeric(of_trends.iloc[:0], values.iloc[:0], MEASURES)
    assert "No run has any of the scores." in [text.get_text() for text in figure.texts]


def test_a_cell_s_words_have_the_colour_of_its_line_which_shows_its_own_seeds():
    of_trends, values = numeric_trends()
    values = values.assign(value=values["value"] + 10.0 * (values["arch"] == "vit"))
    figure = trends.numeric(of_trends, values, MEASURES)
    axes = panel(figure, "test accuracy at the end", loc="left")
    for line in (line for line in axes.lines if line.get_gid() == "mean"):
        (said, *_) = [text for text in figure.texts if text.get_color() == line.get_color()]
        arch = said.get_text().split(",")[0]
        assert {"resnet": 0, "vit": 10}[arch] <= min(line.get_ydata()) < {"resnet": 1, "vit": 11}[arch]
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {"resnet, sgd", "vit, sgd"}


@pytest.mark.parametrize(
    ("estimate", "p", "said"),
    [
        (None, None, "resnet, sgd: too few levels"),
        (0.5, None, "resnet, sgd: +0.5 per decade, no p"),
        (-0.0125, 0.083, "resnet, sgd: −0.013 per decade, p = 0.083"),
        (-0.2, 1 / 3, "resnet, sgd: −0.2 per decade, p = 0.33"),
    ],
)
def test_a_slope_is_said_with_its_sign_and_what_there_is_not_is_said_too(estimate, p, said):
    of_trends, values = numeric_trends(archs=("resnet",))
    figure = trends.numeric(of_trends.assign(estimate=estimate, p_value=p), values, MEASURES)
    assert said in words(figure) and not [word for word in words(figure) if word.startswith("resnet") and word != said]


def test_of_many_cells_six_have_words_and_all_have_lines_and_an_entry_in_the_legend():
    archs = [f"net{i}" for i in range(8)]
    figure = trends.numeric(*numeric_trends(levels=(0.1, 0.2, 0.4), archs=archs), MEASURES)
    scores = len(figure.axes)
    assert sum("per decade" in word for word in words(figure)) == trends.MOST_WORDS * scores
    drawn = [line for line in figure.axes[0].lines if line.get_gid() == "mean" and len(line.get_xdata())]
    assert len({line.get_color() for line in drawn}) == 8
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {f"{arch}, sgd" for arch in archs}
    assert list(overlaps(figure)) == []


def test_two_groups_of_levels_of_one_setting_have_lines_of_their_own_that_differ_in_grey():
    """Rates of SGD beside those of Adam: one line through both would be of neither."""
    of_trends, values = rates()
    figure = trends.numeric(of_trends, values, MEASURES)
    axes = panel(figure, "test accuracy at the end", loc="left")
    drawn = [line for line in axes.lines if line.get_gid() == "mean" and len(line.get_xdata())]
    assert {tuple(np.round(10 ** line.get_xdata(), 5)) for line in drawn} == {(0.00025, 0.0005, 0.001), (0.1, 0.2, 0.4)}
    assert len({line.get_marker() for line in drawn}) == 2
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"vit, adam", "vit, sgd"}
    assert list(overlaps(figure)) == []


def test_levels_stand_in_their_order_by_their_logarithm_whatever_the_order_of_rows():
    of_trends, values = numeric_trends(levels=(0.001, 0.1, 10.0), archs=("resnet",))
    figure = trends.numeric(of_trends, values.sample(frac=1, random_state=0), MEASURES)
    for axes in figure.axes:
        np.testing.assert_allclose(axes.get_xticks(), [-3, -1, 1])
        (mean,) = [line for line in axes.lines if line.get_gid() == "mean" and len(line.get_xdata())]
        np.testing.assert_allclose(mean.get_xdata(), [-3, -1, 1])
