"""Checkpoint-by-checkpoint matrices of every layer of a run: measures of activations, and DRS of decision regions.

The matrices are symmetric, so phases are outlined above the diagonal and events drawn below it. Colours go from 0 to 1
under every measure, so that shades compare. What is below 0 is black, and the colour bar then ends in an arrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..catalogue.events import EVENTS
from ..catalogue.measures import MEASURES, Measure
from ..catalogue.plane_sets import IMAGES
from ..records.cka import CKA
from ..records.phases import SCORES, SEGMENTS
from ..records.regions import SIMILARITY
from . import catalogue, epoch_axis, paper, reading, sheet, style

if TYPE_CHECKING:
    from ..config.study import Study
    from ..pipeline.jobs import Job

PER_ROW = 7  # most layers in a row
LARGEST, SMALLEST, NARROW = 1.3, 0.5, 0.55  # inches: of a matrix, and of one on narrow paper
LEFT, RIGHT, GAP, HEAD = 0.42, 0.62, 0.09, 0.17  # inches: axis, colour bar, between matrices, above each


@style.styled
def matrices(
    frame: pd.DataFrame,
    value: str,
    *,
    title: str = "",
    label: str = "",
    segments: pd.DataFrame | None = None,
    events: dict[str, float] | None = None,
) -> Figure:
    """Draw the matrices of all layers side by side, in order of depth; sets of planes below each other.

    Args:
        frame: rows of a similarity table of one run: layer, depth, step_a, step_b, epoch_a, epoch_b, the value, and,
            for regions, planes.
        value: the column to show.
        title: the figure's title.
        label: of the colour bar.
        segments: phases (layer, epoch_start, epoch_end, and, for regions, planes) to outline on the diagonal.
        events: name -> epoch, for events that took place.
    """
    events = style.few(events or {})
    layers = style.depth_order(frame)
    sets = [name for name in IMAGES if name in set(frame["planes"])] if "planes" in frame else [""]
    per_row = max(1, min(PER_ROW, int((paper.width() - LEFT - RIGHT + GAP) / (NARROW + GAP))))
    lines = math.ceil(len(layers) / per_row)  # of matrices for each set
    columns = math.ceil(len(layers) / lines)
    heading = 0.19 if sets[0] else 0.0
    handles = [*style.event_handles(events), *_handles(frame, value, segments)]
    cell = _cell(columns, len(sets) * lines, len(sets) * heading)
    width = min(paper.width(), max(4.2, LEFT + RIGHT + columns * cell + (columns - 1) * GAP))
    top, legend = sheet.title_height(title, width), sheet.legend_height(handles, width - LEFT)
    # Layers that fit one line are named only over the first set, and at the top of a page.
    of_lines = [(name, layers[i * columns : (i + 1) * columns]) for name in sets for i in range(lines)]
    begins = [heading * (i % lines == 0) for i in range(len(of_lines))]
    heights = [start + HEAD + cell + 0.02 for start in begins]
    shown = paper.rows(heights, paper.room(top + heading + 0.4 + legend))
    tops, bottom = [], top
    for i in shown:
        starts = heading if i == shown[0] or begins[i] else 0.0
        named = HEAD if lines > 1 or i == shown[0] else 0.02
        tops.append((bottom + starts + named, starts, named == HEAD))
        bottom += starts + named + cell + 0.02
    bottom += 0.03
    figure = sheet.blank(width, bottom + 0.36 + legend)
    image = None
    for line, (y, starts, named) in zip(shown, tops, strict=True):
        name, here = of_lines[line]
        of_set = frame[frame["planes"] == name] if name else frame
        if starts:
            top_of_set = y - starts - (HEAD if named else 0.02)
            sheet.write(figure, LEFT, top_of_set + 0.05, f"planes through {IMAGES[name]}", fontstyle="italic")
        for column, layer in enumerate(here):
            axis = sheet.panel(figure, LEFT + column * (cell + GAP), y, cell, cell)
            part = of_set[of_set["layer"] == layer]
            lowest = all(column >= len(of_lines[below][1]) for below in shown if below > line)
            image, checkpoints = matrix(axis, square(part, value), bottom=lowest, left=column == 0)
            draw_events(axis, checkpoints, events)
            if segments is not None:
                _outline(axis, checkpoints, _of(segments, layer, name))
            if named:
                axis.set_title(sheet.shortened(layer, cell + GAP / 2), fontsize=style.TEXT, pad=2.5)
    sheet.title(figure, title)
    sheet.write(figure, LEFT + (columns * (cell + GAP) - GAP) / 2, bottom + 0.14, "epoch", ha="center")
    sheet.write(figure, 0.03, (top + bottom + HEAD) / 2, "epoch", rotation=90, va="center")
    bar_left, bar_top = LEFT + columns * (cell + GAP), tops[0][0]
    bar_height, extend = min(bottom - 0.05 - bar_top, 3.0), extent(float(frame[value].min()))
    sheet.colour_bar(figure, image, bar_left, bar_top, bar_height, label, extend=extend)
    sheet.legend(figure, LEFT, bottom + 0.34, handles, width - LEFT)
    return figure


def extent(lowest: float) -> str:
    """Which end of a colour bar from 0 to 1 is an arrow, in Matplotlib's words, if this is the lowest value."""
    return "min" if lowest < 0 else "neither"


def _cell(columns: int, rows: int, headings: float) -> float:
    """The side of a matrix: as large as the page's width allows, and smaller if that makes all fit one page."""
    across = min(LARGEST, (paper.width() - LEFT - RIGHT - GAP * (columns - 1)) / columns)
    down = (paper.room(1.0) - headings) / rows - HEAD - 0.02
    return min(across, down) if down >= SMALLEST else across


def square(part: pd.DataFrame, value: str) -> pd.DataFrame:
    """Pivot the rows of one layer, of one or several seeds, into a matrix; the mean over seeds."""
    cells = part.set_index(["epoch_a", "epoch_b"])[value]
    cells = cells if cells.index.is_unique else cells.groupby(level=[0, 1]).mean()
    return cells.unstack()


def matrix(
    axis: Axes, values: pd.DataFrame, *, bottom: bool, left: bool, cmap: Colormap = style.SIMILARITY,
    limits: tuple[float, float] = (0.0, 1.0),
) -> tuple[AxesImage, epoch_axis.CheckpointAxis]:  # fmt: skip
    """Draw one matrix, with initialisation in the lower left corner, and tick labels on request."""
    checkpoints = epoch_axis.CheckpointAxis(list(values.index))
    image = sheet.matrix(axis, values.to_numpy(dtype=float, na_value=np.nan), cmap, limits)
    checkpoints.tick(axis, "x", labelled=bottom)
    checkpoints.tick(axis, "y", labelled=left)
    return image, checkpoints


def draw_events(axis: Axes, checkpoints: epoch_axis.CheckpointAxis, events: dict[str, float]) -> None:
    """Draw each event as an angle below the diagonal: from the x axis up to it, then to the right."""
    low, high = axis.get_xlim()
    for name, epoch in events.items():
        event = EVENTS[name]
        at = checkpoints.position(epoch)
        axis.plot([at, at, high], [low, at, at], color=event.colour, linestyle=event.dashes, linewidth=0.7,
                  gid=name, path_effects=style.halo(), dash_capstyle="butt")  # fmt: skip


def _of(segments: pd.DataFrame, layer: str, name: str) -> pd.DataFrame:
    chosen = segments[segments["layer"] == layer]
    return chosen[chosen["planes"] == name] if name else chosen


def _outline(axis: Axes, checkpoints: epoch_axis.CheckpointAxis, segments: pd.DataFrame) -> None:
    """Outline each phase above the diagonal with half a square, where there is more than one."""
    if len(segments) < 2:
        return
    for start, end in zip(segments["epoch_start"], segments["epoch_end"], strict=True):
        first, last = round(checkpoints.position(start)) - 0.5, round(checkpoints.position(end)) + 0.5
        axis.plot([first, first, last], [first, last, last], color=style.BOUNDARY, linewidth=0.9, gid="phase",
                  path_effects=style.halo())  # fmt: skip


def _handles(frame: pd.DataFrame, value: str, segments: pd.DataFrame | None) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    if segments is not None and (segments["epoch_start"] > 0).any():
        handles.append(Line2D([], [], color=style.BOUNDARY, linewidth=1.0, label="phases, where more than one"))
    if frame[value].isna().any():
        handles.append(Patch(facecolor=style.UNDEFINED, label="undefined"))
    return handles


def _of_activations(measure: Measure, job: Job, name: str, events: dict[str, float]) -> Figure:
    phases = reading.of_run(job, SEGMENTS)
    text = f"Each layer compared with itself at every other checkpoint, by {measure.label}: {name}"
    frame, of_measure = reading.of_run(job, CKA), phases[phases["measure"] == measure.name]
    return matrices(frame, measure.column, title=text, label=measure.label, segments=of_measure, events=events)


def _of_regions(job: Job, name: str, events: dict[str, float]) -> Figure:
    phases = reading.of_run(job, SEGMENTS)
    phases = phases.assign(planes=phases["measure"].map({of: measure.planes for of, measure in MEASURES.items()}))
    text = f"Each layer compared with itself at every other checkpoint, by decision regions similarity (DRS): {name}"
    frame, of_regions = reading.of_run(job, SIMILARITY), phases.dropna(subset=["planes"])
    return matrices(frame, "similarity", title=text, label="DRS", segments=of_regions, events=events)


def figures(study: Study) -> dict[str, Callable[[Job, str, dict[str, float]], Figure]]:
    """The figures of a study: one for each measure of activations, under its name, and one of decision regions."""
    of_activations = {measure.name: partial(_of_activations, measure) for measure in catalogue.activations(study)}
    return {**of_activations, "regions": _of_regions}


def draw(job: Job, figure: str) -> Figure:
    """Read a run's tables and draw one of ``figures``.

    Raises:
        KeyError: if there is no such figure here.
    """
    name = style.run_title(job.run)
    return figures(job.study)[figure](job, name, style.events(reading.of_run(job, SCORES)))
