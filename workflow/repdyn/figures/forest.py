"""Forest plot of the findings: every claim with its estimates, intervals, p-values and verdicts, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .. import findings, tables
from ..records.findings import FINDINGS
from . import sheet, style

if TYPE_CHECKING:
    from ..jobs import Job

ROW, BLOCK, CLAIM, AXIS = 0.118, 0.14, 0.2, 0.25  # inches: a finding, a contrast's heading, a claim's, an axis below
HEADING_LINE = 0.1  # inches that each further line of a contrast's heading takes
TICK = 0.34  # inches between ticks at least, of labels like −0.05
MARGIN, INDENT = 0.1, 0.08  # inches: left of everything, of a score under its contrast
SCORES = {
    "distinguishability_2": "two phases beyond drift",
    "distinguishability_3": "three phases beyond drift",
    "novelty": "sharpest change",
    "change_memorization": "change in memorization",
    "synchrony": "times of change alike",
    "progress_gap": "progress alike (−gap)",
    "boundary_spread": "phases end alike (−spread)",
    "transition_fitted": "sharpness at perfect fit",
    "alignment_fitted": "boundary near perfect fit",
    "transition_own": "sharper at it than at others'",
    "alignment_own": "nearer to it than to others'",
    "depth_trend_descent": "from the dip on, by depth",
    "depth_trend_memorization": "in memorization, by depth",
}
CONTRAST = re.compile(r"^(?:arch|optimizer|dip): (\S+) - ([^\s,]+)(?:, (.+))?$")


@dataclass(frozen=True)
class Layout:
    """Where things stand, in inches from the left edge of a column of claims.

    Attributes:
        columns: of claims, side by side.
        measure: where measures are named, None where colours alone tell them apart.
        plot, wide: where the plot begins, and how wide it is.
        mark: size of an estimate's mark, in points.
        numbers: what is written beside it -> where.
    """

    columns: int
    measure: float | None
    plot: float
    wide: float
    mark: float
    numbers: dict[str, float]

    @property
    def names(self) -> float:
        """How wide the names of scores may be."""
        return (self.plot if self.measure is None else self.measure) - MARGIN - INDENT - 0.04


FULL = Layout(1, 1.62, 2.6, 1.7, 3.6, {"estimate [interval]": 4.4, "p": 5.68, "seeds": 6.0, "verdict": 6.36})
# For what would not fit a page: numbers that the plot shows are left to the table of findings.
COMPACT = Layout(2, None, 1.5, 0.92, 2.8, {"p": 2.45, "verdict": 2.81})


@dataclass(frozen=True)
class Block:
    """The findings of one claim in one contrast."""

    heading: str
    direction: str
    rows: pd.DataFrame


@style.styled
def forest(frame: pd.DataFrame, planes: str | None = None, title: str = "What the study finds") -> Figure:
    """Every claim as a panel, with a block for each contrast and a row for each score and measure.

    The sign of a score of which less is more of the claim is turned, so that right is always more. Where that is taller
    than a page and fits one without numbers, claims stand in two columns, without numbers.

    Args:
        frame: the findings table.
        planes: CKA and this set of planes are shown; all measures where None.
        title: what is seen.
    """
    frame = _columns(frame)
    if planes is not None:
        frame = frame[frame["of"].isin(["cka", f"regions:{planes}"])]
    claims = {str(claim): list(_blocks(part)) for claim, part in frame.groupby("claim", sort=False)}
    notes = _notes(frame)
    top = sheet.title_height(title, sheet.PAGE) + 0.16
    handles = [_handle(measure) for measure in style.ALL_MEASURES if measure in set(frame["of"])]
    legend = sheet.legend_height(handles, sheet.PAGE - 2 * MARGIN)
    below = legend + 0.8 * sheet.LINE * len(notes) + 0.06
    heights = [_height(claim, blocks, FULL) for claim, blocks in claims.items()]
    layout, first = FULL, len(claims)  # how many claims stand in the first column
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


def _headline(claim: str, layout: Layout) -> list[str]:
    """The lines of a claim's heading."""
    # Bold letters are wider than those that are measured.
    return sheet.wrapped(claim[0].upper() + claim[1:], 0.87 * (sheet.PAGE / layout.columns - 2 * MARGIN))


def _height(claim: str, blocks: list[Block], layout: Layout) -> float:
    """Inches that a claim takes."""
    return _above(claim, layout) + sum(_heading_height(b, layout) + ROW * len(b.rows) for b in blocks) + AXIS


def _above(claim: str, layout: Layout) -> float:
    """Inches that a claim's heading takes."""
    return CLAIM + (len(_headline(claim, layout)) - 1) * 0.8 * sheet.LINE


def _heading(block: Block, layout: Layout) -> list[str]:
    """The lines of a contrast's heading, left of the plot."""
    return sheet.wrapped(block.heading, layout.plot - MARGIN - 0.04, style.SMALL)


def _heading_height(block: Block, layout: Layout) -> float:
    return BLOCK + (len(_heading(block, layout)) - 1) * HEADING_LINE


def _columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Measure and score apart, and signs turned where less of a score is more of the claim."""
    apart = frame["measure"].str.split(" ", n=1, expand=True)
    frame = frame.assign(of=apart[0], score=apart[1])
    less = frame["score"].map(findings.DIRECTIONS).eq(-1)
    turned = frame[["estimate", "ci_high", "ci_low"]].astype(float)
    frame = frame.assign(**frame[["estimate", "ci_low", "ci_high"]].astype(float))
    for column, other in (("estimate", "estimate"), ("ci_low", "ci_high"), ("ci_high", "ci_low")):
        frame.loc[less, column] = -turned.loc[less, other]
    return frame


def _blocks(part: pd.DataFrame) -> Iterator[Block]:
    """The contrasts of a claim, their rows by score and measure."""
    for contrast, rows in part.groupby("contrast", sort=False):
        found = CONTRAST.match(str(contrast))
        order = {measure: i for i, measure in enumerate(style.ALL_MEASURES)}
        scores = {score: i for i, score in enumerate(SCORES)}
        ordered = rows.assign(first=rows["score"].map(scores), second=rows["of"].map(order)).sort_values(
            ["first", "second"], kind="stable"
        )
        if found:
            first, second, matching = found.groups()
            if str(contrast).startswith("dip"):
                yield Block("runs with a dip against runs without", "more with a dip", ordered)
                continue
            yield Block(
                f"{first} against {second}" + (f", {matching}" if matching else ""), f"more for {first}", ordered
            )
        else:
            yield Block(str(contrast).removeprefix("arch: "), "more than by chance", ordered)


def _claim(figure: Figure, place: tuple[float, float], claim: str, blocks: list[Block], layout: Layout) -> None:
    """One panel, its upper left corner placed in inches."""
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
                name = sheet.shortened(SCORES.get(row["score"], row["score"]), layout.names, style.SMALL)
                sheet.write(figure, x + MARGIN + INDENT, y + middle, name, va="center", fontsize=style.SMALL)
            before = row["score"]
            _row(figure, axis, (x, y), middle, row, decimals, layout)
            at += ROW
    axis.set_xlim(*limits)
    axis.set_yticks([])
    axis.xaxis.set_major_locator(MaxNLocator(max(2, int(layout.wide / TICK)), steps=[1, 2, 5, 10]))


def _row(
    figure: Figure, axis: Axes, place: tuple[float, float], middle: float, row: pd.Series, decimals: int, layout: Layout
) -> None:
    """Mark and interval in the plot, names and numbers beside it."""
    x, y = place
    small: dict[str, Any] = {"va": "center", "fontsize": style.SMALL}
    if layout.measure is not None:
        sheet.write(figure, x + layout.measure, y + middle, style.ALL_MEASURES.get(row["of"], row["of"]), **small)
    colour, marker = style.measure_mark(row["of"])
    if np.isfinite(row["ci_low"]):
        axis.plot([row["ci_low"], row["ci_high"]], [middle] * 2, color=colour, linewidth=1.2, solid_capstyle="butt",
                  gid="interval")  # fmt: skip
    if not np.isfinite(row["estimate"]):
        sheet.write(figure, x + min(layout.numbers.values()), y + middle, "no pairs", **small)
        return
    axis.plot(row["estimate"], middle, marker=marker, markersize=layout.mark, color=colour, markeredgecolor="white",
              markeredgewidth=0.4, gid="estimate")  # fmt: skip
    ends = ", ".join(_number(row[end], decimals) for end in ("ci_low", "ci_high"))
    words = {
        "estimate [interval]": _number(row["estimate"], decimals)
        + (f" [{ends}]" if np.isfinite(row["ci_low"]) else ""),
        "p": f"{row['p_value']:.2g}" if pd.notna(row["p_value"]) else "–",
        "seeds": str(row["n_seeds"]),
        "verdict": _verdict(row["verdict"]),
    }
    for name, left in layout.numbers.items():
        decided = name == "verdict" and not words[name].startswith(("undecided", "too few"))
        weight = "bold" if decided else "normal"
        sheet.write(figure, x + left, y + middle, words[name], fontweight=weight, **small)


def _number(value: float, decimals: int) -> str:
    """With a true minus sign, and none before what is rounded to zero."""
    return f"{value:z.{decimals}f}".replace("-", "−")


def _verdict(verdict: str) -> str:
    """In a word or two."""
    return "too few seeds" if "too few" in verdict else verdict.partition(" at ")[0]


def _limits(blocks: list[Block]) -> tuple[float, float]:
    """Room for every interval of a claim, and zero."""
    values = np.concatenate([block.rows[["estimate", "ci_low", "ci_high"]].to_numpy(float).ravel() for block in blocks])
    values = np.append(values[np.isfinite(values)], 0.0)
    margin = 0.06 * (np.ptp(values) or 1.0)
    return float(values.min() - margin), float(values.max() + margin)


def _handle(measure: str) -> Line2D:
    colour, marker = style.measure_mark(measure)
    label = style.ALL_MEASURES[measure]
    return Line2D([], [], color=colour, marker=marker, markersize=3.6, linewidth=1.2, label=label)


def _notes(frame: pd.DataFrame) -> list[str]:
    """Which learning rates are held against each other, once for each contrast of optimizers."""
    notes: list[str] = []
    rated = frame.dropna(subset=["compared"]).drop_duplicates("contrast")
    for contrast, compared in zip(rated["contrast"], rated["compared"], strict=True):
        found = CONTRAST.match(contrast)
        name = f"{found[1]} against {found[2]}" + (f", {found[3]}" if found[3] else "") if found else contrast
        rates = f"Learning rates, {name}: {compared.replace(' - ', ' against ')}"
        notes += sheet.wrapped(rates, sheet.PAGE - 0.2, style.SMALL)
    return notes


def draw(job: Job, figure: str) -> Figure:
    """Read the findings and draw ``findings``, or ``findings-all`` with every measure."""
    frame = tables.read(*job.place(FINDINGS)).to_pandas()
    seeds = len(job.study.seeds)
    words = f"{seeds} seeds" if seeds != 1 else "one seed"
    confidence = f"{job.study.findings.confidence:.0%}".replace("%", " %")
    title = f"Claims tested on {words}: estimates with {confidence} bootstrap intervals"
    if figure == "findings-all":
        return forest(frame, None, title)
    planes = "mislabelled" if job.study.data.label_noise else "test"
    return forest(frame, planes, title)
