"""What a figure is drawn on: width, type, pages, and what its file says of itself."""

import base64
import io
import re
from types import SimpleNamespace

import matplotlib as mpl
import pytest
from matplotlib.text import Text
from PIL import Image
from sample_tables import EPOCHS, EVENTS, pairs

from repdyn.config.sections import Print
from repdyn.errors import RepdynError
from repdyn.figures import draw, paper, similarity, style

LAYERS = [f"layer{i}" for i in range(80)]
ABOUT = draw.About("A title − with a minus", "digits", "0123456789abcdef")


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_every_layer_is_on_one_page_and_each_page_says_which_it_is():
    with paper.on(paper.Paper()) as drawing:
        first = similarity.matrices(pairs(LAYERS), "cka")
    assert drawing.pages > 1
    further = [similarity.matrices(pairs(LAYERS), "cka", page=page) for page in range(2, drawing.pages + 1)]
    assert [name for figure in (first, *further) for name in titles(figure)] == LAYERS
    for number, figure in enumerate((first, *further), 1):
        assert f"page {number} of {drawing.pages}" in [text.get_text() for text in figure.texts]


def test_a_page_that_there_is_not_is_refused_in_a_sentence():
    with pytest.raises(RepdynError, match=r"no page 3 of this figure; it has one page\."):
        similarity.matrices(pairs(LAYERS[:3]), "cka", page=3)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"font_size": 5.0}, "makes letters smaller than 6"),
        ({"width": 2.0}, "is 3.00 inches wide or more, not 2"),
        ({"width": 3.25, "font_size": 14.0}, "is 6.00 inches wide or more, not 3.25"),
        ({"page": 0}, "There is no page 0"),
    ],
)
def test_paper_that_nothing_can_be_drawn_on_is_refused_in_a_sentence(options, complaint):
    with pytest.raises(RepdynError, match=complaint):
        similarity.matrices(pairs(LAYERS[:3]), "cka", **options)


def test_type_has_the_size_that_was_asked_for_at_the_width_that_was_asked_for():
    figure = similarity.matrices(
        pairs(LAYERS[:6]), "cka", title="Of layers", label="CKA", events=EVENTS, width=5.5, font_size=10.5
    )
    assert figure.get_size_inches()[0] <= 5.5 + 1e-9
    with style.language():
        figure.draw_without_rendering()
    sizes = {text.get_text(): text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()}
    assert sizes["epoch"] == pytest.approx(10.5)
    assert min(sizes.values()) == pytest.approx(9.0)


def test_a_figure_without_a_title_is_smaller_by_it():
    def height(title):
        return similarity.matrices(pairs(LAYERS[:3]), "cka", title=title).get_size_inches()[1]

    with paper.on(paper.Paper(titled=False)):
        untitled = height("Of layers")
    assert untitled == height("") < height("Of layers")


def saved(extension):
    content = io.BytesIO()
    with style.language():
        figure = similarity.matrices(pairs(["a", "b"]), "cka", label="CKA")
        figure.savefig(content, format=extension, metadata=ABOUT.metadata(extension))
    return content.getvalue()


def test_text_in_svg_is_text_in_a_font_that_falls_back():
    svg = saved("svg").decode()
    assert re.search(r"<text[^>]*>epoch</text>", svg)
    assert "DejaVu Sans" in svg and "Arial" in svg


@pytest.mark.parametrize("extension", ["svg", "pdf"])
def test_matrices_are_images_at_their_own_pixels(extension):
    content, side = saved(extension), len(EPOCHS)
    if extension == "pdf":
        for dimension in (rb"Width", rb"Height"):
            found = [int(size) for size in re.findall(rb"/%s (\d+)" % dimension, content)]
            assert found.count(side) == 2, found
        assert b"/Subtype /Image" in content
    else:
        found = re.findall(rb"base64,\n(.*?)\"", content, re.DOTALL)
        assert [Image.open(io.BytesIO(base64.b64decode(image))).size for image in found] == [(side, side)] * 2


def test_a_file_says_which_figure_it_is_of_which_study_and_from_which_tables():
    png = Image.open(io.BytesIO(saved("png"))).text
    assert (png["Title"], png["Source"], png["Comment"]) == (ABOUT.title, "study digits", "tables 0123456789abcdef")
    svg = saved("svg").decode()
    assert all(words in svg for words in (ABOUT.title, "study digits", "tables 0123456789abcdef"))
    assert all(words in saved("pdf") for words in (b"study digits", b"tables 0123456789abcdef"))


def many_pages(computed):
    """A module that draws layers on a few pages, and notes whenever it computes what it draws."""

    def compute():
        computed.append(paper.now().paper.page)
        return pairs(LAYERS)

    job = SimpleNamespace(study=SimpleNamespace(figures=SimpleNamespace(print=Print())))
    return SimpleNamespace(draw=lambda *_: similarity.matrices(paper.once("frame", compute), "cka")), job


def test_what_pages_share_is_computed_once_a_pdf_has_all_of_them_and_a_png_says_which_it_is():
    computed: list[int] = []
    module, job = many_pages(computed)
    content = draw.drawn(module, job, "cka", "pdf")
    assert len(re.findall(rb"/Type /Page\b[^s]", content)) > 1
    assert computed == [1]
    about = Image.open(io.BytesIO(draw.drawn(module, job, "cka", "png", 2, ABOUT))).text
    assert re.fullmatch(r"page 2 of \d", about["Description"])
    assert computed == [1, 2], "another file shares nothing with it"
    assert "Description" not in Image.open(io.BytesIO(saved("png"))).text


def test_fonts_are_those_of_matplotlib_wherever_it_runs():
    with style.language():
        assert mpl.font_manager.FontProperties().get_name() == "DejaVu Sans"
