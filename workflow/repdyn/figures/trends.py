"""Scores against the numbers in which levels of a factor differ, with the trend of each cell of the other factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from ..catalogue.factors import FACTORS
from ..catalogue.measures import Measure
from ..catalogue.scores import SCORES
from ..records.findings import TREND_VALUES, TRENDS
from . import paper, reading, sheet, style

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from ..pipeline.jobs import Job

LEFT, GAP, HIGH = 0.5, 0.5, 1.35  # inches: axis, between panels, height of one
NAME, LABEL, LINE = 0.28, 0.38, 0.11  # inches: above a panel, between it and its words, a line of these
OUT = 0.32  # inches by which words begin left of the panel
BREAK = 0.75  # decades between a level 0 and the smallest above it
KEY = ["factor", "setting"]
CELL = [*FACTORS, "group"]
SCORE = ["measure", "score"]
# Numbers of slopes and p beneath a panel, of as many cells; the table has all.
MOST_WORDS = 6
MARKERS = "osD^vPX*"  # of cells in turn, which tell their lines apart in grey


@style.styled
def numeric(
    trends: pd.DataFrame,
    values: pd.DataFrame,
    measures: Mapping[str, Measure],
    title: str = "Scores by the numbers in which levels differ: dots are seeds, lines their means",
) -> Figure:
    """Draw a panel for each setting and score; its x axis is logarithmic, with a level 0 at a broken place.

    Args:
        trends: the table ``findings/trends``.
        values: the table ``findings/trend_values``.
        measures: those of the study, by name.
        title: the figure's title.
    """
    if trends.empty:
        return sheet.nothing(title, "No run has any of the scores.")
    cells = _cells(trends)
    names = dict.fromkeys(cells)
    colours = style.class_colours(len(names))
    looks = {cell: (colours[i], MARKERS[i % len(MARKERS)]) for i, cell in enumerate(names)}
    of_values, of_trends = _named(values), _named(trends).assign(cell=cells)
    scores_of = [
        [part for _, part in of_setting.groupby(SCORE, sort=False)]
        for _, of_setting in of_trends.groupby(KEY, sort=False)
    ]
    lines = min(MOST_WORDS, int(of_trends.groupby([*KEY, *SCORE]).size().max()))
    row = NAME + HIGH + LABEL + LINE * lines + 0.12
    width, across = paper.width(), sheet.side_by_side(LEFT)
    wide = (width - LEFT - 0.06 - GAP * (across - 1)) / across
    top = sheet.title_height(title, width)
    in_legend = width - LEFT - sheet.BESIDE_ENTRY
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=3, label=sheet.joined(cell.split(", "), in_legend))
        for cell, (colour, marker) in looks.items()
    ]
    rows = [scores[i : i + across] for scores in scores_of for i in range(0, len(scores), across)]
    legend = sheet.legend_height(handles, width - LEFT)
    rows = [rows[i] for i in paper.rows([row] * len(rows), paper.room(top + 0.06 + legend))]
    below = top + len(rows) * row + 0.06
    figure = sheet.blank(width, below + legend)
    y = top
    for scores in rows:
        for i, part in enumerate(scores):
            factor, setting, measure, score = part.iloc[0][[*KEY, *SCORE]]
            left = LEFT + i * (wide + GAP)
            axis = sheet.panel(figure, left, y + NAME, wide, HIGH)
            own = of_values[(of_values[[*KEY, *SCORE]] == [factor, setting, measure, score]).all(axis=1)]
            _panel(axis, own, part, factor, looks)
            words = SCORES[score].label + (f", {measures[measure].label}" if measure else "")
            axis.set_title(sheet.shortened(words, wide), loc="left", fontsize=style.TEXT, pad=3)
            axis.set_xlabel(f"{factor}: {setting}", labelpad=1)
            for line, found in enumerate(part.head(MOST_WORDS).to_dict("records")):
                said = sheet.shortened(_words(found), wide + OUT, style.SMALL)
                place = y + NAME + HIGH + LABEL + LINE * line
                colour, _ = looks[found["cell"]]
                sheet.write(figure, left - OUT, place, said, fontsize=style.SMALL, color=colour)
        y += row
    sheet.title(figure, title)
    sheet.legend(figure, LEFT, below, handles, width - LEFT)
    return figure


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Null is the empty string, so that it is equal to itself."""
    texts = [*KEY, *CELL, *SCORE]
    return frame.assign(**frame[texts].astype(object).where(frame[texts].notna(), ""))


def _cells(frame: pd.DataFrame) -> pd.Series:
    """The levels of the other factors, and which of the factor's own, in words."""
    levels = frame[CELL].apply(lambda row: ", ".join(level for level in row if pd.notna(level)), axis=1)
    return levels.where(levels != "", "all runs")


def _panel(
    axis: Axes, values: pd.DataFrame, trends: pd.DataFrame, factor: str, looks: Mapping[str, tuple[str, str]]
) -> None:
    """Draw the seeds' values and the mean of each cell."""
    numbers = np.unique(values["level"].to_numpy(dtype=float))
    place = dict(zip(numbers.tolist(), _places(numbers).tolist(), strict=True))
    others = [name for name in CELL if name != factor]
    for _, found in trends.iterrows():
        own = values[(values[others] == found[others]).all(axis=1)]
        at, (colour, marker) = own["level"].map(place), looks[found["cell"]]
        axis.plot(at, own["value"], "o", color=colour, markersize=2, alpha=0.35, markeredgewidth=0, gid="seeds")
        mean = own.groupby("level")["value"].mean()
        for part in (mean[mean.index > 0], mean[mean.index <= 0]):
            axis.plot(part.index.map(place), part, color=colour, marker=marker, markersize=3, gid="mean")
    axis.xaxis.set_major_locator(FixedLocator(list(place.values())))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels(sheet.apart(axis, list(place.values()), [f"{number:g}" for number in numbers]))
    if (numbers <= 0).any() and (numbers > 0).any():
        # Two strokes across the axis, where it is broken.
        middle = _places(numbers)[numbers > 0][0] - BREAK / 2
        for shift in (-0.03, 0.03):
            axis.plot([middle + shift - 0.02, middle + shift + 0.02], [-0.03, 0.03], color=style.INK, linewidth=0.6,
                      transform=axis.get_xaxis_transform(), clip_on=False, gid="break")  # fmt: skip


def _places(numbers: np.ndarray) -> np.ndarray:
    """log10 of numbers above 0, ascending; those of 0 and less to the left of them."""
    above = numbers[numbers > 0]
    first = np.log10(above[0]) if len(above) else 0.0
    below = first - BREAK * np.arange(len(numbers) - len(above), 0, -1)
    return np.concatenate([below, np.log10(above)])


def _words(found: Mapping[Hashable, Any]) -> str:
    """The slope of a cell and its p, in words."""
    if pd.isna(found["estimate"]):
        return f"{found['cell']}: too few levels"
    slope = f"{found['estimate']:+.2g}".replace("-", "−")
    p = "no p" if pd.isna(found["p_value"]) else f"p = {found['p_value']:.2g}"
    return f"{found['cell']}: {slope} per decade, {p}"


def _draw(job: Job) -> Figure:
    return numeric(reading.of_run(job, TRENDS), reading.of_run(job, TREND_VALUES), job.study.all_measures)


FIGURES = {"trends": _draw}


def draw(job: Job, figure: str) -> Figure:
    """Read the trends of the study and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
