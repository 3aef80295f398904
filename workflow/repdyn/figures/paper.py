"""The paper that a figure is drawn on: how wide it may be, the size of its type, and which of its pages is drawn.

Drawings lay themselves out in inches, for ordinary type of ``TYPE`` points. For larger type they are laid out on so
much less paper, and enlarged afterwards: gaps, panels and letters keep their proportions, and a width stays what was
asked for. What does not fit one page goes on several; a drawing divides itself with :func:`page_of` or :func:`rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.text import Text

from ..errors import RepdynError

T = TypeVar("T")

PAGE, TALLEST, COLUMN = 7.0, 9.2, 3.4  # inches: widest and tallest by default, and a column of text
NARROWEST = 3.0  # inches, for ordinary type
TYPE = 7.0  # points of ordinary type; the smallest is 6/7 of it
FOOT = 0.15  # inches for the number of a page


@dataclass(frozen=True)
class Paper:
    """What a figure is drawn on.

    Attributes:
        width: inches that it may take, and that curves do take; None for ``PAGE``, and for as little as curves need.
        font_size: points of ordinary type, ``TYPE`` or more, so that no letter is smaller than 6.
        titled: whether its title is written.
        page: which of its pages, the first is 1.
    """

    width: float | None = None
    font_size: float = TYPE
    titled: bool = True
    page: int = 1

    def __post_init__(self) -> None:
        """Refuse what no figure can be drawn on.

        Raises:
            RepdynError: if type is too small, paper too narrow for it, or there cannot be such a page.
        """
        if self.font_size < TYPE:
            raise RepdynError(
                f"Type of {self.font_size:g} points makes letters smaller than 6; `font_size` is {TYPE:g} or more."
            )
        if self.width is not None and self.width < NARROWEST * self.scale - 1e-9:
            raise RepdynError(
                f"A figure with type of {self.font_size:g} points is {NARROWEST * self.scale:.2f} inches wide or more, "
                f"not {self.width:g}; take a larger `width` or a smaller `font_size`."
            )
        if self.page < 1:
            raise RepdynError(f"There is no page {self.page}; the first is 1.")

    @property
    def scale(self) -> float:
        """By how much a layout for ordinary type is enlarged."""
        return self.font_size / TYPE


@dataclass
class Drawing:
    """A figure while it is drawn: its paper, and how many pages it turned out to have.

    Attributes:
        paper: what it is drawn on.
        pages: their number.
        within: whether a function that lays figures out is at work already.
        kept: what pages of one figure share, see :func:`once`.
    """

    paper: Paper = field(default_factory=Paper)
    pages: int = 1
    within: bool = False
    kept: dict[str, Any] = field(default_factory=dict)


_DRAWING: ContextVar[Drawing | None] = ContextVar("drawing", default=None)


def now() -> Drawing:
    """The figure that is being drawn; outside of any, one on paper as it is by default."""
    return _DRAWING.get() or Drawing()


@contextmanager
def on(paper: Paper, kept: dict[str, Any] | None = None) -> Iterator[Drawing]:
    """Draw on this paper within the context; yields what is known of the figure afterwards.

    ``kept`` is that of the page before, where the same figure goes on.
    """
    drawing = Drawing(paper, kept={} if kept is None else kept)
    token = _DRAWING.set(drawing)
    try:
        yield drawing
    finally:
        _DRAWING.reset(token)


def once(name: str, compute: Callable[[], T]) -> T:
    """What all pages of a figure are drawn from, computed for the first of them."""
    kept = now().kept
    if name not in kept:
        kept[name] = compute()
    found: T = kept[name]
    return found


# ---- in inches of ordinary type -----------------------------------------------------------------------------------


def width() -> float:
    """The widest that a figure may be."""
    paper = now().paper
    return (PAGE if paper.width is None else paper.width) / paper.scale


def column() -> float:
    """The width of a figure of one panel: what was asked for, or a column of text."""
    return min(COLUMN, width()) if now().paper.width is None else width()


def tallest() -> float:
    """The tallest that a figure may be."""
    return TALLEST / now().paper.scale


def room(taken: float) -> float:
    """Height that is left for what can go on several pages, beside what takes so much on each."""
    return tallest() - FOOT - taken


# ---- pages --------------------------------------------------------------------------------------------------------


def page_of(pages: Sequence[T]) -> T:
    """The page that is asked for.

    Raises:
        RepdynError: if there are not so many.
    """
    drawing = now()
    drawing.pages = len(pages)
    if drawing.paper.page > len(pages):
        there = "one page" if len(pages) == 1 else f"{len(pages)} pages"
        raise RepdynError(f"There is no page {drawing.paper.page} of this figure; it has {there}.")
    return pages[drawing.paper.page - 1]


def rows(heights: Sequence[float], inches: float) -> range:
    """Divide what stands below each other among pages; the numbers of what stands on the one that is asked for.

    Args:
        heights: of each, inches.
        inches: that a page has for them.

    Raises:
        RepdynError: if one alone does not fit, or there are not so many pages.
    """
    pages, left = [range(0)], inches
    for i, height in enumerate(heights):
        if height > inches + 1e-6:
            raise RepdynError(
                f"A part of this figure is {height:.1f} inches high, and a page has {max(inches, 0):.1f} for it; "
                "choose fewer layers, or take a larger `width` or a smaller `font_size`."
            )
        if height > left + 1e-6:
            pages.append(range(i, i))
            left = inches
        pages[-1] = range(pages[-1].start, i + 1)
        left -= height
    return page_of(pages)


def numbered(several: int) -> str:
    """What a page says of itself, nothing where it is the only one."""
    return f"page {now().paper.page} of {several}" if several > 1 else ""


# ---- size of type -------------------------------------------------------------------------------------------------


def enlarged(figure: Figure) -> Figure:
    """Enlarge a figure that was laid out for ordinary type to the type that is asked for.

    Legends are left out: their type and gaps follow from the style in which they were made (``style.language``).
    """
    scale = now().paper.scale
    if scale == 1:
        return figure
    wide, high = figure.get_size_inches()
    figure.set_size_inches(wide * scale, high * scale)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for which in ("major", "minor"):
                sizes = axis.get_tick_params(which)
                there = {name: sizes[name] * scale for name in ("labelsize", "length", "pad") if name in sizes}
                axis.set_tick_params(which=which, **there)
    in_legends = {text for legend in figure.legends for text in legend.findobj(Text)}
    of_ticks = {
        text for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()) for text in (tick.label1, tick.label2)
    }  # fmt: skip
    for text in figure.findobj(Text):
        if text not in in_legends and text not in of_ticks:
            text.set_fontsize(float(text.get_fontsize()) * scale)
    for box in figure.findobj(AnnotationBbox):
        box.xybox = (scale * box.xybox[0], scale * box.xybox[1])
    for image in figure.findobj(OffsetImage):
        image.set_zoom(image.get_zoom() * scale)
    return figure
