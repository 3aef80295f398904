"""Phases of layers, and what is dated in all runs."""

import itertools

import numpy as np
import pandas as pd
import pytest
from in_figures import marks, panel, words
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from sample_tables import EPOCHS, EVENTS, LAYERS, RUNS, of_runs, segments, steps

from repdyn.catalogue.events import EVENTS as DECLARED
from repdyn.catalogue.measures import MEASURES
from repdyn.figures import paper, style, timelines


def test_phases_meet_where_the_table_says_under_each_measure():
    figure = timelines.layers(segments(LAYERS[3], ["cka", "regions:test"]), MEASURES, events=EVENTS)
    assert [axes.get_title() for axes in figure.axes] == ["CKA", "DRS, test"]
    axes = figure.axes[0]
    lines = {np.mean(line.get_ydata()): line.get_xdata()[0] for line in axes.lines if line.get_gid() == "boundary"}
    middle = [(EPOCHS[first - 1] * EPOCHS[first]) ** 0.5 for first in (5, 7)]
    assert lines == {1: pytest.approx(middle[0]), 2: pytest.approx(middle[1])}
    assert {name: line.get_xdata()[0] for name, line in marks(axes).items()} == style.few(EVENTS)
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first layer is uppermost"
    bars = [bar for bar in axes.patches if bar.get_y() < 0.5]
    assert (min(bar.get_x() for bar in bars), max(bar.get_x() + bar.get_width() for bar in bars)) == (0, EPOCHS[-1])


def test_the_timeline_has_each_run_s_events_and_its_layers_steps_by_cka_in_its_row():
    events = {run: {"memorization_onset": 2.0 + i} for i, run in enumerate(RUNS)}
    table = of_runs(lambda *_: steps(["a"]).assign(epoch=lambda rows: rows["epoch"] + 9 * (rows["measure"] != "cka")))
    axes = timelines.runs(table, events, 128.0).axes[0]
    onsets = [line for line in axes.lines if line.get_gid() == "memorization_onset"]
    assert [line.get_xdata()[0] for line in onsets] == [2.0 + i for i in range(len(RUNS))]
    rows = [line.get_ydata()[0] for line in onsets]
    assert rows == sorted(rows) and len(set(rows)) == len(RUNS)
    for sign, epoch, side in (("up", 30.0, -1), ("down", 60.0, 1)):
        ticks = [line for line in axes.lines if line.get_gid() == f"step {sign}"]
        assert [line.get_xdata()[0] for line in ticks] == [epoch] * len(RUNS)
        assert all(np.sign(np.mean(tick.get_ydata()) - y) == side for tick, y in zip(ticks, rows, strict=True))
    searched = [tuple(line.get_xdata()) for line in axes.lines if line.get_gid() == "searched"]
    assert searched == [(18.0, 120.0)] * len(RUNS)


def test_a_timeline_says_of_runs_why_nothing_could_be_dated_beside_their_rows_and_nothing_where_it_could():
    of_seed = {"none": steps(["a"], "none"), "sparse": steps(["a", "b"], "too sparse to date")}
    of_seed |= {"undefined": steps(["a"], "undefined"), "one": pd.concat([of_seed["none"], of_seed["sparse"]])}
    table = pd.concat([rows.assign(arch="a", optimizer="b", seed=i) for i, rows in enumerate(of_seed.values())])
    figure = timelines.runs(table, {("a", "b", seed): EVENTS for seed in range(5)}, 128.0)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    edge = figure.axes[0].get_window_extent().x1
    beside = [text for text in figure.texts if text.get_text() and text.get_window_extent().x0 > edge]
    assert [text.get_text() for text in beside] == [
        "too sparse to date",
        "too few epochs to date",
        "change not measured",
    ]
    assert max(text.get_window_extent().x1 for text in beside) < figure.bbox.x1
    rows = {text.get_text(): text.get_position()[1] for text in figure.texts}
    assert [text.get_position()[1] for text in beside] == [rows[f"seed {seed}"] for seed in (1, 2, 4)]


def test_events_of_a_run_that_coincide_do_not_hide_one_another():
    at_once = dict.fromkeys(RUNS[:1], dict.fromkeys(("test_dip", "memorization_end", "perfect_fit_sustained"), 9.0))
    axes = timelines.runs(of_runs(lambda *_: steps(["a"])), at_once, 128.0).axes[0]
    boxes = [line.get_window_extent() for line in axes.lines if line.get_gid() in DECLARED]
    assert len(boxes) == 3
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_a_timeline_of_many_runs_fits_a_page():
    seeds = [(arch, optimizer, seed) for arch in "ab" for optimizer in "cdefgh" for seed in range(3)]
    empty = steps(["a"]).iloc[:0].assign(arch="a", optimizer="c", seed=0)
    figure = timelines.runs(empty, dict.fromkeys(seeds, EVENTS), 128.0)
    assert figure.get_size_inches()[1] <= paper.TALLEST + 0.1


def test_a_run_with_too_few_checkpoints_for_phases_is_drawn_without():
    none = segments(["a"]).iloc[:0]
    assert "Too few checkpoints for phases." in words(timelines.layers(none, MEASURES))


@pytest.mark.parametrize(
    ("ends", "starts", "found"),
    [
        ([100.0], [0.0], []),
        ([4.0, 100.0], [0.0, 9.0], [6.0]),
        ([0.0, 100.0], [0.0, 1.0], [0.5]),
        ([1.0, 10.0, 100.0], [0.0, 4.0, 40.0], [2.0, 20.0]),
    ],
)
def test_phases_meet_half_way_on_the_log_axis_and_half_way_from_initialisation(ends, starts, found):
    phases = pd.DataFrame({"phase": range(len(ends)), "epoch_start": starts, "epoch_end": ends})
    assert timelines.boundaries(phases) == pytest.approx(found)
    assert timelines.boundaries(phases.iloc[::-1]) == pytest.approx(found)


def test_phases_of_a_layer_fill_its_row_without_a_gap_by_turns_light_and_dark():
    table = segments(["a", "b", "c"])
    axes = timelines.layers(table, MEASURES).axes[0]
    for row, phases in enumerate((1, 2, 2)):
        bars = sorted((bar for bar in axes.patches if abs(bar.get_y() + 0.4 - row) < 0.1), key=lambda bar: bar.get_x())
        assert [to_hex(bar.get_facecolor()) for bar in bars] == list(timelines.SHADES[:phases])
        edges = [bar.get_x() for bar in bars] + [bars[-1].get_x() + bars[-1].get_width()]
        np.testing.assert_allclose(edges[1:], [bar.get_x() + bar.get_width() for bar in bars])
        assert (edges[0], edges[-1]) == (0, EPOCHS[-1])


def test_a_layer_that_a_measure_does_not_have_has_an_empty_row_under_it():
    of_regions = segments(["a", "b", "output"], ["regions:test"])
    table = pd.concat([segments(["a", "b"]), of_regions])
    figure = timelines.layers(table, MEASURES)
    rows = [{round(bar.get_y() + 0.4) for bar in panel(figure, name).patches} for name in ("CKA", "DRS, test")]
    assert rows == [{0, 1}, {0, 1, 2}]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b", "output"]
    assert not any(text.get_text() for text in figure.axes[1].get_yticklabels())


def test_the_legend_explains_boundaries_where_there_are_some():
    said = "a phase ends, the next begins"
    drifting = timelines.layers(segments(["a"]), MEASURES)
    assert not drifting.legends
    (legend,) = timelines.layers(segments(["a", "b"]), MEASURES).legends
    assert [text.get_text() for text in legend.get_texts()] == [said]


def test_measures_that_a_study_has_and_its_phases_have_not_take_no_room():
    one = timelines.layers(segments(["a", "b"]), {"cka": MEASURES["cka"]})
    all_of_them = timelines.layers(segments(["a", "b"]), MEASURES)
    assert len(one.axes) == len(all_of_them.axes) == 1
    np.testing.assert_allclose(one.get_size_inches(), all_of_them.get_size_inches())


def test_a_run_whose_events_lack_an_end_of_memorization_has_no_shade():
    whole = {"memorization_onset": 5.0, "memorization_end": 20.0}
    runs = {("a", "b", 0): whole, ("a", "b", 1): {"memorization_onset": 5.0}, ("a", "b", 2): {}}
    empty = steps(["a"]).iloc[:0].assign(arch="a", optimizer="b", seed=0)
    figure = timelines.runs(empty, runs, 128.0)
    (shade,) = figure.axes[0].patches
    assert (shade.get_x(), shade.get_width()) == (5.0, 15.0)
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "memorization" in labels and "searched for such steps" not in labels


def test_each_cell_is_named_once_and_a_line_parts_it_from_the_next():
    figure = timelines.runs(of_runs(lambda *_: steps(["a"])), {run: {} for run in RUNS}, 128.0, title="")
    headings = [word for word in words(figure) if ", " in word]
    assert headings == ["resnet, sgd", "resnet, adam", "vit, sgd", "vit, adam"]
    across = [line for line in figure.axes[0].lines if line.get_color() == style.GREY and line.get_gid() is None]
    assert len(across) == 3
