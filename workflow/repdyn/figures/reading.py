"""Read tables for figures, of a run or of all runs, and check that they were made with the study's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..analysis import common_checkpoints
from ..config.study import Run
from ..pipeline import stored
from ..training import checkpoint_schedule
from . import style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job
    from ..storage.tables import Table

Events = dict[tuple[str, str, int], dict[str, float]]
of_run = stored.read


def of_runs(job: Job, table: Table) -> pd.DataFrame:
    """A table of all runs of the study, with columns arch, optimizer and seed."""
    frames = [
        of_run(job, table, run).assign(arch=run.arch, optimizer=run.optimizer, seed=run.seed) for run in job.study.runs
    ]
    return pd.concat(frames, ignore_index=True)


def on_common_epochs(job: Job, table: Table, alike: Sequence[str] = ("arch", "optimizer")) -> pd.DataFrame:
    """As :func:`of_runs`, at epochs that runs have in common, so that they can be averaged or subtracted.

    Runs that are trained here have all epochs in common, and the table stays as it is. Others may have different
    checkpoints: each keeps those that are nearest to a common grid of log epochs, and gets the epochs of the grid
    (``analysis/common_checkpoints.py``).

    Args:
        job: of the figure.
        table: its rows are of checkpoints (step, epoch) or of pairs of them (step_a, epoch_a, step_b, epoch_b).
        alike: the columns in which runs agree that are put together.
    """
    frame = of_runs(job, table)
    if not job.study.recorded_runs or frame.empty:
        return frame
    frame, parts = plain(frame), []
    suffixes = ("_a", "_b") if "step_a" in frame else ("",)
    for _, group in frame.groupby(list(alike), sort=False):
        there = {}
        for _, part in group.groupby(["arch", "optimizer", "seed"], sort=False):
            first = part.iloc[0]
            there[Run(str(first["arch"]), str(first["optimizer"]), int(first["seed"]))] = part
        common = common_checkpoints.needed({run: checkpoint_schedule.epochs_of(job.study, run) for run in there})
        for run, part in there.items():
            epochs = dict(zip(common.steps[run], common.epochs, strict=True))
            kept = part[np.all([part[f"step{suffix}"].isin(epochs) for suffix in suffixes], axis=0)]
            parts.append(kept.assign(**{f"epoch{suffix}": kept[f"step{suffix}"].map(epochs) for suffix in suffixes}))
    return pd.concat(parts, ignore_index=True)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of all runs, with arch, optimizer and seed as values instead of pandas' categories."""
    kinds = {name: frame[name].dtype for name in ("arch", "optimizer", "seed")}
    return frame.astype(
        {name: kind.categories.dtype for name, kind in kinds.items() if isinstance(kind, pd.CategoricalDtype)}
    )


def events(scores: pd.DataFrame) -> Events:
    """(arch, optimizer, seed) -> the events of that run, from the scores of all runs."""
    by_run = plain(scores).groupby(["arch", "optimizer", "seed"], sort=False)
    return {run: style.events(part) for run, part in by_run}  # type: ignore[misc]
