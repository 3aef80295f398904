"""How far batch-norm statistics lag: each layer with stored ones compared with itself with re-estimated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..records.batch_norm import BATCH_NORM
from ..records.layer_names import OUTPUT
from . import epoch_axis, paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

LEFT, GAP_X, GAP_Y, HIGH = 0.48, 0.12, 0.34, 1.7  # inches: axis, between panels, height of one
SAME_CLASS: tuple[str, Any] = (style.CURVES["mislabelled"], (0, (3, 1)))  # colour and dashes
NONE = "No network of this study has batch norm whose statistics are re-estimated."


@style.styled
def lag(
    tables: pd.DataFrame,
    title: str = "Stored against re-estimated batch norm: CKA of each layer, means over seeds and their range",
) -> Figure:
    """Draw small multiples, by default architectures with batch norm by optimizers.

    Args:
        tables: the tables ``batch_norm`` of all runs, with the columns of factors and seed.
        title: the figure's title.
    """
    if tables.empty:
        return sheet.nothing("Stored against re-estimated batch norm", NONE)
    tables = reading.plain(tables)
    of_archs = {
        str(arch): [layer for layer in style.depth_order(part) if layer != OUTPUT]
        for arch, part in tables.groupby("arch", sort=False)
    }
    rows = reading.lines(tables, sheet.side_by_side(LEFT))
    across = max(len(columns) for _, columns in rows)
    width = min(paper.width(), max(4.6, LEFT + 0.1 + 3.2 * across))
    wide = (width - LEFT - 0.06 - GAP_X * (across - 1)) / across
    top = sheet.title_height(title, width) + 0.2
    same, dashes = SAME_CLASS
    of_output = Line2D([], [], label="output: share of the same class", color=same, linestyle=dashes)
    handles = [*style.layer_handles(of_archs), *([of_output] if OUTPUT in set(tables["layer"]) else [])]
    legend = sheet.legend_height(handles, width - LEFT - 0.06)
    rows = [rows[i] for i in paper.rows([HIGH + GAP_Y] * len(rows), paper.room(top + 0.06 + legend))]
    below = top + len(rows) * (HIGH + GAP_Y) + 0.06
    figure = sheet.blank(width, below + legend)
    for row, (level, names) in enumerate(rows):
        for column, name in enumerate(names):
            axis = sheet.panel(figure, LEFT + column * (wide + GAP_X), top + row * (HIGH + GAP_Y), wide, HIGH)
            part = reading.at(tables, (level, name))
            for layer, colour in style.layer_colours(of_archs[str(part["arch"].iloc[0])]).items():
                by_epoch = part[part["layer"] == layer].dropna(subset=["cka"]).groupby("epoch")["cka"]
                sheet.mean_and_range(axis, by_epoch, colour)
            by_epoch = part[part["layer"] == OUTPUT].groupby("epoch")["same_class"]
            sheet.mean_and_range(axis, by_epoch, SAME_CLASS[0], linewidth=0.9, linestyle=SAME_CLASS[1])
            epoch_axis.logarithmic(axis, float(tables["epoch"].max()))
            axis.set_ylim(-0.02, 1.02)
            axis.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
            sheet.name_panel(axis, (level, name), part["seed"].nunique(), wide, pad=3)
            axis.tick_params(labelbottom=row + 1 == len(rows), labelleft=column == 0)
            if row + 1 == len(rows):
                axis.set_xlabel("epoch", labelpad=1)
            if column == 0:
                axis.set_ylabel("CKA", labelpad=2)
    sheet.title(figure, title)
    sheet.legend(figure, LEFT, below, handles, width - LEFT - 0.06)
    return figure


FIGURES = {"batch-norm": lambda job: lag(reading.on_common_epochs(job, BATCH_NORM))}


def draw(job: Job, figure: str) -> Figure:
    """Read the tables of all runs and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
