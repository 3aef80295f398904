import base64
import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from repdyn.report import pictures


@pytest.fixture
def make(tmp_path):
    """A PNG of so many pixels, of one colour or of noise."""

    def make(width, height, noise=False):
        shape = (height, width, 3)
        pixels = np.random.default_rng(0).integers(0, 256, shape) if noise else np.full(shape, 40)
        path = tmp_path / "figure.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        return path

    return make


def decoded(picture):
    head, content = picture.source.split(",")
    return head, base64.b64decode(content)


def test_a_small_figure_is_shown_as_it_is(make):
    path = make(900, 700)
    picture = pictures.whole(path)
    assert decoded(picture) == ("data:image/png;base64", path.read_bytes())
    assert (picture.width, picture.height, picture.whole) == (900, 700, True)


def test_a_large_figure_is_reduced(make):
    path = make(2400, 1200, noise=True)
    assert path.stat().st_size > pictures.WHOLE
    picture = pictures.whole(path)
    head, content = decoded(picture)
    assert head == "data:image/webp;base64" and not picture.whole
    assert Image.open(io.BytesIO(content)).size == (picture.width, picture.height) == (pictures.REDUCED, 900)


def test_a_thumbnail_is_no_larger_than_the_figure(make):
    assert pictures.thumbnail(make(2000, 500)).width == pictures.THUMBNAIL
    assert pictures.thumbnail(make(100, 50)).width == 100


def test_a_figure_too_large_to_be_read_has_no_picture(make, monkeypatch):
    path = make(100, 100)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 9_999)
    assert pictures.thumbnail(path) is None


def test_a_figure_of_several_pages_says_which_it_is_whole_or_reduced(make, tmp_path):
    path, about = tmp_path / "page.png", PngImagePlugin.PngInfo()
    about.add_text("Description", "page 1 of 2")
    with Image.open(make(900, 700)) as image:
        image.save(path, pnginfo=about)
    assert [pictures.whole(path).page, pictures.thumbnail(path).page] == ["page 1 of 2"] * 2
    assert pictures.whole(make(900, 700)).page == ""
