"""Where measures and detectors agree on the greatest boundary of a layer's training: distances in decades of epochs.

All pairs of a measure and a detector make a matrix that no page can hold. What is asked of it are two parts: how far
measures are apart under one detector, and detectors under one measure (``analysis/boundaries.py``). A distance is the
median over the layers of the body and over seeds, between detectors over measures, too.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.boundaries import DETECTORS, HALF, NOVELTY, SEGMENTATION, STOP
from ..analysis.phases import BODY
from ..catalogue.measures import Measure
from ..records.phases import BOUNDARIES
from ..types import Array
from . import paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

WORDS = {SEGMENTATION: "two phases meet", NOVELTY: "novelty", STOP: "change stops", HALF: "half of change"}
SHORT = {SEGMENTATION: "phases", NOVELTY: "novelty", STOP: "stop", HALF: "half"}  # beside the last panel
RIGHT, GAP, HEAD, TITLE = 0.58, 0.08, 0.16, 0.24  # inches: colour bar, between panels, above each, above a row of them
FURTHEST = 1.0  # decades of epochs at which colours end
LARGEST = 1.1  # inches
NUMBER = 0.15  # inches: the smallest cell that shows its number
NAME, ROW = style.SMALL, 0.1  # points of the names of measures and detectors, inches that one takes


def distances(moments: Array) -> Array:
    """Median distance of moments.

    Args:
        moments: (layers, n) in decades of epochs, NaN where there is none.

    Returns:
        (n, n), NaN where no layer has both.
    """
    apart = np.abs(moments[:, :, None] - moments[:, None, :])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        found: Array = np.nanmedian(apart, axis=0)
    return found


@style.styled
def agreement(
    tables: pd.DataFrame, measures: Mapping[str, Measure],
    title: str = "Where measures and detectors put the greatest boundary: median distance in decades of epochs",
) -> Figure:  # fmt: skip
    """Draw a row for each cell of the grid: measures under each detector, and detectors.

    Args:
        tables: the tables of boundaries of all runs, with the columns of factors and seed.
        measures: those of the study, by name, in order.
        title: the figure's title.
    """
    body = reading.plain(tables[tables["part"] == BODY])
    if body.empty:
        return sheet.nothing(title, "Too few checkpoints, or no layers between stem and head.")
    shown = [measure for measure in measures.values() if measure.name in set(body["measure"])]
    names = [measure.label for measure in shown]
    names, left = sheet.named_rows(names, NAME)
    left += 0.1
    between = 0.1 + max(sheet.text_width(word, NAME) for word in SHORT.values())
    columns = len(DETECTORS)
    side = min(LARGEST, (paper.width() - left - between - RIGHT - columns * GAP) / (columns + 1))
    cells = reading.cells(body)
    top, below = sheet.title_height(title, paper.width()), max(left, between) + 0.05
    shown_cells = paper.rows([TITLE + HEAD + side] * len(cells), paper.room(top + below))
    cells = [cells[i] for i in shown_cells]
    bottom = top + len(cells) * (TITLE + HEAD + side)
    figure = sheet.blank(paper.width(), bottom + below)
    last = left + columns * (side + GAP) + between
    image = None
    for row, cell in enumerate(cells):
        y, lowest = top + row * (TITLE + HEAD + side) + TITLE + HEAD, row + 1 == len(cells)
        part = reading.at(body, cell)
        moments = _moments(part, [measure.name for measure in shown])
        heading = sheet.joined(cell, last + side - 0.05, weight="bold")  # beside the colour bar
        sheet.write(figure, 0.05, y - HEAD - TITLE + 0.1, heading, fontweight="bold")
        for column, detector in enumerate(DETECTORS):
            axis = sheet.panel(figure, left + column * (side + GAP), y, side, side)
            image = _matrix(axis, distances(moments[:, :, column]), names, side, left=column == 0, bottom=lowest)
            axis.set_title(sheet.shortened(WORDS[detector], side, style.SMALL), fontsize=style.SMALL, pad=2)
        axis = sheet.panel(figure, last, y, side, side)
        of_detectors = distances(moments.reshape(-1, columns))
        _matrix(axis, of_detectors, [SHORT[detector] for detector in DETECTORS], side, left=True, bottom=lowest)
        axis.set_title("detectors", fontsize=style.SMALL, pad=2)
    sheet.title(figure, title)
    bar_top = top + TITLE + HEAD
    label = "decades of epochs"
    sheet.colour_bar(figure, image, last + side + GAP, bar_top, min(bottom - bar_top, 3.0), label, extend="max")
    return figure


def _moments(part: pd.DataFrame, names: list[str]) -> Array:
    """(layers of all seeds, measures, detectors): moments in decades of epochs."""
    wide = part.assign(moment=np.log10(part["epoch"])).pivot(
        index=["seed", "layer"], columns=["measure", "detector"], values="moment"
    )
    wide = wide.reindex(columns=pd.MultiIndex.from_product([names, DETECTORS]))
    return wide.to_numpy(dtype=float).reshape(len(wide), len(names), len(DETECTORS))


def _matrix(axis: Axes, values: Array, names: list[str], side: float, *, left: bool, bottom: bool) -> Any:
    """Draw distances, the first in the upper left corner, with numbers if there is room."""
    n = len(values)
    image = sheet.matrix(axis, values, style.CHANGE, (0.0, FURTHEST))
    axis.set_ylim(n - 0.5, -0.5)
    every = int(np.ceil(ROW * n / side - 1e-9))  # names that would overlap are left out
    axis.set_xticks(range(0, n, every), names[::every] if bottom else [""] * len(range(0, n, every)), rotation=90)
    axis.set_yticks(range(0, n, every), names[::every] if left else [""] * len(range(0, n, every)))
    axis.tick_params(length=0, labelsize=NAME)
    if side / n >= NUMBER:
        for i, j in itertools.permutations(range(n), 2):
            if np.isfinite(values[i, j]):
                colour = "white" if values[i, j] > FURTHEST / 2 else style.INK
                number = f"{values[i, j]:.1f}"
                number = "0" if number == "0.0" else number.removeprefix("0")
                axis.text(j, i, number, ha="center", va="center", fontsize=style.SMALL, color=colour)
    return image


FIGURES = {"boundaries": lambda job: agreement(reading.of_runs(job, BOUNDARIES), job.study.all_measures)}


def draw(job: Job, figure: str) -> Figure:
    """Read the tables of all runs and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
