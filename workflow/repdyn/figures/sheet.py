"""A sheet of paper on which elements are placed in inches, from the left and from the top.

Compared with a layout engine, figures of three layers and of twenty have the same type and gaps, nothing overlaps, and
layout takes no time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.textpath import text_to_path

from ..errors import RepdynError
from ..types import Array
from . import paper, style

if TYPE_CHECKING:
    from pandas.core.groupby import SeriesGroupBy

LINE = 0.15  # inches for a line of a title
ROW = 0.123  # inches for a line of a legend
BESIDE_ENTRY = 0.42  # inches for a legend's line and the gaps around a text
CURVES = 1.7  # inches: the least width of one of several panels of curves side by side
SCREEN = {"normal": 0.96, "bold": 0.93}  # small letters are wider on a screen than on paper, by which they are measured
BEYOND, BETWEEN = 0.045, 0.03  # inches that a tick's label may reach over its panel, and between two labels
EPOCH_AXIS = 0.34  # inches below a panel for an axis with ticks and a label


@cache
def text_width(text: str, points: float = style.TEXT, weight: str = "normal") -> float:
    """The width of a line of text, in inches."""
    font = FontProperties(family=style.RC["font.sans-serif"][0], size=points, weight=weight)
    width: float = text_to_path.get_text_width_height_descent(text, font, False)[0] / 72
    return width


def joined(names: Sequence[str], inches: float, points: float = style.TEXT, weight: str = "normal") -> str:
    """Names side by side; where there is no room, the longest lose their middles."""
    inches *= SCREEN[weight]
    names, kept = list(names), list(names)
    while text_width(", ".join(names), points, weight) > inches and max(map(len, names)) > 2:
        longest = max(range(len(names)), key=lambda i: text_width(names[i], points, weight))
        fewer = len(names[longest].replace("…", "")) - 1
        head = -(-fewer // 2)
        names[longest] = f"{kept[longest][:head]}…{kept[longest][len(kept[longest]) - (fewer - head) :]}"
    return ", ".join(names)


def shortened(name: str, inches: float, points: float = style.TEXT, keep: Literal["end", "beginning"] = "end") -> str:
    """Shorten a name to the width; by default keep its end, where layers of a stage differ."""
    if text_width(name, points) <= inches:
        return name
    while len(name) > 1 and text_width(f"…{name}", points) > inches:
        name = name[1:] if keep == "end" else name[:-1]
    return f"…{name}" if keep == "end" else f"{name}…"


def wrapped(text: str, inches: float, points: float = style.TEXT) -> list[str]:
    """Break a text into lines that fit the width; a word that is wider is shortened."""
    inches *= SCREEN["normal"]
    lines: list[str] = []
    for word in (shortened(each, inches, points) for each in text.split()):
        if lines and text_width(f"{lines[-1]} {word}", points) <= inches:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def headline(claim: str, inches: float) -> list[str]:
    """The lines of a claim as a heading; bold letters are wider than the measured ones."""
    return wrapped(claim[0].upper() + claim[1:], 0.87 * inches)


def blank(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, with the number of its page below where it is one of several.

    Raises:
        RepdynError: if it is larger than a page.
    """
    footer = paper.numbered(paper.now().pages)
    high = height + (paper.FOOT if footer else 0.0)
    if high > paper.tallest() + 0.01 or width > paper.width() + 0.01:
        scale = paper.now().paper.scale
        raise RepdynError(
            f"This figure takes {width * scale:.1f} by {high * scale:.1f} inches, and a page has "
            f"{paper.width() * scale:.1f} by {paper.TALLEST:.1f}; choose fewer layers or runs, or take a larger "
            "`width` or a smaller `font_size`."
        )
    figure = Figure(figsize=(width, high))
    if footer:
        write(
            figure, width - 0.05, high - 0.03, footer, ha="right", va="bottom", fontsize=style.SMALL, color=style.GREY
        )
    return figure


def nothing(title_of_it: str, why: str) -> Figure:
    """The figure of what there is nothing to show of, which says why."""
    width = paper.column()
    figure = blank(width, title_height(title_of_it, width, why) + 0.1)
    title(figure, title_of_it, why)
    return figure


def side_by_side(left: float) -> int:
    """How many panels of curves stand side by side, beside an axis of that width."""
    return max(1, min(3, int((paper.width() - left) / CURVES)))


def named_rows(names: Sequence[str], points: float = style.SMALL) -> tuple[list[str], float]:
    """Names that stand left of panels, shortened where they would take more than a fifth of the page, and their width.

    Returns:
        The names, and the width of the widest in inches.
    """
    most = min(1.5, paper.width() / 5)
    short = [shortened(name, most, points) for name in names]
    return short, max(text_width(name, points) for name in short) / SCREEN["normal"]


def panel(figure: Figure, left: float, top: float, width: float, height: float, ticks: bool = True) -> Axes:
    """Add axes, placing their frame."""
    wide, high = figure.get_size_inches()
    axis = figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))
    size: dict[str, Any] = {"length": 2.5, "width": 0.6, "labelsize": style.SMALL, "labelcolor": style.INK, "pad": 2}
    axis.tick_params(which="major", color=style.INK, **size)
    axis.tick_params(which="minor", length=1.4, width=0.5, color=style.INK)
    if not ticks:
        axis.set(xticks=[], yticks=[])
    return axis


def apart(axis: Axes, places: Sequence[float], words: Sequence[str], which: str = "x") -> list[str]:
    """The labels of ticks, those empty that would touch others or reach over the panel.

    Args:
        axis: a panel whose scale is set, and whose limits are set or are to hold what is drawn.
        places: of the ticks in data, ascending.
        words: their labels.
        which: the side that they are on, ``x`` or ``y``.

    Returns:
        A regular choice of all but the first, which is written where there is room before the others.
    """
    inches = axis.get_position().size * axis.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    dimension = 0 if which == "x" else 1
    length = float(inches[dimension])
    axis.get_xlim()  # brings limits up to date with what was drawn
    to_axis = axis.transScale + axis.transLimits
    at = [length * float(to_axis.transform((place, place))[dimension]) for place in places]
    half = [(text_width(word, style.SMALL) if which == "x" else style.SMALL / 72) / 2 for word in words]

    def touch(chosen: Sequence[int]) -> bool:
        return any(at[b] - half[b] < at[a] + half[a] + BETWEEN for a, b in itertools.pairwise(chosen))

    count = len(words)
    inside = [i for i in range(1, count) if at[i] + half[i] <= length + BEYOND]
    every = next((n for n in range(1, count + 1) if not touch([i for i in inside if (i - 1) % n == 0])), 1)
    further = [i for i in inside if (i - 1) % every == 0]
    chosen = {*further} if touch([0, *further[:1]]) else {0, *further}
    return [word if i in chosen else "" for i, word in enumerate(words)]


def write(figure: Figure, left: float, top: float, text: str, **options: Any) -> None:
    """Write text with its upper left corner at a place, unless the options say otherwise."""
    wide, high = figure.get_size_inches()
    given: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": style.TEXT}
    figure.text(left / wide, 1 - top / high, text, **(given | options))


def title(figure: Figure, text: str, below: str = "") -> None:
    """Write a title in the upper left corner, in several lines if necessary, and a smaller text below."""
    width, top = figure.get_size_inches()[0] - 0.1, 0.05
    for line in _title(text, width):
        write(figure, 0.05, top, line, fontsize=style.TITLE)
        top += LINE
    for line in wrapped(below, width, style.SMALL):
        write(figure, 0.05, top, line, fontsize=style.SMALL, color=style.GREY)
        top += 0.8 * LINE


def title_height(text: str, width: float, below: str = "") -> float:
    """The height of a title, in inches."""
    lines = len(_title(text, width - 0.1)) + 0.8 * len(wrapped(below, width - 0.1, style.SMALL))
    return 0.1 + LINE * lines if lines else 0.04


def _title(text: str, width: float) -> list[str]:
    """The lines of a title, none where figures have none."""
    return wrapped(text, width, style.TITLE) if paper.now().paper.titled else []


def legend_width(handles: Sequence[Artist], columns: int = 1) -> float:
    """The width of a legend, in inches; each column is as wide as its widest entry."""
    widths = [BESIDE_ENTRY + text_width(str(handle.get_label()), style.SMALL + 0.3) for handle in handles]
    return sum(max(widths[column::columns]) for column in range(min(columns, len(handles))))


def legend_columns(handles: Sequence[Artist], width: float) -> int:
    """The number of a legend's columns that fit the width."""
    return next((n for n in range(len(handles), 1, -1) if legend_width(handles, n) <= width), 1)


def legend_height(handles: Sequence[Artist], width: float) -> float:
    """The height of a legend of that width, in inches."""
    return ROW * -(-len(handles) // legend_columns(handles, width)) + 0.07 if handles else 0.0


def legend(figure: Figure, left: float, top: float, handles: Sequence[Artist], width: float, **options: Any) -> None:
    """Draw a legend, read row by row."""
    if not handles:
        return
    wide, high = figure.get_size_inches()
    columns = legend_columns(handles, width)
    rows = -(-len(handles) // columns)
    by_row = [handles[row * columns + column] for column in range(columns) for row in range(rows)
              if row * columns + column < len(handles)]  # fmt: skip
    figure.legend(
        handles=by_row, loc="upper left", bbox_to_anchor=(left / wide, 1 - top / high), ncols=columns,
        **({"borderaxespad": 0, "borderpad": 0, "handlelength": 2.2, "columnspacing": 1.4, "labelspacing": 0.35,
            "handletextpad": 0.6} | options),
    )  # fmt: skip


def name_panel(axis: Axes, names: Sequence[str], seeds: int, inches: float, pad: float) -> None:
    """Write a panel's title: its names, shortened to its width, and the number of seeds."""
    of_seeds = f" ({seeds} seed{'s' if seeds != 1 else ''})"
    words = joined(names, inches - text_width(of_seeds)) + of_seeds
    axis.set_title(words, loc="left", fontsize=style.TEXT, pad=pad)


def mean_and_range(axis: Axes, values: SeriesGroupBy[Any, Any], colour: str, **line: Any) -> None:
    """Draw the mean of each group as a line, and a band from lowest to highest; groups are values on the x axis."""
    mean, low, high = values.mean(), values.min(), values.max()
    if (high > low).any():
        axis.fill_between(mean.index, low, high, color=colour, alpha=0.18, linewidth=0)
    axis.plot(mean.index, mean, color=colour, **line)


def matrix(axis: Axes, values: Array, cmap: Colormap, limits: tuple[float, float]) -> AxesImage:
    """Draw a matrix as an image at its own pixels, the first row below; undefined values have a colour of their own.

    Whatever the format, an entry is one pixel of the file's image: a mesh would be a path for each in SVG, and as a
    raster in PDF take the memory of a whole page at full resolution for each matrix.

    Args:
        axis: of the panel; cell (i, j) is centred at y = i, x = j. Its limits become those of the matrix.
        values: (rows, columns), masked or NaN where undefined.
        cmap: the colour map.
        limits: of the colours.
    """
    rows, columns = values.shape
    return axis.imshow(
        np.ma.masked_invalid(values), cmap=cmap.with_extremes(bad=style.UNDEFINED), vmin=limits[0], vmax=limits[1],
        origin="lower", extent=(-0.5, columns - 0.5, -0.5, rows - 0.5), interpolation="none", aspect="auto",
    )  # fmt: skip


def colour_bar(
    figure: Figure, mappable: Any, left: float, top: float, height: float, label: str, **options: Any
) -> None:
    """Draw a colour bar; with its labels it is half an inch wide."""
    axis = panel(figure, left, top, 0.09, height)
    bar = figure.colorbar(mappable, cax=axis, **options)
    bar.outline.set_linewidth(0.6)
    # Its colours stay areas; a raster would take a whole page of memory.
    assert bar.solids is not None
    bar.solids.set(rasterized=False, edgecolor="face", linewidth=0.2)
    axis.set_ylabel(label, fontsize=style.TEXT, labelpad=3)
