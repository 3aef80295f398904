"""That pictures of decision regions, still and moving, show what the tables say, and which image is which."""

from dataclasses import replace

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from overlaps import overlaps
from sample_tables import LAYERS, history, plane_of

from repdyn.figures import animation, planes, sheet


def panel(figure, title):
    (axes,) = [axes for axes in figure.axes if axes.get_title() == title]
    return axes


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
    assert list(overlaps(animation.Film(labels, corners, history(), classes=200).figure)) == []


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


def test_a_film_moves_regions_cursor_and_clock_together():
    labels, corners = plane_of(["stem", "output"], steps=3)
    film = animation.Film(labels, corners, history(), classes=10)
    assert film.steps == [0, 10, 20]
    film.show(20)
    stem = panel(film.figure, "stem")
    shown = labels[(labels["layer"] == "stem") & (labels["step"] == 20)]["labels"].iloc[0]
    np.testing.assert_array_equal(stem.images[0].get_array().ravel(), shown)
    words = [text.get_text() for text in film.figure.texts]
    assert "epoch 2" in words
    (strip,) = [axes for axes in film.figure.axes if axes.get_ylabel() == "accuracy"]
    assert strip.lines[-1].get_xdata() == [2.0, 2.0]
    assert len({frame.tobytes() for frame in film.frames()}) == 3
