"""Put the data set where jobs read it: download or decode it, unless that is done.

This runs on the machine of Snakemake, before the first job that needs the data: compute nodes may have no network, and
jobs that start together would all download. A job that finds no data set fetches it itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..data import datasets
from ..runtime.progress import LOG

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def main(job: Job) -> None:
    """Read the study's data set once, and log which of its files are left out.

    Raises:
        RepdynError: if it is missing and cannot be downloaded, or its files, shape or contents are not as expected.
    """
    for remark in datasets.remarks(job.study):
        LOG.info(remark)
    for data in job.study.data_levels.values():
        datasets.read(data, job.data_root)
