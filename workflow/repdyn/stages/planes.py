"""The stage ``planes``: draw planes through triplets of images, shared by the runs of a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ..data import datasets, subsets
from ..records.planes import PLANES, image_columns
from ..regions import planes
from ..runtime.progress import LOG
from ..storage import tables

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def main(job: Job) -> None:
    """Write the planes of a seed."""
    settings = job.study.planes
    examples = subsets.load(job.data, job.data_root, job.replicate.seed)
    chosen = planes.sets(examples)
    rows = [row for name, pool in chosen.items() for row in planes.through(pool, name, settings)]
    schema = pa.schema([*PLANES.schema, *image_columns(datasets.inputs(job.data).size)])
    columns = {name: [row[name] for row in rows] for name in schema.names}
    tables.write(job.path(PLANES), columns, schema, job.metadata(PLANES))
    if "mislabelled" not in chosen:
        LOG.info("no training example is mislabelled, so there are no planes through mislabelled images")
    LOG.info("%d planes through each of: %s", settings.count, ", ".join(chosen))
