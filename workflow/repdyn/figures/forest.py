"""Forest plot of the findings: every claim with estimates, intervals, p-values and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..catalogue.claims import MATCHINGS, UNDECIDED, in_words, more
from ..catalogue.measures import MEASURES, USUAL, in_order
from ..catalogue.scores import SCORES
from ..records.findings import FINDINGS
from ..storage import tables
from . import sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

ROW, BLOCK, CLAIM, AXIS = 0.118, 0.14, 0.2, 0.25  # inches: a finding, a contrast's heading, a claim's, an axis below
HEADING_LINE = 0.1  # inches for each further line of a contrast's heading
TICK = 0.34  # least inches between ticks with labels like −0.05
MARGIN, INDENT = 0.1, 0.08  # inches: left of everything, of a score under its contrast
COMPARISON = ["factor", "first", "second", "level", "matching"]  # columns that identify a comparison


@dataclass(frozen=True)
class PlotLayout:
    """Positions in inches from the left edge of a column of claims.

    Attributes:
        columns: number of columns of claims.
        measure: position of measures' names, None where only colours distinguish measures.
        plot, wide: left edge and width of the plot.
        mark: size of an estimate's mark, in points.
        numbers: text beside the plot -> its position.
    """

    columns: int
    measure: float | None
    plot: float
    wide: float
    mark: float
    numbers: dict[str, float]

    @property
    def names(self) -> float:
        """The width for names of scores."""
        return (self.plot if self.measure is None else self.measure) - MARGIN - INDENT - 0.04


FULL = PlotLayout(1, 1.62, 2.6, 1.7, 3.6, {"estimate [interval]": 4.4, "p": 5.68, "seeds": 6.0, "verdict": 6.36})
# For plots that would not fit a page: leaves out numbers that the plot shows and the table of findings has.
COMPACT = PlotLayout(2, None, 1.5, 0.92, 2.8, {"p": 2.45, "verdict": 2.81})


@dataclass(frozen=True)
class Block:
    """The findings of one claim in one contrast."""

    heading: str
    direction: str
    rows: pd.DataFrame


@style.styled
def forest(frame: pd.DataFrame, planes: str | None = None, title: str = "What the study finds") -> Figure:
    """Draw each claim as a panel, with a block for each contrast and a row for each score and measure.

    Scores of which less supports the claim change sign, so that right always means more of the claim. Claims are set in
    two columns without numbers if the plot is taller than a page and then fits one.

    Args:
        frame: the findings table.
        planes: show CKA and this set of planes; None shows all measures.
        title: the figure's title.

    Raises:
        KeyError: if a measure, a score or a matching is unknown.
    """
    frame = _turned(frame)
    if planes is not None:
        shown = [name for name, measure in USUAL.items() if measure.planes in (None, planes)]
        frame = frame[frame["measure"].isin(shown)]
    claims = {str(claim): list(_blocks(part)) for claim, part in frame.groupby("claim", sort=False)}
    notes = _notes(frame)
    top = sheet.title_height(title, sheet.PAGE) + 0.16
    handles = [_handle(measure) for measure in in_order(frame["measure"])]
    legend = sheet.legend_height(handles, sheet.PAGE - 2 * MARGIN)
    below = legend + 0.8 * sheet.LINE * len(notes) + 0.06
    heights = [_height(claim, blocks, FULL) for claim, blocks in claims.items()]
    layout, first = FULL, len(claims)  # number of claims in the first column
    if top + sum(heights) + below > sheet.TALLEST:
        narrow = [_height(claim, blocks, COMPACT) for claim, blocks in claims.items()]
        cut = min(range(1, len(narrow) + 1), key=lambda n: max(sum(narrow[:n]), sum(narrow[n:])))
        if top + max(sum(narrow[:cut]), sum(narrow[cut:])) + below <= sheet.TALLEST:
            layout, first, heights = COMPACT, cut, narrow
    bottom = top + max(sum(heights[:first]), sum(heights[first:]))
    figure = sheet.blank(sheet.PAGE, bottom + below)
    sheet.title(figure, title)
    for column, part in enumerate((slice(first), slice(first, None))):
        x, y = column * sheet.PAGE / 2, top
        for name, left in layout.numbers.items() if column < layout.columns else ():
            sheet.write(figure, x + left, top - 0.16, name, fontsize=style.SMALL, color=style.GREY)
        for (claim, blocks), height in zip(list(claims.items())[part], heights[part], strict=True):
            _claim(figure, (x, y), claim, blocks, layout)
            y += height
    sheet.legend(figure, MARGIN, bottom, handles, sheet.PAGE - 2 * MARGIN)
    for i, note in enumerate(notes):
        y = bottom + legend + i * 0.8 * sheet.LINE
        sheet.write(figure, MARGIN, y, note, fontsize=style.SMALL, color=style.GREY)
    return figure


def _headline(claim: str, layout: PlotLayout) -> list[str]:
    """The lines of a claim's heading."""
    # Bold letters are wider than the measured ones.
    return sheet.wrapped(claim[0].upper() + claim[1:], 0.87 * (sheet.PAGE / layout.columns - 2 * MARGIN))


def _height(claim: str, blocks: list[Block], layout: PlotLayout) -> float:
    """Height of a claim, in inches."""
    return _above(claim, layout) + sum(_heading_height(b, layout) + ROW * len(b.rows) for b in blocks) + AXIS


def _above(claim: str, layout: PlotLayout) -> float:
    """Height of a claim's heading, in inches."""
    return CLAIM + (len(_headline(claim, layout)) - 1) * 0.8 * sheet.LINE


def _heading(block: Block, layout: PlotLayout) -> list[str]:
    """The lines of a contrast's heading, left of the plot."""
    return sheet.wrapped(block.heading, layout.plot - MARGIN - 0.04, style.SMALL)


def _heading_height(block: Block, layout: PlotLayout) -> float:
    return BLOCK + (len(_heading(block, layout)) - 1) * HEADING_LINE


def _turned(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert numbers to floats, with changed sign where less of a score supports the claim."""
    numbers = frame[["estimate", "ci_low", "ci_high"]].astype(float)
    less = np.array([SCORES[score].direction < 0 for score in frame["score"]], dtype=bool)
    for column, other in (("estimate", "estimate"), ("ci_low", "ci_high"), ("ci_high", "ci_low")):
        frame = frame.assign(**{column: numbers[column].where(~less, -numbers[other])})
    return frame


def _comparisons(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Each comparison: its heading, the meaning of the right side, and its rows."""
    for _, rows in frame.groupby(COMPARISON, sort=False, dropna=False):
        known = rows[COMPARISON].iloc[0].dropna().to_dict()
        of: dict[Any, Any] = dict.fromkeys(COMPARISON) | known
        heading, direction = in_words(of["factor"], of["first"]), "more than by chance"
        if of["second"] is not None:
            heading += f" against {in_words(of['factor'], of['second'])}"
            direction = more(of["factor"], of["first"])
        matching = None if of["matching"] is None else MATCHINGS[of["matching"]]
        yield ", ".join(words for words in (heading, of["level"], matching) if words), direction, rows


def _blocks(part: pd.DataFrame) -> Iterator[Block]:
    """The comparisons of a claim, their rows by score and measure."""
    measures, scores = list(MEASURES), list(SCORES)
    for heading, direction, rows in _comparisons(part):
        order = np.lexsort((rows["measure"].map(measures.index), rows["score"].map(scores.index)))
        yield Block(heading, direction, rows.iloc[order])


def _claim(figure: Figure, place: tuple[float, float], claim: str, blocks: list[Block], layout: PlotLayout) -> None:
    """Draw one panel, with its upper left corner at ``place`` in inches."""
    x, y = place
    for i, line in enumerate(_headline(claim, layout)):
        sheet.write(figure, x + MARGIN, y + 0.04 + i * 0.8 * sheet.LINE, line, fontweight="bold")
    y += _above(claim, layout)
    high = sum(_heading_height(block, layout) + ROW * len(block.rows) for block in blocks)
    axis = sheet.panel(figure, x + layout.plot, y, layout.wide, high)
    axis.set_ylim(high, 0)  # inches from the top
    axis.axvline(0, color=style.GREY, linewidth=0.6, zorder=0)
    limits = _limits(blocks)
    decimals = 2 if max(map(abs, limits)) > 0.2 else 3
    at = 0.0
    for block in blocks:
        for i, line in enumerate(_heading(block, layout)):
            top = y + at + 0.02 + i * HEADING_LINE
            sheet.write(figure, x + MARGIN, top, line, fontsize=style.SMALL, fontstyle="italic")
        at += _heading_height(block, layout)
        axis.text(0.985, at - 0.5 * BLOCK + 0.01, f"{block.direction} →", transform=axis.get_yaxis_transform(),
                  ha="right", va="center", fontsize=5.4, color=style.GREY)  # fmt: skip
        before = ""
        for _, row in block.rows.iterrows():
            middle = at + ROW / 2
            if row["score"] != before:
                name = sheet.shortened(SCORES[row["score"]].label, layout.names, style.SMALL)
                sheet.write(figure, x + MARGIN + INDENT, y + middle, name, va="center", fontsize=style.SMALL)
            before = row["score"]
            _row(figure, axis, (x, y), middle, row, decimals, layout)
            at += ROW
    axis.set_xlim(*limits)
    axis.set_yticks([])
    axis.xaxis.set_major_locator(MaxNLocator(max(2, int(layout.wide / TICK)), steps=[1, 2, 5, 10]))


def _row(
    figure: Figure,
    axis: Axes,
    place: tuple[float, float],
    middle: float,
    row: pd.Series,
    decimals: int,
    layout: PlotLayout,
) -> None:
    """Draw mark and interval in the plot, names and numbers beside it."""
    x, y = place
    measure = MEASURES[row["measure"]]
    small: dict[str, Any] = {"va": "center", "fontsize": style.SMALL}
    if layout.measure is not None:
        sheet.write(figure, x + layout.measure, y + middle, measure.label, **small)
    if np.isfinite(row["ci_low"]):
        axis.plot([row["ci_low"], row["ci_high"]], [middle] * 2, color=measure.colour, linewidth=1.2,
                  solid_capstyle="butt", gid="interval")  # fmt: skip
    if not np.isfinite(row["estimate"]):
        sheet.write(figure, x + min(layout.numbers.values()), y + middle, "no pairs", **small)
        return
    axis.plot(row["estimate"], middle, marker=measure.marker, markersize=layout.mark, color=measure.colour,
              markeredgecolor="white", markeredgewidth=0.4, gid="estimate")  # fmt: skip
    ends = ", ".join(_number(row[end], decimals) for end in ("ci_low", "ci_high"))
    words = {
        "estimate [interval]": _number(row["estimate"], decimals)
        + (f" [{ends}]" if np.isfinite(row["ci_low"]) else ""),
        "p": f"{row['p_value']:.2g}" if pd.notna(row["p_value"]) else "–",
        "seeds": str(row["n_seeds"]),
        "verdict": row["decision"] if row["decidable"] else "too few seeds",
    }
    for name, left in layout.numbers.items():
        weight = "bold" if name == "verdict" and row["decision"] != UNDECIDED else "normal"
        sheet.write(figure, x + left, y + middle, words[name], fontweight=weight, **small)


def _number(value: float, decimals: int) -> str:
    """Format with a true minus sign, but none before a rounded zero."""
    return f"{value:z.{decimals}f}".replace("-", "−")


def _limits(blocks: list[Block]) -> tuple[float, float]:
    """Limits that include every interval of a claim, and zero."""
    values = np.concatenate([block.rows[["estimate", "ci_low", "ci_high"]].to_numpy(float).ravel() for block in blocks])
    values = np.append(values[np.isfinite(values)], 0.0)
    margin = 0.06 * (np.ptp(values) or 1.0)
    return float(values.min() - margin), float(values.max() + margin)


def _handle(name: str) -> Line2D:
    measure = MEASURES[name]
    return Line2D(
        [], [], color=measure.colour, marker=measure.marker, markersize=3.6, linewidth=1.2, label=measure.label
    )


def _notes(frame: pd.DataFrame) -> list[str]:
    """The learning rates that each comparison of optimizers compares."""
    notes: list[str] = []
    # Where no rate fits everywhere, none are compared at equal speed.
    for heading, _, rows in _comparisons(frame[frame["compared"].fillna("") != ""]):
        rates = f"Learning rates, {heading}: {rows['compared'].iloc[0].replace(' - ', ' against ')}"
        notes += sheet.wrapped(rates, sheet.PAGE - 0.2, style.SMALL)
    return notes


def _draw(job: Job, planes: str | None) -> Figure:
    frame = tables.read(*job.place(FINDINGS)).to_pandas()
    seeds = len(job.study.seeds)
    words = f"{seeds} seeds" if seeds != 1 else "one seed"
    confidence = f"{job.study.findings.confidence:.0%}".replace("%", " %")
    return forest(frame, planes, f"Claims tested on {words}: estimates with {confidence} bootstrap intervals")


# Figure -> the set of planes that it shows beside CKA; None for all measures.
FIGURES: dict[str, Callable[[Job], str | None]] = {
    "findings": lambda job: "mislabelled" if job.study.data.label_noise else "test",
    "findings-all": lambda _: None,
}


def draw(job: Job, figure: str) -> Figure:
    """Read the findings and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return _draw(job, FIGURES[figure](job))
