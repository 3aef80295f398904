"""A sheet of paper on which elements are placed in inches, from the left and from the top.

Compared with a layout engine, figures of three layers and of twenty have the same type and gaps, nothing overlaps, and
layout takes no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from . import style

if TYPE_CHECKING:
    from pandas.core.groupby import SeriesGroupBy

COLUMN, PAGE, TALLEST = 3.4, 7.0, 9.2  # inches
LINE = 0.15  # inches for a line of a title
ROW = 0.123  # inches for a line of a legend
BESIDE_ENTRY = 0.42  # inches for a legend's line and the gaps around a text
EPOCH_AXIS = 0.34  # inches below a panel for an axis with ticks and a label


@cache
def text_width(text: str, points: float = style.TEXT, weight: str = "normal") -> float:
    """The width of a line of text, in inches."""
    font = FontProperties(family=style.RC["font.family"], size=points, weight=weight)
    width: float = text_to_path.get_text_width_height_descent(text, font, False)[0] / 72
    return width


def shortened(name: str, inches: float, points: float = style.TEXT) -> str:
    """Shorten a name to the width; keep its end, where layers of a stage differ."""
    if text_width(name, points) <= inches:
        return name
    while len(name) > 1 and text_width(f"…{name}", points) > inches:
        name = name[1:]
    return f"…{name}"


def wrapped(text: str, inches: float, points: float = style.TEXT) -> list[str]:
    """Break a text into lines that fit the width."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", points) <= inches:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def headline(claim: str, inches: float) -> list[str]:
    """The lines of a claim as a heading; bold letters are wider than the measured ones."""
    return wrapped(claim[0].upper() + claim[1:], 0.87 * inches)


def blank(width: float, height: float) -> Figure:
    """An empty figure of a size in inches."""
    return Figure(figsize=(width, height))


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


def write(figure: Figure, left: float, top: float, text: str, **options: Any) -> None:
    """Write text with its upper left corner at a place, unless the options say otherwise."""
    wide, high = figure.get_size_inches()
    given: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": style.TEXT}
    figure.text(left / wide, 1 - top / high, text, **(given | options))


def title(figure: Figure, text: str, below: str = "") -> None:
    """Write a title in the upper left corner, in several lines if necessary, and a smaller text below."""
    width, top = figure.get_size_inches()[0] - 0.1, 0.05
    for line in wrapped(text, width, style.TITLE):
        write(figure, 0.05, top, line, fontsize=style.TITLE)
        top += LINE
    for line in wrapped(below, width, style.SMALL):
        write(figure, 0.05, top, line, fontsize=style.SMALL, color=style.GREY)
        top += 0.8 * LINE


def title_height(text: str, width: float, below: str = "") -> float:
    """The height of a title, in inches."""
    lines = len(wrapped(text, width - 0.1, style.TITLE)) + 0.8 * len(wrapped(below, width - 0.1, style.SMALL))
    return 0.1 + LINE * lines if lines else 0.04


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


def name_panel(axis: Axes, name: str, seeds: int, inches: float, pad: float) -> None:
    """Write a panel's title: its name, shortened to its width, and the number of seeds."""
    of_seeds = f"{shortened(name, inches - 0.6)} ({seeds} seed{'s' if seeds != 1 else ''})"
    axis.set_title(of_seeds, loc="left", fontsize=style.TEXT, pad=pad)


def mean_and_range(axis: Axes, values: SeriesGroupBy[Any, Any], colour: str, **line: Any) -> None:
    """Draw the mean of each group as a line, and a band from lowest to highest; groups are values on the x axis."""
    mean, low, high = values.mean(), values.min(), values.max()
    if (high > low).any():
        axis.fill_between(mean.index, low, high, color=colour, alpha=0.18, linewidth=0)
    axis.plot(mean.index, mean, color=colour, **line)


def colour_bar(
    figure: Figure, mappable: Any, left: float, top: float, height: float, label: str, **options: Any
) -> None:
    """Draw a colour bar; with its labels it is half an inch wide."""
    axis = panel(figure, left, top, 0.09, height)
    bar = figure.colorbar(mappable, cax=axis, **options)
    bar.outline.set_linewidth(0.6)
    axis.set_ylabel(label, fontsize=style.TEXT, labelpad=3)
