"""Curves of accuracy, and histories put at the same epochs."""

import numpy as np
import pandas as pd
import pytest
from in_figures import marks
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.markers import CARETDOWN
from overlaps import overlaps
from sample_tables import EVENTS, RUNS, history, of_runs

from repdyn.catalogue.events import EVENTS as DECLARED
from repdyn.errors import RepdynError
from repdyn.figures import style, training


def test_training_marks_events_where_they_took_place():
    (axes,) = training.curves(history(), EVENTS, "").axes
    assert {name: line.get_xdata()[0] for name, line in marks(axes).items()} == EVENTS


def test_training_marks_a_first_perfect_fit_that_lasts_once():
    (axes,) = training.curves(history(), EVENTS | {"perfect_fit_first": 40.0}, "").axes
    assert "perfect_fit_first" not in marks(axes)
    assert marks(axes)["perfect_fit_sustained"].get_xdata()[0] == 40.0


def test_training_of_a_study_has_a_panel_for_each_cell_with_means_bands_medians_and_each_seed():
    events = {run: {"memorization_onset": 5.0 + 10 * run[2]} for run in RUNS}
    figure = training.grid(of_runs(lambda _a, _o, seed: history(100 * seed)), events)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "resnet, sgd (2 seeds)", "resnet, adam (2 seeds)", "vit, sgd (2 seeds)", "vit, adam (2 seeds)",
    ]  # fmt: skip
    axes = figure.axes[0]
    assert marks(axes)["memorization_onset"].get_xdata()[0] == 10.0
    test = next(line for line in axes.lines if line.get_color() == style.CURVES["test"])
    both = [history(0)["test_accuracy"], history(100)["test_accuracy"]]
    np.testing.assert_allclose(test.get_ydata(), np.mean(both, axis=0))
    (band,) = [band for band in axes.collections if to_hex(band.get_facecolor()[0]) == style.CURVES["test"]]
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(both[0].min()) and heights.max() == pytest.approx(both[1].max())
    triangles = [line for line in axes.lines if line.get_marker() == CARETDOWN and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in triangles] == [[5.0, 15.0]]


def test_what_happens_in_few_seeds_is_not_drawn_as_if_it_happened_in_all():
    events = {run: {"test_dip": 9.0} if run[2] else {} for run in RUNS}
    figure = training.grid(of_runs(lambda _a, _o, seed: history(seed)), events)
    assert not any(marks(axes) for axes in figure.axes)
    triangles = [line for line in figure.axes[0].lines if line.get_marker() == CARETDOWN and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in triangles] == [[9.0]], "the seed itself is shown"


def test_triangles_of_seeds_lie_between_a_panel_and_its_title_and_are_in_the_legend():
    figure = training.grid(of_runs(lambda _a, _o, seed: history(seed)), dict.fromkeys(RUNS, EVENTS | {"test_dip": 1.2}))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        title = axes.title.get_window_extent() if axes.get_title() else axes._left_title.get_window_extent()
        for line in axes.lines:
            if line.get_marker() == CARETDOWN:
                assert line.get_window_extent().y1 < title.y0
    marked = {line.get_label(): line.get_marker() for line in figure.legends[1].legend_handles}
    assert marked == {event.label: CARETDOWN for event in DECLARED.values()}


def test_histories_without_a_common_epoch_are_refused():
    rows = [(seed, epoch, 0.5) for seed, epochs in enumerate(((1, 2), (5, 6))) for epoch in epochs]
    histories = pd.DataFrame(rows, columns=["seed", "epoch", "train_accuracy"]).assign(arch="vit", optimizer="sgd")
    with pytest.raises(RepdynError, match=r"histories of vit sgd have no epochs in common: one begins at 5, .* at 2;"):
        training.aligned(histories)


def of_seed(seed, epochs, test, **changes):
    """A history of one run, with test accuracies and nothing else that was measured."""
    unmeasured = dict.fromkeys((column for column, *_ in training.CURVES.values()), np.nan)
    columns = unmeasured | {"epoch": epochs, "test_accuracy": test, "arch": "vit", "optimizer": "sgd", "seed": seed}
    return pd.DataFrame(columns | changes)


def test_histories_at_the_same_epochs_stay_as_they_are():
    histories = of_runs(lambda _a, _o, seed: history(seed).iloc[::16])
    found = training.aligned(histories)
    assert list(found.columns[-2:]) == ["row", "column"]
    pd.testing.assert_frame_equal(
        found[histories.columns].sort_values(["arch", "optimizer", "seed", "epoch"], ignore_index=True),
        histories.sort_values(["arch", "optimizer", "seed", "epoch"], ignore_index=True),
    )


def test_histories_at_other_epochs_are_interpolated_at_all_of_them_within_the_span_that_all_have():
    first = of_seed(0, [0.0, 2.0, 4.0, 8.0], [0.0, 0.2, 0.4, 0.8])
    second = of_seed(1, [5.0, 1.0, 3.0], [0.5, 0.9, 0.7])
    found = training.aligned(pd.concat([first, second]))
    of_seeds = dict(iter(found.groupby("seed")))
    assert list(of_seeds[0]["epoch"]) == list(of_seeds[1]["epoch"]) == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(of_seeds[0]["test_accuracy"], [0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(of_seeds[1]["test_accuracy"], [0.9, 0.8, 0.7, 0.6, 0.5])
    assert found["train_accuracy"].isna().all(), "what was never measured stays so"
    assert set(found["arch"]) == {"vit"} and set(found["row"]) == {"vit"} and set(found["column"]) == {"sgd"}


def test_each_cell_of_the_grid_has_epochs_of_its_own():
    cells = [
        of_seed(seed, [0.0, 1.0, 1.0 + last], [0.1, 0.5, 0.9], optimizer=optimizer)
        for optimizer, last in (("sgd", 1.0), ("adam", 9.0)) for seed in (0, 1)
    ]  # fmt: skip
    cells[1]["epoch"] += 0.5
    found = training.aligned(pd.concat(cells))
    epochs = {name: sorted(set(part["epoch"])) for name, part in found.groupby("optimizer")}
    assert epochs == {"sgd": [0.5, 1.0, 1.5, 2.0], "adam": [0.0, 1.0, 10.0]}


def test_a_gap_in_a_curve_is_bridged_and_its_ends_are_not_continued():
    first = of_seed(0, [0.0, 1.0, 2.0, 3.0, 4.0], [np.nan, 0.2, np.nan, 0.6, np.nan])
    found = training.aligned(pd.concat([first, of_seed(1, [0.0, 4.0], [0.0, 1.0])]))
    np.testing.assert_allclose(found.loc[found["seed"] == 0, "test_accuracy"], [np.nan, 0.2, 0.4, 0.6, np.nan])


def test_accuracies_that_were_never_measured_have_no_line_and_no_entry_in_the_legend():
    measured = history().assign(mislabelled_accuracy=np.nan, mislabelled_true_accuracy=np.nan)
    labels = [handle.get_label() for handle in training.handles(measured)]
    assert labels == [training.CURVES[name][1] for name in ("train", "clean", "test")]
    (axes,) = training.curves(measured, {}).axes
    assert [line.get_color() for line in axes.lines] == [style.CURVES[name] for name in ("train", "clean", "test")]
    assert not axes.collections, "one run has no band"


def test_epochs_that_were_not_evaluated_do_not_break_a_line():
    measured = history().iloc[:5]
    measured = measured.assign(test_accuracy=measured["test_accuracy"].where(measured["epoch"] != 2))
    (axes,) = training.curves(measured, {}).axes
    assert list(axes.lines[-1].get_xdata()) == [0, 1, 3, 4] and np.isfinite(axes.lines[-1].get_ydata()).all()


def test_legends_of_curves_and_events_stand_beside_each_other_only_where_there_is_room():
    figures = [training.curves(history(), EVENTS, width=width) for width in (3.0, 6.0)]
    for figure in figures:
        assert list(overlaps(figure)) == []
    (narrow, wide) = ([legend.get_window_extent() for legend in figure.legends] for figure in figures)
    assert wide[0].x1 < wide[1].x0 and wide[0].y1 == pytest.approx(wide[1].y1)
    assert narrow[1].y1 < narrow[0].y0 and narrow[0].x0 == pytest.approx(narrow[1].x0)
