"""One Slurm for all tests of this folder; where there can be none, one line says why and they are skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import running
import slurm as cluster

WHY_NOT = cluster.why_not()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if WHY_NOT is not None:
        terminalreporter.write_line(f"tests/cluster: skipped, because {WHY_NOT}")


@pytest.fixture(scope="session")
def slurm() -> Iterator[cluster.Slurm]:
    if WHY_NOT is not None:
        pytest.skip(WHY_NOT)
    with cluster.running(cores=4) as started:
        yield started
        started.empty()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return running.checkout(tmp_path_factory.mktemp("checkout").resolve())
