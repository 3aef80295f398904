"""Read tables for figures, of a run or of all runs, and check that they were made with the study's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..analysis import common_checkpoints
from ..analysis.claim_tests import named
from ..catalogue.factors import ARCH, FACTORS, OPTIMIZER
from ..config.runs import Run
from ..pipeline import stored
from ..training import checkpoint_schedule
from . import style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job
    from ..storage.tables import Table

Key = tuple[str, str, int]  # row, column and seed of a run
Events = dict[Key, dict[str, float]]
PLACE = ["row", "column"]  # of a run in a figure of the grid
of_run = stored.read


def of_runs(job: Job, table: Table) -> pd.DataFrame:
    """A table of all runs of the study, with columns of factors, seed, and place in figures (:func:`placed`)."""
    frames = [of_run(job, table, run).assign(**named(run)) for run in job.study.runs]
    settings = job.study.figures
    return placed(pd.concat(frames, ignore_index=True), settings.rows, settings.columns)


def placed(frame: pd.DataFrame, rows: str = ARCH, columns: str = OPTIMIZER) -> pd.DataFrame:
    """Rows of runs with their ``row`` and ``column`` in figures of the grid, unless they have them.

    Any two factors make rows and columns. Levels of the third, where a study has several, are columns beside each
    other.

    Args:
        frame: with columns arch and optimizer, and data where these have names.
        rows: the factor of rows.
        columns: that of columns.
    """
    if set(PLACE) <= set(frame):
        return frame
    (third,) = (factor for factor in FACTORS if factor not in (rows, columns))
    column = frame[columns].astype(str)
    if third in frame and frame[third].nunique() > 1:
        column += ", " + frame[third].astype(str)
    return frame.assign(row=frame[rows].astype(str), column=column)


def on_common_epochs(job: Job, table: Table, alike: Sequence[str] = ("arch", "optimizer", "data")) -> pd.DataFrame:
    """As :func:`of_runs`, at epochs that runs have in common, so that they can be averaged or subtracted.

    Runs that are trained here on as many examples have all epochs in common, and the table stays as it is. Others may
    have different checkpoints: each keeps those that are nearest to a common grid of log epochs, and gets the epochs of
    the grid (``analysis/common_checkpoints.py``).

    Args:
        job: of the figure.
        table: its rows are of checkpoints (step, epoch) or of pairs of them (step_a, epoch_a, step_b, epoch_b).
        alike: the columns in which runs agree that are put together.
    """
    frame = of_runs(job, table)
    if frame.empty or not (job.study.recorded_runs or job.study.named_data):
        return frame
    frame, parts = plain(frame), []
    suffixes = ("_a", "_b") if "step_a" in frame else ("",)
    for _, group in frame.groupby(list(alike), sort=False):
        there = {}
        for _, part in group.groupby([*FACTORS, "seed"], sort=False):
            first = part.iloc[0]
            levels = str(first["arch"]), str(first["optimizer"])
            there[Run(*levels, int(first["seed"]), str(first["data"]) or None)] = part
        common = common_checkpoints.needed({run: checkpoint_schedule.epochs_of(job.study, run) for run in there})
        if not common.is_grid:
            parts.append(group)
            continue
        for run, part in there.items():
            epochs = dict(zip(common.steps[run], common.epochs, strict=True))
            kept = part[np.all([part[f"step{suffix}"].isin(epochs) for suffix in suffixes], axis=0)]
            parts.append(kept.assign(**{f"epoch{suffix}": kept[f"step{suffix}"].map(epochs) for suffix in suffixes}))
    return pd.concat(parts, ignore_index=True)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of all runs, with factors and seed as values instead of pandas' categories, and a place in figures."""
    kinds = {name: frame[name].dtype for name in (*FACTORS, "seed") if name in frame}
    return placed(
        frame.astype(
            {name: kind.categories.dtype for name, kind in kinds.items() if isinstance(kind, pd.CategoricalDtype)}
        )
    )


def cells(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The rows and columns of a figure that a table has runs of, in its order."""
    return list(frame[PLACE].drop_duplicates().itertuples(index=False, name=None))


def at(frame: pd.DataFrame, cell: tuple[str, str]) -> pd.DataFrame:
    """The runs at a row and column."""
    return frame[(frame["row"] == cell[0]) & (frame["column"] == cell[1])]


def lines(frame: pd.DataFrame, most: int) -> list[tuple[str, list[str]]]:
    """Lines of panels: a row of the grid with at most so many of its columns."""
    found = []
    for row, part in frame.groupby("row", sort=False):
        columns = list(dict.fromkeys(part["column"]))
        found += [(str(row), columns[i : i + most]) for i in range(0, len(columns), most)]
    return found


def events(scores: pd.DataFrame) -> Events:
    """(row, column, seed) -> the events of that run, from the scores of all runs."""
    by_run = plain(scores).groupby([*PLACE, "seed"], sort=False)
    return {run: style.events(part) for run, part in by_run}  # type: ignore[misc]
