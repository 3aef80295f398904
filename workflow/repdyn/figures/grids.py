"""Pages of the whole grid: matrices of its rows × columns at chosen relative depths, and differences of optimizers.

Matrices are means over seeds, events medians. Differences are taken within each seed, between means over the members of
each family of optimizers, and then averaged over the seeds that have both. Tables come one run after another, and only
the matrices that are drawn are kept: E × E numbers for each cell of the grid, depth and set of planes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from ..catalogue.factors import ARCH, DATA
from ..catalogue.plane_sets import IMAGES
from ..errors import RepdynError
from ..records import cka, regions
from ..records.layer_names import OUTPUT
from ..storage.tables import Table
from . import catalogue, paper, reading, sheet, similarity, style

if TYPE_CHECKING:
    from ..config.study import Study
    from ..pipeline.jobs import Job

DEPTHS = 4  # relative depths 0, 1/3, 2/3 and 1
BLOCKS = 2  # side by side
LEFT, RIGHT, GAP, APART = 0.42, 0.76, 0.1, 0.2  # inches: axis, colour bar, between matrices, between blocks
HEADING, NAME, SET = 0.15, 0.13, 0.2  # inches above a block, a matrix, a set of planes
LARGEST, SMALLEST = 1.0, 0.6  # inches: of a matrix
NARROW = 5.0  # inches: on narrower paper blocks stand below each other
NONE = "No run has any of the layers that figures show."
T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """A few layers of one cell of the grid: its heading, (layer, matrix) from the input on, and marked events."""

    heading: tuple[str, ...]
    panels: list[tuple[str, pd.DataFrame]]
    events: dict[str, float] = field(default_factory=dict)


Lines = list[tuple[str, list[Block]]]  # the set of planes, if there is one, and the blocks side by side


def at_depths(layers: Sequence[str]) -> list[str]:
    """The layers at relative depths 0, 1/3, 2/3 and 1, or all if fewer; the output is not a layer."""
    inner = [layer for layer in layers if layer != OUTPUT]
    chosen = np.unique(np.linspace(0, len(inner) - 1, DEPTHS).round().astype(int))
    return [inner[i] for i in chosen]


class Mean:
    """The mean of matrices, whose nulls and missing epochs do not count."""

    def __init__(self) -> None:
        self._sum, self._number = pd.DataFrame(), pd.DataFrame()

    def add(self, matrix: pd.DataFrame) -> None:
        """Add a matrix, epochs by epochs."""
        there = matrix.notna().astype(float)
        first = self._sum.empty
        self._sum = matrix if first else self._sum.add(matrix, fill_value=0.0)
        self._number = there if first else self._number.add(there, fill_value=0.0)

    @property
    def value(self) -> pd.DataFrame:
        """The mean; null where all are."""
        return self._sum / self._number.where(self._number > 0)


@style.styled
def pages(frame: pd.DataFrame, value: str, events: reading.Events, *, title: str = "", label: str = "") -> Figure:
    """Draw every cell of the grid, by default an architecture and an optimizer, each at a few depths.

    Args:
        frame: rows of a similarity table of all runs: factors, seed, layer, depth, epoch_a, epoch_b, the value, and,
            for regions, planes.
        value: the column to show.
        events: (row, column, seed) -> the events of that run.
        title: the figure's title.
        label: of the colour bar.
    """
    runs = (run for _, cell in reading.plain(frame).groupby(reading.PLACE, sort=False) for run in _runs(cell))
    return _of_cells(runs, value, events, title, label)


def _runs(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows of each seed."""
    yield from (part for _, part in frame.groupby("seed", sort=False))


@style.styled
def _of_cells(runs: Iterable[pd.DataFrame], value: str, events: reading.Events, title: str, label: str) -> Figure:
    """Draw the cells that tables of runs are of; those of one cell come after each other."""
    lines = paper.once("lines", lambda: _cells(runs, value, events))
    present = {event for _, blocks in lines for block in blocks for event in block.events}
    return _page(lines, title=title, label=label, handles=style.event_handles(present))


def _cells(runs: Iterable[pd.DataFrame], value: str, events: reading.Events) -> Lines:
    """The mean matrices of each cell."""
    of_sets: dict[str, dict[str, list[Block]]] = {}
    for (row, column), of_cell in itertools.groupby(filter(len, runs), key=_cell):
        means: dict[tuple[str, str], Mean] = {}
        for run in of_cell:
            for name, layer, matrix in _squares(run, value):
                means.setdefault((name, layer), Mean()).add(matrix)
        of_seeds = [found for key, found in events.items() if key[:2] == (row, column)]
        median = style.median_events(map(style.few, of_seeds))
        for name in dict.fromkeys(name for name, _ in means):
            panels = [(layer, mean.value) for (of, layer), mean in means.items() if of == name]
            of_sets.setdefault(name, {}).setdefault(row, []).append(Block((row, column), panels, median))
    return [(name, line) for name, rows in _in_order(of_sets) for blocks in rows.values()
            for line in _side_by_side(blocks)]  # fmt: skip


def _cell(run: pd.DataFrame) -> tuple[str, str]:
    """The place of a run in the grid."""
    return str(run["row"].iloc[0]), str(run["column"].iloc[0])


def _squares(run: pd.DataFrame, value: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """A run's matrices at a few depths: set of planes, if any, layer and matrix."""
    chosen = at_depths(style.depth_order(run))
    sets = [name for name in IMAGES if name in set(run["planes"])] if "planes" in run else [""]
    for name, layer in itertools.product(sets, chosen):
        there = run["layer"] == layer
        yield name, layer, similarity.square(run[there & (run["planes"] == name)] if name else run[there], value)


def _in_order(of_sets: Mapping[str, T]) -> list[tuple[str, T]]:
    """What there is of each set of planes, in their usual order."""
    return [(name, of_sets[name]) for name in ("", *IMAGES) if name in of_sets]


@style.styled
def differences(
    frame: pd.DataFrame, value: str, contrasts: Sequence[tuple[str, str]], families: Mapping[str, str], *,
    title: str = "", label: str = "",
) -> Figure:  # fmt: skip
    """Draw, for each architecture, each data and contrast of optimizers, the first's matrices minus the second's.

    Args:
        frame: as in ``pages``.
        value: the column to compare.
        contrasts: pairs of families.
        families: optimizer -> family.
        title: the figure's title.
        label: of the colour bar.
    """
    frame = reading.plain(frame)
    levels = (level for _, level in frame.groupby(_alike(frame), sort=False))
    of_optimizers = (part for level in levels for _, part in level.groupby("optimizer", sort=False))
    runs = (run for part in of_optimizers for run in _runs(part))
    return _of_contrasts(runs, value, contrasts, families, title, label)


def _alike(frame: pd.DataFrame) -> list[str]:
    """The factors in which runs agree that are contrasted."""
    return [factor for factor in (ARCH, DATA) if factor in frame]


@style.styled
def _of_contrasts(
    runs: Iterable[pd.DataFrame],
    value: str,
    contrasts: Sequence[tuple[str, str]],
    families: Mapping[str, str],
    title: str,
    label: str,
) -> Figure:
    """Draw the differences between families in tables of runs; those of one architecture and data come together."""
    lines = paper.once("lines", lambda: _contrasted(runs, value, contrasts, families))
    drawn = [matrix for _, blocks in lines for block in blocks for _, matrix in block.panels]
    furthest = max((float(matrix.abs().max().max()) for matrix in drawn), default=0.0)
    limit = max(0.05, math.ceil(furthest * 20 - 1e-9) / 20)
    return _page(lines, title=title, label=label, limits=(-limit, limit))


def _contrasted(
    runs: Iterable[pd.DataFrame], value: str, contrasts: Sequence[tuple[str, str]], families: Mapping[str, str]
) -> Lines:
    """The mean difference of each contrast."""
    of_sets: dict[str, dict[str, list[Block]]] = {}

    def level_of(run: pd.DataFrame) -> str:
        return ", ".join(filter(None, (str(run[factor].iloc[0]) for factor in _alike(run))))

    for level, of_level in itertools.groupby(filter(len, runs), key=level_of):
        means: dict[tuple[str, str], dict[tuple[int, str], Mean]] = {}
        for run in of_level:
            whose = int(run["seed"].iloc[0]), families[str(run["optimizer"].iloc[0])]
            for name, layer, matrix in _squares(run, value):
                means.setdefault((name, layer), {}).setdefault(whose, Mean()).add(matrix)
        for (first, second), name in itertools.product(contrasts, dict.fromkeys(name for name, _ in means)):
            panels = [(layer, _difference(seeds, first, second)) for (of, layer), seeds in means.items() if of == name]
            block = Block((level, f"{first} − {second}"), panels)
            of_sets.setdefault(name, {}).setdefault(level, []).append(block)
    return [(name, line) for name, levels in _in_order(of_sets) for blocks in levels.values()
            for line in _side_by_side(blocks)]  # fmt: skip


def _difference(of_seeds: Mapping[tuple[int, str], Mean], first: str, second: str) -> pd.DataFrame:
    """The first family minus the second, as the mean over seeds that have both."""
    mean = Mean()
    for seed in dict.fromkeys(seed for seed, _ in of_seeds):
        if {(seed, first), (seed, second)} <= set(of_seeds):
            mean.add(of_seeds[seed, first].value - of_seeds[seed, second].value)
    return mean.value


def _side_by_side(blocks: list[Block]) -> list[list[Block]]:
    """Arrange blocks in lines, read down and then across: rates of a family in a column, families side by side."""
    has_room = 1 if paper.width() < NARROW else BLOCKS
    rows = math.ceil(len(blocks) / has_room)
    return [blocks[row::rows] for row in range(rows)]


def _page(
    lines: Lines, *, title: str, label: str, limits: tuple[float, float] | None = None,
    handles: Sequence[Artist] = (),
) -> Figure:  # fmt: skip
    """Lay out the blocks; ``limits`` are for differences."""
    if not lines:
        return sheet.nothing(title, NONE)
    across = max(len(blocks) for _, blocks in lines)
    deep = max(len(block.panels) for _, blocks in lines for block in blocks)
    room = paper.width() - LEFT - RIGHT - (across - 1) * APART - across * (deep - 1) * GAP
    sets = len({name for name, _ in lines if name})
    high = (paper.room(1.0) - sets * SET) / len(lines) - HEADING - NAME
    widest = min(LARGEST, room / (across * deep))
    cell = min(widest, high) if high >= SMALLEST else widest
    block_width = deep * (cell + GAP) - GAP + APART
    width = min(paper.width(), max(4.2, LEFT + across * block_width - APART + RIGHT))
    top, legend = sheet.title_height(title, width), sheet.legend_height(handles, width - LEFT)
    begins = [SET if name and (i == 0 or lines[i - 1][0] != name) else 0.0 for i, (name, _) in enumerate(lines)]
    on_page = paper.rows(
        [begin + HEADING + NAME + cell + 0.06 for begin in begins],
        paper.room(top + 0.36 + legend + SET * bool(sets)),
    )
    begins = [SET if i == on_page.start and lines[i][0] else begins[i] for i in on_page]
    lines = [lines[i] for i in on_page]
    bottom, tops = top, []
    for begin in begins:
        tops.append(bottom + begin)
        bottom += begin + HEADING + NAME + cell + 0.06
    figure = sheet.blank(width, bottom + 0.36 + legend)
    image = None
    for i, (name, blocks) in enumerate(lines):
        if begins[i]:
            text = f"planes through {IMAGES[name]}"
            sheet.write(figure, LEFT, tops[i] - SET + 0.04, text, fontstyle="italic")
        for j, block in enumerate(blocks):
            left = LEFT + j * block_width
            heading = sheet.joined(block.heading, block_width - APART, weight="bold")
            sheet.write(figure, left, tops[i] + 0.02, heading, fontweight="bold")
            # Label ticks only where nothing lies below, or to the left.
            lowest = all(j >= len(below) for _, below in lines[i + 1 :])
            for k, (layer, values) in enumerate(block.panels):
                axis = sheet.panel(figure, left + k * (cell + GAP), tops[i] + HEADING + NAME, cell, cell)
                image, checkpoints = similarity.matrix(
                    axis, values, bottom=lowest, left=j + k == 0, limits=limits or (0.0, 1.0),
                    cmap=style.DIFFERENCE if limits else style.SIMILARITY,
                )  # fmt: skip
                similarity.draw_events(axis, checkpoints, block.events)
                axis.set_title(sheet.shortened(layer, cell + GAP / 2, style.SMALL), fontsize=style.SMALL, pad=2)
    sheet.title(figure, title)
    sheet.write(figure, LEFT + (across * block_width - APART) / 2, bottom + 0.12, "epoch", ha="center")
    sheet.write(figure, 0.03, (tops[0] + HEADING + NAME + bottom) / 2, "epoch", rotation=90, va="center")
    bar_top = tops[0] + HEADING + NAME
    least = min(float(values.min().min()) for _, blocks in lines for block in blocks for _, values in block.panels)
    bar_height, extend = min(bottom - 0.06 - bar_top, 3.0), "neither" if limits else similarity.extent(least)
    sheet.colour_bar(figure, image, width - RIGHT + GAP, bar_top, bar_height, label, extend=extend)
    sheet.legend(figure, LEFT, bottom + 0.34, handles, width - LEFT)
    return figure


@dataclass(frozen=True)
class Shown:
    """What the pages of a measure show: a column of a table, with its names in titles and at colour bars."""

    table: Table
    value: str
    words: str
    label: str


REGIONS = Shown(regions.SIMILARITY, "similarity", "decision regions similarity (DRS)", "DRS")


def _of_seeds(job: Job) -> str:
    seeds = len({run.seed for run in job.study.printed_runs})
    return f"mean of {seeds} seeds" if seeds > 1 else "one seed"


def _grid(shown: Shown, job: Job) -> Figure:
    title = f"Layers compared with themselves across training by {shown.words}, {_of_seeds(job)}"
    runs = reading.each_on_common_epochs(job, shown.table)
    return _of_cells(runs, shown.value, reading.events_of_runs(job), title, shown.label)


def _differences(shown: Shown, job: Job) -> Figure:
    contrasts, families = job.study.optimizer_contrasts, job.study.families
    if not contrasts:
        raise RepdynError(
            "`findings.contrasts` has no two optimizers of this study, so there is no figure of their difference."
        )
    title = (
        f"Difference of {shown.words} between optimizers, {_of_seeds(job)}: blue where layers stay more alike under "
        "the first"
    )
    runs = reading.each_on_common_epochs(job, shown.table, (ARCH, DATA))
    return _of_contrasts(runs, shown.value, contrasts, families, title, f"difference of {shown.label}")


def figures(study: Study) -> dict[str, Callable[[Job], Figure]]:
    """The figures of a study: a grid and a difference for each measure of activations, and for decision regions."""
    shown = {
        measure.name: Shown(cka.CKA, measure.column, measure.label, measure.label)
        for measure in catalogue.activations(study)
    }
    found: dict[str, Callable[[Job], Figure]] = {}
    for name, of in {**shown, "regions": REGIONS}.items():
        found |= {f"{name}-grid": partial(_grid, of), f"{name}-difference": partial(_differences, of)}
    return found


def draw(job: Job, figure: str) -> Figure:
    """Read the tables of all runs and draw one of ``figures``.

    Raises:
        KeyError: if there is no such figure here.
        RepdynError: if the study has no optimizers to contrast.
    """
    return figures(job.study)[figure](job)
