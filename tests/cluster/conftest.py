"""One Slurm for all tests of this folder; where there can be none, one line says why and they are skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import running
import slurm as cluster


@pytest.fixture(scope="session")
def slurm() -> Iterator[cluster.Slurm]:
    reason = cluster.why_not()
    if reason is not None:
        pytest.skip(reason)
    with cluster.running(cores=4) as started:
        yield started
        started.empty()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return running.checkout(tmp_path_factory.mktemp("checkout").resolve())
