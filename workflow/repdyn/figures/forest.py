"""Forest plots of the findings: estimates with intervals, the seeds behind them, p-values and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..analysis.pairing import differences
from ..catalogue.claims import MATCHINGS, UNDECIDED, places
from ..catalogue.measures import Measure, in_order
from ..catalogue.scores import SCORES, STOP_SLOPE
from ..records.findings import COMPARED, FINDINGS, PAIRS
from . import paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

ROW, BLOCK, CLAIM, AXIS = 0.125, 0.15, 0.2, 0.26  # inches: a finding, a block's heading, a claim's, an axis below
SEEDS = 0.034  # inches that seeds lie above their mean and its interval
HOLDS = 0.1  # inches: a line that says under which measures a claim holds
TICK = 0.34  # least inches between ticks with labels like −0.05
MARGIN, INDENT = 0.1, 0.08  # inches: left of everything, of a row under its heading
ESTIMATE, P, SEEDS_OF, VERDICT = "estimate [interval]", "p", "seeds", "verdict"
NARROW = 5.2  # inches: on narrower paper there is no room for numbers
NOTE = 0.8 * sheet.LINE  # inches: a line of a note
CONTINUED = " (continued)"
COMPARISON = [*COMPARED][3:]  # columns that identify a comparison
KEYS = [*COMPARED]
UNSEEDED = (STOP_SLOPE,)  # scores that a seed alone does not have


@dataclass(frozen=True)
class Row:
    """A finding in the plot.

    Attributes:
        name: its name.
        finding: its row of the table.
        measure: its measure, if it has one.
        label: the name of its measure, where several are shown.
        holds: lines that say under which measures its claim holds.
    """

    name: str
    finding: pd.Series
    measure: Measure | None
    label: str = ""
    holds: tuple[str, ...] = ()

    @property
    def height(self) -> float:
        """Inches."""
        return ROW + HOLDS * len(self.holds)


@dataclass(frozen=True)
class Block:
    """Findings under one heading; ``direction`` is the meaning of the right side."""

    heading: str
    direction: str
    rows: list[Row]


@dataclass(frozen=True)
class Columns:
    """Where things stand beside each other, in inches from the left.

    Attributes:
        measure: names of measures.
        plot, wide: the plot, and its width.
        numbers: what is written beside the plot -> its left edge.
    """

    measure: float
    plot: float
    wide: float
    numbers: dict[str, float]


def _columns() -> Columns:
    """The columns that the paper has room for; the verdict alone beside the plot, where it is narrow."""
    page = paper.width()
    verdict = page - 0.7
    if page < NARROW:
        plot = 0.42 * page
        return Columns(0.55 * plot, plot, verdict - 0.06 - plot, {VERDICT: verdict})
    seeds = verdict - 0.3
    estimate = seeds - 0.36 - 1.26
    plot = min(2.66, 0.38 * page)
    numbers = {ESTIMATE: estimate, P: seeds - 0.36, SEEDS_OF: seeds, VERDICT: verdict}
    return Columns(plot - 0.9, plot, estimate - 0.08 - plot, numbers)


@style.styled
def forest(
    frame: pd.DataFrame, pairs: pd.DataFrame, measures: Mapping[str, Measure], primary: bool = True,
    title: str = "What the study finds",
) -> Figure:  # fmt: skip
    """Draw each claim as a panel with a row for each finding, on as many pages as they take.

    Scores of which less supports the claim change sign, so that right always means more of the claim. Faint dots are
    seeds. What stands in the way of a decision is numbered, and said at the end. A line under a row that decides says
    under which measures its claim holds. Paper narrower than ``NARROW`` inches has neither numbers nor these lines.

    Args:
        frame: the findings table.
        pairs: the pairs of the findings.
        measures: those of the study, by name, in order.
        primary: show what decides claims: a row for each comparison; else all findings with estimates, those of a
            comparison together.
        title: the figure's title.

    Raises:
        KeyError: if a measure, a score or a matching is unknown.
    """
    frame = frame[frame["primary"].astype(bool)] if primary else frame[frame["estimate"].notna()]
    seeds = {key: differences(part) for key, part in _by_finding(pairs)}
    blocks_of = _primary_blocks if primary else _all_blocks
    claims = {str(claim): list(blocks_of(part, measures)) for claim, part in frame.groupby("claim", sort=False)}
    limits = {claim: _limits([row.finding for block in blocks for row in block.rows], seeds)
              for claim, blocks in claims.items()}  # fmt: skip
    notes = _reasons(frame) if primary else {}
    of_notes = [f"{number} {reason}" for reason, number in notes.items()] + _rates(frame)
    lines = [line for note in of_notes for line in sheet.wrapped(note, paper.width() - 0.2, style.SMALL)]
    columns = _columns()
    top = sheet.title_height(title, paper.width()) + 0.16
    handles = [_handle(measures[name]) for name in in_order(frame["measure"].dropna(), measures)]
    legend = sheet.legend_height(handles, paper.width() - 2 * MARGIN)
    page = paper.page_of(_paged(claims, lines, paper.room(top + legend + 0.06)))
    bottom = top + sum(_height(claim, blocks) for claim, blocks in page.claims)
    figure = sheet.blank(paper.width(), bottom + legend + NOTE * len(page.notes) + 0.06)
    sheet.title(figure, title)
    for name, left in columns.numbers.items() if page.claims else ():
        words = "adjusted p" if primary and name == P else name
        place: dict[str, Any] = {"ha": "right"} if words == "adjusted p" else {}
        sheet.write(
            figure, left + (0.28 if place else 0), top - 0.16, words, fontsize=style.SMALL, color=style.GREY, **place
        )
    y = top
    for claim, blocks in page.claims:
        _claim(figure, y, claim, blocks, columns, limits[claim.removesuffix(CONTINUED)], seeds, notes)
        y += _height(claim, blocks)
    sheet.legend(figure, MARGIN, bottom, handles, paper.width() - 2 * MARGIN)
    for i, line in enumerate(page.notes):
        sheet.write(figure, MARGIN, bottom + legend + i * NOTE, line, fontsize=style.SMALL, color=style.GREY)
    return figure


@dataclass
class Page:
    """What stands on a page: (claim, blocks of its findings), and lines of notes."""

    claims: list[tuple[str, list[Block]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _paged(claims: Mapping[str, list[Block]], notes: Sequence[str], room: float) -> list[Page]:
    """Divide claims among pages of so many inches, row by row where one alone takes more; notes stand at the end."""
    pages, left = [Page()], room
    for claim, blocks in claims.items():
        whole = _height(claim, blocks)
        if left < whole <= room or left < _height(claim, [replace(blocks[0], rows=blocks[0].rows[:2])]):
            pages.append(Page())
            left = room
        if whole <= left:
            pages[-1].claims.append((claim, blocks))
            left -= whole
            continue
        here: list[Block] = []
        name = claim
        for block, row in ((of, row) for of in blocks for row in of.rows):
            tried = [*here, replace(block, rows=[])] if not here or here[-1].heading != block.heading else here
            tried = [*tried[:-1], replace(tried[-1], rows=[*tried[-1].rows, row])]
            if _height(name, tried) > left:
                pages[-1].claims.append((name, here))
                pages.append(Page())
                left, name = room, claim + CONTINUED
                tried = [replace(block, rows=[row])]
            here = tried
        pages[-1].claims.append((name, here))
        left -= _height(name, here)
    for note in notes:
        if left < NOTE:
            pages.append(Page())
            left = room
        pages[-1].notes.append(note)
        left -= NOTE
    return pages


def _by_finding(pairs: pd.DataFrame) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """The pairs of each finding, by its key columns; null is the empty string."""
    yield from pairs.assign(**{name: pairs[name].fillna("") for name in KEYS}).groupby(KEYS, sort=False)


def _key(finding: pd.Series) -> tuple[Any, ...]:
    return tuple("" if pd.isna(finding[name]) else finding[name] for name in KEYS)


def _known(finding: pd.Series) -> dict[str, Any]:
    """The columns of a comparison; None for null."""
    return {name: None if pd.isna(finding[name]) else finding[name] for name in COMPARISON}


def _comparison(of: dict[str, Any], level: bool = True) -> str:
    """A comparison as a row's name."""
    if of["factor"] is None:
        return "all runs"
    sides = of["first"] if of["second"] is None else f"{of['first']} − {of['second']}"
    at = places(*(of[name] for name in ("other", "level", "level_second", "held", "held_level"))) if level else {}
    matching = None if of["matching"] is None else MATCHINGS[of["matching"]]
    return ", ".join(words for words in (sides, *at.values(), matching) if words)


def _direction(of: dict[str, Any]) -> str:
    return "more than without it" if of["second"] is None else "more for the first"


def _primary_blocks(part: pd.DataFrame, measures: Mapping[str, Measure]) -> Iterator[Block]:
    """A claim's comparisons, by its measure and score."""
    for _, rows in part.groupby(["measure", "score"], sort=False, dropna=False):
        name, score = rows["measure"].iloc[0], rows["score"].iloc[0]
        measure = None if pd.isna(name) else measures[name]
        listed = [Row(_comparison(_known(row)), row, measure, holds=_holds(row)) for _, row in rows.iterrows()]
        if pd.isna(score):
            yield Block("", "", listed)
            continue
        words = SCORES[score].label if measure is None else f"{SCORES[score].label}, {measure.label}"
        yield Block(words, _direction(_known(rows.iloc[0])), listed)


def _holds(finding: pd.Series) -> tuple[str, ...]:
    """The lines that say under which measures a claim holds, where there is room for them."""
    left = _columns().numbers.get(ESTIMATE)
    if pd.isna(finding["holds"]) or left is None:
        return ()
    return tuple(sheet.wrapped(finding["holds"], paper.width() - left - MARGIN, style.SMALL))


def _all_blocks(part: pd.DataFrame, measures: Mapping[str, Measure]) -> Iterator[Block]:
    """A claim's scores and measures, by comparison."""
    names, scores = list(measures), list(SCORES)
    for _, rows in part.groupby(COMPARISON, sort=False, dropna=False):
        order = sorted(
            (row for _, row in rows.iterrows()),
            key=lambda row: (
                scores.index(row["score"]),
                -1 if pd.isna(row["measure"]) else names.index(row["measure"]),
            ),
        )
        listed, before = [], ""
        for row in order:
            measure = None if pd.isna(row["measure"]) else measures[row["measure"]]
            name = "" if row["score"] == before else SCORES[row["score"]].label
            listed.append(Row(name, row, measure, label="" if measure is None else measure.label))
            before = row["score"]
        of = _known(order[0])
        yield Block(_comparison(of), _direction(of), listed)


def _above(claim: str) -> float:
    """Height of a claim's heading, in inches."""
    return CLAIM + (len(sheet.headline(claim, paper.width() - 2 * MARGIN)) - 1) * 0.8 * sheet.LINE


def _high(blocks: list[Block]) -> float:
    """Height of a claim's plot, in inches."""
    return sum(BLOCK * bool(block.heading) + sum(row.height for row in block.rows) for block in blocks)


def _has_plot(blocks: list[Block]) -> bool:
    return any(pd.notna(row.finding["estimate"]) for block in blocks for row in block.rows)


def _height(claim: str, blocks: list[Block]) -> float:
    """Height of a claim, in inches."""
    return _above(claim) + _high(blocks) + (AXIS if _has_plot(blocks) else 0.1)


def _claim(
    figure: Figure,
    top: float,
    claim: str,
    blocks: list[Block],
    columns: Columns,
    limits: tuple[float, float],
    seeds: dict[tuple[Any, ...], pd.Series],
    notes: dict[str, int],
) -> None:
    """Draw one panel, ``top`` inches from the top."""
    for i, line in enumerate(sheet.headline(claim, paper.width() - 2 * MARGIN)):
        sheet.write(figure, MARGIN, top + 0.04 + i * 0.8 * sheet.LINE, line, fontweight="bold")
    y, axis = top + _above(claim), None
    decimals = 2 if max(map(abs, limits)) > 0.2 else 3
    if _has_plot(blocks):
        axis = sheet.panel(figure, columns.plot, y, columns.wide, _high(blocks))
        axis.set(xlim=limits, ylim=(_high(blocks), 0), yticks=[])  # inches from the top
        axis.axvline(0, color=style.GREY, linewidth=0.6, zorder=0)
        axis.xaxis.set_major_locator(MaxNLocator(max(2, int(columns.wide / TICK)), steps=[1, 2, 5, 10]))
    at = 0.0
    for block in blocks:
        if block.heading:
            heading = sheet.shortened(block.heading, columns.plot - MARGIN - 0.04, style.SMALL)
            sheet.write(figure, MARGIN, y + at + 0.02, heading, fontsize=style.SMALL, fontstyle="italic")
            at += BLOCK
        if axis is not None and block.direction:
            axis.text(0.985, at - 0.5 * BLOCK + 0.01, f"{block.direction} →", transform=axis.get_yaxis_transform(),
                      ha="right", va="center", fontsize=style.SMALL, color=style.GREY)  # fmt: skip
        for row in block.rows:
            _row(figure, axis, y, at + ROW / 2, row, columns, seeds.get(_key(row.finding)), decimals, notes)
            at += row.height


def _row(
    figure: Figure,
    axis: Axes | None,
    top: float,
    middle: float,
    row: Row,
    columns: Columns,
    seeds: pd.Series | None,
    decimals: int,
    notes: dict[str, int],
) -> None:
    """Draw seeds, mark and interval in the plot, names and numbers beside it."""
    finding, y, beside = row.finding, top + middle, columns.numbers
    small: dict[str, Any] = {"va": "center", "fontsize": style.SMALL}
    room = (columns.measure if row.label else columns.plot) - MARGIN - INDENT - 0.04
    sheet.write(figure, MARGIN + INDENT, y, sheet.joined([row.name], room, style.SMALL), **small)
    label = sheet.shortened(row.label, columns.plot - columns.measure - 0.06, style.SMALL)
    sheet.write(figure, columns.measure, y, label, **small)
    for i, line in enumerate(row.holds):
        lower = y + ROW / 2 + (i + 0.4) * HOLDS
        sheet.write(figure, beside[ESTIMATE], lower, line, va="center", fontsize=style.SMALL, color=style.GREY)
    _verdict(figure, y, finding, columns, notes, small)
    if pd.isna(finding["estimate"]):
        if finding["n_pairs"] == 0 and pd.notna(finding["score"]) and ESTIMATE in beside:
            sheet.write(figure, beside[ESTIMATE], y, "no pairs", **small)
        return
    assert axis is not None
    turned = SCORES[finding["score"]].direction
    colour, marker = style.INK, "o"
    if row.measure is not None:
        colour, marker = row.measure.colour, row.measure.marker
    if seeds is not None and SCORES[finding["score"]].name not in UNSEEDED:
        axis.plot(turned * seeds, [middle - SEEDS] * len(seeds), "o", color=colour, markersize=1.7, alpha=0.6,
                  markeredgewidth=0, gid="seeds")  # fmt: skip
    ends = sorted(turned * np.array([finding["ci_low"], finding["ci_high"]], dtype=float))
    if np.isfinite(ends).all():
        axis.plot(ends, [middle] * 2, color=colour, linewidth=1.2, solid_capstyle="butt", gid="interval")
    estimate = turned * float(finding["estimate"])
    axis.plot(estimate, middle, marker=marker, markersize=3.6, color=colour, markeredgecolor="white",
              markeredgewidth=0.4, gid="estimate")  # fmt: skip
    if ESTIMATE in beside:
        words = _number(estimate, decimals)
        if np.isfinite(ends).all():
            words += f" [{', '.join(_number(end, decimals) for end in ends)}]"
        sheet.write(figure, beside[ESTIMATE], y, words, **small)


def _verdict(
    figure: Figure, y: float, finding: pd.Series, columns: Columns, notes: dict[str, int], small: dict[str, Any]
) -> None:
    """Write p, the seeds and the verdict of a finding."""
    p = finding["p_adjusted"] if finding["primary"] else finding["p_value"]
    if pd.notna(finding["score"]) and P in columns.numbers:
        sheet.write(figure, columns.numbers[P], y, f"{p:.2g}" if pd.notna(p) else "–", **small)
        sheet.write(figure, columns.numbers[SEEDS_OF], y, str(finding["n_seeds"]), **small)
    if not finding["primary"]:
        words = f"q {finding['q_value']:.2g}" if pd.notna(finding["q_value"]) else ""
    else:
        number = notes.get(str(finding["reason"]))
        words = finding["decision"] + (f" ({number})" if number is not None else "")
    weight = "bold" if finding["primary"] and finding["decision"] != UNDECIDED else "normal"
    sheet.write(figure, columns.numbers[VERDICT], y, words, fontweight=weight, **small)


def _number(value: float, decimals: int) -> str:
    """Format with a true minus sign, but none before a rounded zero."""
    return f"{value:z.{decimals}f}".replace("-", "−")


def _limits(findings: list[pd.Series], seeds: dict[tuple[Any, ...], pd.Series]) -> tuple[float, float]:
    """Limits that include every interval and seed of a claim, and zero."""
    values = [0.0]
    for finding in findings:
        if pd.isna(finding["score"]):
            continue
        of_seeds = [] if finding["score"] in UNSEEDED else list(seeds.get(_key(finding), []))
        ends = finding[["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)
        values += list(SCORES[finding["score"]].direction * np.array([*ends[np.isfinite(ends)], *of_seeds]))
    margin = 0.06 * (np.ptp(values) or 1.0)
    return float(min(values) - margin), float(max(values) + margin)


def _handle(measure: Measure) -> Line2D:
    return Line2D(
        [], [], color=measure.colour, marker=measure.marker, markersize=3.6, linewidth=1.2, label=measure.label
    )


def _reasons(frame: pd.DataFrame) -> dict[str, int]:
    """Why findings cannot be decided -> the number of its note."""
    return {str(reason): number for number, reason in enumerate(frame["reason"].dropna().unique(), 1)}


def _rates(frame: pd.DataFrame) -> list[str]:
    """The learning rates that comparisons of optimizers compare, where the study has several of a family."""
    matched = frame[frame["compared"].fillna("") != ""]
    matched = matched[matched["matching"].notna() & matched["level_second"].isna()]
    notes: dict[str, None] = {}
    for _, row in matched.iterrows():
        notes[f"Learning rates {MATCHINGS[row['matching']]}, {row['compared']}"] = None
    return list(notes)


def _draw(job: Job, primary: bool) -> Figure:
    findings, pairs = reading.of_run(job, FINDINGS), reading.of_run(job, PAIRS)
    seeds = len(job.study.seeds)
    words = f"{seeds} seeds" if seeds != 1 else "one seed"
    confidence = f"{job.study.findings.confidence:.0%}".replace("%", " %")
    title = f"Claims tested on {words}: estimates with {confidence} intervals"
    return forest(findings, pairs, job.study.all_measures, primary, title)


# Figure -> whether it shows what decides claims, and nothing else.
FIGURES: dict[str, bool] = {"findings": True, "findings-all": False}


def draw(job: Job, figure: str) -> Figure:
    """Read the findings and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return _draw(job, FIGURES[figure])
