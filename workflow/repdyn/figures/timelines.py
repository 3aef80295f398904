"""On a time axis: the phases of every layer of a run, and what is dated in all runs of a study, below each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
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
from . import epoch_axis, paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

RIGHT, GAP, HEAD, TICKS = 0.12, 0.12, 0.18, 0.16  # inches: margin, between panels, above each, for tick labels
SHADES = ("#d3e4ea", "#8fb9c9")  # of alternate phases
BETWEEN = 0.35  # rows between cells of the grid
ACROSS = 5  # most panels side by side
NARROW = 0.85  # inches: the least width of one of several side by side
LABEL = 0.13  # inches that the name of a layer takes
LOWEST, HIGHEST = 0.18, 0.28  # inches: height of a run's row
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
        return sheet.nothing(title, "Too few checkpoints for phases.")
    shown = [measure for measure in measures.values() if measure.name in set(segments["measure"])]
    names = style.depth_order(segments)
    named, left = sheet.named_rows(names)
    left += 0.12
    most = max(1, min(ACROSS, int((paper.width() - left - RIGHT) / (NARROW + GAP))))
    rows = math.ceil(len(shown) / most)
    across = math.ceil(len(shown) / rows)
    wide = (paper.width() - left - RIGHT) / max(min(3, most), across) - GAP
    handles: list[Artist] = [*style.event_handles(events)]
    if (segments["phase"] > 0).any():
        handles.append(_boundary_handle())
    width = min(paper.width(), max(4.2, left + across * (wide + GAP) + RIGHT))
    top, legend = sheet.title_height(title, width), sheet.legend_height(handles, width - left)
    room = paper.room(top + sheet.EPOCH_AXIS + 0.06 + legend)
    high = min(len(names) * min(0.25, max(LABEL, 1.1 / len(names))), room - HEAD - TICKS)
    every = math.ceil(LABEL * len(names) / high - 1e-9)  # names that would overlap are left out
    on_page = paper.rows([HEAD + high + TICKS] * rows, room)
    bottom = top + len(on_page) * (HEAD + high + TICKS) - TICKS
    figure = sheet.blank(width, bottom + sheet.EPOCH_AXIS + 0.06 + legend)
    last = float(segments["epoch_end"].max())
    for i, measure in enumerate(shown[on_page.start * across : on_page.stop * across]):
        row, column = divmod(i, across)
        y = top + row * (HEAD + high + TICKS) + HEAD
        axis = sheet.panel(figure, left + column * (wide + GAP), y, wide, high)
        of_measure = segments[segments["measure"] == measure.name]
        for depth, name in enumerate(names):
            _bars(axis, depth, of_measure[of_measure["layer"] == name], last)
        for event, epoch in events.items():
            line = EVENTS[event]
            axis.axvline(epoch, color=line.colour, linestyle=line.dashes, linewidth=0.8, gid=event)
        epoch_axis.logarithmic(axis, last)
        axis.set_ylim(len(names) - 0.5, -0.5)
        beside = named[::every]
        axis.set_yticks(range(0, len(names), every), beside if column == 0 else [""] * len(beside))
        axis.tick_params(axis="y", length=0)
        axis.set_title(sheet.shortened(measure.label, wide), fontsize=style.TEXT, pad=2.5)
    sheet.title(figure, title)
    sheet.write(figure, left + across * (wide + GAP) / 2, bottom + 0.18, "epoch", ha="center")
    sheet.legend(figure, left, bottom + sheet.EPOCH_AXIS, handles, width - left)
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
    cells = list(dict.fromkeys(key[:2] for key in events))
    colours = style.optimizer_colours(dict.fromkeys(column for _, column in cells))
    most = 0.31 * paper.width() - 0.1
    headings = {cell: sheet.joined(cell, most, weight="bold") for cell in cells}
    left = 0.24 + max(sheet.text_width(words, style.TEXT, "bold") for words in headings.values())
    left += sheet.text_width(f"seed {max(key[2] for key in events)}", style.SMALL)
    by_cka = reading.plain(changes[changes["measure"] == BY])
    of_key = dict(iter(by_cka.groupby([*reading.PLACE, "seed"], sort=False)))
    said = {key: _why_nothing(of_key.get(key)) for key in events}
    marks, ticks = _mark_handles(events), _tick_handles(by_cka)
    beside = max(sheet.text_width(words, style.SMALL) for words in said.values())
    right = RIGHT + (beside + RIGHT if beside else 0.0)
    top, inner = sheet.title_height(title, paper.width()) + 0.02, paper.width() - left - right
    legends = [sheet.legend_height(of_kind, paper.width() - 0.1) for of_kind in (marks, ticks)]
    room = paper.room(top + sheet.EPOCH_AXIS + sum(legends))
    height = min(HIGHEST, max(LOWEST, room / _rows(list(events))))
    begins = [0.0 if i == 0 or a[:2] == b[:2] else BETWEEN for i, (a, b) in enumerate(_after_each_other(events))]
    on_page = paper.rows([height * (1 + between) for between in begins], room)
    keys = list(events)[on_page.start : on_page.stop]
    rows = _rows(keys)
    high = height * rows
    bottom = top + high
    legend = bottom + sheet.EPOCH_AXIS + legends[0]
    figure = sheet.blank(paper.width(), legend + legends[1])
    axis = sheet.panel(figure, left, top, inner, high)
    epoch_axis.logarithmic(axis, last)
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
            sheet.write(figure, 0.05, top + (y + 0.5) * height, headings[key[:2]], va="center", fontweight="bold",
                        color=colours[key[1]])  # fmt: skip
        y += 1
    axis.set_ylim(rows - 0.5, -0.5)
    axis.set_yticks([])
    axis.set_xlabel("epoch", labelpad=1)
    sheet.title(figure, title)
    sheet.legend(figure, 0.05, bottom + sheet.EPOCH_AXIS, marks, paper.width() - 0.1)
    sheet.legend(figure, 0.05, legend, ticks, paper.width() - 0.1)
    return figure


def _after_each_other(keys: Iterable[reading.Key]) -> list[tuple[reading.Key, reading.Key]]:
    """Each run with the one before it, the first with itself."""
    there = list(keys)
    return list(zip([*there[:1], *there[:-1]], there, strict=True))


def _rows(keys: Iterable[reading.Key]) -> float:
    """The height of runs below each other, in rows, with what is between cells of the grid."""
    pairs = _after_each_other(keys)
    return len(pairs) + BETWEEN * sum(a[:2] != b[:2] for a, b in pairs)


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
    events = reading.events_of_runs(job)
    last = max(reading.of_run(job, HISTORY, run)["epoch"].max() for run in job.study.printed_runs)
    return runs(reading.of_runs(job, of_change.EVENTS), events, float(last))


FIGURES: dict[str, Callable[[Job], Figure]] = {"phases": _draw_layers, "timeline": _draw_runs}


def draw(job: Job, figure: str) -> Figure:
    """Read the tables of a run, or of all runs, and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
