"""Decision regions that move."""

import io
from collections import Counter
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from in_figures import panel
from overlaps import overlaps
from PIL import Image
from sample_tables import LAYERS, history, plane_of

from repdyn.figures import animation, paper, style


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


def test_two_films_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        film = animation.Film(*plane_of(["stem", "output"], steps=2), history(), classes=10)
        animation.save(film, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def film_of(layers, steps=2, **options):
    return animation.Film(*plane_of(layers, steps=steps), history(), classes=10, **options)


def test_a_film_of_two_hundred_classes_can_be_read():
    labels, corners = plane_of(["stem", "output"], steps=2)
    labels["labels"] = [np.arange(36, dtype=np.uint8) * 5 + i for i in range(len(labels))]
    corners = replace(corners, captions=["true 146\ngiven 139"] * 3)
    film = animation.Film(labels, corners, history(), classes=200, title="Regions around three test images")
    assert list(overlaps(film.figure)) == []


def test_a_film_of_many_layers_has_more_side_by_side_because_it_has_no_pages():
    few, many = (film_of(layers).figure for layers in (LAYERS[3], [f"layer{i}" for i in range(30)]))
    assert many.get_size_inches()[1] <= paper.TALLEST + 0.02

    def across(figure):
        return max(Counter(axes.get_position().y0 for axes in figure.axes if axes.get_title()).values())

    assert across(few) == 3 and across(many) > animation.ACROSS
    titles = [axes.get_title() for axes in many.axes if axes.get_title()]
    assert titles == [f"layer{i}" for i in range(30)]


def test_the_order_of_the_table_s_rows_does_not_matter():
    labels, corners = plane_of(LAYERS[3], steps=3)
    shuffled = labels.sample(frac=1, random_state=1)
    ordered, other = (animation.Film(rows, corners, history(), classes=10) for rows in (labels, shuffled))
    assert ordered.steps == other.steps == [0, 10, 20]
    for step in ordered.steps:
        for film in (ordered, other):
            film.show(step)
        for layer in LAYERS[3]:
            shown = [panel(film.figure, layer).images[0].get_array() for film in (ordered, other)]
            np.testing.assert_array_equal(*shown)


@pytest.fixture
def coarse(monkeypatch):
    """Fewer pixels, for speed."""
    monkeypatch.setattr(animation, "DPI", 40)


def saved(film):
    content = io.BytesIO()
    animation.save(film, content)
    return Image.open(content)


@pytest.mark.usefixtures("coarse")
def test_a_gif_has_a_frame_for_each_checkpoint_rests_on_the_last_and_begins_again():
    film = film_of(["stem", "output"], steps=3)
    gif = saved(film)
    durations = []
    for i in range(gif.n_frames):
        gif.seek(i)
        durations.append(gif.info["duration"])
    assert durations == [animation.MILLISECONDS] * 2 + [animation.LAST]
    assert gif.info["loop"] == 0
    inches = film.figure.get_size_inches()
    assert gif.size == tuple((inches * animation.DPI).astype(int))
    assert saved(film_of(["stem"], steps=1)).n_frames == 1


@pytest.mark.usefixtures("coarse")
def test_a_region_that_stays_keeps_its_colour_in_every_frame():
    labels, corners = plane_of(["stem", "output"], steps=3)
    still = labels["layer"] == "stem"
    labels.loc[still, "labels"] = pd.Series([np.full(36, 3, np.uint8)] * still.sum(), labels.index[still])
    film = animation.Film(labels, corners, history(), classes=10)
    gif, box = saved(film), panel(film.figure, "stem").get_position()
    at = round((box.x0 + 0.02) * gif.size[0]), round((1 - box.y0 - 0.02) * gif.size[1])
    seen = []
    for i in range(gif.n_frames):
        gif.seek(i)
        seen.append(gif.convert("RGB").getpixel(at))
    assert len(set(seen)) == 1
    expected = [round(255 * part) for part in mpl.colors.to_rgb(style.class_colours(10)[3])]
    np.testing.assert_allclose(seen[0], expected, atol=12)  # 256 colours for all
