"""Training curves: accuracies by epoch, with memorization, perfect fit and the dip of test accuracy marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETDOWN

from ..catalogue.events import EVENTS
from ..catalogue.factors import FACTORS
from ..errors import RepdynError
from ..records.phases import SCORES
from ..records.train import HISTORY
from ..types import Array
from . import epoch_axis, paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

# Column, label, line width, line style. Two curves differ in style or, in grey too, in lightness.
CURVES: dict[str, tuple[str, str, float, Any]] = {
    "train": ("train_accuracy", "training examples, given labels", 1.5, "-"),
    "clean": ("clean_accuracy", "correctly labelled ones", 1.0, (0, (5, 1, 1, 1))),
    "mislabelled": ("mislabelled_accuracy", "mislabelled ones, wrong labels", 1.5, "-"),
    "true": ("mislabelled_true_accuracy", "mislabelled ones, true labels", 1.0, (0, (1, 1))),
    "test": ("test_accuracy", "test examples", 1.5, (0, (4, 1))),
}
LEFT = 0.48  # inches for the accuracy axis
# Triangles of three kinds of event stand in rows of their own above a panel, as fractions of its height.
LOWEST, APART = 1.03, 0.036


@style.styled
def curves(history: pd.DataFrame, events: dict[str, float], title: str = "Accuracy by epoch") -> Figure:
    """Draw the accuracies of one run.

    Args:
        history: a run's history table: epoch and the accuracies; all-null ones are left out.
        events: name -> epoch, for events that took place (``style.events``).
        title: the figure's title.
    """
    width, height, top = paper.column(), 2.0, sheet.title_height(title, paper.column())
    inner = width - LEFT - 0.07
    drawn, marks = handles(history), style.event_handles(style.apart(events))
    below, beside = top + height + 0.38, 0.05 + sheet.legend_width(drawn)
    heights = [sheet.legend_height(of_kind, sheet.BESIDE_ENTRY) for of_kind in (drawn, marks)]
    # Two legends of one column each, curves and events: side by side where there is room, else below each other.
    has_room = not marks or beside + sheet.legend_width(marks) <= width
    figure = sheet.blank(width, below + (max(heights) if has_room else sum(heights)))
    axis = sheet.panel(figure, LEFT, top, inner, height)
    lines(axis, history)
    _mark(axis, events)
    axis.set_ylabel("accuracy", labelpad=2)
    axis.set_xlabel("epoch", labelpad=1)
    sheet.title(figure, title)
    sheet.legend(figure, 0.05, below, drawn, sheet.BESIDE_ENTRY)
    place = (beside, below) if has_room else (0.05, below + heights[0])
    sheet.legend(figure, *place, marks, sheet.BESIDE_ENTRY)
    return figure


@style.styled
def grid(
    histories: pd.DataFrame,
    events: reading.Events,
    title: str = "Accuracy by epoch: lines are means over seeds, bands their range, triangles each seed's events",
) -> Figure:
    """Draw all runs as small multiples, by default architectures by optimizers.

    Args:
        histories: the history tables of all runs, with the columns of factors and seed.
        events: (row, column, seed) -> the events of that run. A line marks the median over seeds, where most have
            the event, and a triangle above the panel each seed.
        title: the figure's title.
    """
    histories = reading.plain(histories)
    lines_of_panels = reading.lines(histories, sheet.side_by_side(LEFT))
    across = max(len(columns) for _, columns in lines_of_panels)
    gap_x, gap_y, high = 0.12, 0.44, 1.5
    width = min(paper.width(), max(4.6, LEFT + 0.1 + 3.2 * across))
    wide = (width - LEFT - 0.06 - gap_x * (across - 1)) / across
    top = sheet.title_height(title, width) + 0.34
    curves_shown = handles(histories)
    marks = style.event_handles({name for of_run in events.values() for name in style.apart(of_run)})
    for mark in marks:
        mark.set(**_triangle(str(mark.get_gid())))
    in_legend = width - LEFT - 0.06
    legends = [sheet.legend_height(of_kind, in_legend) for of_kind in (curves_shown, marks)]
    room = paper.room(top + 0.1 + sum(legends))
    lines_of_panels = [lines_of_panels[i] for i in paper.rows([high + gap_y] * len(lines_of_panels), room)]
    below = top + len(lines_of_panels) * (high + gap_y) + 0.1
    marks_top = below + legends[0]
    figure = sheet.blank(width, marks_top + legends[1])
    last = float(histories["epoch"].max())
    for row, (level, names) in enumerate(lines_of_panels):
        for column, name in enumerate(names):
            axis = sheet.panel(figure, LEFT + column * (wide + gap_x), top + row * (high + gap_y), wide, high)
            part = reading.at(histories, (level, name))
            lines(axis, part, last)
            of_seeds = [found for key, found in events.items() if key[:2] == (level, name)]
            _mark(axis, style.median_events(of_seeds))
            _triangles(axis, of_seeds)
            sheet.name_panel(axis, (level, name), part["seed"].nunique(), wide, pad=16)
            _outer(axis, row + 1 == len(lines_of_panels), column == 0)
    sheet.title(figure, title)
    sheet.legend(figure, LEFT, below, curves_shown, in_legend)
    sheet.legend(figure, LEFT, marks_top, marks, in_legend)
    return figure


def _outer(axis: Axes, bottom: bool, left: bool) -> None:
    """Keep axis labels only at the edge of the page."""
    axis.tick_params(labelbottom=bottom, labelleft=left)
    if bottom:
        axis.set_xlabel("epoch", labelpad=1)
    if left:
        axis.set_ylabel("accuracy", labelpad=2)


def lines(axis: Axes, history: pd.DataFrame, last: float | None = None) -> None:
    """Draw a line for each accuracy, the mean over seeds, and a band from the lowest to the highest seed."""
    for name, (column, _label, width, dashes) in CURVES.items():
        if history[column].notna().any():
            by_epoch = history.dropna(subset=[column]).groupby("epoch")[column]
            sheet.mean_and_range(axis, by_epoch, style.CURVES[name], linewidth=width, linestyle=dashes)
    epoch_axis.logarithmic(axis, float(history["epoch"].max()) if last is None else last)
    axis.set_ylim(-0.02, 1.02)
    axis.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])


def _mark(axis: Axes, events: dict[str, float]) -> None:
    for name, epoch in style.apart(events).items():
        event = EVENTS[name]
        axis.axvline(epoch, color=event.colour, linestyle=event.dashes, linewidth=0.8, zorder=0, gid=name)


def _triangles(axis: Axes, of_seeds: list[dict[str, float]]) -> None:
    """Draw each seed's events above the panel, those of a kind in a row, so that no kind hides another."""
    levels = sorted({event.lower for event in EVENTS.values()}, reverse=True)
    for name, event in EVENTS.items():
        epochs = [events[name] for events in map(style.apart, of_seeds) if name in events]
        height = LOWEST + APART * levels.index(event.lower)
        axis.plot(epochs, [height] * len(epochs), linestyle="none", clip_on=False,
                  transform=axis.get_xaxis_transform(), **_triangle(name))  # fmt: skip


def _triangle(name: str) -> dict[str, Any]:
    """The mark of one seed's event."""
    event = EVENTS[name]
    face = event.colour if event.filled else "white"
    return {"marker": CARETDOWN, "markersize": 3.2, "color": event.colour, "markerfacecolor": face,
            "markeredgewidth": 0.5}  # fmt: skip


def handles(history: pd.DataFrame) -> list[Line2D]:
    """Legend entries of the accuracies in a history."""
    return [
        Line2D([], [], color=style.CURVES[name], linewidth=width, linestyle=dashes, label=label)
        for name, (column, label, width, dashes) in CURVES.items()
        if history[column].notna().any()
    ]


def aligned(histories: pd.DataFrame) -> pd.DataFrame:
    """Histories of all runs, those of each cell of the grid at the same epochs, so that seeds have a mean.

    Where seeds were evaluated at different epochs, which only recorded runs are, curves are interpolated at all epochs
    of any of them, within the span that all have.
    """
    parts = []
    for _, cell in reading.plain(histories).groupby(reading.PLACE, sort=False):
        of_seeds = [part.sort_values("epoch") for _, part in cell.groupby("seed", sort=False)]
        first = of_seeds[0]["epoch"].to_numpy()
        if all(np.array_equal(part["epoch"].to_numpy(), first) for part in of_seeds):
            parts.append(cell)
            continue
        low = max(part["epoch"].min() for part in of_seeds)
        high = min(part["epoch"].max() for part in of_seeds)
        epochs = np.unique(cell.loc[cell["epoch"].between(low, high), "epoch"])
        if not len(epochs):
            raise RepdynError(
                f"The histories of {cell['row'].iloc[0]} {cell['column'].iloc[0]} have no epochs in common: one "
                f"begins at {low:g}, and another ends at {high:g}; see that all are of the same epochs."
            )
        for part in of_seeds:
            curves_there = {column: _at(part, column, epochs) for column, *_ in CURVES.values()}
            same = {key: part[key].iloc[0] for key in (*FACTORS, "seed", *reading.PLACE) if key in part}
            parts.append(pd.DataFrame({"epoch": epochs, **curves_there}).assign(**same))
    return pd.concat(parts, ignore_index=True)


def _at(history: pd.DataFrame, column: str, epochs: Array) -> Array:
    """A curve interpolated at some epochs; NaN if it was never measured."""
    known = history.dropna(subset=[column])
    if known.empty:
        return np.full(len(epochs), np.nan)
    values: Array = np.interp(epochs, known["epoch"], known[column], left=np.nan, right=np.nan)
    return values


def _draw(job: Job) -> Figure:
    if job.grid_run is None:
        return grid(aligned(reading.of_runs(job, HISTORY)), reading.events_of_runs(job))
    name = style.run_title(job.run)
    events = style.events(reading.of_run(job, SCORES))
    return curves(reading.of_run(job, HISTORY), events, f"Accuracy by epoch: {name}")


FIGURES = {"training": _draw}


def draw(job: Job, figure: str) -> Figure:
    """Read a run's tables, or those of all runs, and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
