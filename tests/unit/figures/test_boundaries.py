"""Distances between what measures and detectors find."""

import warnings

import numpy as np
import pytest
from in_figures import matrix_of, words
from sample_tables import moments, of_runs

from repdyn.catalogue.measures import MEASURES
from repdyn.figures import boundaries


def test_boundaries_are_apart_under_one_detector_by_measures_and_under_one_measure_by_detectors():
    table = of_runs(lambda *_: moments(["a", "b"], ["cka", "knn"])).query("arch == 'vit' and optimizer == 'sgd'")
    figure = boundaries.agreement(table.assign(part=table["part"].where(table["layer"] == "a", "head")), MEASURES)
    *of_measures, of_detectors, _ = figure.axes
    assert [axes.get_title() for axes in of_measures] == list(boundaries.WORDS.values())
    for axes in of_measures[:3]:
        assert matrix_of(axes)[0, 1] == pytest.approx(0.1)
    last = np.ma.getmaskarray(of_measures[3].images[0].get_array()).ravel()
    assert list(last) == [True, True, True, False], "CKA has no such moment"
    np.testing.assert_allclose(matrix_of(of_detectors)[0], [0, 1, 2, 3])
    assert "Too few checkpoints" in " ".join(t.get_text() for t in boundaries.agreement(table.iloc[:0], MEASURES).texts)


def test_a_distance_is_the_median_over_layers_that_have_both_moments():
    moments = np.array([[0.0, 1.0, np.nan], [0.0, 3.0, np.nan], [2.0, 2.5, np.nan], [np.nan, 9.0, 1.0]])
    found = boundaries.distances(moments)
    expected = [[0, 1.0, np.nan], [1.0, 0, 8.0], [np.nan, 8.0, 0]]
    np.testing.assert_allclose(found, expected)
    assert boundaries.distances(np.array([[0.5]])) == [[0.0]]


def test_distances_are_those_of_each_pair_alone_and_undefined_without_a_moment():
    moments = np.random.default_rng(0).normal(size=(7, 5))
    expected = [[np.median(np.abs(a - b)) for b in moments.T] for a in moments.T]
    np.testing.assert_allclose(boundaries.distances(moments), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(boundaries.distances(np.full((3, 2), np.nan))).all()


def test_seeds_and_layers_count_alike_and_each_cell_of_the_grid_has_a_row():
    def of_run(arch, _optimizer, seed):
        table = moments(["a"], ["cka", "knn"])
        late = (table["measure"] == "knn") & (arch == "vit")
        return table.assign(epoch=table["epoch"] * np.where(late, 10.0 ** (0.4 * seed), 1.0))

    figure = boundaries.agreement(of_runs(of_run), MEASURES)
    assert len(figure.axes) == 4 * 5 + 1
    under_novelty = [axes for axes in figure.axes if axes.get_title() == boundaries.WORDS["novelty"]]
    # k-NN lies .1 decades from CKA, of ViTs .1 in one seed and .5 in the other.
    assert [matrix_of(axes)[0, 1] for axes in under_novelty] == pytest.approx([0.1, 0.1, 0.3, 0.3])
    headings = [word for word in words(figure) if word in {"resnet, sgd", "resnet, adam", "vit, sgd", "vit, adam"}]
    assert headings == ["resnet, sgd", "resnet, adam", "vit, sgd", "vit, adam"]


def test_measures_stand_in_the_study_s_order_and_numbers_in_the_cells_without_a_leading_zero():
    table = of_runs(lambda *_: moments(["a"], ["knn", "cka"])).query("arch == 'vit' and optimizer == 'sgd'")
    figure = boundaries.agreement(table, MEASURES)
    first, last = figure.axes[0], figure.axes[4]
    names = [MEASURES[name].label for name in MEASURES if name in ("cka", "knn")]
    assert [text.get_text() for text in first.get_yticklabels()] == names
    assert [text.get_text() for text in first.texts] == [".1", ".1"]
    assert [text.get_text() for text in last.get_xticklabels()] == list(boundaries.SHORT.values())
    assert {text.get_text() for text in last.texts} <= {"1.0", "2.0", "3.0"}
    assert first.get_ylim() == (1.5, -0.5), "the first measure is uppermost"
