"""Reading the tables of a study as data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..storage import tables

if TYPE_CHECKING:
    from ..config.runs import Replicate, Run
    from ..storage.tables import Table
    from .jobs import Job


def read(job: Job, table: Table, run: Run | Replicate | None = None) -> pd.DataFrame:
    """A table of a run or seed, the job's own by default; without rows where the study leaves out what writes it."""
    if table.stage in job.study.left_out:
        nothing: pd.DataFrame = table.schema.empty_table().to_pandas()
        return nothing
    frame: pd.DataFrame = tables.read(*job.place(table, run)).to_pandas()
    return frame
