"""Read tables for figures, of a run or of all runs, and check that they were made with the study's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..storage import tables
from . import style

if TYPE_CHECKING:
    from ..config.study import Run
    from ..pipeline.jobs import Job
    from ..storage.tables import Table

Events = dict[tuple[str, str, int], dict[str, float]]


def of_run(job: Job, table: Table, run: Run | None = None) -> pd.DataFrame:
    """A table of one run, the job's own by default."""
    frame: pd.DataFrame = tables.read(*job.place(table, run)).to_pandas()
    return frame


def of_runs(job: Job, table: Table) -> pd.DataFrame:
    """A table of all runs of the study, with columns arch, optimizer and seed."""
    frames = [
        of_run(job, table, run).assign(arch=run.arch, optimizer=run.optimizer, seed=run.seed) for run in job.study.runs
    ]
    return pd.concat(frames, ignore_index=True)


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
