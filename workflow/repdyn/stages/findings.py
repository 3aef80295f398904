"""The stage ``findings``: claims about the whole grid, tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from ..analysis import claim_tests, crossover
from ..catalogue.claims import UNDECIDED
from ..catalogue.events import PERFECT_FIT_SUSTAINED
from ..records import phases
from ..records.findings import FINDINGS, PAIRS
from ..runtime.progress import LOG
from ..storage import tables

if TYPE_CHECKING:
    from ..config.study import Run, Study
    from ..pipeline.jobs import Job


def _of_runs(job: Job, table: tables.Table) -> dict[Run, pd.DataFrame]:
    """One table of every run."""
    return {run: tables.read(*job.place(table, run)).to_pandas() for run in job.study.runs}


def main(job: Job) -> None:
    """Write the findings over all runs of the study, and the pairs of runs behind them."""
    study: Study = job.study
    scores, moments = _of_runs(job, phases.SCORES), _of_runs(job, phases.MOMENTS)
    of_runs = claim_tests.facts(scores)
    # Moments are on a log axis of epochs, which has no place for initialisation.
    fitted = {run: epoch for run, epoch in zip(scores, of_runs[PERFECT_FIT_SUSTAINED], strict=True) if epoch > 0}
    families = study.families
    rates = {(run.arch, run.optimizer): study.learning_rate(run) for run in study.runs}
    settings = job.study.findings
    frame = pd.concat([claim_tests.values(scores), crossover.values(moments, fitted)], ignore_index=True)
    found = list(claim_tests.find(frame, study.contrasts, settings, of_runs, families, rates))
    for record, content in zip((FINDINGS, PAIRS), claim_tests.tables_of(found), strict=True):
        table = pa.Table.from_pandas(content, preserve_index=False)
        tables.write(job.path(record), table, record.schema, job.metadata(record))
    rows = [row for row, _ in found]
    decided = [row for row in rows if row["decision"] != UNDECIDED]
    LOG.info("%d claims tested, %d decided", len(rows), len(decided))
    for row in decided:
        said = "%(contrast)s: %(claim)s (%(measure)s %(score)s) %(verdict)s, %(estimate).3g, p = %(p_value).3g"
        LOG.info(said, row)
