"""The examples of a seed, and which of them are mislabelled: one table for all its runs.

For people; stages read the data set itself. Time: that of reading it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..data import class_names, datasets, subsets
from ..records.examples import EXAMPLES
from ..runtime.progress import LOG
from ..storage import tables

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def main(job: Job) -> None:
    """Write the examples of a seed."""
    found = subsets.load(job.data, job.data_root, job.replicate.seed)
    parts = {"train": found.train, "test": found.test}
    names = class_names.of(job.data, job.data_root)
    labels, given, wrong = (
        np.concatenate([getattr(part, name) for part in parts.values()])
        for name in ("labels", "given_labels", "mislabelled")
    )
    columns = {
        "split": np.repeat(list(parts), [len(part) for part in parts.values()]),
        "example": np.concatenate([part.examples for part in parts.values()]),
        "label": tables.known(labels, labels),
        "class_name": [names[label] if names and label >= 0 else None for label in labels.tolist()],
        "given_label": tables.known(given, labels),
        "mislabelled": tables.known(wrong, labels),
        "common": np.concatenate([np.zeros(len(found.train), dtype=bool), np.arange(len(found.test)) < found.n_common]),
    }
    tables.write(job.path(EXAMPLES), columns, EXAMPLES.schema, job.metadata(EXAMPLES))
    LOG.info(
        "%s: %d training examples, %d of them mislabelled, %d for testing, %d of them common to all seeds, %s classes, "
        "%s",
        job.data.dataset, len(found.train), found.mislabelled.sum(), len(found.test), found.n_common,
        found.classes or "no", datasets.inputs(job.data),
    )  # fmt: skip
