"""A page of the whole grid: matrices of its rows × columns at chosen relative depths, and differences of optimizers.

Matrices are means over seeds, events medians. Differences are taken within each seed, between means over the members of
each family of optimizers, and then averaged over the seeds that have both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from ..catalogue.factors import ARCH, DATA
from ..catalogue.plane_sets import IMAGES
from ..errors import RepdynError
from ..records import cka, regions
from ..records.layer_names import OUTPUT
from ..records.phases import SCORES
from ..storage.tables import Table
from . import catalogue, reading, sheet, similarity, style

if TYPE_CHECKING:
    from ..config.study import Study
    from ..pipeline.jobs import Job

DEPTHS = 4  # relative depths 0, 1/3, 2/3 and 1
BLOCKS = 2  # side by side
LEFT, RIGHT, GAP, APART = 0.42, 0.76, 0.1, 0.2  # inches: axis, colour bar, between matrices, between blocks
HEADING, NAME, SET = 0.15, 0.13, 0.2  # inches above a block, a matrix, a set of planes
LARGEST, SMALLEST = 1.0, 0.6
PAIR = ["epoch_a", "epoch_b"]


@dataclass(frozen=True)
class Block:
    """A few layers of one cell of the grid: its heading, (layer, matrix) from the input on, and marked events."""

    heading: str
    panels: list[tuple[str, pd.DataFrame]]
    events: dict[str, float] = field(default_factory=dict)


Lines = list[tuple[str, list[Block]]]  # the set of planes, if there is one, and the blocks side by side


def at_depths(layers: Sequence[str]) -> list[str]:
    """The layers at relative depths 0, 1/3, 2/3 and 1, or all if fewer; the output is not a layer."""
    inner = [layer for layer in layers if layer != OUTPUT]
    chosen = np.unique(np.linspace(0, len(inner) - 1, DEPTHS).round().astype(int))
    return [inner[i] for i in chosen]


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
    lines: Lines = []
    for name, row, part in _parts(reading.plain(frame), ["row"]):
        blocks = []
        for column, of_cell in part.groupby("column", sort=False):
            of_seeds = [found for key, found in events.items() if key[:2] == (row, column)]
            median = style.median_events(map(style.few, of_seeds))
            blocks.append(Block(f"{row}, {column}", list(_panels(of_cell, value)), median))
        lines += [(name, line) for line in _side_by_side(blocks)]
    present = {event for _, blocks in lines for block in blocks for event in block.events}
    return _page(lines, title=title, label=label, handles=style.event_handles(present))


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
    lines: Lines = []
    frame = reading.plain(frame)
    alike = [factor for factor in (ARCH, DATA) if factor in frame]
    for name, level, part in _parts(frame.assign(family=frame["optimizer"].map(families)), alike):
        blocks = []
        for first, second in contrasts:
            difference = _difference(part, value, first, second)
            blocks.append(Block(f"{level}: {first} − {second}", list(_panels(difference, value))))
        lines += [(name, line) for line in _side_by_side(blocks)]
    furthest = max(float(matrix.abs().max().max()) for _, blocks in lines for b in blocks for _, matrix in b.panels)
    limit = max(0.05, math.ceil(furthest * 20 - 1e-9) / 20)
    return _page(lines, title=title, label=label, limits=(-limit, limit))


def _side_by_side(blocks: list[Block]) -> list[list[Block]]:
    """Arrange blocks in lines, read down and then across: rates of a family in a column, families side by side."""
    rows = math.ceil(len(blocks) / BLOCKS)
    return [blocks[row::rows] for row in range(rows)]


def _parts(frame: pd.DataFrame, columns: list[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Each set of planes, if any, and each level of some columns, with its rows."""
    sets = [name for name in IMAGES if name in set(frame["planes"])] if "planes" in frame else [""]
    for name in sets:
        of_set = frame[frame["planes"] == name] if name else frame
        for levels, part in of_set.groupby(columns, sort=False):
            yield name, ", ".join(filter(None, map(str, levels))), part


def _panels(frame: pd.DataFrame, value: str) -> Iterator[tuple[str, pd.DataFrame]]:
    for layer in at_depths(style.depth_order(frame)):
        yield layer, similarity.square(frame[frame["layer"] == layer], value)


def _difference(frame: pd.DataFrame, value: str, first: str, second: str) -> pd.DataFrame:
    keys = ["layer", "depth", "seed", *PAIR]
    chosen = frame[frame["layer"].isin(at_depths(style.depth_order(frame)))]
    of_family = chosen.groupby([*keys, "family"])[value].mean().unstack("family").reindex(columns=[first, second])
    return (of_family[first] - of_family[second]).rename(value).reset_index()


def _page(
    lines: Lines, *, title: str, label: str, limits: tuple[float, float] | None = None,
    handles: Sequence[Artist] = (),
) -> Figure:  # fmt: skip
    """Lay out the blocks; ``limits`` are for differences."""
    across = max(len(blocks) for _, blocks in lines)
    deep = max(len(block.panels) for _, blocks in lines for block in blocks)
    room = sheet.PAGE - LEFT - RIGHT - (across - 1) * APART - across * (deep - 1) * GAP
    sets = len({name for name, _ in lines if name})
    high = (sheet.TALLEST - 1.0 - sets * SET) / len(lines) - HEADING - NAME
    cell = min(LARGEST, room / (across * deep), max(SMALLEST, high))
    block_width = deep * (cell + GAP) - GAP + APART
    width = max(4.2, LEFT + across * block_width - APART + RIGHT)
    bottom = sheet.title_height(title, width)
    tops = []
    for i, (name, _) in enumerate(lines):
        bottom += SET if name and (i == 0 or lines[i - 1][0] != name) else 0.0
        tops.append(bottom)
        bottom += HEADING + NAME + cell + 0.06
    figure = sheet.blank(width, bottom + 0.36 + sheet.legend_height(handles, width - LEFT))
    mesh = None
    for i, (name, blocks) in enumerate(lines):
        if name and (i == 0 or lines[i - 1][0] != name):
            text = f"planes through {IMAGES[name]}"
            sheet.write(figure, LEFT, tops[i] - SET + 0.04, text, fontstyle="italic")
        for j, block in enumerate(blocks):
            left = LEFT + j * block_width
            heading = sheet.shortened(block.heading, block_width - APART)
            sheet.write(figure, left, tops[i] + 0.02, heading, fontweight="bold")
            # Label ticks only where nothing lies below, or to the left.
            lowest = i + 1 == len(lines) or j >= len(lines[i + 1][1])
            for k, (layer, values) in enumerate(block.panels):
                axis = sheet.panel(figure, left + k * (cell + GAP), tops[i] + HEADING + NAME, cell, cell)
                mesh, checkpoints = similarity.matrix(
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
    sheet.colour_bar(figure, mesh, width - RIGHT + GAP, bar_top, bar_height, label, extend=extend)
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
    seeds = len(job.study.seeds)
    return f"mean of {seeds} seeds" if seeds > 1 else "one seed"


def _grid(shown: Shown, job: Job) -> Figure:
    title = f"Layers compared with themselves across training by {shown.words}, {_of_seeds(job)}"
    events = reading.events(reading.of_runs(job, SCORES))
    frame = reading.on_common_epochs(job, shown.table)
    return pages(frame, shown.value, events, title=title, label=shown.label)


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
    frame = reading.on_common_epochs(job, shown.table, (ARCH, DATA))
    label = f"difference of {shown.label}"
    return differences(frame, shown.value, contrasts, families, title=title, label=label)


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
