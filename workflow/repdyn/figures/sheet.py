"""A sheet of paper on which things are placed in inches, from the left and from the top.

Instead of a layout engine: a figure of three layers and one of twenty have the same type and the same gaps, nothing
overlaps, and a figure is laid out in no time.
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
LINE = 0.15  # inches that a line of a title takes
ROW = 0.123  # inches that a line of a legend takes
BESIDE_ENTRY = 0.42  # inches that a legend's line and the gaps around a text take
EPOCH_AXIS = 0.34  # inches below a panel that an axis with ticks and a label takes


@cache
def text_width(text: str, points: float = style.TEXT, weight: str = "normal") -> float:
    """How wide a line of text is, in inches."""
    font = FontProperties(family=style.RC["font.family"], size=points, weight=weight)
    width: float = text_to_path.get_text_width_height_descent(text, font, False)[0] / 72
    return width


def shortened(name: str, inches: float, points: float = style.TEXT) -> str:
    """A name that fits the width: of one too long the end is kept, since layers of a stage differ there."""
    if text_width(name, points) <= inches:
        return name
    while len(name) > 1 and text_width(f"…{name}", points) > inches:
        name = name[1:]
    return f"…{name}"


def wrapped(text: str, inches: float, points: float = style.TEXT) -> list[str]:
    """The lines into which a text must be broken to fit the width."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", points) <= inches:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def blank(width: float, height: float) -> Figure:
    """An empty figure of that size."""
    return Figure(figsize=(width, height))


def panel(figure: Figure, left: float, top: float, width: float, height: float, ticks: bool = True) -> Axes:
    """Axes whose frame is placed."""
    wide, high = figure.get_size_inches()
    axis = figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))
    size: dict[str, Any] = {"length": 2.5, "width": 0.6, "labelsize": style.SMALL, "labelcolor": style.INK, "pad": 2}
    axis.tick_params(which="major", color=style.INK, **size)
    axis.tick_params(which="minor", length=1.4, width=0.5, color=style.INK)
    if not ticks:
        axis.set(xticks=[], yticks=[])
    return axis


def write(figure: Figure, left: float, top: float, text: str, **options: Any) -> None:
    """Text, its upper left corner placed unless the options say otherwise."""
    wide, high = figure.get_size_inches()
    given: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": style.TEXT}
    figure.text(left / wide, 1 - top / high, text, **(given | options))


def title(figure: Figure, text: str, below: str = "") -> None:
    """A title in the upper left corner, broken into lines where it must be, and a smaller text below."""
    width, top = figure.get_size_inches()[0] - 0.1, 0.05
    for line in wrapped(text, width, style.TITLE):
        write(figure, 0.05, top, line, fontsize=style.TITLE)
        top += LINE
    for line in wrapped(below, width, style.SMALL):
        write(figure, 0.05, top, line, fontsize=style.SMALL, color=style.GREY)
        top += 0.8 * LINE


def title_height(text: str, width: float, below: str = "") -> float:
    """How much of the sheet's top a title takes."""
    lines = len(wrapped(text, width - 0.1, style.TITLE)) + 0.8 * len(wrapped(below, width - 0.1, style.SMALL))
    return 0.1 + LINE * lines if lines else 0.04


def legend_width(handles: Sequence[Artist], columns: int = 1) -> float:
    """How wide a legend of so many columns is, each as wide as its widest entry."""
    widths = [BESIDE_ENTRY + text_width(str(handle.get_label()), style.SMALL + 0.3) for handle in handles]
    return sum(max(widths[column::columns]) for column in range(min(columns, len(handles))))


def legend_columns(handles: Sequence[Artist], width: float) -> int:
    """How many columns of a legend fit the width."""
    return next((n for n in range(len(handles), 1, -1) if legend_width(handles, n) <= width), 1)


def legend_height(handles: Sequence[Artist], width: float) -> float:
    """How much a legend of that width takes."""
    return ROW * -(-len(handles) // legend_columns(handles, width)) + 0.07 if handles else 0.0


def legend(figure: Figure, left: float, top: float, handles: Sequence[Artist], width: float, **options: Any) -> None:
    """A legend, read row by row."""
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
    """A panel's title: what it shows, shortened to its width, and of how many seeds."""
    of_seeds = f"{shortened(name, inches - 0.6)} ({seeds} seed{'s' if seeds != 1 else ''})"
    axis.set_title(of_seeds, loc="left", fontsize=style.TEXT, pad=pad)


def mean_and_range(axis: Axes, values: SeriesGroupBy[Any, Any], colour: str, **line: Any) -> None:
    """The mean of each group as a line, and a band from the lowest to the highest; groups are places on the x axis."""
    mean, low, high = values.mean(), values.min(), values.max()
    if (high > low).any():
        axis.fill_between(mean.index, low, high, color=colour, alpha=0.18, linewidth=0)
    axis.plot(mean.index, mean, color=colour, **line)


def colour_bar(
    figure: Figure, mappable: Any, left: float, top: float, height: float, label: str, **options: Any
) -> None:
    """A colour bar; it takes half an inch of width with its labels."""
    axis = panel(figure, left, top, 0.09, height)
    bar = figure.colorbar(mappable, cax=axis, **options)
    bar.outline.set_linewidth(0.6)
    axis.set_ylabel(label, fontsize=style.TEXT, labelpad=3)
