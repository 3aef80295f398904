"""Decision regions on a plane, and which image is which."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from overlaps import overlaps
from sample_tables import LAYERS, history, plane_of

from repdyn.errors import RepdynError
from repdyn.figures import animation, planes, sheet, style


def test_planes_show_every_layer_at_checkpoints_spread_over_training_with_images_where_they_stand():
    labels, corners = plane_of(["stem", "output"])
    figure = planes.regions(labels, corners, classes=10)
    panels = [axes for axes in figure.axes if axes.images and len(axes.lines) == 3]
    assert len(panels) == 2 * planes.EPOCHS
    last = labels[(labels["layer"] == "output") & (labels["step"] == labels["step"].max())]["labels"].iloc[0]
    np.testing.assert_array_equal(panels[-1].images[0].get_array().ravel(), last)
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in panels[0].lines]
    assert dots == list(zip(corners.x, corners.y, strict=True))
    assert len(panels[0].artists) == 3, "thumbnails"
    of_many = planes.regions(*plane_of(LAYERS[20]), classes=10)
    assert not of_many.axes[0].artists and len(of_many.axes[0].lines) == 3, "too small for thumbnails"
    shapes = [line.get_marker() for line in panels[0].lines]
    keys = [axes for axes in figure.axes if axes.images and len(axes.lines) == 1]
    assert len(set(shapes)) == 3 and [axes.lines[0].get_marker() for axes in keys] == shapes, "which image is which"
    np.testing.assert_array_equal([axes.images[0].get_array() for axes in keys], corners.images.squeeze())
    titles = [axes.get_title() for axes in panels[: planes.EPOCHS]]
    assert titles[0] == "epoch 0" and titles[-1] == "11"


def test_of_two_hundred_classes_the_legend_names_those_of_most_points_and_everything_can_be_read():
    labels, corners = plane_of(["stem", "output"])
    random = np.random.default_rng(0)
    labels["labels"] = [random.integers(0, 200, 36, dtype=np.uint8) for _ in labels.index]
    labels.at[0, "labels"] = np.full(36, 199, np.uint8)
    corners = replace(corners, captions=["true 146\ngiven 139"] * 3)
    figure = planes.regions(labels, corners, classes=200)
    assert list(overlaps(figure)) == []
    (legend,) = figure.legends
    words = [text.get_text() for text in legend.texts]
    assert len(words) == planes.NAMED + 1 and "199" in words
    shown = labels[labels["step"].isin(planes.spread(np.sort(labels["step"].unique()), planes.EPOCHS))]
    appear = len(np.unique(np.concatenate(shown["labels"].tolist())))
    assert words[-1] == f"{appear - planes.NAMED} more"


def test_images_stay_within_their_panel():
    labels, corners = plane_of(["stem", "output"])
    corners = replace(corners, y=np.array([-1.2, -1.2, 4.3]), x=np.array([-0.8, 2.9, 1.0]))
    figure = planes.regions(labels, corners, classes=10)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    (axes, *_others) = [axes for axes in figure.axes if axes.artists]
    frame = axes.get_window_extent()
    for image in axes.artists:
        box = image.patch.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1


def test_images_of_more_pixels_than_the_paper_has_dots_are_not_placed():
    _labels, corners = plane_of(["stem"])
    axes = sheet.panel(sheet.blank(2, 2), 0.5, 0.5, 1, 1)
    planes.place_images(axes, corners, 0.1, dpi=70)
    assert not axes.artists and len(axes.lines) == 3
    planes.place_images(axes, corners, 0.1, dpi=90)
    assert len(axes.artists) == 3


@pytest.mark.parametrize(
    ("steps", "count", "chosen"),
    [
        ([0, 10, 20, 30], 8, [0, 10, 20, 30]),
        ([0, 1, 2, 3, 100], 3, [0, 2, 100]),
        ([0, 1, 2, 3, 100], 2, [0, 100]),
        ([5], 8, [5]),
        ([], 8, []),
    ],
)
def test_checkpoints_are_chosen_by_rank_with_the_first_and_the_last(steps, count, chosen):
    assert planes.spread(np.array(steps), count) == chosen


def test_no_checkpoint_is_chosen_twice_and_never_more_than_asked_for():
    for count in range(1, 40):
        chosen = planes.spread(np.arange(0, 300, 10), count)
        assert chosen == sorted(set(chosen)) and len(chosen) == min(count, 30)


def test_the_legend_has_the_classes_that_appear_in_their_colours():
    colours = planes.colour_map(10)
    patches = planes.class_patches([np.array([7, 7, 2], np.uint8), np.array([2, 9, 9], np.uint8)], colours, {7: "dog"})
    assert [patch.get_label() for patch in patches] == ["2", "dog", "9"]
    assert [to_hex(patch.get_facecolor()) for patch in patches] == [style.class_colours(10)[i] for i in (2, 7, 9)]


def test_of_many_classes_those_of_most_points_are_named_and_of_ties_the_first():
    points = np.concatenate([np.arange(40), [39, 38]]).astype(np.uint8)
    labels = [patch.get_label() for patch in planes.class_patches([points], planes.colour_map(40), {})]
    assert labels == [*map(str, range(planes.NAMED - 2)), "38", "39", f"{40 - planes.NAMED} more"]
    exactly = planes.class_patches([np.arange(planes.NAMED)], planes.colour_map(planes.NAMED), {})
    assert [patch.get_label() for patch in exactly] == [*map(str, range(planes.NAMED))]


def test_a_plane_s_first_point_is_in_its_lower_left_corner_and_each_class_has_its_own_colour():
    _labels, corners = plane_of(["stem"])
    figure = sheet.blank(2.0, 2.0)
    axis = sheet.panel(figure, 0.0, 0.0, 2.0, 2.0, ticks=False)
    planes.plane(axis, np.array([0, 9, 4, 4]), corners, planes.colour_map(10))
    assert (axis.get_xlim(), axis.get_ylim()) == (corners.x_range, corners.y_range)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    quarter, three = len(pixels) // 4, 3 * len(pixels) // 4
    seen = [
        to_hex(pixels[row, column, :3] / 255) for row, column in ((three, quarter), (three, three), (quarter, three))
    ]
    assert seen == [style.class_colours(10)[label] for label in (0, 9, 4)]


def test_a_plane_is_as_high_as_its_coordinates_are():
    _labels, corners = plane_of(["stem"])
    assert corners.ratio == 6.0 / 4.0
    figure = planes.regions(*plane_of(["stem", "output"]), classes=10)
    box = next(axes for axes in figure.axes if len(axes.lines) == 3).get_position()
    wide, high = box.size * figure.get_size_inches()
    assert high / wide == pytest.approx(corners.ratio)


def pictured(name="test", **changes):
    """A row of the table of planes: through (0, 0), (2, 0) and (1, 3) of two pixels, a grey one and a dark one."""
    row = {
        "purpose": "picture", "planes": name, "plane": 0, "origin": [0.0, 0.0, 0.0, 1.0], "a": [1.0, 0.0, 0.0, 0.0],
        "b": [0.0, 1.0, 0.0, 0.0], "x": np.array([0.0, 2.0, 1.0]), "y": np.array([0.0, 0.0, 3.0]),
        "x_range": [-1.0, 3.0], "y_range": [-1.0, 4.0], "examples": [4, 5, 6], "labels": [7, 8, 9],
    }  # fmt: skip
    return row | changes


def reading_of(monkeypatch, rows, labels, names=("7", "8", "8")):
    # The last is of the test part, whose examples are numbered by themselves.
    examples = pd.DataFrame({
        "split": ["train", "train", "train", "test"], "example": [6, 5, 4, 4], "given_label": [0, 1, 2, 8],
        "label": pd.Series([7, 8, 8, 8], dtype="Int64"), "class_name": [*names, names[-1]],
    })  # fmt: skip
    tables = {planes.PLANES.name: pd.DataFrame(rows), planes.PICTURES.name: labels, planes.EXAMPLES.name: examples}
    monkeypatch.setattr(planes.reading, "of_run", lambda _job, table: tables[table.name])
    monkeypatch.setattr(planes.datasets, "inputs", lambda _data: SimpleNamespace(shape=(1, 2, 2)))
    monkeypatch.setattr(planes.datasets, "classes", lambda _data: 10)
    return SimpleNamespace(data=None)


def test_what_is_read_is_the_first_picture_plane_of_a_set_with_its_images_in_their_own_range(monkeypatch):
    rows = [pictured(purpose="compare", plane=1), pictured("clean", plane=2), pictured(plane=3), pictured(plane=4)]
    labels = pd.DataFrame(
        [("test", 3, "stem"), ("test", 4, "stem"), ("clean", 3, "stem"), ("test", 3, "output")],
        columns=["planes", "plane", "layer"],
    )
    job = reading_of(monkeypatch, rows, labels)
    found, corners, classes, names = planes.read(job, "test")
    assert list(found.index) == [0, 3] and classes == 10 and names == {7: "7", 8: "8"}
    assert corners.captions == ["class 7", "class 8", "class 9"]
    assert corners.x_range == (-1.0, 3.0)
    assert corners.images.shape == (3, 2, 2, 1)
    scaled = [[0, 0, 0, 1], [1, 0, 0, 0.5], [1 / 3, 1, 0, 1 / 3]]
    np.testing.assert_allclose(corners.images.reshape(3, 4), scaled)


def test_a_mislabelled_image_s_caption_has_its_true_class_and_the_label_that_this_run_was_given(monkeypatch):
    job = reading_of(monkeypatch, [pictured("mislabelled")], pd.DataFrame(columns=["planes", "plane", "layer"]))
    _, corners, *_ = planes.read(job, "mislabelled")
    assert corners.captions == ["true 7\ngiven 2", "true 8\ngiven 1", "true 9\ngiven 0"]


def test_classes_are_called_by_their_names_where_the_examples_have_them(monkeypatch):
    labels = pd.DataFrame(columns=["planes", "plane", "layer"])
    job = reading_of(monkeypatch, [pictured()], labels, ["cat", "dog", "dog"])
    _, corners, _, names = planes.read(job, "test")
    assert names == {7: "cat", 8: "dog"}
    assert corners.captions == ["cat", "dog", "class 9"]


def test_long_names_of_classes_are_cut_at_their_end_and_nothing_overlaps():
    labels, corners = plane_of(["stem", "output"])
    names = {label: f"{label} and a name that goes on and on until nobody can read it" for label in range(10)}
    captions = [f"true {planes.called(i, names)}\ngiven {planes.called(0, names)}" for i in (1, 2, 3)]
    corners = replace(corners, captions=captions)
    figure = planes.regions(labels, corners, classes=10, names=names)
    assert list(overlaps(figure)) == []
    (legend,) = figure.legends
    assert all(text.get_text()[0].isdigit() and text.get_text().endswith("…") for text in legend.texts)
    assert list(overlaps(animation.Film(labels, corners, history(), classes=10, names=names).figure)) == []


def test_without_planes_of_a_set_one_sentence_says_so(monkeypatch):
    job = reading_of(monkeypatch, [pictured(), pictured("clean", purpose="compare")], pd.DataFrame())
    with pytest.raises(RepdynError, match=r"no planes through three correctly labelled .* no figure `planes-clean`\."):
        planes.read(job, "clean")
