"""Each layer by itself through training: size and dimension of its activations, and how far its weights have moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from ..catalogue.factors import FACTORS
from ..records.geometry import LAYER_GEOMETRY, WEIGHT_GEOMETRY
from . import epoch_axis, paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

LEFT, RIGHT, GAP, BETWEEN, HIGH = 0.5, 0.08, 0.1, 0.08, 1.15  # inches: axis, margin, between panels, height of one
HEAD = 0.2  # inches above the first row of panels
ACROSS = 4  # panels side by side
NARROW = 1.25  # inches: the least width of one of several side by side
WIDE = 30  # ratio of the ends of a logarithmic axis beyond which only powers of ten have ticks


@dataclass(frozen=True)
class Quantity:
    """A row of panels: a column of the table, its label, and whether its axis is logarithmic."""

    column: str
    label: str
    log: bool


OF_LAYERS = (
    Quantity("norm", "norm", log=True),
    Quantity("participation_ratio", "participation ratio", log=True),
    Quantity("effective_rank", "effective rank", log=True),
    Quantity("decay", "decay of spectrum", log=False),
)
OF_WEIGHTS = (
    Quantity("cosine", "cosine with init.", log=False),
    Quantity("from_start", "distance from init.", log=True),
    Quantity("from_before", "distance from previous", log=True),
)


@style.styled
def through_training(tables: pd.DataFrame, quantities: Sequence[Quantity], title: str = "") -> Figure:
    """Draw a row of panels for each quantity, a column for each cell of the grid; a line is a layer.

    Args:
        tables: rows of all runs: factors, seed, layer, depth, epoch and the quantities, NaN where undefined.
        quantities: the rows of panels.
        title: the figure's title.
    """
    tables = reading.plain(tables)
    of_archs = {str(arch): style.depth_order(part) for arch, part in tables.groupby("arch", sort=False)}
    cells = reading.cells(tables)
    across = max(1, min(ACROSS, int((paper.width() - LEFT - RIGHT + GAP) / (NARROW + GAP))))
    blocks = [cells[i : i + across] for i in range(0, len(cells), across)]
    wide = (paper.width() - LEFT - RIGHT + GAP) / max(min(2, across), min(across, len(cells))) - GAP
    block = HEAD + len(quantities) * (HIGH + BETWEEN) - BETWEEN + sheet.EPOCH_AXIS
    top = sheet.title_height(title, paper.width())
    handles = style.layer_handles(of_archs)
    legend = sheet.legend_height(handles, paper.width() - LEFT - RIGHT)
    blocks = [blocks[i] for i in paper.rows([block] * len(blocks), paper.room(top + 0.04 + legend))]
    bottom = top + len(blocks) * block + 0.04
    figure = sheet.blank(paper.width(), bottom + legend)
    last = float(tables["epoch"].max())
    for number, shown in enumerate(blocks):
        for row, quantity in enumerate(quantities):
            y = top + number * block + HEAD + row * (HIGH + BETWEEN)
            seen = tables[quantity.column].dropna()
            for column, cell in enumerate(shown):
                axis = sheet.panel(figure, LEFT + column * (wide + GAP), y, wide, HIGH)
                part = reading.at(tables, cell)
                for layer, colour in style.layer_colours(of_archs[str(part["arch"].iloc[0])]).items():
                    means = part[part["layer"] == layer].groupby("epoch")[quantity.column].mean()
                    axis.plot(means.index, means, color=colour, gid=layer)
                epoch_axis.logarithmic(axis, last)
                _scale(axis, seen, quantity.log)
                if row == 0:
                    sheet.name_panel(axis, cell, part["seed"].nunique(), wide, pad=3)
                lowest = row + 1 == len(quantities)
                axis.tick_params(which="both", labelbottom=lowest, labelleft=column == 0)
                if lowest:
                    axis.set_xlabel("epoch", labelpad=1)
                if column == 0:
                    axis.set_ylabel(quantity.label, labelpad=2)
    sheet.title(figure, title)
    sheet.legend(figure, LEFT, bottom, handles, paper.width() - LEFT - RIGHT)
    return figure


def _scale(axis: Axes, seen: pd.Series, log: bool) -> None:
    """Set limits and ticks of a y axis by all values of a quantity, so that panels of a row compare."""
    positive = seen[seen > 0]
    if log and len(positive):
        low, high = float(positive.min()) / 1.15, float(seen.max()) * 1.15
        within = (1,) if high / low > WIDE else (1, 2, 5)
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [m * 10.0**power for power in powers for m in within if low <= m * 10.0**power <= high]
        if not ticks:  # a range that lies between two of these
            between = MaxNLocator(3, steps=[1, 2, 5, 10]).tick_values(low, high)
            ticks = [float(tick) for tick in between if low <= tick <= high]
        axis.set_yscale("log")
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.yaxis.set_minor_locator(NullLocator())
        axis.set_ylim(low, high)
    elif len(seen):
        margin = 0.05 * (float(seen.max() - seen.min()) or 1.0)
        axis.set_ylim(float(seen.min()) - margin, float(seen.max()) + margin)
        axis.yaxis.set_major_locator(MaxNLocator(4))


def moved(weights: pd.DataFrame) -> pd.DataFrame:
    """How far weights have moved at each checkpoint, from the tables of weights at every pair of checkpoints.

    Args:
        weights: rows of one or several runs, with the columns of factors and seed.

    Returns:
        Of each layer at each checkpoint the cosine with its initial weights, and the distances from these and from the
        checkpoint before (null at the first), in units of the norm of the initial weights.
    """
    weights = reading.plain(weights)
    of_run = [name for name in (*FACTORS, "seed", *reading.PLACE) if name in weights]
    keys = [*of_run, "layer", "depth"]
    first = weights.groupby(of_run, observed=True)["step_a"].transform("min")
    start = weights[weights["step_a"] == first].rename(columns={"epoch_b": "epoch"})
    found: pd.DataFrame = start[[*keys, "step_b", "epoch", "cosine", "distance", "norm_a"]]
    steps = weights[[*of_run, "step_b"]].drop_duplicates().sort_values("step_b")
    steps["before"] = steps.groupby(of_run, observed=True)["step_b"].shift()
    before = weights.merge(steps, "left", [*of_run, "step_b"]).query("step_a == before")
    found = found.merge(before[[*keys, "step_b", "distance"]], "left", [*keys, "step_b"], suffixes=("", "_before"))
    initial = found["norm_a"].where(found["norm_a"] > 0)
    found["from_start"], found["from_before"] = found["distance"] / initial, found["distance_before"] / initial
    return found


def _layers(job: Job) -> Figure:
    title = "Each layer by itself through training: size and dimension of its activations, means over seeds"
    return through_training(reading.on_common_epochs(job, LAYER_GEOMETRY), OF_LAYERS, title)


def _weights(job: Job) -> Figure:
    title = "How far each layer's weights move: cosine, and distances in units of their initial norm, means over seeds"
    return through_training(reading.on_common_epochs(job, WEIGHT_GEOMETRY, moved), OF_WEIGHTS, title)


FIGURES = {"geometry": _layers, "weights": _weights}


def draw(job: Job, figure: str) -> Figure:
    """Read the tables of all runs and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
