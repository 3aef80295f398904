"""On a time axis: the phases of every layer of a run, and what is dated in all runs of a study, below each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..catalogue.events import EVENTS, MEMORIZATION_END, MEMORIZATION_ONSET
from ..catalogue.measures import MEASURES, Measure
from ..records import events as of_change
from ..records.phases import SCORES, SEGMENTS
from ..records.train import HISTORY
from . import reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

RIGHT, GAP, HEAD, TICKS = 0.12, 0.12, 0.18, 0.16  # inches: margin, between panels, above each, for tick labels
SHADES = ("#d3e4ea", "#8fb9c9")  # of alternate phases
BETWEEN = 0.35  # rows between cells of the grid
ACROSS = 5  # most panels side by side
BY = "cka"  # whose events of change are ticks
# Sign of a step of the rate -> where in its run's row its tick begins and ends, its colour, and what it says.
STEPS = {
    of_change.UP: (-0.45, -0.03, "#0072b2", "a layer's rate of change steps up"),
    of_change.DOWN: (0.03, 0.45, "#56b4e9", "steps down"),
}


def boundaries(of_layer: pd.DataFrame) -> list[float]:
    """Boundaries of a layer's phases, in epochs: half way, on the log axis, between two checkpoints."""
    ordered = of_layer.sort_values("phase")
    ends, starts = ordered["epoch_end"].to_numpy()[:-1], ordered["epoch_start"].to_numpy()[1:]
    return [float(np.sqrt(a * b)) if a > 0 else float(b / 2) for a, b in zip(ends, starts, strict=True)]


# ---- a run --------------------------------------------------------------------------------------------------------


@style.styled
def layers(
    segments: pd.DataFrame, measures: Mapping[str, Measure], title: str = "", events: dict[str, float] | None = None
) -> Figure:
    """Draw the phases of every layer of a run, a panel for each measure.

    Args:
        segments: a run's table of phases.
        measures: those of the study, by name, in order; those without phases have no panel.
        title: the figure's title.
        events: name -> epoch, for events that took place.
    """
    events = style.few(events or {})
    if segments.empty:
        return _nothing(title)
    shown = [measure for measure in measures.values() if measure.name in set(segments["measure"])]
    rows = math.ceil(len(shown) / ACROSS)
    across = math.ceil(len(shown) / rows)
    names = style.depth_order(segments)
    left = 0.12 + max(sheet.text_width(name, style.SMALL) for name in names)
    wide = (sheet.PAGE - left - RIGHT) / max(3, across) - GAP
    high = len(names) * min(0.25, max(0.13, 1.1 / len(names)))
    handles: list[Artist] = [*style.event_handles(events)]
    if (segments["phase"] > 0).any():
        handles.append(_boundary_handle())
    top, width = sheet.title_height(title, sheet.PAGE), max(4.2, left + across * (wide + GAP) + RIGHT)
    bottom = top + rows * (HEAD + high) + (rows - 1) * TICKS
    figure = sheet.blank(width, bottom + sheet.EPOCH_AXIS + 0.06 + sheet.legend_height(handles, width - left))
    last = float(segments["epoch_end"].max())
    for i, measure in enumerate(shown):
        row, column = divmod(i, across)
        y = top + row * (HEAD + high + TICKS) + HEAD
        axis = sheet.panel(figure, left + column * (wide + GAP), y, wide, high)
        of_measure = segments[segments["measure"] == measure.name]
        for depth, name in enumerate(names):
            _bars(axis, depth, of_measure[of_measure["layer"] == name], last)
        for event, epoch in events.items():
            line = EVENTS[event]
            axis.axvline(epoch, color=line.colour, linestyle=line.dashes, linewidth=0.8, gid=event)
        style.log_epochs(axis, last)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set_yticks(range(len(names)), names if column == 0 else [""] * len(names))
        axis.tick_params(axis="y", length=0)
        axis.set_title(sheet.shortened(measure.label, wide), fontsize=style.TEXT, pad=2.5)
    sheet.title(figure, title)
    sheet.write(figure, left + across * (wide + GAP) / 2, bottom + 0.18, "epoch", ha="center")
    sheet.legend(figure, left, bottom + sheet.EPOCH_AXIS, handles, width - left)
    return figure


def _nothing(title: str) -> Figure:
    """The figure of a run with too few checkpoints for phases."""
    figure = sheet.blank(4.2, 0.6)
    sheet.title(figure, title, "Too few checkpoints for phases.")
    return figure


def _bars(axis: Axes, row: int, of_layer: pd.DataFrame, last: float) -> None:
    """Draw the phases of one layer, alternately light and dark, with a line between them."""
    if of_layer.empty:
        return
    edges = [0.0, *boundaries(of_layer), last]
    for phase, (start, end) in enumerate(itertools.pairwise(edges)):
        axis.barh(row, end - start, left=start, height=0.8, color=SHADES[phase % 2], linewidth=0)
    for edge in edges[1:-1]:
        axis.plot([edge, edge], [row - 0.4, row + 0.4], color=style.BOUNDARY, linewidth=1.1, gid="boundary")


def _boundary_handle() -> Line2D:
    return Line2D([], [], color=style.BOUNDARY, linewidth=1.1, label="a phase ends, the next begins")


# ---- a study ------------------------------------------------------------------------------------------------------


@style.styled
def runs(
    changes: pd.DataFrame,
    events: reading.Events,
    last: float,
    title: str = "When things happen in each run: events as marks, steps of layers' rate of change as ticks",
) -> Figure:
    """Draw all runs below each other: events as marks, steps of the rate of change of every layer, by CKA, as ticks.

    Args:
        changes: the tables ``events`` of all runs, with the columns of factors and seed.
        events: (row, column, seed) -> the events of that run, in the order of the rows.
        last: epoch of the longest training.
        title: the figure's title.
    """
    keys = list(events)
    cells = list(dict.fromkeys(key[:2] for key in keys))
    rows = len(keys) + BETWEEN * (len(cells) - 1)
    height = min(0.28, max(0.18, (sheet.TALLEST - 1.2) / rows))
    colours = style.optimizer_colours(dict.fromkeys(column for _, column in cells))
    left = 0.55 + max(sheet.text_width(", ".join(cell), style.TEXT, "bold") for cell in cells)
    by_cka = reading.plain(changes[changes["measure"] == BY])
    of_key = dict(iter(by_cka.groupby([*reading.PLACE, "seed"], sort=False)))
    said = {key: _why_nothing(of_key.get(key)) for key in keys}
    marks, ticks = _mark_handles(events), _tick_handles(by_cka)
    beside = max(sheet.text_width(words, style.SMALL) for words in said.values())
    right = RIGHT + (beside + RIGHT if beside else 0.0)
    top, inner = sheet.title_height(title, sheet.PAGE) + 0.02, sheet.PAGE - left - right
    high = height * rows
    bottom = top + high
    legend = bottom + sheet.EPOCH_AXIS + sheet.legend_height(marks, inner)
    figure = sheet.blank(sheet.PAGE, legend + sheet.legend_height(ticks, inner))
    axis = sheet.panel(figure, left, top, inner, high)
    style.log_epochs(axis, last)
    y = 0.0
    for i, key in enumerate(keys):
        if i and key[:2] != keys[i - 1][:2]:
            axis.axhline(y + 0.5 * BETWEEN - 0.5, color=style.GREY, linewidth=0.4)
            y += BETWEEN
        _run(axis, y, of_key.get(key, by_cka.iloc[:0]), events[key], last)
        sheet.write(figure, left + inner + 0.06, top + (y + 0.5) * height, said[key], va="center",
                    fontsize=style.SMALL, color=style.GREY)  # fmt: skip
        sheet.write(figure, left - 0.06, top + (y + 0.5) * height, f"seed {key[2]}", ha="right", va="center",
                    fontsize=style.SMALL)  # fmt: skip
        if i == 0 or key[:2] != keys[i - 1][:2]:
            sheet.write(figure, 0.05, top + (y + 0.5) * height, ", ".join(key[:2]), va="center", fontweight="bold",
                        color=colours[key[1]])  # fmt: skip
        y += 1
    axis.set_ylim(rows - 0.5, -0.5)
    axis.set_yticks([])
    axis.set_xlabel("epoch", labelpad=1)
    sheet.title(figure, title)
    sheet.legend(figure, left, bottom + sheet.EPOCH_AXIS, marks, inner)
    sheet.legend(figure, left, legend, ticks, inner)
    return figure


def _why_nothing(of_run: pd.DataFrame | None) -> str:
    """What a run's row says where nothing could be dated, in few words; nothing where it could."""
    if of_run is None:
        return "change not measured"
    found = set(of_run["status"])
    if found <= {of_change.SPARSE, of_change.UNDEFINED}:
        return of_change.SPARSE if of_change.SPARSE in found else "too few epochs to date"
    return ""


def _run(axis: Axes, y: float, changes: pd.DataFrame, events: dict[str, float], last: float) -> None:
    """Draw one run: where its change was searched, steps up above the middle, steps down below, and events on it."""
    axis.plot([0, last], [y, y], color=style.PALE, linewidth=0.6, zorder=0)
    searched = changes["searched_from"].min(), changes["searched_to"].max()
    axis.plot(searched, [y, y], color=style.GREY, linewidth=0.9, zorder=0, gid="searched")
    if {MEMORIZATION_ONSET, MEMORIZATION_END} <= set(events):
        start, end = events[MEMORIZATION_ONSET], events[MEMORIZATION_END]
        axis.barh(y, end - start, left=start, height=0.9, color=EVENTS[MEMORIZATION_ONSET].colour, alpha=0.15,
                  linewidth=0, zorder=0)  # fmt: skip
    for sign, (low, high, colour, _) in STEPS.items():
        for epoch in changes.loc[changes["sign"] == sign, "epoch"]:
            axis.plot([epoch, epoch], [y + low, y + high], color=colour, alpha=0.45, linewidth=1.8,
                      solid_capstyle="butt", gid=f"step {sign}")  # fmt: skip
    for name, epoch in events.items():
        _mark(axis, [epoch], [y], name)


def _mark(axis: Axes | None, x: list[float], y: list[float], name: str) -> Line2D:
    event = EVENTS[name]
    options: dict[str, Any] = {
        "marker": event.marker, "linestyle": "none", "markersize": 3.6 if event.marker != "D" else 2.9,
        "color": event.colour, "markerfacecolor": event.colour if event.filled else "white", "markeredgewidth": 0.8,
        "label": event.label, "zorder": 4,
    }  # fmt: skip
    y = [middle + event.lower for middle in y]
    return Line2D(x, y, **options) if axis is None else axis.plot(x, y, gid=name, **options)[0]


def _mark_handles(events: reading.Events) -> list[Artist]:
    present = {name for of_run in events.values() for name in of_run}
    handles: list[Artist] = [_mark(None, [], [], name) for name in EVENTS if name in present]
    if {MEMORIZATION_ONSET, MEMORIZATION_END} <= present:
        handles.append(Patch(facecolor=EVENTS[MEMORIZATION_ONSET].colour, alpha=0.15, label="memorization"))
    return handles


def _tick_handles(by_cka: pd.DataFrame) -> list[Artist]:
    tick: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 6, "markeredgewidth": 1.3}
    handles = [Line2D([], [], color=colour, alpha=0.8, label=f"{text}, by {MEASURES[BY].label}", **tick)
               for _, _, colour, text in STEPS.values()]  # fmt: skip
    if by_cka["searched_from"].notna().any():
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.9, label="searched for such steps"))
    return [*handles]


def _draw_layers(job: Job) -> Figure:
    events = style.events(reading.of_run(job, SCORES))
    name = style.run_title(job.run)
    return layers(reading.of_run(job, SEGMENTS), job.study.all_measures, f"Phases of each layer: {name}", events)


def _draw_runs(job: Job) -> Figure:
    events = reading.events(reading.of_runs(job, SCORES))
    last = max(reading.of_run(job, HISTORY, run)["epoch"].max() for run in job.study.runs)
    return runs(reading.of_runs(job, of_change.EVENTS), events, float(last))


FIGURES: dict[str, Callable[[Job], Figure]] = {"phases": _draw_layers, "timeline": _draw_runs}


def draw(job: Job, figure: str) -> Figure:
    """Read the tables of a run, or of all runs, and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
