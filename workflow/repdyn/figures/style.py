"""The visual language that all figures share: type and colours.

Colours are safe for colour-blind readers, and for print in grey, where what is alike in lightness differs in dashes.
Curves, events and optimizers have colours of Okabe & Ito's palette, classes those of seaborn's `colorblind`;
``catalogue`` declares the colours of measures and events. Similarity uses seaborn's
`mako`, dark where unlike and light where alike, and differences its `vlag`, white at zero; both are perceptually
uniform. They are written out here, the maps as 17 points each, because importing seaborn takes longer than drawing a
figure.
"""

from __future__ import annotations

import colorsys
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke

from ..catalogue.events import EVENTS, PERFECT_FIT_FIRST, PERFECT_FIT_SUSTAINED
from . import paper

if TYPE_CHECKING:
    from ..config.runs import Run

TITLE, TEXT, SMALL = 8.0, 7.0, 6.0  # points; no letter is smaller
INK, GREY, PALE = "#222222", "#777777", "#e8e8e8"
_MAKO = (
    "#0b0405 #1c101c #2b1c35 #37284f #3e356b #414387 #3b5698 #36699f #357ba3 "
    "#348da7 #359fab #3cb1ad #4bc2ad #6ad2ad #99ddb6 #c0e9cc #def5e5"
)
_VLAG = (
    "#2369bd #4a7bbc #678bbe #829cc3 #9baecb #b5c0d4 #cfd4e0 #e9e9ed #faf5f4 "
    "#f3e2e0 #e7c8c6 #ddafad #d39794 #c97f7d #bf6765 #b44f4f #a9373b"
)
SIMILARITY = LinearSegmentedColormap.from_list("similarity", _MAKO.split())
CHANGE = SIMILARITY.reversed("change")
# Positive is blue, like the first optimizer of the usual contrast.
DIFFERENCE = LinearSegmentedColormap.from_list("difference", _VLAG.split()[::-1])
UNDEFINED = "#c9b8a8"  # for null values: a colour in no scale
CURVES = {"train": "#444444", "clean": "#0072b2", "mislabelled": "#d55e00", "true": "#e69f00", "test": "#009e73"}
BOUNDARY = "#c8102e"  # of phases: darker than light matrices and bars; a halo sets it off from dark ones
SHADES = (0.12, 0.78)  # of the first and the last layer: dark to light, but visible on white
MOST_NAMED = 8  # layers in a legend
_OPTIMIZERS = {"sgd": "#0072b2", "adam": "#d55e00", "adamw": "#cc79a7", "muon": "#009e73", "lion": "#e69f00"}
_OTHERS = ("#56b4e9", "#7a5195", "#8c564b", "#5b5b5b")
_CLASSES = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9",
)  # fmt: skip
RC: dict[str, Any] = {
    # DejaVu comes with Matplotlib: the same letters, of the same width, everywhere. The others stand in for it in SVG,
    # whose text stays text, on a machine that has it not.
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Bitstream Vera Sans", "Arial", "Helvetica"],
    "font.size": TEXT,
    "text.parse_math": False,  # names of layers may hold a dollar sign
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL + 0.3,
    "legend.title_fontsize": SMALL + 0.3,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "lines.linewidth": 1.1,
    "legend.frameon": False,
    "savefig.dpi": 220,
    "svg.hashsalt": "repdyn",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


@contextmanager
def language() -> Iterator[None]:
    """Set the style; draw and save within this context."""
    scale = paper.now().paper.scale
    of_legends = {name: RC[name] * scale for name in ("legend.fontsize", "legend.title_fontsize")}
    with mpl.rc_context(RC | of_legends):  # type: ignore[arg-type]
        yield


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorate a function that draws a figure, so that it always uses the style, and takes what it is drawn on.

    It takes ``width`` in inches, ``font_size`` in points and ``page`` besides, see ``paper.Paper``.

    Raises:
        RepdynError: if the paper is too narrow for the type, or has not so many pages.
    """

    @wraps(function)
    def drawn(
        *args: Any, width: float | None = None, font_size: float | None = None, page: int | None = None, **kwargs: Any
    ) -> Figure:
        asked: dict[str, Any] = {"width": width, "font_size": font_size, "page": page}
        drawing = paper.now()
        if drawing.within:
            return function(*args, **kwargs)
        here = replace(drawing.paper, **{name: value for name, value in asked.items() if value is not None})
        with paper.on(here, drawing.kept) as of_this, language():
            of_this.within = True
            figure = paper.enlarged(function(*args, **kwargs))
        drawing.pages = of_this.pages
        return figure

    own = inspect.signature(function)
    further = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=f"{kind} | None")
        for name, kind in {"width": "float", "font_size": "float", "page": "int"}.items()
    ]
    signature = own.replace(parameters=[*own.parameters.values(), *further])
    drawn.__signature__ = signature  # type: ignore[attr-defined]
    return drawn


# ---- words --------------------------------------------------------------------------------------------------------


def run_title(run: Run) -> str:
    """A run's name in a title."""
    return ", ".join([*run.levels.values(), f"seed {run.seed}"])


def depth_order(frame: pd.DataFrame) -> list[str]:
    """The layers of a table, from the input on."""
    return list(frame.sort_values("depth", kind="stable")["layer"].unique())


# ---- colours ------------------------------------------------------------------------------------------------------


def halo() -> list[AbstractPathEffect]:
    """A path effect that makes a line visible on light and on dark."""
    return [Stroke(linewidth=2.0, foreground="white", alpha=0.85), Normal()]


def class_colours(classes: int) -> list[str]:
    """One fixed colour for each class, whatever their number; beyond ten, hues by the golden angle."""

    def further(label: int) -> str:
        hue, light = (label * 0.618034) % 1.0, (0.42, 0.58, 0.74)[label % 3]
        return mpl.colors.to_hex(colorsys.hls_to_rgb(hue, light, 0.55))

    return [*_CLASSES[:classes], *(further(label) for label in range(len(_CLASSES), classes))]


def optimizer_colours(names: Iterable[str]) -> dict[str, str]:
    """One fixed colour for each optimizer, by its name or its beginning (``sgd-0.01``)."""
    colours: dict[str, str] = {}
    families: dict[str, int] = {}
    for name in names:
        known = max((family for family in _OPTIMIZERS if name.lower().startswith(family)), key=len, default=None)
        if known is None:
            colours[name] = _OTHERS[len(colours) % len(_OTHERS)]
            continue
        # Several rates of one family get one hue, ever darker, because names are written in these colours, too.
        share = min(0.75, 0.3 * families.get(known, 0))
        families[known] = families.get(known, 0) + 1
        r, g, b = np.array(mpl.colors.to_rgb(_OPTIMIZERS[known])) * (1 - share)
        colours[name] = mpl.colors.to_hex((r, g, b))
    return colours


def layer_colours(layers: Sequence[str]) -> dict[str, str]:
    """Layer -> a shade by its depth."""
    shades = SIMILARITY(np.linspace(*SHADES, len(layers)))
    return {layer: mpl.colors.to_hex(tuple(shade)) for layer, shade in zip(layers, shades, strict=True)}


def layer_handles(of_archs: Mapping[str, Sequence[str]]) -> list[Line2D]:
    """Legend entries: the layers by name where they are few and of one architecture, else the first and the last."""
    (first, *more) = of_archs.values()
    named = first if not more and len(first) <= MOST_NAMED else ["first layer", "last layer"]
    return [Line2D([], [], color=colour, label=layer) for layer, colour in layer_colours(named).items()]


# ---- events -------------------------------------------------------------------------------------------------------


def events(scores: pd.DataFrame) -> dict[str, float]:
    """The events of a run that took place: name -> epoch, from its scores."""
    of_run = scores[scores["layer"].isna()].drop_duplicates("score").set_index("score")["value"]
    found = {name: of_run.get(name) for name in EVENTS}
    return {name: float(epoch) for name, epoch in found.items() if epoch is not None and np.isfinite(epoch)}


def few(events: dict[str, float]) -> dict[str, float]:
    """The events that a small panel shows."""
    return {name: epoch for name, epoch in events.items() if EVENTS[name].small}


def apart(events: dict[str, float]) -> dict[str, float]:
    """Drop the first perfect fit where it lasts, because two coinciding lines look like a third kind."""
    if PERFECT_FIT_FIRST in events and events[PERFECT_FIT_FIRST] == events.get(PERFECT_FIT_SUSTAINED):
        return {name: epoch for name, epoch in events.items() if name != PERFECT_FIT_FIRST}
    return events


def median_events(of_seeds: Iterable[dict[str, float]]) -> dict[str, float]:
    """The median epoch of each event over seeds, where most have it.

    A seed without the event counts as later than any other, so an event of one seed in three is not drawn as if all had
    it.
    """
    runs = list(of_seeds)
    medians = {name: float(np.median([run.get(name, np.inf) for run in runs])) for name in EVENTS if runs}
    return {name: epoch for name, epoch in medians.items() if np.isfinite(epoch)}


def event_handles(present: Iterable[str]) -> list[Line2D]:
    """Legend entries of the events that are drawn."""
    present = set(present)
    return [
        Line2D([], [], color=event.colour, linestyle=event.dashes, linewidth=0.9, label=event.label, gid=name)
        for name, event in EVENTS.items()
        if name in present
    ]
