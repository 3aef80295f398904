"""The stage ``events``: when the rate at which layers change steps up or down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ..analysis import change_events
from ..pipeline import stored
from ..records.change import CHANGE
from ..records.events import DATED, EVENTS
from ..runtime.progress import LOG
from ..storage import tables

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def main(job: Job) -> None:
    """Write the events of a run."""
    found = change_events.of_run(stored.read(job, CHANGE))
    table = pa.Table.from_pandas(found, preserve_index=False)
    tables.write(job.path(EVENTS), table, EVENTS.schema, job.metadata(EVENTS))
    if found.empty:
        LOG.info("no change between evaluated epochs was measured, so nothing is dated")
    for (measure, status), rows in found.groupby(["measure", "status"], sort=False):
        of = ", ".join(dict.fromkeys(rows["layer"]))
        when = f" at epochs {', '.join(f'{epoch:.3g}' for epoch in rows['epoch'])}" if status == DATED else ""
        LOG.info("%s, %s%s: %s", measure, status, when, of)
