"""That figures show what the tables say: marks, panels and values where they belong."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.markers import CARETDOWN
from sample_tables import (
    EPOCHS,
    EVENTS,
    LAYERS,
    RUNS,
    accuracy,
    findings,
    history,
    lagging,
    moments,
    of_runs,
    pairs,
    segments,
    steps,
    weights,
)
from sample_tables import trends as numeric_trends

from repdyn.analysis import phases
from repdyn.catalogue.events import EVENTS as DECLARED
from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.plane_sets import SETS
from repdyn.errors import RepdynError
from repdyn.figures import (
    batch_norm,
    boundaries,
    by_epoch,
    dynamics,
    epoch_axis,
    forest,
    geometry,
    grids,
    paper,
    similarity,
    style,
    timelines,
    training,
    trends,
    widths,
)


def panel(figure, title):
    (axes,) = [axes for axes in figure.axes if axes.get_title() == title]
    return axes


def marks(axes, names=DECLARED):
    return {line.get_gid(): line for line in axes.lines if line.get_gid() in names}


def matrix_of(axes):
    (image,) = axes.images
    return np.asarray(image.get_array())


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
    of_seeds = [{"test_dip": 38.0, "memorization_onset": 5.0}, {"memorization_onset": 6.0}, {}]
    assert style.median_events(of_seeds) == {"memorization_onset": 6.0}, (
        "two of three: the later, since one never had it"
    )
    assert style.median_events(of_seeds[:2]) == {"memorization_onset": 5.5}
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


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        (["a"], ["a"]),
        (["a", "b", "output"], ["a", "b"]),
        (["stem", "1", "2", "3", "4", "5", "pool", "output"], ["stem", "2", "4", "pool"]),
    ],
)
def test_depths_are_relative_and_the_output_is_no_layer(layers, chosen):
    assert grids.at_depths(layers) == chosen


def test_a_page_shows_means_over_seeds_and_medians_of_events():
    events = {run: {"memorization_onset": 4.0 + 24 * run[2]} for run in RUNS}
    frame = of_runs(lambda _a, _o, seed: pairs(LAYERS[3], speed=1 + seed))
    figure = grids.pages(frame, "cka", events)
    first = figure.axes[0]
    assert first.get_title() == "patch_embed"
    assert matrix_of(first)[0, 1] == pytest.approx((1 / 2 + 1 / 3) / 2)
    (line,) = marks(first).values()
    assert line.get_xdata()[0] == pytest.approx(epoch_axis.CheckpointAxis(EPOCHS).position(16.0))
    assert len(figure.axes) == 4 * 3 + 1


@pytest.mark.parametrize(
    ("optimizers", "lines"),
    [("ab", [["a", "b"]]), ("abc", [["a", "c"], ["b"]]), ("abcdef", [["a", "d"], ["b", "e"], ["c", "f"]])],
)
def test_optimizers_are_read_down_and_then_across(optimizers, lines):
    frame = pd.concat([pairs(["l"]).assign(arch="vit", optimizer=name, seed=0) for name in optimizers])
    figure = grids.pages(frame, "cka", {("vit", name, 0): {} for name in optimizers})
    places = {text.get_text(): text.get_position() for text in figure.texts if text.get_text().startswith("vit, ")}
    by_line = sorted(places, key=lambda heading: (-places[heading][1], places[heading][0]))
    assert by_line == [f"vit, {name}" for line in lines for name in line]


def test_a_difference_is_first_minus_second_within_seeds_and_blue_where_positive():
    frame = of_runs(lambda _a, optimizer, _s: pairs(LAYERS[3], speed=1.0 if optimizer == "sgd" else 2.0))
    alone = frame[~((frame["optimizer"] == "adam") & (frame["seed"] == 1))]
    alone = alone.assign(cka=alone["cka"].where(alone["seed"] == 0, 9.0))  # a seed without partner says nothing
    figure = grids.differences(alone, "cka", [("sgd", "adam")], {"sgd": "sgd", "adam": "adam"})
    first = figure.axes[0]
    assert matrix_of(first)[0, 1] == pytest.approx(1 / 2 - 1 / 3)
    assert matrix_of(first)[0, 0] == 0
    mesh = first.images[0]
    assert mesh.norm.vmin == -mesh.norm.vmax
    red, _, blue, _ = style.DIFFERENCE(1.0)
    assert blue > red


def test_members_of_a_family_are_averaged_before_they_are_compared():
    speeds = {"sgd": 1.0, "adam": 2.0, "adam-fast": 4.0}
    parts = [
        pairs(["a", "b"], speed=speed).assign(arch="vit", optimizer=name, seed=0) for name, speed in speeds.items()
    ]
    families = {"sgd": "sgd", "adam": "adam", "adam-fast": "adam"}
    figure = grids.differences(pd.concat(parts), "cka", [("sgd", "adam")], families)
    assert matrix_of(figure.axes[0])[0, 1] == pytest.approx(1 / 2 - (1 / 3 + 1 / 5) / 2)


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


def lines(figure, gid):
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]


def all_pages(*findings, **options):
    """What stands on the pages of a forest plot."""
    with paper.on(paper.Paper()) as drawing:
        figures = [forest.forest(*findings, **options)]
    figures += [forest.forest(*findings, **options, page=page) for page in range(2, drawing.pages + 1)]
    return SimpleNamespace(
        pages=figures,
        axes=[axes for figure in figures for axes in figure.axes],
        texts=[text for figure in figures for text in figure.texts],
    )


def test_findings_show_what_decides_with_its_seeds_and_number_what_stands_in_the_way():
    table, pairs = findings()
    figure = all_pages(table, pairs, MEASURES)
    primary = table[table["primary"].astype(bool)]
    shown = primary["estimate"].notna().sum()
    assert len(lines(figure, "estimate")) == len(lines(figure, "seeds")) == shown > 20
    assert len(lines(figure, "interval")) == primary["ci_low"].notna().sum()
    words = [text.get_text() for text in figure.texts]
    assert sum(word == "supported" for word in words) == (primary["decision"] == "supported").sum() > 0
    reasons = list(primary["reason"].dropna().unique())
    assert len(reasons) > 1
    noted = " ".join(words)
    for number, reason in enumerate(reasons, 1):
        assert f"undecided ({number})" in words
        assert f"{number} {reason}"[:60] in noted


def test_a_row_that_decides_says_below_it_under_which_measures_its_claim_holds():
    table, pairs = findings()
    said = "holds under 2 of 9 measures (only CKA, k-NN)"
    table["holds"] = np.where(table["holds"].notna(), said, None)
    words = [text.get_text() for text in all_pages(table, pairs, MEASURES).texts]
    assert words.count(said) == table["holds"].notna().sum() > 10
    first = table[table["claim"] == table["claim"].iloc[0]]
    heights = [forest.forest(each, pairs, MEASURES).get_size_inches()[1] for each in (first, first.assign(holds=None))]
    assert heights[0] - heights[1] == pytest.approx(first["holds"].notna().sum() * forest.HOLDS)
    assert heights[0] > heights[1]


def test_the_seeds_of_a_finding_are_its_differences_and_their_mean_its_estimate():
    table, pairs = findings()
    figure = all_pages(table, pairs, MEASURES)
    for mark, seeds in zip(lines(figure, "estimate"), lines(figure, "seeds"), strict=True):
        assert np.mean(seeds.get_xdata()) == pytest.approx(mark.get_xdata()[0])


def test_all_findings_show_each_score_and_measure_with_q_for_what_is_exploratory():
    table, pairs = findings()
    figure = all_pages(table, pairs, MEASURES, primary=False)
    assert len(lines(figure, "estimate")) == table["estimate"].notna().sum()
    words = [text.get_text() for text in figure.texts]
    assert sum(word.startswith("q ") for word in words) == table["q_value"].notna().sum() > 0


def test_claims_of_three_seeds_say_that_they_are_too_few_and_show_them():
    figure = all_pages(*findings(seeds=3), MEASURES)
    assert not lines(figure, "interval")
    assert {len(line.get_xdata()) for line in lines(figure, "seeds")} <= {2, 3}
    assert any("too few seeds, 3 of the 6" in text.get_text() for text in figure.texts)


def test_ticks_of_long_numbers_keep_apart():
    table, pairs = findings()
    figure = all_pages(table.assign(ci_low=-0.094, ci_high=0.086), pairs, MEASURES)
    figure = figure.pages[0]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        seen = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes = [label.get_window_extent(canvas.get_renderer()) for label in seen]
        assert all(right.x0 - left.x1 > 3 for left, right in itertools.pairwise(boxes))


def test_zero_has_no_sign():
    table, pairs = findings()
    row = table[table["primary"].astype(bool)].iloc[[0]].assign(estimate=-0.0004, ci_low=-0.0301, ci_high=0.01)
    words = [text.get_text() for text in all_pages(row, pairs.iloc[:0], MEASURES).texts]
    assert "0.000 [−0.030, 0.010]" in words


def test_findings_say_which_learning_rates_are_compared():
    words = " ".join(text.get_text() for text in all_pages(*findings(), MEASURES).texts)
    assert "Learning rates at equal speed of fit, resnet: sgd 0.05 − adam 0.001" in words


def test_runs_with_too_few_checkpoints_for_phases_are_drawn_without():
    none = segments(["a"]).iloc[:0]
    assert "Too few checkpoints for phases." in [text.get_text() for text in timelines.layers(none, MEASURES).texts]
    few = pairs(["a", "b"])
    few = few[(few["step_a"] < 10) & (few["step_b"] < 10)]
    figure = dynamics.synchrony(few, few.rename(columns={"cka": "similarity"}).assign(planes="test"), MEASURES)
    assert panel(figure, "CKA").images[0].get_array().mask.all()


def test_the_lag_of_batch_norm_has_a_panel_for_each_optimizer_of_networks_that_have_it():
    of_resnets = of_runs(lambda *_: lagging(["a", "b"])).query("arch == 'resnet'")
    figure = batch_norm.lag(of_resnets.assign(cka=of_resnets["cka"] - of_resnets["seed"] / 10))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["resnet, sgd (2 seeds)", "resnet, adam (2 seeds)"]
    first, second, output = figure.axes[0].lines
    assert list(first.get_xdata()) == list(second.get_xdata()) == EPOCHS
    assert first.get_ydata()[0] == pytest.approx(1 - 1 / 3 - 0.05)
    assert list(output.get_ydata()) == [epoch / 128 for epoch in EPOCHS]
    assert [text.get_text() for text in figure.legends[0].get_texts()][::2] == ["a", "output: share of the same class"]
    assert batch_norm.NONE in [text.get_text() for text in batch_norm.lag(of_resnets.iloc[:0]).texts]


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


def test_weights_move_from_where_they_began_and_from_the_checkpoint_before():
    found = geometry.moved(of_runs(lambda *_: weights(["a", "b"])))
    assert len(found) == len(RUNS) * 2 * len(EPOCHS)
    one = found[
        (found["layer"] == "b") & (found["arch"] == "vit") & (found["optimizer"] == "sgd") & found["seed"].eq(1)
    ]
    assert list(one["epoch"]) == EPOCHS
    np.testing.assert_allclose(one["cosine"], 1 - np.arange(len(EPOCHS)) / 20)
    np.testing.assert_allclose(one["from_start"], np.arange(len(EPOCHS)) / 20)
    np.testing.assert_allclose(one["from_before"], [np.nan, *[1 / 20] * (len(EPOCHS) - 1)])
    figure = geometry.through_training(found, geometry.OF_WEIGHTS)
    assert len(figure.axes) == 4 * 3
    (line,) = [line for line in figure.axes[0].lines if line.get_gid() == "b"]
    np.testing.assert_allclose(line.get_ydata(), one["cosine"])


def test_error_by_width_is_that_at_the_end_and_at_each_run_s_best_epoch():
    def of_run(arch, _optimizer, seed):
        test = {"resnet": [0.2, 0.7, 0.5], "vit": [0.2, 0.6, 0.9]}[arch]
        return pd.DataFrame(
            {"epoch": [0.0, 1.0, 2.0], "test_accuracy": test, "train_accuracy": [0.1, 0.5, 1 - seed / 4]}
        )

    figure = widths.descent(of_runs(of_run), {"vit": 32, "resnet": 4})
    axes = panel_starting(figure, "adam")
    drawn = [(list(line.get_xdata()), pytest.approx(list(line.get_ydata()))) for line in axes.lines]
    assert drawn == [([4, 32], [0.5, 0.1]), ([4, 32], [0.3, 0.1]), ([4, 32], [0.125, 0.125])]
    assert widths.descent(of_runs(of_run), {"resnet": 4}).axes[0].lines[0].get_xdata().tolist() == [4], "others are out"


def test_error_by_width_is_refused_without_widths(make_job, config):
    with pytest.raises(RepdynError, match="two `archs` or more have a `width`"):
        widths.draw(make_job("train", config), "widths")


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


def panel_starting(figure, title):
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith(title)]
    return axes


def test_histories_without_a_common_epoch_are_refused():
    rows = [(seed, epoch, 0.5) for seed, epochs in enumerate(((1, 2), (5, 6))) for epoch in epochs]
    histories = pd.DataFrame(rows, columns=["seed", "epoch", "train_accuracy"]).assign(arch="vit", optimizer="sgd")
    with pytest.raises(RepdynError, match=r"histories of vit sgd have no epochs in common: one begins at 5, .* at 2;"):
        training.aligned(histories)


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
