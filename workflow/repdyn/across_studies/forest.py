"""A forest plot of several studies: a row for each comparison of each claim, and in it a mark for each study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..catalogue.claims import UNDECIDED
from ..figures import paper, sheet, style
from . import agreement
from .markdown import heading

if TYPE_CHECKING:
    from .agreement import Comparison, Sharing
    from .studies import Found, Row

# Colour and marker of each study, so that they can be told apart without colour, too.
MARKS = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "D"), ("#cc79a7", "^"), ("#e69f00", "v"), ("#444444", "P"))
STEP, LINE, GAP = 0.078, 0.108, 0.075  # inches: from study to study, from line to line, between comparisons
CLAIM, BLOCK, AXIS, BELOW = 0.17, 0.15, 0.26, 0.1  # inches: a claim's heading, its score's, an axis, what has none
MARGIN, INDENT = 0.1, 0.08  # inches: left of everything, of a row under its heading
PLOT, WIDE, TOGETHER = 2.2, 2.42, 4.74  # inches: left edge of the plot, its width, left edge of what studies agree on
NAMED, NAME = 3, 0.8  # studies that sentences call by their names, and inches that these may take
RASTER = 0.9  # small letters on a screen are wider than on paper, by which they are measured
TICK = 0.4  # least inches between ticks
KEY = "Filled marks are decided, hollow ones undecided. Right of 0 speaks for the claim."


@style.styled
def forest(
    studies: Sequence[Found], comparisons: Sequence[Comparison], sharing: Sharing = (), remarks: Sequence[str] = ()
) -> Figure:
    """Draw each claim as a panel, on as many pages as they take.

    Scores of which less supports the claim change sign, so that right always means more of it. A claim that a page does
    not hold goes on under the same heading, on an axis with the same limits.

    Args:
        studies: at most as many as there are ``MARKS``.
        comparisons: claims together.
        sharing: pairs of studies that have runs in common.
        remarks: sentences to stand below.
    """
    names = [study.name for study in studies]
    short = _short(names)
    short_sharing = [frozenset(short[name] for name in pair) for pair in sharing]
    rows = [_Row(comparison, short, short_sharing) for comparison in comparisons]
    title = "The same claims in several studies: estimates with intervals"
    top = sheet.title_height(title, paper.PAGE) + 0.16
    handles = [_handle(study, short[study.name], mark) for study, mark in zip(studies, MARKS, strict=False)]
    width = paper.PAGE - 2 * MARGIN
    below = [line for note in (KEY, *remarks) for line in _fitting(note, width)]
    legend = sheet.legend_height(handles, width)
    foot = legend + 0.8 * sheet.LINE * len(below) + 0.06
    room = paper.room(top + foot)
    panels = [panel for _, of_claim in groupby(rows, lambda row: heading(row.comparison))
              for panel in _panels(list(of_claim), room)]  # fmt: skip
    on_page = paper.rows([panel.height for panel in panels], room)
    panels = [panels[i] for i in on_page]
    bottom = top + sum(panel.height for panel in panels)
    figure = sheet.blank(paper.PAGE, bottom + foot)
    sheet.title(figure, title)
    sheet.write(figure, TOGETHER, top - 0.16, "together", fontsize=style.SMALL, color=style.GREY)
    marks = dict(zip(names, MARKS, strict=False))
    for panel in panels:
        _draw(figure, top, panel, marks)
        top += panel.height
    sheet.legend(figure, MARGIN, top, handles, width)
    for i, line in enumerate(below):
        sheet.write(figure, MARGIN, top + legend + i * 0.8 * sheet.LINE, line, fontsize=style.SMALL, color=style.GREY)
    return figure


def _short(names: Sequence[str]) -> dict[str, str]:
    """What sentences beside the rows call each study: by its name, or a number where names would take many lines."""
    if len(names) <= NAMED and all(sheet.text_width(name, style.SMALL) <= NAME for name in names):
        return {name: name for name in names}
    return {name: str(number) for number, name in enumerate(names, 1)}


class _Row:
    """A comparison and its lines of text; the names of studies in them are short."""

    def __init__(self, comparison: Comparison, short: Mapping[str, str], sharing: Sharing) -> None:
        self.comparison = comparison
        self.shown = {name: row for name, row in comparison.findings.items() if row["estimate"] is not None}
        words = agreement.in_words(
            {short[name]: state for name, state in comparison.states.items()}, list(short.values()), sharing
        )
        room = PLOT - MARGIN - INDENT - 0.06
        self.name = _fitting(comparison.contrast, room)
        self.together = _fitting(words, paper.PAGE - TOGETHER - MARGIN)

    @property
    def height(self) -> float:
        """Inches."""
        return max(STEP * len(self.shown), LINE * max(len(self.name), len(self.together))) + GAP


def _fitting(text: str, inches: float) -> list[str]:
    """The lines of a text; words that are longer than a line are shortened."""
    inches *= RASTER
    return [sheet.shortened(line, inches, style.SMALL) for line in sheet.wrapped(text, inches, style.SMALL)]


def _handle(study: Found, short: str, mark: tuple[str, str]) -> Line2D:
    """A study's entry in the legend; where sentences call it by a number, that stands before its name."""
    number = f"{short}: " if short != study.name else ""
    seeds = f", {len(study.seeds)} seed{'s' * (len(study.seeds) != 1)}"
    room = paper.PAGE - 2 * MARGIN - sheet.BESIDE_ENTRY - sheet.text_width(number + seeds, style.SMALL + 0.3)
    label = number + sheet.shortened(study.name, room, style.SMALL + 0.3) + seeds
    return Line2D([], [], color=mark[0], marker=mark[1], markersize=3.6, linewidth=1.1, label=label)


def _above(words: tuple[str, str]) -> float:
    """The height of what stands above a claim's rows, in inches."""
    lines = sheet.headline(words[0], paper.PAGE - 2 * MARGIN)
    return CLAIM + (len(lines) - 1) * 0.8 * sheet.LINE + (BLOCK if words[1] else 0.02)


@dataclass(frozen=True)
class _Panel:
    """A claim, or as much of it as a page holds.

    Attributes:
        words: its heading, and its score's.
        rows: its comparisons.
        limits: of its axis.
    """

    words: tuple[str, str]
    rows: Sequence[_Row]
    limits: tuple[float, float]

    @property
    def height(self) -> float:
        """Inches."""
        axis = AXIS if any(row.shown for row in self.rows) else BELOW
        return _above(self.words) + sum(row.height for row in self.rows) + axis


def _panels(rows: Sequence[_Row], room: float) -> list[_Panel]:
    """The comparisons of a claim, divided so that each part fits a page."""
    words, limits = heading(rows[0].comparison), _limits(rows)
    found = [_Panel(words, rows[:1], limits)]
    for row in rows[1:]:
        longer = replace(found[-1], rows=[*found[-1].rows, row])
        if longer.height <= room:
            found[-1] = longer
        else:
            found.append(_Panel(words, [row], limits))
    return found


def _draw(figure: Figure, top: float, panel: _Panel, marks: Mapping[str, tuple[str, str]]) -> None:
    """Draw one claim, ``top`` inches from the top."""
    words, rows = panel.words, panel.rows
    for i, line in enumerate(sheet.headline(words[0], paper.PAGE - 2 * MARGIN)):
        sheet.write(figure, MARGIN, top + 0.03 + i * 0.8 * sheet.LINE, line, fontweight="bold")
    y, high = top + _above(words), sum(row.height for row in rows)
    small: dict[str, Any] = {"fontsize": style.SMALL}
    sheet.write(figure, MARGIN, y - BLOCK + 0.02, words[1], fontstyle="italic", **small)
    axis: Axes | None = None
    if any(row.shown for row in rows):
        axis = sheet.panel(figure, PLOT, y, WIDE, high)
        axis.set(xlim=panel.limits, ylim=(high, 0), yticks=[])  # inches from the top
        axis.axvline(0, color=style.GREY, linewidth=0.6, zorder=0)
        axis.xaxis.set_major_locator(MaxNLocator(max(2, int(WIDE / TICK)), steps=[1, 2, 5, 10]))
    at = 0.0
    for i, row in enumerate(rows):
        middle = at + row.height / 2
        for left, lines in ((MARGIN + INDENT, row.name), (TOGETHER, row.together)):
            first = y + middle - LINE * (len(lines) - 1) / 2
            for j, line in enumerate(lines):
                sheet.write(figure, left, first + j * LINE, line, va="center", **small)
        if axis is not None:
            if i:
                axis.axhline(at, color=style.PALE, linewidth=0.6, zorder=0)
            first = middle - STEP * (len(row.shown) - 1) / 2
            for j, (name, finding) in enumerate(row.shown.items()):
                _mark(axis, first + j * STEP, row.comparison.direction, finding, marks[name])
        at += row.height


def _ends(direction: int, finding: Row) -> list[float]:
    """Both ends of an interval, turned; none where there is no interval."""
    return [] if finding["ci_low"] is None else sorted(direction * finding[end] for end in ("ci_low", "ci_high"))


def _mark(axis: Axes, at: float, direction: int, finding: Row, mark: tuple[str, str]) -> None:
    """Draw an estimate and its interval."""
    colour, marker = mark
    if ends := _ends(direction, finding):
        axis.plot(ends, [at] * 2, color=colour, linewidth=1.0, solid_capstyle="butt", gid="interval")
    decided = finding["decision"] != UNDECIDED
    axis.plot(
        direction * finding["estimate"], at, marker=marker, markersize=3.4, color=colour, gid="estimate",
        markerfacecolor=colour if decided else "white", markeredgecolor=colour, markeredgewidth=0.8,
    )  # fmt: skip


def _limits(rows: Sequence[_Row]) -> tuple[float, float]:
    """Limits that include every estimate and interval of a claim, and zero."""
    values = [0.0]
    for row in rows:
        for finding in row.shown.values():
            direction = row.comparison.direction
            values += [direction * finding["estimate"], *_ends(direction, finding)]
    margin = 0.06 * (np.ptp(values) or 1.0)
    return float(min(values) - margin), float(max(values) + margin)
