"""The pages of made-up studies."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from browsing import chromium, visit  # noqa: F401
from made_up import EPOCHS, write_tables
from made_up_report import write_figures, write_files, write_findings, write_runs

TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"


@pytest.fixture(scope="session")
def make_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the tables of the tiny study, with changed settings, and the explorer's page; returns the page."""

    def make(**changes: Any) -> Path:
        from repdyn.catalogue.paths import Paths
        from repdyn.config import study as studies
        from repdyn.explorer import build
        from repdyn.pipeline.jobs import Job

        made_up = {"seeds": [0, 1], "checkpoints": {"schedule": "explicit", "epochs": EPOCHS[1:]}}
        study = studies.parse(yaml.safe_load(TINY.read_text(encoding="utf-8")) | made_up | changes)
        job = Job("explorer", study, Paths(str(tmp_path_factory.mktemp("results"))))
        write_tables(job)
        write_findings(job)
        build.main(job)
        return Path(job.paths.explorer())

    return make


@pytest.fixture(scope="session")
def make_report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes what the report reads of the tiny study, with changed settings, and the report; returns the page."""

    def make(failed: Sequence[int] = (), with_findings: bool = True, **changes: Any) -> Path:
        from repdyn.catalogue.paths import Paths
        from repdyn.config import study as studies
        from repdyn.pipeline.jobs import Job
        from repdyn.report import build, template

        noise = changes.pop("noise", False)
        study = studies.parse(yaml.safe_load(TINY.read_text(encoding="utf-8")) | {"seeds": [0, 1]} | changes)
        job = Job("report", study, Paths(str(tmp_path_factory.mktemp("results") / study.name)))
        lost = [study.runs[number] for number in failed]
        write_files(job, lost)
        write_runs(job, lost)
        if with_findings:
            write_findings(job)
        else:
            Path(job.paths.findings()).unlink()
        write_figures(job, noise)
        build.main(job)
        return Path(template.page_of(job.paths))

    return make


@pytest.fixture(scope="session")
def report_file(make_report: Callable[..., Path]) -> Path:
    return make_report()


@pytest.fixture(scope="session")
def page_file(make_page: Callable[..., Path]) -> Path:
    return make_page()
