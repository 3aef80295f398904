"""What is placed on a sheet fits where it is placed."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from in_figures import words
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from overlaps import overlaps

from repdyn.errors import RepdynError
from repdyn.figures import paper, sheet, style


def test_a_legend_has_as_many_columns_as_fit():
    handles = [Line2D([], [], label=label) for label in ("a long label of many words", "b", "c", "d")]
    for width in (1.0, 2.5, 3.0, 9.0):
        columns = sheet.legend_columns(handles, width)
        assert columns == 1 or sheet.legend_width(handles, columns) <= width
        assert columns == 4 or sheet.legend_width(handles, columns + 1) > width
    assert sheet.legend_columns(handles, 3.2) == 4, "short labels take little room"


@pytest.mark.parametrize("text", ["global_pool", "layer4.1.conv2", "a"])
def test_a_name_is_shortened_to_fit_and_keeps_its_end(text):
    for inches in (0.3, 0.5, 2.0):
        short = sheet.shortened(text, inches)
        assert sheet.text_width(short) <= inches or len(short) <= 2
        assert text.endswith(short.lstrip("…"))


def test_a_text_s_width_is_what_matplotlib_draws():
    figure = sheet.blank(4, 1)
    with style.language():
        sheet.write(figure, 0, 0, "Agreement of decision regions")
        (text,) = figure.texts
        drawn = text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width
    assert drawn / figure.dpi == pytest.approx(sheet.text_width("Agreement of decision regions"), rel=0.05)


@pytest.mark.parametrize(
    ("places", "words", "kept"),
    [
        ([0.0, 0.5, 1.0], ["0", "1", "10"], ["0", "1", ""]),  # the last one would reach over the panel
        ([0.0, 0.02, 0.5], ["0", "1", "10"], ["", "1", "10"]),
        ([0.0, 0.3, 0.4, 0.5, 0.6], ["0", "1", "10", "100", "1000"], ["0", "1", "", "100", ""]),
    ],
)
def test_labels_of_ticks_never_touch(places, words, kept):
    axis = sheet.panel(sheet.blank(2, 2), 0.5, 0.5, 1.0, 1.0)
    axis.set_xlim(0, 1)
    assert sheet.apart(axis, places, words) == kept


def test_labels_are_measured_where_ticks_are_after_drawing_though_no_limits_are_set():
    places, words = [-3.6, -3.3, -3.0, -1.9], ["0.00025", "0.0005", "0.001", "0.0125"]
    drawn, given = (sheet.panel(sheet.blank(2, 2), 0.5, 0.5, 1.0, 1.0) for _ in range(2))
    drawn.plot(places, [0, 0, 0, 0])
    given.set_xlim(sheet.panel(sheet.blank(2, 2), 0.5, 0.5, 1.0, 1.0).plot(places, [0] * 4)[0].axes.get_xlim())
    assert sheet.apart(drawn, places, words) == sheet.apart(given, places, words) != words


NAMES = ["a_layer_of_a_very_long_name", "b"]


@pytest.mark.parametrize("inches", [0.2, 0.5, 1.0, 1.5, 9.0])
def test_names_side_by_side_fit_and_the_longest_loses_its_middle_first(inches):
    joined = sheet.joined(NAMES, inches)
    long, short = joined.split(", ")
    assert short == "b"
    assert sheet.text_width(joined) <= inches or len(long) <= 2
    if long != NAMES[0]:
        head, tail = long.split("…")
        assert NAMES[0].startswith(head) and NAMES[0].endswith(tail)
        assert len(head) - len(tail) in (0, 1)
        kept = len(head) + len(tail) + 1
        longer = f"{NAMES[0][: kept - kept // 2]}…{NAMES[0][-(kept // 2) :]}, b"
        assert sheet.text_width(longer) > sheet.SCREEN["normal"] * inches, "no more is lost than must be"


def test_names_that_have_room_stay_as_they_are_in_any_letters():
    assert sheet.joined(["résidu", "слой"], 9.0) == "résidu, слой"
    assert sheet.joined([], 1.0) == ""
    assert sheet.shortened("", 0.1) == "" and sheet.shortened("слой", 9.0) == "слой"


def test_a_text_is_broken_at_its_words_and_each_line_is_as_full_as_it_can_be():
    text = "How fast each layer changes from one evaluated epoch to the next, by depth and time"
    for inches in (0.8, 1.5, 3.0):
        lines = sheet.wrapped(text, inches)
        assert " ".join(lines) == text
        room = inches * sheet.SCREEN["normal"]
        assert all(sheet.text_width(line) <= room for line in lines)
        firsts = [line.split()[0] for line in lines]
        assert all(sheet.text_width(f"{a} {b}") > room for a, b in zip(lines, firsts[1:], strict=False))
    assert sheet.wrapped("", 1.0) == sheet.wrapped("  \n ", 1.0) == []
    (line,) = sheet.wrapped("layer_of_forty_characters_and_no_space_0", 1.0)
    assert line.startswith("…") and line.endswith("_0") and sheet.text_width(line) <= 1.0


def test_a_headline_begins_with_a_capital_and_fits_in_bold():
    lines = sheet.headline("phases of CKA are more distinguishable under the first of two optimizers", 2.0)
    assert " ".join(lines) == "Phases of CKA are more distinguishable under the first of two optimizers"
    assert max(sheet.text_width(line, weight="bold") for line in lines) <= 2.0


def test_names_beside_panels_take_a_fifth_of_the_page_at_most_and_their_width_is_told():
    named, width = sheet.named_rows(["stem", "a_layer_of_a_name_that_is_much_too_long_for_a_page"])
    assert named[0] == "stem" and named[1].startswith("…")
    widest = sheet.text_width(named[1], style.SMALL)
    assert widest <= 1.4 + 1e-9 and width >= widest


@pytest.mark.parametrize(("width", "height"), [(paper.PAGE + 0.1, 1.0), (1.0, paper.TALLEST + 0.1)])
def test_what_is_larger_than_a_page_is_refused_with_its_size(width, height):
    with pytest.raises(RepdynError, match=rf"takes {width:.1f} by {height:.1f} inches, and a page has 7\.0 by 9\.2;"):
        sheet.blank(width, height)
    with paper.on(paper.Paper(width=14.0, font_size=14.0)), pytest.raises(RepdynError, match=r"has 14\.0 by 9\.2"):
        sheet.blank(7.2, 1.0)
    assert tuple(sheet.blank(paper.PAGE, paper.TALLEST).get_size_inches()) == (paper.PAGE, paper.TALLEST)


def test_things_are_placed_in_inches_from_the_upper_left_corner():
    figure = sheet.blank(4.0, 2.0)
    axis = sheet.panel(figure, 0.5, 0.25, 2.0, 1.0)
    np.testing.assert_allclose(axis.get_position().bounds, (0.5 / 4, 1 - 1.25 / 2, 2.0 / 4, 1.0 / 2))
    sheet.write(figure, 1.0, 0.5, "word")
    (text,) = figure.texts
    assert text.get_position() == (0.25, 0.75)
    assert (text.get_horizontalalignment(), text.get_verticalalignment()) == ("left", "top")
    assert not sheet.panel(figure, 3.0, 0.25, 0.5, 0.5, ticks=False).get_xticks().size


def test_a_title_takes_the_height_that_is_kept_for_it_and_none_where_figures_have_none():
    title, below = "Each layer compared with itself at every other checkpoint of its training", "said in a sentence"
    for width in (1.5, 3.0):
        figure = sheet.blank(width, 4.0)
        sheet.title(figure, title, below)
        written = figure.texts
        assert [text.get_text() for text in written] == [
            *sheet.wrapped(title, width - 0.1, style.TITLE),
            *sheet.wrapped(below, width - 0.1, style.SMALL),
        ]
        FigureCanvasAgg(figure).draw()
        lowest = min(text.get_window_extent().y0 for text in written) / figure.dpi
        assert 4.0 - lowest <= sheet.title_height(title, width, below)
    with paper.on(paper.Paper(titled=False)):
        assert sheet.title_height(title, 3.0) == sheet.title_height("", 3.0) < 0.1


def test_a_figure_of_nothing_says_why_below_its_title():
    figure = sheet.nothing("Scores", "No run has any of the scores.")
    assert words(figure) == ["Scores", "No run has any of the scores."]
    assert list(overlaps(figure)) == [] and not figure.axes


@pytest.mark.parametrize(("width", "panels"), [(3.0, 1), (3.8, 1), (3.9, 2), (5.5, 2), (5.6, 3), (7.0, 3), (14.0, 3)])
def test_one_to_three_panels_of_curves_stand_side_by_side(width, panels):
    with paper.on(paper.Paper(width=width)):
        assert sheet.side_by_side(0.48) == panels


def test_a_legend_is_read_row_by_row_and_has_the_height_that_is_kept_for_it():
    handles = [Line2D([], [], label=label) for label in ("one", "two", "three", "four", "five")]
    width = sheet.legend_width(handles, 2)
    figure = sheet.blank(6.0, 3.0)
    with style.language():
        sheet.legend(figure, 0.5, 1.0, handles, width)
        FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    at = {text.get_text(): text.get_window_extent() for text in legend.get_texts()}
    by_row = sorted(at, key=lambda word: (-round(at[word].y0), at[word].x0))
    assert by_row == ["one", "two", "three", "four", "five"]
    assert len({round(box.x0) for box in at.values()}) == 2
    extent = legend.get_window_extent()
    assert extent.height / figure.dpi <= sheet.legend_height(handles, width) + 0.02
    assert extent.width / figure.dpi <= width


def test_there_is_no_legend_of_nothing():
    figure = sheet.blank(2.0, 1.0)
    sheet.legend(figure, 0.0, 0.0, [], 2.0)
    assert not figure.legends and sheet.legend_height([], 2.0) == 0.0


def test_a_panel_of_one_seed_says_so_in_the_singular():
    axis = sheet.panel(sheet.blank(4.0, 2.0), 0.5, 0.5, 3.0, 1.0)
    for seeds, said in ((1, "vit, sgd (1 seed)"), (2, "vit, sgd (2 seeds)")):
        sheet.name_panel(axis, ["vit", "sgd"], seeds, 3.0, pad=3)
        assert axis.get_title(loc="left") == said


def test_a_band_spans_the_seeds_and_one_seed_has_none():
    runs = pd.DataFrame({"epoch": [1, 1, 1, 2, 2, 2], "value": [0.0, 0.5, 1.0, 0.3, 0.3, 0.9]})
    axis = sheet.panel(sheet.blank(3.0, 2.0), 0.5, 0.5, 2.0, 1.0)
    sheet.mean_and_range(axis, runs.groupby("epoch")["value"], "#000000")
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[1, 0.5], [2, 0.5]])
    vertices = {tuple(vertex) for vertex in axis.collections[0].get_paths()[0].vertices}
    assert vertices == {(1, 0.0), (1, 1.0), (2, 0.3), (2, 0.9)}
    one = sheet.panel(sheet.blank(3.0, 2.0), 0.5, 0.5, 2.0, 1.0)
    sheet.mean_and_range(one, runs.iloc[::3].groupby("epoch")["value"], "#000000")
    assert not one.collections and len(one.lines) == 1


def test_a_matrix_has_its_first_row_below_and_undefined_entries_in_a_colour_of_their_own():
    figure = sheet.blank(2.0, 2.0)
    axis = sheet.panel(figure, 0.0, 0.0, 2.0, 2.0, ticks=False)
    image = sheet.matrix(axis, np.array([[0.0, np.nan, 1.0], [1.0, 1.0, 0.0]]), style.SIMILARITY, (0.0, 1.0))
    assert axis.get_xlim() == (-0.5, 2.5) and axis.get_ylim() == (-0.5, 1.5)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    seen = pixels[[pixels.shape[0] * 3 // 4]][0, [pixels.shape[1] * (2 * j + 1) // 6 for j in range(3)]]
    low, high = (style.SIMILARITY(value)[:3] for value in (0.0, 1.0))
    np.testing.assert_allclose(seen, [low, mpl.colors.to_rgb(style.UNDEFINED), high], atol=0.01)
    assert image.cmap is not style.SIMILARITY, "the colour map of others stays as it is"
