"""Have the data set where jobs read it: downloaded, or decoded, where that has not been done.

It is done where Snakemake runs, before the first job that needs it, since compute nodes may have no network and jobs
that start together would all begin. A job that finds no data set fetches it itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..data import datasets
from ..runtime.progress import LOG

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def main(job: Job) -> None:
    """Read the study's data set once, and say what of its files is left out.

    Raises:
        RepdynError: if it is missing and cannot be downloaded, or is not what is known of it.
    """
    for remark in datasets.remarks(job.study):
        LOG.info(remark)
    datasets.read(job.study.data, job.data_root)
