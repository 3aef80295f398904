"""Pages of all runs, and differences between optimizers."""

import numpy as np
import pandas as pd
import pytest
from drawn_studies import FULL
from in_figures import marks, matrix_of, words
from sample_tables import EPOCHS, LAYERS, RUNS, of_runs, pairs

from repdyn.catalogue import measures
from repdyn.catalogue.plane_sets import IMAGES, SETS
from repdyn.errors import RepdynError
from repdyn.figures import epoch_axis, grids, style


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


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 50])
def test_at_most_four_layers_are_shown_with_the_first_and_the_last(count):
    layers = [f"layer{i}" for i in range(count)]
    chosen = grids.at_depths([*layers, "output"])
    assert len(chosen) == min(count, grids.DEPTHS)
    assert (chosen[0], chosen[-1]) == (layers[0], layers[-1])
    assert chosen == sorted(set(chosen), key=layers.index)


def test_nulls_and_missing_epochs_do_not_count_in_a_mean_of_matrices():
    mean = grids.Mean()
    mean.add(pd.DataFrame([[1.0, np.nan], [np.nan, np.nan]], [0, 1], [0, 1]))
    mean.add(pd.DataFrame([[0.0, 0.5], [0.5, np.nan]], [0, 1], [0, 1]))
    mean.add(pd.DataFrame([[0.5]], [2], [2]))
    found = mean.value
    assert list(found.index) == [0, 1, 2]
    np.testing.assert_allclose(found.loc[[0, 1], [0, 1]], [[0.5, 0.5], [0.5, np.nan]])
    assert found.loc[2, 2] == 0.5 and found.loc[[0, 1], 2].isna().all()


@pytest.mark.parametrize("draw", ["pages", "differences"])
def test_without_any_run_a_sentence_says_so(draw):
    empty = pairs(["a"]).iloc[:0].assign(arch="", optimizer="", seed=0)
    if draw == "pages":
        figure = grids.pages(empty, "cka", {})
    else:
        figure = grids.differences(empty, "cka", [("sgd", "adam")], {"sgd": "sgd", "adam": "adam"})
    assert grids.NONE in words(figure)


def test_each_row_of_a_page_is_of_one_architecture_and_the_runs_order_does_not_matter():
    frame = of_runs(lambda _a, optimizer, _s: pairs(["a"], speed=1.0 if optimizer == "sgd" else 2.0))
    figure = grids.pages(frame.sample(frac=1, random_state=0).sort_values("arch", kind="stable"), "cka", {})
    headings = {text.get_text(): text.get_position() for text in figure.texts if ", " in text.get_text()}
    heights = {name: round(y, 3) for name, (_, y) in headings.items()}
    assert heights["resnet, sgd"] == heights["resnet, adam"] > heights["vit, sgd"] == heights["vit, adam"]
    assert sorted(round(float(matrix_of(axes)[0, 1]), 4) for axes in figure.axes[:-1]) == [0.3333, 0.3333, 0.5, 0.5]


def test_pages_of_regions_have_a_heading_for_each_set_of_planes_in_their_usual_order():
    figure = grids.pages(of_runs(lambda *_: pairs(["a"], sets=reversed(SETS))), "cka", {})
    headings = [word for word in words(figure) if word.startswith("planes through")]
    assert headings == [f"planes through {IMAGES[name]}" for name in SETS]
    assert len(figure.axes) == 3 * 4 + 1


@pytest.mark.parametrize(
    ("speeds", "limit"), [((1.0, 1.0), 0.05), ((1.0, 2.0), 0.2), ((1.0, 3.0), 0.25), ((1.0, 9.0), 0.4)]
)
def test_colours_of_a_difference_reach_as_far_as_it_goes_in_steps_of_a_twentieth(speeds, limit):
    of = dict(zip(("sgd", "adam"), speeds, strict=True))
    frame = of_runs(lambda _a, optimizer, _s: pairs(["a"], speed=of[optimizer]))
    figure = grids.differences(frame, "cka", [("adam", "sgd")], {"sgd": "sgd", "adam": "adam"})
    norm, values = figure.axes[0].images[0].norm, matrix_of(figure.axes[0])
    assert (norm.vmin, norm.vmax) == pytest.approx((-limit, limit))
    furthest = float(np.abs(values).max())
    assert limit - 0.05 <= furthest + 1e-9 and furthest <= limit + 1e-9
    assert (values <= 1e-12).all(), "under the faster, layers are less alike"


def test_a_block_of_differences_names_what_it_subtracts():
    frame = of_runs(lambda *_: pairs(LAYERS[3])).assign(data="noisy")
    contrasts = [("sgd", "adam"), ("adam", "sgd")]
    figure = grids.differences(frame, "cka", contrasts, {"sgd": "sgd", "adam": "adam"})
    headings = [word for word in words(figure) if "−" in word]
    assert headings == [f"{arch}, noisy, {a} − {b}" for arch in ("resnet", "vit") for a, b in contrasts]


def test_a_study_without_two_optimizers_has_no_difference_and_a_sentence_says_so(make_job, config):
    job = make_job("figure", config | {"optimizers": {"sgd": config["optimizers"]["sgd"]}})
    with pytest.raises(RepdynError, match=r"`findings\.contrasts` has no two optimizers of this study"):
        grids.draw(job, "cka-difference")


def test_a_study_has_a_grid_and_a_difference_for_each_measure_and_for_regions():
    expected = [f"{name}-{kind}" for name in (*measures.OF_ACTIVATIONS, "regions") for kind in ("grid", "difference")]
    assert list(grids.figures(FULL)) == expected
