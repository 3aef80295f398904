"""Error against width: model-wise double descent, as in Nakkiran et al. (arXiv 1912.02292, Fig. 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from ..catalogue.factors import DATA, FACTORS, OPTIMIZER
from ..errors import RepdynError
from ..records.train import HISTORY
from . import paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

# Column of ``ends``, label, colour, dashes.
CURVES: tuple[tuple[str, str, str, Any], ...] = (
    ("test", "test examples, at the end", style.CURVES["test"], "-"),
    ("best", "test examples, at the best epoch", style.CURVES["test"], (0, (3, 1))),
    ("train", "training examples, given labels, at the end", style.CURVES["train"], "-"),
)
LEFT, GAP, HIGH = 0.48, 0.12, 2.0  # inches: axis, between panels, height of one


def ends(histories: pd.DataFrame) -> pd.DataFrame:
    """Errors of each run, as fractions of its examples.

    Args:
        histories: the history tables of all runs, with the columns of factors and seed.

    Returns:
        A row for each run: factors, seed; ``test`` and ``train``, at the last evaluation, and ``best``, the
        lowest error on test images.
    """
    runs = reading.plain(histories).sort_values("epoch")
    by_run = runs.groupby([name for name in (*FACTORS, "seed") if name in runs], sort=False)
    accuracy = by_run.agg(
        test=("test_accuracy", "last"), best=("test_accuracy", "max"), train=("train_accuracy", "last")
    )
    return (1 - accuracy).reset_index()


@style.styled
def descent(
    histories: pd.DataFrame,
    widths: dict[str, int],
    title: str = "Error by width: lines are means over seeds, bands their range",
) -> Figure:
    """Draw error against width, a panel for each optimizer and data.

    Args:
        histories: the history tables of all runs, with the columns of factors and seed.
        widths: arch -> its width; other architectures are left out.
        title: the figure's title.
    """
    errors = ends(histories)
    errors = errors[errors["arch"].isin(list(widths))].assign(width=lambda frame: frame["arch"].map(widths))
    panel = [name for name in (OPTIMIZER, DATA) if name in errors]
    optimizers = list(errors[panel].drop_duplicates().itertuples(index=False, name=None))
    across = min(len(optimizers), sheet.side_by_side(LEFT))
    width = min(paper.width(), max(4.6, LEFT + 0.1 + 3.2 * across))
    wide = (width - LEFT - 0.06 - GAP * (across - 1)) / across
    top = sheet.title_height(title, width) + 0.2
    handles = [Line2D([], [], color=colour, linestyle=dashes, label=label) for _, label, colour, dashes in CURVES]
    legend = sheet.legend_height(handles, width - LEFT - 0.06)
    shown = paper.rows([HIGH + 0.5] * -(-len(optimizers) // across), paper.room(top + legend))
    below = top + len(shown) * (HIGH + 0.5) - 0.06
    figure = sheet.blank(width, below + legend)
    numbers = sorted(set(widths.values()))
    highest = max(0.05, 1.05 * max(errors[column].max() for column, *_ in CURVES))
    for i, optimizer in enumerate(optimizers[shown.start * across : shown.stop * across]):
        row, column = divmod(i, across)
        axis = sheet.panel(figure, LEFT + column * (wide + GAP), top + row * (HIGH + 0.5), wide, HIGH)
        part = errors[(errors[panel] == list(optimizer)).all(axis=1)]
        for name, _label, colour, dashes in CURVES:
            by_width = part.groupby("width")[name]
            sheet.mean_and_range(axis, by_width, colour, linestyle=dashes, marker="o", markersize=2.4)
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_locator(FixedLocator(numbers))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(FixedFormatter(sheet.apart(axis, numbers, [f"{width}" for width in numbers])))
        axis.set_ylim(0, highest)
        axis.tick_params(labelleft=column == 0)
        axis.set_xlabel("width: channels of the first stage", labelpad=1)
        if column == 0:
            axis.set_ylabel("error", labelpad=2)
        sheet.name_panel(axis, [name for name in optimizer if name], part["seed"].nunique(), wide, pad=3)
    sheet.title(figure, title)
    sheet.legend(figure, LEFT, below, handles, width - LEFT - 0.06)
    return figure


def _draw(job: Job) -> Figure:
    if len(set(job.study.widths.values())) < 2:
        raise RepdynError("`widths` is a figure of studies of which two `archs` or more have a `width`.")
    return descent(reading.of_runs(job, HISTORY), job.study.widths)


FIGURES = {"widths": _draw}


def draw(job: Job, figure: str) -> Figure:
    """Read the tables of all runs and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
        RepdynError: if there are fewer than two widths to compare.
    """
    return FIGURES[figure](job)
