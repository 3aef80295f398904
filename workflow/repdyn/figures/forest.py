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
from . import sheet, style

if TYPE_CHECKING:
    from ..jobs import Job

ROW, BLOCK, CLAIM, AXIS = 0.135, 0.16, 0.21, 0.28  # inches: a finding, a contrast's heading, a claim's, an axis below
SCORE, MEASURE, PLOT = 0.12, 1.62, 2.6  # inches from the left where columns begin
WIDE = 1.7  # inches of the plot
NUMBERS = {"estimate [interval]": 4.4, "p": 5.7, "seeds": 6.04, "verdict": 6.34}
SCORES = {
    "distinguishability_2": "two phases beyond drift",
    "distinguishability_3": "three phases beyond drift",
    "novelty": "sharpest change",
    "change_memorization": "change in memorization",
    "synchrony": "times of change alike",
    "progress_gap": "progress alike (−gap)",
    "boundary_spread": "phases meet alike (−spread)",
    "transition_fitted": "sharpness at perfect fit",
    "alignment_fitted": "boundary near perfect fit",
    "depth_trend_descent": "from the dip on, by depth",
    "depth_trend_memorization": "in memorization, by depth",
}
CONTRAST = re.compile(r"^(?:arch|optimizer|dip): (\S+) - ([^\s,]+)(?:, (.+))?$")


@dataclass(frozen=True)
class Block:
    """The findings of one claim in one contrast."""

    heading: str
    direction: str
    rows: pd.DataFrame


@style.styled
def forest(frame: pd.DataFrame, planes: str | None = None, title: str = "What the study finds") -> Figure:
    """Every claim as a panel, with a block for each contrast and a row for each score and measure.

    The sign of a score of which less is more of the claim is turned, so that right is always more.

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
    top = sheet.title_height(title, sheet.PAGE)
    heights = [CLAIM + sum(BLOCK + ROW * len(block.rows) for block in blocks) + AXIS for blocks in claims.values()]
    bottom = top + 0.16 + sum(heights)
    handles = [_handle(measure) for measure in style.ALL_MEASURES if measure in set(frame["of"])]
    legend = sheet.legend_height(handles, sheet.PAGE - 0.2)
    figure = sheet.blank(sheet.PAGE, bottom + legend + 0.8 * sheet.LINE * len(notes) + 0.06)
    sheet.title(figure, title)
    for name, left in NUMBERS.items():
        sheet.write(figure, left, top, name, fontsize=style.SMALL, color=style.GREY)
    y = top + 0.16
    for (claim, blocks), height in zip(claims.items(), heights, strict=True):
        _claim(figure, y, claim, blocks)
        y += height
    sheet.legend(figure, 0.1, bottom, handles, sheet.PAGE - 0.2)
    for i, note in enumerate(notes):
        sheet.write(figure, 0.1, bottom + legend + i * 0.8 * sheet.LINE, note, fontsize=style.SMALL, color=style.GREY)
    return figure


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
                first, second = "runs with a dip", "runs without"
            yield Block(
                f"{first} against {second}" + (f", {matching}" if matching else ""), f"more for {first}", ordered
            )
        else:
            yield Block(str(contrast).removeprefix("arch: "), "more than by chance", ordered)


def _claim(figure: Figure, y: float, claim: str, blocks: list[Block]) -> None:
    """One panel, ``y`` inches from the top."""
    sheet.write(figure, 0.1, y + 0.04, claim[0].upper() + claim[1:], fontweight="bold")
    y += CLAIM
    high = sum(BLOCK + ROW * len(block.rows) for block in blocks)
    axis = sheet.panel(figure, PLOT, y, WIDE, high)
    axis.set_ylim(high, 0)  # inches from the top
    axis.axvline(0, color=style.GREY, linewidth=0.6, zorder=0)
    limits = _limits(blocks)
    decimals = 2 if max(map(abs, limits)) > 0.2 else 3
    at = 0.0
    for block in blocks:
        sheet.write(figure, SCORE, y + at + 0.02, block.heading, fontsize=style.SMALL, fontstyle="italic")
        axis.text(0.985, at + 0.5 * BLOCK + 0.01, f"{block.direction} →", transform=axis.get_yaxis_transform(),
                  ha="right", va="center", fontsize=5.4, color=style.GREY)  # fmt: skip
        at += BLOCK
        before = ""
        for _, row in block.rows.iterrows():
            middle = at + ROW / 2
            if row["score"] != before:
                name = sheet.shortened(SCORES.get(row["score"], row["score"]), MEASURE - SCORE - 0.05, style.SMALL)
                sheet.write(figure, SCORE + 0.08, y + middle, name, va="center", fontsize=style.SMALL)
            before = row["score"]
            _row(figure, axis, y, middle, row, decimals)
            at += ROW
    axis.set_xlim(*limits)
    axis.set_yticks([])
    axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _row(figure: Figure, axis: Axes, y: float, middle: float, row: pd.Series, decimals: int) -> None:
    """Mark and interval in the plot, names and numbers beside it."""
    small: dict[str, Any] = {"va": "center", "fontsize": style.SMALL}
    sheet.write(figure, MEASURE, y + middle, style.ALL_MEASURES.get(row["of"], row["of"]), **small)
    colour, marker = style.measure_mark(row["of"])
    if np.isfinite(row["ci_low"]):
        axis.plot([row["ci_low"], row["ci_high"]], [middle] * 2, color=colour, linewidth=1.2, solid_capstyle="butt",
                  gid="interval")  # fmt: skip
    if not np.isfinite(row["estimate"]):
        sheet.write(figure, NUMBERS["estimate [interval]"], y + middle, "no pairs", **small)
        return
    axis.plot(row["estimate"], middle, marker=marker, markersize=3.6, color=colour, markeredgecolor="white",
              markeredgewidth=0.4, gid="estimate")  # fmt: skip
    ends = ", ".join(_number(row[end], decimals) for end in ("ci_low", "ci_high"))
    words = {
        "estimate [interval]": _number(row["estimate"], decimals)
        + (f" [{ends}]" if np.isfinite(row["ci_low"]) else ""),
        "p": f"{row['p_value']:.2g}" if pd.notna(row["p_value"]) else "–",
        "seeds": str(row["n_seeds"]),
        "verdict": _verdict(row["verdict"]),
    }
    for name, text in words.items():
        decided = name == "verdict" and not text.startswith(("undecided", "too few"))
        sheet.write(figure, NUMBERS[name], y + middle, text, fontweight="bold" if decided else "normal", **small)


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


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
    frame = tables.read(job.paths.findings(), job.made_with("findings")).to_pandas()
    seeds = len(job.study.seeds)
    words = f"{seeds} seeds" if seeds != 1 else "one seed"
    confidence = f"{job.study.findings.confidence:.0%}".replace("%", " %")
    title = f"Claims tested on {words}: estimates with {confidence} bootstrap intervals"
    if figure == "findings-all":
        return forest(frame, None, title)
    planes = "mislabelled" if job.study.data.label_noise else "test"
    return forest(frame, planes, title)
